"""The connection for what is received in bulk, between a server and a sender that are played."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.transport.wire import Wire

TAG = b"\xee" * 4


class Played:
    """A transport that keeps what is written and notes what it is told."""

    def __init__(self) -> None:
        self.written = b""
        self.told: list[str] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def __getattr__(self, name: str) -> Any:
        return lambda: self.told.append(name)


def wired() -> tuple[Wire, Played]:
    """Return a connection that is up."""
    wire, transport = Wire("127.0.0.1", 1, 2, loggers={}), Played()
    wire.connection_made(transport)  # type: ignore[arg-type]
    return wire, transport


def packed(*packets: bytes) -> bytes:
    """Return packets as they are on the wire."""
    return b"".join(struct.pack("<I", len(packet)) + packet for packet in packets)


def arrive(wire: Wire, data: bytes) -> int:
    """Let the kernel write as much as fits; return how much that was."""
    buffer = wire.get_buffer(-1)
    taken = min(len(buffer), len(data))
    buffer[:taken] = data[:taken]
    wire.buffer_updated(taken)
    return taken


@given(
    st.lists(st.sampled_from([1, 4, 40, 16379, 16380, 16381, 16384, 70_000]), max_size=12),
    st.lists(st.integers(1, 40_000), min_size=1),
)
async def test_packets_come_whole_wherever_the_stream_is_cut(
    sizes: list[int], cuts: list[int]
) -> None:
    """Small and large ones, in order, byte for byte."""
    packets = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
    wire, _ = wired()
    stream, got, turn = packed(*packets), [], 0
    while stream:
        piece = stream[: cuts[turn % len(cuts)]]
        turn += 1
        stream = stream[arrive(wire, piece) :]
        while wire._packets:
            got.append(await wire.recv())
    assert packets == got


async def test_no_more_is_read_than_is_taken() -> None:
    """A part that nobody has taken stops reading; taking it lets it go on. Small ones do not."""
    wire, transport = wired()
    part = bytes(1024 * 1024)
    for stream in (packed(b"tiny", b"part"), packed(part), packed(b"next")):
        while stream:
            stream = stream[arrive(wire, stream) :]
    assert transport.told == ["pause_reading"]
    assert [await wire.recv() for _ in range(2)] == [b"tiny", b"part"]
    assert transport.told == ["pause_reading"]
    assert await wire.recv() == part
    assert transport.told == ["pause_reading", "resume_reading"]
    assert await wire.recv() == b"next"


async def test_a_packet_that_comes_later() -> None:
    """Who waits for a packet gets it; who gives up leaves it for the next."""
    wire, _ = wired()
    waiting = asyncio.ensure_future(wire.recv())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    waiting = asyncio.ensure_future(wire.recv())
    await asyncio.sleep(0)
    arrive(wire, packed(b"late"))
    assert await waiting == b"late"


async def test_sending_waits_for_room() -> None:
    """What the socket does not take yet holds the next packet back."""
    wire, transport = wired()
    await wire.send(b"abcd")
    assert transport.written == TAG + packed(b"abcd")
    wire.pause_writing()
    sending = asyncio.ensure_future(wire.send(b"efgh"))
    await asyncio.sleep(0)
    assert not sending.done()
    wire.resume_writing()
    await sending
    assert transport.written == TAG + packed(b"abcd", b"efgh")


@pytest.mark.parametrize("error", [None, ConnectionAbortedError("cut")])
async def test_the_end_comes_behind_what_has_arrived(error: Exception | None) -> None:
    """Packets first, then the error; waiting senders go on, later ones are refused."""
    wire, _ = wired()
    wire.pause_writing()
    sending = asyncio.ensure_future(wire.send(b"abcd"))
    await asyncio.sleep(0)
    arrive(wire, packed(b"last"))
    wire.connection_lost(error)
    await sending
    assert await wire.recv() == b"last"
    with pytest.raises(type(error) if error else ConnectionResetError):
        await wire.recv()
    with pytest.raises(ConnectionError):
        await wire.send(b"more")
    assert not wire._connected
    await wire.disconnect()


@pytest.mark.parametrize("length", [0, 1 << 25 | 1, 0xFFFF_FE53])
async def test_a_length_that_cannot_be_ends_the_connection(length: int) -> None:
    """Nothing behind it can be read."""
    wire, transport = wired()
    arrive(wire, packed(b"good") + struct.pack("<I", length) + b"rest")
    assert transport.told == ["abort"]
    wire.connection_lost(None)
    assert await wire.recv() == b"good"
    with pytest.raises(ConnectionError, match=f"a packet of {length} bytes"):
        await wire.recv()


async def test_over_tcp() -> None:
    """It begins with its tag, carries packets both ways, and closes the socket."""
    heard: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(4 + 8))
        writer.write(packed(b"pong", bytes(300_000)))
        heard.append(await reader.read())
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        wire = Wire("127.0.0.1", port, 2, loggers={}, local_addr="127.0.0.1")
        with pytest.raises(ConnectionError):
            await wire.send(b"early")
        await wire.disconnect()  # of what was never connected
        await wire.connect(timeout=5)
        assert str(wire) == f"127.0.0.1:{port}/Wire"
        await wire.send(b"ping")
        assert (await wire.recv(), len(await wire.recv())) == (b"pong", 300_000)
        await wire.disconnect()
        await ended.wait()
    assert heard == [TAG + packed(b"ping"), b""]
    with pytest.raises(ConnectionError):
        await wire.recv()


async def test_a_socket_that_does_not_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written may still leave for a while; then the connection is cut."""
    monkeypatch.setattr("telefast.transport.wire._GOODBYE", 0)
    wire, transport = wired()
    await wire.disconnect()
    assert transport.told == ["close", "abort"]
