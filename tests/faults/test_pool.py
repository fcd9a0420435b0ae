"""Connections of our own, when logins end, servers refuse, and lines go dead."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from telethon import errors, functions

from telefast.errors import (
    AccountRevokedError,
    CompatibilityError,
    ConnectionLostError,
    DeadlineError,
    UnreachableError,
)
from telefast.testing import (
    DataCentre,
    ErrorOn,
    GzipErrors,
    HoldBack,
    LatePongs,
    LoseReply,
    MaxConnections,
    NeverAnswer,
    RefuseConnection,
    RefuseKeyExchange,
    RevokeAccount,
    Rule,
    TransportError,
    UnknownConstructor,
    virtual_loop,
    virtual_time,
)
from tests.client.exact import HISTORY
from tests.client.pool_scene import DCS, EXPORT, GET_FILE, IMPORT, content, scene

# Logins that end


async def test_a_foreign_login_is_healed_once() -> None:
    """The data centre forgets the login: one fresh export, all files finish; then no more."""
    log_out = RevokeAccount("AUTH_KEY_UNREGISTERED", log_out=True, dc=4, nth=(5, 60))
    async with scene(log_out) as here:
        await here.fetch_all([4] * 20)
        assert (here.counts[EXPORT], here.counts.handshakes) == (2, 1)
        assert here.pool.stats()[4].heals == 1
        done = await asyncio.gather(*(here.fetch(4) for _ in range(60)), return_exceptions=True)
        refused = [each for each in done if isinstance(each, AccountRevokedError)]
        assert {(4, "AUTH_KEY_UNREGISTERED")} == {(each.dc_id, each.reason) for each in refused}
        connections = here.counts.connections
        with pytest.raises(AccountRevokedError, match="data centre 4: AUTH_KEY_UNREGISTERED"):
            await here.fetch(4)
        assert connections == here.counts.connections
        await here.fetch(1)


@virtual_time
async def test_a_login_that_is_lost_again_later() -> None:
    """What is lost twice within ten minutes is refused until they are over."""
    async with scene(ErrorOn(GET_FILE, 401, "AUTH_KEY_UNREGISTERED", nth=(1, 2), dc=4)) as here:
        with pytest.raises(AccountRevokedError):
            await here.fetch(4)
        await asyncio.sleep(590)
        with pytest.raises(AccountRevokedError):
            await here.fetch(4)
        await asyncio.sleep(20)
        await here.fetch(4)
        assert here.counts[EXPORT] == 2


async def test_a_foreign_key_that_is_forgotten() -> None:
    """-404 there: a fresh key and a fresh export, once, and what was in flight is asked again."""
    async with scene() as here:
        await here.fetch(4)
        here.telegram.add(TransportError(-404, nth=1, dc=4))
        await here.fetch_all([4] * 10)
        assert (here.counts[EXPORT], here.counts.handshakes) == (2, 2)
        assert here.pool.stats()[4].heals == 1


@pytest.mark.parametrize(
    ("rule", "dc_id", "reason"),
    [
        (ErrorOn(GET_FILE, 401, "SESSION_REVOKED", nth=1, dc=2), 2, "SESSION_REVOKED"),
        (ErrorOn(GET_FILE, 406, "AUTH_KEY_DUPLICATED", nth=1, dc=4), 4, "AUTH_KEY_DUPLICATED"),
        (ErrorOn(EXPORT, 401, "USER_DEACTIVATED", nth=1), 4, "USER_DEACTIVATED"),
        (TransportError(-404, nth=1, connection=2), 2, "AUTH_KEY_NOT_FOUND"),
    ],
)
async def test_a_login_that_has_ended_stops_everything(rule: Rule, dc_id: int, reason: str) -> None:
    """Every caller gets one typed error, and nobody connects any more."""
    async with scene(rule) as here:
        here.pool.want(dc_id, 1)
        done = await asyncio.gather(*(here.fetch(dc_id) for _ in range(5)), return_exceptions=True)
        assert {AccountRevokedError} == {type(each) for each in done}
        assert {reason} == {each.reason for each in done}  # type: ignore[union-attr]
        attempts = len(here.counts.attempts)
        for each in DCS:
            with pytest.raises(AccountRevokedError, match=f"{reason}.*log in again"):
                await here.fetch(each)
        with pytest.raises(AccountRevokedError):
            await here.pool.prewarm([1, 2])
        assert len(here.counts.attempts) == attempts
        assert here.pool.lines(dc_id) == ()
        assert "revoked" in repr(here.pool)


# Servers that refuse


async def test_a_server_that_takes_three_connections() -> None:
    """The pool settles at three, all files finish, and attempts are few."""
    async with scene(MaxConnections(3, dc=4)) as here:
        here.pool.want(4, 8)
        for _ in range(4):
            await here.fetch_all([4] * 50)
        stats = here.pool.stats()[4]
        assert (3, 3) == (stats.connections, stats.allowed)
        assert here.connections(4) == stats.begun <= 8
        assert stats.failed == stats.begun - 3
        assert here.counts[EXPORT] == 1


@virtual_time
async def test_a_server_that_takes_more_later() -> None:
    """One more connection is tried after a minute, then ever more seldom."""
    limit = MaxConnections(2, dc=4)
    async with scene(limit) as here:
        here.pool.want(4, 3)
        for _ in range(100):
            await here.fetch_all([4] * 10)
            await asyncio.sleep(10)
        refused = [a.time for a in here.counts.attempts if a.dc_id == 4 and not a.accepted]
        pauses = [round(b - a, -1) for a, b in pairwise(refused)]
        assert pauses == [60, 120, 240, 480]
        limit.limit = 3
        for _ in range(100):
            await here.fetch_all([4] * 10)
            await asyncio.sleep(10)
        assert len(here.pool.lines(4)) == 3


@virtual_time
async def test_a_data_centre_that_cannot_be_reached() -> None:
    """It is named; attempts have growing pauses; who comes too soon is told without one."""
    async with scene(RefuseConnection(dc=4, nth=range(1, 7))) as here:
        done = await asyncio.gather(*(here.fetch(4) for _ in range(9)), return_exceptions=True)
        assert {UnreachableError} == {type(each) for each in done}
        assert "data centre 4: the connection failed" in str(done[0])
        times = [a.time for a in here.counts.attempts if a.dc_id == 4]
        assert [1, 2, 4, 8] == [round(b - a) for a, b in pairwise(times)]
        with pytest.raises(UnreachableError):
            await here.fetch(4)
        assert await here.pool.prewarm([4, 1]) == {4: False, 1: True}
        assert here.connections(4) == 5
        await here.fetch(1)
        await asyncio.sleep(16)
        with pytest.raises(UnreachableError):
            await here.fetch(4)
        assert here.connections(4) == 6
        await asyncio.sleep(30)
        await here.fetch(4)
        assert here.counts[EXPORT] == 2, "one for each"


@virtual_time
async def test_a_transport_that_is_flooded() -> None:
    """-429 is a refusal, not a loss: the next attempt has a pause, and nobody sees an error."""
    async with scene() as here:
        await here.fetch(4)
        here.telegram.add(TransportError(-429, nth=(1, 2), dc=4))
        began = virtual_loop().time()
        await here.fetch(4)
        assert virtual_loop().time() - began >= 3
        assert (here.connections(4), here.pool.stats()[4].failed, here.counts[EXPORT]) == (3, 2, 1)


@virtual_time
async def test_connections_that_are_cut_again_and_again() -> None:
    """One that answers and is cut at once is made thirty times a minute at most."""

    class CutAll(Rule):
        def sent(self, line: Any, call: Any) -> None:
            if call.method == GET_FILE and call.dc_id == 2:
                self.fired += 1
                line.close()

    async with scene(CutAll()) as here:
        for _ in range(100):
            await here.fetch(2)
        times = [a.time for a in here.counts.attempts if a.dc_id == 2]
        for start in times:
            assert sum(start <= at < start + 60 for at in times) <= 31


async def test_what_was_in_flight_is_asked_again() -> None:
    """Connections are cut under requests: other ones take them, and each answer is right."""
    async with scene() as here:
        await here.fetch_all([4] * 20)
        for _ in range(3):
            files = [asyncio.ensure_future(here.fetch(4)) for _ in range(20)]
            await asyncio.sleep(0)
            await here.telegram.drop_connections()
            await asyncio.gather(*files)
        assert here.counts[EXPORT] == 1
        assert not here.faults


async def test_dead_connections_are_found_at_the_next_use() -> None:
    """The server cuts all while nobody uses them; the next request goes by a new one."""
    async with scene() as here:
        await here.fetch_all([2] * 20)
        await here.telegram.drop_connections()
        await here.fetch(2)
        assert len(here.pool.lines(2)) == 1


async def test_a_request_that_loses_three_connections() -> None:
    """It is asked three times, then its caller hears so; the fourth would have answered."""
    async with scene(LoseReply(GET_FILE, nth=range(1, 4))) as here:
        await here.pool.prewarm([2], connections=3)
        with pytest.raises(ConnectionLostError, match=r"upload\.getFile: the connection ended"):
            await here.fetch(2)
        assert here.counts[GET_FILE] == 3
        await here.fetch(2)
        assert here.pool.stats()[2].lost == 3


async def test_a_connection_that_has_ended_takes_nothing() -> None:
    """Whoever holds it hears so at once, as does what is in flight; a second end is none."""
    async with scene(HoldBack(GET_FILE, 1, asyncio.Event())) as here:
        async with here.pool.lease(2) as line:
            future = line.send(here.part(2))
            await here.counts.until(lambda ledger: ledger[GET_FILE] == 1)
            await line._sender.disconnect()  # as Telethon does it, by cancelling
            with pytest.raises(ConnectionLostError, match=r"upload\.getFile: the connection"):
                await future
            with pytest.raises(ConnectionLostError):
                line.send(here.part(2))
            line.end()
            line.ping()
        assert repr(line) == "<Line 1 dc=2 ended in_flight=0>"
        await here.fetch(2)


async def test_an_answer_that_cannot_be_read() -> None:
    """It is named without what it holds, and its connection goes on."""
    async with scene(UnknownConstructor(HISTORY, nth=2)) as here:
        peer = await here.client.get_input_entity("files")
        request = functions.messages.GetHistoryRequest(peer, 0, None, 0, 5, 0, 0, 0)
        with pytest.raises(CompatibilityError, match=r"constructor \w{8} in messages.getHistory"):
            await here.pool.send(2, request)
        assert (await here.pool.send(2, request)).messages
        assert here.connections(2) == 2


@virtual_time
async def test_a_content_delivery_network_without_end() -> None:
    """One that forgets each key at once is given up as one that cannot be reached."""
    rule = TransportError(-404, dc=203, every=4)  # three packets make a key
    async with scene(rule, data_centres=[DataCentre(203, cdn=True)]) as here:
        with pytest.raises(UnreachableError, match="data centre 203: transport error -404"):
            await here.pool.send(203, functions.upload.GetCdnFileRequest(b"x" * 32, 0, 4096))
        assert here.connections(203) == 5


# Exports


@pytest.mark.parametrize(("refusals", "exports"), [(1, 2), (2, 2)])
async def test_an_export_that_is_not_taken(refusals: int, exports: int) -> None:
    """One fresh export; if that is not taken either, all who wait hear Telegram's error."""
    rule = ErrorOn(IMPORT, 400, "AUTH_BYTES_INVALID", nth=range(1, refusals + 1))
    async with scene(rule) as here:
        done = await asyncio.gather(*(here.fetch(4) for _ in range(9)), return_exceptions=True)
        assert exports == here.counts[EXPORT]
        assert here.counts.handshakes == 1
        if refusals == 1:
            assert [content(4)] * 9 == done
        else:
            assert {errors.AuthBytesInvalidError} == {type(each) for each in done}


@virtual_time
async def test_a_flood_of_exports_holds_one_data_centre() -> None:
    """While the login at one waits, the login at another goes on."""
    async with scene(ErrorOn(EXPORT, 420, "FLOOD_WAIT_300", nth=1)) as here:
        slow = asyncio.ensure_future(here.fetch(4))
        await here.counts.until(lambda ledger: ledger[EXPORT] == 1)
        await here.fetch(1)
        assert virtual_loop().time() < 10
        assert not slow.done()
        await slow
        assert 300 <= virtual_loop().time() < 400
        assert (3, 2) == (here.counts[EXPORT], here.counts[IMPORT])


async def test_a_flood_of_exports_beyond_the_limit() -> None:
    """All who wait get the typed error, and nothing is left under way."""
    async with scene(ErrorOn(EXPORT, 420, "FLOOD_WAIT_7200")) as here:
        done = await asyncio.gather(here.fetch(4), here.fetch(4), return_exceptions=True)
        assert ["FloodWaitTooLongError"] * 2 == [type(each).__name__ for each in done]
        assert here.counts[EXPORT] == 1
        assert here.pool.stats()[4].opening == 0


async def test_the_first_request_introduces_the_client(wrappers: list[tuple[str, ...]]) -> None:
    """It is wrapped, once for each connection, as Telethon does; updates are never wanted."""
    async with scene() as here:
        query = here.client._init_request.query
        wrappers.clear()
        await here.pool.prewarm([2], connections=3)
        await here.fetch_all([4, *[2] * 30])
        parts = Counter(names[:-1] for names in wrappers if names[-1] == "GetFile")
        first = ("InvokeWithLayer", "InitConnection", "InvokeWithoutUpdates")
        assert parts == {first: 3, ("InvokeWithoutUpdates",): 28}
        assert (*first, "ImportAuthorization") in wrappers
        assert here.client._init_request.query is query


# Silence


@virtual_time
async def test_a_connection_that_says_nothing() -> None:
    """A deadline is an error; the others are used first; without a pong it is given up."""
    rules = NeverAnswer(GET_FILE, 1), LatePongs()
    async with scene(*rules) as here:
        here.pool.want(2, 2)
        await here.pool.prewarm([4])
        [silent] = here.pool.lines(4)
        with pytest.raises(DeadlineError, match=r"upload.getFile: no answer in 5 s"):
            await here.fetch(4, timeout=5)
        assert silent.is_late
        async with here.pool.lease(4), here.pool.lease(4), here.pool.lease(4):
            await here.fetch(4)
        assert silent.is_alive
        await asyncio.sleep(70)
        assert not silent.is_alive
        await here.fetch(4)
        assert here.counts[EXPORT] == 1


@virtual_time
async def test_a_connection_that_is_dead() -> None:
    """Nothing comes, no pong either: it is given up, and what was in flight is asked elsewhere."""
    rules = NeverAnswer(GET_FILE, 1), LatePongs()
    async with scene(*rules) as here:
        await here.pool.prewarm([4])
        began = virtual_loop().time()
        await here.fetch(4, timeout=None)
        assert 90 <= virtual_loop().time() - began <= 100
        assert (here.pool.stats()[4].lost, here.counts[EXPORT]) == (1, 1)


@virtual_time
async def test_a_key_exchange_without_an_end() -> None:
    """A server that accepts and says nothing is an attempt that failed, after half a minute."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.read()

    mute = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with mute, scene() as here:
        centre = await here.pool._reach(4)
        centre.addresses = [mute.sockets[0].getsockname()[:2]]
        assert await here.pool.prewarm([4], timeout=29) == {4: False}
        assert here.pool.stats()[4].opening == 1
        assert here.left()
        with pytest.raises(UnreachableError, match="data centre 4: no answer in time"):
            await here.fetch(4)
        assert here.pool.stats()[4].failed == 5
        assert 165 <= virtual_loop().time() <= 170
        assert here.counts[EXPORT] == 0


@pytest.mark.parametrize("how", ["fail", "cut", -404])
async def test_a_key_exchange_that_fails(how: Any) -> None:
    """Another attempt makes a key, on the same connection if that stands; there is one export."""
    async with scene(RefuseKeyExchange(how, step=2, nth=1, dc=4)) as here:
        await here.fetch(4)
        assert (here.counts[EXPORT], here.counts[IMPORT]) == (1, 1)
        assert here.pool.stats()[4].failed == (how != "fail")
        assert here.connections(4) == here.pool.stats()[4].begun


async def test_errors_speak_of_the_request(caplog: pytest.LogCaptureFixture) -> None:
    """Telegram's error is passed on, compressed or not, without our envelopes; logs stay quiet."""
    rules = GzipErrors(GET_FILE), ErrorOn(GET_FILE, 420, "FLOOD_WAIT_7", nth=1)
    async with scene(*rules, flood_sleep_threshold=0) as here:
        with pytest.raises(errors.FloodWaitError, match="GetFileRequest") as caught:
            await here.fetch(2)
        assert caught.value.seconds == 7
        assert type(caught.value.request).__name__ == "GetFileRequest"
        await here.telegram.drop_connections()
        await here.fetch(2)
    loud = [r for r in caplog.records if r.levelname == "ERROR" and "reconnection" in r.message]
    assert not loud
