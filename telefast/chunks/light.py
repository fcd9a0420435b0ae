"""`LightMessage` and `MinimalMessage`: what the schemas `light` and `minimal` keep of a message.

Ids of users, groups and channels are Telethon's *marked* ids, which tell the kind: a user's is
positive, a channel's or supergroup's below -1,000,000,000,000, a basic group's between.

**Their promise.** A field, once here, keeps its name, its meaning and its type. Later releases may
add fields, which always have a default: an older reader passes over them, and of older chunks a
newer reader gives the default. Only if that cannot be kept does the version of the schema rise,
now 1; then an older reader says so (`UnsupportedChunkError`), and a newer one still reads this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from telethon.tl import types

from telefast.chunks.columns import WORDS, Picks, Row, Rows, Table
from telefast.chunks.values import BLOBS, DATES, FLOATS, NUMBERS, STEPS, TEXTS

__all__ = [
    "LIGHT",
    "MINIMAL",
    "LightEntity",
    "LightForward",
    "LightMedia",
    "LightMessage",
    "LightReaction",
    "LightReply",
    "MinimalMessage",
]

_LOCATIONS: dict[str | None, Any] = {
    "document": types.InputDocumentFileLocation,
    "photo": types.InputPhotoFileLocation,
}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")


@dataclass(frozen=True, slots=True)
class LightEntity:
    """A part of a text that is set off.

    Attributes:
        kind: Name of its constructor, such as `MessageEntityBold`.
        offset: Where it begins, in UTF-16 code units as all of Telegram's.
        length: How long it is, likewise.
        text: The URL of a text link, the language of code, the old text of a replacement.
        number: The id of the user who is mentioned, of the custom emoji's document, or the date of
            a formatted date in seconds since the epoch.
        flags: What else is true of it, by Telegram's names, such as `collapsed`.
    """

    kind: str
    offset: int
    length: int
    text: str | None = field(default=None, repr=False)
    number: int | None = None
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LightReply:
    """What a message answers, or which thread it is in.

    Attributes:
        message_id: Id of the message that is answered, or that begins the thread.
        chat_id: Its chat, if that is another one; of a story, who posted it.
        top_id: Id of the message that begins the thread, if that is another one.
        story_id: Id of the story that is answered.
        quote: The part of the text that is quoted.
        flags: By Telegram's names: `forum_topic`, `quote`, `reply_to_scheduled` and so on.
    """

    message_id: int | None = None
    chat_id: int | None = None
    top_id: int | None = None
    story_id: int | None = None
    quote: str | None = field(default=None, repr=False)
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LightForward:
    """Where a message was forwarded from.

    Attributes:
        date: When the original was sent.
        from_id: Who sent it; None if hidden.
        from_name: The name of a sender who is hidden.
        post_id: Id of the post, if it is one of a channel.
        post_author: The signature there.
        saved_chat_id: Where it was forwarded from to the saved messages.
        saved_message_id: Id there.
        flags: By Telegram's names: `imported`, `saved_out`.
    """

    date: datetime | None = None
    from_id: int | None = None
    from_name: str | None = field(default=None, repr=False)
    post_id: int | None = None
    post_author: str | None = field(default=None, repr=False)
    saved_chat_id: int | None = None
    saved_message_id: int | None = None
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LightReaction:
    """One kind of reaction, as `telefast.ReactionItem` has it.

    Attributes:
        kind: `emoji`, `custom`, `paid`, or `unknown`.
        key: The emoji, the document id of a custom one, `stars`, or TL bytes in hexadecimal.
        count: How often it was given; for `paid` the number of stars.
        chosen_order: Place among the account's own reactions, None if it is not one of them.
    """

    kind: str
    key: str
    count: int
    chosen_order: int | None = None


@dataclass(frozen=True, slots=True)
class LightMedia:
    """What a message carries, and the file of it.

    The file is the document, or the largest still of the photo, of the medium itself or of what it
    shows: of a link's preview, a game, a story, an invoice, the first of paid media or of a poll.

    Attributes:
        constructor: Name of the medium's constructor, such as `MessageMediaPhoto`.
        file: Whether the file is a `document` or a `photo`; None if there is none.
        id: Telegram's id of the file.
        size_type: Which size of a photo it is.
        kind: `photo`, `video`, `video_note`, `animation`, `sticker`, `voice`, `audio` or `file`.
        size: Bytes.
        mime: The type, as its sender said; of photos None.
        name: The name that its sender chose. Hostile: never use it as a path.
        dc_id: The data centre that has it.
        width: Pixels.
        height: Pixels.
        duration: Seconds.
        ttl_seconds: After how many seconds of watching it is gone.
        url: The address of a link's preview.
        access_hash: Good for `Chunk.account` only, like *file_reference*; together they fetch the
            file until the reference expires, some hours after the message was received. Neither
            is part of any key.
        file_reference: See there.
        data: The medium's TL bytes, where it is more than one file: of each kind but
            `MessageMediaPhoto`, `MessageMediaDocument` and `MessageMediaWebPage`, also of kinds
            that this release does not know. `telethon.extensions.BinaryReader` reads them.
        flags: By Telegram's names: `spoiler`, `live_photo`, `video`, `round`, `voice` and so on.
    """

    constructor: str
    file: str | None = None
    id: int | None = None
    size_type: str = ""
    kind: str | None = None
    size: int | None = None
    mime: str | None = None
    name: str | None = field(default=None, repr=False)
    dc_id: int | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    ttl_seconds: int | None = None
    url: str | None = field(default=None, repr=False)
    access_hash: int | None = field(default=None, repr=False)
    file_reference: bytes | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)
    flags: frozenset[str] = frozenset()

    @property
    def file_key(self) -> str | None:
        """Which file it is, as `str(telefast.file_key(message))` says; None if there is none."""
        return _file_key(self.file, self.id, self.size_type)

    def location(self) -> Any:
        """Return Telethon's `InputFileLocation` for `client.download_file`; None without a file.

        For the account that received the message, until the reference expires.
        """
        make = _LOCATIONS.get(self.file)
        if make is None:
            return None
        return make(self.id or 0, self.access_hash or 0, self.file_reference or b"", self.size_type)


def _file_key(file: str | None, file_id: int | None, size_type: str) -> str | None:
    if file is None:
        return None
    safe = "".join(c if c in _PLAIN else _escape(c) for c in size_type)
    return f"{file}_{file_id}_{safe}" if safe else f"{file}_{file_id}"


def _escape(character: str) -> str:
    return "".join(f"~{byte:02x}" for byte in character.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class LightMessage:
    """A message as the schema `light` keeps it. Its `repr` shows no text and no name.

    Attributes:
        id: Its id.
        chat_id: The chat.
        sender_id: Who sent it: Telethon's `sender_id`, and where that is None in a message of the
            account's own in a private chat, the account, if it is known.
        date: When; None only of `empty` ones.
        type: `message`, `service`, or `empty` for one that does not exist.
        text: The text, without markup; see *entities*.
        entities: The markup.
        edit_date: When it was last edited.
        reply: What it answers; None if nothing.
        forward: Where it was forwarded from; None if it was not.
        grouped_id: Which album it belongs to.
        media: What it carries; None if nothing.
        action: Name of a service message's constructor, such as `MessageActionPinMessage`.
        action_data: The action's TL bytes. They may hold access hashes, of `Chunk.account`.
        reactions: How often it got which reaction, as `telefast.ReactionSummary.items`.
        reaction_flags: By Telegram's names: `min`, `can_see_list`, `reactions_as_tags`.
        views: How often it was seen.
        forwards: How often it was forwarded.
        replies: How many answers or comments there are.
        via_bot_id: The inline bot that it was made with.
        post_author: The signature of a post.
        saved_peer_id: Which dialog of saved messages, or of a channel's direct messages, it is in.
        flags: What else is true of it, by Telegram's names: `out`, `mentioned`, `silent`, `post`,
            `pinned`, `noforwards`, `edit_hide` and so on.
    """

    id: int
    chat_id: int | None = None
    sender_id: int | None = None
    date: datetime | None = None
    type: str = "message"
    text: str = field(default="", repr=False)
    entities: tuple[LightEntity, ...] = field(default=(), repr=False)
    edit_date: datetime | None = None
    reply: LightReply | None = None
    forward: LightForward | None = None
    grouped_id: int | None = None
    media: LightMedia | None = None
    action: str | None = None
    action_data: bytes | None = field(default=None, repr=False)
    reactions: tuple[LightReaction, ...] = ()
    reaction_flags: frozenset[str] = frozenset()
    views: int | None = None
    forwards: int | None = None
    replies: int | None = None
    via_bot_id: int | None = None
    post_author: str | None = field(default=None, repr=False)
    saved_peer_id: int | None = None
    flags: frozenset[str] = frozenset()

    @property
    def topic_id(self) -> int | None:
        """The topic of a forum that it names; None, which in a forum is General, if none."""
        if self.action == "MessageActionTopicCreate":
            return self.id
        if self.reply is None or "forum_topic" not in self.reply.flags:
            return None
        if self.reply.top_id is not None:
            return self.reply.top_id
        return self.reply.message_id if self.reply.chat_id is None else None


@dataclass(frozen=True, slots=True)
class MinimalMessage:
    """A message as the schema `minimal` keeps it. Its `repr` shows no text.

    Attributes:
        id: Its id.
        chat_id: The chat.
        sender_id: Who sent it, as `LightMessage.sender_id`.
        date: When; None only of messages that do not exist.
        text: The text, without markup.
        media_meta: What it carries: the key of its file, such as `document_77`, as
            `str(telefast.file_key(message))` says; else the name of the constructor of its medium
            or service action, such as `MessageMediaPoll`; None if nothing.
    """

    id: int
    chat_id: int | None = None
    sender_id: int | None = None
    date: datetime | None = None
    text: str = field(default="", repr=False)
    media_meta: str | None = None


_FEW = Picks(NUMBERS)
_NAMES = Picks(TEXTS)

_ENTITY = Table(
    LightEntity,
    kind=_NAMES,
    offset=NUMBERS,
    length=NUMBERS,
    text=TEXTS,
    number=NUMBERS,
    flags=WORDS,
)
_REPLY = Table(
    LightReply,
    message_id=NUMBERS,
    chat_id=_FEW,
    top_id=_FEW,
    story_id=NUMBERS,
    quote=TEXTS,
    flags=WORDS,
)
_FORWARD = Table(
    LightForward,
    date=DATES,
    from_id=_FEW,
    from_name=_NAMES,
    post_id=NUMBERS,
    post_author=_NAMES,
    saved_chat_id=_FEW,
    saved_message_id=NUMBERS,
    flags=WORDS,
)
_REACTION = Table(LightReaction, kind=_NAMES, key=_NAMES, count=NUMBERS, chosen_order=NUMBERS)
_MEDIA = Table(
    LightMedia,
    constructor=_NAMES,
    file=_NAMES,
    id=NUMBERS,
    size_type=_NAMES,
    kind=_NAMES,
    size=NUMBERS,
    mime=_NAMES,
    name=TEXTS,
    dc_id=NUMBERS,
    width=NUMBERS,
    height=NUMBERS,
    duration=FLOATS,
    ttl_seconds=NUMBERS,
    url=TEXTS,
    access_hash=NUMBERS,
    file_reference=BLOBS,
    data=BLOBS,
    flags=WORDS,
)
LIGHT = Table(
    LightMessage,
    id=STEPS,
    chat_id=_FEW,
    sender_id=_FEW,
    date=DATES,
    type=_NAMES,
    text=TEXTS,
    entities=Rows(_ENTITY),
    edit_date=DATES,
    reply=Row(_REPLY),
    forward=Row(_FORWARD),
    grouped_id=_FEW,
    media=Row(_MEDIA),
    action=_NAMES,
    action_data=BLOBS,
    reactions=Rows(_REACTION),
    reaction_flags=WORDS,
    views=NUMBERS,
    forwards=NUMBERS,
    replies=NUMBERS,
    via_bot_id=_FEW,
    post_author=_NAMES,
    saved_peer_id=_FEW,
    flags=WORDS,
)
"""How the schema `light` stores its messages."""
MINIMAL = Table(
    MinimalMessage,
    id=STEPS,
    chat_id=_FEW,
    sender_id=_FEW,
    date=DATES,
    text=TEXTS,
    media_meta=TEXTS,
)
"""How the schema `minimal` stores its messages."""
