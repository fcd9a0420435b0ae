"""Whom a message refers to: every user and chat that its page must carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telethon.tl import types
from telethon.tl.tlobject import TLObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["CHANNEL_MARK", "SERVICE_ID", "mark_of", "peer_of", "refs_of", "refs_of_all"]

CHANNEL_MARK = 1_000_000_000_000
"""A channel's marked id is minus (this plus its bare id), as in `telethon.utils.get_peer_id`."""

SERVICE_ID = 777_000
"""Telegram's own service account, which every client knows and no world need have."""

_USER_FIELDS = frozenset({"user_id", "via_bot_id", "via_business_bot_id", "inviter_id", "bot_id"})


def refs_of(message: types.Message | types.MessageService) -> tuple[int, ...]:
    """Return the marked ids of all users and chats that *message* names, its own chat left out.

    Walks the whole object; order is that of the fields, each id once.
    """
    own = mark_of(message.peer_id)
    found = dict.fromkeys(_walk(message))
    found.pop(own, None)
    found.pop(0, None)
    return tuple(found)


def refs_of_all(nodes: Iterable[TLObject]) -> set[int]:
    """Return the marked ids of all users and chats that objects name."""
    return {mark for node in nodes for mark in _walk(node)} - {0}


def mark_of(peer: types.TypePeer) -> int:
    """Return the marked id of a peer, as `telethon.utils.get_peer_id` does."""
    if isinstance(peer, types.PeerUser):
        return int(peer.user_id)
    if isinstance(peer, types.PeerChat):
        return -int(peer.chat_id)
    return -(CHANNEL_MARK + int(peer.channel_id))


def peer_of(mark: int) -> types.TypePeer:
    """Return the peer with a marked id."""
    if mark > 0:
        return types.PeerUser(mark)
    if mark > -CHANNEL_MARK:
        return types.PeerChat(-mark)
    return types.PeerChannel(-mark - CHANNEL_MARK)


def _walk(node: TLObject) -> Iterator[int]:
    for name, value in vars(node).items():
        if isinstance(value, TLObject):
            yield from _walk(value)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, TLObject):
                    yield from _walk(item)
                elif name == "users" and isinstance(item, int):
                    yield item
        elif isinstance(value, int) and not isinstance(value, bool):
            if name in _USER_FIELDS:
                yield value
            elif name == "channel_id":
                yield -(CHANNEL_MARK + value)
            elif name == "chat_id":
                yield -value
