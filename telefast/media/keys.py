"""`FileKey`: which file it is, wherever it was seen.

The 64-bit id of a document or photo names the same file on Telegram's servers in every message,
forward and chat. The access hash belongs to an account and the file reference to a moment
(https://core.telegram.org/api/file-references), so neither is ever part of a key.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Literal

from telefast.errors import ArgumentError

__all__ = ["FileKey", "name_key", "url_key"]

Kind = Literal["document", "photo", "web", "name"]

_TEXT = re.compile(r"(document|photo|web|name)_(-?[0-9]{1,39})(?:_([a-z0-9]|(?:~[0-9a-f]{2}))+)?")


@dataclass(frozen=True, slots=True, order=True)
class FileKey:
    """The identity of a file: the same in every chat, account, process and year.

    `str()` gives it as text that may be part of a file name on each system and a key of a data
    base: lower-case ASCII letters, digits, `_`, `-` and `~`. `FileKey.parse` reads it.

    Attributes:
        kind: `document` or `photo`; `web` for a file of another site, which Telegram fetches by its
            URL; `name` for what `file_key(..., by_name=True)` gives, which is no identity.
        id: The id that Telegram gave, or for `web` and `name` 128 bits of a SHA-256.
        size_type: Which size of a photo, or preview of a document, such as `y` or `m`
            (https://core.telegram.org/api/files#image-thumbnail-types); empty for the file itself.

    Example:
        >>> str(FileKey("photo", 5368324170671202286, "y"))
        'photo_5368324170671202286_y'
        >>> FileKey.parse("document_77") == FileKey("document", 77)
        True
    """

    kind: Kind
    id: int
    size_type: str = ""

    def __str__(self) -> str:
        if not self.size_type:
            return f"{self.kind}_{self.id}"
        return f"{self.kind}_{self.id}_{''.join(map(_escape, self.size_type))}"

    @classmethod
    def parse(cls, text: str) -> FileKey:
        """Return the key that `str()` wrote.

        Raises:
            ArgumentError: If *text* is none.
        """
        parts = text.split("_", 2)
        if not _TEXT.fullmatch(text):
            raise ArgumentError("text", text, "a FileKey as str() writes it")
        kind: Any = parts[0]
        size_type = re.sub(
            r"(?:~[0-9a-f]{2})+",
            lambda found: bytes.fromhex(found[0].replace("~", "")).decode("utf-8", "replace"),
            parts[2] if len(parts) > 2 else "",
        )
        return cls(kind, int(parts[1]), size_type)


def _escape(character: str) -> str:
    """Write a character that would not be safe, or not be itself on some system, by its bytes."""
    if character in "abcdefghijklmnopqrstuvwxyz0123456789":
        return character
    return "".join(f"~{byte:02x}" for byte in character.encode("utf-8", "replace"))


def url_key(url: str) -> FileKey:
    """Return the key of a file that another site has."""
    return FileKey("web", _digest(url))


def name_key(chat_id: int, name: str, size: int) -> FileKey:
    """Return a key of a name and a size within one chat: a guess, not an identity.

    Args:
        chat_id: The chat's marked id; equal names of different chats never meet.
        name: The sender's file name.
        size: Bytes.
    """
    return FileKey("name", _digest(f"{chat_id}\0{size}\0{name}"))


def _digest(text: str) -> int:
    """Return 128 bits: with a million files, the odds of one collision are 1 to 10**26."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:16], "big")
