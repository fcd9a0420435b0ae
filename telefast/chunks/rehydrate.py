"""From a chunk to finished Telethon messages, in any process, without a request."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from telethon import types

from telefast import logs
from telefast.checks import check_flags
from telefast.chunks.codec import Chunk
from telefast.chunks.records import decode_records
from telefast.errors import ArgumentError, UsageError
from telefast.transport import telethon as door
from telefast.transport.messages import EntityLedger, Page

if TYPE_CHECKING:
    from telethon import TelegramClient
    from telethon.tl.custom.message import Message


__all__ = ["rehydrate"]

_log = logs.get_logger("chunks")

# What was saved to a client's session in this run, by what the client shares with its proxies.
_SAVED: weakref.WeakKeyDictionary[object, set[int]] = weakref.WeakKeyDictionary()


async def rehydrate(
    client: TelegramClient, chunk: Chunk, *, save_entities: bool = True
) -> list[Message]:
    """Return the chunk's messages as `client.iter_messages` would have returned them.

    They are bound to *client*, to their senders, chats, forwards and so on as these were when the
    messages were received, and can `reply`, `get_sender` and `download_media`. Nothing is sent; a
    file reference that has expired meanwhile is Telethon's business, which asks for the message
    again.

    Access hashes and file references belong to one account. If *client* is known to be another
    account than `chunk.account`, the messages are bound to users and chats for reading (names,
    titles, texts), but to no input peers except those that *client* itself knows, nothing is saved
    to its session, and one warning is logged. `out` and `mentioned` stay as the writing account
    saw them. An account that is not known, on either side, counts as the same one.

    Records that the installed Telethon cannot decode are left out; see `chunk.undecoded`. Decoding
    takes Telethon some 10 us a message, in the event loop.

    Args:
        client: A `telethon.TelegramClient`; it need not be connected.
        chunk: What `telefast.ChunkCodec.decode` or a `telefast.ChunkStore` returned. It keeps its
            own objects: each call returns new ones.
        save_entities: Whether to add users and chats to the client's session, as `iter_messages`
            does, so that their ids can be resolved later. Each is written once in a run.

    Returns:
        Finished messages, in the order of the chunk.

    Raises:
        ArgumentError: If an argument has no legal value.
        UsageError: If the client belongs to another event loop, or the schema of the chunk is not
            `full`: what is not kept must be fetched, see `telefast.refill`.
    """
    if not hasattr(client, "iter_messages"):
        raise ArgumentError("client", client, "a telethon.TelegramClient")
    if not isinstance(chunk, Chunk):
        raise ArgumentError("chunk", type(chunk).__name__, "a Chunk")
    check_flags(save_entities=save_entities)
    if chunk.schema != "full":
        raise UsageError(
            f"a chunk of the schema {chunk.schema} has no whole messages; "
            "telefast.refill fetches them"
        )
    door.check_loop(client)
    body = chunk.body
    own = door.self_id(client)
    is_foreign = None not in (own, body.account) and own != body.account
    messages, _ = decode_records("message", body.messages, body.ids)
    users, _ = decode_records("user", body.users)
    chats, _ = decode_records("chat", body.chats)
    if is_foreign:
        _warn(client, chunk)
        chats = [chat for chat in chats if not _is_hash_only(chat)]
        for entity in (*users, *chats):
            _disarm(entity)
    page = Page(b"", messages, users, chats, None, None)
    input_chat = None if is_foreign else chunk.peer
    # Telethon marks what one writes to oneself as outgoing, if it knows who that is.
    own_chat = types.PeerUser(body.account) if own is None and body.account else None
    for message in messages:
        out = message.out
        door.finish(message, client, page.entities, input_chat)
        if is_foreign:
            message.out = out  # Telethon takes a chat with the reader for one with itself
        elif message.peer_id == own_chat and not message.fwd_from:
            message.out = True
    if save_entities and not is_foreign:
        ledger = EntityLedger(client, _SAVED.setdefault(door.key_of(client), set()))
        ledger.add(page)
        await ledger.flush()
    return messages


def _is_hash_only(chat: Any) -> bool:
    """Whether Telethon makes an input peer of it without asking whether there is a hash."""
    return type(chat).__name__ in ("ChannelForbidden", "CommunityForbidden")


def _disarm(entity: Any) -> None:
    """Take from a user or chat what only the account that received it may use."""
    if hasattr(entity, "access_hash"):
        entity.access_hash = None
    if hasattr(entity, "is_self"):
        entity.is_self = False


def _warn(client: TelegramClient, chunk: Chunk) -> None:
    message = "bound without input peers chunk_account=%s client_account=%s"
    _log.warning(message, chunk.account, door.self_id(client))
