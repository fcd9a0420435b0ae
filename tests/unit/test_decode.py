"""Decoding gives what Telethon's reader gives: every object, every error, every place."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.errors.common import TypeNotFoundError
from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import types
from telethon.tl.alltlobjects import tlobjects
from telethon.tl.functions.help import GetConfigRequest
from telethon.tl.types import messages

from telefast.transport import decode as decoding
from telefast.transport import schema, sources
from telefast.transport import telethon as door
from telefast.transport.decode import STOPPED_AT, Known, Spans, decode, is_fast
from telefast.transport.making import recipe_of
from telefast.transport.schema import layout_of
from tests.unit import odd_readers
from tests.unit.tl_values import (
    ALL,
    assert_same,
    flags_of,
    object_bytes,
    outcome,
    stock,
)

_RICH = [
    types.Message,
    types.MessageService,
    types.MessageEmpty,
    types.User,
    types.Channel,
    types.Chat,
    types.Document,
    types.Photo,
    types.Poll,
    types.MessageReplyHeader,
    types.MessageReactions,
    types.WebPage,
    types.EncryptedMessage,
]
"""Those with many flags, those whose making is more than assigning, those left to Telethon."""


class NoReader:
    """Stands for Telethon's reader where it must not be needed."""

    def __init__(self, data: bytes) -> None:
        raise AssertionError("read by Telethon")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be left to Telethon's reader."""
    monkeypatch.setattr(decoding, "BinaryReader", NoReader)


def check(data: bytes) -> None:
    """Compare an object in all that can be asked of it, read by us alone."""
    wanted, end = stock(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "BinaryReader", NoReader)
        found, place = decode(data)
        spans: Spans = {}
        noted, noted_place = decode(data, spans=spans)
    assert place == end
    assert_same(wanted, found)
    for call in (lambda x: x.to_dict(), bytes):
        assert_same(outcome(call, wanted), outcome(call, found))
    assert noted_place == end
    assert_same(wanted, noted)
    assert sorted(spans.values()) == sorted(of_stock(data).values())


def of_stock(data: bytes) -> Spans:
    """Return the places that Telethon's reader goes through."""
    spans: Spans = {}
    objects = decoding._read_with_spans(BinaryReader(data), spans)
    assert objects is not None
    return spans


def page(count: int = 5, users: int = 3) -> bytes:
    """Return an answer with messages, users and a channel."""
    channel = types.Channel(1_500_000_000, "Club", types.ChatPhotoEmpty(), None, access_hash=7)
    found = [
        types.Message(
            i,
            types.PeerChannel(1_500_000_000),
            None,
            f"text {i}",
            from_id=types.PeerUser(i % users + 1),
            entities=[types.MessageEntityBold(0, 4)],
        )
        for i in range(1, count + 1)
    ]
    people = [types.User(i + 1, access_hash=i, first_name=f"Ann {i}") for i in range(users)]
    return bytes(messages.ChannelMessages(1, count, found, [], [channel], people))


@pytest.mark.usefixtures("alone")
def test_a_page_is_not_left_to_telethon() -> None:
    """Of an ordinary answer nothing is."""
    found, end = decode(page())
    assert end == len(page())
    assert [message.id for message in found.messages] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("cls", _RICH)
def test_flags(cls: Any) -> None:
    """No flag, all flags, each flag alone."""
    layout = layout_of(cls.CONSTRUCTOR_ID)
    assert layout is not None
    for words in flags_of(layout):
        random = Random(repr(words))
        check_outcome(object_bytes(random, layout.constructor, words))


def check_outcome(data: bytes) -> None:
    """Compare an object, or the error in its place."""
    wanted = outcome(stock, data)
    if isinstance(wanted, type):
        assert outcome(decode, data) is wanted
    else:
        check(data)


@pytest.mark.parametrize("part", range(8))
def test_some_constructors(part: int) -> None:
    """A share of all that an answer can hold, each with values by chance."""
    for number in ALL[part * 5 :: 40]:
        check_outcome(object_bytes(Random(number), number))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(16))
def test_all_constructors(part: int) -> None:
    """All that an answer can hold: each flag alone, and values by chance."""
    for number in ALL[part::16]:
        layout = layout_of(number)
        assert layout is not None
        for words in flags_of(layout):
            check_outcome(object_bytes(Random(f"{number}{words}"), number, words))
        for seed in range(5):
            check_outcome(object_bytes(Random(f"{number}{seed}"), number))


def test_what_is_cut_off() -> None:
    """An object that ends too soon is the error that Telethon raises, wherever it ends."""
    for number in (types.Message.CONSTRUCTOR_ID, types.Poll.CONSTRUCTOR_ID, ALL[7], ALL[70]):
        data = object_bytes(Random(1), number)
        for end in range(len(data)):
            check_outcome(data[:end])


@given(st.integers(0, 2**32), st.integers(0, 10**6), st.binary(min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_what_is_changed(seed: int, place: int, other: bytes) -> None:
    """Bytes that were changed anywhere give what they give Telethon."""
    random = Random(seed)
    data = page() if seed % 2 else object_bytes(random, random.choice(ALL))
    place %= len(data)
    check_outcome(data[:place] + other + data[place + len(other) :])


def test_places() -> None:
    """An object begins where it is said to, and what follows does not matter."""
    data = page()
    found, end = decode(b"1234" + data + bytes(16), 4)
    assert end == 4 + len(data)
    assert_same(stock(data)[0], found)
    spans: Spans = {}
    found, _ = decode(b"1234" + data, 4, spans=spans)
    start, end = spans[id(found.messages[0])]
    assert (b"1234" + data)[start:end] == bytes(found.messages[0])


def test_what_is_no_constructor() -> None:
    """Booleans, vectors and packed data stand where an object does."""
    yes, no = struct.pack("<I", 0x997275B5), struct.pack("<I", 0xBC799737)
    user = bytes(types.PeerUser(5))
    for data in (yes, no):
        check_outcome(data)
        assert decode(data) == stock(data)
        assert decode(data, spans={}) == stock(data)
    vector = struct.pack("<Ii", 0x1CB5C415, 3) + user + yes + user
    found, end = decode(vector)
    assert_same(stock(vector)[0], found)
    spans: Spans = {}
    decode(vector, spans=spans)
    assert sorted(spans.values()) == sorted(of_stock(vector).values())
    assert (12 + 12 + 8 + 4 - 4 + 4) == end
    for wrong in (-1, 2**31 - 1):
        check_outcome(struct.pack("<Ii", 0x1CB5C415, wrong) + user)
    packed = struct.pack("<I", 0x3072CFA1) + b"\x03abc"
    assert outcome(decode, packed) is outcome(stock, packed)


def test_an_unknown_constructor_is_named() -> None:
    """With the place of what holds it, as Telethon's reader tells it."""
    data = page()
    place = data.index(bytes(types.MessageEntityBold(0, 4)), 200)
    broken = data[:place] + b"\xef\xbe\xad\xde" + data[place + 4 :]
    spans: Spans = {}
    with pytest.raises(TypeNotFoundError) as info:
        decode(broken, spans=spans)
    assert info.value.invalid_constructor_id == 0xDEADBEEF
    wanted: Spans = {}
    with pytest.raises(TypeNotFoundError):
        decoding._read_with_spans(BinaryReader(broken), wanted)
    assert spans[STOPPED_AT] == wanted[STOPPED_AT]
    assert len(spans) == len(wanted)
    with pytest.raises(TypeNotFoundError):
        decode(b"\xef\xbe\xad\xde")


@pytest.mark.usefixtures("alone")
def test_users_and_chats_are_read_once() -> None:
    """Those that come again with the very same bytes are the same objects; others are not."""
    known = Known()
    first, _ = decode(page(), spans={}, known=known)
    spans: Spans = {}
    data = page(7, users=4)
    second, _ = decode(data, spans=spans, known=known)
    assert second.users[2] is first.users[2]
    assert second.chats[0] is first.chats[0]
    assert_same(stock(data)[0], second)
    for each in (*second.users, *second.chats):
        start, end = spans[id(each)]
        assert data[start:end] == bytes(each)
    other = data.replace(b"Ann 2", b"Bob 2")
    third, _ = decode(other, spans={}, known=known)
    assert third.users[2] is not first.users[2]
    assert_same(stock(other)[0], third)
    assert decode(data, spans={})[0].users[0] is not decode(data, spans={})[0].users[0]


def test_what_is_known_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of ever new people does not fill the memory."""
    monkeypatch.setattr(decoding, "_MAX_KNOWN", 3)
    known = Known()
    decode(page(9, users=9), spans={}, known=known)
    assert len(known.entities) <= 3
    assert len(known.peers) <= 3


def test_a_user_that_is_cut_off_is_not_known() -> None:
    """What runs over the end is no user."""
    known = Known()
    data = page(1, users=1)
    assert isinstance(outcome(lambda: decode(data[:-3], spans={}, known=known)), type)
    assert [key[:4] for key in known.entities] == [
        types.Channel.CONSTRUCTOR_ID.to_bytes(4, "little")
    ]


def test_peers_of_an_answer_are_shared() -> None:
    """Equal ones are one object, in one answer."""
    found, _ = decode(page())
    assert found.messages[0].peer_id is found.messages[1].peer_id
    assert found.messages[0].from_id is not found.messages[1].from_id
    assert decode(page())[0].messages[0].peer_id is not found.messages[0].peer_id


def test_reactions_of_an_answer_are_shared() -> None:
    """Those with a short emoji, or a custom one; long ones are read each time."""
    kinds = [
        types.ReactionEmoji("👍"),
        types.ReactionCustomEmoji(7),
        types.ReactionEmoji("👨‍👩‍👧‍👦"),
    ]
    counts = [types.ReactionCount(kind, 1) for kind in kinds for _ in range(2)]
    data = bytes(types.MessageReactions(counts))
    check(data)
    found = [each.reaction for each in decode(data)[0].results]
    assert [found[i] is found[i + 1] for i in (0, 2, 4)] == [True, True, False]


def test_templates_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever new flags do not fill the memory, and are read as well."""
    monkeypatch.setattr(decoding._Templates, "_room", 0)
    for bit in range(31):
        check_outcome(object_bytes(Random(bit), types.User.CONSTRUCTOR_ID, {"flags": 1 << bit}))
    assert decoding._Templates._room == 0


@pytest.fixture
def _fresh() -> Iterator[None]:
    def forget() -> None:
        decoding._READERS.clear()
        decoding._NOTING.clear()
        schema.layout_of.cache_clear()
        sources._lines.cache_clear()

    kept = dict(decoding._READERS), dict(decoding._NOTING)
    forget()
    yield
    forget()
    decoding._READERS.update(kept[0])
    decoding._NOTING.update(kept[1])


@pytest.mark.usefixtures("_fresh")
def test_without_sources_telethon_reads(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a frozen application: the same objects and places, none by us, and one line says so."""
    for module in (types, messages):
        monkeypatch.setattr(module.__spec__, "loader", None)
    assert not is_fast()
    spans: Spans = {}
    found, end = decode(page(), spans=spans)
    assert end == len(page())
    assert len(spans) == 9
    assert_same(stock(page())[0], found)
    assert not decoding._READERS
    caplog.set_level("INFO", "telefast.decode")
    door._say_if_slow.cache_clear()
    for _ in range(2):
        assert_same(found, door.decode(page(), GetConfigRequest())[0])
    assert [record.getMessage()[:20] for record in caplog.records] == ["decoding by telethon"]
    monkeypatch.undo()
    schema.layout_of.cache_clear()
    sources._lines.cache_clear()
    assert is_fast()


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize("cls", odd_readers.MAKERS)
def test_other_ways_to_make_an_object(monkeypatch: pytest.MonkeyPatch, cls: Any) -> None:
    """An `__init__` that does anything else is called as it is."""
    monkeypatch.setitem(tlobjects, 7, cls)
    assert recipe_of(cls) is None
    data = struct.pack("<IiI", 7, 5, 0)
    assert type(outcome(decode, data)) is type(outcome(stock, data))
    if cls not in (odd_readers.Refusing, odd_readers.CallingMissing):
        assert_same(vars(stock(data)[0]), vars(decode(data)[0]))


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize("cls", [odd_readers.Derived, odd_readers.Numbered, odd_readers.Strange])
def test_what_an_object_is_made_of(monkeypatch: pytest.MonkeyPatch, cls: Any) -> None:
    """Variables and other classes are understood; arguments that do not fit are an error."""
    monkeypatch.setitem(tlobjects, 7, cls)
    assert recipe_of(cls) is not None
    data = struct.pack("<Ii", 7, 5)
    wanted = outcome(stock, data)
    if cls is odd_readers.Strange:
        assert outcome(decode, data) is wanted is TypeError
    else:
        assert_same(vars(wanted[0]), vars(decode(data)[0]))
