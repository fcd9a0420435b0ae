"""Faults of the protocol itself: clocks, salts, service messages, envelopes.

Rules as in `faults`. Sources: https://core.telegram.org/mtproto/service_messages and
https://core.telegram.org/mtproto/service_messages_about_messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Unpack

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.faults import LineRule, Timed
from telefast.testing.session import BadMessageError

if TYPE_CHECKING:
    from telefast.testing.fault_select import Methods, Numbers, Where
    from telefast.testing.faults import Line
    from telefast.testing.rpc import Call

__all__ = [
    "AskClient",
    "BadMessage",
    "ClockSkew",
    "DropSilent",
    "LatePongs",
    "Packing",
    "StrayPackets",
]

_BAD_MESSAGE_CODES: Final = frozenset({16, 17, 18, 19, 20, 32, 33, 34, 35, 48, 64})
_PINGS: Final = ("ping", "ping_delay_disconnect")

TOO_OLD: Final = 301.0
TOO_NEW: Final = -40.0
"""Seconds by which a message id is off that clients must not believe
(https://core.telegram.org/mtproto/description: 300 s in the past, 30 s in the future)."""


class ClockSkew(LineRule):
    """Let the server's clock be off, as a client with a wrong clock would find it.

    Message ids of the server, the time that it tells in a key exchange, and what it takes for too
    old or too new (`bad_msg_notification` 16 and 17) all go by the wrong clock. Dates of messages
    do not.

    Args:
        seconds: By how much it is ahead; below 0 it is behind.
        **where: On which connections and when, see `Where`.
    """

    def __init__(self, seconds: float, **where: Unpack[Where]) -> None:
        super().__init__(**where)
        self.seconds = seconds

    def clock(self, line: Line, now: float) -> float:
        """Return the wrong time."""
        if not self.due_on(line):
            return now
        self.fired += 1
        return now + self.seconds


class BadMessage(Timed):
    """Refuse certain requests with `bad_msg_notification`; they are not carried out.

    Args:
        method: Telegram's name of the method, several, a family, or None for all.
        code: 16 or 17 (message id too low or too high), 18, 19, 20 (message too old), 32 or 33
            (number too low or too high), 34, 35, 48 (bad salt: `bad_server_salt` with a new one) or
            64 (container not well-formed).
        nth: Which of those that match, 1 for the first: a number or several. A request that a
            client sends again counts again.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If *code* is none of these.
    """

    def __init__(
        self,
        method: Methods,
        code: int,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        if code not in _BAD_MESSAGE_CODES:
            known = sorted(_BAD_MESSAGE_CODES)
            raise WorldError(f"BadMessage: code={code}: expected one of {known}")
        self.code = code

    def arrived(self, line: Line, call: Call) -> None:
        """Refuse the request if it is due."""
        if self.due(call):
            self.fired += 1
            if self.code == 48:
                line.new_salt()
            raise BadMessageError(self.code)


class StrayPackets(Timed):
    """Send packets that a client must ignore, right before the answers to certain requests.

    Each carries `updatesTooLong`: a client that believes it asks for `updates.getDifference`.

    Args:
        kind: What is wrong with them: `stale` (an id of five minutes ago), `early` (of 40 s from
            now), `duplicate` (the id of the last packet once more) or `wrong-session`.
        method: Telegram's name of the method, several, a family, or None for all.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        count: How many packets.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If *kind* is none of these, or *count* is below 1.
    """

    def __init__(
        self,
        kind: Literal["stale", "early", "duplicate", "wrong-session"],
        method: Methods = None,
        *,
        nth: Numbers = None,
        every: int | None = None,
        count: int = 1,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        if kind not in ("stale", "early", "duplicate", "wrong-session"):
            raise WorldError(f"StrayPackets: kind={kind!r}: expected stale, early, duplicate, …")
        if count < 1:
            raise WorldError(f"StrayPackets: count={count}: expected 1 or more")
        self.kind = kind
        self.count = count

    def arrived(self, line: Line, call: Call) -> None:
        """Send them if the request is due."""
        if not self.due(call):
            return
        self.fired += 1
        age = {"stale": TOO_OLD, "early": TOO_NEW}.get(self.kind, 0.0)
        for _ in range(self.count):
            line.send(
                bytes(types.UpdatesTooLong()),
                age=age,
                repeat=self.kind == "duplicate",
                wrong_session=self.kind == "wrong-session",
            )


class AskClient(Timed):
    """Send a service message that is for clients to act on, before the answers to some requests.

    Args:
        what: `state` for `msgs_state_req`, `resend` for `msg_resend_req`, `detailed` for
            `msg_detailed_info`, `new-detailed` for `msg_new_detailed_info`.
        method: Telegram's name of the method, several, a family, or None for all.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If *what* is none of these.
    """

    def __init__(
        self,
        what: Literal["state", "resend", "detailed", "new-detailed"],
        method: Methods = None,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(method, nth, every, **where)
        asked = 1_600_000_000 << 32
        made = {
            "state": types.MsgsStateReq([asked]),
            "resend": types.MsgResendReq([asked]),
            "detailed": types.MsgDetailedInfo(asked, asked + 1, 64, 0),
            "new-detailed": types.MsgNewDetailedInfo(asked + 1, 64, 0),
        }
        if what not in made:
            raise WorldError(f"AskClient: what={what!r}: expected one of {', '.join(made)}")
        self._body = bytes(made[what])

    def arrived(self, line: Line, call: Call) -> None:
        """Send it if the request is due."""
        if self.due(call):
            self.fired += 1
            line.send(self._body)


class LatePongs(LineRule):
    """Answer pings late, or never; requests are answered all the while.

    Args:
        seconds: By how much; None means never.
        nth: Which pings, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        seconds: float | None = None,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth, every, **where)
        self.seconds = seconds

    def service(self, line: Line, name: str) -> float | None:
        """Return the delay of a pong."""
        if name not in _PINGS or not self.due_on(line):
            return 0.0
        self.fired += 1
        return self.seconds


class DropSilent(LineRule):
    """Cut connections on which no ping came for a while, whatever else goes on there.

    Args:
        seconds: For how long.
        nth: Which connections, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        seconds: float,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth, every, **where)
        self.seconds = seconds
        self._pings: dict[int, int] = {}

    def accept(self, line: Line) -> bool:
        """Begin to wait, if the connection is due."""
        if self.due_on(line):
            self._pings[line.number] = 0
            self._wait(line)
        return True

    def service(self, line: Line, name: str) -> float | None:
        """Wait anew after each ping."""
        if name in _PINGS and line.number in self._pings:
            self._wait(line)
        return 0.0

    def _wait(self, line: Line) -> None:
        """Cut the line unless a ping comes in time."""
        self._pings[line.number] += 1
        now = self._pings[line.number]

        def cut_if_silent() -> None:
            if self._pings[line.number] == now:
                self.fired += 1
                line.abort()

        line.later(self.seconds, cut_if_silent)


class Packing(LineRule):
    """Send so many answers in one packet, no more and no less.

    With 1, each answer comes in a packet of its own, however many are ready. With more, answers
    wait until there are that many and come in one container: the client must have as many requests
    in flight, or it waits for ever.

    Args:
        count: How many.
        **where: On which connections and when, see `Where`.

    Raises:
        WorldError: If *count* is below 1.
    """

    def __init__(self, count: int, **where: Unpack[Where]) -> None:
        super().__init__(**where)
        if count < 1:
            raise WorldError(f"Packing: count={count}: expected 1 or more")
        self.count = count

    def packing(self, line: Line) -> int | None:
        """Return the count."""
        if not self.due_on(line):
            return None
        self.fired += 1
        return self.count
