"""What became of a download."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from telefast.media.types import MediaItem, SkippedItem

__all__ = ["DownloadResult", "Status"]

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """What became of one file.

    Attributes:
        status: `done`: it is whole. `skipped`: nothing was fetched. `failed`: see `error`.
        item: The file, or why there is none; None if a message has nothing to download.
        path: Where it is on the disk; None for other targets, and if it is not there.
        size: Bytes; of a file that was skipped or failed, 0.
        reason: Why it was skipped: what a `SkippedItem` says, or `exists`: it is there already,
            `too large`: larger than `max_size`.
        resumed_from: Bytes that an earlier run had fetched.
        parts: Requests for parts that were sent, repetitions included.
        seconds: How long it took.
        is_size_known: Whether Telegram said beforehand how large it is. If not, its end was asked
            for twice.
        data: The bytes, if the target was `bytes`.
        error: What failed; only `MediaDownloader.download_all` returns it, `download` raises it.
        source: What was to be downloaded: the message or item.
    """

    status: Status
    item: MediaItem | SkippedItem | None = None
    path: Path | None = None
    size: int = 0
    reason: str | None = None
    resumed_from: int = 0
    parts: int = 0
    seconds: float = 0.0
    is_size_known: bool = True
    data: bytes | None = field(default=None, repr=False)
    error: Exception | None = None
    source: Any = field(default=None, repr=False, compare=False)
