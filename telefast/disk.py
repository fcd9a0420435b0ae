"""How telefast writes files that must survive a kill, a power failure and a second writer.

* `Lock`: one writer at a time, also over several processes; a killed one lets go by itself.
* `hold`: the same for a file that is open already.
* `replace_file`: the old bytes or the new ones, never a mixture, whatever happens meanwhile.
* `Replacement`: the same for bytes that come one after another.
* `is_part`: whether a name is one of a file that is not whole.

All of it blocks: call it by `telefast.tasks.in_thread`.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from telefast.errors import DiskFullError, StoreLockedError

__all__ = [
    "NO_ROOM",
    "PART",
    "Lock",
    "Replacement",
    "hold",
    "is_part",
    "replace_file",
    "sync_folder",
    "write_all",
]

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""No room on the disk, in the quota, or below the limit on the size of a file."""

PART = ".telefast.part"
"""What is added to the name of a file that is being fetched. Nobody else names a file so: it may be
cut or removed. So no sender's name may end like this, nor the name of a whole file."""
_PARTS = tuple(f"{PART}{each}" for each in ("", ".map", ".map.tmp", ".link"))

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: FileIO) -> None:
        # The first byte; what is written behind it, others can read.
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(file: FileIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def hold(file: FileIO, guarded: Path) -> None:
    """Let nobody else hold *file* for as long as it is open.

    Raises:
        StoreLockedError: If somebody else does, or this process by another object.
    """
    try:
        _try_lock(file)
    except (BlockingIOError, PermissionError):
        raise StoreLockedError(str(guarded), None) from None


class Lock:
    """A file held by the operating system for as long as it is open.

    It stays when it is released: to remove it would let two writers in at once.

    Args:
        path: The file.
        guarded: What it guards, for the error of who comes second.
    """

    def __init__(self, path: Path, guarded: Path) -> None:
        self._path = path
        self._guarded = guarded
        self._file: FileIO | None = None

    def take(self) -> None:
        """Take it, or raise.

        Raises:
            StoreLockedError: If somebody else has it, or this process by another object.
        """
        file = FileIO(self._path, "a+")
        try:
            _try_lock(file)
        except (BlockingIOError, PermissionError):
            holder = _read_holder(file)
            file.close()
            raise StoreLockedError(str(self._guarded), holder) from None
        except BaseException:
            file.close()
            raise
        self._file = file
        with suppress(OSError):  # a full disk is no reason not to read and resume
            # For the error of who comes next. A blank first: on Windows that byte is locked.
            file.truncate(0)
            file.write(f" {os.getpid()}\n".encode())

    def release(self) -> None:
        """Let go; safe to call at any time."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()


def _read_holder(file: FileIO) -> int | None:
    try:
        file.seek(1)
        return int(file.read(20) or b"")
    except (OSError, ValueError):
        return None


def replace_file(path: Path, data: bytes, *, private: bool = False) -> None:
    """Let *path* hold *data*, and have it on the disk; what was there before stays until then.

    One caller at a time: the new bytes are gathered in a file beside it, with `.tmp` added.

    Args:
        path: The file; its folder must exist.
        data: What it shall hold.
        private: Whether only its owner may read it (mode 0600).

    Raises:
        DiskFullError: If there is no room.
        OSError: If it cannot be written.
    """
    new = Replacement(path, private=private)
    new.write(data)
    new.commit()


class Replacement:
    """A file that takes the place of another one when it is whole, and not before.

    One for each *path* at a time: the new bytes are gathered in a file beside it, with `.tmp`
    added. After an error nothing is left of it, and it takes no more.

    Args:
        path: The file; its folder must exist.
        private: Whether only its owner may read it (mode 0600).

    Raises:
        DiskFullError: If there is no room; by each method.
        OSError: If it cannot be written; by each method.
    """

    def __init__(self, path: Path, *, private: bool = False) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.tmp")
        self._size = 0
        with self._guarded():
            self._file = FileIO(self._new, "w", opener=_open_private if private else None)

    def write(self, data: bytes) -> None:
        """Add *data* at the end."""
        self._size += len(data)
        with self._guarded():
            write_all(self._file, data)

    def commit(self) -> None:
        """Put the file in its place, and have it on the disk."""
        with self._guarded():
            os.fsync(self._file.fileno())
            self._file.close()
            self._new.replace(self._path)
        sync_folder(self._path.parent)

    def discard(self) -> None:
        """Leave what was there in its place."""
        self._file.close()
        self._new.unlink(missing_ok=True)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with suppress(OSError, AttributeError):  # it may not have been opened
                self.discard()
            if error.errno in NO_ROOM:
                raise DiskFullError(str(self._path), self._size) from error
            raise


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def is_part(name: str) -> bool:
    """Return whether a name is, on any system, one of those beside a file that is not whole.

    Windows passes over blanks and dots at the end, and what is behind a colon is a stream.

    Example:
        >>> from telefast.disk import is_part
        >>> is_part("a.pdf.Telefast.PART.map. "), is_part("a.pdf.part")
        (True, False)
    """
    return name.partition(":")[0].rstrip(" .").casefold().endswith(_PARTS)


def write_all(file: FileIO, data: bytes) -> None:
    """Write *data* to the end; a single `write` may take only a part."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def sync_folder(path: Path) -> None:
    """Let the name of a new file survive a power failure, where the system can do that."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
