"""Messages with media of every kind, as a test wants them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from telethon import types

SENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
MADE = datetime(2020, 1, 1, tzinfo=UTC)
CHANNEL = types.PeerChannel(55)
SECRET = 0x5EC2E7_5EC2E7
REFERENCE = b"\x05a file reference"


def photo(photo_id: int = 7, sizes: Any = None, **more: Any) -> types.Photo:
    """Return a photo with one size of 100 bytes, unless *sizes* says otherwise."""
    sizes = [types.PhotoSize("x", 8, 5, 100)] if sizes is None else sizes
    return types.Photo(photo_id, SECRET, REFERENCE, MADE, sizes, 4, **more)


def document(
    document_id: int = 9, mime: str = "video/mp4", *attributes: Any, size: int = 1000, **more: Any
) -> types.Document:
    """Return a document on data centre 2."""
    fields = (SECRET, REFERENCE, MADE, mime, size, 2, list(attributes))
    return types.Document(document_id, *fields, **more)


def message(media: Any = None, **more: Any) -> types.Message:
    """Return message 12 of channel 55."""
    more = {"id": 12, "peer_id": CHANNEL, "date": SENT, "message": "", "media": media} | more
    return types.Message(**more)


def service(action: Any, **more: Any) -> types.MessageService:
    """Return message 12 of channel 55, a service message."""
    return types.MessageService(id=12, peer_id=CHANNEL, date=SENT, action=action, **more)


def with_photo(**more: Any) -> types.MessageMediaPhoto:
    """Return media with `photo()`."""
    return types.MessageMediaPhoto(photo=photo(), **more)


def with_document(*attributes: Any, mime: str = "video/mp4") -> types.MessageMediaDocument:
    """Return media with `document()`."""
    return types.MessageMediaDocument(document=document(9, mime, *attributes))
