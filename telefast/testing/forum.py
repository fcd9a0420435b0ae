"""A forum: a supergroup whose messages are in topics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap
from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.channel import Channel
from telefast.testing.forum_seed import GENERAL, SeededForum, topic_in_header
from telefast.testing.forum_topic import Topic, header_in
from telefast.testing.refs import mark_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from telefast.testing.account import Account

__all__ = ["Forum"]


class Forum(Channel):
    """A supergroup with topics; made by `World.add_forum`.

    What the topic of a message is, the message says: by its reply header, or by beginning the
    topic. Seeded messages have theirs from the seed, so nothing need be read to list the topics.

    Attributes:
        is_forum: Whether topics are on. False turns them off: lists of topics are
            CHANNEL_FORUM_MISSING, and messages name their old topics still.
        topics: All topics by id, General (1) among them.
        pinned: Ids of the topics that are pinned, the first one on top.
        deleted_topics: Ids of the topics that were deleted.
        by_creation: Whether topics are listed by when they were made, and not by their latest
            message (`order_by_create_date`).
        general_shown: How many messages of General its thread shows, the newest of them; None for
            all. The whole history shows all in any case.
    """

    _seeded: SeededForum

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.is_forum = True
        self.by_creation = False
        self.general_shown: int | None = None
        self.pinned: list[int] = []
        self.deleted_topics: set[int] = set()
        begun = [(root, self._seeded.beginning(root)) for root in self._seeded.roots]
        creator = types.PeerUser(self.admins[0]) if self.admins else self.peer()
        self.topics = {GENERAL: Topic(GENERAL, "General", creator, self.timestamp(1), home=self)}
        for root, each in begun:
            self.topics[root] = Topic(
                id=root,
                title=each.title,
                creator=each.creator,
                date=each.date,
                icon_color=each.icon_color,
                icon_emoji_id=each.icon_emoji_id,
                closed=each.closed,
                home=self,
            )
        self._by_topic: dict[int, BitMap] = {}
        self._sorted = BitMap()
        self._rows: dict[tuple[int, int], tuple[tuple[object, ...], bytes]] = {}

    @property
    def kind(self) -> str:
        """`forum`."""
        return "forum"

    @property
    def general(self) -> Topic:
        """The topic that every forum has."""
        return self.topics[GENERAL]

    def add_topic(
        self,
        title: str,
        *,
        message_count: int = 0,
        creator: int | None = None,
        icon_color: int = 0x6FB9F0,
        icon_emoji_id: int | None = None,
    ) -> Topic:
        """Begin a topic by the service message that does so, on top of all messages.

        Args:
            title: Its title; any text, also one that no file can be called.
            message_count: Seeded messages to post in it.
            creator: Bare id of who makes it; None lets the first administrator.
            icon_color: Colour of its icon.
            icon_emoji_id: Custom emoji that is its icon, or None.

        Raises:
            WorldError: If the title is empty.
        """
        if not title:
            raise WorldError("title='': expected a text")
        who = self.admins[0] if creator is None and self.admins else creator
        peer = self.peer() if who is None else types.PeerUser(who)
        action = types.MessageActionTopicCreate(title, icon_color, icon_emoji_id=icon_emoji_id)
        (root,) = self._new_ids(1)
        date = self._seeded.timestamp(root)
        topic = Topic(root, title, peer, date, icon_color, icon_emoji_id, home=self)
        self.topics[root] = topic
        self._tell(root, peer, action, None)
        self.post(message_count, topic=topic)
        return topic

    def pin_topics(self, *topics: Topic | int) -> None:
        """Pin topics, the first one on top, and unpin all others.

        Raises:
            WorldError: If there is no such topic, or one is named twice.
        """
        ids = [each if isinstance(each, int) else each.id for each in topics]
        unknown = next((id_ for id_ in ids if id_ not in self.topics), None)
        if unknown is not None or len(set(ids)) != len(ids):
            raise WorldError(f"forum {self.id}: pin_topics({ids}): expected topics, each once")
        self.pinned = ids

    def delete_topic(self, topic: Topic, *, keep_messages: bool = False) -> None:
        """Delete a topic; see `Topic.delete`."""
        if topic.id == GENERAL:
            raise WorldError("topic 1: nobody can delete General")
        self.delete(*([topic.id] if keep_messages else topic.ids))
        del self.topics[topic.id]
        self.pinned = [id_ for id_ in self.pinned if id_ != topic.id]
        self.deleted_topics.add(topic.id)

    def post(
        self, count: int = 1, *, reply_to: int | None = None, topic: Topic | int | None = None
    ) -> list[int]:
        """Post seeded messages on top of all and return their ids, oldest first.

        Args:
            count: How many.
            reply_to: The id that all of them answer.
            topic: The topic that they are in, also one that is no more. None takes that of
                *reply_to*, else General.
        """
        if topic is None:
            topic = GENERAL if reply_to is None else self.topic_of(reply_to)
        topic_id = topic if isinstance(topic, int) else topic.id
        header = header_in(topic_id, reply_to)
        new = super().post(count)
        for message_id in new:
            message = self._seeded.build(message_id).message
            message.reply_to = header
            self.put(message)
        return new

    def tell(self, topic: Topic, action: types.TypeMessageAction) -> int:
        """Post a service message of its creator in a topic, and return its id."""
        (message_id,) = self._new_ids(1)
        self._tell(message_id, topic.creator, action, header_in(topic.id, None))
        return message_id

    def _tell(
        self,
        message_id: int,
        sender: types.TypePeer,
        action: types.TypeMessageAction,
        header: types.MessageReplyHeader | None,
    ) -> None:
        self.put(
            types.MessageService(
                id=message_id,
                peer_id=self.peer(),
                date=datetime.fromtimestamp(self._seeded.timestamp(message_id), UTC),
                from_id=sender,
                out=sender == types.PeerUser(self._seeded.me) or None,
                action=action,
                reply_to=header,
            )
        )

    def put(self, *messages: types.Message | types.MessageService) -> None:
        """Add messages as they are, or replace those of the same ids; see `Chat.put`."""
        for message in messages:
            self._forget(message.id)
        super().put(*messages)

    # Which message is in which topic.

    def topic_of(self, message_id: int) -> int:
        """Return the topic that a message is in, by what it says; it need not exist any more."""
        held = self._put.get(message_id)
        if held is None:
            return self._seeded.topic_of(message_id)
        return topic_in_header(self.peek(message_id))

    def topic_ids(self, topic_id: int) -> BitMap:
        """Return the ids of the messages that are in a topic and exist; not to change."""
        self._sort()
        return self._by_topic.get(topic_id, BitMap()) & self.ids

    def topic_tops(self) -> dict[int, int]:
        """Return the latest message that requests may see of each topic which has one."""
        self._sort()
        shown = self.shown
        seen = ((id_, self._by_topic.get(id_, BitMap()) & shown) for id_ in self.topics)
        return {id_: ids.max() for id_, ids in seen if ids}

    def thread_ids(self, message_id: int) -> BitMap:
        """Return the ids of the visible messages in a topic or thread, its beginning left out."""
        if not self.is_forum or message_id not in self.topics:
            return super().thread_ids(message_id)
        ids = (self.topic_ids(message_id) & self.shown) - BitMap([message_id])
        if message_id == GENERAL and self.general_shown is not None:
            return ids[max(0, len(ids) - self.general_shown) :]
        return ids

    def has_thread(self, message_id: int) -> bool:
        """Return whether a message begins a thread that can be asked for; General always does."""
        return (self.is_forum and message_id == GENERAL) or super().has_thread(message_id)

    def _forget(self, message_id: int) -> None:
        if message_id in self._sorted:
            self._sorted.discard(message_id)
            self._by_topic[self.topic_of(message_id)].discard(message_id)

    def _sort(self) -> None:
        """Note the topics of what is new."""
        new = self.ids - self._sorted
        if not new:
            return
        found: dict[int, list[int]] = {}
        seeded, put = self._seeded.topic_of, self._put
        for message_id in new:
            topic = self.topic_of(message_id) if message_id in put else seeded(message_id)
            found.setdefault(topic, []).append(message_id)
        for topic, ids in found.items():
            self._by_topic.setdefault(topic, BitMap()).update(ids)
        self._sorted |= new

    # For recipes.

    def topics_recipe(self) -> dict[str, Any]:
        """Return what there is to know of the topics, as JSON-able data."""
        return {
            "is_forum": self.is_forum,
            "by_creation": self.by_creation,
            "general_shown": self.general_shown,
            "topics": [topic.recipe() for topic in self.topics.values()],
            "pinned": [*self.pinned],
            "deleted": sorted(self.deleted_topics),
        }

    def restore_topics(self, made: Mapping[str, Any]) -> None:
        """Take over what `topics_recipe` returned."""
        self.is_forum, self.by_creation = made["is_forum"], made["by_creation"]
        self.general_shown = made["general_shown"]
        found = [Topic.from_recipe(each, self) for each in made["topics"]]
        self.topics = {topic.id: topic for topic in found}
        self.pinned = [*made["pinned"]]
        self.deleted_topics = set(made["deleted"])

    def short_rows(
        self, message_ids: Iterable[int], account: Account, refs: set[int]
    ) -> Iterator[bytes]:
        """Yield short rows of the topics that a page of messages is about, as TL bytes.

        Chosen: of all of them, General among them, in the order of the page.

        Args:
            message_ids: The page.
            account: Who asks.
            refs: Marked ids of whom the answer names; creators are added.
        """
        if not self.is_forum:
            return
        for topic_id in dict.fromkeys(self.topic_of(id_) for id_ in message_ids if self.has(id_)):
            topic = self.topics.get(topic_id)
            if topic is not None:
                refs.add(mark_of(topic.creator))
                yield self._short_row(topic, account)

    def _short_row(self, topic: Topic, account: Account) -> bytes:
        """Return the TL bytes of a short row, made anew only after a change."""
        key = topic.title, topic.icon_color, topic.icon_emoji_id, topic.closed, topic.creator
        place = account.index, topic.id
        held = self._rows.get(place)
        if held is None or held[0] != key:
            held = self._rows[place] = (key, bytes(topic.row(account)))
        return held[1]
