"""The search of all chats, and what is scheduled in one: complete, where stock is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon import types

from telefast import BatchedHistory
from telefast.testing import LocalTelegram, World
from telefast.testing.faults import Timed
from telefast.testing.rpc import Call
from tests.client.exact import assert_same, club, has, ids_of, read, stock

GLOBAL = "messages.searchGlobal"
SCHEDULED = "messages.getScheduledHistory"


def town() -> World:
    """Return a world of several chats whose messages lie in the same years."""
    world = World(seed=11)
    for title in ("Club", "News", "Talk"):
        world.add_channel(title, message_count=350, megagroup=title != "News")
    world.add_group("Family", message_count=120)
    user = next(user for user in world.users.values() if not user.is_self)
    world.add_private_chat(user, message_count=130)
    return world


def found_in(world: World, words: str) -> list[tuple[int, int]]:
    """Return (chat, id) of all messages with these words, the latest first."""
    fits = has(words)
    places = [
        (chat.timestamp(i), chat.marked_id, i)
        for chat in world.accounts[0].chats()
        for i in chat.ids
        if fits(chat.message(i))
    ]
    return [(mark, i) for _, mark, i in sorted(places, reverse=True)]


def where(messages: list[Any]) -> list[tuple[int, int]]:
    """Return (chat, id) of messages."""
    return [(m.chat_id, m.id) for m in messages]


@pytest.mark.parametrize("limit", [None, 0, 1, 100, 250])
async def test_all_chats_are_searched(limit: int | None) -> None:
    """All that is found in all chats, by date, each once; messages and total as stock's."""
    world = town()
    expected = found_in(world, "e")
    assert len(expected) > 400
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with BatchedHistory(client, None, limit, search="e") as history:
            ours = [message async for message in history]
        assert expected[:limit] == where(ours)
        stats = history.stats()
        assert ("sequential", "", 1) == (stats.path, stats.reason, stats.peak_in_flight)
        assert telegram.requests[GLOBAL] == stats.requests <= len(ours) // 100 + 2
        iterator = client.iter_messages(None, limit, search="e", wait_time=0)
        theirs = [message async for message in iterator]
        assert iterator.total == history.total == len(expected)
        assert_same(ours[: len(theirs)], client, theirs, client)


async def test_a_date_bounds_the_search_of_all_chats() -> None:
    """`offset_date` leaves out what is not older, as in stock; before the epoch is nothing."""
    world = town()
    club = next(iter(world.channels.values()))
    when = datetime.fromtimestamp(club.timestamp(200), UTC)
    chats = {chat.marked_id: chat for chat in world.accounts[0].chats()}
    expected = [
        (mark, i) for mark, i in found_in(world, "e") if chats[mark].timestamp(i) < when.timestamp()
    ]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert expected == where(await read(client, None, search="e", offset_date=when))
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        assert await read(client, None, search="e", offset_date=epoch) == []


async def test_stock_ends_where_a_page_begins_with_a_low_id() -> None:
    """An id up to 100 says nothing about the other chats: stock takes it for the end."""
    world = town()
    young = world.add_channel("Young", message_count=90)
    when = max(max(map(chat.timestamp, chat.ids)) for chat in world.accounts[0].chats())
    for message_id in young.ids:
        message = young.message(message_id)
        message.date = datetime.fromtimestamp(when + message_id, UTC)
        young.put(message)
    expected = found_in(world, "e")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert expected == where(await read(client, None, search="e"))
        theirs = where(await stock(client, None, search="e"))
        assert expected[: len(theirs)] == theirs
        assert len(theirs) <= 100


async def test_a_slow_consumer_holds_the_search() -> None:
    """No more than `prefetch` pages are asked for ahead."""
    async with LocalTelegram(town()) as telegram, telegram.client() as client:
        options: dict[str, Any] = {"search": "e", "concurrency": 1, "prefetch": 2}
        async with BatchedHistory(client, None, **options) as history:
            await anext(history)
            await telegram.requests.until(lambda ledger: ledger.counts[GLOBAL] == 3)
            assert telegram.requests[GLOBAL] == 3


class Schedule(Timed):
    """Answer with some of a chat's messages as what is scheduled in it."""

    def __init__(self, messages: list[Any]) -> None:
        super().__init__(SCHEDULED, None, None)
        self._messages = messages

    def result(self, call: Call, body: bytes) -> bytes:
        """Replace the answer."""
        if not self.due(call):
            return body
        self.fired += 1
        return bytes(types.messages.Messages(self._messages, [], [], []))


def in_schedule(order: list[int]) -> tuple[World, Any, Schedule]:
    """Return a world, a chat, and the rule that schedules these ids there, in this order."""
    world, chat = club(50)
    return world, chat, Schedule([chat.message(i) for i in order])


@pytest.mark.parametrize("reverse", [False, True])
async def test_what_is_scheduled(reverse: bool) -> None:
    """One request; the same finished messages and total as stock, where ids fall with the date."""
    world, chat, rule = in_schedule([9, 7, 5, 2])
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        async with BatchedHistory(client, peer, scheduled=True, reverse=reverse) as history:
            ours = [message async for message in history]
        assert ([2, 5, 7, 9] if reverse else [9, 7, 5, 2]) == ids_of(ours)
        assert ("sequential", 1, 4) == (
            history.stats().path,
            history.stats().requests,
            history.total,
        )
        theirs = await stock(client, peer, scheduled=True, reverse=reverse)
        assert_same(ours, client, theirs, client)


@pytest.mark.parametrize("reverse", [False, True])
async def test_stock_ends_where_a_scheduled_id_rises(reverse: bool) -> None:
    """What is scheduled goes by date, and ids by when it was written: stock loses the rest."""
    world, chat, rule = in_schedule([5, 9, 2, 7])
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        arguments: dict[str, Any] = {"scheduled": True, "reverse": reverse}
        ours = ids_of(await read(client, chat.input_peer(), **arguments))
        assert ([7, 2, 9, 5] if reverse else [5, 9, 2, 7]) == ours
        theirs = ids_of(await stock(client, chat.input_peer(), **arguments))
        assert ours[: len(theirs)] == theirs
        assert len(theirs) == 1


async def test_stock_ignores_a_limit_of_what_is_scheduled() -> None:
    """Bounds and the limit hold; stock delivers all."""
    world, chat, rule = in_schedule([9, 7, 5, 2])
    sender = chat.message(7).sender_id
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        await client.get_messages(peer, 50)  # learns who the senders are
        assert [9, 7] == ids_of(await read(client, peer, limit=2, scheduled=True))
        assert [7, 5] == ids_of(await read(client, peer, scheduled=True, min_id=2, max_id=9))
        assert [7] == ids_of(await read(client, peer, limit=1, scheduled=True, add_offset=1))
        assert [9, 7, 5, 2] == ids_of(await stock(client, peer, limit=2, scheduled=True))
        mine = await read(client, peer, scheduled=True, from_user=sender)
        assert mine
        assert {m.sender_id for m in mine} == {sender}
