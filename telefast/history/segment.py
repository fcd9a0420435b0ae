"""The positions of one segment: which to ask for, which have come, which is next.

Position 0 is the page at the anchor, position *k* lies `k * (size - 1)` messages behind it, so
each page overlaps the one before by one message: the seam.
"""

from __future__ import annotations

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
        self.pages: dict[int, Answer] = {}
        """Answers that wait for their turn, by position."""
        self.head = 1
        """The position whose turn it is; position 0 was taken by the walk."""
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
    def is_used_up(self) -> bool:
        """Whether every position planned has had its turn."""
        return self.head >= max(self._next, self._planned)

    def next_ask(self) -> Ask | None:
        """Return the page to ask for next; None when all planned are asked for."""
        if self._next >= self._planned:
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
        self.pages[position] = answer
        if answer.ids:
            self.cut(self._order.ids_behind(answer.ids[-1], top), behind=position)
        return True

    def cut(self, ids_left: int, *, behind: int) -> None:
        """Plan no page behind the bounds: behind position *behind*, so many ids are left."""
        if self._stride:
            self._planned = min(self._planned, behind + 1 + self._pages_for(ids_left))

    def stop(self) -> None:
        """Ask for no further position; those in flight still have their turn."""
        self._planned = min(self._planned, self._next)

    def pass_head(self) -> None:
        """The head has had its turn."""
        del self.pages[self.head]
        self.head += 1
