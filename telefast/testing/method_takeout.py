"""Takeout sessions (https://core.telegram.org/api/takeout); see `methods`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Unpack

from pyroaring import BitMap
from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.channel import Channel
from telefast.testing.dice import Dice
from telefast.testing.faults import Timed
from telefast.testing.pages import TRUE, vector
from telefast.testing.rpc import Call, RpcFault

if TYPE_CHECKING:
    from telefast.testing.account import Account
    from telefast.testing.chat import Chat
    from telefast.testing.fault_select import Where

__all__ = [
    "TAKEOUT_HANDLERS",
    "TakeoutDelay",
    "TakeoutRequired",
    "TakeoutSession",
    "Takeouts",
    "check_takeout",
    "in_range",
]

_REQUIRED = RpcFault(403, "TAKEOUT_REQUIRED")


class TakeoutSession(NamedTuple):
    """A takeout session that a client began.

    Attributes:
        account: Number of the account (`Account.index`).
        what: What the client asked to export: the names of the flags of
            `account.initTakeoutSession` that were set, such as `message_users`, sorted.
        state: `open`; `success` or `failure`, as the client called it when it finished the session;
            or `replaced` by a later session of the account.
    """

    account: int
    what: tuple[str, ...]
    state: str = "open"


class Takeouts:
    """The takeout sessions of a server.

    Attributes:
        sessions: All that were begun, the oldest first.
        open: Number of an account -> the id of its open session, and the request that began it.
        finished: For each session that a client finished, whether it called it a success.
    """

    def __init__(self) -> None:
        self.sessions: list[TakeoutSession] = []
        self.open: dict[int, tuple[int, functions.account.InitTakeoutSessionRequest]] = {}
        self.finished: list[bool] = []

    def begin(self, account: Account, request: functions.account.InitTakeoutSessionRequest) -> int:
        """Begin a session of an account; return its id."""
        self.end(account, "replaced")
        flags = (name for name, value in request.to_dict().items() if value is True)
        self.sessions.append(TakeoutSession(account.index, tuple(sorted(flags))))
        takeout_id = Dice.of(account.world.seed, "takeout", len(self.sessions)).signed64()
        self.open[account.index] = (takeout_id, request)
        return takeout_id

    def end(self, account: Account, state: str) -> None:
        """End the open session of an account, if there is one."""
        self.open.pop(account.index, None)
        for place, each in enumerate(self.sessions):
            if (each.account, each.state) == (account.index, "open"):
                self.sessions[place] = each._replace(state=state)

    def is_open(self, account: Account, takeout_id: int | None) -> bool:
        """Return whether an id is that of the open session of an account."""
        return account.index in self.open and self.open[account.index][0] == takeout_id


def check_takeout(call: Call) -> None:
    """Refuse a request within a takeout session or a message range that does not hold.

    Chosen: a range counts only within a takeout session.

    Raises:
        RpcFault: 400 TAKEOUT_INVALID if there is no such session, 403 TAKEOUT_REQUIRED for a range
            outside of any.
    """
    if call.takeout is None:
        if call.message_range is not None:
            raise _REQUIRED
    elif not call.shared(Takeouts).is_open(call.account, call.takeout):
        raise RpcFault(400, "TAKEOUT_INVALID")


def in_range(call: Call, chat: Chat, ids: BitMap) -> BitMap:
    """Return the ids that a request sees: all, unless it comes within a message range.

    Chosen: ranges split the ids that private chats and basic groups share; a channel is seen
    whole, in the last range (as Telegram Desktop asks, `useOnlyLastSplit`).
    """
    wanted = call.message_range
    if wanted is None:
        return ids
    if not isinstance(chat, Channel):
        seen = BitMap(ids)
        seen.remove_range(0, max(0, wanted.min_id))
        seen.remove_range(max(0, wanted.max_id) + 1, 2**32)
        return seen
    return ids if wanted.max_id == call.account.split_ranges[-1][1] else BitMap()


def _init(call: Call) -> bytes:
    """Answer account.initTakeoutSession.

    Chosen: a new session takes the place of one that was not finished, whose id is invalid then.
    """
    return bytes(types.account.Takeout(call.shared(Takeouts).begin(call.account, call.request)))


def _finish(call: Call) -> bytes:
    """Answer account.finishTakeoutSession, which must come inside of `invokeWithTakeout`."""
    if call.takeout is None:
        raise _REQUIRED
    takeouts, success = call.shared(Takeouts), bool(call.request.success)
    takeouts.end(call.account, "success" if success else "failure")
    takeouts.finished.append(success)
    return TRUE


def _get_split_ranges(call: Call) -> bytes:
    """Answer messages.getSplitRanges with `Account.split_ranges`."""
    if call.takeout is None:
        raise _REQUIRED
    ranges = [types.MessageRange(low, high) for low, high in call.account.split_ranges]
    return vector([bytes(each) for each in ranges])


class TakeoutDelay(Timed):
    """Refuse takeout sessions until the user had time to confirm: 420 TAKEOUT_INIT_DELAY_X.

    X is the time that is left, in seconds of the server's clock.

    Args:
        seconds: How long after the first attempt a session may begin. Telegram Desktop's users
            report 24 hours.
        **where: What else must hold, see `Where`.
    """

    def __init__(self, seconds: int, **where: Unpack[Where]) -> None:
        super().__init__("account.initTakeoutSession", **where)
        self.seconds = seconds
        self._until: dict[int, float] = {}

    def before(self, call: Call) -> None:
        """Refuse the request if it comes too early."""
        if not self.due(call) or call.asker is None:
            return
        until = self._until.setdefault(call.account.index, call.now + self.seconds)
        if call.now < until:
            self.fired += 1
            raise RpcFault(420, f"TAKEOUT_INIT_DELAY_{max(1, round(until - call.now))}")


class TakeoutRequired(Timed):
    """Answer some methods only within a takeout session: 403 TAKEOUT_REQUIRED.

    Args:
        *methods: Telegram's names of the methods; families, too.
        **where: What else must hold, see `Where`.
    """

    def __init__(self, *methods: str, **where: Unpack[Where]) -> None:
        super().__init__(methods, **where)

    def before(self, call: Call) -> None:
        """Refuse the request if it comes outside of a session."""
        if self.due(call) and call.takeout is None:
            self.fired += 1
            raise _REQUIRED


TAKEOUT_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.account.FinishTakeoutSessionRequest: _finish,
    functions.account.InitTakeoutSessionRequest: _init,
    functions.messages.GetSplitRangesRequest: _get_split_ranges,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
