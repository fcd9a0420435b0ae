"""`SingleFlight`: who wants the same thing at the same time shares one call."""

from __future__ import annotations

import asyncio

import pytest

from telefast.tasks import SingleFlight


class Line:
    """A call that ends when told, and counts how often it was made."""

    def __init__(self) -> None:
        self.calls = 0
        self.open = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, value: int) -> int:
        self.calls += 1
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return value * 2


async def started(*calls: asyncio.Task[int]) -> None:
    """Let tasks come to their first wait."""
    for _ in calls:
        await asyncio.sleep(0)


async def test_concurrent_callers_share_one_call() -> None:
    """One call for ten who want the same; another key is another call; nothing is kept."""
    flight: SingleFlight[str, int] = SingleFlight()
    line = Line()
    tasks = [asyncio.create_task(flight.run("a", line, 4)) for _ in range(10)]
    tasks.append(asyncio.create_task(flight.run("b", line, 5)))
    await started(*tasks)
    line.open.set()
    assert [8] * 10 + [10] == [await task for task in tasks]
    assert 2 == line.calls
    assert 8 == await flight.run("a", line, 4)
    assert 3 == line.calls


async def test_an_error_reaches_all_and_is_not_kept() -> None:
    """All who wait get the error; who asks later starts anew."""
    flight: SingleFlight[str, int] = SingleFlight()
    line = Line()
    line.error = ValueError("no")
    tasks = [asyncio.create_task(flight.run("a", line, 4)) for _ in range(3)]
    await started(*tasks)
    line.open.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [line.error] * 3 == found
    line.error = None
    assert (8, 2) == (await flight.run("a", line, 4), line.calls)


async def test_the_cancelled_leader_takes_nobody_along() -> None:
    """If who makes the call is cancelled, one of the others makes it anew."""
    flight: SingleFlight[str, int] = SingleFlight()
    line = Line()
    leader, *others = [asyncio.create_task(flight.run("a", line, 4)) for _ in range(3)]
    await started(leader, *others)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    await started(*others)
    others[0].cancel()  # the new leader, or one who waits
    line.open.set()
    assert 8 == await others[1]
    assert line.calls in (2, 3)
    with pytest.raises(asyncio.CancelledError):
        await others[0]
