"""Bytes of TL objects with values by chance, written from the layouts alone."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import TLRequest, types
from telethon.tl.alltlobjects import tlobjects
from telethon.tl.custom.forward import Forward
from telethon.tl.tlobject import TLObject

from telefast.transport.schema import SIZES, Field, Layout, layout_of

ALL = sorted(n for n, c in tlobjects.items() if not issubclass(c, TLRequest) and layout_of(n))
"""Numbers of all that an answer can hold."""
_TEXTS = (b"", b"a", b"\xff\xfe", "Grüße 👍".encode(), b"x" * 253, b"y" * 254, b"z" * 300, bytes(3))


def _leaves() -> list[int]:
    layouts = [layout for layout in map(layout_of, ALL) if layout is not None]
    return [x.constructor for x in layouts if all(f.kind != "object" for f in x.fields)]


LEAVES = _leaves()
_PEERS = (
    struct.pack("<Iq", types.PeerUser.CONSTRUCTOR_ID, 777_000),
    struct.pack("<Iq", types.PeerChat.CONSTRUCTOR_ID, 12),
    struct.pack("<Iq", types.PeerChannel.CONSTRUCTOR_ID, 1_500_000_000),
    struct.pack("<Iq", types.PeerChannel.CONSTRUCTOR_ID, 1_000_000_000_000 + 5),
)


def text_bytes(text: bytes) -> bytes:
    """Return a string as it goes over the wire."""
    return TLObject.serialize_bytes(text)


def object_bytes(
    random: Random, number: int, words: dict[str, int] | None = None, depth: int = 0
) -> bytes:
    """Return an object.

    Args:
        random: Whose chance it is.
        number: Its constructor.
        words: Its words of flags, by their names; by chance if None.
        depth: How deep it lies; deep ones have few fields.
    """
    layout = layout_of(number)
    assert layout is not None
    flags = {name: _word(random, depth) for name in layout.words} | (words or {})
    found = [struct.pack("<I", number)]
    for field in layout.fields:
        if field.kind == "flags":
            found.append(struct.pack("<i", flags[field.name]))
        elif field.kind != "true" and (not field.word or flags[field.word] & field.mask):
            found.append(_field(random, field, depth))
    return b"".join(found)


def _word(random: Random, depth: int) -> int:
    if depth > 1:
        return 0
    word = random.choice(
        (0, random.getrandbits(32), random.getrandbits(32) & random.getrandbits(32))
    )
    return word - (1 << 32) if word >> 31 else word


def _field(random: Random, field: Field, depth: int) -> bytes:
    if not field.is_vector:
        return _value(random, field, depth)
    count = random.choice((-1, 0, 1, 3) if depth < 2 else (0, 1))
    items = b"".join(_value(random, field, depth) for _ in range(count))
    return struct.pack("<Ii", 0x1CB5C415, count) + items


def _value(random: Random, field: Field, depth: int) -> bytes:
    match field.kind:
        case "string" | "bytes":
            return text_bytes(random.choice(_TEXTS))
        case "bool":
            return struct.pack("<I", random.choice((0x997275B5, 0xBC799737)))
        case "double":
            return struct.pack("<d", random.uniform(-1e9, 1e9))
        case "object":
            return _object(random, field, depth)
        case kind:
            return random.randbytes(SIZES[kind])


def _object(random: Random, field: Field, depth: int) -> bytes:
    if ("peer" in field.name or field.name == "from_id") and random.random() < 0.9:
        return random.choice(_PEERS)
    return object_bytes(random, random.choice(LEAVES if depth else ALL), depth=depth + 1)


def flags_of(layout: Layout) -> list[dict[str, int]]:
    """Return no flags, all flags, and each alone."""
    masks: dict[str, int] = dict.fromkeys(layout.words, 0)
    each = []
    for field in layout.fields:
        if field.word:
            masks[field.word] |= field.mask
            each.append(dict.fromkeys(layout.words, 0) | {field.word: _signed(field.mask)})
    none = dict.fromkeys(layout.words, 0)
    return [none, {name: _signed(mask) for name, mask in masks.items()}, *each]


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def stock(data: bytes, offset: int = 0) -> tuple[Any, int]:
    """Return what Telethon's reader makes of *data*, and where it ends."""
    reader = BinaryReader(data)
    reader.set_position(offset)
    return reader.tgread_object(), reader.tell_position()


def assert_same(wanted: Any, found: Any) -> None:
    """Compare two objects by everything that they are made of."""
    assert type(found) is type(wanted)
    if isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(wanted, found, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, TLObject | Forward):
        assert_same(vars(wanted), vars(found))
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for name, value in wanted.items():
            assert_same(value, found[name])
    else:
        assert repr(found) == repr(wanted)  # a double that is no number is equal to nothing


def outcome(call: Any, *args: Any) -> Any:
    """Return what a call returns, or the kind of what it raises."""
    try:
        return call(*args)
    except Exception as error:  # noqa: BLE001 - to be compared
        return type(error)
