"""`BatchedHistory` equals the oracle, and equals `iter_messages` wherever that is right."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telefast import BatchedHistory
from telefast.history.query import MAX_ID, Query
from telefast.testing import LocalTelegram, OnlyEmpty, RepeatLastId, Restricted
from tests.client.exact import (
    BY_IDS,
    HISTORY,
    assert_same,
    club,
    down,
    ids_of,
    read,
    set_ids,
    stock,
)
from tests.unit.history_model import oracle

T = TypeVar("T")

TOP = 900
SHARE = max(settings.default.max_examples // 2, 1)


class House:
    """One server with one chat, and two clients of it: one reads by telefast, one by stock.

    Each keeps its own session, so that neither profits from what the other has seen.
    """

    def __init__(self) -> None:
        self.world, self.chat = club(TOP)
        self.peer = self.chat.input_peer()
        self._runner = asyncio.Runner()
        self.telegram = LocalTelegram(self.world)
        self.run(self.telegram.__aenter__())
        self.ours = self.telegram.client()
        self.theirs = self.telegram.client()
        self.run(self.ours.connect())
        self.run(self.theirs.connect())

    def close(self) -> None:
        """Disconnect and stop."""
        self.run(self.telegram.__aexit__(None, None, None))
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* in the house's loop."""
        return self._runner.run(work)

    def boundary(self, when: datetime) -> int:
        """Return the id of the newest message before a date, 0 if there is none."""
        before = (i for i in self.chat.ids if self.chat.timestamp(i) < when.timestamp())
        return max(before, default=0)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """The house of this module."""
    house = House()
    yield house
    house.close()


class Ids(list[int]):
    """The ids of a chat, shown by what they were made from."""

    def __init__(self, seed: int, low: int, size: int, density: float) -> None:
        rng = Random(seed)
        super().__init__(i for i in range(low + 1, size + 1) if rng.random() < density)
        self._made_from = (seed, low, size, density)

    def __repr__(self) -> str:
        return f"Ids{self._made_from}"


SEEDS = st.integers(0, 2**63)
"""Hypothesis draws seeds and we draw from those: its own numbers are mostly small ones, and most
walks would be empty."""


def chats() -> st.SearchStrategy[Ids]:
    """Draw the ids of a chat: none to 900, dense to sparse, some without their oldest part."""

    def chat(seed: int) -> Ids:
        rng = Random(seed)
        size = rng.choice([TOP, 850, 700, 433, TOP, 201, 200, 199, 101, 100, 99, rng.randint(0, 5)])
        low = 134 if size > 200 and rng.random() < 0.3 else 0
        return Ids(seed, low, size, rng.choice([1, 1, 0.95, 0.95, 0.6, 0.2, 0.02]))

    return SEEDS.map(chat)


def queries(ids: Ids) -> st.SearchStrategy[Query]:
    """Draw arguments for a chat, each absent in most cases; mostly something lies between them."""

    def query(seed: int) -> Query:
        rng = Random(seed)
        top = max(ids, default=10) + 10

        def maybe(value: int) -> int:
            return value if rng.random() < 0.3 else 0

        limit = rng.choice([0, 1, 5, 99, 100, 101, 150, 250, 500])
        min_id = maybe(rng.randint(1, rng.choice([top // 4, top])))
        max_id = maybe(rng.randint(rng.choice([1, top // 4 * 3]), top))
        if 0 < max_id < min_id:  # an error
            min_id, max_id = max_id, min_id
        return Query(
            limit=limit if rng.random() < 0.3 else None,
            min_id=min_id,
            max_id=max_id,
            offset_id=maybe(rng.randint(1, top)),
            add_offset=maybe(rng.choice([1, 10, 99, 100, 101, 250, 400]) * rng.choice([1, -1])),
            reverse=rng.random() < 0.5,
        )

    return SEEDS.map(query)


CASES = chats().flatmap(lambda ids: st.tuples(st.just(ids), queries(ids)))


def arguments_of(query: Query) -> dict[str, Any]:
    """Return the keyword arguments that mean *query*."""
    names = ("limit", "min_id", "max_id", "offset_id", "add_offset", "reverse")
    return {name: getattr(query, name) for name in names}


def stock_is_right(query: Query) -> bool:
    """Tell whether Telethon's iterator keeps to the oracle, see `telefast.history.query`."""
    has_two_starts = 0 < query.max_id != query.offset_id > 0
    return query.add_offset == 0 and (query.reverse or not has_two_starts)


@given(CASES, st.sampled_from([4, 16, 1]))
@settings(max_examples=SHARE)
def test_any_arguments_give_what_is_owed(
    house: House, case: tuple[Ids, Query], concurrency: int
) -> None:
    """Exactly the oracle's ids; the same finished messages as stock where stock is right."""
    ids, query = case
    set_ids(house.chat, ids)
    arguments = arguments_of(query)
    ours = house.run(read(house.ours, house.peer, concurrency=concurrency, **arguments))
    assert oracle(ids, query) == ids_of(ours)
    if stock_is_right(query):
        theirs = house.run(stock(house.theirs, house.peer, **arguments))
        assert_same(ours, house.ours, theirs, house.theirs)


@given(CASES, st.integers(-2, TOP + 2), st.integers(-1, 1))
@settings(max_examples=SHARE)
def test_any_date_gives_what_is_owed(
    house: House, case: tuple[Ids, Query], near: int, seconds: int
) -> None:
    """A date begins before it forward, at or after it in reverse, unless an id says where."""
    ids, query = case
    set_ids(house.chat, ids)
    near = max(ids, default=1) * near // TOP
    timestamp = house.chat.timestamp(min(max(near, 1), TOP)) + seconds
    when = datetime.fromtimestamp(timestamp, UTC)
    arguments = arguments_of(query) | {"offset_date": when}
    ours = house.run(read(house.ours, house.peer, **arguments))
    has_start = query.offset_id or (query.min_id if query.reverse else query.max_id)
    if has_start:
        expected = oracle(ids, query)
    else:
        newest_before = house.boundary(when)
        start = newest_before if query.reverse else newest_before + 1
        expected = oracle(ids, replace(query, offset_id=start))
    assert expected == ids_of(ours)
    if stock_is_right(query):
        theirs = house.run(stock(house.theirs, house.peer, **arguments))
        assert_same(ours, house.ours, theirs, house.theirs)


@given(
    chats(),
    st.lists(st.one_of(st.integers(-3, TOP + 20), st.just(MAX_ID)), min_size=3, max_size=80),
    st.integers(1, 8),
    st.booleans(),
)
@settings(max_examples=SHARE)
def test_any_ids_give_what_is_owed(
    house: House, ids: list[int], wanted: list[int], times: int, reverse: bool
) -> None:
    """One entry for each id asked for, in that order, None where there is no message."""
    set_ids(house.chat, ids)
    wanted *= times  # duplicates, and more than one request carries
    there = set(ids)
    expected = [i if i in there else None for i in (wanted[::-1] if reverse else wanted)]
    ours = house.run(read(house.ours, house.peer, ids=wanted, reverse=reverse))
    theirs = house.run(stock(house.theirs, house.peer, ids=wanted, reverse=reverse))
    assert expected == ids_of(ours)
    assert_same(ours, house.ours, theirs, house.theirs)


# Named cases


@pytest.mark.parametrize("reverse", [False, True])
async def test_every_span_holds_its_edges(reverse: bool) -> None:
    """Whatever the size and the bounds, the oldest and newest message of the span are there."""
    world, chat = club(403)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for low, high in ((0, 0), (0, 2), (402, 0), (100, 201), (100, 202), (199, 401), (1, 403)):
            ours = ids_of(await read(client, "club", min_id=low, max_id=high, reverse=reverse))
            top = high - 1 if high else 403
            expected = down(top, low + 1)
            assert (expected[::-1] if reverse else expected) == ours
        assert telegram.unknown == []
        assert len(chat.ids) == 403


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("ids", [[], [1], [135], [7, 2000]])
async def test_tiny_chats(ids: list[int], reverse: bool) -> None:
    """Empty, with one message, with a lowest id above 1: all of it, then the end."""
    world, chat = club(2000)
    set_ids(chat, ids)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with BatchedHistory(client, "club", reverse=reverse) as history:
            messages = [m.id async for m in history]
            assert sorted(ids, reverse=not reverse) == messages
            assert len(ids) == history.total
            assert history.cursor.done
            with pytest.raises(StopAsyncIteration):
                await anext(history)
        resumed = await read(client, "club", min_id=max(ids, default=0), reverse=reverse)
        assert resumed == []
        assert telegram.requests[HISTORY] <= 8


@pytest.mark.parametrize("reverse", [False, True])
async def test_limit_0_only_counts(reverse: bool) -> None:
    """`limit=0` yields nothing, says the total, and costs one request."""
    world, chat = club(250, holes=0.1)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with BatchedHistory(client, chat.input_peer(), 0, reverse=reverse) as history:
            assert [message async for message in history] == []
            assert history.total == 250
            assert history.stats().requests == 1
        assert telegram.requests[HISTORY] == 1
        assert (await client.get_messages(chat.input_peer(), 0)).total == 250


async def test_total_is_known_and_equals_stock() -> None:
    """From the first message on, `total` is what stock's iterator says."""
    world, chat = club(250, holes=0.1)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        for arguments in ({}, {"limit": 3}, {"reverse": True}, {"min_id": 100}, {"ids": [1, 2, 9]}):
            theirs = client.iter_messages(peer, wait_time=0, **arguments)
            async for _ in theirs:
                pass
            async with BatchedHistory(client, peer, **arguments) as history:  # type: ignore[arg-type]
                assert history.total is None
                async for _ in history:
                    assert theirs.total == history.total


async def test_a_contradiction_asks_nothing() -> None:
    """Bounds that no id can meet need no request."""
    world, chat = club(10)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        assert await read(client, peer, min_id=5, max_id=6) == []
        assert await read(client, peer, ids=[]) == []
        assert telegram.requests[HISTORY] == telegram.requests[BY_IDS] == 0


async def test_a_single_id() -> None:
    """`ids` may be one int; the message comes as one of one."""
    world, _ = club(10)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert ids_of(await read(client, "club", ids=4)) == [4]
        assert ids_of(await read(client, "club", ids=400)) == [None]
        assert telegram.requests[BY_IDS] == 2


async def test_ids_come_200_to_a_request() -> None:
    """950 ids are five requests, by the server's own cap; all missing is no error."""
    world, _ = club(1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert down(950) == ids_of(await read(client, "club", ids=down(950)))
        assert telegram.requests[BY_IDS] == 5
        assert [None] * 3 == await read(client, "club", ids=[0, -1, -2])
        assert [None] * 201 == await read(client, "club", ids=range(5000, 5201))
        assert telegram.requests[BY_IDS] == 8


async def test_no_request_for_senders() -> None:
    """1,000 messages by 50 senders bring their senders along: nobody is asked for one by one."""
    world, _ = club(1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        before = telegram.requests.snapshot()
        messages = await read(client, "club")
        assert len({m.sender_id for m in messages}) > 10
        assert all(m.sender is not None for m in messages)
        assert set(telegram.requests.since(before)) <= {
            HISTORY,
            BY_IDS,
            "contacts.resolveUsername",
        }


# Where stock is wrong


async def test_stock_applies_a_shift_on_every_page() -> None:
    """add_offset counts once: one contiguous run, where stock leaves a gap at every page."""
    world, chat = club(1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        ours = ids_of(await read(client, peer, add_offset=10, limit=500))
        assert down(990, 491) == ours
        theirs = ids_of(await stock(client, peer, add_offset=10, limit=500))
        assert down(990, 891) == theirs[:100]
        assert theirs[100] == 880
        assert len(theirs) == 500


async def test_stock_shifts_wrongly_in_reverse() -> None:
    """Positive is older in reverse too; stock repeats the shift and stops early."""
    world, chat = club(1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        arguments = {"reverse": True, "offset_id": 500, "add_offset": 10, "limit": 300}
        ours = ids_of(await read(client, chat.input_peer(), **arguments))
        assert list(range(491, 791)) == ours
        theirs = ids_of(await stock(client, chat.input_peer(), **arguments))
        assert ours[:50] == theirs[:50]
        assert theirs != ours


async def test_stock_ends_on_a_negative_shift() -> None:
    """Negative begins so many newer: stock delivers one page, sees its ids again, and ends."""
    world, chat = club(1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        arguments = {"offset_id": 500, "add_offset": -250}
        ours = ids_of(await read(client, chat.input_peer(), **arguments))
        assert down(749) == ours
        theirs = ids_of(await stock(client, chat.input_peer(), **arguments))
        assert ours[:100] == theirs[:100]
        assert len(theirs) < len(ours)


@pytest.mark.parametrize(("offset_id", "max_id"), [(250, 200), (200, 250)])
async def test_stock_overlooks_one_of_two_starts(offset_id: int, max_id: int) -> None:
    """offset_id and max_id both hold; stock begins below the larger one."""
    world, chat = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        arguments = {"offset_id": offset_id, "max_id": max_id}
        assert down(199) == ids_of(await read(client, chat.input_peer(), **arguments))
        assert down(249) == ids_of(await stock(client, chat.input_peer(), **arguments))


@pytest.mark.parametrize("days", [0, -1])
async def test_stock_finds_nothing_from_the_epoch_on(days: int) -> None:
    """In reverse, at or after 1970-01-01 is everything, before it is nothing; not for stock."""
    world, chat = club(150)
    epoch = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        everything = await read(client, peer, offset_date=epoch, reverse=True)
        assert list(range(1, 151)) == ids_of(everything)
        assert await read(client, peer, offset_date=epoch) == []
        if days == 0:
            assert await stock(client, peer, offset_date=epoch, reverse=True) == []
            assert len(await stock(client, peer, offset_date=epoch)) == 150


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rule", [RepeatLastId, OnlyEmpty])
async def test_stock_ends_in_silence_on_a_bad_page(
    rule: type[RepeatLastId | OnlyEmpty], reverse: bool
) -> None:
    """A page that repeats an id or shows only empties ends stock's walk, and not ours."""
    expected = down(1000)[::-1] if reverse else down(1000)
    for reader, is_whole in ((stock, False), (read, True)):
        world, chat = club(1000)
        fault = rule(nth=4)
        async with (
            LocalTelegram(world, rules=[fault]) as telegram,
            telegram.client() as client,
        ):
            messages = ids_of(await reader(client, chat.input_peer(), reverse=reverse))
        assert fault.fired == 1
        assert is_whole == (expected == messages)
        assert expected[: len(messages)] == messages


@pytest.mark.parametrize("reverse", [False, True])
async def test_stock_ends_on_a_hidden_page(reverse: bool) -> None:
    """A run of restricted messages leaves a page empty in mid-history: not the end for us."""
    world, chat = club(1000)
    hidden = range(400, 620)
    expected = [i for i in down(1000) if i not in hidden]
    if reverse:
        expected.reverse()
    async with (
        LocalTelegram(world, rules=[Restricted(hidden)]) as telegram,
        telegram.client() as client,
    ):
        assert expected == ids_of(await read(client, chat.input_peer(), reverse=reverse))
        theirs = ids_of(await stock(client, chat.input_peer(), reverse=reverse))
        assert len(theirs) < len(expected)
        assert expected[: len(theirs)] == theirs
