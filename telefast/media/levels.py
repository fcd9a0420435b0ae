"""How much is asked for at once: a level, the moves from one to another, and what bounds them.

Sans-I/O: holds no clock; callers pass *now*, in seconds of one monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from telefast.media.measure import Ceiling

__all__ = ["Bounds", "Level", "Move"]

FEWEST: Final = 8
"""Parts in flight at least, if they may be as small: our choice, lest a lost one stop all."""
FIRST_PAUSE: Final = 8
LAST_PAUSE: Final = 128
"""Measurements until a move in vain is tried again; their number doubles each time. Our choice."""


@dataclass(frozen=True, slots=True)
class Level:
    """How much is asked for at once.

    Attributes:
        in_flight: Bytes.
        connections: Over how many connections.
        largest: Bytes of one part at most.
    """

    in_flight: int
    connections: int
    largest: int


@dataclass(slots=True)
class Move:
    """Something to try, by which bytes, connections and parts are multiplied.

    Attributes:
        due: When to try it next, counted in measurements.
        is_saving: Whether it is worth keeping if hardly anything is lost by it.
    """

    in_flight: float
    connections: float
    part: float
    due: int = 0
    is_saving: bool = False
    _pause: int = FIRST_PAUSE

    def rest(self, count: int) -> None:
        """Leave it alone, twice as long as the last time."""
        self.due = count + self._pause
        self._pause = min(2 * self._pause, LAST_PAUSE)

    def wake(self, count: int) -> None:
        """Try it soon."""
        self.due = count
        self._pause = FIRST_PAUSE


class Bounds:
    """What a level may be.

    Args:
        sizes: The part sizes to choose from, ascending.
        most: What must not be exceeded.

    Attributes:
        in_flight: Where bytes in flight have proved too many.
        connections: Where connections have.
    """

    def __init__(self, sizes: Sequence[int], most: Level) -> None:
        self.in_flight = Ceiling()
        self.connections = Ceiling()
        self._sizes = sizes
        self._most = most

    @property
    def smallest(self) -> int:
        """The smallest part, in bytes."""
        return self._sizes[0]

    def part_size(self, level: Level) -> int:
        """Return the size of a part: one for each connection, and `FEWEST`, are in flight."""
        most = min(level.largest, level.in_flight // max(level.connections, FEWEST))
        return max((size for size in self._sizes if size <= most), default=self.smallest)

    def legal(self, level: Level, *, now: float, useful: float = math.inf) -> Level:
        """Return what may be of a level, no more bytes in flight than are *useful*."""
        most = min(float(self._most.in_flight), useful)
        in_flight = max(self.smallest, int(self.in_flight.cut(min(level.in_flight, most), now=now)))
        connections = min(
            int(self.connections.cut(level.connections, now=now)),
            self._most.connections,
            in_flight // self.smallest,
        )
        largest = max(self.smallest, min(level.largest, self._most.largest))
        return Level(in_flight, max(1, connections), largest)

    def moved(self, level: Level, move: Move, *, now: float, useful: float, most: float) -> Level:
        """Return where a move leads: to *most* times the bytes in flight at most."""
        largest = level.largest
        if move.part > 1:
            largest *= 2
        elif move.part < 1:
            largest = self.part_size(level) // 2
        target = Level(
            int(level.in_flight * min(move.in_flight, most)),
            int(level.connections * move.connections),
            largest,
        )
        return self.legal(target, now=now, useful=useful)
