"""Where a file was seen: what to ask for a fresh reference to it.

A file reference expires after hours or days, and then the object that held it has to be fetched
again: https://core.telegram.org/api/file-references. Which method that is depends on the origin;
https://core.telegram.org/api/file-references/refresh-actions lists them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from telethon import types
from telethon.tl.tlobject import TLObject

__all__ = [
    "FullPeerOrigin",
    "MessageOrigin",
    "Origin",
    "PeerPhotoOrigin",
    "ProfilePhotoOrigin",
    "StickerSetOrigin",
    "StoryOrigin",
    "WebPageOrigin",
    "references_in",
]


@dataclass(frozen=True, slots=True)
class MessageOrigin:
    """A message: `channels.getMessages`, `messages.getMessages`, `getScheduledMessages`.

    Attributes:
        peer_id: Marked id of the chat.
        message_id: The message.
        index: Which medium of the message, from 0. The same for each copy of the message, whatever
            was asked for; the photo of a video, its preview and its qualities share one. There may
            be gaps.
        is_scheduled: Whether it is a message that waits to be sent; those have ids of their own.
        input_peer: The chat for a request, if the message knew it; this account's secret.
    """

    peer_id: int
    message_id: int
    index: int = 0
    is_scheduled: bool = False
    input_peer: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class StoryOrigin:
    """A story: `stories.getStoriesByID`.

    Attributes:
        peer_id: Marked id of whose story it is.
        story_id: The story.
        index: As of a `MessageOrigin`: which medium of the message that shows the story.
        input_peer: Whose story it is, for a request, if known.
    """

    peer_id: int
    story_id: int
    index: int = 0
    input_peer: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class WebPageOrigin:
    """The preview of a link: `messages.getWebPage`. The URL is text of a message: never shown."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProfilePhotoOrigin:
    """One of a person's profile photos: `photos.getUserPhotos`.

    Attributes:
        user_id: Whose.
        photo_id: Which.
        input_user: The person for a request, if known.
    """

    user_id: int
    photo_id: int
    input_user: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class FullPeerOrigin:
    """What is told in full: `users.getFullUser`, `messages.getFullChat`, `channels.getFullChannel`.

    Attributes:
        peer_id: Marked id of the user or chat whose photo, bot or wallpaper it is.
        input_peer: The peer for a request, if known.
    """

    peer_id: int
    input_peer: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class PeerPhotoOrigin:
    """The photo that a user or chat shows now: it is fetched by the peer and needs no reference.

    Attributes:
        peer_id: Marked id.
        photo_id: Which photo; another one once it was changed.
        input_peer: Whose photo; one known from a message only (`min`) will do.
    """

    peer_id: int
    photo_id: int
    input_peer: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class StickerSetOrigin:
    """A sticker set or a set of custom emoji: `messages.getStickerSet`.

    Attributes:
        set_id: The set.
        input_set: The set for a request.
    """

    set_id: int
    input_set: Any = field(default=None, repr=False, compare=False)


Origin: TypeAlias = (
    MessageOrigin
    | StoryOrigin
    | WebPageOrigin
    | ProfilePhotoOrigin
    | FullPeerOrigin
    | PeerPhotoOrigin
    | StickerSetOrigin
)


def references_in(answer: Any) -> dict[tuple[str, int], tuple[int, bytes]]:
    """Return what an answer says of the files in it, for `MediaItem.renewed`.

    Args:
        answer: Any TL object, or a list of them: a message, a story, a web page, a sticker set,
            photos, a whole answer.

    Returns:
        By kind (`document` or `photo`) and id: access hash and file reference.
    """
    return {
        ("photo" if isinstance(each, types.Photo) else "document", each.id): (
            each.access_hash,
            each.file_reference,
        )
        for each in _files_in(answer)
    }


def _files_in(node: Any) -> Iterator[Any]:
    if isinstance(node, list | tuple):
        for each in node:
            yield from _files_in(each)
    elif isinstance(node, TLObject):
        if isinstance(node, types.Photo | types.Document):
            yield node
        else:
            yield from _files_in(_fields(node))


def _fields(node: TLObject) -> list[Any]:
    """Return what lies in an object; a finished message also has its client, chat and sender."""
    return [value for name, value in vars(node).items() if not name.startswith("_")]
