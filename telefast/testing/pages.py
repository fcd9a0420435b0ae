"""Answers that carry messages, joined from stored TL bytes.

A page costs one join: no TL object is made for it. Tests hold its bytes against those that
Telethon's own types give.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.testing.rpc import Empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telefast.testing.channel import Channel
    from telefast.testing.world import World

__all__ = ["channel_messages", "entries_bytes", "vector"]

_VECTOR = 0x1CB5C415
_EMPTY_VECTOR = struct.pack("<Ii", _VECTOR, 0)
_OFFSET_FLAG = 1 << 2
_EMPTY_PEER_FLAG = 1 << 0


def vector(items: Sequence[bytes]) -> bytes:
    """Return the TL vector of serialised items."""
    return struct.pack("<Ii", _VECTOR, len(items)) + b"".join(items)


def entries_bytes(channel: Channel, page: Sequence[int | Empty], refs: set[int]) -> list[bytes]:
    """Return the TL bytes of each entry and add to *refs* whom they refer to.

    An id without a message is shown as `MessageEmpty`.
    """
    entry_of = channel.entry
    found: list[bytes] = []
    for entry in page:
        if isinstance(entry, int):
            try:
                data, named = entry_of(entry)
            except KeyError:
                found.append(_empty(channel, entry))
            else:
                found.append(data)
                refs.update(named)
        else:
            found.append(_empty(channel, entry.id))
    return found


def channel_messages(
    world: World,
    channel: Channel,
    page: Sequence[int | Empty],
    *,
    count: int,
    offset_id_offset: int | None = None,
) -> bytes:
    """Return `messages.channelMessages` with *page* and all users and chats that it refers to.

    Args:
        world: Where users and chats are found.
        channel: The channel that the messages belong to; always among the chats.
        page: What the page shows, in this order.
        count: Messages in the whole list.
        offset_id_offset: Position of the page in the list, or None to leave it out.
    """
    refs = {channel.marked_id}
    entries = entries_bytes(channel, page, refs)
    chats, users = world.peers_bytes(refs)
    head = struct.pack(
        "<IIii",
        types.messages.ChannelMessages.CONSTRUCTOR_ID,
        0 if offset_id_offset is None else _OFFSET_FLAG,
        channel.pts,
        count,
    )
    if offset_id_offset is not None:
        head += struct.pack("<i", offset_id_offset)
    return b"".join(
        (
            head,
            struct.pack("<Ii", _VECTOR, len(entries)),
            *entries,
            _EMPTY_VECTOR,  # topics
            struct.pack("<Ii", _VECTOR, len(chats)),
            *chats,
            struct.pack("<Ii", _VECTOR, len(users)),
            *users,
        )
    )


def _empty(channel: Channel, message_id: int) -> bytes:
    return struct.pack(
        "<IIiIq",
        types.MessageEmpty.CONSTRUCTOR_ID,
        _EMPTY_PEER_FLAG,
        message_id,
        types.PeerChannel.CONSTRUCTOR_ID,
        channel.id,
    )
