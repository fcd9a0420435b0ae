"""From Telegram's list of topics to what the pages of it say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from telethon import types
from telethon.utils import get_peer_id

from telefast.forum.types import TopicInfo

__all__ = ["Row", "TopicPage", "page_of", "topic_begun_by"]


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
