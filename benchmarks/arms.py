"""The pairs that `benchmarks.ablation` compares: the same work, once as it is without, once with.

An arm is an asynchronous generator. What it does before its first `yield` is preparation; then the
clock runs until the second, which gives the answer: both arms of a pair must give the same. It may
write to `Place.folder`, and what lies there afterwards is counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from telethon import TelegramClient
from telethon.tl import types
from telethon.tl.functions.channels import GetFullChannelRequest
from telethon.tl.functions.messages import GetMessageReactionsListRequest

from telefast import (
    BatchedHistory,
    Checkpoint,
    ChunkCodec,
    ChunkStore,
    MediaDedupeCache,
    MediaDownloader,
    MetadataCache,
    Pool,
    RateLimitedLogger,
    ReactionCollector,
    ordered_map,
)

__all__ = ["PAIRS", "Arm", "Pair", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an arm works.

    Attributes:
        client: A connected client of its own.
        chat: The chat of the scene, for requests.
        count: Its messages.
        folder: Empty at first, gone afterwards.
    """

    client: TelegramClient
    chat: Any
    count: int
    folder: Path


Arm = Callable[[Place], AsyncIterator[Any]]


@dataclass(frozen=True, slots=True)
class Pair:
    """One optimisation, off and on.

    Attributes:
        item: Its number in the list that this library began with, "" if it came later.
        title: What it is.
        scene: Which world; see `benchmarks.ablation`.
        off: Without it; None where it is not there yet.
        on: With it.
        said: What is off and on, in words.
    """

    item: str
    title: str
    scene: str
    off: Arm | None
    on: Arm | None
    said: str


# Histories


async def _per_message(messages: Any) -> list[int]:
    """Wait for each message with a deadline of its own, as programs do that fear a hang."""
    ids: list[int] = []
    each = aiter(messages)
    while True:
        try:
            message = await asyncio.wait_for(anext(each), 60)
        except StopAsyncIteration:
            return ids
        ids.append(message.id)


async def _one_by_one(place: Place) -> AsyncIterator[Any]:
    yield None
    yield await _per_message(place.client.iter_messages(place.chat, wait_time=0))


def _batched(*, per_message: bool = False, **options: Any) -> Arm:
    async def arm(place: Place) -> AsyncIterator[Any]:
        yield None
        async with BatchedHistory(place.client, place.chat, **options) as history:
            if per_message:
                yield await _per_message(history)
            else:
                yield [message.id async for message in history]

    return arm


async def _half(place: Place) -> Path:
    """Read half of the chat, keeping track, as a run does that is killed there."""
    path = place.folder / "progress"
    async with (
        Checkpoint(path) as checkpoint,
        BatchedHistory.resume(place.client, place.chat, checkpoint) as history,
    ):
        read = 0
        async for batch in history.batches():
            await checkpoint.ack(batch)
            read += len(batch)
            if read >= place.count // 2:
                break
    return path


async def _again(place: Place) -> AsyncIterator[Any]:
    await _half(place)
    yield None
    async with BatchedHistory(place.client, place.chat) as history:
        yield len([message.id async for message in history])


async def _onward(place: Place) -> AsyncIterator[Any]:
    path = await _half(place)
    yield None
    async with Checkpoint(path) as checkpoint:
        done = sum(len(each.done) for each in checkpoint.chats)
        async with BatchedHistory.resume(place.client, place.chat, checkpoint) as history:
            yield done + len([message.id async for message in history])


# Keeping


def _stored(**options: Any) -> Arm:
    async def arm(place: Place) -> AsyncIterator[Any]:
        yield None
        history = BatchedHistory(place.client, place.chat, batch_size=1000)
        async with ChunkStore(place.folder / "s", codec=ChunkCodec(**options)) as store, history:
            async for batch in history.batches():
                await store.append(batch)
        async with ChunkStore(place.folder / "s", read_only=True) as store:
            yield sorted([number async for chunk in store for number in chunk.ids])

    return arm


# Files


async def _files(place: Place) -> list[Any]:
    found: Any = await place.client.get_messages(place.chat, limit=None)
    return [message for message in found if message.file]


def _digests(folder: Path) -> list[str]:
    files = sorted(folder.glob("*.bin"), key=lambda path: path.name)
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


def _fetched(make: Callable[[Place], Any], *, prepare: Callable[[Place], Any] | None = None) -> Arm:
    """Have each message's file, by a downloader that *make* gives."""

    async def arm(place: Place) -> AsyncIterator[Any]:
        messages = await _files(place)
        if prepare is not None:
            await prepare(place)
        yield None
        downloader = make(place)

        async def one(message: Any) -> object:
            return await downloader.download(message, place.folder / f"{message.id}.bin")

        async def each() -> AsyncIterator[Any]:
            for message in messages:
                yield message

        async with ordered_map(each(), one, concurrency=8) as results:
            async for _ in results:
                pass
        yield _digests(place.folder)

    return arm


async def _cached(place: Place) -> AsyncIterator[Any]:
    async with MediaDedupeCache(link_mode="hardlink") as cache:
        arm = _fetched(lambda at: MediaDownloader(at.client, dedupe=cache))
        async for answer in arm(place):
            yield answer


async def _warmed(place: Place) -> None:
    await Pool.of(place.client).prewarm(SCENE_DCS)


SCENE_DCS: Final = (2, 1, 4)
"""Where the photos lie, the client's home first."""


# Facts


async def _asked(place: Place) -> AsyncIterator[Any]:
    channel: Any = types.InputChannel(place.chat.channel_id, place.chat.access_hash)
    yield None
    counts = []
    for _ in range(20):
        await place.client(GetFullChannelRequest(channel))
        found: Any = await place.client.get_messages(place.chat, limit=0)
        counts.append(found.total)
    yield counts


async def _known(place: Place) -> AsyncIterator[Any]:
    yield None
    cache = MetadataCache(place.client)
    counts = []
    for _ in range(20):
        await cache.full(place.chat)
        counts.append((await cache.message_count(place.chat)).value)
    yield counts


async def _each_listed(place: Place) -> AsyncIterator[Any]:
    yield None
    people = 0
    async with BatchedHistory(place.client, place.chat) as history:
        async for message in history:
            offset: str | None = "" if message.reactions else None
            while offset is not None:
                request = GetMessageReactionsListRequest(
                    place.chat, message.id, 100, offset=offset or None
                )
                found: Any = await place.client(request)
                people += len(found.reactions)
                offset = found.next_offset
    yield people


async def _collected(place: Place) -> AsyncIterator[Any]:
    yield None
    people = 0
    collector = ReactionCollector(place.client, full=True)
    async with (
        BatchedHistory(place.client, place.chat) as history,
        collector.collect(history) as reacted,
    ):
        async for _, _, reactors in reacted:
            people += len(reactors.items) if reactors else 0
    yield people


def _logged(*, is_limited: bool) -> Arm:
    """Read the chat, and have something to warn of with each message."""

    async def arm(place: Place) -> AsyncIterator[Any]:
        logger = logging.getLogger("benchmarks.log")
        handler = logging.FileHandler(place.folder / "log.txt")
        logger.addHandler(handler)
        yield None
        ids = []
        with RateLimitedLogger(logger) if is_limited else nullcontext(logger) as log:
            async with BatchedHistory(place.client, place.chat) as history:
                async for message in history:
                    ids.append(message.id)
                    log.warning("odd: %d", message.id)
        handler.close()
        yield ids

    return arm


PAIRS: Final[dict[str, Pair]] = {
    "batched": Pair(
        "1",
        "batched fetch",
        "chat",
        _one_by_one,
        _batched(concurrency=1),
        "iter_messages and a wait_for for each message; BatchedHistory, one request at a time",
    ),
    "dedupe": Pair(
        "2",
        "media dedupe",
        "reposts",
        _fetched(lambda place: MediaDownloader(place.client)),
        _cached,
        "no cache; MediaDedupeCache",
    ),
    "compression": Pair(
        "3",
        "compressed chunks",
        "chat",
        _stored(compression="none"),
        _stored(),
        "compression none; zstd",
    ),
    "timeouts": Pair(
        "4",
        "deadlines for batches",
        "chat",
        _batched(per_message=True, timeout=None),
        _batched(),
        "a wait_for for each message; a deadline for each request",
    ),
    "schema": Pair("5", "light schema", "chat", _stored(), _stored(schema="light"), "full; light"),
    "parts": Pair(
        "6",
        "part size and connections",
        "film",
        _fetched(
            lambda place: MediaDownloader(place.client, part_size=128 * 1024, max_connections=1)
        ),
        _fetched(lambda place: MediaDownloader(place.client)),
        "parts of 128 KiB over one connection; PartSizeTuner",
    ),
    "metadata": Pair(
        "7", "metadata cache", "chat", _asked, _known, "asked 20 times; MetadataCache"
    ),
    "resume": Pair(
        "8",
        "exact processed ids",
        "chat",
        _again,
        _onward,
        "a run that was stopped half-way begins again; goes on from its Checkpoint",
    ),
    "logs": Pair(
        "9",
        "limited logging",
        "chat",
        _logged(is_limited=False),
        _logged(is_limited=True),
        "a line for each message; RateLimitedLogger",
    ),
    "prewarm": Pair(
        "10",
        "warm data centres",
        "photos",
        _fetched(lambda place: MediaDownloader(place.client)),
        _fetched(lambda place: MediaDownloader(place.client), prepare=_warmed),
        "first files of three data centres; after Pool.prewarm",
    ),
    "prefetch": Pair(
        "",
        "requests in flight",
        "chat",
        _batched(concurrency=1),
        _batched(),
        "one request in flight; 8 (default)",
    ),
    "reactions": Pair(
        "",
        "who reacted",
        "reactions",
        _each_listed,
        _collected,
        "asked about each message with reactions; ReactionCollector",
    ),
    "shards": Pair("", "sharded export", "chat", None, None, "one worker; several"),
}
"""What can be switched, by name; the wish list's ten first."""
