"""Killed writers, full disks, two writers at once."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from telefast import ChunkStore, DiskFullError, StorageError, StoreLockedError, disk
from telefast.chunks import folder
from tests.storage.stores import everything, fill, ids_in, messages, sizes

ROOT = Path(__file__).parents[2]

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")

WRITER = """
import asyncio, sys
from telefast import ChunkStore
from tests.storage.stores import messages

async def main():
    async with ChunkStore(sys.argv[1], max_file_size=3000) as store:
        print("open", flush=True)
        i = int(sys.argv[2])
        while True:
            await store.append(messages(*range(i, i + 10)))
            print(i, flush=True)
            i += 10

asyncio.run(main())
"""


class Writer:
    """A process that writes until it is killed."""

    def __init__(self, path: Path, first: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(first)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "open"

    def line(self) -> str:
        """Return the next line it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> list[int]:
        """Kill it at once, and return what it has said until then."""
        self.process.kill()
        rest, _ = self.process.communicate()
        return [int(line) for line in rest.split("\n")[:-1] if line]


@POSIX
async def test_a_killed_writer(tmp_path: Path) -> None:
    """What an append has returned for survives SIGKILL, and the next writer gets the lock."""
    first = 0
    said: list[int] = []
    for more in (1, 5, 20):
        writer = Writer(tmp_path, first)
        said += [int(writer.line()) for _ in range(more)]
        said += writer.kill()
        async with ChunkStore(tmp_path) as store:
            chunks, errors = await everything(store)
            assert errors == []
            found = [chunk.ids[0] for chunk in chunks]
            # The last append may be there although its process could not say so any more.
            assert said == found[: len(said)]
            assert len(found) - len(said) in (0, 1)
            said = found
            first = found[-1] + 10
    assert all(len(chunk) == 10 for chunk in chunks)


@POSIX
async def test_two_processes(tmp_path: Path) -> None:
    """While one writes, another is refused and told who writes, and may read."""
    writer = Writer(tmp_path, 0)
    try:
        while writer.line() != "200":
            pass
        with pytest.raises(StoreLockedError, match="one writer at a time") as caught:
            await fill(tmp_path, messages(1))
        error = caught.value
        assert (str(tmp_path), writer.process.pid) == (error.path, error.holder)
        assert error.retryable
        assert isinstance(error, StorageError | BlockingIOError)
        async with ChunkStore(tmp_path, read_only=True) as store:
            chunks, errors = await everything(store)
        assert errors == []
        ids = [i for chunk in chunks for i in chunk.ids]
        assert list(range(len(ids))) == ids
        assert len(ids) > 200
    finally:
        writer.kill()


async def test_two_writers_in_one_process(tmp_path: Path) -> None:
    """The second one is refused until the first is closed, and leaves no handle open."""
    async with ChunkStore(tmp_path) as store:
        with pytest.raises(StoreLockedError) as caught:
            await fill(tmp_path, messages(1))
        assert os.getpid() == caught.value.holder
        await store.append(messages(2))
    await fill(tmp_path, messages(3))
    assert [[2], [3]] == await ids_in(tmp_path)


async def test_a_lock_without_a_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be told who has the lock, the error says so."""
    async with ChunkStore(tmp_path):
        (tmp_path / "lock").write_text(" who?")
        with pytest.raises(StoreLockedError, match="another writer has it open") as caught:
            await fill(tmp_path)
    assert caught.value.holder is None

    def refuse(file: FileIO) -> None:
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(disk, "_try_lock", refuse)
    with pytest.raises(OSError, match="no locks here"):
        await fill(tmp_path)


async def test_opening_that_fails_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a file cannot be read, the error is the system's, and the lock is free again."""
    await fill(tmp_path, messages(1))
    with monkeypatch.context() as patch:
        patch.setattr(folder, "scan", _raise(OSError(errno.EIO, "bad disk")))
        with pytest.raises(OSError, match="bad disk"):
            await fill(tmp_path)
    await fill(tmp_path, messages(2))
    assert [[1], [2]] == await ids_in(tmp_path)


def _raise(error: BaseException) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@contextmanager
def limit(size: int) -> Iterator[None]:
    """Let no file of this process become larger, as if the disk was full then."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@POSIX
async def test_a_full_disk(tmp_path: Path) -> None:
    """Wherever the room ends: a typed error, nothing half written, and later it goes on."""
    await fill(tmp_path / "sample", messages(1), messages(2), max_file_size=1)
    first, second = sizes(tmp_path / "sample").values()
    total = first + second
    for room in range(first, total, 7):
        path = tmp_path / str(room)
        async with ChunkStore(path) as store:
            await store.append(messages(1))
            with limit(room), pytest.raises(DiskFullError, match="make room") as caught:
                await store.append(messages(2))
            error = caught.value
            assert (str(path / "000000.tfc"), second) == (error.path, error.size)
            assert error.retryable
            assert isinstance(error, StorageError | OSError)
            assert errno.ENOSPC == error.errno
            assert {"000000.tfc": first} == sizes(path), "a part of the chunk was left"
            chunks, errors = await everything(store)
            assert ([[1]], []) == ([chunk.ids for chunk in chunks], errors)
            await store.append(messages(2))
            assert store.stats().chunks_encoded == 2
        assert [[1], [2]] == await ids_in(path)


async def test_a_disk_so_full_that_nothing_can_be_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the next append does it, or the next opening; readers see whole chunks at all times."""

    class Stuck(FileIO):
        is_stuck = True

        def write(self, data: Any) -> int:
            if self.is_stuck and len(data) > 1:
                if len(data) < 60:
                    raise OSError(errno.ENOSPC, "full")
                return super().write(data[:50])
            return super().write(data)

        def truncate(self, size: int | None = None) -> int:
            if self.is_stuck:
                raise OSError(errno.EROFS, "read-only by now")
            return super().truncate(size)

    await fill(tmp_path, messages(1))
    monkeypatch.setattr(folder, "FileIO", Stuck)
    async with ChunkStore(tmp_path) as store:
        for _ in range(2):
            with pytest.raises((DiskFullError, OSError)):
                await store.append(messages(2, 3, 4))
            assert [[1]] == await ids_in(tmp_path)
        monkeypatch.setattr(Stuck, "is_stuck", False)
        await store.append(messages(5))
        monkeypatch.setattr(Stuck, "is_stuck", True)
        with pytest.raises(DiskFullError):
            await store.append(messages(6))
        chunks, errors = await everything(store)
        assert ([[1], [5]], []) == ([chunk.ids for chunk in chunks], errors)
    assert [[1], [5]] == await ids_in(tmp_path)
    monkeypatch.setattr(folder, "FileIO", FileIO)
    await fill(tmp_path, messages(7))
    assert [[1], [5], [7]] == await ids_in(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
async def test_a_disk_that_turns_out_to_be_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Some systems say so only when the data are waited for: the same error, also by `flush`."""
    expected = OSError if number == errno.EIO else DiskFullError
    async with ChunkStore(tmp_path, fsync="always") as store:
        await store.append(messages(1))
        with monkeypatch.context() as patch:
            patch.setattr(folder.os, "fsync", _raise(OSError(number, "late")))
            with pytest.raises(expected):
                await store.append(messages(2))
        assert [[1]] == await ids_in(tmp_path)
        await store.append(messages(3))
    async with ChunkStore(tmp_path) as store:
        await store.append(messages(4))
        with monkeypatch.context() as patch:
            patch.setattr(folder.os, "fsync", _raise(OSError(number, "late")))
            with pytest.raises(expected):
                await store.flush()
        await store.flush()
    assert [[1], [3], [4]] == await ids_in(tmp_path)


async def test_closing_lets_go_even_if_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error while closing is raised, and the store is closed and free all the same."""
    store = ChunkStore(tmp_path)
    await store.open()
    await store.append(messages(1))
    with monkeypatch.context() as patch:
        patch.setattr(folder.os, "fsync", _raise(OSError(errno.EIO, "bad disk")))
        with pytest.raises(OSError, match="bad disk"):
            await store.aclose()
    await store.aclose()
    await fill(tmp_path, messages(2))
    assert [[1], [2]] == await ids_in(tmp_path)


async def test_a_full_disk_can_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the lock needs room: a store on a full disk can be opened, read and resumed."""

    class Full(FileIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "full")

    await fill(tmp_path, messages(1))
    monkeypatch.setattr(disk, "FileIO", Full)
    async with ChunkStore(tmp_path) as store:
        assert [[1]] == [chunk.ids async for chunk in store]


async def test_a_writer_waits_for_its_thread(tmp_path: Path) -> None:
    """A store closed right after a cancelled append has nothing going on behind it."""
    store = ChunkStore(tmp_path)
    await store.open()
    task = asyncio.create_task(store.append(messages(*range(1, 2000))))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await store.aclose()
    assert task.done()
    await fill(tmp_path, messages(1))
    assert len(await ids_in(tmp_path)) in (1, 2)


@pytest.mark.parametrize("steps", range(5))
async def test_a_cancelled_opening(tmp_path: Path, steps: int) -> None:
    """Whoever gives up opening a store, at any moment, leaves it to others and to himself."""
    await fill(tmp_path, messages(1))
    file = tmp_path / "000000.tfc"
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:20])  # a torn tail, which opening cuts off
    store = ChunkStore(tmp_path)
    task = asyncio.create_task(store.open())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    await store.aclose()
    await fill(tmp_path, messages(2))
    async with store:
        assert [[1], [2]] == [chunk.ids async for chunk in store]
