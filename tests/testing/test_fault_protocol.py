"""Do clocks, salts, envelopes and service messages go wrong as told, and does Telethon cope?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from telethon.errors import BadMessageError, ChannelInvalidError
from telethon.tl import functions, types

from telefast.errors import WorldError
from telefast.testing import (
    AskClient,
    BadMessage,
    ClockSkew,
    DropSilent,
    ErrorOn,
    LatePongs,
    LocalTelegram,
    Packing,
    Rule,
    StrayPackets,
    World,
)

HISTORY = "messages.getHistory"
GET_STATE = functions.updates.GetStateRequest()
ALL = list(range(700, 0, -1))


@pytest.fixture
def world() -> World:
    """A chat of seven pages."""
    world = World(seed=5, user_count=5)
    world.add_channel("Ships", message_count=700, username="ships", channel_id=77)
    return world


async def read(telegram: LocalTelegram, **options: Any) -> list[int]:
    """Return the ids that Telethon reads, newest first."""
    async with telegram.client(retry_delay=0, **options) as client:
        return [message.id async for message in client.iter_messages("ships", wait_time=0)]


@pytest.mark.parametrize(
    ("seconds", "key_exchange"), [(-90, False), (400, False), (90, True), (-90, True)]
)
async def test_telethon_gets_over_a_wrong_clock(
    world: World, seconds: float, key_exchange: bool
) -> None:
    """It learns the time from bad_msg_notification 16 or 17, or in the key exchange."""
    rule = ClockSkew(seconds)
    async with LocalTelegram(world, rules=[rule]) as telegram:
        client = telegram.client(key_exchange=key_exchange)
        async with client:
            found = [message.id async for message in client.iter_messages("ships", wait_time=0)]
            assert client._sender._state.time_offset == pytest.approx(seconds, abs=5)
        assert found == ALL
    assert rule.fired


async def test_a_wrong_clock_is_refused_with_16_and_17(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """A message of too long ago is 16, one of too far ahead 17, by the server's clock."""
    async with LocalTelegram(world) as telegram:
        for seconds, code in ((310, 16), (-40, 17)):
            rule = telegram.add(ClockSkew(seconds, connection=telegram.requests.connections + 1))
            async with raw_client(telegram) as raw:
                assert (await raw.ask(GET_STATE)).error_code == code
            assert rule.fired
        assert telegram.requests.total == 0


@pytest.mark.parametrize("code", [16, 17, 32, 33, 48])
async def test_telethon_gets_over_a_bad_message(world: World, code: int) -> None:
    """The request is sent again and carried out once; all messages are read."""
    rule = BadMessage(HISTORY, code, nth=(2, 5))
    async with LocalTelegram(world, rules=[rule]) as telegram:
        assert await read(telegram) == ALL
        assert telegram.requests.in_flight == 0
        arrived = telegram.requests[HISTORY]
        assert telegram.requests.answered[HISTORY] == arrived - 2
    assert rule.fired == 2


@pytest.mark.parametrize("code", [20, 64])
async def test_some_bad_messages_are_errors(world: World, code: int) -> None:
    """20 and 64 come up as `BadMessageError`; the connection goes on."""
    rule = BadMessage(HISTORY, code, nth=1)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        with pytest.raises(BadMessageError) as caught:
            await client.get_messages("ships", 1)
        assert caught.value.code == code
        assert (await client.get_messages("ships", 1)).total == 700
        assert telegram.requests.connections == 1
    assert rule.fired == 1


async def test_a_refused_request_counts_for_the_rules_after(world: World) -> None:
    """What is sent again is the second request, for every rule and in either order."""
    for order in (1, -1):
        bad = BadMessage(HISTORY, 48, nth=1)
        rules = [bad, ErrorOn((HISTORY,), 400, "CHANNEL_INVALID", nth=2)]
        async with LocalTelegram(world, rules=rules[::order]) as telegram:
            with pytest.raises(ChannelInvalidError):
                await read(telegram)
            assert telegram.requests[HISTORY] == 2


async def test_a_bad_salt_is_a_new_one(world: World, raw_client: Callable[..., Any]) -> None:
    """Code 48 comes as bad_server_salt with another salt; with it the request is answered."""
    rule = BadMessage(None, 48, nth=2)
    async with (
        LocalTelegram(world, rules=[rule], strict_salts=True) as telegram,
        raw_client(telegram) as raw,
    ):
        raw.salt = (await raw.ask(GET_STATE)).new_server_salt
        assert isinstance(await raw.ask(GET_STATE), types.updates.State)
        bad = await raw.ask(GET_STATE)
        assert isinstance(bad, types.BadServerSalt)
        assert bad.new_server_salt != raw.salt
        raw.salt = bad.new_server_salt
        assert isinstance(await raw.ask(GET_STATE), types.updates.State)
    assert rule.fired == 1


@pytest.mark.parametrize("kind", ["stale", "early", "duplicate", "wrong-session"])
async def test_stray_packets_are_ignored(
    world: World, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Twelve packets that are not for the client: it believes none of them and reads on."""
    rule = StrayPackets(kind, HISTORY, nth=3, count=12)
    with caplog.at_level(logging.WARNING, "telethon"):
        async with LocalTelegram(world, rules=[rule]) as telegram:
            assert await read(telegram) == ALL
            assert telegram.requests["updates.getDifference"] <= 1  # its own, at the start
            assert telegram.requests.connections == 1
    warned = [record.getMessage() for record in caplog.records]
    too_many = [text for text in warned if "Too many messages had to be ignored" in text]
    assert len(too_many) == (0 if kind == "wrong-session" else 3)  # the tenth and those after it
    assert len(warned) == 12 + len(too_many)
    assert rule.fired == 1


@pytest.mark.rule("service.client-is-asked")
@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("state", "msgs_state_info"),
        ("resend", "msgs_state_info"),
        ("detailed", "msgs_ack"),
        ("new-detailed", "msgs_ack"),
    ],
)
async def test_the_client_is_asked(world: World, what: Any, answer: str) -> None:
    """Service messages of the server are answered by the client, and requests go on."""
    rule = AskClient(what, HISTORY, nth=2)
    async with LocalTelegram(world, rules=[rule]) as telegram:
        assert await read(telegram) == ALL
        assert telegram.requests[answer]
    assert rule.fired == 1


async def test_pongs_may_be_late_or_never_come(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """The first pong never comes, the second after the answer to a later request."""
    rules = [LatePongs(nth=1), LatePongs(0.3, nth=2)]
    async with LocalTelegram(world, rules=rules) as telegram, raw_client(telegram) as raw:
        raw.send(functions.PingRequest(1))
        raw.send(functions.PingRequest(2))
        raw.send(GET_STATE)
        state, pong = await raw.objects(2)
        assert isinstance(state, types.updates.State)
        assert pong.ping_id == 2
        assert telegram.requests["ping"] == 2
    assert [rule.fired for rule in rules] == [1, 1]


async def test_telethon_reconnects_without_a_pong(world: World) -> None:
    """When a ping is due and the last was not answered, Telethon connects anew."""
    rule = LatePongs()
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        client._sender._keepalive_ping(1)
        await client(GET_STATE)
        assert rule.fired == 1
        client._sender._keepalive_ping(2)
        assert isinstance(await client(GET_STATE), types.updates.State)
        assert telegram.requests.connections == 2


async def test_a_silent_connection_is_dropped(world: World, raw_client: Callable[..., Any]) -> None:
    """Without pings the connection ends; a ping puts that off; others are not concerned."""
    rule = DropSilent(0.02, connection=1)
    async with (
        LocalTelegram(world, rules=[rule]) as telegram,
        raw_client(telegram) as raw,
        raw_client(telegram) as other,
    ):
        assert (await raw.ask(functions.PingRequest(5))).ping_id == 5
        assert await raw.receive_packet() is None
        assert isinstance(await other.ask(GET_STATE), types.updates.State)
    assert rule.fired == 1


async def test_answers_come_alone_or_together(world: World, raw_client: Callable[..., Any]) -> None:
    """With 1 each answer has its packet, with 4 they wait for one another, whatever their size."""
    for count, rounds in ((1, 4), (4, 1)):
        rule = Packing(count)
        async with LocalTelegram(world, rules=[rule]) as telegram, raw_client(telegram) as raw:
            await raw.ask(functions.PingRequest(1))
            peer = types.InputPeerChannel(77, world.channels[77].access_hash)
            page = functions.messages.GetHistoryRequest(peer, 0, None, 0, 100, 0, 0, 0)
            for body in (GET_STATE, page, page, GET_STATE):
                raw.send(body)
            sizes = [len(await raw.receive()) for _ in range(rounds)]
            assert sizes == [count] * rounds
        assert rule.fired == 4


async def test_telethon_reads_a_forced_container(world: World) -> None:
    """Four pages in one container reach the four that asked."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        ships = await client.get_input_entity("ships")
        rule = telegram.add(Packing(4))
        pages = await asyncio.gather(
            *(client.get_messages(ships, 100, offset_id=top) for top in (701, 601, 501, 401))
        )
        assert [message.id for page in pages for message in page] == ALL[:400]
        assert rule.fired == 4


SENSELESS: dict[str, Callable[[], Rule]] = {
    "code": lambda: BadMessage(HISTORY, 1),
    "kind": lambda: StrayPackets("odd"),  # type: ignore[arg-type]
    "0 packets": lambda: StrayPackets("stale", count=0),
    "what": lambda: AskClient("how"),  # type: ignore[arg-type]
    "0 answers": lambda: Packing(0),
}


@pytest.mark.parametrize("case", SENSELESS)
def test_a_fault_that_makes_no_sense_is_refused(case: str) -> None:
    """Bad arguments say so at once and name the rule."""
    with pytest.raises(WorldError, match=r"^[A-Z]\w+: "):
        SENSELESS[case]()
