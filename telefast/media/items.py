"""`items_of`: everything that a message carries and that can be downloaded, or why not.

Pure: nothing is asked, and nothing is changed. How a file is fetched is `MediaItem.location`, what
to do when its reference has expired is `MediaItem.origin`, and which files are the same one is
`MediaItem.key`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Final

from telethon import types
from telethon.tl.custom.message import Message
from telethon.utils import get_input_peer, get_peer_id

from telefast.errors import ArgumentError, FileUnavailableError
from telefast.media.keys import FileKey, name_key
from telefast.media.origins import MessageOrigin, Origin, PeerPhotoOrigin
from telefast.media.policy import Policy, Protection, protections_of, skip_protected
from telefast.media.reading import Seen, read_slot
from telefast.media.types import MediaItem, SkippedItem
from telefast.media.walk import Group, forwarded_from, groups_in, groups_of, is_holder
from telefast.transport.lazy import whole

__all__ = ["MediaItem", "SkippedItem", "chat_photo_item", "file_key", "first_item", "items_of"]

_OPTIONS: Final = (
    *("thumbs", "stripped", "video", "qualities"),
    *("web_pages", "instant_views", "quoted"),
)
"""What `items_of` lists besides."""

_BIG: Final = "c"
_SMALL: Final = "a"
"""The crops of 640 and 160 pixels, which a peer's photo comes in
(https://core.telegram.org/api/files#image-thumbnail-types)."""


def items_of(
    message: Any,
    *,
    policy: Policy = skip_protected,
    chat: Any = None,
    origin: Origin | None = None,
    thumbs: bool = False,
    stripped: bool = False,
    video: bool = False,
    qualities: bool = False,
    web_pages: bool = False,
    instant_views: bool = False,
    quoted: bool = False,
) -> list[MediaItem | SkippedItem]:
    """List everything that a message carries and that can be downloaded, or why it cannot.

    By default these are the files that its sender put there: the document; the largest still of a
    photo, by pixels and then bytes, in whatever order and kinds Telegram lists its sizes; the video
    of a live photo; each item of paid media; the media of a story, a game, a poll, an invoice and a
    rich message; what service messages show, such as a new chat photo. Text, places, contacts and
    dice have none.

    What must not be saved is passed over as `protected`: media of a message, story or chat that is
    not to be forwarded, and media to be looked at once or for some seconds. See
    `telefast.media.policy`; there is no other way around it.

    Args:
        message: A message, also a lazy one; or `MessageMedia`, a photo, a document, a story, a web
            page, a rich message or a service action. Of these only the message knows its own
            protection.
        policy: Decides about each protected item: called with *message* and the item, returns
            whether it may be fetched.
        chat: The chat, for its protection, where the message does not know it: a `Chat`, `Channel`,
            `UserFull` (private chats say it nowhere else) or `telefast.ChatMeta`.
        origin: Where it was seen, if that is no message or not told by it: the user whose profile
            photo it is, a sticker set, a message that is only scheduled.
        thumbs: Also the smaller sizes of photos, and previews and covers of documents.
        stripped: Also the blurred miniatures that come inline, as whole JPEGs.
        video: Also the moving form of animated photos, and with *thumbs* that of previews.
        qualities: Also the further qualities of a video.
        web_pages: Also the document and image of link previews, which their sender did not send.
        instant_views: Also what articles behind links contain; with *web_pages*, as the previews
            lie around them.
        quoted: Also the media of a message in another chat which this one answers.

    Returns:
        In the order of the message; of one medium, the file itself first. The same file may be in
        several messages: compare keys.

    Raises:
        ArgumentError: If *message* is none of these, or *policy* cannot be called or is a coroutine
            function.

    Example:
        >>> from telethon import types
        >>> [skipped] = items_of(types.MessageMediaPhoto(ttl_seconds=10))
        >>> skipped.reason
        'expired'
    """
    if not callable(policy):
        raise ArgumentError("policy", policy, "a function of a message and an item")
    options = {
        "thumbs": thumbs,
        "stripped": stripped,
        "video": video,
        "qualities": qualities,
        "web_pages": web_pages,
        "instant_views": instant_views,
        "quoted": quoted,
    }
    wanted = frozenset(name for name, is_on in options.items() if is_on)
    message = whole(message)
    found: list[MediaItem | SkippedItem] = []
    for each in _all_of(message, wanted, origin, protections_of(message, chat)):
        if isinstance(each, MediaItem) and each.protection and not _allows(policy, message, each):
            found.append(
                SkippedItem(
                    "protected", each.origin, each.key, each.role, each.place, each.protection
                )
            )
        else:
            found.append(each)
    return found


def skipped_now(item: MediaItem, holder: Any, chat: Any, policy: Policy) -> SkippedItem | None:
    """Return a file as skipped if what shows it now is not to be saved; None if it may be.

    Args:
        item: The file, as it was seen before.
        holder: The message or story that shows it now; None for what is never protected.
        chat: As of `items_of`, like *policy*.
        policy: Decides.

    Raises:
        FileUnavailableError: If it is not there any more.
        ArgumentError: As of `items_of`.
    """
    if holder is None:
        return None
    every: dict[str, Any] = dict.fromkeys(_OPTIONS, True)
    found = items_of(holder, policy=policy, chat=chat, **every)
    same = [each for each in found if each.key == item.key]
    if not same:
        raise FileUnavailableError(str(item.key), "deleted")
    here = [each for each in same if each.place == item.place] or same
    return next((each for each in here if isinstance(each, SkippedItem)), None)


def file_key(media: Any, *, by_name: bool = False) -> FileKey | None:
    """Return which file a message, medium, document, photo or item is; None if it has none.

    Of a message with several it is the first one: use `items_of`. Whether the file may be had is
    another question, which `items_of` answers.

    Args:
        media: What `items_of` takes, a `MediaItem`, or the photo that a user or chat shows.
        by_name: Return a key of chat, file name and size instead. That is a guess, not an identity:
            people do send two files of one name and size. Needs a message whose document has both.

    Raises:
        ArgumentError: If *media* is none of these.

    Example:
        >>> from telethon import types
        >>> file_key(types.ChatPhoto(photo_id=77, dc_id=2))
        FileKey(kind='photo', id=77, size_type='c')
    """
    if isinstance(media, types.ChatPhoto | types.UserProfilePhoto):
        return FileKey("photo", media.photo_id, _BIG)
    item = first_item(media)
    if item is None or not by_name:
        return None if item is None else item.key
    origin = item.origin
    if not isinstance(origin, MessageOrigin) or not item.name or item.size is None:
        return None
    return name_key(origin.peer_id, item.name, item.size)


def first_item(media: Any) -> MediaItem | None:
    """Return the first file of what `file_key` takes, protected or not; None if it has none.

    It lies in the message itself or in the preview of its link.

    Raises:
        ArgumentError: If *media* is none of these.
    """
    if isinstance(media, MediaItem):
        return media
    if isinstance(media, types.ChatPhoto | types.UserProfilePhoto):
        return None
    found = _all_of(media, frozenset({"web_pages"}), None, ())
    return next((each for each in found if isinstance(each, MediaItem)), None)


def chat_photo_item(chat: Any, *, big: bool = True, seen_in: Any = None) -> MediaItem | SkippedItem:
    """Return the photo that a user, group or channel shows.

    It is fetched by the peer and needs no file reference. Photos of chats are never protected.

    Args:
        chat: A `User`, `Chat` or `Channel`, which may be `min`.
        big: The large one, 640 pixels, instead of the one of 160.
        seen_in: The message that showed it. A peer that is `min` is then named by that message.
            Without it by its own access hash, which is good for this and little else
            (https://core.telegram.org/api/min).

    Returns:
        The item; skipped as `empty` if it shows no photo, as `missing` if it cannot be named: it
        has no access hash, and no message.

    Raises:
        ArgumentError: If *chat* is none of these.
    """
    try:
        peer_id, peer = get_peer_id(chat), get_input_peer(chat, check_hash=False)
    except TypeError:
        raise ArgumentError("chat", type(chat).__name__, "a User, Chat or Channel") from None
    shown_in = getattr(seen_in, "input_chat", None)
    if shown_in is not None and getattr(chat, "min", None):
        named = types.InputPeerUserFromMessage if peer_id > 0 else types.InputPeerChannelFromMessage
        peer = named(shown_in, seen_in.id, chat.id)
    photo = getattr(chat, "photo", None)
    if not isinstance(photo, types.ChatPhoto | types.UserProfilePhoto):
        return SkippedItem("empty")
    if getattr(peer, "access_hash", 0) is None:
        return SkippedItem("missing", PeerPhotoOrigin(peer_id, photo.photo_id))
    return MediaItem(
        key=FileKey("photo", photo.photo_id, _BIG if big else _SMALL),
        dc_id=photo.dc_id,
        size=None,
        mime="image/jpeg",
        extension=".jpg",
        kind="photo",
        origin=PeerPhotoOrigin(peer_id, photo.photo_id, peer),
        at=types.InputPeerPhotoFileLocation(peer, photo.photo_id, big=big),
    )


def _allows(policy: Policy, message: Any, item: MediaItem) -> bool:
    """Return what the policy says; never yes for what has not been decided."""
    answer: object = policy(message, item)
    if inspect.isawaitable(answer):
        getattr(answer, "close", bool)()  # so that Python does not warn of it
        raise ArgumentError("policy", policy, "a function that returns a bool, not a coroutine")
    return bool(answer)


def _groups(message: Any) -> Iterator[Group]:
    if isinstance(message, Message):
        return groups_of(message)
    if is_holder(message):
        return groups_in(message)
    raise ArgumentError("message", type(message).__name__, "a message, or what it may carry")


def _all_of(
    message: Any,
    wanted: frozenset[str],
    origin: Origin | None,
    protection: tuple[Protection, ...],
) -> Iterator[MediaItem | SkippedItem]:
    base = origin if origin is not None else _origin_of(message)
    forward, date = forwarded_from(message), getattr(message, "date", None)
    for index, group in enumerate(_groups(message)):
        for slot in group:
            if slot.wants <= wanted:
                seen = Seen(slot, index, base, forward, date, protection)
                yield from read_slot(seen, wanted)


def _origin_of(message: Any) -> Origin | None:
    peer = getattr(message, "peer_id", None)
    if peer is None or not isinstance(message, Message):
        return None
    return MessageOrigin(get_peer_id(peer), message.id, input_peer=message.input_chat)
