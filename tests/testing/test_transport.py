"""Does the full transport read what Telethon writes, and refuse everything else?"""

from __future__ import annotations

import contextlib
import struct
from types import SimpleNamespace
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.network.connection.tcpfull import FullPacketCodec

from telefast.testing.transport import MAX_PACKET, FramingError, FullDecoder, FullEncoder

PAYLOADS = st.lists(st.binary(min_size=1, max_size=200), max_size=8)


def stream_of(payloads: list[bytes]) -> bytes:
    """Return the packets of *payloads*, one after the other."""
    encoder = FullEncoder()
    return b"".join(encoder.encode(payload) for payload in payloads)


def read_all(decoder: FullDecoder) -> list[bytes]:
    """Take out all that is whole."""
    packets = []
    while (packet := decoder.next_packet()) is not None:
        packets.append(packet)
    return packets


def test_a_packet_has_the_documented_layout() -> None:
    """Length, number, payload and CRC32 stand where the specification puts them."""
    packet = FullEncoder(7).encode(b"abcd", b"efgh")
    body = bytes.fromhex("1400000007000000") + b"abcdefgh"
    assert packet == body + struct.pack("<I", crc32(body))


@given(PAYLOADS)
def test_telethon_writes_the_same(payloads: list[bytes]) -> None:
    """Telethon's own codec makes the same stream, and ours reads it back."""
    codec = FullPacketCodec(SimpleNamespace())
    stream = b"".join(codec.encode_packet(payload) for payload in payloads)
    assert stream == stream_of(payloads)
    decoder = FullDecoder()
    decoder.feed(stream)
    assert read_all(decoder) == payloads
    assert len(decoder) == 0


@given(PAYLOADS, st.lists(st.integers(1, 60), max_size=40))
def test_it_does_not_matter_how_a_stream_is_cut(payloads: list[bytes], cuts: list[int]) -> None:
    """Whole, byte by byte or in any pieces: the same packets come out."""
    stream = stream_of(payloads)
    for sizes in ([len(stream)], [1] * len(stream), [*cuts, len(stream)]):
        decoder = FullDecoder()
        packets = []
        position = 0
        for size in sizes:
            decoder.feed(stream[position : position + size])
            position += size
            packets += read_all(decoder)
        assert packets == payloads


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), max_size=20))
def test_garbage_is_a_framing_error_or_incomplete(data: bytes, cuts: list[int]) -> None:
    """Any bytes give packets, nothing yet, or `FramingError`; the cut makes no difference."""
    outcomes = []
    for sizes in ([len(data)], [*cuts, len(data)]):
        decoder = FullDecoder()
        packets: list[bytes] = []
        broken = False
        position = 0
        for size in sizes:
            decoder.feed(data[position : position + size])
            position += size
            try:
                packets += read_all(decoder)
            except FramingError:
                broken = True
                break
        outcomes.append((packets, broken))
    assert outcomes[0] == outcomes[1]


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_flipped_byte_is_found(position: int, flip: int) -> None:
    """Whichever byte of a packet changes, its payload never comes out changed."""
    stream = bytearray(stream_of([b"x" * 40, b"y" * 40]))
    stream[position % len(stream)] ^= flip
    decoder = FullDecoder()
    decoder.feed(bytes(stream))
    packets = []
    with contextlib.suppress(FramingError):
        packets = read_all(decoder)
    assert packets in ([], [b"x" * 40])


@pytest.mark.parametrize("length", [-(2**31), -404, -1, 0, 8, 12, MAX_PACKET + 1, 2**31 - 1])
def test_an_impossible_length_is_refused_at_once(length: int) -> None:
    """Four bytes are enough to refuse; nothing is kept, and the decoder stays broken."""
    decoder = FullDecoder()
    decoder.feed(struct.pack("<i", length))
    with pytest.raises(FramingError, match="bytes"):
        decoder.next_packet()
    assert len(decoder) == 0
    decoder.feed(stream_of([b"good"]))
    with pytest.raises(FramingError):
        decoder.next_packet()


def test_packets_must_be_numbered_from_zero() -> None:
    """A stream that begins with another number, or skips one, is refused."""
    decoder = FullDecoder()
    decoder.feed(FullEncoder(1).encode(b"late"))
    with pytest.raises(FramingError, match="number 1 where 0 was due"):
        decoder.next_packet()


def test_the_largest_packet_passes() -> None:
    """A packet of exactly the limit is read."""
    decoder = FullDecoder(max_packet=64)
    decoder.feed(FullEncoder().encode(b"z" * 52))
    assert decoder.next_packet() == b"z" * 52
