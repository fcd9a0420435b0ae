"""Several accounts of one owner on one chat: one stream, shared by speed, each account itself."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, utils
from telethon.errors import ChannelPrivateError, UnauthorizedError
from telethon.tl import types

from telefast import (
    ArgumentError,
    BatchedHistory,
    ChunkStore,
    ConnectionLostError,
    FloodWaitTooLongError,
    rehydrate,
)
from telefast.history import lanes
from telefast.history.lanes import Lanes
from telefast.history.lists import History
from telefast.testing import (
    Channel,
    ErrorOn,
    HoldBack,
    LocalTelegram,
    NeverAnswer,
    RevokeAccount,
    Rule,
    World,
)
from telefast.transport.calls import CallOptions
from telefast.transport.messages import Page
from tests.client.exact import BY_IDS, HISTORY, club, down, ids_of

COUNT = 2000


@dataclass
class Scene:
    """A server, a supergroup, and a client for each account."""

    telegram: LocalTelegram
    world: World
    chat: Channel
    clients: list[TelegramClient]

    def asked(self, number: int) -> list[Any]:
        """Return the requests for pages that an account has made, by its access hash."""
        own = self.world.accounts[number].input_peer(self.chat).access_hash
        return [
            each
            for each in self.telegram.requests.requests(HISTORY)
            if each.peer.access_hash == own
        ]


@asynccontextmanager
async def scene(
    *make: Any, count: int = COUNT, accounts: int = 2, **options: Any
) -> AsyncIterator[Scene]:
    """Start a server under the rules that *make* returns for a world."""
    world, chat = club(count)
    for _ in range(accounts - 1):
        world.add_account()
    rules: list[Rule] = [each(world) for each in make]
    async with LocalTelegram(world, rules=rules, **options) as telegram, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(telegram.client(account=account))
            for account in world.accounts
        ]
        yield Scene(telegram, world, chat, clients)


async def read(
    clients: Any, chat: Any = "club", **arguments: Any
) -> tuple[list[Any], BatchedHistory]:
    """Read to the end; return the messages and the stream."""
    async with BatchedHistory(clients, chat, **arguments) as history:
        return [message async for message in history], history


@pytest.mark.parametrize("reverse", [False, True])
async def test_two_accounts_read_one_chat(reverse: bool) -> None:
    """All messages come, once and in order, bound to the first client; both have had a share."""
    async with scene() as here:
        first, second = here.clients
        found, history = await read([first, second], reverse=reverse)
        assert sorted(down(COUNT), reverse=not reverse) == ids_of(found)
        assert all(message.client is first for message in found)
        shares = history.stats().shares
        assert len(shares) == 2
        assert min(shares) >= 5
        assert history.stats().requests == here.telegram.requests[HISTORY]
        assert (history.total, history.cursor.done) == (COUNT, True)
        assert min(len(here.asked(0)), len(here.asked(1))) >= 5


async def test_nothing_of_one_account_reaches_the_other() -> None:
    """Senders and chats have the first account's access hashes or none; so has its session."""
    async with scene() as here:
        first, second = here.clients
        found, _ = await read([first, second])
        own, other = here.world.accounts
        foreign = {other.user_hash(user.id) for user in here.world.users.values()}
        foreign.add(other.input_peer(here.chat).access_hash)
        for message in found:
            assert message.input_chat.access_hash == own.input_peer(here.chat).access_hash
            for entity in (message.sender, message.chat):
                if entity is not None and getattr(entity, "access_hash", None) is not None:
                    assert entity.access_hash not in foreign
            if isinstance(message.input_sender, types.InputPeerUser):
                assert message.input_sender.access_hash not in foreign
            if message.sender is not None and isinstance(message.sender, types.User):
                assert message.sender.first_name
                assert bool(message.sender.is_self) == (message.sender_id == own.me.id)
            assert bool(message.out) == (message.from_id == types.PeerUser(own.me.id))
        rows: Any = first.session
        assert not foreign & {row[1] for row in rows._entities}


async def test_what_only_another_account_met_is_stripped() -> None:
    """People whom the first account has not met keep their names and lose what is personal."""
    async with scene(count=10) as here:
        first = here.clients[0]
        source = History(here.world.accounts[0].input_peer(here.chat))
        own_id = here.world.me.id
        lanes = Lanes(first, source, CallOptions(), [])

        def page(chat: Any, *users: types.User) -> Page:
            messages = [
                types.Message(
                    id=number,
                    peer_id=here.chat.peer(),
                    from_id=types.PeerUser(user.id),
                    message="",
                    date=None,
                    out=bool(user.is_self),
                )
                for number, user in enumerate(users, 1)
            ]
            found = Page(b"", messages, list(users), [chat], None, None)
            found.is_foreign = True
            return found

        personal: dict[str, Any] = {"contact": True, "mutual_contact": True, "close_friend": True}
        them = types.User(id=own_id + 1, is_self=True, access_hash=1, phone="1", first_name="They")
        us = types.User(id=own_id, access_hash=2, first_name="We", **personal)
        rights = types.ChatAdminRights(ban_users=True)
        bans = types.ChatBannedRights(until_date=None)
        chat = types.Channel(
            id=here.chat.id,
            title="Club",
            photo=types.ChatPhotoEmpty(),
            date=None,
            access_hash=3,
            creator=True,
            admin_rights=rights,
            banned_rights=bans,
        )
        one, two = lanes.finished(page(chat, them, us), [1, 2])
        for message in (one, two):
            assert message.sender.access_hash is None
            assert message.sender.phone is None
            assert not message.sender.contact
            assert not message.sender.mutual_contact
            assert not message.sender.close_friend
            assert message.chat.access_hash is None
            assert not message.chat.creator
            assert message.chat.admin_rights is None
            assert message.chat.banned_rights is None
            assert message.input_chat == source.peer
        assert ("They", False, False) == (one.sender.first_name, one.sender.is_self, one.out)
        assert ("We", True, True) == (two.sender.first_name, two.sender.is_self, two.out)
        assert one.input_sender is None
        assert isinstance(two.input_sender, types.InputPeerSelf | types.InputPeerUser)
        assert them.access_hash == 1, "the page of the other account is not touched"
        met = types.User(id=them.id, access_hash=77, first_name="Met")
        lanes._know({met.id: met})
        [one] = lanes.finished(page(chat, them), [1])
        assert one.sender is met
        assert one.input_sender == types.InputPeerUser(met.id, 77)
        closed = types.ChannelForbidden(id=here.chat.id, access_hash=3, title="Club")
        [one] = lanes.finished(page(closed, them), [1])
        assert one.chat.access_hash == 0


async def test_a_sender_can_be_asked_for() -> None:
    """Where only the other account met a sender, the first client finds it by itself."""
    async with scene(count=400) as here:
        found, _ = await read(here.clients)
        for message in found[::40]:
            sender = await message.get_sender()
            assert utils.get_peer_id(sender) == message.sender_id
            assert await message.get_input_sender() is not None


async def test_texts_are_those_of_one_account() -> None:
    """What a message says does not depend on who fetched it."""
    async with scene(count=500) as here:
        found, _ = await read(here.clients)
        alone, _ = await read(here.clients[0])
        facts = [(m.id, m.raw_text, m.date, m.sender_id, m.grouped_id, type(m)) for m in found]
        assert facts == [
            (m.id, m.raw_text, m.date, m.sender_id, m.grouped_id, type(m)) for m in alone
        ]


async def test_the_faster_takes_more() -> None:
    """While an account waits for its answers, the other one takes what is to be asked."""
    released = asyncio.Event()
    async with scene(
        lambda world: HoldBack(HISTORY, range(2, 100), released, account=world.accounts[1])
    ) as here:
        history = BatchedHistory(here.clients, "club", concurrency=2, prefetch=30)
        taken = [await anext(history) for _ in range(50)]
        await here.telegram.requests.until(lambda ledger: ledger.counts[HISTORY] >= 15)
        assert len(here.asked(1)) <= 1 + 2
        released.set()
        taken += [message async for message in history]
        assert down(COUNT) == ids_of(taken)


async def test_each_account_waits_for_its_own_floods(quick_clock: Any) -> None:
    """A flood of one account holds its own requests, and the other one never stops for it."""
    async with scene(
        lambda world: ErrorOn(HISTORY, 420, "FLOOD_WAIT_30", nth=4, account=world.accounts[1])
    ) as here:
        found, history = await read(here.clients)
        assert down(COUNT) == ids_of(found)
        assert min(history.stats().shares) >= 1


@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize("end", ["revoked", "disconnected", "flood"])
async def test_a_lane_that_dies_hands_over(
    victim: int, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Logged out, disconnected or told to wait too long: the other account does its work."""

    def rule(world: World) -> Rule:
        account = world.accounts[victim]
        if end == "revoked":
            return RevokeAccount(start=8, account=account)
        if end == "flood":
            return ErrorOn(HISTORY, 420, "FLOOD_WAIT_5000", nth=5, account=account)
        return NeverAnswer(HISTORY, nth=range(5, 99), account=account).maybe()

    async with scene(rule) as here:
        history = BatchedHistory(here.clients, "club", max_flood_wait=60)
        taken = [await anext(history) for _ in range(20)]
        if end == "disconnected":
            await here.clients[victim].disconnect()
        taken += [message async for message in history]
        assert down(COUNT) == ids_of(taken)
        assert sum(history.stats().shares) >= COUNT // 100
        texts = [record.getMessage() for record in caplog.records]
        assert any(f"account {victim + 1} of 2 takes no more" in text for text in texts)


async def test_no_lane_left_is_an_error() -> None:
    """When the last account dies, its error reaches the consumer after what was fetched."""

    def rule(number: int) -> Any:
        return lambda world: RevokeAccount(start=9, account=world.accounts[number])

    async with scene(rule(0), rule(1)) as here:
        taken: list[int] = []
        history = BatchedHistory(here.clients, "club")

        async def consume() -> None:
            async for message in history:
                taken.append(message.id)  # noqa: PERF401 - it ends with an error

        with pytest.raises(UnauthorizedError):
            await consume()
        assert taken
        assert down(COUNT, COUNT - len(taken) + 1) == taken
    async with scene() as here:
        for client in here.clients:
            await client.disconnect()
        with pytest.raises(ConnectionLostError):
            await read(here.clients)


async def test_one_flood_too_long_for_all_is_an_error() -> None:
    """If every account is told to wait too long, the error says how long."""
    async with scene(lambda _: ErrorOn(HISTORY, 420, "FLOOD_WAIT_5000", start=8)) as here:
        with pytest.raises(FloodWaitTooLongError):
            await read(here.clients, max_flood_wait=60)


async def test_another_account_that_loses_the_chat() -> None:
    """Removed from the chat, another account is left out; the first one's loss is an error."""
    async with scene(
        lambda world: ErrorOn(HISTORY, 406, "CHANNEL_PRIVATE", start=4, account=world.accounts[1])
    ) as here:
        found, _ = await read(here.clients)
        assert down(COUNT) == ids_of(found)
    async with scene(
        lambda world: ErrorOn(HISTORY, 406, "CHANNEL_PRIVATE", start=4, account=world.accounts[0])
    ) as here:
        with pytest.raises(ChannelPrivateError):
            await read(here.clients)


async def test_other_lists_and_names_of_the_chat() -> None:
    """By ids, by search, by the first account's entity or number: three accounts will do, too."""
    async with scene(accounts=3) as here:
        first = here.clients[0]
        entity = await first.get_entity("club")
        for chat in (entity, here.chat.marked_id, here.world.accounts[0].input_peer(here.chat)):
            found, history = await read(here.clients, chat, limit=900)
            assert down(COUNT, COUNT - 899) == ids_of(found)
            assert len(history.stats().shares) == 3
        found, _ = await read(here.clients, ids=[*range(1, 900), 99_999])
        assert [*range(1, 900), None] == ids_of(found)
        assert here.telegram.requests[BY_IDS] >= 5
        alone = await read(first, search="a")
        found, _ = await read(here.clients, search="a")
        assert ids_of(alone[0]) == ids_of(found)


async def test_a_stream_of_several_accounts_resumes() -> None:
    """From its cursor it goes on with several accounts, or with the first one alone."""
    async with scene() as here:
        for clients in (here.clients, here.clients[0]):
            async with BatchedHistory(here.clients, "club") as history:
                taken = [await anext(history) for _ in range(333)]
            async with BatchedHistory.resume(clients, "club", history.cursor) as history:
                taken += [message async for message in history]
            assert down(COUNT) == ids_of(taken)


async def test_chunks_hold_no_foreign_hashes(tmp_path: Path) -> None:
    """A batch in which several accounts had a part says so, and makes a chunk that can be read."""
    async with scene(count=600) as here:
        async with (
            BatchedHistory(here.clients, "club") as history,
            ChunkStore(tmp_path / "store") as store,
        ):
            accounts = []
            async for batch in history.batches():
                accounts.append(batch.account)
                assert not any(page.is_foreign for page in batch.pages)
                await store.append(batch)
            assert None in accounts
            other = here.world.accounts[1]
            foreign = [
                struct.pack("<q", other.user_hash(user.id)) for user in here.world.users.values()
            ]
            found = []
            async for chunk in store.chunks():
                for message in await rehydrate(here.clients[0], chunk):
                    found.append(message.id)
                    sender = message.sender
                    if isinstance(sender, types.User) and sender.access_hash is not None:
                        assert struct.pack("<q", sender.access_hash) not in foreign
        assert sorted(found) == list(range(1, 601))


# Refused


class SeesLess(Rule):
    """An account that joined late: its history is shorter."""

    def __init__(self, account: Any) -> None:
        super().__init__()
        self.account = account

    def result(self, call: Any, body: bytes) -> bytes:
        """Take five from the count."""
        if call.account is not self.account or call.method != HISTORY:
            return body
        self.fired += 1
        return body[:12] + struct.pack("<i", struct.unpack_from("<i", body, 12)[0] - 5) + body[16:]


async def test_chats_whose_ids_differ_are_refused() -> None:
    """Private chats and basic groups have other ids for each account; no page is asked for."""
    world, _ = club(50)
    private = world.add_private_chat("Grace Hopper", message_count=20)
    group = world.add_group("Mine", message_count=20)
    world.add_account()
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as first,
        telegram.client(account=world.accounts[1]) as second,
    ):
        await first.get_dialogs()
        for chat in (private.marked_id, group.marked_id, "me"):
            with pytest.raises(ArgumentError, match="differ between accounts"):
                await read([first, second], chat)
        assert telegram.requests[HISTORY] == 0


async def test_one_account_twice_is_refused() -> None:
    """One client twice is refused at once, two clients of one account at the first step."""
    async with scene(count=50) as here:
        first, second = here.clients
        for clients in ([first, first], [], [first, "second"]):
            with pytest.raises(ArgumentError, match="client"):
                BatchedHistory(clients, "club")
        async with here.telegram.client() as again:
            with pytest.raises(ArgumentError, match="another account"):
                await read([first, second, again])
        assert here.telegram.requests[HISTORY] == 0


@pytest.mark.parametrize(
    "error", [None, (401, "AUTH_KEY_UNREGISTERED"), (420, "FLOOD_WAIT_5000")], ids=str
)
async def test_accounts_whose_ids_are_not_known_yet(
    monkeypatch: pytest.MonkeyPatch, error: tuple[int, str] | None
) -> None:
    """They are asked who they are; one that cannot say so is left out, not taken for another."""
    monkeypatch.setattr(lanes.door, "self_id", lambda client: None)
    async with scene(count=50) as here:
        if error is None:
            async with here.telegram.client() as again:
                with pytest.raises(ArgumentError, match=r"client 3.*another account"):
                    await read([*here.clients, again])
        else:
            account = here.world.accounts[1]
            here.telegram.add(ErrorOn("*", *error, account=account, every=1))
        found, history = await read(here.clients)
        assert down(50) == ids_of(found)
        assert error is None or not history.stats().shares[1]


async def test_an_account_that_does_not_know_the_chat_is_refused() -> None:
    """Without a username there is no way to a chat of which the account is no member."""
    world = World(seed=3)
    chat = world.add_channel("Club", message_count=20)
    second = world.add_account()
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as one,
        telegram.client(account=second) as two,
    ):
        with pytest.raises(ArgumentError, match=r"client 2.*can read this chat"):
            await read([one, two], chat.input_peer())


async def test_an_account_that_sees_less_is_refused() -> None:
    """Who joined a chat that hides its past sees less of it: its pages would leave holes."""
    async with scene(lambda world: SeesLess(world.accounts[1]), count=300) as here:
        with pytest.raises(ArgumentError, match="sees all that the others see"):
            await read(here.clients)


async def test_an_account_that_cannot_read_the_chat_is_refused() -> None:
    """So is one that is no member, with Telegram's word as the cause."""
    async with scene(
        lambda world: ErrorOn(HISTORY, 406, "CHANNEL_PRIVATE", account=world.accounts[1])
    ) as here:
        with pytest.raises(ArgumentError, match="can read this chat") as caught:
            await read(here.clients)
        assert isinstance(caught.value.__cause__, ChannelPrivateError)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("from_user", {"from_user": "me"}),
        ("scheduled", {"scheduled": True}),
        ("takeout", {"takeout": "auto"}),
        ("ids", {"ids": [types.InputMessageID(5)]}),
        ("entity", {"entity": None, "search": "x"}),
    ],
)
async def test_what_one_account_alone_can_ask_is_refused(
    name: str, arguments: dict[str, Any]
) -> None:
    """Lists that are an account's own, or name people by its hashes, take one client."""
    async with scene(count=10) as here:
        entity = arguments.pop("entity", "club")
        with pytest.raises(ArgumentError, match="with several clients") as caught:
            BatchedHistory(here.clients, entity, **arguments)
        assert name == caught.value.name
