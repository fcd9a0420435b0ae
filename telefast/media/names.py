r"""Names for files and folders that are safe on every system, for whatever the sender wrote.

A name is made of the file alone, so it is the same in each run and in whatever order files arrive:
what is left of the sender's name, then the `FileKey`, then the extension, as in
`holiday-document_5368324170671202286.mp4`. The key tells any two files apart, also on disks that
fold case or Unicode forms, since it is lower-case ASCII and comes last.

One rule for every system, that of the strictest:

* No separator of any kind, no `..`, no drive, no stream: a name is one component of a path.
* None of what Windows forbids: `<>:"/\|?*`, control characters, device names such as `NUL`
  (also before a dot), a dot or blank at the end
  (https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file).
* Nothing that shows a name as another one: controls of direction, invisible characters.
* Nothing that hides it or that a shell takes for something else: no dot, `-` or `~` in front.
* Not the ending of a file that is not whole, `.part`.
* At most `LONGEST` bytes, cut between two characters as people see them.

The tables are fixed, here or by Unicode 3.2, and not those of the running Python: its Unicode
version varies.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from unicodedata import ucd_3_2_0 as unicode_data

from telefast.media.extensions import bare_name
from telefast.media.keys import FileKey
from telefast.media.types import MediaItem

__all__ = ["LONGEST", "file_name", "folder_name", "key_in", "safe_name"]

_TEMPORARY: Final = len(".telefast.part.map.tmp")
"""What `telefast.media.files` adds while a file is not whole."""

LONGEST: Final = 143 - _TEMPORARY
"""Bytes of a name in UTF-8 at most. With what is added meanwhile they fit where names are shortest
in use: encrypted folders of Linux and of Synology's (eCryptfs, 143 bytes; elsewhere it is 255). As
NFD, which macOS makes of them, they have at most 1.5 UTF-16 units for each byte: fewer than its
255. And of Windows' 260 characters for a path, a folder has half (our choice)."""

_DROPPED: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Controls of direction and what cannot be seen (https://www.unicode.org/reports/tr36/,
https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point), but for joiners and variation
selectors, which emoji and several scripts need."""

_BLANKS: Final = re.compile(
    "[\t-\r \x1c-\x1f\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
)

_REPLACED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"
    '<>:"/\\\\|?*'
    # Slashes and backslashes that look so, or that some code page of Windows makes them of
    "\u00a5\u20a9\u2044\u2215\u2216\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c"
    # Halves of surrogate pairs, private use, and what is no character
    "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff]"
)

_DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$) *(\.|\Z)",
    re.IGNORECASE | re.ASCII,
)
_EXTENSION: Final = re.compile(r"\.[a-z0-9]{1,10}")

_JOINS: Final = re.compile("[\u200c\u200d\ufe00-\ufe0f\u1160-\u11ff\U0001f3fb-\U0001f3ff]")
"""What belongs to the character before it: joiners, variation selectors, parts of Hangul, shades of
emoji. Marks do, too."""
_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]")

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
    stem = _clean(bare_name(item.name or "", extension), LONGEST - len(tail) - 1)
    return f"{stem}-{tail}" if stem else tail


def folder_name(title: str, number: int) -> str:
    """Return a name for the folder of a chat or topic.

    Titles change and are not unique, so a number belongs to it. For a name that stays when the
    title changes, pass an empty title.

    Args:
        title: What the chat or topic is called: any text at all.
        number: The chat's marked id, or the topic's id.

    Example:
        >>> folder_name("Ships: old/new", -1001234), folder_name("", 77)
        ('Ships_ old_new_-1001234', 'chat_77')
    """
    tail = f"_{number}"
    return f"{_clean(title, LONGEST - len(tail)) or 'chat'}{tail}"


def safe_name(text: str) -> str:
    """Return any text as a name of its own: for a folder in which names are told apart by keys.

    Two texts may give one name. A name that was made here stays as it is.

    Example:
        >>> from telefast.media.names import safe_name
        >>> safe_name("photos"), safe_name("../up"), safe_name("")
        ('photos', '_up', '_')
    """
    return _clean(text, LONGEST) or "_"


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


def _clean(text: str, room: int) -> str:
    """Return what is left of a text as the beginning of a name, in at most *room* bytes."""
    text = _REPLACED.sub("_", _BLANKS.sub(" ", _DROPPED.sub("", text)))
    text = text.lstrip(" .-~")
    if _DEVICE.match(text):
        text = f"_{text}"
    return _cut(text, room).rstrip(" .")


def _cut(text: str, room: int) -> str:
    """Return the longest beginning that fits, which takes no character apart."""
    data = text.encode()
    if len(data) <= room:
        return text
    # One more than fits: does it belong to what is before?
    kept = len(data[:room].decode(errors="ignore"))
    end = kept
    while end and _belongs(text, end):
        end -= 1
    return text[: end or kept]


def _belongs(text: str, index: int) -> bool:
    """Whether the character at *index* is one with the one before it."""
    joins = _JOINS.match(text[index]) or unicode_data.category(text[index])[0] == "M"
    if joins or text[index - 1] == "\u200d":
        return True
    if not _FLAG.match(text[index]):
        return False
    before = index
    while before and _FLAG.match(text[before - 1]):
        before -= 1
    return (index - before) % 2 == 1  # flags are pairs of letters
