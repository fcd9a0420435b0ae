"""The public API as type checkers see it: never run, only checked (`make types`)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import assert_type

from telethon import TelegramClient
from telethon.tl.custom.message import Message

import telefast
from telefast import (
    Batch,
    BatchedHistory,
    BytesIter,
    Chunk,
    ChunkCodec,
    ChunkStore,
    CommentPlan,
    Comments,
    CorruptChunkError,
    DedupeResult,
    DedupeStats,
    DownloadQueue,
    DownloadResult,
    Downloads,
    Failed,
    FastClient,
    FileKey,
    FloodWaitTooLongError,
    ForumLayout,
    ForumListing,
    ForumPlan,
    ForumReading,
    ForumSplit,
    ForumWalker,
    HistoryCursor,
    HistoryStats,
    LazyMessage,
    LightEntity,
    LightMedia,
    LightMessage,
    MediaDedupeCache,
    MediaDownloader,
    MediaItem,
    MessageCount,
    MessageKey,
    MessagesIter,
    MetadataCache,
    MinimalMessage,
    OrderedMap,
    PeerCache,
    Pool,
    PoolStats,
    QueuedFile,
    QueueResults,
    QueueStats,
    ReactionCollector,
    ReactionRow,
    ReactionsCsvWriter,
    ReactionSummary,
    ReactorList,
    Refilled,
    SenderNames,
    Settings,
    SkippedItem,
    StoreStats,
    TelefastError,
    TopicFile,
    TopicInfo,
    TopicMetrics,
    UndecodedRecord,
    WholeHistory,
    chat_photo_item,
    file_key,
    file_name,
    folder_name,
    group_albums,
    items_of,
    ordered_map,
    parse_link,
    refill,
    rehydrate,
    widen_albums,
    wrap,
)
from telefast.testing import Ledger, LocalTelegram, World


async def messages(client: TelegramClient) -> None:
    """Message by message."""
    async with BatchedHistory(
        client,
        "durov",
        1_000,
        offset_date=datetime(2024, 1, 1, tzinfo=UTC),
        reverse=True,
        concurrency=16,
        on_progress=lambda taken, total: print(taken + 1, total),
    ) as history:
        assert_type(history, BatchedHistory[Message])
        async for message in history:
            assert_type(message, Message)
            assert_type(history.total, int | None)
            assert_type(history.cursor, HistoryCursor)
        assert_type(history.stats(), HistoryStats)
        assert_type(history.stats().requests, int)
        assert_type(history.cursor.offset_id, int)


async def batches(client: TelegramClient) -> None:
    """Batch by batch."""
    history = BatchedHistory(client, -1001, ids=range(10), timeout=None)
    try:
        async for batch in history.batches():
            assert_type(batch, Batch[Message | None])
            assert_type(batch.first_id, int)
            assert_type(batch.messages, list[Message | None])
            assert_type(batch.total, int | None)
    except FloodWaitTooLongError as error:
        assert_type(error.resume_at, float)
    except TelefastError as error:
        assert_type(error.retryable, bool)
    finally:
        await history.aclose()


async def lazily(client: TelegramClient) -> None:
    """Messages that are read from the wire as they are asked; a misspelt argument is found."""
    async for message in BatchedHistory(client, "durov", 5, view="lazy", reverse=True):
        assert_type(message, LazyMessage)
    async for batch in BatchedHistory(client, "durov", view="lazy", ids=[5]).batches():
        assert_type(batch.messages, list[LazyMessage | None])
    assert_type(BatchedHistory(client, "durov", view="full"), BatchedHistory)
    BatchedHistory(client, "durov", revers=True)  # type: ignore[call-overload]
    BatchedHistory(client, "durov", view="quick")  # type: ignore[call-overload]


async def albums(client: TelegramClient) -> None:
    """Albums whole."""
    async for group in group_albums(BatchedHistory(client, "durov", albums=True)):
        assert_type(group, list[Message])
    async for lazy in group_albums(BatchedHistory(client, "durov", view="lazy")):
        assert_type(lazy, list[LazyMessage])
    assert_type(await widen_albums(client, "durov", [], reverse=True), list[list[Message]])


async def together(first: TelegramClient, second: TelegramClient) -> None:
    """Several accounts on one chat."""
    async with BatchedHistory([first, second], "durov") as history:
        assert_type(history.stats().shares, tuple[int, ...])


async def in_order(client: TelegramClient) -> None:
    """Work on several batches at a time."""

    async def save(batch: Batch) -> int:
        return batch.last_id

    batches = BatchedHistory(client, "durov").batches()
    async with ordered_map(batches, save, concurrency=4) as results:
        assert_type(results, OrderedMap[int])
        async for result in results:
            assert_type(result, int)
    async for outcome in ordered_map(batches, save, on_error="yield"):
        assert_type(outcome, int | Failed[Batch])
        if isinstance(outcome, Failed):
            assert_type(outcome.error, Exception)


async def chunks(client: TelegramClient) -> None:
    """Kept on the disk, and read again."""
    codec = ChunkCodec(compression="zlib", level=9)
    async with ChunkStore("folder", codec=codec, fsync="always") as store:
        assert_type(store, ChunkStore)
        async for batch in BatchedHistory(client, "durov", batch_size=1000).batches():
            assert_type(batch.account, int | None)
            assert_type(await store.append(batch), None)
        assert_type(await store.find(5, chat_id=-1001), Chunk | None)
        assert_type(await store.last(), Chunk | None)
        assert_type(store.stats(), StoreStats)
        try:
            async for chunk in store.chunks(min_id=5, since=datetime(2024, 1, 1, tzinfo=UTC)):
                assert_type(chunk, Chunk)
                assert_type(chunk.ids, list[int])
                assert_type(chunk.records, list[bytes])
                assert_type(chunk.oldest, datetime | None)
                assert_type(chunk.undecoded, list[UndecodedRecord])
                assert_type(await rehydrate(client, chunk), list[Message])
        except CorruptChunkError as error:
            assert_type(error.path, str | None)
            assert_type(error.offset, int)
    small = ChunkCodec(schema="light").decode(b"")
    assert_type(small.schema, str)
    found = await refill(client, "durov", small, takeout="auto")
    assert_type(found, Refilled)
    assert_type(found.deleted, int)
    for message in small.messages:
        if isinstance(message, LightMessage):
            assert_type(message.date, datetime | None)
            assert_type(message.entities, tuple[LightEntity, ...])
            assert_type(message.media, LightMedia | None)
        elif isinstance(message, MinimalMessage):
            assert_type(message.media_meta, str | None)
    assert_type(codec.encode([], account=5), bytes)
    assert_type(codec.decode(b""), Chunk)


def settings(client: TelegramClient) -> BatchedHistory:
    """From the environment, the values keep their types."""
    found = Settings.from_env({"TELEFAST_CONCURRENCY": "8"}, timeout=None)
    assert_type(found, Settings)
    assert_type(found.concurrency, int)
    assert_type(found.prefetch, int | None)
    assert_type(Settings(batch_size=3).timeout, float | None)
    assert_type(telefast.__version__, str)
    return BatchedHistory(client, "durov", **found.history_options())


async def wrapped(client: TelegramClient) -> None:
    """The drop-in."""
    fast = wrap(client, Settings(), concurrency=8)
    assert_type(fast, FastClient)
    assert_type(fast.wrapped, TelegramClient)
    assert_type(fast.downloads, MediaDownloader)
    messages = fast.iter_messages("chat", 5, reverse=True, timeout=None)
    assert_type(messages, MessagesIter[Message])
    assert_type(messages.total, int | None)
    assert_type(messages.stats(), HistoryStats)
    async for message in messages:
        assert_type(message, Message)
    assert_type(fast.iter_messages("chat", ids=[5]), MessagesIter[Message | None])
    async with fast.takeout(channels=True) as takeout:
        assert_type(takeout, FastClient)
    assert_type(await fast.end_takeout(True), bool)
    async with fast as same:
        assert_type(same, FastClient)


async def wrapped_messages(fast: FastClient) -> None:
    """One or many, by what is asked for; a misspelt argument is found."""
    await fast.get_messages("chat", revers=True)  # type: ignore[call-overload]
    assert_type(await fast.get_messages("chat", ids=5), Message | None)
    some = await fast.get_messages("chat", ids=[5, 6])
    assert_type([each.id for each in some if each], list[int])
    assert_type(some.total, int | None)
    for found in (await fast.get_messages("chat", 5), await fast.get_messages("chat", search="a")):
        assert_type(found[0], Message)
        assert_type(found.total, int | None)


async def wrapped_files(fast: FastClient, message: Message, stream: BytesIO) -> None:
    """To memory, to the disk, to a stream."""
    assert_type(await fast.download_media(message, bytes), bytes | None)
    assert_type(await fast.download_media(message, file=bytes, thumb=-1), bytes | None)
    assert_type(await fast.download_media(message), str | None)
    assert_type(await fast.download_media(message, Path("folder")), str | None)
    assert_type(await fast.download_media(message, stream), BytesIO | None)
    assert_type(await fast.download_profile_photo("me", bytes), bytes | None)
    assert_type(await fast.download_profile_photo("me", download_big=False), str | None)
    assert_type(await fast.download_file(message.document, bytes), bytes | None)
    pieces = fast.iter_download(message, offset=5)
    assert_type(pieces, BytesIter)
    async for piece in pieces:
        assert_type(piece, bytes)


async def peers(client: TelegramClient) -> None:
    """People and chats."""
    await PeerCache(client).resolve("@durov")
    metadata = MetadataCache(client, 60, path="metadata.json")
    assert_type(await metadata.full(5), telefast.ChatMeta)
    assert_type(await metadata.message_count(5, reply_to=7), MessageCount)
    run = await metadata.profiles([5, 6], budget=1)
    assert_type(run.found, dict[int, telefast.ChatMeta])
    assert_type(parse_link("t.me/durov/5").message_id, int | None)
    assert_type(SenderNames().name(5), str | None)


def files(message: Message) -> None:
    """What a message carries."""
    for item in items_of(message, thumbs=True, policy=lambda message, item: item.kind == "photo"):
        if isinstance(item, SkippedItem):
            assert_type(item.key, FileKey | None)
        else:
            assert_type(item.size, int | None)
            assert_type(str(item.key), str)
    assert_type(file_key(message), FileKey | None)
    assert_type(chat_photo_item(message.chat), MediaItem | SkippedItem)


async def here_already(message: Message, download: Callable[[], Awaitable[Path]]) -> None:
    """Files that are here already."""
    async with MediaDedupeCache("files.db", verify="sha256", link_mode="reflink") as cache:
        assert_type(cache, MediaDedupeCache)
        assert_type(await cache.get(message), Path | None)
        found = await cache.get_or_download(message, download, target="x")
        assert_type(found, DedupeResult)
        assert_type(found.path, Path | None)
        assert_type(await cache.put(FileKey("document", 5), "x"), Path)
        assert_type(await cache.relocate("a", Path("b")), int)
        assert_type((await cache.verify()).good, int)
        assert_type(cache.stats(), DedupeStats)


async def both_sides(client: TelegramClient) -> None:
    """A group that moved."""
    async with WholeHistory(client, -5, reverse=True, after=(-5, 7), concurrency=8) as history:
        async for key, _message in history:
            assert_type(key, MessageKey)
        assert_type(history.cursor, MessageKey | None)


async def resumed(client: TelegramClient) -> None:
    """Going on, and filling holes."""
    cursor = telefast.HistoryCursor.from_json("{}")
    assert_type(cursor.to_json(), str)
    assert_type(BatchedHistory.resume(client, None, cursor), BatchedHistory)
    ids = telefast.ProcessedIds(range(1, 5))
    assert_type(ids.missing(1, 10), list[range])
    async with telefast.Checkpoint("state", every=50) as checkpoint:
        async with BatchedHistory.resume(client, "durov", checkpoint, concurrency=8) as history:
            async for batch in history.batches():
                await checkpoint.ack(batch, note={"size": 5})
        async with BatchedHistory.fill(client, "durov", checkpoint, first=1) as history:
            async for message in history:
                await checkpoint.fail(message, "why")
        assert_type(checkpoint.poisoned(), list[telefast.MessageFailure])
        assert_type(checkpoint.chat(-5).missing(1), list[range])


async def comments(client: TelegramClient, message: Message) -> None:
    """What people wrote under posts."""
    found = Comments(client, "durov", concurrency=4)
    assert_type(await found.group_id(), int | None)
    async with found.walk([message, 5], way="posts") as walk:
        async for post_id, _message in walk:
            assert_type(post_id, int | None)
        assert_type(walk.plan, CommentPlan | None)
    async with found.tie(BatchedHistory(client, -5)) as tied, found.of(5, limit=3) as latest:
        assert_type((await anext(tied)).key, MessageKey)
        assert_type(latest.stats().comments, int)


async def reactions(client: TelegramClient, message: Message) -> None:
    """How people reacted, and who did."""
    collector = ReactionCollector(client, full=True, redact="opaque", key=b"0" * 16)
    assert_type(collector.summarize(message).format(custom={7: "x"}.get), str)
    assert_type(await collector.reactors(None, message), ReactorList)
    assert_type(await collector.refresh("durov", [1, 2]), dict[int, ReactionSummary])
    async with (
        collector.collect(BatchedHistory(client, "durov")) as reacted,
        ReactionsCsvWriter("reactions.csv") as writer,
    ):
        async for item in reacted:
            _, summary, reactors = item
            assert_type(summary, ReactionSummary)
            assert_type(reactors, ReactorList | None)
            assert_type(item.rows(), list[ReactionRow])
            await writer.write(item)


async def forum_files(message: Message, topic: TopicInfo) -> None:
    """Files of a forum."""
    async with ForumLayout("export", message.chat, style="title_id", names={5: "x"}.get) as layout:
        assert_type(layout.last_id(), int)
        assert_type(await layout.write(topic, [message]), TopicFile)
        assert_type(await layout.write_all([topic], [(1, message)]), list[TopicFile])
        assert_type(
            await layout.mark_deleted(telefast.ForumListing((), True, 0, 1, 0)), list[TopicFile]
        )
    metrics = TopicMetrics()
    metrics.add(message)
    assert_type(metrics.participants, int)


async def connections(client: TelegramClient) -> None:
    """Connections to data centres."""
    pool = Pool.of(client)
    assert_type(await pool.prewarm([2, 4], connections=2), dict[int, bool])
    assert_type(pool.stats(), dict[int, PoolStats])
    async with pool.lease(4) as line:
        assert_type(line.in_flight, int)
    assert_type(pool.lines(4)[0].is_alive, bool)
    await pool.aclose()


async def queued(client: TelegramClient, message: Message, item: MediaItem) -> None:
    """What becomes of files, and what they are called."""
    assert_type(file_name(item), str)
    assert_type(folder_name("Ships", -1001), str)
    async with DownloadQueue("queue.db", MediaDownloader(client), files=8) as queue:
        results = queue.download_all([message], "media", subfolder=lambda message, item: None)
        assert_type(results, QueueResults)
        async for result in results:
            assert_type(result, DownloadResult)
        assert_type(await queue.add(message, "media", priority=1), int)
        await queue.wait_all()
        assert_type(queue.stats(), QueueStats)
        assert_type(await queue.failed(), list[QueuedFile])
        async for each in queue.files("done", "skipped"):
            assert_type(each.key, FileKey | None)


def counted(client: TelegramClient) -> None:
    """Metrics, and limits on logs."""
    metrics = telefast.metrics_of(client)
    assert_type(metrics, telefast.Metrics)
    assert_type(metrics["history_requests"], float)
    assert_type(metrics.snapshot(), dict[str, float])
    assert_type(metrics.to_json(), str)
    telefast.use_metrics(client, telefast.NoMetrics())
    telefast.limit_logs(interval=0, burst=3)
    with telefast.RateLimitedLogger(logging.getLogger("mine"), metrics=metrics) as log:
        log.warning("failed id=%d", 7)
        assert_type(log.suppressed, int)


async def downloaded(client: TelegramClient, message: Message) -> None:
    """Files, one or many."""
    downloader = MediaDownloader(client, part_size=512 * 1024, verify=True)
    one = await downloader.download(message, "media/")
    assert_type(one, DownloadResult)
    assert_type(one.path, Path | None)
    async with downloader.download_all(BatchedHistory(client, "durov"), "media") as results:
        assert_type(results, Downloads)
        async for result in results:
            assert_type(result, DownloadResult)


async def forum(client: TelegramClient) -> None:
    """Topics and their messages."""
    walker = ForumWalker(client, "durov", general="scan")
    async for topic in walker.topics():
        assert_type(topic, TopicInfo)
        async for message in walker.history(topic):
            assert_type(message, Message)
    async with walker.split() as split:
        assert_type(split, ForumSplit)
        async for topic_id, _message in split:
            assert_type(topic_id, int)
    plan = await walker.plan()
    assert_type(plan, ForumPlan)
    async with walker.read([7, 5]) as reading:
        assert_type(reading, ForumReading)
    assert_type(await walker.listing(), ForumListing)


async def embedded() -> None:
    """The embedded Telegram."""
    world = World(seed=5)
    channel = world.add_channel("Ships", message_count=250, username="ships")
    assert_type(channel.marked_id, int)
    async with LocalTelegram(world, rtt=0.05) as telegram:
        assert_type(telegram, LocalTelegram)
        assert_type(telegram.client(), TelegramClient)
        assert_type(telegram.requests, Ledger)
        assert_type(telegram.requests["messages.getHistory"], int)
