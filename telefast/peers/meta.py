"""What a chat is: `ChatMeta`, `MessageCount`, and how Telegram's answers tell it.

Marked ids throughout. Nothing here holds an access hash, so all of it may lie in a file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

from telethon import types
from telethon.tl.types import messages

from telefast.errors import RemoteError
from telefast.peers.links import mark_channel

__all__ = ["ChatMeta", "MessageCount", "count_of", "meta_of"]

ChatKind = Literal["user", "bot", "group", "supergroup", "gigagroup", "channel"]

_PROTECTING: Final = ("noforwards_my_enabled", "noforwards_peer_enabled")
"""Flags of `userFull`: this side, or the other one, protects what is in the chat. An older Telethon
does not know them."""
_CHANNELS: Final = (types.Channel, types.ChannelForbidden)


@dataclass(frozen=True, slots=True)
class ChatMeta:
    """What Telegram tells of a user, a group or a channel.

    Attributes:
        id: Marked id.
        kind: `user`, `bot`, `group` (basic), `supergroup`, `gigagroup` or `channel`.
        title: The title, or a person's name; empty for a deleted account.
        username: The first active username, without @.
        about: Description, or a person's bio.
        participants: Members or subscribers; None where Telegram does not say.
        is_forum: Whether it has topics.
        is_deleted: Whether it is a deleted account.
        is_left: Whether this account is no member.
        noforwards: Whether its content is protected from being saved and forwarded; in a private
            chat, by either side.
        linked_chat_id: Its discussion group, or the channel whose discussion group it is.
        migrated_from: The basic group that this supergroup was.
        migrated_from_max_id: The last message id of that group.
        migrated_to: The supergroup that this basic group became.
        available_min_id: Messages up to this id are not available; 0 if all are.
        is_prehistory_hidden: Whether new members do not see what was before them.
        pinned_message_id: The message that is pinned last.
        pts: Telegram's counter of changes, of a channel.
    """

    id: int
    kind: ChatKind
    title: str
    username: str | None = None
    about: str = ""
    participants: int | None = None
    is_forum: bool = False
    is_deleted: bool = False
    is_left: bool = False
    noforwards: bool = False
    linked_chat_id: int | None = None
    migrated_from: int | None = None
    migrated_from_max_id: int | None = None
    migrated_to: int | None = None
    available_min_id: int = 0
    is_prehistory_hidden: bool = False
    pinned_message_id: int | None = None
    pts: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as what `json` can write."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ChatMeta:
        """Return what `to_json` gave; fields that this release does not know are left out.

        Raises:
            TypeError: If a field is missing.
        """
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})


@dataclass(frozen=True, slots=True)
class MessageCount:
    """How many messages a list has.

    Attributes:
        value: The number; None if Telegram did not say. An error is raised, never a 0.
        is_exact: Whether Telegram vouches for it (no `inexact` flag).
        source: The method that told, such as `messages.getHistory`.
    """

    value: int | None
    is_exact: bool
    source: str


def meta_of(answer: Any) -> ChatMeta:
    """Read `channels.getFullChannel`, `messages.getFullChat` or `users.getFullUser`.

    Raises:
        RemoteError: If the answer is none of these, or leaves out the chat that it is about.
    """
    full = getattr(answer, "full_chat", None) or getattr(answer, "full_user", None)
    if isinstance(full, types.ChannelFull):
        return _channel(full, _find(answer.chats, full.id, _CHANNELS))
    if isinstance(full, types.ChatFull):
        return _group(full, _find(answer.chats, full.id, (types.Chat, types.ChatForbidden)))
    if isinstance(full, types.UserFull):
        return _user(full, _find(answer.users, full.id, (types.User,)))
    raise RemoteError(f"asked for a full chat, was answered {type(answer).__name__}; try again")


def count_of(answer: Any, source: str) -> MessageCount:
    """Read the length of the whole list from an answer with some of its messages."""
    count = getattr(answer, "count", None)
    if count is None and isinstance(answer, messages.Messages):
        # The whole list fitted into the answer (https://core.telegram.org/type/messages.Messages).
        count = sum(not isinstance(each, types.MessageEmpty) for each in answer.messages)
    is_exact = count is not None and not getattr(answer, "inexact", None)
    return MessageCount(count, is_exact, source)


def _channel(full: types.ChannelFull, chat: Any) -> ChatMeta:
    kind: ChatKind = "channel"
    if getattr(chat, "gigagroup", None):
        kind = "gigagroup"
    elif chat.megagroup:
        kind = "supergroup"
    old, linked = full.migrated_from_chat_id, full.linked_chat_id
    return ChatMeta(
        id=mark_channel(full.id),
        kind=kind,
        title=chat.title,
        username=_username(chat),
        about=full.about,
        participants=full.participants_count,
        is_forum=bool(getattr(chat, "forum", None)),
        is_left=bool(getattr(chat, "left", True)),
        noforwards=bool(getattr(chat, "noforwards", None)),
        linked_chat_id=mark_channel(linked) if linked else None,
        migrated_from=-old if old else None,
        migrated_from_max_id=full.migrated_from_max_id if old else None,
        available_min_id=full.available_min_id or 0,
        is_prehistory_hidden=bool(full.hidden_prehistory),
        pinned_message_id=full.pinned_msg_id,
        pts=full.pts,
    )


def _group(full: types.ChatFull, chat: Any) -> ChatMeta:
    new = getattr(chat, "migrated_to", None)
    return ChatMeta(
        id=-full.id,
        kind="group",
        title=chat.title,
        about=full.about,
        participants=getattr(chat, "participants_count", None),
        is_left=bool(getattr(chat, "left", True)),
        noforwards=bool(getattr(chat, "noforwards", None)),
        migrated_to=mark_channel(new.channel_id) if isinstance(new, types.InputChannel) else None,
        pinned_message_id=full.pinned_msg_id,
    )


def _user(full: types.UserFull, user: Any) -> ChatMeta:
    names = (user.first_name, user.last_name)
    return ChatMeta(
        id=full.id,
        kind="bot" if user.bot else "user",
        title=" ".join(name for name in names if name),
        username=_username(user),
        about=full.about or "",
        is_deleted=bool(user.deleted),
        noforwards=any(getattr(full, name, None) for name in _PROTECTING),
        pinned_message_id=full.pinned_msg_id,
    )


def _find(entities: list[Any], wanted: int, kinds: tuple[type, ...]) -> Any:
    for entity in entities:
        if entity.id == wanted and isinstance(entity, kinds):
            return entity
    raise RemoteError(f"Telegram told of chat {wanted} and left it out; try again")


def _username(entity: Any) -> str | None:
    name: str | None = getattr(entity, "username", None)
    if name:
        return name
    others = getattr(entity, "usernames", None) or ()
    return next((each.username for each in others if each.active), None)
