"""Faults of pages: what lists of messages show instead of what they should.

Rules as in `faults`. They look at the list that a page was cut from, `Call.ids`, and at the chat
that it belongs to, `Call.chat`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from telefast.errors import WorldError
from telefast.testing.channel import Channel
from telefast.testing.faults import HISTORY, Timed
from telefast.testing.rpc import Empty, Marked

if TYPE_CHECKING:
    from collections.abc import Collection

    from telefast.testing.fault_select import Methods, Numbers, Where
    from telefast.testing.rpc import Call

__all__ = ["OnlyEmpty", "RepeatLastId", "Restricted", "ShortPage", "SwapNeighbours"]


class ShortPage(Timed):
    """Leave entries out at the far end of a page, although more remain.

    The far end is where the next page of a walk begins: the oldest entries, or the newest ones
    when the page was asked for upwards (a negative `add_offset`).

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        drop: How many entries are left out; at least one entry stays.
        method: The method that answers with pages, or several.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        drop: int = 1,
        method: Methods = HISTORY,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        if drop < 1:
            raise WorldError(f"ShortPage: drop={drop}: expected 1 or more")
        self.drop = drop

    def page(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Cut the page."""
        cut = min(self.drop, len(page) - 1)
        if not self.due(call) or cut < 1:
            return page
        self.fired += 1
        return page[cut:] if _upwards(call) else page[:-cut]


class RepeatLastId(Timed):
    """Show the last id of the page before once more, as Telegram does on bad connections.

    The page begins one entry earlier than asked (*count* entries, for pages that overlap more) and
    keeps its length, so it covers as much less of what is new. With `inside=True` the page shows
    its own last entry twice instead.

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        inside: Whether the page repeats its own last id.
        count: How many entries are shown once more, at most; not with *inside*.
        method: The method that answers with pages, or several.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        inside: bool = False,
        count: int = 1,
        method: Methods = HISTORY,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        if count < 1:
            raise WorldError(f"RepeatLastId: count={count}: expected 1 or more")
        self.inside = inside
        self.count = count

    def page(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Repeat an entry."""
        if not page or not self.due(call):
            return page
        up = _upwards(call)
        if self.inside:
            self.fired += 1
            return [page[0], *page] if up else [*page, page[-1]]
        ids = call.ids
        if ids is None:
            return page
        edge = _id(page[-1] if up else page[0])
        rank = ids.rank(edge)  # Ids up to the edge, itself included.
        most = min(self.count, max(1, len(page) - 1), rank - 1 if up else len(ids) - rank)
        if most < 1:
            return page
        self.fired += 1
        kept = slice(most, None) if up else slice(0, -most)
        rest = page[kept] if len(page) > most else page
        if up:
            return [*rest, *(ids[rank - 2 - n] for n in range(most))]
        return [*(ids[rank + n] for n in reversed(range(most))), *rest]


class OnlyEmpty(Timed):
    """Show only `MessageEmpty` on a page, with the ids of what it would have held.

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        method: The method that answers with pages, or several.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        method: Methods = HISTORY,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)

    def page(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Empty every entry."""
        if not page or not self.due(call):
            return page
        self.fired += 1
        return [entry if isinstance(entry, Empty) else Empty(entry) for entry in page]


class SwapNeighbours(Timed):
    """Show two neighbours of a page in the wrong order: ids out of order by one.

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        at: Index of the first of the two on the page; negative counts from its end, so that -2
            swaps the last two. Clipped to the page.
        method: The method that answers with pages, or several.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        *,
        nth: Numbers = None,
        every: int | None = None,
        at: int = 0,
        method: Methods = HISTORY,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        self.at = at

    def page(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Swap two entries."""
        if len(page) < 2 or not self.due(call):
            return page
        at = self.at + len(page) if self.at < 0 else self.at
        at = max(0, min(at, len(page) - 2))
        self.fired += 1
        return [*page[:at], page[at + 1], page[at], *page[at + 2 :]]


class Restricted(Timed):
    """Leave some messages out of every page of a history, search or thread, after it was cut.

    So content restricted by local law behaves: pages get shorter, a whole page in mid-history may
    be empty, and `count` still counts what is left out.

    Args:
        ids: The ids that are not shown.
        by_id: Whether getMessages still returns them, with a `restriction_reason`
            (https://core.telegram.org/constructor/message); if not, and for service messages,
            which can have no reason, it shows `MessageEmpty`.
        channel_id: Bare id of the channel; None means every chat.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        method: In answers to which methods; None means all that show messages.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        ids: Collection[int],
        *,
        by_id: bool = True,
        channel_id: int | None = None,
        nth: Numbers = None,
        every: int | None = None,
        method: Methods = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        self.ids = ids if isinstance(ids, range) else frozenset(ids)
        self.by_id = by_id
        self.channel_id = channel_id

    def page(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Leave the restricted entries out."""
        if not self._concerns(call):
            return page
        kept = [entry for entry in page if isinstance(entry, Empty) or entry not in self.ids]
        self.fired += len(kept) != len(page)
        return kept

    def by_ids(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Mark the restricted entries, or empty them, if they are not to be had by id either."""
        if not self._concerns(call):
            return page
        show = Marked if self.by_id else Empty
        shown: list[int | Empty] = [
            show(entry) if isinstance(entry, int) and entry in self.ids else entry for entry in page
        ]
        self.fired += shown != page
        return shown

    def _concerns(self, call: Call) -> bool:
        if self.channel_id is None:
            return self.due(call)
        chat = call.chat
        return isinstance(chat, Channel) and chat.id == self.channel_id and self.due(call)


def _upwards(call: Call) -> bool:
    """Return whether a page was asked for as part of a walk from old to new."""
    return bool(call.request.add_offset < 0)


def _id(entry: int | Empty) -> int:
    return entry.id if isinstance(entry, Empty) else entry
