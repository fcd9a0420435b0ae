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
from typing import TYPE_CHECKING, Final, cast

from telethon.tl.types import ResPQ, ServerDHParamsOk

from telefast.testing import service
from telefast.testing.handshake import Handshake, HandshakeError
from telefast.testing.sending import MAX_HELD, WRITE_AT_ONCE
from telefast.testing.serving import Serving
from telefast.testing.session import (
    BadMessageError,
    EnvelopeError,
    Message,
    Session,
    UnknownKeyError,
    check_time,
    split,
    unseal,
)
from telefast.testing.transport import FramingError

if TYPE_CHECKING:
    from telefast.testing.keys import ServerKey
    from telefast.testing.sending import Owner

__all__ = ["Connection"]

logger = logging.getLogger("telefast.testing")

_STEPS: Final = {
    struct.pack("<I", ResPQ.CONSTRUCTOR_ID): 1,
    struct.pack("<I", ServerDHParamsOk.CONSTRUCTOR_ID): 2,
}
"""First bytes of an answer in a key exchange -> step; the last one may have three forms."""


class Connection(Serving, asyncio.Protocol):
    """One client on one TCP connection; the sessions of that client live as long.

    Args:
        owner: The server that accepted it.
    """

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner)
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._handshake = Handshake(owner.dc_id, self._time)
        self._may_read = True
        self._used_keys: set[ServerKey] = set()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._host = str((transport.get_extra_info("peername") or ("",))[0])
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
        for key in self._used_keys:
            key.leave(self._host)
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

    def resume_writing(self) -> None:
        """Go on."""
        self._may_write = True
        self._schedule_flush()
        self._on_room()

    def _on_room(self) -> None:
        """Go on reading if that stopped."""
        if not self._may_read:
            self._read_packets()

    # What the server calls.

    async def wait_closed(self) -> None:
        """Wait until the connection is gone, and all its tasks with it."""
        await self.closed
        await self._tasks.wait()

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
            self._blame(str(error))
            self.abort()
        except (EnvelopeError, HandshakeError) as error:
            logger.info("connection refused: %s", error)
            if not isinstance(error, UnknownKeyError):
                self._blame(str(error))
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
            raise UnknownKeyError("unknown authorization key")
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
                if key not in self._used_keys:
                    self._used_keys.add(key)
                    key.enter(self._host)
                first = min((message.msg_id for message in messages), default=outer.msg_id)
                self._send(session, service.new_session(first, outer.session_id, self.salt))
        except BadMessageError as error:
            self._refuse_message(session, outer, error.code)
            return
        self._speaker = session
        for message in messages:
            if self._is_ending:
                break
            self._on_message(session, message)
