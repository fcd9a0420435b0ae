"""Where reading an answer stopped, and what is known of the message that stopped it."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.extensions.binaryreader import BinaryReader
from telethon.tl import types

from telefast.transport.undecoded import (
    Broken,
    UndecodedMessage,
    Unknown,
    broken_at,
    without_entities,
)

UNKNOWN = struct.pack("<I", 0x7E1EFA57)
PEER = types.PeerChannel(9)
DATE = datetime(2024, 5, 1, tzinfo=UTC)
CHAT = types.ChannelForbidden(id=9, access_hash=5, title="Club")
USER = types.UserEmpty(7)


def message(number: int, **more: Any) -> types.Message:
    """Make a message."""
    return types.Message(id=number, peer_id=PEER, date=DATE, message="secret", **more)


def lists_of(messages: list[Any]) -> list[Any]:
    """Return each kind of answer that carries messages, with one chat and one user."""
    rest: dict[str, Any] = {"messages": messages, "topics": [], "chats": [CHAT], "users": [USER]}
    kinds = types.messages
    flood = types.SearchPostsFlood(total_daily=1, remains=1, stars_amount=1)
    return [
        kinds.Messages(**rest),
        kinds.MessagesSlice(count=500, **rest),
        kinds.MessagesSlice(count=500, next_rate=4, offset_id_offset=3, **rest),
        kinds.MessagesSlice(count=500, search_flood=flood, **rest),
        kinds.ChannelMessages(pts=1, count=500, **rest),
        kinds.ChannelMessages(pts=1, count=500, offset_id_offset=3, **rest),
    ]


def stop(answer: Any, at: Any, *, offset: int = 0) -> Unknown:
    """Make the object *at* unknown, *offset* bytes into it, and say what a reader then says."""
    data = bytes(answer)
    pieces = [answer.search_flood] if getattr(answer, "search_flood", None) else []
    pieces += [*answer.messages, *answer.chats, *answer.users]
    spans, place = [], 0
    for piece in pieces:
        place = data.index(bytes(piece), place)
        if piece is at:
            where = place + offset
            data = data[:where] + UNKNOWN + data[where + 4 :]
            return Unknown(data, place, 0x7E1EFA57, spans)
        spans.append((place, place + len(bytes(piece))))
    raise AssertionError


@pytest.mark.parametrize("kind", range(6))
@pytest.mark.parametrize("index", [0, 2, 4])
def test_a_broken_message(kind: int, index: int) -> None:
    """Its place, the ids before it, count and position are read from any kind of answer."""
    answer = lists_of([message(i) for i in (50, 40, 30, 20, 10)])[kind]
    broken = broken_at(stop(answer, answer.messages[index]))
    assert isinstance(broken, Broken)
    assert (5, (50, 40, 30, 20, 10)[:index]) == (broken.size, broken.ids)
    assert getattr(answer, "count", None) == broken.count
    assert getattr(answer, "offset_id_offset", None) == broken.position
    assert not broken.is_certain
    assert broken.claims[0] == (50, 40, 30, 20, 10)[index]
    assert broken.constructor == 0x7E1EFA57


def test_the_id_of_a_known_constructor_is_certain() -> None:
    """Where only a part of a message is unknown, its id is where Telethon reads it."""
    media = message(3, media=types.MessageMediaUnsupported())
    service = types.MessageService(id=4, peer_id=PEER, date=DATE, action=types.MessageActionEmpty())
    for each in (media, service):
        answer = lists_of([message(9), each])[5]
        offset = bytes(each).index(bytes(PEER))
        broken = broken_at(stop(answer, each, offset=offset))
        assert broken is not None
        assert (True, (each.id,)) == (broken.is_certain, broken.claims)


def test_marks_tell_messages_apart() -> None:
    """Two messages of one answer have different marks, one message the same in two answers."""
    messages = [message(9), message(8)]
    marks = set()
    for answer in (lists_of(messages)[0], lists_of(messages[:])[5]):
        for each in messages:
            broken = broken_at(stop(answer, each))
            assert broken is not None
            marks.add(broken.mark)
    assert len(marks) == 2


@pytest.mark.parametrize("kind", range(6))
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_broken_chat_or_user(kind: int, count: int) -> None:
    """No message is broken then; the answer without topics, chats and users can be read."""
    answer = lists_of([message(i) for i in range(count, 0, -1)])[kind]
    for entity, readable in ((CHAT, []), (USER, [CHAT])):
        unknown = stop(answer, entity)
        assert broken_at(unknown) is None
        data, spans = without_entities(unknown)
        found: Any = BinaryReader(data).tgread_object()
        assert [bytes(each) for each in answer.messages] == [bytes(each) for each in found.messages]
        assert (found.chats, found.users) == ([], [])
        assert [bytes(each) for each in readable] == [unknown.data[slice(*span)] for span in spans]


def test_what_is_no_list_of_messages() -> None:
    """Other answers, and the beginning of one, are refused."""
    whole = bytes(lists_of([])[0])
    flood = bytes(lists_of([])[3])
    for data in (bytes(USER), whole[:8], flood[:12], whole[:4] + UNKNOWN + whole[8:]):
        with pytest.raises(ValueError, match="no list of messages"):
            broken_at(Unknown(data, len(data), 1, []))


def test_a_message_cut_short_claims_what_is_there() -> None:
    """An answer that ends within the broken message is no reason to read beyond it."""
    answer = lists_of([message(9)])[0]
    unknown = stop(answer, answer.messages[0])
    for length in (4, 12, 16):
        cut = Unknown(unknown.data[: unknown.position + length], unknown.position, 1, [])
        broken = broken_at(cut)
        assert broken is not None
        assert len(broken.claims) <= length // 4


def test_no_text_is_shown() -> None:
    """The repr of a record has its id and sizes, nothing of its bytes."""
    record = UndecodedMessage(5, 0x0BADF00D, b"secret")
    assert repr(record) == "UndecodedMessage(id=5, constructor=0badf00d, 6 bytes)"
