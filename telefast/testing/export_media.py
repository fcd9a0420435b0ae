"""Rebuild photos and documents from an export, without their bytes.

Ids are made from the chat, the message and the path, so that they are the same in every run. The
export has one size of a photo and no dimensions of a thumbnail.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.testing.export_files import FileTable, Found, stable_id

if TYPE_CHECKING:
    from datetime import datetime

    from telefast.testing.export_fields import Record

__all__ = ["DC_ID", "Place", "read_document", "read_files", "read_photo"]

DC_ID = 2
"""The data centre of all media: the only one that the embedded Telegram has."""

_MIME = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".tgs": "application/x-tgsticker",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
"""For old exports without `mime_type`; `mimetypes` would answer differently on each machine."""

_KINDS = frozenset(
    {"sticker", "video_message", "voice_message", "animation", "video_file", "audio_file"}
)
_DURATION_MAX = 10.0**9


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands, for what media need to know of it.

    Attributes:
        chat_id: Bare id of the chat.
        message_id: Id of the message.
        date: When it was sent.
        table: The files of the export.
    """

    chat_id: int
    message_id: int
    date: datetime
    table: FileTable

    def new_id(self, kind: str, name: object = "") -> int:
        """Return the id of something in this message."""
        return stable_id(kind, self.chat_id, self.message_id, name)


def read_photo(record: Record, place: Place) -> types.Photo | None:
    """Read the photo of a message or of a service action; `None` if there is none."""
    found = place.table.look_up(record, "photo", "photo_file_size")
    width, height = _dimensions(record)
    if found is None:
        return None
    photo_id = _register(place, "photo", found)
    record.found("photos")
    return types.Photo(
        id=photo_id,
        access_hash=stable_id("photo hash", photo_id),
        file_reference=_reference(photo_id),
        date=place.date,
        sizes=[types.PhotoSize("y", width, height, min(found.size, 2**31 - 1))],
        dc_id=DC_ID,
    )


def read_document(record: Record, place: Place) -> types.MessageMediaDocument | None:
    """Read the document of a message: a file, sticker, video, voice…; `None` if there is none."""
    found = place.table.look_up(record, "file", "file_size")
    thumb = place.table.look_up(record, "thumbnail", "thumbnail_file_size")
    if found is None:
        return None
    document_id = _register(place, "document", found)
    kind = record.text("media_type")
    if kind is not None and kind not in _KINDS:
        record.miss("unknown media_type, taken as a plain file", "media_type")
        kind = None
    mime = record.text("mime_type")
    if mime is None:
        mime = _MIME.get(PurePosixPath(found.name).suffix.lower(), "application/octet-stream")
    thumbs: list[types.TypePhotoSize] | None = None
    if thumb is not None:
        thumbs = [types.PhotoSize("m", 0, 0, min(thumb.size, 2**31 - 1))]
        record.miss("dimensions of a thumbnail", "thumbnail")
        if thumb.path is not None:
            place.table.thumbs[document_id] = thumb.path
    record.found("documents")
    return types.MessageMediaDocument(
        spoiler=record.flag("media_spoiler") or None,
        video=kind == "video_file" or None,
        round=kind == "video_message" or None,
        voice=kind == "voice_message" or None,
        document=types.Document(
            id=document_id,
            access_hash=stable_id("document hash", document_id),
            file_reference=_reference(document_id),
            date=place.date,
            mime_type=mime,
            size=found.size,
            dc_id=DC_ID,
            attributes=_attributes(record, kind, mime),
            thumbs=thumbs,
        ),
        ttl_seconds=record.integer("self_destruct_period_seconds") or None,
    )


def read_files(
    record: Record, place: Place
) -> types.MessageMediaPhoto | types.MessageMediaDocument | None:
    """Read a message's photo or document; `None` if it has neither."""
    if "photo" in record:
        return types.MessageMediaPhoto(
            photo=read_photo(record, place),
            spoiler=record.flag("media_spoiler") or None,
            ttl_seconds=record.integer("self_destruct_period_seconds") or None,
        )
    if "file" in record:
        return read_document(record, place)
    return None


def _attributes(record: Record, kind: str | None, mime: str) -> list[types.TypeDocumentAttribute]:
    width, height = _dimensions(record)
    duration = record.number("duration_seconds") or 0.0
    if not 0.0 <= duration <= _DURATION_MAX:
        raise record.wrong("duration_seconds", "a number of seconds", duration)
    found: list[types.TypeDocumentAttribute] = []
    if kind == "sticker":
        alt = record.text("sticker_emoji") or ""
        if mime.startswith("video/"):
            found.append(types.DocumentAttributeVideo(duration, width, height))
        else:
            found.append(types.DocumentAttributeImageSize(width, height))
        found.append(types.DocumentAttributeSticker(alt, types.InputStickerSetEmpty()))
        record.miss("set of a sticker", "sticker_emoji")
    elif kind == "video_message":
        found.append(types.DocumentAttributeVideo(duration, width, height, round_message=True))
    elif kind == "video_file":
        found.append(types.DocumentAttributeVideo(duration, width, height))
    elif kind == "animation":
        if mime.startswith("image/"):
            found.append(types.DocumentAttributeImageSize(width, height))
        else:
            found.append(types.DocumentAttributeVideo(duration, width, height))
        found.append(types.DocumentAttributeAnimated())
    elif kind == "voice_message":
        found.append(types.DocumentAttributeAudio(round(duration), voice=True))
    elif kind == "audio_file":
        title, performer = record.text("title"), record.text("performer")
        found.append(
            types.DocumentAttributeAudio(round(duration), title=title, performer=performer)
        )
    elif width and height:
        found.append(types.DocumentAttributeImageSize(width, height))
    name = record.text("file_name")
    if name is not None:
        found.append(types.DocumentAttributeFilename(name))
    elif kind is None:
        record.miss("name of a file", "file_name")
    return found


def _dimensions(record: Record) -> tuple[int, int]:
    return record.integer("width") or 0, record.integer("height") or 0


def _register(place: Place, kind: str, found: Found) -> int:
    media_id = place.new_id(kind, found.name)
    if found.path is not None:
        place.table.files[media_id] = found.path
    return media_id


def _reference(media_id: int) -> bytes:
    """Return a file reference: opaque to the client, told apart by the embedded server."""
    return b"\x01" + media_id.to_bytes(8, "big")
