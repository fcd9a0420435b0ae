"""The queue with the real client: archives, found again, linked, checked without a request."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import (
    BatchedHistory,
    DiskFullError,
    DownloadQueue,
    MediaDedupeCache,
    MediaDownloader,
    folder_name,
)
from telefast.media import sinks
from telefast.media.files import PartFile
from telefast.media.names import key_in
from telefast.testing import LocalTelegram, World, hostile_names, put_media
from telefast.transport.account import Account
from tests.client.media_scene import GET_FILE, KIB, Scene, content, names, scene, sha, whole
from tests.storage.queue_scene import Downloader, post
from tests.storage.queue_scene import run as run_with

GET_MESSAGES = "channels.getMessages"
GET_HISTORY = "messages.getHistory"


async def archive(here: Scene, folder: Path, **options: Any) -> list[Any]:
    """Archive the chat as a user would."""
    async with DownloadQueue(folder / "queue.db", here.downloader(), **options) as queue:
        history = BatchedHistory(here.client, "files")
        async with history, queue.download_all(history, folder / "media") as results:
            return [each async for each in results]


async def test_an_archive(tmp_path: Path) -> None:
    """All files come, whole, by one request a part; again none does, but for one cut short."""
    sizes = [0, 1, 70 * KIB, 700 * KIB, 5]
    async with scene(*sizes, dc_ids=(2, 4)) as here:
        found = await archive(here, tmp_path)
        assert ["done"] * 5 == [each.status for each in found]
        for each in found:
            assert sha(here.content(each.source.id)) == sha(each.path.read_bytes())
        assert 5 == here.counts[GET_FILE], "no part of an empty file, two of the largest"
        again = await archive(here, tmp_path)
        assert ["exists"] * 5 == [each.reason for each in again]
        assert 5 == here.counts[GET_FILE]
        [cut] = [each.path for each in found if each.size == 70 * KIB]
        cut.write_bytes(b"cut")
        assert ["done", *["skipped"] * 4] == sorted(
            each.status for each in await archive(here, tmp_path)
        )
        assert 6 == here.counts[GET_FILE]
        assert 70 * KIB == cut.stat().st_size
        assert ["media", "queue.db", "queue.db.lock"] == names(tmp_path)
        assert 5 == len(names(tmp_path / "media"))


async def test_hostile_names(tmp_path: Path) -> None:
    """Whatever senders write: a file for each document, in its folder; names are recorded."""
    world = World(seed=3)
    title = "../../Ships: 🚢/CON"
    channel = world.add_channel(title, username="files")
    files = [world.file_store.document(100, name) for name in [*hostile_names(), "x", "x", "X"]]
    for document in files:
        put_media(channel, types.MessageMediaDocument(document=document))
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        chat = await client.get_entity("files")
        async with DownloadQueue(None, MediaDownloader(client)) as queue:
            results = queue.download_all(
                BatchedHistory(client, chat),
                tmp_path,
                subfolder=lambda message, item: folder_name(chat.title, message.chat_id),
            )
            assert ["done"] * len(files) == [each.status async for each in results]
            kept = {each.key.id: each async for each in queue.files("done")}
    [name] = names(tmp_path)
    assert folder_name(title, channel.marked_id) == name
    folder = tmp_path / name
    assert len(files) == len(names(folder))
    for document in files:
        [name] = [
            each.file_name
            for each in document.attributes
            if isinstance(each, types.DocumentAttributeFilename)
        ]
        assert name == (kept[document.id].name or "")
        path = Path(kept[document.id].path)
        assert folder == path.parent
        assert document.id == key_in(path.name).id
        assert sha(content(world, document)) == whole(path)


async def test_what_is_left_is_found_again_without_its_history(tmp_path: Path) -> None:
    """One request for the messages of all files that an earlier run has left; no history."""
    async with scene(*[10] * 20) as here:
        async with DownloadQueue(tmp_path / "queue.db", here.downloader()) as queue:
            queue.pause()
            for message in await here.messages():
                await queue.add(message, tmp_path / "media")
        asked = here.counts[GET_HISTORY]
        async with DownloadQueue(tmp_path / "queue.db", here.downloader()) as queue:
            async with queue.download_left() as results:
                found = [each async for each in results]
            assert {"done": 20} == await queue.totals()
        assert ["done"] * 20 == [each.status for each in found]
        assert asked == here.counts[GET_HISTORY]
        assert 1 == here.counts[GET_MESSAGES]
        assert 20 == here.counts[GET_FILE]
        for each in found:
            assert sha(here.content(each.source.origin.message_id)) == sha(each.path.read_bytes())


async def test_what_is_left_and_gone(tmp_path: Path) -> None:
    """A file whose message was deleted meanwhile has failed as `deleted`; the others come."""
    async with scene(10, 10, 10) as here:
        async with DownloadQueue(tmp_path / "queue.db", here.downloader()) as queue:
            queue.pause()
            for message in await here.messages():
                await queue.add(message, tmp_path / "media")
        chat = here.telegram.world.chat((await here.message()).chat_id)
        assert chat is not None
        chat.delete(2)
        async with DownloadQueue(tmp_path / "queue.db", here.downloader()) as queue:
            async for _ in queue.download_left():
                pass
            [failed] = await queue.failed()
            assert (2, "deleted") == (failed.origin.message_id, failed.reason)
            assert {"done": 2, "failed": 1} == await queue.totals()


@pytest.mark.parametrize("mode", ["reuse", "hardlink", "copy"])
async def test_files_that_are_known_elsewhere(mode: Any, tmp_path: Path) -> None:
    """With a cache, another folder gets them without a request; another run finds all there."""
    async with scene(10, 20, 30) as here, MediaDedupeCache(None, link_mode=mode) as known:
        first = await archive(here, tmp_path / "a", dedupe=known)
        assert ["done"] * 3 == [each.status for each in first]
        for _ in range(2):
            second = await archive(here, tmp_path / "b", dedupe=known)
            assert ["exists"] * 3 == [each.reason for each in second]
            for each in second:
                assert sha(here.content(each.source.id)) == sha(each.path.read_bytes())
        assert 3 == here.counts[GET_FILE]
        made = tmp_path / "b" / "media"
        if mode == "reuse":
            assert not list(made.glob("*"))
        else:
            assert 3 == len(names(made))
            [one] = made.glob("0-*")
            status = (tmp_path / "a" / "media" / one.name).stat()
            assert (mode == "hardlink") == os.path.samestat(one.stat(), status)


async def test_a_cache_does_not_hide_what_is_skipped(tmp_path: Path) -> None:
    """A file that is too large is skipped, and is no hit afterwards."""
    async with scene(10, 20) as here, MediaDedupeCache(None) as known:
        downloader = here.downloader(max_size=15)
        async with DownloadQueue(None, downloader, dedupe=known) as queue:
            for _ in range(2):
                messages = await here.messages()
                results = queue.download_all(messages, tmp_path)
                found = {each.source.id: each.reason or each.status async for each in results}
                assert "too large" == found[2]
        assert 1 == here.counts[GET_FILE]


async def test_cancelled_and_gone_on_with(tmp_path: Path) -> None:
    """A run that is cancelled at any moment leaves what the next one completes; no task is left."""
    async with scene(300 * KIB, 10, 300 * KIB) as here:
        for turns in range(0, 600, 60):
            folder = tmp_path / str(turns)
            task = asyncio.ensure_future(archive(here, folder))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            found = await archive(here, folder)
            assert 3 == len(found) == len(names(folder / "media"))
            for each in found:
                assert sha(here.content(each.source.id)) == sha(each.path.read_bytes())
        assert not [each for each in asyncio.all_tasks() if "media/" in repr(each.get_coro())]


async def test_o42_a_full_disk_ends_the_queue_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One error, no further request; with room again, the next run asks for what is missing."""

    class Full(PartFile):
        is_full = True

        def write(self, pieces: Any) -> None:
            if self.is_full and any(offset >= 4 * 64 * KIB for offset, _ in pieces):
                with self._room():
                    raise OSError(errno.ENOSPC, "No space left on device")
            super().write(pieces)

    monkeypatch.setattr(sinks, "PartFile", Full)
    async with scene(*[16 * 64 * KIB] * 6) as here:
        options = {"part_size": 64 * KIB, "memory": 128 * KIB}
        for is_full in (True, False):
            Full.is_full = is_full
            before = here.counts[GET_FILE]
            downloader = here.downloader(**options)
            async with DownloadQueue(tmp_path / "queue.db", downloader, files=2) as queue:
                results = queue.download_all(await here.messages(), tmp_path / "media")
                if is_full:
                    with pytest.raises(DiskFullError):
                        await anext(results)
                    assert {"waiting"} == set(await tally(tmp_path / "queue.db"))
                    assert here.counts[GET_FILE] - before <= 12
                else:
                    assert ["done"] * 6 == [each.status async for each in results]
                    assert here.counts[GET_FILE] - before <= 16 * 6 - 2, "nothing was kept"
        assert 6 == len(names(tmp_path / "media"))


async def tally(path: Path) -> dict[str, int]:
    """Return how many files are in each state, of a queue that may be open."""

    def read() -> dict[str, int]:
        with closing(sqlite3.connect(path)) as base:
            return dict(base.execute("SELECT state, COUNT(*) FROM files GROUP BY state"))

    return await asyncio.to_thread(read)


async def check_again(count: int, tmp_path: Path) -> None:
    """Look at a finished archive, and count what is asked of Telegram."""
    messages = [post(number) for number in range(1, count + 1)]
    await run_with(tmp_path / "queue.db", Downloader(), messages, tmp_path / "media")
    async with scene(10) as here:
        before = here.counts.total
        begun = asyncio.get_running_loop().time()
        found = await run_with(
            tmp_path / "queue.db", here.downloader(), messages, tmp_path / "media"
        )
        seconds = asyncio.get_running_loop().time() - begun
        assert ["exists"] * count == [each.reason for each in found]
        assert before == here.counts.total, "something was asked"
    print(f"{count} files checked in {seconds:.2f} s, 0 requests")


async def test_a_finished_archive_is_checked_without_a_request(tmp_path: Path) -> None:
    """Not one for 1,000 files."""
    await check_again(1_000, tmp_path)


@pytest.mark.slow
async def test_ten_thousand_files_are_checked_without_a_request(tmp_path: Path) -> None:
    """Not one, and in seconds, which are printed."""
    await check_again(10_000, tmp_path)


@pytest.mark.parametrize("count", [1, 3])
async def test_what_is_left_and_protected_by_now(count: int, tmp_path: Path) -> None:
    """The policy of this run decides, by what messages say now: also of those renewed together."""
    async with scene(*[10] * 3) as here:
        async with DownloadQueue(tmp_path / "queue.db", here.downloader()) as queue:
            queue.pause()
            for message in await here.messages():
                await queue.add(message, tmp_path / "media")
        chat = here.telegram.world.chat((await here.message()).chat_id)
        assert chat is not None
        for number in range(1, count + 1):
            raw = chat.message(number)
            raw.noforwards = True
            chat.put(raw)
        async with DownloadQueue(tmp_path / "queue.db", here.downloader(), files=1) as queue:
            found = [each async for each in queue.download_left()]
            kept = [each async for each in queue.files("skipped")]
        assert [("skipped", "protected")] * count == [
            (each.status, each.reason) for each in found if each.status == "skipped"
        ]
        assert ["protected"] * count == [each.reason for each in kept]
        assert 3 - count == here.counts[GET_FILE] == len(list((tmp_path / "media").glob("*")))


async def test_what_is_left_of_another_policy(tmp_path: Path) -> None:
    """What another run was allowed is not fetched by one that is not."""
    async with scene(10) as here:
        chat = here.telegram.world.chat((await here.message()).chat_id)
        assert chat is not None
        raw = chat.message(1)
        raw.noforwards = True
        chat.put(raw)
        allowing = here.downloader(policy=lambda message, item: message.id == 1)
        async with DownloadQueue(tmp_path / "queue.db", allowing) as queue:
            queue.pause()
            assert 1 == await queue.add(await here.message(), tmp_path / "media")
        for downloader, status in ((allowing, "done"), (here.downloader(), "skipped")):
            copy = tmp_path / f"{status}.db"
            copy.write_bytes((tmp_path / "queue.db").read_bytes())
            async with DownloadQueue(copy, downloader) as queue:
                assert [status] == [each.status async for each in queue.download_left()]
                assert {status: 1} == await queue.totals()
        assert 1 == here.counts[GET_FILE]


@pytest.mark.parametrize("is_counting", [False, True])
@pytest.mark.parametrize("whose", ["queue", "downloader", "both"])
async def test_each_hit_of_a_cache_is_counted_once(
    whose: str, is_counting: bool, tmp_path: Path
) -> None:
    """In the metrics of the account, whoever has the cache, and whether that counts there too."""
    async with scene(10, 20) as here:
        metrics = Account.of(here.client).metrics
        async with MediaDedupeCache(None, metrics=metrics if is_counting else None) as known:
            downloader = here.downloader(dedupe=None if whose == "queue" else known)
            for folder in ("a", "b"):
                dedupe = None if whose == "downloader" else known
                async with DownloadQueue(None, downloader, dedupe=dedupe) as queue:
                    messages = await here.messages()
                    results = queue.download_all(messages, tmp_path / folder)
                    assert 2 == len([each async for each in results])
        counted = metrics.snapshot()
        assert (2, 2, 30) == tuple(
            counted[f"dedupe_{name}"] for name in ("hits", "misses", "bytes_saved")
        )
        assert 2 == here.counts[GET_FILE]
