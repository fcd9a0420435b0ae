"""Turn one message of an export into the TL object that Telegram would send.

What the export lacks stays empty and is counted; nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.testing.export_actions import read_action
from telefast.testing.export_extras import read_media
from telefast.testing.export_fields import EPOCH, INT_MAX, Record
from telefast.testing.export_marks import read_buttons, read_reactions
from telefast.testing.export_media import Place
from telefast.testing.export_text import read_text

if TYPE_CHECKING:
    from datetime import datetime

    from telefast.testing.export_files import FileTable
    from telefast.testing.export_people import People

__all__ = ["ChatContext", "read_message"]

_NEVER_EDITED = 24 * 60 * 60
"""Old exports write the epoch in local time for "never edited": at most a day from the epoch."""
_REPLY_KEYS = ("message_id", "game_message_id", "invoice_message_id", "reply_to_message_id")


@dataclass(frozen=True, slots=True)
class ChatContext:
    """The chat that a message stands in.

    Attributes:
        peer: The chat that shows it.
        chat_id: Bare id of that one.
        origin: What the chat is in the export.
        broadcast: Whether it is a broadcast channel.
        people: Collects who appears.
        table: The files of the export.
    """

    peer: types.TypePeer
    chat_id: int
    origin: types.TypePeer
    broadcast: bool
    people: People
    table: FileTable

    def is_origin(self, peer: types.TypePeer | None) -> bool:
        """Return whether *peer* is the chat itself."""
        return peer is not None and bytes(peer) == bytes(self.origin)


def read_message(record: Record, chat: ChatContext) -> types.Message | types.MessageService | None:
    """Read one message; `None`, counted, if the export has nothing of it but its id.

    Raises:
        WorldError: If a field does not hold what it must.
    """
    record.ignore("id")
    kind = record.text("type")
    if kind == "unsupported":
        record.miss("message that Telegram Desktop could not export (unsupported)")
        return None
    if kind not in {"message", "service"}:
        raise record.wrong("type", "message, service or unsupported", kind)
    date = record.date("date")
    if date is None:
        raise record.wrong("date_unixtime", "a number of seconds", None)
    message_id = record.message_id or 0
    place = Place(chat.chat_id, message_id, date, chat.table)
    read = _read_service if kind == "service" else _read_ordinary
    message = read(record, chat, place)
    record.leftovers("a message" if kind == "message" else "a service message")
    return message


def _read_ordinary(record: Record, chat: ChatContext, place: Place) -> types.Message:
    from_id, out, saved = _sender(record, chat, "from")
    media = read_media(record, place)
    text, entities = read_text(record)
    if "via_bot" in record:
        record.ignore("via_bot")
        record.miss("bot that a message was sent through, known by name only", "via_bot")
    record.found("messages")
    return types.Message(
        id=place.message_id,
        peer_id=chat.peer,
        date=place.date,
        message=text,
        out=out or None,
        post=chat.broadcast or None,
        from_id=from_id,
        saved_peer_id=saved,
        fwd_from=_forward(record, chat),
        reply_to=_reply(record, chat),
        media=media,
        reply_markup=read_buttons(record),
        entities=entities,
        edit_date=_edited(record),
        post_author=record.text("author") or None,
        reactions=read_reactions(record, chat.people),
    )


def _read_service(record: Record, chat: ChatContext, place: Place) -> types.MessageService:
    from_id, out, saved = _sender(record, chat, "actor")
    action = read_action(record, place, chat.people)
    text, _ = read_text(record)
    if text:
        record.miss("text of a service message", "text")
    if _edited(record) is not None:
        record.miss("date of editing of a service message", "edited")
    record.found("service messages")
    return types.MessageService(
        id=place.message_id,
        peer_id=chat.peer,
        date=place.date,
        action=action,
        out=out or None,
        post=chat.broadcast or None,
        from_id=from_id,
        saved_peer_id=saved,
        reply_to=_reply(record, chat),
        reactions=read_reactions(record, chat.people),
    )


def _sender(
    record: Record, chat: ChatContext, key: str
) -> tuple[types.TypePeer | None, bool, types.TypePeer | None]:
    """Return the sender as Telegram shows it, whether the message is out, and `saved_peer_id`."""
    name = record.text(key)
    peer = record.peer(f"{key}_id")
    if chat.is_origin(peer) and not isinstance(peer, types.PeerUser):
        return (None if chat.broadcast else chat.peer), False, None
    if peer is None and name is not None:
        record.miss("sender known by name only", key)
    chat.people.meet(peer, name)
    is_me = isinstance(peer, types.PeerUser) and peer.user_id == chat.people.me
    if isinstance(chat.peer, types.PeerUser):
        if chat.peer.user_id == chat.people.me:  # Saved messages go neither in nor out.
            return peer, False, chat.peer
        if chat.is_origin(peer):  # Nobody is named where only one can have sent it.
            return None, False, None
    return peer, is_me, None


def _forward(record: Record, chat: ChatContext) -> types.MessageFwdHeader | None:
    if "saved_from" in record:
        record.ignore("saved_from")
        record.miss("chat that a message was saved from, known by name only", "saved_from")
    is_forward = record.mentions("forwarded_from")
    name = record.text("forwarded_from")
    peer = record.peer("forwarded_from_id")
    if not is_forward and peer is None:
        return None
    record.miss("date of the original of a forward", "forwarded_from")
    if peer is None:
        if name is None:
            record.miss("author of a forward", "forwarded_from")
        return types.MessageFwdHeader(date=EPOCH, from_name=name)
    if chat.is_origin(peer) and not isinstance(peer, types.PeerUser):
        peer = chat.peer
    else:
        chat.people.meet(peer, name)
    return types.MessageFwdHeader(date=EPOCH, from_id=peer)


def _reply(record: Record, chat: ChatContext) -> types.MessageReplyHeader | None:
    """Return what the message replies to, or which message its action is about."""
    peer = record.peer("reply_to_peer_id")
    for key in _REPLY_KEYS:
        message_id = record.integer(key, low=-INT_MAX - 1)
        if not message_id:
            continue
        if message_id < 0:
            record.miss("reply to a message from before the upgrade to a supergroup", key)
            return None
        if peer is None or chat.is_origin(peer):
            return types.MessageReplyHeader(reply_to_msg_id=message_id)
        chat.people.meet(peer, None)
        return types.MessageReplyHeader(reply_to_msg_id=message_id, reply_to_peer_id=peer)
    return None


def _edited(record: Record) -> datetime | None:
    date = record.date("edited")
    if date is None or date.timestamp() <= _NEVER_EDITED:
        return None
    return date
