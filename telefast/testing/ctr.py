"""AES-256 in counter mode: obfuscated transports and content delivery networks use it.

The key stream comes from `cryptography` (extra `telefast[testing]`), at over 1 GB/s; where it is
missing, from the pure Python that Telethon itself uses for this, at well under 1 MB/s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from telethon.crypto.aesctr import AESModeCTR

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Ctr"]


class _Cipher(Protocol):
    def encrypt(self, data: bytes) -> bytes:
        """Encrypt, or decrypt: in counter mode they are the same."""


class Ctr:
    """A key stream, and where in it we are.

    Args:
        key: 32 bytes.
        iv: 16 bytes, the counter of the first block, big-endian.

    Example:
        >>> there, back = (Ctr(bytes(32), bytes(16)) for _ in range(2))
        >>> back.apply(there.apply(b"one ") + there.apply(b"two"))
        b'one two'
    """

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._apply = _stream(key, iv)

    def apply(self, data: bytes) -> bytes:
        """Encrypt or decrypt the next bytes of the stream."""
        return self._apply(data)


def _stream(key: bytes, iv: bytes) -> Callable[[bytes], bytes]:
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ImportError:
        slow: _Cipher = AESModeCTR(key, iv)
        return slow.encrypt
    return Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor().update
