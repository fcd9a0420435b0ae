"""`ordered_map`: in order, bounded, nothing lost in silence, nothing left running."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast import ArgumentError, ClosedError, Failed, RemoteError, UsageError, ordered_map
from telefast.errors import ConcurrentUseError
from tests.unit.test_tasks import others, turns


async def numbers(count: int, error: Exception | None = None) -> AsyncIterator[int]:
    """Yield the numbers from 0, then fail with *error* if there is one."""
    for number in range(count):
        yield number
    if error is not None:
        raise error


async def double(number: int) -> int:
    """Take a different number of turns for each item."""
    await turns(number * 7 % 5)
    return 2 * number


async def collect(results: AsyncIterator[Any], into: list[Any]) -> None:
    """Take all that comes."""
    async for result in results:
        into.append(result)  # noqa: PERF401 - one by one: it may be cancelled


class Source:
    """A source that counts what was read of it, and outlives a cancelled read."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> int:
        await turns(1)
        if self.taken == self.count:
            raise StopAsyncIteration
        self.taken += 1
        return self.taken - 1


# Order and bounds


@given(
    delays=st.lists(st.integers(0, 6), max_size=30),
    concurrency=st.integers(1, 9),
    failing=st.sets(st.integers(0, 30)),
    pauses=st.integers(0, 3),
)
def test_results_come_in_the_order_of_the_items(
    delays: list[int], concurrency: int, failing: set[int], pauses: int
) -> None:
    """Whatever each call takes, results come in order, within both bounds, failures in place."""
    running = peak = 0
    source = Source(len(delays))

    async def call(number: int) -> int:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await turns(delays[number])
        running -= 1
        if number in failing:
            raise ValueError(number)
        return number

    async def main() -> list[Any]:
        found: list[Any] = []
        results = ordered_map(source, call, concurrency=concurrency, on_error="yield")
        async for result in results:
            found.append(result)
            await turns(pauses)
            assert source.taken - len(found) <= 2 * concurrency
        assert others() == set()
        return found

    found = asyncio.run(main())
    assert peak <= concurrency
    assert len(found) == len(delays)
    for number, result in enumerate(found):
        if number in failing:
            assert isinstance(result, Failed)
            assert (number, (number,)) == (result.item, result.error.args)
        else:
            assert number == result


async def test_a_slow_consumer_stops_the_reading() -> None:
    """Nobody takes: at most twice *concurrency* items are read, and not one call more is made."""
    source = Source(1000)
    async with ordered_map(source, double, concurrency=4) as results:
        assert await anext(results) == 0
        await turns(500)
        assert source.taken == 9
        for number in range(1, 11):
            assert await anext(results) == 2 * number
        await turns(500)
        assert source.taken == 19


async def test_none_is_a_result_like_any_other() -> None:
    """A function that returns None yields None and ends nothing."""

    async def nothing(_: int) -> None:
        return None

    found: list[Any] = []
    await collect(ordered_map(numbers(5), nothing), found)
    assert found == [None] * 5


# Errors


async def test_an_error_of_the_source_follows_all_results() -> None:
    """25 items, then the source fails: 25 results arrive, then the error, not a quiet end."""
    found: list[int] = []
    with pytest.raises(OSError, match="line"):
        await collect(ordered_map(numbers(25, OSError("line")), double), found)
    assert found == [2 * number for number in range(25)]
    assert others() == set()


async def test_work_in_progress_survives_an_error_of_the_source() -> None:
    """Items whose calls run when the source fails are finished and delivered first."""
    gate = asyncio.Event()

    async def wait(number: int) -> int:
        await gate.wait()
        return number

    found: list[int] = []
    results = ordered_map(numbers(6, OSError("line")), wait)
    consumer = asyncio.create_task(collect(results, found))
    await turns(50)
    assert found == []
    gate.set()
    with pytest.raises(OSError, match="line"):
        await consumer
    assert [0, 1, 2, 3, 4, 5] == found


async def test_an_error_of_the_function_is_raised_in_its_place() -> None:
    """What lies before it is delivered, what runs behind it is cancelled, reading has stopped."""
    source = Source(100)
    cancelled = []

    async def call(number: int) -> int:
        if number == 7:
            await turns(30)
            raise ValueError("seven")
        try:
            await (turns(60) if number < 7 else asyncio.Event().wait())
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        return number

    found: list[int] = []
    results = ordered_map(source, call, concurrency=9)
    with pytest.raises(ValueError, match="seven"):
        await collect(results, found)
    assert found == list(range(7))
    assert cancelled
    assert min(cancelled) > 7
    assert source.taken <= 10
    assert others() == set()
    with pytest.raises(StopAsyncIteration):
        await anext(results)


async def test_a_stop_raised_by_the_function_is_no_end() -> None:
    """`StopAsyncIteration` from a call, raised as it is, would end the loop in silence."""

    async def call(number: int) -> int:
        if number == 2:
            raise StopAsyncIteration
        return number

    found: list[Any] = []
    with pytest.raises(RuntimeError, match="StopAsyncIteration"):
        await collect(ordered_map(numbers(5), call), found)
    assert [0, 1] == found
    found = []
    await collect(ordered_map(numbers(5), call, on_error="yield"), found)
    assert isinstance(found[2], Failed)
    assert [0, 1, 3, 4] == found[:2] + found[3:]


@pytest.mark.parametrize("where", ["source", "function"])
async def test_a_cancellation_from_elsewhere_is_an_error(where: str) -> None:
    """A future that somebody else cancels (as a disconnect does) ends the work with an error."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def source() -> AsyncIterator[int]:
        yield 1
        if where == "source":
            yield await future

    async def call(number: int) -> int:
        return await future if where == "function" else number

    results = ordered_map(source(), call)
    found: list[Any] = []
    consumer = asyncio.create_task(collect(results, found))
    await turns()
    future.cancel()
    with pytest.raises(RemoteError):
        await consumer
    assert found == ([1] if where == "source" else [])
    assert others() == set()


async def test_a_cancelled_call_is_yielded_as_a_failure() -> None:
    """With `on_error="yield"` a call cancelled from elsewhere is a failure, not a result."""

    async def cancelled(number: int) -> int:
        if number == 1:
            raise asyncio.CancelledError
        return number

    got = [each async for each in ordered_map(numbers(3), cancelled, on_error="yield")]
    assert [0, 2] == [got[0], got[2]]
    assert isinstance(got[1], Failed)
    assert got[1].item == 1
    assert isinstance(got[1].error, RemoteError)


def test_a_failure_shows_no_text() -> None:
    """The repr of a failed item names the kind of its error only."""
    failed = Failed("secret", ValueError("secret"))
    assert repr(failed) == "Failed(ValueError)"


async def test_an_iterable_that_refuses_is_heard() -> None:
    """What `__aiter__` of the source raises reaches the consumer."""

    class Refusing:
        def __aiter__(self) -> AsyncIterator[int]:
            raise ConcurrentUseError("taken")

    with pytest.raises(ConcurrentUseError, match="taken"):
        await anext(ordered_map(Refusing(), double))


# Stopping


async def stuck(_: int) -> int:
    """Never return."""
    await asyncio.Event().wait()
    return 0


@pytest.mark.parametrize("fn", [double, stuck])
@pytest.mark.parametrize("count", [0, 1, 3, 8, 20, 200])
async def test_closing_works_at_any_fill(fn: Callable[[int], Any], count: int) -> None:
    """`aclose` ends everything, however full the buffer is and whatever runs."""
    source = Source(1000)
    results = ordered_map(source, fn, concurrency=3)
    waiting = asyncio.create_task(collect(results, []))
    await turns(count)
    waiting.cancel()
    await asyncio.wait({waiting})
    await turns(count)
    await results.aclose()
    assert others() == set()
    taken = source.taken
    await turns()
    assert source.taken == taken
    with pytest.raises(StopAsyncIteration):
        await anext(results)
    await results.aclose()


async def test_a_cancelled_consumer_can_go_on() -> None:
    """Cancelled after any number of turns, the consumer goes on where it was: nothing is lost."""
    for count in range(60):
        found: list[int] = []
        results = ordered_map(numbers(12), double, concurrency=3)
        consumer = asyncio.create_task(collect(results, found))
        await turns(count)
        consumer.cancel()
        await asyncio.wait({consumer})
        await collect(results, found)
        assert found == [2 * number for number in range(12)]
        assert others() == set()


async def test_a_cancelled_close_leaves_nothing() -> None:
    """`aclose` that is cancelled after any number of turns still ends all calls."""
    for count in range(10):
        results = ordered_map(Source(100), stuck)
        waiting = asyncio.create_task(collect(results, []))
        await turns(30)
        closing = asyncio.create_task(results.aclose())
        await turns(count)
        closing.cancel()
        await asyncio.wait({closing})
        if count:
            with pytest.raises((ClosedError, StopAsyncIteration)):
                await waiting
        else:  # cancelled before its first step
            waiting.cancel()
            await asyncio.wait({waiting})
            await results.aclose()
        assert others() == set()


async def test_breaking_leaves_no_task() -> None:
    """After `break` and garbage collection, and after `async with` at once, nothing runs."""
    async for _ in ordered_map(Source(100), double):
        break
    gc.collect()
    await turns()
    assert others() == set()
    async with ordered_map(Source(100), double) as results:
        async for _ in results:
            break
    assert others() == set()


async def test_a_consumer_that_fails_keeps_its_own_error() -> None:
    """An error in the body of the loop is raised as it is."""

    async def consume() -> None:
        async with ordered_map(Source(100), double) as results:
            async for _ in results:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await consume()
    assert others() == set()


async def test_the_end_is_known_at_once() -> None:
    """The end needs no polling: it is seen within a few turns of the loop, without any timer."""
    loop = asyncio.get_running_loop()
    timers = []

    def refuse(*args: Any, **_: Any) -> None:
        timers.append(args)

    loop.call_at = loop.call_later = refuse  # type: ignore[assignment, method-assign]
    try:
        found: list[int] = []
        consumer = asyncio.create_task(collect(ordered_map(numbers(3), double), found))
        await turns(40)
        assert consumer.done()
    finally:
        del loop.call_at, loop.call_later
    assert [[0, 2, 4], []] == [found, timers]


async def test_nothing_happens_before_the_first_step() -> None:
    """Making a map reads nothing and starts nothing; closing it then is fine."""
    source = Source(3)
    results = ordered_map(source, double)
    await turns()
    assert source.taken == 0
    assert others() == set()
    await results.aclose()


async def test_two_maps_side_by_side() -> None:
    """Two maps may share a loop and a function, and one may be the other's source."""
    one: list[int] = []
    two: list[int] = []
    first = asyncio.create_task(collect(ordered_map(numbers(30), double), one))
    await collect(ordered_map(ordered_map(numbers(30), double), double), two)
    await first
    assert one == [2 * number for number in range(30)]
    assert two == [4 * number for number in range(30)]


# Wrong use


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("source", {"source": [1, 2]}),
        ("fn", {"fn": "double"}),
        ("concurrency", {"concurrency": 0}),
        ("concurrency", {"concurrency": True}),
        ("concurrency", {"concurrency": 2.0}),
        ("on_error", {"on_error": "ignore"}),
    ],
)
def test_a_wrong_argument_is_named_at_once(name: str, arguments: dict[str, Any]) -> None:
    """No iteration is needed to learn that an argument is wrong."""
    with pytest.raises(ArgumentError) as caught:
        ordered_map(**{"source": Source(1), "fn": double, **arguments})
    assert name == caught.value.name


async def test_two_consumers_are_refused() -> None:
    """The second that waits gets an error; the first is not disturbed."""
    async with ordered_map(Source(5), stuck) as results:
        first = asyncio.create_task(collect(results, []))
        await turns()
        with pytest.raises(ConcurrentUseError):
            await anext(results)
        assert not first.done()
        first.cancel()
        await asyncio.wait({first})


def test_another_loop_is_refused() -> None:
    """An iteration begun in one event loop cannot go on in another."""
    results = ordered_map(Source(5), double)

    async def begin() -> None:
        await anext(results)
        await results.aclose()

    async def go_on() -> None:
        results._is_closed = False
        with pytest.raises(UsageError, match="another event loop"):
            await anext(results)

    asyncio.run(begin())
    asyncio.run(go_on())
