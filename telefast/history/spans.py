"""Spans of ids, walked side by side: for servers that do not honour large positions.

Each span is walked page by page, anchored at the last id of the page before; the spans together are
in flight at the same time. A page reaches without a gap from its anchor down to its last id, so the
spans join without a seam. A span should fill several pages, for its last page is half wasted: a
span of one page costs 1.5 requests per 100 messages, one of five pages 1.1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from telefast.history.order import Answer, Ask, Order

__all__ = ["Spans"]

_FADE = 0.8
"""What a page adds to the measured density fades by this with each page after it: our choice."""


@dataclass(slots=True)
class _Span:
    """The ids from *cursor* (exclusive, moves on) to *end* (inclusive)."""

    cursor: int
    end: int
    is_busy: bool = False
    is_done: bool = False
    is_reached: bool = False  # pages lead to its end without a gap
    pages: deque[Answer] = field(default_factory=deque)


class Spans:
    """Pages of spans, in order; a `Source`.

    Args:
        order: Direction, bounds and page size.
        last: The id to begin behind.
        end: The last id of the list.
        density: Messages per id, as measured so far; measured on.
        pages: How many pages a span should fill.
        remaining: Messages to come, at most.
    """

    def __init__(
        self, order: Order, last: int, *, end: int, density: float, pages: int, remaining: int
    ) -> None:
        self._order = order
        self._step = 1 if order.query.reverse else -1
        self._cursor = last
        self._end = end
        self._messages = pages * order.size
        self._remaining = remaining
        self._seen: tuple[float, float] = (
            order.size,
            order.size / density,
        )  # messages and ids; older ones count less
        self._spans: deque[_Span] = deque()
        self._is_joined = True
        self._asked: _Span | None = None
        self._in_flight: dict[int, _Span] = {}

    @property
    def held(self) -> int:
        """Answers that wait for an earlier one."""
        return sum(len(span.pages) for span in self._spans)

    @property
    def is_used_up(self) -> bool:
        """Whether everything planned has had its turn."""
        return not self._spans and not self._is_more

    @property
    def is_joined(self) -> bool:
        """Whether the head follows what was delivered, without a gap."""
        head = self.head()
        return self._is_joined and head is not None and bool(head.ids)

    @property
    def _is_more(self) -> bool:
        return self._remaining > 0 and (self._end - self._cursor) * self._step > 0

    def next_ask(self, *, room: int) -> Ask | None:
        """Return the next page, of the first span that can ask: all others wait for that."""
        if room <= 0:
            return None
        for span in self._spans:
            if not span.is_busy and not span.is_done:
                return self._page(span)
        return self._page(self._open()) if self._is_more else None

    def _page(self, span: _Span) -> Ask:
        span.is_busy = True
        self._asked = span
        return self._order.page(self._order.anchor_after(span.cursor))

    def _open(self) -> _Span:
        messages, ids = self._seen
        width = max(int(self._messages * ids / messages), self._order.size)
        end = self._cursor + self._step * width
        if (self._end - end) * self._step < width // 4:  # no span for a small rest
            end = self._end
        self._spans.append(_Span(self._cursor, end))
        self._cursor = end
        self._remaining -= self._messages
        return self._spans[-1]

    def on_sent(self, token: int) -> None:
        """Report the token of what `next_ask` returned last."""
        assert self._asked is not None  # noqa: S101 - for the type checker
        self._in_flight[token] = self._asked

    def on_answer(self, answer: Answer, *, top: int | None) -> bool:
        """Keep an answer; False if it answers nothing that this source asked for."""
        span = self._in_flight.pop(answer.token, None)
        if span is None:
            return False
        span.is_busy = False
        span.pages.append(answer)
        fresh = self._order.behind(answer.ids, span.cursor)
        if not fresh:
            span.is_done = True
            return True
        messages, ids = self._seen
        width = abs(fresh[-1] - span.cursor)
        self._seen = messages * _FADE + len(fresh), ids * _FADE + width
        span.cursor = fresh[-1]
        span.is_done = span.is_reached = not self._order.is_behind(span.end, span.cursor)
        return True

    def head(self) -> Answer | None:
        """Return the answer whose turn it is, None if it has not come."""
        return self._spans[0].pages[0] if self._spans and self._spans[0].pages else None

    def pass_head(self) -> None:
        """The head has had its turn."""
        span = self._spans[0]
        self._is_joined = bool(span.pages.popleft().ids)
        if span.is_done and not span.pages:
            self._is_joined = span.is_reached
            self._spans.popleft()

    def cut(self, ids_left: int) -> None:
        """Nothing to do: the end is known from the start."""

    def stop(self) -> None:
        """Begin no further span, nor a page of those begun."""
        self._remaining = 0
        for span in self._spans:
            span.is_done = True
        self._spans = deque(span for span in self._spans if span.pages or span.is_busy)

    def waiting(self) -> Iterable[Answer]:
        """Return the answers that have not had their turn."""
        for span in self._spans:
            yield from span.pages
