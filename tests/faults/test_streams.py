"""A stream left, closed, cancelled or forgotten at any moment is exact and leaves nothing."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import errors

from telefast import (
    Batch,
    BatchedHistory,
    ClosedError,
    ConcurrentUseError,
)
from telefast.testing import ErrorOn, HoldBack
from tests.client.clock import Clock, turns
from tests.client.exact import BY_IDS, HISTORY, down, ids_of, read


@pytest.fixture(autouse=True)
async def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """No exception is left unread, no task destroyed, whatever the test did."""
    yield
    gc.collect()
    complaints = [r.getMessage() for r in caplog.records if r.name == "asyncio"]
    assert complaints == []


# Cancellation


@pytest.mark.parametrize("closes", [True, False], ids=["closed", "continued"])
@pytest.mark.parametrize(
    "arguments",
    [{}, {"reverse": True}, {"ids": down(400)}],
    ids=["forward", "reverse", "by ids"],
)
async def test_cancelled_at_every_await(
    scene: Any, arguments: dict[str, Any], closes: bool
) -> None:
    """Cancelled after any number of turns, the stream can be closed or go on without loss."""
    async with scene(count=400) as here:
        expected = down(400)[::-1] if arguments.get("reverse") else down(400)
        finished = 0
        for count in range(10_000):
            stream = BatchedHistory(here.client, here.peer, **arguments)
            got: list[int] = []

            async def consume(stream: BatchedHistory = stream, got: list[int] = got) -> None:
                async for message in stream:
                    got.append(message.id)  # noqa: PERF401 - looked at after a cancellation

            consumer = asyncio.create_task(consume())
            await turns(count)
            consumer.cancel()
            await asyncio.wait({consumer})
            assert expected[: len(got)] == got
            assert len(got) == stream.cursor.taken
            if closes:
                await stream.aclose()
                assert here.left() == set()
            else:
                await consume()
                assert expected == got
                assert here.left() == set()
            if not consumer.cancelled():
                finished += 1
                if finished == 3:
                    break
        assert count > 10


async def test_batches_cancelled_at_every_await(scene: Any) -> None:
    """A batch that was half full when its consumer was cancelled is delivered whole later."""
    async with scene(count=300) as here:
        for count in range(10_000):
            stream = BatchedHistory(here.client, here.peer, batch_size=70)
            batches: list[Batch] = []

            async def consume(
                stream: BatchedHistory = stream, batches: list[Batch] = batches
            ) -> None:
                async for batch in stream.batches():
                    batches.append(batch)  # noqa: PERF401 - looked at after a cancellation

            consumer = asyncio.create_task(consume())
            await turns(count)
            consumer.cancel()
            await asyncio.wait({consumer})
            assert sum(map(len, batches)) == stream.cursor.taken
            await consume()
            assert [70, 70, 70, 70, 20] == [len(batch) for batch in batches]
            assert down(300) == [m.id for batch in batches for m in batch.messages]
            assert here.left() == set()
            if not consumer.cancelled():
                break


async def test_cancelled_while_a_flood_is_waited_for(scene: Any, clock: Clock) -> None:
    """A consumer cancelled during a wait can go on; one that closes leaves no wait behind."""
    async with scene(ErrorOn(HISTORY, 420, "FLOOD_WAIT_100", nth=1), count=50) as here:
        stream = BatchedHistory(here.client, here.peer)
        consumer = asyncio.create_task(anext(stream))
        await here.telegram.requests.until(lambda ledger: ledger.errors["FLOOD_WAIT_100"] == 1)
        await turns()
        consumer.cancel()
        await asyncio.wait({consumer})
        assert clock.waiting == 1
        other = BatchedHistory(here.client, here.peer)
        held = asyncio.create_task(anext(other))
        await turns()
        assert clock.waiting == 1  # behind the first, which alone has its eye on the clock
        assert not held.done()
        held.cancel()
        await asyncio.wait({held})
        await other.aclose()
        assert clock.waiting == 1
        clock.turn(100)
        assert ids_of([m async for m in stream]) == down(50)
        assert here.left() == set()


async def test_a_timeout_around_the_consumer(scene: Any) -> None:
    """`asyncio.timeout` around the loop is a cancellation like any other."""
    event = asyncio.Event()
    async with scene(HoldBack(HISTORY, 2, event)) as here:
        stream = BatchedHistory(here.client, here.peer)
        got: list[int] = []

        async def consume() -> None:
            async with asyncio.timeout(None) as limit:
                async for message in stream:
                    got.append(message.id)
                    if len(got) == 100:
                        limit.reschedule(0)  # that has passed long ago

        with pytest.raises(TimeoutError):
            await consume()
        assert down(1000)[:100] == got
        event.set()
        got += [message.id async for message in stream]
        assert down(1000) == got


# Leaving


@pytest.mark.parametrize("after", [1, 100, 150])
async def test_break_inside_the_block(scene: Any, after: int) -> None:
    """`break` in `async with` stops everything: no task, no further request."""
    async with scene() as here:
        async with BatchedHistory(here.client, here.peer) as history:
            async for _ in history:
                if history.cursor.taken == after:
                    break
        assert here.left() == set()
        asked = here.telegram.requests[HISTORY]
        await turns()
        assert asked == here.telegram.requests[HISTORY]
        assert history.cursor.offset_id == 1001 - after
        assert not history.cursor.done


async def test_an_error_of_the_consumer_passes(scene: Any) -> None:
    """What the consumer's own body raises comes out as it is, and the stream is closed."""

    async def consume(here: Any) -> None:
        async with BatchedHistory(here.client, here.peer) as history:
            async for message in history:
                if message.id == 850:
                    raise ZeroDivisionError

    async with scene() as here:
        with pytest.raises(ZeroDivisionError):
            await consume(here)
        assert here.left() == set()


async def test_many_breaks(scene: Any) -> None:
    """Streams that are left without being closed are closed when they are forgotten."""
    async with scene(count=250) as here:
        for _ in range(100):
            async for _ in BatchedHistory(here.client, here.peer):
                break
        gc.collect()
        await turns()
        assert here.left() == set()
        assert here.client._sender._pending_state == {}


async def test_a_forgotten_stream_stops(scene: Any) -> None:
    """Garbage collection of a stream cancels its pump, held back or not."""
    async with scene(HoldBack(HISTORY, 3, asyncio.Event())) as here:
        stream: BatchedHistory | None = BatchedHistory(here.client, here.peer)
        assert stream is not None
        await anext(stream)
        await turns()
        assert here.left()
        stream = None
        gc.collect()
        await turns()
        assert here.left() == set()


async def test_closing_before_the_first_item(scene: Any) -> None:
    """A stream closed before it began has sent nothing and yields nothing."""
    async with scene() as here:
        stream = BatchedHistory(here.client, here.peer)
        await stream.aclose()
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert [message async for message in stream] == []
        assert here.telegram.requests[HISTORY] == 0
        assert not stream.cursor.done


async def test_closing_in_the_middle_drops_what_was_not_taken(scene: Any) -> None:
    """After `aclose` the stream has ended, even in the middle of a page; the cursor stays."""
    async with scene() as here:
        stream = BatchedHistory(here.client, here.peer)
        taken = [(await anext(stream)).id for _ in range(150)]
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert stream.cursor.offset_id == 851
        assert (stream.stats().in_flight, stream.stats().held) == (0, 0)
        rest = await read(here.client, here.peer, offset_id=stream.cursor.offset_id)
        assert down(1000) == taken + ids_of(rest)


async def test_closing_while_another_task_waits(scene: Any) -> None:
    """The one that waits gets `ClosedError`; it does not take a closed stream for a whole one."""
    async with scene(HoldBack(HISTORY, 1, asyncio.Event())) as here:
        stream = BatchedHistory(here.client, here.peer)
        waiting = asyncio.create_task(anext(stream))
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] == 1)
        await stream.aclose()
        with pytest.raises(ClosedError):
            await waiting
        assert not stream.cursor.done
        assert here.left() == set()


@pytest.mark.parametrize("count", range(6))
async def test_a_cancelled_close_still_closes(scene: Any, count: int) -> None:
    """`aclose` cancelled at any turn passes the cancellation on; the pump has ended by then."""
    async with scene(HoldBack(HISTORY, 3, asyncio.Event())) as here:
        stream = BatchedHistory(here.client, here.peer)
        await anext(stream)
        closing = asyncio.create_task(stream.aclose())
        await turns(count)
        closing.cancel()
        await asyncio.wait({closing})
        if count == 0:  # cancelled before its first step
            await stream.aclose()
        assert here.left() == set()


# Several at once


async def test_two_streams_at_once(scene: Any) -> None:
    """Streams on one client do not disturb each other, also in opposite directions."""
    async with scene() as here:
        streams = [
            asyncio.create_task(read(here.client, here.peer, reverse=reverse, concurrency=size))
            for reverse in (False, True)
            for size in (1, 4, 16)
        ]
        for index, stream in enumerate(streams):
            expected = down(1000) if index < 3 else down(1000)[::-1]
            assert expected == ids_of(await stream)
        assert here.left() == set()


async def test_two_consumers_of_one_stream(scene: Any) -> None:
    """The second one that waits is refused; the first goes on without loss."""
    event = asyncio.Event()
    async with scene(HoldBack(HISTORY, 1, event)) as here:
        stream = BatchedHistory(here.client, here.peer)
        first = asyncio.create_task(anext(stream))
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] == 1)
        with pytest.raises(ConcurrentUseError):
            await anext(stream)
        event.set()
        got = [(await first).id]
        got += [message.id async for message in stream]
        assert down(1000) == got


async def test_two_consumers_of_batches(scene: Any) -> None:
    """The second one is refused, and no batch in the making is given away or lost."""
    event = asyncio.Event()
    async with scene(HoldBack(HISTORY, 2, event)) as here:
        batches = BatchedHistory(here.client, here.peer, batch_size=150).batches()
        first = asyncio.create_task(anext(batches))
        await here.telegram.requests.until(lambda ledger: ledger[HISTORY] > 2)
        await turns()
        with pytest.raises(ConcurrentUseError):
            await anext(batches)
        event.set()
        got = [await first] + [batch async for batch in batches]
        assert down(1000) == [m.id for batch in got for m in batch.messages]
        assert len(got[0]) == 150


async def test_a_stream_is_taken_one_way(scene: Any) -> None:
    """By messages or by batches: the other way is refused."""
    async with scene(count=10) as here:
        stream = BatchedHistory(here.client, here.peer)
        async for _ in stream:
            break
        with pytest.raises(ConcurrentUseError, match="messages"):
            stream.batches()
        await stream.aclose()
        other = BatchedHistory(here.client, here.peer)
        other.batches()
        with pytest.raises(ConcurrentUseError, match="batches"):
            aiter(other)


# Batches and progress


@pytest.mark.parametrize("size", [1, 7, 100, 250, 5000])
async def test_batches_have_their_size(scene: Any, size: int) -> None:
    """All batches are full but the last one; together they are the stream."""
    async with scene(count=430) as here:
        async with BatchedHistory(here.client, here.peer, batch_size=size) as history:
            batches = [batch async for batch in history.batches()]
        sizes = [len(batch) for batch in batches]
        assert [size] * (430 // size) + [430 % size] * bool(430 % size) == sizes
        assert down(430) == [m.id for batch in batches for m in batch.messages]
        for batch in batches:
            assert batch.messages[0].id == batch.first_id
            assert batch.messages[-1].id == batch.last_id
            assert batch.total == 430
            assert batch.latency > 0
            assert f"Batch({len(batch)} messages" in repr(batch)
            there = {m.id for page in batch.pages for m in page.messages}
            assert {m.id for m in batch.messages} <= there
        requests = [batch.requests for batch in batches]
        assert sorted(requests) == requests
        assert requests[-1] <= history.stats().requests
        assert history.cursor.done
        with pytest.raises(StopAsyncIteration):
            await anext(history.batches())


async def test_a_batch_names_its_ends_without_the_missing(scene: Any) -> None:
    """Ids that do not exist are None in a batch, and no end of it; 0 if there is nothing else."""
    async with scene(count=10) as here:
        ids = [70, 5, 60, 3, 80, 90, 91]
        history = BatchedHistory(here.client, here.peer, ids=ids, batch_size=4)
        one, two = [batch async for batch in history.batches()]
        assert [None, 5, None, 3] == ids_of(one.messages)
        assert (5, 3) == (one.first_id, one.last_id)
        assert (0, 0, 3) == (two.first_id, two.last_id, len(two))


async def test_an_error_comes_after_the_partial_batch(scene: Any) -> None:
    """What came before an error is delivered as a short batch; then the error, once."""
    async with scene(ErrorOn(HISTORY, 406, "CHANNEL_PRIVATE", nth=3)) as here:
        history = BatchedHistory(here.client, here.peer, concurrency=1, batch_size=150)
        batches = history.batches()
        got = [await anext(batches), await anext(batches)]
        assert [150, 49] == [len(batch) for batch in got]
        with pytest.raises(errors.ChannelPrivateError):
            await anext(batches)
        assert history.cursor.taken == 199
        assert not history.cursor.done
        assert here.left() == set()
        # H1: no end, nor a second error, is made up afterwards.
        with pytest.raises((StopAsyncIteration, errors.ChannelPrivateError)):
            await anext(batches)


async def test_progress_is_told_for_each_page(scene: Any) -> None:
    """`on_progress` gets what was taken so far and the total, and ends with all of it."""
    async with scene(count=430) as here:
        told: list[tuple[int, int | None]] = []
        await read(
            here.client, here.peer, on_progress=lambda taken, total: told.append((taken, total))
        )
        assert [100, 199, 298, 397, 430] == [taken for taken, _ in told]
        assert {430} == {total for _, total in told}


async def test_an_error_of_on_progress_reaches_the_consumer(scene: Any) -> None:
    """What the callback raises comes out of the loop; closing then leaves nothing."""

    def complain(taken: int, total: int | None) -> None:
        if taken > 150:
            raise ZeroDivisionError

    async with scene() as here:
        stream = BatchedHistory(here.client, here.peer, on_progress=complain)
        got: list[int] = []

        async def consume() -> None:
            async for message in stream:
                got.append(message.id)  # noqa: PERF401 - looked at after the error

        async with stream:
            with pytest.raises(ZeroDivisionError):
                await consume()
            assert down(1000)[:100] == got
        assert here.left() == set()


async def test_shutdown_at_any_state_of_the_buffer(scene: Any) -> None:
    """With the buffer empty, filling, or full and nobody taking: `aclose` ends (H2)."""
    async with scene(count=3000) as here:
        for count in (0, 1, 3, 10, 30, 100, 300, 1000):
            stream = BatchedHistory(here.client, here.peer, concurrency=2, prefetch=2)
            await anext(stream)
            await turns(count)
            await stream.aclose()
            assert here.left() == set()
        ids = BatchedHistory(here.client, here.peer, ids=range(1, 5000))
        await anext(ids)
        await ids.aclose()
        assert here.left() == set()
        assert here.telegram.requests[BY_IDS] > 0


async def test_repr_tells_how_far_it_is(scene: Any) -> None:
    """The repr holds cursor and total, and no text of the chat."""
    async with scene(count=10) as here, BatchedHistory(here.client, here.peer) as history:
        assert (await anext(history)).id == 10
        assert "offset_id=10" in repr(history)
        assert "total=10" in repr(history)
        assert len(repr(history)) < 150
