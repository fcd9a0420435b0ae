"""From Telethon's messages to those of the schemas `light` and `minimal`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from telethon.tl import types
from telethon.tl.tlobject import TLObject

from telefast.chunks.light import (
    LightEntity,
    LightForward,
    LightMedia,
    LightMessage,
    LightReaction,
    LightReply,
    MinimalMessage,
)
from telefast.chunks.records import marked_id
from telefast.transport.lazy import whole

__all__ = ["lighten", "minimize"]

_PLAIN_MEDIA = ("MessageMediaPhoto", "MessageMediaDocument", "MessageMediaWebPage")
_HOLDERS = (
    *("document", "photo", "video", "webpage", "game", "story", "media", "music"),
    *("extended_media", "attached_media", "results", "solution_media", "poll", "answers"),
    *("attributes", "documents", "stickers"),
)
"""Fields in which a medium, or what it shows, has its files: the first one found counts."""
_DEEPEST = 6
"""Media within stories within previews, and no further."""
_NONE: frozenset[str] = frozenset()


def lighten(message: Any, account: int | None) -> LightMessage:
    """Return what the schema `light` keeps of a message.

    Args:
        message: A Telethon message of any kind, or a lazy one, which is decoded.
        account: Id of the account that received it, None if unknown.
    """
    message = whole(message)
    action, reactions = message.action, message.reactions
    replies = message.replies
    kind = "message" if action is None else "service"
    if isinstance(message, types.MessageEmpty):
        kind = "empty"
    return LightMessage(
        message.id,
        _marked(message.peer_id),
        _sender_of(message, account),
        _aware(message.date),
        kind,
        message.message or "",
        tuple(map(_entity, message.entities)) if message.entities else (),
        _aware(message.edit_date),
        _reply(message.reply_to),
        _forward(message.fwd_from),
        message.grouped_id,
        None if message.media is None else _media(message.media),
        None if action is None else type(action).__name__,
        None if action is None else bytes(action),
        () if reactions is None else tuple(map(_reaction, _given(reactions))),
        _flags(reactions),
        message.views,
        message.forwards,
        None if replies is None else replies.replies,
        message.via_bot_id,
        message.post_author,
        _marked(message.saved_peer_id),
        _flags(message),
    )


def minimize(message: Any, account: int | None) -> MinimalMessage:
    """Return what the schema `minimal` keeps of a message; arguments as of `lighten`.

    Of a lazy message only these parts are read.
    """
    shown = message.media if message.media is not None else message.action
    meta = None
    if shown is not None:
        meta = _file_facts(shown).file_key if message.media is not None else None
        meta = meta or type(shown).__name__
    return MinimalMessage(
        message.id,
        _marked(message.peer_id),
        _sender_of(message, account),
        _aware(message.date),
        message.message or "",
        meta,
    )


def _marked(peer: Any) -> int | None:
    return None if peer is None else marked_id(peer)


def _aware(date: Any) -> Any:
    """Return a date with a zone: Telethon takes one without as UTC."""
    is_naive = date is not None and date.tzinfo is None
    return date.replace(tzinfo=UTC) if is_naive else date


def _sender_of(message: Any, account: int | None) -> int | None:
    sender: int | None = message.sender_id
    if sender is None and message.out and isinstance(message.peer_id, types.PeerUser):
        return account
    return sender


def _flags(holder: Any) -> frozenset[str]:
    """Return the names of the flags that Telegram has set; also of those that are new to us."""
    if holder is None:
        return _NONE
    found = [name for name, value in vars(holder).items() if value is True]
    return frozenset(name for name in found if name[0] != "_") if found else _NONE


def _entity(entity: Any) -> LightEntity:
    texts = (getattr(entity, name, None) for name in ("url", "language", "old_text"))
    numbers = (getattr(entity, name, None) for name in ("user_id", "document_id", "date"))
    number: Any = next((each for each in numbers if each is not None), None)
    if isinstance(number, datetime):
        number = int(_aware(number).timestamp())
    return LightEntity(
        type(entity).__name__,
        entity.offset,
        entity.length,
        next((each for each in texts if each is not None), None),
        number if isinstance(number, int) else None,
        _flags(entity),
    )


def _reply(header: Any) -> LightReply | None:
    if header is None:
        return None
    if isinstance(header, types.MessageReplyStoryHeader):
        return LightReply(chat_id=_marked(header.peer), story_id=header.story_id)
    return LightReply(
        header.reply_to_msg_id,
        _marked(header.reply_to_peer_id),
        header.reply_to_top_id,
        None,
        header.quote_text,
        _flags(header),
    )


def _forward(header: Any) -> LightForward | None:
    if header is None:
        return None
    return LightForward(
        _aware(header.date),
        _marked(header.from_id),
        header.from_name,
        header.channel_post,
        header.post_author,
        _marked(header.saved_from_peer),
        header.saved_from_msg_id,
        _flags(header),
    )


def _given(reactions: Any) -> list[Any]:
    return [each for each in reactions.results if each.count > 0]


def _reaction(given: Any) -> LightReaction:
    reaction = given.reaction
    match reaction:
        case types.ReactionEmoji():
            kind, key = "emoji", reaction.emoticon
        case types.ReactionCustomEmoji():
            kind, key = "custom", str(reaction.document_id)
        case types.ReactionPaid():
            kind, key = "paid", "stars"
        case _:
            kind, key = "unknown", bytes(reaction).hex()
    return LightReaction(kind, key, given.count, given.chosen_order)


def _media(media: Any) -> LightMedia:
    name = type(media).__name__
    facts = _file_facts(media)
    return replace(
        facts,
        ttl_seconds=getattr(media, "ttl_seconds", None),
        url=getattr(getattr(media, "webpage", None), "url", None),
        data=None if name in _PLAIN_MEDIA else bytes(media),
        flags=_flags(media),
    )


def _file_facts(media: Any) -> LightMedia:
    """Return the first file that a medium has, or nothing but its name."""
    name = type(media).__name__
    for found in _files_in(media, _DEEPEST):
        if isinstance(found, types.Document):
            return _document(name, found)
        still = _largest(found.sizes)
        if still is not None:
            size, each = still
            return LightMedia(
                constructor=name,
                file="photo",
                id=found.id,
                size_type=each.type,
                kind="photo",
                size=size or None,
                dc_id=found.dc_id,
                width=each.w,
                height=each.h,
                access_hash=found.access_hash,
                file_reference=found.file_reference,
            )
    return LightMedia(name)


def _files_in(holder: Any, depth: int) -> Iterator[Any]:
    if isinstance(holder, types.Photo | types.Document):
        yield holder
    elif isinstance(holder, list):
        for each in holder:
            yield from _files_in(each, depth)
    elif isinstance(holder, TLObject) and depth:
        for name in _HOLDERS:
            yield from _files_in(getattr(holder, name, None), depth - 1)


def _largest(sizes: list[Any]) -> tuple[int, Any] | None:
    """Return the largest still of a photo, by pixels and then bytes, with its bytes; or None."""
    found: list[tuple[int, Any]] = []
    for each in sizes:
        match each:
            case types.PhotoSize():
                found.append((max(each.size, 0), each))
            case types.PhotoSizeProgressive():
                found.append((max(each.sizes, default=0), each))
            case types.PhotoCachedSize() if each.bytes:
                found.append((len(each.bytes), each))
    return max(found, key=lambda e: (e[1].w * e[1].h, e[0], e[1].type), default=None)


def _document(name: str, document: Any) -> LightMedia:
    found = {type(each): each for each in document.attributes}
    video = found.get(types.DocumentAttributeVideo)
    audio = found.get(types.DocumentAttributeAudio)
    shape = video or found.get(types.DocumentAttributeImageSize)
    if types.DocumentAttributeSticker in found or types.DocumentAttributeCustomEmoji in found:
        kind = "sticker"
    elif types.DocumentAttributeAnimated in found:
        kind = "animation"
    elif video is not None:
        kind = "video_note" if video.round_message else "video"
    elif audio is not None:
        kind = "voice" if audio.voice else "audio"
    else:
        kind = "file"
    names = (getattr(each, "file_name", None) for each in document.attributes)
    timed = video or audio
    return LightMedia(
        constructor=name,
        file="document",
        id=document.id,
        kind=kind,
        size=document.size if document.size >= 0 else None,
        mime=document.mime_type,
        name=next((each for each in names if isinstance(each, str)), None),
        dc_id=document.dc_id,
        width=None if shape is None else shape.w,
        height=None if shape is None else shape.h,
        duration=None if timed is None else float(timed.duration),
        access_hash=document.access_hash,
        file_reference=document.file_reference,
    )
