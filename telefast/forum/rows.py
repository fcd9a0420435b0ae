"""From Telegram's list of topics to what the pages of it say."""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from telethon import types
from telethon.utils import get_peer_id

from telefast.forum.types import TopicInfo

__all__ = ["Row", "TopicPage", "page_of", "readable_part", "topic_begun_by"]

_HEAD = 12
"""Bytes of an answer before its topics: constructor, flags, count."""
_VECTOR = struct.Struct("<Ii")
_VECTOR_ID = 0x1CB5C415


@dataclass(frozen=True, slots=True)
class Row:
    """A topic on a page.

    Attributes:
        topic: The topic.
        place: Date and id of its latest message, in seconds since the epoch; None if the page does
            not tell them. Where topics stand by when they were made: its own date, and what it says
            of the message.
        rank: What grows whenever the topic moves up the list; None if unknown.
    """

    topic: TopicInfo
    place: tuple[int, int] | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class TopicPage:
    """One answer.

    Attributes:
        rows: Its topics, in Telegram's order.
        count: Topics in the whole list.
    """

    rows: Sequence[Row]
    count: int


def page_of(answer: Any) -> TopicPage:
    """Read `messages.forumTopics`."""
    dates = {
        each.id: int(each.date.timestamp())
        for each in answer.messages
        if not isinstance(each, types.MessageEmpty)
    }
    by_creation = bool(answer.order_by_create_date)
    return TopicPage([_row(each, dates, by_creation) for each in answer.topics], answer.count)


def readable_part(data: bytes, spans: Collection[tuple[int, int]]) -> bytes | None:
    """Return an answer that Telethon cannot read, without what it cannot read.

    The topics come first, then their latest messages: where one of these is unknown, the list is
    all there.

    Args:
        data: The bytes of a `messages.forumTopics`.
        spans: Where its objects lie that were read, in order, as (start, end).

    Returns:
        The same with the messages that were read, and no users and chats; None if not even the
        topics were read.
    """
    size = _VECTOR.unpack_from(data, _HEAD)[1]
    if len(spans) < size:
        return None
    read = sorted(spans)
    first = read[size - 1][1] if size else _HEAD + _VECTOR.size
    most = _VECTOR.unpack_from(data, first)[1]
    messages = read[size : size + most]
    end = messages[-1][1] if messages else first + _VECTOR.size
    found = data[:first] + _VECTOR.pack(_VECTOR_ID, len(messages)) + data[first + 8 : end]
    return found + 2 * _VECTOR.pack(_VECTOR_ID, 0) + struct.pack("<i", 0)


def _row(row: Any, dates: dict[int, int], by_creation: bool) -> Row:
    if isinstance(row, types.ForumTopicDeleted):
        return Row(TopicInfo(row.id, deleted=True))
    is_short = bool(row.short)
    topic = TopicInfo(
        id=row.id,
        title=row.title,
        creator_id=get_peer_id(row.from_id),
        date=row.date,
        icon_color=row.icon_color,
        icon_emoji_id=row.icon_emoji_id,
        closed=bool(row.closed),
        pinned=bool(row.pinned),
        hidden=bool(row.hidden),
        my=bool(row.my),
        top_message_id=None if is_short else row.top_message,
        unread_count=None if is_short else row.unread_count,
        short=is_short,
    )
    top = 0 if is_short else row.top_message
    if by_creation:
        return Row(topic, (int(row.date.timestamp()), top), row.id)
    date = dates.get(top)
    return Row(topic, None if date is None else (date, top), top or None)


def topic_begun_by(message: Any) -> TopicInfo | None:
    """Return the topic that a service message begins; None for any other message.

    What became of the topic later (title, icon, closed) it does not say.
    """
    action = getattr(message, "action", None)
    if not isinstance(action, types.MessageActionTopicCreate):
        return None
    sender = message.from_id or message.peer_id
    return TopicInfo(
        id=message.id,
        title=action.title,
        creator_id=get_peer_id(sender),
        date=message.date,
        icon_color=action.icon_color,
        icon_emoji_id=action.icon_emoji_id,
        short=True,
    )
