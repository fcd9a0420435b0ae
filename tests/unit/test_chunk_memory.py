"""What a hostile chunk of the small schemas can cost: a bounded amount of memory, and no time."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl.alltlobjects import LAYER

from telefast import (
    ChunkCodec,
    ChunkError,
    ChunkTooLargeError,
    CorruptChunkError,
    LightEntity,
    LightForward,
    LightMedia,
    LightMessage,
    LightReaction,
    LightReply,
    MinimalMessage,
)
from telefast.chunks import values
from telefast.chunks.columns import Table
from telefast.chunks.frames import CODECS, SCHEMAS
from telefast.chunks.light import LIGHT, MINIMAL
from telefast.chunks.lighten import lighten, minimize
from telefast.chunks.rows import ROWS_VERSION, body_of, pack_rows
from telefast.chunks.values import TEXTS, Columns
from tests.unit.chunk_model import ACCOUNT, frame_of
from tests.unit.light_model import messages
from tests.unit.media_model import message

MIB = 1024 * 1024
TABLES: dict[str, Table] = {"light": LIGHT, "minimal": MINIMAL}
TIMES = 6
"""How often `max_raw_size` a chunk may cost, besides its objects; as the guide says."""
CODEC = ChunkCodec(max_raw_size=MIB)


def packed(fields: Any, schema: str, rows: int) -> bytes:
    """Return the chunk of a body whose ids are all 7."""
    raw = fields if isinstance(fields, bytes) else msgpack.packb(dict(fields))
    squeezed = zstandard.ZstdCompressor().compress(raw)
    facts = {"schema": SCHEMAS[schema], "codec": CODECS["zstd"], "count": rows, "last_id": 7}
    return frame_of(raw, squeezed, **facts)


def head(schema: str, rows: int) -> dict[str, Any]:
    """Return the body of so many messages with the id 7 and nothing else."""
    return {
        "schema": SCHEMAS[schema],
        "version": ROWS_VERSION,
        "layer": LAYER,
        "account": ACCOUNT,
        "count": rows,
        "id": b"\1\7" + b"\0" * (rows - 1),
    }


def peak_of(data: bytes, codec: ChunkCodec = CODEC) -> tuple[int, int]:
    """Return how much memory reading takes at most, and how much of it stays."""
    tracemalloc.start()
    try:
        try:
            chunk = codec.decode(data)
        except ChunkError:
            chunk = None
        stays, peak = tracemalloc.get_traced_memory()
        del chunk
    finally:
        tracemalloc.stop()
    return peak, stays


def made(count: int) -> list[LightMessage]:
    """Return messages with all fields, none of whose values is another one's."""
    return [_made(place * 1000) for place in range(count)]


def _made(base: int) -> LightMessage:
    def number(field: int) -> int:
        return 2**62 + base + field

    def text(field: int) -> str:
        return f"{chr(0x4E00 + base // 1000)}{field}"

    def date(field: int) -> datetime:
        return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=base + field)

    def flags(field: int) -> frozenset[str]:
        return frozenset(f"{text(field)}{place}" for place in range(5))

    def blob(field: int) -> bytes:
        return text(field).encode()

    media = LightMedia(
        *(text(1), text(2), number(3), text(4), text(5), number(6), text(7), text(8), number(9)),
        *(number(10), number(11), base + 0.5, number(12), text(13), number(14), blob(15)),
        *(blob(16), flags(17)),
    )
    return LightMessage(
        *(7, number(20), number(21), date(22), text(23), text(24)),
        (LightEntity(text(25), number(26), number(27), text(28), number(29), flags(30)),),
        date(31),
        LightReply(number(32), number(33), number(34), number(35), text(36), flags(37)),
        LightForward(
            *(date(38), number(39), text(40), number(41), text(42), number(43), number(44)),
            flags(45),
        ),
        number(46),
        media,
        *(text(47), blob(48)),
        (LightReaction(text(49), text(50), number(51), number(52)),),
        flags(53),
        *(number(54), number(55), number(56), number(57), text(58), number(59), flags(60)),
    )


def test_the_example_leaves_no_field_out() -> None:
    """So each kind of value is weighed below."""
    written = Columns()
    LIGHT.write(written, made(3))
    assert set(LIGHT.names()) == {name for name in written if name[-1] not in "#$"}


def bodies() -> dict[str, dict[str, Any]]:
    """Return bodies whose columns are all there, by schema."""
    full = made(4)
    small = [MinimalMessage(7, 1, m.chat_id, m.date, m.text, m.type) for m in full]
    found = {}
    for schema, rows in {"light": full, "minimal": small}.items():
        body = body_of(schema, LAYER, ACCOUNT, rows)
        found[schema] = msgpack.unpackb(pack_rows(body))
    return found


BODIES = bodies()
FILLERS = {
    "nothing": b"\0",
    "ones": b"\1",
    "most": b"\x7f",
    "words": b"a ",
    "wide": b"\xe6\x97\xa5",
}


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("schema", sorted(TABLES))
def test_any_column_may_be_a_bomb(
    schema: str, filler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each column, and each part of one, blown up to the limit in a chunk of a few hundred bytes.

    The first byte is the width of numbers.
    """
    size = MIB // 4
    codec = ChunkCodec(max_raw_size=size)
    monkeypatch.setattr(values, "MAX_OBJECTS", size)
    monkeypatch.setattr(values, "_BLOCK", 4096)
    body = BODIES[schema]
    room = size - len(msgpack.packb(body)) - 100
    bomb = FILLERS[filler] * (room // len(FILLERS[filler]))
    for name in TABLES[schema].names():
        for part in ("", "?", "#", "$", "$#"):
            data = packed({**body, name + part: b"\1" + bomb}, schema, 4)
            assert len(data) < 3000
            peak, _ = peak_of(data, codec)
            assert peak < TIMES * size + values.MAX_OBJECTS, (name + part, peak)


def number_of(value: int) -> bytes:
    """Return a column of one number."""
    column = Columns()
    values.NUMBERS.write(column, "x", [value])
    found: bytes = column["x"]
    return found


BOMBS: dict[str, tuple[dict[str, Any], bool]] = {
    "many values to pick from": (
        {"chat_id": b"\1\0", "chat_id$": b"\1" + b"\7" * 1_000_000},
        False,
    ),
    "many texts to pick from": (
        {"action": b"\1\0", "action$": b"", "action$#": b"\1" + b"\0" * 1_000_000},
        False,
    ),
    "many sets to pick from": (
        {"flags": b"\1\0", "flags$": b"a" * 500_000, "flags$#": b"\1" + b"\1" * 500_000},
        False,
    ),
    "a set of many words": (
        {"flags": b"\1\0", "flags$": b"a " * 500_000, "flags$#": number_of(1_000_000)},
        False,
    ),
    "one emoji makes a text wide": (
        {"text": b"a" * 999_996 + "😀".encode(), "text#": number_of(999_997)},
        True,
    ),
    "an emoji now and then": (
        {"text": ("a" * 996 + "😀").encode() * 1000, "text#": number_of(997_000)},
        True,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_one_message_can_cost(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred bytes that are right in themselves, or nearly: refused, or a wide text."""
    monkeypatch.setattr(values, "MAX_OBJECTS", MIB)
    monkeypatch.setattr(values, "_BLOCK", 4096)
    columns, is_legal = BOMBS[name]
    data = packed({**head("light", 1), **columns}, "light", 1)
    assert len(data) < 1000
    peak, _ = peak_of(data)
    assert peak < TIMES * MIB + values.MAX_OBJECTS
    if is_legal:
        assert 1 == len(CODEC.decode(data))
    else:
        with pytest.raises(CorruptChunkError, match=r"are not 1 values|objects of \d+ bytes"):
            CODEC.decode(data)


def test_no_more_objects_than_a_chunk_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted is what they take, whatever they are; one message more is refused."""
    rows = made(1000)
    codec = ChunkCodec()
    for some in (rows, [LightMessage(7)] * 5000):
        columns = Columns(head("light", len(some)))
        LIGHT.write(columns, some)
        data = packed(columns, "light", len(some))
        monkeypatch.setattr(values, "MAX_OBJECTS", columns.spent)
        peak, stays = peak_of(data, codec)
        size = sum(len(each) for each in columns.values() if isinstance(each, bytes))
        assert columns.spent / 2 < stays < columns.spent + size
        assert peak < columns.spent + TIMES * size
        assert some == codec.decode(data).messages
        monkeypatch.setattr(values, "MAX_OBJECTS", columns.spent - 1)
        with pytest.raises(CorruptChunkError, match="objects of"):
            codec.decode(data)


def test_nor_is_more_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer is told so, with the limit's name; whatever is written can be read."""
    codec = ChunkCodec(schema="light")
    sent = [message(id=place) for place in range(100)]
    frame = codec.encode(sent)
    monkeypatch.setattr(values, "MAX_OBJECTS", 10_000)
    with pytest.raises(ChunkTooLargeError, match="objects per chunk=10000"):
        codec.encode(sent)
    with pytest.raises(CorruptChunkError, match="objects of"):
        codec.decode(frame)


@given(st.lists(messages(), max_size=8))
def test_readers_count_as_writers_do(sent: list[Any]) -> None:
    """So what was written under the limit is under it when it is read."""
    for schema, make in (("light", lighten), ("minimal", minimize)):
        written = Columns()
        rows = [make(each, ACCOUNT) for each in sent]
        TABLES[schema].write(written, rows)
        read = Columns(written)
        assert 0 == read.spent
        assert rows == TABLES[schema].read(read, len(rows))
        assert written.spent == read.spent


@given(
    st.lists(st.text(st.characters(exclude_categories=[]), max_size=9), max_size=9),
    st.integers(1, 9),
)
def test_texts_are_cut_where_they_were_joined(texts: list[str], block: int) -> None:
    """Also where a block of bytes ends within a character, and of halves of surrogate pairs."""
    column = Columns()
    TEXTS.write(column, "x", texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "_BLOCK", block)
        assert texts == TEXTS.read(column, "x", len(texts))
        for wrong in ([*map(len, texts), 1], [-1, *map(len, texts)], [len("".join(texts)) + 1]):
            values.NUMBERS.write(column, "x#", wrong)
            with pytest.raises(ValueError, match="add up"):
                TEXTS.read(column, "x", len(wrong))
        if "".join(texts):
            values.NUMBERS.write(column, "x#", [0])
            with pytest.raises(ValueError, match="add up"):
                TEXTS.read(column, "x", 1)
