"""A wrapped client is the client, only that its histories come faster."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from telethon import TelegramClient, functions, types
from telethon.helpers import TotalList

import telefast
from telefast import (
    ArgumentError,
    BatchedHistory,
    FastClient,
    LazyMessage,
    MediaDownloader,
    Settings,
    wrap,
)
from telefast.client.messages import _More
from telefast.testing import LocalTelegram, World
from tests.client.exact import HISTORY, assert_same, club, ids_of, stock


async def test_iter_messages_yields_what_the_client_yields() -> None:
    """The same finished messages, bound to the wrapped client, by many requests at a time."""
    world, _ = club(1000, holes=0.05)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast = wrap(client, concurrency=8)
        messages = fast.iter_messages("club")
        ours = [message async for message in messages]
        assert_same(ours, client, await stock(client, "club"), client)
        assert ("pages", 1000) == (messages.stats().path, messages.total)
        assert messages.stats().peak_in_flight > 1


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"limit": None},
        {"limit": 5},
        {"limit": 0},
        {"limit": -3},
        {"limit": float("inf"), "min_id": 900},
        {"min_id": 100, "max_id": 110},
        {"min_id": 110, "max_id": 100},
        {"min_id": 100, "limit": 3, "reverse": True},
        {"ids": 17},
        {"ids": 5000},
        {"ids": [3, 5000, 1]},
        {"ids": []},
        {"search": "the", "limit": 0},
    ],
    ids=str,
)
async def test_get_messages_returns_what_the_client_returns(arguments: dict[str, Any]) -> None:
    """One message, None, or a TotalList with the total, for the same arguments."""
    world, _ = club(1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast = wrap(client)
        theirs = await client.get_messages("club", wait_time=0, **arguments)
        ours = await fast.get_messages("club", **arguments)
        assert type(theirs) is type(ours)
        if isinstance(theirs, TotalList):
            assert ids_of(theirs) == ids_of(ours)
            assert theirs.total == ours.total
        elif theirs is not None:
            assert bytes(theirs) == bytes(ours)


async def test_a_limit_in_position_is_a_limit() -> None:
    """`get_messages(chat, 3)` fetches three."""
    world, _ = club(50)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert [50, 49, 48] == ids_of(await wrap(client).get_messages("club", 3))


async def test_an_iterator_can_be_used_again_and_reversed() -> None:
    """Each `async for` reads anew; `reversed` turns the direction; a `break` leaves nothing."""
    world, _ = club(150)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = wrap(client).iter_messages("club")
        async for message in messages:
            assert 150 == message.id
            break
        assert list(range(150, 0, -1)) == [m.id async for m in messages]
        assert list(range(1, 151)) == [m.id async for m in reversed(messages)]
        assert list(range(1, 151)) == ids_of(await reversed(messages).collect())


async def test_an_iterator_gives_one_message_at_a_time() -> None:
    """`anext` takes one message, as from Telethon's iterator; `async for` then begins anew."""
    world, _ = club(150)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = wrap(client).iter_messages("club")
        assert [150, 149] == [(await anext(messages)).id, (await anext(messages)).id]
        assert list(range(150, 0, -1)) == [m.id async for m in messages]
        assert list(range(150, 0, -1)) == ids_of(await messages.collect())
        with pytest.raises(StopAsyncIteration):
            await anext(messages)


@pytest.mark.parametrize("kind", ["private", "group", "channel"])
async def test_the_total_of_an_empty_chat_is_zero(kind: str) -> None:
    """Zero, as Telethon says, not None."""
    world = World(seed=1)
    chat: Any
    if kind == "private":
        chat = world.add_private_chat(next(u for u in world.users.values() if not u.is_self))
    else:
        chat = world.add_group("Empty") if kind == "group" else world.add_channel("Empty")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        peer = world.accounts[0].input_peer(chat)
        found = await wrap(client).get_messages(peer, limit=None)
        assert ([], 0) == (list(found), found.total)


async def test_everything_else_is_the_client() -> None:
    """Methods, attributes, setting them, requests and `async with` go to the wrapped client."""
    world, channel = club(10)
    async with LocalTelegram(world) as telegram:
        client = telegram.client()
        async with wrap(client) as fast:
            assert client.is_connected()
            assert fast.wrapped is client
            assert (await fast.get_me()).id == world.me.id
            assert fast.session is client.session
            fast.parse_mode = "html"
            assert client.parse_mode is fast.parse_mode
            entity = await fast.get_input_entity("club")
            request = functions.channels.GetFullChannelRequest(entity)
            assert channel.id == (await fast(request)).full_chat.id
            assert {"iter_messages", "download_media", "wrapped"} <= set(dir(fast))
        assert not client.is_connected()
        with pytest.raises(AttributeError, match="no_such_thing"):
            _ = fast.no_such_thing


async def test_options_are_defaults_for_each_call() -> None:
    """Options of `wrap` and settings apply to every call; a call's own argument wins."""
    world, _ = club(1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast = wrap(client, Settings(concurrency=2, batch_size=10), concurrency=1, prefetch=3)
        messages = fast.iter_messages("club")
        assert 1000 == len([m async for m in messages])
        assert 1 == messages.stats().peak_in_flight
        messages = fast.iter_messages("club", concurrency=3)
        assert 1000 == len([m async for m in messages])
        assert 3 == messages.stats().peak_in_flight
        found = await fast.get_messages("club", 3, view="lazy")
        assert ([1000, 999, 998], {LazyMessage}) == (ids_of(found), {type(m) for m in found})


async def test_wrong_options_die_at_once() -> None:
    """An unknown or illegal option names itself and what is legal; nothing is sent."""
    world, _ = club(10)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        before = telegram.requests.total
        with pytest.raises(ArgumentError, match=r"concurrent=4: expected .*concurrency"):
            wrap(client, concurrent=4)
        with pytest.raises(ArgumentError, match=r"concurrency=0: expected an integer from 1 to 64"):
            wrap(client, concurrency=0)
        with pytest.raises(ArgumentError, match="not wrapped yet"):
            wrap(wrap(client))  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match="offset_id"):
            wrap(client).iter_messages("club", offset_id="7")
        assert before == telegram.requests.total


def test_signatures_are_those_of_telethon() -> None:
    """Both methods take Telethon's arguments in Telethon's order, with Telethon's defaults."""
    theirs = inspect.signature(TelegramClient.iter_messages).parameters
    for method in (FastClient.iter_messages, FastClient.get_messages):
        ours = inspect.signature(method).parameters
        assert [*theirs, "options"] == list(ours)
        for name, parameter in theirs.items():
            assert (parameter.default, parameter.kind) == (ours[name].default, ours[name].kind)


def test_every_option_of_the_pieces_is_an_option() -> None:
    """All that the pieces take beyond Telethon's own, and `wait_time`; the docs name it."""
    ours = set(inspect.signature(BatchedHistory).parameters)
    files = set(inspect.signature(MediaDownloader).parameters) - {"client", "max_size"}
    theirs = set(inspect.signature(TelegramClient.iter_messages).parameters)
    client = TelegramClient(None, 1, "0123456789abcdef0123456789abcdef")
    with pytest.raises(ArgumentError) as caught:
        wrap(client, no_such=1)
    expected = sorted(ours - theirs - {"client"} | {"wait_time"} | files)
    assert expected == caught.value.expected.split(" are ")[1].split(", ")
    assert all(f"`{name}`" in (wrap.__doc__ or "") for name in expected)
    shown = (theirs | ours) - {"client"}
    assert shown - {"self", "entity", "limit", "ids"} == set(_More.__annotations__)


async def test_one_message_costs_one_request() -> None:
    """`get_messages(chat)` and `limit=0` ask once, as Telethon does."""
    world, _ = club(1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast = wrap(client)
        peer = await fast.get_input_entity("club")
        assert isinstance(peer, types.InputPeerChannel)
        before = telegram.requests[HISTORY]
        assert [1000] == ids_of(await fast.get_messages(peer))
        assert 1000 == (await fast.get_messages(peer, limit=0)).total
        assert before + 2 == telegram.requests[HISTORY]


def test_the_wrapper_is_public() -> None:
    """`telefast.wrap` returns a `FastClient` that shows nothing but a class in its repr."""
    client = TelegramClient(None, 1, "0123456789abcdef0123456789abcdef")
    fast = telefast.wrap(client)
    assert isinstance(fast, FastClient)
    assert "FastClient(TelegramClient)" == repr(fast)
