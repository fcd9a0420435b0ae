"""What a stream costs: requests, counted by the server, and told truly by the stream."""

from __future__ import annotations

import math

import pytest

from telefast import BatchedHistory
from telefast.testing import LocalTelegram
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
    """20,000 messages with 5 % of the ids deleted: at most ceil(n / 100) + 5 % requests."""
    count = 20_000
    world, chat = club(count, holes=0.05)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        async with BatchedHistory(
            client, peer, reverse=reverse, concurrency=concurrency
        ) as history:
            ids = [message.id async for message in history]
        assert sorted(chat.ids, reverse=not reverse) == ids
        requests = telegram.requests
        asked = requests[HISTORY] + requests[BY_IDS]
        assert asked <= math.ceil(count / 100) * 1.05
        assert asked == history.stats().requests == Account.of(client).metrics["history_requests"]
        assert concurrency == requests.peak_in_flight_by[HISTORY]


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
        assert {"history_requests", "requests"} == {key for key, n in snapshot.items() if n}


async def _both(one: BatchedHistory, other: BatchedHistory):  # type: ignore[no-untyped-def]
    async for message in one:
        yield message, await anext(other)
