"""Which source of pages a walk takes next, by what it has seen of the list and of the server.

A source asks for pages far ahead of the walk and keeps their answers until it is their turn. All
sources are alike to the walk: what they bring is checked at the seam, whatever they promise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from telefast.history.order import Answer, Ask, Order
from telefast.history.query import MAX_ID
from telefast.history.segment import Segment

__all__ = ["Source", "Sources"]

_HIDDEN_RUN = 2000
"""Messages hidden in one run, before it is believed that all the rest is hidden: our choice."""


class Source(Protocol):
    """Pages ahead of the walk, in order."""

    @property
    def held(self) -> int:
        """Pages of room that its answers take."""

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
    """Choose the sources of one walk.

    Args:
        order: Direction, bounds and page size.
    """

    def __init__(self, order: Order) -> None:
        self.is_given_up = False
        """Whether so long a run was hidden that the rest was not looked for."""
        self._order = order
        self._reach = MAX_ID  # positions that the server honours
        self._empty_run = 0
        self._stale: Segment | None = None
        self._stale_at = 0

    def plan(self, anchor: int, *, remaining: int) -> Source:
        """Return the source behind the page at *anchor*; *remaining* messages follow, at most."""
        return Segment(self._order, anchor, remaining=remaining, most=self._reach)

    def on_new(self) -> None:
        """The head of a source brought something new."""
        self._empty_run = 0
        self._stale = None

    def on_nothing_new(self, source: Source, answer: Answer) -> bool:
        """The head of *source*, just passed, brought nothing new; True: drop what follows it."""
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
