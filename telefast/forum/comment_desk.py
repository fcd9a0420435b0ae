"""What a comment is, and what all who read comments of one channel ask through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from telethon.errors import ChannelInvalidError, ChannelPrivateError
from telethon.utils import get_peer_id

from telefast.errors import ArgumentError, DiscussionClosedError, PeerNotFoundError
from telefast.history.stream import BatchedHistory
from telefast.history.whole import MessageKey

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.metrics import Metrics
    from telefast.peers.meta import ChatMeta
    from telefast.peers.metadata import MetadataCache
    from telefast.transport.undecoded import UndecodedMessage

__all__ = ["NO_ACCESS", "Comment", "Desk", "Nothing", "Source"]

NO_ACCESS = (ChannelInvalidError, ChannelPrivateError, PeerNotFoundError)
"""What says that a group is closed to this account."""


class Comment(NamedTuple):
    """A message of a discussion group, and the post that it comments on.

    Attributes:
        post_id: The post of the channel; of an album the one that its thread hangs on. None if
            the message is no comment.
        message: The message, one of the group's.
    """

    post_id: int | None
    message: Any

    @property
    def key(self) -> MessageKey:
        """The group's marked id and the message's id, which name it among all chats."""
        return MessageKey(get_peer_id(self.message.peer_id), self.message.id)


class Source(Protocol):
    """What hands out comments, one at a time."""

    async def next(self) -> Comment:
        """Return the next one; StopAsyncIteration at the end."""

    async def aclose(self) -> None:
        """Stop fetching."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all sources of one channel ask through.

    Attributes:
        client: The client.
        channel: The channel, as the user named it.
        metadata: What is known of chats.
        options: Arguments of each `BatchedHistory`.
        counts: Where the user looks for figures.
        metrics: Those of the account.
        undecoded: Messages that came and cannot be decoded, by id.
    """

    client: TelegramClient
    channel: Any
    metadata: MetadataCache
    options: dict[str, Any]
    counts: Metrics
    metrics: Metrics
    undecoded: dict[int, UndecodedMessage]

    async def full(self) -> ChatMeta:
        """Return what the channel is; `ArgumentError` if its messages are no posts."""
        meta = await self.metadata.full(self.channel)
        if meta.kind != "channel":
            raise ArgumentError("channel", meta.kind, "a broadcast channel")
        return meta

    def history(self, peer: Any, **options: Any) -> BatchedHistory:
        """Return a stream of messages."""
        return BatchedHistory(self.client, peer, **{**self.options, **options})

    async def close(self, history: BatchedHistory) -> None:
        """Stop a stream that brought comments, and keep what it could not decode."""
        self.undecoded.update((each.id, each) for each in history.undecoded)
        await history.aclose()

    async def peer(self, chat_id: int | None = None) -> Any:
        """Return the input peer of the channel, or of another chat that it has to do with."""
        return await self.metadata.peers.resolve(self.channel if chat_id is None else chat_id)

    async def closed(self) -> DiscussionClosedError:
        """Return the error to raise where comments are refused."""
        meta = await self.full()
        return DiscussionClosedError(meta.id, meta.linked_chat_id or 0)

    def count(self, name: str) -> None:
        """Count one more, for the user and for the account."""
        self.counts.add(name)
        self.metrics.add(f"comments_{name}")


class Nothing:
    """No comments at all."""

    async def next(self) -> Comment:
        """End at once."""
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Do nothing."""
