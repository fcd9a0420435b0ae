"""Which topic a message of a forum is in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon import types

from telefast.forum import TopicInfo, topic_of
from telefast.forum.topics import GENERAL

CHAT = types.PeerChannel(7)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def header(**fields: Any) -> types.MessageReplyHeader:
    """Return a reply header with these fields."""
    return types.MessageReplyHeader(**fields)


@pytest.mark.parametrize(
    ("reply_to", "topic"),
    [
        (None, GENERAL),
        (header(reply_to_msg_id=40), GENERAL),
        (header(reply_to_msg_id=40, reply_to_top_id=30), GENERAL),
        (header(forum_topic=True, reply_to_msg_id=30), 30),
        (header(forum_topic=True, reply_to_msg_id=40, reply_to_top_id=30), 30),
        (
            header(
                forum_topic=True,
                reply_to_msg_id=5,
                reply_to_top_id=30,
                reply_to_peer_id=types.PeerChannel(8),
            ),
            30,
        ),
        (
            header(forum_topic=True, reply_to_msg_id=5, reply_to_peer_id=types.PeerChannel(8)),
            GENERAL,
        ),
        (header(forum_topic=True), GENERAL),
        (types.MessageReplyStoryHeader(CHAT, 5), GENERAL),
    ],
)
def test_the_header_tells_the_topic(reply_to: Any, topic: int) -> None:
    """Only headers with `forum_topic` name a topic; all else is General."""
    message = types.Message(50, CHAT, date=NOW, message="x", reply_to=reply_to)
    assert topic == topic_of(message)


def test_what_begins_a_topic_is_in_it() -> None:
    """The service message that makes a topic has the topic's id."""
    action = types.MessageActionTopicCreate("Tides", 0)
    assert 50 == topic_of(types.MessageService(50, CHAT, date=NOW, action=action))
    edit = types.MessageActionTopicEdit(title="Ebb")
    inside = header(forum_topic=True, reply_to_msg_id=30)
    assert 30 == topic_of(types.MessageService(51, CHAT, date=NOW, action=edit, reply_to=inside))


def test_general_is_topic_one() -> None:
    """General is known by its id."""
    assert TopicInfo(GENERAL).is_general
    assert not TopicInfo(30).is_general
