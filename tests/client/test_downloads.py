"""Files, downloaded from the embedded Telegram: every byte, once, by legal requests."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tempfile
from datetime import UTC
from pathlib import Path
from typing import Any, ClassVar

import pytest
from telethon import types

from telefast import MediaDownloader, PartSizeTuner, Pool
from telefast.errors import ArgumentError, StoreLockedError
from telefast.media.files import PartFile
from telefast.media.parts import BLOCK, FRAGMENT, LEGAL_SIZES, PartMap
from telefast.media.results import DownloadResult
from telefast.testing import virtual_time
from tests.client.media_scene import GET_FILE, KIB, MIB, PART, names, scene, sha


def check_legal(asked: list[tuple[int, int]], size: int) -> None:
    """Check that each request keeps Telegram's rules, and that none begins past the end."""
    for offset, limit in asked:
        assert offset % BLOCK == 0
        assert limit in LEGAL_SIZES
        assert offset // FRAGMENT == (offset + limit - 1) // FRAGMENT
        assert offset < size


async def test_a_file_of_many_parts(tmp_path: Path) -> None:
    """Each part is asked for once; the file has its bytes and its name; nothing is beside it."""
    async with scene(5 * MIB + 77) as here:
        seen: list[tuple[int, int | None]] = []
        target = tmp_path / "deep" / "film.mkv"
        result = await here.downloader().download(
            await here.message(), target, progress=lambda *args: seen.append(args)
        )
        assert (result.status, result.size, result.path) == ("done", 5 * MIB + 77, target)
        assert (result.parts, result.resumed_from) == (11, 0)
        assert sorted(offset for offset, _ in here.asked) == list(range(0, 5 * MIB + 77, PART))
        check_legal(here.asked, result.size)
        assert sha(target.read_bytes()) == sha(here.content(1))
        assert names(target.parent) == ["film.mkv"]
        assert [total for _, total in seen] == [5 * MIB + 77] * len(seen)
        received = [each for each, _ in seen]
        assert received == sorted(set(received))
        assert received[-1] == 5 * MIB + 77


@pytest.mark.parametrize(
    "size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, 4 * BLOCK + 1, 12 * BLOCK - 1]
)
async def test_o26_nothing_is_asked_at_or_past_the_end(size: int, tmp_path: Path) -> None:
    """Sizes of k parts, one more, one less, and 1: no offset at the end, and the exact bytes."""
    async with scene(size) as here:
        result = await here.downloader(part_size=4 * BLOCK).download(
            await here.message(), tmp_path / "x"
        )
        assert result.parts == -(-size // (4 * BLOCK))
        check_legal(here.asked, size)
        assert (tmp_path / "x").read_bytes() == here.content(1)


@pytest.mark.parametrize("part_size", LEGAL_SIZES)
async def test_o27_every_part_size_makes_legal_requests(part_size: int) -> None:
    """Also where what is done begins and ends anywhere."""
    size = 100 * KIB + 5 if part_size < 64 * KIB else 3 * MIB + 5
    async with scene(size) as here:
        result = await here.downloader(part_size=part_size).download(await here.message(), bytes)
        assert result.data == here.content(1)
        check_legal(here.asked, size)


async def test_a_tuner_decides_about_parts_and_connections() -> None:
    """A file comes whole while a tuner tries sizes, all of them legal; it hears of each part."""

    class Listening(PartSizeTuner):
        heard: ClassVar[list[int]] = []

        def on_part(
            self, dc_id: int, size: int, seconds: float, *, now: float, connection: int
        ) -> None:
            super().on_part(dc_id, size, seconds, now=now, connection=connection)
            self.heard.append(size)

    async with scene(20 * MIB + 5) as here:
        tuner = Listening()
        downloader = here.downloader(tuner=tuner)
        result = await downloader.download(await here.message(), bytes)
        assert result.data == here.content(1)
        check_legal(here.asked, result.size)
        assert len({limit for _, limit in here.asked}) > 1
        assert sum(tuner.heard) == result.size


async def test_downloaders_of_one_account_share_what_they_learn() -> None:
    """What one downloader has learned is there for the next, and for one of a later run.

    One with limits of its own does not go beyond them.
    """
    async with scene(20 * MIB + 5) as here:
        first, item = MediaDownloader(here.client), await here.item()
        for _ in range(20):
            await first.download(item, bytes)
            if (known := first.tuner.snapshot())["dcs"]:
                break
        assert known["dcs"]["2"]["in_flight"] >= 2 * MIB
        assert MediaDownloader(here.client).tuner is first.tuner
        assert len(Pool.of(here.client).lines(2)) > 1
        before = len(here.asked)
        other = MediaDownloader(here.client, part_size=KIB * 64, max_connections=1)
        assert (
            other.tuner is MediaDownloader(here.client, part_size=KIB * 64, max_connections=1).tuner
        )
        assert other.tuner is not first.tuner
        await other.download(item, bytes)
        assert {limit for _, limit in here.asked[before:]} == {KIB * 64}
        assert other.tuner.connections(2) == 1
    async with scene(20 * MIB + 5) as later:
        second = MediaDownloader(later.client)
        assert second.tuner is not first.tuner
        second.tuner.restore(known)
        assert second.tuner.snapshot() == known
        assert second.tuner.connections(2) == known["dcs"]["2"]["connections"]
        result = await second.download(await later.item(), bytes)
        assert result.data == later.content(1)


async def test_o25_an_empty_document_is_an_empty_file(tmp_path: Path) -> None:
    """A size of 0 needs no request."""
    async with scene(0) as here:
        result = await here.downloader().download(await here.message(), tmp_path / "x")
        assert (result.status, result.size, result.parts) == ("done", 0, 0)
        assert (tmp_path / "x").read_bytes() == b""
        assert here.counts[GET_FILE] == 0


async def test_targets(tmp_path: Path) -> None:
    """A folder, an object with `write`, one with an async one, and memory get the same bytes."""

    class Slow:
        data = b""

        async def write(self, data: bytes) -> None:
            await asyncio.sleep(0)
            self.data += data

    async with scene(2 * MIB + 3) as here:
        downloader, message, slow, plain = (
            here.downloader(),
            await here.message(),
            Slow(),
            io.BytesIO(),
        )
        in_folder = await downloader.download(message, tmp_path)
        assert in_folder.path is not None
        assert in_folder.path.parent == tmp_path
        assert in_folder.path.name == f"document_{here.files[0].id}.bin"
        await downloader.download(message, slow)
        await downloader.download(message, plain)
        in_memory = await downloader.download(await here.item(), bytes)
        wanted = sha(here.content(1))
        assert in_memory.data is not None
        assert [wanted] * 4 == [
            sha(each)
            for each in (in_folder.path.read_bytes(), slow.data, plain.getvalue(), in_memory.data)
        ]
        with pytest.raises(ArgumentError, match="target=7"):
            await downloader.download(message, 7)


async def test_an_object_gets_its_bytes_within_the_memory() -> None:
    """A file of many times the budget; what comes early waits, within it."""
    async with scene(3 * MIB) as here:
        downloader = here.downloader(part_size=64 * KIB, memory=256 * KIB)
        out = io.BytesIO()
        await downloader.download(await here.message(), out)
        assert sha(out.getvalue()) == sha(here.content(1))
        assert downloader.peak_memory <= 256 * KIB
        assert here.counts.peak_in_flight_by[GET_FILE] <= 4


async def test_memory_is_bounded_over_all_files(tmp_path: Path) -> None:
    """Bytes in flight and not yet written never exceed the budget, whatever is under way."""
    async with scene(*[400 * KIB] * 8) as here:
        downloader = here.downloader(part_size=64 * KIB, memory=512 * KIB)
        found = [each async for each in downloader.download_all(await here.messages(), tmp_path)]
        assert [each.status for each in found] == ["done"] * 8
        assert downloader.peak_memory <= 512 * KIB
        assert here.counts[GET_FILE] == 8 * 7


@virtual_time
async def test_a_small_file_does_not_wait_for_a_large_one(tmp_path: Path) -> None:
    """Files take turns part by part: the small one is done long before the large one."""
    async with scene(8 * MIB, 10, rtt=0.05) as here:
        downloader = here.downloader(part_size=64 * KIB, memory=256 * KIB)
        large, small = await here.message(1), await here.message(2)
        task = asyncio.ensure_future(downloader.download(large, tmp_path / "large"))
        await here.counts.until(lambda counts: counts[GET_FILE] >= 4)
        await downloader.download(small, tmp_path / "small")
        assert here.counts[GET_FILE] <= 16
        await task
        assert sha((tmp_path / "large").read_bytes()) == sha(here.content(1))


async def test_a_file_that_is_there_is_not_fetched(tmp_path: Path) -> None:
    """Of the same size: skipped, without a request. Of another size: replaced when it is whole."""
    async with scene(MIB) as here:
        target = tmp_path / "x"
        target.write_bytes(b"other")
        downloader, message = here.downloader(), await here.message()
        assert (await downloader.download(message, target)).status == "done"
        before = here.counts[GET_FILE]
        result = await downloader.download(message, target)
        assert (result.status, result.reason, result.size) == ("skipped", "exists", MIB)
        assert here.counts[GET_FILE] == before
        assert sha(target.read_bytes()) == sha(here.content(1))


async def test_two_downloads_of_one_file_to_one_place_are_one(tmp_path: Path) -> None:
    """The second one waits for the first."""
    async with scene(MIB) as here:
        downloader, message = here.downloader(), await here.message()
        found = await asyncio.gather(
            *(downloader.download(message, tmp_path / "x") for _ in range(3))
        )
        assert [each.status for each in found] == ["done"] * 3
        assert here.counts[GET_FILE] == 2


async def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """What another downloader has under way is not touched."""
    async with scene(MIB) as here:
        other = PartFile(tmp_path / "x", "other")
        other.open()
        with pytest.raises(StoreLockedError):
            await here.downloader().download(await here.message(), tmp_path / "x")
        other.discard()
        assert (await here.downloader().download(await here.message(), tmp_path / "x")).size == MIB


async def test_o50_a_file_may_have_the_time_of_its_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In UTC; that it cannot be set is no error."""
    async with scene(10) as here:
        message = await here.message()
        downloader = here.downloader(set_mtime=True)
        await downloader.download(message, tmp_path / "x")
        assert (tmp_path / "x").stat().st_mtime == message.date.astimezone(UTC).timestamp()

        def refuse(*args: Any) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "utime", refuse)
        assert (await downloader.download(message, tmp_path / "y")).status == "done"


async def test_o41_a_size_limit_is_checked_before_anything_is_asked(tmp_path: Path) -> None:
    """A file that says that it is too large is skipped without a request."""
    async with scene(MIB) as here:
        result = await here.downloader(max_size=MIB - 1).download(
            await here.message(), tmp_path / "x"
        )
        assert (result.status, result.reason, result.path) == ("skipped", "too large", None)
        assert here.counts[GET_FILE] == 0
        assert names(tmp_path) == []


async def test_o34_a_complete_partial_is_given_its_name(tmp_path: Path) -> None:
    """Everything is there but the name: it is renamed without a request."""
    async with scene(MIB + 1) as here:
        item = await here.item()
        partial = PartFile(tmp_path / "x", str(item.key))
        assert partial.open() is None
        partial.write([(0, here.content(1))])
        partial.save(PartMap(MIB + 1, done=[(0, MIB + 1)]).snapshot())
        partial.close()
        result = await here.downloader().download(item, tmp_path / "x")
        assert (result.status, result.parts, result.resumed_from) == ("done", 0, MIB + 1)
        assert here.counts[GET_FILE] == 0
        assert names(tmp_path) == ["x"]
        assert sha((tmp_path / "x").read_bytes()) == sha(here.content(1))


@pytest.mark.parametrize("has_partial", [True, False])
async def test_giving_up_at_once_costs_nothing_of_what_was_there(
    has_partial: bool, tmp_path: Path
) -> None:
    """Cancelled after any number of steps, a download leaves at least what it has found."""
    async with scene(3 * MIB) as here:
        item = await here.item()
        for steps in range(12):
            target = tmp_path / str(steps) / "x"
            if has_partial:
                partial = PartFile(target, str(item.key))
                partial.open()
                partial.write([(0, here.content(1)[: 2 * MIB])])
                partial.save(PartMap(3 * MIB, done=[(0, 2 * MIB)]).snapshot())
                partial.close()
            task = asyncio.create_task(here.downloader().download(item, target))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            left = sorted(names(target.parent)) if target.parent.exists() else []
            assert left == ["x.telefast.part", "x.telefast.part.map"] or (
                not left and not has_partial
            )
        result = await here.downloader().download(item, target)
        assert result.resumed_from >= (2 * MIB if has_partial else 0)
        assert sha(target.read_bytes()) == sha(here.content(1))


async def test_what_a_kill_left_of_a_map_is_removed(tmp_path: Path) -> None:
    """A map that was being written: the one before it counts, and nothing stays beside the file."""
    async with scene(MIB) as here:
        item = await here.item()
        partial = PartFile(tmp_path / "x", str(item.key))
        partial.open()
        partial.write([(0, here.content(1)[:PART])])
        partial.save(PartMap(MIB, done=[(0, PART)]).snapshot())
        partial.close()
        (tmp_path / "x.telefast.part.map.tmp").write_bytes(b'{"key":')
        result = await here.downloader().download(item, tmp_path / "x")
        assert (result.resumed_from, result.size) == (PART, MIB)
        assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("damage", ["map", "nested", "key", "cut", "size"])
async def test_a_partial_that_is_not_to_be_trusted_is_begun_anew(
    damage: str, tmp_path: Path
) -> None:
    """A damaged map, one of another file or size, bytes that are missing: nothing is believed."""
    async with scene(MIB + 1) as here:
        item = await here.item()
        partial = PartFile(tmp_path / "x", "other" if damage == "key" else str(item.key))
        partial.open()
        partial.write([(0, bytes(MIB + 1))])
        size = MIB + 1 + (damage == "size")
        partial.save(PartMap(size, done=[(0, MIB + 1)]).snapshot())
        partial.close()
        if damage in ("map", "nested"):
            data = b'{"key":' if damage == "map" else b"[" * 100_000
            (tmp_path / "x.telefast.part.map").write_bytes(data)
        if damage == "cut":
            os.truncate(tmp_path / "x.telefast.part", MIB)
        result = await here.downloader().download(item, tmp_path / "x")
        assert (result.status, result.parts, result.resumed_from) == ("done", 3, 0)
        assert sha((tmp_path / "x").read_bytes()) == sha(here.content(1))
        assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("gibibytes", [2, 4])
async def test_o29_offsets_and_progress_are_64_bit(gibibytes: int, tmp_path: Path) -> None:
    """So many GiB, of which all but the last part is there: the last offset, the whole size."""
    size = gibibytes * 1024 * MIB + 1
    async with scene(size) as here:
        item = await here.item()
        partial = PartFile(tmp_path / "x", str(item.key))
        partial.open()
        partial.write([(size - 1, b"?")])
        partial.save(PartMap(size, done=[(0, size - 2 * MIB - 1)]).snapshot())
        partial.close()
        seen: list[tuple[int, int | None]] = []
        downloader = here.downloader()
        result = await downloader.download(
            item, tmp_path / "x", progress=lambda *args: seen.append(args)
        )
        assert (result.size, result.parts) == (size, 5)
        assert max(here.asked)[0] == size - 1
        assert seen[-1] == (size, size)
        assert downloader.peak_memory <= 3 * MIB
        target = tmp_path / "x"
        assert target.stat().st_size == size
        with target.open("rb") as file:
            file.seek(size - 2 * MIB - 1)
            assert len(file.read()) == 2 * MIB + 1


async def test_download_all_bounds_what_is_under_way(tmp_path: Path) -> None:
    """Messages are taken as they are needed; results come as they are done, or in order."""
    taken: list[int] = []

    async def slowly(messages: list[Any]) -> Any:
        for message in messages:
            taken.append(message.id)
            yield message

    async with scene(*[1000 + number for number in range(12)]) as here:
        messages = await here.messages()
        downloader = here.downloader()
        async with downloader.download_all(
            slowly(messages), tmp_path, ordered=True, files=3
        ) as stream:
            found: list[DownloadResult] = []
            async for result in stream:
                found.append(result)
                assert len(taken) <= len(found) + 4
        assert [each.source.id for each in found] == [message.id for message in messages]
        assert [each.size for each in found] == [1000 + number for number in range(12)]
        assert len(names(tmp_path)) == 12
        again = [each async for each in downloader.download_all(messages, tmp_path)]
        assert {each.reason for each in again} == {"exists"}
        assert here.counts[GET_FILE] == 12
        with pytest.raises(ArgumentError, match="files=0"):
            downloader.download_all(messages, tmp_path, files=0)


async def test_messages_without_files_are_results_as_well(tmp_path: Path) -> None:
    """A text has nothing to download, and says so."""
    async with scene(10) as here:
        text = types.Message(id=1, peer_id=types.PeerUser(1), message="hello")
        downloader = here.downloader()
        result = await downloader.download(text, tmp_path)
        assert (result.status, result.reason, result.item) == ("skipped", "empty", None)
        total: list[int] = []
        found = [
            each
            async for each in downloader.download_all(
                [text, await here.message()],
                tmp_path,
                ordered=True,
                progress=lambda received, _: total.append(received),
            )
        ]
        assert [each.status for each in found] == ["done"]
        assert total == [10]


async def test_files_of_several_data_centres(tmp_path: Path) -> None:
    """Each is asked where its file lives, and the login is carried there once."""
    async with scene(*[300 * KIB] * 6, dc_ids=(2, 4, 1)) as here:
        found = [
            each async for each in here.downloader().download_all(await here.messages(), tmp_path)
        ]
        assert [each.status for each in found] == ["done"] * 6
        assert here.counts["auth.exportAuthorization"] == 2
        assert here.counts.errors == {}
        for number, result in enumerate(sorted(found, key=lambda each: each.source.id), 1):
            assert result.path is not None
            assert sha(result.path.read_bytes()) == sha(here.content(number))


async def test_verified_files(tmp_path: Path) -> None:
    """Every byte has the hash that Telegram gives for it."""
    async with scene(3 * MIB + 9, 1000) as here:
        downloader = here.downloader(verify=True)
        for number in (1, 2):
            await downloader.download(await here.message(number), tmp_path / str(number))
            assert sha((tmp_path / str(number)).read_bytes()) == sha(here.content(number))
        assert here.counts["upload.getFileHashes"] == 4 + 1
        with pytest.raises(ArgumentError, match="file object"):
            await downloader.download(await here.message(), io.BytesIO())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_connections", 9),
        ("max_connections", 2.5),
        ("max_connections", True),
        ("memory", 0),
        ("memory", None),
        ("max_size", -1),
        ("max_size", "1"),
        ("timeout", 0),
        ("timeout", None),
        ("max_flood_wait", -1),
        ("part_size", 1000),
        ("part_size", 65536.0),
    ],
)
async def test_illegal_arguments(name: str, value: Any) -> None:
    """Are refused at once."""
    async with scene(1) as here:
        with pytest.raises(ArgumentError, match=name):
            here.downloader(**{name: value})
        with pytest.raises(ArgumentError, match="tuner"):
            here.downloader(tuner=PartSizeTuner(), max_connections=2)
        for files in ("a", 1.5, 0):
            with pytest.raises(ArgumentError, match="files"):
                here.downloader().download_all([], "x", files=files)  # type: ignore[arg-type]


async def test_file_objects_that_take_no_bytes(tmp_path: Path) -> None:
    """Of text, or closed: refused, and nothing is asked."""
    closed = io.BytesIO()
    closed.close()
    async with scene(1000) as here:
        message = await here.message()
        with tempfile.NamedTemporaryFile("w", dir=tmp_path) as wrapped:
            for target in (io.StringIO(), wrapped, closed):
                with pytest.raises(ArgumentError, match="target"):
                    await here.downloader().download(message, target)
        assert here.counts[GET_FILE] == 0


async def test_a_raw_file_that_takes_less() -> None:
    """It gets the rest; one that can take nothing now is an error, and never a whole file."""

    class Raw(io.RawIOBase):
        def __init__(self, most: int | None) -> None:
            self.data, self.most = bytearray(), most

        def write(self, data: Any) -> int | None:
            if len(self.data) > 1000 and self.most is None:
                return None
            self.data += bytes(data[: self.most or 700])
            return len(data[: self.most or 700])

    async with scene(9000) as here:
        message, short, full = await here.message(), Raw(7), Raw(None)
        await here.downloader().download(message, short)
        assert bytes(short.data) == here.content(1)
        with pytest.raises(BlockingIOError):
            await here.downloader().download(message, full)


async def test_only_what_is_ours_counts_as_parts(tmp_path: Path) -> None:
    """A `.part` of somebody else stays as it is; a target that is called like parts is refused."""
    async with scene(3 * MIB) as here:
        (tmp_path / "x.part").write_bytes(b"my notes")
        await here.downloader().download(await here.message(), tmp_path / "x")
        assert (tmp_path / "x.part").read_bytes() == b"my notes"
        assert names(tmp_path) == ["x", "x.part"]
        asked = here.counts[GET_FILE]
        for ending in ("", ".map", ".map.tmp", ".link"):
            with pytest.raises(ArgumentError):
                await here.downloader().download(
                    await here.message(), tmp_path / f"y.telefast.part{ending}"
                )
        assert here.counts[GET_FILE] == asked


@pytest.mark.skipif(os.name != "posix", reason="open files cannot be removed")
@pytest.mark.parametrize("what", ["part", "folder", "replaced"])
async def test_parts_that_vanish_meanwhile(what: str, tmp_path: Path) -> None:
    """The file becomes whole all the same, and never another's bytes."""
    folder, part = tmp_path / "in", tmp_path / "in" / "x.telefast.part"

    def vanish(received: int, size: int | None) -> None:
        if not part.exists():
            return
        if what == "folder":
            shutil.rmtree(folder)
        else:
            part.unlink()
        if what == "replaced":
            part.write_bytes(b"theirs" * MIB)

    async with scene(3 * MIB) as here:
        message = await here.message()
        await here.downloader().download(message, folder / "x", progress=vanish)
        assert sha((folder / "x").read_bytes()) == sha(here.content(1))
        assert names(folder) == ["x"]
