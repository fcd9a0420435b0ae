"""Where a fast path fails, Telethon's own iterator goes on: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon import types

from telefast import BatchedHistory, CompatibilityError, UnexpectedAnswerError
from telefast.history.query import Query
from telefast.testing import LocalTelegram, UnknownConstructor, World
from telefast.testing.faults import Timed
from telefast.testing.rpc import Call
from telefast.transport.account import Account
from tests.client.exact import BY_IDS, HISTORY, assert_same, club, down, has, ids_of, read, stock
from tests.unit.history_model import oracle

SEARCH = "messages.search"
SHARE = max(settings.default.max_examples // 2, 1)


class NotModified(Timed):
    """Answer `messages.messagesNotModified`, which nobody asked for."""

    def __init__(self, method: str, nth: int) -> None:
        super().__init__(method, nth, None)

    def result(self, call: Call, body: bytes) -> bytes:
        """Replace the answer if the call is due."""
        if not self.due(call):
            return body
        self.fired += 1
        return bytes(types.messages.MessagesNotModified(7))


def arguments_of(rng: Random, top: int) -> dict[str, Any]:
    """Draw arguments, each absent in most cases."""
    choices = {
        "limit": rng.choice([0, 1, 99, 150, 250]),
        "min_id": rng.randint(1, top // 3),
        "max_id": rng.randint(top // 2, top),
        "offset_id": rng.randint(1, top),
        "add_offset": rng.choice([1, 10, 150, 900]) * rng.choice([1, -1]),
    }
    arguments = {k: v for k, v in choices.items() if rng.random() < 0.3}
    return arguments | {"reverse": rng.random() < 0.5}


async def take_all(history: BatchedHistory) -> None:
    """Take messages until there are no more."""
    async for _ in history:
        pass


@given(st.integers(0, 2**63))
@settings(max_examples=SHARE)
def test_the_seam_is_exact(seed: int) -> None:
    """Whichever request fails: the oracle's ids, the path and the counter say what happened."""
    rng = Random(seed)
    world, chat = club(rng.choice([5, 100, 350, 600]), holes=rng.choice([0, 0.5]))
    is_search = rng.random() < 0.4
    chosen = {"search": "a"} if is_search else {}
    arguments = arguments_of(rng, max(chat.ids))
    rule = NotModified(SEARCH if is_search else HISTORY, rng.randint(1, 7)).maybe()
    ids = [i for i in chat.ids if not is_search or has("a")(chat.message(i))]

    async def run() -> None:
        async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
            async with BatchedHistory(client, chat.input_peer(), **arguments, **chosen) as history:
                got = ids_of([message async for message in history])
            stats = history.stats()
            metrics = Account.of(client).metrics
        assert oracle(ids, Query(**arguments)) == got
        # What failed may be a page that was asked for ahead and not needed.
        if metrics["history_fallbacks"]:
            assert rule.fired
            assert metrics["history_fallbacks"] == 1
        if stats.path == "stock":
            assert stats.reason == "after UnexpectedAnswerError"

    asyncio.run(run())


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("nth", [1, 2, 4])
async def test_a_sender_in_a_private_chat(nth: int, reverse: bool) -> None:
    """What is filtered here is filtered here behind the seam too: no page ends it."""
    world = World(seed=3)
    user = next(user for user in world.users.values() if not user.is_self)
    chat = world.add_private_chat(user, message_count=600)
    for message_id in list(chat.ids)[100:500]:
        message = chat.message(message_id)
        message.out, message.from_id = True, types.PeerUser(world.me.id)
        chat.put(message)
    owed = sorted((i for i in chat.ids if chat.message(i).from_id is None), reverse=not reverse)
    rule = NotModified(HISTORY, nth)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        arguments: dict[str, Any] = {"from_user": peer, "reverse": reverse, "limit": len(owed) - 3}
        async with BatchedHistory(client, peer, **arguments) as history:
            assert owed[:-3] == ids_of([message async for message in history])
        assert history.stats().path == "stock"


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("nth", [1, 3])
async def test_ids_go_on_as_well(nth: int, reverse: bool) -> None:
    """By ids: what was delivered is not asked for again."""
    world, chat = club(700, holes=0.2)
    wanted = down(900, 50)
    expected = [i if i in chat.ids else None for i in wanted]
    rule = NotModified(BY_IDS, nth)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        async with BatchedHistory(client, peer, ids=wanted, reverse=reverse) as history:
            got = ids_of([message async for message in history])
        assert (expected[::-1] if reverse else expected) == got
        assert history.total == len(wanted)


async def test_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """A WARNING and the counter for each; messages are stock's, bound to the client."""
    world, chat = club(400)
    rules = [NotModified(HISTORY, 2), NotModified(HISTORY, 9)]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        with caplog.at_level(logging.WARNING, "telefast"):
            ours = await read(client, peer, concurrency=1)
            assert down(400) == ids_of(await read(client, peer, concurrency=1))
        warnings = [r.getMessage() for r in caplog.records]
        assert 2 == len(warnings)
        assert "iter_messages path=pages after=100" in warnings[0]
        assert Account.of(client).metrics["history_fallbacks"] == 2
        assert_same(ours, client, await stock(client, peer), client)


@pytest.mark.parametrize("arguments", [{}, {"search": "a"}, {"ids": [1, 2]}], ids=str)
async def test_it_can_be_switched_off(arguments: dict[str, Any]) -> None:
    """`fallback=False` raises the error, after what came before it."""
    world, chat = club(400)
    nth = {HISTORY: 2, SEARCH: 2, BY_IDS: 1}
    rules = [NotModified(method, n).maybe() for method, n in nth.items()]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        history = BatchedHistory(client, chat.input_peer(), fallback=False, **arguments)
        async with history:
            with pytest.raises(UnexpectedAnswerError, match="MessagesNotModified"):
                await take_all(history)
        assert history.cursor.taken == (0 if "ids" in arguments else 100)
        assert Account.of(client).metrics["history_fallbacks"] == 0


async def test_where_stock_cannot_either_the_first_error_is_raised() -> None:
    """What no Telethon of this layer can read is named, and none of its bytes is shown."""
    world, chat = club(400)
    rule = UnknownConstructor(SEARCH, types.messages.ChannelMessages, start=3)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        async with BatchedHistory(client, chat.input_peer(), search="a") as history:
            with pytest.raises(CompatibilityError, match=r"7e1efa57 in messages\.search"):
                await take_all(history)
        assert history.cursor.taken >= 100
