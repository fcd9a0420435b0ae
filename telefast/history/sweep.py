"""Prove a gap: ask for its ids one by one, 200 in a request.

A sweep only finds; the history decides. What exists by id is asked of the history again, and only
what that shows is delivered: a request by ids may yield what the history hides on purpose.
"""

from __future__ import annotations

from telefast.history.order import Ask, Order

__all__ = ["SWEEP_SIZE", "Sweep"]

SWEEP_SIZE = 200
"""Ids that `channels.getMessages` answers at once (tdlib MessagesManager.cpp, both loops)."""

_DOUBTS = 4
"""How often a page is asked for that calls ids empty which were found by id: our choice."""
_EXTENSIONS = 10
"""How many more ranges a sweep without an end looks at: 2,000 ids."""


class Sweep:
    """Look at the ids between *last* and *end*, both exclusive, in walking order.

    Ask `next_ask`; report to `on_ids`, or, while `is_showing`, to `on_hidden` when the history
    page showed nothing. When it shows something the sweep has done its work: drop it.

    Args:
        order: Direction and bounds.
        last: The id to begin behind.
        end: Where to stop; None to look at the next 200 ids, and on while they find anything, up
            to 2,000 hidden messages in a row (our choice).
        ids: Which of them to look at, in walking order; None for all.
    """

    def __init__(
        self, order: Order, last: int, end: int | None, ids: tuple[int, ...] | None = None
    ) -> None:
        self.is_showing = False
        """Whether the request in flight is a page of history."""
        self._order = order
        self._cursor = last
        self._step = 1 if order.query.reverse else -1
        self._is_open = end is None
        self._ids = ids
        self.end = self._next_end() if end is None else end
        self._found: list[int] = []
        self._has_found = False
        self._extensions = 0
        self._doubts = 0

    def _next_end(self) -> int:
        end = self._cursor + self._step * (SWEEP_SIZE + 1)
        return end if self._order.is_behind(self._order.end, end) else self._order.end

    def next_ask(self) -> Ask | None:
        """Return the next request, None when the gap is proven."""
        if self._found:
            self.is_showing = True
            found = self._found[0]
            return self._order.page(found if self._order.query.reverse else found + 1)
        self.is_showing = False
        if self._ids is not None:
            ids, self._ids = self._ids[:SWEEP_SIZE], self._ids[SWEEP_SIZE:]
            return Ask(ids=ids) if ids else None
        if self._is_open and self._has_found and self._extensions < _EXTENSIONS:
            self._has_found = False
            self._extensions += 1
            self.end = self._next_end()
        count = min(abs(self.end - self._cursor) - 1, SWEEP_SIZE)
        if count <= 0:
            return None
        first = self._cursor + self._step
        self._cursor += self._step * count
        return Ask(ids=tuple(range(first, first + self._step * count, self._step)))

    def on_ids(self, found: list[int]) -> None:
        """Report which of the ids exist, in walking order."""
        self._found = found
        self._has_found = self._has_found or bool(found)

    def on_hidden(self, *, is_doubtful: bool) -> None:
        """Report that the history hides the first id found, and with it a page of what follows.

        Args:
            is_doubtful: Whether the page was not honestly empty but held `MessageEmpty`; it is
                asked for a few times then.
        """
        self._doubts += 1
        if not is_doubtful or self._doubts >= _DOUBTS:
            self._doubts = 0
            # A page may hold messages that cannot be found by id, so it reaches as many ids far as
            # it has places, and no farther for certain.
            first = self._found[0]
            self._found = [i for i in self._found if abs(i - first) >= self._order.size]
