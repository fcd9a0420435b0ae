"""Frames: a header and a packed body, one behind the other in a file.

```text
magic TFCK | version u8 | schema u8 | codec u8 | flags u8 | TL layer u32 | count u32
| first id i64 | last id i64 | raw size u64 | packed size u64 | CRC-32 of the packed body u32
```

All numbers are little-endian. A walk through a file goes from header to header. Where it does not
fit, the next frame is looked for by its magic and accepted only if its checksum is right.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self
from zlib import crc32

__all__ = [
    "CODECS",
    "FORMAT_VERSION",
    "HEADER_SIZE",
    "MAGIC",
    "SCHEMAS",
    "Header",
    "Source",
    "Span",
    "is_torn",
    "scan",
]

MAGIC = b"TFCK"
FORMAT_VERSION = 1
SCHEMAS = {"full": 0, "light": 1, "minimal": 2}
"""Numbers of the schemas."""
CODECS = {"none": 0, "zlib": 1, "zstd": 2}

_LAYOUT = struct.Struct("<4sBBBBIIqqQQI")
HEADER_SIZE = _LAYOUT.size

_BLOCK = 1 << 20
"""Bytes read at a time in the search for a magic."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a frame says of itself.

    Attributes:
        version: Version of the format.
        schema: Number of the schema, see `SCHEMAS`.
        codec: Number of the codec, see `CODECS`.
        flags: Reserved, 0.
        layer: TL layer of the records.
        count: Messages.
        first_id: Id of the first message, 0 if there is none.
        last_id: Id of the last one.
        raw_size: Bytes of the body once unpacked.
        packed_size: Bytes of the body as it is.
        checksum: CRC-32 of the body as it is.
    """

    version: int
    schema: int
    codec: int
    flags: int
    layer: int
    count: int
    first_id: int
    last_id: int
    raw_size: int
    packed_size: int
    checksum: int

    def pack(self) -> bytes:
        """Return the header's bytes."""
        return _LAYOUT.pack(
            MAGIC,
            self.version,
            self.schema,
            self.codec,
            self.flags,
            self.layer,
            self.count,
            self.first_id,
            self.last_id,
            self.raw_size,
            self.packed_size,
            self.checksum,
        )

    @classmethod
    def unpack(cls, data: bytes | memoryview) -> Self | None:
        """Return the header at the beginning of *data*; None if there is none."""
        if len(data) < HEADER_SIZE:
            return None
        magic, *fields = _LAYOUT.unpack_from(data)
        return cls(*fields) if magic == MAGIC else None

    @property
    def frame_size(self) -> int:
        """Bytes of header and body."""
        return HEADER_SIZE + self.packed_size

    @property
    def unknown(self) -> str:
        """What this release does not know of it, "" if it knows everything."""
        if self.version != FORMAT_VERSION:
            return f"format version {self.version}"
        if self.schema not in SCHEMAS.values():
            return f"schema {self.schema}"
        if self.codec not in CODECS.values():
            return f"codec {self.codec}"
        return f"flags {self.flags}" if self.flags else ""


class Source(Protocol):
    """Bytes to look through; a file, mostly."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return *size* bytes from *offset* on, fewer at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """A frame, or bytes that are none.

    Attributes:
        start: Where it begins.
        end: Where the next one begins.
        header: Its header; None for bytes that belong to no frame.
    """

    start: int
    end: int
    header: Header | None


def scan(source: Source, start: int, end: int, *, is_strict: bool) -> Iterator[Span]:
    """Walk through *source* from *start* to *end* and yield what lies there, without gaps.

    Args:
        source: The bytes.
        start: Where to begin; a frame is expected there.
        end: Where the walk ends.
        is_strict: Whether to check each body. If not, a frame that is followed by another one, or
            by the end, is believed: the walk reads headers only.
    """
    at = start
    while at < end:
        header = _header_at(source, at, end)
        if header is not None and (
            (not is_strict and _is_border(source, at + header.frame_size, end))
            or _has_body(source, at, header)
        ):
            found = at + header.frame_size
        else:
            header = None
            found = _search(source, at + 1, end)
        yield Span(at, found, header)
        at = found


def is_torn(source: Source, start: int, end: int) -> bool:
    """Whether the bytes from *start* to *end* are what a write left that was cut short.

    They are a part of a header, a header with a part of its body, or zeros, which some file
    systems leave after a power failure.
    """
    size = end - start
    data = source.read_at(start, min(size, HEADER_SIZE))
    if size < HEADER_SIZE:
        begins = data[:4] == MAGIC[:size]
    else:
        header = Header.unpack(data)
        # A whole body behind a wrong length is damage, and stays.
        begins = (
            header is not None
            and header.frame_size > size
            and _checksum(source, start + HEADER_SIZE, end) != header.checksum
        )
    return begins or not any(
        source.read_at(at, min(_BLOCK, end - at)).strip(b"\0") for at in range(start, end, _BLOCK)
    )


def _header_at(source: Source, at: int, end: int) -> Header | None:
    """Return the header there, if its frame can lie before *end*."""
    header = Header.unpack(source.read_at(at, HEADER_SIZE))
    return header if header is not None and at + header.frame_size <= end else None


def _has_body(source: Source, at: int, header: Header) -> bool:
    start = at + HEADER_SIZE
    return _checksum(source, start, start + header.packed_size) == header.checksum


def _checksum(source: Source, start: int, end: int) -> int:
    """Return the CRC-32 of the bytes from *start* to *end*, read a block at a time."""
    checksum = 0
    for at in range(start, end, _BLOCK):
        checksum = crc32(source.read_at(at, min(_BLOCK, end - at)), checksum)
    return checksum


def _is_border(source: Source, at: int, end: int) -> bool:
    return at == end or source.read_at(at, len(MAGIC)) == MAGIC


def _search(source: Source, start: int, end: int) -> int:
    """Return where the next whole frame begins, *end* if there is none."""
    for block_start in range(start, end, _BLOCK):
        # A magic may lie across the border of two blocks.
        block = source.read_at(block_start, min(_BLOCK + len(MAGIC) - 1, end - block_start))
        place = block.find(MAGIC)
        while place >= 0:
            at = block_start + place
            header = _header_at(source, at, end)
            if header is not None and not header.unknown and _has_body(source, at, header):
                return at
            place = block.find(MAGIC, place + 1)
    return end
