"""How far a walk has come, and what of the answers is to be delivered."""

from __future__ import annotations

from collections import deque

from telefast.history.order import Answer, Delivery, Order
from telefast.history.query import MAX_ID

__all__ = ["Outbox"]


class Outbox:
    """Take answers in walking order, keep what is new in them, up to the query's limit.

    Args:
        order: Direction, bounds and page size.
    """

    def __init__(self, order: Order) -> None:
        self.last = 0
        """Everything up to here is delivered or known to be absent."""
        self.left = MAX_ID if order.query.limit is None else order.query.limit
        """How many messages the limit still allows."""
        self.delivered = 0
        self._order = order
        self._query = order.query
        self._deliveries: deque[Delivery] = deque()

    def take(self) -> Delivery | None:
        """Return what is to be delivered next, or None."""
        return self._deliveries.popleft() if self._deliveries else None

    def drop(self, answer: Answer) -> None:
        """An answer is not needed any more."""
        self._deliveries.append(Delivery(answer.token, ()))

    def accept(self, answer: Answer) -> bool:
        """Deliver what is new in an answer; the caller has checked that, and the seam.

        Returns:
            Whether the walk goes on.
        """
        fresh = self.fresh(answer)
        kept = self._query.kept(fresh)[: self.left]
        self._deliveries.append(Delivery(answer.token, kept))
        self.left -= len(kept)
        self.delivered += len(kept)
        self.last = fresh[-1]
        return self.left > 0 and self.is_end_ahead()

    def fresh(self, answer: Answer) -> list[int]:
        """Return the ids of an answer that the walk has not come to."""
        return self._order.behind(answer.ids, self.last)

    def is_end_ahead(self) -> bool:
        """Tell whether an id can lie between the last one and the query's far bound."""
        end = self._order.end
        return self._order.is_behind(end, self.last) and abs(end - self.last) > 1

    def missing(self, count: int | None) -> int:
        """Return how many messages of a whole list of *count* have not come; 0 for a part."""
        if self._query.is_part or count is None:
            return 0
        return max(count - self.delivered, 0)

    def left_behind(self, answer: Answer, count: int | None) -> int:
        """Return how many messages follow an empty page by the counts; 0 if they do not say."""
        left = self.missing(count)
        if count is not None and answer.position is not None and not self._query.reverse:
            left = max(left, count - answer.position)
        return left

    def remaining(self, page: Answer, count: int | None) -> int | None:
        """Return how many messages of a list of *count* follow *page*, None if unknown."""
        if count is None:
            return None
        if page.position is None:
            return count - self.delivered
        if self._query.reverse:
            return page.position
        return count - page.position - len(page.ids) - len(page.empty_ids)
