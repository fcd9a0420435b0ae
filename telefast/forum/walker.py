"""`ForumWalker`: the topics of a forum, and the messages of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from telefast.checks import check_flags, check_int, check_patience
from telefast.errors import ArgumentError
from telefast.forum.asking import check_telethon
from telefast.forum.catalog import Catalog, id_of, ids_of
from telefast.forum.counting import General, each
from telefast.forum.listing import MOST
from telefast.forum.lists import TopicHistory, check_options, opener_of
from telefast.forum.planning import ForumPlan, cost_of_all, make_plan, needs_counts
from telefast.forum.reading import ForumReading
from telefast.forum.roots import Roots
from telefast.forum.sharding import positions_of, ranges_of
from telefast.forum.splitting import ForumSplit
from telefast.forum.topics import GENERAL, topic_of
from telefast.forum.types import TopicInfo
from telefast.history.lists import History, Listing, Thread
from telefast.history.stream import BatchedHistory
from telefast.history.types import HistoryCursor
from telefast.ordered import ordered_map
from telefast.peers.metadata import MetadataCache
from telefast.transport.calls import CallOptions

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.forum.lists import TopicWay
    from telefast.history.checkpoint import Checkpoint

__all__ = ["ForumWalker"]

_PATIENCE = {"timeout", "max_flood_wait", "wait_time", "on_wait", "fallback"}
"""Arguments of `BatchedHistory` that say how to ask."""
_BOUNDS = {"limit", "min_id", "max_id", "offset_id", "offset_date", "add_offset", "reverse"}
"""Arguments of `BatchedHistory` that say which part of a topic to read, and in which order."""


class ForumWalker(Catalog):
    """Read a forum: all its topics, and all messages of each of them.

    The list of topics is complete, or says that it is not, whatever moves while it is read. The
    messages of all topics, as `history` reads them, are those of the chat, each once. The
    constructor sends nothing::

        walker = ForumWalker(client, "some_forum")
        listing = await walker.listing()
        for topic in listing.topics:
            async with walker.history(topic) as history:
                async for message in history:
                    ...

    Where most topics are wanted, one pass over the whole history takes fewer requests: `split` is
    that, and `read` does what `plan` finds cheaper.

    Requests are paced with all others of the account. Within a takeout, pass its client.

    Args:
        client: A connected `telethon.TelegramClient`, or its takeout proxy.
        entity: The forum: a marked id, a username or an entity.
        page_size: Topics to ask for in one request, 1 to 100 (default).
        include_general: Whether General is among the topics. Default True; False leaves its
            messages out of `split` and `read`, too.
        include_hidden: Whether General is, also if it is hidden. Default True.
        include_deleted: Whether to list topics that Telegram says are deleted, of which only the
            id is known. Default False.
        general: How to read General. `thread`: by itself. `scan`: out of the whole history, which
            is always exact, and what is done where topics were turned off. `auto` (default): by
            itself where that is proven to be all of it, and cheaper; see `history`.
        metadata: Where the forum is looked up, and messages are counted; None for a
            `MetadataCache` of its own.
        timeout: Deadline of each request, in seconds; None for none.
        max_flood_wait: Longest time that one request may spend in flood waits, in seconds.
        concurrency: Requests in flight at most, for counts as for messages.
        options: Further arguments of `BatchedHistory`, for all messages that are read.

    Raises:
        ArgumentError: By the constructor, if an argument has no legal value.
        CompatibilityError: By the constructor, if the installed Telethon is older than 1.42.
    """

    def __init__(
        self,
        client: TelegramClient,
        entity: Any,
        *,
        page_size: int = MOST,
        include_general: bool = True,
        include_hidden: bool = True,
        include_deleted: bool = False,
        general: Literal["auto", "thread", "scan"] = "auto",
        metadata: MetadataCache | None = None,
        timeout: float | None = 60.0,
        max_flood_wait: float = 3600.0,
        concurrency: int = 8,
        **options: Any,
    ) -> None:
        check_telethon()
        if isinstance(cast("Any", client), list | tuple):
            raise ArgumentError("client", client, "one telethon.TelegramClient")
        check_int("page_size", page_size, 1, MOST)
        check_flags(
            include_general=include_general,
            include_hidden=include_hidden,
            include_deleted=include_deleted,
        )
        if general not in ("auto", "thread", "scan"):
            raise ArgumentError("general", general, '"auto", "thread" or "scan"')
        if not isinstance(cast("Any", metadata), MetadataCache | None):
            raise ArgumentError("metadata", metadata, "a MetadataCache, or None")
        check_patience(timeout, max_flood_wait)
        check_options(options, with_root=False)
        self._options = {
            "timeout": timeout,
            "max_flood_wait": max_flood_wait,
            "concurrency": concurrency,
            **options,
        }
        BatchedHistory(client, entity, **self._options)  # dies here, if it must
        if entity is None:
            raise ArgumentError("entity", entity, "a forum")
        metadata = metadata or MetadataCache(client, timeout=timeout, max_flood_wait=max_flood_wait)
        super().__init__(
            client,
            entity,
            page_size=page_size,
            includes=(include_general, include_hidden, include_deleted),
            metadata=metadata,
            options=CallOptions(timeout, max_flood_wait),
            concurrency=concurrency,
        )
        self._client = client
        self._entity = entity
        self._metadata = metadata
        way = None if general == "auto" else general
        self._general = General(
            way, self._asker, self._counter, self._listed, self._cost_of_all, self._metrics
        )

    # Messages

    def topic_of(self, message: Any) -> int:
        """Return the id of the topic that a message is in; see `telefast.topic_of`."""
        return topic_of(message)

    def history(
        self,
        topic: TopicInfo | int,
        limit: int | None = None,
        *,
        start: HistoryCursor | Checkpoint | None = None,
        include_root: bool = True,
        **options: Any,
    ) -> BatchedHistory:
        """Return a stream of the messages of one topic, oldest first.

        It is a `BatchedHistory`, batches and all, and goes on from its cursors and checkpoints: a
        cursor, or a checkpoint file, belongs to one topic.

        No request for a topic brings the message that began it; it is fetched by its id and comes
        first (with `reverse=False` last).

        Messages of General name no topic. Its thread may be refused, or be short without a sign.
        With `general="auto"` its thread is read only if the counts of all topics, and what began
        them, add up to the chat's: then nothing is missing anywhere. Otherwise, and where counting
        would cost more than it saves, General is read out of the whole history: what is in no other
        topic. So is any topic where topics were turned off: what answers a message elsewhere is in
        no thread then. `total` and *add_offset* then count the whole chat.

        Args:
            topic: The topic, or its id.
            limit: Most messages to yield; None for all.
            start: Where to go on: a cursor, or an open checkpoint (see `BatchedHistory.resume`).
            include_root: Whether the message that began the topic belongs to it. Default True.
            options: Further arguments of `BatchedHistory`, such as `reverse=False`, `min_id` and
                `max_id`.

        Raises:
            ArgumentError: If an argument has no legal value.
            NotAForumError: By the first step, if the chat cannot be a forum.
            RPCError: By a step; MSG_ID_INVALID for a topic that is no more, if topics are on.
        """
        check_flags(include_root=include_root)
        check_options(options, with_root=include_root)
        topic_id = id_of(topic)
        options = {
            **self._options,
            **options,
            **({} if limit is None else {"limit": limit}),
            "topic_id": topic_id,
            "with_root": include_root,
            "opener": opener_of(
                topic_id, self._asker.has_topics, self._way_of, with_root=include_root
            ),
        }
        if start is None:
            return TopicHistory(self._client, self._entity, **options)
        return TopicHistory.resume(self._client, self._entity, start, **options)

    def split(
        self,
        topics: Iterable[TopicInfo | int] | None = None,
        *,
        start: HistoryCursor | Checkpoint | None = None,
        **options: Any,
    ) -> ForumSplit:
        """Return all messages of the forum in one pass, oldest first, each with its topic.

        Nothing is in two topics, and nothing in none: the sum over all topics is the chat. It works
        as well where topics were turned off, since messages still name them.

        Args:
            topics: Yield only messages of these topics; None for all. All are counted.
            start: Where to go on: the cursor of an earlier pass (`ForumSplit.cursor`), or an open
                checkpoint (see `BatchedHistory.resume`). Counts begin anew.
            options: Further arguments of `BatchedHistory`, such as `reverse=False`, `min_id` and
                `max_id`.

        Raises:
            ArgumentError: If an argument has no legal value.
        """
        check_options(options, with_root=False)
        options = {"reverse": True, **self._options, **options}
        if start is None:
            history = BatchedHistory(self._client, self._entity, **options)
        else:
            history = BatchedHistory.resume(self._client, self._entity, start, **options)
        chosen = None if topics is None else set(ids_of(topics))

        def is_wanted(topic_id: int) -> bool:
            if chosen is None:
                return self._include_general or topic_id != GENERAL
            return topic_id in chosen

        return ForumSplit(history, self._known, self._look_up, is_wanted)

    async def plan(self, topics: Iterable[TopicInfo | int] | None = None) -> ForumPlan:
        """Tell how to read topics with fewer requests: each by itself, or all in one pass.

        It counts topics one by one only where that may pay. Where topics were turned off, it is one
        pass.

        Args:
            topics: The topics, or their ids; None for all.

        Raises:
            ArgumentError: If these are no topics.
            NotAForumError: If the chat is no forum.
            RPCError: Telegram's error.
            RemoteError: If the connection is lost, or nobody answers.
        """
        wanted = None if topics is None else ids_of(topics)
        whole = await self._cost_of_all()
        if not await self._asker.has_topics():
            return make_plan(wanted, {}, whole, has_topics=False)
        if topics is None and self._include_general:
            return make_plan(None, None, whole, known=len(await self._known()))
        ids = ids_of(await self._known()) if wanted is None else wanted
        counts: dict[int, int | None] | None = None
        if whole is not None and needs_counts(len(ids), whole):
            told = (await self.counts(ids)).found
            counts = {topic_id: count.value or 0 for topic_id, count in told.items()}
            if GENERAL in ids and await self._general.way() == "scan":
                counts[GENERAL] = None
        plan = make_plan(ids, counts, whole)
        if topics is None and plan.way == "one pass":
            return replace(plan, topics=None)
        return plan

    async def _way_of(self, topic_id: int) -> TopicWay:
        """Return how to read a topic."""
        if topic_id == GENERAL:
            return await self._general.way()
        return "thread" if await self._asker.has_topics() else "scan"

    async def _cost_of_all(self) -> int | None:
        """Return how many requests one pass takes, about; None if the forum cannot be counted."""
        count = (await self._counter.chat()).value
        if count is None:
            return None
        newest = 0
        if self._options.get("by_ids", True):
            newest = await self._asker.id_at(History(await self._asker.peer()), 0)
        return cost_of_all(count, newest)

    def read(
        self,
        topics: Iterable[TopicInfo | int] | None = None,
        *,
        plan: ForumPlan | None = None,
        **options: Any,
    ) -> ForumReading:
        """Return the messages of topics, each with the id of its topic, as `plan` says.

        In one pass they come in the order of the chat, else topic by topic, in the order given.
        Several topics are begun ahead then, and held in memory as far as `prefetch` says for each.

        Args:
            topics: The topics, or their ids; None for all, or those of *plan*.
            plan: How to read them; None makes a plan at the first step.
            options: Further arguments of `BatchedHistory`.

        Raises:
            ArgumentError: If an argument has no legal value.
        """
        check_options(options, with_root=False)
        wanted = None if topics is None else ids_of(topics)
        if not isinstance(cast("Any", plan), ForumPlan | None):
            raise ArgumentError("plan", plan, "a ForumPlan, or None")
        given: dict[str, Any] = {**self._options, **options}
        BatchedHistory(self._client, self._entity, **given)  # dies here, if it must
        concurrency: int = given["concurrency"]
        one = {"prefetch": concurrency, **given}
        # Bounds may leave out what began a topic: then each topic sees to it by itself.
        with_roots = bool(_BOUNDS & given.keys())

        def roots(ids: Sequence[int]) -> Roots | None:
            if with_roots:
                return None
            patience = {name: given[name] for name in _PATIENCE & given.keys()}
            fetch = partial(BatchedHistory, self._client, self._entity, **patience)
            return Roots(ids, lambda few: fetch(ids=few))

        return ForumReading(
            plan,
            partial(self.plan, wanted),
            lambda ids: self.split(ids, **options),
            lambda topic_id: self.history(topic_id, include_root=with_roots, **one),
            roots,
            max(1, concurrency // 2),
        )

    async def shards(self, topic: TopicInfo | int, size: int = 10_000) -> list[tuple[int, int]]:
        """Return ranges of ids that cut a long topic into parts, oldest first.

        Each is (min_id, max_id) for `history`. Together they are the topic, each message once,
        whatever is posted or deleted meanwhile: the first begins at the beginning, the last is
        open. One request for each cut.

        Args:
            topic: The topic, or its id.
            size: Messages of a part, about. Of what is read out of the whole history (see
                `history`), messages of the whole chat.

        Raises:
            ArgumentError: If an argument has no legal value.
            RPCError: Telegram's error.
        """
        check_int("size", size, 1, None)
        topic_id = id_of(topic)
        peer = await self._asker.peer()
        reply_to: int | None = topic_id
        source: Listing = Thread(peer, message_id=topic_id)
        if await self._way_of(topic_id) == "scan":
            reply_to, source = None, History(peer)
        count = (await self._metadata.message_count(peer, reply_to)).value or 0
        positions = positions_of(count, size)
        concurrency = int(self._options["concurrency"])
        ask = partial(self._asker.id_at, source)
        async with ordered_map(each(positions), ask, concurrency=concurrency) as found:
            return ranges_of([cut async for cut in found if cut])
