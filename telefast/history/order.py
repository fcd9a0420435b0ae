"""The order of a walk, and the requests that follow it.

Forward means newest first. "Behind" means further along the walk: an older message forward, a
newer one in reverse; so everything above this module is written once for both directions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from telefast.history.query import MAX_ID, Query

__all__ = ["PAGE_SIZE", "Answer", "Ask", "Delivery", "Order"]

PAGE_SIZE = 100
"""Messages that one page of history holds at most (the server's limit, tdlib MessagesManager.h)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to make: a page of history, or messages by ids where *ids* is not empty.

    Attributes:
        token: Names the request in its answer.
    """

    offset_id: int = 0
    add_offset: int = 0
    limit: int = 0
    offset_date: int | None = None
    ids: tuple[int, ...] = ()
    token: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        token: Of the request.
        ids: Messages in it, in walking order, each once; `MessageEmpty` left out.
        empty_ids: Ids that it calls empty.
        position: Position of its newest message in the whole list, if it says so.
        error: What came instead of an answer.
        count: Messages in the whole list, if it says so.
        pts: Telegram's counter of changes in a channel, if it says so.
        marked: Those of the ids that carry a reason why their display is restricted.
    """

    token: int
    ids: list[int]
    empty_ids: Sequence[int] = ()
    position: int | None = None
    error: Exception | None = None
    count: int | None = None
    pts: int | None = None
    marked: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """These ids of the answer *token* are next; then that answer is not needed any more."""

    token: int
    ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Order:
    """A query's direction and bounds.

    Attributes:
        query: What is asked.
        size: Messages per page.
    """

    query: Query
    size: int

    def is_behind(self, one: int, other: int) -> bool:
        """Tell whether the walk comes to *one* after *other*."""
        return one > other if self.query.reverse else one < other

    def sorted(self, ids: Collection[int]) -> list[int]:
        """Return ids in walking order, each once."""
        return sorted(set(ids), reverse=not self.query.reverse)

    def behind(self, ids: Sequence[int], last: int) -> list[int]:
        """Return those ids that the walk comes to after *last*."""
        if self.query.reverse:
            return [i for i in ids if i > last]
        return [i for i in ids if i < last]

    def one_behind(self, message_id: int) -> int:
        """Return the next id along the walk."""
        return message_id + (1 if self.query.reverse else -1)

    @property
    def end(self) -> int:
        """The first id behind the query's bounds."""
        return self.query.high if self.query.reverse else self.query.low

    def ids_behind(self, message_id: int, top: int | None) -> int:
        """Return how many ids can lie behind one, within the bounds; *top* is the newest id."""
        if not self.query.reverse:
            return max(message_id - self.end - 1, 0)
        last = self.end - 1 if top is None else min(self.end - 1, top)
        return max(last - message_id, 0)

    def anchor_after(self, last: int) -> int:
        """Return the `offset_id` of the page that follows *last*."""
        return last + 1 if self.query.reverse else last

    def last_before(self, anchor: int) -> int:
        """Return the id that a page with this `offset_id` follows: `anchor_after` undone."""
        return anchor - 1 if self.query.reverse else anchor

    def page(
        self,
        anchor: int,
        *,
        size: int | None = None,
        skip: int = 0,
        offset_date: int | None = None,
    ) -> Ask:
        """Ask for what follows *anchor*: forward below it, in reverse from it upward.

        Args:
            anchor: The `offset_id`.
            size: Messages to ask for; None for a full page.
            skip: How many of those that follow to leave out; negative begins earlier.
            offset_date: Stands for the anchor where that is 0.
        """
        size = self.size if size is None else size
        add_offset = -(skip + size) if self.query.reverse else skip
        return Ask(min(anchor, MAX_ID), add_offset, size, offset_date)
