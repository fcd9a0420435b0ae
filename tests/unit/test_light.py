"""The schemas `light` and `minimal`: each field they promise comes back, whatever the message."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from telethon import types
from telethon.extensions.binaryreader import BinaryReader
from telethon.tl.alltlobjects import LAYER

from telefast import (
    ArgumentError,
    ChunkCodec,
    ChunkError,
    ChunkTooLargeError,
    CorruptChunkError,
    LightMedia,
    LightMessage,
    MinimalMessage,
    UnsupportedChunkError,
    topic_of,
)
from telefast.chunks.frames import CODECS, HEADER_SIZE
from telefast.testing import sample_kinds, sample_media, world_from_export
from tests.unit.chunk_model import ACCOUNT, batch_of, club, frame_of
from tests.unit.light_model import (
    WORLD,
    check,
    check_media,
    check_meta,
    constructors,
    filled,
    marked,
    messages,
    sender,
)
from tests.unit.media_model import (
    REFERENCE,
    SECRET,
    document,
    message,
    photo,
    service,
    with_document,
    with_photo,
)

DATA = Path(__file__).parents[1] / "data"
CODECS_OF: dict[str, Any] = {
    name: ChunkCodec(schema=name)
    for name in ("light", "minimal")  # type: ignore[arg-type]
}
SCHEMAS = sorted(CODECS_OF)
LIGHT, MINIMAL = CODECS_OF["light"], CODECS_OF["minimal"]


def light(*found: Any, account: int | None = ACCOUNT) -> list[Any]:
    """Return what the schema `light` gives back of messages."""
    return ChunkCodec().decode(LIGHT.encode(found, account=account)).messages


def minimal(*found: Any, account: int | None = ACCOUNT) -> list[Any]:
    """Return what the schema `minimal` gives back of messages."""
    return ChunkCodec().decode(MINIMAL.encode(found, account=account)).messages


@given(st.lists(messages(), max_size=8))
def test_every_field_comes_back(sent: list[Any]) -> None:
    """Random messages of every kind, with each field that Telegram may leave out."""
    kept = light(*sent)
    assert [message.id for message in sent] == [message.id for message in kept]
    for one, other in zip(sent, kept, strict=True):
        check(one, other)
    for one, small in zip(sent, minimal(*sent), strict=True):
        assert (one.id, marked(one.peer_id), sender(one), one.date) == (
            small.id,
            small.chat_id,
            small.sender_id,
            small.date,
        )
        assert (one.message or "") == small.text
        check_meta(one, small)


@pytest.mark.parametrize("path", sorted((DATA / "exports").glob("*.json")), ids=lambda p: p.stem)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_messages_of_real_exports_come_back(path: Path, schema: str) -> None:
    """Media, actions, markup and odd dates of real exports, as messages and as batches."""
    world = world_from_export(path)
    for channel in world.channels.values():
        sent = [channel.message(i) for i in channel.ids]
        batch = batch_of(world, channel, channel.ids)
        for source in (sent, batch):
            codec = CODECS_OF[schema]
            chunk = ChunkCodec().decode(codec.encode(source, account=ACCOUNT))
            assert (schema, ACCOUNT, LAYER) == (chunk.schema, chunk.account, chunk.layer)
            assert (channel.marked_id, list(channel.ids)) == (chunk.chat_id, chunk.ids)
            assert (min(m.date for m in sent), max(m.date for m in sent)) == (
                chunk.oldest,
                chunk.newest,
            )
            assert len(chunk.messages) == len(sent)
            assert [] == [*chunk.records, *chunk.users, *chunk.chats, *chunk.undecoded]
            for one, other in zip(sent, chunk.messages, strict=True):
                if isinstance(other, LightMessage):
                    check(one, other)
                else:
                    check_meta(one, other)


@pytest.mark.parametrize("prefix", ["MessageMedia", "MessageAction", "MessageEntity"])
def test_every_constructor_is_named(prefix: str) -> None:
    """Each kind of medium, action and markup of the layer, with all its fields filled."""
    found = constructors(prefix)
    assert len(found) > 15
    for make in found:
        if make is types.MessageMediaEmpty:
            continue  # Telethon takes it for no medium
        each = filled(make)
        if prefix == "MessageEntity":
            sent = message(entities=[each])
        else:
            sent = service(each) if prefix == "MessageAction" else message(each)
        [kept] = light(sent)
        check(sent, kept)
        check_meta(sent, minimal(sent)[0])
        raw = kept.action_data or (kept.media and kept.media.data)
        if raw:
            assert each == BinaryReader(raw).tgread_object()


@pytest.mark.parametrize("kind", sample_kinds())
def test_files_are_those_of_the_media_room(kind: str) -> None:
    """The key, and what fetches the file, are what `items_of` says."""
    sent = message(sample_media(WORLD, kind))
    [kept] = light(sent)
    check_media(sent, kept.media)
    check_meta(sent, minimal(sent)[0])


def test_what_is_kept_of_files() -> None:
    """Each figure of a document and of a photo, and how it is fetched; keys hold no secret."""
    video = types.DocumentAttributeVideo(12.5, 640, 360)
    name = types.DocumentAttributeFilename("a b.mp4")
    note = types.DocumentAttributeVideo(1, 2, 2, round_message=True)
    moves = types.DocumentAttributeAnimated()
    sticker = types.DocumentAttributeSticker("x", types.InputStickerSetEmpty())
    cases = [
        (with_document(video, name), "video", 640, 360, 12.5, "a b.mp4"),
        (with_document(note), "video_note", 2, 2, 1, None),
        (with_document(types.DocumentAttributeAudio(7, voice=True)), "voice", None, None, 7, None),
        (with_document(types.DocumentAttributeAudio(8)), "audio", None, None, 8, None),
        (with_document(moves, video), "animation", 640, 360, 12.5, None),
        (with_document(types.DocumentAttributeImageSize(3, 4)), "file", 3, 4, None, None),
        (with_document(sticker), "sticker", None, None, None, None),
    ]
    for media, *expected in cases:
        [kept] = light(message(media))
        found = kept.media
        assert expected == [found.kind, found.width, found.height, found.duration, found.name]
        assert ("document", 9, 1000, "video/mp4", 2) == (
            found.file,
            found.id,
            found.size,
            found.mime,
            found.dc_id,
        )
        assert types.InputDocumentFileLocation(9, SECRET, REFERENCE, "") == found.location()
        assert "document_9" == found.file_key
    [kept] = light(message(with_photo()))
    found = kept.media
    assert ("photo", 7, "x", "photo", 100, None, 4, 8, 5) == (
        found.file, found.id, found.size_type, found.kind, found.size, found.mime, found.dc_id,
        found.width, found.height,
    )  # fmt: skip
    assert types.InputPhotoFileLocation(7, SECRET, REFERENCE, "x") == found.location()
    [kept] = light(message(types.MessageMediaPhoto(ttl_seconds=5)))
    assert LightMedia("MessageMediaPhoto", ttl_seconds=5) == kept.media
    assert (None, None) == (kept.media.file_key, kept.media.location())


SIZES = [
    types.PhotoSizeEmpty("s"),
    types.PhotoSize("x", 8, 5, 100),
    types.PhotoSize("w", 8, 5, -1),
    types.PhotoSizeProgressive("y", 9, 9, [3, 70]),
    types.PhotoSizeProgressive("z", 9, 9, []),
    types.PhotoCachedSize("Ä", 20, 20, b"abc"),
    types.PhotoCachedSize("t", 30, 30, b""),
    types.PhotoStrippedSize("i", b"\1ab"),
    types.PhotoPathSize("j", b"ab"),
]


@given(st.lists(st.sampled_from(SIZES), max_size=5), st.booleans())
def test_the_size_of_a_photo_is_the_largest(sizes: list[Any], is_live: bool) -> None:
    """Whatever sizes Telegram lists, in whatever order; of a live photo without any the video."""
    media = types.MessageMediaPhoto(photo=photo(sizes=sizes), video=document() if is_live else None)
    sent = message(media)
    check_media(sent, light(sent)[0].media)


def test_own_messages_of_private_chats() -> None:
    """They name no sender: it is the account, if that is known."""
    peer = types.PeerUser(5)
    for out, account, expected in ((True, 77, 77), (True, None, None), (False, 77, 5)):
        sent = message(peer_id=peer, out=out)
        for kept in (*light(sent, account=account), *minimal(sent, account=account)):
            assert expected == kept.sender_id


def test_dates_without_a_zone_are_utc() -> None:
    """As Telethon takes them when it sends."""
    aware = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    naive = aware.replace(tzinfo=None)
    date = types.MessageEntityFormattedDate(0, 1, naive)
    [kept] = light(message(date=naive, edit_date=naive, entities=[date]))
    assert (aware, aware) == (kept.date, kept.edit_date)
    assert int(aware.timestamp()) == kept.entities[0].number


def test_topics() -> None:
    """A message is in the topic that telefast's rule says; one that names none says None."""
    header = types.MessageReplyHeader
    cases = [
        (header(forum_topic=True, reply_to_msg_id=5), 5),
        (header(forum_topic=True, reply_to_msg_id=5, reply_to_top_id=4), 4),
        (header(forum_topic=True, reply_to_msg_id=5, reply_to_peer_id=types.PeerUser(1)), None),
        (header(reply_to_msg_id=5, reply_to_top_id=4), None),
        (types.MessageReplyStoryHeader(types.PeerUser(3), 4), None),
        (None, None),
    ]
    for reply, expected in cases:
        sent = message(reply_to=reply)
        [kept] = light(sent)
        assert expected == kept.topic_id
        assert topic_of(sent) == (kept.topic_id or 1)
    assert 12 == light(service(types.MessageActionTopicCreate("x", 1)))[0].topic_id


def test_no_text_in_a_repr() -> None:
    """No text, name, address or secret is shown; ids and sizes are."""
    secret = "secret"
    name = types.DocumentAttributeFilename(secret)
    header = types.MessageReplyHeader(reply_to_msg_id=3, quote_text=secret)
    sent = message(
        with_document(name),
        message=secret,
        post_author=secret,
        entities=[types.MessageEntityTextUrl(0, 2, secret)],
        reply_to=header,
        fwd_from=types.MessageFwdHeader(None, from_name=secret, post_author=secret),
    )
    for kept in (*light(sent), *minimal(sent)):
        assert secret not in repr(kept)
        assert "id=12" in repr(kept)
    [kept] = light(sent)
    for part in (kept.media, kept.reply, kept.forward, *kept.entities):
        assert secret not in repr(part)
        assert str(SECRET) not in repr(part)
        assert "reference" not in repr(part)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_chunks_of_several_chats(schema: str) -> None:
    """Then the chunk has no chat, and each message its own; no message is a legal chunk."""
    sent = [message(id=i, peer_id=types.PeerChannel(i % 2 + 1)) for i in range(4)]
    chunk = CODECS_OF[schema].decode(CODECS_OF[schema].encode(sent))
    assert chunk.chat_id is None
    assert [marked(each.peer_id) for each in sent] == [each.chat_id for each in chunk.messages]
    empty = CODECS_OF[schema].decode(CODECS_OF[schema].encode([]))
    assert ([], None, None, None) == (empty.messages, empty.oldest, empty.newest, empty.chat_id)
    assert repr(CODECS_OF[schema]).endswith(f"schema={schema!r})")


def test_what_cannot_be_kept_is_refused() -> None:
    """A message with values of other types, or that Telethon cannot serialise, is named."""
    broken = service(types.MessageActionChatEditTitle(None))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="message 12"):
        light(broken)
    for wrong in (
        message(message=b"x"),
        message(views="x"),
        message(id=2**63),
        message(date=datetime(2100, 1, 1, tzinfo=UTC)),
    ):
        with pytest.raises(ArgumentError, match="as Telegram sends them"):
            light(wrong)
    with pytest.raises(ArgumentError, match="batches of one account"):
        LIGHT.encode(batch_of(*club(5), [1, 2]), account=1)
    assert [] == LIGHT.decode(LIGHT.encode([None])).messages


# Hostile bytes


def raw_of(schema: str, /, *sent: Any, **changes: Any) -> dict[str, Any]:
    """Return the map of a chunk's body, some of its keys changed; `...` leaves one out."""
    plain: Any = ChunkCodec(schema=schema, compression="none")  # type: ignore[arg-type]
    found = msgpack.unpackb(plain.encode(sent or [message(id=7), message(id=6)])[HEADER_SIZE:])
    return {name: value for name, value in {**found, **changes}.items() if value is not ...}


def framed(fields: Any, schema: str = "light", **changes: Any) -> bytes:
    """Return the chunk around a body."""
    raw = fields if isinstance(fields, bytes) else msgpack.packb(fields)
    return frame_of(raw, schema={"light": 1, "minimal": 2}[schema], **changes)


WRONG: list[tuple[dict[str, Any], str]] = [
    *(({name: ...}, f"without {name}") for name in ("schema", "version", "layer", "account")),
    ({"count": ...}, "without count"),
    ({"id": ...}, "without id"),
    ({"schema": 2}, "another schema than its header says"),
    ({"schema": "x"}, "schema: no integer"),
    ({"layer": -1}, "layer: -1 is out of range"),
    ({"count": 250_001}, "count: 250001 is out of range"),
    ({"count": -1}, "count: -1 is out of range"),
    ({"count": 3}, "id: 2 bytes are not 3 values|id: 4 bytes"),
    ({"id": 5}, "id: no bytes"),
    ({"id": b""}, "id: no numbers"),
    ({"id": b"\3\0\0"}, "id: no numbers"),
    ({"id": b"\1\0"}, "id: 1 bytes are not 2 values"),
    ({"id": b"\2\0\0\0"}, "id: 3 bytes are not 2 values"),
    ({"id": b"\x08" + (b"\xff" * 15 + b"\x7f")}, "another content"),
    ({"id": b"\x08" + b"\xff\xff" * 7 + b"\x7f\x7f"}, "id: numbers out of range"),
    ({"date": b"\x08" + b"\x00" * 8 + b"\xff" * 8}, "date: dates out of range"),
    ({"date": [1]}, "date: "),
    ({"date?": b"\1"}, "date: "),
    ({"date?": b"\7"}, "date: no bitmap of 2 rows"),
    ({"date?": b""}, "date: no bitmap of 2 rows"),
    ({"views?": b"\1"}, "views: without views|without views"),
    ({"text": b"\xff", "text#": b"\1\0\1"}, "text: no text"),
    ({"text": b"a", "text#": b"\1\0\2"}, "text: lengths that do not add up"),
    ({"text": b"a", "text#": b"\1\2\xff"}, "text: lengths that do not add up"),
    ({"text": b"a"}, "without text#"),
    ({"chat_id": b"\1\0\1"}, "chat_id: 8 bytes are not 2 values"),
    ({"chat_id": b"\1\0\2"}, "chat_id: picks of nothing"),
    ({"chat_id": b"\1\0\xff"}, "chat_id: picks of nothing"),
    ({"reply": b"x"}, "reply: no row"),
    ({"entities": b"\1\0\xff"}, "entities: -1 rows"),
    ({"entities": b"\1\1\0"}, "entities: entities.kind: without entities.kind|without"),
    ({"entities": b"\4" + b"\0\0\0\0\0\0\x7f\0"}, r"entities: \d+ rows"),
    ({"media": b"", "media.constructor$": b"", "media.constructor$#": b"\1"}, "without media"),
]


@pytest.mark.parametrize(("changes", "problem"), WRONG)
def test_wrong_content_is_corrupt(changes: dict[str, Any], problem: str) -> None:
    """Each thing that can be wrong with a column is named, with file and offset."""
    with pytest.raises(CorruptChunkError, match=problem) as caught:
        LIGHT.decode(framed(raw_of("light", **changes)), path="p", offset=3)
    assert ("p", 3) == (caught.value.path, caught.value.offset)


def test_what_a_later_release_adds_is_passed_over() -> None:
    """Unknown keys of any form, unknown words, and what is not there has its default."""
    more = {"later": [1, {"a": [b"x"]}], "text!": 5, "media.later": b"x", "f": 1.5}
    for schema in SCHEMAS:
        assert (
            CODECS_OF[schema].decode(framed(raw_of(schema, **more), schema)).messages
            == CODECS_OF[schema].decode(framed(raw_of(schema), schema)).messages
        )
        head = ("schema", "version", "layer", "account", "count", "id")
        bare = {name: value for name, value in raw_of(schema).items() if name in head}
        make: Any = LightMessage if schema == "light" else MinimalMessage
        assert [make(7), make(6)] == CODECS_OF[schema].decode(framed(bare, schema)).messages
        with pytest.raises(UnsupportedChunkError, match=f"version 2 of the schema {schema}"):
            CODECS_OF[schema].decode(framed(raw_of(schema, version=2, id=...), schema))


@given(st.data())
def test_changed_content_is_a_chunk_or_a_typed_error(data: st.DataObject) -> None:
    """Bytes changed, columns swapped, cut or replaced: messages or one of our errors."""
    schema = data.draw(st.sampled_from(SCHEMAS))
    fields = dict(_BODIES[schema])
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from(sorted(fields)))
        other = fields[data.draw(st.sampled_from(sorted(fields)))]
        fields[name] = data.draw(
            st.one_of(st.binary(max_size=9), st.just(other), st.integers(-9, 9))
        )
    raw = bytearray(msgpack.packb(fields))
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    frame = framed(bytes(raw), schema, count=len(_SENT), first_id=_SENT[0].id, last_id=_SENT[-1].id)
    try:
        chunk = CODECS_OF[schema].decode(frame)
    except ChunkError:
        return
    assert len(_SENT) == len(chunk.messages)
    for found in chunk.messages:
        repr(found)
        if isinstance(found, LightMessage):
            assert found.topic_id is None or isinstance(found.topic_id, int)
            if found.media is not None:
                assert (found.media.file_key is None) == (found.media.file is None)
                assert found.media.location() is None or found.media.file is not None


_EXPORT = world_from_export(DATA / "exports" / "media.json")
_SENT = [m for c in _EXPORT.channels.values() for i in list(c.ids)[:6] if (m := c.message(i))]
_BODIES = {schema: raw_of(schema, *_SENT) for schema in SCHEMAS}


def test_counts_cost_no_memory() -> None:
    """A count without bytes is refused before a list is made of it; so are rows within rows."""
    huge = framed(raw_of("light", count=250_000), count=250_000)
    inner = framed(raw_of("light", entities=b"\4" + b"\x90\0\xd0\0\3\0\0\0"))
    tracemalloc.start()
    try:
        for frame in (huge, inner):
            with pytest.raises(CorruptChunkError):
                LIGHT.decode(frame)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    body = msgpack.packb(raw_of("light", text=b"a" * (80 * 1024 * 1024)))
    packed = zstandard.ZstdCompressor().compress(body)
    with pytest.raises(ChunkTooLargeError):
        LIGHT.decode(frame_of(body, packed, schema=1, codec=CODECS["zstd"]))


def test_more_rows_than_a_reader_takes_are_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written can be read, also of the rows within messages."""
    monkeypatch.setattr("telefast.chunks.columns.MAX_INNER", 1)
    marks: Any = [types.MessageEntityBold(0, 1), types.MessageEntityItalic(0, 1)]
    with pytest.raises(ChunkTooLargeError, match="entities per chunk"):
        light(message(message="x", entities=marks))


# For ever


def plain(value: Any) -> Any:
    """Return a message as JSON has it: what differs from its default."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        found = {each.name: (getattr(value, each.name), each.default) for each in fields(value)}
        return {name: plain(one) for name, (one, default) in found.items() if one != default}
    return value


@pytest.mark.parametrize(
    "folder",
    [path for path in sorted((DATA / "chunks").iterdir()) if not path.name.startswith("v")],
    ids=lambda folder: folder.name,
)
def test_what_was_written_once_is_read_for_ever(folder: Path) -> None:
    """Chunks of each version of both schemas, as it was when it was new, give what they held.

    A file in `tests/data/chunks` is never made anew: a new version gets a new folder.
    """
    data = (folder / "000000.tfc").read_bytes()
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    chunk = ChunkCodec().decode(data)
    assert folder.name.split("-")[0] == chunk.schema == expected["schema"]
    assert (expected["account"], expected["chat_id"], expected["layer"]) == (
        chunk.account,
        chunk.chat_id,
        chunk.layer,
    )
    assert expected["messages"] == [plain(each) for each in chunk.messages]
