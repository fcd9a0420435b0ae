"""What a healthy store does."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from telefast import (
    ArgumentError,
    ChunkCodec,
    ChunkStore,
    ChunkTooLargeError,
    ClosedError,
    StoreStats,
    UsageError,
)
from telefast.chunks import folder
from tests.storage.stores import DAY, everything, fill, ids_in, marked, messages, sizes
from tests.unit.chunk_model import club

GOLDEN = Path(__file__).parents[1] / "data" / "chunks"


async def test_chunks_come_back_in_order(tmp_path: Path) -> None:
    """What was appended is read in the same order, at once and after reopening."""
    path = tmp_path / "new" / "store"
    async with ChunkStore(path) as store:
        assert [] == [chunk async for chunk in store]
        for part in ([3, 2], [9], [1]):
            await store.append(messages(*part), account=5)
        assert [[3, 2], [9], [1]] == [chunk.ids async for chunk in store]
    async with ChunkStore(str(path)) as store:
        await store.append(messages(7)[0])
        chunks = [chunk async for chunk in store]
    assert [[3, 2], [9], [1], [7]] == [chunk.ids for chunk in chunks]
    assert [5, 5, 5, None] == [chunk.account for chunk in chunks]
    assert bytes(messages(2)[0]) == chunks[0].records[1]
    assert list(sizes(path)) == ["000000.tfc"]


async def test_nothing_is_appended_for_no_message(tmp_path: Path) -> None:
    """A batch without a message leaves no chunk."""
    async with ChunkStore(tmp_path) as store:
        await store.append([])
        await store.append([None])
        assert store.stats() == StoreStats()


async def test_figures_are_those_of_the_files(tmp_path: Path) -> None:
    """`stats` counts files, chunks, messages and bytes, and what compression saved."""
    async with ChunkStore(tmp_path) as store:
        await store.append(messages(*range(1, 200)))
        await store.append(messages(*range(200, 300)))
        stats = store.stats()
        assert (1, 2, 299) == (stats.files, stats.chunks, stats.messages)
        assert sum(sizes(tmp_path).values()) == stats.bytes
        assert (2, 0, 0, 0) == (
            stats.chunks_encoded,
            stats.chunks_decoded,
            stats.torn_bytes,
            stats.chunk_corrupt,
        )
        chunks = [chunk async for chunk in store]
        stats = store.stats()
        raw, packed = sum(c.raw_size for c in chunks), sum(c.packed_size for c in chunks)
        assert (raw, packed) == (stats.chunk_raw_bytes, stats.chunk_compressed_bytes)
        assert raw - packed == stats.compressed_chunks_saved_bytes > 0
        assert stats.chunks_decoded == 2
        assert stats.bytes == packed + 2 * 52
    async with ChunkStore(tmp_path, read_only=True) as store:
        stats = store.stats()
        assert (2, 299, 0) == (stats.chunks, stats.messages, stats.chunks_encoded)


async def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    """Files keep to their size, but for one chunk that alone is larger; they are read in order."""
    parts = [messages(i) for i in range(1, 8)]
    await fill(tmp_path, *parts[:1])
    [one] = sizes(tmp_path).values()
    limit = 2 * one + 20
    await fill(tmp_path, *parts[1:4], max_file_size=limit)
    await fill(tmp_path, *parts[4:6], max_file_size=limit)
    await fill(tmp_path, parts[6], messages(*range(100, 200)), messages(8), max_file_size=limit)
    found = sizes(tmp_path)
    assert [f"{i:06}.tfc" for i in range(6)] == list(found)
    assert [True] * 4 + [False, True] == [size <= limit for size in found.values()]
    assert [[i] for i in range(1, 8)] == (await ids_in(tmp_path))[:7]
    async with ChunkStore(tmp_path, read_only=True) as store:
        assert store.stats().files == 6


async def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """Files of other names in the folder are neither read nor changed; gaps in the numbers are."""
    for name in ("notes.txt", "1.tfc", "000001.tfc.bak", "000000.part"):
        (tmp_path / name).write_text("mine")
    await fill(tmp_path, messages(1), messages(2), max_file_size=1)
    (tmp_path / "000000.tfc").rename(tmp_path / "1000000.tfc")
    await fill(tmp_path, messages(3))
    assert [[2], [1], [3]] == await ids_in(tmp_path)
    assert "mine" == (tmp_path / "1.tfc").read_text()


async def test_bounds_of_ids(tmp_path: Path) -> None:
    """`min_id` and `max_id` leave out chunks without an id between them, both exclusive."""
    await fill(tmp_path, messages(30, 20), messages(19, 11), messages(9), messages(25, 15))
    assert [[30, 20], [25, 15]] == await ids_in(tmp_path, min_id=19)
    assert [[30, 20], [19, 11], [25, 15]] == await ids_in(tmp_path, min_id=18)
    assert [[9]] == await ids_in(tmp_path, max_id=11)
    assert [[19, 11], [25, 15]] == await ids_in(tmp_path, min_id=9, max_id=20)
    assert [] == await ids_in(tmp_path, min_id=30)


async def test_bounds_of_dates(tmp_path: Path) -> None:
    """`since` is inclusive, `until` is not."""
    await fill(tmp_path, messages(30, 20), messages(19, 11), messages(9))
    start = datetime(1970, 1, 1, tzinfo=UTC)
    day = [start + timedelta(seconds=i * DAY) for i in range(40)]
    assert [[30, 20], [19, 11]] == await ids_in(tmp_path, since=day[19])
    assert [[30, 20]] == await ids_in(tmp_path, since=day[19] + timedelta(seconds=1))
    assert [[9]] == await ids_in(tmp_path, until=day[11])
    assert [[19, 11]] == await ids_in(tmp_path, since=day[10], until=day[20])


async def test_bounds_of_chats(tmp_path: Path) -> None:
    """Chunks of one chat, and mixed ones, are told from those of others."""
    mixed = [*messages(5, chat=1), *messages(6, chat=2)]
    await fill(tmp_path, messages(1, chat=1), messages(2, chat=2), mixed)
    assert [[1], [5, 6]] == await ids_in(tmp_path, chat_id=marked(1))
    assert [[5, 6]] == await ids_in(tmp_path, chat_id=marked(3))


async def test_find(tmp_path: Path) -> None:
    """The last chunk with the message is found; an id that is not there, or elsewhere, is not."""
    async with ChunkStore(tmp_path) as store:
        for part in (messages(5, 3), messages(9, 7), messages(5, 1), messages(5, chat=2)):
            await store.append(part)
        for message_id, chat, expected in (
            (5, None, [5]),
            (5, 9, [5, 1]),
            (3, None, [5, 3]),
            (3, 9, [5, 3]),
            (3, 2, None),
            (4, None, None),
            (100, None, None),
        ):
            chat_id = None if chat is None else marked(chat)
            chunk = await store.find(message_id, chat_id=chat_id)
            assert expected == (chunk and chunk.ids)
        decoded = store.stats().chunks_decoded
        assert await store.find(100) is None
        assert decoded == store.stats().chunks_decoded, "looked into chunks that cannot hold it"


async def test_mixed_chunks_are_looked_into(tmp_path: Path) -> None:
    """Of a chunk with several chats only the messages tell whose id it is."""
    async with ChunkStore(tmp_path) as store:
        await store.append(messages(5, chat=1))
        await store.append([*messages(9, chat=1), *messages(5, chat=2)])
        for message_id, chat, expected in (
            (5, 1, [5]),
            (5, 2, [9, 5]),
            (9, 1, [9, 5]),
            (5, 3, None),
        ):
            chunk = await store.find(message_id, chat_id=marked(chat))
            assert expected == (chunk and chunk.ids)
        assert await store.last(chat_id=marked(3)) is None
        assert [9, 5] == (await store.last(chat_id=marked(1))).ids  # type: ignore[union-attr]
        assert await store.find(2**70) is None


async def test_last(tmp_path: Path) -> None:
    """The last chunk is where to go on: of all, or of one chat."""
    async with ChunkStore(tmp_path) as store:
        assert await store.last() is None
        for part in (messages(5, 3), messages(4, chat=2), messages(8, chat=9), messages(6, chat=3)):
            await store.append(part)
        for chat, expected in ((None, [6]), (9, [8]), (2, [4]), (7, None)):
            chunk = await store.last(chat_id=None if chat is None else marked(chat))
            assert expected == (chunk and chunk.ids)


async def test_appending_while_reading(tmp_path: Path) -> None:
    """An iterator gives what was there when it was made; a new one gives all."""
    async with ChunkStore(tmp_path) as store:
        await store.append(messages(1))
        found = []
        async for chunk in store:
            found.append(chunk.ids)
            await store.append(messages(2))
        assert [[1]] == found
        assert [[1], [2]] == [chunk.ids async for chunk in store]


async def test_a_reader_beside_a_writer(tmp_path: Path) -> None:
    """Readers need no lock, change nothing, and see what was there when they opened."""
    async with ChunkStore(tmp_path) as writer:
        await writer.append(messages(1))
        async with ChunkStore(tmp_path, read_only=True) as reader:
            await writer.append(messages(2))
            assert [[1]] == [chunk.ids async for chunk in reader]
        assert [[1], [2]] == await ids_in(tmp_path)


async def test_a_reader_needs_no_rights(tmp_path: Path) -> None:
    """Reading makes no file: not the lock, nor a folder that is not there."""
    await fill(tmp_path / "a", messages(1))
    (tmp_path / "a" / "lock").unlink()
    assert [[1]] == await ids_in(tmp_path / "a")
    assert not (tmp_path / "a" / "lock").exists()
    with pytest.raises(FileNotFoundError):
        await ids_in(tmp_path / "b")
    assert not (tmp_path / "b").exists()


async def test_many_at_once(tmp_path: Path) -> None:
    """Appends and searches from many tasks take turns, and none is lost."""
    async with ChunkStore(tmp_path) as store:
        async with asyncio.TaskGroup() as tasks:
            for i in range(1, 51):
                tasks.create_task(store.append(messages(i)))
                tasks.create_task(store.find(i))
        chunks, errors = await everything(store)
        assert ([[i] for i in range(1, 51)], []) == ([chunk.ids for chunk in chunks], errors)


async def test_a_cancelled_append_is_whole_or_not_there(tmp_path: Path) -> None:
    """Cancelling at any point leaves no part of a chunk, and the store goes on."""
    async with ChunkStore(tmp_path) as store:
        for turns in range(20):
            task = asyncio.create_task(store.append(messages(turns + 1)))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
        await store.append(messages(99))
        chunks, errors = await everything(store)
        assert errors == []
        assert chunks[-1].ids == [99]
    assert len(chunks) == len(await ids_in(tmp_path))


class Disk:
    """What was synced, by the names of the files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: list[str] = []
        fsync = os.fsync

        def count(descriptor: int) -> None:
            self.synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
            fsync(descriptor)

        monkeypatch.setattr(folder.os, "fsync", count)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names of descriptors: Linux")
async def test_when_the_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each chunk, at the end of each file, or never; and whenever `flush` is called."""
    parts = [messages(i) for i in (1, 2, 3)]
    expected = {
        "always": ["always", *["000000.tfc"] * 3],
        "close": ["close", "000000.tfc"],
        "never": [],
    }
    disk = Disk(monkeypatch)
    for fsync, names in expected.items():
        disk.synced.clear()
        await fill(tmp_path / fsync, *parts, fsync=fsync)
        assert names == disk.synced
    disk.synced.clear()
    await fill(tmp_path / "small", *parts, max_file_size=1)
    assert ["small", "000000.tfc", "small", "000001.tfc", "small", "000002.tfc"] == disk.synced
    disk.synced.clear()
    async with ChunkStore(tmp_path / "never", fsync="never") as store:
        await store.flush()
        await store.append(messages(4))
        await store.flush()
        await store.flush()
    assert ["000000.tfc"] == disk.synced


async def test_use_needs_an_open_store(tmp_path: Path) -> None:
    """Before `async with` and after it, and twice at once, use is an error that says so."""
    store = ChunkStore(tmp_path)
    for call in (
        store.append(messages(1)),
        store.flush(),
        store.find(1),
        store.last(),
        anext(store.chunks()),
    ):
        with pytest.raises(ClosedError, match="not open"):
            await call
    async with store:
        with pytest.raises(UsageError, match="open already"):
            await store.open()
        await store.append(messages(1))
        chunks = store.chunks()
    await store.aclose()
    with pytest.raises(ClosedError, match="not open"):
        await anext(chunks)
    async with store:
        assert [[1]] == [chunk.ids async for chunk in store]
    assert repr(store) == f"ChunkStore({str(tmp_path)!r}, read_only=False)"


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """Appending to a read-only store is an error."""
    await fill(tmp_path, messages(1))
    before = sizes(tmp_path)
    async with ChunkStore(tmp_path, read_only=True) as store:
        with pytest.raises(UsageError, match="read_only=True"):
            await store.append(messages(2))
        await store.flush()
    assert before == sizes(tmp_path)


async def test_wrong_messages_change_nothing(tmp_path: Path) -> None:
    """What cannot be encoded, or exceeds the limit, leaves no trace in the file."""
    async with ChunkStore(tmp_path, codec=ChunkCodec(max_raw_size=1000)) as store:
        await store.append(messages(1))
        with pytest.raises(ArgumentError, match="a Batch, a Telethon message"):
            await store.append(["text"])
        with pytest.raises(ArgumentError, match="account"):
            await store.append(messages(1), account=True)
        with pytest.raises(ChunkTooLargeError, match="max_raw_size=1000"):
            await store.append(messages(*range(1000)))
        await store.append(messages(2))
        assert [[1], [2]] == [chunk.ids async for chunk in store]


async def test_the_codec_is_the_stores(tmp_path: Path) -> None:
    """The codec says how chunks are written; the limit counts for reading, too."""
    part = messages(*range(200))
    await fill(tmp_path / "none", part, codec=ChunkCodec(compression="none"))
    await fill(tmp_path / "zstd", part)
    [none], [zstd] = (sizes(tmp_path / name).values() for name in ("none", "zstd"))
    assert zstd < none / 2
    async with ChunkStore(tmp_path / "none") as store:
        assert [list(range(200))] == [chunk.ids async for chunk in store]
    for name in ("none", "zstd"):
        codec = ChunkCodec(max_raw_size=2000)
        async with ChunkStore(tmp_path / name, codec=codec, read_only=True) as store:
            with pytest.raises(ChunkTooLargeError, match=r"000000\.tfc, chunk at byte 0: "):
                await store.find(1)


@pytest.mark.parametrize("folder_name", [each.name for each in GOLDEN.iterdir()])
async def test_stores_of_all_versions_are_read(folder_name: str) -> None:
    """A store of each version of the format is read without damage."""
    async with ChunkStore(GOLDEN / folder_name, read_only=True) as store:
        chunks, errors = await everything(store)
        assert errors == []
        count = 60 if folder_name == "v1" else 86
        assert sum(map(len, chunks)) == store.stats().messages == count
        assert (await store.find(22)) is not None


WRONG = [
    ("max_file_size", 0, "a number of bytes from 1 up"),
    ("max_file_size", 1.0, "a number of bytes from 1 up"),
    ("fsync", "often", "'always', 'close' or 'never'"),
    ("fsync", True, "'always', 'close' or 'never'"),
    ("codec", "zstd", "a ChunkCodec, or None for the default one"),
    ("read_only", 1, "True or False"),
    ("metrics", {}, "telefast.Metrics, or None"),
    ("path", 5, "the path of a folder"),
    ("path", None, "the path of a folder"),
    ("path", b"x", "the path of a folder"),
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
async def test_a_wrong_argument_is_named_at_once(
    name: str, value: Any, expected: str, tmp_path: Path
) -> None:
    """The constructor names argument and legal values, and touches no file."""
    with pytest.raises(ArgumentError) as caught:
        ChunkStore(**{"path": tmp_path / "new", name: value})
    assert (name, expected) == (caught.value.name, caught.value.expected)
    assert not (tmp_path / "new").exists()


async def test_wrong_bounds_are_named_at_once(tmp_path: Path) -> None:
    """`chunks` raises before it is iterated, `find` before it looks."""
    async with ChunkStore(tmp_path) as store:
        with pytest.raises(ArgumentError, match="min_id"):
            store.chunks(min_id="5")  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match="message_id"):
            await store.find("5")  # type: ignore[arg-type]


@pytest.mark.parametrize("schema", ["full", "light", "minimal"])
async def test_each_schema_is_searched_alike(tmp_path: Path, schema: Any) -> None:
    """Ids, dates and chats find the same chunks, whatever is kept; one store may hold them all."""
    world, channel = club(300)
    other = world.add_channel("Other", message_count=40)
    sent = [channel.message(i) for i in channel.ids]
    mixed = [*sent[:5], *(other.message(i) for i in other.ids)]
    async with ChunkStore(tmp_path, codec=ChunkCodec(schema=schema)) as store:
        for at in range(0, 300, 100):
            await store.append(sent[at : at + 100])
        await store.append(mixed)
        assert 345 == store.stats().messages
    async with ChunkStore(tmp_path, read_only=True) as store:
        chunks, errors = await everything(store)
        assert ([], [schema] * 4) == (errors, [chunk.schema for chunk in chunks])
        for message in (sent[0], sent[150], sent[-1]):
            found = await store.find(message.id, chat_id=channel.marked_id)
            assert found is not None
            assert message.id in found.ids
        found = await store.find(mixed[-1].id, chat_id=other.marked_id)
        assert found is not None
        assert (None, 45) == (found.chat_id, len(found))
        assert await store.find(10**6) is None
        bounds = {"chat_id": channel.marked_id, "since": sent[250].date}
        late = [chunk async for chunk in store.chunks(**bounds)]
        assert all(chunk.newest >= sent[250].date for chunk in late if chunk.newest)
        assert 1 <= len(late) < 4
        last = await store.last(chat_id=other.marked_id)
        assert last is not None
        assert last.ids == [message.id for message in mixed]
    async with ChunkStore(tmp_path) as store:  # the default codec writes whole messages behind
        await store.append(sent[:3])
        kinds = [chunk.schema async for chunk in store]
        assert [*[schema] * 4, "full"] == kinds
