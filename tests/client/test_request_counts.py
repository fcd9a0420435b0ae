"""What a stream costs: requests, counted by the server, and told truly by the stream."""

from __future__ import annotations

import math
from typing import Any

import pytest

from telefast import BatchedHistory
from telefast.testing import LocalTelegram, Restricted, World, virtual_loop, virtual_time
from telefast.transport.account import Account
from tests.client.exact import BY_IDS, HISTORY, club, down, ids_of, read

COUNTED = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


@COUNTED
@pytest.mark.parametrize("concurrency", [1, 4, 16])
@pytest.mark.parametrize("count", [0, 1, 100, 101, 1000, 3000])
async def test_small_chats_cost_little(count: int, concurrency: int, reverse: bool) -> None:
    """At most ceil((n - 100) / 99) + 4 requests, sweeps included, and 3 for the smallest."""
    world, chat = club(count)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        async with BatchedHistory(
            client, peer, reverse=reverse, concurrency=concurrency
        ) as history:
            assert count == len([message async for message in history])
        requests = telegram.requests
        asked = requests[HISTORY] + requests[BY_IDS]
        assert asked <= max(3, math.ceil((count - 100) / 99) + 4)
        assert requests.peak_in_flight_by[HISTORY] <= concurrency
        stats = history.stats()
        assert asked == stats.requests
        assert count == stats.messages
        assert asked == Account.of(client).metrics["history_requests"]
        assert asked == Account.of(client).metrics["requests"]
        assert (0, 0) == (stats.in_flight, stats.held)
        assert stats.peak_in_flight <= concurrency
        assert stats.bytes <= requests.bytes_sent


@pytest.mark.parametrize(
    ("concurrency", "reverse"), [(16, False), (4, True)], ids=["forward", "reverse"]
)
async def test_20_000_messages_cost_little_more_than_their_pages(
    concurrency: int, reverse: bool
) -> None:
    """20,000 messages with 5 % of the ids deleted: at most 1.03 requests per 100 messages."""
    count = 20_000
    world, chat = club(count, holes=0.05)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        async with BatchedHistory(
            client, peer, reverse=reverse, concurrency=concurrency, by_ids=False
        ) as history:
            ids = [message.id async for message in history]
        assert sorted(chat.ids, reverse=not reverse) == ids
        requests = telegram.requests
        asked = requests[HISTORY] + requests[BY_IDS]
        assert asked <= math.ceil(count / 100) * 1.03
        assert asked == history.stats().requests == Account.of(client).metrics["history_requests"]
        assert concurrency == requests.peak_in_flight_by[HISTORY]
        assert 0 == history.stats().by_ids


@COUNTED
async def test_a_dense_channel_costs_half(reverse: bool) -> None:
    """20,000 messages, 1 % of the ids deleted: at most 0.0055 requests each, with every default.

    Stock needs 0.01.
    """
    count = 20_000
    world, chat = club(count, holes=0.01)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        async with BatchedHistory(client, peer, reverse=reverse) as history:
            ids = [message.id async for message in history]
        assert sorted(chat.ids, reverse=not reverse) == ids
        requests, stats = telegram.requests, history.stats()
        assert requests[HISTORY] + requests[BY_IDS] == stats.requests <= 0.0055 * count
        assert requests[BY_IDS] == stats.by_ids + stats.sweeps
        assert (0, 8) == (stats.mismatches, stats.peak_in_flight)
        assert stats.peak_held <= 22 + 8 + 1


@COUNTED
@pytest.mark.parametrize("by_id", [True, False])
async def test_by_ids_nothing_is_yielded_that_pages_hide(by_id: bool, reverse: bool) -> None:
    """Restricted and cleared messages stay hidden, though they exist by id; others all come."""
    world, chat = club(5000)
    chat.available_min_id = 321
    hidden = {*range(2222, 2225), 4000}
    rules = [Restricted(hidden, by_id=by_id)]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        async with BatchedHistory(client, peer, reverse=reverse, prefetch=12) as history:
            ids = [message.id async for message in history]
        assert [i for i in down(5000, 322) if i not in hidden] == sorted(ids, reverse=True)
        assert sorted(ids, reverse=not reverse) == ids
        assert history.stats().mismatches >= 1


@pytest.mark.parametrize("kind", ["private", "group"])
@virtual_time
async def test_chats_of_one_sequence_are_read_side_by_side(kind: str) -> None:
    """A private chat or a basic group: pages alone, eight at a time, 1.05 of stock's requests.

    So at 100 ms of round trip it takes a quarter of stock's time, or less: stock waits for each
    page. Time is virtual, so only round trips count.
    """
    count = 5000
    world = World(seed=3)
    world.add_private_chat(message_count=100)
    chat: Any = world.add_group("Family", message_count=count)
    if kind == "private":
        chat = world.add_private_chat(message_count=count)
    async with LocalTelegram(world, rtt=0.1) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        began = virtual_loop().time()
        async with BatchedHistory(client, peer) as history:
            ids = [message.id async for message in history]
        ours = virtual_loop().time() - began
        assert sorted(chat.ids, reverse=True) == ids
        stats, requests = history.stats(), telegram.requests
        assert ("pages", 0, 0) == (stats.path, stats.by_ids, stats.sweeps)
        assert requests[HISTORY] <= 1.05 * math.ceil(count / 100)
        # The first page and the end are alone; all others go side by side.
        assert 8 == requests.peak_in_flight_by[HISTORY] == stats.peak_in_flight
        began = virtual_loop().time()
        assert ids == [message.id async for message in client.iter_messages(peer, wait_time=0)]
        assert 4 * ours <= virtual_loop().time() - began


@COUNTED
@pytest.mark.parametrize("limit", [1, 99, 100, 101, 250])
async def test_a_limit_bounds_what_is_asked(limit: int, reverse: bool) -> None:
    """No more pages than the limit needs, nor more messages than it asks for in one page."""
    world, chat = club(5000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = await read(client, chat.input_peer(), limit=limit, reverse=reverse)
        assert limit == len(messages)
        asked = telegram.requests.requests(HISTORY)
        assert len(asked) <= max(1, math.ceil((limit - 1) / 99)) + reverse
        assert all(request.limit <= max(limit, 1) for request in asked)
        assert telegram.requests[BY_IDS] == 0


@COUNTED
async def test_bounds_bound_what_is_asked(reverse: bool) -> None:
    """A span of 300 in a chat of 5,000 costs what 300 messages cost."""
    world, chat = club(5000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        ids = ids_of(
            await read(client, chat.input_peer(), min_id=2000, max_id=2301, reverse=reverse)
        )
        assert sorted(down(2300, 2001), reverse=not reverse) == ids
        assert telegram.requests[HISTORY] + telegram.requests[BY_IDS] <= 5 + reverse


async def test_a_silent_shift_still_makes_progress() -> None:
    """Any shift near the edges ends, within the requests of its pages (CASES O04)."""
    world, chat = club(500)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for shift in (-(10**6), -600, -400, -1, 1, 400, 499, 500, 600, 10**6):
            for reverse in (False, True):
                before = telegram.requests[HISTORY]
                await read(client, chat.input_peer(), add_offset=shift, reverse=reverse)
                asked = telegram.requests[HISTORY] - before
                assert asked <= math.ceil(500 / 99) + 4


async def test_metrics_add_up_over_streams() -> None:
    """Two streams on one client share one account; its counters hold the sum of both."""
    world, chat = club(700)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        first = BatchedHistory(client, chat.input_peer())
        second = BatchedHistory(client, chat.input_peer(), reverse=True)
        async with first, second:
            async for message, mirrored in _both(first, second):
                assert message.id + mirrored.id == 701
        both = first.stats().requests + second.stats().requests
        assert both == Account.of(client).metrics["history_requests"]
        assert both == telegram.requests[HISTORY] + telegram.requests[BY_IDS]
        assert Account.of(client).metrics["retries"] == 0
        snapshot = Account.of(client).metrics.snapshot()
        asked = {key for key, n in snapshot.items() if n and key.endswith("requests")}
        assert {"history_requests", "requests"} == asked


async def _both(one: BatchedHistory, other: BatchedHistory):  # type: ignore[no-untyped-def]
    async for message in one:
        yield message, await anext(other)
