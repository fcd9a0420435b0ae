"""What a forum is told by: its topics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["TopicInfo"]


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
