"""Answers with an object that this Telethon cannot read: which one it is, and what is left.

TL has no lengths: behind an unknown constructor nothing can be read. The messages of an answer
come first, then topics, chats and users. So what lies before the unknown object is known; what
lies behind it must be asked for again, without it (`telefast.history.isolate`), unless it is among
the chats and users: then all messages are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import types
from telethon.tl.types import messages

from telefast.transport.unshown import Unshown

__all__ = ["Broken", "UndecodedMessage", "Unknown", "broken_at", "without_entities"]

_VECTOR = 0x1CB5C415
_EMPTY_VECTORS = Struct("<Ii").pack(_VECTOR, 0) * 3
"""Topics, chats and users (layer 229); older layers have two of these and read no further."""
_INT = Struct("<i")
_UINT = Struct("<I")

_ID_AT = {
    types.Message.CONSTRUCTOR_ID: 12,  # constructor, flags, flags2
    types.MessageService.CONSTRUCTOR_ID: 8,  # constructor, flags
    types.MessageEmpty.CONSTRUCTOR_ID: 8,
}
_ID_GUESSES = (12, 8, 16)
"""Where a message of a later layer may have its id: in all layers so far behind one or two flags
(https://core.telegram.org/schema); behind a third, if there should ever be one."""


@dataclass(frozen=True, slots=True, repr=False)
class UndecodedMessage:
    """A message that the installed Telethon cannot decode: it is newer than Telethon's layer.

    Attributes:
        id: Its id.
        constructor: Number of the constructor that is unknown: its own, or that of a part of it.
        data: The exact bytes of an answer that holds this message and no other, with its chats
            and users: a Telethon that knows the constructor reads it.
    """

    id: int
    constructor: int
    data: bytes

    def __repr__(self) -> str:
        return (
            f"UndecodedMessage(id={self.id}, constructor={self.constructor:08x}, "
            f"{len(self.data)} bytes)"
        )


@dataclass(frozen=True, slots=True)
class Unknown:
    """Where reading an answer stopped.

    Attributes:
        data: The answer.
        position: Where the object begins, directly within the answer, that holds the unknown one.
        constructor: The unknown constructor.
        spans: Where the objects before it lie, in order.
    """

    data: bytes = field(repr=False)
    position: int
    constructor: int
    spans: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Broken:
    """An answer with a message that cannot be decoded.

    Attributes:
        data: The answer.
        constructor: The unknown constructor.
        size: Messages in the answer, those that are empty included.
        ids: Ids of the messages before the broken one.
        claims: What may be its id, likeliest first.
        is_certain: Whether the first claim is its id: its own constructor is known.
        mark: By which to know it again in another answer.
        count: As the answer has it, or None.
        position: Likewise.
    """

    data: bytes = field(repr=False)
    constructor: int
    size: int
    ids: tuple[int, ...]
    claims: tuple[int, ...]
    is_certain: bool
    mark: bytes = field(repr=False)
    count: int | None
    position: int | None


def broken_at(unknown: Unknown) -> Broken | None:
    """Return which message is broken, None if the unknown object is none of the messages.

    Raises:
        ValueError: If the answer is no list of messages.
    """
    data, place = unknown.data, unknown.position
    first, size = _messages(unknown)
    before = [span for span in unknown.spans if span[0] >= first]
    if len(before) >= size:
        return None
    head: Any = BinaryReader(data[: first - 8] + _EMPTY_VECTORS * 2).tgread_object()
    own = _UINT.unpack_from(data, place)[0]
    is_certain = own in _ID_AT and len(data) >= place + 16
    claims = [
        _INT.unpack_from(data, place + offset)[0]
        for offset in ((_ID_AT[own],) if is_certain else _ID_GUESSES)
        if len(data) >= place + offset + 4
    ]
    return Broken(
        data,
        unknown.constructor,
        size,
        tuple(BinaryReader(data[slice(*span)]).tgread_object().id for span in before),
        tuple(claim for claim in dict.fromkeys(claims) if claim > 0),
        is_certain,
        data[place : place + 4] + data[place + 8 : place + 16],
        getattr(head, "count", None),
        getattr(head, "offset_id_offset", None),
    )


def without_entities(unknown: Unknown) -> tuple[bytes, list[tuple[int, int]]]:
    """Return an answer cut behind its messages, and where its readable chats and users lie.

    What was cut off is replaced by empty lists, so that the places of the messages stay.
    """
    first, size = _messages(unknown)
    spans = [span for span in unknown.spans if span[0] >= first]
    end = spans[size - 1][1] if size else first
    return Unshown(unknown.data[:end] + _EMPTY_VECTORS), spans[size:]


def _messages(unknown: Unknown) -> tuple[int, int]:
    """Return where the first message lies, and how many there are.

    Raises:
        ValueError: If the answer is no list of messages.
    """
    data = unknown.data
    own, flags = _UINT.unpack_from(data)[0], _UINT.unpack_from(data, 4)[0]
    if own == messages.Messages.CONSTRUCTOR_ID:
        place = 4
    elif own == messages.MessagesSlice.CONSTRUCTOR_ID:
        place = 12 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
        if flags & 8:  # an object that tells how much may be searched
            place = unknown.spans[0][1] if unknown.spans else len(data)
    elif own == messages.ChannelMessages.CONSTRUCTOR_ID:
        place = 16 + 4 * bool(flags & 4)
    else:
        raise ValueError("no list of messages")
    if len(data) < place + 8 or _UINT.unpack_from(data, place)[0] != _VECTOR:
        raise ValueError("no list of messages")
    return place + 8, _INT.unpack_from(data, place + 4)[0]
