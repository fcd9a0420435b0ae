"""The hashes that Telegram gives for a file, in ranges, and whether they cover all of it.

https://core.telegram.org/api/files#verifying-downloaded-chunks
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = ["HashList", "HashRange"]


class HashRange(NamedTuple):
    """One range, and the SHA-256 of its bytes."""

    offset: int
    limit: int
    sha256: bytes

    def fits(self, data: bytes) -> bool:
        """Return whether these are the bytes."""
        return len(data) == self.limit and hashlib.sha256(data).digest() == self.sha256


class HashList:
    """The hashes of one file, as its answers come.

    Args:
        size: Of the file, in bytes.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.ranges: list[HashRange] = []
        self.covered = 0

    @property
    def is_complete(self) -> bool:
        """Whether every byte lies in a range."""
        return self.covered >= self.size

    def on_answer(self, hashes: Iterable[Any]) -> bool:
        """Take the answer about the hashes from `covered` on.

        Returns:
            False if it brings nothing new, and so nothing would.
        """
        before = self.covered
        for each in sorted(hashes, key=lambda each: int(each.offset)):
            end = each.offset + each.limit
            # The last range may claim more than there is.
            if each.offset <= self.covered < end:
                limit = min(end, self.size) - each.offset
                self.ranges.append(HashRange(each.offset, limit, each.hash))
                self.covered = min(end, self.size)
        return self.covered > before
