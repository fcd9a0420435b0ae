"""Ranges of ids that a long topic is cut into."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["positions_of", "ranges_of"]


def positions_of(count: int, size: int) -> list[int]:
    """Return where to cut a list of *count* messages into parts of *size*, as positions in it."""
    return [*range(size, count, size)]


def ranges_of(cuts: Iterable[int]) -> list[tuple[int, int]]:
    """Return (min_id, max_id) of each part, both exclusive, oldest first.

    Every id is in one of them, whatever the cuts are; the last one is open, for what is posted
    meanwhile.

    Args:
        cuts: Ids, each the last of its part, in any order.

    Example:
        >>> ranges_of([50, 20])
        [(0, 21), (20, 51), (50, 0)]
    """
    found = sorted(set(cuts))
    return [
        (low, high + 1 if high else 0) for low, high in zip([0, *found], [*found, 0], strict=True)
    ]
