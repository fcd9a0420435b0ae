"""The one door to Telethon's private names.

Everything here was read in Telethon's sources, is pinned by `tests/test_telethon_contract.py`,
and is used nowhere else. What each name is for:

* `client._sender` and `MTProtoSender.send`: the connection. `client(request)` would sleep on
  floods by itself, remember them by request type for the whole client, and write every user and
  chat of every answer to the session.
* `client._flood_waited_requests`: the waits that the user's own calls ran into; read, never
  written.
* `client._no_updates`, `client._loop`, `client._self_id`: read.
* `sender._disconnected`: done when the user disconnects, or reconnecting failed.
* `sender._pending_state`: cancelled requests stay in it for ever and are sent again after each
  reconnect; the reaper takes them out.
* `Message._finish_init`: binds a message to its client, sender, chat and forward.
* `client._mb_entity_cache`, `utils._get_entity_pair`: how it looks these up, for many messages at
  once (`telefast.transport.binding`).
* `message._client`, `message._forward`, `forward._client`: written, so that what came through a
  takeout's proxy belongs to the client itself.
* `client._connection`, `_proxy`, `_local_addr`, `_timeout`, `_log`, `_init_request`: how the user
  connects, and as which device; a connection of our own must not differ. `_init_request` is one
  object for all of Telethon, so it is copied.
* `client._sender._auth_key_callback`: a method of the client itself, whatever stands before it.
* `sender._transport_connected`, `sender._state`: whether a connection of ours still stands, and
  the salt and the time offset, which belong to the key and spare a new connection a round trip.
"""

from __future__ import annotations

import asyncio
import copy
from functools import cache
from typing import TYPE_CHECKING, Any

from telethon import __version__ as telethon_version
from telethon import errors, functions, types, utils
from telethon.errors.common import TypeNotFoundError
from telethon.network.connection.tcpabridged import ConnectionTcpAbridged
from telethon.network.connection.tcpfull import ConnectionTcpFull
from telethon.network.connection.tcpintermediate import ConnectionTcpIntermediate
from telethon.network.mtprotosender import MTProtoSender
from telethon.tl.alltlobjects import LAYER

from telefast.errors import ClosedError, CompatibilityError, ConnectionLostError, UsageError
from telefast.logs import get_logger
from telefast.transport.decode import STOPPED_AT, Known, Spans, is_fast
from telefast.transport.decode import decode as decode_object
from telefast.transport.envelopes import ENVELOPES, Raw, innermost, method_of, unwrap
from telefast.transport.quiet import Hushed, once
from telefast.transport.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

    from telethon import TelegramClient
    from telethon.crypto.authkey import AuthKey

__all__ = [
    "STOPPED_AT",
    "MTProtoSender",
    "Raw",
    "binders",
    "check_connected",
    "check_loop",
    "decode",
    "disconnection",
    "ending",
    "finish",
    "innermost",
    "introduced",
    "introduction",
    "is_in_takeout",
    "is_open",
    "is_takeout_proxy",
    "key_of",
    "method_of",
    "new_sender",
    "open_sender",
    "owner",
    "pairs",
    "prepare",
    "reap",
    "reap_sender",
    "rebind",
    "resolve",
    "self_id",
    "send",
    "unwrap",
    "user_flood_due",
]

_log = get_logger("decode")

_RPC_ERROR = types.RpcError.CONSTRUCTOR_ID.to_bytes(4, "little")
_PLAIN = (ConnectionTcpFull, ConnectionTcpIntermediate, ConnectionTcpAbridged)
"""Kinds of connections that hide nothing: a `Wire` does what they do, with less work."""
_KEY_RETRIES = 2
"""Further attempts at a key on one connection: Telethon's own arithmetic fails one exchange in
256, where the key begins with a zero byte."""
_REAP_AFTER = 30
"""Seconds before a cancelled request is forgotten: an answer that comes later than that is parsed
and logged by Telethon at length, an earlier one is not."""
_REAP_ABOVE = 64
"""Cancelled requests kept at most, whatever their age (680 bytes each)."""


def is_takeout_proxy(client: TelegramClient) -> bool:
    """Return whether a client is what `client.takeout()` returns, or that wrapped."""
    return type(getattr(client, "wrapped", client)).__name__ == "_TakeoutClient"


def is_in_takeout(client: TelegramClient, request: Any) -> bool:
    """Return whether a request goes out within a takeout."""
    if is_takeout_proxy(client):
        return True
    while isinstance(request, ENVELOPES):
        if isinstance(request, functions.InvokeWithTakeoutRequest):
            return True
        request = request.query
    return False


def key_of(client: TelegramClient) -> object:
    """Return what a client, its takeout proxy and its unhashable subclasses share."""
    try:
        return client._sender
    except AttributeError:
        raise CompatibilityError("TelegramClient._sender", telethon_version) from None


def check_loop(client: TelegramClient) -> None:
    """Refuse a client that belongs to another event loop, before anything is sent.

    Raises:
        UsageError: If the client was connected in another loop.
    """
    loop: Any = client._loop
    if loop is not None and loop is not asyncio.get_running_loop():
        raise UsageError(
            "the client was connected in another event loop; use it in that loop, "
            "or connect one client per loop"
        )


def check_connected(client: TelegramClient) -> None:
    """Refuse a client that is not connected, before anything is asked of it.

    One that is reconnecting by itself counts as connected.

    Raises:
        ConnectionLostError: If it was never connected, or was disconnected.
    """
    if not client.is_connected():
        raise ConnectionLostError("nothing sent")


def self_id(client: TelegramClient) -> int | None:
    """Return the id of the client's account, None while the client does not know it."""
    found: int | None = client._self_id
    return found


def user_flood_due(client: TelegramClient, request: Any) -> float:
    """Return when a flood wait of the user's own calls of this method ends.

    Returns:
        Seconds since the epoch, 0.0 if there is none. Always 0.0 within a takeout: another
        budget, and Telethon keeps the waits of all its methods under one name.
    """
    if is_in_takeout(client, request):
        return 0.0
    due = client._flood_waited_requests.get(innermost(request).CONSTRUCTOR_ID, 0.0)
    return float(due)


async def prepare(client: TelegramClient, request: Any) -> Raw:
    """Resolve a request's peers and put it in its envelopes, each once, `Raw` outermost.

    Args:
        client: The client, or its takeout proxy, whose requests go within the takeout.
        request: What to send; it may be in a range of messages or in a takeout already.

    Raises:
        ClosedError: If the takeout of a proxy was finished.
    """
    await resolve(client, request)
    if is_takeout_proxy(client) and not isinstance(request, functions.InvokeWithTakeoutRequest):
        session: Any = client.session
        if session.takeout_id is None:
            raise ClosedError("the takeout of this client was finished; begin another one")
        request = functions.InvokeWithTakeoutRequest(session.takeout_id, request)
    if client._no_updates:
        # `send` adds nothing, and an unwrapped request subscribes its connection to updates.
        request = functions.InvokeWithoutUpdatesRequest(request)
    return Raw(request)


async def resolve(client: TelegramClient, request: Any) -> None:
    """Make input peers of the peers that a request names."""
    await innermost(request).resolve(client, utils)


def send(client: TelegramClient, request: Raw) -> asyncio.Future[bytes]:
    """Send a request over the client's connection.

    Never await the future bare: a disconnect cancels it, or leaves it pending for ever.

    Raises:
        ConnectionError: If the client is not connected.
    """
    future: asyncio.Future[bytes] = client._sender.send(request)
    return future


def disconnection(client: TelegramClient) -> asyncio.Future[None]:
    """Return the future that is done once the client is disconnected for good.

    Telethon's own, not to be cancelled: the public one would leave a callback on it at each look.
    """
    future: asyncio.Future[None] = client._sender._disconnected
    return future


def reap(client: TelegramClient, *, now: float) -> int:
    """Forget cancelled requests, oldest first.

    Args:
        client: Whose connection to clean.
        now: Seconds since the epoch.

    Returns:
        How many were forgotten.
    """
    return reap_sender(client._sender, now=now)


def reap_sender(sender: MTProtoSender, *, now: float) -> int:
    """Do as `reap` does, for a connection of our own."""
    pending = sender._pending_state
    cancelled = sorted(key for key, state in pending.items() if state.future.cancelled())
    surplus = len(cancelled) - _REAP_ABOVE
    reaped = 0
    for index, key in enumerate(cancelled):
        # The upper half of a message id is its time.
        if index < surplus or (key >> 32) < now - _REAP_AFTER:
            del pending[key]
            reaped += 1
    return reaped


def decode(
    data: bytes, request: Any, spans: Spans | None = None, known: Known | None = None
) -> tuple[Any, int]:
    """Decode an answer.

    Args:
        data: What `Raw` gave: the answer, perhaps with bytes behind it.
        request: The innermost request, named in an error.
        spans: Filled with the place in *data* of each object directly within the answer, by the
            object's `id()`: its messages, users and chats.
        known: Users and chats of answers that belong together, see `telefast.transport.decode`.

    Returns:
        The object and the position behind it.

    Raises:
        RPCError: If the answer is an error (a gzipped one arrives as a result).
        CompatibilityError: If it holds a constructor that this Telethon does not know. Then
            *spans* tells at `STOPPED_AT` where.
    """
    _say_if_slow()
    unknown = None
    try:
        # Plain bytes: an Unshown would be read in a thousand slices that are not shown, either.
        result, end = decode_object(bytes(data), spans=spans, known=known)
    except TypeNotFoundError as error:
        unknown = error.invalid_constructor_id
    if unknown is not None:
        # Not from within: Telethon's own error shows the remaining bytes, and so texts.
        name = f"constructor {unknown:08x} in {method_of(request)}"
        raise CompatibilityError(name, telethon_version)
    if data[:4] == _RPC_ERROR:
        raise unwrap(errors.rpc_message_to_error(result, request), request)
    return result, end


@cache
def _say_if_slow() -> None:
    if not is_fast():
        _log.info("decoding by telethon: its sources are not there, as in a frozen application")


def finish(message: Any, client: TelegramClient, entities: dict[int, Any], input_chat: Any) -> None:
    """Bind a message to its client, sender, chat and forward, as `iter_messages` does."""
    message._finish_init(client, entities, input_chat)


def binders() -> tuple[FunctionType, ...]:
    """Return the functions that say what `finish` does, but for looking up users and chats."""
    custom: Any = types.Message
    looks = (custom.chat_id.fget, custom.sender_id.fget)
    return (custom._finish_init, *looks)


def pairs(client: TelegramClient, entities: dict[int, Any]) -> Callable[[int], tuple[Any, Any]]:
    """Return what finds a user or chat by its marked id, and its input peer, as `finish` does."""
    found = client._mb_entity_cache
    return lambda key: utils._get_entity_pair(key, entities, found)


def rebind(message: Any, client: TelegramClient) -> None:
    """Bind a message that another client of the same account finished, and its forward."""
    message._client = client
    forward = message._forward
    if forward is not None:
        forward._client = client


def owner(client: TelegramClient) -> TelegramClient:
    """Return the client itself, whatever stands before it, such as a takeout's proxy."""
    found: TelegramClient = client._sender._auth_key_callback.__self__
    return found


def new_sender(client: TelegramClient, key: AuthKey | None) -> MTProtoSender:
    """Return a sender that connects once, and by itself never again.

    Args:
        client: Whose patience and log it shares.
        key: The authorization key; None exchanges one at the first connection.
    """
    return MTProtoSender(
        key,
        loggers=Hushed(client._log),
        retries=_KEY_RETRIES,
        delay=0,
        auto_reconnect=False,
        connect_timeout=client._timeout,
    )


async def open_sender(
    client: TelegramClient, sender: MTProtoSender, dc_id: int, host: str, port: int
) -> None:
    """Connect a sender as the client connects: same proxy, local address and kind. Once only.

    A `Wire` stands for the kinds that neither hide what they are nor have a proxy.

    For the client's own data centre it starts with the salt and the time of the client's sender.
    """
    kind: Any = client._connection
    if kind in _PLAIN and not client._proxy:
        kind = Wire
    connection: Any = kind(
        host,
        port,
        dc_id,
        loggers=Hushed(client._log),
        proxy=client._proxy,
        local_addr=client._local_addr,
    )
    connection.connect = once(connection.connect)
    try:
        await sender.connect(connection)
    except BaseException:
        await sender.disconnect()
        raise
    session: Any = client.session
    if sender.auth_key is session.auth_key:
        sender._state.salt = client._sender._state.salt
        sender._state.time_offset = client._sender._state.time_offset


def is_open(sender: MTProtoSender) -> bool:
    """Return whether a sender's connection stands, as far as is known."""
    return bool(sender.is_connected() and sender._transport_connected())


def ending(sender: MTProtoSender) -> asyncio.Future[None]:
    """Return the future that is done once a sender has ended, with the error that ended it."""
    future: asyncio.Future[None] = sender._disconnected
    return future


def introduction(client: TelegramClient) -> functions.InitConnectionRequest:
    """Return how the client introduces itself: application, device, language."""
    return copy.copy(client._init_request)


def introduced(init: functions.InitConnectionRequest, request: Any) -> Any:
    """Wrap the first request of a connection, as Telethon wraps its own."""
    init = copy.copy(init)
    init.query = request
    return functions.InvokeWithLayerRequest(LAYER, init)
