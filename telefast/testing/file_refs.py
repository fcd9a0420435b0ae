"""File references: who may fetch which file, from where, and since when.

A reference names the account, the origin (a message, a peer for its profile photo, a story, a web
page, a sticker set), the time and the number of its issue, and is signed. So the server needs no
table of the files of seeded messages, of which there may be millions: it reads the origin out of
the reference, makes that message once more, and finds in it the file, its size, kind and data
centre. A message that is deleted, or has other media by now, is no origin any more.

The signature has two halves. One is of the origin alone, the other of origin and file: with it a
reference of one file does not open another.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from telethon.tl import types
from telethon.tl.tlobject import TLObject

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "EMOJI",
    "MESSAGE",
    "STICKER_SET",
    "STORY",
    "WEB_PAGE",
    "File",
    "FileKey",
    "Reference",
    "files_of",
    "has_file",
    "is_for",
    "key_of",
    "read_reference",
    "write_reference",
]

File: TypeAlias = types.Photo | types.Document
FileKey: TypeAlias = tuple[str, int]
"""`photo` or `document`, and the id: with these a file is the same in every message and chat."""

MESSAGE: Final = 0x02
STORY: Final = 0x03
WEB_PAGE: Final = 0x04
STICKER_SET: Final = 0x05
EMOJI: Final = 0x06
_BODY: Final = struct.Struct("<BHqiQI")
_HALF: Final = 4
_SIZE: Final = _BODY.size + 2 * _HALF
_PHOTO: Final = struct.pack("<I", types.Photo.CONSTRUCTOR_ID)
_DOCUMENT: Final = struct.pack("<I", types.Document.CONSTRUCTOR_ID)


class Reference(NamedTuple):
    """What a file reference says.

    Attributes:
        account: Index of the account that it was given to.
        mark: Marked id of the chat, or of the peer whose photo or story it is; the id of a web
            page, sticker set or custom emoji.
        message_id: The message in that chat, or the story; 0 for all else.
        issued: Server time of the answer that it came with, in milliseconds; 0 if it is as old as
            its message.
        serial: Number of its issue; 0 if it is as old as its message.
        place: What kind of origin it is: `MESSAGE` (or the photo of a peer), `STORY`, `WEB_PAGE`,
            `STICKER_SET` or `EMOJI`.
    """

    account: int
    mark: int
    message_id: int
    issued: int = 0
    serial: int = 0
    place: int = MESSAGE


def write_reference(secret: bytes, reference: Reference, file: FileKey) -> bytes:
    """Return the bytes of a reference, always 35 of them."""
    body = _BODY.pack(reference.place, *reference[:-1])
    return body + _sign(secret, body) + _sign(secret, body, file)


def read_reference(secret: bytes, data: bytes) -> Reference | None:
    """Return what a reference says, or None if we never wrote it."""
    if len(data) != _SIZE:
        return None
    body = data[: _BODY.size]
    if data[_BODY.size : -_HALF] != _sign(secret, body):
        return None
    place, account, mark, number, issued, serial = _BODY.unpack(body)
    return Reference(account, mark, number, issued, serial, place)


def is_for(secret: bytes, data: bytes, file: FileKey) -> bool:
    """Return whether a reference that we wrote was written for this file."""
    return data[-_HALF:] == _sign(secret, data[: _BODY.size], file)


def _sign(secret: bytes, body: bytes, file: FileKey | None = None) -> bytes:
    text = body if file is None else b"%b%b%d" % (body, file[0].encode(), file[1])
    return blake2b(text, digest_size=_HALF, key=secret).digest()


def key_of(file: File) -> FileKey:
    """Return what tells a file from all others."""
    return ("photo" if isinstance(file, types.Photo) else "document", file.id)


def has_file(data: bytes) -> bool:
    """Return whether the TL bytes of a message may hold a photo or document; cheap."""
    return _DOCUMENT in data or _PHOTO in data


def files_of(node: TLObject) -> Iterator[File]:
    """Yield every photo and document in an object, however deep, in the order of its fields."""
    if isinstance(node, types.Photo | types.Document):
        yield node
        return
    for value in vars(node).values():
        if isinstance(value, TLObject):
            yield from files_of(value)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, TLObject):
                    yield from files_of(item)
