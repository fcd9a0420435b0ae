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
    from telefast.testing.dispatcher import Dispatcher
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
        self._handshake = Handshake(owner.dc_id)
        self._sessions: dict[int, Session] = {}
        self._outbox = Outbox(owner.new_link())
        self._flush_handle: tuple[float, asyncio.Handle] | None = None
        self._close_handle: asyncio.Handle | None = None
        self._may_write = True
        self._may_read = True
        self._tasks = Tasks()
        self._held: dict[int, asyncio.Task[None]] = {}
        self._held_bytes = 0
        self._unanswered: dict[int, str] = {}

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._owner.is_open:
            self._transport.abort()
        self._transport.set_write_buffer_limits(high=WRITE_AT_ONCE)
        self._owner.connections.add(self)
        self._ledger.connections += 1
        self.number = self._ledger.connections
        self._ledger.open_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what is still owed."""
        self._transport = None
        self._owner.connections.discard(self)
        self._ledger.open_connections -= 1
        if self._flush_handle is not None:
            self._flush_handle[1].cancel()
        if self._close_handle is not None:
            self._close_handle.cancel()
        self._tasks.cancel()
        for method in self._unanswered.values():
            self._ledger.on_lost(method)
        self._unanswered.clear()
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
        """Cut the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the connection is gone, and all its tasks with it."""
        await self.closed
        await self._tasks.wait()

    # What service messages ask for (`service.Desk`).

    def is_known(self, msg_id: int) -> bool:
        """Return whether an API request with this id is not answered yet."""
        return msg_id in self._unanswered

    def drop_answer(self, msg_id: int) -> str:
        """Drop the answer to a request; return `unknown`, `running` or `dropped`."""
        method = self._unanswered.pop(msg_id, None)
        if method is None:
            return "unknown"
        self._ledger.on_lost(method)
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
                self._on_packet(packet)
        except FramingError as error:
            logger.warning("connection closed: %s", error)
            self.abort()
        except (EnvelopeError, HandshakeError) as error:
            logger.info("connection refused: %s", error)
            self._refuse(getattr(error, "code", -404))

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
        msg_id = (int(time.time() * 2**32) & ~3) | 1
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
            check_time(outer.msg_id, time.time())
            most = self._owner.dispatcher.world.assume.container_messages
            messages = list(split(outer, most))
            if outer.session_id not in self._sessions:
                self._sessions[outer.session_id] = session
                first = min((message.msg_id for message in messages), default=outer.msg_id)
                self._send(session, service.new_session(first, outer.session_id, self.salt))
        except BadMessageError as error:
            self._send(session, service.bad_message(outer, error.code), is_content=False)
            return
        for message in messages:
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
        if answer is not None:
            self._send(session, answer, is_content=False)

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
        self._unanswered[message.msg_id] = call.method
        answer = dispatcher.answer(call)
        if dispatcher.holding:
            self._hold(session, message.msg_id, call, answer, due)
        else:
            self._reply(session, message.msg_id, answer, due)

    def _hold(self, session: Session, msg_id: int, call: Call, answer: Answer, due: float) -> None:
        """Let the rules hold an answer back; the connection goes on meanwhile."""
        size = len(answer.body)

        def let_go(_: asyncio.Task[None]) -> None:
            self._held_bytes -= size
            self._held.pop(msg_id, None)
            if not self._may_read:
                self._read_packets()

        self._held_bytes += size
        task = self._tasks.start(self._ask_rules(session, msg_id, call, answer, due))
        self._held[msg_id] = task
        task.add_done_callback(let_go)

    async def _ask_rules(
        self, session: Session, msg_id: int, call: Call, answer: Answer, due: float
    ) -> None:
        """Reply when all rules agree, or never."""
        try:
            for rule in tuple(self._owner.dispatcher.holding):
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

    def _send(self, session: Session, body: bytes, *, is_content: bool = True) -> None:
        """Queue anything else."""
        self._outbox.push(self._ready_at(), session, Outgoing(body, is_content))
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
        while self._may_write and self._transport is not None:
            batch = self._outbox.pop(now, max_bytes=WRITE_AT_ONCE)
            if not batch:
                break
            for session, group in groupby(batch, key=_session_of):
                outgoing = [due.message for due in group]
                for packet in session.packets(outgoing, salt=self.salt, now=time.time()):
                    self._write(*packet)
            for due in batch:
                method = self._unanswered.pop(due.request_id or 0, None)
                if method is not None:
                    self._ledger.on_answer(method, due.error)
        self._schedule_flush()
        if not self._may_read:
            self._read_packets()

    def _write(self, *payload: bytes) -> None:
        """Put one payload on the wire."""
        if self._transport is None or self._transport.is_closing():
            return
        self._ledger.packets_sent += 1
        self._put(self._wire.encode(*payload))

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

    def _refuse(self, code: int) -> None:
        """Say the transport error *code*, then close."""
        self._write(_CODE.pack(code))
        if self._transport is not None:
            self._transport.close()


def _session_of(due: Due) -> Session:
    """Return the session that a message belongs to."""
    return due.session
