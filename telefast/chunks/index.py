"""Which chunks may hold what is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from telefast.chunks.schema import Body
from telefast.errors import ArgumentError

__all__ = ["Bounds", "Facts"]

_MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Facts:
    """What is remembered of a chunk that was read once.

    Attributes:
        chat: Marked id of its chat, None if there are several.
        low_id: The lowest id.
        high_id: The highest id; below the lowest one if there is no message.
        oldest: The oldest date, in seconds since the epoch; None without dates.
        newest: The newest one.
    """

    chat: int | None
    low_id: int
    high_id: int
    oldest: int | None
    newest: int | None

    @classmethod
    def of(cls, body: Body) -> Self:
        """Return the facts of a chunk's content."""
        low, high = min(body.ids, default=0), max(body.ids, default=-1)
        return cls(body.chat, low, high, body.oldest, body.newest)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is looked for; None for no bound.

    Attributes:
        chat: Marked id of the chat.
        min_id: Only ids above it.
        max_id: Only ids below it.
        since: Only dates from it on, in seconds since the epoch.
        until: Only dates before it.
    """

    chat: int | None = None
    min_id: int | None = None
    max_id: int | None = None
    since: float | None = None
    until: float | None = None

    @classmethod
    def build(
        cls,
        chat_id: int | None,
        min_id: int | None,
        max_id: int | None,
        since: datetime | None,
        until: datetime | None,
    ) -> Self:
        """Return the bounds of what a user asks for.

        Raises:
            ArgumentError: If an argument has no legal value.
        """
        for name, number in (("chat_id", chat_id), ("min_id", min_id), ("max_id", max_id)):
            if number is not None and (type(number) is not int or abs(number) > _MAX_ID):
                raise ArgumentError(name, number, "an integer, or None for any")
        for name, date in (("since", since), ("until", until)):
            if date is not None and not isinstance(date, datetime):
                raise ArgumentError(name, date, "a datetime, or None for any")
        return cls(chat_id, min_id, max_id, _seconds(since), _seconds(until))

    def admit(self, facts: Facts) -> bool:
        """Whether a chunk may hold a message within the bounds."""
        if self.chat is not None and facts.chat not in (None, self.chat):
            return False
        if self.min_id is not None and facts.high_id <= self.min_id:
            return False
        if self.max_id is not None and facts.low_id >= self.max_id:
            return False
        if self.since is not None and (facts.newest is None or facts.newest < self.since):
            return False
        return self.until is None or (facts.oldest is not None and facts.oldest < self.until)


def _seconds(date: datetime | None) -> float | None:
    if date is None:
        return None
    # A naive date is UTC, as in `iter_messages`.
    return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
