"""Faults of lists of dialogs: entries that come twice, and pages that come again.

Rules as in `faults`, for messages.getDialogs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack

from telefast.testing.faults import Timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telefast.testing.dialogs import Place
    from telefast.testing.fault_select import Numbers, Where
    from telefast.testing.rpc import Call

__all__ = ["DialogRule", "OverlapDialogs", "RepeatDialogs"]

DIALOGS: Final = "messages.getDialogs"


class DialogRule(Timed):
    """Base of faults of dialog pages: changes nothing.

    Args:
        nth: Which calls, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self, *, nth: Numbers = None, every: int | None = None, **where: Unpack[Where]
    ) -> None:
        super().__init__(DIALOGS, nth, every, **where)

    def dialogs(self, call: Call, others: Sequence[Place], page: list[Place]) -> list[Place]:
        """Return what a page shows instead of *page*; every page passes here.

        Args:
            call: The request.
            others: All dialogs that are not pinned, the highest first.
            page: Where the dialogs on the page stand.
        """
        return page


class OverlapDialogs(DialogRule):
    """Begin a page with the last dialogs of the page before, as Telegram has been seen to do.

    The page keeps its length, so it covers that much less of what is new.

    Args:
        nth: Which calls, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
        by: How many dialogs are shown again.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        by: int = 1,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth=nth, every=every, **where)
        self.by = by

    def dialogs(self, call: Call, others: Sequence[Place], page: list[Place]) -> list[Place]:
        """Move the page up, if there is something above it."""
        if not page or not self.due(call) or page[0] not in others:
            return page
        start = others.index(page[0])
        again = others[max(0, start - self.by) : start]
        if not again:
            return page
        self.fired += 1
        return [*again, *page[: max(1, len(page) - len(again))]]


class RepeatDialogs(DialogRule):
    """Answer with the page before once more: a client that trusts it asks for ever.

    Args:
        nth: Which calls, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self, *, nth: Numbers = None, every: int | None = None, **where: Unpack[Where]
    ) -> None:
        super().__init__(nth=nth, every=every, **where)
        self._latest: dict[int, list[Place]] = {}

    def dialogs(self, call: Call, others: Sequence[Place], page: list[Place]) -> list[Place]:
        """Show the page before, if there was one for this account."""
        latest = self._latest.get(call.account.index)
        if latest and self.due(call):
            self.fired += 1
            return latest
        self._latest[call.account.index] = page
        return page
