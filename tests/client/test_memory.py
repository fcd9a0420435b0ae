"""Memory is bounded by pages, not by the chat: however long it is, and however slow the reader."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from array import array
from typing import Any

import pytest

from telefast import BatchedHistory
from telefast.testing import HoldBack, LocalTelegram
from tests.client.clock import turns
from tests.client.exact import BY_IDS, HISTORY, club, down

MIB = 1024 * 1024


async def peak_of(count: int, pause: int, **options: Any) -> int:
    """Return the most bytes that Python held while a chat of *count* messages was streamed.

    The server runs in its own process, so all of it is the client's. What is read must be the whole
    chat, newest first.

    Args:
        count: Messages in the chat.
        pause: How many turns of the loop the consumer rests after each 100 messages.
        **options: For `BatchedHistory`.
    """
    world, chat = club(count, holes=0.05)
    async with LocalTelegram(world, process=True) as telegram, telegram.client() as client:
        async with BatchedHistory(client, chat.input_peer(), 1000) as history:
            async for _ in history:  # what is imported and cached once counts for nobody
                pass
        owed = array("q", reversed(list(chat.ids)))
        gc.collect()
        tracemalloc.start()
        try:
            seen = 0
            async with BatchedHistory(client, chat.input_peer(), **options) as history:
                async for message in history:
                    assert owed[seen] == message.id
                    seen += 1
                    if pause and seen % 100 == 0:
                        await turns(pause)
            assert count == seen
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("small", "large", "pause"),
    [
        pytest.param(4_000, 10_000, 0, id="quick consumer"),
        pytest.param(4_000, 10_000, 100, id="slow consumer"),
        pytest.param(10_000, 100_000, 0, id="100_000", marks=pytest.mark.slow),
        pytest.param(10_000, 100_000, 100, id="100_000, slow consumer", marks=pytest.mark.slow),
        pytest.param(10_000, 1_000_000, 0, id="1_000_000", marks=pytest.mark.slow),
    ],
)
async def test_a_long_chat_needs_no_more_memory(
    small: int, large: int, pause: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The peak of a chat many times longer is at most 1.1 times that of a short one, plus 4 MiB.

    The short one is longer than the 30 pages that may be held.
    """
    limit = 1.1 * await peak_of(small, pause, concurrency=8) + 4 * MIB
    peak = await peak_of(large, pause, concurrency=8)
    if large > 10_000:
        with capsys.disabled():
            print(f"\n{large:,} messages: {peak / MIB:.1f} MiB, at most {limit / MIB:.1f}")
    assert peak <= limit


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize(("concurrency", "prefetch"), [(1, 1), (4, 8), (4, 5), (16, 16), (8, 40)])
async def test_one_page_held_back_holds_the_stream(
    concurrency: int, prefetch: int, reverse: bool
) -> None:
    """While the page whose turn it is does not come, `prefetch` pages are asked for, no more."""
    count = 100 * (prefetch + 5)
    world, chat = club(count)
    event = asyncio.Event()
    # In reverse the first request is the newest message, which says where the end is.
    first = 2 + reverse
    async with (
        LocalTelegram(world, rules=[HoldBack(HISTORY, first, event)]) as telegram,
        telegram.client() as client,
        BatchedHistory(
            client,
            chat.input_peer(),
            reverse=reverse,
            concurrency=concurrency,
            prefetch=prefetch,
            by_ids=False,
        ) as history,
    ):
        seen: list[int] = []

        async def consume() -> None:
            async for message in history:
                seen.append(message.id)  # noqa: PERF401 - looked at meanwhile

        consumer = asyncio.create_task(consume())
        requests = telegram.requests
        await requests.until(lambda ledger: ledger.counts[HISTORY] >= first + prefetch - 1)
        await requests.until(lambda ledger: ledger.in_flight == 1)
        await turns()
        assert first + prefetch - 1 == requests[HISTORY]
        stats = history.stats()
        assert (1, prefetch - 1) == (stats.in_flight, stats.held)
        assert stats.peak_held <= prefetch + 1  # one request may come on top, to repair or end
        assert len(seen) <= 100
        event.set()
        await consumer
        expected = down(count)
        assert (expected[::-1] if reverse else expected) == seen
        assert history.stats().peak_held <= prefetch + 1
        assert requests.peak_in_flight_by[HISTORY] <= max(concurrency, 2)


@pytest.mark.parametrize("prefetch", [4, 9])
async def test_a_consumer_that_stops_stops_the_stream(prefetch: int) -> None:
    """While nobody takes anything, at most `prefetch` pages are asked for."""
    world, chat = club(2000)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        BatchedHistory(
            client, chat.input_peer(), concurrency=4, prefetch=prefetch, by_ids=False
        ) as history,
    ):
        assert (await anext(history)).id == 2000
        await telegram.requests.until(lambda ledger: ledger.counts[HISTORY] > prefetch)
        await telegram.requests.until(lambda ledger: ledger.in_flight == 0)
        await turns()
        # The page that the consumer is in the middle of is its own.
        assert prefetch + 1 == telegram.requests[HISTORY]
        assert prefetch == history.stats().held
        for _ in range(99):
            await anext(history)
        await turns()
        assert prefetch + 1 == telegram.requests[HISTORY]
        await anext(history)
        await telegram.requests.until(lambda ledger: ledger.counts[HISTORY] == prefetch + 2)
        await turns()
        assert prefetch + 2 == telegram.requests[HISTORY]


async def test_ids_are_bounded_as_well() -> None:
    """A million ids asked for at once are still fetched `prefetch` answers ahead."""
    world, chat = club(300)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        BatchedHistory(client, chat.input_peer(), ids=range(1, 1_000_001)) as history,
    ):
        assert (await anext(history)).id == 1
        await telegram.requests.until(lambda ledger: ledger.counts[BY_IDS] > 16)
        await telegram.requests.until(lambda ledger: ledger.in_flight == 0)
        await turns()
        assert telegram.requests[BY_IDS] == 17
        assert history.total == 1_000_000


async def test_a_stream_by_stock_is_bounded_as_well() -> None:
    """On Telethon's own path, too, a consumer that stops stops the requests."""
    world, chat = club(1500)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        history = BatchedHistory(client, chat.input_peer(), concurrency=4, prefetch=4)
        history._pump._produce._stock_reason = "a test"  # type: ignore[attr-defined]
        async with history:
            assert (await anext(history)).id == 1500
            await telegram.requests.until(lambda ledger: ledger.counts[HISTORY] == 5)
            await turns()
            assert telegram.requests[HISTORY] == 5
            assert history.stats().path == "stock"
            assert [m.id async for m in history] == down(1499)
            assert history.total == 1500
