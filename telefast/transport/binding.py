"""Binding many messages to their client at once.

Telethon's `Message._finish_init` looks up sender and chat of each message anew. The messages of one
page have few senders, and one chat: each is looked up once here, and what a message of many kinds
needs beside that is left to Telethon's method. Where that method is not the one we know, it does
everything. Input peers are shared by the messages of a page: they never change.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from telethon import types

from telefast.transport import telethon as door
from telefast.transport.sources import source_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telethon import TelegramClient

__all__ = ["bind"]

_KNOWN: Final = "fdfcec4430e7ee01072294888bdc36bc2a8dcca2c0bce9e537d55c5527e0a90d"
"""Of the sources of `door.binders`, in Telethon 1.42 to 1.45."""


def bind(
    messages: Sequence[Any], client: TelegramClient, entities: dict[int, Any], input_chat: Any
) -> None:
    """Bind messages to their client, senders and chats, as `iter_messages` does.

    Args:
        messages: Telethon's messages of one answer.
        client: Whose they are.
        entities: Users and chats of the answer, by marked id.
        input_chat: The chat as an input peer; None leaves it to what *entities* say.
    """
    if not _is_known():
        for message in messages:
            door.finish(message, client, entities, input_chat)
        return
    own = door.self_id(client)
    pairs: dict[int | None, tuple[Any, Any]] = {}
    peer: Any = pairs  # none of theirs
    chat = given = None
    look_up = door.pairs(client, entities)
    for message in messages:
        fields = message.__dict__
        reply, replies = fields["reply_to"], fields["replies"]
        if (
            fields["fwd_from"]
            or fields["action"]
            or fields["via_bot_id"]
            or (replies is not None and not _is_plain(replies))
            or (reply is not None and not _is_plain(reply))
        ):
            door.finish(message, client, entities, input_chat)
            continue
        if fields["_chat_peer"] is not peer:
            peer = fields["_chat_peer"]
            chat, given = look_up(message.chat_id)
            given = input_chat or given
        key = fields["_sender_id"]
        pair = pairs.get(key)
        if pair is None:
            pair = pairs[key] = look_up(key)
        fields["_client"] = client
        fields["_sender"], fields["_input_sender"] = pair
        fields["_chat"] = chat
        fields["_input_chat"] = given
        to = fields["peer_id"]
        if type(to) is types.PeerUser and to.user_id == own:
            fields["out"] = True


def _is_plain(part: Any) -> bool:
    """Whether replies are no comments, or a header of a reply is to a message of the same chat."""
    if type(part) is types.MessageReplyHeader:
        return not (part.reply_to_peer_id or part.reply_from)
    return type(part) is types.MessageReplies and not part.channel_id


@cache
def _is_known() -> bool:
    found = [source_of(function) or "" for function in door.binders()]
    return sha256("".join(found).encode()).hexdigest() == _KNOWN
