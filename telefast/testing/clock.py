"""What time it is: for the embedded Telegram, and for those who test with a clock of their own.

Two questions, two answers. `Clock.time` is the *wall* clock: what a calendar shows, what Telegram
writes into dates, and what somebody may set forward or back. `Clock.monotonic` is for measuring
waits: it never goes back. Decisions get their `now` from one of them and never ask by themselves.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from telefast.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EPOCH", "Clock", "RealClock", "VirtualClock", "running_clock"]

EPOCH: Final = 1_800_000_000.0
"""When a virtual clock begins, in seconds since 1970: 2027-01-15 08:00:00 UTC. Chosen: a round
number; always the same, so that a run shows the same dates tomorrow."""


@runtime_checkable
class Clock(Protocol):
    """Tell the time."""

    def time(self) -> float:
        """Return the wall clock's time, in seconds since the epoch (1970, UTC)."""

    def monotonic(self) -> float:
        """Return the seconds since some moment; never less than before."""


class RealClock:
    """The clock of this machine."""

    def time(self) -> float:
        """Return the wall clock's time, in seconds since the epoch (1970, UTC)."""
        return time.time()

    def monotonic(self) -> float:
        """Return the seconds since some moment; never less than before."""
        return time.monotonic()


class VirtualClock:
    """A clock that goes with the time of an event loop, whatever that time is made of.

    Args:
        elapsed: The loop's `time`: seconds since some moment, never less than before.
        epoch: What the wall clock shows when *elapsed* is 0, in seconds since 1970. Default
            `EPOCH`, the same for every run.

    Attributes:
        moved: Seconds by which `move` set the wall clock forward so far (back, if below 0).

    Raises:
        ArgumentError: If *epoch* is no finite number.

    Example:
        >>> clock = VirtualClock(lambda: 30.0, epoch=1_000.0)
        >>> clock.time(), clock.monotonic()
        (1030.0, 30.0)
        >>> clock.move(-3600)
        >>> clock.time(), clock.monotonic()
        (-2570.0, 30.0)
    """

    def __init__(self, elapsed: Callable[[], float], *, epoch: float = EPOCH) -> None:
        if not math.isfinite(epoch):
            raise ArgumentError("epoch", epoch, "seconds since 1970, a finite number")
        self.moved = 0.0
        self._elapsed = elapsed
        self._epoch = epoch

    def __repr__(self) -> str:
        """Show both clocks."""
        return f"<VirtualClock time={self.time():.3f} monotonic={self.monotonic():.3f}>"

    def time(self) -> float:
        """Return the wall clock's time, in seconds since the epoch (1970, UTC)."""
        return self._epoch + self.moved + self._elapsed()

    def monotonic(self) -> float:
        """Return the loop's time; `move` leaves it alone."""
        return self._elapsed()

    def move(self, seconds: float) -> None:
        """Set the wall clock forward (or back, if *seconds* is below 0); no timer notices.

        Raises:
            ArgumentError: If *seconds* is no finite number.
        """
        if not math.isfinite(seconds):
            raise ArgumentError("seconds", seconds, "a finite number")
        self.moved += seconds


def running_clock() -> Clock:
    """Return the clock of the running event loop if it has one, else that of this machine.

    A loop has one if its attribute `clock` is a `Clock`, as `VirtualLoop`'s is.
    """
    try:
        clock = getattr(asyncio.get_running_loop(), "clock", None)
    except RuntimeError:  # no loop runs
        clock = None
    return clock if isinstance(clock, Clock) else RealClock()
