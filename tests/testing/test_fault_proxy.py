"""Does the proxy pass bytes on, remember targets and turn away whom it should?"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon.tl import functions

from telefast.errors import ArgumentError, ClosedError
from telefast.testing import LocalTelegram, ProxyTarget, SocksProxy, World


def has_proxies() -> bool:
    """Return whether Telethon can use a proxy here."""
    for name in ("python_socks", "socks"):
        with contextlib.suppress(ImportError):
            __import__(name)
            return True
    return False


@contextlib.asynccontextmanager
async def connect(proxy: SocksProxy) -> AsyncIterator[tuple[Any, Any]]:
    """Connect to the proxy."""
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()


def address(host: str, port: int, kind: int) -> bytes:
    """Return an address as SOCKS writes it."""
    plain = {
        1: lambda: socket.inet_aton(host),
        3: lambda: bytes([len(host)]) + host.encode(),
        4: lambda: socket.inet_pton(socket.AF_INET6, host),
    }[kind]()
    return bytes([kind]) + plain + struct.pack(">H", port)


async def a_key_exchange(reader: Any, writer: Any) -> bytes:
    """Begin a key exchange over what should be a connection to Telegram; return the answer."""
    body = bytes(functions.ReqPqMultiRequest(7))
    plain = struct.pack("<qqi", 0, 4, len(body)) + body
    writer.write(b"\xef" + bytes([len(plain) // 4]) + plain)
    (words,) = await reader.readexactly(1)
    answer: bytes = await reader.readexactly(words * 4)
    return answer


@pytest.mark.parametrize(("host", "kind"), [("127.0.0.1", 1), ("localhost", 3)])
async def test_bytes_go_to_the_target(host: str, kind: int) -> None:
    """A client that speaks SOCKS5 by hand reaches Telegram, and the target is remembered."""
    async with LocalTelegram(World(seed=1)) as telegram, SocksProxy() as proxy:
        async with connect(proxy) as (reader, writer):
            writer.write(b"\5\2\0\2")
            assert await reader.readexactly(2) == b"\5\0"
            writer.write(b"\5\1\0" + address(host, telegram.port, kind))
            assert (await reader.readexactly(10))[:2] == b"\5\0"
            assert (await a_key_exchange(reader, writer))[20:24] == b"\x63\x24\x16\x05"
        assert [*proxy.targets] == [ProxyTarget(host, telegram.port, None)]
        assert proxy.refused == 0
        await telegram.requests.until(lambda ledger: ledger.open_connections == 0)


async def test_a_user_must_log_in() -> None:
    """The right password lets in and is remembered with the target; a wrong one does not."""
    async with LocalTelegram(World(seed=1)) as telegram, SocksProxy("ada", "pw") as proxy:
        for password, answer in ((b"no", b"\1\1"), (b"pw", b"\1\0")):
            async with connect(proxy) as (reader, writer):
                writer.write(b"\5\1\2")
                assert await reader.readexactly(2) == b"\5\2"
                writer.write(b"\1\3ada\2" + password)
                assert await reader.readexactly(2) == answer
                if password == b"no":
                    assert await reader.read() == b""
                    continue
                writer.write(b"\5\1\0" + address("127.0.0.1", telegram.port, 1))
                assert (await reader.readexactly(10))[:2] == b"\5\0"
        assert proxy.refused == 1
        assert proxy.targets[0].user == "ada"
        assert repr(proxy) == "<SocksProxy targets=1 refused=1>"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"\4\1\0", b"\5\xff"),
        (b"\5\1\2", b"\5\xff"),
        (b"\5\1\0\5\2\0\1", b"\5\0\5\7"),
        (b"\5\1\0\5\1\0\7", b"\5\0\5\x08"),
    ],
    ids=["version", "login", "command", "address"],
)
async def test_what_it_does_not_know_is_refused(sent: bytes, answer: bytes) -> None:
    """Another version, way to log in, command or kind of address gets the error of RFC 1928."""
    async with SocksProxy() as proxy:
        async with connect(proxy) as (reader, writer):
            writer.write(sent)
            assert (await reader.read()).startswith(answer)
        assert proxy.refused == 1
        assert not proxy.targets


async def test_an_unreachable_target_is_named() -> None:
    """The client hears of it, and the target is remembered nevertheless."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    async with SocksProxy() as proxy:
        for host, kind in (("127.0.0.1", 1), ("::1", 4)):
            async with connect(proxy) as (reader, writer):
                writer.write(b"\5\1\0\5\1\0" + address(host, port, kind))
                assert (await reader.read())[2:4] == b"\5\5"
        assert [target.port for target in proxy.targets] == [port, port]
        assert proxy.refused == 2


async def test_a_proxy_leaves_nothing_behind() -> None:
    """Leaving cuts clients off in the middle of what they do; then there is no port."""
    proxy = SocksProxy()
    with pytest.raises(ClosedError):
        proxy.telethon()
    async with LocalTelegram(World(seed=1)) as telegram:
        async with proxy:
            reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
            writer.write(b"\5\1\0\5\1\0" + address("127.0.0.1", telegram.port, 1))
            assert len(await reader.readexactly(12)) == 12
            assert proxy.telethon() == ("socks5", "127.0.0.1", proxy.port, True, None, None)
        assert await reader.read() == b""
        writer.close()
        await telegram.requests.until(lambda ledger: ledger.open_connections == 0)
    with pytest.raises(ArgumentError):
        SocksProxy("ada")


@pytest.mark.skipif(not has_proxies(), reason="needs python-socks or PySocks, as Telethon does")
async def test_telethon_goes_through_it() -> None:
    """All connections of the real client have their target in the list."""
    world = World(seed=1)
    async with LocalTelegram(world) as telegram, SocksProxy("ada", "pw") as proxy:
        async with telegram.client(proxy=proxy.telethon()) as client:
            assert (await client.get_me()).is_self
        assert {(target.host, target.port) for target in proxy.targets} == {
            (telegram.host, telegram.port)
        }
        assert len(proxy.targets) == telegram.requests.connections
