"""What the contenders write, and what their digests can tell apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast.cli.sinks import Exact, JsonLines, SinkError, Tally, open_sink, record_of
from telefast.testing import World

DATE = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def _message(**fields: Any) -> types.Message:
    known: dict[str, Any] = {"id": 7, "peer_id": types.PeerChannel(5), "date": DATE}
    return types.Message(**(known | {"message": "hello"} | fields))


def _messages(count: int) -> list[Any]:
    channel = World(seed=3).add_channel("Club", message_count=count)
    return [channel.message(message_id) for message_id in channel.ids]


def test_record_of_a_plain_message() -> None:
    """All fields are there, null where there is nothing to say."""
    record = record_of(_message(from_id=types.PeerUser(9)))
    assert 32 == len(record.pop("digest"))
    assert {
        "id": 7,
        "date": "2026-11-25T12:00:00+00:00",
        "sender_id": 9,
        "sender": None,
        "text": "hello",
        "service": None,
        "reply_to": None,
        "media": None,
        "forward": None,
        "reactions": None,
    } == record


def test_record_of_everything() -> None:
    """Reply, media, forward and reactions are told in words that need no Telethon."""
    counts = [
        types.ReactionCount(types.ReactionEmoji("🔥"), 3),
        types.ReactionCount(types.ReactionCustomEmoji(11), 2),
        types.ReactionCount(types.ReactionPaid(), 1),
    ]
    message = _message(
        reply_to=types.MessageReplyHeader(reply_to_msg_id=4),
        media=types.MessageMediaGeo(types.GeoPointEmpty()),
        fwd_from=types.MessageFwdHeader(date=DATE, from_id=types.PeerChannel(6)),
        reactions=types.MessageReactions(results=counts),
    )
    record = record_of(message)
    assert 4 == record["reply_to"]
    assert "geo" == record["media"]
    assert -1000000000006 == record["forward"]
    assert {"🔥": 3, "custom:11": 2, "paid": 1} == record["reactions"]
    hidden = types.MessageFwdHeader(date=DATE, from_name="Somebody")
    assert "Somebody" == record_of(_message(fwd_from=hidden))["forward"]
    assert record_of(_message(reactions=types.MessageReactions(results=[])))["reactions"] is None


def test_record_of_a_service_message() -> None:
    """A service message has its kind, and no text."""
    message = types.MessageService(
        id=7,
        peer_id=types.PeerChannel(5),
        date=DATE,
        action=types.MessageActionChatEditTitle("New"),
    )
    record = record_of(message)
    assert ("ChatEditTitle", None) == (record["service"], record["text"])


def test_lines_are_the_records(tmp_path: Path) -> None:
    """Each message is one line of JSON, in the order in which they were taken, beyond a buffer."""
    messages = _messages(1500)
    sink = open_sink("lines", tmp_path / "messages.part")
    for message in messages:
        sink.take(message)
    sink.close()
    sink.sync()
    data = (tmp_path / "messages.part").read_bytes()
    assert len(data) == sink.size
    expected = [record_of(message) for message in messages]
    assert expected == [json.loads(line) for line in data.splitlines()]


def test_a_lone_surrogate_is_kept(tmp_path: Path) -> None:
    """Text that is no Unicode, as a malformed export may hold, is written as a JSON escape."""
    sink = JsonLines(tmp_path / "messages.part")
    message = _message()
    message.message = "a\udc80b"
    message._bytes = lambda: b""
    sink.take(message)
    sink.close()
    sink.sync()
    line = (tmp_path / "messages.part").read_bytes()
    assert b"a\\udc80b" in line
    assert "a\udc80b" == json.loads(line)["text"]


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    """A file that is there already, or a full disk, is an error that names file and reason."""
    path = tmp_path / "messages.part"
    sink = JsonLines(path)
    with pytest.raises(SinkError, match=r"messages\.part: cannot be written \(File exists\)"):
        JsonLines(path)
    sink._file.close()
    sink._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - closed below
    sink.take(_message())
    with pytest.raises(SinkError, match=r"messages\.part: cannot be written \(No space left"):
        sink.close()
    sink._file.close()
    sink._file = (tmp_path / "other").open("wb", buffering=0)
    sink._file.close()
    with pytest.raises(ValueError, match="closed"):
        sink.sync()


@pytest.mark.parametrize("kind", ["lines", "tally", "exact"])
def test_equal_messages_have_equal_digests(kind: str, tmp_path: Path) -> None:
    """The same messages give the same digest; another order or one less gives another."""
    messages = _messages(20)

    def digest_of(name: str, taken: list[Any]) -> str:
        sink = open_sink(kind, tmp_path / name)
        for message in taken:
            sink.take(message)
        sink.close()
        sink.sync()
        return sink.digest

    first = digest_of("1", messages)
    assert first
    assert first == digest_of("2", _messages(20))
    assert first != digest_of("3", messages[:-1])
    assert first != digest_of("4", [*messages[1:], messages[0]])


def test_exact_sees_what_tally_does_not() -> None:
    """A changed entity changes the exact digest; the tally knows id, date and length only."""
    plain = _message()
    bold = _message(entities=[types.MessageEntityBold(0, 5)])
    digests = []
    for sink in (Exact(), Exact(), Tally(), Tally()):
        sink.take(bold if len(digests) % 2 else plain)
        sink.close()
        sink.sync()
        digests.append(sink.digest)
    assert digests[0] != digests[1]
    assert digests[2] == digests[3]
