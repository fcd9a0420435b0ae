"""Random bytes of TL objects, as a server would send them: made of layouts, not of Telethon."""

from __future__ import annotations

import struct
from functools import cache
from random import Random

from telethon.tl import types
from telethon.tl.alltlobjects import tlobjects

from telefast.transport.schema import SIZES, Field, Layout, layout_of

VECTOR = 0x1CB5C415
BOOLS = (0x997275B5, 0xBC799737)
PEERS = (types.PeerUser, types.PeerChat, types.PeerChannel)
SMALL = (types.ReactionEmoji, types.MessageEntityBold, types.InputPeerSelf, types.PhotoSize, *PEERS)


@cache
def read_constructors() -> list[int]:
    """Return the constructors that have a layout and can be in an answer."""
    places = ("telethon.tl.types", "telethon.tl.patched")
    return [
        number
        for number, cls in tlobjects.items()
        if cls.__module__.startswith(places) and layout_of(number) is not None
    ]


def text(data: bytes) -> bytes:
    """Return a string as it is on the wire."""
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + struct.pack("<I", len(data))[:3]
    return head + data + b"\0" * (-len(head + data) % 4)


def object_bytes(
    random: Random, number: int, *, depth: int = 2, flags: dict[str, int] | None = None
) -> bytes:
    """Return a random object of a constructor.

    Args:
        random: Where choices come from.
        number: The constructor.
        depth: Levels of objects within it; below them they are small.
        flags: Its words of flags; random by default.
    """
    layout = layout_of(number)
    assert layout is not None
    words = {name: random.getrandbits(32) & random.getrandbits(32) for name in layout.words}
    words |= flags or {}
    parts = [struct.pack("<I", number)]
    parts += [_field(random, layout, field, words, depth) for field in layout.fields]
    return b"".join(parts)


def _field(
    random: Random, layout: Layout, field: Field, words: dict[str, int], depth: int
) -> bytes:
    if field.kind == "flags":
        return struct.pack("<I", words[field.name])
    if field.kind == "true" or (field.word and not words[field.word] & field.mask):
        return b""
    if not field.is_vector:
        return _item(random, field, depth)
    count = random.choice([0, 1, 2, 3])
    items = b"".join(_item(random, field, depth - 1) for _ in range(count))
    return struct.pack("<Ii", VECTOR, count) + items


def _item(random: Random, field: Field, depth: int) -> bytes:
    kind = field.kind
    if kind == "object":
        if field.name in ("from_id", "peer_id", "saved_peer_id"):
            return bytes(random.choice(PEERS)(random.getrandbits(40)))
        if depth <= 0:
            return object_bytes(random, random.choice(SMALL).CONSTRUCTOR_ID, depth=0)
        return object_bytes(random, random.choice(read_constructors()), depth=depth - 1)
    if kind == "bool":
        return struct.pack("<I", random.choice(BOOLS))
    if kind == "string":
        length = random.choice([0, 1, 2, 3, 5, 30, 253, 254, 255, 256, 300])
        return text("".join(random.choices("aä€😀 ", k=length // 2)).encode()[:length])
    if kind == "bytes":
        return text(random.randbytes(random.choice([0, 1, 2, 3, 4, 30, 253, 254, 255, 700])))
    if kind == "date":
        return struct.pack("<i", random.choice([0, 1, 1_700_000_000, 2**31 - 1]))
    return random.randbytes(SIZES[kind])
