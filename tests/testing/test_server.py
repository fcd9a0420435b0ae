"""Does the server keep to MTProto, whatever clients do, and stay up?"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import struct
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest
import telethon
from telethon import TelegramClient
from telethon.errors import AuthKeyNotFound, BadRequestError
from telethon.extensions import BinaryReader
from telethon.network import (
    ConnectionTcpAbridged,
    ConnectionTcpFull,
    ConnectionTcpIntermediate,
    ConnectionTcpObfuscated,
)
from telethon.network.connection.tcpabridged import AbridgedPacketCodec
from telethon.network.connection.tcpintermediate import IntermediatePacketCodec
from telethon.tl import functions, types
from telethon.tl.alltlobjects import LAYER
from telethon.tl.core import GzipPacked
from telethon.tl.tlobject import TLObject

from telefast.testing import (
    BadMessage,
    EmbeddedTelegramError,
    HoldBack,
    LocalTelegram,
    NeverAnswer,
    Rule,
    World,
)
from telefast.testing.keys import ServerKey
from telefast.testing.sending import MAX_HELD
from telefast.testing.session import PACK_MESSAGES, TO_CLIENT, TO_SERVER, seal, split, unseal
from telefast.testing.tl import read_object
from telefast.testing.transport import MAX_PACKET

if TYPE_CHECKING:
    from collections.abc import Callable

    from telefast.testing import Call

RPC_RESULT = struct.pack("<I", 0xF35C6D01)
NOT_FOUND = struct.pack("<i", -404)
GET_STATE = functions.updates.GetStateRequest()
PING = functions.PingRequest(9)


@pytest.fixture
def world() -> World:
    """A small world."""
    world = World(seed=1, user_count=5)
    world.add_channel("Ships", message_count=300, username="ships", channel_id=77)
    return world


def history(world: World, offset_id: int = 0) -> Any:
    """Return a request for a page of the world's channel."""
    channel = world.channels[77]
    peer = types.InputPeerChannel(channel.id, channel.access_hash)
    return functions.messages.GetHistoryRequest(peer, offset_id, None, 0, 100, 0, 0, 0)


# What a client may not do.


@pytest.mark.rule("transport.unknown-key-404")
async def test_an_unknown_key_is_404(world: World, raw_client: Callable[..., Any]) -> None:
    """A packet under a key that nobody agreed on gets the four bytes of -404 and the end."""
    async with LocalTelegram(world) as telegram, raw_client(telegram, ServerKey()) as raw:
        raw.send(PING)
        assert await raw.receive_packet() == NOT_FOUND
        assert await raw.receive_packet() is None


@pytest.mark.rule("transport.unknown-key-404")
async def test_telethon_understands_the_404(world: World) -> None:
    """The real client with a foreign key ends with `AuthKeyNotFound`, not in a retry loop."""
    async with LocalTelegram(world) as telegram, LocalTelegram(world) as other:
        session = telegram.client().session
        session.set_dc(other.dc_id, other.host, other.port)
        client = TelegramClient(session, 1, "1", connection_retries=0)
        with pytest.raises((AuthKeyNotFound, ConnectionError)):
            await client.connect()
        await client.disconnect()


@pytest.mark.rule("transport.told-by-first-bytes")
@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xef\x80" + os.urandom(62),
        b"\xef\x7f\xff\xff\xff" + os.urandom(62),
        b"\xee\xee\xee\xee" + struct.pack("<i", -1),
        b"\xdd\xdd\xdd\xdd" + struct.pack("<i", 0),
        struct.pack("<ii", MAX_PACKET + 1, 0),
        b"\1" * 64,
        bytes(64),
    ],
    ids=["http", "abridged-0", "abridged-endless", "below-0", "empty", "large", "ones", "zeros"],
)
async def test_what_is_no_transport_is_cut(
    world: World, raw_client: Callable[..., Any], data: bytes
) -> None:
    """Other protocols and impossible packets end their connection; others go on."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with raw_client(telegram) as raw:
            raw.writer.write(data)
            assert await _end_of(raw) == b""
        assert (await client.get_me()).is_self


@pytest.mark.rule("transport.obfuscated")
@pytest.mark.rule("transport.full", "transport.abridged", "transport.intermediate")
@pytest.mark.parametrize(
    "connection",
    [
        ConnectionTcpFull,
        ConnectionTcpAbridged,
        ConnectionTcpIntermediate,
        ConnectionTcpObfuscated,
    ],
)
async def test_the_client_may_use_any_transport(world: World, connection: type[Any]) -> None:
    """The unmodified client reads a chat over each transport, also after a key exchange."""
    async with LocalTelegram(world) as telegram:
        for key_exchange in (False, True):
            client = telegram.client(connection=connection, key_exchange=key_exchange)
            async with client:
                found = [m.id async for m in client.iter_messages("ships", wait_time=0)]
            assert found == [*reversed(next(iter(world.channels.values())).ids)]


@pytest.mark.rule("transport.error-is-four-bytes")
@pytest.mark.parametrize("codec", [AbridgedPacketCodec, IntermediatePacketCodec])
async def test_a_404_comes_in_the_clients_transport(
    world: World, raw_client: Callable[..., Any], codec: type[Any]
) -> None:
    """A packet under an unknown key gets -404, framed as the client frames."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        own = codec(None)
        raw.writer.write(codec.tag + own.encode_packet(b"k" * 72))
        assert await own.read_packet(raw.reader) == NOT_FOUND
        assert await _end_of(raw) == b""


@pytest.mark.rule("transport.quick-ack")
@pytest.mark.parametrize("codec", [AbridgedPacketCodec, IntermediatePacketCodec])
async def test_a_quick_acknowledgement_repeats_the_hash(
    world: World, raw_client: Callable[..., Any], codec: type[Any]
) -> None:
    """Four bytes of the message's hash with the top bit set, before the answer itself."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        head = struct.pack("<qqqii", 0, 1, raw.new_id(), 1, 12)
        body = bytes(PING)
        pieces = seal(raw.key, head + body, x=TO_SERVER)
        payload = b"".join(pieces)
        packet = bytearray(codec(None).encode_packet(payload))
        packet[0 if codec is AbridgedPacketCodec else 3] |= 0x80
        raw.writer.write(codec.tag + bytes(packet))
        token = await raw.reader.readexactly(4)
        if codec is AbridgedPacketCodec:
            token = token[::-1]
        hashed = bytearray(unseal(raw.key, payload).token)
        hashed[3] |= 0x80
        assert token == hashed
        answer = await codec(None).read_packet(raw.reader)
        bodies = [message.body for message in split(unseal(raw.key, answer, x=TO_CLIENT))]
        assert any(isinstance(read_object(body), types.Pong) for body in bodies)


async def _end_of(raw: Any) -> bytes:
    """Read to the end of the connection, however it ends."""
    try:
        data: bytes = await raw.reader.read()
    except ConnectionResetError:
        return b""
    return data


@pytest.mark.rule("handshake.plain-messages")
@pytest.mark.parametrize(
    "payload",
    [
        b"1234",
        bytes(20),
        bytes(16) + struct.pack("<i", 100) + bytes(8),
        bytes(16) + struct.pack("<i", -1) + bytes(8),
        bytes(8) + struct.pack("<qi", 4, 4) + b"none",
    ],
)
async def test_a_broken_plain_message_is_404(
    world: World, raw_client: Callable[..., Any], payload: bytes
) -> None:
    """Short packets and plain messages that are no key exchange are refused."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        raw.send_packet(payload)
        assert await raw.receive_packet() == NOT_FOUND
        assert await raw.receive_packet() is None


@pytest.mark.rule("envelope.forged-is-refused")
async def test_a_forged_message_is_404(world: World, raw_client: Callable[..., Any]) -> None:
    """Under a known key, what does not decrypt ends the connection."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        raw.send_packet(raw.key.key_id + os.urandom(16 + 96))
        assert await raw.receive_packet() == NOT_FOUND


@pytest.mark.rule("envelope.session-of-one-key")
async def test_a_session_belongs_to_one_key(world: World, raw_client: Callable[..., Any]) -> None:
    """The same session id under another key, on the same connection, is refused."""
    other = ServerKey(is_initialized=True)
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        telegram._host.server.servers[0].keys[other.key_id] = other
        assert isinstance(await raw.ask(PING), types.Pong)
        raw.key = other
        raw.send(PING)
        assert await raw.receive_packet() == NOT_FOUND


@pytest.mark.rule("envelope.id-divisible-by-four", "envelope.id-of-now")
@pytest.mark.parametrize(
    ("outer", "code"),
    [
        ({"msg_id": 7}, 18),
        ({"msg_id": (int(time.time()) - 4000) << 32}, 16),
        ({"msg_id": (int(time.time()) + 4000) << 32}, 17),
    ],
)
async def test_a_wrong_message_id_is_named(
    world: World, raw_client: Callable[..., Any], outer: dict[str, int], code: int
) -> None:
    """`bad_msg_notification` names the message and what is wrong, and nothing is answered."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        answer = await raw.ask(GET_STATE, **outer)
        assert isinstance(answer, types.BadMsgNotification)
        assert (answer.bad_msg_id, answer.error_code) == (outer["msg_id"], code)
        assert telegram.requests.total == 0


async def test_a_request_is_carried_out_once(world: World, raw_client: Callable[..., Any]) -> None:
    """The same message again is passed over, also when its answer is out; a refused one is not."""
    rule = BadMessage("updates.getState", 35, nth=2)
    async with LocalTelegram(world, rules=[rule]) as telegram, raw_client(telegram) as raw:
        msg_id = raw.new_id()
        assert isinstance(await raw.ask(GET_STATE, msg_id=msg_id), types.updates.State)
        raw.send(GET_STATE, msg_id=msg_id)
        refused = raw.new_id()
        assert (await raw.ask(GET_STATE, msg_id=refused)).error_code == 35
        assert isinstance(await raw.ask(GET_STATE, msg_id=refused), types.updates.State)
        assert telegram.requests["updates.getState"] == 3


@pytest.mark.rule("envelope.content-is-odd")
async def test_a_request_has_an_odd_number(world: World, raw_client: Callable[..., Any]) -> None:
    """An API request that is not marked as content is refused with 35."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        answer = await raw.ask(GET_STATE, seqno=2)
        assert answer.error_code == 35


@pytest.mark.rule("container.not-well-formed")
async def test_a_broken_container_is_64(world: World, raw_client: Callable[..., Any]) -> None:
    """A container that does not add up is refused as a whole; the connection lives on."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        answer = await raw.ask(struct.pack("<Ii", 0x73F1F8DC, 3) + bytes(16))
        assert answer.error_code == 64
        assert isinstance(await raw.ask(PING), types.Pong)


# What a client is told.


@pytest.mark.rule("service.new-session", "service.pong")
async def test_a_new_session_is_told_its_salt(world: World, raw_client: Callable[..., Any]) -> None:
    """The first packet of a session holds `new_session_created`, then the first answer."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        (first,) = raw.send(PING)
        created, pong = await raw.receive()
        assert created.body[:4] == b"\x08\x09\xc2\x9e"
        first_msg_id, unique_id, salt = struct.unpack_from("<qqq", created.body, 4)
        assert (first_msg_id, unique_id, salt) == (first, 1, telegram._host.server.servers[0].salt)
        assert pong.body == struct.pack("<Iqq", 0x347773C5, first, 9)
        raw.send(PING)
        (pong,) = await raw.receive()
        assert pong.body[:4] == b"\xc5\x73\x77\x34"


@pytest.mark.rule("envelope.many-sessions")
async def test_many_sessions_share_a_key(world: World, raw_client: Callable[..., Any]) -> None:
    """Sessions on one connection and on several each get their own answers."""
    async with LocalTelegram(world) as telegram:
        async with raw_client(telegram) as one, raw_client(telegram, session_id=2) as two:
            assert (await one.ask(functions.PingRequest(1))).ping_id == 1
            assert (await two.ask(functions.PingRequest(2))).ping_id == 2
            one.session_id = 3
            assert (await one.ask(functions.PingRequest(3))).ping_id == 3
        clients = [telegram.client() for _ in range(5)]
        for client in clients:
            await client.connect()
        them = await asyncio.gather(*(client.get_me() for client in clients))
        assert [me.id for me in them] == [world.me.id] * 5


@pytest.mark.rule("service.future-salts", "service.state-of-messages", "service.acks-are-silent")
@pytest.mark.rule("service.destroy-session")
async def test_service_messages(world: World, raw_client: Callable[..., Any]) -> None:
    """Each gets the answer that the protocol names, not wrapped in `rpc_result`."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        salts = await raw.ask(functions.GetFutureSaltsRequest(3))
        assert [salt.salt for salt in salts.salts] == [telegram._host.server.servers[0].salt] * 3
        assert salts.salts[0].valid_until == salts.salts[2].valid_since
        raw.send(types.MsgsAck([1, 2]), types.HttpWait(0, 0, 0), types.MsgsAck([3]))
        (request,) = raw.send(types.MsgsStateReq([4]))
        state = (await raw.objects(1))[0]
        assert (state.req_msg_id, state.info) == (request, "\1")
        assert isinstance(
            await raw.ask(functions.DestroySessionRequest(99)), types.DestroySessionNone
        )
        assert isinstance(await raw.ask(functions.DestroySessionRequest(1)), types.DestroySessionOk)
        assert telegram.requests["msgs_ack"] == 2
        assert telegram.requests["http_wait"] == 1
        assert telegram.requests.total == 0
        raw.send(bytes(types.MsgsStateReq([4]))[:8])
        assert isinstance(await raw.ask(PING), types.Pong)


async def test_telethon_gets_pongs(world: World) -> None:
    """The real client reads what only sessions of the protocol would ask for."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert (await client(functions.PingRequest(4))).ping_id == 4
        assert (await client(functions.DestroySessionRequest(5))).session_id == 5


@pytest.mark.skipif(
    telethon.__version__ < "1.44", reason="Telethon before 1.44 waits for such an answer for ever"
)
async def test_telethon_gets_salts(world: World) -> None:
    """The real client reads salts, which come as no other answer does."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert len((await client(functions.GetFutureSaltsRequest(64))).salts) == 64


@pytest.mark.rule("service.ping-delay")
async def test_ping_delay_disconnect(world: World, raw_client: Callable[..., Any]) -> None:
    """The connection ends when the delay is over, and a later ping moves that time."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        assert (await raw.ask(functions.PingDelayDisconnectRequest(1, 3600))).ping_id == 1
        raw.send(functions.PingDelayDisconnectRequest(2, 0))
        assert NOT_FOUND not in await _end_of(raw)
        assert telegram.requests["ping_delay_disconnect"] == 2


@pytest.mark.rule("service.drop-answer", "service.state-of-messages")
async def test_an_answer_can_be_dropped(world: World, raw_client: Callable[..., Any]) -> None:
    """`rpc_drop_answer` tells unknown, running and finished requests apart."""
    rule = HoldBack("updates.getState", 1, until=asyncio.Event())
    async with LocalTelegram(world, rules=[rule]) as telegram, raw_client(telegram) as raw:
        drop = functions.RpcDropAnswerRequest
        assert isinstance(await raw.ask(drop(4)), types.RpcAnswerUnknown)
        (held,) = raw.send(GET_STATE)
        state = await raw.ask(types.MsgsStateReq([held]))
        assert state.info == "\4"
        assert isinstance(await raw.ask(drop(held)), types.RpcAnswerDroppedRunning)
        assert telegram.requests.in_flight == 0
    async with LocalTelegram(world, rtt=0.01) as telegram, raw_client(telegram) as raw:
        waiting = raw.new_id()
        raw.send(GET_STATE, msg_id=waiting)
        assert isinstance(await raw.ask(drop(waiting)), types.RpcAnswerDropped)
        assert telegram.requests.answered.total() == 0


@pytest.mark.rule("service.bad-salt")
async def test_strict_salts(world: World, raw_client: Callable[..., Any]) -> None:
    """With `strict_salts` a wrong salt is refused and corrected, and Telethon gets over it."""
    async with LocalTelegram(world, strict_salts=True) as telegram:
        async with raw_client(telegram) as raw:
            (refused,) = raw.send(GET_STATE)
            bad = (await raw.objects(1))[0]
            assert isinstance(bad, types.BadServerSalt)
            assert (bad.bad_msg_id, bad.error_code) == (refused, 48)
            assert telegram.requests.total == 0
            raw.salt = bad.new_server_salt
            assert isinstance(await raw.ask(GET_STATE), types.updates.State)
        async with telegram.client() as client:
            assert len([m async for m in client.iter_messages("ships", wait_time=0)]) == 300


# API requests.


@pytest.mark.rule("request.layer", "request.unknown-constructor", "request.malformed")
async def test_what_nobody_knows_is_loud(
    world: World, raw_client: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Methods without handler and unknown constructors get a typed error and are named once."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for _ in range(2):
            with pytest.raises(BadRequestError, match="METHOD_NOT_EMBEDDED"):
                await client(functions.account.GetPasswordRequest())
        async with raw_client(telegram) as raw:
            error = await raw.ask(struct.pack("<I", 0x12345678))
            assert (error.error_code, error.error_message) == (
                400,
                f"INPUT_METHOD_INVALID_{0x12345678}",
            )
            error = await raw.ask(types.InputPeerSelf())
            assert error.error_message.startswith("INPUT_METHOD_INVALID")
            error = await raw.ask(bytes(history(world))[:20])
            assert error.error_message == "INPUT_FETCH_ERROR"
            invoke = functions.InvokeWithLayerRequest
            error = await raw.ask(invoke(LAYER - 1, GET_STATE))
            assert error.error_message == "CONNECTION_LAYER_INVALID"
            wrapped = functions.InvokeWithTakeoutRequest(1, GET_STATE)
            error = await raw.ask(wrapped)
            assert error.error_message == "TAKEOUT_INVALID"
        assert telegram.unknown == [
            "account.getPassword",
            "0x12345678",
            f"{types.InputPeerSelf.CONSTRUCTOR_ID:#010x}",
        ]
    assert caplog.text.count("account.getPassword") == 1


@pytest.mark.rule("request.connection-must-be-inited")
async def test_a_new_key_must_introduce_itself(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """Under a key on which nobody sent `initConnection`, requests are refused until it comes."""
    key = ServerKey(account=0)
    async with LocalTelegram(world) as telegram, raw_client(telegram, key) as raw:
        telegram._host.server.servers[0].keys[key.key_id] = key
        error = await raw.ask(GET_STATE)
        assert error.error_message == "CONNECTION_NOT_INITED"
        init = functions.InitConnectionRequest(1, "", "", "", "", "", "", GET_STATE)
        wrapped = functions.InvokeWithLayerRequest(LAYER, init)
        assert isinstance(await raw.ask(wrapped), types.updates.State)
        assert isinstance(await raw.ask(GET_STATE), types.updates.State)
        assert telegram.requests["updates.getState"] == 3


@pytest.mark.rule("container.gzipped", "request.wrappers")
async def test_wrappers_come_off(world: World, raw_client: Callable[..., Any]) -> None:
    """The inner method is what is counted and answered, in a container and gzipped, too."""
    wrapped = functions.InvokeAfterMsgsRequest(
        [1, 2], functions.InvokeAfterMsgRequest(3, functions.InvokeWithoutUpdatesRequest(GET_STATE))
    )
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        raw.send(wrapped, GzipPacked(bytes(wrapped)))
        answers = await raw.objects(2)
        assert [type(answer) for answer in answers] == [types.updates.State] * 2
        assert telegram.requests.counts == {"updates.getState": 2}
        assert [type(r) for r in telegram.requests.requests("updates.getState")] == [
            functions.updates.GetStateRequest
        ] * 2


@pytest.mark.rule("request.same-id-once")
async def test_a_repeated_request_in_flight_is_answered_once(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """The same message id again, while the first is in flight, is not a second request."""
    async with LocalTelegram(world, rtt=0.01) as telegram, raw_client(telegram) as raw:
        (first,) = raw.send(GET_STATE)
        raw.send(GET_STATE, msg_id=first)
        await raw.objects(1)
        assert telegram.requests["updates.getState"] == 1


@pytest.mark.rule("container.each-answered")
async def test_250_requests_at_once(world: World) -> None:
    """Telethon packs them into containers; each gets its own answer."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = await client.get_input_entity("ships")
        asked = [
            functions.channels.GetMessagesRequest(peer, [types.InputMessageID(n)])
            for n in range(1, 251)
        ]
        packets = telegram.requests.packets_received
        answers = await asyncio.gather(*(client(request) for request in asked))
        assert [answer.messages[0].id for answer in answers] == list(range(1, 251))
        assert telegram.requests["channels.getMessages"] == 250
        assert telegram.requests.packets_received - packets < 50
        assert telegram.requests.peak_in_flight_by["channels.getMessages"] > PACK_MESSAGES


@pytest.mark.rule("container.answers-share", "request.result-names-its-request")
async def test_answers_that_are_ready_together_share_packets(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """Many small answers come in few packets, and in the order of their requests."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        await raw.ask(PING)
        sent = telegram.requests.packets_sent
        ids = raw.send(*[GET_STATE] * 20)
        messages = await raw.receive()
        assert telegram.requests.packets_sent == sent + 1
        assert [struct.unpack_from("<q", m.body, 4)[0] for m in messages] == ids


@pytest.mark.rule("request.gzipped-result")
async def test_gzip(world: World) -> None:
    """Gzipped answers are the same answers in fewer bytes; errors and small ones stay plain."""
    found = []
    for gzip in (False, True):
        async with LocalTelegram(world, gzip=gzip) as telegram, telegram.client() as client:
            messages = [bytes(m) async for m in client.iter_messages("ships", wait_time=0)]
            found.append((messages, telegram.requests.bytes_sent))
            with pytest.raises(BadRequestError):
                await client(functions.account.GetPasswordRequest())
    (plain, plain_bytes), (packed, packed_bytes) = found
    assert plain == packed
    assert packed_bytes < plain_bytes * 0.8


async def test_zlib_answers_and_requests(world: World, raw_client: Callable[..., Any]) -> None:
    """`gzip_packed` may hold zlib's framing both ways; the content is the same."""

    def packed(data: bytes) -> bytes:
        head = struct.pack("<I", GzipPacked.CONSTRUCTOR_ID)
        return head + TLObject.serialize_bytes(zlib.compress(data))

    found = []
    for gzip in (False, "gzip", "zlib"):
        async with LocalTelegram(world, gzip=gzip) as telegram, raw_client(telegram) as raw:
            raw.send(packed(bytes(history(world))))
            body = b""
            while not body:
                bodies = [message.body for message in await raw.receive()]
                body = next((b[12:] for b in bodies if b.startswith(RPC_RESULT)), b"")
            if gzip:
                assert body[:4] == struct.pack("<I", GzipPacked.CONSTRUCTOR_ID)
                data = BinaryReader(body[4:]).tgread_bytes()
                assert (data[:2] == b"\x1f\x8b") is (gzip == "gzip")
                body = zlib.decompress(data, wbits=47)
            found.append(body)
    assert found[0] == found[1] == found[2]


# Time, order, loss.


async def test_a_narrow_and_uneven_line_changes_no_answer(world: World) -> None:
    """With jitter and limited bandwidth a client reads the same messages."""
    options: dict[str, Any] = {"rtt": 0.001, "jitter": 0.002, "bandwidth": 20_000_000}
    for process in (False, True):
        telegram = LocalTelegram(world, process=process, **options)
        async with telegram, telegram.client() as client:
            found = [bytes(m) async for m in client.iter_messages("ships", wait_time=0)]
        channel = world.channels[77]
        assert found == [channel.message_bytes(id_) for id_ in reversed(channel.ids)]


@pytest.mark.rule("request.in-flight-together")
async def test_jitter_lets_answers_overtake(world: World, raw_client: Callable[..., Any]) -> None:
    """Answers come in another order than their requests, the same for the same seed."""
    async with LocalTelegram(world, jitter=0.2) as telegram, raw_client(telegram) as raw:
        asked = [raw.send(functions.PingRequest(n))[0] for n in range(12)]
        pongs = [pong.msg_id for pong in await raw.objects(12)]
        assert sorted(pongs) == asked != pongs
        assert telegram.requests["ping"] == 12


@pytest.mark.rule("request.in-flight-together")
async def test_requests_in_flight_share_a_round_trip(world: World) -> None:
    """Sixteen requests wait together: all arrive before the first answer leaves."""
    async with LocalTelegram(world, rtt=0.05) as telegram, telegram.client() as client:
        await asyncio.gather(*(client(GET_STATE) for _ in range(16)))
        assert telegram.requests.peak_in_flight_by["updates.getState"] == 16


@pytest.mark.rule("request.asked-again-after-a-cut")
async def test_a_reconnected_client_gets_its_answer(world: World) -> None:
    """A request whose connection is cut in mid-answer is asked again on the next one."""
    rule = HoldBack("updates.getState", 2, until=asyncio.Event())
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        answer = asyncio.ensure_future(client(GET_STATE))
        await telegram.requests.until(lambda ledger: ledger["updates.getState"] == 2)
        await telegram.drop_connections()
        assert telegram.requests.in_flight == 0
        assert isinstance(await answer, types.updates.State)
        assert telegram.requests.connections == 2
        assert telegram.requests.open_connections == 1


async def test_a_client_that_leaves_in_mid_answer_is_forgotten(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """Answers held back or on their way are given up with their connection."""
    rules = [NeverAnswer("updates.getState", 1)]
    async with LocalTelegram(world, rtt=3600, rules=rules) as telegram:
        async with raw_client(telegram) as raw:
            raw.send(GET_STATE, GET_STATE, history(world))
            await telegram.requests.until(lambda ledger: ledger.total == 3)
            assert telegram.requests.in_flight == 3
        await telegram.requests.until(lambda ledger: ledger.in_flight == 0)
        assert telegram.requests.answered.total() == 0


async def test_a_client_that_does_not_read_is_not_read(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """The server stops taking requests while its answers go nowhere, and answers all in the end."""
    count = 3_000
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        await raw.ask(PING)
        (connection,) = telegram._host.server.servers[0].connections
        raw.reader._transport.pause_reading()
        for _ in range(count):
            raw.send(history(world))
        await telegram.requests.until(lambda _: not connection._may_write)
        assert telegram.requests["messages.getHistory"] < count
        raw.reader._transport.resume_reading()
        most = 0
        answers = 0
        while answers < count:
            most = max(most, connection._outbox.size)
            answers += len(await raw.receive())
        assert most < MAX_HELD + MAX_PACKET
        assert telegram.requests["messages.getHistory"] == count
        assert telegram.requests.in_flight == 0


async def test_a_held_answer_counts_as_held(world: World, raw_client: Callable[..., Any]) -> None:
    """Answers that rules hold back stop further requests, too, until they are let go."""
    go = asyncio.Event()
    pages = tuple(range(1, 2001))
    rule = HoldBack("messages.getHistory", pages, until=go)
    async with LocalTelegram(world, rules=[rule]) as telegram, raw_client(telegram) as raw:
        (connection,) = await _connected(telegram, raw)
        for _ in pages:
            raw.send(history(world))
        await telegram.requests.until(lambda _: connection._held_bytes > MAX_HELD - 200_000)
        assert telegram.requests["messages.getHistory"] < len(pages)
        go.set()
        answers = 0
        while answers < len(pages):
            answers += len(await raw.receive())
        assert connection._held_bytes == 0


async def _connected(telegram: LocalTelegram, raw: Any) -> list[Any]:
    """Return the server's connections after the client's session began."""
    await raw.ask(PING)
    return list(telegram._host.server.servers[0].connections)


# When the server itself is wrong.


class Broken(Rule):
    """A rule with a bug, in one place or another."""

    def __init__(self, *, in_reply: bool) -> None:
        self.in_reply = in_reply

    def before(self, call: Call) -> None:
        if call.method == "account.getPassword" and not self.in_reply:
            raise ZeroDivisionError("before")

    async def reply(self, call: Call) -> bool:
        if call.method == "account.getPassword" and self.in_reply:
            raise ZeroDivisionError("reply")
        return True


@pytest.mark.parametrize("in_reply", [False, True])
async def test_a_bug_is_no_answer_of_telegram(
    world: World, caplog: pytest.LogCaptureFixture, in_reply: bool
) -> None:
    """An exception in the server fails the request at once, is logged, and raised on leaving."""
    telegram = LocalTelegram(world, rules=[Broken(in_reply=in_reply)])
    await telegram.__aenter__()
    async with telegram.client() as client:
        with pytest.raises(BadRequestError, match="EMBEDDED_TELEGRAM_FAILED"):
            await client(functions.account.GetPasswordRequest())
    with pytest.raises(EmbeddedTelegramError, match="ZeroDivisionError") as caught:
        await telegram.__aexit__(None, None, None)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.name == "telefast.testing"
    assert record.exc_info is not None


async def test_a_failed_test_keeps_its_own_error(world: World) -> None:
    """If the body failed, its exception is raised, and a note tells of the server's."""
    telegram = LocalTelegram(world, rules=[Broken(in_reply=False)])
    with pytest.raises(BadRequestError, match="EMBEDDED_TELEGRAM_FAILED") as caught:
        async with telegram, telegram.client() as client:
            await client(functions.account.GetPasswordRequest())
    assert "ZeroDivisionError" in caught.value.__notes__[0]


async def test_a_closed_server_takes_no_one(world: World) -> None:
    """A connection that comes in while the server closes is cut, and nothing is left open."""
    telegram = LocalTelegram(world)
    async with telegram:
        telegram._host.server.servers[0].is_open = False
        reader, writer = await asyncio.open_connection(telegram.host, telegram.port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        telegram._host.server.servers[0].is_open = True
    assert telegram.requests.open_connections == 0
