"""A forum without a server: topics, their messages, and what lies in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from telethon.tl import types

from telefast import ForumLayout, TopicFile, TopicInfo
from telefast.forum.layout_store import LayoutStore
from telefast.peers.meta import ChatMeta

FORUM = ChatMeta(-1000000000077, "supergroup", "Harbour")
PEER = types.PeerChannel(77)
START = datetime(2024, 5, 1, tzinfo=UTC)

TOPICS = [TopicInfo(1, "General"), TopicInfo(2, "Ships", 7, START), TopicInfo(3, "Tides", 5, START)]


def message(message_id: int, text: str | None = None) -> types.Message:
    """Return a message: its id says which topic it is in, who sent it, and what."""
    topic = topic_id(message_id)
    header = types.MessageReplyHeader(forum_topic=True, reply_to_msg_id=topic)
    return types.Message(
        id=message_id,
        peer_id=PEER,
        date=START + timedelta(minutes=message_id),
        message=f"text {message_id}" if text is None else text,
        from_id=types.PeerUser(5 + message_id % 3),
        reply_to=None if topic == 1 else header,
        views=message_id,
    )


def topic_id(message_id: int) -> int:
    """Return the topic of a message."""
    return message_id if message_id <= 3 else 1 + message_id % 3


def chat(count: int, first: int = 1) -> list[types.Message]:
    """Return messages of the chat, oldest first."""
    return [message(message_id) for message_id in range(first, count + 1)]


def of(topic: TopicInfo, messages: Iterable[types.Message]) -> list[types.Message]:
    """Return those of a topic."""
    return [each for each in messages if topic_id(each.id) == topic.id]


async def one_pass(
    root: Path, messages: Iterable[types.Message], topics: Any = TOPICS, **options: Any
) -> list[TopicFile]:
    """Write what is behind the last run, in one pass."""
    async with ForumLayout(root, FORUM, **options) as layout:
        new = [each for each in messages if each.id > layout.last_id()]
        return await layout.write_all(topics, new)


async def each_topic(
    root: Path, messages: Iterable[types.Message], topics: Any = TOPICS, **options: Any
) -> list[TopicFile]:
    """Write what is behind the last run, topic by topic."""
    messages = list(messages)
    async with ForumLayout(root, FORUM, **options) as layout:
        return [
            await layout.write(
                topic, [each for each in of(topic, messages) if each.id > layout.last_id(topic.id)]
            )
            for topic in topics
        ]


def files(root: Path) -> dict[str, bytes]:
    """Return what is there for people to read."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith("state.db")
    }


def pending(root: Path) -> int:
    """Return how many lots of messages wait for their page."""
    [folder] = root.iterdir()
    store = LayoutStore(folder)
    store.load()
    try:
        [found] = store._opened().execute("SELECT COUNT(*) FROM pending").fetchone()
        return int(found)
    finally:
        store.close()
