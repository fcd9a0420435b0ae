"""One file in two places: hard links, clones that share their blocks, copies; and what they hold.

Nothing here blocks the loop for long: large files are read in slices, so that a cancellation is
heard between two of them. A target is always the whole file, or what it was before.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final

from telefast.disk import NO_ROOM, sync_folder
from telefast.errors import ArgumentError, DiskFullError
from telefast.media.dedupe_rules import Found, LinkMode, falls_back
from telefast.media.files import PartFile, part_path
from telefast.tasks import in_thread

__all__ = ["absolute", "is_equal", "is_same_file", "link", "look", "place", "sha256_of"]

_SLICE: Final = 8 * 1024 * 1024
"""Bytes read at a time: some milliseconds of hashing (our choice)."""
_TRIES: Final = 10

if sys.platform == "linux":
    import fcntl

    _FICLONE: Final = 0x40049409
    """`ioctl_ficlone(2)`: Btrfs, XFS, bcachefs, OCFS2, and NFS and SMB where their servers can."""

    def _clone(source: str, target: str) -> None:
        with FileIO(source) as old:
            new = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                fcntl.ioctl(new, _FICLONE, old.fileno())
                os.fsync(new)
            except BaseException:
                Path(target).unlink()
                raise
            finally:
                os.close(new)

elif sys.platform == "darwin":
    import ctypes

    def _clone(source: str, target: str) -> None:
        # clonefile(2): APFS
        library = ctypes.CDLL(None, use_errno=True)
        if library.clonefile(os.fsencode(source), os.fsencode(target), 0):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), target)

else:

    def _clone(source: str, target: str) -> None:
        raise OSError(errno.ENOTSUP, "no clones of files on this system", target)


def absolute(path: str | os.PathLike[str], name: str = "path") -> str:
    """Return the whole path, without `..`; links on the way stay, as a user sees them.

    Raises:
        ArgumentError: If it is none; it calls it by *name*.
    """
    text: object = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str) or "\0" in text:
        raise ArgumentError(name, path, "a path")
    return os.path.abspath(path)  # noqa: PTH100


def look(path: str) -> Found:
    """Return what is there. Blocks for a moment."""
    try:
        found = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return Found("missing")
    except (OSError, ValueError):
        return Found("unreadable")
    return Found("file", found.st_size) if stat.S_ISREG(found.st_mode) else Found("missing")


def is_same_file(one: str, other: str) -> bool:
    """Return whether two paths lead to one file. Blocks for a moment."""
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


async def sha256_of(path: str) -> str:
    """Return the hash of a file, 64 hex digits.

    Raises:
        OSError: If it cannot be read.
    """
    digest = hashlib.sha256()
    async with _reading(path) as file:
        while await in_thread(_hash_slice, file, digest.update):
            pass
    return digest.hexdigest()


@asynccontextmanager
async def _reading(path: str) -> AsyncIterator[FileIO]:
    """Open a file in a thread; it is closed also if that is cancelled meanwhile."""
    opened: list[FileIO] = []
    try:
        await in_thread(lambda: opened.append(FileIO(path)))
        yield opened[0]
    finally:
        for file in opened:
            file.close()


def _hash_slice(file: FileIO, update: Callable[[bytes], None]) -> bool:
    data = file.read(_SLICE)
    update(data)
    return bool(data)


async def is_equal(one: str, other: str) -> bool:
    """Return whether two files have the same bytes; False if one cannot be read."""
    try:
        async with _reading(one) as first, _reading(other) as second:
            while (answer := await in_thread(_compare_slice, first, second)) is None:
                pass
    except OSError:
        return False
    return answer


def _compare_slice(first: FileIO, second: FileIO) -> bool | None:
    """Return None if both have the same slice, and there is more."""
    data = _full_slice(first)
    if data != _full_slice(second):
        return False
    return None if data else True


def _full_slice(file: FileIO) -> bytes:
    data = bytearray()
    while len(data) < _SLICE and (more := file.read(_SLICE - len(data))):
        data += more
    return bytes(data)


async def place(source: str, target: Path, mode: LinkMode, size: int) -> LinkMode:
    """Let *target* have the bytes of *source*, in place of what it is now.

    Args:
        source: A file.
        target: The other place; its folder is made if need be.
        mode: How. What the disk or system cannot do becomes a copy.
        size: Bytes that the file has.

    Returns:
        What it has become.

    Raises:
        ArgumentError: If the target is a folder.
        DiskFullError: If there is no room.
        StoreLockedError: If something else downloads or copies to the target.
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be read or written, or changes meanwhile.
    """
    if await link(source, target, mode):
        return mode
    await _copy(source, target, size)
    return "copy"


async def link(source: str, target: Path, mode: LinkMode) -> bool:
    """Let *target* be a hard link or a clone of *source*; False if that cannot be here.

    Raises:
        ArgumentError: If the target is a folder.
        DiskFullError: If there is no room.
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be written.
    """
    await in_thread(_make_folder, target)
    if mode not in ("hardlink", "reflink"):
        return False
    try:
        make = os.link if mode == "hardlink" else _clone
        source = await in_thread(os.path.realpath, source)  # the file itself, not a link to it
        await in_thread(_by_new_name, make, source, target)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFullError(str(target), 4096) from error  # a block, for its name
        if not falls_back(error.errno):
            raise
        return False
    return True


def _make_folder(target: Path) -> None:
    if target.is_dir():
        raise ArgumentError("target", str(target), "the path of a file, not a folder")
    target.parent.mkdir(parents=True, exist_ok=True)


def _by_new_name(make: Callable[[str, str], None], source: str, target: Path) -> None:
    """Make the new file by another name first: the target is the old one until it is the new one.

    Never by the name of the parts: who goes on with them writes into it, and so into the source.
    """
    new = target.with_name(f"{part_path(target).name}.link")
    left = _TRIES
    while True:
        try:
            new.unlink(missing_ok=True)  # of a run that was killed
            make(source, str(new))
            new.replace(target)
            break
        except (FileExistsError, FileNotFoundError):
            # Another process does the same, unless there is no source.
            left -= 1
            if not left or not Path(source).exists():
                raise
        except OSError:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
    with suppress(OSError):
        new.unlink(missing_ok=True)  # if both were one file, `rename(2)` has done nothing
    sync_folder(target.parent)


async def _copy(source: str, target: Path, size: int) -> None:
    part = PartFile(target, f"copy of {source}")
    async with _reading(source) as file:
        try:
            await in_thread(part.open)
            offset = 0
            while data := await in_thread(file.read, _SLICE):
                part.missing = max(size - offset, 0)
                await in_thread(part.write, [(offset, data)])
                offset += len(data)
            _check(source, offset, size)
            await in_thread(part.finish, size)
        except BaseException:
            await in_thread(part.discard)
            raise


def _check(source: str, length: int, size: int) -> None:
    if length != size:
        raise OSError(errno.EIO, f"{length} bytes, not {size}: it changes", source)
