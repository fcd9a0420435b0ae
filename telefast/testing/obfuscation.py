"""The obfuscated transport: 64 random bytes first, then everything in AES-CTR.

Source: https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation. Inside runs
one of the other framings, named by a tag in the encrypted end of the first bytes. No proxy secret:
those are for MTProxy, which no data centre is.
"""

from __future__ import annotations

from typing import Final

from telethon.crypto.aes import AES

__all__ = ["OBFUSCATED_HEADER", "AesCtr", "deobfuscate"]

OBFUSCATED_HEADER: Final = 64
"""First bytes of an obfuscated connection: filler, the keys of both directions, tag, filler."""

_BLOCK: Final = 16
_NO_IV: Final = bytes(2 * _BLOCK)


class AesCtr:
    """AES-256 in counter mode, one direction of one connection.

    Telethon's crypto has IGE in C and CTR only in Python. IGE of a single block with a zero IV is
    AES of that block, so the stream is made from it: some 40 MB/s with cryptg, 200 times faster
    than the other.

    Args:
        key: 32 bytes.
        iv: 16 bytes: the first counter, big-endian.

    Example:
        >>> there, back = AesCtr(bytes(32), bytes(16)), AesCtr(bytes(32), bytes(16))
        >>> back.apply(there.apply(b"good ")) + back.apply(there.apply(b"day"))
        b'good day'
    """

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._key = key
        self._counter = int.from_bytes(iv, "big")
        self._left = b""

    def apply(self, data: bytes) -> bytes:
        """Encrypt or decrypt the next bytes of the stream; the two are the same."""
        missing = len(data) - len(self._left)
        if missing > 0:
            count = -(-missing // _BLOCK)
            key = self._key
            counters = range(self._counter, self._counter + count)
            self._left += b"".join(
                [
                    AES.encrypt_ige((n % (1 << 128)).to_bytes(_BLOCK, "big"), key, _NO_IV)
                    for n in counters
                ]
            )
            self._counter += count
        size = len(data)
        stream, self._left = self._left[:size], self._left[size:]
        mixed = int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")
        return mixed.to_bytes(size, "little")


def deobfuscate(header: bytes) -> tuple[bytes, AesCtr, AesCtr]:
    """Read the first `OBFUSCATED_HEADER` bytes of a client.

    Returns:
        The tag of the framing inside, and the streams of what comes in and of what goes out.
    """
    incoming = AesCtr(header[8:40], header[40:56])
    backwards = header[55:7:-1]
    outgoing = AesCtr(backwards[:32], backwards[32:48])
    return incoming.apply(header)[56:60], incoming, outgoing
