"""The data base of a queue: one process at a time, typed errors, nothing lost by a full disk."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from telefast import (
    CorruptStateError,
    DiskFullError,
    DownloadQueue,
    StorageError,
    StoreLockedError,
    UnsupportedStateError,
)
from telefast.media import files
from telefast.media.folders import is_whole, prepare, tidy
from telefast.media.queue_store import QueueStore
from tests.storage.queue_scene import Downloader, post, queue, run


async def test_one_queue_at_a_time(tmp_path: Path) -> None:
    """A second one is refused until the first is closed."""
    base = tmp_path / "q.db"
    async with queue(base, Downloader()):
        with pytest.raises(StoreLockedError) as caught:
            await run(base, Downloader(), [], tmp_path)
        assert str(base) == caught.value.path
    await run(base, Downloader(), [], tmp_path)


async def test_a_data_base_of_another_program(tmp_path: Path) -> None:
    """It is refused and stays as it is, and the lock is free again."""
    base = tmp_path / "q.db"
    with sqlite3.connect(base) as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    before = base.read_bytes()
    for _ in range(2):
        with pytest.raises(CorruptStateError, match="no queue of downloads"):
            await run(base, Downloader(), [], tmp_path)
    assert (base.read_bytes(), (tmp_path / "q.db.lock").exists()) == (before, False)


async def test_what_is_no_data_base(tmp_path: Path) -> None:
    """It is refused by a typed error."""
    base = tmp_path / "q.db"
    base.write_bytes(b"no data base at all" * 100)
    with pytest.raises(CorruptStateError, match=r"q\.db: file is not a database"):
        await run(base, Downloader(), [], tmp_path)


async def test_a_queue_of_a_later_release(tmp_path: Path) -> None:
    """It is refused, not guessed at."""
    base = tmp_path / "q.db"
    await run(base, Downloader(), [post(1)], tmp_path / "out")
    with sqlite3.connect(base) as later:
        later.execute("PRAGMA user_version=2")
    later.close()
    before = base.read_bytes()
    with pytest.raises(UnsupportedStateError, match="later release"):
        await run(base, Downloader(), [], tmp_path)
    assert base.read_bytes() == before


def test_a_queue_that_was_killed_while_it_was_made(tmp_path: Path) -> None:
    """Its journal is played back, though it is looked at before it is written to."""
    base = tmp_path / "q.db"
    making = (
        "import os, sqlite3, sys; b = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "b.execute('PRAGMA cache_size=1'); b.execute('PRAGMA user_version=0');"
        "b.execute('BEGIN'); b.execute('CREATE TABLE x (a)');"
        "b.executemany('INSERT INTO x VALUES (?)', [('x' * 999,)] * 999); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", making, str(base)], check=True)
    assert (tmp_path / "q.db-journal").stat().st_size
    asyncio.run(run(base, Downloader(), [post(1)], tmp_path / "out"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
async def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    """What was seen where is nobody else's business."""
    base = tmp_path / "q.db"
    async with queue(base, Downloader()):
        for ending in ("", "-wal", "-shm"):
            assert (tmp_path / f"q.db{ending}").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["folder", "file/q.db", "sealed/q.db"])
async def test_where_no_queue_can_be(tmp_path: Path, name: str, monkeypatch: Any) -> None:
    """A path that is a folder, or below a file, or where nobody may write, is a typed error."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    if name.startswith("sealed"):  # the user who runs the tests may do all

        def refuse(*_: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", name)

        monkeypatch.setattr("telefast.disk.FileIO", refuse)
    with pytest.raises(StorageError) as caught:
        await run(tmp_path / name, Downloader(), [], tmp_path)
    assert str(tmp_path / name) in str(caught.value)
    assert not (tmp_path / "folder.lock").exists()


async def test_no_room_for_a_new_queue(tmp_path: Path, monkeypatch: Any) -> None:
    """A disk that is full already is told from one that fails."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("telefast.disk.FileIO", refuse)
    with pytest.raises(DiskFullError):
        await run(tmp_path / "q.db", Downloader(), [], tmp_path)


async def test_a_damaged_page(tmp_path: Path) -> None:
    """Damage that is found while the queue works ends it by a typed error."""
    base = tmp_path / "q.db"
    await run(base, Downloader(), [post(number) for number in range(200)], tmp_path / "out")
    data = bytearray(base.read_bytes())
    data[4096:] = b"\x55" * (len(data) - 4096)
    base.write_bytes(data)
    async with queue(base, Downloader()) as here:
        with pytest.raises(CorruptStateError):
            await here.add(post(1), tmp_path / "out")
        with pytest.raises(CorruptStateError):
            await here.wait_all()


async def fill(here: DownloadQueue, folder: Path) -> None:
    """Put many files in."""
    for number in range(2, 1000):
        await here.add(post(number), folder)


async def test_no_room_for_the_queue(tmp_path: Path) -> None:
    """A full disk is a typed error that ends the queue; what was in it is in it afterwards."""
    base = tmp_path / "q.db"
    await run(base, Downloader(), [post(1)], tmp_path / "out")
    async with queue(base, Downloader(), ahead=10**6) as here:
        here.pause()
        store: Any = here._store
        [pages] = store._base.execute("PRAGMA page_count").fetchone()
        store._base.execute(f"PRAGMA max_page_count={pages + 5}")
        with pytest.raises(DiskFullError, match="make room"):
            await fill(here, tmp_path / "out")
        with pytest.raises(DiskFullError):
            await here.wait_all()
    async with queue(base, Downloader()) as here:
        totals = await here.totals()
        assert 1 == totals["done"]
        assert [each.number for each in [x async for x in here.files()]] == list(
            range(1, 2 + totals["waiting"])
        )


def test_other_errors_of_the_data_base(tmp_path: Path) -> None:
    """A folder in its place, or another program that holds it, is an error of the storage."""
    (tmp_path / "q.db").mkdir()
    with pytest.raises(StorageError, match="unable to open"):
        QueueStore(tmp_path / "q.db").open()
    store = QueueStore(tmp_path / "other.db")
    store.open()
    other = sqlite3.connect(tmp_path / "other.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store._base is not None
    store._base.execute("PRAGMA busy_timeout=0")
    with pytest.raises(StorageError, match="locked"):
        store.skipped(1, "x")
    other.close()
    store.close()
    store.close()


async def test_many_files(tmp_path: Path) -> None:
    """More than a page of them come in order, each once, of all states or some."""
    downloader = Downloader()
    downloader.skip = lambda item: "too large" if item.key.id % 2 else None
    async with queue(None, downloader) as here:
        async for _ in here.download_all([post(i) for i in range(1, 502)], tmp_path):
            pass
        assert list(range(1, 502)) == [each.number async for each in here.files()]
        done = [each async for each in here.files("done")]
        assert [number for number in range(1, 502) if number % 2 == 0] == [
            each.number for each in done
        ]
        assert all(each.received == 10 == each.size for each in done)


def test_what_is_left_of_another_download_stays(tmp_path: Path) -> None:
    """Parts that a download has open are not removed under its hands."""
    target = tmp_path / "video-document_1.mp4"
    with (tmp_path / "video-document_1.mp4.telefast.part.map").open("x"):
        pass
    part = files.PartFile(target, "document_1")
    part.open()
    (tmp_path / "video-document_2.mp4.telefast.part.link").touch()
    assert 2 == tidy(tmp_path, lambda name: True)
    assert part.path.exists()
    part.close()
    assert 1 == tidy(tmp_path, lambda name: True)
    assert [] == list(tmp_path.iterdir())
    assert 0 == tidy(tmp_path / "none", lambda name: True)


def test_what_is_whole(tmp_path: Path) -> None:
    """A file of its size; no other one, no folder, nothing."""
    (tmp_path / "x").write_bytes(b"12")
    assert is_whole(tmp_path / "x", 2)
    assert not is_whole(tmp_path / "x", 3)
    assert not is_whole(tmp_path / "x", None)
    assert not is_whole(tmp_path, tmp_path.stat().st_size)
    assert not is_whole(tmp_path / "y", 0)
    assert not is_whole(tmp_path / "\0", 0)


def test_folders_are_made(tmp_path: Path) -> None:
    """As deep as need be, also within an archive."""
    prepare(tmp_path / "a" / "b" / "x", is_nested=False)
    prepare(tmp_path / "c" / "d" / "x", is_nested=True)
    assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "c" / "d").is_dir()
