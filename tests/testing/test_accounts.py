"""Are several accounts in one world as far apart as at Telegram?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from telethon import TelegramClient
from telethon.errors import ChannelInvalidError, PeerIdInvalidError
from telethon.sessions import StringSession
from telethon.tl import functions, types

from telefast.errors import ArgumentError, WorldError
from telefast.testing import LocalTelegram, World, methods
from telefast.testing.file_refs import files_of
from telefast.testing.rpc import Call, method_name
from telefast.testing.tl import read_object


@pytest.fixture
def world() -> World:
    """Two accounts, a supergroup for both, private chats and groups for each."""
    world = World(seed=51)
    world.add_channel("Ships", message_count=600, username="ships")
    world.add_private_chat("Grace Hopper", message_count=60)
    world.add_group("Mine", message_count=30)
    other = world.add_account()
    other.add_private_chat(world.me, message_count=50)
    other.add_group("Theirs", message_count=40)
    return world


def ask(world: World, index: int, request: Any) -> Any:
    """Return the answer that an account gets; it must be exactly what Telethon would write."""
    account = world.accounts[index]
    call = Call(method_name(type(request)), request, 1, world, account=account)
    data = methods.answer(call)
    answer = read_object(data)
    if not isinstance(answer, list):
        assert bytes(answer) == data
    return answer


@pytest.mark.rule("peers.hash-per-account")
def test_each_account_knows_others_by_its_own_hashes(world: World) -> None:
    """Access hashes of users and channels differ between accounts, ids do not."""
    first, second = world.accounts
    ships = next(iter(world.channels.values()))
    for user in world.users.values():
        assert first.user_hash(user.id) == user.access_hash
        assert second.user_hash(user.id) not in {0, user.access_hash}
    assert first.input_peer(ships) == ships.input_peer()
    assert second.input_peer(ships).access_hash != ships.access_hash
    assert second.user_hash(424242) == 0
    pages = [
        ask(
            world,
            n,
            functions.messages.GetHistoryRequest(
                account.input_peer(ships), 0, None, 0, 100, 0, 0, 0
            ),
        )
        for n, account in enumerate(world.accounts)
    ]
    hashes = [{user.id: user.access_hash for user in page.users} for page in pages]
    assert hashes[0].keys() == hashes[1].keys()
    assert not {*hashes[0].items()} & {*hashes[1].items()}
    chats = [{chat.id: chat.access_hash for chat in page.chats} for page in pages]
    assert chats[0].keys() == chats[1].keys()
    assert not {*chats[0].items()} & {*chats[1].items()}


def test_each_account_is_itself(world: World) -> None:
    """Each sees itself with is_self, and the other as any user, without the phone number."""
    request = functions.users.GetUsersRequest([types.InputUserSelf()])
    for number, account in enumerate(world.accounts):
        [me] = ask(world, number, request)
        assert (me.id, me.is_self) == (account.me.id, True)
        other = world.accounts[1 - number]
        known = types.InputUser(other.me.id, account.user_hash(other.me.id))
        [seen] = ask(world, number, functions.users.GetUsersRequest([known]))
        assert (seen.id, seen.is_self, seen.phone) == (other.me.id, False, None)
    assert sum(1 for user in world.users.values() if user.is_self) == 1


@pytest.mark.rule("message.out-for-its-sender")
def test_own_messages_are_out_for_their_sender_alone(world: World) -> None:
    """In a shared channel a message is out for who sent it; all else but file hashes is equal."""
    ships = next(iter(world.channels.values()))
    second = world.accounts[1]
    own = 0
    for n, account in enumerate(world.accounts):
        ids = [types.InputMessageID(id_) for id_ in range(1, 201)]
        peer = account.input_peer(ships)
        channel = types.InputChannel(peer.channel_id, peer.access_hash)
        for message in ask(world, n, functions.channels.GetMessagesRequest(channel, ids)).messages:
            is_own = message.from_id == types.PeerUser(account.me.id)
            assert bool(message.out) is is_own
            own += is_own and account is second
            plain = ships.message(message.id)
            plain.out = message.out
            files = zip(files_of(plain), files_of(message), strict=True)
            for there, here in files:  # Both belong to an account.
                is_first = account.is_first
                assert (there.access_hash == here.access_hash) is is_first
                assert (there.file_reference == here.file_reference) is is_first
                there.access_hash, there.file_reference = here.access_hash, here.file_reference
            assert bytes(plain) == bytes(message)
    assert own


def test_boxes_are_apart(world: World) -> None:
    """Each account has its own private chats and groups, with ids of its own sequence."""
    first, second = world.accounts
    assert [chat.title for chat in first.groups.values()] == ["Mine"]
    assert [chat.title for chat in second.groups.values()] == ["Theirs"]
    assert world.private_chats is first.private_chats
    theirs = second.private_chats[world.me.id]
    taken = next(id_ for id_ in theirs.ids if first.owner(id_) is None)
    request = functions.messages.GetMessagesRequest([types.InputMessageID(taken)])
    assert isinstance(ask(world, 0, request).messages[0], types.MessageEmpty)
    assert bytes(ask(world, 1, request).messages[0]) == theirs.message_bytes(taken)
    senders = {bool(theirs.message(id_).out) for id_ in theirs.ids}
    assert senders == {True, False}
    outgoing = next(id_ for id_ in theirs.ids if theirs.message(id_).out)
    assert theirs.message(outgoing).from_id == types.PeerUser(second.me.id)


def test_who_can_log_in() -> None:
    """Anybody, each once; None takes the next person, no bot."""
    world = World(seed=2, user_count=4)
    bot = next(user for user in world.users.values() if user.bot)
    new = world.add_account(types.User(id=9, access_hash=3, first_name="New"))
    assert (new.index, new.me.id, world.users[9].is_self) == (1, 9, None)
    chosen = next(u for u in world.users.values() if not (u.bot or u.is_self or u.id == 9))
    assert world.add_account(chosen.id).me.id == chosen.id
    assert world.add_account(bot.id).me.bot
    for user in (9, bot.id, bot, world.me.id, 424242):
        with pytest.raises(WorldError):
            world.add_account(user)
    people = [user for user in world.users.values() if not (user.bot or user.deleted)]
    while len(world.accounts) < len(people) + 1:
        world.add_account()
    with pytest.raises(WorldError, match="everybody is logged in"):
        world.add_account()
    with pytest.raises(WorldError, match="before the first chat"):
        world.add_user(types.User(id=4, access_hash=1, is_self=True))


def test_a_recipe_carries_accounts(world: World) -> None:
    """Through JSON and back: the same accounts, hashes and chats."""
    again = World.from_recipe(json.loads(json.dumps(world.recipe())))
    assert again.recipe() == world.recipe()
    for one, other in zip(world.accounts, again.accounts, strict=True):
        assert bytes(one.me) == bytes(other.me)
        assert [one.user_hash(id_) for id_ in world.users] == [
            other.user_hash(id_) for id_ in again.users
        ]
        for chat in one.chats():
            twin = other.chat(chat.marked_id)
            assert twin is not None
            assert [*map(twin.message_bytes, twin.ids)] == [*map(chat.message_bytes, chat.ids)]


@pytest.mark.rule("peers.hash-per-account")
@pytest.mark.parametrize("process", [False, True])
async def test_clients_of_several_accounts(world: World, process: bool) -> None:
    """Each client is who it was made for, sees its own chats, and cannot use another's hashes."""
    first, second = world.accounts
    ships = next(iter(world.channels.values()))
    async with LocalTelegram(world, process=process) as telegram:
        clients = [telegram.client(account=account) for account in world.accounts]
        for client, account in zip(clients, world.accounts, strict=True):
            await client.connect()
            assert (await client.get_me()).id == account.me.id
            names = {dialog.name for dialog in await client.get_dialogs()}
            assert names == {chat.title for chat in account.chats()}
            for chat in account.chats():
                found = [m.id async for m in client.iter_messages(chat.marked_id, wait_time=0)]
                assert found == [*reversed(chat.ids)]
        with pytest.raises(ChannelInvalidError):
            await clients[1].get_messages(first.input_peer(ships), 1)
        grace = next(iter(first.private_chats.values()))
        with pytest.raises(PeerIdInvalidError):
            await clients[1].get_messages(grace.input_peer(), 1)
        string = telegram.session_string(second)
        apart = TelegramClient(StringSession(string), 1, "1")
        async with apart:
            assert (await apart.get_me()).id == second.me.id
        await telegram.sync()
        assert telegram.unknown == []


async def test_an_account_may_come_later(world: World) -> None:
    """In the loop an account that is added while the server runs can be used at once."""
    async with LocalTelegram(world) as telegram:
        late = world.add_account()
        async with telegram.client(account=late) as client:
            assert (await client.get_me()).id == late.me.id


async def test_accounts_that_cannot_be_used(world: World) -> None:
    """An account of another world, or one the server's process has not, is refused by name."""
    stranger = World(seed=1).account
    async with LocalTelegram(world) as telegram:
        with pytest.raises(ArgumentError, match="account"):
            telegram.client(account=stranger)
        with pytest.raises(ArgumentError, match="account"):
            telegram.session_string(stranger)
        with pytest.raises(ArgumentError, match="key_exchange"):
            telegram.client(account=world.accounts[1], key_exchange=True)
        exchanged = telegram.client(account=world.account, key_exchange=True)
        async with exchanged:
            assert (await exchanged.get_me()).id == world.me.id
    async with LocalTelegram(world, process=True) as telegram:
        late = world.add_account()
        with pytest.raises(ArgumentError, match="when the server started"):
            telegram.client(account=late)
    assert "Grace" not in repr(world.accounts)
