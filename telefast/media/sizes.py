"""The sizes of a photo and the previews of a document: which are real, how large, in what order.

Telegram lists them in no promised order, and of several kinds
(https://core.telegram.org/type/PhotoSize): files to fetch, with one size in bytes or, if the image
is progressive, the sizes of its prefixes; small ones sent along; blurred ones of a few bytes, which
lack their header; outlines, which are no images; empty ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from telethon import types
from telethon.utils import stripped_photo_to_jpg

__all__ = ["Size", "largest", "sizes_of"]


@dataclass(frozen=True, slots=True)
class Size:
    """One size.

    Attributes:
        type: Its letter (https://core.telegram.org/api/files#image-thumbnail-types).
        pixels: Width times height; 0 if unknown.
        size: Bytes; None if unknown.
        inline: The bytes, if they were sent along.
        is_video: Whether it moves.
        is_stripped: Whether it is the blurred one; its bytes are a whole JPEG here.
    """

    type: str
    pixels: int
    size: int | None
    inline: bytes | None = None
    is_video: bool = False
    is_stripped: bool = False

    @property
    def is_real(self) -> bool:
        """Whether it is a still image to keep."""
        return not (self.is_video or self.is_stripped)


def sizes_of(listed: Iterable[Any] | None) -> list[Size]:
    """Return the sizes that have bytes, in Telethon's order: stills, then videos, small to large.

    That order is the one that an index in `thumb=` of Telethon's `download_media` counts in.
    Outlines, markup without bytes, empty sizes and kinds that we do not know are left out.
    """
    found = [size for each in listed or () if (size := _read(each)) is not None]
    return sorted(found, key=lambda size: (size.is_video, size.size or 0))


def largest(sizes: Iterable[Size]) -> Size | None:
    """Return the largest still by pixels, then by bytes; None if there is none."""
    real = [size for size in sizes if size.is_real]
    return max(real, key=lambda size: (size.pixels, size.size or 0, size.type), default=None)


def _read(each: Any) -> Size | None:
    match each:
        case types.PhotoSize() | types.VideoSize():
            is_video = isinstance(each, types.VideoSize)
            return Size(each.type, each.w * each.h, _positive(each.size), is_video=is_video)
        case types.PhotoSizeProgressive():
            size = _positive(max(each.sizes, default=0))
            return Size(each.type, each.w * each.h, size)
        case types.PhotoCachedSize() if each.bytes:
            return Size(each.type, each.w * each.h, len(each.bytes), bytes(each.bytes))
        case types.PhotoStrippedSize() if each.bytes:
            image = bytes(stripped_photo_to_jpg(each.bytes))
            return Size(each.type, 0, len(image), image, is_stripped=True)
        case _:
            return None


def _positive(size: int) -> int | None:
    """Return a size that says something: no image has 0 bytes."""
    return size if size > 0 else None
