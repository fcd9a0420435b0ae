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
from telefast.testing.rpc import RpcFault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from telefast.testing.ledger import Ledger
    from telefast.testing.rpc import Call, Empty
    from telefast.testing.world import World

__all__ = [
    "HISTORY",
    "ChangeWorld",
    "ClampAddOffset",
    "ErrorOn",
    "HoldBack",
    "NeverAnswer",
    "Rule",
    "Timed",
]

HISTORY = "messages.getHistory"
PAGED = frozenset({HISTORY, "messages.search", "messages.getReplies"})
"""Methods with the offset arithmetic of a history."""


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


class Timed(Rule):
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


class ErrorOn(Timed):
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


class ChangeWorld(Timed):
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


class HoldBack(Timed):
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


class NeverAnswer(Timed):
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
    """Treat an `add_offset` as no larger than *limit*, in both directions.

    This holds for every list that is paged as a history is: also for searches and threads.

    Args:
        limit: Largest `add_offset` that has its effect; at least 100, which walks upwards need.
    """

    def __init__(self, limit: int) -> None:
        if limit < 100:
            raise WorldError(f"ClampAddOffset: limit={limit}: expected 100 or more")
        self.limit = limit

    def before(self, call: Call) -> None:
        """Replace the request by one with a smaller offset, if it is too large."""
        if call.method not in PAGED:
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
