"""Files that are here already, with the real client: what is asked of the embedded Telegram."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import (
    DedupeResult,
    DownloadResult,
    FloodWaitTooLongError,
    MediaDedupeCache,
    MediaDownloader,
)
from telefast.media.keys import FileKey
from telefast.testing import ErrorOn, LocalTelegram, World, put_media
from telefast.transport.account import Account
from tests.client.media_scene import GET_FILE, KIB, MIB, PART, Scene, names, scene, sha
from tests.storage.managers import AsyncManager


@asynccontextmanager
async def reposts(copies: int = 2, size: int = 700 * KIB, **options: Any) -> AsyncIterator[Scene]:
    """One document in several messages of two chats."""
    world = World(seed=7, user_count=3, dc_ids=(2,))
    document = world.file_store.document(size, "video.mp4", dc_id=2)
    channel = world.add_channel("Files", username="files")
    other = world.add_channel("Other", username="other")
    for number in range(copies):
        put_media(
            channel if number % 2 == 0 else other, types.MessageMediaDocument(document=document)
        )
    async with LocalTelegram(world, **options) as telegram, telegram.client() as client:
        yield Scene(telegram, client, [document])
        await Account.of(client).aclose()


async def both(here: Scene) -> list[Any]:
    """Return all messages of both chats."""
    found = []
    for chat in ("files", "other"):
        found += [each async for each in here.client.iter_messages(chat) if each.file]
    return found


async def test_two_messages_with_one_document_give_the_same_path_and_one_transfer(
    tmp_path: Path,
) -> None:
    """In two chats, with stock Telethon's own download: each part is asked for once."""
    async with reposts() as here, MediaDedupeCache(tmp_path / "files.db") as cache:
        first, second = await both(here)
        found = [
            await cache.get_or_download(each, lambda each=each: each.download_media(str(tmp_path)))
            for each in (first, second)
        ]
        path = tmp_path / "video.mp4"
        key = FileKey("document", here.files[0].id)
        assert found == [
            DedupeResult(path, False, key, 0),
            DedupeResult(path, True, key, 700 * KIB, "reuse"),
        ]
        assert sum(limit for _, limit in here.asked) < 2 * 700 * KIB
        assert len(here.asked) == len(set(here.asked))
        assert sha(path.read_bytes()) == sha(here.content(1))


async def test_persistence_across_runs_with_a_stubbed_cache_manager(tmp_path: Path) -> None:
    """Another run, another client, another account: nothing is asked for again."""
    manager = AsyncManager()
    async with reposts() as here:
        results = []
        for account in range(2):
            user = here.telegram.world.add_account() if account else None
            async with here.telegram.client(account=user) as client:
                message = (await client.get_messages("files", 1))[0]
                cache = MediaDedupeCache(manager)
                downloader = MediaDownloader(client, part_size=PART, dedupe=cache)
                results.append(await downloader.download(message, tmp_path / "a"))
                await Account.of(client).aclose()
        assert [each.status for each in results] == ["done", "skipped"]
        assert here.counts[GET_FILE] == 2


async def test_o52_one_document_in_20_messages_asked_for_at_once(tmp_path: Path) -> None:
    """One transfer, 20 results with one path."""
    async with reposts(20) as here:
        downloader = here.downloader(part_size=PART, dedupe=MediaDedupeCache())
        messages = await both(here)
        assert len(messages) == 20
        found = await asyncio.gather(
            *(
                downloader.download(each, tmp_path / f"{number}")
                for number, each in enumerate(messages)
            )
        )
        assert len({each.path for each in found}) == 1
        assert sorted(each.status for each in found) == ["done"] + ["skipped"] * 19
        assert {each.reason for each in found} == {None, "exists"}
        assert {each.size for each in found} == {700 * KIB}
        assert here.counts[GET_FILE] == 2
        metrics = Account.of(here.client).metrics
        assert metrics["dedupe_hits"] == 19
        assert metrics["dedupe_misses"] == 1
        assert metrics["dedupe_bytes_saved"] == 19 * 700 * KIB
        assert len(names(tmp_path)) == 1


async def test_o52_a_download_that_its_first_caller_gives_up(tmp_path: Path) -> None:
    """The first of those who ask is cancelled in mid-transfer: the parts go on for the second."""
    async with reposts(rtt=0.02, size=4 * MIB) as here:
        cache = MediaDedupeCache()
        downloader = here.downloader(dedupe=cache, part_size=64 * KIB, memory=128 * KIB)
        first, second = await both(here)
        tasks = [asyncio.ensure_future(downloader.download(first, tmp_path / "0"))]
        await here.counts.until(lambda counts: counts[GET_FILE] >= 2)
        tasks.append(asyncio.ensure_future(downloader.download(second, tmp_path / "1")))
        [flight] = cache._flights._flights.values()
        for _ in iter(lambda: flight._waiting < 2, False):
            await asyncio.sleep(0)
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        result = await tasks[1]
        assert (result.path, result.reason) == (tmp_path / "0", "exists")
        assert len(here.asked) == len(set(here.asked)) == 64
        assert sha((tmp_path / "0").read_bytes()) == sha(here.content(1))


async def test_a_failed_download_is_not_remembered(tmp_path: Path) -> None:
    """A flood that is too long ends it: another message of the file is no hit."""
    async with reposts(rules=(ErrorOn(GET_FILE, 420, "FLOOD_WAIT_100", nth=1),)) as here:
        cache = MediaDedupeCache()
        first, second = await both(here)
        with pytest.raises(FloodWaitTooLongError):
            await here.downloader(dedupe=cache, max_flood_wait=1).download(first, tmp_path / "a")
        assert await cache.get(second) is None


@pytest.mark.parametrize("mode", ["hardlink", "copy"])
async def test_each_message_has_its_file_where_hits_are_linked(mode: Any, tmp_path: Path) -> None:
    """Other names for the same bytes: one transfer, as many whole files as were asked for."""
    async with reposts(4) as here:
        downloader = here.downloader(part_size=PART, dedupe=MediaDedupeCache(link_mode=mode))
        for number, message in enumerate(await both(here)):
            result = await downloader.download(message, tmp_path / f"{number}")
            assert result.path == tmp_path / f"{number}"
            assert sha(result.path.read_bytes()) == sha(here.content(1))
        assert names(tmp_path) == ["0", "1", "2", "3"]
        assert here.counts[GET_FILE] == 2
        inodes = {(tmp_path / f"{number}").stat().st_ino for number in range(4)}
        assert len(inodes) == (1 if mode == "hardlink" else 4)


async def test_what_is_there_without_the_cache_is_remembered(tmp_path: Path) -> None:
    """A folder of an earlier run: no request, and its files are hits elsewhere from then on."""
    async with reposts() as here:
        first, second = await both(here)
        await here.downloader().download(first, tmp_path / "a")
        before = here.counts[GET_FILE]
        downloader = here.downloader(part_size=PART, dedupe=MediaDedupeCache(link_mode="copy"))
        for _ in range(2):
            again = await downloader.download(first, tmp_path / "a")
            assert again == DownloadResult(
                "skipped", again.item, tmp_path / "a", 700 * KIB, "exists"
            )
        other = await downloader.download(second, tmp_path / "b")
        assert (other.path, other.reason) == (tmp_path / "b", "exists")
        assert here.counts[GET_FILE] == before
        inode = (tmp_path / "b").stat().st_ino
        for mode in ("reuse", "copy"):  # known at one place, and there at another: it stays
            cache = MediaDedupeCache(link_mode=mode)  # type: ignore[arg-type]
            await cache.put(first, tmp_path / "a")
            found = await here.downloader(dedupe=cache).download(second, tmp_path / "b")
            assert (found.path, found.reason) == (tmp_path / "b", "exists")
            assert (tmp_path / "b").stat().st_ino == inode


async def test_what_the_cache_is_not_asked_for(tmp_path: Path) -> None:
    """Targets that are no paths, `overwrite`, and files that are skipped."""
    async with reposts() as here:
        cache = MediaDedupeCache()
        downloader = here.downloader(part_size=PART, dedupe=cache)
        message = (await both(here))[0]
        await downloader.download(message, bytes)
        await downloader.download(message, io.BytesIO())
        await downloader.download(message, tmp_path / "a", overwrite=True)
        assert here.counts[GET_FILE] == 6
        assert (cache.stats().hits, cache.stats().misses) == (0, 0)
        small = here.downloader(max_size=5, dedupe=cache)
        assert (await small.download(message, tmp_path / "b")).reason == "too large"
        assert cache.stats().misses == 0


async def test_a_cache_for_one_download(tmp_path: Path) -> None:
    """Given to `download`, it takes the place of the downloader's own."""
    async with reposts() as here:
        first, second = await both(here)
        own, other = MediaDedupeCache(), MediaDedupeCache()
        downloader = here.downloader(dedupe=own)
        await downloader.download(first, tmp_path / "a", dedupe=other)
        assert (own.stats().misses, other.stats().misses) == (0, 1)
        assert (await downloader.download(second, tmp_path / "b", dedupe=other)).status == "skipped"


async def test_a_cache_within_a_cache_does_not_wait_for_itself(tmp_path: Path) -> None:
    """A program that asks the cache, and downloads by a downloader that asks it as well."""
    async with reposts() as here:
        cache = MediaDedupeCache()
        downloader = here.downloader(part_size=PART, dedupe=cache)
        for message in await both(here):
            found = await cache.get_or_download(
                message, lambda message=message: downloader.download(message, tmp_path / "a")
            )
            assert found.path == tmp_path / "a"
        assert here.counts[GET_FILE] == 2


async def test_o51_equal_bytes_under_two_ids(tmp_path: Path) -> None:
    """Two uploads of the same bytes: two transfers, one file; all results lead to it."""
    async with scene(b"hello" * 1000, b"hello" * 1000, b"other" * 1000) as here:
        downloader = here.downloader(part_size=PART, dedupe=MediaDedupeCache(contents=True))
        async with downloader.download_all(await here.messages(), tmp_path, files=1) as results:
            found = [each async for each in results]
        assert [each.status for each in found] == ["done"] * 3
        assert found[0].path == found[1].path != found[2].path
        assert len(names(tmp_path)) == 2
        for number, each in enumerate(found, 1):
            assert each.path is not None
            assert sha(each.path.read_bytes()) == sha(here.content(number))


async def test_o54_equal_names_are_all_kept(tmp_path: Path) -> None:
    """Two files of one name and size in one chat, of different bytes: both are there."""
    world = World(seed=7, user_count=3, dc_ids=(2,))
    channel = world.add_channel("Files", username="files")
    data = [b"one" * 1000, b"two" * 1000]
    for each in data:
        document = world.file_store.add(each, "video.mp4", dc_id=2)
        put_media(channel, types.MessageMediaDocument(document=document))
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        downloader = MediaDownloader(client, dedupe=MediaDedupeCache())
        async with downloader.download_all(client.iter_messages("files"), tmp_path) as results:
            found = [each async for each in results]
        assert sorted(each.path.read_bytes() for each in found if each.path) == data
        await Account.of(client).aclose()


async def test_o53_a_file_that_was_cut_is_fetched_again(tmp_path: Path) -> None:
    """Behind the cache's back; the exact bytes are there again."""
    async with reposts() as here, MediaDedupeCache(tmp_path / "files.db") as cache:
        first, second = await both(here)
        downloader = here.downloader(part_size=PART, dedupe=cache)
        path = tmp_path / "a"
        await downloader.download(first, path)
        path.write_bytes(path.read_bytes()[:-1])
        result = await downloader.download(second, path)
        assert (result.status, result.path) == ("done", path)
        assert sha(path.read_bytes()) == sha(here.content(1))
        assert here.counts[GET_FILE] == 4
        assert cache.stats().stale == 1
