"""The data base of downloads: killed processes, several at once, damage, full disks."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from telefast import (
    CorruptStateError,
    DiskFullError,
    FileKey,
    MediaDedupeCache,
    StateError,
    StoreLockedError,
    UnsupportedStateError,
)
from telefast.media import dedupe_store

ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

WRITER = """
import asyncio, sys
from pathlib import Path
from typing import Any
from telefast import FileKey, MediaDedupeCache

async def main():
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    async with MediaDedupeCache(folder / "files.db") as cache:
        print("open", flush=True)
        while True:
            path = folder / str(number)
            path.write_bytes(b"hello")
            await cache.put(FileKey("document", number), path)
            print(number, flush=True)
            number += 2

asyncio.run(main())
"""

HOLDER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
db.execute("DELETE FROM files")
print("held", flush=True)
sys.stdin.read()
"""


class Child:
    """A process that runs until it is killed."""

    def __init__(self, program: str, *args: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, args)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.line()

    def line(self) -> str:
        """Return the next line it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> list[int]:
        """Kill it at once, and return what it has said until then."""
        self.process.kill()
        rest, _ = self.process.communicate()
        return [int(line) for line in rest.split("\n")[:-1] if line]


def key(number: int) -> FileKey:
    """Return a key."""
    return FileKey("document", number)


def is_sound(path: Path) -> bool:
    """Ask SQLite whether a data base is whole."""
    with closing(sqlite3.connect(path)) as db:
        return bool(db.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def put(path: Path, data: bytes) -> Path:
    """Write a file."""
    path.write_bytes(data)
    return path


@contextmanager
def patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait for others next to nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(dedupe_store, "_PATIENCE", 0.01)
        yield


@POSIX
async def test_a_killed_process_loses_nothing_and_locks_nothing(tmp_path: Path) -> None:
    """What `put` has returned for survives SIGKILL; the next one writes at once."""
    said: list[int] = []
    first = 0
    for more in (1, 20):
        child = Child(WRITER, tmp_path, first)
        said += [int(child.line()) for _ in range(more)]
        said += child.kill()
        first = said[-1] + 4
        async with MediaDedupeCache(tmp_path / "files.db") as cache:
            for number in said:
                assert await cache.get(key(number)) == tmp_path / f"{number}"
            await cache.put(key(-1), put(tmp_path / "mine", b"hello"))
        assert is_sound(tmp_path / "files.db")


@POSIX
async def test_two_processes_at_once_one_of_them_killed(tmp_path: Path) -> None:
    """One is killed: the other goes on, sees what was written, and nothing is broken."""
    even, odd = Child(WRITER, tmp_path, 0), Child(WRITER, tmp_path, 1)
    try:
        async with MediaDedupeCache(tmp_path / "files.db") as cache:
            said = [int(even.line()) for _ in range(20)] + [int(odd.line()) for _ in range(20)]
            said += even.kill()
            for number in said:
                assert await cache.get(key(number)) == tmp_path / f"{number}"
            said = [int(odd.line()) for _ in range(20)]
            await cache.put(key(-1), put(tmp_path / "mine", b"hello"))
            said += odd.kill()
            check = await cache.verify()
            assert check.stale == {}
            assert check.good >= 60
    finally:
        even.kill()
        odd.kill()
    assert is_sound(tmp_path / "files.db")


@POSIX
async def test_killed_in_the_midst_of_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one process writes others read, and wait to write; killed, its half is as if never."""
    path = tmp_path / "files.db"
    async with MediaDedupeCache(path) as cache:
        await cache.put(key(1), put(tmp_path / "a", b"hello"))
    child = Child(HOLDER, path)
    try:
        with patience(monkeypatch):
            other = MediaDedupeCache(path)
            with pytest.raises(StoreLockedError) as caught:
                await other.put(key(2), tmp_path / "a")
            assert caught.value.retryable
            await other.aclose()
        child.kill()
        async with MediaDedupeCache(path) as cache:
            await cache.put(key(2), tmp_path / "a")
            assert await cache.get(key(1)) == tmp_path / "a"
    finally:
        child.kill()
    assert is_sound(path)


async def test_who_reads_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another one writes, files are found."""
    path = tmp_path / "files.db"
    with patience(monkeypatch):
        async with MediaDedupeCache(path) as cache:
            await cache.put(key(1), put(tmp_path / "a", b"hello"))
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                other.execute("DELETE FROM files")
                assert await cache.get(key(1)) == tmp_path / "a"
                with pytest.raises(StoreLockedError):
                    await cache.put(key(2), tmp_path / "a")
                other.execute("ROLLBACK")
            await cache.put(key(2), tmp_path / "a")


async def test_caches_see_what_others_do(tmp_path: Path) -> None:
    """Two objects on one data base: what one keeps, moves or removes, the other knows at once."""
    path = tmp_path / "files.db"
    async with MediaDedupeCache(path) as one, MediaDedupeCache(path) as other:
        await one.put(key(1), put(tmp_path / "a", b"hello"))
        assert await other.get(key(1)) == tmp_path / "a"
        (tmp_path / "a").replace(tmp_path / "b")
        await other.relocate(tmp_path / "a", tmp_path / "b")
        put(tmp_path / "a", b"jello")  # another file of this size has the old name
        assert await one.get(key(1)) == tmp_path / "b"
        await one.invalidate(key(1))
        assert await other.get(key(1)) is None


async def test_a_stale_entry_is_not_removed_when_another_process_has_replaced_it(
    tmp_path: Path,
) -> None:
    """Between reading an entry and removing it, another one may have come: it is used."""
    path = tmp_path / "files.db"
    async with MediaDedupeCache(path) as one, MediaDedupeCache(path) as other:
        await one.put(key(1), put(tmp_path / "a", b"hello"))
        (tmp_path / "a").unlink()
        put(tmp_path / "b", b"hello")
        drop = one._store.drop

        async def late(*args: object) -> bool:
            await other.put(key(1), tmp_path / "b")
            return await drop(*args)  # type: ignore[arg-type]

        one._store.drop = late  # type: ignore[method-assign]
        assert await one.get(key(1)) == tmp_path / "b"
        assert one.stats().stale == 0
        (tmp_path / "b").unlink()
        put(tmp_path / "b", b"hello!")

        async def never(*args: object) -> bool:
            return False

        one._store.drop = never  # type: ignore[method-assign]
        assert await one.get(key(1)) is None
        assert not await one.invalidate(key(1))


async def test_many_open_a_new_data_base_at_once(tmp_path: Path) -> None:
    """Each of them makes it, or waits for who does."""
    caches = [MediaDedupeCache(tmp_path / "deep" / "files.db") for _ in range(8)]
    put(tmp_path / "a", b"hello")
    await asyncio.gather(*(each.put(key(i), tmp_path / "a") for i, each in enumerate(caches)))
    for i in range(8):
        assert await caches[0].get(key(i)) == tmp_path / "a"
    for each in caches:
        await each.aclose()
    with closing(sqlite3.connect(tmp_path / "deep" / "files.db")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_another_process_makes_it_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between seeing that there is nothing and making it: what is there by then is used."""
    path, real, made = tmp_path / "files.db", dedupe_store._is_made, False

    def late(db: sqlite3.Connection, name: Path) -> bool:
        nonlocal made
        if made:
            return real(db, name)
        made = True
        dedupe_store._open(name).close()
        return False

    monkeypatch.setattr(dedupe_store, "_is_made", late)
    async with MediaDedupeCache(path) as cache:
        await cache.put(key(1), put(tmp_path / "a", b"hello"))
        assert await cache.get(key(1)) == tmp_path / "a"


async def test_a_data_base_is_made_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If making it fails half-way, the next one makes it anew."""
    async with MediaDedupeCache(tmp_path / "files.db") as cache:
        with monkeypatch.context() as patch:
            patch.setattr(dedupe_store, "_CREATE", "CREATE TABLE files (key); CREATE nonsense;")
            with pytest.raises(StateError):
                await cache.get(key(1))
        await cache.put(key(1), put(tmp_path / "a", b"hello"))
        assert await cache.get(key(1)) == tmp_path / "a"


async def test_wal_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data base that another one has open keeps its journal until that one lets go."""
    path = tmp_path / "files.db"
    async with MediaDedupeCache(path) as cache:
        await cache.put(key(1), put(tmp_path / "a", b"hello"))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        assert db.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
        db.execute("BEGIN")
        db.execute("SELECT * FROM files").fetchall()
        with patience(monkeypatch):
            cache = MediaDedupeCache(path)
            with pytest.raises(StoreLockedError):
                await cache.get(key(1))
        db.execute("COMMIT")
        assert await cache.get(key(1)) == tmp_path / "a"
        await cache.aclose()


# Damage


async def test_what_is_no_data_base_of_ours_is_left_alone(tmp_path: Path) -> None:
    """Another program's file, or data base: an error that names it, and not a byte is changed."""
    text, other = put(tmp_path / "text", b"notes, not to be lost " * 99), tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE sessions (auth_key)")
    for path in (text, other):
        before = path.read_bytes()
        async with MediaDedupeCache(path) as cache:
            with pytest.raises(CorruptStateError) as caught:
                await cache.get(key(1))
        assert caught.value.path == str(path)
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        ("", 0, StateError),
        ("file/c.db", 0, StateError),
        ("sealed/c.db", errno.EACCES, StateError),
        ("full/c.db", errno.ENOSPC, DiskFullError),
    ],
)
async def test_where_no_data_base_can_be(
    name: str, code: int, expected: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder, a path below a file, a folder where nobody may write, a full disk: typed."""
    (tmp_path / "file").touch()
    if code:  # the user who runs the tests may do all

        def refuse(path: Any, *_: Any, **__: Any) -> None:
            raise OSError(code, os.strerror(code), str(path))

        monkeypatch.setattr(Path, "mkdir", refuse)
    async with MediaDedupeCache(tmp_path / name) as cache:
        with pytest.raises(expected) as caught:
            await cache.get(FileKey("document", 9))
    assert str(tmp_path / name) in str(caught.value)


async def test_a_damaged_data_base_is_an_error(tmp_path: Path) -> None:
    """Pages that are no pages are not believed."""
    path = tmp_path / "files.db"
    async with MediaDedupeCache(path) as cache:
        put(tmp_path / "a", b"hello")
        for number in range(300):
            await cache.put(key(number), tmp_path / "a")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    async with MediaDedupeCache(path) as cache:
        with pytest.raises(CorruptStateError):
            await cache.get(key(1))


async def test_a_data_base_of_a_later_release(tmp_path: Path) -> None:
    """It is refused, as its entries may mean something else."""
    path = tmp_path / "files.db"
    async with MediaDedupeCache(path) as cache:
        await cache.get(key(1))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 2")
    async with MediaDedupeCache(path) as cache:
        with pytest.raises(UnsupportedStateError):
            await cache.get(key(1))


async def test_a_full_disk(tmp_path: Path) -> None:
    """What finds no room is an error, and what was there before is still there."""
    async with MediaDedupeCache(tmp_path / "files.db") as cache:
        await cache.put(key(0), put(tmp_path / "a", b"hello"))
        cache._store._db.execute("PRAGMA max_page_count = 5")  # type: ignore[attr-defined]

        async def fill() -> None:
            for number in range(1, 999):
                await cache.put(key(number), tmp_path / "a")

        with pytest.raises(DiskFullError):
            await fill()
        assert await cache.get(key(0)) == tmp_path / "a"


async def test_a_data_base_that_cannot_be_used(tmp_path: Path) -> None:
    """Troubles of SQLite say what SQLite says."""
    async with MediaDedupeCache(tmp_path / "files.db") as cache:
        await cache.put(key(0), put(tmp_path / "a", b"hello"))
        cache._store._db.execute("PRAGMA query_only = 1")  # type: ignore[attr-defined]
        with pytest.raises(StateError, match="SQLite says: attempt to write"):
            await cache.put(key(1), tmp_path / "a")


async def test_all_or_nothing_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A move of a folder that fails in its midst has moved nothing."""
    (tmp_path / "deep").mkdir()
    async with MediaDedupeCache(tmp_path / "files.db") as cache:
        for number in range(2):
            await cache.put(key(number), put(tmp_path / "deep" / f"{number}", b"hello"))
        with monkeypatch.context() as patch:

            def fail(*args: object) -> None:
                raise MemoryError

            patch.setattr(dedupe_store, "_moved", fail)
            with pytest.raises(MemoryError):
                await cache.relocate(tmp_path / "deep", tmp_path / "new")
        assert await cache.get(key(0)) == tmp_path / "deep" / "0"


# A kill at each step

STEPS = Path(__file__).with_name("dedupe_steps.py")


@pytest.mark.skipif(sys.platform != "linux", reason="fork, and an audit of each file operation")
@pytest.mark.parametrize("mode", ["reuse", "hardlink", "copy"])
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_each_step(mode: str, every: int, tmp_path: Path) -> None:
    """Killed before each operation on a file or the data base, and run again: all files are right.

    Nothing half looks whole, nothing is left beside, no entry lies, and it costs at most the
    transfers that the killed run had begun.
    """
    answer = subprocess.run(
        [sys.executable, str(STEPS), mode, str(every), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert int(answer.stdout) >= 20
