"""What the cache of downloads answers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telefast.errors import ArgumentError
from telefast.media.dedupe_rules import LinkMode, Verdict
from telefast.media.keys import FileKey

__all__ = ["DedupeCheck", "DedupeResult", "DedupeStats", "downloaded_path"]


@dataclass(frozen=True, slots=True)
class DedupeResult:
    """Where a file is.

    Attributes:
        path: Its path; None only if its download brought none.
        hit: Whether it was here already, or came by a download that somebody else had begun.
        key: Which file it is; None if that cannot be told, so that it was simply downloaded.
        bytes_saved: Bytes that were not transferred: its size if *hit*, else 0.
        link: How it came to *path*, if *hit*: `reuse`, `hardlink`, `reflink` or `copy`; another one
            than was asked for if the disk cannot do that.
    """

    path: Path | None
    hit: bool
    key: FileKey | None
    bytes_saved: int
    link: LinkMode | None = None


@dataclass(frozen=True, slots=True)
class DedupeStats:
    """What a cache has done so far.

    Attributes:
        hits: Files that were here already, or that a download under way has brought.
        misses: Files that were not.
        inflight_joins: Hits that waited for a download under way.
        bytes_saved: Bytes of the hits.
        stale: Entries that were removed, since their file was gone or another one.
        shared: Files that had the bytes of another one, and are stored once (`contents=True`).
        link_fallbacks: Links that the disk could not make: copies in their place, or with
            `contents=True` nothing.
    """

    hits: int = 0
    misses: int = 0
    inflight_joins: int = 0
    bytes_saved: int = 0
    stale: int = 0
    shared: int = 0
    link_fallbacks: int = 0


@dataclass(frozen=True, slots=True)
class DedupeCheck:
    """What `MediaDedupeCache.verify` found.

    Attributes:
        good: Files that are what they were when they came.
        stale: Those that are `missing`, `resized` or `changed`, by key.
        unsure: Those of which nothing is known to compare, or that cannot be read.
    """

    good: int
    stale: dict[FileKey, Verdict]
    unsure: int


def downloaded_path(result: Any) -> str | None:
    """Return the path that a download returns, or its result has; None if there is none.

    Raises:
        ArgumentError: If it is something else.
    """
    path = result if isinstance(result, str | os.PathLike) else getattr(result, "path", result)
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):
        raise ArgumentError("download", type(result).__name__, "a function that returns a path")
    return os.fspath(path)
