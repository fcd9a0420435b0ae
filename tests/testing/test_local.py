"""Is `LocalTelegram` easy to use right, and gone without a trace when left?"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest
from telethon import TelegramClient
from telethon.sessions import MemorySession, SQLiteSession, StringSession
from telethon.tl import functions, types

from telefast.errors import ArgumentError, ClosedError
from telefast.testing import ErrorOn, LocalTelegram, World

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world() -> World:
    """A small world with one channel."""
    world = World(seed=1, user_count=5)
    world.add_channel("Ships", message_count=250, username="ships")
    return world


@pytest.mark.parametrize("rtt", [-0.1, math.inf, math.nan, "1", None, True])
def test_a_round_trip_is_a_time(world: World, rtt: Any) -> None:
    """Anything but a finite number of seconds from 0 dies at once, with the name."""
    with pytest.raises(ArgumentError, match="rtt"):
        LocalTelegram(world, rtt=rtt)


@pytest.mark.parametrize(
    "options",
    [
        {"jitter": -1},
        {"jitter": math.inf},
        {"bandwidth": 0},
        {"bandwidth": -5},
        {"bandwidth": math.inf},
        {"bandwidth": "fast"},
        {"gzip": "brotli"},
        {"gzip": None},
        {"gzip": []},
    ],
)
def test_a_line_is_described_by_numbers(world: World, options: dict[str, Any]) -> None:
    """Each argument that describes the line dies at once if it makes no sense, with its name."""
    with pytest.raises(ArgumentError, match=next(iter(options))):
        LocalTelegram(world, **options)


@pytest.mark.rule("client.connects")
@pytest.mark.parametrize("key_exchange", [False, True])
async def test_the_unmodified_client_is_at_home(world: World, key_exchange: bool) -> None:
    """connect, get_me, get_entity and iter_messages work, and nothing unknown is asked."""
    async with LocalTelegram(world) as telegram:
        client = telegram.client(key_exchange=key_exchange)
        assert TelegramClient in type(client).__bases__
        assert not [name for name, each in vars(type(client)).items() if callable(each)]
        await client.connect()
        me = await client.get_me()
        ships = await client.get_entity("ships")
        messages = [m.id async for m in client.iter_messages(ships, wait_time=0)]
        assert me.id == world.me.id
        assert ships.title == "Ships"
        assert messages == list(range(250, 0, -1))
        assert telegram.unknown == []
        assert telegram.requests["messages.getHistory"] == 3
        assert await telegram.sync() is telegram.requests


async def test_nothing_is_left(world: World) -> None:
    """Leaving disconnects clients that were forgotten, ends all tasks and closes the port."""
    before = asyncio.all_tasks()
    async with LocalTelegram(world) as telegram:
        client = telegram.client()
        await client.connect()
        await client.get_me()
        await telegram.client().connect()
        telegram.client()
        port = telegram.port
    assert not client.is_connected()
    assert telegram.requests.open_connections == 0
    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_client_may_be_disconnected_first(world: World) -> None:
    """`async with` for the client inside that of the server is fine."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert await client.is_user_authorized()
    assert telegram.requests["help.getConfig"] == 1


async def test_outside_of_its_block_it_says_so(world: World) -> None:
    """Before and after, addresses and clients are refused; counts stay readable."""
    telegram = LocalTelegram(world)
    uses = [
        lambda: telegram.port,
        lambda: telegram.host,
        lambda: telegram.dc_id,
        telegram.client,
        telegram.session_string,
    ]
    for use in uses:
        with pytest.raises(ClosedError, match="async with"):
            use()
    async with telegram:
        assert repr(telegram) == f"<LocalTelegram 127.0.0.1:{telegram.port}>"
        async with telegram.client() as client:
            await client.get_me()
    for use in uses:
        with pytest.raises(ClosedError):
            use()
    with pytest.raises(ClosedError):
        await telegram.drop_connections()
    with pytest.raises(ClosedError, match="once"):
        async with telegram:
            pass
    assert telegram.requests["users.getUsers"] > 0
    assert repr(telegram) == "<LocalTelegram not running>"


async def test_sessions_of_all_kinds(world: World, tmp_path: Path) -> None:
    """A path, a SQLite session, a memory session: each is pointed at the server and kept."""
    path = tmp_path / "me"
    async with LocalTelegram(world) as telegram:
        for session in (path, SQLiteSession(str(tmp_path / "other")), MemorySession()):
            async with telegram.client(session=session) as client:
                assert (await client.get_me()).is_self
        assert path.with_suffix(".session").exists()


async def test_a_session_string_is_enough(world: World) -> None:
    """A client made from the string alone, with any api_id, is logged in."""
    async with LocalTelegram(world) as telegram:
        session = StringSession(telegram.session_string())
        async with TelegramClient(session, 42, "any") as client:
            assert (await client.get_me()).id == world.me.id
            assert (client.session.dc_id, client.session.port) == (telegram.dc_id, telegram.port)


async def test_options_reach_telethon(world: World) -> None:
    """Keyword arguments are Telethon's, the api_id included."""
    async with LocalTelegram(world) as telegram:
        client = telegram.client(api_id=5, device_model="Slate", receive_updates=False)
        async with client:
            assert client.api_id == 5
            assert (await client.get_me()).is_self


async def test_several_servers_in_one_process(world: World) -> None:
    """Each shows its own world, to clients that live at the same time."""
    other = World(seed=2, user_count=5)
    async with (
        LocalTelegram(world) as one,
        LocalTelegram(other) as two,
        one.client() as first,
        two.client() as second,
    ):
        assert (await first.get_me()).id == world.me.id
        assert (await second.get_me()).id == other.me.id
        config = await second(functions.help.GetConfigRequest())
        assert config.dc_options[0].port == two.port
        assert isinstance(config, types.Config)
    async with LocalTelegram(world) as three:
        assert TelegramClient._config is None
        assert three.requests.total == 0


async def test_a_rule_can_be_added_while_it_runs(world: World) -> None:
    """From then on it applies, after the rules that were there."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        rule = telegram.add(ErrorOn("users.getUsers", 400, "USER_ID_INVALID", every=1))
        with pytest.raises(Exception, match="Invalid object ID"):
            await client(functions.users.GetUsersRequest([types.InputUserSelf()]))
        assert rule.fired == 1
        assert telegram.requests.errors == {"USER_ID_INVALID": 1}


async def test_it_can_be_warmed(world: World) -> None:
    """All messages are made before the first is asked for."""
    async with LocalTelegram(world) as telegram:
        assert world.cache.size == 0
        await telegram.warm()
        assert world.cache.size > 0
        assert telegram.requests.total == 0


async def test_the_world_can_change_while_it_runs(world: World) -> None:
    """What is posted or deleted shows in the next answer."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        (channel,) = telegram.world.channels.values()
        (new,) = channel.post()
        channel.delete(new - 1)
        messages = await client.get_messages("ships", limit=2)
        assert [m.id for m in messages] == [new, new - 2]
