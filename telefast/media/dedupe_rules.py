"""What the cache of downloads decides: is this a hit, what is healed, what is stored once.

An `Entry` says where a file is and what it was when it came. It is a hit only if the file is found
to be that, by `judge`; what is found to be something else, or nothing, is no longer believed.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from telefast.errors import ArgumentError
from telefast.media.items import file_key, first_item
from telefast.media.keys import FileKey

__all__ = [
    "LINK_MODES",
    "VERIFY_MODES",
    "Entry",
    "Found",
    "LinkMode",
    "Once",
    "Verdict",
    "Verify",
    "Wanted",
    "checked_sha256",
    "content_key",
    "decode",
    "encode",
    "falls_back",
    "is_stale",
    "judge",
    "store_once",
    "wanted",
]

Verify: TypeAlias = Literal["exists", "size", "sha256"]
LinkMode: TypeAlias = Literal["reuse", "hardlink", "reflink", "copy"]
Verdict: TypeAlias = Literal[
    "good", "hash", "unsure", "unreadable", "missing", "resized", "changed"
]
Once: TypeAlias = Literal["keep", "share", "link"]

VERIFY_MODES: Final = ("exists", "size", "sha256")
LINK_MODES: Final = ("reuse", "hardlink", "reflink", "copy")

_UNSUPPORTED: Final = frozenset(
    {
        errno.EXDEV,  # another disk
        errno.EPERM,  # this file system has no hard links, or the system guards this file
        errno.EMLINK,  # 65,000 names on ext4, 1,024 on NTFS
        errno.EOPNOTSUPP,
        errno.ENOTSUP,
        errno.ENOSYS,
        errno.EINVAL,  # FICLONE on another file system than Btrfs, XFS and the like; FAT on Windows
        errno.ENOTTY,  # the same, from those that know no ioctl
    }
)
"""Errors of `link(2)` and `ioctl_ficlone(2)` that mean: not here, or not any more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that was downloaded.

    Attributes:
        path: Where it is; absolute.
        size: Bytes it had; None if that was not written down.
        sha256: Its hash, 64 hex digits in lower case; None if it was not taken.
    """

    path: str
    size: int | None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the disk has in the place of an entry.

    Attributes:
        status: Whether there is a `file`; it is `missing`; or `unreadable`: nobody can tell.
        size: Bytes of the file.
        sha256: Its hash; None if it was not taken.
    """

    status: Literal["file", "missing", "unreadable"]
    size: int = 0
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which file is wanted.

    Attributes:
        key: Its identity; None if there is none.
        keys: Under which it is looked for, in this order, and kept.
        size: Bytes that Telegram says it has; None if unknown.
    """

    key: FileKey | None
    keys: tuple[str, ...]
    size: int | None


def wanted(media: Any, *, by_name: bool) -> Wanted:
    """Return which file a message, medium, item or key stands for.

    Args:
        media: A `FileKey`, or what `file_key` takes.
        by_name: Whether a document of the same chat, name and size will do as well.

    Raises:
        ArgumentError: If *media* is none of these.
    """
    if isinstance(media, FileKey):
        return Wanted(media, (str(media),), None)
    item = first_item(media)
    key = file_key(media) if item is None else item.key
    if item is None or key is None:
        return Wanted(key, () if key is None else (str(key),), None)
    guess = file_key(item, by_name=True) if by_name else None
    return Wanted(key, (str(key),) if guess is None else (str(key), str(guess)), item.size)


def judge(entry: Entry, found: Found, *, verify: Verify, size: int | None) -> Verdict:
    """Decide whether a file is the one that an entry tells of.

    Args:
        entry: What was written down.
        found: What the disk has.
        verify: How much must be right: that it `exists`, its `size` too, or its `sha256` as well.
        size: Bytes it must have besides; None if unknown.

    Returns:
        `good`: a hit. `hash`: take its hash and ask again. All others are misses: `unsure`: what
        would have to be right was not written down; `unreadable`: as the disk does not tell;
        `missing`, `resized`, `changed`: it is not that file (any more).
    """
    if found.status != "file":
        return found.status
    if verify == "exists":
        return "good"
    sizes = {entry.size, size} - {None}
    if not sizes:
        return "unsure"
    if sizes != {found.size}:
        return "resized"
    if verify == "size":
        return "good"
    if entry.sha256 is None:
        return "unsure"
    if found.sha256 is None:
        return "hash"
    return "good" if found.sha256 == entry.sha256 else "changed"


def is_stale(verdict: Verdict) -> bool:
    """Return whether an entry is to be removed; what the disk does not tell proves nothing."""
    return verdict in ("missing", "resized", "changed")


def falls_back(code: int | None) -> bool:
    """Return whether an error number means that there are no links here, so that a copy will do."""
    return code in _UNSUPPORTED


def store_once(mode: LinkMode, *, is_same_file: bool, is_equal: bool) -> Once:
    """Decide about a new file, where an older one is said to have the same bytes.

    Args:
        mode: How files are shared.
        is_same_file: Whether both are one file by two names.
        is_equal: Whether both were found to have the same bytes, each of them.

    Returns:
        `keep` it as it is; `share`: remove it and use the older one; `link`: let its name stand for
        the bytes of the older one.
    """
    if is_same_file or not is_equal:
        return "keep"
    return "share" if mode == "reuse" else "link"


def checked_sha256(value: Any) -> str | None:
    """Return a hash in lower case; None if there is none.

    Raises:
        ArgumentError: If it is something else than 64 hex digits.
    """
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch("[0-9A-Fa-f]{64}", value):
        raise ArgumentError("sha256", value, "64 hex digits")
    return value.lower()


def content_key(sha256: str) -> str:
    """Return the key of all files that have these bytes."""
    return f"sha256_{sha256}"


def encode(entry: Entry) -> str:
    """Return an entry as text, for a store that keeps text."""
    kept = {"path": entry.path, "size": entry.size, "sha256": entry.sha256}
    return json.dumps({name: value for name, value in kept.items() if value is not None})


def decode(value: Any) -> Entry | None:
    """Return the entry that a foreign store gives back, in whatever form; None if it is none.

    Stores that guess types are common: they give a text that looks like JSON back parsed, and bytes
    as text. A path alone is an entry of unknown size.
    """
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "replace")
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, Mapping):
        return Entry(value, None) if isinstance(value, str) and value else None
    path, size, sha256 = (value.get(name) for name in ("path", "size", "sha256"))
    if not isinstance(path, str) or not path:
        return None
    is_size = isinstance(size, int) and not isinstance(size, bool)
    return Entry(path, size if is_size else None, sha256 if isinstance(sha256, str) else None)
