"""Keys of the embedded Telegram: its fixed RSA key, the DH group, and authorization keys.

None of these is a secret: the RSA key below is public with both its halves, and serves only to
let an unmodified client finish the real key exchange. Never trust it outside of tests.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from hashlib import sha1, sha256
from typing import Final

from telethon.crypto import rsa
from telethon.crypto.aes import AES

__all__ = [
    "DH_G",
    "DH_PRIME",
    "DH_SAFETY_RANGE",
    "RSA_FINGERPRINT",
    "RSA_PUBLIC_KEY",
    "ServerKey",
    "decrypt_rsa",
    "trust_test_key",
    "unpad_rsa",
]

RSA_PUBLIC_KEY: Final = """-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAogmaAOZ7kvUfz4cnuvoqrHqmd7WvgTenoJ/6RxmFhGegjFT7r253
ck7MQ4jZ9l4xe2rY0p/nDiZQSaKhaYHoIAuAN7YnG0qhkZsHhApKLxS7rKFQpIG2
HE4Uya2ZEb0jfE2N7M/HHRUbtSOJcoz0nvvOld7TqId97UdIJ4cgNXImiFJaxlDZ
50QrEdDilvVm3h4fMpvRIXeF09snC6fQjHMV+vOHoOKnD8v76kmjNgQo6igj9kAQ
del3d3dhqdOiTCeI0KgM+SQb3jholAPwW6gXeTfK5bptFiWpk/oBWDG5jTU9AZIj
sGUUmNHV95qoQOGtxZZB3+Qi03vAq07/IQIDAQAB
-----END RSA PUBLIC KEY-----
"""
"""The public half in PKCS#1, as `telethon.crypto.rsa.add_key` wants it."""

_RSA_P: Final = int(
    "ccb628027f0f48512163622feeff62cad197411f585cc26979d80ec757527c29089617304"
    "0efc67024650202b4eaafcce145a908fe6cf63dc3885096dbf278d5bcf93878115f9d588f"
    "a810ddef408ddf345b07aa405d614b1ddc2b8cd62ef69fb4dc62ac4e4e671d4e09ac23b5d"
    "d0b9e378d3f5f11579d4e0a4c002b48aa1c26577cf43c9cc09cbf",
    16,
)
_RSA_Q: Final = int(
    "caa267ff836f58fd18ec3ea351d8c79e997af2af9bffdc866905bda7469ce18d3f54b4180"
    "7997fd29e40604cd9918e7561c74d0a69eb9702b4cab7c141f6234c791d1d9e5c7604c911"
    "c4a83fdd4fdd2e3e9c97ee48e658bc34424d22e599a25235a150df49a6bb0d398dbb0abb6"
    "d9e562c436f496650fc1f",
    16,
)
_RSA_E: Final = 65537
_RSA_N: Final = _RSA_P * _RSA_Q
_RSA_D: Final = pow(_RSA_E, -1, (_RSA_P - 1) * (_RSA_Q - 1))

DH_PRIME: Final = int(
    "c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f48198a0a"
    "a7c14058229493d22530f4dbfa336f6e0ac925139543aed44cce7c3720fd51f69458705a"
    "c68cd4fe6b6b13abdc9746512969328454f18faf8c595f642477fe96bb2a941d5bcd1d4a"
    "c8cc49880708fa9b378e3c4f3a9060bee67cf9a4a4a695811051907e162753b56b0f6b41"
    "0dba74d8a84b2a14b3144e0ef1284754fd17ed950d5965b4b9dd46582db1178d169c6bc4"
    "65b0d6ff9ca3928fef5b9ae4e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959"
    "d956850ce929851f0d8115f635b105ee2e4e15d04b2454bf6f4fadf034b10403119cd8e3"
    "b92fcc5b",
    16,
)
"""The safe prime that Telegram itself uses (https://core.telegram.org/mtproto/auth_key)."""

DH_G: Final = 3
"""A generator that fits `DH_PRIME`: the prime is 2 modulo 3, as the specification asks."""

DH_SAFETY_RANGE: Final = 1 << (2048 - 64)
"""`g_a` and `g_b` must keep this distance from 0 and from the prime (same page)."""


def _tl_bytes(data: bytes) -> bytes:
    """Serialize 254 to 2**24-1 bytes (as an RSA modulus is), or fewer, as TL `bytes`."""
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)


def _fingerprint(n: int, e: int) -> int:
    """Return the number by which both sides name an RSA key."""
    tl = _tl_bytes(n.to_bytes(256, "big")) + _tl_bytes(e.to_bytes(3, "big"))
    fingerprint: int = struct.unpack("<q", sha1(tl).digest()[-8:])[0]
    return fingerprint


RSA_FINGERPRINT: Final = _fingerprint(_RSA_N, _RSA_E)
"""The fingerprint of `RSA_PUBLIC_KEY`, signed as TL's `long`."""


def decrypt_rsa(block: bytes) -> bytes:
    """Undo the client's raw RSA: 256 bytes in, 256 bytes out, still padded in one of two ways.

    Raises:
        ValueError: If *block* is not a number below the modulus.
    """
    cipher = int.from_bytes(block, "big")
    if len(block) != 256 or cipher >= _RSA_N:
        raise ValueError("not an RSA block of the test key")
    return pow(cipher, _RSA_D, _RSA_N).to_bytes(256, "big")


def unpad_rsa(block: bytes) -> tuple[bytes, bool]:
    """Take the data out of what `decrypt_rsa` returned, whichever of the two schemes it is in.

    Telethon and kurigram send the older one: a zero byte, the SHA-1 of the data, the data, random
    bytes. Newer clients send RSA_PAD (https://core.telegram.org/mtproto/auth_key, step 4.1): data
    and random bytes to 192, reversed, then their SHA-256; all this in AES-IGE under a random key,
    which stands before it, mixed with the hash of the ciphertext.

    Returns:
        What holds the data, followed by random bytes; whether a hash must still be checked, which
        stands in its first 20 bytes.

    Raises:
        ValueError: If the hash in RSA_PAD is wrong and the block is not of the older scheme.
    """
    encrypted = block[32:]
    mask = sha256(encrypted).digest()
    key = bytes(a ^ b for a, b in zip(block[:32], mask, strict=True))
    plain = AES.decrypt_ige(encrypted, key, bytes(32))
    data = plain[191::-1]
    if sha256(key + data).digest() == plain[192:]:
        return data, False
    if block[0]:
        raise ValueError("the RSA block is padded in neither of the two ways")
    return block[1:], True


def trust_test_key() -> None:
    """Make Telethon, in this whole process, accept the embedded Telegram's RSA key.

    Telethon's table of keys is global. `LocalTelegram.client` calls this only for
    `key_exchange=True`; a program that talks to the real Telegram should not.
    """
    rsa.add_key(RSA_PUBLIC_KEY, old=False)


class ServerKey:
    """An authorization key as the server uses it: 256 bytes and their id.

    Args:
        data: The key, 256 bytes. Default: random.
        is_initialized: Whether a client said who it is under this key.
        account: Number of the account that is logged in with this key; None if none is.

    Attributes:
        data: The key itself. It never shows in `repr`.
        key_id: The first 8 bytes of each packet under this key.
        is_initialized: Whether a client said who it is (`initConnection`) under this key.
        account: Number of the account that is logged in with this key; None if none is.
        home: The key whose login was carried over to this one; None if it was not.
        is_duplicated: Whether its login was used from two addresses at once, which ended it.
    """

    __slots__ = ("_hosts", "account", "data", "home", "is_duplicated", "is_initialized", "key_id")

    def __init__(
        self,
        data: bytes | None = None,
        *,
        is_initialized: bool = False,
        account: int | None = None,
    ) -> None:
        self.data = os.urandom(256) if data is None else data
        if len(self.data) != 256:
            raise ValueError("an authorization key has 256 bytes")
        self.key_id = sha1(self.data).digest()[-8:]
        self.is_initialized = is_initialized
        self.account = account
        self.home: ServerKey | None = None
        self.is_duplicated = False
        self._hosts: Counter[str] = Counter()

    def enter(self, host: str) -> None:
        """Note a connection that uses the key; a login ends if another address has one, too.

        Telegram calls that AUTH_KEY_DUPLICATED (https://core.telegram.org/api/errors).
        """
        self._hosts[host] += 1
        if len(self._hosts) > 1 and self.account is not None:
            self.is_duplicated = True
            self.account = None

    def leave(self, host: str) -> None:
        """Note that a connection which used the key has ended."""
        self._hosts[host] -= 1
        self._hosts += Counter()  # Drops what is at 0.

    def __repr__(self) -> str:
        """Show neither the key nor its id."""
        return "<ServerKey>"
