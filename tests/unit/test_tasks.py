"""Tasks have owners: what they bring or raise reaches those, and nothing outlives them."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from telefast.errors import ClosedError, ConcurrentUseError
from telefast.tasks import Chores, Crew, Pump, in_thread, outlive


async def turns(count: int = 20) -> None:
    """Let everything else run for a while."""
    for _ in range(count):
        await asyncio.sleep(0)


def others() -> set[asyncio.Task[Any]]:
    """Return all tasks but the one that asks."""
    current = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not current}


class Owner:
    """Whatever a pump belongs to."""


# Chores


async def test_chores_are_waited_for_or_cancelled() -> None:
    """`wait` sees all to their end, those that begin meanwhile too; `aclose` ends all at once."""
    chores, done, gate = Chores(), [], asyncio.Event()

    async def chore(name: str) -> None:
        await gate.wait()
        done.append(name)
        if name == "a":
            chores.start(chore, "b")

    chores.start(chore, "a")
    assert chores.running == 1
    waiting = asyncio.ensure_future(chores.wait())
    await turns()
    gate.set()
    await waiting
    assert (done, chores.running) == (["a", "b"], 0)
    gate.clear()
    chores.start(chore, "c")
    await turns()
    await chores.aclose()
    await chores.aclose()
    assert (done, others()) == (["a", "b"], set())


async def test_waiting_for_chores_ends_none() -> None:
    """Who is cancelled while waiting leaves them running."""
    chores, gate = Chores(), asyncio.Event()

    async def chore() -> None:
        await gate.wait()

    chores.start(chore)
    waiting = asyncio.ensure_future(chores.wait())
    await turns()
    waiting.cancel()
    await turns()
    assert chores.running == 1
    await chores.aclose()


# Crew


async def test_outcomes_come_in_order_of_completion() -> None:
    """Each call's result or error is a value, named by its key, first finished first."""
    gates = {key: asyncio.Event() for key in "abc"}

    async def call(key: str) -> str:
        await gates[key].wait()
        if key == "b":
            raise ValueError(key)
        return key.upper()

    async with Crew[str, str]() as crew:
        for key in gates:
            crew.start(key, call, key)
        assert crew.in_flight == 3
        assert crew.finished() is None
        seen = []
        for key in "cba":
            gates[key].set()
            await crew.wait()
            outcome = crew.finished()
            assert outcome is not None
            seen.append((outcome[0], outcome[1], type(outcome[2])))
        assert crew.in_flight == 0
        assert crew.finished() is None
    assert [("c", "C", type(None)), ("b", None, ValueError), ("a", "A", type(None))] == seen


async def test_a_finished_call_is_not_in_flight() -> None:
    """When `wait` returns, the call that woke it no longer counts as in flight."""

    async def call() -> int:
        return 1

    async with Crew[int, int]() as crew:
        crew.start(1, call)
        await crew.wait()
        assert crew.in_flight == 0
        assert crew.finished() == (1, 1, None)


async def test_an_error_leaves_siblings_alone() -> None:
    """One failed call cancels no other."""
    gate = asyncio.Event()

    async def fail() -> None:
        raise OSError("gone")

    async def succeed() -> str:
        await gate.wait()
        return "here"

    async with Crew[str, Any]() as crew:
        crew.start("bad", fail)
        crew.start("good", succeed)
        await crew.wait()
        outcome = crew.finished()
        assert outcome is not None
        assert isinstance(outcome[2], OSError)
        gate.set()
        await crew.wait()
        assert crew.finished() == ("good", "here", None)


async def test_leaving_a_crew_cancels_and_waits() -> None:
    """After the block, by error or not, no call runs, even one that never began."""
    cleaned = []

    async def call(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(number)

    async def work() -> None:
        async with Crew[int, None]() as crew:
            crew.start(1, call, 1)
            crew.start(2, call, 2)
            await turns()
            crew.start(3, call, 3)  # has no chance to begin
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert [1, 2] == sorted(cleaned)
    assert others() == set()


async def test_wake_ends_a_wait() -> None:
    """`wake` lets the owner look around although no call has finished; once for each wait."""
    crew: Crew[int, None] = Crew()
    crew.wake()
    await crew.wait()
    waiting = asyncio.create_task(crew.wait())
    await turns()
    assert not waiting.done()
    crew.wake()
    await waiting


# Pump


def produce_numbers(
    count: int, error: Exception | None = None
) -> Callable[[Pump[int]], Awaitable[None]]:
    """Return a producer of the numbers from 0, which then fails with *error* if there is one."""

    async def produce(pump: Pump[int]) -> None:
        for number in range(count):
            pump.put(number)
            await asyncio.sleep(0)
        if error is not None:
            raise error

    return produce


async def wait_for_ever(pump: Pump[int]) -> None:
    """Produce one number, then nothing."""
    pump.put(7)
    await asyncio.Event().wait()


async def drain(pump: Pump[int]) -> list[int]:
    """Take all that comes."""
    taken = []
    while (item := await pump.take()) is not None:
        taken.append(item)
    return taken


async def test_a_pump_delivers_in_order_and_ends() -> None:
    """All items arrive in order, then None, as often as one asks."""
    owner, pump = Owner(), Pump(produce_numbers(50))
    pump.start(owner)
    assert list(range(50)) == await drain(pump)
    assert await pump.take() is None
    await pump.aclose()
    assert others() == set()


async def test_an_error_follows_what_came_before_it() -> None:
    """The producer's own error reaches the consumer once, after all items, then comes the end."""
    owner, pump = Owner(), Pump(produce_numbers(3, ValueError("broken")))
    pump.start(owner)
    await turns()
    assert pump.buffered == 3
    assert [0, 1, 2] == [await pump.take() for _ in range(3)]
    with pytest.raises(ValueError, match="broken"):
        await pump.take()
    assert await pump.take() is None


async def test_an_error_reaches_a_consumer_that_waits() -> None:
    """A consumer that waits while the producer fails gets the error, not silence."""
    gate = asyncio.Event()

    async def produce(_: Pump[int]) -> None:
        await gate.wait()
        raise OSError("line")

    owner, pump = Owner(), Pump(produce)
    pump.start(owner)
    waiting = asyncio.create_task(pump.take())
    await turns()
    gate.set()
    with pytest.raises(OSError, match="line"):
        await waiting


async def test_taking_tells_that_there_is_room() -> None:
    """`on_room` is called once for each item taken, after `buffered` has fallen."""
    owner, pump = Owner(), Pump(produce_numbers(4))
    seen: list[int] = []
    pump.on_room = lambda: seen.append(pump.buffered)
    pump.start(owner)
    await turns()
    await drain(pump)
    assert [3, 2, 1, 0] == seen


async def test_cancelling_a_take_loses_nothing() -> None:
    """A consumer cancelled after any number of turns can go on where it was."""
    for count in range(60):
        owner, pump = Owner(), Pump(produce_numbers(20))
        pump.start(owner)
        taken: list[int] = []

        async def consume(pump: Pump[int] = pump, taken: list[int] = taken) -> None:
            while (item := await pump.take()) is not None:
                taken.append(item)

        consumer = asyncio.create_task(consume())
        await turns(count)
        consumer.cancel()
        await asyncio.wait({consumer})
        await consume()
        assert list(range(20)) == taken
        assert others() == set()


async def test_two_consumers_are_refused() -> None:
    """The second one that waits gets an error at once; the first is not disturbed."""
    gate = asyncio.Event()

    async def produce(pump: Pump[int]) -> None:
        await gate.wait()
        pump.put(1)

    owner, pump = Owner(), Pump(produce)
    pump.start(owner)
    first = asyncio.create_task(pump.take())
    await turns()
    with pytest.raises(ConcurrentUseError):
        await pump.take()
    gate.set()
    assert await first == 1


@pytest.mark.parametrize("taken", [0, 1])
async def test_closing_ends_the_producer(taken: int) -> None:
    """After `aclose` the producer has ended, items are gone, and a second call does nothing."""
    owner, pump = Owner(), Pump(wait_for_ever)
    pump.start(owner)
    for _ in range(taken):
        assert await pump.take() == 7
    await turns()
    await pump.aclose()
    assert pump.buffered == 0
    assert others() == set()
    await pump.aclose()


async def test_closing_before_the_start_is_fine() -> None:
    """A pump that never started has nothing to close."""
    pump: Pump[int] = Pump(wait_for_ever)
    await pump.aclose()
    assert others() == set()


async def test_closing_before_the_producer_begins() -> None:
    """A producer cancelled before its first step leaves no coroutine that was never awaited."""
    owner, pump = Owner(), Pump(wait_for_ever)
    pump.start(owner)
    await pump.aclose()
    assert pump.buffered == 0
    assert others() == set()


async def test_closing_tells_a_waiting_consumer() -> None:
    """Who waits while another closes gets `ClosedError`, and does not wait for ever."""
    owner, pump = Owner(), Pump(wait_for_ever)
    pump.start(owner)
    assert await pump.take() == 7
    waiting = asyncio.create_task(pump.take())
    await turns()
    await pump.aclose()
    with pytest.raises(ClosedError):
        await waiting


async def test_a_cancelled_close_still_waits() -> None:
    """`aclose` that is cancelled, even twice, passes that on only when the producer has ended."""
    ended = []

    async def produce(_: Pump[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    continue
            ended.append(True)

    for count in range(8):
        owner, pump = Owner(), Pump(produce)
        pump.start(owner)
        await turns()
        closing = asyncio.create_task(pump.aclose())
        await turns(count)
        is_late = closing.done()
        closing.cancel()
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait({closing})
        if count:  # else it was cancelled before its first step
            assert closing.cancelled() != is_late
            assert len(ended) == count
        else:
            await pump.aclose()
            ended.clear()
        assert others() == set()


async def test_a_forgotten_owner_ends_the_producer() -> None:
    """When the owner is garbage collected, its producer is cancelled."""
    owner, pump = Owner(), Pump(wait_for_ever)
    pump.start(owner)
    await turns()
    assert len(others()) == 1
    del owner
    gc.collect()
    await turns()
    assert others() == set()


def test_an_owner_that_outlives_its_loop_is_harmless() -> None:
    """Forgotten after its loop was closed, the owner has nothing to cancel and raises nothing."""

    async def begin() -> Owner:
        owner, pump = Owner(), Pump(produce_numbers(1))
        pump.start(owner)
        await drain(pump)
        return owner

    owner = asyncio.run(begin())
    del owner
    gc.collect()


# outlive


async def test_a_call_that_nobody_cancels() -> None:
    """Result and error are the call's own."""

    async def divide(divisor: int) -> float:
        await asyncio.sleep(0)
        return 1 / divisor

    assert await outlive(lambda: divide(2), grace=1) == 0.5
    with pytest.raises(ZeroDivisionError):
        await outlive(lambda: divide(0), grace=1)


@pytest.mark.parametrize("divisor", [1, 0])
async def test_a_call_outlives_its_caller(divisor: int) -> None:
    """However often the caller is cancelled, the call ends first; no error of it is lost."""
    gate = asyncio.Event()
    ended: list[int] = []

    async def work() -> float:
        await gate.wait()
        ended.append(1)
        return 1 / divisor

    task = asyncio.create_task(outlive(work, grace=1000))
    for _ in range(3):
        await turns()
        task.cancel()
    await turns()
    assert not task.done()
    gate.set()
    await asyncio.wait({task})
    assert task.cancelled()
    assert ended == [1]
    assert others() == set()
    del task
    gc.collect()


@pytest.mark.parametrize("grace", [0.0, 0.01])
async def test_a_call_does_not_outlive_its_grace(grace: float) -> None:
    """Then it is cancelled, and waited for, as well."""
    ended: list[int] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await turns()
            ended.append(1)

    task = asyncio.create_task(outlive(work, grace=grace))
    await turns()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert ended == [1]
    assert others() == set()


async def test_a_call_that_is_cancelled_itself() -> None:
    """As at the end of a loop, which cancels all: the caller hears of it."""
    task = asyncio.create_task(outlive(asyncio.Event().wait, grace=1))
    await turns()
    for other in others() - {task}:
        other.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


# in_thread


async def test_a_blocking_call_runs_beside_the_loop() -> None:
    """The loop goes on meanwhile; result and error are the call's own."""
    gate = threading.Event()

    def wait(answer: str) -> tuple[str, int]:
        assert gate.wait(10)
        return answer, threading.get_ident()

    call = asyncio.create_task(in_thread(wait, "done"))
    await turns()
    assert not call.done()
    gate.set()
    answer, thread = await call
    assert answer == "done"
    assert thread != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 1, 0)


@pytest.mark.parametrize("divisor", [1, 0])
async def test_a_cancelled_caller_waits_for_the_call(divisor: int) -> None:
    """However often it is cancelled, nothing of the call goes on after it, and no error is lost."""
    gate = threading.Event()
    ended: list[int] = []

    def work() -> float:
        assert gate.wait(10)
        ended.append(1)
        return 1 / divisor

    call = asyncio.create_task(in_thread(work))
    for _ in range(3):
        await turns()
        call.cancel()
    await turns()
    assert not call.done()
    gate.set()
    await asyncio.wait({call})
    assert call.cancelled()
    assert ended == [1]
    del call
    gc.collect()
