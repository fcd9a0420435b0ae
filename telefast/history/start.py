"""Where does a walk begin?

Mostly that is known at once. It takes requests where the list's top, a date or a shift decides:
a first page at that position shows the id, and all further pages are anchored at it, so the shift
is applied once. That page is believed if it lies where it was asked for, by its own position in
the list; else (it is empty, says no position, or the server does not honour so large a shift) the
shift is counted by hand, page by page.
"""

from __future__ import annotations

from dataclasses import dataclass

from telefast.history.order import Answer, Ask, Order
from telefast.history.query import MAX_ID

__all__ = ["Begin", "Start"]


@dataclass(frozen=True, slots=True)
class Begin:
    """The walk begins.

    Attributes:
        last: The id that it follows, itself not wanted; None if nothing is to be delivered.
        is_first_page: Whether the answer just given is the page that follows it.
    """

    last: int | None
    is_first_page: bool = False


class Start:
    """Find the first message.

    Ask `first`, send what it returns, report to `on_answer`, and so on until a `Begin` comes.
    """

    def __init__(self, order: Order, *, limit: int) -> None:
        self._order = order
        self._query = order.query
        self._limit = limit
        self._shift = order.query.add_offset
        self._anchor = order.query.start()
        self._is_probing = False
        self._is_placing = False
        self._is_measuring = False
        self._expected: int | None = None  # position of the shifted page
        self._clipped: int | None = None  # its length, where the list's top cuts it
        self._is_retried = False
        self._cursor = 0

    def first(self) -> Ask | Begin:
        """Return the first request, or the beginning where it is known."""
        when = self._query.offset_date
        if when == 0:  # before every message
            if not self._query.reverse:
                return Begin(None)
            when = None
        if when is not None and (self._query.reverse or self._shift):
            self._is_probing = True
            return Ask(limit=1, offset_date=when)
        return self._locate(when)

    def on_answer(self, answer: Answer, *, count: int | None) -> Ask | Begin:
        """Report an answer; *count* is the length of the whole list, if it is known."""
        if self._is_probing:
            return self._on_probe(answer)
        if self._is_placing:
            return self._on_place(answer, count)
        if self._is_measuring:
            return self._on_measure(answer)
        return self._on_first_page(answer, count)

    def _locate(self, when: int | None) -> Ask | Begin:
        if self._anchor == 0 and not self._query.reverse:
            # The list's beginning: nothing is newer than that.
            self._shift = self._expected = max(self._shift, 0)
            size = None if self._shift else min(self._order.size, self._limit)
            return self._order.page(0, size=size, skip=self._shift, offset_date=when)
        if self._shift:
            self._is_placing = True
            return Ask(min(self._anchor, MAX_ID), 0, 1)
        return Begin(self._order.last_before(self._anchor))

    def _on_place(self, answer: Answer, count: int | None) -> Ask | Begin:
        """Learn the anchor's own position, and with it that of the page to ask for."""
        self._is_placing = False
        if answer.position is None:
            return self._measure_from(self._anchor)
        # Positive is older: along the walk forward, against it in reverse.
        ask = self._order.page(
            self._anchor, skip=-self._shift if self._query.reverse else self._shift
        )
        first = answer.position + ask.add_offset
        beyond_top = first + ask.limit <= 0
        beyond_end = count is not None and answer.position + self._shift >= count
        if beyond_top or beyond_end:  # the list has not so many newer, or older, messages
            return self._measured(None)
        self._expected = max(first, 0)
        self._clipped = first + ask.limit if first < 0 else None
        return ask

    def _is_placed(self, answer: Answer, count: int | None) -> bool:
        """Tell whether a page lies where it was asked for, as far as it says."""
        if not self._shift:
            return True
        if answer.position != self._expected:
            return False
        # Clipped at the list's top, pages that differ begin alike: then the length decides.
        if self._clipped is None:
            return True
        length = self._clipped if count is None else min(self._clipped, count)
        return len(answer.ids) + len(answer.empty_ids) == length

    def _on_probe(self, answer: Answer) -> Ask | Begin:
        """Take the newest message before the date: what it follows is the anchor."""
        if not answer.ids and not self._is_retried:
            self._is_retried = True
            return Ask(limit=self._order.size, offset_date=self._query.offset_date)
        self._is_probing = self._is_retried = False
        # No message before the date: the anchor is the list's old end.
        self._anchor = self._query.start_at(max(answer.ids, default=self._query.low) + 1)
        return self._locate(None)

    def _on_first_page(self, answer: Answer, count: int | None) -> Ask | Begin:
        query = self._query
        if answer.ids and self._is_placed(answer, count):
            first = answer.ids[0]
            # Beyond a bound: begin there, not in the middle of the page.
            if query.reverse:
                is_inside = first > query.low
                return Begin(first - 1 if is_inside else query.low, is_first_page=is_inside)
            is_inside = first < query.high
            return Begin(first + 1 if is_inside else query.high, is_first_page=is_inside)
        if self._shift:
            if count is not None and self._shift >= count:
                return self._measured(None)
            return self._measure_from(self._anchor or MAX_ID)
        # An empty list, or a page that hides what it holds. For a date one more try; else the
        # walk itself will see.
        if query.offset_date is None:
            return Begin(MAX_ID)
        if self._is_retried:
            return Begin(None)
        self._is_retried = True
        return self._locate(query.offset_date)

    def _measure_from(self, anchor: int) -> Ask:
        self._is_measuring = True
        self._cursor = anchor
        return self._measure()

    def _measure(self) -> Ask:
        """Ask for the next page of what the shift counts, older or newer than the cursor."""
        size = self._order.size
        return Ask(min(self._cursor, MAX_ID), 0 if self._shift > 0 else -size, size)

    def _on_measure(self, answer: Answer) -> Ask | Begin:
        is_older = self._shift > 0
        ids = sorted(answer.ids, reverse=is_older)
        ids = [i for i in ids if (i < self._cursor if is_older else i >= self._cursor)]
        for message_id in ids:
            if not self._query.keeps(message_id):
                return self._measured(None)
            self._shift += -1 if is_older else 1
            self._cursor = message_id if is_older else message_id + 1
            if self._shift == 0:
                return self._measured(self._cursor)
        return self._measure() if ids else self._measured(None)

    def _measured(self, anchor: int | None) -> Begin:
        """Begin where the count ended; None: the list is shorter than that on this side."""
        query = self._query
        if anchor is None:
            is_older = query.add_offset > 0
            if is_older != query.reverse:  # shifted beyond the end of the walk
                return Begin(None)
            anchor = query.low + 1 if is_older else query.high
        return Begin(self._order.last_before(min(anchor, query.high, MAX_ID)))
