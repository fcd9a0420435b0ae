"""The topics of a forum: listed, looked up, counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from telethon.errors import RPCError

from telefast.checks import check_int, check_iterable
from telefast.errors import ArgumentError, NotAForumError, TelefastError
from telefast.forum.asking import ForumAsker
from telefast.forum.counting import TopicCounter
from telefast.forum.listing import TopicStream
from telefast.forum.types import ForumListing, TopicCounts, TopicCursor, TopicInfo
from telefast.peers.links import MAX_ID
from telefast.transport.account import Account

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.peers.metadata import MetadataCache
    from telefast.transport.calls import CallOptions

__all__ = ["Catalog", "id_of", "ids_of"]


class Catalog:
    """What `ForumWalker` inherits.

    Args:
        client: As for `ForumWalker`, like the others.
        entity: The forum.
        page_size: Topics to ask for in one request.
        includes: Whether General, General if it is hidden, and deleted topics are among them.
        metadata: Where the forum is looked up, and messages are counted.
        options: What one call may cost.
        concurrency: Requests in flight at most.
    """

    def __init__(
        self,
        client: TelegramClient,
        entity: Any,
        *,
        page_size: int,
        includes: tuple[bool, bool, bool],
        metadata: MetadataCache,
        options: CallOptions,
        concurrency: int,
    ) -> None:
        self._page_size = page_size
        self._include_general, self._include_hidden, self._include_deleted = includes
        self._metrics = Account.of(client).metrics
        self._asker = ForumAsker(client, entity, metadata.peers, options)
        self._counter = TopicCounter(self._asker, metadata, concurrency)
        self._listing: ForumListing | None = None

    def topics(
        self,
        q: str | None = None,
        limit: int | None = None,
        *,
        cursor: TopicCursor | None = None,
    ) -> TopicStream:
        """Return the topics as they are listed, page by page.

        They come in Telegram's order: pinned ones first, then by their latest message. Each comes
        once. Those that moved to the top meanwhile come at the end, as they are found.

        Args:
            q: Only topics that have this in their title; Telegram decides which do.
            limit: Topics at most; None for all.
            cursor: Go on behind what was taken of an earlier list with the same *q*
                (`TopicStream.cursor`).

        Raises:
            ArgumentError: If an argument has no legal value.
        """
        if q is not None and not isinstance(q, str):
            raise ArgumentError("q", q, "a str, or None")
        if limit is not None:
            check_int("limit", limit, 0, None, "None for all")
        if not isinstance(cursor, TopicCursor | None):
            raise ArgumentError("cursor", cursor, "a TopicCursor, or None")
        return TopicStream(
            self._asker,
            self._metrics,
            self._keeps,
            page_size=self._page_size,
            q=q,
            limit=limit,
            cursor=cursor,
            with_general=self._include_general,
        )

    async def listing(self, q: str | None = None) -> ForumListing:
        """Return all topics.

        What ends the list after its first page is no error: it is the `problem` of a listing that
        is not `complete` and holds what was listed before.

        Args:
            q: Only topics that have this in their title.

        Raises:
            NotAForumError: If the chat is no forum.
            ForumAccessError: If this account may not see its topics.
            PeerNotFoundError: If this account cannot name it to Telegram.
            RPCError: Telegram's other errors.
            RemoteError: If the connection is lost, or nobody answers.
        """
        stream, found = self.topics(q), list[TopicInfo]()
        problem: Exception | None = None
        try:
            async for topic in stream:
                found.append(topic)
        except (TelefastError, RPCError) as error:
            if not stream.pages:
                raise
            problem = error
        listing = ForumListing(
            tuple(found),
            stream.complete,
            stream.count,
            stream.pages,
            stream.duplicates,
            problem or stream.problem,
            q,
        )
        if listing.is_of_all:
            self._listing = listing
        return listing

    async def counts(self, topics: Iterable[TopicInfo | int]) -> TopicCounts:
        """Ask how many messages topics have, one request each, several at a time.

        Where topics were turned off, no count is exact: threads leave messages out.

        Args:
            topics: The topics, or their ids.

        Returns:
            A count for each topic, or the error instead. Counts are kept by the `MetadataCache`.

        Raises:
            ArgumentError: If these are no topics.
            NotAForumError: If the chat can be no forum.
            RPCError: Telegram's error, if it is not about one topic.
            RemoteError: If the connection is lost, or nobody answers.
        """
        return await self._counter.topics(ids_of(topics))

    # Inside

    def _keeps(self, topic: TopicInfo) -> bool:
        if topic.deleted:
            return self._include_deleted
        if not topic.is_general:
            return True
        return self._include_general and (self._include_hidden or not topic.hidden)

    async def _listed(self) -> ForumListing | None:
        """Return the latest complete list of topics, or make one; None if topics are off."""
        if self._listing is None:
            try:
                return await self.listing()
            except NotAForumError as error:
                if error.kind != "supergroup":
                    raise
                return None
        return self._listing

    async def _known(self) -> list[TopicInfo]:
        """Return the topics that are listed and not deleted."""
        listing = await self._listed()
        return [] if listing is None else [each for each in listing.topics if not each.deleted]

    async def _look_up(self, ids: list[int]) -> Iterable[TopicInfo]:
        try:
            return [row.topic for row in (await self._asker.by_ids(ids)).rows]
        except NotAForumError:
            return ()


def id_of(topic: TopicInfo | int) -> int:
    """Return the id of a topic; `ArgumentError` if it can be none."""
    topic_id = topic.id if isinstance(topic, TopicInfo) else topic
    check_int("topic", topic_id, 1, MAX_ID, "a TopicInfo")
    return topic_id


def ids_of(topics: Iterable[TopicInfo | int]) -> list[int]:
    """Return the ids of topics, each once; `ArgumentError` if they can be none."""
    check_iterable("topics", topics, "an iterable of topics, or of their ids")
    return [*dict.fromkeys(map(id_of, topics))]
