"""Connections of our own: how many, where, by whose login, and what becomes of them."""

from __future__ import annotations

import asyncio
import gc
import socket
import sqlite3
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from telethon import errors, functions
from telethon.network import ConnectionTcpFull

from telefast import wrap
from telefast.errors import ArgumentError, ClosedError, ConnectionLostError
from telefast.testing import (
    DataCentre,
    DropSilent,
    HoldBack,
    SocksProxy,
    virtual_loop,
    virtual_time,
)
from telefast.transport.account import Account
from telefast.transport.pool import Pool
from tests.client.pool_scene import DCS, EXPORT, GET_FILE, IMPORT, NEAREST, SIZE, content, scene
from tests.testing.test_fault_proxy import has_proxies

# Where, and by whose login


async def test_the_home_needs_no_login() -> None:
    """Four connections to the home: no export, no key exchange, all of them used."""
    async with scene() as here:
        before = here.connections(2)
        await here.pool.prewarm([2], connections=4)
        await here.fetch_all([2] * 40)
        assert here.connections(2) == before + 4
        assert (0, 0) == (here.counts[EXPORT], here.counts.handshakes)
        assert len(here.pool.lines(2)) == 4
        assert here.counts.peak_in_flight_by[GET_FILE] > 1
        assert not here.faults


async def test_one_login_for_each_foreign_data_centre() -> None:
    """48 files on three foreign data centres, started together: three exports, three keys."""
    async with scene() as here:
        await here.fetch_all([1, 3, 4] * 16)
        assert (3, 3) == (here.counts[EXPORT], here.counts[IMPORT])
        assert here.counts.handshakes == 3
        assert here.counts.errors == Counter()
        assert {1: 4, 3: 4, 4: 4} == {dc: here.connections(dc) for dc in (1, 3, 4)}
        await here.fetch_all([1, 3, 4] * 16)
        assert (3, 3) == (here.counts[EXPORT], here.counts.handshakes)
        assert not here.faults


async def test_a_new_connection_knows_the_salt_of_the_home() -> None:
    """Where each salt is checked, connections to the home begin with that of the client."""
    async with scene(strict_salts=True) as here:
        await here.fetch(2)
        before = here.counts.packets_sent
        await here.fetch(2)
        cost = here.counts.packets_sent - before
        before = here.counts.packets_sent
        line = here.pool.lines(2)[0]
        line.end()
        await here.fetch(2)
        assert here.counts.packets_sent - before <= cost + 1  # its session is announced


async def test_keys_of_an_earlier_run() -> None:
    """With a key that was kept there is no login; one that is forgotten costs a fresh one."""
    keys: dict[int, bytes] = {}
    async with scene() as here:
        here.pool.keys = keys
        await here.fetch(4)
        assert (list(keys), len(keys[4])) == ([4], 256)
        await Account.of(here.client).aclose()
        here.pool.keys = keys
        await here.fetch(4)
        assert (here.counts[EXPORT], here.counts.handshakes) == (1, 1)
        await Account.of(here.client).aclose()
        here.pool.keys = {4: bytes(range(256))}
        await here.fetch(4)
        assert (here.counts[EXPORT], here.counts.handshakes) == (2, 2)
        assert here.pool.keys[4] not in (keys[4], bytes(range(256)))
        assert "\\x" not in repr(here.pool)


@pytest.mark.parametrize("wrong", ["a string", b"short", 5])
async def test_what_is_no_key_is_passed_over(wrong: Any) -> None:
    """A damaged store of keys costs a login, and nobody waits for ever."""
    async with scene() as here:
        here.pool.keys = {4: wrong}
        await here.fetch(4)
        assert (here.counts[EXPORT], len(here.pool.keys[4])) == (1, 256)


async def test_a_pool_shows_itself_outside_of_its_loop() -> None:
    """As in a debugger, or in another thread."""
    async with scene() as here:
        await here.fetch(4)
        shown = await asyncio.to_thread(repr, here.pool)
        assert "dc 4 (foreign): 1/" in shown


async def test_a_content_delivery_network() -> None:
    """It takes a key and no login, and requests without envelopes that it does not know."""
    async with scene(data_centres=[DataCentre(203, cdn=True)]) as here:
        with pytest.raises(errors.BadRequestError, match=r"token|TOKEN"):
            await here.pool.send(203, functions.upload.GetCdnFileRequest(b"x" * 32, 0, 4096))
        assert (here.counts[EXPORT], here.counts.handshakes) == (0, 1)
        assert here.pool.stats()[203].kind == "cdn"


async def test_a_data_centre_that_there_is_not() -> None:
    """A number that Telegram does not list is refused with those that it does."""
    async with scene() as here:
        with pytest.raises(ArgumentError, match=r"dc_id=9.*\[1, 2, 3, 4\]"):
            await here.pool.send(9, NEAREST)
        with pytest.raises(ArgumentError, match="dc_id=9"):
            await here.pool.prewarm([9, 1])
        assert await here.pool.prewarm([1]) == {1: True}


@virtual_time
async def test_each_connection_brings_its_own_speed() -> None:
    """Where the speed of a connection is capped, four of them are four times as fast."""
    times = []
    for connections in (1, 4):
        async with scene(data_centres=[DataCentre(4, bandwidth=SIZE)]) as here:
            here.pool.want(4, connections)
            await here.pool.prewarm([4], connections=connections)
            began = virtual_loop().time()
            await here.fetch_all([4] * 40)
            times.append(virtual_loop().time() - began)
            assert len(here.pool.lines(4)) == connections
    assert 3.5 < times[0] / times[1] < 4.5


# Rest and silence


@virtual_time
async def test_connections_that_nobody_uses_are_closed() -> None:
    """After a minute there is none; the next use makes one, without another login."""
    async with scene() as here:
        await here.fetch_all([2, 4] * 10)
        await asyncio.sleep(66)
        assert (here.pool.lines(2), here.pool.lines(4)) == ((), ())
        assert here.counts.open_connections == 1
        assert here.pool.stats()[4].closed > 0
        await here.fetch(4)
        assert here.counts[EXPORT] == 1


@virtual_time
async def test_connections_are_pinged() -> None:
    """A request that takes minutes: its connection is pinged, and lives where silence is cut."""
    event = asyncio.Event()
    rules = DropSilent(50, dc=4).maybe(), HoldBack(GET_FILE, 1, event)
    async with scene(*rules) as here:
        slow = asyncio.ensure_future(here.fetch(4, timeout=None))
        await asyncio.sleep(300)
        assert here.counts["ping"] > 5
        event.set()
        await slow
        assert here.connections(4) == 1


# As the client, and with it


async def test_the_session_file_is_opened_by_nobody_else(tmp_path: Path) -> None:
    """With eight connections at work, another process can write the session file at once."""
    path = tmp_path / "me.session"
    async with scene(session=str(path)) as here:
        here.client.session.save()
        before = path.read_bytes()
        await here.pool.prewarm(DCS, connections=8)
        files = [asyncio.ensure_future(here.fetch(dc_id)) for dc_id in DCS * 20]
        other = sqlite3.connect(path, timeout=0)
        with other:
            other.execute("begin immediate")
        other.close()
        await asyncio.gather(*files)
        assert sum(len(here.pool.lines(dc_id)) for dc_id in DCS) == 32
        assert before == path.read_bytes()


async def test_connections_end_with_the_client() -> None:
    """When the user disconnects, so do they; nothing is sent; connected again, all works."""
    async with scene() as here:
        await here.fetch_all([2, 4])
        lines = [*here.pool.lines(2), *here.pool.lines(4)]
        await here.client.disconnect()
        assert not any(line.is_alive for line in lines)
        await here.counts.until(lambda ledger: ledger.open_connections == 0)
        connections = here.counts.connections
        with pytest.raises(ConnectionLostError, match="nothing sent"):
            await here.fetch(2)
        with pytest.raises(ConnectionLostError, match="nothing sent"):
            await here.pool.prewarm([2])
        assert connections == here.counts.connections
        await here.client.connect()
        await here.fetch_all([2, 4])
        assert here.counts[EXPORT] == 1


async def test_requests_in_flight_when_the_client_disconnects() -> None:
    """They fail with an error, though nobody awaited them, and none hangs."""
    async with scene(HoldBack(GET_FILE, range(1, 9), asyncio.Event())) as here:
        files = [asyncio.ensure_future(here.fetch(2)) for _ in range(8)]
        await here.counts.until(lambda ledger: ledger[GET_FILE] == 8)
        await here.client.disconnect()
        done = await asyncio.gather(*files, return_exceptions=True)
        assert {ConnectionLostError} == {type(each) for each in done}


async def test_the_client_is_referred_to_weakly() -> None:
    """A pool does not keep its client alive, nor do its connections."""
    async with scene() as here:
        await here.fetch_all([2, 4])
        pool, client = here.pool, weakref.ref(here.client)
        await here.client.disconnect()
        here.telegram._clients._made.clear()
        del here.client
        for _ in range(50):
            await asyncio.sleep(0)
        gc.collect()
        assert client() is None
        with pytest.raises(ClosedError, match="gone"):
            await pool.send(2, NEAREST)
        await pool.aclose()
        here.client = here.telegram.client()


async def test_wrappers_and_proxies_share_the_pool() -> None:
    """A takeout's proxy and a wrapped client have the pool of the client itself."""
    async with scene() as here:
        proxy: Any = here.client.takeout(finalize=False)
        assert Pool.of(wrap(here.client)) is Pool.of(proxy) is here.pool
        assert here.pool._client() is here.client


class Hopping(ConnectionTcpFull):  # type: ignore[misc]
    """Speaks SOCKS5 by hand, where Telethon would want a package for it."""

    async def _proxy_connect(self, timeout: Any = None, local_addr: Any = None) -> Any:
        _, host, port = self._proxy[:3]
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        if local_addr:
            sock.bind(local_addr)
        await loop.sock_connect(sock, (host, port))
        await loop.sock_sendall(sock, b"\5\1\0")
        assert await loop.sock_recv(sock, 2) == b"\5\0"
        address = bytes(map(int, self._ip.split("."))) + self._port.to_bytes(2, "big")
        await loop.sock_sendall(sock, b"\5\1\0\1" + address)
        assert (await loop.sock_recv(sock, 10))[:2] == b"\5\0"
        return sock


@pytest.mark.filterwarnings("ignore:proxy argument will be ignored", "ignore:The '_socket'")
@pytest.mark.parametrize("kind", [Hopping, ConnectionTcpFull])
async def test_all_connections_take_the_proxy_and_the_address(kind: Any) -> None:
    """Each socket to each data centre goes through the client's proxy, from its local address."""
    if kind is ConnectionTcpFull and not has_proxies():
        pytest.skip("needs python-socks or PySocks, as Telethon does")
    peers = []
    async with SocksProxy() as proxy:

        def note(reader: Any, writer: Any) -> None:
            peers.append(writer.get_extra_info("peername")[0])
            proxy._welcome(reader, writer)

        server = await asyncio.start_server(note, "127.0.0.1", 0)
        address = ("socks5", "127.0.0.1", server.sockets[0].getsockname()[1])
        options: dict[str, Any] = {"proxy": address, "local_addr": "127.0.0.9"}
        async with server, scene(connection=kind, **options) as here:
            await here.pool.prewarm(DCS, connections=3)
            await here.fetch_all(DCS * 5)
            ports = {each.port: each.dc_id for each in here.telegram.addresses}
            targets = Counter(ports[target.port] for target in proxy.targets)
            assert targets == {2: 4, 1: 3, 3: 3, 4: 3}
            assert here.counts.connections == len(peers) == 13
            assert set(peers) == {"127.0.0.9"}


# By hand


async def test_prewarm_really_connects() -> None:
    """There are connections that have answered, and the login is done: the next use costs none."""
    async with scene() as here:
        assert await here.pool.prewarm([4, 2, 4], connections=2) == {4: True, 2: True}
        assert [2, 2] == [len(here.pool.lines(dc_id)) for dc_id in (4, 2)]
        assert here.counts["ping"] >= 3
        connections = here.counts.connections
        await here.fetch_all([4, 2])
        assert connections == here.counts.connections
        assert here.pool._metrics["dc_prewarm_ok"] == 2
        with pytest.raises(ArgumentError, match="connections"):
            await here.pool.prewarm([2], connections=9)


@virtual_time
async def test_prewarm_gives_up_in_time_and_goes_on_behind() -> None:
    """A login that takes longer than *timeout* is not there yet, and is there later."""
    event = asyncio.Event()
    async with scene(HoldBack(EXPORT, 1, event)) as here:
        is_there = await here.pool.prewarm([4, 1], timeout=2)
        assert sorted(is_there.values()) == [False, True]
        event.set()
        late = min(is_there, key=is_there.__getitem__)  # whichever asked first
        await here.fetch(late)
        assert (here.counts[EXPORT], here.connections(late)) == (2, 1)
        assert here.pool._metrics["dc_prewarm_failed"] == 1


async def test_the_pool_shows_its_state() -> None:
    """`repr` and `stats` tell what there is, without key or address."""
    event = asyncio.Event()
    async with scene(HoldBack(GET_FILE, range(1, 4), event)) as here:
        assert (repr(here.pool), here.pool.stats()) == ("<Pool empty>", {})
        here.pool.want(4, 2)
        files = [asyncio.ensure_future(here.fetch(dc_id)) for dc_id in (2, 4, 4)]
        await here.counts.until(lambda ledger: ledger[GET_FILE] == 3)
        shown = repr(here.pool)
        assert "dc 2 (home): 1/4 open, 1 in flight; dc 4 (foreign): " in shown
        assert "open, 2 in flight" in shown
        assert "127.0.0.1" not in shown
        stats = here.pool.stats()[4]
        assert (stats.exports, stats.heals, stats.failed, stats.in_flight) == (1, 0, 0, 2)
        assert stats.requests == 3
        assert "<Line 1 dc=2 open in_flight=1>" == repr(here.pool.lines(2)[0])
        event.set()
        await asyncio.gather(*files)
        await here.pool.aclose()
        assert repr(here.pool) == "<Pool empty>"


async def test_a_lease_counts_as_load() -> None:
    """Who leases gets the freest connection, and others keep off it; given back on leaving."""
    async with scene() as here:
        await here.pool.prewarm([2], connections=2)
        async with here.pool.lease(2) as first, here.pool.lease(2) as second:
            assert {first, second} == set(here.pool.lines(2))
            async with here.pool.lease(2) as third:
                assert third is first
            answer = await first.send(here.part(2))
            assert answer.bytes == content(2)
        assert [0, 0] == [line.leases for line in here.pool.lines(2)]
        assert here.pool._metrics["dc_leases"] == 3


async def test_a_connection_of_ones_choice() -> None:
    """A request goes by the connection that is named, and by another one if that has ended."""
    async with scene() as here:
        await here.pool.prewarm([2], connections=3)
        chosen = here.pool.lines(2)[2]
        before = chosen.state.last_used
        await here.fetch(2, connection=chosen)
        assert chosen.state.last_used > before
        chosen.end()
        await here.fetch(2, connection=chosen)


async def test_what_is_too_many_is_closed() -> None:
    """`want` closes what rests above it, and refuses numbers that cannot be."""
    async with scene() as here:
        await here.pool.prewarm([2], connections=4)
        here.pool.want(2, 1)
        assert len(here.pool.lines(2)) == 1
        await here.fetch_all([2] * 30)
        assert len(here.pool.lines(2)) == 1
        for wrong in (0, 9):
            with pytest.raises(ArgumentError, match="connections"):
                here.pool.want(2, wrong)


async def test_closing() -> None:
    """What is in flight fails, nothing is sent any more, no socket is left; a new pool works."""
    async with scene(HoldBack(GET_FILE, 1, asyncio.Event())) as here:
        pool = here.pool
        files = [asyncio.ensure_future(here.fetch(2))]
        files.append(asyncio.ensure_future(here.fetch(4)))
        await here.counts.until(lambda ledger: ledger[GET_FILE] == 1)
        await pool.aclose()
        await pool.aclose()
        for file in files:
            with pytest.raises((ConnectionLostError, ClosedError)):
                await file
        await here.counts.until(lambda ledger: ledger.open_connections == 1)
        with pytest.raises(ClosedError, match="pool was closed"):
            await pool.send(2, NEAREST)
        assert repr(pool).startswith("<Pool closed; dc 2 (home): 0/4 open; dc 4")
        assert here.pool is not pool
        await here.fetch(2)


@pytest.mark.parametrize("when", range(0, 60, 7))
async def test_cancelling_anywhere(when: int) -> None:
    """A caller that is cancelled at any moment leaves a pool that works, and no load behind."""
    async with scene() as here:
        file = asyncio.ensure_future(here.fetch(4))
        for _ in range(when):
            await asyncio.sleep(0)
        file.cancel()
        await asyncio.wait([file])
        await here.fetch(4)
        stats = here.pool.stats()[4]
        assert (stats.in_flight, stats.waiting, here.counts[EXPORT]) == (0, 0, 1)
        assert not here.faults
