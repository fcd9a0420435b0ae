r"""Names for files and folders that are safe on every system, for whatever a stranger wrote.

One rule for every system, that of the strictest:

* No separator of any kind, no `..`, no drive, no stream: a name is one component of a path.
* None of what Windows forbids: `<>:"/\|?*`, control characters, device names such as `NUL`
  (also before a dot), a dot or blank at the end
  (https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file).
* Nothing that shows a name as another one: controls of direction, invisible characters.
* Nothing that hides it or that a shell takes for something else: no dot, `-` or `~` in front.
* At most `LONGEST` bytes, cut between two characters as people see them.

The tables are fixed, here or by Unicode 3.2, and not those of the running Python: its Unicode
version varies.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import ucd_3_2_0 as unicode_data

__all__ = ["LONGEST", "clean_name", "folder_name", "safe_name", "without_controls"]

_TEMPORARY: Final = len(".telefast.part.map.tmp")
"""What is added to the name of a file of media while a file is not whole."""

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
_JOINS: Final = re.compile("[\u200c\u200d\ufe00-\ufe0f\u1160-\u11ff\U0001f3fb-\U0001f3ff]")
"""What belongs to the character before it: joiners, variation selectors, parts of Hangul, shades of
emoji. Marks do, too."""
_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]")


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
    return f"{clean_name(title, LONGEST - len(tail)) or 'chat'}{tail}"


def safe_name(text: str) -> str:
    """Return any text as a name of its own: for a folder in which names are told apart by keys.

    Two texts may give one name. A name that was made here stays as it is.

    Example:
        >>> from telefast.filenames import safe_name
        >>> safe_name("photos"), safe_name("../up"), safe_name("")
        ('photos', '_up', '_')
    """
    return clean_name(text, LONGEST) or "_"


def without_controls(text: str) -> str:
    """Return a text without what cannot be seen, or shows it in another order."""
    return _DROPPED.sub("", text)


def clean_name(text: str, room: int) -> str:
    """Return what is left of a text as the beginning of a name, in at most *room* bytes.

    That may be nothing. Two texts may give one name: an id has to follow.
    """
    text = _REPLACED.sub("_", _BLANKS.sub(" ", without_controls(text)))
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
