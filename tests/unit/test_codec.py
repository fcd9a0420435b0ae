"""The codec: nothing is lost, and wrong bytes are one of three errors, whatever they are."""

from __future__ import annotations

import json
import tracemalloc
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon import types
from telethon.tl.alltlobjects import LAYER

from telefast import (
    ArgumentError,
    Chunk,
    ChunkCodec,
    ChunkError,
    ChunkTooLargeError,
    CorruptChunkError,
    StorageError,
    UnsupportedChunkError,
)
from telefast.chunks.frames import CODECS, HEADER_SIZE, Header
from telefast.chunks.schema import unpack_body
from telefast.testing import world_from_export
from tests.unit.chunk_model import ACCOUNT, FIELDS, SomeBatch, batch_of, club, frame_of, raw_of

GOLDEN = Path(__file__).parents[1] / "data" / "chunks"
EXPORTS = GOLDEN.parent / "exports"
COMPRESSIONS: Any = ("zstd", "zlib", "none")
CODEC = ChunkCodec()
PLAIN = ChunkCodec(compression="none")


def _header(frame: bytes) -> Header:
    header = Header.unpack(frame)
    assert header is not None
    return header


@pytest.mark.parametrize("path", sorted(EXPORTS.glob("*.json")), ids=lambda path: path.stem)
def test_messages_of_every_kind_come_back(path: Path) -> None:
    """Media, actions, entities, markup and odd dates of real exports: every byte, both ways."""
    world = world_from_export(path)
    for channel in world.channels.values():
        messages = [channel.message(i) for i in channel.ids]
        batch = batch_of(world, channel, channel.ids)
        for source in (messages, batch):
            chunk = CODEC.decode(CODEC.encode(source))
            assert [bytes(message) for message in messages] == chunk.records
            assert chunk.records == [bytes(message) for message in chunk.messages]
            assert chunk.undecoded == []


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_round_trip(compression: Any) -> None:
    """Every byte of messages, users and chats comes back, in order, whoever decodes."""
    world, channel = club()
    ids = list(channel.ids)[::-1]
    batch = batch_of(world, channel, ids)
    batch.messages[0]._input_chat = channel.input_peer()
    frame = ChunkCodec(compression=compression).encode(batch)
    chunk = CODEC.decode(frame)
    assert ids == chunk.ids == [message.id for message in chunk.messages]
    records = [channel.message_bytes(i) for i in ids]
    assert records == chunk.records == [bytes(message) for message in chunk.messages]
    entities = {k: bytes(e) for page in batch.pages for k, e in page.entities.items()}
    assert sorted(entities.values()) == sorted(map(bytes, [*chunk.users, *chunk.chats]))
    assert bytes(channel.input_peer()) == bytes(chunk.peer)
    assert (ACCOUNT, channel.marked_id, LAYER) == (chunk.account, chunk.chat_id, chunk.layer)
    assert not chunk.is_other_layer
    assert chunk.undecoded == []
    dates = [message.date for message in chunk.messages]
    assert (min(dates), max(dates)) == (chunk.oldest, chunk.newest)
    assert len(chunk) == len(ids)
    header = _header(frame)
    assert CODECS[compression] == header.codec
    assert (len(ids), ids[0], ids[-1]) == (header.count, header.first_id, header.last_id)
    assert (header.raw_size, header.packed_size) == (chunk.raw_size, chunk.packed_size)
    assert len(frame) == HEADER_SIZE + header.packed_size
    assert repr(chunk) == (
        f"Chunk(300 messages, ids {ids[0]}..1, chat_id={channel.marked_id}, layer={LAYER})"
    )


def test_objects_are_decoded_once() -> None:
    """Asking twice gives the same objects; two decodings give different ones."""
    _, channel = club()
    frame = CODEC.encode([channel.message(5)])
    chunk = CODEC.decode(frame)
    assert chunk.messages[0] is chunk.messages[0]
    assert chunk.messages[0] is not CODEC.decode(frame).messages[0]


def test_an_empty_chunk() -> None:
    """No message at all is a legal chunk."""
    chunk = CODEC.decode(CODEC.encode([], account=3))
    assert (0, [], [], 3) == (len(chunk), chunk.messages, chunk.undecoded, chunk.account)
    assert (None, None, None) == (chunk.oldest, chunk.newest, chunk.peer)
    assert repr(chunk) == f"Chunk(0 messages, chat_id=None, layer={LAYER})"


def test_what_does_not_shrink_is_stored_as_it_is() -> None:
    """A chunk never grows by compression, and needs no special reader."""
    message = types.MessageEmpty(5, peer_id=None)
    for compression in COMPRESSIONS:
        frame = ChunkCodec(compression=compression).encode(message)
        assert (CODECS["none"], len(frame)) == (_header(frame).codec, len(PLAIN.encode(message)))
        assert CODEC.decode(frame).ids == [5]


def test_odd_text_survives() -> None:
    """Text that is no UTF-8, NUL and astral characters keep their bytes."""
    _, channel = club()
    message = channel.message(5)
    message.message = "nul \0, astral \U0001f6a2, \u202e"
    wire = bytes(message).replace(b"astral", b"\xed\xa0\x80\xff\xfe ")  # a lone surrogate, then no
    assert wire != bytes(message)
    body = PLAIN.decode(PLAIN.encode(SomeBatch([message], [_Page(message, wire)]))).body
    assert [wire] == body.messages


class _Page:
    """A page with one message."""

    def __init__(self, message: Any, data: bytes) -> None:
        self.data = b"head" + data
        self.spans = {id(message): (4, 4 + len(data))}
        self.entities: dict[int, Any] = {}


def test_levels_matter() -> None:
    """A higher level is smaller, and all are read alike."""
    world, channel = club()
    batch = batch_of(world, channel, list(channel.ids))
    for compression in ("zstd", "zlib"):
        sizes = {}
        for level in (1, 9):
            frame = ChunkCodec(compression=compression, level=level).encode(batch)
            sizes[level] = len(frame)
            assert list(channel.ids) == CODEC.decode(frame).ids
        assert sizes[9] < sizes[1]


def test_a_record_of_another_layer() -> None:
    """What cannot be decoded is reported with its bytes; everything else is there."""
    _, channel = club()
    good = channel.message_bytes(5)
    strange = b"\xef\xbe\xed\xfe" + good[4:]
    raw = raw_of(
        layer=LAYER + 1, messages=[strange, good], users=[strange], chats=[b"abcd"], peer=strange
    )
    chunk = CODEC.decode(frame_of(raw, layer=LAYER + 1))
    assert chunk.is_other_layer
    assert [5] == [message.id for message in chunk.messages]
    assert ([], [], None) == (chunk.users, chunk.chats, chunk.peer)
    assert [("message", 0, 7), ("user", 0, None), ("chat", 0, None)] == [
        (each.kind, each.index, each.id) for each in chunk.undecoded
    ]
    assert [strange, good] == chunk.records


WRONG = [
    ("compression", "lz4", "'zstd', 'zlib' or 'none'"),
    ("compression", None, "'zstd', 'zlib' or 'none'"),
    ("level", 0, "an integer from 1 to 22"),
    ("level", 23, "an integer from 1 to 22"),
    ("level", True, "an integer from 1 to 22"),
    ("level", "3", "an integer from 1 to 22"),
    ("schema", "lite", "'full', 'light' or 'minimal'"),
    ("schema", ["light"], "'full', 'light' or 'minimal'"),
    ("compression", ["zstd"], "'zstd', 'zlib' or 'none'"),
    ("max_raw_size", 0, "a number of bytes from 1 up"),
    ("max_raw_size", 1.5, "a number of bytes from 1 up"),
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_a_wrong_argument_is_named_at_once(name: str, value: Any, expected: str) -> None:
    """The constructor names argument and legal values."""
    with pytest.raises(ArgumentError) as caught:
        ChunkCodec(**{name: value})
    assert (name, expected) == (caught.value.name, caught.value.expected)


def test_legal_arguments_at_the_edges() -> None:
    """The ends of each range are legal; zlib has fewer levels."""
    for level in (1, 22):
        assert f"level={level}" in repr(ChunkCodec(level=level))
    ChunkCodec(compression="zlib", level=9)
    with pytest.raises(ArgumentError, match="from 1 to 9"):
        ChunkCodec(compression="zlib", level=10)
    assert ChunkCodec(max_raw_size=1).max_raw_size == 1


@pytest.mark.parametrize("schema", ["full", "light", "minimal"])
@pytest.mark.parametrize("account", ["x", True, 1.5, -5, 0, 2**63, b"1", [1]])
def test_an_account_that_nobody_could_read_is_not_written(schema: Any, account: Any) -> None:
    """It is named before anything is encoded, also where a batch says it."""
    codec = ChunkCodec(schema=schema)
    world, channel = club(3)
    with pytest.raises(ArgumentError) as caught:
        codec.encode([channel.message(3)], account=account)
    assert "account" == caught.value.name
    batch = batch_of(world, channel, [1, 2, 3])
    batch.account = account
    with pytest.raises(ArgumentError, match="messages"):
        codec.encode(batch)
    for legal in (1, 2**63 - 1):
        batch.account = legal
        for frame in (codec.encode(batch), codec.encode([channel.message(3)], account=legal)):
            assert legal == CODEC.decode(frame).account


@pytest.mark.parametrize("schema", ["full", "light", "minimal"])
@pytest.mark.parametrize("wrong", [5, "ab", [5], ["x"], [[]]])
def test_a_batch_of_anything_else_is_refused(schema: Any, wrong: Any) -> None:
    """What acts as a batch must hold messages."""
    with pytest.raises(ArgumentError) as caught:
        ChunkCodec(schema=schema).encode(SomeBatch(wrong))
    assert "messages" == caught.value.name


@pytest.mark.parametrize("wrong", ["x", None, 2**70, 1.5])
def test_ids_are_numbers(wrong: Any) -> None:
    """A program that has put something else into a message of a batch is told so."""
    batch = batch_of(*club(3), [1, 2, 3])
    batch.messages[1].id = wrong
    for schema in ("full", "light", "minimal"):
        with pytest.raises(ArgumentError) as caught:
            ChunkCodec(schema=schema).encode(batch)  # type: ignore[arg-type]
        assert "messages" == caught.value.name


@pytest.mark.parametrize("wrong", [None, 5, "TFCK", [1]])
def test_only_bytes_are_decoded(wrong: Any) -> None:
    """Anything else is an argument's fault; bytes of every kind are fine."""
    with pytest.raises(ArgumentError) as caught:
        CODEC.decode(wrong)
    assert "data" == caught.value.name
    frame = CODEC.encode([club(3)[1].message(3)])
    for data in (frame, bytearray(frame), memoryview(frame)):
        assert [3] == CODEC.decode(data).ids


# Damage


def corrupt(data: bytes, problem: str) -> None:
    """Check that *data* is called corrupt, with what is wrong and where."""
    with pytest.raises(CorruptChunkError, match=problem) as caught:
        CODEC.decode(data, path="store/000001.tfc", offset=77)
    error = caught.value
    assert ("store/000001.tfc", 77) == (error.path, error.offset)
    assert str(error) == f"store/000001.tfc, chunk at byte 77: {error.problem}"
    assert isinstance(error, ChunkError | StorageError | ValueError)
    with pytest.raises(CorruptChunkError, match=r"^chunk: ") as caught:
        CODEC.decode(data)
    assert (None, 0) == (caught.value.path, caught.value.offset)


def test_what_is_no_chunk_is_corrupt() -> None:
    """Too few bytes, another beginning, bytes missing or behind the end."""
    frame = frame_of(raw_of())
    CODEC.decode(frame)
    corrupt(b"", "does not begin as a chunk does")
    corrupt(frame[: HEADER_SIZE - 1], "does not begin as a chunk does")
    corrupt(b"PK" + frame, "does not begin as a chunk does")
    corrupt(frame[:-1], f"{len(raw_of()) - 1} bytes of content, not {len(raw_of())}")
    corrupt(frame + b"\0", "bytes of content, not")


def test_a_header_must_agree_with_its_content() -> None:
    """The header has no checksum, so each of its facts is compared with the content."""
    raw = raw_of()
    for changes in ({"layer": 5}, {"count": 1}, {"first_id": 8}, {"last_id": 7}):
        corrupt(frame_of(raw, **changes), "another content than its header says")
    corrupt(frame_of(raw, checksum=1), "wrong checksum")
    corrupt(frame_of(raw, raw_size=len(raw) + 1), "another size than its header says")
    corrupt(frame_of(raw, raw_size=2**60), "another size than its header says")
    corrupt(frame_of(raw_of(ids=[]), count=0, first_id=0, last_id=0), "0 ids of 2 messages")
    corrupt(frame_of(b"\xc1"), r"Unexpected|msgpack")


@pytest.mark.parametrize("codec", ["zstd", "zlib"])
def test_a_compressed_body_must_be_whole(codec: str) -> None:
    """Garbage, a part, two parts, and another size are corrupt, though the checksum is right."""
    raw = raw_of()
    compress = zlib.compress if codec == "zlib" else zstandard.ZstdCompressor().compress
    number = CODECS[codec]
    packed = compress(raw)
    CODEC.decode(frame_of(raw, packed, codec=number))
    for wrong in (
        b"garbage",
        b"",
        packed[:-1],
        packed + b"\0",
        packed + packed,
        compress(raw + b"\0"),
        compress(raw[:-1]),
        packed[:8] + b"\xff" * 8 + packed[16:],
    ):
        corrupt(frame_of(raw, wrong, codec=number), r"size|zstd|zlib")
    unknown = zstandard.ZstdCompressor(write_content_size=False).compress(raw)
    corrupt(frame_of(raw, unknown, codec=CODECS["zstd"]), "another size")


def test_what_a_later_release_wrote_is_told_from_damage() -> None:
    """Another version, schema, codec or flag is unsupported, and the error has the version."""
    for changes, problem in (
        ({"version": 7}, "format version 7"),
        ({"schema": 3}, "schema 3"),
        ({"codec": 3}, "codec 3"),
        ({"flags": 1}, "flags 1"),
    ):
        with pytest.raises(UnsupportedChunkError, match=problem) as caught:
            CODEC.decode(frame_of(raw_of(), **changes), path="p", offset=9)
        error = caught.value
        assert (changes.get("version", 1), "p", 9) == (error.version, error.path, error.offset)


def test_limits_are_named() -> None:
    """A chunk beyond the limit is refused when made and when read, with the limit's name."""
    world, channel = club()
    batch = batch_of(world, channel, list(channel.ids))
    small = ChunkCodec(max_raw_size=1000)
    for compression in COMPRESSIONS:
        frame = ChunkCodec(compression=compression).encode(batch)
        with pytest.raises(ChunkTooLargeError, match="max_raw_size=1000") as caught:
            small.decode(frame, path="p", offset=4)
        error = caught.value
        assert ("max_raw_size", 1000, _header(frame).raw_size) == (
            error.limit,
            error.value,
            error.size,
        )
        assert ("p", 4) == (error.path, error.offset)
    with pytest.raises(ChunkTooLargeError, match="max_raw_size=1000"):
        small.encode(batch)
    exact = ChunkCodec(max_raw_size=error.size)
    assert len(exact.decode(exact.encode(batch))) == len(batch.messages)


@pytest.mark.parametrize("codec", ["zstd", "zlib"])
def test_a_bomb_costs_no_memory(codec: str) -> None:
    """Megabytes of zeros in a few bytes are refused without being unpacked."""
    bomb = b"\0" * (80 * 1024 * 1024)
    compress = zlib.compress if codec == "zlib" else zstandard.ZstdCompressor().compress
    packed = compress(bomb)
    honest = frame_of(bomb, packed, codec=CODECS[codec])
    lying = frame_of(bomb, packed, codec=CODECS[codec], raw_size=1000)
    del bomb
    tracemalloc.start()
    try:
        with pytest.raises(ChunkTooLargeError):
            CODEC.decode(honest)
        with pytest.raises(CorruptChunkError):
            CODEC.decode(lying)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@given(st.binary(max_size=300), st.sampled_from([0, 1, 2]), st.integers(0, 2**64 - 1))
def test_garbage_is_a_typed_error(body: bytes, codec: int, raw_size: int) -> None:
    """Whatever the bytes, with or without a right header: a `ChunkError`, nothing else."""
    for data in (body, frame_of(body, body, codec=codec, raw_size=raw_size)):
        with pytest.raises(ChunkError):
            CODEC.decode(data)


@settings(max_examples=settings.default.max_examples * 2)
@given(st.data())
def test_changed_content_is_a_chunk_or_a_typed_error(data: st.DataObject) -> None:
    """Content changed before it was packed is decoded or refused, down to the last object."""
    raw = bytearray(_FRAME[HEADER_SIZE:])
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    header = _header(_FRAME)
    facts = {"count": header.count, "first_id": header.first_id, "last_id": header.last_id}
    try:
        chunk = CODEC.decode(frame_of(bytes(raw), **facts))
    except ChunkError:
        return
    assert isinstance(chunk, Chunk)
    found = [*chunk.messages, *chunk.users, *chunk.chats, *chunk.undecoded]
    body = unpack_body(bytes(raw))
    assert len(found) == len(body.messages) + len(body.users) + len(body.chats)
    assert chunk.peer is None or bytes(chunk.peer)


_WORLD, _CHANNEL = club(20)
_FRAME = PLAIN.encode(batch_of(_WORLD, _CHANNEL, list(_CHANNEL.ids)))


def test_one_flipped_bit_is_noticed() -> None:
    """Any bit of a chunk flipped: an error, or, where it changes nothing, the same chunk."""
    for compression in COMPRESSIONS:
        frame = ChunkCodec(compression=compression).encode(
            batch_of(_WORLD, _CHANNEL, list(_CHANNEL.ids)[:3])
        )
        for at in range(len(frame)):
            for bit in range(8):
                damaged = bytearray(frame)
                damaged[at] ^= 1 << bit
                with pytest.raises(ChunkError):
                    CODEC.decode(bytes(damaged))


# For ever


@pytest.mark.parametrize("folder", sorted(GOLDEN.glob("v*")), ids=lambda folder: folder.name)
def test_what_was_written_once_is_read_for_ever(folder: Path) -> None:
    """Chunks of each version of the format, as it was when it was new, give what they held.

    A file in `tests/data/chunks` is never made anew: a new version gets a new folder.
    """
    data = (folder / "000000.tfc").read_bytes()
    for expected in json.loads((folder / "expected.json").read_text("utf-8")):
        frame, data = data[: expected["size"]], data[expected["size"] :]
        assert CODECS[expected["compression"]] == _header(frame).codec
        chunk = CODEC.decode(frame)
        assert expected["ids"] == chunk.ids
        assert expected["account"] == chunk.account
        assert expected["chat_id"] == chunk.chat_id
        assert expected["layer"] == chunk.layer
        assert chunk.oldest is not None
        assert chunk.newest is not None
        assert expected["oldest"] == chunk.oldest.isoformat()
        assert expected["newest"] == chunk.newest.isoformat()
        assert expected["peer"] == (chunk.body.peer or b"").hex()
        for kind in ("messages", "users", "chats"):
            records = getattr(chunk.body, kind)
            assert expected[kind] == [sha256(record).hexdigest() for record in records]
        if not chunk.is_other_layer:
            assert chunk.undecoded == []
    assert data == b""


def test_the_golden_body_is_of_the_first_format() -> None:
    """The keys of a body are those that were written from the beginning."""
    assert set(FIELDS) == {
        "schema", "layer", "account", "chat", "peer", "ids", "oldest", "newest",
        "messages", "users", "chats",
    }  # fmt: skip


def test_a_crafted_count_costs_no_memory() -> None:
    """64 MiB of one-byte ids in 2 kB of chunk are refused before a list is made of them."""
    count = 64 * 1024 * 1024 - 4096
    huge = msgpack.Packer().pack_array_header(count) + b"\x07" * count
    raw = raw_of(ids=[])
    assert raw.count(msgpack.packb("ids") + b"\x90") == 1
    raw = raw.replace(msgpack.packb("ids") + b"\x90", msgpack.packb("ids") + huge)
    frame = frame_of(raw, zstandard.ZstdCompressor().compress(raw), codec=CODECS["zstd"])
    assert len(frame) < 4096
    del huge, raw
    tracemalloc.start()
    try:
        with pytest.raises(CorruptChunkError, match="more than 250000"):
            ChunkCodec().decode(frame)
        # The content is 64 MiB, and msgpack copies it once; the list would be half a GiB more.
        assert tracemalloc.get_traced_memory()[1] < 160 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_more_records_than_a_reader_takes_are_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written can be read: the limit of readers is the writer's as well."""
    monkeypatch.setattr("telefast.chunks.codec.MAX_RECORDS", 1)
    with pytest.raises(ChunkTooLargeError, match="records per chunk"):
        CODEC.encode(
            [types.Message(i, types.PeerUser(1), date=None, message="x") for i in (1, 2)]  # type: ignore[arg-type]
        )
