"""One walk by ids: what to ask, and whether to believe that nothing follows."""

from __future__ import annotations

from dataclasses import dataclass

from telefast.history.order import Answer, Ask, Order

__all__ = ["Doubt", "Walk"]

_TRIES = 4
"""How often a walk asks for a page that brings nothing and is not honestly empty: our choice."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """An answer that brought nothing is not believed.

    Attributes:
        ids: What two answers called empty, in walking order: ask for them by ids, then go on
            behind the last. Empty: ask the same again.
    """

    ids: tuple[int, ...] = ()


class Walk:
    """Ask what follows *last*.

    Args:
        order: Direction, bounds and page size.
        last: The id to begin behind.
        target: Where the walk has done its work; None for the end of the list.
    """

    def __init__(self, order: Order, last: int, target: int | None) -> None:
        self.last = last
        self.target = target
        self._order = order
        self._tries = 0
        self._is_full = True
        self._called_empty: set[int] = set()

    def next_ask(self, size: int) -> Ask:
        """Return the request; *size* is what the first one needs, the others are full pages."""
        if self._tries:
            size = self._order.size
        self._is_full = size >= self._order.size
        return self._order.page(self._order.anchor_after(self.last), size=size)

    def on_nothing(self, answer: Answer, left: int) -> Doubt | None:
        """Report an answer without anything new; *left* messages follow, by the counts.

        Returns:
            None if it is to be believed.
        """
        self._tries += 1
        if not (answer.ids or answer.empty_ids):
            # Honestly empty. Only a full page proves something, and a count earns a second look.
            return Doubt() if self._tries == 1 and (left or not self._is_full) else None
        if self._tries >= _TRIES:
            return None
        both = self._order.sorted(self._called_empty.intersection(answer.empty_ids))
        both = self._order.behind(both, self.last)
        self._called_empty = set(answer.empty_ids)
        return Doubt(tuple(both))
