"""The folders of an archive: made without following a link, looked at, and left tidy.

All of it blocks: call it by `telefast.tasks.in_thread`.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from telefast.disk import PART
from telefast.errors import UnsafePathError
from telefast.media.files import part_path, remove_parts
from telefast.media.names import key_in

__all__ = ["is_whole", "prepare", "tidy"]

_ENDINGS: Final = ("", ".map", ".map.tmp")
_PART: Final = re.compile(rf"(.+){re.escape(PART)}(?:\.map(?:\.tmp)?|\.link)?", re.DOTALL)
_MOUNT_POINT: Final = 0xA0000003
"""`IO_REPARSE_TAG_MOUNT_POINT`: what Windows calls a junction; a link for our purposes."""


def prepare(target: Path, *, is_nested: bool) -> None:
    """Make the folder of a file, and see that writing the file follows no link.

    The archive itself may lie behind a link: that is its owner's choice. What is within it may not:
    whoever else can write there could send the file elsewhere.

    Args:
        target: Where the file is to be.
        is_nested: Whether its folder lies within the archive.

    Raises:
        UnsafePathError: If its folder is a link, or the names in which it is gathered are.
        OSError: If the folder cannot be made, or no file in it.
    """
    folder = target.parent
    if is_nested:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if _is_link(folder):
            raise UnsafePathError(str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):  # else it would be found out when all bytes are here
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    part = part_path(target)
    for ending in _ENDINGS:
        path = part.with_name(f"{part.name}{ending}")
        if _is_link(path):
            raise UnsafePathError(str(path))


def is_whole(path: Path, size: int | None) -> bool:
    """Return whether a file is there and has its size."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size


def tidy(folder: Path, is_over: Callable[[str], bool]) -> int:
    """Remove what kills have left of files that nobody goes on with; return how many names.

    Args:
        folder: Where to look; not below it.
        is_over: Whether nobody goes on with the file of a name.
    """
    try:
        found = [_PART.fullmatch(name) for name in os.listdir(folder)]  # noqa: PTH208 - only names
    except (FileNotFoundError, NotADirectoryError):
        return 0
    names = {each[1] for each in found if each is not None and key_in(each[1]) is not None}
    over = [name for name in names if is_over(name)]
    for name in over:
        with suppress(OSError):  # then the next run does it
            remove_parts(folder / name)
            part = part_path(folder / name)
            part.with_name(f"{part.name}.link").unlink(missing_ok=True)  # its maker does it again
    return len(over)


def _is_link(path: Path) -> bool:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _MOUNT_POINT
