"""The seeded messages of a forum: which topic each is in, and how its header says so.

Pure: where a message is depends on the seed, its id and the ids that topics begin with, so that a
forum of 100,000 messages is sorted by topic without writing one of them.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from telethon.tl import types

from telefast.testing.dice import Dice
from telefast.testing.seeded import Built, Cast, Script, SeededChat
from telefast.testing.text import EMOJI, LANGUAGES
from telefast.testing.timeline import OwnLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyroaring import BitMap

__all__ = ["GENERAL", "Beginning", "ForumLine", "SeededForum", "roots_of", "topic_in_header"]

GENERAL: Final = 1
"""The topic that every forum has, and that no message begins (https://core.telegram.org/api/forum)."""

_COLORS: Final = (0x6FB9F0, 0xFFD67E, 0xCB86DB, 0x8EEE98, 0xFF93B2, 0xFB6F5F)
"""Colours of icons (https://core.telegram.org/constructor/forumTopic)."""

_OLD: Final = 40
"""One in so many of the messages is older than the first topic."""

_NEAR: Final = 24
"""So many ids are looked at for a message of the same topic that one may answer."""

_MASK: Final = 2**64 - 1
_STEP: Final = 0x9E3779B97F4A7C15
_MIX: Final = 0xBF58476D1CE4E5B9


class Beginning(NamedTuple):
    """What the message that begins a seeded topic says.

    Attributes:
        title: Title of the topic.
        icon_color: Colour of its icon.
        icon_emoji_id: Custom emoji that is its icon, or None.
        creator: Who made it.
        date: When, in seconds since the epoch.
        closed: Whether it is closed by now.
    """

    title: str
    icon_color: int
    icon_emoji_id: int | None
    creator: types.TypePeer
    date: int
    closed: bool


def roots_of(ids: BitMap, topics: int) -> tuple[int, ...]:
    """Return the ids that seeded topics begin with, spread over all but the oldest messages.

    Args:
        ids: The ids that exist; more than *topics*.
        topics: How many topics there are beside General.
    """
    if not topics:
        return ()
    start = min(1 + len(ids) // _OLD, len(ids) - topics)
    span = len(ids) - start
    return tuple(ids[start + place * span // topics] for place in range(topics))


class ForumLine(OwnLine):
    """The ids of a forum: where a topic begins there is no album.

    Args:
        key: What albums depend on.
        top: The highest id when the forum was made.
        begin: Date from which messages are dated, in seconds since the epoch.
        roots: Ids that topics begin with, rising.
    """

    def __init__(self, key: str, top: int, begin: int, roots: Sequence[int]) -> None:
        super().__init__(key, top, begin)
        self._roots = roots

    def album(self, message_id: int) -> range | None:
        """Return the ids of the album that a message belongs to, if any."""
        ids = super().album(message_id)
        if ids is None:
            return None
        place = bisect_left(self._roots, ids.start)
        is_split = place < len(self._roots) and self._roots[place] < ids.stop
        return None if is_split else ids


class SeededForum(SeededChat):
    """Write the messages of a forum.

    About one message in ten is in General, all those that are older than the first topic among
    them. Of the topics those that began early have most: the first of 350 has 14 in a hundred
    messages, half of them have one in five together.

    Args:
        script: What the chat is.
        cast: Who appears in it.
        line: What its ids mean.
        roots: Ids that topics begin with, rising.
    """

    def __init__(self, script: Script, cast: Cast, line: ForumLine, roots: Sequence[int]) -> None:
        super().__init__(script, cast, line)
        self.roots = roots
        self._begins = frozenset(roots)
        self._salt = Dice.of(self._key, "topics").below(_MASK)

    def topic_of(self, message_id: int) -> int:
        """Return the topic that a seeded message is in."""
        if message_id in self._begins:
            return message_id
        album = self._line.album(message_id)
        if album is not None:
            message_id = album.start
        known = bisect_left(self.roots, message_id)
        mixed = (message_id * _STEP + self._salt) & _MASK
        mixed = (mixed ^ mixed >> 31) * _MIX & _MASK
        mixed ^= mixed >> 29
        if not known or mixed % 10 == 0:
            return GENERAL
        drawn = mixed >> 44
        return self.roots[known * drawn**3 >> 60]

    def beginning(self, root: int) -> Beginning:
        """Return what the message that begins a topic says."""
        dice = Dice(f"{self._key}topic/{root}".encode())
        _, sender = self._author(dice, root)
        words = dice.pick(LANGUAGES).words
        title = f"{dice.pick(words)} {dice.pick(words)}"
        if dice.chance(300):
            title = f"{dice.pick(EMOJI)} {title}"
        return Beginning(
            title=title,
            icon_color=dice.pick(_COLORS),
            icon_emoji_id=5_000_000_000_000_000_000 + dice.below(500) if dice.chance(300) else None,
            creator=sender or self._peer,
            date=self.timestamp(root),
            closed=dice.chance(50),
        )

    def build(self, message_id: int) -> Built:
        """Write the message with *message_id*."""
        if message_id not in self._begins:
            return super().build(message_id)
        begun = self.beginning(message_id)
        message = types.MessageService(
            id=message_id,
            peer_id=self._peer,
            date=datetime.fromtimestamp(begun.date, UTC),
            from_id=begun.creator,
            action=types.MessageActionTopicCreate(
                begun.title, begun.icon_color, icon_emoji_id=begun.icon_emoji_id
            ),
        )
        creator = begun.creator
        refs = [creator.user_id] if isinstance(creator, types.PeerUser) else []
        message.out = creator == types.PeerUser(self.me) or None
        return Built(message, tuple(refs))

    def _built(self, message: types.Message | types.MessageService, refs: Sequence[int]) -> Built:
        """Return the message with the header that says which topic it is in."""
        message.reply_to = self._header(message.id, message.reply_to)
        return super()._built(message, refs)

    def _header(
        self, message_id: int, header: types.TypeMessageReplyHeader | None
    ) -> types.TypeMessageReplyHeader | None:
        """Return the header of a message, made of that which it would have in another chat.

        Outside General it names the topic. A reply names a message of its own topic, or one of
        another chat. In General there is no topic to name; some replies name the message that
        their thread begins with.
        """
        topic = self.topic_of(message_id)
        plain = None
        if topic != GENERAL:
            plain = types.MessageReplyHeader(forum_topic=True, reply_to_msg_id=topic)
        if not isinstance(header, types.MessageReplyHeader):
            return plain
        if header.reply_to_peer_id is None:
            target = self._near(message_id, topic, 1 + message_id % 3)
            if target in {None, topic}:
                return plain
            header.reply_to_msg_id = target
        if topic != GENERAL:
            header.forum_topic = True
            header.reply_to_top_id = topic
        elif header.reply_to_peer_id is None and message_id % 4 == 0:
            top = self._near(header.reply_to_msg_id or 0, topic, 1)
            header.reply_to_top_id = None if top == GENERAL else top
        return header

    def _near(self, message_id: int, topic: int, steps: int) -> int | None:
        """Return the id of an earlier message of a topic, some *steps* ago or more, if any."""
        first = message_id - steps
        for earlier in range(first, max(0, first - _NEAR), -1):
            if self.topic_of(earlier) == topic:
                return earlier
        return None


def topic_in_header(message: types.Message | types.MessageService) -> int:
    """Return the topic that a message of a forum is in, by what it says.

    As TDLib reads it (`MessageReplyHeader.cpp`): the message that begins a topic is in it; a header
    with `forum_topic` names the topic; all else is in General, also what has a thread there.
    """
    if isinstance(message, types.MessageService) and isinstance(
        message.action, types.MessageActionTopicCreate
    ):
        return int(message.id)
    header = message.reply_to
    if not isinstance(header, types.MessageReplyHeader) or not header.forum_topic:
        return GENERAL
    if header.reply_to_top_id:
        return int(header.reply_to_top_id)
    if header.reply_to_peer_id is not None:
        return GENERAL
    return int(header.reply_to_msg_id or GENERAL)
