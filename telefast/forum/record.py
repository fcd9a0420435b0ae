"""What is written down of a forum's pages, so that the next run goes on where this one ends."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from telethon.utils import get_peer_id

from telefast.errors import ArgumentError
from telefast.forum.describe import Names, name_of
from telefast.forum.metrics import TopicMetrics
from telefast.forum.types import TopicInfo
from telefast.peers.links import CHANNEL_MARK
from telefast.peers.meta import ChatMeta

__all__ = ["Draft", "Home", "Page", "TopicState", "known_better"]


@dataclass(frozen=True, slots=True)
class Home:
    """The forum that topics are in.

    Attributes:
        id: Its marked id.
        title: Its title.
        username: Its username, None without one.
    """

    id: int
    title: str
    username: str | None = None

    @classmethod
    def of(cls, forum: Any) -> Home:
        """Read what Telethon or telefast calls a chat.

        Raises:
            ArgumentError: If it is none.
        """
        if isinstance(forum, ChatMeta):
            return cls(forum.id, forum.title, forum.username)
        try:
            marked_id, title = get_peer_id(forum), forum.title
        except (TypeError, AttributeError):
            raise ArgumentError(
                "forum",
                type(forum).__name__,
                "a Channel, as client.get_entity returns, or ChatMeta",
            ) from None
        others = getattr(forum, "usernames", None) or ()
        active = next((each.username for each in others if each.active), None)
        return cls(marked_id, title, getattr(forum, "username", None) or active)

    def url(self, topic_id: int) -> str:
        """Return where a topic is at Telegram (https://core.telegram.org/api/links)."""
        name = quote(self.username) if self.username else f"c/{-self.id - CHANNEL_MARK}"
        return f"https://t.me/{name}/{topic_id}"


@dataclass(slots=True)
class TopicState:
    """What was read of a topic.

    Attributes:
        last_id: The latest message; 0 without any.
        creator: What its creator was called in it, as Markdown; empty if that was not seen.
        metrics: What its messages add up to.
    """

    last_id: int = 0
    creator: str = ""
    metrics: TopicMetrics = field(default_factory=TopicMetrics)

    def add(self, message: Any, topic: TopicInfo, names: Names) -> None:
        """Note a message. If *names* raises an error, nothing of it is noted."""
        if not self.creator and topic.creator_id in {message.sender_id} - {None}:
            self.creator = name_of(message, names)
        self.metrics.add(message)
        self.last_id = message.id

    def to_json(self) -> str:
        """Return it as JSON."""
        metrics = self.metrics.to_json(participant_ids=True)
        return json.dumps({"last_id": self.last_id, "creator": self.creator, "metrics": metrics})

    @classmethod
    def from_json(cls, text: str) -> TopicState:
        """Return what `to_json` gave.

        Raises:
            ValueError: If it is something else; or KeyError, TypeError.
        """
        data = json.loads(text)
        metrics = TopicMetrics.from_json(data["metrics"])
        return cls(int(data["last_id"]), str(data["creator"]), metrics)


@dataclass(frozen=True, slots=True)
class Draft:
    """A page that is to be put in its place.

    Attributes:
        name: Its name.
        header: How it begins, which no other state of it does.
        last_id: The latest message in it.
        topic: The topic, as it was known then.
        metrics: What its messages add up to, as `TopicMetrics.to_json` has it.
    """

    name: str
    header: str
    last_id: int
    topic: TopicInfo
    metrics: dict[str, Any]

    @property
    def head(self) -> bytes:
        """How it begins, in bytes."""
        return self.header.encode()

    @property
    def start(self) -> int:
        """Where its messages begin, in bytes."""
        return len(self.head)

    def page(self, body: int) -> Page:
        """Return it as a page.

        Args:
            body: How many bytes its messages have.
        """
        values = {each.name: getattr(self, each.name) for each in fields(Draft)}
        return Page(**values, size=self.start + body)


@dataclass(frozen=True, slots=True)
class Page(Draft):
    """A page in its place.

    Attributes:
        size: Its size in bytes.
    """

    size: int

    def to_json(self) -> str:
        """Return it as JSON."""
        data = asdict(self)
        date = self.topic.date
        data["topic"]["date"] = None if date is None else date.isoformat()
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str) -> Page:
        """Return what `to_json` gave; what this release does not know of a topic is left out.

        Raises:
            ValueError: If it is something else; or KeyError, TypeError.
        """
        data = json.loads(text)
        known = {each.name for each in fields(TopicInfo)}
        topic = {name: value for name, value in data.pop("topic").items() if name in known}
        if topic["date"] is not None:
            topic["date"] = datetime.fromisoformat(topic["date"])
        return cls(**data, topic=TopicInfo(**topic))


def known_better(topic: TopicInfo, page: Page | None) -> TopicInfo:
    """Return a topic with what was known of it before, where a row does not say it."""
    if page is None:
        return topic
    if topic.deleted or not topic.title:
        return replace(page.topic, deleted=topic.deleted or page.topic.deleted)
    if topic.short:
        return replace(topic, pinned=page.topic.pinned, hidden=page.topic.hidden)
    return topic
