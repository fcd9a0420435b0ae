"""Every kind of media, downloaded: the right file of it, or a reason and no request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import MediaDownloader, MediaItem, SkippedItem, items_of
from telefast.media.origins import MessageOrigin
from telefast.testing import (
    DataCentre,
    LocalTelegram,
    Rule,
    World,
    put_media,
    sample_media,
    virtual_time,
)
from telefast.testing.rpc import Call
from telefast.transport.account import Account
from tests.client.media_scene import GET_FILE, KIB, names, scene, sha


class Scene:
    """Messages of one channel, the oldest first, and a downloader."""

    def __init__(self, telegram: LocalTelegram, client: Any, messages: list[Any]) -> None:
        self.telegram, self.client, self.messages = telegram, client, messages
        self.counts: Any = telegram.requests
        self.downloader = MediaDownloader(client)

    async def all(self, folder: Path, **options: Any) -> list[Any]:
        """Return the results of all files, in order."""
        stream = self.downloader.download_all(self.messages, folder, ordered=True, **options)
        return [each async for each in stream]


@asynccontextmanager
async def shown(*kinds: str) -> AsyncIterator[Scene]:
    """Build messages that show samples of *kinds*; the same name shows the same media again."""
    world = World(seed=23, user_count=5)
    channel = world.add_channel("Files", username="files")
    made = {kind: sample_media(world, kind) for kind in dict.fromkeys(kinds)}
    put_media(channel, *(made[kind] for kind in kinds))
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = list(reversed(await client.get_messages("files", len(kinds))))
        yield Scene(telegram, client, messages)
        await Account.of(client).aclose()


@pytest.mark.parametrize("kind", ["photo", "photo:any-order"])
async def test_o35_of_a_photo_the_largest_real_size(kind: str, tmp_path: Path) -> None:
    """Whatever the order of its sizes, and though some are blurred, cached or say no size."""
    async with shown(kind) as here:
        [result] = await here.all(tmp_path)
        sizes = here.messages[0].photo.sizes
        [largest] = [
            each for each in sizes if isinstance(each, types.PhotoSize) and each.type == "w"
        ]
        assert (result.status, result.size) == ("done", largest.size)
        assert result.path.stat().st_size == largest.size
        assert result.path.name.endswith("_w.jpg")


async def test_o36_of_an_animated_photo_the_still(tmp_path: Path) -> None:
    """The video comes on request, and each has the ending of what it is."""
    async with shown("photo:animated") as here:
        [still] = await here.all(tmp_path)
        assert (still.item.kind, still.path.suffix) == ("photo", ".jpg")
        again, video = await here.all(tmp_path, video=True)
        assert again.reason == "exists"
        assert (video.item.kind, video.path.suffix) == ("video", ".mp4")
        assert video.size == max(
            each.size
            for each in here.messages[0].photo.video_sizes
            if isinstance(each, types.VideoSize)
        )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("photo:expired", "expired"),
        ("document:expired", "expired"),
        ("photo:once", "protected"),
        ("photo:empty", "empty"),
        ("document:empty", "empty"),
        ("photo:no-sizes", "empty"),
        ("paid:locked", "locked"),
        ("story:missing", "missing"),
        ("story:deleted", "deleted"),
        ("unsupported", "unsupported"),
    ],
)
async def test_o37_what_cannot_be_had_costs_no_request(
    kind: str, reason: str, tmp_path: Path
) -> None:
    """A reason, at once, and the files after it come."""
    async with shown(kind, "document") as here:
        before = here.counts.total
        result = await here.downloader.download(here.messages[0], tmp_path)
        assert (result.status, result.reason) == ("skipped", reason)
        assert here.counts.total == before
        first, second = await here.all(tmp_path)
        assert (first.reason, second.status) == (reason, "done")
        assert here.counts.errors == {}


async def test_o38_previews_of_links_on_request(tmp_path: Path) -> None:
    """Not by default; on request the image and the document of a page, a shared one once."""
    kinds = "page:photo", "page:document", "page:pending", "page:empty", "page:plain", "page:photo"
    async with shown(*kinds) as here:
        assert await here.all(tmp_path) == []
        assert here.counts[GET_FILE] == 0
        found = await here.all(tmp_path, web_pages=True)
        assert [each.item.kind for each in found] == ["photo", "video", "photo", "photo"]
        assert {each.status for each in found} <= {"done", "skipped"}
        assert found[0].path == found[-1].path
        assert len(names(tmp_path)) == 3
        parts = sum(each.parts for each in {each.path: each for each in reversed(found)}.values())
        assert here.counts[GET_FILE] == parts


async def test_o39_of_paid_media_what_was_bought(tmp_path: Path) -> None:
    """Each item has its place in the message; the one that is locked says so."""
    async with shown("paid:mixed") as here:
        found = await here.all(tmp_path)
        reasons = [each.reason for each in found]
        assert reasons == [None, "locked", None, None]
        origins = [each.item.origin for each in found]
        message = here.messages[0]
        assert origins == [MessageOrigin(message.chat_id, message.id, index) for index in range(4)]
        assert len(names(tmp_path)) == 3


async def test_o40_stories_that_messages_show(tmp_path: Path) -> None:
    """With the story its file comes; without, a reason, and what follows comes."""
    async with shown("story", "story:missing", "story:deleted", "photo") as here:
        found = await here.all(tmp_path)
        assert [each.reason for each in found] == [None, "missing", "deleted", None]
        assert [each.status for each in found] == ["done", "skipped", "skipped", "done"]


async def test_the_same_id_in_two_chats_is_another_file(tmp_path: Path) -> None:
    """Message 1 of two chats, one folder: two files, also if one was begun before."""
    world = World(seed=23, user_count=5)
    for name in ("channel_one", "channel_two"):
        document = world.file_store.document(700 * KIB)
        put_media(
            world.add_channel(name, username=name), types.MessageMediaDocument(document=document)
        )
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = [
            await client.get_messages(name, ids=1) for name in ("channel_one", "channel_two")
        ]
        downloader = MediaDownloader(client, part_size=64 * KIB, memory=64 * KIB)
        seen: list[int] = []

        def stop(received: int, _: int | None) -> None:
            seen.append(received)
            if len(seen) == 3:
                raise LookupError

        with pytest.raises(LookupError):
            await downloader.download(messages[0], tmp_path, progress=stop)
        results = [await downloader.download(each, tmp_path) for each in messages]
        assert [each.resumed_from for each in results] == [3 * 64 * KIB, 0]
        assert len(names(tmp_path)) == 2
        # The same, with one target for both: a map of one file is not believed for the other.
        seen.clear()
        with pytest.raises(LookupError):
            await downloader.download(messages[0], tmp_path / "x", progress=stop)
        result = await downloader.download(messages[1], tmp_path / "x")
        assert (result.resumed_from, result.size) == (0, 700 * KIB)
        assert results[1].path is not None
        assert sha((tmp_path / "x").read_bytes()) == sha(results[1].path.read_bytes())
        await Account.of(client).aclose()


async def test_parts_are_not_within_a_takeout() -> None:
    """Nor may they be: the pool's connections are no part of it, also for a takeout's proxy."""
    within: list[int | None] = []

    class Look(Rule):
        """Note in which takeout parts are asked for."""

        def before(self, call: Call) -> None:
            """Look."""
            if call.method == GET_FILE:
                self.fired += 1
                within.append(call.takeout)

    async with scene(1000, rules=(Look(),)) as here:
        message = await here.message()
        async with here.client.takeout(files=True, max_file_size=10**9) as takeout:
            result = await MediaDownloader(takeout).download(message, bytes)
        assert result.data == here.content(1)
        assert within == [None]


@virtual_time
async def test_a_file_is_done_when_its_last_byte_is() -> None:
    """Nothing is waited for after that: no look at its size, now and again."""
    async with scene(*[300 * KIB] * 8, rtt=0.1) as here:
        downloader = here.downloader()
        await downloader.download(await here.message(1), bytes)  # it connects
        for number in range(2, 9):
            result = await downloader.download(await here.message(number), bytes)
            assert result.seconds < 0.5


async def test_a_thousand_small_files_elsewhere_are_one_login(tmp_path: Path) -> None:
    """One export of the login in the whole run, and one request for each file."""
    world = World(seed=23, user_count=5, dc_ids=(2, 4))
    documents = [world.file_store.document(100, dc_id=4) for _ in range(1000)]
    channel = world.add_channel("Files", username="files")
    put_media(channel, *(types.MessageMediaDocument(document=each) for each in documents))
    server = LocalTelegram(world, data_centres=[DataCentre(4)])
    async with server as telegram, telegram.client() as client:
        messages = await client.get_messages("files", 1000)
        stream = MediaDownloader(client).download_all(messages, tmp_path)
        assert [each.status async for each in stream] == ["done"] * 1000
        assert telegram.requests["auth.exportAuthorization"] == 1
        assert telegram.requests["auth.importAuthorization"] == 1
        assert telegram.requests[GET_FILE] == 1000
        assert telegram.requests.errors == {}
        await Account.of(client).aclose()


async def test_nothing_is_left_out_in_silence() -> None:
    """Of each message that carries something there is an item, or a reason."""
    async with shown("photo", "paid:locked", "unsupported", "story:missing") as here:
        for message in here.messages:
            found = items_of(message)
            assert found
            assert all(isinstance(each, MediaItem | SkippedItem) for each in found)
