"""Are encrypted messages what Telethon's MTProto 2.0 makes of them, and nothing else accepted?"""

from __future__ import annotations

import contextlib
import gzip
import struct
import time
import zlib
from collections import defaultdict
from hashlib import sha256
from io import BytesIO
from typing import Any

import pyaes
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.crypto import AuthKey
from telethon.network.mtprotostate import MTProtoState
from telethon.tl.core import GzipPacked
from telethon.tl.functions import PingRequest
from telethon.tl.tlobject import TLObject
from telethon.tl.types import Pong

from telefast.testing.keys import ServerKey
from telefast.testing.session import (
    CONTAINER,
    MAX_CONTAINER_MESSAGES,
    MAX_UNPACKED,
    PACK_BYTES,
    PACK_MESSAGES,
    TO_CLIENT,
    TO_SERVER,
    BadMessageError,
    EnvelopeError,
    Message,
    Outgoing,
    Session,
    check_time,
    gunzip,
    seal,
    split,
    unseal,
)

KEY = ServerKey(bytes(range(256)))
PONG = bytes(Pong(1, 2))
PING = bytes(PingRequest(5))


def client_state() -> MTProtoState:
    """Return Telethon's half of a session under `KEY`."""
    loggers: Any = defaultdict(lambda: _Silent())
    return MTProtoState(AuthKey(KEY.data), loggers=loggers)


class _Silent:
    """A logger that says nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_args: None


def container(*parts: tuple[int, int, bytes], count: int | None = None) -> bytes:
    """Return a `msg_container` of `(msg_id, seqno, body)`."""
    items = b"".join(struct.pack("<qii", i, n, len(body)) + body for i, n, body in parts)
    return struct.pack("<Ii", CONTAINER, len(parts) if count is None else count) + items


def naive_ige(data: bytes, key: bytes, iv: bytes) -> bytes:
    """Decrypt AES-IGE block by block, written down from its definition."""
    aes = pyaes.AES(key)
    before_cipher, before_plain = iv[:16], iv[16:]
    out = b""
    for start in range(0, len(data), 16):
        cipher = data[start : start + 16]
        mixed = bytes(a ^ b for a, b in zip(cipher, before_plain, strict=True))
        plain = bytes(
            a ^ b for a, b in zip(bytes(aes.decrypt(list(mixed))), before_cipher, strict=True)
        )
        before_cipher, before_plain = cipher, plain
        out += plain
    return out


@pytest.mark.rule("envelope.message-key")
@pytest.mark.parametrize("x", [TO_SERVER, TO_CLIENT])
def test_the_envelope_follows_the_specification(x: int) -> None:
    """Key id, message key, AES key and IV come from where the MTProto 2.0 description says.

    https://core.telegram.org/mtproto/description#defining-aes-key-and-initialization-vector
    """
    key_id, msg_key, cipher = seal(KEY, b"p" * 40, x=x)
    key = KEY.data
    assert key_id == bytes.fromhex("32d1586ea457dfc8")
    a = sha256(msg_key + key[x : x + 36]).digest()
    b = sha256(key[40 + x : 76 + x] + msg_key).digest()
    aes_key = a[0:8] + b[8:24] + a[24:32]
    aes_iv = b[0:8] + a[8:24] + b[24:32]
    plain = naive_ige(cipher, aes_key, aes_iv)
    assert plain[:40] == b"p" * 40
    assert 12 <= len(plain) - 40 <= 1024
    assert msg_key == sha256(key[88 + x : 120 + x] + plain).digest()[8:24]


@pytest.mark.rule("envelope.message-key")
@given(st.integers(1, 400))
def test_telethon_reads_what_we_seal(size: int) -> None:
    """Telethon decrypts our packets: session, odd message id, length and body are right."""
    state = client_state()
    session = Session(KEY, state.id)
    body = Outgoing(bytes(Pong(size, size)))
    (packet,) = session.packets([body], salt=3, now=time.time())
    message = state.decrypt_message_data(b"".join(packet))
    assert message is not None
    assert message.obj.ping_id == size
    assert message.seq_no == 1


@given(st.binary(min_size=4, max_size=2000).map(lambda data: data[: len(data) // 4 * 4]))
def test_we_read_what_telethon_seals(body: bytes) -> None:
    """Our side decrypts Telethon's packets to the same message."""
    state = client_state()
    state.salt = 77
    buffer = BytesIO()
    msg_id = state.write_data_as_message(buffer, body, content_related=False)
    message = unseal(KEY, state.encrypt_message_data(buffer.getvalue()))
    assert message == Message(msg_id, 0, body, 77, state.id)


def sealed_ping() -> bytes:
    """Return the payload of a good packet to the server."""
    plain = struct.pack("<qqqii", 1, 2, 4, 1, len(PING)) + PING
    return b"".join(seal(KEY, plain, x=TO_SERVER))


@pytest.mark.rule("envelope.forged-is-refused")
@given(st.integers(8, 200), st.integers(1, 255))
def test_a_flipped_bit_is_refused(position: int, flip: int) -> None:
    """No byte behind the key id can change unnoticed."""
    packet = bytearray(sealed_ping())
    packet[8 + position % (len(packet) - 8)] ^= flip
    with pytest.raises(EnvelopeError):
        unseal(KEY, bytes(packet))


@given(st.binary(max_size=200))
def test_garbage_is_an_envelope_error(packet: bytes) -> None:
    """Bytes that nobody sealed are refused, whatever their number."""
    with pytest.raises(EnvelopeError):
        unseal(KEY, packet)


@pytest.mark.rule("envelope.padding")
@pytest.mark.parametrize("length", [-4, 0, 3, 13, 400])
def test_the_length_inside_must_fit(length: int) -> None:
    """A length that is no multiple of four, or leaves no room for the padding, is refused."""
    plain = struct.pack("<qqqii", 1, 2, 4, 1, length) + PING
    with pytest.raises(EnvelopeError, match="length"):
        unseal(KEY, b"".join(seal(KEY, plain, x=TO_SERVER)))


@pytest.mark.rule("envelope.echo-is-refused")
def test_what_is_sealed_for_a_client_is_no_message_to_the_server() -> None:
    """The two directions use different keys; an echo is refused."""
    plain = struct.pack("<qqqii", 1, 2, 4, 1, len(PING)) + PING
    with pytest.raises(EnvelopeError):
        unseal(KEY, b"".join(seal(KEY, plain, x=TO_CLIENT)))


def test_a_container_is_split_in_order() -> None:
    """Each message keeps its id, number and exact bytes; gzipped ones are unpacked."""
    packed = bytes(GzipPacked(PING * 50))
    parts = [(4, 1, PING), (8, 3, packed), (12, 4, PONG)]
    outer = Message(16, 4, container(*parts))
    assert list(split(outer)) == [
        Message(4, 1, PING),
        Message(8, 3, PING * 50),
        Message(12, 4, PONG),
    ]
    assert list(split(Message(4, 1, packed, 9, 9))) == [Message(4, 1, PING * 50)]
    alone = Message(4, 1, PING, 9, 9)
    assert list(split(alone)) == [alone]


def gzipped(data: bytes) -> bytes:
    """Return `gzip_packed` of *data*."""
    return bytes(GzipPacked(data))


@pytest.mark.rule("container.not-well-formed")
@pytest.mark.parametrize(
    "body",
    [
        container((4, 1, PING), count=2),
        container((4, 1, PING), count=-1),
        container((4, 1, PING))[:-4],
        container((4, 1, PING))[:7],
        container((4, 1, PING[:-1])),
        container((4, 1, b"")),
        container((4, 1, container((8, 1, PING)))),
        container(*[(4, 1, PING)] * (MAX_CONTAINER_MESSAGES + 1)),
        container((4, 1, gzipped(b""))),
        gzipped(gzipped(PING)),
        gzipped(container((4, 1, PING))),
        gzipped(bytes(MAX_UNPACKED + 1)),
        gzipped(PING)[:4],
        gzipped(PING)[:-12],
        gzipped(PING)[:4] + b"\x04none",
    ],
    ids=range(15),  # gzip has the time in it
)
def test_a_broken_container_or_gzip_is_error_64(body: bytes) -> None:
    """Wrong counts and lengths, nesting, and gzip that is broken or too large are refused."""
    with pytest.raises(BadMessageError) as caught:
        list(split(Message(4, 1, body)))
    assert caught.value.code == 64


@given(st.binary(max_size=200))
def test_any_body_splits_or_is_error_64(tail: bytes) -> None:
    """Garbage in a container or gzip raises nothing but `BadMessageError`."""
    for start in (struct.pack("<I", CONTAINER), struct.pack("<I", GzipPacked.CONSTRUCTOR_ID)):
        with contextlib.suppress(BadMessageError):
            list(split(Message(4, 1, start + tail)))


def test_the_largest_gzip_passes() -> None:
    """Exactly the limit is unpacked, a byte more is not."""
    assert len(gunzip(gzipped(bytes(MAX_UNPACKED)))) == MAX_UNPACKED
    assert gunzip(bytes(GzipPacked(b"abc"))) == b"abc"
    assert gzip.decompress(bytes(GzipPacked(b"abc"))[5:]) == b"abc"


@given(st.binary(max_size=2000))
def test_gzip_packed_may_hold_zlib(data: bytes) -> None:
    """Both framings of deflate are unpacked, as other clients write both."""
    head = struct.pack("<I", GzipPacked.CONSTRUCTOR_ID)
    assert gunzip(head + TLObject.serialize_bytes(zlib.compress(data))) == data
    assert gunzip(head + TLObject.serialize_bytes(gzip.compress(data))) == data


def received(packet: tuple[bytes, ...]) -> Message:
    """Decrypt as a client would."""
    return unseal(KEY, b"".join(packet), x=TO_CLIENT)


@pytest.mark.rule("envelope.server-ids")
def test_small_answers_share_a_container_and_ids_rise() -> None:
    """Order is kept; ids rise strictly and end in binary 01; the container's own id is the last."""
    session = Session(KEY, 5)
    bodies = [PONG, PING, PONG]
    now = 1_700_000_000.5
    (packet,) = session.packets([Outgoing(body) for body in bodies], salt=1, now=now)
    outer = received(packet)
    parts = list(split(outer))
    assert [part.body for part in parts] == bodies
    assert [part.seqno for part in parts] == [1, 3, 5]
    assert (outer.seqno, outer.session_id, outer.salt) == (6, 5, 1)
    (later,) = session.packets([Outgoing(PONG, is_content=False)], salt=1, now=now - 60)
    ids = [*(part.msg_id for part in parts), outer.msg_id, received(later).msg_id]
    assert ids == sorted(set(ids))
    assert {msg_id % 4 for msg_id in ids} == {1}
    assert ids[0] >> 32 == 1_700_000_000
    assert received(later).seqno == 6


def test_large_answers_go_alone() -> None:
    """No container grows beyond its limits, and an answer above them is a packet of its own."""
    session = Session(KEY, 5)
    large = Outgoing(bytes(PACK_BYTES + 4))
    small = Outgoing(PONG)
    packets = list(session.packets([small, large, small, small], salt=1, now=1e9))
    sizes = [len(list(split(received(packet)))) for packet in packets]
    assert sizes == [1, 1, 2]
    many = list(session.packets([small] * (PACK_MESSAGES + 1), salt=1, now=1e9))
    assert [len(list(split(received(packet)))) for packet in many] == [PACK_MESSAGES, 1]
    assert list(session.packets([], salt=1, now=1e9)) == []


@pytest.mark.rule("envelope.id-divisible-by-four", "envelope.id-of-now")
@pytest.mark.parametrize(
    ("msg_id", "code"),
    [(2, 18), (1, 18), (int(1e9) - 301 << 32, 16), (int(1e9) + 31 << 32, 17)],
)
def test_a_message_id_is_divisible_by_four_and_of_now(msg_id: int, code: int) -> None:
    """Telegram's own numbers name what is wrong with an id."""
    with pytest.raises(BadMessageError) as caught:
        check_time(msg_id, 1e9)
    assert caught.value.code == code
    check_time((int(1e9) - 299) << 32, 1e9)
    check_time((int(1e9) + 29) << 32, 1e9)
