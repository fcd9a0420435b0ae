"""Do the transports read what Telethon writes, and refuse everything else?"""

from __future__ import annotations

import contextlib
import struct
from types import SimpleNamespace
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.crypto import AESModeCTR
from telethon.network.connection.tcpabridged import AbridgedPacketCodec
from telethon.network.connection.tcpfull import FullPacketCodec
from telethon.network.connection.tcpintermediate import (
    IntermediatePacketCodec,
    RandomizedIntermediatePacketCodec,
)

from telefast.testing.obfuscation import AesCtr
from telefast.testing.transport import (
    MAX_PACKET,
    AbridgedDecoder,
    AbridgedEncoder,
    Decoder,
    FramingError,
    FullDecoder,
    FullEncoder,
    IntermediateDecoder,
    IntermediateEncoder,
    PaddedDecoder,
    PaddedEncoder,
    Wire,
)

PAYLOADS = st.lists(st.binary(min_size=1, max_size=200), max_size=8)


def stream_of(payloads: list[bytes]) -> bytes:
    """Return the packets of *payloads*, one after the other."""
    encoder = FullEncoder()
    return b"".join(encoder.encode(payload) for payload in payloads)


def read_all(decoder: Decoder | Wire) -> list[bytes]:
    """Take out all that is whole."""
    packets = []
    while (packet := decoder.next_packet()) is not None:
        packets.append(packet)
    return packets


@pytest.mark.rule("transport.full")
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


@pytest.mark.rule("transport.told-by-first-bytes")
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


@pytest.mark.rule("transport.full-checks-crc")
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


@pytest.mark.rule("transport.full-checks-crc")
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


# The other transports, and how they are told apart.

CODECS = {
    "full": FullPacketCodec,
    "abridged": AbridgedPacketCodec,
    "intermediate": IntermediatePacketCodec,
    "padded intermediate": RandomizedIntermediatePacketCodec,
}
TAGS = {
    "full": b"",
    "abridged": b"\xef",
    "intermediate": b"\xee" * 4,
    "padded intermediate": b"\xdd" * 4,
}
DECODERS = [FullDecoder, AbridgedDecoder, IntermediateDecoder, PaddedDecoder]
TRANSPORTS = dict(zip(CODECS, DECODERS, strict=True))


def sealed(size: int, fill: int) -> bytes:
    """Return a payload of the shape that encrypted messages have: a key id and whole blocks."""
    return bytes([fill % 255 + 1]) * (24 + 16 * size)


SEALED = st.lists(st.builds(sealed, st.integers(0, 60), st.integers(0, 254)), max_size=6)


@pytest.mark.rule("transport.told-by-first-bytes")
@pytest.mark.parametrize("name", [*CODECS])
@given(payloads=SEALED, cuts=st.lists(st.integers(1, 60), max_size=30))
def test_a_wire_reads_what_telethon_writes(
    name: str, payloads: list[bytes], cuts: list[int]
) -> None:
    """Whole, byte by byte or in pieces: the transport is found out and the payloads come out."""
    codec = CODECS[name](SimpleNamespace())
    stream = TAGS[name] + b"".join(codec.encode_packet(payload) for payload in payloads)
    for sizes in ([len(stream)], [1] * len(stream), [*cuts, len(stream)]):
        wire = Wire()
        packets = []
        position = 0
        for size in sizes:
            wire.feed(stream[position : position + size])
            position += size
            packets += read_all(wire)
        assert packets == payloads
        assert not payloads or wire.name == name


class Reader:
    """A stream that Telethon's codecs read from."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def readexactly(self, count: int) -> bytes:
        """Return the next *count* bytes."""
        assert len(self.data) >= count
        found, self.data = self.data[:count], self.data[count:]
        return found


@pytest.mark.rule("transport.full", "transport.abridged", "transport.intermediate")
@pytest.mark.rule("transport.padded-intermediate")
@pytest.mark.parametrize("name", [*CODECS])
@pytest.mark.parametrize("size", [1, 6, 40, 126 * 4, 127 * 4, 70_000])
async def test_telethon_reads_what_a_wire_writes(name: str, size: int) -> None:
    """The answer comes in the client's framing, in one piece or several."""
    wire = Wire()
    codec = CODECS[name](SimpleNamespace())
    wire.feed(TAGS[name] + codec.encode_packet(sealed(1, 1)))
    payload = b"abcd" * size
    reader = Reader(wire.encode(payload[:4], payload[4:]))
    assert await CODECS[name](SimpleNamespace()).read_packet(reader) == payload
    assert reader.data == b""


@pytest.mark.rule("transport.error-is-four-bytes")
@pytest.mark.parametrize("encoder", [AbridgedEncoder(), IntermediateEncoder(), PaddedEncoder()])
def test_a_refusal_is_four_bytes(encoder: AbridgedEncoder) -> None:
    """An error packet is a negative code alone, in any framing."""
    packet = encoder.encode(struct.pack("<i", -404))
    head = 1 if isinstance(encoder, AbridgedEncoder) else 4
    assert packet[head : head + 4] == struct.pack("<i", -404)
    assert len(packet) <= head + 7


@pytest.mark.rule("transport.padded-intermediate")
@given(st.integers(0, 15), st.integers(0, 20), st.booleans())
def test_padding_is_dropped(padding: int, size: int, is_plain: bool) -> None:
    """Up to 15 bytes of padding never reach the payload, encrypted or plain."""
    payload = sealed(size, 3)
    if is_plain:
        body = b"x" * (4 + 4 * size)
        payload = bytes(8) + b"message." + struct.pack("<i", len(body)) + body
    decoder = PaddedDecoder()
    decoder.feed(IntermediateEncoder().encode(payload, b"p" * padding))
    assert decoder.next_packet() == payload


@pytest.mark.parametrize("kind", DECODERS)
@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(1, 50), max_size=20))
def test_garbage_never_breaks_a_transport(
    kind: type[Decoder], data: bytes, cuts: list[int]
) -> None:
    """Any bytes give packets, nothing yet, or `FramingError`; the cut makes no difference."""
    outcomes = []
    for sizes in ([len(data)], [*cuts, len(data)]):
        decoder = kind(max_packet=100)
        packets: list[bytes] = []
        broken = False
        position = 0
        for size in sizes:
            decoder.feed(data[position : position + size])
            position += size
            try:
                while (packet := decoder.next_packet()) is not None:
                    packets.append(packet)
            except FramingError:
                broken = True
                assert len(decoder) == 0
                break
        assert all(len(packet) <= 100 for packet in packets)
        outcomes.append((packets, broken))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("kind", "head", "said"),
    [
        (AbridgedDecoder, b"\x00", "0 bytes"),
        (AbridgedDecoder, b"\x80", "0 bytes"),
        (AbridgedDecoder, b"\x7f\xff\xff\xff", "bytes"),
        (IntermediateDecoder, b"\x00\x00\x00\x00", "0 bytes"),
        (IntermediateDecoder, b"\x06\x00\x00\x00", "no multiple of 4"),
        (IntermediateDecoder, b"\x06\x00\x00\x80", "no multiple of 4"),
        (IntermediateDecoder, b"\xff\xff\xff\x7f", "bytes"),
        (PaddedDecoder, b"\x00\x00\x00\x00", "0 bytes"),
        (PaddedDecoder, b"\xff\xff\xff\x7f", "bytes"),
    ],
)
def test_an_impossible_head_is_refused(kind: type[Decoder], head: bytes, said: str) -> None:
    """The head alone is enough to refuse a packet."""
    decoder = kind()
    decoder.feed(head)
    with pytest.raises(FramingError, match=said):
        decoder.next_packet()


def test_a_wire_waits_until_it_knows() -> None:
    """Nothing is read before the first bytes are told apart."""
    wire = Wire()
    for byte in b"\xee\xee\xee":
        wire.feed(bytes([byte]))
        assert (wire.next_packet(), wire.name) == (None, None)
    wire.feed(b"\xee")
    assert wire.name == "intermediate"
    other = Wire()
    other.feed(b"\xee\xee\xee")
    other.feed(bytes(5))
    assert (other.name, len(TAGS)) == ("full", 4)
    with pytest.raises(FramingError, match="full transport"):
        other.next_packet()


# Obfuscation.

INNER = {"obfuscated abridged": "abridged"} | {
    f"obfuscated {name}": name for name in ("intermediate", "padded intermediate")
}


def obfuscated(name: str, stream: bytes, filler: bytes) -> tuple[bytes, AESModeCTR]:
    """Hide a stream as Telethon would; return it, and what reads the answers."""
    header = bytearray(b"12345678" + filler)
    header[56:60] = TAGS[name] * (4 // len(TAGS[name]))
    back = bytes(header[55:7:-1])
    encryptor = AESModeCTR(bytes(header[8:40]), bytes(header[40:56]))
    header[56:] = encryptor.encrypt(bytes(header))[56:]
    return bytes(header) + encryptor.encrypt(stream), AESModeCTR(back[:32], back[32:48])


@pytest.mark.rule("transport.obfuscated")
@pytest.mark.parametrize("name", [*INNER])
@given(
    payloads=SEALED,
    cuts=st.lists(st.integers(1, 90), max_size=30),
    filler=st.binary(min_size=56, max_size=56),
)
@settings(max_examples=15)
def test_a_wire_reads_through_obfuscation(
    name: str, payloads: list[bytes], cuts: list[int], filler: bytes
) -> None:
    """However the stream is cut, the same packets come out, and answers go back hidden."""
    codec = CODECS[INNER[name]](SimpleNamespace())
    plain = b"".join(codec.encode_packet(payload) for payload in payloads)
    stream, decryptor = obfuscated(INNER[name], plain, filler)
    for sizes in ([len(stream)], [1] * len(stream), [*cuts, len(stream)]):
        wire = Wire()
        packets = []
        position = 0
        for size in sizes:
            wire.feed(stream[position : position + size])
            position += size
            packets += read_all(wire)
        assert packets == payloads
        assert wire.name == name
    answer = decryptor.encrypt(wire.encode(sealed(1, 1), sealed(2, 2)[:16]))
    decoder = TRANSPORTS[INNER[name]]()
    decoder.feed(answer)
    assert decoder.next_packet() == sealed(1, 1) + sealed(2, 2)[:16]


@given(
    st.binary(min_size=32, max_size=32),
    st.one_of(st.just(b"\xff" * 16), st.binary(min_size=16, max_size=16)),
    st.lists(st.binary(max_size=70), max_size=6),
)
@settings(max_examples=25)
def test_the_stream_is_that_of_aes_ctr(key: bytes, iv: bytes, pieces: list[bytes]) -> None:
    """In any pieces, and where the counter begins anew: what Telethon's own CTR makes."""
    ours, theirs = AesCtr(key, iv), AESModeCTR(key, iv)
    assert b"".join(map(ours.apply, pieces)) == theirs.encrypt(b"".join(pieces))


@given(st.binary(min_size=64, max_size=200), st.lists(st.integers(1, 50), max_size=8))
def test_first_bytes_of_nothing_are_refused(data: bytes, cuts: list[int]) -> None:
    """64 bytes are enough to know; the cut makes no difference, and broken stays broken."""
    outcomes = []
    for sizes in ([len(data)], [*cuts, len(data)]):
        wire = Wire()
        position = 0
        packets: list[bytes] = []
        said = ""
        for size in sizes:
            wire.feed(data[position : position + size])
            position += size
            try:
                packets += read_all(wire)
            except FramingError as error:
                said = str(error)
        outcomes.append((packets, said))
        assert said or wire.name
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("head", [b"GET / HTTP", b"POST /api ", b"\x16\x03\x01\x02\x00"])
def test_other_protocols_are_named(head: bytes) -> None:
    """A client that speaks HTTP or TLS is told so at once."""
    wire = Wire()
    wire.feed(head)
    wire.feed(bytes(80))
    with pytest.raises(FramingError, match=r"HTTP|TLS"):
        wire.next_packet()


# Quick acknowledgements.


@pytest.mark.rule("transport.quick-ack")
@pytest.mark.parametrize("size", [2, 126 * 4, 200 * 4])
@pytest.mark.parametrize("name", ["abridged", "intermediate", "padded intermediate"])
def test_a_quick_acknowledgement_is_asked_for_by_the_top_bit(name: str, size: int) -> None:
    """The payload is the same; the wire tells who asked, and writes what tells it from a packet."""
    payload = sealed(size, 1)
    packet = bytearray(CODECS[name](SimpleNamespace()).encode_packet(payload))
    plain = bytes(packet)
    packet[0 if name == "abridged" else 3] |= 0x80
    wire = Wire()
    wire.feed(TAGS[name] + bytes(packet) + plain)
    assert (wire.next_packet(), wire.wants_ack) == (payload, True)
    assert (wire.next_packet(), wire.wants_ack) == (payload, False)
    token = wire.encode_ack(b"\x01\x02\x03\x04")
    assert token == (b"\x84\x03\x02\x01" if name == "abridged" else b"\x01\x02\x03\x84")
