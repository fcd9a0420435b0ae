"""The TCP transports of MTProto: packets out of a byte stream, and back.

Pure: no socket, no clock. Four framings, told apart by the first bytes that a client sends
(https://core.telegram.org/mtproto/mtproto-transports):

```text
full          length and number, 4 bytes each; payload; CRC32; the length counts all of it
abridged      0xef once; then length / 4 in one byte, or 0x7f and three bytes; payload
intermediate  0xeeeeeeee once; then length in four bytes; payload
padded        0xdddddddd once; then length in four bytes; payload and up to 15 bytes of padding
```

All numbers are little-endian. A server answers in the client's framing, without the first bytes.
All but the full one may be obfuscated (`obfuscation`), and let a client ask for a quick
acknowledgement of a packet: by the top bit of its length.
"""

from __future__ import annotations

import os
import struct
from abc import ABC, abstractmethod
from typing import Final, Literal, Protocol
from zlib import crc32

from telefast.testing.obfuscation import OBFUSCATED_HEADER, AesCtr, deobfuscate

__all__ = [
    "MAX_PACKET",
    "AbridgedDecoder",
    "AbridgedEncoder",
    "Decoder",
    "Encoder",
    "FramingError",
    "FullDecoder",
    "FullEncoder",
    "IntermediateDecoder",
    "IntermediateEncoder",
    "PaddedDecoder",
    "PaddedEncoder",
    "Wire",
]

MAX_PACKET: Final = 2 * 1024 * 1024
"""Largest packet accepted from a client, in bytes: twice what Telethon ever sends at once."""

_HEAD: Final = struct.Struct("<ii")
_CRC: Final = struct.Struct("<I")
_LENGTH: Final = struct.Struct("<I")
_OVERHEAD: Final = _HEAD.size + _CRC.size
_WANTS_ACK: Final = 0x8000_0000


class FramingError(ValueError):
    """The stream is in none of the transports, or no longer; nothing after this can be read."""


class Encoder(Protocol):
    """Puts payloads into packets."""

    def encode(self, *payload: bytes) -> bytes:
        """Return the packet of one payload, given in one or several pieces."""


class Decoder(ABC):
    """Cut a client's byte stream into payloads.

    Holds at most what was fed and not yet taken out, and refuses a packet as soon as its length
    is known to be wrong. After a `FramingError` it stays broken: each call raises it again.

    Args:
        max_packet: Largest packet accepted, in bytes.

    Attributes:
        wants_ack: Whether the client asked for a quick acknowledgement of the packet that
            `next_packet` returned last.
    """

    def __init__(self, *, max_packet: int = MAX_PACKET) -> None:
        self.wants_ack = False
        self._max_packet = max_packet
        self._buffer = bytearray()
        self._start = 0
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
            FramingError: If the stream breaks the rules of the transport.
        """
        if self._error is not None:
            raise self._error
        try:
            return self._next()
        except FramingError as error:
            self._buffer.clear()
            self._start = 0
            self._error = error
            raise

    @abstractmethod
    def _next(self) -> bytes | None:
        """Return the next payload, or None; may raise `FramingError`."""

    def _take(self, head: int, length: int) -> bytes | None:
        """Return *length* bytes after a head, or None while they are not all there."""
        if not 0 < length <= self._max_packet:
            raise FramingError(f"a packet of {length} bytes")
        if length % 4:
            raise FramingError(f"a packet of {length} bytes: no multiple of 4")
        return self._cut(head, length)

    def _cut(self, head: int, length: int) -> bytes | None:
        begin = self._start + head
        if begin + length > len(self._buffer):
            return None
        self._start = begin + length
        return bytes(self._buffer[begin : self._start])


class FullDecoder(Decoder):
    """Read the full transport, whose packets are numbered and checked.

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

    _sequence = 0

    def _next(self) -> bytes | None:
        if len(self) < 4:
            return None
        start = self._start
        length = int.from_bytes(self._buffer[start : start + 4], "little", signed=True)
        if not _OVERHEAD < length <= self._max_packet:
            raise FramingError(f"a packet of {length} bytes; is this the full transport?")
        packet = self._cut(0, length)
        if packet is None:
            return None
        _, sequence = _HEAD.unpack_from(packet)
        if sequence != self._sequence:
            raise FramingError(f"packet number {sequence} where {self._sequence} was due")
        (checksum,) = _CRC.unpack_from(packet, length - 4)
        if checksum != crc32(memoryview(packet)[:-4]):
            raise FramingError(f"the checksum of packet number {sequence} is wrong")
        self._sequence += 1
        return packet[8:-4]


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


class AbridgedDecoder(Decoder):
    """Read the abridged transport, its first byte taken off."""

    def _next(self) -> bytes | None:
        if not len(self):
            return None
        words = self._buffer[self._start]
        self.wants_ack = words & 0x80 != 0
        words &= 0x7F
        if words < 0x7F:
            return self._take(1, words * 4)
        if len(self) < 4:
            return None
        return self._take(
            4, int.from_bytes(self._buffer[self._start + 1 : self._start + 4], "little") * 4
        )


class AbridgedEncoder:
    """Put payloads into packets of the abridged transport; their sizes are multiples of 4."""

    def encode(self, *payload: bytes) -> bytes:
        """Return the packet of one payload, given in one or several pieces."""
        words = sum(map(len, payload)) // 4
        head = bytes((words,)) if words < 0x7F else b"\x7f" + words.to_bytes(3, "little")
        return b"".join((head, *payload))


class IntermediateDecoder(Decoder):
    """Read the intermediate transport, its first bytes taken off."""

    def _next(self) -> bytes | None:
        if len(self) < 4:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer, self._start)
        self.wants_ack = length & _WANTS_ACK != 0
        return self._packet(length & ~_WANTS_ACK)

    def _packet(self, length: int) -> bytes | None:
        return self._take(4, length)


class IntermediateEncoder:
    """Put payloads into packets of the intermediate transport."""

    def encode(self, *payload: bytes) -> bytes:
        """Return the packet of one payload, given in one or several pieces."""
        return b"".join((_LENGTH.pack(sum(map(len, payload))), *payload))


class PaddedDecoder(IntermediateDecoder):
    """Read the padded intermediate transport, its first bytes taken off; drops the padding."""

    def _packet(self, length: int) -> bytes | None:
        if not 0 < length <= self._max_packet:
            raise FramingError(f"a packet of {length} bytes")
        packet = self._cut(4, length)
        if packet is None or len(packet) < 24:
            return packet
        # Encrypted: key id, message key, whole blocks. Plain: eight zeros, id, length, body.
        end = len(packet) - (len(packet) - 24) % 16
        if not any(packet[:8]):
            end = 20 + int.from_bytes(packet[16:20], "little")
        return packet[:end]


class PaddedEncoder(IntermediateEncoder):
    """Put payloads into packets of the padded intermediate transport.

    Up to 3 bytes of padding, as Telethon's own codec writes and expects.
    """

    def encode(self, *payload: bytes) -> bytes:
        """Return the packet of one payload, given in one or several pieces."""
        return super().encode(*payload, os.urandom(os.urandom(1)[0] % 4))


_TAGS: Final[dict[bytes, tuple[str, type[Decoder], type[Encoder]]]] = {
    b"\xef": ("abridged", AbridgedDecoder, AbridgedEncoder),
    b"\xee\xee\xee\xee": ("intermediate", IntermediateDecoder, IntermediateEncoder),
    b"\xdd\xdd\xdd\xdd": ("padded intermediate", PaddedDecoder, PaddedEncoder),
}
"""First bytes of a client. A length of the full transport is a multiple of 4 and none of these."""

_FOREIGN: Final = {
    b"GET ": "HTTP",
    b"POST": "HTTP",
    b"HEAD": "HTTP",
    b"OPTI": "HTTP",
    b"\x16\x03\x01\x02": "TLS",
}
"""First bytes of other protocols. No obfuscated connection begins with them, nor with a tag, nor
with a second word of zeros, which in the full transport is the number of the first packet
(https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation)."""


class Wire:
    """Both directions of one connection, in the framing that its first bytes tell.

    Attributes:
        name: Name of the transport, such as `intermediate` or `obfuscated abridged`, or None before
            it is known.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self._first = b""
        self._decoder: Decoder = FullDecoder()
        self._encoder: Encoder = FullEncoder()
        self._incoming: AesCtr | None = None
        self._outgoing: AesCtr | None = None
        self._error: FramingError | None = None

    @property
    def wants_ack(self) -> bool:
        """Whether a quick acknowledgement was asked for with the packet read last."""
        return self._decoder.wants_ack

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        if self._error is not None:
            return
        if self.name is None:
            self._first += data
            try:
                rest = self._detect(self._first)
            except FramingError as error:
                self._error = error
                self._first = b""
                return
            if rest is None:
                return
            data = rest
            self._first = b""
        if self._incoming is not None:
            data = self._incoming.apply(data)
        self._decoder.feed(data)

    def next_packet(self) -> bytes | None:
        """Return the next payload, or None; raises `FramingError`."""
        if self._error is not None:
            raise self._error
        return self._decoder.next_packet()

    def encode(self, *payload: bytes) -> bytes:
        """Return the packet of one payload, given in one or several pieces."""
        return self._hide(self._encoder.encode(*payload))

    def encode_ack(self, token: bytes) -> bytes:
        """Return the quick acknowledgement of a packet: four bytes without a length.

        Args:
            token: First four bytes of the hash from which the packet's message key is cut.
        """
        number = int.from_bytes(token, "little") | _WANTS_ACK
        order: Literal["big", "little"] = "little"
        if isinstance(self._encoder, AbridgedEncoder):
            order = "big"  # Its first byte tells it from a length.
        return self._hide(number.to_bytes(4, order))

    def _hide(self, packet: bytes) -> bytes:
        """Encrypt what goes out if the client's side is obfuscated."""
        return packet if self._outgoing is None else self._outgoing.apply(packet)

    def _detect(self, first: bytes) -> bytes | None:
        """Find the framing out; return what follows its first bytes, or None for want of them."""
        for tag in _TAGS:
            if first.startswith(tag):
                self._use(tag)
                return first[len(tag) :]
        foreign = _FOREIGN.get(first[:4])
        if foreign is not None:
            raise FramingError(f"this is {foreign}, which is not embedded")
        if len(first) < 8:
            return None
        if not any(first[4:8]):
            self.name = "full"
            return first
        if len(first) < OBFUSCATED_HEADER:
            return None
        tag, self._incoming, self._outgoing = deobfuscate(first[:OBFUSCATED_HEADER])
        tag = tag[:1] if tag == b"\xef" * 4 else tag
        if tag not in _TAGS:
            raise FramingError("the first bytes are those of no transport")
        self._use(tag)
        self.name = f"obfuscated {self.name}"
        return first[OBFUSCATED_HEADER:]

    def _use(self, tag: bytes) -> None:
        """Speak the framing of *tag*."""
        self.name, decoder, encoder = _TAGS[tag]
        self._decoder, self._encoder = decoder(), encoder()
