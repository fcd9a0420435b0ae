"""Which topic a message of a forum is in."""

from __future__ import annotations

from typing import Any

from telethon.tl import types

__all__ = ["GENERAL", "topic_of"]

GENERAL = 1
"""Id of the topic General (https://core.telegram.org/api/forum)."""


def topic_of(message: Any) -> int:
    """Return the id of the topic that a message of a forum is in.

    The service message that begins a topic is in it. Others name it in their reply header with
    `forum_topic`; what names none is in General, also if it answers a message there
    (https://core.telegram.org/constructor/messageReplyHeader).

    Args:
        message: A `Message` or `MessageService` of a forum.
    """
    if isinstance(getattr(message, "action", None), types.MessageActionTopicCreate):
        return int(message.id)
    header = message.reply_to
    if not isinstance(header, types.MessageReplyHeader) or not header.forum_topic:
        return GENERAL
    if header.reply_to_top_id is not None:
        return header.reply_to_top_id
    if header.reply_to_peer_id is None and header.reply_to_msg_id is not None:
        return header.reply_to_msg_id
    return GENERAL
