"""The row in which calls wait: first come, first served; cancelled ones leave no trace."""

from __future__ import annotations

import asyncio

import pytest

from telefast.testing import run_virtual
from telefast.transport.gate import Gate
from telefast.transport.pacing import FloodPacer

KIND = "history"


def nothing(now: float, start: float) -> bool:
    """Look at nothing."""
    return False


async def turns() -> None:
    """Let everything else run for a while."""
    for _ in range(10):
        await asyncio.sleep(0)


class Row:
    """Callers of one gate, and the order in which they started."""

    def __init__(self) -> None:
        self.pacer = FloodPacer()
        self.gate = Gate(self.pacer)
        self.started: list[tuple[str, float]] = []
        self.numbers: dict[str, int] = {}

    def enter(self, name: str, *, spacing: float = 0.0) -> asyncio.Task[None]:
        """Let somebody join the row."""

        async def call() -> None:
            self.numbers[name] = await self.gate.enter(KIND, nothing, spacing=spacing)
            self.started.append((name, asyncio.get_running_loop().time()))

        return asyncio.create_task(call())

    def hold(self, seconds: float) -> None:
        """Let a flood come now."""
        now = asyncio.get_running_loop().time()
        number = self.pacer.on_sent(KIND, now=now)
        self.gate.on_flood(KIND, number, seconds, now=now)


def test_first_come_first_served() -> None:
    """A spaced caller is not passed by those behind it who need no spacing."""

    async def main() -> list[tuple[str, float]]:
        row = Row()
        tasks = [row.enter(name, spacing=5.0) for name in "ab"] + [row.enter("c")]
        await asyncio.wait(tasks)
        return row.started

    assert [("a", 0.0), ("b", 5.0), ("c", 5.0)] == run_virtual(main)


def test_released_one_first_then_in_steps() -> None:
    """After a wait one goes; its answer lets two go, theirs four."""

    async def main() -> list[int]:
        row = Row()
        row.hold(60.0)
        tasks = [row.enter(str(i)) for i in range(10)]
        await asyncio.sleep(59.9)
        seen = [len(row.started)]
        await asyncio.sleep(0.2)
        answered = 0
        while len(row.started) < 10:
            seen.append(len(row.started))
            for name, _ in row.started[answered : seen[-1]]:
                row.gate.on_reply(KIND, row.numbers[name])
            answered = seen[-1]
            await turns()
        await asyncio.wait(tasks)
        assert [str(i) for i in range(10)] == [name for name, _ in row.started]
        return seen

    assert [0, 1, 3, 7] == run_virtual(main)


@pytest.mark.parametrize("who", [0, 1])
def test_cancelled_in_the_row(who: int) -> None:
    """The first, asleep, or one behind it: the others start as if it had never come."""

    async def main() -> list[tuple[str, float]]:
        row = Row()
        row.hold(60.0)
        tasks = [row.enter(name) for name in "abc"]
        await asyncio.sleep(30)
        tasks[who].cancel()
        await asyncio.sleep(31)
        for name, _ in row.started:
            row.gate.on_lost(KIND, row.numbers[name])
        await asyncio.wait(tasks)
        return row.started

    expected = [name for index, name in enumerate("abc") if index != who]
    assert [(expected[0], 60.0), (expected[1], 61.0)] == run_virtual(main)


def test_a_lost_answer_lets_the_next_one_go() -> None:
    """Nobody waits for ever behind a request that was given up."""

    async def main() -> float:
        row = Row()
        row.hold(10.0)
        first, second = row.enter("a"), row.enter("b")
        await first
        await asyncio.sleep(5)
        assert not second.done()
        row.gate.on_lost(KIND, row.numbers["a"])
        await second
        return asyncio.get_running_loop().time()

    assert 15.0 == run_virtual(main)


def test_news_of_a_flood_reaches_the_whole_row() -> None:
    """Each looks for itself whether the wait is too long for it."""

    async def main() -> list[str]:
        row = Row()
        row.hold(10.0)
        failed = []

        async def impatient(name: str) -> None:
            def look(now: float, start: float) -> bool:
                if row.pacer.held_until(KIND) - now > 100:
                    failed.append(name)
                    raise TimeoutError
                return False

            with pytest.raises(TimeoutError):
                await row.gate.enter(KIND, look)

        first = row.enter("a")
        waiting = [asyncio.create_task(impatient(name)) for name in "bc"]
        await first
        now = asyncio.get_running_loop().time()
        row.gate.on_flood(KIND, row.numbers["a"], 1000.0, now=now)
        await asyncio.wait(waiting)
        assert 10.0 == asyncio.get_running_loop().time()
        return failed

    assert ["b", "c"] == run_virtual(main)
