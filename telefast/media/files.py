"""A file while it is being fetched: `name.telefast.part` beside its target, and a map.

What survives a kill and a power failure: a file with the final name is always whole, for it is
synced before it gets that name. The map (`name.telefast.part.map`) never names a byte that is not
on the disk: the data are synced first, then the map is replaced as a whole. Bytes that came after
the last map are fetched again. A map of another file, or one that is damaged, counts as none.

Only one writer has a part file at a time, also over several processes. Nobody else gives a file
such a name (`telefast.disk.is_part`), so what is found there may be cut.

All of it blocks: call it by `telefast.tasks.in_thread`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any

from telefast.disk import NO_ROOM, PART, hold, replace_file, sync_folder, write_all
from telefast.errors import DiskFullError, StoreLockedError

__all__ = ["PartFile", "part_path", "remove_parts"]

_LONGEST_NAME = 255
"""Bytes of a file name on the usual file systems."""
_LONGEST_SUFFIX = len(f"{PART}.map.tmp")
_SLICE = 1024 * 1024


def part_path(target: Path) -> Path:
    """Return where the parts of *target* are gathered: its name with `telefast.disk.PART` added.

    A name that would become too long is replaced by one made of its SHA-256.
    """
    name = target.name
    if len(os.fsencode(name)) + _LONGEST_SUFFIX > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return target.with_name(f"{name}{PART}")


def remove_parts(target: Path) -> None:
    """Remove what is left beside a file that nobody goes on with; not while a download has it.

    A kill between two steps leaves a map without its parts, or a map that was being replaced.

    Raises:
        OSError: If it cannot be removed.
    """
    path = part_path(target)
    with suppress(FileNotFoundError), FileIO(path, "r+") as file:
        try:
            hold(file, path)
        except StoreLockedError:
            return
        if os.name != "nt":
            path.unlink()  # while it is held
    if os.name == "nt":
        path.unlink(missing_ok=True)
    for ending in (".map", ".map.tmp"):
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)


if sys.platform == "win32":

    def _write_at(file: FileIO, offset: int, data: bytes) -> None:
        file.seek(offset)
        write_all(file, data)

else:

    def _write_at(file: FileIO, offset: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(file.fileno(), view, offset)
            view, offset = view[written:], offset + written


class PartFile:
    """The file of one download.

    Args:
        target: Its final name; the folder is made if need be.
        key: Which file it is; a map of another one is not believed.

    Attributes:
        target: Its final name.
        path: Where its parts are gathered.
        missing: How many bytes are still to be written, for the error of a full disk.
    """

    def __init__(self, target: Path, key: str) -> None:
        self.target = target
        self.path = part_path(target)
        self._map = self.path.with_name(f"{self.path.name}.map")
        self._key = key
        self.missing = 0
        self._file: FileIO | None = None

    def open(self) -> dict[str, Any] | None:
        """Open it, and return what `save` was last given; None if it begins anew.

        Raises:
            StoreLockedError: If another download has it.
            DiskFullError: If there is no room.
            OSError: If it cannot be made.
        """
        with self._room():
            self.target.parent.mkdir(parents=True, exist_ok=True)
            file = self._hold()
            try:
                self._map.with_name(f"{self._map.name}.tmp").unlink(missing_ok=True)  # of a kill
                kept = self._read_map(os.fstat(file.fileno()).st_size)
                if kept is None:
                    self._map.unlink(missing_ok=True)
                    file.truncate(0)
            except BaseException:
                file.close()
                raise
        self._file = file
        return kept

    def write(self, pieces: Sequence[tuple[int, bytes]]) -> None:
        """Write bytes at their places.

        Raises:
            DiskFullError: If there is no room.
            OSError: If they cannot be written.
        """
        file = self._opened()
        with self._room():
            for offset, data in pieces:
                _write_at(file, offset, data)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes; fewer at the end of what was written."""
        file = self._opened()
        file.seek(offset)
        found = bytearray()
        while len(found) < length and (more := file.read(length - len(found))):
            found += more
        return bytes(found)

    def save(self, state: dict[str, Any]) -> None:
        """Have on the disk what was written, and then a map that says so.

        Args:
            state: What is here, as JSON takes it.
        """
        with self._room():
            descriptor = self._opened().fileno()
            os.fsync(descriptor)
            length = os.fstat(descriptor).st_size
            data = json.dumps({"key": self._key, "length": length, "state": state})
            replace_file(self._map, data.encode())

    def cut(self, end: int) -> None:
        """Give the room behind *end* back, and the map, which may name what was there."""
        self._map.unlink(missing_ok=True)
        self._opened().truncate(end)

    def finish(self, size: int, mtime: float | None = None, *, is_new: bool = False) -> None:
        """Give the whole file its final name, in place of what has it.

        Args:
            size: How many bytes it has; what lies behind them is cut off.
            mtime: Its time of modification, in seconds since the epoch. That it cannot be set is
                no error.
            is_new: Whether what has the name keeps it.

        Raises:
            FileExistsError: If it is new, and something has its name.
            DiskFullError: If there is no room.
            OSError: If it cannot be written or renamed.
        """
        with self._room():
            if not self._is_here():
                self._put_back()
            file = self._opened()
            file.truncate(size)
            os.fsync(file.fileno())
            if os.name == "nt":  # an open file cannot be renamed there
                self.close()
            if is_new:
                self._add_name()
            else:
                self.path.replace(self.target)
            self.close()
            sync_folder(self.target.parent)
        if mtime is not None:
            with suppress(OSError, ValueError, OverflowError):
                os.utime(self.target, (mtime, mtime))
        with suppress(OSError):
            self._map.unlink(missing_ok=True)

    def discard(self) -> None:
        """Close it and remove it and its map; nothing if it is not open: it may be another's."""
        if self._file is not None:
            if not self._is_here():  # what is there now is another's
                self.close()
                return
            with suppress(OSError):
                self._map.unlink(missing_ok=True)
            if os.name != "nt":
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)  # while it is still held
            self.close()
            if os.name == "nt":
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)

    def leave(self) -> None:
        """Close it as it was found: what an earlier download has left stays."""
        if self._map.exists():
            self.close()
        else:
            self.discard()

    def close(self) -> None:
        """Let go of it and keep it; safe to call at any time."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _opened(self) -> FileIO:
        assert self._file is not None  # noqa: S101 - for the type checker
        return self._file

    def _is_ours(self, status: os.stat_result) -> bool:
        """Return whether the file that is held has this name and, after a kill, no other one."""
        if not os.path.samestat(status, self.path.lstat()):
            return False
        if status.st_nlink > 1:  # the whole file has the other one
            self.path.unlink()
        return status.st_nlink <= 1

    def _is_here(self) -> bool:
        """Return whether the open file still has its name."""
        try:
            return os.path.samestat(os.fstat(self._opened().fileno()), self.path.lstat())
        except OSError:
            return False

    def _add_name(self) -> None:
        """Give it its final name, unless something has that."""
        taken = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.target))
        try:
            if os.name == "nt":
                self.path.rename(self.target)
                return
            self.target.hardlink_to(self.path)
        except FileExistsError:
            raise taken from None
        except OSError:  # a file system without links
            if self.target.exists():
                raise taken from None
            self.path.replace(self.target)
        else:
            self.path.unlink()

    def _put_back(self) -> None:
        """Copy what somebody has removed or renamed meanwhile; this one is still open."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        file = self._hold()
        try:
            file.truncate(0)
            self._opened().seek(0)
            while data := self._opened().read(_SLICE):
                write_all(file, data)
        except BaseException:
            file.close()
            raise
        self.close()
        self._file = file

    def _hold(self) -> FileIO:
        """Return the open file, which nobody else has."""
        while True:
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            flags |= getattr(os, "O_NOFOLLOW", 0)  # what a link names is not ours to cut
            file = FileIO(os.open(self.path, flags, 0o666), "r+")
            try:
                hold(file, self.path)
                if self._is_ours(os.fstat(file.fileno())):
                    return file
            except FileNotFoundError:
                pass
            except BaseException:
                file.close()
                raise
            file.close()  # whoever had it gave it its final name meanwhile, or removed it

    def _read_map(self, length: int) -> dict[str, Any] | None:
        """Return the state in the map, if it is of this file and of these bytes."""
        try:
            found = json.loads(self._map.read_bytes())
            is_ours = found["key"] == self._key and found["length"] <= length
            state = found["state"] if is_ours else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return state if isinstance(state, dict) else None

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in NO_ROOM or isinstance(error, DiskFullError):
                raise
            raise DiskFullError(str(self.target), self.missing) from error
