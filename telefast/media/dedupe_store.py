"""Where the cache of downloads keeps its entries: memory, or a data base that processes share.

The data base is SQLite in WAL mode: a process that is killed leaves neither a lock nor half an
entry, as the operating system drops its locks and SQLite what it had not committed
(https://www.sqlite.org/wal.html). A power failure may cost the last entries, never the others
(`synchronous=NORMAL`), and an entry that is lost costs one download.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from cachetools import LRUCache

from telefast.disk import NO_ROOM
from telefast.errors import (
    ClosedError,
    CorruptStateError,
    DiskFullError,
    StateError,
    StoreLockedError,
    TelefastError,
    UnsupportedStateError,
)
from telefast.media.dedupe_rules import Entry
from telefast.media.linking import absolute
from telefast.tasks import in_thread

__all__ = ["EntryStore", "MemoryStore", "SqliteStore"]

T = TypeVar("T")

_VERSION: Final = 1
_APPLICATION: Final = int.from_bytes(b"TFDD", "big")
"""`PRAGMA application_id`: whose data base it is (https://www.sqlite.org/fileformat2.html)."""
_PATIENCE: Final = 30.0
"""Seconds to wait for another process that writes: our choice; a write takes well below one."""
_PAGE: Final = 500

_CREATE: Final = """
CREATE TABLE files (
  key TEXT PRIMARY KEY NOT NULL,
  path NOT NULL,  -- relative to this data base if below it, and a blob if it is no Unicode
  size INTEGER,
  sha256 TEXT
) WITHOUT ROWID;
CREATE INDEX files_by_path ON files (path);
"""


class EntryStore(Protocol):
    """Keeps entries by key."""

    async def find(self, key: str) -> Entry | None:
        """Return the entry of *key*."""

    async def keep(self, key: str, entry: Entry) -> None:
        """Keep an entry, in place of what is there."""

    async def drop(self, key: str, entry: Entry) -> bool:
        """Remove the entry of *key* if it is still this one; return whether it was."""

    async def move(self, old: Path, new: Path) -> int:
        """Let entries of *old*, a file or a folder, point to *new*; return how many did."""

    def pages(self) -> AsyncIterator[list[tuple[str, Entry]]]:
        """Iterate over all entries that are known, in lots."""

    async def aclose(self) -> None:
        """Let go of all; nothing can be kept or found after that."""


class MemoryStore:
    """Entries in memory; those not asked for longest make room for others.

    Args:
        max_entries: How many there are at most.
    """

    def __init__(self, max_entries: int) -> None:
        self._entries: LRUCache[str, Entry] = LRUCache(max_entries)

    async def find(self, key: str) -> Entry | None:
        """Look it up."""
        return self._entries.get(key)

    async def keep(self, key: str, entry: Entry) -> None:
        """Keep it as the youngest."""
        self._entries[key] = entry

    async def drop(self, key: str, entry: Entry) -> bool:
        """Remove it."""
        if self._entries.get(key) != entry:
            return False
        del self._entries[key]
        return True

    async def move(self, old: Path, new: Path) -> int:
        """Change all that point there."""
        moved = [
            (key, Entry(path, entry.size, entry.sha256))
            for key, entry in self._entries.items()
            if (path := _moved(entry.path, old, new)) is not None
        ]
        self._entries.update(moved)
        return len(moved)

    async def pages(self) -> AsyncIterator[list[tuple[str, Entry]]]:
        """Yield all at once."""
        if self._entries:
            yield list(self._entries.items())

    async def aclose(self) -> None:
        """Forget all."""
        self._entries.clear()


class SqliteStore:
    """Entries in a SQLite data base; opened, and made if need be, at its first use.

    Paths below its folder are kept relative to it, so that both may be moved together. Only its
    owner may read it (mode 0600).

    Args:
        path: Its file. While it is open, `-wal` and `-shm` lie beside it.

    Raises:
        CorruptStateError: By all methods, if it is damaged, or another program's.
        UnsupportedStateError: By all methods, if a later release of telefast has written it.
        StoreLockedError: By all methods, if another process holds it for 30 seconds.
        DiskFullError: By those that write, if there is no room.
        StateError: By all methods, if it cannot be read or written otherwise.
        ClosedError: By all methods, after `aclose`.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(absolute(path, "store"))
        self._root = self.path.parent
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._is_closed = False

    async def find(self, key: str) -> Entry | None:
        """Read it: another process may have written it a moment ago."""
        query = "SELECT path, size, sha256 FROM files WHERE key = ?"
        row = await self._run(lambda db: db.execute(query, (key,)).fetchone())
        return None if row is None else self._entry(*row)

    async def keep(self, key: str, entry: Entry) -> None:
        """Write it."""
        values = (key, self._kept(entry.path), entry.size, entry.sha256)
        await self._run(lambda db: db.execute("REPLACE INTO files VALUES (?, ?, ?, ?)", values))

    async def drop(self, key: str, entry: Entry) -> bool:
        """Remove it, unless another process has replaced it."""
        query = "DELETE FROM files WHERE key = ? AND path = ? AND size IS ? AND sha256 IS ?"
        values = (key, self._kept(entry.path), entry.size, entry.sha256)
        return bool(await self._run(lambda db: db.execute(query, values).rowcount))

    async def move(self, old: Path, new: Path) -> int:
        """Change all that point there, or none of them."""
        return await self._run(lambda db: self._move(db, old, new))

    def _move(self, db: sqlite3.Connection, old: Path, new: Path) -> int:
        with _transaction(db):
            values = (self._kept(str(new)), self._kept(str(old)))
            count = db.execute("UPDATE files SET path = ? WHERE path = ?", values).rowcount
            if not count and (new.is_dir() or old.is_dir()):
                moved = [
                    (self._kept(path), key)
                    for key, kept in db.execute("SELECT key, path FROM files")
                    if (path := _moved(self._real(kept), old, new)) is not None
                ]
                db.executemany("UPDATE files SET path = ? WHERE key = ?", moved)
                count = len(moved)
        return count

    async def pages(self) -> AsyncIterator[list[tuple[str, Entry]]]:
        """Read them by key, 500 at a time."""
        last = ""
        while rows := await self._run(partial(_page, last)):
            yield [(key, self._entry(*rest)) for key, *rest in rows]
            last = rows[-1][0]

    async def aclose(self) -> None:
        """Close it; safe to call several times."""
        await in_thread(self._close)

    # Inside

    async def _run(self, call: Callable[[sqlite3.Connection], T]) -> T:
        return await in_thread(self._locked, call)

    def _locked(self, call: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock, _errors(self.path):
            if self._is_closed:
                raise ClosedError(f"{self.path}: it was closed; make a new cache")
            if self._db is None:
                self._db = _open(self.path)
            return call(self._db)

    def _close(self) -> None:
        with self._lock, _errors(self.path):
            self._is_closed = True
            if self._db is not None:
                db, self._db = self._db, None
                db.close()

    def _entry(self, path: str | bytes, size: int | None, sha256: str | None) -> Entry:
        return Entry(self._real(path), size, sha256)

    def _kept(self, path: str) -> str | bytes:
        """Return a path as it is kept."""
        kept = Path(path)
        if kept.is_relative_to(self._root):
            kept = kept.relative_to(self._root)
        text = kept.as_posix()
        try:
            text.encode()
        except UnicodeEncodeError:  # bytes of a name that are no Unicode
            return os.fsencode(text)
        return text

    def _real(self, kept: str | bytes) -> str:
        return str(self._root / os.fsdecode(kept))


def _moved(path: str, old: Path, new: Path) -> str | None:
    """Return where *path* is after *old* was moved to *new*; None if that does not touch it."""
    here = Path(path)
    return str(new / here.relative_to(old)) if here.is_relative_to(old) else None


def _page(last: str, db: sqlite3.Connection) -> list[Any]:
    query = "SELECT key, path, size, sha256 FROM files WHERE key > ? ORDER BY key LIMIT ?"
    return db.execute(query, (last, _PAGE)).fetchall()


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives -wal and -shm its mode
    db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    if not _is_made(db, path):
        with _transaction(db):
            if not _is_made(db, path):  # another process may have made it meanwhile
                for statement in _CREATE.split(";")[:-1]:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {_APPLICATION}")
                db.execute(f"PRAGMA user_version = {_VERSION}")
    db.execute("PRAGMA synchronous = NORMAL")
    deadline = time.monotonic() + _PATIENCE
    while _one(db, "PRAGMA journal_mode") != "wal":
        # It needs the data base for itself, and does not wait for that. Where there can be no
        # WAL (a network share), the old journal is as safe, and slower.
        try:
            _one(db, "PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _is_made(db: sqlite3.Connection, path: Path) -> bool:
    """Return whether it is a data base of ours; False if it is empty."""
    if not _one(db, "SELECT count(*) FROM sqlite_master"):
        return False
    if _one(db, "PRAGMA application_id") != _APPLICATION:
        raise CorruptStateError("it is no data base of downloads of telefast", path=str(path))
    if _one(db, "PRAGMA user_version") > _VERSION:
        raise UnsupportedStateError("a later release of telefast wrote it", path=str(path))
    return True


def _one(db: sqlite3.Connection, query: str) -> Any:
    return db.execute(query).fetchone()[0]


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it, or nothing. It begins as a writer: a reader that becomes one may not wait."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code (https://www.sqlite.org/rescode.html)."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Raise the errors of SQLite and of the disk as ours."""
    try:
        yield
    except TelefastError:
        raise
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFullError(str(path), 4096) from error
        raise StateError(error.strerror or str(error), path=str(path)) from error
    except sqlite3.Error as error:
        code, name = _code(error), str(path)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreLockedError(name, None) from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            problem = "it is damaged, or no SQLite data base; remove it, and files are fetched anew"
            raise CorruptStateError(problem, path=name) from error
        if code == sqlite3.SQLITE_FULL:
            raise DiskFullError(name, 4096) from error  # a page of SQLite's
        raise StateError(f"SQLite says: {error}", path=name) from error
