"""One TCP connection of a client, from packets to answers.

Answers are ready `rtt` seconds after their request arrived, never one after the other: sixteen
requests in flight all cost one round trip. Where bandwidth is limited, they then leave one after
the other. A client that does not read is not read from either, so that what is held for it stays
bounded.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from itertools import groupby
from typing import TYPE_CHECKING, Final, Protocol, cast

from telethon.tl.types import ResPQ, ServerDHParamsOk

from telefast.testing import service
from telefast.testing.dispatcher import Answer, rpc_result
from telefast.testing.handshake import Handshake, HandshakeError
from telefast.testing.outbox import Outbox
from telefast.testing.rpc import Origin, RpcFault
from telefast.testing.session import (
    BadMessageError,
    EnvelopeError,
    Message,
    Outgoing,
    Session,
    check_time,
    split,
    unseal,
)
from telefast.testing.tasks import Tasks
from telefast.testing.transport import FramingError, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telefast.testing.dispatcher import Dispatcher
    from telefast.testing.faults import Rule
    from telefast.testing.keys import ServerKey
    from telefast.testing.link import Link
    from telefast.testing.outbox import Due
    from telefast.testing.rpc import Call

__all__ = ["Connection", "Owner"]

logger = logging.getLogger("telefast.testing")

MAX_HELD: Final = 16 * 1024 * 1024
"""Bytes of answers held for one connection beyond which no more requests are read from it."""

WRITE_AT_ONCE: Final = 512 * 1024
"""Bytes of answers encrypted between two looks at whether the client still reads."""

_CODE: Final = struct.Struct("<i")

_STEPS: Final = {
    struct.pack("<I", ResPQ.CONSTRUCTOR_ID): 1,
    struct.pack("<I", ServerDHParamsOk.CONSTRUCTOR_ID): 2,
}
"""First bytes of an answer in a key exchange -> step; the last one may have three forms."""


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


class Connection(asyncio.Protocol):
    """One client on one TCP connection; the sessions of that client live as long.

    Args:
        owner: The server that accepted it.

    Attributes:
        number: 1 for the first connection of all data centres, and so on; 0 before it is made.
    """

    def __init__(self, owner: Owner) -> None:
        self.salt = owner.salt
        self.number = 0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owner = owner
        self._ledger = owner.dispatcher.ledger
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._wire = Wire()
        self._handshake = Handshake(owner.dc_id, self._time)
        self.answering: Call | None = None
        self._sessions: dict[int, Session] = {}
        self._outbox = Outbox(owner.new_link())
        self._flush_handle: tuple[float, asyncio.Handle] | None = None
        self._close_handle: asyncio.Handle | None = None
        self._may_write = True
        self._may_read = True
        self._tasks = Tasks()
        self._held: dict[int, asyncio.Task[None]] = {}
        self._held_bytes = 0
        self._unanswered: dict[int, Call] = {}
        self._rules = owner.dispatcher.rules
        self._speaker: Session | None = None
        self._together: list[Due] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._is_ending = False
        self._is_writing = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_AT_ONCE)
        self._owner.connections.add(self)
        self._owner.dispatcher.lines.add(self)
        self._ledger.connections += 1
        self.number = self._ledger.connections
        self._ledger.open_connections += 1
        accepted = self._owner.is_open
        for rule in self._rules.accept:
            accepted = rule.accept(self) and accepted
        self._ledger.on_connection(self.now, self.dc_id, accepted=accepted)
        if not accepted:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what is still owed."""
        self._transport = None
        self._owner.connections.discard(self)
        self._owner.dispatcher.lines.discard(self)
        if self._flush_handle is not None:
            self._flush_handle[1].cancel()
        if self._close_handle is not None:
            self._close_handle.cancel()
        for timer in self._timers:
            timer.cancel()
        self._tasks.cancel()
        for call in self._unanswered.values():
            self._ledger.on_lost(call.method)
        self._unanswered.clear()
        self._ledger.on_disconnection()
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take in what arrived."""
        self._ledger.bytes_received += len(data)
        self._wire.feed(data)
        self._read_packets()

    def pause_writing(self) -> None:
        """Stop: the client does not read."""
        self._may_write = False

    def resume_writing(self) -> None:
        """Go on."""
        self._may_write = True
        self._schedule_flush()
        if not self._may_read:
            self._read_packets()

    # What the server calls.

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

    async def wait_closed(self) -> None:
        """Wait until the connection is gone, and all its tasks with it."""
        await self.closed
        await self._tasks.wait()

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

    def forget_keys(self, account: int | None) -> None:
        """Forget all authorization keys of an account: what comes under them is -404."""
        for keys in self._owner.dispatcher.keys.values():
            for key in [key for key in keys.values() if key.account == account]:
                del keys[key.key_id]

    def broadcast(self, updates: bytes, account: int | None = None) -> int:
        """Push updates to all connected sessions that want them; return to how many."""
        lines = tuple(self._owner.dispatcher.lines)
        return sum(line.push(updates, account) for line in lines)

    # What service messages ask for (`service.Desk`).

    def is_known(self, msg_id: int) -> bool:
        """Return whether an API request with this id is not answered yet."""
        return msg_id in self._unanswered

    def drop_answer(self, msg_id: int) -> str:
        """Drop the answer to a request; return `unknown`, `running` or `dropped`."""
        call = self._unanswered.pop(msg_id, None)
        if call is None:
            return "unknown"
        self._ledger.on_lost(call.method)
        task = self._held.pop(msg_id, None)
        if task is not None:
            task.cancel()
            return "running"
        return "dropped" if self._outbox.drop(msg_id) else "running"

    def forget_session(self, session_id: int) -> bool:
        """End a session of this connection; return whether it existed."""
        return self._sessions.pop(session_id, None) is not None

    def close_after(self, delay: float) -> None:
        """Close the connection after *delay* seconds, unless told again."""
        if self._close_handle is not None:
            self._close_handle.cancel()
        self._close_handle = self._loop.call_later(delay, self.abort)

    # In.

    def _read_packets(self) -> None:
        """Handle the packets that arrived, as long as there is room for their answers."""
        try:
            while self._transport is not None and not self._transport.is_closing():
                if not self._may_write or self._outbox.size + self._held_bytes > MAX_HELD:
                    self._may_read = False
                    self._transport.pause_reading()
                    return
                packet = self._wire.next_packet()
                if packet is None:
                    if not self._may_read:
                        self._may_read = True
                        self._transport.resume_reading()
                    return
                self._ledger.packets_received += 1
                for rule in self._rules.packet:
                    rule.packet(self)
                if not self._is_ending:
                    self._on_packet(packet)
        except FramingError as error:
            logger.warning("connection closed: %s", error)
            self.abort()
        except (EnvelopeError, HandshakeError) as error:
            logger.info("connection refused: %s", error)
            self.refuse(getattr(error, "code", -404))
        except Exception as error:  # noqa: BLE001 - kept, logged, and raised on leaving
            self._owner.dispatcher.fail("a connection", error)
            self.abort()

    def _on_packet(self, packet: bytes) -> None:
        """Tell plain from encrypted."""
        key_id = packet[:8]
        if len(key_id) < 8:
            raise EnvelopeError("a packet shorter than a key id")
        if not any(key_id):
            self._on_plain(packet)
            return
        key = self._owner.keys.get(key_id)
        if key is None:
            raise EnvelopeError("unknown authorization key")
        outer = unseal(key, packet)
        if self._wire.wants_ack:
            self._acknowledge(outer.token)
        self._on_encrypted(key, outer)

    def _on_plain(self, packet: bytes) -> None:
        """Take a step of the key exchange."""
        if len(packet) < 24:
            raise HandshakeError("a plain message without a body")
        (length,) = struct.unpack_from("<i", packet, 16)
        if not 0 < length <= len(packet) - 20:
            raise HandshakeError("the length of a plain message is wrong")
        answer = self._handshake.on_message(packet[20 : 20 + length])
        key = self._handshake.key
        if key is not None and key.key_id not in self._owner.keys:
            self._owner.admit(key)
            self._ledger.handshakes += 1
        step = _STEPS.get(answer[:4], 3)
        for rule in self._rules.key_exchange:
            answer = rule.key_exchange(self, step, answer)
        msg_id = (int(self._time() * 2**32) & ~3) | 1
        head = struct.pack("<qqi", 0, msg_id, len(answer))
        self._loop.call_at(self._ready_at(), self._write, head, answer)

    def _on_encrypted(self, key: ServerKey, outer: Message) -> None:
        """Check an outer message, then handle it or the messages in it."""
        session = self._sessions.get(outer.session_id) or Session(key, outer.session_id)
        if session.key is not key:
            raise EnvelopeError("the session belongs to another key")
        if self._owner.strict_salts and outer.salt != self.salt:
            self._send(session, service.bad_salt(outer, self.salt), is_content=False)
            return
        try:
            check_time(outer.msg_id, self._time())
            most = self._owner.dispatcher.world.assume.container_messages
            messages = list(split(outer, most))
            if outer.session_id not in self._sessions:
                self._sessions[outer.session_id] = session
                first = min((message.msg_id for message in messages), default=outer.msg_id)
                self._send(session, service.new_session(first, outer.session_id, self.salt))
        except BadMessageError as error:
            self._send(session, service.bad_message(outer, error.code), is_content=False)
            return
        self._speaker = session
        for message in messages:
            if self._is_ending:
                break
            self._on_message(session, message)

    def _on_message(self, session: Session, message: Message) -> None:
        """Handle one message: service or API."""
        constructor = int.from_bytes(message.body[:4], "little")
        name = service.NAMES.get(constructor)
        if name is None:
            if not message.seqno & 1:
                self._send(session, service.bad_message(message, 35), is_content=False)
            elif message.msg_id not in self._unanswered:
                self._on_request(session, message)
            return
        self._ledger.service[name] += 1
        try:
            answer = service.answer(constructor, message, self)
        except ValueError:
            logger.warning("malformed service message name=%s", name)
            return
        delay = 0.0
        for rule in self._rules.service:
            late = rule.service(self, name)
            if late is None:
                answer = None
            else:
                delay += late
        if answer is not None:
            self._send(session, answer, is_content=False, delay=delay)

    def _on_request(self, session: Session, message: Message) -> None:
        """Answer an API request, now or when its rules let go of it."""
        dispatcher = self._owner.dispatcher
        try:
            unwrapped = dispatcher.read(message.body, session.key)
        except RpcFault as fault:
            refusal = dispatcher.refuse(fault)
            self._send(session, rpc_result(message.msg_id, refusal.body))
            return
        due = self._ready_at()
        call = dispatcher.call(unwrapped, Origin(self._owner.dc_id, self.number, session.key))
        session.wants_updates = unwrapped.wants_updates
        self._unanswered[message.msg_id] = call
        if not self._rules:
            self._reply(session, message.msg_id, dispatcher.answer(call), due)
            return
        try:
            for rule in self._rules.arrived:
                rule.arrived(self, call)
            if self._is_ending:
                return
            answer = dispatcher.answer(call)
            for rule in self._rules.answered:
                body = rule.answered(self, call, answer.body)
                answer = Answer(body, answer.error)
            holding = [rule for rule in self._rules.reply if rule.holds(call)]
        except BadMessageError as error:
            self._unanswered.pop(message.msg_id)
            self._ledger.on_lost(call.method)
            self._send_refusal(session, message, error.code)
            return
        except Exception as error:  # noqa: BLE001 - kept, logged, and raised on leaving
            answer, holding = dispatcher.fail(call.method, error), []
        if holding:
            self._hold(session, message.msg_id, call, answer, due, holding)
        else:
            self._reply(session, message.msg_id, answer, due)

    def _send_refusal(self, session: Session, message: Message, code: int) -> None:
        """Say what is wrong with a message that was not carried out."""
        body = (
            service.bad_salt(message, self.salt)
            if code == 48
            else service.bad_message(message, code)
        )
        self._send(session, body, is_content=False)

    def _hold(
        self,
        session: Session,
        msg_id: int,
        call: Call,
        answer: Answer,
        due: float,
        rules: Sequence[Rule],
    ) -> None:
        """Let the rules hold an answer back; the connection goes on meanwhile."""
        size = len(answer.body)

        def let_go(_: asyncio.Task[None]) -> None:
            self._held_bytes -= size
            self._held.pop(msg_id, None)
            if not self._may_read:
                self._read_packets()

        self._held_bytes += size
        task = self._tasks.start(self._ask_rules(session, msg_id, call, answer, due, rules))
        self._held[msg_id] = task
        task.add_done_callback(let_go)

    async def _ask_rules(
        self,
        session: Session,
        msg_id: int,
        call: Call,
        answer: Answer,
        due: float,
        rules: Sequence[Rule],
    ) -> None:
        """Reply when all rules agree, or never."""
        try:
            for rule in rules:
                if not await rule.reply(call):
                    return
        except Exception as error:  # noqa: BLE001 - kept, logged, and raised on leaving
            answer = self._owner.dispatcher.fail(call.method, error)
        self._reply(session, msg_id, answer, max(due, self._loop.time()))

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
        if not self._may_read:
            self._read_packets()

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
