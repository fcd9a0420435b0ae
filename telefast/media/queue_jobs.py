"""What is pending in a download queue: a file, where it goes, and who waits for it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from telefast.media.fetching import Source
from telefast.media.results import DownloadResult
from telefast.media.types import MediaItem

__all__ = ["Job", "Place", "Waiter"]


class Waiter(Protocol):
    """Who wants to know what became of a file."""

    def deliver(self, result: DownloadResult) -> None:
        """Take a result."""

    def wake(self) -> None:
        """Look whether the queue has ended."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where files go: a folder, and whether it is one within the archive."""

    folder: Path
    is_nested: bool


@dataclass(slots=True, eq=False)
class Job:
    """A file that is pending."""

    number: int
    source: Source
    target: Path
    is_nested: bool
    waiters: list[tuple[Waiter | None, Any, MediaItem]] = field(default_factory=list)
    spare: deque[Source] = field(default_factory=deque)
