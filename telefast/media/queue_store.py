"""Where a download queue keeps its files: one table in a SQLite data base.

Paths below the folder of the data base are kept relative to it, so that the whole archive can be
moved.

All of it blocks: call it by `telefast.tasks.in_thread`, one call at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from telefast.database import Database, Schema
from telefast.media.keys import FileKey
from telefast.media.queue_rows import Offer, QueuedFile, State, date_of, origin_of

__all__ = ["Found", "QueueStore"]

_TABLES: Final = """
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
_SCHEMA: Final = Schema("queue of downloads", b"TFDQ", 1, _TABLES)
_COLUMNS: Final = (
    *("number", "state", "ident", "reason", "tries", "priority", "size", "received", "dc_id"),
    *("mime", "extension", "kind", "role", "place", "date", "origin", "is_nested", "folder"),
    *("file", "path", "name", "detail"),
)


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


class QueueStore(Database):
    """The table of a queue.

    Args:
        path: The data base; None for one in memory, which goes with the object.
    """

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, _SCHEMA)
        self._folder = None if path is None else path.absolute().parent

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
