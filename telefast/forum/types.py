"""What a forum is told by: its topics, lists of them, how many messages they have."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass, field
from datetime import datetime

from telefast.errors import CorruptStateError
from telefast.peers.meta import MessageCount

__all__ = ["ForumListing", "TopicCounts", "TopicCursor", "TopicInfo"]


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic, as the list of a forum's topics has it.

    Source: https://core.telegram.org/constructor/forumTopic

    Attributes:
        id: Its id: that of the service message which began it; 1 for General.
        title: Its title, as people wrote it; empty if the topic was deleted.
        creator_id: Marked id of who made it, None if deleted.
        date: When it was made, in UTC; None if deleted.
        icon_color: Colour of its icon as 0xRRGGBB, None if unknown.
        icon_emoji_id: Document id of the custom emoji that is its icon, None without one.
        closed: Whether only admins may write in it.
        pinned: Whether it is pinned.
        hidden: Whether it is hidden from the list; only General can be.
        my: Whether this account made it.
        top_message_id: Id of its latest message; None if the row was reduced, or it was deleted.
        unread_count: Unread messages, None if the row was reduced, or it was deleted.
        short: Whether the row was reduced: then `pinned`, `hidden` and what is counted are not
            known.
        deleted: Whether it was deleted: of such a topic only the id is known.
    """

    id: int
    title: str = ""
    creator_id: int | None = None
    date: datetime | None = None
    icon_color: int | None = None
    icon_emoji_id: int | None = None
    closed: bool = False
    pinned: bool = False
    hidden: bool = False
    my: bool = False
    top_message_id: int | None = None
    unread_count: int | None = None
    short: bool = False
    deleted: bool = False

    @property
    def is_general(self) -> bool:
        """Whether it is General, which every forum has and no message begins."""
        return self.id == 1


@dataclass(frozen=True, slots=True)
class ForumListing:
    """The topics of a forum, as far as they were listed.

    Attributes:
        topics: The topics, in Telegram's order; those that moved while they were listed come last.
        complete: Whether these are all: every page was read to the last, and there are as many as
            Telegram counts.
        count: Topics that Telegram counts; None if it did not come to say.
        pages: Answers that the list took.
        duplicates: Rows that came more than once and were dropped.
        problem: What keeps the list from being complete, or ended it; None if it is complete.
        q: What their titles have, if only such topics were asked for.
    """

    topics: tuple[TopicInfo, ...] = field(repr=False)
    complete: bool
    count: int | None
    pages: int
    duplicates: int
    problem: Exception | None = None
    q: str | None = None

    @property
    def is_of_all(self) -> bool:
        """Whether a topic that is not among these is not there any more; but General may be."""
        return self.complete and not self.q


@dataclass(frozen=True, slots=True)
class TopicCursor:
    """How far a list of topics was taken; pass it to `ForumWalker.topics` to go on.

    Attributes:
        offset_date: Where the page begins that the next topic is on, in seconds since the epoch.
        offset_id: The same, by the latest message of a topic.
        offset_topic: The same, by the topic itself.
        seen: Ids of the topics that were taken.
        start: The latest message that the list began with; 0 before the first page.
    """

    offset_date: int = 0
    offset_id: int = 0
    offset_topic: int = 0
    seen: tuple[int, ...] = ()
    start: int = 0

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> TopicCursor:
        """Return what `to_json` gave.

        Raises:
            CorruptStateError: If it is anything else.
        """
        try:
            fields = json.loads(text)
            found = cls(**fields | {"seen": tuple(fields["seen"])})
        except (RecursionError, TypeError, ValueError, KeyError):
            raise CorruptStateError("no cursor of topics") from None
        *numbers, seen, start = astuple(found)
        if any(type(each) is not int or each < 0 for each in (*numbers, start, *seen)):
            raise CorruptStateError("no cursor of topics")
        return found


@dataclass(frozen=True, slots=True)
class TopicCounts:
    """How many messages topics have.

    Attributes:
        found: Messages in the thread of each topic, by its id, as Telegram counts them. The message
            that begins the topic is not one of them.
        failed: Topics that could not be counted, each with Telegram's error. None of them is 0.
    """

    found: dict[int, MessageCount]
    failed: dict[int, Exception]
