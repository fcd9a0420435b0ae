"""Which list a stream walks, and the request that asks for a part of it.

Each of these lists belongs to one chat and is ordered by id, so pages at positions with the seam
rules hold for all of them: Telegram pages them by `offset_id`
(https://core.telegram.org/api/offsets), and official clients walk every filter that way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from telethon import types, utils
from telethon.tl.functions import messages

from telefast.history.order import Ask
from telefast.transport.by_ids import messages_by_ids

__all__ = ["ByIds", "History", "Listing", "Scheduled", "Search", "Thread", "by_ids"]

_CHANNELS = (types.InputPeerChannel, types.InputPeerChannelFromMessage)


@dataclass(frozen=True, slots=True)
class Listing:
    """What all lists have in common.

    Attributes:
        peer: The chat, as an `InputPeer`.
        sender: Marked id of the only sender whose messages are kept, where Telegram does not
            filter by itself; None for all.
    """

    peer: Any
    sender: int | None = None

    takes_dates = True
    """Whether a request with `offset_date` begins there, exactly."""
    is_whole = False
    """Whether the list is all of the chat, so that its count is exact."""

    @property
    def can_sweep(self) -> bool:
        """Whether a gap in the list can be proven by asking for ids."""
        return False

    @property
    def root(self) -> int:
        """A message of the list that pages need not show, older than all others; 0 for none."""
        return 0

    @property
    def is_filtered(self) -> bool:
        """Whether pages hold messages that are not wanted, so that their count says little."""
        return self.sender is not None

    def keeps(self, message: Any) -> bool:
        """Tell whether a message of an answer is wanted."""
        return self.sender is None or bool(message.sender_id == self.sender)

    def request(self, ask: Ask) -> Any:
        """Return the request for *ask*: a page of the list, or messages by ids."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class History(Listing):
    """The whole history of one chat."""

    is_whole = True

    @property
    def can_sweep(self) -> bool:
        """In channels, whose ids are their own."""
        return isinstance(self.peer, _CHANNELS)

    def request(self, ask: Ask) -> Any:
        """Return the request for *ask*: a page of the list, or messages by ids."""
        if ask.ids:
            return by_ids(self.peer, ask)
        return messages.GetHistoryRequest(
            peer=self.peer,
            offset_id=ask.offset_id,
            offset_date=ask.offset_date,  # type: ignore[arg-type]  # an int will do
            add_offset=ask.add_offset,
            limit=ask.limit,
            max_id=0,
            min_id=0,
            hash=0,
        )


@dataclass(frozen=True, slots=True)
class Search(Listing):
    """The messages of one chat that fit a text, a filter and a sender.

    Attributes:
        words: The text, "" for any.
        filter: A `MessagesFilter`, or None for any.
        from_id: The sender, as an `InputPeer`; None for any. Telegram ignores it in private chats.
    """

    words: str = ""
    filter: Any = None
    from_id: Any = None

    takes_dates = False  # `max_date` only shrinks a page that was cut without it

    def request(self, ask: Ask) -> Any:
        """Return the request for *ask*: a page of the list, or messages by ids."""
        if ask.ids:
            return by_ids(self.peer, ask)
        return messages.SearchRequest(
            peer=self.peer,
            q=self.words,
            filter=self.filter or types.InputMessagesFilterEmpty(),
            min_date=None,
            max_date=None,
            offset_id=ask.offset_id,
            add_offset=ask.add_offset,
            limit=ask.limit,
            max_id=0,
            min_id=0,
            hash=0,
            from_id=self.from_id,
        )


@dataclass(frozen=True, slots=True)
class Thread(Listing):
    """The answers to one message: a thread, a topic, or the comments on a post.

    Attributes:
        message_id: The message. Comments on a post are messages of the discussion group.
    """

    message_id: int = 0

    def request(self, ask: Ask) -> Any:
        """Return the request for *ask*: a page of the list, for ids the one that has them."""
        if ask.ids:  # in which chat they are, this list does not say
            ask = Ask(max(ask.ids) + 1, 0, len(ask.ids))
        return messages.GetRepliesRequest(
            peer=self.peer,
            msg_id=self.message_id,
            offset_id=ask.offset_id,
            offset_date=ask.offset_date,  # type: ignore[arg-type]  # an int will do
            add_offset=ask.add_offset,
            limit=ask.limit,
            max_id=0,
            min_id=0,
            hash=0,
        )


@dataclass(frozen=True, slots=True)
class Scheduled(Listing):
    """What is scheduled in one chat: all of it in one answer."""

    def request(self, ask: Ask) -> Any:
        """Return the one request there is."""
        return messages.GetScheduledHistoryRequest(peer=self.peer, hash=0)


@dataclass(frozen=True, slots=True)
class ByIds(Listing):
    """Messages by their ids.

    Private chats and basic groups share the ids of their account, so an answer may hold messages
    of other chats.

    Attributes:
        owner: Marked id of the chat that they must belong to; None for any. Of no account in
            channels, whose ids are their own.
    """

    owner: int | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether answers may hold messages of other chats."""
        return self.owner is not None

    def keeps(self, message: Any) -> bool:
        """Tell whether a message is one of the chat."""
        return self.owner is None or bool(utils.get_peer_id(message.peer_id) == self.owner)

    def request(self, ask: Ask) -> Any:
        """Return the request for the ids of *ask*."""
        return by_ids(self.peer, ask)


def by_ids(peer: Any, ask: Ask) -> Any:
    """Return the request for messages of a chat by their ids."""
    return messages_by_ids(peer, ask.ids)
