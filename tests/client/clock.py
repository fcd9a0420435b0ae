"""A clock that only moves when a test turns it: waits of minutes, tested in no time.

It stands in for `time` and for the waiting functions of `asyncio` in `telefast.transport`'s
`calls` and `gate`, and in `telefast.history.lanes`, and nowhere else: Telethon and the embedded
Telegram keep the real one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import pytest

from telefast.history import lanes
from telefast.testing import Call, NeverAnswer
from telefast.transport import calls, gate


class Clock:
    """Time for flood waits, pauses and deadlines.

    Args:
        is_automatic: Whether a pause or flood wait turns the clock by itself. Deadlines never do.
    """

    def __init__(self, *, is_automatic: bool = False) -> None:
        self.is_automatic = is_automatic
        self.passed = 0.0
        self.slept: list[float] = []
        self._began = time.time()
        self._alarms: list[tuple[float, asyncio.Future[None]]] = []

    def turn(self, seconds: float) -> None:
        """Let time pass, and ring what is due by then."""
        self.passed += seconds
        for due, alarm in self._alarms:
            if due <= self.passed and not alarm.done():
                alarm.set_result(None)

    @property
    def waiting(self) -> int:
        """How many pauses and deadlines are pending."""
        return sum(not alarm.done() for _, alarm in self._alarms)

    # As `time` and `asyncio`

    def monotonic(self) -> float:
        """Return the time since some moment."""
        return self.passed

    def time(self) -> float:
        """Return the time since the epoch."""
        return self._began + self.passed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was turned far enough."""
        self.slept.append(seconds)
        if self.is_automatic:
            self.passed = max(self.passed, self.passed + seconds)
            await asyncio.sleep(0)
            return
        alarm = self._set(seconds)
        try:
            await alarm[1]
        finally:
            self._alarms.remove(alarm)

    async def wait(
        self,
        futures: Iterable[asyncio.Future[Any]],
        *,
        timeout: float | None,
        return_when: str,
    ) -> tuple[set[asyncio.Future[Any]], set[asyncio.Future[Any]]]:
        """Wait for the first of *futures*, or until the clock was turned by *timeout*."""
        assert return_when == asyncio.FIRST_COMPLETED
        if timeout is None:
            return await asyncio.wait(futures, return_when=return_when)
        asked = set(futures)
        alarm = self._set(timeout)
        try:
            done, _ = await asyncio.wait({*asked, alarm[1]}, return_when=return_when)
        finally:
            self._alarms.remove(alarm)
            alarm[1].cancel()
        return done & asked, asked - done

    def _set(self, seconds: float) -> tuple[float, asyncio.Future[None]]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._alarms.append((self.passed + seconds, future))
        return self._alarms[-1]


class _Loop:
    """The running loop with a clock's time."""

    def __init__(self, clock: Clock) -> None:
        self.time = clock.monotonic

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio.get_running_loop(), name)


class _Asyncio:
    """The asyncio module with a clock's way to wait."""

    def __init__(self, clock: Clock) -> None:
        self.sleep = clock.sleep
        self.wait = clock.wait
        self.get_running_loop = lambda: _Loop(clock)

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)


def put_in_force(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let calls go by *clock* until the end of the test."""
    monkeypatch.setattr(calls, "time", clock)
    for module in (calls, gate, lanes):
        monkeypatch.setattr(module, "asyncio", _Asyncio(clock))
    return clock


class Silence(NeverAnswer):
    """Never answer certain calls, and turn the clock past the deadline whenever that happens."""

    def __init__(self, clock: Clock, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.clock = clock

    async def reply(self, call: Call) -> bool:
        """Return False if the call is due."""
        is_answered = await super().reply(call)
        if not is_answered:
            self.clock.turn(60)
        return is_answered


async def turns(count: int = 200) -> None:
    """Let the loop run that often: more than any exchange on the loopback takes."""
    for _ in range(count):
        await asyncio.sleep(0)
