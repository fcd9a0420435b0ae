"""A SQLite data base that one process at a time has open, with its errors as ours.

WAL, so that a write costs no wait for the disk and a kill at any moment costs nothing that was
written.

All of it blocks: call it by `telefast.tasks.in_thread`, one call at a time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telefast.disk import NO_ROOM, Lock
from telefast.errors import (
    CorruptStateError,
    DiskFullError,
    StorageError,
    TelefastError,
    UnsupportedStateError,
)

__all__ = ["Database", "Schema"]

_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


@dataclass(frozen=True, slots=True)
class Schema:
    """What is in a data base.

    Attributes:
        kind: What it is, in words.
        application: Whose it is: four bytes, as `PRAGMA application_id`
            (https://www.sqlite.org/fileformat2.html).
        version: Version of the tables; later ones are refused.
        tables: The statements that make them.
    """

    kind: str
    application: bytes
    version: int
    tables: str


class Database:
    """A data base.

    Args:
        path: Its file; None for one in memory, which goes with the object.
        schema: What is in it.
    """

    def __init__(self, path: Path | None, schema: Schema) -> None:
        self.path = path
        self._schema = schema
        self._lock = None if path is None else Lock(path.with_name(f"{path.name}.lock"), path)
        self._base: sqlite3.Connection | None = None

    def open(self) -> None:
        """Take the data base, and make it if there is none: only its owner may read it (mode 0600).

        What is something else, or that of a later release, is not written to.

        Raises:
            StoreLockedError: If another process has it, or another object of this one.
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
        schema, is_made = self._schema, self._is_made(base)
        application = int.from_bytes(schema.application, "big")
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=NORMAL")
        if not is_made:
            base.executescript(
                f"BEGIN IMMEDIATE; {schema.tables} PRAGMA application_id={application};"
                f"PRAGMA user_version={schema.version}; COMMIT;"
            )

    def _is_made(self, base: sqlite3.Connection) -> bool:
        """Return whether its tables are there; False if it is empty."""
        [application] = base.execute("PRAGMA application_id").fetchone()
        [version] = base.execute("PRAGMA user_version").fetchone()
        tables = base.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        if (application, version) == (0, 0) and tables is None:
            return False
        if application != int.from_bytes(self._schema.application, "big"):
            raise CorruptStateError(f"it is no {self._schema.kind}", path=str(self.path))
        if version > self._schema.version:
            raise UnsupportedStateError(
                f"a later release of telefast has made this {self._schema.kind}",
                path=str(self.path),
            )
        return True

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
