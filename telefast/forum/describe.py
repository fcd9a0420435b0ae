"""What a message is besides its text, each as a line of Markdown.

Nothing is asked: names are those that came with the message. What Telegram will change later
without a new message (views, what a poll says now) is as it was when the message was read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from telethon.tl import types
from telethon.utils import get_peer_id

from telefast.forum.markdown import inline
from telefast.peers.names import display_name

__all__ = [
    "Names",
    "action_line",
    "answered",
    "forward_line",
    "media_line",
    "name_of",
    "peer_name",
    "plain",
    "poll_lines",
    "reply_line",
    "written",
]

Names = Callable[[int], str | None]
"""Tells what a peer is called, by its marked id; None if unknown. `SenderNames.name` is one."""

_WORDS: Final = re.compile("(?<=[a-z])(?=[A-Z])")


def written(date: datetime | None) -> str:
    """Return a date as a reader sees it."""
    return "unknown" if date is None else f"{date.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def plain(text: Any) -> str:
    """Return a text that may come with entities, or without, or not at all."""
    return str(getattr(text, "text", text) or "")


def peer_name(marked_id: int | None, names: Names, default: str = "unknown") -> str:
    """Return what a peer is called, or its id."""
    if marked_id is None:
        return default
    return inline(names(marked_id) or "", str(marked_id))


def name_of(message: Any, names: Names) -> str:
    """Return who sent a message: its sender, as it came with it, else as *names* says."""
    sender = getattr(message, "sender", None)
    name = inline(display_name(sender))
    if not name:
        is_deleted = getattr(sender, "deleted", False)
        name = "deleted account" if is_deleted else peer_name(message.sender_id, names)
    signed = inline(getattr(message, "post_author", None) or "")
    return f"{name} ({signed})" if signed else name


def answered(message: Any) -> int | str | None:
    """Return what a message of a forum answers: an id, or where else it lies, or None.

    That it is in a topic is no answer, although it comes in the same field
    (https://core.telegram.org/constructor/messageReplyHeader).
    """
    header = message.reply_to
    if isinstance(header, types.MessageReplyStoryHeader):
        return "a story"
    if not isinstance(header, types.MessageReplyHeader):
        return None
    if header.reply_to_peer_id is not None or header.reply_from is not None:
        return "a message of another chat"
    if header.forum_topic and header.reply_to_top_id is None:
        return None
    return header.reply_to_msg_id


def reply_line(message: Any) -> str | None:
    """Return what a message answers."""
    target = answered(message)
    if target is None:
        return None
    return f"In reply to: {target if isinstance(target, str) else f'#{target}'}"


def forward_line(message: Any, names: Names) -> str | None:
    """Return whence a message was forwarded."""
    header = getattr(message, "fwd_from", None)
    if header is None:
        return None
    forward = getattr(message, "forward", None)
    entity = getattr(forward, "sender", None) or getattr(forward, "chat", None)
    name = inline(display_name(entity)) or inline(header.from_name or "")
    if not name:
        marked = None if header.from_id is None else get_peer_id(header.from_id)
        name = peer_name(marked, names)
    return f"Forwarded from: {name}, {written(header.date)}"


def media_line(message: Any) -> str | None:
    """Return what is attached to a message; None if nothing, or a poll, or a link's preview."""
    media = getattr(message, "media", None)
    if media is None or isinstance(
        media, types.MessageMediaWebPage | types.MessageMediaPoll | types.MessageMediaEmpty
    ):
        return None
    kind, *details = _media(media)
    shown = [each for each in (inline(str(detail or "")) for detail in details) if each]
    return f"Media: {', '.join([kind, *shown])}"


def _media(media: Any) -> tuple[Any, ...]:
    """Return the kind of media, and what there is to say of it."""
    if isinstance(media, types.MessageMediaPhoto):
        return ("photo" if media.photo is not None else "photo (expired)",)
    if isinstance(media, types.MessageMediaDocument):
        return _document(media)
    if isinstance(media, types.MessageMediaContact):
        return "contact", f"{media.first_name} {media.last_name}", media.phone_number
    if isinstance(media, types.MessageMediaVenue):
        return "place", media.title, media.address, *_point(media.geo)
    if isinstance(media, types.MessageMediaGeo | types.MessageMediaGeoLive):
        is_live = isinstance(media, types.MessageMediaGeoLive)
        return "live location" if is_live else "location", *_point(media.geo)
    if isinstance(media, types.MessageMediaDice):
        return "dice", media.emoticon, media.value
    if isinstance(media, types.MessageMediaGame):
        return "game", media.game.title
    if isinstance(media, types.MessageMediaInvoice):
        return "invoice", media.title, f"{media.total_amount} {media.currency}"
    if isinstance(media, types.MessageMediaUnsupported):
        return ("unsupported by this version",)
    return (_words(media, "MessageMedia"),)


def _document(media: types.MessageMediaDocument) -> tuple[Any, ...]:
    document = media.document
    if not isinstance(document, types.Document):
        return ("file (expired)",)
    kind, name = "file", ""
    details: list[str | None] = []
    for each in document.attributes:
        if isinstance(each, types.DocumentAttributeFilename):
            name = each.file_name
        elif isinstance(each, types.DocumentAttributeAnimated):
            kind = "animation"
        elif isinstance(each, types.DocumentAttributeSticker):
            kind = "sticker"
            details.append(each.alt)
        elif isinstance(each, types.DocumentAttributeVideo):
            if kind == "file":
                kind = "video message" if each.round_message else "video"
            details.append(_length(each.duration))
        elif isinstance(each, types.DocumentAttributeAudio):
            kind = "voice message" if each.voice else "audio"
            details += [each.performer, each.title, _length(each.duration)]
    return kind, name, *details, document.mime_type, f"{document.size} bytes"


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _point(geo: Any) -> tuple[str, ...]:
    return (f"{geo.lat:.6f} {geo.long:.6f}",) if isinstance(geo, types.GeoPoint) else ()


def poll_lines(message: Any) -> Iterator[str]:
    """Yield a poll, and each of its answers with the votes, if they are shown."""
    media = getattr(message, "media", None)
    if not isinstance(media, types.MessageMediaPoll):
        return
    votes: dict[Any, Any] = {each.option: each.voters for each in media.results.results or ()}
    marks = [
        *(["quiz"] if media.poll.quiz else []),
        *(["closed"] if media.poll.closed else []),
        f"voters: {media.results.total_voters or 0}",
    ]
    yield f"Poll: {inline(plain(media.poll.question))} ({', '.join(marks)})"
    for answer in media.poll.answers:
        count = votes.get(getattr(answer, "option", None))
        text = inline(plain(answer.text))
        yield text if count is None else f"{text}: {count}"


def action_line(message: Any, names: Names) -> str | None:
    """Return what a service message tells; None if it is none."""
    action = getattr(message, "action", None)
    if action is None:
        return None
    if isinstance(action, types.MessageActionTopicCreate):
        text = f"topic created: {inline(action.title)}"
    elif isinstance(action, types.MessageActionTopicEdit):
        text = ", ".join(_edits(action)) or "topic edited"
    elif isinstance(action, types.MessageActionPinMessage):
        target = answered(message)
        text = "message pinned" + (f": #{target}" if isinstance(target, int) else "")
    elif isinstance(action, types.MessageActionChatEditTitle):
        text = f"chat renamed: {inline(action.title)}"
    elif isinstance(action, types.MessageActionChatAddUser):
        text = f"members added: {', '.join(peer_name(each, names) for each in action.users)}"
    elif isinstance(action, types.MessageActionChatDeleteUser):
        text = f"member left: {peer_name(action.user_id, names)}"
    else:
        text = _words(action, "MessageAction")
    return f"Event: {text}"


def _edits(action: types.MessageActionTopicEdit) -> Iterator[str]:
    if action.title is not None:
        yield f"topic renamed: {inline(action.title)}"
    if action.icon_emoji_id is not None:
        yield "icon changed"
    if action.closed is not None:
        yield "topic closed" if action.closed else "topic reopened"
    if action.hidden is not None:
        yield "topic hidden" if action.hidden else "topic shown"


def _words(thing: Any, prefix: str) -> str:
    """Return the name of a constructor as words."""
    return _WORDS.sub(" ", type(thing).__name__.removeprefix(prefix)).lower()
