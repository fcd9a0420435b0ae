"""Walks through TL objects: where they and their fields lie, against Telethon's reader."""

from __future__ import annotations

import struct
from random import Random

import pytest
from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import types
from telethon.tl.alltlobjects import tlobjects

from telefast.transport.schema import layout_of
from telefast.transport.skip import UnknownObjectError, Walks, end_of, places, walks_of
from tests.unit.tl_bytes import object_bytes, read_constructors

MESSAGE = types.Message.CONSTRUCTOR_ID


def stock_end(data: bytes, start: int) -> int:
    """Return where Telethon's reader stands behind the object at *start*."""
    reader = BinaryReader(data)
    reader.position = start
    reader.tgread_object()
    return reader.position


@pytest.mark.parametrize("seed", range(3))
def test_objects_of_every_constructor_end_where_telethon_ends(seed: int) -> None:
    """For random fields and flags of every constructor, with bytes before and behind."""
    random = Random(seed)
    seen = 0
    for number in read_constructors():
        start = random.randrange(20)
        record = object_bytes(random, number)
        data = random.randbytes(start) + record + random.randbytes(16)
        assert start + len(record) == end_of(data, start), tlobjects[number]
        try:
            assert start + len(record) == stock_end(data, start), tlobjects[number]
        except (AttributeError, TypeError):
            continue  # its class wants an object of another kind
        seen += 1
    assert seen > 1_400


def test_a_pattern_that_comes_often_gets_a_walk_of_its_own() -> None:
    """The walk that looks at each flag and the one made for its flags come to the same."""
    random = Random(7)
    for flags in (0, 0xFFFFFFFF, 1 << 8, 0x02000102):
        for _ in range(40):
            words = {"flags": flags, "flags2": random.choice([0, 1 << 2])}
            data = object_bytes(random, MESSAGE, flags=words)
            assert len(data) == end_of(data, 0) == stock_end(data, 0)


def test_patterns_without_end_cost_no_more() -> None:
    """A constructor gets so many walks, then one looks at all flags; what it keeps is bounded."""
    layout = layout_of(MESSAGE)
    assert layout is not None
    walks = Walks(layout)
    random = Random(1)
    for number in range(2_000):
        data = object_bytes(random, MESSAGE, depth=0, flags={"flags": number << 4, "flags2": 0})
        for _ in range(2 if number > 300 else 17):
            assert len(data) == walks.walk(data, 0)
    assert len(walks.walks) == 256
    assert len(walks._seen) <= 257


def test_places_are_where_the_fields_begin() -> None:
    """Each field that is there is found, and -1 says that it is not; before and after learning."""
    random = Random(3)
    layout = layout_of(MESSAGE)
    assert layout is not None
    for flags in (0, 1 << 8, 0xFFFFFFFF, 0x02800301):
        for _ in range(20):
            words = {"flags": flags, "flags2": 0}
            data = b"1234" + object_bytes(random, MESSAGE, flags=words)
            at = 4 + 4
            for field in layout.fields:
                if field.kind in ("true",):
                    continue
                is_there = not field.word or bool(words[field.word] & field.mask)
                (found,) = places(data, 4, field.name)
                assert found == (at if is_there else -1), field
                if is_there:
                    at = _behind(data, 4, at, field.name)


def _behind(data: bytes, start: int, at: int, name: str) -> int:
    """Return where the next field begins: from the walk of all that come after."""
    layout = layout_of(MESSAGE)
    assert layout is not None
    names = [field.name for field in layout.fields if field.kind != "true"]
    later = names[names.index(name) + 1 :]
    found = [place for place in places(data, start, *later) if place >= 0]
    return min(found, default=len(data))


def test_nothing_behind_the_last_place_is_walked_through() -> None:
    """The place of an answer's messages costs nothing for them: they need not even be there."""
    answer = bytes(types.messages.ChannelMessages(7, 5, [], [], [], [], offset_id_offset=3))
    place = answer.index((0x1CB5C415).to_bytes(4, "little"))
    for _ in range(40):
        assert (place - 4, place) == places(answer[:place], 0, "offset_id_offset", "messages")


def test_places_and_end_at_once() -> None:
    """Walks may return both; places are counted from the start of the object."""
    random = Random(5)
    names = ("from_id", "peer_id", "date", "message")
    walks = walks_of(MESSAGE.to_bytes(4, "little"), names, to_end=True)
    for _ in range(40):
        data = b"12345678" + object_bytes(random, MESSAGE, flags={"flags": 1 << 8, "flags2": 0})
        end, found = walks.walk(data, 8)
        assert len(data) == end
        assert places(data, 8, *names) == tuple(8 + at for at in found)


def test_a_peer_of_another_size_is_walked_through_all_the_same() -> None:
    """What stands in `peer_id` need be no `Peer`: then nothing is taken for certain."""
    random = Random(5)
    flags = struct.pack("<IIi", 0, 0, 77)
    chat = bytes(types.InputPeerChannel(5, 6))
    rest = struct.pack("<i", 99) + b"\x02hi\0"
    record = struct.pack("<I", MESSAGE) + flags + chat + rest
    assert len(record) == 16 + 20 + 8
    for _ in range(40):
        plain = object_bytes(random, MESSAGE, flags={"flags": 0, "flags2": 0})
        assert len(plain) == end_of(plain, 0)
        assert len(record) == end_of(record, 0)
        assert places(record, 0, "peer_id", "date", "message") == (16, 36, 40)


def test_what_is_not_known_is_an_error() -> None:
    """An unknown constructor, a field that no layout has, data that end too early."""
    unknown = b"\x01\x02\x03\x04" * 4
    with pytest.raises(UnknownObjectError):
        end_of(unknown, 0)
    with pytest.raises(UnknownObjectError):
        end_of(b"", 0)
    with pytest.raises(UnknownObjectError):
        places(unknown, 0, "id")
    data = bytes(types.ReactionEmoji("x"))
    with pytest.raises(KeyError):
        places(data, 0, "title")
    nested = bytes(types.ReactionCount(types.ReactionEmoji("x"), 3))
    broken = nested.replace(types.ReactionEmoji.CONSTRUCTOR_ID.to_bytes(4, "little"), unknown[:4])
    with pytest.raises(UnknownObjectError):
        end_of(broken, 0)


def test_data_that_end_too_early_never_end_before_the_end() -> None:
    """A cut object is an error, or seems to end behind the data: the caller can tell."""
    random = Random(11)
    for number in random.sample(read_constructors(), 300):
        data = object_bytes(random, number)
        for cut in random.sample(range(4, len(data)), k=min(20, len(data) - 4)):
            try:
                end = end_of(data[:cut], 0)
            except (UnknownObjectError, IndexError, struct.error):
                continue
            assert end > cut or end == len(data)


def test_a_vector_of_less_than_nothing_is_empty() -> None:
    """As Telethon's reader has it."""
    head = struct.pack("<IIIi", types.MessageReactions.CONSTRUCTOR_ID, 0, 0x1CB5C415, -5)
    assert len(head) == end_of(head, 0) == stock_end(head, 0)
