"""Faults of connections: refused, cut, too many, without a key.

Rules as in `faults`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, Literal, Unpack

from telefast.errors import WorldError
from telefast.testing.fault_select import Selector
from telefast.testing.faults import LineRule, Timed
from telefast.testing.rpc import RpcFault

if TYPE_CHECKING:
    from telefast.testing.fault_select import Methods, Numbers, Where
    from telefast.testing.faults import Line
    from telefast.testing.rpc import Call

__all__ = [
    "CutAfter",
    "LoseReply",
    "MaxConnections",
    "RefuseConnection",
    "RefuseKeyExchange",
    "RevokeAccount",
    "TransportError",
]

_DH_GEN_FAIL: Final = struct.pack("<I", 0xA69DAE02)
_OPEN_TO_ALL: Final = ("auth.", "help.")
"""Families whose requests need no login."""


class RefuseConnection(LineRule):
    """Cut off clients right after they connected, before a byte is exchanged.

    A port cannot refuse one connection and take the next, so this is as close as it gets: clients
    see a connection that is reset.

    Args:
        nth: Which connections, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Example:
        >>> RefuseConnection(nth=(1, 2), dc=4)
        <RefuseConnection nth=(1, 2) dc=4 fired=0>
    """

    def accept(self, line: Line) -> bool:
        """Return False if the connection is due."""
        due = self.due_on(line)
        self.fired += due
        return not due


class MaxConnections(LineRule):
    """Cut off clients that connect while *limit* connections to that data centre are open.

    Args:
        limit: How many may be open at once.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If *limit* is below 1.
    """

    def __init__(self, limit: int, **where: Unpack[Where]) -> None:
        super().__init__(**where)
        if limit < 1:
            raise WorldError(f"MaxConnections: limit={limit}: expected 1 or more")
        self.limit = limit

    def accept(self, line: Line) -> bool:
        """Return False if too many are open."""
        if not self.due_on(line) or line.open_here <= self.limit:
            return True
        self.fired += 1
        return False


class CutAfter(LineRule):
    """Cut connections after so many answers or bytes; a client may connect again.

    Args:
        answers: Cut after this many answers (of *method*) were sent.
        size: Cut after exactly this many bytes were sent, in the middle of a packet if need be.
        method: Which answers count: a method, several, a family, or None for all.
        nth: Which connections, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If not exactly one of *answers* and *size* is given, or it is below 1.

    Example:
        >>> CutAfter(answers=7, method="upload.getFile", connection=2)
        <CutAfter connection=2 fired=0>
    """

    def __init__(
        self,
        *,
        answers: int | None = None,
        size: int | None = None,
        method: Methods = None,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth, every, **where)
        left = answers if answers is not None else size
        if left is None or (answers is not None and size is not None):
            raise WorldError("CutAfter: expected exactly one of answers= and size=")
        if left < 1:
            raise WorldError(f"CutAfter: {left}: expected 1 or more")
        self._counts_bytes = size is not None
        self._allowed = left
        self._methods = Selector("CutAfter", method, None, None, {}, own_count=True)
        self._left: dict[int, int] = {}

    def accept(self, line: Line) -> bool:
        """Choose the connection or not."""
        if self.due_on(line):
            self._left[line.number] = self._allowed
        return True

    def sent(self, line: Line, call: Call) -> None:
        """Cut the line if that was the last answer."""
        if self._counts_bytes or line.number not in self._left:
            return
        if self._methods.picks(call):
            self._spend(line, 1)

    def outgoing(self, line: Line, data: bytes) -> bytes:
        """Cut the line in the packet that holds the last byte."""
        left = self._left.get(line.number)
        if not self._counts_bytes or left is None:
            return data
        self._spend(line, len(data))
        return data[:left]

    def _spend(self, line: Line, count: int) -> None:
        """Cut the line if nothing is left."""
        self._left[line.number] -= count
        if self._left[line.number] <= 0:
            del self._left[line.number]
            self.fired += 1
            line.close()


class LoseReply(Timed):
    """Carry certain requests out, and cut the connection before their answer has come through.

    The client cannot tell this from a request that was lost on its way to the server.

    Args:
        method: Telegram's name of the method, several, a family, or None for all.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        share: How much of the packet with the answer still gets out, from 0 for nothing to below 1.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If *share* is not from 0 to below 1.
    """

    def __init__(
        self,
        method: Methods,
        nth: Numbers = None,
        *,
        every: int | None = None,
        share: float = 0.0,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        if not 0 <= share < 1:
            raise WorldError(f"LoseReply: share={share}: expected 0 to below 1")
        self.share = share
        self._marked: list[Call] = []

    def answered(self, line: Line, call: Call, body: bytes) -> bytes:
        """Mark the answer if the call is due."""
        if self.due(call):
            self._marked.append(call)
        return body

    def outgoing(self, line: Line, data: bytes) -> bytes:
        """Cut a marked answer short."""
        for place, call in enumerate(self._marked):
            if call is line.answering:
                del self._marked[place]
                self.fired += 1
                line.close()
                return data[: int(len(data) * self.share)]
        return data


class TransportError(LineRule):
    """Answer certain packets with an error of the transport, and cut the connection.

    Args:
        code: Such as -404 (the authorization key is not known), -429 (too many connections) or -444
            (https://core.telegram.org/mtproto/mtproto-transports#transport-errors).
        nth: Which packets of clients, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If *code* is not below 0.
    """

    def __init__(
        self,
        code: int,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth, every, **where)
        if code >= 0:
            raise WorldError(f"TransportError: code={code}: expected a number below 0")
        self.code = code

    def packet(self, line: Line) -> None:
        """Refuse the packet if it is due."""
        if self.due_on(line):
            self.fired += 1
            line.refuse(self.code)


class RefuseKeyExchange(LineRule):
    """Let key exchanges fail at a step.

    Args:
        how: `fail` answers with a wrong nonce (at step 3: `dh_gen_fail`), so that the client may
            try again on the same connection; `cut` cuts it; a number below 0 is an error of the
            transport, such as -404.
        step: 1 for `resPQ`, 2 for `server_DH_params_ok`, 3 for `dh_gen_ok`.
        nth: Which key exchanges that get to this step, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If *how* or *step* is none of these.

    Example:
        >>> RefuseKeyExchange("cut", step=2, nth=(1, 2))
        <RefuseKeyExchange nth=(1, 2) fired=0>
    """

    def __init__(
        self,
        how: Literal["fail", "cut"] | int = "fail",
        *,
        step: int = 1,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth, every, **where)
        if not (how in ("fail", "cut") or (isinstance(how, int) and how < 0)):
            raise WorldError(f"RefuseKeyExchange: how={how!r}: expected 'fail', 'cut' or -404")
        if step not in (1, 2, 3):
            raise WorldError(f"RefuseKeyExchange: step={step}: expected 1, 2 or 3")
        self.how = how
        self.step = step

    def key_exchange(self, line: Line, step: int, answer: bytes) -> bytes:
        """Spoil the answer, or cut the line."""
        if step != self.step or not self.due_on(line):
            return answer
        self.fired += 1
        if self.how == "cut":
            line.abort()
        elif isinstance(self.how, int):
            line.refuse(self.how)
        head = _DH_GEN_FAIL if step == 3 else answer[:4]
        return head + bytes([answer[4] ^ 1]) + answer[5:]


class RevokeAccount(Timed):
    """End a login: what is asked from then on gets 401, but for what needs no login.

    A key without a login is told so as ever (`AUTH_KEY_UNREGISTERED`), whatever *message* says.

    Args:
        message: What Telegram says: `SESSION_REVOKED`, `AUTH_KEY_UNREGISTERED`, `USER_DEACTIVATED`.
        forget_keys: Whether all authorization keys of the account (at the data centres that `dc=`
            names, if it does) are forgotten after the first such answer, so that the transport
            answers -404 from then on.
        log_out: Whether only the key that asks is logged out, each key once. It gets *message* for
            that request and is nobody's from then on, until an authorization is imported or
            somebody signs in.
        nth: With *log_out*, on which of those that match, 1 for the first: a number or several.
        **where: From when on, see `Where`: `from_request=50` for the fiftieth request of all,
            `start=50` for the fiftieth of those that match.

    Raises:
        WorldError: If both *forget_keys* and *log_out* are wanted, or *nth* without *log_out*.

    Example:
        >>> RevokeAccount(from_request=50)
        <RevokeAccount from_request=50 fired=0>
        >>> RevokeAccount("AUTH_KEY_UNREGISTERED", log_out=True, dc=4)
        <RevokeAccount dc=4 fired=0>
    """

    def __init__(
        self,
        message: str = "SESSION_REVOKED",
        *,
        forget_keys: bool = False,
        log_out: bool = False,
        nth: Numbers = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(None, nth, **where)
        if forget_keys and log_out:
            raise WorldError("RevokeAccount: expected forget_keys=True or log_out=True, not both")
        if nth is not None and not log_out:
            raise WorldError(f"RevokeAccount: nth={nth}: expected start=, or log_out=True")
        self.message = message
        self.forget_keys = forget_keys
        self.log_out = log_out
        self._again = nth is not None
        self._told: set[int | None] = set()
        self._logged_out: set[bytes] = set()

    def before(self, call: Call) -> None:
        """Refuse the call if it is due and needs a login."""
        key = call.key
        if not self.due(call) or key.account is None or call.method.startswith(_OPEN_TO_ALL):
            return
        if self.log_out:
            if key.key_id in self._logged_out and not self._again:
                return
            self._logged_out.add(key.key_id)
            key.account = None
        self.fired += 1
        self._told.add(key.account)
        raise RpcFault(401, self.message)

    def sent(self, line: Line, call: Call) -> None:
        """Forget the keys once the client was told."""
        if self.forget_keys and call.key.account in self._told:
            line.forget_keys(call.key.account, self._selector.dcs)
