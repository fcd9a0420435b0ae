"""The files of an export: which are there, how large they are, and which paths are hostile.

Paths in an export are relative to its folder. One that leaves the folder, by `..`, by being
absolute or through a symbolic link, is refused and counted; nothing outside is ever looked at.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from telefast.testing.export_fields import Record

__all__ = ["FileTable", "Found", "stable_id"]


def stable_id(*parts: object) -> int:
    """Return an id that depends on *parts* only: positive, below 2**63, the same in every run.

    Example:
        >>> stable_id("photo", 1) == stable_id("photo", 1) != stable_id("photo", 2)
        True
    """
    text = "\0".join(map(str, parts)).encode("utf-8")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1 or 1


class Found(NamedTuple):
    """A file that an export names.

    Attributes:
        name: What the export writes, which makes the id.
        path: Where it lies; `None` if it is not there.
        size: Its size in bytes: of the file if it is there, else what the export says, else 0.
    """

    name: str
    path: Path | None
    size: int


class FileTable:
    """Looks up the files of one export.

    Args:
        folder: The folder of the export.

    Attributes:
        files: Id of a photo or document -> its file, for those that are there.
        thumbs: Id of a document -> the file of its thumbnail, for those that are there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self.files: dict[int, Path] = {}
        self.thumbs: dict[int, Path] = {}

    def look_up(self, record: Record, key: str, size_key: str) -> Found | None:
        """Return the file in the field *key*, its size from the disk or from *size_key*.

        `None` if the export has no such field. What is missing or hostile is counted.
        """
        name = record.text(key)
        size = record.integer(size_key, high=2**53) or 0
        if name is None:
            return None
        if "(File " in name or "(Photo " in name:
            record.miss(f"file not in the export: {_skip_reason(name)}", key)
            return Found(name, None, size)
        if not self._is_tame(name):
            record.miss("hostile path refused", key)
            return Found(name, None, size)
        path = self._folder / name
        try:
            is_inside = path.resolve().is_relative_to(self._folder)
            if is_inside and path.is_file():
                return Found(name, path, path.stat().st_size)
        except (OSError, RuntimeError):
            is_inside = True
        record.miss("file is missing" if is_inside else "hostile path refused", key)
        return Found(name, None, size)

    @staticmethod
    def _is_tame(name: str) -> bool:
        if not name or name.startswith(("/", "~")) or "\\" in name or ":" in name.split("/")[0]:
            return False
        return "\0" not in name and ".." not in name.split("/")


def _skip_reason(name: str) -> str:
    """Say in our words why Telegram Desktop left a file out."""
    if "exceeds maximum size" in name:
        return "too large for the export's settings"
    if "not included" in name:
        return "left out by the export's settings"
    return "unavailable"
