r"""Names for files and folders that are safe on every system, for whatever the sender wrote.

A name is made of the file alone, so it is the same in each run and in whatever order files arrive:
what is left of the sender's name, then the `FileKey`, then the extension, as in
`holiday-document_5368324170671202286.mp4`. The key tells any two files apart, also on disks that
fold case or Unicode forms, since it is lower-case ASCII and comes last.

What is safe, `telefast.filenames` says. Besides, no name has the ending of a file that is not
whole, `.part`.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from telefast.filenames import LONGEST, clean_name
from telefast.media.extensions import bare_name
from telefast.media.keys import FileKey
from telefast.media.types import MediaItem

__all__ = ["file_name", "key_in"]

_EXTENSION: Final = re.compile(r"\.[a-z0-9]{1,10}")

_KEY: Final = re.compile(
    r"(?:\A|.*-)((?:document|photo|web|name)_-?[0-9]{1,39}(?:_(?:[a-z0-9]|~[0-9a-f]{2})+)?)"
    r"(?:\.[a-z0-9]{1,10})?",
    re.DOTALL,
)
_LONGEST_KEY: Final = 60
"""A size type has one letter. Whatever a server may send instead, a name has its room."""


def file_name(item: MediaItem) -> str:
    """Return the name that a file gets in an archive.

    It is the same for the same file on every system, in every run and in whatever order, and no
    other file has it, however the disk folds names. `item.name` stays what the sender wrote.

    Args:
        item: The file. What matters are its key, its name and its extension; the extension is that
            of the fixed table, or of the sender's name where the type says little.

    Example:
        >>> def name(sender_wrote: str) -> str:
        ...     key = FileKey("document", 77)
        ...     return file_name(MediaItem(key, 2, 1, "", ".mp4", "video", name=sender_wrote))
        >>> name("Our trip.MP4"), name("../../etc/passwd")
        ('Our trip-document_77.mp4', '_.._etc_passwd-document_77.mp4')
        >>> name("CON.mp4"), name("")
        ('_CON-document_77.mp4', 'document_77.mp4')
    """
    extension = item.extension if _EXTENSION.fullmatch(item.extension) else ""
    tail = _tag(item.key) + ("" if extension == ".part" else extension)
    stem = clean_name(bare_name(item.name or "", extension), LONGEST - len(tail) - 1)
    return f"{stem}-{tail}" if stem else tail


def key_in(name: str) -> FileKey | None:
    """Return which file has this name; None if `file_name` has not made it.

    Example:
        >>> from telefast.media.names import key_in
        >>> key_in("Our trip-document_77.mp4")
        FileKey(kind='document', id=77, size_type='')
    """
    found = _KEY.fullmatch(name)
    return FileKey.parse(found[1]) if found else None


def _tag(key: FileKey) -> str:
    text = str(key)
    if len(text) <= _LONGEST_KEY:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f"{key.kind}_{key.id}_{digest}"
