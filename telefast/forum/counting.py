"""How many messages topics have, and whether General's thread shows all of its messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from telethon.errors import RPCError, UnauthorizedError

from telefast.forum.planning import choose_general, uncounted
from telefast.forum.topics import GENERAL
from telefast.forum.types import ForumListing, TopicCounts
from telefast.ordered import Failed, ordered_map
from telefast.peers.meta import MessageCount

if TYPE_CHECKING:
    from telefast.forum.asking import ForumAsker
    from telefast.forum.lists import TopicWay
    from telefast.metrics import Metrics
    from telefast.peers.metadata import MetadataCache

__all__ = ["General", "TopicCounter", "each"]


class TopicCounter:
    """Count the messages of topics, several at a time.

    Args:
        asker: Knows the forum.
        metadata: Counts.
        concurrency: Requests at a time.
    """

    def __init__(self, asker: ForumAsker, metadata: MetadataCache, concurrency: int) -> None:
        self._asker = asker
        self._metadata = metadata
        self._concurrency = concurrency

    async def chat(self) -> MessageCount:
        """Return how many messages the whole forum has."""
        return await self._metadata.message_count(await self._asker.peer())

    async def topics(self, ids: Iterable[int]) -> TopicCounts:
        """Return how many messages each topic has; see `ForumWalker.counts`."""
        peer = await self._asker.peer()
        has_topics = await self._asker.has_topics()
        counts = TopicCounts({}, {})

        async def one(topic_id: int) -> tuple[int, MessageCount]:
            count = await self._metadata.message_count(peer, topic_id)
            return topic_id, count if has_topics else replace(count, is_exact=False)

        wanted = each(dict.fromkeys(ids))
        calls = ordered_map(wanted, one, concurrency=self._concurrency, on_error="yield")
        async with calls as found:
            async for item in found:
                if not isinstance(item, Failed):
                    counts.found[item[0]] = item[1]
                elif isinstance(item.error, RPCError) and not isinstance(
                    item.error, UnauthorizedError
                ):
                    counts.failed[item.item] = item.error
                else:
                    raise item.error
        return counts


class General:
    """Find out how to read General, once.

    Args:
        way: How, if that is settled; None if not.
        asker: Knows the forum.
        counter: Counts topics.
        listing: Lists them; None if topics are off.
        cost: Tells how many requests one pass takes; None if unknown.
        metrics: Where a thread that will not do is counted.
    """

    def __init__(
        self,
        way: TopicWay | None,
        asker: ForumAsker,
        counter: TopicCounter,
        listing: Callable[[], Awaitable[ForumListing | None]],
        cost: Callable[[], Awaitable[int | None]],
        metrics: Metrics,
    ) -> None:
        self._way = way
        self._asker = asker
        self._counter = counter
        self._list = listing
        self._cost = cost
        self._metrics = metrics

    async def way(self) -> TopicWay:
        """Return how to read it: out of the whole history, if topics were turned off.

        Raises:
            NotAForumError: If the chat can be no forum.
        """
        if self._way != "scan" and not await self._asker.has_topics():
            self._metrics.add("forum_general_fallbacks")
            self._way = "scan"
        if self._way is None:
            self._way = await self._choose()
        return self._way

    async def _choose(self) -> TopicWay:
        listing = await self._list()
        thread = (await self._counter.topics([GENERAL])).found.get(GENERAL)
        chat = await self._counter.chat()
        if thread is not None and thread.value and listing is not None:
            topics = [topic for topic in listing.topics if not topic.deleted]
            others = [topic.id for topic in topics if not topic.is_general]
            whole = await self._cost()
            choice = choose_general(thread.value, chat.value, len(others), whole or 0)
            if choice != "count":
                return choice
            counts = await self._counter.topics(others)
            if listing.complete and not counts.failed:
                missing = uncounted(thread, chat, counts.found.values())
                if missing == 0 or (missing == 1 and await self._asker.has_first_apart()):
                    return "thread"
        self._metrics.add("forum_general_fallbacks")
        return "scan"


async def each(items: Iterable[int]) -> AsyncIterator[int]:
    """Yield what is there."""
    for item in items:
        yield item
