"""One topic of a forum, and how answers show it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.forum_seed import GENERAL
from telefast.testing.tl import made_as_known, read_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyroaring import BitMap

    from telefast.testing.account import Account
    from telefast.testing.forum import Forum

__all__ = ["Topic", "header_in"]

_PLAIN: Final = (
    *("id", "title", "date", "icon_color", "icon_emoji_id", "closed", "hidden", "short"),
)
"""Attributes of a topic that are plain values."""


@dataclass(slots=True, eq=False)
class Topic:
    """One topic of a forum; made by `Forum.add_topic`, or seeded.

    Set `closed`, `hidden` and `short` as you like; `edit` also leaves the message that tells of it.

    Attributes:
        id: Its id, that of the message that begins it; 1 for General.
        title: Its title.
        creator: Who made it.
        date: When, in seconds since the epoch.
        icon_color: Colour of its icon.
        icon_emoji_id: Custom emoji that is its icon, or None.
        closed: Whether nobody can write in it.
        hidden: Whether it is hidden; only General can be.
        short: Whether lists show a reduced row of it, in which only `my`, `closed`, `id`, `date`,
            `title`, the icon and `from_id` hold (https://core.telegram.org/constructor/forumTopic).
        home: The forum that it is in; None once it was deleted.
    """

    id: int
    title: str
    creator: types.TypePeer
    date: int
    icon_color: int = 0x6FB9F0
    icon_emoji_id: int | None = None
    closed: bool = False
    hidden: bool = False
    short: bool = False
    home: Forum | None = field(default=None, repr=False)

    @property
    def forum(self) -> Forum:
        """The forum that it is in.

        Raises:
            WorldError: If it was deleted.
        """
        if self.home is None:
            raise WorldError(f"topic {self.id}: was deleted")
        return self.home

    @property
    def ids(self) -> BitMap:
        """The ids of its messages that exist, that which begins it among them. Not to change."""
        return self.forum.topic_ids(self.id)

    def post(self, count: int = 1, *, reply_to: int | None = None) -> list[int]:
        """Post seeded messages in it; see `Forum.post`."""
        return self.forum.post(count, reply_to=reply_to, topic=self)

    def edit(
        self,
        *,
        title: str | None = None,
        icon_emoji_id: int | None = None,
        closed: bool | None = None,
        hidden: bool | None = None,
    ) -> int:
        """Change it, and post the service message that tells of it; return that one's id.

        Args:
            title: New title.
            icon_emoji_id: New icon.
            closed: Whether it is closed.
            hidden: Whether it is hidden; General alone can be.

        Raises:
            WorldError: If nothing is changed, or another topic than General is hidden.
        """
        given = {
            "title": title,
            "icon_emoji_id": icon_emoji_id,
            "closed": closed,
            "hidden": hidden,
        }
        changes: dict[str, Any] = {name: new for name, new in given.items() if new is not None}
        if not changes or title == "":
            raise WorldError(f"topic {self.id}: edit: expected a change")
        if hidden is not None and self.id != GENERAL:
            raise WorldError(f"topic {self.id}: hidden={hidden}: only General can be hidden")
        for name, value in changes.items():
            setattr(self, name, value)
        return self.forum.tell(self, types.MessageActionTopicEdit(**changes))

    def delete(self, *, keep_messages: bool = False) -> None:
        """Delete it with all its messages, as Telegram does.

        Args:
            keep_messages: Whether to leave messages that name a topic which is no more; only the
                one that began it goes.

        Raises:
            WorldError: If it is General, which nobody can delete.
        """
        self.forum.delete_topic(self, keep_messages=keep_messages)
        self.home = None

    def row(self, account: Account, *, top: int = 0) -> types.ForumTopic:
        """Return it as an account sees it.

        Args:
            account: Who looks at it.
            top: Its latest message; 0 for a short row.
        """
        row = made_as_known(
            types.ForumTopic,
            id=self.id,
            date=datetime.fromtimestamp(self.date, UTC),
            peer=self.forum.peer(),
            title=self.title,
            icon_color=self.icon_color,
            top_message=0,
            read_inbox_max_id=0,
            read_outbox_max_id=0,
            unread_count=0,
            unread_mentions_count=0,
            unread_reactions_count=0,
            unread_poll_votes_count=0,
            from_id=self.creator,
            notify_settings=types.PeerNotifySettings(),
            my=self.creator == types.PeerUser(account.me.id) or None,
            closed=self.closed or None,
            icon_emoji_id=self.icon_emoji_id,
        )
        if not top or self.short:
            row.short = True
            return row
        read, ids = account.unread(self.forum), self.ids
        row.pinned = self.id in self.forum.pinned or None
        row.hidden = self.hidden or None
        row.top_message = top
        row.read_inbox_max_id = min(read.inbox, top)
        row.read_outbox_max_id = min(read.outbox, top)
        row.unread_count = len(ids) - ids.rank(read.inbox)
        return row

    def recipe(self) -> list[Any]:
        """Return it as JSON-able data."""
        creator = b64encode(bytes(self.creator)).decode()
        return [creator, *(getattr(self, name) for name in _PLAIN)]

    @classmethod
    def from_recipe(cls, made: Sequence[Any], home: Forum) -> Topic:
        """Make the topic that `recipe` described."""
        creator, *row = made
        known: dict[str, Any] = dict(zip(_PLAIN, row, strict=True))
        return cls(creator=read_object(b64decode(creator, validate=True)), home=home, **known)


def header_in(topic_id: int, reply_to: int | None) -> types.MessageReplyHeader | None:
    """Return the header of a message in a topic that answers a message of it, or none."""
    if topic_id == GENERAL:
        return None if reply_to is None else types.MessageReplyHeader(reply_to_msg_id=reply_to)
    if reply_to in {None, topic_id}:
        return types.MessageReplyHeader(forum_topic=True, reply_to_msg_id=topic_id)
    return types.MessageReplyHeader(
        forum_topic=True, reply_to_msg_id=reply_to, reply_to_top_id=topic_id
    )
