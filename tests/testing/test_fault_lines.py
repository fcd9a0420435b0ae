"""Do the faults of connections cut, refuse and revoke as they say, and what does Telethon do?"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from telethon.errors import AuthKeyDuplicatedError, AuthKeyNotFound, SessionRevokedError
from telethon.tl import functions, types

from telefast.errors import WorldError
from telefast.testing import (
    CutAfter,
    ErrorOn,
    LocalTelegram,
    LoseReply,
    MaxConnections,
    NeverAnswer,
    RefuseConnection,
    RefuseKeyExchange,
    RevokeAccount,
    Rule,
    TransportError,
    World,
)
from telefast.testing.keys import ServerKey

HISTORY = "messages.getHistory"
GET_STATE = functions.updates.GetStateRequest()


@pytest.fixture
def world() -> World:
    """A chat of seven pages."""
    world = World(seed=5, user_count=5)
    world.add_channel("Ships", message_count=700, username="ships", channel_id=77)
    return world


async def read(telegram: LocalTelegram, **options: Any) -> list[int]:
    """Return the ids that Telethon reads, newest first, with quick reconnects."""
    options = {"retry_delay": 0, "connection_retries": 3} | options
    async with telegram.client(**options) as client:
        return [message.id async for message in client.iter_messages("ships", wait_time=0)]


ALL = list(range(700, 0, -1))


CUTS: dict[str, tuple[Callable[[], Rule], int]] = {
    "3 pages": (lambda: CutAfter(answers=3, method=HISTORY, connection=1), 1),
    "4 of a family": (lambda: CutAfter(answers=4, method="messages.*", nth=1), 1),
    "6 answers": (lambda: CutAfter(answers=6, nth=1), 1),
    "30 kB": (lambda: CutAfter(size=30_000, nth=(1, 2)), 2),
    "1 byte": (lambda: CutAfter(size=1, connection=1), 1),
    "reply lost": (lambda: LoseReply(HISTORY, 3), 1),
    "in mid-packet": (lambda: LoseReply(HISTORY, (2, 5), share=0.5), 2),
    "any reply lost": (lambda: LoseReply(None, connection=1, nth=2), 1),
    "refused": (lambda: RefuseConnection(nth=(1, 2)), 2),
    "-429": (lambda: TransportError(-429, nth=6), 1),
    "-500": (lambda: TransportError(-500, nth=6), 1),
    "no reply, then cut": (lambda: NeverAnswer(HISTORY, 4, cut_after=0), 1),
}


@pytest.mark.parametrize("cut", CUTS)
async def test_telethon_gets_over_a_cut(world: World, cut: str) -> None:
    """The real client connects again and reads all messages, each once; the rule counted."""
    make, times = CUTS[cut]
    rule = make()
    async with LocalTelegram(world, rules=[rule]) as telegram:
        assert await read(telegram) == ALL
        assert telegram.requests.connections > times  # Telethon may connect twice for one cut
    assert rule.fired == times


async def test_a_cut_comes_after_so_many_answers(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """Of ten requests in flight, seven are answered, one packet each, and nothing else comes."""
    rule = CutAfter(answers=7, method="updates.getState")
    async with LocalTelegram(world, rules=[rule]) as telegram, raw_client(telegram) as raw:
        raw.send(*[GET_STATE] * 10)
        assert len(await raw.objects(7)) == 7
        assert await raw.receive_packet() is None
        await telegram.requests.until(lambda ledger: ledger.in_flight == 0)
        assert telegram.requests.answered["updates.getState"] == 7
    assert rule.fired == 1


async def test_a_cut_comes_after_so_many_bytes(world: World) -> None:
    """Exactly that many bytes arrive, and those end in the middle of a packet."""
    rule = CutAfter(size=101)
    async with LocalTelegram(world, rules=[rule]) as telegram:
        session = telegram.client()
        reader, writer = await asyncio.open_connection(telegram.host, telegram.port)
        nonce = 7
        body = bytes(functions.ReqPqMultiRequest(nonce))
        plain = struct.pack("<qqi", 0, 4, len(body)) + body
        writer.write(b"\xef" + bytes([len(plain) // 4]) + plain)
        writer.write(bytes([len(plain) // 4]) + plain)
        assert len(await reader.read()) == 101
        writer.close()
        assert session is not None
    assert rule.fired == 1


async def test_a_lost_reply_was_carried_out(world: World) -> None:
    """The request runs twice: the client asks again for what it got no answer to."""
    rule = LoseReply("updates.getState", 2)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        await client(GET_STATE)
        assert telegram.requests["updates.getState"] == 3
        assert telegram.requests.answered["updates.getState"] == 2


async def test_connections_above_the_limit_are_closed(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """Two are open, the third is cut off, and may come in when one has gone."""
    rule = MaxConnections(2)
    async with LocalTelegram(world, rules=[rule]) as telegram:
        async with raw_client(telegram) as first:
            async with raw_client(telegram) as second:
                for raw in (first, second):
                    assert isinstance(await raw.ask(GET_STATE), types.updates.State)
                with contextlib.suppress(ConnectionError):
                    async with raw_client(telegram) as third:
                        assert await third.receive_packet() is None
            await telegram.requests.until(lambda ledger: ledger.open_connections == 1)
            async with raw_client(telegram) as fourth:
                assert isinstance(await fourth.ask(GET_STATE), types.updates.State)
        assert [attempt.accepted for attempt in telegram.requests.attempts] == [
            True,
            True,
            False,
            True,
        ]
    assert rule.fired == 1


async def test_attempts_tell_their_time(world: World) -> None:
    """Each connection stands in the ledger with the server's time and its data centre."""
    rule = RefuseConnection(nth=1)
    async with LocalTelegram(world, rules=[rule]) as telegram:
        telegram._dispatcher.clock = iter(range(1_700_000_000, 1_800_000_000)).__next__
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection(telegram.host, telegram.port)
            assert await reader.read() == b""
            writer.close()
        reader, writer = await asyncio.open_connection(telegram.host, telegram.port)
        await telegram.requests.until(lambda ledger: len(ledger.attempts) == 2)
        writer.close()
        first, second = telegram.requests.attempts
        assert (first.dc_id, first.accepted) == (2, False)
        assert (second.dc_id, second.accepted) == (2, True)
        assert 1_700_000_000 <= first.time < second.time


@pytest.mark.rule("handshake.client-tries-again")
@pytest.mark.parametrize("step", [1, 2, 3])
async def test_a_refused_key_exchange_is_tried_again(world: World, step: int) -> None:
    """The key exchange fails twice at a step; the third time the client gets its key."""
    rule = RefuseKeyExchange(step=step, nth=(1, 2))
    async with LocalTelegram(world, rules=[rule]) as telegram:
        client = telegram.client(key_exchange=True, retry_delay=0, connection_retries=3)
        async with client:
            assert (await client.get_me()).is_self
    assert rule.fired == 2


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize(("how", "error"), [("cut", EOFError), (-404, BufferError)])
async def test_a_key_exchange_can_end_in_an_error(
    world: World, how: Any, error: type[Exception], step: int
) -> None:
    """What Telethon does not try again it raises; the next client gets its key."""
    rule = RefuseKeyExchange(how, step=step, nth=1)
    async with LocalTelegram(world, rules=[rule]) as telegram:
        client = telegram.client(key_exchange=True, retry_delay=0, connection_retries=1)
        with pytest.raises(error):
            await client.connect()
        await client.disconnect()
        async with telegram.client(key_exchange=True) as client:
            assert (await client.get_me()).is_self
    assert rule.fired == 1


@pytest.mark.rule("transport.unknown-key")
async def test_a_transport_error_may_be_the_end(world: World) -> None:
    """-404 on a later packet ends the client: its key is not known any more."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        rule = telegram.add(TransportError(-404, nth=1))
        with pytest.raises((AuthKeyNotFound, asyncio.CancelledError)):
            _ = [m async for m in client.iter_messages("ships", wait_time=0)]
        with pytest.raises(AuthKeyNotFound):
            await client.disconnected
    assert rule.fired == 1


async def test_a_login_is_duplicated_on_one_connection(world: World) -> None:
    """406 comes on the second connection only; what the first one asks is answered."""
    rule = ErrorOn(None, 406, "AUTH_KEY_DUPLICATED", connection=2)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as first:
        with pytest.raises(AuthKeyDuplicatedError):
            await telegram.client().connect()
        assert (await first.get_me()).is_self
    assert rule.fired


async def test_a_whole_account_is_revoked(world: World) -> None:
    """From the tenth request of all on everything is 401, also on a new connection."""
    rule = RevokeAccount(from_request=10)
    async with LocalTelegram(world, rules=[rule]) as telegram:
        with pytest.raises(SessionRevokedError):
            await read(telegram)
        async with contextlib.AsyncExitStack() as stack:
            again = telegram.client()
            await again.connect()
            stack.push_async_callback(again.disconnect)
            with pytest.raises(SessionRevokedError):
                await again(GET_STATE)
        assert telegram.requests.total >= 10
        assert telegram.requests.errors.keys() == {"SESSION_REVOKED"}
    assert rule.fired == telegram.requests.errors["SESSION_REVOKED"]


async def test_a_key_without_a_login_is_nobodys(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """Faults of an account pass it over, also those of the first one; it is told to log in."""
    rules = [
        RevokeAccount(),
        RevokeAccount(account=world.account),
        ErrorOn(None, 420, "FLOOD_WAIT_9", account=world.account),
    ]
    async with LocalTelegram(world, rules=[each.maybe() for each in rules]) as telegram:
        key = ServerKey(is_initialized=True)
        telegram._dispatcher.keys[2][key.key_id] = key
        async with raw_client(telegram, key) as raw:
            assert (await raw.ask(GET_STATE)).error_message == "AUTH_KEY_UNREGISTERED"
            assert isinstance(await raw.ask(functions.help.GetConfigRequest()), types.Config)
    assert [each.fired for each in rules] == [0, 0, 0]


async def test_a_revoked_account_may_lose_its_keys(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """After the first 401 the key is unknown, and another account goes on."""
    other = world.add_account()
    rule = RevokeAccount("AUTH_KEY_UNREGISTERED", forget_keys=True, account=world.account, start=2)
    async with LocalTelegram(world, rules=[rule]) as telegram:
        async with raw_client(telegram) as raw:
            assert isinstance(await raw.ask(GET_STATE), types.updates.State)
            assert (await raw.ask(GET_STATE)).error_message == "AUTH_KEY_UNREGISTERED"
            raw.send(GET_STATE)
            assert await raw.receive_packet() == struct.pack("<i", -404)
        async with telegram.client(account=other) as client:
            assert (await client.get_me()).id == other.me.id
    assert rule.fired == 1


async def test_a_login_ends_at_one_data_centre_and_is_carried_over_again(
    raw_client: Callable[..., Any],
) -> None:
    """The key there is nobody's until the next import; at home the login goes on."""
    rule = RevokeAccount("AUTH_KEY_UNREGISTERED", log_out=True, dc=4)
    async with two_homes(rule) as (telegram, client, far, key):
        async with raw_client(telegram, key, address=far) as raw:
            for revoked in (True, False):
                made = await client(functions.auth.ExportAuthorizationRequest(4))
                enter = functions.auth.ImportAuthorizationRequest(made.id, made.bytes)
                assert isinstance(await raw.ask(enter), types.auth.Authorization)
                answer = await raw.ask(HASHES)
                if revoked:
                    assert (answer.error_code, answer.error_message) == (401, rule.message)
                    assert (await raw.ask(HASHES)).error_code == 401
                else:
                    assert answer.error_code == 400
        assert (await client.get_me()).is_self
    assert rule.fired == 1


async def test_keys_are_forgotten_where_they_are_to_be(
    raw_client: Callable[..., Any],
) -> None:
    """Only the keys of the data centre that the rule names are unknown then."""
    rule = RevokeAccount(forget_keys=True, dc=4)
    async with two_homes(rule) as (telegram, client, far, key):
        key.account = 0
        async with raw_client(telegram, key, address=far) as raw:
            assert (await raw.ask(HASHES)).error_message == "SESSION_REVOKED"
            raw.send(HASHES)
            assert await raw.receive_packet() == struct.pack("<i", -404)
        assert (await client.get_me()).is_self


HASHES = functions.upload.GetFileHashesRequest(types.InputTakeoutFileLocation(), -1)


@contextlib.asynccontextmanager
async def two_homes(rule: Rule) -> AsyncIterator[Any]:
    """Yield a server with two data centres, a client of the first, and a key of the second."""
    world = World(seed=5, dc_ids=(2, 4))
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        key = ServerKey(is_initialized=True)
        telegram._dispatcher.keys[4][key.key_id] = key
        yield telegram, client, telegram.addresses[1], key


SENSELESS: dict[str, Callable[[], Rule]] = {
    "no bound": lambda: CutAfter(),
    "two bounds": lambda: CutAfter(answers=1, size=1),
    "0 answers": lambda: CutAfter(answers=0),
    "share 1": lambda: LoseReply(HISTORY, 1, share=1.0),
    "limit 0": lambda: MaxConnections(0),
    "requests of a connection": lambda: RefuseConnection(from_request=3),
    "how": lambda: RefuseKeyExchange("never"),  # type: ignore[arg-type]
    "step 4": lambda: RefuseKeyExchange(step=4),
    "code": lambda: TransportError(404),
    "two ends": lambda: RevokeAccount(forget_keys=True, log_out=True),
    "nth of no end": lambda: RevokeAccount(nth=3),
}


@pytest.mark.parametrize("case", SENSELESS)
def test_a_fault_that_makes_no_sense_is_refused(case: str) -> None:
    """Bad arguments say so at once and name the rule."""
    with pytest.raises(WorldError, match=r"^[A-Z]\w+: "):
        SENSELESS[case]()
