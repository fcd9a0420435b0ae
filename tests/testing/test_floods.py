"""Does the real client meet the flood limits of a profile as it would meet Telegram's?"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from telethon.errors import FloodPremiumWaitError, FloodWaitError, RPCError
from telethon.tl.functions import InvokeWithTakeoutRequest
from telethon.tl.functions.account import InitTakeoutSessionRequest
from telethon.tl.functions.messages import GetHistoryRequest, GetMessagesRequest
from telethon.tl.functions.upload import GetFileRequest
from telethon.tl.types import InputDocumentFileLocation

from telefast.errors import ArgumentError
from telefast.testing import Budget, FloodProfile, LocalTelegram, TokenBucket, World
from telefast.testing.datacentres import DataCentre, DataCentres
from telefast.testing.dispatcher import Dispatcher

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.testing import Channel

NOW = 1_700_000_000.0
TWO = TokenBucket(burst=2, rate=0.05)
STRICT = FloodProfile(
    name="strict",
    budgets=(
        Budget(family="history", limit=TWO),
        Budget(family="history", limit=TokenBucket(burst=4, rate=1), is_takeout=True),
        Budget(family="files", limit=TWO, is_premium_wait=True, spares_premium=True),
    ),
)


@pytest.fixture
def world() -> World:
    """A world with one chat."""
    world = World(seed=11)
    world.add_channel("Ships", message_count=300, username="ships")
    return world


@pytest.fixture
def ships(world: World) -> Channel:
    """The chat."""
    [channel] = world.channels.values()
    return channel


class Wall:
    """A clock on the wall of the server, that goes when it is told to."""

    def __init__(self, telegram: LocalTelegram) -> None:
        self.now = NOW
        telegram._dispatcher.clock = lambda: self.now


def page_of(telegram: LocalTelegram, ships: Channel, account: Any = None) -> GetHistoryRequest:
    """Return the request of one page."""
    peer = (account or telegram.world.account).input_peer(ships)
    return GetHistoryRequest(peer, 0, None, 0, 1, 0, 0, 0)


async def waits(client: TelegramClient, request: Any, count: int) -> list[int]:
    """Ask several times, past what the client remembers of floods; return the waits, 0 for none."""
    found = []
    for _ in range(count):
        client._flood_waited_requests.clear()
        try:
            await client(request)
        except (FloodWaitError, FloodPremiumWaitError) as error:
            found.append(error.seconds)
        except RPCError:
            found.append(0)
        else:
            found.append(0)
    return found


async def test_stock_is_told_how_long_to_wait(world: World, ships: Channel) -> None:
    """The error has the seconds, the ledger its name; who waits as long is let in."""
    async with LocalTelegram(world, flood=STRICT) as telegram, telegram.client() as client:
        wall = Wall(telegram)
        client.flood_sleep_threshold = 0
        await client.get_messages("ships", limit=1)
        await client.get_messages("ships", limit=1)
        with pytest.raises(FloodWaitError) as caught:
            await client.get_messages("ships", limit=1)
        assert caught.value.seconds == 20
        assert telegram.requests.errors == {"FLOOD_WAIT_20": 1}
        request = page_of(telegram, ships)
        wall.now += 12.5
        assert await waits(client, request, 2) == [8, 8]
        wall.now += 8
        assert await waits(client, request, 2) == [0, 20]
        assert await waits(client, GetMessagesRequest([1]), 9) == [0] * 9
        assert telegram.requests["messages.getHistory"] == 7


@pytest.mark.rule("flood.over-reconnects")
async def test_a_flood_belongs_to_the_account(world: World, ships: Channel) -> None:
    """Neither a new connection nor a second client is free of it; another account is."""
    other = world.add_account()
    async with LocalTelegram(world, flood=STRICT) as telegram:
        Wall(telegram)
        request = page_of(telegram, ships)
        async with telegram.client(flood_sleep_threshold=0) as client:
            assert await waits(client, request, 3) == [0, 0, 20]
            await telegram.drop_connections()
            assert await waits(client, request, 1) == [20]
        async with telegram.client(flood_sleep_threshold=0) as client:
            assert await waits(client, request, 1) == [20]
        async with telegram.client(account=other, flood_sleep_threshold=0) as client:
            assert await waits(client, page_of(telegram, ships, other), 3) == [0, 0, 20]


async def test_a_takeout_has_a_budget_of_its_own(world: World, ships: Channel) -> None:
    """What is asked in a takeout costs nothing outside of it, nor the other way round."""
    async with LocalTelegram(world, flood=STRICT) as telegram:
        Wall(telegram)
        async with telegram.client(flood_sleep_threshold=0) as client:
            takeout = await client(InitTakeoutSessionRequest(message_megagroups=True))
            plain = page_of(telegram, ships)
            inside = InvokeWithTakeoutRequest(takeout.id, plain)
            assert await waits(client, inside, 5) == [0, 0, 0, 0, 1]
            assert await waits(client, plain, 3) == [0, 0, 20]
            assert await waits(client, inside, 1) == [1]


@pytest.mark.rule("files.premium-wait")
async def test_premium_waits_have_a_name_of_their_own(world: World) -> None:
    """An account without Premium gets FLOOD_PREMIUM_WAIT for files, one with it gets none."""
    location = InputDocumentFileLocation(id=1, access_hash=2, file_reference=b"3", thumb_size="")
    request = GetFileRequest(location, offset=0, limit=4096)
    async with LocalTelegram(world, flood=STRICT) as telegram:
        Wall(telegram)
        async with telegram.client(flood_sleep_threshold=0) as client:
            for _ in range(2):
                with suppress(RPCError):  # there is no such file
                    await client(request)
            with pytest.raises(FloodPremiumWaitError) as caught:
                await client(request)
            assert caught.value.seconds == 20
            assert telegram.requests.errors["FLOOD_PREMIUM_WAIT_20"] == 1
            world.me.premium = True
            assert await waits(client, request, 3) == [0, 0, 0]


async def test_limits_hold_in_a_process_of_its_own(world: World, ships: Channel) -> None:
    """The profile gets there, and floods are kept for all clients of the account."""
    limit = TokenBucket(burst=2, rate=1e-6)
    profile = FloodProfile(
        name="one", budgets=(Budget(family="history", limit=limit, least_wait=9),)
    )
    async with LocalTelegram(world, process=True, flood=profile, dc_bandwidth=1e9) as telegram:
        assert telegram.flood is profile
        request = page_of(telegram, ships)
        async with telegram.client(flood_sleep_threshold=0) as client:
            assert await waits(client, request, 2) == [0, 0]
        async with telegram.client(flood_sleep_threshold=0) as client:
            [wait] = await waits(client, request, 1)
            assert 999_000 < wait <= 1_000_000
        assert (await telegram.sync()).errors == {f"FLOOD_WAIT_{wait}": 1}


async def test_nothing_is_refused_by_default(world: World, ships: Channel) -> None:
    """Without a profile there are no limits, and the profile says so."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert telegram.flood.describe() == "unlimited: no flood limits"
        assert await waits(client, page_of(telegram, ships), 100) == [0] * 100


def test_unknown_profiles_are_refused(world: World) -> None:
    """A name that no profile has is refused at once, as are speeds that are none."""
    with pytest.raises(ArgumentError, match=r"^flood='telegram-plane': expected some of"):
        LocalTelegram(world, flood="telegram-plane")
    with pytest.raises(ArgumentError, match=r"^dc_bandwidth=0: expected"):
        LocalTelegram(world, dc_bandwidth=0)


def lines_of(world: World, **options: Any) -> list[Any]:
    """Return a link of each listener."""
    options = {"sign_in": False, **options}
    differing = [DataCentre(2, media_only=True), DataCentre(203, cdn=True)]
    servers = DataCentres(Dispatcher(world), [], differing=differing, options=options).servers
    return [server.new_link() for server in servers]


async def test_a_data_centre_shares_its_bandwidth() -> None:
    """All listeners of a data centre share its line, and no other data centre does."""
    links = lines_of(World(seed=1, dc_ids=(2, 4)), dc_bandwidth=1000)
    times = [link.next_piece(now=0.0, size=500).time for link in links]
    assert times == [0.5, 1.0, 0.5, 0.5]
    links = lines_of(World(seed=1, dc_ids=(2, 4)), dc_bandwidth=1000, bandwidth=200)
    assert [link.next_piece(now=0.0, size=500).time for link in links] == [2.5] * 4


async def test_a_profile_brings_its_speeds(world: World, ships: Channel) -> None:
    """The lower of the profile's speed and one's own counts; pages arrive all the same."""
    slow = FloodProfile(name="slow", bandwidth=3e9, dc_bandwidth=2e9)
    telegram = LocalTelegram(world, flood=slow, bandwidth=4e9, dc_bandwidth=1e9)
    assert telegram._host.options["bandwidth"] == 3e9
    assert telegram._host.options["dc_bandwidth"] == 1e9
    async with telegram, telegram.client() as client:
        assert len(await client.get_messages("ships", limit=None, wait_time=0)) == 300
    assert DataCentre(4, dc_bandwidth=1e6).dc_bandwidth == 1e6
