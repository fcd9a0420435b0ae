"""The body of a chunk: what goes in comes out, and wrong bytes are a ValueError, nothing else."""

from __future__ import annotations

import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telefast.chunks.schema import Body, pack_body, unpack_body
from tests.unit.chunk_model import FIELDS, raw_of

INT64 = st.integers(-(2**63), 2**63 - 1)
DATES = st.none() | st.integers(-(2**31), 2**31 - 1)
RECORDS = st.lists(st.binary(min_size=4, max_size=40), max_size=8)


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    """Any content that a chunk can have."""
    messages = draw(RECORDS)
    count = len(messages)
    # Differences of two ids must fit as well, so ids of both ends do not meet in one chunk.
    ids = draw(st.lists(st.integers(-(2**62), 2**62), min_size=count, max_size=count))
    return Body(
        layer=draw(st.integers(0, 2**32 - 1)),
        account=draw(st.none() | INT64),
        chat=draw(st.none() | INT64),
        peer=draw(st.none() | st.binary(min_size=4, max_size=40)),
        ids=ids,
        oldest=draw(DATES),
        newest=draw(DATES),
        messages=messages,
        users=draw(RECORDS),
        chats=draw(RECORDS),
    )


@given(bodies())
def test_round_trip(body: Body) -> None:
    """What was packed is unpacked, whatever ids, dates and bytes it holds."""
    assert body == unpack_body(pack_body(body))


def test_keys_are_part_of_the_format() -> None:
    """Each key has the name and the form that the module's docstring says."""
    body = unpack_body(raw_of())
    assert [7, 6] == body.ids
    assert FIELDS["messages"] == body.messages
    assert FIELDS == msgpack.unpackb(pack_body(body))


def test_unknown_keys_are_skipped() -> None:
    """A later release may add keys of any form: lists, maps, extensions, other kinds of keys."""
    more = {"later": [1, {"a": [b"x", None]}], "ext": msgpack.ExtType(5, b"xy"), "f": 1.5}
    assert unpack_body(raw_of()) == unpack_body(raw_of(**more))
    with_number = msgpack.packb({**FIELDS, 5: "five", b"six": [6]})
    assert unpack_body(raw_of()) == unpack_body(with_number)


WRONG: list[tuple[dict[str, Any], str]] = [
    *(({name: ...}, f"without {name}") for name in FIELDS),
    *(({name: "text"}, f"{name}: no integer") for name in ("schema", "layer", "account", "chat")),
    *(({name: 1.0}, f"{name}: no integer") for name in ("schema", "oldest", "newest")),
    ({"layer": True}, "layer: no integer"),
    ({"layer": -1}, "layer: -1 is out of range"),
    ({"layer": 2**32}, "layer: 4294967296 is out of range"),
    ({"schema": 1}, "another schema"),
    ({"account": [1]}, "account: "),
    ({"peer": b"abc"}, "peer: no record"),
    ({"peer": 5}, "peer: no record"),
    ({"peer": {"a": 1}}, "peer: "),
    ({"ids": 5}, "ids: "),
    ({"ids": [1, None]}, "ids: no integer"),
    ({"ids": [1]}, "1 ids of 2 messages"),
    ({"ids": [2**63, 0]}, "ids: 9223372036854775808 is out of range"),
    ({"ids": [-(2**63), -1]}, "ids: -9223372036854775809 is out of range"),
    ({"oldest": 2**31}, "oldest: 2147483648 is out of range"),
    ({"newest": -(2**31) - 1}, "newest: -2147483649 is out of range"),
    ({"messages": [b"abcd", b"abc"]}, "messages: no record"),
    ({"messages": [b"abcd", "abcd"]}, "messages: no record"),
    ({"messages": [[b"abcd"], b"abcd"]}, "messages: "),
    ({"messages": {"a": 1}}, "messages: "),
    ({"users": None}, "users: "),
    ({"chats": [msgpack.ExtType(1, b"abcd")]}, "chats: "),
    ({"chats": [msgpack.Timestamp(1)]}, "chats: "),
    ({f"k{i}": i for i in range(100)}, "111 keys"),
]


@pytest.mark.parametrize(("changes", "problem"), WRONG)
def test_what_does_not_fit_is_named(changes: dict[str, Any], problem: str) -> None:
    """A missing key, another type, or a value out of range is a ValueError that names it."""
    with pytest.raises(ValueError, match=problem):
        unpack_body(raw_of(**changes))


def test_no_msgpack_at_all() -> None:
    """No bytes, other bytes, a list, bytes cut short or behind the end: a ValueError."""
    whole = raw_of()
    for raw in (b"", b"\xc1", b"\x93abc", b"text", msgpack.packb([1]), msgpack.packb(5)):
        with pytest.raises(ValueError, match=r"msgpack|Unexpected|Expected"):
            unpack_body(raw)
    with pytest.raises(ValueError, match="bytes behind the content"):
        unpack_body(whole + b"\x00")
    for end in range(len(whole)):
        with pytest.raises(ValueError, match=r"."):
            unpack_body(whole[:end])


def _nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\x00"


CRAFTED = [
    b"\xdf\xff\xff\xff\xff",  # a map of 4 billion keys
    b"\xdd\xff\xff\xff\xff",  # a list of as many items
    b"\x81\xa3ids\xdd\xff\xff\xff\xff",
    b"\x81\xa8messages\xdd\x00\x00\xff\xff" + b"\xc4\x00" * 30_000,
    b"\x81\xa1x\xdd\xff\xff\xff\xff",  # in a key that is skipped
    b"\x81\xa1x" + _nested(60_000),  # nested deeper than any stack
    b"\x81\xa5users" + _nested(60_000),
    b"\x81" + _nested(60_000),
    b"\x81\xa4peer\xc6\xff\xff\xff\xff",  # 4 GiB of bytes
    b"\x81\xa1x\xc9\xff\xff\xff\xff\x01",  # 4 GiB of extension
    (b"\x81\xa1x" + b"\xdd\x00\x00\xff\xff" * 1_000),  # each level asks for 64 Ki items
]


@pytest.mark.parametrize("raw", CRAFTED)
def test_crafted_lengths_cost_nothing(raw: bytes) -> None:
    """A few bytes that claim to be much more take no more memory than a few bytes should."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"."):
            unpack_body(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50 * len(raw) + 100_000


@given(st.binary(max_size=2_000))
def test_garbage_is_refused(raw: bytes) -> None:
    """Bytes that nobody packed are a ValueError, never anything else."""
    with pytest.raises(ValueError, match=r"."):
        unpack_body(raw)


@settings(max_examples=settings.default.max_examples * 2)
@given(st.data())
def test_changed_bytes_are_a_value_or_a_value_error(data: st.DataObject) -> None:
    """A body with some bytes changed is another body or a ValueError, never anything else."""
    raw = bytearray(raw_of())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        body = unpack_body(bytes(raw))
    except ValueError:
        return
    assert isinstance(body, Body)
    assert body == unpack_body(pack_body(body))
