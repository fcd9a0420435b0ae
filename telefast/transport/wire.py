"""A plain TCP connection for what is received in bulk: file parts, each copied once.

Telethon's connections put what arrives into a stream, take it out in pieces, check a CRC32 of it
and cut it, with two tasks for each connection. Here the kernel writes into a buffer that is kept, a
packet is copied out of it once, and there is no task. `Wire` stands where a `Connection` of
Telethon's does, and speaks the intermediate transport
(https://core.telegram.org/mtproto/mtproto-transports#intermediate).
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import Any, Final, cast

__all__ = ["Wire"]

_TAG: Final = b"\xee\xee\xee\xee"
_LENGTH: Final = struct.Struct("<I")
_SMALL: Final = 16 * 1024
"""Bytes of the buffer for packets that need not have one for themselves: our choice."""
_MOST: Final = 32 * 1024 * 1024
"""Bytes of a packet at most: our choice, twice what a message may hold."""
_HELD: Final = 1024 * 1024
"""Bytes that may wait to be taken before nothing more is read: our choice, the largest part."""
_GOODBYE: Final = 10.0
"""Seconds in which what was written last may still leave, as Telethon's connections have it."""


class Wire(asyncio.BufferedProtocol):
    """One connection, to be used once; arguments and methods are those of Telethon's.

    Args:
        ip: Where to connect.
        port: Its port.
        dc_id: Not used.
        loggers: Not used.
        proxy: Not used: what has one needs another connection.
        local_addr: The address to connect from.
    """

    def __init__(
        self,
        ip: str,
        port: int,
        dc_id: int,
        *,
        loggers: Any,
        proxy: Any = None,
        local_addr: Any = None,
    ) -> None:
        self._address = ip, port
        self._local = (local_addr, 0) if isinstance(local_addr, str) else local_addr
        self._connected = False
        self._transport: asyncio.Transport | None = None
        self._error: Exception | None = None
        self._packets: deque[bytes] = deque()
        self._held = 0
        self._is_paused = False
        self._arrival: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._small = memoryview(bytearray(_SMALL))
        self._large = memoryview(b"")
        self._filled = 0  # of the one buffer or the other
        self._length: int | None = None  # of the packet in the large one

    def __str__(self) -> str:
        """Show as Telethon's connections do."""
        return f"{self._address[0]}:{self._address[1]}/Wire"

    # As senders call it

    async def connect(self, timeout: float | None = None) -> None:
        """Connect within *timeout* seconds."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            await loop.create_connection(lambda: self, *self._address, local_addr=self._local)

    async def disconnect(self) -> None:
        """Close it, after what was written."""
        self._connected = False
        self._wake()
        if self._transport is None:
            return
        self._transport.close()
        try:
            async with asyncio.timeout(_GOODBYE):
                await asyncio.shield(self._closed)
        except TimeoutError:
            self._transport.abort()

    async def send(self, data: bytes) -> None:
        """Send a packet, and wait until there is room for another one.

        Raises:
            ConnectionError: If the connection has ended.
        """
        if not self._connected or self._transport is None:
            raise ConnectionError("Not connected")
        self._transport.write(_LENGTH.pack(len(data)) + data)
        if self._room is not None:
            await asyncio.shield(self._room)

    async def recv(self) -> bytes:
        """Return the next packet.

        Raises:
            OSError: If the connection has ended.
        """
        while not self._packets:
            if not self._connected:
                raise self._error or ConnectionError("Not connected")
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        packet = self._packets.popleft()
        self._held -= len(packet)
        if self._is_paused and self._held < _HELD and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return packet

    # As asyncio calls it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and say which transport this is."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_TAG)
        self._connected = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits for anything."""
        self._connected = False
        closed = ConnectionResetError("the server closed the connection")
        self._error = self._error or exc or closed
        self._transport = None
        self.resume_writing()
        self._wake()
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        """Let senders wait."""
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Let senders go on."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the kernel shall write."""
        if self._length is None:
            return self._small[self._filled :]
        return self._large[self._filled : self._length]

    def buffer_updated(self, nbytes: int) -> None:
        """Take out what is whole."""
        self._filled += nbytes
        if self._length is None:
            self._cut()
        elif self._filled == self._length:
            whole = self._large[: self._length]
            self._length = None
            self._filled = 0
            self._put(bytes(whole))

    # Inside

    def _cut(self) -> None:
        """Take packets out of the small buffer; one that does not fit gets the large one."""
        at = 0
        while self._filled - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._small, at)
            begin = at + _LENGTH.size
            if not 0 < length <= _MOST:
                self._error = ConnectionError(f"a packet of {length} bytes")
                assert self._transport is not None  # noqa: S101 - for the type checker
                self._transport.abort()
                return
            if length > _SMALL - _LENGTH.size:
                if length > len(self._large):
                    self._large = memoryview(bytearray(length))
                there = self._filled - begin
                self._large[:there] = self._small[begin : self._filled]
                self._filled, self._length = there, length
                return
            if self._filled < begin + length:
                break
            at = begin + length
            self._put(bytes(self._small[begin:at]))
        if at:
            rest = self._filled - at
            self._small[:rest] = bytes(self._small[at : self._filled])
            self._filled = rest

    def _put(self, packet: bytes) -> None:
        self._packets.append(packet)
        self._held += len(packet)
        if self._held >= _HELD and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
