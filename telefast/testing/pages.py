"""Answers that carry messages, joined from stored TL bytes.

A page costs one join: no TL object is made for it. Tests hold its bytes against those that
Telethon's own types give.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import types

from telefast.testing.channel import Channel
from telefast.testing.rpc import Empty, Marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from telefast.testing.account import Account
    from telefast.testing.chat import Chat

__all__ = [
    "TRUE",
    "channel_messages",
    "empty_bytes",
    "entries_bytes",
    "page_of",
    "slice_of",
    "vector",
    "whole",
]

TRUE = struct.pack("<I", 0x997275B5)
"""`boolTrue`, which Telethon has no class for."""

_VECTOR = 0x1CB5C415
_EMPTY_VECTOR = struct.pack("<Ii", _VECTOR, 0)
_RATE_FLAG = 1 << 0
_INEXACT_FLAG = 1 << 1
_OFFSET_FLAG = 1 << 2
_EMPTY_PEER_FLAG = 1 << 0
_MESSAGES = struct.pack("<I", types.messages.Messages.CONSTRUCTOR_ID)
_OUT = 1 << 1
"""Flag of a message, in the first byte of its flags."""
_FROM = 1 << 0
"""Flag of a message that names its sender, in the second byte of its flags."""
_SERVICE = struct.pack("<I", types.MessageService.CONSTRUCTOR_ID)


def vector(items: Sequence[bytes]) -> bytes:
    """Return the TL vector of serialised items."""
    return struct.pack("<Ii", _VECTOR, len(items)) + b"".join(items)


def entries_bytes(
    account: Account, chat: Chat, page: Iterable[int | Empty], refs: set[int]
) -> list[bytes]:
    """Return the TL bytes of each entry and add to *refs* whom they refer to.

    An id without a message is shown as `MessageEmpty`.
    """
    entry_of = chat.entry
    is_shared = isinstance(chat, Channel) and not account.is_first
    files = account.world.file_store
    is_stamped = is_shared or files.are_renewed
    found: list[bytes] = []
    for entry in page:
        if isinstance(entry, int):
            try:
                data, named = entry_of(entry)
            except KeyError:
                found.append(empty_bytes(entry, chat))
            else:
                shown = files.shown(account, chat, entry, data) if is_stamped else data
                found.append(_marked(chat, entry, shown) if type(entry) is Marked else shown)
                refs.update(named)
        else:
            found.append(empty_bytes(entry.id, chat))
    if is_shared:
        sender = bytes(types.PeerUser(account.me.id))
        found = [_as_seen(data, sender) for data in found]
    return found


def page_of(
    account: Account,
    chat: Chat,
    page: Sequence[int | Empty],
    *,
    count: int,
    offset_id_offset: int | None = None,
    inexact: bool = False,
) -> bytes:
    """Return a page of one chat with all users and chats that it refers to.

    A channel answers with `messages.channelMessages`. Other chats answer with
    `messages.messages`, which says that there is no more, if the page holds the whole list, and
    else with `messages.messagesSlice`.

    Args:
        account: Who asks.
        chat: The chat that the messages belong to; always among the chats or users.
        page: What the page shows, in this order.
        count: Messages in the whole list.
        offset_id_offset: Position of the page in the list, or None to leave it out.
        inexact: Whether *count* is marked as approximate.
    """
    if isinstance(chat, Channel):
        return channel_messages(
            account, chat, page, count=count, offset_id_offset=offset_id_offset, inexact=inexact
        )
    refs = {chat.marked_id}
    entries = entries_bytes(account, chat, page, refs)
    if len(page) == count == len(set(page)):
        return whole(account, entries, refs)
    return slice_of(
        account, entries, refs, count=count, offset_id_offset=offset_id_offset, inexact=inexact
    )


def slice_of(
    account: Account,
    entries: Sequence[bytes],
    refs: Iterable[int],
    *,
    count: int,
    next_rate: int | None = None,
    offset_id_offset: int | None = None,
    inexact: bool = False,
) -> bytes:
    """Return `messages.messagesSlice` with serialised entries and whom they refer to."""
    flags = (next_rate is not None and _RATE_FLAG) | (offset_id_offset is not None and _OFFSET_FLAG)
    flags |= inexact and _INEXACT_FLAG
    head = struct.pack("<IIi", types.messages.MessagesSlice.CONSTRUCTOR_ID, flags, count)
    for number in (next_rate, offset_id_offset):
        if number is not None:
            head += struct.pack("<i", number)
    return _joined(account, head, entries, refs)


def whole(account: Account, entries: Sequence[bytes], refs: Iterable[int]) -> bytes:
    """Return `messages.messages` with serialised entries and whom they refer to."""
    return _joined(account, _MESSAGES, entries, refs)


def channel_messages(
    account: Account,
    channel: Channel,
    page: Sequence[int | Empty],
    *,
    count: int,
    offset_id_offset: int | None = None,
    inexact: bool = False,
) -> bytes:
    """Return `messages.channelMessages`; arguments as in `page_of`."""
    refs = {channel.marked_id}
    entries = entries_bytes(account, channel, page, refs)
    head = struct.pack(
        "<IIii",
        types.messages.ChannelMessages.CONSTRUCTOR_ID,
        (offset_id_offset is not None and _OFFSET_FLAG) | (inexact and _INEXACT_FLAG),
        channel.pts,
        count,
    )
    if offset_id_offset is not None:
        head += struct.pack("<i", offset_id_offset)
    shown = (entry for entry in page if isinstance(entry, int))
    topics = [*channel.short_rows(shown, account, refs)]
    return _joined(account, head, entries, refs, topics)


def empty_bytes(message_id: int, chat: Chat | None = None) -> bytes:
    """Return `MessageEmpty`, of a chat if it is known."""
    if chat is None:
        return struct.pack("<IIi", types.MessageEmpty.CONSTRUCTOR_ID, 0, message_id)
    return struct.pack(
        "<IIiIq",
        types.MessageEmpty.CONSTRUCTOR_ID,
        _EMPTY_PEER_FLAG,
        message_id,
        chat.peer().CONSTRUCTOR_ID,
        chat.id,
    )


def _joined(
    account: Account,
    head: bytes,
    entries: Sequence[bytes],
    refs: Iterable[int],
    topics: Sequence[bytes] = (),
) -> bytes:
    chats, users = account.peers_bytes(refs)
    return b"".join(
        (
            head,
            struct.pack("<Ii", _VECTOR, len(entries)),
            *entries,
            vector(topics) if topics else _EMPTY_VECTOR,
            struct.pack("<Ii", _VECTOR, len(chats)),
            *chats,
            struct.pack("<Ii", _VECTOR, len(users)),
            *users,
        )
    )


def _marked(chat: Chat, message_id: int, data: bytes) -> bytes:
    """Return a message with a reason why its display is restricted."""
    with BinaryReader(data) as reader:
        message: Any = reader.tgread_object()
    if not isinstance(message, types.Message):
        return empty_bytes(message_id, chat)
    message.restriction_reason = [types.RestrictionReason("all", "terms", "Not available here.")]
    return bytes(message)


def _as_seen(data: bytes, sender: bytes) -> bytes:
    """Return a message of a channel with `out` set for its sender and for nobody else.

    Args:
        data: TL bytes, as the first account sees the message.
        sender: TL bytes of the account that asks, as a peer.
    """
    begin = 12 if data.startswith(_SERVICE) else 16  # After constructor, flags and id.
    is_own = bool(data[5] & _FROM) and data.startswith(sender, begin)
    if is_own == bool(data[4] & _OUT):
        return data
    return data[:4] + bytes((data[4] ^ _OUT,)) + data[5:]
