"""What a controller of downloads measures with: a rate over round trips, a limit that fades.

Sans-I/O: holds no clock; callers pass *now*, in seconds of one monotonic clock.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Ceiling", "Meter"]

LONGEST_REST: Final = 3600.0
"""Seconds after which a ceiling is tried at the latest: our choice."""
_SLACK: Final = 1e-6
"""Seconds by which sums of floats may differ."""


class Ceiling:
    """A number that has proved too high, for a time that doubles each time that it does."""

    def __init__(self) -> None:
        self.most = math.inf
        self._until = -math.inf
        self._times = 0

    def lower(self, most: float, rest: float, *, now: float) -> None:
        """Allow *most* at most, for *rest* seconds or longer, if it had to be lowered before."""
        self.most = most
        self._until = now + min(rest * 2.0**self._times, LONGEST_REST)
        self._times = min(self._times + 1, 16)

    def is_up(self, *, now: float) -> bool:
        """Return whether it holds."""
        return now < self._until

    def cut(self, number: float, *, now: float) -> float:
        """Return *number*, or what is allowed."""
        return min(number, self.most) if self.is_up(now=now) else number


class Meter:
    """Measure how much arrives, over whole round trips.

    A round trip ends with the first part that was asked for after its beginning: so parts that
    arrive in volleys count as often as the time between volleys.
    """

    def __init__(self) -> None:
        self._since = -math.inf
        self._begun: float | None = None
        self._round = 0.0
        self._bytes = self._parts = self._rounds = 0

    @property
    def has_begun(self) -> bool:
        """Whether anything that was asked for since the last `restart` has arrived."""
        return self._begun is not None

    def restart(self, *, now: float) -> None:
        """Measure only what is asked for from now on."""
        self._since = now
        self._begun = None

    def on_part(
        self, size: int, asked: float, *, now: float, parts: int, rounds: int
    ) -> float | None:
        """Count a part of *size* bytes that was asked for at a time.

        Returns:
            Bytes per second, once there are so many *parts* in so many *rounds*; else None.
        """
        if self._begun is None:
            if asked >= self._since - _SLACK:
                self._open(now)
            return None
        self._bytes += size
        self._parts += 1
        if asked >= self._round - _SLACK:
            self._rounds += 1
            self._round = now
        if self._parts < parts or self._rounds < rounds:
            return None
        rate = self._bytes / max(now - self._begun, _SLACK)
        self._open(now)
        return rate

    def _open(self, now: float) -> None:
        """Begin a measurement with the part that has just arrived, and does not count."""
        self._begun = self._round = now
        self._bytes = self._parts = self._rounds = 0
