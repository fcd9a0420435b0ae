"""Records become the objects that they were, or stay records and say why."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types, utils
from telethon.tl.alltlobjects import tlobjects

from telefast.chunks.records import (
    UndecodedRecord,
    decode_peer,
    decode_records,
    marked_id,
)
from tests.unit.chunk_model import club

USER = types.User(7, access_hash=70, first_name="Ada")
CHANNEL = types.Channel(9, "Club", types.ChatPhotoEmpty(), None, access_hash=90)


def test_each_kind_is_decoded() -> None:
    """Messages of every kind, users and chats come back as the objects that they were."""
    _, channel = club(60)
    messages = [channel.message(i) for i in channel.ids]
    messages.append(types.MessageEmpty(5, peer_id=None))
    assert len({type(message) for message in messages}) == 3
    for kind, found in (
        ("message", messages),
        ("user", [USER, types.UserEmpty(8)]),
        ("chat", [CHANNEL, types.ChatEmpty(3), types.ChannelForbidden(4, 5, "Gone")]),
    ):
        records = [bytes(each) for each in found]
        objects, undecoded = decode_records(kind, records)  # type: ignore[arg-type]
        assert records == [bytes(each) for each in objects]
        assert [type(each) for each in found] == [type(each) for each in objects]
        assert undecoded == []


def _undecoded(data: bytes, kind: Any = "message") -> UndecodedRecord:
    objects, [found] = decode_records(kind, [data], [77] if kind == "message" else None)
    assert objects == []
    assert data == found.data
    return found


def test_a_constructor_of_another_layer_stays_a_record() -> None:
    """An unknown constructor is named; place, id and bytes are kept; the rest is decoded."""
    _, channel = club(3)
    good = channel.message_bytes(2)
    future = struct.pack("<I", 0xFEEDBEEF) + good[4:]
    objects, [found] = decode_records("message", [good, future], [2, 3])
    assert [2] == [message.id for message in objects]
    assert (1, 3, 0xFEEDBEEF, future) == (found.index, found.id, found.constructor, found.data)
    assert found.problem == "constructor feedbeef is not known"
    expected = "UndecodedRecord(message 1, id=3, constructor=feedbeef, "
    assert repr(found) == f"{expected}constructor feedbeef is not known)"


def test_an_unknown_constructor_within_is_the_one_named() -> None:
    """Where a part is of another layer, the problem names the part's constructor."""
    message = types.Message(5, types.PeerChannel(9), None, "hello")
    data = bytes(message).replace(
        struct.pack("<I", types.PeerChannel.CONSTRUCTOR_ID), struct.pack("<I", 0xFEEDBEEF)
    )
    found = _undecoded(data)
    assert types.Message.CONSTRUCTOR_ID == found.constructor
    assert found.problem == "constructor feedbeef is not known"


def test_what_is_something_else_stays_a_record() -> None:
    """Another kind of object, a number, too many bytes, too few: each is named."""
    whole = bytes(USER)
    assert _undecoded(whole, "message").problem == "not a message"
    assert _undecoded(bytes(CHANNEL), "user").problem == "not a user"
    assert _undecoded(whole, "chat").problem == "not a chat"
    assert _undecoded(struct.pack("<I", 0x997275B5), "chat").problem == "not a chat"  # boolTrue
    assert _undecoded(whole + b"\0\0\0\0", "user").problem == "longer than its constructor says"
    for end in range(4, len(whole)):
        problem = _undecoded(whole[:end], "user").problem
        assert problem.startswith("not in the form of its constructor")


def test_nesting_without_end_stays_a_record() -> None:
    """Objects nested deeper than the stack are a problem of the record, not of the reader."""
    bold = struct.pack("<I", types.TextBold.CONSTRUCTOR_ID)
    found = _undecoded(bold * 10_000 + struct.pack("<I", types.TextEmpty.CONSTRUCTOR_ID))
    assert found.problem == "not in the form of its constructor (RecursionError)"


@given(st.data())
def test_no_record_is_an_error(data: st.DataObject) -> None:
    """Whatever the bytes, each record is decoded or reported, and nothing is raised."""
    known = st.sampled_from(sorted(tlobjects)).map(lambda number: struct.pack("<I", number))
    record = data.draw(st.builds(bytes.__add__, known, st.binary(max_size=100)))
    for kind in ("message", "user", "chat"):
        objects, undecoded = decode_records(kind, [record])  # type: ignore[arg-type]
        assert len(objects) + len(undecoded) == 1
    decode_peer(record)


def test_peers() -> None:
    """An `InputPeer` of any kind is one; anything else is None."""
    for peer in (
        types.InputPeerSelf(),
        types.InputPeerChat(5),
        types.InputPeerUser(5, 6),
        types.InputPeerChannelFromMessage(types.InputPeerChannel(1, 2), 3, 4),
    ):
        assert bytes(peer) == bytes(decode_peer(bytes(peer)))
    for data in (bytes(USER), b"\xff\xff\xff\xff", bytes(types.InputPeerUser(5, 6))[:-1]):
        assert decode_peer(data) is None


@pytest.mark.parametrize(
    "entity",
    [
        USER,
        types.UserEmpty(8),
        types.Chat(3, "Group", types.ChatPhotoEmpty(), 2, None, 1),
        types.ChatEmpty(3),
        types.ChatForbidden(3, "Group"),
        CHANNEL,
        types.ChannelForbidden(4, 5, "Gone"),
        types.PeerUser(7),
        types.PeerChat(7),
        types.PeerChannel(7),
    ],
    ids=lambda entity: type(entity).__name__,
)
def test_marked_ids_are_telethons(entity: Any) -> None:
    """The marked id of each user, chat and peer is the one that Telethon gives it."""
    assert utils.get_peer_id(entity) == marked_id(entity)
