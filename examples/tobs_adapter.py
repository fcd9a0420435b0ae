"""Keep TOBS' method names, on telefast: its manager, downloader, download queue and cache manager.

TOBS is an exporter (https://github.com/abshka/tobs); docs/howto/tobs.md says which of its modules
each of these replaces. Run it again: what is there is not fetched again, also after a kill.

Without an account, from an embedded Telegram:

    python examples/tobs_adapter.py

From your own account, with what https://my.telegram.org gave you (Telethon asks for your phone
number at the first run):

    TELEGRAM_API_ID=... TELEGRAM_API_HASH=... python examples/tobs_adapter.py durov --session me
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from telethon import TelegramClient, utils

import telefast
from telefast import BatchedHistory, Checkpoint, ForumWalker
from telefast.testing import LocalTelegram, World


@dataclass(frozen=True)
class Topic:
    """A topic, by TOBS' names; its count is None where Telegram did not tell it."""

    topic_id: int
    title: str
    created_date: datetime | None
    is_closed: bool
    is_pinned: bool
    message_count: int | None


class TobsManager:
    """Stands for TOBS' manager of messages; errors are raised, and are never an empty answer."""

    def __init__(self, client: TelegramClient) -> None:
        self.client = client
        self.metadata = telefast.MetadataCache(client)
        self._walkers: dict[Any, ForumWalker] = {}

    def fetch_messages(
        self,
        entity: Any,
        limit: int | None = None,
        min_id: int | None = None,
        *,
        checkpoint: Checkpoint | None = None,
    ) -> BatchedHistory:
        """Return the messages above *min_id*, oldest first, service messages included.

        It is for `async for`, as TOBS' is. With a checkpoint it goes on where that stands.
        """
        options: dict[str, Any] = {"limit": limit, "min_id": min_id or 0, "reverse": True}
        if checkpoint is None:
            return BatchedHistory(self.client, entity, **options)
        return BatchedHistory.resume(self.client, entity, checkpoint, **options)

    def get_topic_messages_stream(
        self, entity: Any, topic_id: int, limit: int | None = None, min_id: int | None = None
    ) -> BatchedHistory:
        """Return the messages of a topic, oldest first, with the one that began it."""
        return self._walker(entity).history(topic_id, limit, min_id=min_id or 0)

    async def get_forum_topics(self, entity: Any) -> list[Topic]:
        """Return all topics, each with its count; one that cannot be counted has None, not 0."""
        walker = self._walker(entity)
        listing = await walker.listing()
        if not listing.complete:
            raise listing.problem or telefast.RemoteError("the list of topics is not complete")
        found = (await walker.counts(listing.topics)).found
        counts = {topic_id: count.value for topic_id, count in found.items()}
        return [
            Topic(each.id, each.title, each.date, each.closed, each.pinned, counts.get(each.id))
            for each in listing.topics
        ]

    async def get_total_message_count(self, entity: Any) -> int:
        """Return how many messages a chat has; 0 means that it is empty, and nothing else."""
        count = await self.metadata.message_count(entity)
        if count.value is None:
            raise telefast.RemoteError("Telegram does not say how many messages there are")
        return count.value

    def get_worker_stats(self) -> dict[str, Any]:
        """Return the connections to each data centre, and all that was counted."""
        centres = telefast.Pool.of(self.client).stats()
        return {
            "workers": sum(each.connections for each in centres.values()),
            "data_centres": {dc_id: dataclasses.asdict(each) for dc_id, each in centres.items()},
            "counters": telefast.metrics_of(self.client).snapshot(),
        }

    def _walker(self, entity: Any) -> ForumWalker:
        key = entity if isinstance(entity, int | str) else utils.get_peer_id(entity)
        if key not in self._walkers:
            self._walkers[key] = ForumWalker(self.client, entity, metadata=self.metadata)
        return self._walkers[key]


class TobsCache:
    """Stands for TOBS' cache manager: values by key, and which files are here."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.files = telefast.MediaDedupeCache(folder / "files.db")
        self._values = sqlite3.connect(folder / "values.db")
        with self._values as values:
            values.execute("CREATE TABLE IF NOT EXISTS kept (key PRIMARY KEY, json, ends)")

    async def get(self, key: str, default: Any = None) -> Any:
        """Return what `set` was given: what JSON can hold, of the same type."""
        query = "SELECT json FROM kept WHERE key = ? AND (ends IS NULL OR ends > ?)"
        row = self._values.execute(query, (key, time.time())).fetchone()
        return default if row is None else json.loads(row[0])

    async def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Keep a value, for *ttl* seconds or for ever; it is on the disk, or was not changed."""
        row = key, json.dumps(value), None if ttl is None else time.time() + ttl
        with self._values as values:
            values.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", row)

    async def get_file_path(self, file_key: str) -> str | None:
        """Return where a file is, if it is there and whole; the key is `str(file_key(message))`."""
        path = await self.files.get(telefast.FileKey.parse(file_key))
        return None if path is None else str(path)

    async def store_file_path(self, file_key: str, path: str) -> None:
        """Remember where a file is."""
        await self.files.put(telefast.FileKey.parse(file_key), path)

    async def __aenter__(self) -> Self:
        await self.files.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        self._values.close()
        await self.files.aclose()


class TobsDownloader:
    """Stands for TOBS' downloader: the whole file or an error, and each file once."""

    def __init__(self, client: TelegramClient, cache: TobsCache, folder: Path) -> None:
        self.cache = cache
        self.folder = folder
        self.engine = telefast.MediaDownloader(client)

    async def download_media(
        self,
        message: Any,
        progress_queue: asyncio.Queue[dict[str, Any]] | None = None,
        task_id: str | None = None,
    ) -> Path | None:
        """Return where the file is; None if the message has none, or none that may be saved.

        Progress is news: what finds no room in its queue is dropped, and holds nothing up.
        """

        def tell(received: int, size: int | None) -> None:
            if progress_queue is not None:
                news = {"task_id": task_id, "received": received, "total": size}
                with contextlib.suppress(asyncio.QueueFull):
                    progress_queue.put_nowait(news)

        if not telefast.items_of(message):
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        result = await self.engine.download(
            message, self.folder, progress=tell, dedupe=self.cache.files
        )
        return result.path


class TobsQueue:
    """Stands for TOBS' download queue: it survives a restart, and a retry counts as pending.

    Files get names of their own in the folder of *output_path*: no two messages share one.
    """

    def __init__(self, downloader: TobsDownloader, path: Path, max_workers: int = 16) -> None:
        self._queue = telefast.DownloadQueue(
            path, downloader.engine, dedupe=downloader.cache.files, files=max_workers
        )

    async def start(self) -> None:
        """Open it; what an earlier run has left comes first."""
        await self._queue.open()
        async with self._queue.download_left() as left:
            async for _ in left:
                pass

    async def enqueue(
        self, message: Any, entity_id: str | int, output_path: Path, media_type: str = "media"
    ) -> str:
        """Put the files of a message in; it waits only while a thousand files are pending."""
        if telefast.items_of(message):
            await self._queue.add(message, output_path.parent)
        return f"{entity_id}_{message.id}_{media_type}"

    async def wait_all(self, timeout: float | None = None) -> bool:
        """Wait until nothing is pending; False if that takes longer."""
        try:
            async with asyncio.timeout(timeout):
                await self._queue.wait_all()
        except TimeoutError:
            return False
        return True

    async def stop(self, wait_for_completion: bool = True) -> None:
        """Close it; what is pending then comes in the next run."""
        try:
            if wait_for_completion:
                await self._queue.wait_all()
        finally:
            await self._queue.aclose()

    def get_stats_summary(self) -> dict[str, int]:
        """Return what this run has done, and what is pending."""
        return dataclasses.asdict(self._queue.stats())


def to_line(message: Any) -> bytes:
    """Return a line of JSON; stands for whatever you do with a message."""
    return json.dumps({"id": message.id, "text": message.text}).encode() + b"\n"


async def export(client: TelegramClient, chat: str, folder: Path) -> Counter[str]:
    """Export a chat with its files, as TOBS does; return what was done."""
    found: Counter[str] = Counter()
    async with TobsCache(folder) as cache, Checkpoint(folder / "progress") as checkpoint:
        manager = TobsManager(client)
        queue = TobsQueue(TobsDownloader(client, cache, folder), folder / "queue.db")
        await queue.start()
        try:
            progress = checkpoint.chat(await client.get_peer_id(chat))
            with (folder / "messages.jsonl").open("a+b") as lines:
                lines.truncate(progress.note or 0)  # what was written and not acknowledged
                async with manager.fetch_messages(chat, checkpoint=checkpoint) as stream:
                    async for batch in stream.batches():
                        for message in batch.messages:
                            lines.write(to_line(message))
                            await queue.enqueue(message, chat, folder / "media" / "file")
                        lines.flush()
                        os.fsync(lines.fileno())
                        await checkpoint.ack(batch, note=lines.tell())
                        found["messages"] += len(batch.messages)
            found["of"] = await manager.get_total_message_count(chat)
            if (await manager.metadata.full(chat)).is_forum:
                found["topics"] = len(await manager.get_forum_topics(chat))
            await queue.wait_all()
            found["files"] = queue.get_stats_summary()["done"]
        finally:
            await queue.stop(wait_for_completion=False)
    return found


async def main() -> None:
    """Export from the account that `--session` names, else from an embedded Telegram."""
    parser = argparse.ArgumentParser(description="Export a chat through TOBS' method names.")
    parser.add_argument("chat", nargs="?", default="harbour")
    parser.add_argument("--session", help="a Telethon session; none for the embedded Telegram")
    parser.add_argument("--out", type=Path, default=Path("tobs"))
    args = parser.parse_args()

    if args.session is not None:
        api_id, api_hash = int(os.environ["TELEGRAM_API_ID"]), os.environ["TELEGRAM_API_HASH"]
        async with TelegramClient(args.session, api_id, api_hash) as client:
            found = await export(client, args.chat, args.out)
    else:
        world = World(seed=7)
        world.add_forum("Harbour", topics=12, message_count=200, username="harbour")
        async with LocalTelegram(world) as telegram, telegram.client() as client:
            found = await export(client, args.chat, args.out)
            found["file requests"] = telegram.requests["upload.getFile"]
    print(", ".join(f"{name}: {count}" for name, count in found.items()))


if __name__ == "__main__":
    asyncio.run(main())
