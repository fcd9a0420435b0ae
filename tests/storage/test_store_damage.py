"""What was readable stays readable, whatever byte is hit, and what is lost is named."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from telefast import ChunkStore, CorruptChunkError, UnsupportedChunkError
from telefast.chunks.frames import HEADER_SIZE, Header
from tests.storage.stores import everything, fill, ids_in, messages, sizes

PARTS = [[1], [9, 8], [2], [5]]


class Sample:
    """A store of four small chunks in one file, and its bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "000000.tfc"
        self.whole = self.file.read_bytes()
        self.starts = []
        at = 0
        while at < len(self.whole):
            self.starts.append(at)
            header = Header.unpack(self.whole[at:])
            assert header is not None
            at += header.frame_size

    def hit(self, at: int) -> int:
        """Return which chunk the byte belongs to."""
        return max(i for i, start in enumerate(self.starts) if start <= at)


@pytest.fixture
async def sample(tmp_path: Path) -> Sample:
    """A healthy store."""
    await fill(tmp_path, *(messages(*part) for part in PARTS))
    return Sample(tmp_path)


async def test_a_store_cut_at_each_byte_of_its_last_chunk(sample: Sample) -> None:
    """Readers see all whole chunks; the next writer cuts off the rest and goes on after them."""
    start = sample.starts[-1]
    for end in range(start, len(sample.whole)):
        sample.file.write_bytes(sample.whole[:end])
        async with ChunkStore(sample.folder, read_only=True) as store:
            chunks, errors = await everything(store)
            assert (PARTS[:-1], []) == ([chunk.ids for chunk in chunks], errors)
            assert end - start == store.stats().torn_bytes
            assert (0, start) == (store.stats().chunk_corrupt, store.stats().bytes)
        assert end == sample.file.stat().st_size, "a reader changed the file"
        async with ChunkStore(sample.folder) as store:
            assert start == sample.file.stat().st_size
            assert end - start == store.stats().torn_bytes
            await store.append(messages(7))
            chunks, errors = await everything(store)
            assert ([*PARTS[:-1], [7]], []) == ([chunk.ids for chunk in chunks], errors)


async def test_a_file_cut_anywhere(sample: Sample) -> None:
    """Whatever is left of a file, its whole chunks are there, and appending goes on."""
    for end in range(len(sample.whole)):
        sample.file.write_bytes(sample.whole[:end])
        whole = [p for p, after in zip(PARTS, sample.starts[1:], strict=False) if after <= end]
        assert whole == await ids_in(sample.folder)
        await fill(sample.folder, messages(7))
        assert [*whole, [7]] == await ids_in(sample.folder)


async def _check_damage(sample: Sample, data: bytes, at: int) -> None:
    """Check a store in which the byte *at* is not what it was."""
    sample.file.write_bytes(data)
    hit = sample.hit(at)
    others = [part for i, part in enumerate(PARTS) if i != hit]
    async with ChunkStore(sample.folder, read_only=True) as store:
        chunks, errors = await everything(store)
        assert others == [chunk.ids for chunk in chunks]
        [error] = errors
        assert isinstance(error, CorruptChunkError | UnsupportedChunkError)
        assert (str(sample.file), sample.starts[hit]) == (error.path, error.offset)
        assert [str(error)] == [str(each) for each in store.damaged]
        assert store.stats().chunk_corrupt == 1
    assert data == sample.file.read_bytes(), "a reader changed the file"


async def test_one_flipped_bit_anywhere(sample: Sample) -> None:
    """All other chunks are read, and the damaged one is named with its file and offset."""
    for at in range(len(sample.whole)):
        data = bytearray(sample.whole)
        data[at] ^= 1 << at % 8
        await _check_damage(sample, bytes(data), at)


@pytest.mark.slow
@pytest.mark.parametrize("bit", range(8))
async def test_each_bit_flipped(sample: Sample, bit: int) -> None:
    """The same for every bit of every byte."""
    for at in range(len(sample.whole)):
        data = bytearray(sample.whole)
        data[at] ^= 1 << bit
        await _check_damage(sample, bytes(data), at)


async def test_a_damaged_store_is_appended_to(sample: Sample) -> None:
    """Damage, also at the very end, is left as it is; what is appended behind it is read."""
    for at in range(0, len(sample.whole), 5):
        data = bytearray(sample.whole)
        data[at] ^= 0x20
        sample.file.write_bytes(data)
        others = [part for i, part in enumerate(PARTS) if i != sample.hit(at)]
        await fill(sample.folder, messages(7))
        assert [*others, [7]] == await ids_in(sample.folder)


async def test_bytes_lost_and_bytes_added(sample: Sample) -> None:
    """Holes, insertions, and blocks of zeros cost only the chunks they touch."""
    first, second, third, fourth = (
        sample.whole[start:end]
        for start, end in zip(sample.starts, [*sample.starts[1:], None], strict=True)
    )
    for parts, expected in (
        ([first, b"garbage", second, third, fourth], PARTS),
        ([b"\0" * 100, first, second, third, fourth], PARTS),
        ([first, second[:50], third, fourth], [PARTS[0], *PARTS[2:]]),
        ([first, b"\0" * len(second), third, fourth], [PARTS[0], *PARTS[2:]]),
        ([first, second[:20], second[30:], third, fourth], [PARTS[0], *PARTS[2:]]),
        ([first, b"TFCK", second, third, fourth], PARTS),
        ([first[: HEADER_SIZE + 3], fourth, fourth], [PARTS[3], PARTS[3]]),
        ([b"all is garbage"], []),
    ):
        sample.file.write_bytes(b"".join(parts))
        assert expected == await ids_in(sample.folder)
        async with ChunkStore(sample.folder, read_only=True) as store:
            _, errors = await everything(store)
            assert len(errors) == 1


async def test_zeros_at_the_end_are_cut(sample: Sample) -> None:
    """What some file systems leave after a power failure is no damage."""
    sample.file.write_bytes(sample.whole + b"\0" * 5000)
    async with ChunkStore(sample.folder) as store:
        chunks, errors = await everything(store)
        assert (PARTS, []) == ([chunk.ids for chunk in chunks], errors)
        assert store.stats().torn_bytes == 5000
    assert sample.whole == sample.file.read_bytes()


async def test_a_torn_file_in_the_middle_is_damage(tmp_path: Path) -> None:
    """Only the last file can be torn by a write; in an earlier one something is lost, and named."""
    await fill(tmp_path, messages(1), messages(2), messages(3), max_file_size=1)
    middle = tmp_path / "000001.tfc"
    middle.write_bytes(middle.read_bytes()[:-1])
    before = sizes(tmp_path)
    async with ChunkStore(tmp_path) as store:
        chunks, [error] = await everything(store)
        assert [[1], [3]] == [chunk.ids for chunk in chunks]
        assert (str(middle), 0) == (error.path, error.offset)
        assert store.stats().torn_bytes == 0
    assert before == sizes(tmp_path)


async def _swallow(sample: Sample) -> None:
    """Let the second chunk claim the third, ending where the fourth begins."""
    header = Header.unpack(sample.whole[sample.starts[1] :])
    assert header is not None
    data = bytearray(sample.whole)
    size = sample.starts[3] - sample.starts[1] - HEADER_SIZE
    at = sample.starts[1] + 40
    assert data[at : at + 8] == header.packed_size.to_bytes(8, "little")
    data[at : at + 8] = size.to_bytes(8, "little")
    sample.file.write_bytes(data)


async def test_a_swallowed_chunk_is_found(sample: Sample) -> None:
    """A chunk within another one's wrong length is read after the error, by both ways to read."""
    await _swallow(sample)
    async with ChunkStore(sample.folder, read_only=True) as store:
        assert store.stats().chunks == 3
        chunks, [error] = await everything(store)
        assert [PARTS[0], PARTS[2], PARTS[3]] == [chunk.ids for chunk in chunks]
        assert (CorruptChunkError, sample.starts[1]) == (type(error), error.offset)
        # From now on it is known.
        chunks, errors = await everything(store)
        assert (3, 1) == (len(chunks), len(errors))
        assert len(store.damaged) == 1
    async with ChunkStore(sample.folder, read_only=True) as store:
        found = await store.find(2)
        assert found is not None
        assert PARTS[2] == found.ids


async def test_find_beside_damage(sample: Sample) -> None:
    """What is found is found; what is not found may have been in the damaged chunk: an error."""
    data = bytearray(sample.whole)
    data[sample.starts[2] + HEADER_SIZE] ^= 1
    sample.file.write_bytes(data)
    async with ChunkStore(sample.folder, read_only=True) as store:
        for message_id in (1, 8, 5):
            found = await store.find(message_id)
            assert found is not None
            assert message_id in found.ids
        for message_id in (2, 77):
            with pytest.raises(CorruptChunkError, match="wrong checksum"):
                await store.find(message_id)


async def test_going_on_after_damage_at_the_end(sample: Sample) -> None:
    """`last` is the last chunk that can be read, so a resumed export fetches the lost one again."""
    data = bytearray(sample.whole)
    data[-1] ^= 1
    sample.file.write_bytes(data)
    async with ChunkStore(sample.folder) as store:
        found = await store.last()
        assert found is not None
        assert PARTS[2] == found.ids
    await _swallow(sample)
    sample.file.write_bytes(sample.file.read_bytes()[: sample.starts[3]])
    async with ChunkStore(sample.folder) as store:
        found = await store.last()
        assert found is not None
        assert PARTS[2] == found.ids


async def test_skipping_is_logged(sample: Sample, caplog: pytest.LogCaptureFixture) -> None:
    """With `skip_damaged` each damaged chunk is a warning that names it, without its content."""
    data = bytearray(sample.whole)
    data[sample.starts[1] + HEADER_SIZE] ^= 1
    sample.file.write_bytes(data)
    with caplog.at_level(logging.WARNING, "telefast.chunks"):
        assert [PARTS[0], *PARTS[2:]] == await ids_in(sample.folder)
    [record] = caplog.records
    assert f"chunk at byte {sample.starts[1]}: wrong checksum" in record.getMessage()


async def test_a_torn_tail_is_logged(sample: Sample, caplog: pytest.LogCaptureFixture) -> None:
    """Whether it is cut or ignored, with its size."""
    sample.file.write_bytes(sample.whole[:-1])
    size = len(sample.whole) - 1 - sample.starts[-1]
    with caplog.at_level(logging.WARNING, "telefast.chunks"):
        await ids_in(sample.folder)
        await fill(sample.folder)
        await fill(sample.folder)
    texts = [record.getMessage() for record in caplog.records]
    path = sample.folder
    assert [f"torn tail {done} path={path} bytes={size}" for done in ("ignored", "cut")] == texts


async def test_a_chunk_of_a_later_release_is_named(sample: Sample) -> None:
    """It is told from damage, with its version, and the others are read."""
    data = bytearray(sample.whole)
    data[sample.starts[1] + 4] = 2
    sample.file.write_bytes(data)
    async with ChunkStore(sample.folder, read_only=True) as store:
        chunks, [error] = await everything(store)
        assert [PARTS[0], *PARTS[2:]] == [chunk.ids for chunk in chunks]
        assert isinstance(error, UnsupportedChunkError)
        assert (2, str(sample.file), sample.starts[1]) == (error.version, error.path, error.offset)
