"""Sets of bytes of a file: sorted ranges that neither touch nor overlap."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

__all__ = ["Ranges"]


class Ranges:
    """A set of byte positions, as `[start, end)` ranges.

    Args:
        ranges: What is in it at first; in any order, they may overlap.

    Example:
        >>> ranges = Ranges([(0, 4), (8, 12)])
        >>> ranges.add(4, 8)
        >>> list(ranges), len(ranges)
        ([(0, 12)], 12)
        >>> ranges.remove(2, 3)
        >>> list(ranges)
        [(0, 2), (3, 12)]
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._length = 0
        for start, end in ranges:
            self.add(start, end)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def __len__(self) -> int:
        """Return how many bytes are in it."""
        return self._length

    def __bool__(self) -> bool:
        return bool(self._starts)

    def first(self) -> tuple[int, int] | None:
        """Return the first range, None if it is empty."""
        return (self._starts[0], self._ends[0]) if self._starts else None

    def has(self, start: int, end: int) -> bool:
        """Return whether all of `[start, end)` is in it."""
        index = bisect_right(self._starts, start) - 1
        return start >= end or (index >= 0 and end <= self._ends[index])

    def add(self, start: int, end: int) -> None:
        """Put `[start, end)` into it."""
        if start >= end:
            return
        low, high = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if low < high:  # it touches these
            start, end = min(start, self._starts[low]), max(end, self._ends[high - 1])
        self._replace(low, high, [(start, end)])

    def remove(self, start: int, end: int) -> None:
        """Take `[start, end)` out of it, as far as it is there."""
        if start >= end:
            return
        low, high = bisect_right(self._ends, start), bisect_left(self._starts, end)
        if low >= high:
            return
        sides = ((self._starts[low], start), (end, self._ends[high - 1]))
        self._replace(low, high, [side for side in sides if side[0] < side[1]])

    def _replace(self, low: int, high: int, ranges: list[tuple[int, int]]) -> None:
        old = sum(self._ends[low:high]) - sum(self._starts[low:high])
        self._starts[low:high] = [start for start, _ in ranges]
        self._ends[low:high] = [end for _, end in ranges]
        self._length += sum(end - start for start, end in ranges) - old
