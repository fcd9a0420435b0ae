"""How one place of a message becomes items: its file, sizes and previews, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from telethon import types

from telefast.media.extensions import clean_mime, extension_of
from telefast.media.keys import FileKey, url_key
from telefast.media.origins import MessageOrigin, Origin, StickerSetOrigin, StoryOrigin
from telefast.media.policy import Protection
from telefast.media.sizes import Size, largest, sizes_of
from telefast.media.types import Kind, MediaItem, Reason, SkippedItem
from telefast.media.walk import Slot

__all__ = ["Seen", "read_slot"]

_STICKERS: Final = (types.DocumentAttributeSticker, types.DocumentAttributeCustomEmoji)
_ANIMATED_STICKERS: Final = ("application/x-tgsticker", "video/webm")


@dataclass(frozen=True, slots=True)
class Seen:
    """A place, and what is known of the message around it.

    Attributes:
        slot: The place.
        index: The number of its group.
        base: Where the message, or what was given in its stead, lies.
        forward: Where it was forwarded from.
        date: When it was sent, if known.
        protected: How the message is protected.
    """

    slot: Slot
    index: int
    base: Origin | None
    forward: tuple[Origin, ...]
    date: datetime | None
    protected: tuple[Protection, ...]

    @property
    def origin(self) -> Origin | None:
        """Where to ask first."""
        origin = self.base if self.slot.origin is None else self.slot.origin
        return _numbered(origin, self.index)

    @property
    def others(self) -> tuple[Origin, ...]:
        """Where else to ask: the message that shows a story, the link, the forwarded post."""
        slot = self.slot
        shown_by = () if slot.origin is None or self.base is None else (self.base,)
        forward = () if slot.place == "quoted" else self.forward
        found = (*shown_by, *slot.others, *forward)
        return tuple(each for o in found if (each := _numbered(o, self.index)) is not None)

    @property
    def protection(self) -> tuple[Protection, ...]:
        """Why it is protected, if it is."""
        fleeting: tuple[Protection, ...] = ("self-destructs",) if self.slot.is_fleeting else ()
        return (*self.protected, *self.slot.protection, *fleeting)

    def skip(self, reason: Reason) -> SkippedItem:
        """Return that nothing can be had here."""
        return SkippedItem(reason, self.origin, None, self.slot.role, self.slot.place)


def _numbered(origin: Origin | None, index: int) -> Origin | None:
    if isinstance(origin, MessageOrigin | StoryOrigin):
        return replace(origin, index=index)
    return origin


def read_slot(seen: Seen, wanted: frozenset[str]) -> Iterator[MediaItem | SkippedItem]:
    """Yield what lies in a place, the file itself first.

    Args:
        seen: The place.
        wanted: The options that are on: `thumbs`, `stripped` and `video` matter here.
    """
    slot = seen.slot
    match slot.medium:
        case _ if slot.reason is not None:
            yield seen.skip(slot.reason)
        case None | types.PhotoEmpty() | types.DocumentEmpty():
            yield seen.skip("expired" if slot.is_fleeting else "empty")
        case types.Photo():
            yield from _photo(seen, wanted)
        case types.Document():
            yield from _document(seen, wanted)
        case types.WebDocument():
            yield _web_document(seen)
        case types.WebDocumentNoProxy():
            yield seen.skip("external")
        case _:
            yield seen.skip("unsupported")


def _photo(seen: Seen, wanted: frozenset[str]) -> Iterator[MediaItem | SkippedItem]:
    photo = seen.slot.medium
    stills, videos = sizes_of(photo.sizes), sizes_of(photo.video_sizes)
    best = largest(stills)
    blank = MediaItem(
        key=FileKey("photo", photo.id),
        dc_id=photo.dc_id,
        size=None,
        mime="image/jpeg",
        extension=".jpg",
        kind="photo",
        role=seen.slot.role,
        place=seen.slot.place,
        date=seen.slot.date or seen.date or photo.date,
        origin=seen.origin,
        others=seen.others,
        protection=seen.protection,
    )
    if best is None:
        yield seen.skip("empty")
    else:
        yield _sized(blank, photo, best)
    for size in stills:
        if size is not best and ("stripped" if size.is_stripped else "thumbs") in wanted:
            yield _sized(blank, photo, size, role="preview")
    if "video" not in wanted:
        return
    moving = replace(blank, kind="video", mime="video/mp4", extension=".mp4")
    for number, size in enumerate(sorted(videos, key=_weight, reverse=True)):
        if number == 0:
            yield _sized(moving, photo, size, role="video")
        elif "thumbs" in wanted:
            yield _sized(moving, photo, size, role="preview")


def _weight(size: Size) -> tuple[int, int]:
    return size.pixels, size.size or 0


def _sized(blank: MediaItem, medium: Any, size: Size, **changes: Any) -> MediaItem:
    """Return the item for one size of a photo, or one preview of a document."""
    is_photo = isinstance(medium, types.Photo)
    make = types.InputPhotoFileLocation if is_photo else types.InputDocumentFileLocation
    at = make(medium.id, medium.access_hash, medium.file_reference, size.type)
    return replace(
        blank,
        key=FileKey(blank.key.kind, blank.key.id, size.type),
        size=size.size,
        inline=size.inline,
        at=None if size.inline is not None else at,
        **changes,
    )


def _document(seen: Seen, wanted: frozenset[str]) -> Iterator[MediaItem]:
    document, slot = seen.slot.medium, seen.slot
    mime, name = clean_mime(document.mime_type), _name_of(document)
    file = MediaItem(
        key=FileKey("document", document.id),
        dc_id=document.dc_id,
        size=document.size if document.size >= 0 else None,
        mime=mime,
        extension=extension_of(mime, name),
        kind=_kind_of(document),
        role=slot.role,
        place=slot.place,
        date=slot.date or seen.date or document.date,
        origin=seen.origin,
        others=(*seen.others, *_sets_of(document)),
        protection=seen.protection,
        name=name,
        at=types.InputDocumentFileLocation(
            document.id, document.access_hash, document.file_reference, ""
        ),
    )
    yield file
    # Previews of stickers are WebP, and the effects around animated ones are of the sticker's own
    # type (https://core.telegram.org/api/stickers).
    is_sticker = file.kind == "sticker"
    still = "image/webp" if is_sticker else "image/jpeg"
    moving = mime if is_sticker and mime in _ANIMATED_STICKERS else "video/mp4"
    for size in [*sizes_of(document.thumbs), *sizes_of(document.video_thumbs)]:
        wants = {"stripped"} if size.is_stripped else {"thumbs"}
        if wants | ({"video"} if size.is_video else set()) <= wanted:
            kind: Kind = "video" if size.is_video else "photo"
            mime = moving if size.is_video else "image/jpeg" if size.is_stripped else still
            blank = replace(file, kind=kind, mime=mime, extension=extension_of(mime), name=None)
            yield _sized(blank, document, size, role="preview")


def _web_document(seen: Seen) -> MediaItem:
    document, slot = seen.slot.medium, seen.slot
    mime, name = clean_mime(document.mime_type), _name_of(document)
    return MediaItem(
        key=url_key(document.url),
        dc_id=0,
        size=None,  # its sender says one, which may lie; Telegram does with the first bytes
        mime=mime,
        extension=extension_of(mime, name),
        kind="photo" if mime.startswith("image/") else _kind_of(document),
        role=slot.role,
        place=slot.place,
        date=slot.date or seen.date,
        origin=seen.origin,
        others=seen.others,
        protection=seen.protection,
        name=name,
        at=types.InputWebFileLocation(document.url, document.access_hash),
    )


def _name_of(document: Any) -> str | None:
    names = (getattr(each, "file_name", None) for each in document.attributes)
    return next((name for name in names if isinstance(name, str)), None)


def _sets_of(document: Any) -> Iterator[StickerSetOrigin]:
    """Yield the sticker set that a document names by its id."""
    for each in document.attributes:
        found = getattr(each, "stickerset", None)
        if isinstance(found, types.InputStickerSetID):
            yield StickerSetOrigin(found.id, found)


def _kind_of(document: Any) -> Kind:
    """Return what its attributes say; a video sticker is a video, too, and a sticker first."""
    attributes = {type(each): each for each in document.attributes}
    if any(sticker in attributes for sticker in _STICKERS):
        return "sticker"
    if types.DocumentAttributeAnimated in attributes:
        return "animation"
    if (video := attributes.get(types.DocumentAttributeVideo)) is not None:
        return "video_note" if video.round_message else "video"
    if (audio := attributes.get(types.DocumentAttributeAudio)) is not None:
        return "voice" if audio.voice else "audio"
    return "file"
