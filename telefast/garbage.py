"""Fewer collections of garbage while many messages are read.

Python looks for reference cycles each time some hundreds of objects more were made than freed. A
page of messages is thousands of objects without a cycle, so most of these looks are in vain.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from telefast.checks import check_int

__all__ = ["relaxed_gc"]

_DEFAULT = 50_000
"""Our choice: what some 30 pages make is looked through at once."""


class _Thresholds:
    """What the blocks that have not ended want of the one garbage collector of the process."""

    def __init__(self) -> None:
        self._wanted: list[int] = []
        self._before: tuple[int, int, int] | None = None
        self._own = 0
        self._is_left_alone = False

    def begin(self, threshold: int) -> None:
        self._wanted.append(threshold)
        self._apply()

    def end(self, threshold: int) -> None:
        self._wanted.remove(threshold)
        self._apply()

    def _apply(self) -> None:
        if self._before is None:
            self._before = gc.get_threshold()
        elif gc.get_threshold() != (self._own, *self._before[1:]):
            self._is_left_alone = True
        before = self._before
        if not self._is_left_alone:
            self._own = max(before[0], *self._wanted, 0) if before[0] else 0
            gc.set_threshold(self._own, *before[1:])
        if not self._wanted:
            self._before, self._is_left_alone = None, False


_thresholds = _Thresholds()


@contextmanager
def relaxed_gc(threshold: int = _DEFAULT) -> Iterator[None]:
    """Let Python collect garbage less often for the time of a `with` block.

    Nothing else in telefast touches the garbage collector. It stays on and nothing is frozen: only
    the first number of `gc.get_threshold` is raised, for the whole process. Blocks may be nested,
    and overlap in several tasks: the highest threshold holds, and the one that was there before
    comes back when the last block has ended, by an error or a cancellation, too. If the program
    itself changes the thresholds meanwhile, they stay as it set them.

    Args:
        threshold: How many objects more must be made than freed before the youngest are looked
            through. More costs memory where the program makes reference cycles. A threshold that
            is higher already stays, as does 0, which means that there are no collections.

    Raises:
        ArgumentError: If *threshold* is no positive integer.
    """
    check_int("threshold", threshold, 1, None)
    _thresholds.begin(threshold)
    try:
        yield
    finally:
        _thresholds.end(threshold)
