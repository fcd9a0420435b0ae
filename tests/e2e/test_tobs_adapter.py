"""`examples/tobs_adapter.py`: each method name of TOBS that it keeps does what TOBS meant by it."""

from __future__ import annotations

import asyncio
import runpy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from telethon.errors import ChannelPrivateError

import telefast
from telefast.testing import ErrorOn, LocalTelegram, Rule, World

ROOT = Path(__file__).parents[2]
GET_FILE = "upload.getFile"

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the example defines."""
    return runpy.run_path(str(ROOT / "examples/tobs_adapter.py"))


@dataclass
class Scene:
    """A forum and a client; *ids* are those of its messages, oldest first."""

    telegram: LocalTelegram
    client: Any
    ids: list[int]


@asynccontextmanager
async def harbour(*rules: Rule) -> AsyncIterator[Scene]:
    """Build a forum of 300 messages in 8 topics and General."""
    world = World(seed=7)
    forum = world.add_forum("Harbour", topics=8, message_count=300, username="harbour")
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        yield Scene(telegram, client, sorted(forum.ids))


async def _ids(stream: Any) -> list[int]:
    return [message.id async for message in stream]


async def test_fetch_messages(names: dict[str, Any]) -> None:
    """Oldest first, the oldest ones of a limit, and what lies above an id."""
    async with harbour() as here:
        manager = names["TobsManager"](here.client)
        assert here.ids == await _ids(manager.fetch_messages("harbour"))
        assert here.ids[:7] == await _ids(manager.fetch_messages("harbour", limit=7))
        above = manager.fetch_messages("harbour", limit=None, min_id=here.ids[249])
        assert here.ids[250:] == await _ids(above)
        assert [] == await _ids(manager.fetch_messages("harbour", min_id=here.ids[-1]))


async def test_topics(names: dict[str, Any]) -> None:
    """All are listed and counted; their streams are the chat, and go on above an id."""
    async with harbour() as here:
        manager = names["TobsManager"](here.client)
        topics = await manager.get_forum_topics("harbour")
        assert 9 == len({topic.topic_id for topic in topics})
        assert all(topic.title and topic.message_count is not None for topic in topics)
        streams = [
            await _ids(manager.get_topic_messages_stream("harbour", topic.topic_id))
            for topic in topics
        ]
        assert here.ids == sorted(id_ for stream in streams for id_ in stream)
        assert all(stream == sorted(stream) for stream in streams)
        last, ids = topics[-1].topic_id, streams[-1]
        rest = manager.get_topic_messages_stream("harbour", last, limit=2, min_id=ids[0])
        assert ids[1:3] == await _ids(rest)


async def test_counts(names: dict[str, Any]) -> None:
    """The count is Telegram's; what cannot be counted is its error and no 0."""
    async with harbour() as here:
        assert 300 == await names["TobsManager"](here.client).get_total_message_count("harbour")
    closed = ErrorOn("messages.getHistory", 400, "CHANNEL_PRIVATE")
    async with harbour(closed) as here:
        with pytest.raises(ChannelPrivateError):
            await names["TobsManager"](here.client).get_total_message_count("harbour")


async def test_download_media(names: dict[str, Any], tmp_path: Path) -> None:
    """Whole files with news of them; again, from another message, or another run: no transfer."""
    async with harbour() as here:
        manager = names["TobsManager"](here.client)
        messages = [message async for message in manager.fetch_messages("harbour")]
        with_files = [m for m in messages if m.file and (m.file.size or 0) > 100_000][:5]
        bare = next(message for message in messages if not telefast.items_of(message))
        async with names["TobsCache"](tmp_path) as cache:
            downloader = names["TobsDownloader"](here.client, cache, tmp_path / "media")
            assert await downloader.download_media(bare) is None
            news: asyncio.Queue[dict[str, Any]] = asyncio.Queue(maxsize=1)
            paths = [await downloader.download_media(m, news, "task 1") for m in with_files]
            sizes = [message.file.size for message in with_files]
            assert sizes == [path.stat().st_size for path in paths]
            first = news.get_nowait()  # the queue was full from then on, and nothing waited
            assert ("task 1", sizes[0]) == (first["task_id"], first["total"])
            asked = here.telegram.requests[GET_FILE]
            assert paths == [await downloader.download_media(m) for m in with_files]
            stats = manager.get_worker_stats()
        async with names["TobsCache"](tmp_path) as cache:
            downloader = names["TobsDownloader"](here.client, cache, tmp_path / "elsewhere")
            assert paths == [await downloader.download_media(m) for m in with_files]
        assert asked == here.telegram.requests[GET_FILE]
    assert stats["workers"] == sum(one["connections"] for one in stats["data_centres"].values()) > 0
    assert 5 == stats["counters"]["media_files"]
    assert 5 == stats["counters"]["dedupe_hits"]


async def test_cache_manager(names: dict[str, Any], tmp_path: Path) -> None:
    """Values come back as they were, in another run as well, until they expire; so do files."""
    file, key = tmp_path / "a.bin", str(telefast.FileKey("document", 5))
    file.write_bytes(b"12345")
    values = {"text": "[1, 2]", "number": 0, "nothing": None, "list": [1, {"a": "ü"}], "": ""}
    async with names["TobsCache"](tmp_path) as cache:
        for name, value in values.items():
            await cache.set(name, value)
        await cache.set("soon over", 1, ttl=0)
        await cache.set("not soon", 2, ttl=3600)
        with pytest.raises(TypeError):
            await cache.set("number", b"bytes")
        assert await cache.get_file_path(key) is None
        await cache.store_file_path(key, str(file))
    async with names["TobsCache"](tmp_path) as cache:
        assert values == {name: await cache.get(name, "gone") for name in values}
        assert ("gone", 2) == (await cache.get("soon over", "gone"), await cache.get("not soon"))
        assert str(file) == await cache.get_file_path(key)
        file.unlink()
        assert await cache.get_file_path(key) is None


async def test_download_queue(names: dict[str, Any], tmp_path: Path) -> None:
    """Files come in the background; what was not waited for comes in the next run, by itself."""
    async with harbour() as here:
        manager = names["TobsManager"](here.client)
        found = [m async for m in manager.fetch_messages("harbour") if telefast.items_of(m)]
        output = tmp_path / "media" / "file"
        async with names["TobsCache"](tmp_path) as cache:
            downloader = names["TobsDownloader"](here.client, cache, tmp_path)
            queue = names["TobsQueue"](downloader, tmp_path / "queue.db")
            await queue.start()
            assert f"harbour_{found[0].id}_photo" == await queue.enqueue(
                found[0], "harbour", output, "photo"
            )
            assert await queue.wait_all()
            assert 1 == queue.get_stats_summary()["done"]
            for message in found[1:4]:
                await queue.enqueue(message, "harbour", output)
            assert not await queue.wait_all(timeout=0)
            await queue.stop(wait_for_completion=False)
            queue = names["TobsQueue"](downloader, tmp_path / "queue.db")
            await queue.start()
            summary = queue.get_stats_summary()
            assert (0, 0) == (summary["waiting"], summary["failed"])
            await queue.stop()
        keys = {str(telefast.file_key(message)) for message in found[:4]}
        files = {path.name for path in output.parent.iterdir()}
        assert len(keys) == len(files)
        assert all(any(key in name for name in files) for key in keys)
