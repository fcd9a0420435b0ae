"""`PeerCache`: whatever names a peer becomes an input peer, with as few requests as can be."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, types, utils
from telethon.tl.functions.users import GetUsersRequest

from telefast import ArgumentError, BatchedHistory, HistoryCursor, PeerCache, PeerNotFoundError
from telefast.errors import LinkError
from telefast.testing import Channel, ErrorOn, LocalTelegram, MinUsers, MissingUsers, World

PHONE = ("contacts.getContacts", "contacts.resolvePhone", "contacts.importContacts")
"""How phone numbers are looked up."""


def requests_of(telegram: LocalTelegram) -> dict[str, int]:
    """Return the requests so far, without those that a client sends by itself."""
    own = {"help.getConfig", "updates.getState", "updates.getDifference"}
    return {name: n for name, n in telegram.requests.counts.items() if name not in own}


async def first_page(client: TelegramClient, chat: Any) -> Any:
    """Return the newest page of a chat, as it came."""
    async with BatchedHistory(client, chat, 100) as history:
        async for batch in history.batches():
            return batch.pages[0]
    raise AssertionError


@pytest.mark.parametrize("spelling", [int, str, "{} ".format], ids=["int", "str", "blank"])
async def test_numbers_never_take_the_phone_path(spelling: Any) -> None:
    """Ids and strings of digits are marked ids: no request at all once they were seen."""
    world = World(seed=3)
    club = world.add_channel("Club", message_count=5)
    crew = world.add_group("Crew", message_count=5)
    grace = world.add_private_chat("Grace Hopper", message_count=5)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        before = requests_of(telegram)
        peers = PeerCache(client)
        for chat in (club, crew, grace):
            peer = await peers.resolve(spelling(chat.marked_id))
            assert bytes(chat.input_peer()) == bytes(peer)
        assert isinstance(await peers.resolve(spelling(world.me.id)), types.InputPeerSelf)
        assert before == requests_of(telegram)
        with pytest.raises(PeerNotFoundError, match=r"get_dialogs.*@username"):
            await peers.resolve(spelling(34600000000))
        assert not any(telegram.requests[method] for method in PHONE)
        with pytest.raises(ArgumentError, match="phone numbers"):
            await peers.resolve("+34 600 000 000")
        assert not any(telegram.requests[method] for method in PHONE)


async def test_ids_of_different_kinds_are_different() -> None:
    """User 5, group 5 and channel 5 are three peers; Telethon's own look-up mixes them up."""
    world = World(seed=3)
    crew = world.add_group("Crew", message_count=5)
    twin = types.User(crew.id, access_hash=9, first_name="Twin")
    world.add_user(twin)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peers = PeerCache(client)
        peers.learn(types.contacts.Found([], [], [], [twin]))
        assert types.InputPeerUser(crew.id, 9) == await peers.resolve(crew.id)
        assert types.InputPeerChat(crew.id) == await peers.resolve(crew.marked_id)
        with pytest.raises(PeerNotFoundError):
            await peers.resolve(-(10**12 + crew.id))
        club = world.add_channel("Club", message_count=5)
        await client.get_dialogs()
        assert bytes(club.input_peer()) == bytes(await PeerCache(client).resolve(club.marked_id))
        with pytest.raises(PeerNotFoundError, match="-100id"):
            await PeerCache(client).resolve(club.id)


@pytest.mark.parametrize("search", [None, "e"], ids=["all", "search"])
async def test_a_history_is_that_of_the_chat_that_the_number_names(search: str | None) -> None:
    """Digits are no phone number, and group -5 is not user 5, whom Telethon would find."""
    world = World(seed=3)
    crew = world.add_group("Crew", message_count=40)
    twin = world.add_user(types.User(crew.id, access_hash=9, first_name="Twin"))
    world.add_private_chat(twin, message_count=20)
    club = world.add_channel("Club", message_count=30)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        assert isinstance(await client.get_input_entity(crew.marked_id), types.InputPeerUser)
        for chat in (crew, club):
            for spelling in (chat.marked_id, str(chat.marked_id)):
                async with BatchedHistory(client, spelling, search=search) as history:
                    found = [message async for message in history]
                assert {chat.marked_id} == {message.chat_id for message in found}
                assert search or [*reversed(chat.ids)] == [message.id for message in found]
        sender = str(world.me.id)
        async with BatchedHistory(client, club.marked_id, from_user=sender) as history:
            assert {world.me.id} >= {message.sender_id async for message in history}
        async with BatchedHistory(client, str(crew.id)) as history:
            assert {crew.id} == {message.chat_id async for message in history}
        assert not any(telegram.requests[method] for method in PHONE)


async def test_a_positive_number_is_a_user() -> None:
    """User 5 is not channel 5, nor group 5, whom Telethon would read: not even if nobody is 5."""
    world = World(seed=3)
    crew = world.add_group("Crew", message_count=20)
    club = world.add_channel("Club", message_count=30)
    twin = world.add_user(types.User(club.id, access_hash=9, first_name="Twin"))
    world.add_private_chat(twin, message_count=7)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        async with BatchedHistory(client, club.id) as history:
            assert {club.id} == {message.chat_id async for message in history}
        async with BatchedHistory(client, club.marked_id, from_user=club.id) as history:
            assert {club.id} >= {message.sender_id async for message in history}
        for spelling in (crew.id, str(crew.id)):
            with pytest.raises(PeerNotFoundError, match="a group has -id"):
                await anext(BatchedHistory(client, spelling))


async def test_what_is_resumed_or_filled_is_named_by_its_number_alone() -> None:
    """Going on and filling holes read digits and numbers as a new stream does."""
    world = World(seed=3)
    crew = world.add_group("Crew", message_count=40)
    twin = world.add_user(types.User(crew.id, access_hash=9, first_name="Twin"))
    world.add_private_chat(twin, message_count=20)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        for spelling in (crew.marked_id, str(crew.marked_id)):
            async with BatchedHistory(client, spelling) as history:
                taken = [await anext(history) for _ in range(10)]
            async with BatchedHistory.resume(client, spelling, history.cursor) as rest:
                taken += [message async for message in rest]
            assert [*reversed(crew.ids)] == [message.id for message in taken]
            async with BatchedHistory.resume(client, None, history.cursor) as rest:
                assert 30 == len([message async for message in rest])
            last = crew.ids.max()
            async with BatchedHistory.fill(client, spelling, [range(last, last + 1)]) as holes:
                found = [message async for message in holes]
            assert [last] == [message.id for message in found]
            assert {crew.marked_id} == {message.chat_id for message in (*taken, *found)}
        assert not any(telegram.requests[method] for method in PHONE)


@pytest.mark.parametrize(
    "wrong",
    [True, 0, 10**20, -(10**20), -(10**12), "", " ", "9" * 30, "\u0661" * 9, 2.5, [], {}, b"x"],
    ids=repr,
)
async def test_no_history_of_what_names_nobody(wrong: Any) -> None:
    """Such a chat is refused before anything is sent, however the stream begins."""
    async with LocalTelegram(World(seed=3)) as telegram, telegram.client() as client:
        before = requests_of(telegram)
        for begin in (
            lambda: BatchedHistory(client, wrong),
            lambda: BatchedHistory.resume(client, wrong, HistoryCursor()),
            lambda: BatchedHistory.fill(client, wrong, [range(1, 9)]),
        ):
            with pytest.raises(ArgumentError, match="entity"):
                await anext(begin())
        assert before == requests_of(telegram)


async def test_a_username_is_asked_for_once() -> None:
    """Names, links and `@names` of one peer cost one request for all who ask, in one hour."""
    world = World(seed=3)
    ships = world.add_channel("Ships", message_count=5, username="ships")
    now = 0.0
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        session: Any = client.session
        session.get_entity_rows_by_username = lambda name: None  # a session that forgets
        peers = PeerCache(client, clock=lambda: now)
        spellings = ["ships", "@Ships", "t.me/ships/4", "https://telegram.me/ships", "ships.t.me"]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(peers.resolve(text)) for text in spellings]
        assert {bytes(ships.input_peer())} == {bytes(task.result()) for task in tasks}
        assert 1 == telegram.requests["contacts.resolveUsername"]
        now = 3599.0
        await peers.resolve("ships")
        assert 1 == telegram.requests["contacts.resolveUsername"]
        now = 3601.0
        await peers.resolve("ships")
        assert 2 == telegram.requests["contacts.resolveUsername"]


async def test_who_was_not_found_is_not_asked_for_at_once() -> None:
    """For a minute the answer stands; other errors are never kept."""
    now = 0.0
    async with LocalTelegram(World(seed=3)) as telegram, telegram.client() as client:
        peers = PeerCache(client, clock=lambda: now)
        for _ in range(3):
            with pytest.raises(PeerNotFoundError, match="nobody has this username"):
                await peers.resolve("@nobody_here")
            with pytest.raises(PeerNotFoundError, match="by its id alone"):
                await peers.resolve(987654)
            with pytest.raises(PeerNotFoundError, match="by its id alone"):
                await peers.resolve("t.me/c/987654/5")
        counts = telegram.requests
        assert 1 == counts["contacts.resolveUsername"] == counts["channels.getChannels"]
        asked = counts["users.getUsers"]
        now = 61.0
        with pytest.raises(PeerNotFoundError):
            await peers.resolve(987654)
        assert asked + 1 == counts["users.getUsers"]
        telegram.add(ErrorOn("contacts.resolveUsername", 400, "USERNAME_UNSURE", every=1))
        for number in (2, 3):
            with pytest.raises(Exception, match="USERNAME_UNSURE"):
                await peers.resolve("unsure_name")
            assert number == counts["contacts.resolveUsername"]


async def test_the_session_is_the_store(tmp_path: Path) -> None:
    """What one process has asked for, the next one reads from the client's own session file."""
    world = World(seed=3)
    ships = world.add_channel("Ships", message_count=5, username="ships")
    path = tmp_path / "me.session"
    async with LocalTelegram(world) as telegram:
        async with telegram.client(session=path) as client:
            await PeerCache(client).resolve("@ships")
        async with telegram.client(session=path) as client:
            peers = PeerCache(client)
            assert bytes(ships.input_peer()) == bytes(await peers.resolve("@ships"))
            assert bytes(ships.input_peer()) == bytes(await peers.resolve(ships.marked_id))
        assert 1 == telegram.requests["contacts.resolveUsername"]


def senders_of(club: Channel) -> dict[int, int]:
    """Return who wrote in a group, each with the newest message."""
    found: dict[int, int] = {}
    for message_id in club.ids:
        sender = club.message(message_id).from_id
        if isinstance(sender, types.PeerUser):
            found[sender.user_id] = message_id
    return found


@pytest.mark.parametrize("rule", [MinUsers, MissingUsers])
async def test_users_known_by_a_message_only(rule: Any) -> None:
    """They are named through the message that shows them, with no request, and Telegram agrees."""
    world = World(seed=7, user_count=8)
    club = world.add_channel("Club", message_count=60, username="club")
    user_id = next(id_ for id_ in senders_of(club) if id_ != world.me.id)
    rules = [rule([user_id])]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        peers = PeerCache(client)
        with pytest.raises(PeerNotFoundError, match=r"PeerCache\.learn"):
            await peers.resolve(user_id)
        page = await first_page(client, "club")
        peers.learn(page)
        asked = telegram.requests["users.getUsers"]
        peer = await peers.resolve(str(user_id))
        assert isinstance(peer, types.InputPeerUserFromMessage)
        for shown in page.users:  # the object itself, too
            if shown.id == user_id:
                assert bytes(peer) == bytes(await peers.resolve(shown))
        assert asked == telegram.requests["users.getUsers"]
        (known,) = await client(GetUsersRequest([utils.get_input_user(peer)]))
        assert user_id == known.id
        # Once it is known in full there is no need for the message.
        peers.learn(types.contacts.Found([], [], [], [known]))
        assert isinstance(await peers.resolve(user_id), types.InputPeerUser)


async def test_channels_known_by_a_forward_only() -> None:
    """A channel that a page names and leaves out is named through the message, too."""
    world = World(seed=7)
    club = world.add_channel("Club", message_count=5, username="club")
    news = world.add_channel("News", message_count=5)
    header = types.MessageFwdHeader(club.message(1).date, from_id=news.peer())
    message: Any = types.Message(9, club.peer(), club.message(1).date, "x", fwd_from=header)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peers = PeerCache(client)
        chat = (await first_page(client, "club")).chats[0]
        peers.learn(types.messages.Messages([message], [], [chat], []))
        peer = await peers.resolve(news.marked_id)
        wanted = types.InputPeerChannelFromMessage(club.input_peer(), 9, news.id)
        assert bytes(wanted) == bytes(peer)


async def test_invitations() -> None:
    """They open the chats that the account is in; no error and no repr shows the hash."""
    world = World(seed=7)
    club = world.add_channel("Club", message_count=5)
    club.invites = ("AbC-d_1",)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peers = PeerCache(client)
        assert bytes(club.input_peer()) == bytes(await peers.resolve("https://t.me/+AbC-d_1"))
        assert bytes(club.input_peer()) == bytes(await peers.resolve(club.marked_id))
        with pytest.raises(PeerNotFoundError, match="expired") as caught:
            await peers.resolve("tg://join?invite=Gone-1")
        assert "Gone" not in str(caught.value)
        club.left = True
        with pytest.raises(PeerNotFoundError, match="join it first"):
            await PeerCache(client).resolve("t.me/joinchat/AbC-d_1")


async def test_telethons_objects() -> None:
    """Entities, peers, dialogs and input peers are taken as they are, without a request."""
    world = World(seed=3)
    club = world.add_channel("Club", message_count=5)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        dialog = (await client.get_dialogs())[0]
        peers = PeerCache(client)
        before = requests_of(telegram)
        for each in (dialog, dialog.entity, club.peer(), club.input_peer(), dialog.input_entity):
            assert bytes(club.input_peer()) == bytes(await peers.resolve(each))
        for each in ("me", "self", types.InputPeerSelf()):
            assert isinstance(await peers.resolve(each), types.InputPeerSelf)
        assert before == requests_of(telegram)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        *((None, ArgumentError), (True, ArgumentError), (3.5, ArgumentError), (0, ArgumentError)),
        (types.UserEmpty(0), ArgumentError),
        *(("Some title", ArgumentError), ("https://example.org/a", LinkError), ([], ArgumentError)),
        *(("t.me/addstickers/Animals", LinkError), (-(10**12), ArgumentError)),
    ],
)
async def test_what_names_nobody(wrong: Any, error: type[Exception]) -> None:
    """It is refused before anything is sent."""
    async with LocalTelegram(World(seed=3)) as telegram, telegram.client() as client:
        before = telegram.requests.total
        with pytest.raises(error):
            await PeerCache(client).resolve(wrong)
        assert before == telegram.requests.total


@pytest.mark.parametrize(
    "wrong",
    [
        *({"ttl": -1}, {"ttl": "x"}, {"negative_ttl": -1.0}, {"negative_ttl": None}),
        *({"max_entries": 0}, {"max_entries": 1.5}, {"timeout": "x"}, {"max_flood_wait": -1}),
    ],
    ids=str,
)
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    """A number out of range names itself."""
    client = TelegramClient(None, 1, "0123456789abcdef0123456789abcdef")
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        PeerCache(client, **wrong)
