"""The positions of one segment: which to ask for, which have come, which is next.

Position 0 is the page at the anchor, position *k* lies `k * (size - 1)` messages behind it, so
each page overlaps the one before by one message: the seam.
"""

from __future__ import annotations

from collections.abc import Iterable

from telefast.history.order import Answer, Ask, Order

__all__ = ["Segment"]


class Segment:
    """Hand out positions in order and keep their answers until it is their turn.

    Args:
        order: Direction, bounds and page size.
        anchor: The `offset_id` that all positions count from.
        remaining: Messages behind position 0, at most.
        most: Positions to plan at most, position 0 included.
    """

    def __init__(self, order: Order, anchor: int, *, remaining: int, most: int) -> None:
        self.passed = 0
        """The last position that had its turn; position 0 was taken by the walk."""
        self.is_joined = False
        """Whether no seam is due before the head."""
        self._pages: dict[int, Answer] = {}
        self._order = order
        self._anchor = anchor
        self._stride = order.size - 1
        self._remaining = max(remaining, 0)
        self._next = 1
        self._planned = 1
        if self._stride:
            self._planned = min(1 + self._pages_for(self._remaining), max(most, 1))
        self._positions: dict[int, int] = {}

    def _pages_for(self, messages: int) -> int:
        return -(-messages // self._stride)

    @property
    def held(self) -> int:
        """Answers that wait for an earlier one."""
        return len(self._pages)

    @property
    def is_used_up(self) -> bool:
        """Whether every position planned has had its turn."""
        return self.passed + 1 >= max(self._next, self._planned)

    def next_ask(self, *, room: int) -> Ask | None:
        """Return the page to ask for next; None without room, or when all are asked for."""
        if room <= 0 or self._next >= self._planned:
            return None
        first = self._next * self._stride
        self._next += 1
        # The last page need not carry more than what is left, and the seam.
        left = self._remaining - first + self._stride
        return self._order.page(self._anchor, size=min(self._order.size, left + 1), skip=first)

    def on_sent(self, token: int) -> None:
        """Report the token of the page that `next_ask` returned last."""
        self._positions[token] = self._next - 1

    def on_answer(self, answer: Answer, *, top: int | None) -> bool:
        """Keep an answer; False if it answers nothing that this segment asked for."""
        position = self._positions.pop(answer.token, None)
        if position is None:
            return False
        self._pages[position] = answer
        if answer.ids:
            self._cut(self._order.ids_behind(answer.ids[-1], top), behind=position)
        return True

    def head(self) -> Answer | None:
        """Return the answer whose turn it is, None if it has not come."""
        return self._pages.get(self.passed + 1)

    def pass_head(self) -> None:
        """The head has had its turn."""
        self.passed += 1
        self._pages.pop(self.passed, None)

    def put(self, answer: Answer) -> None:
        """Let *answer* be the head, as if the next position had brought it."""
        self._pages[self.passed + 1] = answer

    def cut(self, ids_left: int) -> None:
        """Plan no page behind the bounds: so many ids are left behind what had its turn."""
        self._cut(ids_left, behind=self.passed)

    def _cut(self, ids_left: int, *, behind: int) -> None:
        if self._stride:
            self._planned = min(self._planned, behind + 1 + self._pages_for(ids_left))

    def stop(self) -> None:
        """Ask for no further position; those in flight still have their turn."""
        self._planned = min(self._planned, self._next)

    def waiting(self) -> Iterable[Answer]:
        """Return the answers that have not had their turn."""
        return self._pages.values()
