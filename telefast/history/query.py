"""The arguments of `iter_messages`, checked, and what they mean.

Theory: a chat is a list of ids, newest first. A query keeps the ids with `min_id < id < max_id`,
finds the position of `offset_id` among them, shifts it once by `add_offset` (positive means older,
in both directions; clamped to the list), walks from there, and stops at `limit`. Telethon's
iterator differs, and is wrong, where `add_offset` meets several pages or `reverse`, where it is
negative, and where both `max_id` and `offset_id` are given forward: it begins below the larger one.

`offset_date` counts only where no id says where to begin (`offset_id`, or `max_id` forward and
`min_id` in reverse), as in Telegram and Telethon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from telefast.checks import check_int
from telefast.errors import ArgumentError

__all__ = ["MAX_ID", "Query"]

MAX_ID = 2**31 - 1
"""Message ids are 32-bit signed integers in the API."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, in ids.

    Attributes:
        limit: Most messages to deliver, None for all.
        min_id: Only ids above it.
        max_id: Only ids below it; 0 for no bound.
        offset_id: Begin below it (above it in reverse); 0 for the list's start.
        add_offset: Shift the beginning by this many messages, positive towards older ones.
        offset_date: Begin before it (at or after it in reverse), seconds since the epoch; 0 is
            before every message, None says that it does not count.
        reverse: Oldest first.
        ids: These ids instead of a range, in this order.
    """

    limit: int | None = None
    min_id: int = 0
    max_id: int = 0
    offset_id: int = 0
    add_offset: int = 0
    offset_date: int | None = None
    reverse: bool = False
    ids: tuple[int, ...] | None = field(default=None, repr=False)

    @property
    def is_part(self) -> bool:
        """Whether bounds or offsets take a part of unknown size out of the list."""
        numbers = (self.min_id, self.max_id, self.offset_id, self.add_offset)
        return any(numbers) or self.offset_date is not None

    @classmethod
    def build(
        cls,
        *,
        limit: int | None,
        min_id: int,
        max_id: int,
        offset_id: int,
        add_offset: int,
        offset_date: datetime | date | float | None,
        reverse: bool,
        ids: tuple[int, ...] | None,
    ) -> Query:
        """Check the arguments and return the query.

        Raises:
            ArgumentError: If one has no legal value; names it and the legal values.
        """
        if limit is not None:
            check_int("limit", limit, 0, None, "None for no limit")
        check_int("min_id", min_id, 0, MAX_ID)
        check_int("max_id", max_id, 0, MAX_ID)
        if 0 < max_id < min_id:
            raise ArgumentError("min_id", min_id, f"at most max_id={max_id}; all ids lie between")
        check_int("offset_id", offset_id, 0, MAX_ID)
        check_int("add_offset", add_offset, -MAX_ID, MAX_ID)
        if not isinstance(reverse, bool):
            raise ArgumentError("reverse", reverse, "True or False")
        has_start = bool(offset_id or (min_id if reverse else max_id))
        when = None if has_start else _timestamp(offset_date)
        if has_start:
            _timestamp(offset_date)  # a wrong value is an error all the same
        return cls(limit, min_id, max_id, offset_id, add_offset, when, reverse, ids)

    @property
    def low(self) -> int:
        """The largest id that is too old."""
        return self.min_id

    @property
    def high(self) -> int:
        """The smallest id that is too new."""
        return self.max_id or MAX_ID + 1

    def keeps(self, message_id: int) -> bool:
        """Tell whether an id lies within the bounds."""
        return self.low < message_id < self.high

    def kept(self, ids: Sequence[int]) -> Sequence[int]:
        """Return those ids that lie within the bounds, in their order."""
        low, high = self.low, self.high
        return [i for i in ids if low < i < high]

    def is_empty(self) -> bool:
        """Tell whether no id can match, so that nothing need be asked."""
        return self.limit == 0 or self.high - self.low <= 1

    def start(self) -> int:
        """Return the id that the walk is anchored at, before any shift.

        Forward, messages below it follow; 0 means the newest message. In reverse, it and the
        messages above it follow. Clamped into the bounds, since positions count only what the
        bounds keep.
        """
        above = 1 if self.reverse and self.offset_id else 0
        return self.start_at(self.offset_id + above)

    def start_at(self, anchor: int) -> int:
        """Clamp *anchor* (0: none) into the bounds; see `start`."""
        if self.reverse:
            return min(max(anchor, self.low + 1), self.high)
        if anchor == 0:
            return self.max_id
        return max(min(anchor, self.high), self.low + 1)


def _timestamp(value: Any) -> int | None:
    """Return seconds since the epoch, as Telethon would send them; naive times are UTC."""
    if value is None:
        return None
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        seconds = int((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    elif isinstance(value, date):
        return _timestamp(datetime(value.year, value.month, value.day, tzinfo=UTC))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if value != value or abs(value) == float("inf"):
            raise ArgumentError("offset_date", value, "a finite number of seconds")
        if value == 0:
            return None  # as Telethon reads it; a datetime of the epoch is a date
        seconds = int(value)
    else:
        raise ArgumentError("offset_date", value, "a datetime, a date, or seconds since the epoch")
    # 0 stands for "before every message": on the wire it would mean "no date". Beyond 2038 every
    # message is earlier; the API has 32 bits.
    return min(max(seconds, 0), MAX_ID)
