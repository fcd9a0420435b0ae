"""Which log records to let through, so that a run with many problems stays readable and cheap."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field

from telefast.errors import ArgumentError

__all__ = ["MOST_PER_SECOND", "Held", "RateLimiter", "template"]

MOST_PER_SECOND = 100
"""Records a second above which only warnings pass (with *adaptive*). Our choice: at the 10 to 20 µs
that a record costs, 0.2 % of a core; and nobody reads more."""
_NUMBERS = re.compile(r"\d+")


def template(message: object) -> str:
    """Return what messages of one kind have in common: the format, with `#` for numbers in it.

    Example:
        >>> template("media failed id=%d"), template(f"media failed id={7}")
        ('media failed id=%d', 'media failed id=#')
    """
    return _NUMBERS.sub("#", str(message))


@dataclass(frozen=True, slots=True)
class Held:
    """Records of one kind that were held back.

    Attributes:
        key: Which kind; "" for those of several that were forgotten.
        level: The highest level among them.
        count: How many.
    """

    key: str
    level: int
    count: int


@dataclass(slots=True)
class _Kind:
    begun: float
    admitted: int = 0
    held: int = 0
    level: int = 0
    told: float = field(default=float("-inf"))


class RateLimiter:
    """Let a burst of each kind of record through in each interval; count the others.

    Errors always pass. Sans-I/O: holds no clock; callers pass *now*, in seconds of one monotonic
    clock. Not safe for use from several threads.

    Args:
        interval: Seconds for which a burst counts; 0 lets everything through.
        burst: Records of one kind that pass in an interval.
        adaptive: Whether only warnings pass while more than `MOST_PER_SECOND` come.
        max_keys: Kinds that are remembered; the oldest goes first.

    Raises:
        ArgumentError: If an argument has no legal value.

    Example:
        >>> limiter = RateLimiter(interval=60, burst=1)
        >>> [limiter.admit("flood", now=now) for now in (0.0, 1.0, 59.0, 60.0)]
        [0, None, None, 2]
    """

    def __init__(
        self,
        interval: float = 5.0,
        burst: int = 10,
        *,
        adaptive: bool = True,
        max_keys: int = 1000,
    ) -> None:
        if isinstance(interval, bool) or not 0 <= interval < float("inf"):
            raise ArgumentError("interval", interval, "a number of seconds from 0 up")
        for name, value in (("burst", burst), ("max_keys", max_keys)):
            if type(value) is not int or value < 1:
                raise ArgumentError(name, value, "an integer from 1 up")
        self._interval = interval
        self._burst = burst
        self._is_adaptive = bool(adaptive)
        self._max_keys = max_keys
        self._kinds: dict[str, _Kind] = {}
        self._forgotten = _Kind(0.0)
        self._second = float("-inf")
        self._offered = 0
        self._is_busy = False

    def admit(self, key: str, level: int = logging.WARNING, *, now: float) -> int | None:
        """Decide on one record.

        Returns:
            None to hold it back; else how many of this *key* were held back since the last one.
        """
        if level >= logging.ERROR or not self._interval:
            return 0
        is_busy = self._measure(now)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._remember(key, now)
        if not 0 <= now - kind.begun < self._interval:
            kind.begun, kind.admitted = now, 0
        if kind.admitted >= self._burst or (is_busy and level < logging.WARNING):
            kind.held += 1
            kind.level = max(kind.level, level)
            return None
        kind.admitted += 1
        held, kind.held, kind.level = kind.held, 0, 0
        return held

    def due(self, *, now: float, everything: bool = False) -> list[Held]:
        """Return what was held back and is to be told now; it counts as told.

        Each kind is told of at most once in an interval, however often this is asked.

        Args:
            now: The time.
            everything: Whether to tell all there is.
        """
        found = []
        for key, kind in (*self._kinds.items(), ("", self._forgotten)):
            if kind.held and (everything or now - kind.told >= self._interval):
                found.append(Held(key, kind.level, kind.held))
                kind.told, kind.held, kind.level = now, 0, 0
        return found

    def _measure(self, now: float) -> bool:
        """Count a record; return whether too many come."""
        passed = now - self._second
        if not 0 <= passed < 1:
            self._is_busy = self._offered > MOST_PER_SECOND * max(passed, 1)
            self._second, self._offered = now, 0
        self._offered += 1
        return self._is_adaptive and (self._is_busy or self._offered > MOST_PER_SECOND)

    def _remember(self, key: str, now: float) -> _Kind:
        if len(self._kinds) >= self._max_keys:
            gone = self._kinds.pop(next(iter(self._kinds)))
            self._forgotten.held += gone.held
            self._forgotten.level = max(self._forgotten.level, gone.level)
        kind = self._kinds[key] = _Kind(now)
        return kind
