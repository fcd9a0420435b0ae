"""The messages of one topic as a list that `BatchedHistory` can read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

from telefast.errors import ArgumentError
from telefast.forum.topics import GENERAL, topic_of
from telefast.history.lists import ByIds, History, Listing, Thread, by_ids
from telefast.history.opening import Opener
from telefast.history.stream import BatchedHistory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telethon import TelegramClient

    from telefast.history.order import Ask

__all__ = ["TopicHistory", "TopicWay", "check_names", "check_options", "opener_of"]

TopicWay = Literal["thread", "scan"]
"""How the messages of a topic are read: as its thread, or out of the whole history."""

_OTHERS = (
    *("ids", "reply_to", "search", "filter", "from_user", "scheduled"),
    "takeout",
)
"""Arguments of `BatchedHistory` that choose other messages than those of a topic; and the takeout,
of which there would be one for each topic."""
_KNOWN = signature(BatchedHistory.__init__).parameters.keys() - {"self", "client", "entity"}


@dataclass(frozen=True, slots=True)
class _TopicThread(Thread):
    """The thread of a topic.

    Attributes:
        with_root: Whether the message that began the topic belongs to the list.
    """

    with_root: bool = True

    @property
    def root(self) -> int:
        """The message that began the topic.

        None began General; but the first message of the chat has its id, and its thread hangs
        there, so that it may not show that message.
        """
        return self.message_id if self.with_root or self.message_id == GENERAL else 0

    @property
    def is_filtered(self) -> bool:
        """General's thread hangs on no message, so what comes is looked at."""
        return self.message_id == GENERAL

    def keeps(self, message: Any) -> bool:
        """Tell whether a message of an answer is wanted."""
        return self.message_id != GENERAL or topic_of(message) == GENERAL

    def request(self, ask: Ask) -> Any:
        """Return the request for *ask*: a page of the list, or messages by ids."""
        return by_ids(self.peer, ask) if ask.ids else Thread.request(self, ask)


@dataclass(frozen=True, slots=True)
class _TopicScan(History):
    """The messages of a topic, out of the whole history.

    Attributes:
        topic_id: The topic.
        with_root: Whether the message that began the topic belongs to the list.
    """

    topic_id: int = GENERAL
    with_root: bool = True

    @property
    def is_filtered(self) -> bool:
        """Other topics are on its pages, too."""
        return True

    def keeps(self, message: Any) -> bool:
        """Tell whether a message of an answer is wanted; nothing began General."""
        if topic_of(message) != self.topic_id:
            return False
        return self.with_root or message.id != self.topic_id or message.id == GENERAL


@dataclass(frozen=True, slots=True)
class _TopicByIds(ByIds):
    """Messages of a topic by their ids.

    Attributes:
        topic_id: The topic.
    """

    topic_id: int = GENERAL

    def keeps(self, message: Any) -> bool:
        """Tell whether a message is one of the topic."""
        return topic_of(message) == self.topic_id


def opener_of(
    topic_id: int,
    check: Callable[[], Awaitable[object]],
    way: Callable[[int], Awaitable[TopicWay]],
    *,
    with_root: bool,
) -> Opener:
    """Return what opens the list of a topic.

    Args:
        topic_id: The topic.
        check: Called first; raises if the chat can be no forum.
        way: Decides how a topic is read; called when that is to be known.
        with_root: Whether the message that began the topic belongs to it.
    """

    async def open_topic(_client: Any, peer: Any, by_ids: bool) -> Listing:
        await check()
        if by_ids:
            return _TopicByIds(peer, topic_id=topic_id)
        if await way(topic_id) == "scan":
            return _TopicScan(peer, topic_id=topic_id, with_root=with_root)
        return _TopicThread(peer, message_id=topic_id, with_root=with_root)

    return open_topic


class TopicHistory(BatchedHistory):
    """Read one topic; made by `ForumWalker.history`.

    Args:
        client: The user's client.
        entity: The forum.
        limit: As for `BatchedHistory`.
        topic_id: The topic.
        opener: Opens its list.
        with_root: Whether the message that began the topic belongs to the list.
        options: Further arguments of `BatchedHistory`; `reverse` is True if not given.
    """

    def __init__(
        self,
        client: TelegramClient | Sequence[TelegramClient],
        entity: Any,
        limit: int | None = None,
        *,
        topic_id: int,
        opener: Opener,
        with_root: bool = True,
        **options: Any,
    ) -> None:
        name = f"topic {topic_id}" if with_root else f"topic {topic_id} without its root"
        self._own = name, opener
        # For `iter_messages`, if it comes to that; General's messages are chosen by `keeps`.
        thread = None if topic_id == GENERAL else topic_id
        super().__init__(client, entity, limit, **{"reverse": True, **options, "reply_to": thread})

    def _own_list(self) -> tuple[str, Opener | None]:
        return self._own


def check_names(options: dict[str, Any]) -> None:
    """Raise `ArgumentError` for what is no argument of `BatchedHistory`, such as a misspelt one."""
    for name in options.keys() - _KNOWN:
        raise ArgumentError(
            name, options[name], "an argument of BatchedHistory, which has none such"
        )


def check_options(options: dict[str, Any], *, with_root: bool) -> None:
    """Raise `ArgumentError` for arguments of `BatchedHistory` that make no sense in a topic."""
    check_names(options)
    for name in _OTHERS:
        if name in options:
            hint = " (pass the client of a telefast.Takeout)" if name == "takeout" else ""
            raise ArgumentError(name, options[name], f"no such argument of a topic{hint}")
    if with_root and options.get("add_offset"):
        expected = "0, unless include_root=False: a position in the thread does not count its root"
        raise ArgumentError("add_offset", options["add_offset"], expected)
