"""AES-256 in counter mode, which content delivery networks encrypt with.

https://core.telegram.org/cdn#decrypting-files. Telethon's crypto has IGE in C and CTR only in
Python. IGE of a single block with a zero IV is AES of that block, so the stream is made from it:
18 ms for each MiB with cryptg, a hundredth of the other.
"""

from __future__ import annotations

from typing import Final

from telethon.crypto.aes import AES

__all__ = ["decrypt"]

_BLOCK: Final = 16
_NO_IV: Final = bytes(2 * _BLOCK)


def decrypt(data: bytes, key: bytes, iv: bytes, offset: int) -> bytes:
    """Decrypt a part of a file.

    Args:
        data: The part.
        key: 32 bytes.
        iv: 16 bytes; the last four are replaced by the place, in blocks, big-endian.
        offset: Where in the file the part begins, a multiple of 16.
    """
    first = offset // _BLOCK
    stream = b"".join(
        [
            AES.encrypt_ige(iv[:12] + (n % (1 << 32)).to_bytes(4, "big"), key, _NO_IV)
            for n in range(first, first - (-len(data) // _BLOCK))
        ]
    )
    mixed = int.from_bytes(data, "little") ^ int.from_bytes(stream[: len(data)], "little")
    return mixed.to_bytes(len(data), "little")
