"""Fast decoding of TL objects: what Telethon's reader makes, in a fraction of the time.

For each constructor that is met, a function is written from what Telethon's own reader does
(`telefast.transport.schema`) and from what its class does with it (`telefast.transport.making`),
and kept. What is not understood, and whatever goes wrong, is Telethon's: then the whole answer is
read by its reader, from the start, with its errors.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from struct import Struct, unpack_from
from typing import Any, Final

from telethon.errors.common import TypeNotFoundError
from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import types

from telefast.transport.making import recipe_of
from telefast.transport.schema import Layout, layout_of
from telefast.transport.writing import KEY, SHARED, Writer

__all__ = ["STOPPED_AT", "Known", "Spans", "decode", "is_fast", "keep"]

STOPPED_AT: Final = -1
"""Names, among spans, the object that cannot be read: where it begins, and what is unknown in it.
No object has this `id()`."""

Spans = dict[int, tuple[int, int]]
Entities = dict[bytes, tuple[bytes, Any]]
Peers = dict[bytes, Any]


class Known:
    """Users, chats, peers and reactions of answers that belong together, such as one stream's.

    Attributes:
        entities: Users and chats with their bytes, by how these begin.
        peers: Peers and reactions by their bytes.
    """

    __slots__ = ("entities", "peers")

    def __init__(self) -> None:
        self.entities: Entities = {}
        self.peers: Peers = {}


_SHARED = (
    types.PeerUser,
    types.PeerChannel,
    types.PeerChat,
    types.ReactionEmoji,
    types.ReactionCustomEmoji,
)
_VECTOR = 0x1CB5C415
_TRUE, _FALSE = 0x997275B5, 0xBC799737
_UINT = Struct("<I").unpack_from
_INT = Struct("<i").unpack_from
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MAX_TEMPLATES = 2_048
"""Sets of flags, of all constructors together, that are kept ready: our choice. Some 2 KiB each;
a chat has some hundreds."""
_MAX_KNOWN = 10_000
"""Users and chats whose bytes are known: our choice, 30 MiB at most as a rule."""


def decode(
    data: bytes,
    offset: int = 0,
    *,
    spans: Spans | None = None,
    known: Known | None = None,
) -> tuple[Any, int]:
    """Decode an object as `BinaryReader.tgread_object` does.

    Args:
        data: The bytes; more may follow the object.
        offset: Where it begins.
        spans: An empty dictionary, filled with the place in *data* of each object directly within
            it, by `id()`: the messages, users and chats of an answer.
        known: With *spans*: users and chats of answers read before. Those with the very same bytes
            are taken from here and not read again, so answers share them: for what belongs
            together only. It is added to.

    Returns:
        The object and the place behind it. Equal peers and reactions in it (`PeerUser`,
        `ReactionEmoji` and so on) are one object, as they never change.

    Raises:
        TypeNotFoundError: If there is a constructor that Telethon does not know. Then *spans*
            tells at `STOPPED_AT` where.
        Exception: Whatever Telethon's reader raises for bytes that are no object.
    """
    try:
        number = _UINT(data, offset)[0]
        if spans is None:
            found, end = _READERS[number](data, offset + 4, {})
        else:
            noted: Spans = {}
            peers, entities = ({}, _NONE) if known is None else (known.peers, known.entities)
            found, end = _NOTING[number](data, offset + 4, peers, noted, entities)
            spans.update(noted)
        if end <= len(data):
            return found, end
    except Exception:  # noqa: BLE001, S110 - of any kind: Telethon's reader tells what is wrong
        pass
    if spans is not None:
        spans.clear()
    reader = BinaryReader(data)
    reader.set_position(offset)
    found = reader.tgread_object() if spans is None else _read_with_spans(reader, spans)
    return found, reader.tell_position()


def is_fast() -> bool:
    """Tell whether Telethon's sources are there, without which its own reader does all the work."""
    return layout_of(types.PeerUser.CONSTRUCTOR_ID) is not None


def _read_with_spans(reader: BinaryReader, spans: Spans) -> Any:
    """Read an object by Telethon's reader, noting where each object directly within it lies.

    While one of those is read, the reader is its plain self.
    """
    plain: Callable[[], Any] = reader.tgread_object

    def noting() -> Any:
        start = reader.position
        reader.tgread_object = plain  # type: ignore[method-assign]
        try:
            found = plain()
        except TypeNotFoundError as error:
            spans[STOPPED_AT] = (start, error.invalid_constructor_id)
            raise
        reader.tgread_object = noting  # type: ignore[method-assign]
        spans[id(found)] = (start, reader.position)
        return found

    reader.tgread_object = noting  # type: ignore[method-assign]
    try:
        return plain()
    finally:
        del reader.tgread_object  # it refers to the reader


def _of_telethon(data: bytes, place: int, *_: Any) -> tuple[Any, int]:
    """Read an object with Telethon's reader, from its constructor on."""
    reader = BinaryReader(data)
    reader.set_position(place - 4)
    return reader.tgread_object(), reader.tell_position()


def _vector(data: bytes, place: int, peers: Peers) -> tuple[list[Any], int]:
    """Read a vector of objects that stands where an object does."""
    found = []
    count = _INT(data, place)[0]
    place += 4
    for _ in range(count):
        item, place = _READERS[_UINT(data, place)[0]](data, place + 4, peers)
        found.append(item)
    return found, place


def _noted_vector(
    data: bytes, place: int, peers: Peers, spans: Spans, *_: Entities
) -> tuple[list[Any], int]:
    found = []
    count = _INT(data, place)[0]
    place += 4
    for _number in range(count):
        begin = place
        item, place = _READERS[_UINT(data, place)[0]](data, place + 4, peers)
        spans[id(item)] = (begin, place)
        found.append(item)
    return found, place


def _long(data: bytes, place: int) -> tuple[bytes, int]:
    """Read a string of more than 253 bytes."""
    length = data[place + 1] | data[place + 2] << 8 | data[place + 3] << 16
    place += 4
    return data[place : place + length], place + (length + 3 & -4)


def _numbers(data: bytes, place: int, count: int, form: str, size: int) -> tuple[list[int], int]:
    if count <= 0:
        return [], place
    return list(unpack_from(f"<{count}{form}", data, place)), place + count * size


def _share(data: bytes, place: int, peers: Peers) -> tuple[Any, int]:
    """Read a peer or a reaction that is not known yet, or whatever stands there."""
    found, end = _READERS[_UINT(data, place)[0]](data, place + 4, peers)
    if type(found) in _SHARED and end - place == SHARED and end <= len(data):
        if len(peers) >= _MAX_KNOWN:
            peers.clear()
        peers[data[place:end]] = found
    return found, end


def keep(known: Entities, data: bytes, begin: int, end: int, found: Any) -> None:
    """Remember a user or chat for the answers that follow."""
    if known is not _NONE and end <= len(data):
        if len(known) >= _MAX_KNOWN:
            known.clear()
        known[data[begin : begin + KEY]] = (data[begin:end], found)


class _Templates(dict[Any, dict[str, Any]]):
    """The attributes of an object of which only the words of flags were read, by these."""

    _room = _MAX_TEMPLATES

    def __init__(self, make: Callable[..., dict[str, Any]]) -> None:
        self._make = make

    def __missing__(self, words: Any) -> dict[str, Any]:
        made = self._make(*words) if isinstance(words, tuple) else self._make(words)
        if _Templates._room > 0:
            _Templates._room -= 1
            self[words] = made
        return made


class _Readers(dict[int, Callable[..., Any]]):
    """The function for each constructor's number, written when it is first asked for."""

    def __init__(self, *, notes: bool) -> None:
        self._notes = notes
        self[_TRUE] = lambda _, place, *__: (True, place)
        self[_FALSE] = lambda _, place, *__: (False, place)
        self[_VECTOR] = _noted_vector if notes else _vector

    def __missing__(self, number: int) -> Callable[..., Any]:
        layout = layout_of(number)
        if layout is None:  # not kept: anybody can make up numbers
            if self._notes:
                raise LookupError
            return _of_telethon
        made = self[number] = _written(layout, notes=self._notes)
        return made


def _written(layout: Layout, *, notes: bool) -> Callable[..., Any]:
    recipe = recipe_of(layout.cls)
    writer = Writer(layout, recipe)
    names: dict[str, Any] = {
        "BOOLS": {_TRUE: True, _FALSE: False},
        "CLS": layout.cls,
        "EPOCH": _EPOCH,
        "KEEP": keep,
        "LONG": _long,
        "NEW": object.__new__,
        "NUMBERS": _numbers,
        "SHARE": _share,
        "R": _READERS,
        "SECOND": _SECOND,
        "from_bytes": int.from_bytes,
    }
    if recipe is not None:
        names |= recipe.names
    if writer.has_template:
        exec(writer.template(), names)  # noqa: S102 - written by us, from Telethon's sources
        names["TEMPLATES"] = _Templates(names["template"])
    text = writer.read(notes=notes)
    names |= {name: Struct(form).unpack_from for name, form in writer.structs.items()}
    exec(text, names)  # noqa: S102
    made: Callable[..., Any] = names["read"]
    return made


_NONE: Entities = {}
_READERS = _Readers(notes=False)
_NOTING = _Readers(notes=True)
