"""Which source of pages a walk takes next, by what it has seen of the list and of the server.

A source asks for pages far ahead of the walk and keeps their answers until it is their turn. All
sources are alike to the walk: what they bring is checked at the seam, whatever they promise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from telefast.history.dense import Dense, following
from telefast.history.order import PAGE_SIZE, Answer, Ask, Order
from telefast.history.query import MAX_ID
from telefast.history.segment import Segment
from telefast.history.spans import Spans

__all__ = ["LONGEST_STRETCH", "Source", "Sources"]

_HIDDEN_RUN = 2000
"""Messages hidden in one run, before it is believed that all the rest is hidden: our choice."""
_MOST_SWEEPS = 10
"""Sweeps in a stretch: 11 requests then bring 2,100 messages. Longer ones gain little, and cost
more where a stretch is not proven. Our choice."""
LONGEST_STRETCH = 2 + 2 * _MOST_SWEEPS
"""Pages of room that the longest stretch takes: its border, the next one, and two for a sweep."""
_DENSE = 0.6
"""Messages per id from which stretches by ids are tried: they break even at 0.5, their borders
apart."""
_LEAST_AHEAD = 1000
"""Messages and ids ahead from which stretches by ids are tried: our choice."""
_MEASURED = 10
"""Pages over which the density is measured: our choice."""
_LOST = 2
"""How many stretches that fail, beyond those that do not, end the use of ids: our choice."""
_LEAST_REACH = 20
"""Where the server honours fewer positions, spans of ids take their place: our choice."""
_LEAST_PAGES, _MOST_PAGES = 5, 20
"""Pages in a span, measured in simulations: below 5 too much is wasted, above 20 nothing gained."""


class Source(Protocol):
    """Pages ahead of the walk, in order."""

    @property
    def held(self) -> int:
        """Pages of room that its answers take."""

    @property
    def is_joined(self) -> bool:
        """Whether its head follows what was delivered, without a gap, so that no seam is due."""

    @property
    def is_used_up(self) -> bool:
        """Whether everything planned has had its turn."""

    def next_ask(self, *, room: int) -> Ask | None:
        """Return what to ask for next, None if nothing is to be asked before an answer."""

    def on_sent(self, token: int) -> None:
        """Report the token of what `next_ask` returned last."""

    def on_answer(self, answer: Answer, *, top: int | None) -> bool:
        """Keep an answer; False if it answers nothing that this source asked for."""

    def head(self) -> Answer | None:
        """Return the answer whose turn it is, None if it has not come."""

    def pass_head(self) -> None:
        """The head has had its turn."""

    def cut(self, ids_left: int) -> None:
        """Plan nothing behind the bounds: so many ids are left behind what had its turn."""

    def stop(self) -> None:
        """Ask for no more than what is on its way."""

    def waiting(self) -> Iterable[Answer]:
        """Return the answers that have not had their turn."""


class Sources:
    """Choose the sources of one walk, and keep the one whose turn it is.

    Args:
        order: Direction, bounds and page size.
        prefetch: Pages that may be held or in flight; it decides how long a span is.
        stretch_pages: The same where a stretch is read by ids, and how long that is.
        can_sweep: Whether stretches by ids may take the place of pages.
    """

    def __init__(self, order: Order, *, prefetch: int, stretch_pages: int, can_sweep: bool) -> None:
        self.current: Source = Segment(order, 0, remaining=0, most=1)
        """Pages ahead; the first source holds nothing, so that the walk begins."""
        self.is_given_up = False
        """Whether so long a run was hidden that the rest was not looked for."""
        self.mismatches = 0
        """Stretches by ids that the history did not confirm."""
        self._order = order
        self._prefetch = prefetch
        self._reach = MAX_ID  # positions that the server honours
        self._empty_run = 0
        self._stale: Segment | None = None
        self._stale_at = 0
        self._more_room = stretch_pages - prefetch
        self._sweeps = min(_MOST_SWEEPS, (stretch_pages - 2) // 2)
        self._can_sweep = can_sweep and order.size == PAGE_SIZE and self._sweeps > 0
        self._proven = 0
        self._failed_to: int | None = None
        self._patience = 0  # pages to see before the next try
        self._tries = 0
        self._seen: deque[tuple[int, int]] = deque(maxlen=_MEASURED)  # messages and ids of a page

    def next_ask(self, *, room: int) -> Ask | None:
        """Return what the current source asks for next."""
        more = self._more_room if isinstance(self.current, Dense) else 0
        return self.current.next_ask(room=room + more)

    def on_sent(self, token: int) -> None:
        """Report the token of what `next_ask` returned last."""
        self.current.on_sent(token)

    def begin(self, page: Answer | None, anchor: int, *, remaining: int, top: int | None) -> None:
        """Make the source behind a page just delivered the current one.

        Args:
            page: That page; None if there is none.
            anchor: What it was anchored at.
            remaining: Messages that follow it, at most.
            top: The newest id, if known.
        """
        self.current = self._behind(page, anchor, remaining, top)

    def put(self, answer: Answer) -> None:
        """Let *answer* be all that the current source has, as if its position had brought it."""
        segment = Segment(self._order, 0, remaining=0, most=1)
        segment.put(answer)
        self.current = segment

    def drop(self) -> Iterable[Answer]:
        """End the current source; return its answers that have not had their turn."""
        source, self.current = self.current, Segment(self._order, 0, remaining=0, most=1)
        if isinstance(source, Dense):
            self._on_dense_end(source)
        return source.waiting()

    def _behind(self, page: Answer | None, anchor: int, remaining: int, top: int | None) -> Source:
        order = self._order
        if page is None:
            return Segment(order, anchor, remaining=remaining, most=self._reach)
        self._measure(page)
        if self._is_dense(page, min(remaining, self._order.ids_behind(page.ids[-1], top))):
            self._tries += 1
            return Dense(self._order, page, most=self._sweeps, left=remaining, top=top)
        is_bounded = not order.query.reverse or top is not None
        if self._reach < _LEAST_REACH and is_bounded and self._seen:
            last, ids_left = page.ids[-1], order.ids_behind(page.ids[-1], top)
            end = last + ids_left if order.query.reverse else last - ids_left
            pages = min(max(self._prefetch // 4, _LEAST_PAGES), _MOST_PAGES)
            return Spans(
                order, last, end=end, density=self._density, pages=pages, remaining=remaining
            )
        return Segment(order, anchor, remaining=remaining, most=self._reach)

    def _on_dense_end(self, source: Dense) -> None:
        self._proven += source.proven
        if source.failed_to is not None:
            self.mismatches += 1
            self._failed_to = source.failed_to
        self._patience = 0
        if source.failed_to is not None or source.is_sparse:
            self._patience = _MEASURED * 2**self._tries
        if source.is_spoiled or self.mismatches > self._proven + _LOST:
            self._can_sweep = False
        if source.proven:
            self._tries = 0

    def on_new(self, answer: Answer, *, ahead: int) -> None:
        """The head, just passed, brought something new; *ahead* messages may follow, at most."""
        source = self.current
        self._empty_run = 0
        self._stale = None
        if not isinstance(source, Dense):
            self._measure(answer)
            if isinstance(source, Segment) and self._is_dense(answer, ahead):
                source.stop()

    def on_nothing_new(self, answer: Answer) -> bool:
        """The head, just passed, brought nothing new; True: drop what follows it."""
        source = self.current
        self._empty_run += 1
        if self._empty_run * self._order.size >= _HIDDEN_RUN:
            source.stop()
            self.is_given_up = True
        if not answer.ids or not isinstance(source, Segment):
            return False
        if self._stale is None:
            self._stale, self._stale_at = source, source.passed
            return False
        # Twice only what is known: the server does not honour positions that large.
        self._reach, self._stale = self._stale_at, None
        return True

    # Density

    def _measure(self, answer: Answer) -> None:
        self._patience -= 1
        if len(answer.ids) > 1:
            self._seen.append((len(answer.ids) - 1, abs(answer.ids[-1] - answer.ids[0])))

    @property
    def _density(self) -> float:
        """Messages per id on the last pages."""
        messages, ids = map(sum, zip(*self._seen, strict=True))
        return messages / ids

    def _is_dense(self, page: Answer, ahead: int) -> bool:
        """Tell whether it is worth while to go on by ids behind *page*."""
        if not self._can_sweep or self._patience > 0 or len(page.ids) < self._order.size:
            return False
        if min(following(page, self._order) or 0, ahead) < _LEAST_AHEAD:
            return False
        is_behind = self._order.is_behind
        has_passed = self._failed_to is None or not is_behind(self._failed_to, page.ids[-1])
        return has_passed and self._density >= _DENSE
