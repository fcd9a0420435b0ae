"""Where a download queue keeps its files: one table in a SQLite data base.

WAL, so that a write costs no wait for the disk and a kill at any moment costs nothing that was
written. One process at a time has it open. Paths below the folder of the data base are kept
relative to it, so that the whole archive can be moved.

All of it blocks: call it by `telefast.tasks.in_thread`, one call at a time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from telefast.disk import NO_ROOM, Lock
from telefast.errors import (
    CorruptStateError,
    DiskFullError,
    StorageError,
    TelefastError,
    UnsupportedStateError,
)
from telefast.media.keys import FileKey
from telefast.media.queue_rows import Offer, QueuedFile, State, date_of, origin_of

__all__ = ["Found", "QueueStore"]

_APPLICATION: Final = 0x54464451  # "TFDQ"
_VERSION: Final = 1
_TABLE: Final = """
CREATE TABLE files (
    number INTEGER PRIMARY KEY,
    folder TEXT NOT NULL,
    is_nested INTEGER NOT NULL DEFAULT 0,
    ident TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    detail TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 0,
    file TEXT NOT NULL,
    path TEXT,
    received INTEGER,
    name TEXT,
    size INTEGER,
    dc_id INTEGER NOT NULL DEFAULT 0,
    mime TEXT NOT NULL DEFAULT '',
    extension TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL DEFAULT 'file',
    role TEXT NOT NULL,
    place TEXT NOT NULL,
    date INTEGER,
    origin TEXT,
    UNIQUE (folder, ident)
);
CREATE INDEX by_state ON files (state, number) WHERE state != 'done';
CREATE INDEX by_file ON files (folder, file) WHERE file != '';
"""
_COLUMNS: Final = (
    *("number", "state", "ident", "reason", "tries", "priority", "size", "received", "dc_id"),
    *("mime", "extension", "kind", "role", "place", "date", "origin", "is_nested", "folder"),
    *("file", "path", "name", "detail"),
)
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


@dataclass(frozen=True, slots=True)
class Found:
    """What the queue knew of a file that is offered to it.

    Attributes:
        number: Its number.
        state: Its state, `waiting` if it is to be fetched.
        path: Where it is to be; if it is done, where it is.
        received: Bytes of the file that is there.
        is_new: Whether it was not known before.
    """

    number: int
    state: State
    path: Path
    received: int | None
    is_new: bool


class QueueStore:
    """The table of a queue.

    Args:
        path: The data base; None for one in memory, which goes with the object.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._folder = None if path is None else path.absolute().parent
        self._lock = None if path is None else Lock(path.with_name(f"{path.name}.lock"), path)
        self._base: sqlite3.Connection | None = None

    def open(self) -> None:
        """Take the data base, and make it if there is none: only its owner may read it (mode 0600).

        What is no queue, or that of a later release, is not written to.

        Raises:
            StoreLockedError: If another process has it, or another queue of this one.
            CorruptStateError: If it is damaged, or something else.
            UnsupportedStateError: If a later release of telefast has made it.
            DiskFullError: If there is no room.
            StorageError: If it cannot be read or written otherwise.
        """
        try:
            with self._typed():
                if self.path is not None and self._lock is not None:
                    if self.path.exists():
                        self._look(self.path)
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    self._lock.take()
                    if not self.path.exists():  # SQLite gives -wal and -shm its mode
                        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
                self._base = sqlite3.connect(
                    ":memory:" if self.path is None else self.path,
                    isolation_level=None,
                    check_same_thread=False,
                )
                self._prepare(self._base)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it; safe to call at any time."""
        base, self._base = self._base, None
        try:
            if base is not None:
                with self._typed():
                    base.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def _look(self, path: Path) -> None:
        """Raise if something else is there, and write nothing."""
        if path.is_dir():
            raise StorageError(f"{path}: unable to open it: it is a folder")
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
                self._is_made(base)
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_READONLY:  # to be read, a kill must be undone first
                raise

    def _prepare(self, base: sqlite3.Connection) -> None:
        is_made = self._is_made(base)
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=NORMAL")
        if not is_made:
            base.executescript(
                f"BEGIN IMMEDIATE; {_TABLE} PRAGMA application_id={_APPLICATION};"
                f"PRAGMA user_version={_VERSION}; COMMIT;"
            )

    def _is_made(self, base: sqlite3.Connection) -> bool:
        """Return whether it is a queue; False if it is empty."""
        [application] = base.execute("PRAGMA application_id").fetchone()
        [version] = base.execute("PRAGMA user_version").fetchone()
        tables = base.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        if (application, version) == (0, 0) and tables is None:
            return False
        if application != _APPLICATION:
            raise CorruptStateError("it is no queue of downloads", path=str(self.path))
        if version > _VERSION:
            raise UnsupportedStateError(
                "a later release of telefast has made this queue", path=str(self.path)
            )
        return True

    # Files

    def offer(
        self, folder: Path, offers: Sequence[Offer], *, is_nested: bool, priority: int
    ) -> list[Found]:
        """Keep what is offered, at once or not at all; return what was known of each.

        A file that is done stays so, with the name and place that it has. Of any other the latest
        that is known of it is kept, where it was seen last among it; but what must be skipped in
        one place does not hide that it may be had in another.
        """
        more = {"folder": self._kept(folder), "is_nested": is_nested, "priority": priority}
        with self._writing() as base:
            return [self._offer(base, folder, each, more) for each in offers]

    def _offer(
        self, base: sqlite3.Connection, folder: Path, offer: Offer, more: dict[str, Any]
    ) -> Found:
        place = more["folder"]
        row = base.execute(
            "SELECT number, state, path, file, received, reason, origin FROM files"
            " WHERE folder=? AND ident=?",
            (place, offer.ident),
        ).fetchone()
        wanted: State = "waiting" if offer.reason is None else "skipped"
        if row is None:
            values = {
                **offer.values,
                **more,
                "ident": offer.ident,
                "state": wanted,
                "reason": offer.reason,
                "file": offer.file,
            }
            names, marks = ", ".join(values), ", ".join("?" * len(values))
            number = base.execute(
                f"INSERT INTO files ({names}) VALUES ({marks})",  # noqa: S608 - our own names
                tuple(values.values()),
            ).lastrowid
            if offer.ident != offer.spot:  # what could not be had there before
                base.execute(
                    "DELETE FROM files WHERE folder=? AND ident=? AND state='skipped'",
                    (place, offer.spot),
                )
            return Found(number or 0, wanted, folder / offer.file, None, is_new=True)
        number, state, path, file, received, reason, origin = row
        if state == "done":
            return Found(number, "done", self._path(path), received, is_new=False)
        if wanted == "skipped" and state != "skipped" and origin != offer.values["origin"]:
            return Found(number, state, folder / file, None, is_new=False)
        if wanted != "skipped" or (state, reason) != ("skipped", offer.reason):
            values = {
                **offer.values,
                **more,
                "state": wanted,
                "reason": offer.reason,
                "detail": None,
                "file": file or offer.file,
            }
            self._set(base, number, values)
        return Found(number, wanted, folder / (file or offer.file), None, is_new=False)

    def done(self, number: int, path: Path, received: int) -> None:
        """Mark a file as done: it is at *path*, and whole."""
        values = {"state": "done", "path": self._kept(path), "received": received}
        self._write(number, values | {"reason": None, "detail": None})

    def skipped(self, number: int, reason: str) -> None:
        """Mark a file as skipped."""
        self._write(number, {"state": "skipped", "reason": reason, "detail": None})

    def failed(self, number: int, reason: str, detail: str) -> None:
        """Mark a file as failed."""
        with self._writing() as base:
            self._set(base, number, {"state": "failed", "reason": reason, "detail": detail})
            base.execute("UPDATE files SET tries=tries+1 WHERE number=?", (number,))

    def lost(self, number: int) -> str:
        """Mark a file that was done, and is gone or damaged, as to be fetched; return its name."""
        with self._writing() as base:
            self._set(base, number, {"state": "waiting", "path": None, "received": None})
            [file] = base.execute("SELECT file FROM files WHERE number=?", (number,)).fetchone()
        return str(file)

    def _write(self, number: int, values: dict[str, Any]) -> None:
        with self._writing() as base:
            self._set(base, number, values)

    def _set(self, base: sqlite3.Connection, number: int, values: dict[str, Any]) -> None:
        marks = ", ".join(f"{name}=?" for name in values)
        base.execute(
            f"UPDATE files SET {marks} WHERE number=?",  # noqa: S608 - our own names
            (*values.values(), number),
        )

    # What is known

    def files(self, states: Sequence[State], after: int, limit: int) -> list[QueuedFile]:
        """Return files in some states, in the order in which they came, from behind *after*."""
        marks = ", ".join("?" * len(states))
        with self._typed():
            rows = self._opened().execute(
                f"SELECT {', '.join(_COLUMNS)} FROM files"  # noqa: S608 - our own names
                f" WHERE state IN ({marks}) AND number>? ORDER BY number LIMIT ?",
                (*states, after, limit),
            )
            return [self._file(dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    def _file(self, row: dict[str, Any]) -> QueuedFile:
        ident, folder, file = row.pop("ident"), self._path(row.pop("folder")), row.pop("file")
        path = self._path(row["path"]) if row["path"] else folder / file if file else None
        row |= {
            "key": None if " " in ident else FileKey.parse(ident),
            "date": date_of(row["date"]),
            "origin": origin_of(row["origin"]),
            "is_nested": bool(row["is_nested"]),
            "path": None if path is None else str(path),
        }
        return QueuedFile(**row)

    def totals(self) -> dict[str, int]:
        """Return how many files there are, by state."""
        with self._typed():
            rows = self._opened().execute("SELECT state, COUNT(*) FROM files GROUP BY state")
            return dict(rows.fetchall())

    def is_over(self, folder: Path, file: str) -> bool:
        """Return whether nobody will go on with a file of this name: it is done, or skipped."""
        with self._typed():
            row = (
                self._opened()
                .execute(
                    "SELECT state FROM files WHERE folder=? AND file=?", (self._kept(folder), file)
                )
                .fetchone()
            )
        return row is not None and row[0] in ("done", "skipped")

    # Inside

    def _kept(self, path: Path) -> str:
        """Return a path as it is kept."""
        path = path.absolute()
        if self._folder is not None and path.is_relative_to(self._folder):
            return path.relative_to(self._folder).as_posix()
        return str(path)

    def _path(self, kept: str) -> Path:
        return Path(kept) if self._folder is None else self._folder / kept

    def _opened(self) -> sqlite3.Connection:
        assert self._base is not None  # noqa: S101 - for the type checker
        return self._base

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Write at once or not at all."""
        base = self._opened()
        with self._typed():
            base.execute("BEGIN IMMEDIATE")
            try:
                yield base
                base.execute("COMMIT")
            except BaseException:
                if base.in_transaction:
                    base.execute("ROLLBACK")
                raise

    @contextmanager
    def _typed(self) -> Iterator[None]:
        """Raise errors of SQLite and of the disk as ours."""
        try:
            yield
        except TelefastError:
            raise
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFullError(str(self.path), 0) from error
            raise StorageError(f"{self.path}: {error.strerror or error}") from error
        except sqlite3.DatabaseError as error:
            code = _code(error)
            if code == sqlite3.SQLITE_FULL:
                raise DiskFullError(str(self.path), 0) from error
            if code in _DAMAGED:
                raise CorruptStateError(str(error), path=str(self.path)) from error
            raise StorageError(f"{self.path}: {error}") from error


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code (https://www.sqlite.org/rescode.html)."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
