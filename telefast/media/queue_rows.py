"""What a download queue keeps of a file, so that it can be found again.

Where it was seen, its key, data centre, size and names. Neither access hash nor file reference:
those belong to an account and a moment, and a fresh one is fetched from where the file was seen.

Pure.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from telethon import types

from telefast.media.keys import FileKey
from telefast.media.names import file_name
from telefast.media.origins import (
    FullPeerOrigin,
    MessageOrigin,
    Origin,
    PeerPhotoOrigin,
    ProfilePhotoOrigin,
    StickerSetOrigin,
    StoryOrigin,
    WebPageOrigin,
)
from telefast.media.types import MediaItem, SkippedItem

__all__ = [
    "Offer",
    "QueuedFile",
    "State",
    "date_of",
    "item_of",
    "offer_of",
    "origin_of",
    "origin_text",
]

State = Literal["waiting", "done", "failed", "skipped"]

_ORIGINS: Final[dict[str, Any]] = {
    "message": MessageOrigin,
    "story": StoryOrigin,
    "web_page": WebPageOrigin,
    "profile_photo": ProfilePhotoOrigin,
    "full_peer": FullPeerOrigin,
    "peer_photo": PeerPhotoOrigin,
    "sticker_set": StickerSetOrigin,
}


@dataclass(frozen=True, slots=True)
class QueuedFile:
    """What a `DownloadQueue` knows of one file in one folder.

    Its `repr` shows no name, no path and no URL.

    Attributes:
        number: In which order it came, from 1.
        state: `waiting`, `done`, `failed` or `skipped`.
        key: Which file; None for one that was skipped before that was known.
        reason: Why it was skipped, as in `DownloadResult.reason`; or why it failed: the reason of a
            `FileUnavailableError`, else the name of the error. Else None.
        tries: How often it has failed, in all runs.
        priority: Higher ones come first.
        size: Bytes as Telegram told them, None if it did not.
        received: Bytes of the file on the disk, once it is done.
        dc_id: The data centre that had it.
        mime: As of a `MediaItem`, like the following ones.
        extension: With its dot.
        kind: What kind of file.
        role: Which of the files of one medium.
        place: Where in the message.
        date: When it was sent, in UTC.
        origin: Where it was seen.
        is_nested: Whether its folder is one that was made for it within an archive.
        path: Where it is, or is to be. None for a skipped one.
        name: What the sender called it: hostile, never a path.
        detail: What the error said.
    """

    number: int
    state: State
    key: FileKey | None
    reason: str | None = None
    tries: int = 0
    priority: int = 0
    size: int | None = None
    received: int | None = None
    dc_id: int = 0
    mime: str = ""
    extension: str = ""
    kind: str = "file"
    role: str = "file"
    place: str = "media"
    date: datetime | None = None
    origin: Origin | None = None
    is_nested: bool = False
    path: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    detail: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that is offered to the queue, as its row would be.

    Attributes:
        ident: Which file: its key, or for one without a key the spot where it was seen.
        spot: The spot where it was seen.
        file: The name that it gets in its folder; empty for one that is skipped.
        values: The columns that say how to find it again.
        reason: Why it is skipped; None if it is not.
    """

    ident: str
    spot: str
    file: str
    values: dict[str, Any]
    reason: str | None


def offer_of(item: MediaItem | SkippedItem) -> Offer:
    """Return what to keep of a file."""
    seen = origin_text(item.origin)
    spot = f"{seen or ''} {item.place} {item.role}"
    ident = spot if item.key is None else str(item.key)
    values: dict[str, Any] = {"origin": seen, "role": item.role, "place": item.place}
    if isinstance(item, SkippedItem):
        return Offer(ident, spot, "", values, item.reason)
    values |= {
        "size": item.size,
        "dc_id": item.dc_id,
        "mime": item.mime,
        "extension": item.extension,
        "kind": item.kind,
        "date": None if item.date is None else int(item.date.timestamp()),
        # Half of a surrogate pair cannot be kept as text.
        "name": item.name and item.name.encode(errors="replace").decode(),
    }
    return Offer(ident, spot, file_name(item), values, None)


def item_of(row: QueuedFile) -> MediaItem | None:
    """Return a file as it was offered, without a reference; None if it cannot be asked for so.

    Files of other sites and the photos that peers show have to be seen again.
    """
    key, seen = row.key, row.origin
    if key is None or key.kind not in ("document", "photo") or isinstance(seen, PeerPhotoOrigin):
        return None
    photo, document = types.InputPhotoFileLocation, types.InputDocumentFileLocation
    at = (photo if key.kind == "photo" else document)(key.id, 0, b"", key.size_type)
    kind: Any = row.kind
    role: Any = row.role
    place: Any = row.place
    return MediaItem(
        key,
        row.dc_id,
        row.size,
        row.mime,
        row.extension,
        kind,
        role,
        place,
        row.date,
        seen,
        name=row.name,
        at=at,
    )


def origin_text(origin: Origin | None) -> str | None:
    """Return an origin as text, without what belongs to an account."""
    if origin is None:
        return None
    [name] = [name for name, each in _ORIGINS.items() if type(origin) is each]
    fields = {each.name: getattr(origin, each.name) for each in dataclasses.fields(origin)}
    kept = {name: value for name, value in fields.items() if not name.startswith("input_")}
    return json.dumps({"kind": name, **kept}, sort_keys=True, separators=(",", ":"))


def origin_of(text: str | None) -> Origin | None:
    """Return the origin that `origin_text` wrote; None for what it has not written."""
    try:
        fields = json.loads(text or "null")
        found: Origin = _ORIGINS[fields.pop("kind")](**fields)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    return found


def date_of(seconds: int | None) -> datetime | None:
    """Return a date in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
