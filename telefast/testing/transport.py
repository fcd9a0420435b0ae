"""The full TCP transport of MTProto: packets out of a byte stream, and back.

Pure: no socket, no clock. A packet is `length, sequence number, payload, CRC32`, all numbers 32
bits little-endian; the length counts the whole packet
(https://core.telegram.org/mtproto/mtproto-transports#full).
"""

from __future__ import annotations

import struct
from typing import Final
from zlib import crc32

__all__ = ["MAX_PACKET", "FramingError", "FullDecoder", "FullEncoder"]

MAX_PACKET: Final = 2 * 1024 * 1024
"""Largest packet accepted from a client, in bytes: twice what Telethon ever sends at once."""

_HEAD: Final = struct.Struct("<ii")
_CRC: Final = struct.Struct("<I")
_OVERHEAD: Final = _HEAD.size + _CRC.size


class FramingError(ValueError):
    """The stream is not, or no longer, the full transport; nothing after this can be read."""


class FullDecoder:
    """Cut a client's byte stream into payloads.

    Holds at most what was fed and not yet taken out, and refuses a packet as soon as its length
    is known to be wrong. After a `FramingError` it stays broken: each call raises it again.

    Args:
        max_packet: Largest packet accepted, in bytes.

    Example:
        >>> decoder = FullDecoder()
        >>> stream = FullEncoder().encode(b"ping") + FullEncoder(1).encode(b"pong")
        >>> decoder.feed(stream[:20])
        >>> decoder.next_packet(), decoder.next_packet()
        (b'ping', None)
        >>> decoder.feed(stream[20:])
        >>> decoder.next_packet()
        b'pong'
    """

    def __init__(self, *, max_packet: int = MAX_PACKET) -> None:
        self._max_packet = max_packet
        self._buffer = bytearray()
        self._start = 0
        self._sequence = 0
        self._error: FramingError | None = None

    def __len__(self) -> int:
        """Return the bytes held."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def next_packet(self) -> bytes | None:
        """Return the next payload, or None if it did not fully arrive yet.

        Raises:
            FramingError: If length, sequence number or checksum are wrong.
        """
        if self._error is not None:
            raise self._error
        if len(self) < 4:
            return None
        start = self._start
        length = int.from_bytes(self._buffer[start : start + 4], "little", signed=True)
        if not _OVERHEAD < length <= self._max_packet:
            raise self._fail(f"a packet of {length} bytes; is this the full transport?")
        if len(self) < length:
            return None
        end = start + length
        packet = bytes(self._buffer[start:end])
        _, sequence = _HEAD.unpack_from(packet)
        if sequence != self._sequence:
            raise self._fail(f"packet number {sequence} where {self._sequence} was due")
        (checksum,) = _CRC.unpack_from(packet, length - 4)
        if checksum != crc32(memoryview(packet)[:-4]):
            raise self._fail(f"the checksum of packet number {sequence} is wrong")
        self._sequence += 1
        self._start = end
        return packet[8:-4]

    def _fail(self, what: str) -> FramingError:
        """Break for good, and forget what was fed."""
        self._buffer.clear()
        self._start = 0
        self._error = FramingError(what)
        return self._error


class FullEncoder:
    """Put payloads into packets, numbered from *sequence* on."""

    def __init__(self, sequence: int = 0) -> None:
        self._sequence = sequence

    def encode(self, *payload: bytes) -> bytes:
        """Return the packet of one payload, given in one or several pieces."""
        head = _HEAD.pack(sum(map(len, payload)) + _OVERHEAD, self._sequence)
        self._sequence += 1
        checksum = crc32(head)
        for piece in payload:
            checksum = crc32(piece, checksum)
        return b"".join((head, *payload, _CRC.pack(checksum)))
