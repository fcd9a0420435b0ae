"""Are made bytes a function of key and place alone, and nowhere the same?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.testing.file_content import BLOCK, Blob, file_sha256, made_bytes
from telefast.testing.file_refs import (
    Reference,
    is_for,
    read_reference,
    write_reference,
)

if TYPE_CHECKING:
    from pathlib import Path

HUGE = 5 << 30
keys = st.text(max_size=8)


@given(keys, st.integers(0, HUGE), st.integers(0, 3 * BLOCK), st.integers(0, 3 * BLOCK))
def test_parts_join(key: str, offset: int, first: int, second: int) -> None:
    """Two parts side by side are one larger part, wherever it begins, above 4 GiB too."""
    both = made_bytes(key, offset, first + second)
    assert first + second == len(both)
    assert both == made_bytes(key, offset, first) + made_bytes(key, offset + first, second)


@given(keys, st.lists(st.integers(0, HUGE // BLOCK), min_size=2, max_size=20, unique=True))
def test_no_two_blocks_are_equal(key: str, numbers: list[int]) -> None:
    """Each block of 4 KiB is unlike each other block of its file, and no block is of one byte."""
    blocks = [made_bytes(key, number * BLOCK, BLOCK) for number in numbers]
    assert len(blocks) == len({*blocks})
    assert all(len({*block}) > 200 for block in blocks)


def test_files_differ() -> None:
    """Files of other keys have other bytes in the same place."""
    found = {made_bytes(f"key {n}", BLOCK * 7, BLOCK) for n in range(200)}
    assert len(found) == 200


def test_bytes_are_the_same_for_ever() -> None:
    """The bytes of a key do not change between versions, so that hashes in tests stay good."""
    found = hashlib.sha256(made_bytes("key", 4_000, 10_000)).hexdigest()
    assert found == "c0b692b11e361d1258427cd581ed3017e639d35340bb5dbfd185afaeae81c489"


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 400), st.integers(1, 400))
def test_given_bytes(data: bytes, size: int, offset: int, limit: int) -> None:
    """Given bytes are served as they are; a file that claims more goes on with made ones."""
    blob = Blob("key", size, "", 0, 2, data)
    whole = blob.read(0, size + 1)
    assert size == len(whole)
    assert data[:size] == whole[: len(data)]
    assert whole[offset : offset + limit] == blob.read(offset, limit)


def test_a_file_on_disk(tmp_path: Path) -> None:
    """A file on disk is read part by part."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 40)
    blob = Blob("key", 10_240, "", 0, 2, path)
    assert path.read_bytes() == b"".join(blob.read(at, 4_096) for at in range(0, 12_288, 4_096))


@pytest.mark.parametrize("size", [0, 1, BLOCK, (1 << 20) + 5])
def test_hash_of_a_whole_file(size: int) -> None:
    """The hash is that of all bytes."""
    blob = Blob("key", size, "", 0, 2)
    assert hashlib.sha256(blob.read(0, size)).digest() == file_sha256(blob)


REFERENCE = st.builds(
    Reference,
    st.integers(0, 2**16 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**48),
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
)


@given(REFERENCE, st.integers(-(2**63), 2**63 - 1), st.integers(0, 34), st.integers(1, 255))
def test_references(reference: Reference, file_id: int, at: int, flip: int) -> None:
    """A reference says what was written; with any bit changed it opens nothing."""
    data = write_reference(b"secret", reference, ("photo", file_id))
    assert reference == read_reference(b"secret", data)
    assert is_for(b"secret", data, ("photo", file_id))
    assert not is_for(b"secret", data, ("document", file_id))
    assert not is_for(b"secret", data, ("photo", file_id ^ 1))
    assert read_reference(b"other", data) is None
    bad = data[:at] + bytes((data[at] ^ flip,)) + data[at + 1 :]
    read = read_reference(b"secret", bad)
    assert read is None or not is_for(b"secret", bad, ("photo", file_id))


@given(st.binary(max_size=80))
def test_garbage_is_no_reference(data: bytes) -> None:
    """Bytes that we never wrote are no reference."""
    assert read_reference(b"secret", data) is None
