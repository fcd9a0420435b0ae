"""What stays of a download that failed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from telefast.errors import DiskFullError, FileMismatchError, FileUnavailableError

if TYPE_CHECKING:
    from telefast.media.parts import PartMap
    from telefast.media.sinks import Sink

__all__ = ["is_lost", "save"]

_MAP_ROOM: Final = 64 * 1024
"""Bytes that a map takes at most, with its folder entry: our choice, some thousand ranges."""


def is_lost(error: BaseException) -> bool:
    """Return whether an error means that no part of the file is of use, as there is none, say."""
    if isinstance(error, FileUnavailableError):
        return error.reason != "reference"  # the caller may know of a fresh one
    return isinstance(error, FileMismatchError | FileExistsError)  # another has its name


async def save(sink: Sink, parts: PartMap) -> None:
    """Keep what is here; on a full disk its last bytes make room for the map of the others."""
    with suppress(OSError):  # then the map of before is still true, or none is there
        try:
            await sink.save(parts.snapshot())
        except DiskFullError:
            await sink.cut(parts.give_up(_MAP_ROOM))
            await sink.save(parts.snapshot())
