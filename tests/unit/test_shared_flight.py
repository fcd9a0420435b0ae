"""`SharedFlight`: one call for all who want the same thing, as long as one of them waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telefast.errors import RemoteError
from telefast.flights import SharedFlight


class Line:
    """A call that ends when told, and counts how often it was made and cancelled."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = 0
        self.open = asyncio.Event()
        self.error: BaseException | None = None
        self.at_last = asyncio.Event()
        self.at_last.set()

    async def __call__(self, value: int) -> int:
        self.calls += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            await self.at_last.wait()
            raise
        if self.error is not None:
            raise self.error
        return value * 2


Flight = SharedFlight[str, int]


async def settle() -> None:
    """Let all tasks come to their next wait."""
    for _ in range(10):
        await asyncio.sleep(0)


def start(flight: Flight, line: Line, count: int) -> list[asyncio.Task[int]]:
    """Start callers who want the same."""
    return [asyncio.create_task(flight.run("a", line, 4)) for _ in range(count)]


async def test_concurrent_callers_share_one_call() -> None:
    """One call for ten who want the same; another key is another call; nothing is kept."""
    flight, line = Flight(), Line()
    tasks = [*start(flight, line, 10), asyncio.create_task(flight.run("b", line, 5))]
    await settle()
    line.open.set()
    assert [8] * 10 + [10] == [await task for task in tasks]
    assert 2 == line.calls
    assert 8 == await flight.run("a", line, 4)
    assert 3 == line.calls
    assert {} == flight._flights


@pytest.mark.parametrize("gone", [0, 1, 2])
async def test_a_cancelled_caller_takes_nobody_along(gone: int) -> None:
    """Whoever is cancelled, also who made the call: the same call serves the others."""
    flight, line = Flight(), Line()
    tasks = start(flight, line, 3)
    await settle()
    tasks[gone].cancel()
    await settle()
    line.open.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [asyncio.CancelledError if i == gone else int for i in range(3)] == list(
        map(type, found)
    )
    assert (1, 0) == (line.calls, line.cancelled)


async def test_the_last_cancellation_ends_the_call() -> None:
    """When all are cancelled the call is, too, and has ended before the last of them returns."""
    flight, line = Flight(), Line()
    line.at_last.clear()
    tasks = start(flight, line, 3)
    await settle()
    for task in tasks:
        task.cancel()
    await settle()
    assert [True, True, False] == [task.done() for task in tasks]
    line.at_last.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (1, 1) == (line.calls, line.cancelled)
    assert {} == flight._flights


async def test_who_comes_while_a_call_is_being_cancelled_waits_and_makes_a_new_one() -> None:
    """Two calls never run at once."""
    flight, line = Flight(), Line()
    line.at_last.clear()
    [left] = start(flight, line, 1)
    await settle()
    left.cancel()
    await settle()
    [late] = start(flight, line, 1)
    await settle()
    assert 1 == line.calls
    line.at_last.set()
    line.open.set()
    assert 8 == await late
    assert 2 == line.calls
    with pytest.raises(asyncio.CancelledError):
        await left


async def test_each_caller_gets_the_error_of_its_own_call() -> None:
    """An error is raised in who made the call; the others try for themselves, one by one."""
    flight, line = Flight(), Line()
    line.error = ValueError("no")
    tasks = start(flight, line, 3)
    await settle()
    line.open.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [line.error] * 3 == found
    assert 3 == line.calls


async def test_the_others_go_on_after_a_failure() -> None:
    """The first call fails; of those who wait, one makes it again, for all of them."""
    flight, calls = Flight(), 0
    gate = asyncio.Event()

    async def once_bad(value: int) -> int:
        nonlocal calls
        calls += 1
        await gate.wait()
        if calls == 1:
            raise ValueError
        return value

    tasks = [asyncio.create_task(flight.run("a", once_bad, 4)) for _ in range(5)]
    await settle()
    gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [ValueError, int, int, int, int] == [type(each) for each in found]
    assert 2 == calls


async def test_a_cancellation_from_elsewhere_is_an_error() -> None:
    """A call that ends by a cancellation nobody asked for is no end of its caller."""
    flight, line = Flight(), Line()
    line.error = asyncio.CancelledError()
    tasks = start(flight, line, 2)
    await settle()
    line.open.set()
    found: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    assert [RemoteError] * 2 == [type(each) for each in found]
    assert 2 == line.calls


async def test_an_error_at_the_end_of_a_call_that_was_left_is_dropped() -> None:
    """Who left wanted nothing of it."""
    flight = Flight()
    begun = asyncio.Event()

    async def stubborn() -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("while it ended") from None
        return 1

    task = asyncio.create_task(flight.run("a", stubborn))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {} == flight._flights


async def test_a_call_that_asks_for_itself_does_not_wait_for_itself() -> None:
    """What is asked within a call, of the same key, is made by itself; other keys are shared."""
    flight, calls = Flight(), []

    async def outer(depth: int) -> int:
        calls.append(depth)
        if depth == 3:
            return await flight.run("b", outer, 4)
        return depth if depth > 3 else await flight.run("a", outer, depth + 1)

    assert [4, 4] == await asyncio.gather(*(flight.run("a", outer, 1) for _ in "ab"))
    assert [1, 2, 3, 4] == calls
    assert {} == flight._flights
