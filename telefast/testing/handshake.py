"""The server's side of the key exchange (https://core.telegram.org/mtproto/auth_key).

Pure but for randomness: one plain TL object in, one out. The client's RSA block may be padded in
the way of Telethon and kurigram, `sha1(data) + data + random bytes`, or in the newer RSA_PAD; what
is in it may name the data centre or not (`keys.unpad_rsa`). Temporary keys are refused.
"""

from __future__ import annotations

import os
import time
from hashlib import sha1
from typing import TYPE_CHECKING, Final

from telethon.crypto.aes import AES
from telethon.extensions.binaryreader import BinaryReader
from telethon.helpers import generate_key_data_from_nonce
from telethon.tl.functions import (
    ReqDHParamsRequest,
    ReqPqMultiRequest,
    ReqPqRequest,
    SetClientDHParamsRequest,
)
from telethon.tl.tlobject import TLObject
from telethon.tl.types import (
    ClientDHInnerData,
    DhGenOk,
    DhGenRetry,
    PQInnerData,
    PQInnerDataDc,
    PQInnerDataTemp,
    PQInnerDataTempDc,
    ResPQ,
    ServerDHInnerData,
    ServerDHParamsOk,
)

from telefast.testing.keys import (
    DH_G,
    DH_PRIME,
    DH_SAFETY_RANGE,
    RSA_FINGERPRINT,
    ServerKey,
    decrypt_rsa,
    unpad_rsa,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Handshake", "HandshakeError"]

_P: Final = 1_048_571
_Q: Final = 1_048_573
"""Two primes whose product a client factors in a moment; Telegram's own have 31 bits each."""

_KEY_FLOOR: Final = 1 << (2048 - 8)
"""Keys below this have a leading zero byte. Telethon cuts it off and would derive another id and
other message keys, so such an exchange is done again (`network/authenticator.py`)."""


_TEST_SHIFT: Final = 10_000
"""Added to the number of a data centre by clients that mean a test one
(https://core.telegram.org/mtproto/auth_key, `p_q_inner_data_dc`)."""


class HandshakeError(ValueError):
    """The client broke the key exchange; Telegram answers with a transport error and closes.

    Args:
        message: What is wrong.
        code: The transport error: -404, or -444 if the client wants another data centre
            (https://core.telegram.org/mtproto/mtproto-transports#transport-errors).
    """

    def __init__(self, message: str, *, code: int = -404) -> None:
        super().__init__(message)
        self.code = code


class Handshake:
    """One key exchange on one connection; a client may begin anew at any time.

    Args:
        dc_id: Number of the data centre that the client is at; it may name that in what it
            encrypts, negated if it wants media only. None takes any.
        clock: Returns the server's time in seconds since the epoch.

    Attributes:
        key: The key agreed upon, or None until then.
    """

    def __init__(self, dc_id: int | None = None, clock: Callable[[], float] = time.time) -> None:
        self.key: ServerKey | None = None
        self._dc_id = dc_id
        self._clock = clock
        self._retry_id = 0
        self._nonce = 0
        self._server_nonce = 0
        self._new_nonce: int | None = None
        self._secret = 0
        self._aes: tuple[bytes, bytes] = (b"", b"")

    def on_message(self, body: bytes) -> bytes:
        """Answer one plain message.

        Raises:
            HandshakeError: If it is not the message that is due, or does not check out.
        """
        request = _read(body)
        if isinstance(request, ReqPqMultiRequest | ReqPqRequest):
            answer = self._begin(request.nonce)
        elif not isinstance(request, ReqDHParamsRequest | SetClientDHParamsRequest):
            raise HandshakeError(f"{type(request).__name__} is no part of a key exchange")
        elif (request.nonce, request.server_nonce) != (self._nonce, self._server_nonce):
            raise HandshakeError("the nonces are not those of this exchange")
        elif isinstance(request, ReqDHParamsRequest):
            answer = self._offer(request)
        else:
            answer = self._finish(request.encrypted_data)
        return bytes(answer)

    def _begin(self, nonce: int) -> TLObject:
        """Step 1: let the client prove some work and choose a key of ours."""
        self.key = None
        self._new_nonce = None
        self._retry_id = 0
        self._nonce = nonce
        self._server_nonce = int.from_bytes(os.urandom(16), "little", signed=True)
        pq = (_P * _Q).to_bytes(8, "big")  # Telethon reads it as a signed number
        return ResPQ(nonce, self._server_nonce, pq, [RSA_FINGERPRINT])

    def _offer(self, request: ReqDHParamsRequest) -> TLObject:
        """Step 2: read the client's new nonce, offer our half of the secret."""
        if request.public_key_fingerprint != RSA_FINGERPRINT:
            raise HandshakeError("the client chose a key that was not offered")
        inner = _read_pq(request.encrypted_data)
        if (inner.nonce, inner.server_nonce) != (self._nonce, self._server_nonce):
            raise HandshakeError("the encrypted nonces are not those of this exchange")
        factors = sorted(int.from_bytes(factor, "big") for factor in (inner.p, inner.q))
        if factors != [_P, _Q]:
            raise HandshakeError("the client did not factor pq")
        wanted = abs(inner.dc) % _TEST_SHIFT if isinstance(inner, PQInnerDataDc) else self._dc_id
        if self._dc_id is not None and wanted != self._dc_id:
            raise HandshakeError(f"the client wants data centre {wanted}", code=-444)
        self._new_nonce = inner.new_nonce
        self._aes = generate_key_data_from_nonce(self._server_nonce, inner.new_nonce)
        self._secret, g_a = _draw_secret()
        offer = bytes(
            ServerDHInnerData(
                nonce=self._nonce,
                server_nonce=self._server_nonce,
                g=DH_G,
                dh_prime=DH_PRIME.to_bytes(256, "big"),
                g_a=g_a.to_bytes(256, "big"),
                server_time=int(self._clock()),
            )
        )
        plain = _sha1(offer) + offer
        plain += os.urandom(-len(plain) % 16)
        encrypted = AES.encrypt_ige(plain, *self._aes)
        return ServerDHParamsOk(self._nonce, self._server_nonce, encrypted)

    def _finish(self, encrypted: bytes) -> TLObject:
        """Step 3: read the client's half, agree on the key."""
        if self._new_nonce is None:
            raise HandshakeError("set_client_DH_params before req_DH_params")
        if not encrypted or len(encrypted) % 16:
            raise HandshakeError("the encrypted data is not whole AES blocks")
        plain = AES.decrypt_ige(encrypted, *self._aes)
        inner = _read_hashed(plain)
        if not isinstance(inner, ClientDHInnerData):
            raise HandshakeError("the encrypted data is not client_DH_inner_data")
        if (inner.nonce, inner.server_nonce) != (self._nonce, self._server_nonce):
            raise HandshakeError("the encrypted nonces are not those of this exchange")
        if inner.retry_id != self._retry_id:
            raise HandshakeError("retry_id is not that of the attempt before")
        g_b = int.from_bytes(inner.g_b, "big")
        if not DH_SAFETY_RANGE <= g_b <= DH_PRIME - DH_SAFETY_RANGE:
            raise HandshakeError("g_b is out of range")
        shared = pow(g_b, self._secret, DH_PRIME)
        new_nonce = self._new_nonce
        if shared < _KEY_FLOOR:
            short = shared.to_bytes((shared.bit_length() + 7) // 8, "big")
            self._retry_id = int.from_bytes(_sha1(short)[:8], "little", signed=True)
            again = _hash_of_nonce(new_nonce, 2, short)
            return DhGenRetry(self._nonce, self._server_nonce, again)
        self.key = ServerKey(shared.to_bytes(256, "big"))
        self._new_nonce = None
        proof = _hash_of_nonce(new_nonce, 1, self.key.data)
        return DhGenOk(self._nonce, self._server_nonce, proof)


def _hash_of_nonce(new_nonce: int, number: int, key: bytes) -> int:
    """Return `new_nonce_hash1`, `2` or `3`: proof that both sides have *key*."""
    nonce = new_nonce.to_bytes(32, "little", signed=True)
    digest = _sha1(nonce + bytes([number]) + _sha1(key)[:8])
    return int.from_bytes(digest[4:20], "little", signed=True)


def _draw_secret() -> tuple[int, int]:
    """Return `a` and `g^a`, the latter within the bounds that clients check."""
    while True:
        secret = int.from_bytes(os.urandom(256), "big")
        g_a = pow(DH_G, secret, DH_PRIME)
        if DH_SAFETY_RANGE <= g_a <= DH_PRIME - DH_SAFETY_RANGE:
            return secret, g_a


def _sha1(data: bytes) -> bytes:
    """Return the SHA-1 that the protocol asks for."""
    return sha1(data).digest()


def _read(body: bytes) -> object:
    """Read one TL object; whatever is wrong with it is the client's fault."""
    try:
        return BinaryReader(body).tgread_object()
    except Exception as error:
        raise HandshakeError("not a TL object") from error


def _read_hashed(plain: bytes, *, is_hashed: bool = True) -> object:
    """Read `sha1(object) + object + padding`, or without the hash."""
    start = 20 if is_hashed else 0
    reader = BinaryReader(plain[start:])
    try:
        value = reader.tgread_object()
    except Exception as error:
        raise HandshakeError("the encrypted data holds no TL object") from error
    if is_hashed and _sha1(plain[start : start + reader.tell_position()]) != plain[:start]:
        raise HandshakeError("the hash of the encrypted data is wrong")
    return value


def _read_pq(encrypted: bytes) -> PQInnerData | PQInnerDataDc:
    """Decrypt what the client put under our RSA key."""
    try:
        data, is_hashed = unpad_rsa(decrypt_rsa(encrypted))
    except ValueError as error:
        raise HandshakeError(str(error)) from error
    inner = _read_hashed(data, is_hashed=is_hashed)
    if isinstance(inner, PQInnerDataTemp | PQInnerDataTempDc):
        raise HandshakeError("temporary keys (perfect forward secrecy) are not embedded")
    if not isinstance(inner, PQInnerData | PQInnerDataDc):
        raise HandshakeError("the encrypted data is not p_q_inner_data")
    return inner
