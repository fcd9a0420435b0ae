"""Private chats and basic groups: one id sequence for each account, and exact all the same."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon import types

from telefast import BatchedHistory
from telefast.history.query import Query
from telefast.testing import (
    ChangeWorld,
    LocalTelegram,
    OnlyEmpty,
    Rule,
    ScrambleIds,
    ShortPage,
    World,
)
from tests.client.exact import HISTORY, assert_same, ids_of, read, stock
from tests.unit.history_model import oracle

KINDS = ["private", "group"]


def chat_in(world: World, kind: str, count: int) -> tuple[Any, Any]:
    """Add a chat between two others of the account; return it and its input peer."""
    world.add_group("Neighbours", message_count=count // 2)
    if kind == "group":
        group = world.add_group("Family", message_count=count)
        return group, types.InputPeerChat(group.id)
    user = next(user for user in world.users.values() if not user.is_self)
    assert user.access_hash is not None
    private = world.add_private_chat(user, message_count=count)
    world.add_private_chat(message_count=count // 2)
    return private, types.InputPeerUser(user.id, user.access_hash)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reverse", [False, True])
async def test_the_same_messages_as_stock(kind: str, reverse: bool) -> None:
    """Finished messages equal stock's, many pages at a time, nothing asked for by ids."""
    world = World(seed=3)
    chat, peer = chat_in(world, kind, 1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with BatchedHistory(client, peer, reverse=reverse) as history:
            ours = [message async for message in history]
        assert sorted(chat.ids, reverse=not reverse) == ids_of(ours)
        stats = history.stats()
        assert ("pages", 0) == (stats.path, stats.sweeps)
        assert telegram.requests[HISTORY] <= 13
        assert 0 == telegram.requests["messages.getMessages"]
        assert_same(ours, client, await stock(client, peer, reverse=reverse), client)


@given(st.integers(0, 10**6), st.sampled_from(KINDS))
@settings(max_examples=max(settings.default.max_examples // 10, 1))
async def test_arguments_mean_what_they_mean_in_channels(seed: int, kind: str) -> None:
    """The oracle's ids for any arguments."""
    rng = Random(seed)
    world = World(seed=seed)
    chat, peer = chat_in(world, kind, rng.choice([0, 1, 99, 100, 101, 250, 400]))
    top = max(chat.ids, default=1)
    choices = {
        "limit": rng.choice([1, 100, 101, 150]),
        "min_id": rng.randrange(1, top + 2),
        "max_id": rng.randrange(1, top + 100),
        "offset_id": rng.randrange(1, top + 100),
        "add_offset": rng.choice([-150, -10, 10, 150]),
    }
    arguments: dict[str, Any] = {k: v for k, v in choices.items() if rng.random() < 0.3}
    arguments["reverse"] = rng.random() < 0.5
    if 0 < arguments.get("max_id", 0) < arguments.get("min_id", 0):  # an error
        del arguments["min_id"]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert oracle(list(chat.ids), Query(**arguments)) == ids_of(
            await read(client, peer, **arguments)
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "rule", [lambda: ShortPage(every=3), lambda: OnlyEmpty(every=4)], ids=["short", "empty"]
)
async def test_faults_lose_nothing(kind: str, reverse: bool, rule: Any) -> None:
    """Short pages and pages of nothing but MessageEmpty are repaired by walks."""
    world = World(seed=5)
    chat, peer = chat_in(world, kind, 700)
    rules: list[Rule] = [rule()]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        got = ids_of(await read(client, peer, reverse=reverse))
    assert sorted(chat.ids, reverse=not reverse) == got
    assert rules[0].fired


@pytest.mark.parametrize("kind", KINDS)
async def test_deletions_in_mid_run_lose_nothing_else(kind: str) -> None:
    """What is there from start to end is delivered, once."""
    world = World(seed=5)
    chat, peer = chat_in(world, kind, 700)
    gone = sorted(chat.ids, reverse=True)[120:180]
    rule = ChangeWorld(HISTORY, nth=3, change=lambda _: chat.delete(*gone))
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        got = ids_of(await read(client, peer))
    assert set(chat.ids) <= set(got)  # type: ignore[arg-type]
    assert len(got) == len(set(got))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reverse", [False, True])
async def test_ids_are_those_of_the_chat(kind: str, reverse: bool) -> None:
    """By ids, 200 to a request: a message of another chat is None, as from stock."""
    world = World(seed=5)
    chat, peer = chat_in(world, kind, 300)
    rng = Random(1)
    wanted = [rng.randrange(1, max(chat.ids) + 50) for _ in range(950)]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with BatchedHistory(client, peer, ids=wanted, reverse=reverse) as history:
            ours = [message async for message in history]
        asked = wanted[::-1] if reverse else wanted
        assert [i if i in chat.ids else None for i in asked] == ids_of(ours)
        stats = history.stats()
        assert ("ids", 5, 5) == (stats.path, stats.requests, stats.peak_in_flight)
        assert telegram.requests["messages.getMessages"] == 5
        assert_same(ours, client, await stock(client, peer, ids=wanted, reverse=reverse), client)


async def test_ids_of_no_chat() -> None:
    """Without a chat, ids are those of all private chats and basic groups, as from stock."""
    world = World(seed=5)
    chat_in(world, "private", 50)
    wanted = [*range(1, 60), 10_000]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        ours = await read(client, None, ids=wanted)
        assert len({m.chat_id for m in ours if m is not None}) > 1
        assert_same(ours, client, await stock(client, None, ids=wanted), client)


async def test_stock_mixes_up_ids_out_of_order() -> None:
    """Answers may leave out what is missing and come in any order; stock goes by their order."""
    world = World(seed=5)
    chat, peer = chat_in(world, "private", 300)
    wanted = list(range(1, max(chat.ids), 2))
    expected = [i if i in chat.ids else None for i in wanted]
    rules: list[Rule] = [ScrambleIds()]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        assert expected == ids_of(await read(client, peer, ids=wanted))
        assert expected != ids_of(await stock(client, peer, ids=wanted))


async def test_saved_messages() -> None:
    """Saved messages are a private chat like others: by sender, by id, by words, as from stock."""
    world = World(seed=5)
    world.add_group("Neighbours", message_count=100)
    chat = world.add_private_chat(world.me, message_count=250)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for arguments in ({"from_user": "me"}, {"ids": list(range(1, 300))}, {"search": "e"}, {}):
            ours = await read(client, "me", **arguments)
            assert len([m for m in ours if m is not None]) > 50
            assert_same(ours, client, await stock(client, "me", **arguments), client)
        assert len(chat.ids) == 250
