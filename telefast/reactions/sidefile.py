"""Side-files of reactions, CSV or JSON: whole, or not there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from telefast.disk import Replacement
from telefast.errors import ArgumentError, ClosedError
from telefast.reactions.rows import ReactionRow, csv_line, json_object
from telefast.reactions.types import Collected
from telefast.tasks import in_thread

__all__ = ["ReactionsCsvWriter", "ReactionsJsonWriter"]

_FLUSH_AT = 64 * 1024
"""Characters gathered before they are written: our choice, a thousand rows."""


class _Writer:
    """What the writers have in common: rows in, lines out, the file in its place at the end."""

    def __init__(self, path: str | Path) -> None:
        given: object = path
        if not isinstance(given, str | Path) or not Path(given).name:
            raise ArgumentError("path", path, "the path of a file")
        self._path = Path(path)
        self._file: Replacement | None = None
        self._lines: list[str] = []
        self._size = 0
        self._row_count = 0
        self._turn = asyncio.Lock()

    @property
    def row_count(self) -> int:
        """How many rows were written."""
        return self._row_count

    async def write(self, collected: Collected) -> None:
        """Add the rows of a message; none if it has no reactions.

        Raises:
            ClosedError: Outside `async with`.
            DiskFullError: If there is no room.
            OSError: If it cannot be written.
        """
        await self.write_rows(collected.rows())

    async def write_rows(self, rows: Iterable[ReactionRow]) -> None:
        """Add rows, such as those that a worker made of its messages.

        Raises:
            ClosedError: Outside `async with`.
            DiskFullError: If there is no room.
            OSError: If it cannot be written.
        """
        if self._file is None:
            raise ClosedError("the side-file is not open; use it with async with")
        for row in rows:
            self._add(self._line(row, self._row_count))
            self._row_count += 1
        if self._size >= _FLUSH_AT:
            await self._flush(self._file)

    async def __aenter__(self) -> Self:
        if self._file is not None:
            raise ClosedError("the side-file is open already; make another writer")
        self._file = await in_thread(_opened, self._path)
        self._lines, self._size, self._row_count = [], 0, 0
        self._add(self._head)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        file, self._file = self._file, None
        assert file is not None  # noqa: S101 - it was entered
        if kind is not None:
            await in_thread(file.discard)
            return
        try:
            self._add(self._tail)
            await self._flush(file)
            await in_thread(file.commit)
        except asyncio.CancelledError:
            await in_thread(file.discard)  # nothing, if it is in its place already
            raise

    async def _flush(self, file: Replacement) -> None:
        async with self._turn:
            lines, self._lines, self._size = self._lines, [], 0
            # What UTF-8 cannot say, half of a surrogate pair, is written as its number.
            await in_thread(file.write, "".join(lines).encode("utf-8", "backslashreplace"))

    def _add(self, text: str) -> None:
        self._lines.append(text)
        self._size += len(text)

    # How a file looks

    _head = ""
    _tail = ""

    def _line(self, row: ReactionRow, number: int) -> str:
        raise NotImplementedError


def _opened(path: Path) -> Replacement:
    """Return a file that will take its place; it must be known now whether it can."""
    folder = path.parent
    if path.is_dir():
        raise ArgumentError("path", str(path), "the path of a file; this is a folder")
    if not folder.is_dir():
        raise ArgumentError("path", str(path), "a path in a folder that exists")
    try:
        return Replacement(path)
    except PermissionError as error:
        raise ArgumentError("path", str(path), "a path where this user may write") from error


class ReactionsCsvWriter(_Writer):
    """Write reactions to a CSV file (UTF-8, RFC 4180) with the columns of `ReactionRow`.

    The file is in its place when `async with` ends without an error, and on the disk then;
    otherwise what was there stays. Rows are written as they come, so memory does not grow::

        async with ReactionsCsvWriter("reactions.csv") as writer:
            async for collected in collector.collect(history):
                await writer.write(collected)

    A text that begins like a formula (`=`, `+`, `-`, `@`, a tab, a line break, or their full width
    forms) or with an apostrophe gets an apostrophe before it, so that spreadsheets show it and do
    not run it; take one leading apostrophe away when you read the file by a program. Numbers, such
    as the ids of groups, stay as they are. An empty cell is None.

    Args:
        path: The file; its folder must exist. One writer at a time.

    Raises:
        ArgumentError: If it is no path; by `async with`, if no file can be written there.
    """

    _head = csv_line(None)

    def _line(self, row: ReactionRow, number: int) -> str:
        return csv_line(row)


class ReactionsJsonWriter(_Writer):
    """Write reactions to a JSON file: an array of objects with the columns of `ReactionRow`.

    In all else like `ReactionsCsvWriter`; texts are as they came.

    Args:
        path: The file; its folder must exist. One writer at a time.

    Raises:
        ArgumentError: If it is no path; by `async with`, if no file can be written there.
    """

    _head = "["
    _tail = "\n]\n"

    def _line(self, row: ReactionRow, number: int) -> str:
        return f"{',' * bool(number)}\n{json_object(row)}"
