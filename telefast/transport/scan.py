"""An answer of messages, taken apart into `LazyMessage`s without decoding them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from struct import Struct
from typing import Any, Final

from telethon.tl import types
from telethon.utils import get_peer_id

from telefast.transport.decode import Entities, decode, keep
from telefast.transport.lazy import HEADS, LazyMessage, Source
from telefast.transport.schema import layout_of
from telefast.transport.skip import UnknownObjectError, end_of, places, walks_of
from telefast.transport.writing import KEY

__all__ = ["Scanned", "scan"]

_INT_AT: Final = Struct("<i").unpack_from
_START_AT: Final = Struct("<IIi").unpack_from
_VECTOR: Final = (0x1CB5C415).to_bytes(4, "little")
_MESSAGE: Final = types.Message.CONSTRUCTOR_ID.to_bytes(4, "little")
_SERVICE: Final = types.MessageService.CONSTRUCTOR_ID.to_bytes(4, "little")
_HEAD: Final = ("count", "offset_id_offset", "pts", "next_rate")


@dataclass(slots=True)
class Scanned:
    """An answer that was taken apart.

    Attributes:
        source: What its messages read from, with its users and chats; not bound yet.
        messages: `LazyMessage`s; what is empty is Telethon's `MessageEmpty`.
        users: Telethon's objects.
        chats: Likewise.
        head: What the answer says beside them, by name: `count`, `offset_id_offset`, `pts`,
            `next_rate`.
        spans: Where users and chats lie, by their `id()`.
        end: Where the answer ends.
    """

    source: Source
    messages: list[Any]
    users: list[Any]
    chats: list[Any]
    head: dict[str, int]
    spans: dict[int, tuple[int, int]]
    end: int


def scan(data: bytes, known: Entities) -> Scanned | None:
    """Take an answer of messages apart.

    Args:
        data: The answer, perhaps with bytes behind it.
        known: Users and chats of answers read before. One with the very same bytes is taken from
            here and not read again, so answers share it. It is added to.

    Returns:
        None for all that is not understood: it must be decoded.
    """
    try:
        return _scan(data, known)
    except Exception:  # noqa: BLE001 - whatever strange bytes lead to; decoding says what it is
        return None


def _scan(data: bytes, known: Entities) -> Scanned | None:
    layout = layout_of(_uint(data, 0))
    names = [field.name for field in layout.fields] if layout is not None else []
    # What is last is decoded, so that it cannot end behind the data.
    if not {"messages", "chats"}.issubset(names) or names[-1] != "users":
        return None
    said = [name for name in _HEAD if name in names]
    *found, place = places(data, 0, *said, "messages")
    head: dict[str, int] = {
        name: _INT_AT(data, at)[0] for name, at in zip(said, found, strict=True) if at >= 0
    }
    parts: dict[str, list[Any]] = {}
    spans: dict[int, tuple[int, int]] = {}
    source = Source(data)
    for name in names[names.index("messages") :]:
        if data[place : place + 4] != _VECTOR:
            return None
        count, place = _INT_AT(data, place + 4)[0], place + 8
        if name == "messages":
            parts[name], place = _messages(source, place, count, _restricting())
            continue
        parts[name] = objects = []
        for _ in range(count):
            if name == "topics":
                place = end_of(data, place)
                continue
            start = place
            each, place = _entity(data, start, known)
            objects.append(each)
            source.entities[get_peer_id(each)] = each
            spans[id(each)] = start, place
    return Scanned(source, parts["messages"], parts["users"], parts["chats"], head, spans, place)


def _messages(source: Source, place: int, count: int, restricting: int) -> tuple[list[Any], int]:
    data = source.data
    plain = walks_of(_MESSAGE, HEADS[types.Message.CONSTRUCTOR_ID], to_end=True)
    walks, learn = plain.walks, plain.learn
    found: list[Any] = []
    for _ in range(count):
        start = place
        key = data[start : start + 12]
        walk = walks.get(key)
        if walk is None:
            if key[:4] != _MESSAGE:
                each, place = _other(source, start)
                found.append(each)
                continue
            walk = learn(key)
        place, head = walk(data, start)
        flags, _, message_id = _START_AT(data, start + 4)
        if flags & restricting:
            source.marked.add(message_id)
        found.append(LazyMessage(source, start, place, message_id, head))
    return found, place


def _entity(data: bytes, start: int, known: Entities) -> tuple[Any, int]:
    """Return the user or chat at *start*, and where it ends."""
    found = known.get(data[start : start + KEY])
    if found is not None and data.startswith(found[0], start):
        return found[1], start + len(found[0])
    each, end = decode(data, start)
    keep(known, data, start, end, each)
    return each, end


def _other(source: Source, start: int) -> tuple[Any, int]:
    """Return what is no plain message, and where it ends."""
    data = source.data
    if data[start : start + 4] == _SERVICE:
        service = walks_of(_SERVICE, HEADS[types.MessageService.CONSTRUCTOR_ID], to_end=True)
        end, head = service.walk(data, start)
        return LazyMessage(source, start, end, _INT_AT(data, start + 8)[0], head), end
    end = end_of(data, start)
    return decode(data, start)[0], end


@cache
def _restricting() -> int:
    """Return the flag of a message that says its display is restricted somewhere.

    Raises:
        UnknownObjectError: If the layout of a message is another than we know.
    """
    layout = layout_of(types.Message.CONSTRUCTOR_ID)
    fields = layout.fields if layout is not None else ()
    places = [(field.name, field.word, field.mask) for field in fields]
    names = [name for name, _, mask in places if not mask]
    masks = [mask for name, word, mask in places if (name, word) == ("restriction_reason", "flags")]
    if names[:3] != ["flags", "flags2", "id"] or len(masks) != 1:
        raise UnknownObjectError("another layout of messages")
    return masks[0]


def _uint(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
