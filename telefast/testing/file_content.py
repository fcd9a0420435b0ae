"""The bytes of a file, without the file: any part of any size, made when it is asked for.

Made bytes depend on a key and on the place in the file, and on nothing else. A block of 4 KiB
begins with 16 bytes that no other block of the file begins with, so that a part in the wrong place,
or taken from another file, never goes unnoticed. The rest of the block is a window on 16 KiB of
hash output, another window for another block: this costs one copy, not one hash.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BLOCK", "Blob", "file_sha256", "made_bytes"]

BLOCK: Final = 4096
"""Bytes of a block. Chosen: the grid of offsets in `upload.getFile`, so that parts are whole."""

_HEAD: Final = struct.Struct("<QQ")
_BODY: Final = BLOCK - _HEAD.size
_POOL: Final = 16 * 1024
_SPAN: Final = _POOL - _BODY
_STEP: Final = 0x9E3779B97F4A7C15  # Odd, so that its multiples of block numbers never meet.
_MASK: Final = (1 << 64) - 1
_STRIDE: Final = 1 << 20


@lru_cache(maxsize=64)
def _pool(key: str) -> tuple[bytes, int, int]:
    """Return what a file is made from: 16 KiB, and two numbers that begin its blocks."""
    raw = hashlib.shake_128(key.encode()).digest(_POOL + _HEAD.size)
    first, second = _HEAD.unpack_from(raw, _POOL)
    return raw[:_POOL], first, second


def made_bytes(key: str, offset: int, length: int) -> bytes:
    """Return *length* bytes of an endless file from *offset* on.

    Args:
        key: What the bytes depend on.
        offset: Where to begin, 0 or more; there is no end.
        length: How many bytes.

    Example:
        >>> whole = made_bytes("a", 0, 10_000)
        >>> whole[4_000:9_000] == made_bytes("a", 4_000, 5_000) != made_bytes("b", 4_000, 5_000)
        True
    """
    if length <= 0:
        return b""
    pool, first, second = _pool(key)
    pieces: list[bytes] = []
    begin = offset // BLOCK
    for number in range(begin, (offset + length - 1) // BLOCK + 1):
        mixed = (number * _STEP + first) & _MASK
        at = (mixed >> 32) % _SPAN
        pieces.append(_HEAD.pack(mixed, number ^ second))
        pieces.append(pool[at : at + _BODY])
    skip = offset - begin * BLOCK
    return b"".join(pieces)[skip : skip + length]


class Blob(NamedTuple):
    """One file as the server sends it.

    Attributes:
        key: What made bytes depend on; one for each file or size of a photo.
        size: Bytes in it.
        mime_type: What `upload.File.type` tells of.
        date: When it was made, in seconds since the epoch.
        dc_id: The data centre that has it.
        data: Its bytes if they were given, or the path of a file on disk; None if they are made.
    """

    key: str
    size: int
    mime_type: str
    date: int
    dc_id: int
    data: bytes | Path | None = None

    def read(self, offset: int, limit: int) -> bytes:
        """Return up to *limit* bytes from *offset* on; fewer at the end, none after it.

        Given bytes that are shorter than `size` go on with made ones.

        Raises:
            OSError: If the bytes are on disk and cannot be read.
        """
        length = min(limit, self.size - offset)
        if length <= 0:
            return b""
        if self.data is None:
            return made_bytes(self.key, offset, length)
        if isinstance(self.data, bytes):
            found = self.data[offset : offset + length]
        else:
            with self.data.open("rb") as file:
                file.seek(offset)
                found = file.read(length)
        if len(found) < length:
            found += made_bytes(self.key, offset + len(found), length - len(found))
        return found


def file_sha256(blob: Blob) -> bytes:
    """Return the SHA-256 of a whole file, of which 1 MiB is in memory at a time."""
    found = hashlib.sha256()
    for offset in range(0, blob.size, _STRIDE):
        found.update(blob.read(offset, _STRIDE))
    return found.digest()
