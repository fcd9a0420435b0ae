"""Walking through frames: every whole one is found, and what is none is bounded exactly."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.chunks import frames
from telefast.chunks.frames import HEADER_SIZE, MAGIC, Header, Span, is_torn, scan
from tests.unit.chunk_model import frame_of


class Bytes:
    """A source in memory, which counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read = 0
        self.largest = 0

    def read_at(self, offset: int, size: int) -> bytes:
        assert size >= 0
        self.read += size
        self.largest = max(self.largest, size)
        return self.data[offset : offset + size]


def walk(data: bytes, *, is_strict: bool = False) -> list[Span]:
    """Return all that a walk from end to end finds; it leaves no gap."""
    spans = list(scan(Bytes(data), 0, len(data), is_strict=is_strict))
    assert [0, *(span.end for span in spans)] == [*(span.start for span in spans), len(data)]
    return spans


def frames_in(data: bytes, *, is_strict: bool = True) -> list[bytes]:
    """Return the bytes of each frame found."""
    found = walk(data, is_strict=is_strict)
    return [data[span.start : span.end] for span in found if span.header is not None]


FRAMES = [frame_of(bytes([i]) * size) for i, size in enumerate((1, 300, 40, 40))]
FILE = b"".join(FRAMES)
STARTS = [sum(map(len, FRAMES[:i])) for i in range(len(FRAMES))]


def test_header_is_as_specified() -> None:
    """The header has 52 bytes, little-endian, in the order of the format."""
    header = Header(1, 0, 2, 0, 229, 3, 9, -7, 1000, 500, 0xDEADBEEF)
    expected = (
        "5446434b 01 00 02 00 e5000000 03000000 0900000000000000 f9ffffffffffffff "
        "e803000000000000 f401000000000000 efbeadde"
    )
    assert bytes.fromhex(expected) == header.pack()
    assert HEADER_SIZE == len(header.pack()) == 52
    assert header == Header.unpack(header.pack() + b"more")
    assert header.frame_size == 552


def test_what_is_no_header() -> None:
    """Fewer bytes, or another beginning, are no header."""
    data = FRAMES[0]
    assert Header.unpack(data[: HEADER_SIZE - 1]) is None
    assert Header.unpack(b"tfck" + data[4:]) is None
    assert Header.unpack(b"") is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"version": 2}, "format version 2"),
        ({"schema": 3}, "schema 3"),
        ({"codec": 9}, "codec 9"),
        ({"flags": 4}, "flags 4"),
    ],
)
def test_what_a_later_release_may_write_is_named(changes: dict[str, int], expected: str) -> None:
    """A version, schema, codec or flag that we do not know is told from damage."""
    header = Header.unpack(FRAMES[0])
    assert header is not None
    assert expected == replace(header, **changes).unknown


@pytest.mark.parametrize("is_strict", [False, True])
def test_whole_frames_are_found(is_strict: bool) -> None:
    """Each frame is found where it lies, and an empty file holds none."""
    assert FRAMES == frames_in(FILE, is_strict=is_strict)
    assert walk(b"", is_strict=is_strict) == []


def test_a_walk_reads_headers_only() -> None:
    """A walk that is not strict reads no body of a healthy file."""
    source = Bytes(frame_of(b"x" * 1_000_000) * 3)
    assert len(list(scan(source, 0, len(source.data), is_strict=False))) == 3
    assert source.read == 3 * HEADER_SIZE + 2 * len(MAGIC)


@pytest.mark.parametrize("is_strict", [False, True])
def test_one_flipped_bit_costs_one_frame(is_strict: bool) -> None:
    """With any bit of the file flipped, all other frames are found by a walk and a closer look."""
    for at in range(len(FILE)):
        hit = max(i for i, start in enumerate(STARTS) if start <= at)
        for bit in range(8):
            data = bytearray(FILE)
            data[at] ^= 1 << bit
            found = []
            for span in walk(bytes(data), is_strict=is_strict):
                if span.header is not None:
                    found += frames_in(bytes(data)[span.start : span.end])
            # The header has no checksum of its own: that frame may still be found, and is
            # compared with its body when it is decoded.
            others = [frame for i, frame in enumerate(FRAMES) if i != hit]
            assert others == [frame for frame in found if frame in others]
            assert len(found) <= len(FRAMES)


@given(st.lists(st.one_of(st.sampled_from(FRAMES), st.binary(max_size=60)), max_size=8))
def test_frames_among_garbage(parts: list[bytes]) -> None:
    """All frames are found, whatever lies between them."""
    found = frames_in(b"".join(parts))
    assert [part for part in parts if part in FRAMES] == found


@given(st.binary(max_size=500))
def test_garbage_holds_nothing(data: bytes) -> None:
    """Bytes without a frame are one span that is none."""
    assert [Span(0, len(data), None)] * bool(data) == walk(data)


def test_a_swallowed_frame_is_found_by_a_closer_look() -> None:
    """A wrong length that ends where a later frame begins deceives a walk, not a strict one."""
    first = Header.unpack(FRAMES[2])
    assert first is not None
    longer = replace(first, packed_size=first.packed_size + len(FRAMES[3])).pack()
    data = longer + FRAMES[2][HEADER_SIZE:] + FRAMES[3] + FRAMES[1]
    assert len(walk(data)) == 2
    spans = walk(data, is_strict=True)
    assert [None, *FRAMES[3:], FRAMES[1]] == [
        None if span.header is None else data[span.start : span.end] for span in spans
    ]


def test_a_magic_across_two_blocks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search reads block by block, and misses no magic at their borders."""
    monkeypatch.setattr(frames, "_BLOCK", 64)
    for garbage in range(1, 140):
        data = b"-" * garbage + FILE
        assert FRAMES == frames_in(data)
        assert FRAMES == frames_in(data, is_strict=False)


def test_reading_is_bounded() -> None:
    """However long a body claims to be, no more than a block and a bit is read at once."""
    block = frames._BLOCK
    data = frame_of(b"x" * (3 * block)) + b"?" * (2 * block) + FRAMES[1]
    source = Bytes(data)
    assert [True, False, True] == [
        span.header is not None for span in scan(source, 0, len(data), is_strict=True)
    ]
    assert source.largest <= block + len(MAGIC)


def test_a_later_version_is_a_frame() -> None:
    """A frame of a later version is walked over, not searched through."""
    later = frame_of(b"later", version=2)
    assert [later, FRAMES[1]] == frames_in(later + FRAMES[1])
    # But in the search behind damage only what we know is believed.
    assert [FRAMES[1]] == frames_in(b"?" + later + FRAMES[1])


@pytest.mark.parametrize("frame", FRAMES)
def test_each_part_of_a_write_is_torn(frame: bytes) -> None:
    """A frame cut after any of its bytes is what a write leaves that was cut short."""
    for size in range(1, len(frame)):
        [*before, last] = walk(FILE + frame[:size])
        assert [True] * len(FRAMES) == [span.header is not None for span in before]
        assert is_torn(Bytes(FILE + frame[:size]), last.start, last.end)


def test_zeros_are_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros at the end, of any length, are what a power failure leaves."""
    monkeypatch.setattr(frames, "_BLOCK", 64)
    for size in (1, 4, HEADER_SIZE, 64, 65, 200):
        assert is_torn(Bytes(FILE + b"\x00" * size), len(FILE), len(FILE) + size)
        assert not is_torn(Bytes(b"\x00" * size + b"x"), 0, size + 1)


def test_damage_is_not_torn() -> None:
    """Garbage, a damaged magic, and a whole body behind a wrong length are kept, not cut."""
    frame = FRAMES[1]
    header = Header.unpack(frame)
    assert header is not None
    longer = replace(header, packed_size=header.packed_size + 1).pack() + frame[HEADER_SIZE:]
    shorter = replace(header, packed_size=header.packed_size - 1).pack() + frame[HEADER_SIZE:]
    for data in (b"garbage", b"x" * 100, b"X" + frame[1:], longer, shorter):
        [*_, last] = walk(FILE + data)
        assert last.header is None
        assert not is_torn(Bytes(FILE + data), last.start, last.end)
