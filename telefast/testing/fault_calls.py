"""Faults of single requests: errors, answers that are late or never come, a world that changes."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Unpack

from telefast.errors import WorldError
from telefast.testing.faults import HISTORY, Timed
from telefast.testing.rpc import RpcFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from telefast.testing.fault_select import Methods, Numbers, Where
    from telefast.testing.faults import Line
    from telefast.testing.ledger import Ledger
    from telefast.testing.rpc import Call
    from telefast.testing.world import World

__all__ = ["ChangeWorld", "ClampAddOffset", "ErrorOn", "HoldBack", "NeverAnswer"]

PAGED = frozenset({HISTORY, "messages.search", "messages.getReplies"})
"""Methods with the offset arithmetic of a history."""


class ErrorOn(Timed):
    """Answer certain requests with an error.

    Args:
        method: Telegram's name of the method, several, a family such as `upload.*`, or None for
            all.
        code: Error code, such as 420.
        message: Error message, such as `FLOOD_WAIT_3`.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Example:
        >>> ErrorOn("messages.getHistory", -503, "Timeout", nth=range(1, 4))
        <ErrorOn messages.getHistory nth=range(1, 4) fired=0>
        >>> ErrorOn(None, 406, "AUTH_KEY_DUPLICATED", connection=3)
        <ErrorOn connection=3 fired=0>
    """

    def __init__(
        self,
        method: Methods,
        code: int,
        message: str,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        self.code = code
        self.message = message

    def before(self, call: Call) -> None:
        """Raise the error if the call is due."""
        if self.due(call):
            self.fired += 1
            raise RpcFault(self.code, self.message)


class ChangeWorld(Timed):
    """Change the world right before certain requests are answered.

    Posts, edits, deletions, vanished chats: whatever *change* does.

    Args:
        method: Telegram's name of the method, several, a family, or None for all.
        nth: Which of those that match, 1 for the first: a number or several.
        change: Changes the world.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Example:
        >>> rule = ChangeWorld("messages.getHistory", 3, lambda world: world.channels.clear())
    """

    def __init__(
        self,
        method: Methods,
        nth: Numbers,
        change: Callable[[World], object],
        *,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        self.change = change

    def before(self, call: Call) -> None:
        """Change the world if the call is due."""
        if self.due(call):
            self.fired += 1
            self.change(call.world)


class HoldBack(Timed):
    """Hold the answers of certain requests back until something has happened.

    The answer itself is made at once, as of the moment at which the request came.

    Args:
        method: Telegram's name of the method, several, a family, or None for all.
        nth: Which of those that match, 1 for the first: a number or several.
        until: An event that is waited for, or a condition on the server's ledger.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        method: Methods,
        nth: Numbers,
        until: asyncio.Event | Callable[[Ledger], bool],
        *,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        self.until = until

    def holds(self, call: Call) -> bool:
        """Return whether the call is due."""
        due = self.due(call)
        self.fired += due
        return due

    async def reply(self, call: Call) -> bool:
        """Wait."""
        if isinstance(self.until, asyncio.Event):
            await self.until.wait()
        else:
            await call.ledger.until(self.until)
        return True


class NeverAnswer(Timed):
    """Never answer certain requests; pings are answered all the while.

    Args:
        method: Telegram's name of the method, several, a family, or None for all.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        cut_after: Seconds after which the connection is cut, so that the client connects again;
            None for never.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        method: Methods,
        nth: Numbers = None,
        every: int | None = None,
        *,
        cut_after: float | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        self.cut_after = cut_after

    def answered(self, line: Line, call: Call, body: bytes) -> bytes:
        """Begin to wait for the cut, if the call is due."""
        if self.cut_after is not None and self.due(call):
            line.later(self.cut_after, line.abort)
        return body

    def holds(self, call: Call) -> bool:
        """Return whether the call is due."""
        due = self.due(call)
        self.fired += due
        return due

    async def reply(self, call: Call) -> bool:
        """Never let the answer go."""
        return False


class ClampAddOffset(Timed):
    """Treat an `add_offset` as no larger than *limit*, in both directions.

    This holds for every list that is paged as a history is: also for searches and threads.

    Args:
        limit: Largest `add_offset` that has its effect; at least 100, which walks upwards need.
        nth: Which of those requests, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        limit: int,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(PAGED, nth, every, **where)
        if limit < 100:
            raise WorldError(f"ClampAddOffset: limit={limit}: expected 100 or more")
        self.limit = limit

    def before(self, call: Call) -> None:
        """Replace the request by one with a smaller offset, if it is too large."""
        if not self.due(call):
            return
        clamped = max(-self.limit, min(self.limit, call.request.add_offset))
        if clamped != call.request.add_offset:
            self.fired += 1
            call.request = copy.copy(call.request)
            call.request.add_offset = clamped
