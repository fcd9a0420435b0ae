"""Does Telethon still have the private names we use, and do they mean what we think?

`transport/telethon.py` is the one door to them. When a new Telethon changes one, a test here
fails and says which; nothing else has to be searched.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
import time
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, errors, functions, types, utils
from telethon.client import account, users
from telethon.client.downloads import DownloadMethods
from telethon.crypto import aes
from telethon.crypto.authkey import AuthKey
from telethon.errors.common import TypeNotFoundError
from telethon.extensions.binaryreader import BinaryReader
from telethon.network import (
    ConnectionTcpAbridged,
    ConnectionTcpFull,
    ConnectionTcpIntermediate,
    ConnectionTcpObfuscated,
)
from telethon.network.connection.connection import Connection
from telethon.network.mtprotosender import MTProtoSender
from telethon.network.requeststate import RequestState
from telethon.sessions import MemorySession
from telethon.tl.alltlobjects import LAYER, tlobjects
from telethon.tl.custom.message import Message
from telethon.tl.tlobject import TLRequest

from telefast.errors import ClosedError
from telefast.testing import ErrorOn, HoldBack, LocalTelegram, World
from telefast.transport import binding, retry
from telefast.transport import telethon as door
from telefast.transport.making import recipe_of
from telefast.transport.naming import Naming
from telefast.transport.schema import layout_of
from telefast.transport.wire import Wire

HISTORY = "messages.getHistory"


@pytest.fixture
async def telegram() -> AsyncIterator[LocalTelegram]:
    """A server with one chat of 50 messages."""
    world = World(seed=3)
    world.add_channel("Club", message_count=50, channel_id=1_500_000_000)
    async with LocalTelegram(world) as telegram:
        yield telegram


@pytest.fixture
async def client(telegram: LocalTelegram) -> TelegramClient:
    """A connected client of it."""
    client = telegram.client(flood_sleep_threshold=0)
    await client.connect()
    return client


def history(telegram: LocalTelegram, limit: int = 5) -> functions.messages.GetHistoryRequest:
    """Return a request for a page."""
    peer = telegram.world.channels[1_500_000_000].input_peer()
    return functions.messages.GetHistoryRequest(peer, 0, None, 0, limit, 0, 0, 0)


PINNED = {
    "client": {
        "_mb_entity_cache",
        "_sender",
        "_loop",
        "_no_updates",
        "_flood_waited_requests",
        "_self_id",
        "_connection",
        "_proxy",
        "_local_addr",
        "_timeout",
        "_log",
        "_init_request",
    },
    "_sender": {"_disconnected", "_auth_key_callback", "_state"},
    "sender": {"_pending_state", "_disconnected", "_transport_connected", "_state"},
    "message": {"_finish_init", "_client", "_forward"},
    "custom": {"_finish_init"},
    "utils": {"_get_entity_pair"},
    "forward": {"_client"},
}
"""Whose private names the door uses; each has a test below."""


def test_every_private_name_is_pinned() -> None:
    """The door uses these private names of Telethon and no other."""
    tree = ast.parse(Path(inspect.getfile(door)).read_text("utf-8"))
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            owner = ast.unparse(node.value).rpartition(".")[2]
            if not node.attr.startswith("__") and owner != "self":
                found.setdefault(owner, set()).add(node.attr)
    assert PINNED == found


async def test_sender_is_made_once(telegram: LocalTelegram) -> None:
    """`client._sender` is an MTProtoSender from the start, and the same after a reconnect."""
    client = telegram.client()
    sender = client._sender
    assert type(sender) is MTProtoSender
    for _ in range(2):
        await client.connect()
        assert client._sender is sender
        await client.disconnect()
        assert client._sender is sender
    assert client.takeout(finalize=False)._sender is sender


async def test_the_own_id_is_known_after_connecting(telegram: LocalTelegram) -> None:
    """`client._self_id` is None until the client has asked who it is, then the account's id."""
    client = telegram.client()
    assert door.self_id(client) is None
    async with client:
        me = await client.get_me()
    assert me.id == door.self_id(client) == client._self_id


def test_a_reader_reads_objects_by_its_own_method() -> None:
    """What lies within an object is read by `reader.tgread_object`, which may be replaced.

    So the place of each message is known when an answer has been decoded, and the reader is its
    plain self again for what lies deeper.
    """
    inner = [types.InputMediaDice("a"), types.InputMediaDice("bb" * 200)]
    deep = types.InputMediaPaidMedia(5, inner)
    outer = types.InputMediaPaidMedia(7, [deep, types.InputMediaDice("c")])
    data = bytes(outer)
    spans: dict[int, tuple[int, int]] = {}
    found, end = door.decode(data + b"padding", None, spans)
    assert data == bytes(found)
    assert len(data) == end
    assert {id(each): bytes(each) for each in found.extended_media} == {
        key: data[start:stop] for key, (start, stop) in spans.items()
    }


async def test_send_gives_a_future(telegram: LocalTelegram, client: TelegramClient) -> None:
    """`send(request)` returns a future; when not connected it raises ConnectionError."""
    assert list(inspect.signature(MTProtoSender.send).parameters) == ["self", "request", "ordered"]
    future = client._sender.send(history(telegram))
    assert isinstance(future, asyncio.Future)
    assert len((await future).messages) == 5
    with pytest.raises(ConnectionError):
        telegram.client()._sender.send(history(telegram))


async def test_disconnection_is_a_future(telegram: LocalTelegram) -> None:
    """`sender._disconnected` is pending while connected, also over a reconnect, and then done."""
    client = telegram.client(retry_delay=0)
    assert door.disconnection(client).done()
    await client.connect()
    gone = door.disconnection(client)
    assert not gone.done()
    await telegram.drop_connections()
    assert await client.get_me()
    assert door.disconnection(client) is gone
    await client.disconnect()
    assert gone.done()
    assert gone.exception() is None


async def test_disconnecting_cancels_what_is_in_flight(telegram: LocalTelegram) -> None:
    """The reason for our guard: a future is cancelled although nobody cancelled its task."""
    telegram.add(HoldBack(HISTORY, 1, asyncio.Event()))
    client = telegram.client()
    await client.connect()
    in_flight = client._sender.send(history(telegram))
    await telegram.requests.until(lambda ledger: ledger[HISTORY] == 1)
    await client.disconnect()
    assert in_flight.cancelled()
    assert client._sender._pending_state == {}


async def test_pending_state_holds_what_was_sent(
    telegram: LocalTelegram, client: TelegramClient
) -> None:
    """`_pending_state` maps message ids, whose upper half is their time, to states with a future.

    A cancelled future stays in it; `reap` takes it out once it is old enough.
    """
    event = asyncio.Event()
    telegram.add(HoldBack(HISTORY, 1, event))
    future = door.send(client, await door.prepare(client, history(telegram)))
    await telegram.requests.until(lambda ledger: ledger[HISTORY] == 1)
    [(msg_id, state)] = client._sender._pending_state.items()
    assert isinstance(state, RequestState)
    assert state.future is future
    assert abs((msg_id >> 32) - time.time()) < 3600
    assert door.reap(client, now=time.time() + 1000) == 0
    future.cancel()
    assert list(client._sender._pending_state) == [msg_id]
    assert door.reap(client, now=msg_id >> 32) == 0
    assert door.reap(client, now=(msg_id >> 32) + 31) == 1
    assert client._sender._pending_state == {}
    event.set()


async def test_floods_are_remembered_by_constructor(
    telegram: LocalTelegram, client: TelegramClient
) -> None:
    """`_flood_waited_requests` maps a constructor id to the end of the wait; `send` leaves it."""
    telegram.add(ErrorOn(HISTORY, 420, "FLOOD_WAIT_500", nth=(1, 2)))
    assert client._flood_waited_requests == {}
    request = history(telegram)
    with pytest.raises(errors.FloodWaitError):
        await door.send(client, await door.prepare(client, request))
    assert client._flood_waited_requests == {}
    assert door.user_flood_due(client, request) == 0
    with pytest.raises(errors.FloodWaitError):
        await client(request)
    assert list(client._flood_waited_requests) == [request.CONSTRUCTOR_ID]
    assert 0 < door.user_flood_due(client, request) - time.time() <= 500
    with pytest.raises(errors.FloodWaitError):  # Telethon refuses by itself
        await client(request)
    assert telegram.requests[HISTORY] == 2
    data = await door.send(client, await door.prepare(client, request))
    assert len(door.decode(data, request)[0].messages) == 5


def test_what_telethon_retries() -> None:
    """Our list of errors to retry is that of `UserMethods._call`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(users.UserMethods._call)))
    handlers = [node.type for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    theirs = [
        {ast.unparse(name).removeprefix("errors.") for name in handler.elts}
        for handler in handlers
        if isinstance(handler, ast.Tuple)
    ]
    assert {kind.__name__ for kind in retry._TRANSIENT} in theirs


async def test_loop_is_that_of_the_connection(telegram: LocalTelegram) -> None:
    """`client._loop` is None before the connection, then its loop."""
    client = telegram.client()
    assert client._loop is None
    door.check_loop(client)
    await client.connect()
    assert client._loop is asyncio.get_running_loop()
    door.check_loop(client)


async def test_no_updates_is_a_flag(telegram: LocalTelegram) -> None:
    """`client._no_updates` says whether requests must be wrapped in InvokeWithoutUpdates."""
    for receive in (True, False):
        client = telegram.client(receive_updates=receive)
        assert client._no_updates is not receive
        raw = await door.prepare(client, history(telegram))
        kind = type(raw.query)
        assert (functions.messages.GetHistoryRequest if receive else WITHOUT_UPDATES) is kind


WITHOUT_UPDATES = functions.InvokeWithoutUpdatesRequest


def test_finish_init_has_its_signature() -> None:
    """`_finish_init(client, entities, input_chat)`, for every kind of message there is."""
    assert list(inspect.signature(Message._finish_init).parameters) == [
        "self",
        "client",
        "entities",
        "input_chat",
    ]
    for kind in (types.Message, types.MessageService, types.MessageEmpty):
        assert kind._finish_init is Message._finish_init


def test_finish_init_does_what_we_do() -> None:
    """What binds many messages at once was written from this very method, and two properties."""
    assert binding._is_known()


def test_entities_are_looked_up_in_pairs() -> None:
    """`utils._get_entity_pair` returns a user or chat, and its input peer, from three sources."""
    client = TelegramClient(MemorySession(), 1, "0" * 32)
    client._mb_entity_cache.extend([types.User(8, access_hash=5)], [])
    user = types.User(7, access_hash=3)
    look_up = door.pairs(client, {7: user})
    assert look_up(7) == (user, types.InputPeerUser(7, 3))
    assert look_up(8) == (None, types.InputPeerUser(8, 5))
    assert look_up(9) == look_up(0) == (None, None)


def test_a_message_is_bound_by_two_names() -> None:
    """A finished message and its forward hold their client; nothing else in them does."""
    first, second = (TelegramClient(MemorySession(), 1, "x") for _ in range(2))
    forwarded = types.MessageFwdHeader(date=None, from_id=types.PeerUser(5))
    for header in (forwarded, None):
        message = types.Message(1, types.PeerUser(5), message="x", fwd_from=header)
        message._finish_init(first, {}, None)
        door.rebind(message, second)
        assert message.client is second
        assert (header is not None) == (message.forward is not None)
        holders = [message, *([message.forward] if message.forward else [])]
        assert all(vars(holder)["_client"] is second for holder in holders)
        assert not any(value is first for holder in holders for value in vars(holder).values())


def test_the_takeout_proxy_has_its_name() -> None:
    """The proxy is known by its class's name, since it hides its class from `isinstance`."""
    assert account._TakeoutClient.__name__ == "_TakeoutClient"
    proxy: Any = account._TakeoutClient(False, TelegramClient(MemorySession(), 1, "x"), None)
    assert door.is_takeout_proxy(proxy)
    assert isinstance(proxy, TelegramClient)
    assert MemorySession().takeout_id is None


@pytest.mark.parametrize("is_proxy", [False, True])
async def test_each_envelope_comes_once(
    telegram: LocalTelegram, client: TelegramClient, is_proxy: bool
) -> None:
    """Whatever a request is wrapped in already: one takeout, resolved peers, `Raw` outermost.

    None of Telethon's envelopes resolves what it holds, and a name for a peer has no bytes.
    """
    client.session.takeout_id = 77
    road: Any = client.takeout(finalize=False) if is_proxy else client
    within = types.MessageRange(1, 500)
    for wrap in (
        lambda request: request,
        lambda request: functions.InvokeWithMessagesRangeRequest(within, request),
        lambda request: functions.InvokeWithTakeoutRequest(77, request),
        lambda request: functions.InvokeWithTakeoutRequest(
            77, functions.InvokeWithMessagesRangeRequest(within, request)
        ),
    ):
        request: Any = history(telegram)
        request.peer = "me"
        wrapped = wrap(request)
        is_inside = is_proxy or isinstance(wrapped, functions.InvokeWithTakeoutRequest)
        raw = await door.prepare(road, wrapped)
        assert isinstance(raw, door.Raw)
        assert isinstance(request.peer, types.InputPeerSelf)
        assert is_inside == (raw.query.CONSTRUCTOR_ID == 0xACA9FD2E)
        assert bytes(raw).count((0xACA9FD2E).to_bytes(4, "little")) == is_inside
        assert request is door.innermost(raw.query)
        assert is_inside == door.is_in_takeout(road, wrapped)


async def test_a_proxy_whose_takeout_was_finished(
    telegram: LocalTelegram, client: TelegramClient
) -> None:
    """Nothing goes out by it: neither as a plain request nor as one without an id."""
    client.session.takeout_id = 77
    proxy: Any = client.takeout(finalize=False)
    client.session.takeout_id = None
    with pytest.raises(ClosedError, match="takeout of this client was finished"):
        await door.prepare(proxy, history(telegram))


def test_unknown_constructors_are_named() -> None:
    """`TypeNotFoundError.invalid_constructor_id` names what the reader did not know."""
    with pytest.raises(TypeNotFoundError) as caught:
        BinaryReader(b"\x01\x02\x03\x04rest").tgread_object()
    assert caught.value.invalid_constructor_id == 0x04030201


def test_the_reader_tells_where_it_is() -> None:
    """A reader's `stream` is all that follows; `tell_position` is the end of what was read."""
    data = bytes(types.PeerUser(5))
    reader = BinaryReader(data + b"behind")
    assert bytes(reader.stream) == data + b"behind"
    assert bytes(reader.tgread_object()) == data
    assert reader.tell_position() == len(data)


def test_reading_methods_are_understood() -> None:
    """All but those of four constructors of the protocol itself, which no answer holds."""
    odd = {cls.__name__ for number, cls in tlobjects.items() if layout_of(number) is None}
    assert odd <= {"AccessPointRule", "ConfigSimple", "FutureSalts", "TlsClientHello"}
    late = [x for x in map(layout_of, tlobjects) if x is not None and x.leading < len(x.words)]
    assert {layout.cls.__name__ for layout in late} == {"Poll", "WallPaper", "WallPaperNoFile"}


def test_messages_are_made_as_we_think() -> None:
    """All that `__init__` does is understood, but for what would make up an id of its own."""
    for cls in (types.Message, types.MessageService, types.MessageEmpty):
        recipe = recipe_of(cls)
        assert recipe is not None
        assert recipe.attributes.keys() == vars(cls(1, types.PeerUser(2))).keys()
    odd = {cls for cls in tlobjects.values() if recipe_of(cls) is None}
    answers = {cls for cls in odd if not issubclass(cls, TLRequest)}
    assert all("random_id" in inspect.signature(cls).parameters for cls in answers)


def test_an_error_speaks_of_the_inner_request(telegram: LocalTelegram) -> None:
    """Errors name the request in `request` and in their text; the door puts ours out of both."""
    request = history(telegram)
    raw = door.Raw(request)
    error = errors.rpc_message_to_error(types.RpcError(420, "FLOOD_WAIT_7"), raw)
    assert isinstance(error, errors.FloodWaitError)
    assert error.seconds == 7
    assert error.request is raw
    assert "(caused by Raw)" in str(error)
    door.unwrap(error, request)
    assert error.request is request
    assert "(caused by GetHistoryRequest)" in str(error)


def test_raw_is_a_request_like_any_other(telegram: LocalTelegram) -> None:
    """Same constructor and bytes as what it holds; neither its dict nor its repr shows that."""
    request = functions.InvokeWithTakeoutRequest(9, history(telegram))
    raw = door.Raw(request)
    assert isinstance(raw, TLRequest)
    assert request.CONSTRUCTOR_ID == raw.CONSTRUCTOR_ID
    assert bytes(request) == bytes(raw)
    assert raw.to_dict() == {"_": "Raw", "query": "messages.getHistory"}
    assert "1500000000" not in raw.stringify()


async def test_only_the_outermost_envelope_counts(
    telegram: LocalTelegram, client: TelegramClient
) -> None:
    """Raw outermost gives bytes, on each road; within another envelope the object comes."""
    request = history(telegram)
    await request.resolve(client, utils)
    wrap = functions.InvokeWithoutUpdatesRequest
    for raw in (door.Raw(request), door.Raw(wrap(request)), door.Raw(wrap(wrap(request)))):
        for answer in (
            await client._sender.send(raw),
            await client(raw),
            (await client([raw, raw]))[1],
        ):
            assert type(answer) is bytes
            page, end = door.decode(answer, request)
            assert len(page.messages) == 5
            assert bytes(page) == answer[:end]
    assert len((await client(wrap(door.Raw(request)))).messages) == 5


async def test_several_answers_in_one_container(
    telegram: LocalTelegram, client: TelegramClient
) -> None:
    """Answers packed together drag those behind them along: their end is known by decoding."""
    requests = [history(telegram, limit) for limit in (1, 20, 3, 40)]
    futures = [door.send(client, await door.prepare(client, each)) for each in requests]
    for request, future in zip(requests, futures, strict=True):
        data = await future
        page, end = door.decode(data, request)
        assert request.limit == len(page.messages)
        assert bytes(page) == data[:end]


async def test_sessions_take_any_object_with_users_and_chats() -> None:
    """`process_entities` and `save` may be awaited or not; a ResolvedPeer with any peer will do."""
    session: Any = MemorySession()
    user = types.User(7, access_hash=70)
    found = types.contacts.ResolvedPeer(types.PeerUser(0), [], [user])
    await utils.maybe_async(session.process_entities(found))
    await utils.maybe_async(session.save())
    assert session.get_input_entity(7).access_hash == 70


def test_names_of_methods(telegram: LocalTelegram) -> None:
    """Telegram's own name of a method follows from Telethon's class."""
    for request, name in (
        (history(telegram), "messages.getHistory"),
        (functions.channels.GetMessagesRequest(None, []), "channels.getMessages"),
        (functions.InvokeWithTakeoutRequest(1, functions.PingRequest(1)), "ping"),
        (functions.PingRequest(1), "ping"),
    ):
        assert name == door.method_of(request)


# Connections of our own


def test_how_a_client_connects_is_what_it_was_told() -> None:
    """Kind, proxy, local address, patience and log are attributes; connections take them so."""
    proxy = ("socks5", "127.0.0.1", 1)
    with warnings.catch_warnings(action="ignore"):  # where python-socks is missing
        client = TelegramClient(
            MemorySession(),
            1,
            "x",
            connection=ConnectionTcpAbridged,
            proxy=proxy,
            local_addr="127.0.0.2",
            timeout=7,
        )
    assert client._connection is ConnectionTcpAbridged
    assert (client._proxy, client._local_addr, client._timeout) == (proxy, "127.0.0.2", 7)
    assert client._log["telethon.network"].name == "telethon.network"
    names = list(inspect.signature(Connection.__init__).parameters)
    assert names == ["self", "ip", "port", "dc_id", "loggers", "proxy", "local_addr"]


def test_what_encrypts() -> None:
    """Telethon takes cryptg if it is there, else libssl, else Python, and these names say which."""
    source = inspect.getsource(aes.AES.encrypt_ige)
    assert 0 < source.index("if cryptg:") < source.index("if libssl.encrypt_ige:")
    assert {"cryptg", "libssl"} <= vars(aes).keys()


def test_what_a_sender_is_made_of() -> None:
    """Its arguments; ours tries once, knows the client's log, and never connects by itself."""
    client = TelegramClient(MemorySession(), 1, "x", timeout=7)
    parameters = inspect.signature(MTProtoSender.__init__).parameters
    assert set(parameters) >= {
        "auth_key",
        "loggers",
        "retries",
        "delay",
        "auto_reconnect",
        "connect_timeout",
    }
    key = AuthKey(bytes(range(256)))
    sender = door.new_sender(client, key)
    assert sender.auth_key is key
    assert (sender._retries, sender._delay, sender._auto_reconnect) == (2, 0, False)
    assert sender._connect_timeout == 7
    assert sender._updates_queue is None
    assert not door.is_open(sender)
    assert not door.new_sender(client, None).auth_key


async def test_a_sender_of_our_own(telegram: LocalTelegram, client: TelegramClient) -> None:
    """It stands beside the client's on the same key, starts with its salt, and ends for good."""
    client._sender._state.salt, client._sender._state.time_offset = 12345, 1
    session: Any = client.session
    sender = door.new_sender(client, session.auth_key)
    await door.open_sender(client, sender, session.dc_id, telegram.host, telegram.port)
    assert (sender._state.salt, sender._state.time_offset) == (12345, 1)
    assert door.is_open(sender)
    ending = door.ending(sender)
    assert not ending.done()
    first = door.introduced(door.introduction(client), functions.help.GetNearestDcRequest())
    assert (await sender.send(first)).this_dc == session.dc_id
    await telegram.drop_connections()
    await asyncio.wait({ending})
    assert isinstance(ending.exception(), EOFError | OSError)
    assert not door.is_open(sender)
    with pytest.raises(ConnectionError):
        sender.send(functions.help.GetNearestDcRequest())
    assert client._sender.auth_key is session.auth_key


@pytest.mark.parametrize(
    "kind", [ConnectionTcpFull, ConnectionTcpIntermediate, ConnectionTcpAbridged]
)
async def test_a_wire_stands_for_what_hides_nothing(
    telegram: LocalTelegram, kind: type[Connection]
) -> None:
    """For Telethon's own plain kinds, not for one that the user has changed or that is obfuscated.

    Senders need `connect`, `disconnect`, `send`, `recv` and `_connected` of it.
    """

    class Changed(kind):  # type: ignore[misc,valid-type]
        pass

    for wanted, found in ((kind, Wire), (Changed, Changed), (ConnectionTcpObfuscated,) * 2):
        async with telegram.client(connection=wanted) as client:
            session: Any = client.session
            sender = door.new_sender(client, session.auth_key)
            await door.open_sender(client, sender, session.dc_id, telegram.host, telegram.port)
            assert type(sender._connection) is found
            first = door.introduced(door.introduction(client), functions.help.GetNearestDcRequest())
            assert (await sender.send(first)).this_dc == session.dc_id
            await sender.disconnect()


async def test_a_sender_that_does_not_come_about(client: TelegramClient) -> None:
    """One attempt, a ConnectionError, and nothing left open."""
    sender = door.new_sender(client, None)
    with pytest.raises(ConnectionError):
        await door.open_sender(client, sender, 4, "127.0.0.1", 1)
    assert not door.is_open(sender)


def test_the_introduction_is_a_copy() -> None:
    """`_init_request` is one object for all of Telethon; its `query` is written between awaits."""
    client = TelegramClient(MemorySession(), 1, "x", device_model="Abacus", lang_code="is")
    theirs = client._init_request
    theirs.query = "theirs"
    wrapped = door.introduced(door.introduction(client), functions.help.GetConfigRequest())
    assert isinstance(wrapped, functions.InvokeWithLayerRequest)
    assert wrapped.layer == LAYER
    assert (wrapped.query.device_model, wrapped.query.lang_code) == ("Abacus", "is")
    assert isinstance(wrapped.query.query, functions.help.GetConfigRequest)
    assert theirs.query == "theirs"
    assert client._init_request is theirs


def test_a_sender_knows_its_client() -> None:
    """`_auth_key_callback` is a method of the client, also for a proxy or a subclass."""
    client = TelegramClient(MemorySession(), 1, "x")
    proxy: Any = account._TakeoutClient(False, client, None)
    assert door.owner(client) is door.owner(proxy) is client


def test_an_end_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """What Telethon calls a warning or an error of a connection is said at INFO, the rest as is."""
    client = TelegramClient(MemorySession(), 1, "x")
    sender = door.new_sender(client, None)
    with caplog.at_level("DEBUG", "telethon"):
        for level in ("debug", "warning", "error", "exception"):
            getattr(sender._log, level)("told as %s", level)
    told = {record.message.split()[-1]: record.levelname for record in caplog.records}
    assert told == {"debug": "DEBUG", "warning": "INFO", "error": "INFO", "exception": "ERROR"}


def test_downloads_end_in_one_method() -> None:
    """All that Telegram serves comes by `_download_file`, called as our override takes it."""
    for method in (DownloadMethods.download_file, DownloadMethods._download_document):
        assert "self._download_file(" in inspect.getsource(method)
    for method in (DownloadMethods.download_profile_photo, DownloadMethods._download_photo):
        assert "self.download_file(" in inspect.getsource(method)
    theirs = inspect.signature(DownloadMethods._download_file).parameters
    ours = inspect.signature(Naming._download_file).parameters
    assert ours.keys() - {"_"} <= theirs.keys()
    assert "__init__" not in vars(DownloadMethods)


def test_files_of_other_sites_have_a_method_of_their_own() -> None:
    """It is called, and names its file, as our override does."""
    media = inspect.getsource(DownloadMethods.download_media)
    assert "self._download_web_document(" in media
    theirs: Any = DownloadMethods._download_web_document
    ours = [*inspect.signature(Naming._download_web_document).parameters]
    assert ours[1:] == [*inspect.signature(theirs).parameters]
    assert "_get_kind_and_names(web.attributes)" in inspect.getsource(theirs)
    assert "_get_proper_filename(" in inspect.getsource(theirs)
