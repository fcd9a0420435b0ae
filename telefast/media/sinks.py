"""Where the bytes of a file go: a file on the disk, a file object, or memory.

Nothing here blocks the loop. One call at a time.
"""

from __future__ import annotations

import errno
import inspect
import io
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from telefast.disk import is_part
from telefast.errors import ArgumentError
from telefast.media.files import PartFile, part_path
from telefast.media.types import MediaItem
from telefast.tasks import in_thread

__all__ = ["FileSink", "MemorySink", "ObjectSink", "Pieces", "Sink", "Target", "target_of"]

Pieces = Sequence[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Target:
    """A path, and what is there already: bytes of a file, None if there is none; a part file.

    What is new takes no other file's place, also none that came meanwhile.
    """

    path: Path
    size: int | None
    has_parts: bool
    is_new: bool = False


def target_of(target: str, item: MediaItem) -> Target:
    """Return the path of a file, by its key if *target* is a folder, and what is there. Blocks.

    Raises:
        ArgumentError: If it is a name that only files have which are not whole.
        FileExistsError: If something else than a file is there.
    """
    path = Path(target).absolute()
    if target.endswith((os.sep, "/")) or path.is_dir():
        path /= f"{item.key}{item.extension}"
    if is_part(path.name):
        raise ArgumentError("target", path.name, "not the name of a file that is not whole")
    size: int | None = None
    with suppress(FileNotFoundError, NotADirectoryError):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a device, say: it would be replaced
            raise FileExistsError(errno.EEXIST, "not an ordinary file", str(path))
        size = found.st_size
    return Target(path, size, part_path(path).exists())


class Sink(Protocol):
    """Takes the bytes of one file."""

    async def open(self) -> dict[str, Any] | None:
        """Begin; return what an earlier run saved, None if it begins anew."""

    async def write(self, pieces: Pieces, missing: int) -> None:
        """Take bytes at their places; *missing* are still to be written, they included."""

    async def save(self, state: dict[str, Any]) -> None:
        """Keep *state* for a later run, if that is possible."""

    async def cut(self, end: int) -> None:
        """Give the room behind *end* back, to have some for `save`."""

    async def read(self, offset: int, length: int) -> bytes:
        """Return bytes that were written, to check them."""

    async def finish(self, size: int) -> None:
        """End: the file is whole."""

    async def close(self, *, keep: bool) -> None:
        """Let go of a file that is not whole; *keep* what is there, or leave nothing."""


class FileSink:
    """A file on the disk.

    Args:
        target: Where it goes.
        key: Which file it is.
        is_small: Whether it comes in one part: then all is done at once, when the part is there.
        mtime: Its time of modification, in seconds since the epoch.
    """

    def __init__(self, target: Target, key: str, *, is_small: bool, mtime: float | None) -> None:
        self._file = PartFile(target.path, key)
        self._is_new = target.is_new
        self._mtime = mtime
        self._is_small = is_small
        self._pieces: list[tuple[int, bytes]] = []

    async def open(self) -> dict[str, Any] | None:
        """Open it, unless it is small."""
        if self._is_small:
            return None
        try:
            return await in_thread(self._file.open)
        except BaseException:  # also if cancelled when it was open already
            await in_thread(self._file.leave)
            raise

    async def write(self, pieces: Pieces, missing: int) -> None:
        """Write at once; of a small file, keep for later."""
        self._file.missing = missing
        if self._is_small:
            self._pieces.extend(pieces)
        else:
            await in_thread(self._file.write, pieces)

    async def save(self, state: dict[str, Any]) -> None:
        """Write the map."""
        if not self._is_small:
            await in_thread(self._file.save, state)

    async def cut(self, end: int) -> None:
        """Cut the file."""
        if not self._is_small:
            await in_thread(self._file.cut, end)

    async def read(self, offset: int, length: int) -> bytes:
        """Read from the disk, or from what is kept."""
        if self._is_small:
            whole = b"".join(data for _, data in sorted(self._pieces))
            return whole[offset : offset + length]
        return await in_thread(self._file.read, offset, length)

    async def finish(self, size: int) -> None:
        """Give it its final name."""
        await in_thread(self._finish, size)

    async def close(self, *, keep: bool) -> None:
        """Close it, and remove it unless it can be gone on with."""
        is_kept = keep and not self._is_small  # which has no map
        await in_thread(self._file.close if is_kept else self._file.discard)

    def _finish(self, size: int) -> None:
        if self._is_small:
            self._file.open()
            self._file.write(self._pieces)
        self._file.finish(size, self._mtime, is_new=self._is_new)


class MemorySink:
    """Memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    async def open(self) -> dict[str, Any] | None:
        """Begin anew."""
        return None

    async def write(self, pieces: Pieces, missing: int) -> None:
        """Put bytes at their places."""
        for offset, data in pieces:
            gap = offset - len(self.data)
            if gap > 0:
                self.data += bytes(gap)
            self.data[offset : offset + len(data)] = data

    async def save(self, state: dict[str, Any]) -> None:
        """Keep nothing."""

    async def cut(self, end: int) -> None:
        """Keep it."""

    async def read(self, offset: int, length: int) -> bytes:
        """Return bytes."""
        return bytes(self.data[offset : offset + length])

    async def finish(self, size: int) -> None:
        """Cut what lies behind the end."""
        del self.data[size:]

    async def close(self, *, keep: bool) -> None:
        """Forget it."""
        self.data.clear()


class ObjectSink:
    """A file object, which gets the bytes in their order.

    Args:
        file: Has a `write` of bytes, which may be a coroutine function.
        start: Where in the file its first byte lies.

    Raises:
        ArgumentError: If it takes text, or is closed.
    """

    def __init__(self, file: Any, *, start: int = 0) -> None:
        is_text = isinstance(file, io.TextIOBase) or isinstance(
            getattr(file, "encoding", None), str
        )
        if is_text or getattr(file, "closed", False) is True:
            raise ArgumentError("target", file, "a file object that is open for bytes")
        self._is_raw = isinstance(file, io.RawIOBase)
        self._write = file.write
        self._flush = getattr(file, "flush", None)
        self._next = start
        self._early: dict[int, bytes] = {}

    async def open(self) -> dict[str, Any] | None:
        """Begin anew."""
        return None

    async def write(self, pieces: Pieces, missing: int) -> None:
        """Pass on what is next, and keep what is early."""
        self._early.update(pieces)
        while (data := self._early.pop(self._next, None)) is not None:
            await self._pass_on(data)
            self._next += len(data)

    async def _pass_on(self, data: bytes) -> None:
        """Write all of it, also to a raw file, which may take less at once and says so."""
        view = memoryview(data)
        while view:
            taken = await _call(self._write, bytes(view) if len(view) < len(data) else data)
            if taken is None and self._is_raw:  # it has taken nothing, and must not block
                taken = 0
            if type(taken) is not int or not 0 <= taken < len(view):
                return
            if not taken:
                raise BlockingIOError(errno.EAGAIN, "the target takes no more bytes")
            view = view[taken:]

    async def save(self, state: dict[str, Any]) -> None:
        """Keep nothing."""

    async def cut(self, end: int) -> None:
        """Keep it."""

    async def read(self, offset: int, length: int) -> bytes:
        """Return nothing: what was passed on cannot be read again."""
        return b""

    async def finish(self, size: int) -> None:
        """Flush it; it stays open."""
        if callable(self._flush):
            await _call(self._flush)

    async def close(self, *, keep: bool) -> None:
        """Forget what is early; what was passed on cannot be taken back."""
        self._early.clear()


async def _call(method: Any, *args: Any) -> Any:
    if inspect.iscoroutinefunction(method):
        return await method(*args)
    result = await in_thread(method, *args)
    return await result if inspect.isawaitable(result) else result
