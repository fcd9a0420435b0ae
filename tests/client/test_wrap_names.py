"""Names of files that `wrap` downloads: Telethon's, each for one file, none out of its folder."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, types

from telefast import items_of, wrap
from telefast.media.files import PartFile
from telefast.testing import ErrorOn, LocalTelegram, Rule, World, put_media
from telefast.transport.account import Account
from tests.client.media_scene import MIB, names


@asynccontextmanager
async def sent(
    *files: tuple[str, bytes], rules: tuple[Rule, ...] = ()
) -> AsyncIterator[tuple[TelegramClient, list[Any]]]:
    """Yield a client, and messages with documents of these names and bytes."""
    world = World(seed=7, user_count=3)
    channel = world.add_channel("Files", username="files")
    for name, data in files:
        document = world.file_store.add(data, name)
        put_media(channel, types.MessageMediaDocument(document=document))
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        messages = await client.get_messages("files", len(files))
        yield client, list(reversed(messages))
        await Account.of(client).aclose()


@pytest.mark.parametrize("size", [5000, 3 * MIB])
async def test_two_files_of_one_name_at_once(size: int, tmp_path: Path) -> None:
    """The second gets the next free name, as with Telethon, however late the first one is there."""
    late = ErrorOn("upload.getFile", 500, "INTERNAL", nth=1)
    async with sent(("a.txt", b"A" * size), ("a.txt", b"B" * size), rules=(late,)) as (client, two):
        fast = wrap(client)
        calls = [fast.download_media(each, f"{tmp_path}/") for each in two]
        paths = await asyncio.gather(*calls)
        assert paths == [str(tmp_path / "a.txt"), str(tmp_path / "a (1).txt")]
        assert [(tmp_path / each).read_bytes()[:1] for each in paths] == [b"A", b"B"]
        assert names(tmp_path) == ["a (1).txt", "a.txt"]
        assert await fast.download_media(two[0], f"{tmp_path}/") == str(tmp_path / "a (2).txt")


async def test_a_name_is_free_again_when_its_file_does_not_come(tmp_path: Path) -> None:
    """A download that was cancelled gives its name back."""
    async with sent(("a.txt", b"A" * MIB)) as (client, [message]):
        fast = wrap(client)
        task = asyncio.create_task(fast.download_media(message, f"{tmp_path}/"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert await fast.download_media(message, f"{tmp_path}/") == str(tmp_path / "a.txt")


async def test_a_name_that_another_process_gathers_is_taken(tmp_path: Path) -> None:
    """The next one is chosen, and the other's parts stay."""
    async with sent(("a.txt", b"A" * MIB)) as (client, [message]):
        theirs = PartFile(tmp_path / "a.txt", "other")
        theirs.open()
        fast = wrap(client)
        assert await fast.download_media(message, f"{tmp_path}/") == str(tmp_path / "a (1).txt")
        theirs.write([(0, b"B")])
        theirs.finish(1)
        assert (tmp_path / "a.txt").read_bytes() == b"B"


@pytest.mark.parametrize("size", [5000, 3 * MIB])
@pytest.mark.parametrize("has_links", [True, False])
async def test_a_file_that_comes_meanwhile_is_not_replaced(
    has_links: bool, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process makes a file of the chosen name: it stays, and the next name is chosen."""

    def refuse(*_: Any) -> None:
        raise PermissionError

    def intrude(received: int, total: int) -> None:
        (tmp_path / "a.txt").write_bytes(b"theirs")

    if not has_links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    async with sent(("a.txt", b"A" * size)) as (client, [message]):
        path = await wrap(client).download_media(message, f"{tmp_path}/", progress_callback=intrude)
        assert path == str(tmp_path / "a (1).txt")
        assert (tmp_path / path).read_bytes() == b"A" * size
        assert (tmp_path / "a.txt").read_bytes() == b"theirs"
        assert names(tmp_path) == ["a (1).txt", "a.txt"]


@pytest.mark.skipif(os.name != "posix", reason="links")
async def test_parts_that_a_kill_left_as_a_second_name(tmp_path: Path) -> None:
    """They are not written to: the whole file has the same bytes."""
    (tmp_path / "a.txt").write_bytes(b"whole")
    (tmp_path / "a.txt.telefast.part").hardlink_to(tmp_path / "a.txt")
    part = PartFile(tmp_path / "a.txt", "key")
    assert part.open() is None
    part.write([(0, b"other")])
    assert (tmp_path / "a.txt").read_bytes() == b"whole"
    part.discard()
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("name", ["..", ".", "x/..", "/", "a/../.."])
async def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    """What the sender calls a file is one name in the folder, or none."""
    folder = tmp_path / "inner"
    folder.mkdir()
    async with sent((name, b"E" * 5000)) as (client, [message]):
        path = await wrap(client).download_media(message, f"{folder}/")
        assert Path(path).parent == folder
        assert names(folder) == [Path(path).name]
        assert Path(path).name.startswith("document_20")
        assert names(tmp_path) == ["inner"]


async def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    """A path that ends in a separator is a folder, also for a file whose kind has no extension."""
    async with sent(("notes", b"E" * 5000)) as (client, [message]):
        path = await wrap(client).download_media(message, f"{tmp_path}/new/")
        assert path == str(tmp_path / "new" / "notes")
        assert (tmp_path / path).read_bytes() == b"E" * 5000


async def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """An error at once, however the file would be called."""
    (tmp_path / "f").write_bytes(b"")
    async with sent(("a.txt", b"E" * 5000)) as (client, [message]):
        for name in ("f/new", "f/new.txt"):
            with pytest.raises((FileExistsError, NotADirectoryError)):
                await wrap(client).download_media(message, str(tmp_path / name))


async def test_a_folder_that_has_the_name_is_no_target(tmp_path: Path) -> None:
    """An error, as Telethon's: the file would not be where the answer says."""
    (tmp_path / "a.txt").mkdir()
    async with sent(("a.txt", b"E" * 5000)) as (client, [message]):
        with pytest.raises(IsADirectoryError):
            await wrap(client).download_media(message, f"{tmp_path}/")
        assert names(tmp_path / "a.txt") == []


@pytest.mark.parametrize("ending", [".part", ".telefast.part", ".Telefast.PART. "])
@pytest.mark.parametrize("at_once", [True, False])
async def test_no_name_is_that_of_parts(at_once: bool, ending: str, tmp_path: Path) -> None:
    """One file called like the parts of another: both are there, with their own bytes."""
    files = ((f"a.txt{ending}", b"A" * 3 * MIB), ("a.txt", b"B" * 3 * MIB))
    async with sent(*files) as (client, messages):
        fast = wrap(client)
        if at_once:
            calls = [fast.download_media(each, f"{tmp_path}/") for each in messages]
            paths = await asyncio.gather(*calls)
        else:
            paths = [await fast.download_media(each, f"{tmp_path}/") for each in messages]
        for path, (_, data) in zip(paths, files, strict=True):
            assert (tmp_path / path).read_bytes() == data
        assert names(tmp_path) == sorted(Path(each).name for each in paths)
        assert Path(paths[1]).name == "a.txt"


async def test_parts_that_somebody_sends_are_not_believed(tmp_path: Path) -> None:
    """Bytes and a map of them, sent under the names of parts, do not become the file."""
    data, evil = b"B" * 3 * MIB, b"E" * 3 * MIB
    async with sent(("a.txt", data)) as (client, [message]):
        key = str(items_of(message)[0].key)
    done = {"version": 1, "size": len(data), "done": [[0, len(data)]]}
    told = json.dumps({"key": key, "length": 0, "state": done}).encode()
    for part in (".part", ".telefast.part"):
        files = (("a.txt", data), (f"a.txt{part}", evil), (f"a.txt{part}.map", told))
        async with sent(*files) as (client, messages):
            fast, folder = wrap(client), tmp_path / part
            folder.mkdir()
            assert str(items_of(messages[0])[0].key) == key
            for each in reversed(messages):
                path = await fast.download_media(each, f"{folder}/")
            assert (tmp_path / path).read_bytes() == data
            assert len(names(folder)) == 3
