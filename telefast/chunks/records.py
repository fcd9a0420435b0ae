"""Records: the exact bytes of one message, user or chat, and how they become objects again.

A record of another TL layer is decoded where its constructors have not changed since, because a
constructor's number is made from its definition. What cannot be decoded stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from telethon.errors.common import TypeNotFoundError
from telethon.tl import types

from telefast.transport.decode import decode

__all__ = [
    "Kind",
    "UndecodedRecord",
    "decode_peer",
    "decode_records",
    "is_message",
    "is_user",
    "marked_id",
]

Kind = Literal["message", "user", "chat"]

_CHANNEL_MARK = 10**12
"""Telethon's marked ids, `telethon.utils.get_peer_id`: a channel's are -(10**12 + id)."""


@dataclass(frozen=True, slots=True)
class UndecodedRecord:
    """A record that the installed Telethon cannot decode.

    Attributes:
        kind: What it is.
        index: Its place among the records of its kind in the chunk.
        id: The message's id; None for users and chats.
        constructor: The number of its constructor, as Telegram's schema has it.
        problem: Why it cannot be decoded.
        data: Its exact bytes.
    """

    kind: Kind
    index: int
    id: int | None
    constructor: int
    problem: str
    data: bytes

    def __repr__(self) -> str:
        return (
            f"UndecodedRecord({self.kind} {self.index}, id={self.id}, "
            f"constructor={self.constructor:08x}, {self.problem})"
        )


def decode_records(
    kind: Kind, records: list[bytes], ids: list[int] | None = None
) -> tuple[list[Any], list[UndecodedRecord]]:
    """Decode records of one kind.

    Args:
        kind: What they are; anything else is not accepted.
        records: Their bytes.
        ids: The ids of messages, None for users and chats.

    Returns:
        The objects in their order, and what could not be decoded.
    """
    objects = []
    undecoded = []
    for index, data in enumerate(records):
        found, problem = _decode(data)
        if not problem and not _FITS[kind](found):
            problem = f"not a {kind}"
        if problem:
            number = int.from_bytes(data[:4], "little")
            message_id = None if ids is None else ids[index]
            undecoded.append(UndecodedRecord(kind, index, message_id, number, problem, data))
        else:
            objects.append(found)
    return objects, undecoded


def decode_peer(data: bytes) -> Any:
    """Return an `InputPeer`; None if the bytes are anything else."""
    found, problem = _decode(data)
    is_peer = getattr(found, "SUBCLASS_OF_ID", None) == types.InputPeerEmpty.SUBCLASS_OF_ID
    return found if not problem and is_peer else None


def _decode(data: bytes) -> tuple[Any, str]:
    try:
        found, end = decode(data)
    except TypeNotFoundError as error:
        return None, f"constructor {error.invalid_constructor_id:08x} is not known"
    except Exception as error:  # noqa: BLE001 - whatever Telethon's reader meets in wrong bytes
        return None, f"not in the form of its constructor ({type(error).__name__})"
    if end != len(data):
        return None, "longer than its constructor says"
    return found, ""


def is_message(found: object) -> bool:
    """Whether *found* is a message of any kind."""
    # Looked up at each call: Telethon replaces these three by its own when it is fully loaded.
    return isinstance(found, types.Message | types.MessageService | types.MessageEmpty)


def is_user(found: object) -> bool:
    """Whether *found* is a user."""
    return isinstance(found, types.User | types.UserEmpty)


def _is_chat(found: object) -> bool:
    # By the name of the abstract type: newer layers have more kinds of chats.
    return getattr(found, "SUBCLASS_OF_ID", None) == types.Chat.SUBCLASS_OF_ID


_FITS = {"message": is_message, "user": is_user, "chat": _is_chat}


def marked_id(found: Any) -> int:
    """Return the marked id of a user, a chat, or a `Peer`."""
    kind = type(found)
    key: int
    if kind is types.PeerChannel:
        key = found.channel_id
        return -(_CHANNEL_MARK + key)
    if kind is types.PeerChat:
        key = found.chat_id
        return -key
    key = found.user_id if kind is types.PeerUser else found.id
    if kind is types.PeerUser or is_user(found):
        return key
    is_basic_group = isinstance(found, types.Chat | types.ChatEmpty | types.ChatForbidden)
    return -key if is_basic_group else -(_CHANNEL_MARK + key)
