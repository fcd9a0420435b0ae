"""Does the key exchange end where Telethon's does, and refuse a client that cheats?"""

from __future__ import annotations

import contextlib
import os
import struct
from hashlib import sha1, sha256
from typing import Any

import pytest
import rsa
from hypothesis import given
from hypothesis import strategies as st
from telethon.crypto import AES, AuthKey
from telethon.crypto import rsa as telethon_rsa
from telethon.extensions import BinaryReader
from telethon.helpers import generate_key_data_from_nonce
from telethon.network.authenticator import do_authentication
from telethon.tl import functions, types

from telefast.testing import LocalTelegram, World
from telefast.testing.handshake import Handshake, HandshakeError
from telefast.testing.keys import (
    DH_G,
    DH_PRIME,
    RSA_FINGERPRINT,
    RSA_PUBLIC_KEY,
    ServerKey,
    decrypt_rsa,
    trust_test_key,
    unpad_rsa,
)
from telefast.testing.tl import read_object


class Wire:
    """Stands for Telethon's plain sender: hands each request straight to the server's side."""

    def __init__(self, handshake: Handshake) -> None:
        self.handshake = handshake

    async def send(self, request: Any) -> Any:
        """Return the server's answer."""
        return ask(self.handshake, request)


def ask(handshake: Handshake, request: Any) -> Any:
    """Return the answer to *request* as an object."""
    return BinaryReader(handshake.on_message(bytes(request))).tgread_object()


def encrypt_old(data: bytes) -> bytes:
    """Encrypt as Telethon does."""
    return telethon_rsa.encrypt(RSA_FINGERPRINT, data)


def encrypt_padded(data: bytes) -> bytes:
    """Encrypt with RSA_PAD, step by step as the specification writes it."""
    key = rsa.PublicKey.load_pkcs1(RSA_PUBLIC_KEY.encode())
    with_padding = data + os.urandom(192 - len(data))
    while True:
        temp_key = os.urandom(32)
        with_hash = with_padding[::-1] + sha256(temp_key + with_padding).digest()
        encrypted = AES.encrypt_ige(with_hash, temp_key, bytes(32))
        mask = sha256(encrypted).digest()
        block = bytes(a ^ b for a, b in zip(temp_key, mask, strict=True)) + encrypted
        number = int.from_bytes(block, "big")
        if number < key.n:
            return pow(number, key.e, key.n).to_bytes(256, "big")


class Cheater:
    """A client that goes through the exchange step by step, and can lie at each."""

    def __init__(self, dc_id: int | None = None) -> None:
        trust_test_key()
        self.handshake = Handshake(dc_id)
        self.nonce = 11
        self.new_nonce = 22
        self.offer: Any = None
        self.aes: tuple[bytes, bytes] = (bytes(32), bytes(32))
        self.pq: Any = ask(self.handshake, functions.ReqPqMultiRequest(self.nonce))

    def request_dh(self, **lies: Any) -> Any:
        """Take step 2; *lies* replace fields of the request or of what is encrypted in it."""
        factors = [b"\x0f\xff\xfb", b"\x0f\xff\xfd"]
        kind = lies.pop("kind", types.PQInnerData)
        encrypt = lies.pop("encrypt", encrypt_old)
        extra = lies.pop("extra", {})
        inner = {
            "pq": self.pq.pq,
            "p": factors[0],
            "q": factors[1],
            "nonce": self.nonce,
            "server_nonce": self.pq.server_nonce,
            "new_nonce": self.new_nonce,
        }
        inner |= {key: lies.pop(f"inner_{key}") for key in list(inner) if f"inner_{key}" in lies}
        request = {
            "nonce": self.nonce,
            "server_nonce": self.pq.server_nonce,
            "p": factors[0],
            "q": factors[1],
            "public_key_fingerprint": RSA_FINGERPRINT,
            "encrypted_data": encrypt(bytes(kind(**inner, **extra))),
        }
        answer = ask(self.handshake, functions.ReqDHParamsRequest(**request | lies))
        self.aes = generate_key_data_from_nonce(self.pq.server_nonce, self.new_nonce)
        plain = AES.decrypt_ige(answer.encrypted_answer, *self.aes)
        self.offer = BinaryReader(plain[20:]).tgread_object()
        size = len(bytes(self.offer))
        assert plain[:20] == sha1(plain[20 : 20 + size]).digest()
        return self.offer

    def set_dh(self, g_b: int, *, hashed: bool = True, **lies: Any) -> Any:
        """Take step 3 with our half *g_b*."""
        inner = {"nonce": self.nonce, "server_nonce": self.pq.server_nonce, "retry_id": 0}
        inner |= {key: lies.pop(f"inner_{key}") for key in list(inner) if f"inner_{key}" in lies}
        data = bytes(types.ClientDHInnerData(**inner, g_b=g_b.to_bytes(256, "big")))
        plain = (sha1(data).digest() if hashed else bytes(20)) + data
        request = {
            "nonce": self.nonce,
            "server_nonce": self.pq.server_nonce,
            "encrypted_data": AES.encrypt_ige(plain, *self.aes),
        }
        return ask(self.handshake, functions.SetClientDHParamsRequest(**request | lies))


@pytest.mark.rule("handshake.server-time")
async def test_telethon_and_the_server_agree_on_a_key() -> None:
    """Telethon's own exchange ends with the key that the server has, and a sane clock."""
    trust_test_key()
    handshake = Handshake()
    while handshake.key is None:
        try:
            key, offset = await do_authentication(Wire(handshake))
        except AssertionError as error:  # One key in 256 begins with a zero byte.
            assert "DhGenRetry" in str(error)
    assert len(key.key) == 256
    assert key.key == handshake.key.data
    assert key.key_id.to_bytes(8, "little") == handshake.key.key_id
    assert abs(offset) <= 1


@pytest.mark.rule("handshake.fingerprint")
def test_the_fingerprint_is_the_one_that_telethon_computes() -> None:
    """Telethon files our public key under the fingerprint that we offer."""
    trust_test_key()
    key, is_old = telethon_rsa._server_keys[RSA_FINGERPRINT]
    assert key == rsa.PublicKey.load_pkcs1(RSA_PUBLIC_KEY.encode())
    assert not is_old


@pytest.mark.rule("handshake.rsa-hashed-block")
def test_the_private_half_fits_the_public_one() -> None:
    """What Telethon encrypts for the key is read back behind its hash."""
    trust_test_key()
    block = decrypt_rsa(telethon_rsa.encrypt(RSA_FINGERPRINT, b"data"))
    assert block[0] == 0
    assert block[1:25] == sha1(b"data").digest() + b"data"


@pytest.mark.rule("handshake.safe-group")
def test_the_group_is_safe() -> None:
    """The prime has 2048 bits, is a safe prime (by Fermat), and the generator fits it."""
    half = (DH_PRIME - 1) // 2
    assert DH_PRIME.bit_length() == 2048
    assert pow(2, DH_PRIME - 1, DH_PRIME) == 1
    assert pow(2, half - 1, half) == 1
    assert (DH_G, DH_PRIME % 3) == (3, 2)


@pytest.mark.rule("handshake.no-leading-zero", "handshake.new-nonce-hash")
def test_a_key_that_begins_with_zero_is_exchanged_again() -> None:
    """Telethon cuts leading zeros off: the server asks for a retry, then takes another half."""
    client = Cheater()
    offer = client.request_dh()
    g_a = int.from_bytes(offer.g_a, "big")
    exponent = int.from_bytes(os.urandom(200), "big")
    g_b, shared = pow(DH_G, exponent, DH_PRIME), pow(g_a, exponent, DH_PRIME)
    while not 2**2000 < shared < 2**2040:
        g_b, shared = g_b * DH_G % DH_PRIME, shared * g_a % DH_PRIME
    short = shared.to_bytes((shared.bit_length() + 7) // 8, "big")
    answer = client.set_dh(g_b)
    assert isinstance(answer, types.DhGenRetry)
    assert answer.new_nonce_hash2 == AuthKey(short).calc_new_nonce_hash(client.new_nonce, 2)
    assert client.handshake.key is None
    while shared < 2**2040:
        g_b, shared = g_b * DH_G % DH_PRIME, shared * g_a % DH_PRIME
    aux_hash = int.from_bytes(sha1(short).digest()[:8], "little", signed=True)
    with pytest.raises(HandshakeError, match="retry_id"):
        client.set_dh(g_b)
    answer = client.set_dh(g_b, inner_retry_id=aux_hash)
    key = AuthKey(shared.to_bytes(256, "big"))
    assert answer.new_nonce_hash1 == key.calc_new_nonce_hash(client.new_nonce, 1)
    assert client.handshake.key is not None
    assert client.handshake.key.data == key.key


@pytest.mark.rule("handshake.rsa-hashed-block", "handshake.rsa-pad", "handshake.data-centre-named")
@pytest.mark.parametrize("encrypt", [encrypt_old, encrypt_padded])
@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        (types.PQInnerData, {}),
        (types.PQInnerDataDc, {"dc": 4}),
        (types.PQInnerDataDc, {"dc": -4}),
        (types.PQInnerDataDc, {"dc": 10_004}),
        (types.PQInnerDataDc, {"dc": -10_004}),
    ],
)
def test_both_paddings_and_both_objects_are_read(
    encrypt: Any, kind: Any, extra: dict[str, int]
) -> None:
    """The older RSA scheme and RSA_PAD, with the data centre named or not, lead to an offer."""
    offer = Cheater(4).request_dh(encrypt=encrypt, kind=kind, extra=extra)
    assert int.from_bytes(offer.dh_prime, "big") == DH_PRIME


@pytest.mark.rule("handshake.wrong-data-centre")
@pytest.mark.parametrize("encrypt", [encrypt_old, encrypt_padded])
def test_the_wrong_data_centre_has_an_error_of_its_own(encrypt: Any) -> None:
    """Who names another data centre gets transport error -444, not -404; None takes any."""
    with pytest.raises(HandshakeError, match="data centre 3") as caught:
        Cheater(4).request_dh(encrypt=encrypt, kind=types.PQInnerDataDc, extra={"dc": 3})
    assert caught.value.code == -444
    assert Cheater().request_dh(kind=types.PQInnerDataDc, extra={"dc": 3}).g == DH_G


@pytest.mark.rule("handshake.wrong-data-centre")
async def test_a_client_at_the_wrong_door_is_told(raw_client: Any) -> None:
    """The transport error -444 goes over the wire, then the connection ends."""

    def plain(request: Any) -> bytes:
        body = bytes(request)
        return struct.pack("<qqi", 0, raw.new_id(), len(body)) + body

    async with LocalTelegram(World(seed=1)) as telegram, raw_client(telegram) as raw:
        raw.send_packet(plain(functions.ReqPqMultiRequest(11)))
        answer = read_object((await raw.receive_packet())[20:])
        inner = types.PQInnerDataDc(
            pq=answer.pq,
            p=b"\x0f\xff\xfb",
            q=b"\x0f\xff\xfd",
            nonce=11,
            server_nonce=answer.server_nonce,
            new_nonce=22,
            dc=telegram.dc_id + 1,
        )
        request = functions.ReqDHParamsRequest(
            nonce=11,
            server_nonce=answer.server_nonce,
            p=inner.p,
            q=inner.q,
            public_key_fingerprint=answer.server_public_key_fingerprints[0],
            encrypted_data=encrypt_padded(bytes(inner)),
        )
        raw.send_packet(plain(request))
        assert await raw.receive_packet() == struct.pack("<i", -444)
        assert await raw.receive_packet() is None
        assert telegram.requests.handshakes == 0


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        (types.PQInnerDataTemp, {"expires_in": 60}),
        (types.PQInnerDataTempDc, {"dc": 2, "expires_in": 60}),
    ],
)
def test_temporary_keys_are_refused_by_name(kind: Any, extra: dict[str, int]) -> None:
    """Perfect forward secrecy is not embedded, and a client that wants it is told so."""
    with pytest.raises(HandshakeError, match="temporary keys"):
        Cheater().request_dh(encrypt=encrypt_padded, kind=kind, extra=extra)


@pytest.mark.rule("handshake.rsa-pad")
def test_a_flipped_bit_under_rsa_pad_is_found() -> None:
    """A block whose hash does not hold is in neither scheme; the error says so."""
    block = encrypt_padded(b"data" * 20)
    plain = bytearray(decrypt_rsa(block))
    assert unpad_rsa(bytes(plain))[0][:80] == b"data" * 20
    plain[0] = 1
    plain[100] ^= 1
    with pytest.raises(ValueError, match="neither"):
        unpad_rsa(bytes(plain))


@pytest.mark.rule("handshake.factors-checked")
@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": 12},
        {"server_nonce": 13},
        {"public_key_fingerprint": 1},
        {"encrypted_data": b"short"},
        {"encrypted_data": b"\xff" * 256},
        {"encrypted_data": b"\1" * 256},
        {"inner_nonce": 12},
        {"inner_server_nonce": 13},
        {"inner_p": b"\3"},
    ],
)
def test_a_lie_in_step_two_ends_the_exchange(lie: dict[str, Any]) -> None:
    """Wrong nonces, factors, key or ciphertext are refused before anything is offered."""
    with pytest.raises(HandshakeError):
        Cheater().request_dh(**lie)


@pytest.mark.rule("handshake.g-in-range", "handshake.answer-hash")
@pytest.mark.parametrize(
    ("g_b", "lie"),
    [
        (1, {}),
        (DH_PRIME - 1, {}),
        (2**2047, {"nonce": 12}),
        (2**2047, {"server_nonce": 13}),
        (2**2047, {"inner_nonce": 12}),
        (2**2047, {"inner_server_nonce": 13}),
        (2**2047, {"encrypted_data": b"odd"}),
        (2**2047, {"encrypted_data": b""}),
        (2**2047, {"encrypted_data": bytes(64)}),
        (2**2047, {"hashed": False}),
    ],
)
def test_a_lie_in_step_three_ends_the_exchange(g_b: int, lie: dict[str, Any]) -> None:
    """A half out of range, wrong nonces and broken ciphertext give no key."""
    client = Cheater()
    client.request_dh()
    with pytest.raises(HandshakeError):
        client.set_dh(g_b, **lie)
    assert client.handshake.key is None


@pytest.mark.rule("handshake.in-order")
def test_steps_come_in_order() -> None:
    """Step 3 before step 2, and API calls in plain, are refused; a new beginning is not."""
    client = Cheater()
    with pytest.raises(HandshakeError, match="before"):
        client.set_dh(2**2047)
    with pytest.raises(HandshakeError, match="no part"):
        client.handshake.on_message(bytes(functions.help.GetConfigRequest()))
    assert ask(client.handshake, functions.ReqPqMultiRequest(1)).nonce == 1


def test_step_two_must_encrypt_the_right_object() -> None:
    """Another TL object under the RSA key is refused, with its hash correct."""
    client = Cheater()
    data = bytes(types.InputPeerSelf())
    with pytest.raises(HandshakeError, match="p_q_inner_data"):
        client.request_dh(encrypted_data=telethon_rsa.encrypt(RSA_FINGERPRINT, data))


@given(st.binary(max_size=300))
def test_garbage_is_a_handshake_error(body: bytes) -> None:
    """Whatever arrives in plain, the answer is a TL object or `HandshakeError`."""
    with contextlib.suppress(HandshakeError):
        Handshake().on_message(body)


def test_a_key_hides_itself() -> None:
    """A key has 256 bytes and shows neither them nor its id."""
    key = ServerKey()
    assert repr(key) == "<ServerKey>"
    with pytest.raises(ValueError, match="256"):
        ServerKey(b"short")


@pytest.mark.rule("client.connects")
async def test_the_real_client_exchanges_a_key_once() -> None:
    """A client without a key gets one when it connects, and keeps it for the next time."""
    async with LocalTelegram(World(seed=1)) as telegram:
        client = telegram.client(key_exchange=True)
        await client.connect()
        assert (await client.get_me()).id == telegram.world.me.id
        assert telegram.requests.handshakes == 1
        await client.disconnect()
        await client.connect()
        assert await client.is_user_authorized()
        assert telegram.requests.handshakes == 1
        assert telegram.requests.connections == 2
