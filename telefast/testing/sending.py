"""The half of a connection that sends: what is owed, when it leaves, what rules may do to it."""

from __future__ import annotations

import asyncio
import struct
import time
from abc import ABC, abstractmethod
from itertools import groupby
from typing import TYPE_CHECKING, Final, Protocol

from telefast.testing.dispatcher import Answer, rpc_result
from telefast.testing.outbox import Outbox
from telefast.testing.session import Outgoing, Session
from telefast.testing.transport import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from telefast.testing.connection import Connection
    from telefast.testing.dispatcher import Dispatcher
    from telefast.testing.keys import ServerKey
    from telefast.testing.link import Link
    from telefast.testing.outbox import Due
    from telefast.testing.rpc import Call

__all__ = ["MAX_HELD", "WRITE_AT_ONCE", "Owner", "Sending"]

MAX_HELD: Final = 16 * 1024 * 1024
"""Bytes of answers held for one connection beyond which no more requests are read from it."""

WRITE_AT_ONCE: Final = 512 * 1024
"""Bytes of answers encrypted between two looks at whether the client still reads."""

_CODE: Final = struct.Struct("<i")


class Owner(Protocol):
    """The server, as its connections see it."""

    dispatcher: Dispatcher
    dc_id: int
    keys: dict[bytes, ServerKey]
    connections: set[Connection]
    is_open: bool
    salt: int
    strict_salts: bool

    def admit(self, key: ServerKey) -> None:
        """Learn a key that a client just exchanged."""

    def new_link(self) -> Link:
        """Return what decides when answers of a new connection leave."""


class Sending(ABC):
    """What a connection does with what it sends; `connection.Connection` is the other half.

    Args:
        owner: The server that accepted the connection.

    Attributes:
        number: 1 for the first connection of all data centres, and so on; 0 before it is made.
        salt: The server salt.
        answering: The request whose answer is being written, for rules.
    """

    def __init__(self, owner: Owner) -> None:
        self.number = 0
        self.salt = owner.salt
        self.answering: Call | None = None
        self._owner = owner
        self._ledger = owner.dispatcher.ledger
        self._rules = owner.dispatcher.rules
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._wire = Wire()
        self._sessions: dict[int, Session] = {}
        self._speaker: Session | None = None
        self._outbox = Outbox(owner.new_link())
        self._unanswered: dict[int, Call] = {}
        self._together: list[Due] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._flush_handle: tuple[float, asyncio.Handle] | None = None
        self._may_write = True
        self._is_ending = False
        self._is_writing = False

    @abstractmethod
    def _on_room(self) -> None:
        """Go on reading if that stopped: there may be room for more answers."""

    def pause_writing(self) -> None:
        """Stop: the client does not read."""
        self._may_write = False

    def abort(self) -> None:
        """Cut the connection without a word; what waits to be sent is lost."""
        self._is_ending = True
        if self._transport is not None:
            self._transport.abort()

    def push(self, updates: bytes, account: int | None = None) -> int:
        """Push updates to the sessions that want them; return to how many.

        They come from the home of an account only. A client that does not read gets none, so that
        what is held for it stays bounded.
        """
        if self._is_ending or self._outbox.size > MAX_HELD:
            return 0
        count = 0
        for session in self._sessions.values():
            number = session.key.account
            if not session.wants_updates or number is None or account not in (None, number):
                continue
            if self._owner.dispatcher.world.accounts[number].dc_id == self.dc_id:
                self._outbox.push(self._loop.time(), session, Outgoing(updates, is_push=True))
                count += 1
        self._schedule_flush()
        return count

    # What rules ask for (`faults.Line`).

    @property
    def dc_id(self) -> int:
        """The data centre that it came to."""
        return self._owner.dc_id

    @property
    def now(self) -> float:
        """The server's time in seconds since the epoch, skewed by no rule."""
        return self._owner.dispatcher.clock()

    @property
    def open_here(self) -> int:
        """How many connections of this data centre are open, this one included."""
        return len(self._owner.connections)

    def close(self) -> None:
        """Send what was written, then cut the connection; nothing more is written."""
        self._is_ending = True
        if self._transport is not None and not self._is_writing:
            self._transport.close()

    def refuse(self, code: int) -> None:
        """Send an error of the transport, such as -404, then cut the connection."""
        self._write(_CODE.pack(code))
        self.close()

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Do something after *delay* seconds, if the connection is still open then."""

        def act() -> None:
            self._timers.discard(timer)
            action()

        timer = self._loop.call_later(delay, act)
        self._timers.add(timer)

    def send(
        self, body: bytes, *, age: float = 0.0, repeat: bool = False, wrong_session: bool = False
    ) -> None:
        """Send a message of the server's own at once, to the session that spoke last."""
        if self._speaker is not None:
            self._write(
                *self._speaker.stray(
                    body,
                    salt=self.salt,
                    now=self._time(),
                    age=age,
                    repeat=repeat,
                    wrong_session=wrong_session,
                )
            )

    def new_salt(self) -> None:
        """Change the server salt of this connection."""
        self.salt = self.salt % (2**62) + 1

    def forget_keys(self, account: int | None, dcs: Collection[int] | None = None) -> None:
        """Forget all authorization keys of an account: what comes under them is -404."""
        for dc_id, keys in self._owner.dispatcher.keys.items():
            if dcs is not None and dc_id not in dcs:
                continue
            for key in [key for key in keys.values() if key.account == account]:
                del keys[key.key_id]

    def broadcast(self, updates: bytes, account: int | None = None) -> int:
        """Push updates to all connected sessions that want them; return to how many."""
        lines = tuple(self._owner.dispatcher.lines)
        return sum(line.push(updates, account) for line in lines)

    # Out.

    def _reply(self, session: Session, msg_id: int, answer: Answer, due: float) -> None:
        """Queue the answer to an API request."""
        outgoing = Outgoing(rpc_result(msg_id, answer.body))
        self._outbox.push(due, session, outgoing, request_id=msg_id, error=answer.error)
        self._schedule_flush()

    def _send(
        self, session: Session, body: bytes, *, is_content: bool = True, delay: float = 0.0
    ) -> None:
        """Queue anything else."""
        self._outbox.push(self._ready_at() + delay, session, Outgoing(body, is_content))
        self._schedule_flush()

    def _ready_at(self) -> float:
        """Return when the answer to what arrives now is ready to leave."""
        return self._outbox.link.ready_at(self._loop.time())

    def _schedule_flush(self) -> None:
        """See to it that `_flush` runs when the next message is due."""
        due = self._outbox.next_time
        if due is None or self._transport is None or not self._may_write:
            return
        if self._flush_handle is not None:
            if self._flush_handle[0] <= due:
                return
            self._flush_handle[1].cancel()
        handle = (
            self._loop.call_soon(self._flush)
            if due <= self._loop.time()
            else self._loop.call_at(due, self._flush)
        )
        self._flush_handle = (due, handle)

    def _flush(self) -> None:
        """Send what is due, as long as the client reads."""
        self._flush_handle = None
        now = self._loop.time()
        rules = self._rules
        while self._may_write and self._transport is not None and not self._is_ending:
            batch = self._outbox.pop(now, max_bytes=WRITE_AT_ONCE)
            if not batch:
                break
            if rules and (rules.packing or rules.sent or rules.outgoing):
                self._send_one_by_one(batch)
            else:
                self._send_batch(batch)
        self._schedule_flush()
        self._on_room()

    def _send_batch(self, batch: Sequence[Due], *, together: bool = False) -> None:
        """Write messages, the small ones of a session together, and note what is answered."""
        for session, group in groupby(batch, key=_session_of):
            outgoing = [due.message for due in group]
            for packet in session.packets(
                outgoing, salt=self.salt, now=self._time(), together=together
            ):
                self._write(*packet)
        if self._is_ending:
            return  # A rule cut it off while this was written.
        for due in batch:
            call = self._unanswered.pop(due.request_id or 0, None)
            if call is not None:
                self._ledger.on_answer(call.method, due.error)
                for rule in self._rules.sent:
                    rule.sent(self, call)

    def _send_one_by_one(self, batch: Sequence[Due]) -> None:
        """Write answers one packet each, or as many together as a rule says."""
        for due in batch:
            if self._is_ending:
                return
            count = None
            if due.request_id is not None:
                for rule in self._rules.packing:
                    count = rule.packing(self) or count
            if count is not None:
                self._together.append(due)
                if len(self._together) < count:
                    continue
                together, self._together = self._together, []
                self._send_batch(together, together=True)
                continue
            self.answering = self._unanswered.get(due.request_id or 0)
            self._send_batch([due])
            self.answering = None

    def _write(self, *payload: bytes) -> None:
        """Put one payload on the wire."""
        if not self._may_send():
            return
        data = self._wire.encode(*payload)
        if self._rules.outgoing:
            self._is_writing = True
            for rule in self._rules.outgoing:
                data = rule.outgoing(self, data)
            self._is_writing = False
        self._ledger.packets_sent += 1
        self._put(data)
        if self._is_ending:
            self.close()

    def _may_send(self) -> bool:
        """Return whether anything more may go on the wire."""
        if self._transport is None or self._is_ending:
            return False
        return not self._transport.is_closing()

    def _acknowledge(self, token: bytes) -> None:
        """Send a quick acknowledgement, before any answer to what is in the packet."""
        due = self._ready_at()
        if due > self._loop.time():
            self._loop.call_at(due, lambda: self._put(self._wire.encode_ack(token)))
        else:
            self._put(self._wire.encode_ack(token))

    def _put(self, data: bytes) -> None:
        """Hand bytes to the socket."""
        if self._transport is not None and not self._transport.is_closing():
            self._ledger.bytes_sent += len(data)
            self._transport.write(data)

    def _time(self) -> float:
        """Return what time it is for the protocol, unless a rule says otherwise.

        That is the machine's, also where the world has a clock of its own: Telethon reads it.
        """
        now = time.time()
        for rule in self._rules.clock:
            now = rule.clock(self, now)
        return now


def _session_of(due: Due) -> Session:
    """Return the session that a message belongs to."""
    return due.session
