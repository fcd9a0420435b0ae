"""Faults: small rules that make the embedded Telegram misbehave as the real one does.

Each rule does one thing and rules add up: `LocalTelegram(world, rules=[ShortPage(every=3),
ErrorOn("messages.getHistory", 420, "FLOOD_WAIT_1", nth=5)])`. They apply in the order given.
`fired` says how often a rule changed something, so that a test can prove that its fault happened.
"""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING

from telefast.errors import WorldError
from telefast.testing.channel import Channel
from telefast.testing.rpc import Empty, RpcFault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from telefast.testing.chat import Chat
    from telefast.testing.ledger import Ledger
    from telefast.testing.rpc import Call
    from telefast.testing.world import World

__all__ = [
    "ChangeWorld",
    "ClampAddOffset",
    "ErrorOn",
    "HoldBack",
    "NeverAnswer",
    "OnlyEmpty",
    "RepeatLastId",
    "Restricted",
    "Rule",
    "ShortPage",
]

HISTORY = "messages.getHistory"


class Rule:
    """Base of all faults: changes nothing. Override what a fault needs.

    Attributes:
        fired: How often the rule changed something so far.
    """

    fired: int = 0

    def before(self, call: Call) -> None:
        """Look at a request before it is answered; may raise `RpcFault` or change the world."""

    def page(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Return what a history page shows instead of *page*, newest first."""
        return page

    def by_ids(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Return what an answer to getMessages shows instead of *page*, in request order."""
        return page

    async def reply(self, call: Call) -> bool:
        """Wait as long as the answer shall be held back; return False to never send it."""
        return True


class _Timed(Rule):
    """A fault of certain calls of one method.

    Args:
        method: Telegram's name of the method.
        nth: Which calls, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
    """

    def __init__(
        self, method: str, nth: int | Collection[int] | None = None, every: int | None = None
    ) -> None:
        if (nth is None) == (every is None):
            raise WorldError(f"{type(self).__name__}: expected exactly one of nth= and every=")
        if every is not None and every < 1:
            raise WorldError(f"{type(self).__name__}: every={every}: expected 1 or more")
        self.method = method
        self.nth = frozenset([nth] if isinstance(nth, int) else nth or ())
        if self.nth and min(self.nth) < 1:
            raise WorldError(f"{type(self).__name__}: nth={min(self.nth)}: expected 1 or more")
        self.every = every

    def due(self, call: Call) -> bool:
        """Return whether the fault applies to *call*."""
        if call.method != self.method:
            return False
        return call.number in self.nth if self.every is None else call.number % self.every == 0


class ErrorOn(_Timed):
    """Answer certain calls with an error.

    Args:
        method: Telegram's name of the method.
        code: Error code, such as 420.
        message: Error message, such as `FLOOD_WAIT_3`.
        nth: Which calls, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
    """

    def __init__(
        self,
        method: str,
        code: int,
        message: str,
        *,
        nth: int | Collection[int] | None = None,
        every: int | None = None,
    ) -> None:
        super().__init__(method, nth, every)
        self.code = code
        self.message = message

    def before(self, call: Call) -> None:
        """Raise the error if the call is due."""
        if self.due(call):
            self.fired += 1
            raise RpcFault(self.code, self.message)


class ShortPage(_Timed):
    """Leave entries out at the far end of a page, although more remain.

    The far end is where the next page of a walk begins: the oldest entries, or the newest ones
    when the page was asked for upwards (a negative `add_offset`).

    Args:
        nth: Which calls of getHistory, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
        drop: How many entries are left out; at least one entry stays.
    """

    def __init__(
        self, *, nth: int | Collection[int] | None = None, every: int | None = None, drop: int = 1
    ) -> None:
        super().__init__(HISTORY, nth, every)
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


class RepeatLastId(_Timed):
    """Show the last id of the page before once more, as Telegram does on bad connections.

    The page begins one entry earlier than asked and keeps its length, so it covers one entry less
    of what is new. With `inside=True` the page shows its own last entry twice instead.

    Args:
        nth: Which calls of getHistory, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
        inside: Whether the page repeats its own last id.
    """

    def __init__(
        self,
        *,
        nth: int | Collection[int] | None = None,
        every: int | None = None,
        inside: bool = False,
    ) -> None:
        super().__init__(HISTORY, nth, every)
        self.inside = inside

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
        seen = rank - 2 if up else rank
        if not 0 <= seen < len(ids):
            return page
        self.fired += 1
        again = ids[seen]
        if up:
            return [*(page[1:] if len(page) > 1 else page), again]
        return [again, *(page[:-1] if len(page) > 1 else page)]


class OnlyEmpty(_Timed):
    """Show only `MessageEmpty` on a page, with the ids of what it would have held.

    Args:
        nth: Which calls of getHistory, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
    """

    def __init__(
        self, *, nth: int | Collection[int] | None = None, every: int | None = None
    ) -> None:
        super().__init__(HISTORY, nth, every)

    def page(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Empty every entry."""
        if not page or not self.due(call):
            return page
        self.fired += 1
        return [entry if isinstance(entry, Empty) else Empty(entry) for entry in page]


class Restricted(Rule):
    """Leave some messages out of every history page, after the page was cut.

    So content restricted by local law behaves: pages get shorter, a whole page in mid-history may
    be empty, and `count` still counts what is left out.

    Args:
        ids: The ids that are not shown.
        by_id: Whether getMessages still returns them; if not, it shows `MessageEmpty`.
        channel_id: Bare id of the channel; None means every chat.
    """

    def __init__(
        self, ids: Collection[int], *, by_id: bool = True, channel_id: int | None = None
    ) -> None:
        self.ids = ids if isinstance(ids, range) else frozenset(ids)
        self.by_id = by_id
        self.channel_id = channel_id

    def page(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Leave the restricted entries out."""
        if not self._concerns(call.chat):
            return page
        kept = [entry for entry in page if isinstance(entry, Empty) or entry not in self.ids]
        self.fired += len(kept) != len(page)
        return kept

    def by_ids(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Empty the restricted entries, if they are not to be had by id either."""
        if self.by_id or not self._concerns(call.chat):
            return page
        shown: list[int | Empty] = [
            Empty(entry) if isinstance(entry, int) and entry in self.ids else entry
            for entry in page
        ]
        self.fired += shown != page
        return shown

    def _concerns(self, chat: Chat | None) -> bool:
        if self.channel_id is None:
            return True
        return isinstance(chat, Channel) and chat.id == self.channel_id


class ChangeWorld(_Timed):
    """Change the world right before certain calls are answered: posts, deletions, vanished chats.

    Args:
        method: Telegram's name of the method.
        nth: Which calls, 1 for the first: a number or several.
        change: Changes the world.
        every: Every call whose number is a multiple of this.

    Example:
        >>> rule = ChangeWorld("messages.getHistory", 3, lambda world: world.channels.clear())
    """

    def __init__(
        self,
        method: str,
        nth: int | Collection[int] | None,
        change: Callable[[World], object],
        *,
        every: int | None = None,
    ) -> None:
        super().__init__(method, nth, every)
        self.change = change

    def before(self, call: Call) -> None:
        """Change the world if the call is due."""
        if self.due(call):
            self.fired += 1
            self.change(call.world)


class HoldBack(_Timed):
    """Hold the answers of certain calls back until something has happened.

    The answer itself is made at once, as of the moment at which the request came.

    Args:
        method: Telegram's name of the method.
        nth: Which calls, 1 for the first: a number or several.
        until: An event that is waited for, or a condition on the server's ledger.
        every: Every call whose number is a multiple of this.
    """

    def __init__(
        self,
        method: str,
        nth: int | Collection[int] | None,
        until: asyncio.Event | Callable[[Ledger], bool],
        *,
        every: int | None = None,
    ) -> None:
        super().__init__(method, nth, every)
        self.until = until

    async def reply(self, call: Call) -> bool:
        """Wait if the call is due."""
        if self.due(call):
            self.fired += 1
            if isinstance(self.until, asyncio.Event):
                await self.until.wait()
            else:
                await call.ledger.until(self.until)
        return True


class NeverAnswer(_Timed):
    """Never answer certain calls; pings are answered all the while.

    Args:
        method: Telegram's name of the method.
        nth: Which calls, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this.
    """

    def __init__(
        self,
        method: str,
        nth: int | Collection[int] | None = None,
        *,
        every: int | None = None,
    ) -> None:
        super().__init__(method, nth, every)

    async def reply(self, call: Call) -> bool:
        """Return False if the call is due."""
        due = self.due(call)
        self.fired += due
        return not due


class ClampAddOffset(Rule):
    """Treat an `add_offset` of getHistory as no larger than *limit*, in both directions.

    Args:
        limit: Largest `add_offset` that has its effect; at least 100, which walks upwards need.
    """

    def __init__(self, limit: int) -> None:
        if limit < 100:
            raise WorldError(f"ClampAddOffset: limit={limit}: expected 100 or more")
        self.limit = limit

    def before(self, call: Call) -> None:
        """Replace the request by one with a smaller offset, if it is too large."""
        if call.method != HISTORY:
            return
        clamped = max(-self.limit, min(self.limit, call.request.add_offset))
        if clamped != call.request.add_offset:
            self.fired += 1
            call.request = copy.copy(call.request)
            call.request.add_offset = clamped


def apply_page(rules: Sequence[Rule], call: Call, page: list[int | Empty]) -> list[int | Empty]:
    """Return what a history page shows after all rules."""
    for rule in rules:
        page = rule.page(call, page)
    return page


def apply_by_ids(rules: Sequence[Rule], call: Call, page: list[int | Empty]) -> list[int | Empty]:
    """Return what an answer to getMessages shows after all rules."""
    for rule in rules:
        page = rule.by_ids(call, page)
    return page


def _upwards(call: Call) -> bool:
    """Return whether a page was asked for as part of a walk from old to new."""
    return bool(call.request.add_offset < 0)


def _id(entry: int | Empty) -> int:
    return entry.id if isinstance(entry, Empty) else entry
