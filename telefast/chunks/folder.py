"""The files of a store: blocking, and meant for one caller at a time.

A folder holds `NNNNNN.tfc`, each a row of frames, and `lock`. Frames are only ever added to the
end of the last file. Whatever a crash, a full disk or a failing disk leaves there, opening finds
every whole frame, and says where bytes are that belong to none.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from telefast.chunks.frames import HEADER_SIZE, Header, Span, is_torn, scan
from telefast.disk import NO_ROOM, Lock, sync_folder, write_all
from telefast.errors import DiskFullError

__all__ = ["Folder", "Fsync", "Place"]

Fsync = Literal["always", "close", "never"]

_NAME = re.compile(r"(\d{6,})\.tfc")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame lies, or bytes that belong to none.

    Attributes:
        number: Number of the file.
        span: Where in it, and the frame's header.
    """

    number: int
    span: Span

    @property
    def key(self) -> tuple[int, int]:
        """What places are sorted by."""
        return self.number, self.span.start


class Folder:
    """The files of one store.

    Args:
        path: The folder.
        is_writable: Whether to lock it, cut a torn tail, and allow `append`.
        max_file_size: Size beyond which a file gets no more frames.
        fsync: When to wait for the disk: "always" after each frame, "close" at the end of each
            file, "never" for the operating system's own time.
    """

    def __init__(
        self, path: Path, *, is_writable: bool, max_file_size: int, fsync: Fsync = "close"
    ) -> None:
        self.path = path
        self.places: list[Place] = []
        self.torn_size = 0
        """Bytes at the end that a write left which was cut short; cut off if writable."""
        self._is_writable = is_writable
        self._max_file_size = max_file_size
        self._fsync = fsync
        self._lock = Lock(path / "lock", path)
        self._file: FileIO | None = None
        self._number = 0
        self._size = 0
        self._unsynced = 0

    @property
    def file_count(self) -> int:
        """How many files hold something."""
        return len({place.number for place in self.places})

    @property
    def size(self) -> int:
        """Bytes in all files, a torn tail left out."""
        return sum(place.span.end - place.span.start for place in self.places)

    def open(self) -> None:
        """Find all frames; `close` after an error, too.

        Raises:
            StoreLockedError: If another writer has the folder.
            OSError: If it cannot be read, or does not exist and is only to be read.
        """
        if self._is_writable:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.take()
        self._find_all()

    def _find_all(self) -> None:
        names = [_NAME.fullmatch(each.name) for each in self.path.iterdir()]
        numbers = sorted(int(match[1]) for match in names if match is not None)
        places = [place for number in numbers for place in self._look_through(number)]
        self.torn_size = 0
        self._number = self._size = 0
        if numbers:
            self._number = numbers[-1]
            self._size = self._path(self._number).stat().st_size
            last = places[-1] if places and places[-1].number == self._number else None
            if last is not None and self._is_torn(last):
                self._size = last.span.start
                self.torn_size = last.span.end - last.span.start
                places.pop()
                if self._is_writable:
                    self._open_last().truncate(self._size)
        self.places = places

    def _look_through(self, number: int) -> Iterator[Place]:
        with _File(self._path(number)) as file:
            for span in scan(file, 0, file.size, is_strict=False):
                yield Place(number, span)

    def _is_torn(self, place: Place) -> bool:
        if place.span.header is not None:
            return False
        with _File(self._path(place.number)) as file:
            return is_torn(file, place.span.start, place.span.end)

    def _path(self, number: int) -> Path:
        return self.path / f"{number:06}.tfc"

    def path_of(self, place: Place) -> str:
        """Return the file that *place* is in."""
        return str(self._path(place.number))

    # Reading

    def read(self, place: Place) -> bytes:
        """Return the bytes of a frame."""
        with _File(self._path(place.number)) as file:
            return file.read_at(place.span.start, place.span.end - place.span.start)

    def look_closer(self, place: Place) -> None:
        """Look for whole frames within a frame that turned out to be damaged.

        A wrong length may have swallowed them. What is found takes the place of *place*.
        """
        with _File(self._path(place.number)) as file:
            spans = list(scan(file, place.span.start, place.span.end, is_strict=True))
        at = self.places.index(place)
        self.places[at : at + 1] = [Place(place.number, span) for span in spans]

    def after(self, key: tuple[int, int]) -> Place | None:
        """Return the first place behind *key*, None if there is none."""
        at = bisect_right(self.places, key, key=lambda place: place.key)
        return self.places[at] if at < len(self.places) else None

    def before(self, key: tuple[int, int]) -> Place | None:
        """Return the last place in front of *key*, None if there is none."""
        at = bisect_left(self.places, key, key=lambda place: place.key)
        return self.places[at - 1] if at else None

    # Writing

    def append(self, frame: bytes) -> Place:
        """Add a frame.

        Raises:
            DiskFullError: If there is no room. Nothing of the frame is left, and a later call
                may succeed.
        """
        if self._size and self._size + len(frame) > self._max_file_size:
            self._close_file()
            self._number += 1
            self._size = 0
        try:
            file = self._open_last()
            if file.seek(0, os.SEEK_END) != self._size:
                file.truncate(self._size)  # what an earlier call could not take back
            self._unsynced += len(frame)
            write_all(file, frame)
            if self._fsync == "always":
                self.sync()
        except OSError as error:
            self._take_back()
            if error.errno in NO_ROOM:
                raise DiskFullError(str(self._path(self._number)), len(frame)) from error
            raise
        start = self._size
        self._size += len(frame)
        place = Place(self._number, Span(start, self._size, Header.unpack(frame[:HEADER_SIZE])))
        self.places.append(place)
        return place

    def _take_back(self) -> None:
        # Where even this fails, the next append does it, or the next opening.
        if self._file is not None:
            with suppress(OSError):
                self._file.truncate(self._size)

    def _open_last(self) -> FileIO:
        if self._file is None:
            path = self._path(self._number)
            is_new = not path.exists()
            self._file = FileIO(path, "a+")
            if is_new and self._fsync != "never":
                sync_folder(self.path)
        return self._file

    def sync(self) -> None:
        """Wait until everything is on the disk.

        Raises:
            DiskFullError: If it turns out only now that there is no room.
        """
        if self._file is not None and self._unsynced:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                if error.errno in NO_ROOM:
                    raise DiskFullError(str(self._path(self._number)), self._unsynced) from error
                raise
            self._unsynced = 0

    def close(self) -> None:
        """Close the file and let other writers in."""
        try:
            self._close_file()
        finally:
            self._lock.release()

    def _close_file(self) -> None:
        if self._file is not None:
            try:
                if self._fsync != "never":
                    self.sync()
            finally:
                file, self._file = self._file, None
                self._unsynced = 0
                file.close()


class _File:
    """A file to look through; a `telefast.chunks.frames.Source`."""

    def __init__(self, path: Path) -> None:
        self._file = FileIO(path)
        self.size = os.fstat(self._file.fileno()).st_size

    def read_at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        parts = []
        while size and (part := self._file.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
