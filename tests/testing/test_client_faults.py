"""Is what a client does wrong written down, and nothing that befalls a client that does nothing?"""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from telethon import errors, types
from telethon.tl import functions

from telefast.testing import (
    BadMessage,
    ClockSkew,
    ErrorOn,
    ExpireReferences,
    LocalTelegram,
    RefuseKeyExchange,
    RevokeAccount,
    TakeoutRequired,
    World,
    put_media,
)
from telefast.testing.keys import ServerKey
from telefast.testing.ledger import FAULTS_SIZE
from tests.conformance.asking import history
from tests.testing.conftest import RawClient, raw_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from telefast.testing import Rule

__all__ = ["raw_client"]

HISTORY = "messages.getHistory"
GET_STATE = functions.updates.GetStateRequest()
GET_ME = functions.users.GetUsersRequest([types.InputUserSelf()])
CONTAINER = struct.pack("<Ii", 0x73F1F8DC, 3) + bytes(16)


@pytest.fixture
def world() -> World:
    """A channel with a file that lives elsewhere."""
    world = World(seed=5, user_count=6, dc_ids=(2, 4))
    channel = world.add_channel("Ships", message_count=300, username="ships")
    document = world.file_store.document(700_000, "film.mkv", dc_id=4)
    put_media(channel, types.MessageMediaDocument(document=document))
    return world


async def read(telegram: LocalTelegram, **options: Any) -> int:
    """Read the whole channel and its file with the stock client; return how many messages."""
    async with telegram.client(**options) as client:
        assert await client.is_user_authorized()
        messages = [m async for m in client.iter_messages("ships", wait_time=0)]
        assert len(await client.download_media(messages[0], bytes)) == 700_000
    return len(messages)


@pytest.mark.rule("errors.client-faults")
@pytest.mark.parametrize("process", [False, True])
async def test_a_request_that_breaks_the_rules_is_listed(world: World, process: bool) -> None:
    """It stands there with its error, time and place, also out of another process."""
    (channel,) = world.channels.values()
    options = {"process": process}
    async with LocalTelegram(world, **options) as telegram, telegram.client() as client:
        with pytest.raises(errors.RPCError):
            await client(history(channel, offset_id=-5))
        with pytest.raises(errors.DcIdInvalidError):
            await client(functions.auth.ExportAuthorizationRequest(2))
        await telegram.sync()
        first, second = telegram.client_faults
        assert (HISTORY, "MSG_ID_INVALID", 1, 2) == (first[0], first[1], *first[3:])
        assert ("auth.exportAuthorization", "DC_ID_INVALID") == second[:2]
        assert 0 < first.time <= second.time
        assert telegram.requests.errors.keys() == {"MSG_ID_INVALID", "DC_ID_INVALID"}


@pytest.mark.rule("errors.client-faults")
@pytest.mark.parametrize(
    ("send", "said"),
    [
        (lambda raw: raw.send(GET_STATE, seqno=2), "bad_msg_notification 35"),
        (lambda raw: raw.send(GET_STATE, msg_id=7), "bad_msg_notification 18"),
        (lambda raw: raw.send(CONTAINER), "bad_msg_notification 64"),
        (lambda raw: raw.send(b"\xfa\xfa\x1e\x7e"), "INPUT_METHOD_INVALID"),
        (lambda raw: raw.send(bytes(GET_ME)[:8]), "INPUT_FETCH_ERROR"),
        (lambda raw: raw.send(b"\xec\x77\xbe\x7a"), "malformed ping"),
        (lambda raw: raw.send_packet(raw.key.key_id + bytes(80)), "message key"),
        (lambda raw: raw.send_packet(bytes(28)), "plain message"),
        (lambda raw: raw.writer.write(bytes(12)), "a packet of 0 bytes"),
    ],
)
async def test_what_is_no_proper_message_is_listed(
    world: World,
    raw_client: Callable[..., Any],
    send: Callable[[RawClient], object],
    said: str,
) -> None:
    """Envelopes, containers, packets and constructors, each without a method."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        send(raw)
        await telegram.requests.until(lambda ledger: bool(ledger.client_faults))
        (fault,) = telegram.client_faults
        assert (fault.method, fault.connection, fault.dc_id) == ("", 1, 2)
        assert said in fault.error


@pytest.mark.parametrize("process", [False, True])
async def test_the_stock_client_does_nothing_wrong(world: World, process: bool) -> None:
    """It exchanges keys, reads, is sent to another data centre, downloads, and none is listed."""
    async with LocalTelegram(world, process=process, strict_salts=True) as telegram:
        assert await read(telegram, key_exchange=True) == 301
        await telegram.sync()
        assert telegram.requests.errors.keys() == {"FILE_MIGRATE_4"}
        assert telegram.client_faults == []


RULES: dict[str, Callable[[], Rule]] = {
    "error": lambda: ErrorOn(HISTORY, 400, "CHANNEL_INVALID", nth=1),
    "bad message": lambda: BadMessage(HISTORY, 35, nth=1),
    "clock": lambda: ClockSkew(-400),
    "key exchange": lambda: RefuseKeyExchange("fail", nth=1),
    "revoked": lambda: RevokeAccount(from_request=4),
    "keys forgotten": lambda: RevokeAccount(from_request=4, forget_keys=True),
    "references": lambda: ExpireReferences(nth=2),
    "takeout": lambda: TakeoutRequired(HISTORY),
}


@pytest.mark.parametrize("case", RULES)
async def test_what_a_rule_does_is_no_fault_of_the_client(world: World, case: str) -> None:
    """Whatever comes of it: errors, a wrong clock, lost keys, references that expired."""
    rule = RULES[case]()
    async with LocalTelegram(world, rules=[rule]) as telegram:
        with suppress(AssertionError, errors.RPCError, errors.BadMessageError, ConnectionError):
            await read(telegram, key_exchange=True, connection_retries=1)
        assert rule.fired
        assert telegram.client_faults == []


async def test_waits_and_missing_logins_are_no_faults(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """A flood wait, a request before the login, and a key that nobody knows are not listed."""
    async with LocalTelegram(world, flood="telegram-plain", sign_in=True) as telegram:
        client = telegram.client(key_exchange=True, flood_sleep_threshold=0)
        await client.connect()
        assert not await client.is_user_authorized()
        async with telegram.client(flood_sleep_threshold=0) as eager:
            with suppress(errors.FloodWaitError):
                for _ in range(99):
                    await eager.get_messages("ships", limit=1)
            assert telegram.requests[HISTORY] < 99
        async with raw_client(telegram, ServerKey()) as raw:
            raw.send(GET_STATE)
            assert await raw.receive_packet() == struct.pack("<i", -404)
        assert telegram.client_faults == []


async def test_the_list_is_bounded(world: World, raw_client: Callable[..., Any]) -> None:
    """The newest thousand are kept."""
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        for _ in range(FAULTS_SIZE + 5):
            raw.send(GET_STATE, seqno=2)
        await raw.objects(FAULTS_SIZE + 5)
        assert len(telegram.client_faults) == FAULTS_SIZE
