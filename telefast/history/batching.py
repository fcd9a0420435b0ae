"""From the pieces that a stream fetches to batches of the size that was asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from telefast.history.grouping import clean_cut, last_cut

__all__ = ["Gathering", "Part"]


@dataclass(slots=True)
class Part:
    """Messages that came in one answer, or what is left of them.

    Attributes:
        count: How many.
        page: The answer, None on the stock path.
        latency: Seconds that it took.
    """

    count: int
    page: Any
    latency: float


class Gathering:
    """Messages that wait to become a batch.

    Args:
        size: Messages per batch.
        albums: Whether a batch may be longer so that it cuts no album.
    """

    def __init__(self, size: int, *, albums: bool) -> None:
        self._size = size
        self._albums = albums
        self._messages: list[Any] = []
        self._parts: deque[Part] = deque()
        self._is_ended = False

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, messages: Sequence[Any], page: Any, latency: float) -> None:
        """Add what came in one answer."""
        self._messages += messages
        self._parts.append(Part(len(messages), page, latency))

    def end(self, *, is_failed: bool) -> None:
        """Say that nothing more comes; after a failure an album that may be cut is dropped."""
        self._is_ended = True
        if is_failed and self._albums:
            del self._messages[last_cut(self._messages) :]

    def next_count(self) -> int | None:
        """Return how many messages are a batch now, None if more are needed, 0 at the end."""
        count = len(self._messages)
        if count < self._size:
            return count if self._is_ended else None
        if self._albums:
            return clean_cut(self._messages, self._size, is_ended=self._is_ended)
        return self._size

    def take(self, count: int) -> tuple[list[Any], list[Part]]:
        """Remove the first *count* messages; return them and what they came in."""
        taken, self._messages = self._messages[:count], self._messages[count:]
        parts: list[Part] = []
        while count > 0 or (self._parts and self._parts[0].count == 0):
            part = self._parts[0]
            parts.append(part)
            if part.count > count:
                self._parts[0] = Part(part.count - count, part.page, part.latency)
                break
            self._parts.popleft()
            count -= part.count
        return taken, parts
