"""A wrapped client's life: it owns nothing, patches nothing, and leaves what it has found."""

from __future__ import annotations

import asyncio
import copy
import inspect
from contextlib import suppress
from typing import Any

import pytest
from telethon import TelegramClient, errors, events, functions, types
from telethon.sessions import MemorySession

import telefast
from telefast import (
    ArgumentError,
    BatchedHistory,
    CompatibilityError,
    FastClient,
    MediaDownloader,
    Pool,
    UsageError,
    wrap,
)
from telefast.testing import LocalTelegram, TakeoutSession
from telefast.transport.account import Account
from tests.client.exact import HISTORY, club, down, ids_of
from tests.client.media_scene import MIB, scene

HASH = "0123456789abcdef0123456789abcdef"


class Subclass(TelegramClient):
    """A client of another library's making, which no set may hold."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    async def get_drafts(self, *args: Any, **kwargs: Any) -> Any:
        """Return something of its own."""
        return "mine"


class Duck:
    """No client, but one stands behind it."""

    def __init__(self, client: TelegramClient) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    async def __call__(self, request: Any) -> Any:
        """Send a request."""
        return await self.client(request)


def facts(client: TelegramClient) -> dict[str, Any]:
    """Return all that a client holds, and what its session does."""
    session: Any = client.session
    held = {name: id(value) for name, value in vars(client).items()}
    return held | {
        "handlers": list(client.list_event_handlers()),
        "class": vars(type(client)).copy(),
        "session": (type(session), session.dc_id, session.auth_key.key, session.takeout_id),
    }


# What it leaves


async def test_a_connected_client_stays_as_it_was() -> None:
    """Nothing is patched, registered or closed; only what telefast has opened is."""
    async with scene(1000, 3 * MIB, dc_ids=(2, 4)) as here:
        client = here.client
        await client.get_me()
        message = await here.message(2)
        pool, before, tasks = Pool.of(client), facts(client), asyncio.all_tasks()
        async with wrap(client) as fast:
            assert [2] == ids_of(await fast.get_messages("files"))
            assert 3 * MIB == len(await fast.download_media(message, bytes))
            assert pool.lines(4)
        assert client.is_connected()
        assert not pool.lines(4)
        assert tasks == asyncio.all_tasks()
        changed = {name for name, value in facts(client).items() if value != before.get(name)}
        assert changed == {"_last_request"}  # the time of it, which Telethon notes
        assert (await client.get_me()).is_self
        assert 3 * MIB == len(await fast.download_media(message, bytes))  # it can be used again
        assert pool is Pool.of(client)
        assert 1 == here.counts["auth.exportAuthorization"]  # and is logged in there
        assert pool.lines(4)
        await fast.aclose()
        await fast.aclose()


async def test_a_client_that_was_not_connected_is_disconnected() -> None:
    """It is as with the client itself: `async with` connects, and disconnects."""
    world, _ = club(10)
    async with LocalTelegram(world) as telegram:
        client = telegram.client()
        async with wrap(client) as fast:
            assert client.is_connected()
            async with fast, wrap(client):
                pass
            assert client.is_connected()
        assert not client.is_connected()
        with pytest.raises(ZeroDivisionError):
            async with wrap(client):
                raise ZeroDivisionError
        assert not client.is_connected()
        await client.connect()
        await wrap(client).__aexit__(None, None, None)  # never entered: as Telethon does
        assert not client.is_connected()


async def test_what_is_in_flight_elsewhere_goes_on() -> None:
    """Closing one wrapped client breaks no download of another one on the same client."""
    async with scene(1000, 6 * MIB, dc_ids=(2, 4)) as here:
        message = await here.message(2)
        other = wrap(here.client)
        stream = wrap(here.client).iter_download(message)
        first = await anext(stream)
        await other.aclose()
        rest = [piece async for piece in stream._stream]
        assert here.content(2) == b"".join([first, *rest])


async def test_wrapped_twice_is_one_account() -> None:
    """Flood waits, connections and tuner are of the account; options are of each."""
    world, _ = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        one, other = wrap(client, concurrency=1), wrap(client, concurrency=4)
        assert Account.of(one) is Account.of(other) is Account.of(client)
        assert one.downloads is not other.downloads
        assert one.downloads.tuner is other.downloads.tuner
        for fast, peak in ((one, 1), (other, 3)):
            messages = fast.iter_messages("club")
            assert down(300) == ids_of([m async for m in messages])
            assert peak >= messages.stats().peak_in_flight


# What it is


async def test_whatever_acts_for_a_client_will_do() -> None:
    """A subclass, an object that passes all on, a takeout's proxy: messages are theirs."""
    world, _ = club(250)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        subclass = Subclass(client.session, 1, HASH, connection=client._connection)
        await subclass.connect()
        for stand_in in (subclass, Duck(client), Duck(wrap(client))):  # type: ignore[arg-type]
            fast = wrap(stand_in)  # type: ignore[arg-type]
            found = await fast.get_messages("club", limit=None)
            assert down(250) == ids_of(found)
            assert found[0].client is stand_in
        assert "mine" == await wrap(subclass).get_drafts()
        await subclass.disconnect()
    for nothing in (None, 5, object()):
        with pytest.raises(ArgumentError, match="client"):
            wrap(nothing)  # type: ignore[arg-type]

    class Mock:
        iter_messages = None

    with pytest.raises(CompatibilityError):
        wrap(Mock())  # type: ignore[arg-type]


async def test_pieces_take_a_wrapped_client() -> None:
    """It is a client to them, also within a takeout."""
    world, _ = club(250)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast: Any = wrap(client)
        assert down(250) == ids_of([m async for m in BatchedHistory(fast, "club")])
        assert MediaDownloader(fast).tuner is fast.downloads.tuner
        assert (await telefast.PeerCache(fast).resolve("@club")).channel_id
        async with fast.takeout() as takeout:
            history = BatchedHistory(takeout, "club")
            assert down(250) == ids_of([m async for m in history])
            assert "on" == history.stats().takeout
            async with telefast.Takeout(takeout) as same:
                assert len(await same.ranges()) >= 0
        await telegram.sync()
        assert [TakeoutSession(0, (), "success")] == telegram.takeouts


async def test_every_name_of_the_client_is_there() -> None:
    """What is not telefast's own is the client's own, to read, to set and to delete."""
    client = TelegramClient(MemorySession(), 1, HASH)
    fast = wrap(client)
    own = set(dir(FastClient)) & {name for name in dir(TelegramClient) if name[0] != "_"}
    assert own == {
        "download_file",
        "download_media",
        "download_profile_photo",
        "end_takeout",
        "get_messages",
        "iter_download",
        "iter_messages",
        "start",
        "takeout",
    }
    for name in set(dir(client)) - set(dir(FastClient)):
        if not name.startswith("__") and name not in ("disconnected",):
            theirs = getattr(client, name)
            assert theirs == getattr(fast, name), name
    for name in own:
        theirs, ours = getattr(TelegramClient, name), getattr(FastClient, name)
        assert inspect.iscoroutinefunction(theirs) == inspect.iscoroutinefunction(ours)
        names = list(inspect.signature(theirs).parameters)
        assert names == list(inspect.signature(ours).parameters)[: len(names)]
    fast.flood_sleep_threshold = 7
    fast.mark = "set"
    assert (7, "set") == (client.flood_sleep_threshold, vars(client)["mark"])
    del fast.mark
    assert not hasattr(client, "mark")
    for name in ("wrapped", "iter_messages", "downloads"):
        with pytest.raises(AttributeError, match=f"{name} is of telefast"):
            setattr(fast, name, None)


def test_it_is_neither_copied_nor_pickled() -> None:
    """Two owners of one connection help nobody: a typed error, at once."""
    fast = wrap(TelegramClient(MemorySession(), 1, HASH))
    for make in (copy.copy, copy.deepcopy, lambda each: each.__reduce_ex__(2)):
        with pytest.raises(TypeError, match="neither copied nor pickled"):
            make(fast)
    with pytest.raises(AttributeError, match="wrapped"):
        _ = FastClient.__new__(FastClient).wrapped


# What the client's life is made of


async def test_start_returns_the_wrapped_client() -> None:
    """So `client = await wrap(client).start()` goes on being fast."""
    world, _ = club(10)
    async with LocalTelegram(world) as telegram:
        fast = wrap(telegram.client())
        assert fast is await fast.start()
        assert fast.is_connected()
        with pytest.raises(ValueError, match="No phone number"):
            fast.start(phone=None)
        await fast.disconnect()
        assert not fast.is_connected()


async def test_handlers_are_the_clients() -> None:
    """`on` and `add_event_handler` register with the client, whose events they are."""
    world, _ = club(10)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast, seen = wrap(client), []
        [last] = await fast.get_messages("club")

        @fast.on(events.NewMessage(chats="club"))
        async def handler(event: Any) -> None:
            seen.append(event.message)
            await fast.disconnect()

        assert [handler] == [each for each, _ in client.list_event_handlers()]
        post = types.Message(11, last.peer_id, last.date, "hello", post=True)
        update = types.UpdateNewChannelMessage(post, pts=1, pts_count=1)
        assert 1 == telegram.push(types.UpdateShort(update, last.date))
        await fast.run_until_disconnected()
        [message] = seen
        assert ("hello", client) == (message.text, message.client)
        assert 1 == fast.remove_event_handler(handler)
        assert [] == client.list_event_handlers()


async def test_another_loop_is_refused() -> None:
    """A client belongs to the loop that it was connected in: a typed error, and nothing is sent."""
    async with scene(1000) as here:
        fast, message = wrap(here.client), await here.message()
        before = here.counts.total

        async def elsewhere() -> None:
            for call in (fast.get_messages("files"), fast.download_media(message, bytes)):
                with pytest.raises(UsageError, match="another event loop"):
                    await call

        await asyncio.to_thread(asyncio.run, elsewhere())
        assert before == here.counts.total


async def test_errors_are_those_that_programs_catch() -> None:
    """Of the kinds that Telethon raises, for the same reasons."""
    world, _ = club(10)
    async with LocalTelegram(world) as telegram:
        client = telegram.client()
        for each in (client, wrap(client)):
            with pytest.raises(ConnectionError):
                await each.get_messages("club")
            async with client:
                with pytest.raises(ValueError, match="nobody_at_all"):
                    await each.get_messages("nobody_at_all")
                with pytest.raises(errors.ChannelInvalidError):
                    await each.get_messages(types.InputPeerChannel(5, 5))
                with pytest.raises(TypeError, match="entity"):
                    await each.get_messages()  # type: ignore[call-overload]
            with pytest.raises(ConnectionError):
                await each.get_messages("club")


# Takeouts


class _StopError(Exception):
    """An export ends early."""


@pytest.mark.parametrize("success", [None, True, False])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_takeout_is_fast_and_finished_with_the_right_flag(
    success: bool | None, fails: bool
) -> None:
    """Its histories come side by side within it; `success` is heard, where Telethon's is not."""
    world, _ = club(1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast = wrap(client, concurrency=4)
        with suppress(_StopError):
            async with fast.takeout(megagroups=True) as takeout:
                assert isinstance(takeout, FastClient)
                messages = takeout.iter_messages("club")
                assert down(1000) == ids_of([m async for m in messages])
                assert "on" == messages.stats().takeout
                assert messages.stats().peak_in_flight > 1
                assert [1000] == ids_of(await takeout.get_messages("club"))
                if success is not None:
                    takeout.success = success
                assert success is takeout.success
                if fails:
                    raise _StopError
        await telegram.sync()
        ended = not fails if success is None else success
        state = "success" if ended else "failure"
        assert [TakeoutSession(0, ("message_megagroups",), state)] == telegram.takeouts
        assert client.session.takeout_id is None
        assert "success" not in vars(client)
        assert client.is_connected()


@pytest.mark.parametrize("success", [True, False])
async def test_a_takeout_that_was_kept_is_finished_later(success: bool) -> None:
    """`finalize=False` keeps it in the session; `end_takeout` says how it went."""
    world, _ = club(10)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast = wrap(client)
        async with fast.takeout(finalize=False):
            pass
        assert client.session.takeout_id is not None
        async with fast.takeout(finalize=False) as takeout:  # the same again
            await takeout.get_messages("club")
        assert ["open"] == [each.state for each in telegram.takeouts]
        assert await fast.end_takeout(success)
        await telegram.sync()
        state = "success" if success else "failure"
        assert [state] == [each.state for each in telegram.takeouts]
        assert client.session.takeout_id is None


async def test_requests_pass_as_they_are() -> None:
    """One request, or several, with the arguments of the client's own call."""
    world, _ = club(10)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast = wrap(client)
        peer = await fast.get_input_entity("club")
        ask = functions.messages.GetHistoryRequest(peer, 0, None, 0, 1, 0, 0, 0)
        before = telegram.requests[HISTORY]
        assert 10 == (await fast(ask)).count
        assert [10, 10] == [each.count for each in await fast([ask, ask], ordered=True)]
        assert before + 3 == telegram.requests[HISTORY]
