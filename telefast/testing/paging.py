"""Which messages a history page holds: Telegram's offset arithmetic, and nothing else.

The list is newest first. A page begins at `position(offset_id) + add_offset`, where
`position(offset_id)` counts the entries from the top of the list down to *offset_id*, that one
included. *min_id* and *max_id* only shrink the page that was cut; they never move it.
Source: https://core.telegram.org/api/offsets
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyroaring import BitMap

__all__ = [
    "DEFAULT_LIMIT",
    "IDS_CAP",
    "PAGE_CAP",
    "hash_of",
    "id_at_date",
    "position",
    "slice_ids",
]

PAGE_CAP = 100
"""Most messages on one history page; a larger limit is no error (TDLib: "server-side limit")."""

DEFAULT_LIMIT = 20
"""What a limit of 0 means (https://core.telegram.org/api/offsets: "often means ~20")."""

IDS_CAP = 200
"""Most ids in one getMessages request (TDLib `MessagesManager.cpp`); those beyond are left out."""


def position(ids: BitMap, offset_id: int) -> int:
    """Count the entries from the top of the list down to *offset_id*, inclusive.

    The id need not exist: its place is where it would be. 0 or less means the top of the list.

    Example:
        >>> from pyroaring import BitMap
        >>> position(BitMap([1, 2, 5, 9]), 5)
        2
    """
    if offset_id <= 0:
        return 0
    return len(ids) - ids.rank(offset_id - 1)


def slice_ids(
    ids: BitMap,
    *,
    offset_id: int = 0,
    add_offset: int = 0,
    limit: int = PAGE_CAP,
    max_id: int = 0,
    min_id: int = 0,
    shift: bool = False,
) -> list[int]:
    """Cut one page out of the list.

    A page that would begin above the top is clipped: it shrinks, and is not moved to older ids.

    Args:
        ids: All ids of the list.
        offset_id: Where the page begins; 0 means the newest.
        add_offset: Entries by which the beginning is moved, positive to older ones.
        limit: Entries on the page, at most `PAGE_CAP`; 0 or less means `DEFAULT_LIMIT`.
        max_id: Only ids below it stay; 0 means all.
        min_id: Only ids above it stay; 0 means all.
        shift: Whether a page that would begin above the top is moved to it instead.

    Returns:
        Ids, newest first.

    Example:
        >>> from pyroaring import BitMap
        >>> slice_ids(BitMap(range(1, 11)), offset_id=5, add_offset=-2, limit=2)
        [6, 5]
    """
    total = len(ids)
    size = min(limit, PAGE_CAP) if limit > 0 else DEFAULT_LIMIT
    start = position(ids, offset_id) + add_offset
    newest = max(start, 0)
    oldest = min((newest if shift else start) + size, total)
    if newest >= oldest:
        return []
    page = list(ids[total - oldest : total - newest])
    page.reverse()
    if max_id > 0 or min_id > 0:
        page = [id_ for id_ in page if id_ > min_id and (max_id <= 0 or id_ < max_id)]
    return page


def id_at_date(ids: BitMap, offset_date: float, date_of: Callable[[int], float]) -> int:
    """Return the *offset_id* at which only messages sent before *offset_date* follow.

    Args:
        ids: All ids of the list.
        offset_date: Seconds since the epoch.
        date_of: Date of a message in seconds since the epoch; never falls with the id.

    Returns:
        The oldest id that was sent at or after *offset_date*, or 0 if all were sent before it.
    """
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        if date_of(ids[middle]) < offset_date:
            low = middle + 1
        else:
            high = middle
    return ids[low] if low < len(ids) else 0


def hash_of(ids: Iterable[int]) -> int:
    """Return the hash of a list of ids, as clients send it back to learn of changes.

    All arithmetic is modulo 2**64; the result is a signed TL long
    (https://core.telegram.org/api/offsets#hash-generation).

    Example:
        >>> hash_of([]), hash_of([5]), hash_of([5, 3])
        (0, 5, 182536110088)
    """
    mask = 2**64 - 1
    value = 0
    for id_ in ids:
        value ^= value >> 21
        value ^= value << 35 & mask
        value ^= value >> 4
        value = value + id_ & mask
    return value - 2**64 if value >> 63 else value
