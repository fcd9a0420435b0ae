"""`Lineup`: which file of a queue begins next, and when one that failed is tried again.

Pure: holds no clock; callers pass *now*, in seconds of one monotonic clock. A file is known by its
number. It waits, runs, or rests after a failure, and is pending as long as it does any of these, so
that "nothing is pending" is exact: there is no moment at which a file that will be tried again
counts nowhere.

Each data centre has places of its own: files of one that makes us wait keep none of another back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

__all__ = ["Lineup"]

_LONGEST_REST: Final = 60.0
"""Seconds between two tries at most: our choice."""


@dataclass(slots=True)
class _Place:
    """A file that is pending."""

    number: int
    dc_id: int
    priority: int
    order: int
    failures: int = 0


@dataclass(slots=True)
class _Centre:
    """The files of one data centre: those that wait, best first, and how many run."""

    waiting: list[tuple[int, int, int]] = field(default_factory=list)
    running: int = 0


class Lineup:
    """Decide which file begins next.

    Args:
        places: Files that run at once, for each data centre.
        max_tries: How often a file is tried in all.
        delay: Seconds between the first failure and the second try; twice as long after each
            further one.

    Example:
        >>> line = Lineup(places=1, max_tries=2, delay=5.0)
        >>> line.add(1, dc_id=2), line.add(2, dc_id=2, priority=1)
        (True, True)
        >>> line.next_start(now=0.0), line.next_start(now=0.0)
        (2, None)
        >>> line.on_failed(2, may_retry=True, now=0.0)
        True
        >>> line.next_start(now=0.0), line.pending, line.next_time()
        (1, 2, 5.0)
    """

    def __init__(self, *, places: int, max_tries: int, delay: float) -> None:
        self._places = places
        self._max_tries = max_tries
        self._delay = delay
        self._pending: dict[int, _Place] = {}
        self._running: set[int] = set()
        self._resting: list[tuple[float, int]] = []
        self._centres: dict[int, _Centre] = {}
        self._order = 0
        self.is_paused = False
        """Whether none begins for now."""

    @property
    def pending(self) -> int:
        """Files that wait, run or rest."""
        return len(self._pending)

    @property
    def running(self) -> int:
        """Files that have begun and not ended."""
        return len(self._running)

    @property
    def resting(self) -> int:
        """Files that have failed and will be tried again."""
        return len(self._resting)

    def add(self, number: int, *, dc_id: int, priority: int = 0) -> bool:
        """Let a file wait for its turn; of equal priority, the first comes first.

        Returns:
            Whether it is new. A pending one gets the higher of its priorities.
        """
        place = self._pending.get(number)
        if place is None:
            self._order += 1
            place = self._pending[number] = _Place(number, dc_id, priority, self._order)
            self._wait(place)
            return True
        if priority > place.priority:
            place.priority = priority
            if number not in self._running and all(number != each for _, each in self._resting):
                self._wait(place)  # the entry of before is passed over
        return False

    def next_start(self, *, now: float) -> int | None:
        """Begin a file, and return it; None if none may begin now."""
        while self._resting and self._resting[0][0] <= now:
            self._wait(self._pending[heappop(self._resting)[1]])
        if self.is_paused:
            return None
        best: tuple[int, int, int] | None = None
        for centre in self._centres.values():
            first = self._first(centre)
            if first is not None and centre.running < self._places and (not best or first < best):
                best = first
        if best is None:
            return None
        number = best[2]
        centre = self._centres[self._pending[number].dc_id]
        heappop(centre.waiting)
        centre.running += 1
        self._running.add(number)
        return number

    def next_time(self) -> float | None:
        """Return when the next file has rested; None if none rests."""
        return self._resting[0][0] if self._resting else None

    def on_ended(self, number: int) -> None:
        """Report that a file which ran is done, or was skipped."""
        self._stop(self._pending.pop(number))

    def has_tries(self, number: int) -> bool:
        """Whether a file that runs could be tried again if it failed."""
        return self._pending[number].failures + 1 < self._max_tries

    def on_failed(self, number: int, *, may_retry: bool, now: float) -> bool:
        """Report that a file which ran has failed.

        Returns:
            Whether it will be tried again; if not, it is pending no more.
        """
        place = self._pending[number]
        self._stop(place)
        may_retry = may_retry and self.has_tries(number)
        place.failures += 1
        if not may_retry:
            del self._pending[number]
            return False
        rest = min(self._delay * 2.0 ** (place.failures - 1), _LONGEST_REST)
        heappush(self._resting, (now + rest, number))
        return True

    def drop(self, number: int) -> bool:
        """Take a file out that does not run; False if it runs, or is not pending."""
        if number in self._running or self._pending.pop(number, None) is None:
            return False
        self._resting = sorted(each for each in self._resting if each[1] != number)
        return True

    def _wait(self, place: _Place) -> None:
        centre = self._centres.setdefault(place.dc_id, _Centre())
        heappush(centre.waiting, (-place.priority, place.order, place.number))

    def _stop(self, place: _Place) -> None:
        self._running.discard(place.number)
        self._centres[place.dc_id].running -= 1

    def _first(self, centre: _Centre) -> tuple[int, int, int] | None:
        """Return the first that waits, past those that were dropped or moved up since."""
        while centre.waiting:
            first = centre.waiting[0]
            place = self._pending.get(first[2])
            if place is not None and (-place.priority, place.order) == first[:2]:
                return first
            heappop(centre.waiting)
        return None
