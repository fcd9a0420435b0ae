"""One writer at a time, also over several processes; a killed one lets go by itself."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import FileIO
from pathlib import Path

from telefast.errors import StoreLockedError

__all__ = ["Lock"]

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


class Lock:
    """The file `lock` in a folder, held by the operating system for as long as it is open.

    It stays when it is released: to remove it would let two writers in at once.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: FileIO | None = None

    def take(self) -> None:
        """Take it, or raise.

        Raises:
            StoreLockedError: If somebody else has it, or this process by another object.
        """
        path = self._folder / "lock"
        file = FileIO(path, "a+")
        try:
            _try_lock(file)
        except (BlockingIOError, PermissionError):
            holder = _read_holder(file)
            file.close()
            raise StoreLockedError(str(self._folder), holder) from None
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
