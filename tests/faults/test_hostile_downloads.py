"""Downloads that somebody does not want to succeed: odd targets, odd data, odd moments."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from pathlib import Path

import pytest
from telethon import types

from telefast.errors import (
    AccountRevokedError,
    FileMismatchError,
    FileUnavailableError,
    StoreLockedError,
)
from telefast.media.files import PartFile
from telefast.media.parts import PartMap
from telefast.testing import ErrorOn, HoldBack, RevokeAccount, ShortPart
from tests.client.media_scene import GET_FILE, KIB, MIB, PART, names, scene, sha, whole

# Targets


class Grudging:
    """A raw file that takes a few bytes at once, and says so."""

    def __init__(self, most: int) -> None:
        self.most, self.data, self.calls = most, bytearray(), 0

    def write(self, data: bytes) -> int:
        """Take some."""
        self.calls += 1
        self.data += data[: self.most]
        return min(self.most, len(data))


async def test_a_file_object_may_take_less_than_it_is_given() -> None:
    """As raw files and sockets do: it gets the rest as well; one that takes nothing is an error."""
    async with scene(300 * KIB) as here:
        downloader, target = here.downloader(part_size=128 * KIB), Grudging(50_000)
        await downloader.download(await here.message(), target)
        assert bytes(target.data) == here.content(1)
        assert target.calls == 3 + 3 + 1
        with pytest.raises(BlockingIOError):
            await downloader.download(await here.message(), Grudging(0))


async def test_a_file_object_that_fails() -> None:
    """Its error is the caller's; nothing is asked for any more."""

    class Broken:
        def write(self, data: bytes) -> None:
            raise BrokenPipeError

    async with scene(20 * MIB) as here:
        with pytest.raises(BrokenPipeError):
            await here.downloader(memory=2 * PART).download(await here.message(), Broken())
        asked = here.counts[GET_FILE]
        assert asked <= 8
        for _ in range(20):
            await asyncio.sleep(0)
        assert here.counts[GET_FILE] == asked


@pytest.mark.skipif(os.name != "posix", reason="devices")
async def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """A device or pipe at the target stays what it is, and nothing is asked."""
    async with scene(1000) as here:
        message = await here.message()
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileExistsError):
            await here.downloader().download(message, tmp_path / "pipe")
        (tmp_path / f"document_{here.files[0].id}.bin").mkdir()
        [result] = [each async for each in here.downloader().download_all([message], tmp_path)]
        assert isinstance(result.error, FileExistsError)
        assert here.counts[GET_FILE] == 0
        assert names(tmp_path) == sorted([f"document_{here.files[0].id}.bin", "pipe"])


@pytest.mark.skipif(os.name != "posix", reason="links")
async def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A link where parts or their map are gathered: refused or removed, and what it names stays."""
    async with scene(9 * MIB) as here:
        (tmp_path / "precious").write_bytes(b"mine")
        (tmp_path / "x.telefast.part").symlink_to(tmp_path / "precious")
        with pytest.raises(OSError, match="symbolic"):
            await here.downloader().download(await here.message(), tmp_path / "x")
        (tmp_path / "x.telefast.part").unlink()
        for name in ("x.telefast.part.map", "x.telefast.part.map.tmp", "x"):
            (tmp_path / name).symlink_to(tmp_path / "precious")
        await here.downloader().download(await here.message(), tmp_path / "x")
        assert (tmp_path / "precious").read_bytes() == b"mine"
        assert names(tmp_path) == ["precious", "x"]
        assert not (tmp_path / "x").is_symlink()
        assert whole(tmp_path / "x") == sha(here.content(1))


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Its parent is a file: the system's error, nothing asked, and other files go on."""
    async with scene(1000, 2000) as here:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(OSError, match="file"):
            await here.downloader().download(await here.message(), tmp_path / "file" / "x" / "y")
        name = "n" * 300
        with pytest.raises(OSError, match="long"):
            await here.downloader().download(await here.message(), tmp_path / name)
        assert here.counts[GET_FILE] <= 1
        result = await here.downloader().download(await here.message(2), tmp_path / "new" / "x")
        assert result.size == 2000


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """The system's error; nothing is left."""
    (tmp_path / "mine").mkdir(mode=0o500)
    async with scene(1000, 9 * MIB) as here:
        for number in (1, 2):
            with pytest.raises(PermissionError):
                await here.downloader().download(
                    await here.message(number), tmp_path / "mine" / "x"
                )


async def test_two_files_for_one_target(tmp_path: Path) -> None:
    """While one is under way the other is refused, and takes nothing of it; it may come after."""
    release = asyncio.Event()
    async with scene(9 * MIB, 8 * MIB, rules=(HoldBack(GET_FILE, 5, release),)) as here:
        downloader, target = here.downloader(), tmp_path / "x"
        first = asyncio.ensure_future(downloader.download(await here.message(1), target))
        await here.counts.until(lambda counts: counts[GET_FILE] >= 5)
        with pytest.raises(StoreLockedError):
            await downloader.download(await here.message(2), target)
        release.set()
        assert (await first).size == 9 * MIB
        assert whole(target) == sha(here.content(1))
        assert (await downloader.download(await here.message(2), target)).size == 8 * MIB
        assert whole(target) == sha(here.content(2))


async def test_who_comes_second_leaves_the_map_alone(tmp_path: Path) -> None:
    """Another process has the file: its map, by which it would go on after a kill, stays."""
    async with scene(MIB) as here:
        item = await here.item()
        other = PartFile(tmp_path / "x", str(item.key))
        other.open()
        other.write([(0, here.content(1)[:PART])])
        other.save(PartMap(MIB, done=[(0, PART)]).snapshot())
        with pytest.raises(StoreLockedError):
            await here.downloader(part_size=64 * KIB).download(item, tmp_path / "x")
        assert names(tmp_path) == ["x.telefast.part", "x.telefast.part.map"]
        other.close()
        result = await here.downloader().download(item, tmp_path / "x")
        assert (result.resumed_from, result.parts) == (PART, 1)


# What the message says


@pytest.mark.parametrize("size", [2**62, 2**40])
async def test_a_size_beyond_all_reason(size: int, tmp_path: Path) -> None:
    """The file is shorter: a typed error at its end, no memory for what there is not."""
    async with scene(700 * KIB) as here:
        item = dataclasses.replace(await here.item(), size=size)
        downloader = here.downloader(memory=MIB)
        for target in (bytes, tmp_path / "x"):
            with pytest.raises(FileMismatchError):
                await downloader.download(item, target)
        assert downloader.peak_memory <= MIB
        assert names(tmp_path) == []


@pytest.mark.parametrize("dc_id", [0, -3, 2])
async def test_a_data_centre_that_is_wrong(dc_id: int) -> None:
    """One that cannot be is asked for at home; from there the file is followed to where it is."""
    async with scene(MIB, 10, dc_ids=(4, 2)) as here:
        item = dataclasses.replace(await here.item(), dc_id=dc_id)
        result = await here.downloader().download(item, bytes)
        assert sha(result.data or b"") == sha(here.content(1))
        assert here.counts.errors["FILE_MIGRATE_4"] <= 2


async def test_a_data_centre_that_there_is_not(tmp_path: Path) -> None:
    """A failed result for that file, and the others go on."""
    async with scene(1000, 2000) as here:
        bad = dataclasses.replace(await here.item(), dc_id=77)
        found = [
            each
            async for each in here.downloader().download_all(
                [bad, await here.message(2)], tmp_path, ordered=True
            )
        ]
        assert [each.status for each in found] == ["failed", "done"]
        assert isinstance(found[0].error, FileUnavailableError)


async def test_protected_media_are_not_asked_for(tmp_path: Path) -> None:
    """A message that is not to be saved: skipped, whatever the target; nothing asked."""
    async with scene(1000) as here:
        message = await here.message()
        message.noforwards = True
        for target in (bytes, tmp_path, tmp_path / "x"):
            result = await here.downloader().download(message, target)
            assert (result.status, result.reason) == ("skipped", "protected")
        assert here.counts[GET_FILE] == 0
        assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a\0b", "CON", "x" * 5000])
async def test_names_of_the_sender_are_no_paths(name: str, tmp_path: Path) -> None:
    """Whatever the file is called: it lies in the folder, under a name that is made of its key."""
    async with scene(10) as here:
        item = dataclasses.replace(await here.item(), name=name)
        result = await here.downloader().download(item, tmp_path / "in")
        assert result.path == tmp_path / "in"
        result = await here.downloader().download(item, f"{tmp_path / 'folder'}{os.sep}")
        assert result.path is not None
        assert names(tmp_path / "folder") == [f"document_{here.files[0].id}.bin"]


# Moments


async def test_a_login_that_ends_stops_all(tmp_path: Path) -> None:
    """The account is logged out: the stream ends with one typed error, and nobody asks any more."""
    async with scene(*range(100, 200)) as here:
        messages = await here.messages()
        downloader = here.downloader()
        stream = downloader.download_all(messages, tmp_path, files=4)
        assert [(await anext(stream)).status for _ in range(5)] == ["done"] * 5
        here.telegram.add(RevokeAccount("SESSION_REVOKED"))
        with pytest.raises(AccountRevokedError):
            _ = [each async for each in stream]
        assert here.counts[GET_FILE] <= 30
        asked, connections = here.counts[GET_FILE], here.counts.connections
        with pytest.raises(AccountRevokedError):
            await downloader.download(messages[90], tmp_path / "x")
        assert (here.counts[GET_FILE], here.counts.connections) == (asked, connections)


async def test_progress_may_be_a_coroutine_and_may_fail(tmp_path: Path) -> None:
    """It is awaited; what it raises is the result of its file, and other files go on."""
    told: list[int] = []

    async def tell(received: int, _: int | None) -> None:
        await asyncio.sleep(0)
        told.append(received)
        if len(told) == 2:
            raise LookupError

    async with scene(1000, 2000, 3000) as here:
        stream = here.downloader().download_all(await here.messages(), tmp_path, progress=tell)
        found = [each async for each in stream]
        assert sorted(each.status for each in found) == ["done", "done", "failed"]
        [failed] = [each.error for each in found if each.error]
        assert isinstance(failed, LookupError)
        assert len(told) == 3
        assert not [name for name in names(tmp_path) if "part" in name]


async def test_a_reference_that_nobody_can_renew_keeps_what_is_here(tmp_path: Path) -> None:
    """An item without a message, expired in the middle: with a fresh one it is gone on with."""
    rule = ErrorOn(GET_FILE, 400, "FILE_REFERENCE_EXPIRED", nth=9)
    async with scene(16 * 64 * KIB, rules=(rule,)) as here:
        item = await here.item()
        bare = dataclasses.replace(item, origin=None, others=())
        downloader = here.downloader(part_size=64 * KIB, memory=64 * KIB)
        with pytest.raises(FileUnavailableError) as caught:
            await downloader.download(bare, tmp_path / "x")
        assert caught.value.reason == "reference"
        assert names(tmp_path) == ["x.telefast.part", "x.telefast.part.map"]
        result = await downloader.download(item, tmp_path / "x")
        assert (result.resumed_from, result.parts) == (8 * 64 * KIB, 8)
        assert whole(tmp_path / "x") == sha(here.content(1))


@pytest.mark.parametrize("keep", [0, 1, 4095, 4096])
async def test_parts_that_are_always_short(keep: int, tmp_path: Path) -> None:
    """Every answer holds so few bytes: an error after a few askings of a part, and no file."""
    async with scene(MIB, rules=(ShortPart(every=1, keep=keep),)) as here:
        with pytest.raises(FileMismatchError):
            await here.downloader().download(await here.message(), tmp_path / "x")
        assert here.counts[GET_FILE] <= 8
        assert names(tmp_path) == []


async def test_cancelled_at_any_moment(tmp_path: Path) -> None:
    """After so many parts: nothing under the final name, no request after, and it goes on."""
    async with scene(8 * 64 * KIB) as here:
        downloader = here.downloader(part_size=64 * KIB, memory=128 * KIB)
        message = await here.message()
        for count in range(9):
            target = tmp_path / str(count)
            task = asyncio.ensure_future(downloader.download(message, target))
            before = here.counts[GET_FILE]
            await here.counts.until(lambda counts: counts[GET_FILE] >= before + count)  # noqa: B023
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                assert not target.exists()
            asked = here.counts[GET_FILE]
            for _ in range(10):
                await asyncio.sleep(0)
            assert here.counts[GET_FILE] == asked
            await downloader.download(message, target)
            assert sha(target.read_bytes()) == sha(here.content(1))
        assert names(tmp_path) == [str(count) for count in range(9)]


async def test_media_that_are_none(tmp_path: Path) -> None:
    """What is no message is refused, also within a stream, which it ends."""
    async with scene(1000) as here:
        downloader = here.downloader()
        for wrong in (None, 5, "x", types.InputPeerSelf()):
            with pytest.raises(ValueError, match="message"):
                await downloader.download(wrong, tmp_path)
        with pytest.raises(ValueError, match="message"):
            async for _ in downloader.download_all([await here.message(), 5], tmp_path):
                pass
