"""Rules of the protocol: key exchange, envelope, containers, sessions."""

from __future__ import annotations

import os
import struct
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from telethon.crypto import AES, Factorization
from telethon.extensions import BinaryReader
from telethon.network.authenticator import do_authentication
from telethon.tl import functions, types
from telethon.tl.alltlobjects import LAYER
from telethon.tl.core import MessageContainer

from telefast.testing import Assumptions, LocalTelegram, World
from telefast.testing.handshake import Handshake
from telefast.testing.keys import ServerKey, trust_test_key
from telefast.testing.session import TO_CLIENT, EnvelopeError, unseal

if TYPE_CHECKING:
    from collections.abc import Callable

PING = functions.PingRequest(9)
GET_STATE = functions.updates.GetStateRequest()


class Recorder:
    """Stands for Telethon's plain sender, and keeps what the server says."""

    def __init__(self) -> None:
        self.handshake = Handshake()
        self.answers: list[Any] = []

    async def send(self, request: Any) -> Any:
        """Return the server's answer."""
        answer = BinaryReader(self.handshake.on_message(bytes(request))).tgread_object()
        self.answers.append(answer)
        return answer


@pytest.mark.rule("handshake.pq-fits-63-bits", "handshake.answer-repeats-nonces")
async def test_an_exchange_as_telethon_does_it() -> None:
    """A product of two primes in 63 bits is to be factored; each answer is of this exchange."""
    trust_test_key()
    recorder = Recorder()
    while recorder.handshake.key is None:
        recorder.answers.clear()
        try:
            await do_authentication(recorder)
        except AssertionError as error:  # One key in 256 begins with a zero byte.
            assert "DhGenRetry" in str(error)
    first = recorder.answers[0]
    pq = int.from_bytes(first.pq, "big")
    assert 0 < pq < 2**63
    p, q = Factorization.factorize(pq)
    for prime in (p, q):
        assert all(prime % divisor for divisor in range(2, int(prime**0.5) + 1))
    nonces = {(answer.nonce, answer.server_nonce) for answer in recorder.answers}
    assert {(first.nonce, first.server_nonce)} == nonces
    assert 3 == len(recorder.answers)


def packet_with(key: ServerKey, padding: int) -> bytes:
    """Return a ping under *key*, with so many bytes of padding."""
    body = bytes(PING)
    plain = struct.pack("<qqqii", 1, 2, 4, 1, len(body)) + body + os.urandom(padding)
    msg_key = sha256(key.data[88:120] + plain).digest()[8:24]
    a = sha256(msg_key + key.data[:36]).digest()
    b = sha256(key.data[40:76] + msg_key).digest()
    aes = AES.encrypt_ige(plain, a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:])
    return key.key_id + msg_key + aes


@pytest.mark.rule("envelope.padding")
def test_padding_has_bounds() -> None:
    """The least and the most padding are taken, whole blocks less and more are not."""
    key = ServerKey()
    sizes = [size for size in range(1060) if (44 + size) % 16 == 0]
    assert (4, 20, 1012, 1028) == (sizes[0], sizes[1], sizes[-3], sizes[-2])
    for size in sizes:
        if 12 <= size <= 1024:
            assert bytes(PING) == unseal(key, packet_with(key, size)).body
        else:
            with pytest.raises(EnvelopeError):
                unseal(key, packet_with(key, size))


@pytest.mark.rule("envelope.same-session", "envelope.server-ids")
async def test_an_answer_comes_in_its_session(world: World, raw_client: Callable[..., Any]) -> None:
    """Two sessions on one connection: each packet is of the one that asked, ids odd and rising."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        for session_id in (5, -6, 5):
            raw.session_id = session_id
            ids: list[int] = []
            for _ in range(3):
                raw.send(PING)
                outer = unseal(raw.key, await raw.receive_packet(), x=TO_CLIENT)
                assert session_id == outer.session_id
                ids.append(outer.msg_id)
            assert sorted({*ids}) == ids
            assert {1} == {msg_id % 2 for msg_id in ids}


@pytest.mark.parametrize(
    ("most", "count"),
    [
        pytest.param(1020, 64, marks=pytest.mark.rule("container.most-messages", side="1020")),
        pytest.param(None, 0, marks=pytest.mark.rule("container.most-messages", side="any")),
    ],
)
async def test_the_largest_container(
    raw_client: Callable[..., Any], most: int | None, count: int
) -> None:
    """1,020 messages are taken; one more is error 64, or an ordinary container."""
    world = World(seed=9, user_count=0, assume=Assumptions(container_messages=most))
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        raw.send(*[PING] * 1020)
        assert {types.Pong} == {type(answer) for answer in await raw.objects(1020)}
        raw.send(*[PING] * 1021)
        (first,) = await raw.objects(1) if count else (await raw.objects(1021))[-1:]
        assert count == getattr(first, "error_code", 0)


@pytest.mark.rule("request.init-is-remembered")
async def test_a_key_remembers_its_introduction(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """After initConnection another session, and another connection, need not say it again."""
    init = functions.InitConnectionRequest(1, "", "", "", "", "", "", GET_STATE)
    async with LocalTelegram(world) as telegram:
        key = telegram._host.keys[0]
        key.is_initialized = False
        async with raw_client(telegram, key) as raw:
            assert "CONNECTION_NOT_INITED" == (await raw.ask(GET_STATE)).error_message
            state = await raw.ask(functions.InvokeWithLayerRequest(LAYER, init))
            assert isinstance(state, types.updates.State)
            raw.session_id = 77
            assert isinstance(await raw.ask(GET_STATE), types.updates.State)
        async with raw_client(telegram, key, session_id=78) as raw:
            assert isinstance(await raw.ask(GET_STATE), types.updates.State)


@pytest.mark.rule("container.one-mebibyte")
async def test_a_large_packet(world: World, raw_client: Callable[..., Any]) -> None:
    """A container as large as Telethon makes them is taken, and each message in it answered."""
    items = (MessageContainer.MAXIMUM_SIZE - 8 - 28 - 40) // 20
    many = types.MsgsAck([0] * ((items * 20 - 12) // 8))
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        raw.send(many, PING)
        assert (
            MessageContainer.MAXIMUM_SIZE - 200 < len(bytes(many)) < MessageContainer.MAXIMUM_SIZE
        )
        assert isinstance((await raw.objects(1))[0], types.Pong)
        assert 1 == telegram.requests["msgs_ack"]
