"""Does each method answer, and refuse, as Telegram does, byte for byte?"""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing import methods
from telefast.testing.methods import HANDLERS
from telefast.testing.rpc import Address, Call, RpcFault, UnknownMethodFault, method_name
from telefast.testing.tl import read_object
from telefast.testing.world import World

if TYPE_CHECKING:
    from telefast.testing.channel import Channel


@pytest.fixture(scope="module")
def shared() -> World:
    """A world that no test changes."""
    world = World(seed=21)
    world.add_channel("Club", message_count=950, holes=0.1, username="club_one", about="Hello")
    world.add_channel("News", message_count=120, megagroup=False)
    return world


@pytest.fixture
def world() -> World:
    """A small world that a test may change."""
    world = World(seed=22)
    world.add_channel("Club", message_count=30, username="club_two")
    return world


def club(world: World) -> Channel:
    """Return the first channel."""
    return next(iter(world.channels.values()))


def ask_bytes(world: World, request: TLRequest) -> bytes:
    """Return the bytes of the answer."""
    return methods.answer(Call(method_name(type(request)), request, 1, world))


def ask(world: World, request: TLRequest) -> Any:
    """Return the answer; it must be exactly what Telethon would write."""
    data = ask_bytes(world, request)
    answer = read_object(data)
    if not isinstance(answer, list):
        assert bytes(answer) == data
    return answer


def refusal(world: World, request: TLRequest) -> tuple[int, str]:
    """Return the error that the request is refused with."""
    with pytest.raises(RpcFault) as caught:
        ask_bytes(world, request)
    return caught.value.code, caught.value.message


def history(channel: Channel, **arguments: Any) -> functions.messages.GetHistoryRequest:
    """Return a request for a page."""
    fields: dict[str, Any] = {
        "peer": channel.input_peer(),
        "offset_id": 0,
        "offset_date": None,
        "add_offset": 0,
        "limit": 100,
        "max_id": 0,
        "min_id": 0,
        "hash": 0,
    }
    return functions.messages.GetHistoryRequest(**fields | arguments)


def by_ids(channel: Channel, *items: int | Any) -> functions.channels.GetMessagesRequest:
    """Return a request for messages by id."""
    peer = types.InputChannel(channel.id, channel.access_hash)
    wanted = [types.InputMessageID(item) if isinstance(item, int) else item for item in items]
    return functions.channels.GetMessagesRequest(peer, wanted)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize(
    "arguments", [{}, {"offset_id": 500}, {"offset_id": 1, "add_offset": -100}, {"offset_id": 1}]
)
def test_a_page_has_the_bytes_of_telethons_types(
    shared: World, index: int, arguments: dict[str, int]
) -> None:
    """The joined bytes are those of a ChannelMessages made of whole objects."""
    channel = list(shared.channels.values())[index]
    data = ask_bytes(shared, history(channel, **arguments))
    page = read_object(data)
    refs = {channel.marked_id}
    for message in page.messages:
        refs.update(channel.entry(message.id)[1])
    chats, users = shared.peers_bytes(refs)
    assert data == bytes(
        types.messages.ChannelMessages(
            pts=channel.pts,
            count=len(channel.ids),
            messages=[channel.message(message.id) for message in page.messages],
            topics=[],
            chats=[read_object(chat) for chat in chats],
            users=[read_object(user) for user in users],
            offset_id_offset=page.offset_id_offset,
        )
    )
    assert [bytes(message) for message in page.messages] == [
        channel.message_bytes(message.id) for message in page.messages
    ]


def test_pages_walk_the_whole_history(shared: World) -> None:
    """Walking down by offset_id gives every id once, and each page tells its position."""
    channel = club(shared)
    seen: list[int] = []
    offset_id = 0
    while True:
        page = ask(shared, history(channel, offset_id=offset_id))
        assert page.count == 950
        assert page.offset_id_offset == len(seen)
        if not page.messages:
            break
        seen += [message.id for message in page.messages]
        offset_id = seen[-1]
    assert seen == sorted(channel.ids, reverse=True)


def test_every_peer_of_a_page_is_on_the_page(shared: World) -> None:
    """Senders, forwards, bots, reactors and the channel itself can all be looked up."""
    channel = club(shared)
    page = ask(shared, history(channel, offset_id=600))
    users = {user.id for user in page.users}
    chats = {chat.id for chat in page.chats}
    assert channel.id in chats
    for message in page.messages:
        for mark in channel.entry(message.id)[1]:
            assert mark in users if mark > 0 else -mark - 10**12 in chats


def test_offset_date_counts_only_without_offset_id(shared: World) -> None:
    """offset_date gives messages before it; with offset_id, or at date 0, it does nothing."""
    channel = club(shared)
    middle = list(channel.ids)[400]
    date = datetime.fromtimestamp(channel.timestamp(middle), UTC)
    page = ask(shared, history(channel, offset_date=date))
    expected = [id_ for id_ in channel.ids if channel.timestamp(id_) < date.timestamp()]
    assert [message.id for message in page.messages] == expected[::-1][:100]
    assert all(message.date < date for message in page.messages)
    upwards = ask(shared, history(channel, offset_date=date, add_offset=-3, limit=3))
    assert all(message.date >= date for message in upwards.messages)
    assert len(upwards.messages) == 3
    both = ask(shared, history(channel, offset_date=date, offset_id=50))
    assert both.messages[0].id < 50
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    newest = ask(shared, history(channel, offset_date=epoch)).messages[0].id
    assert newest == channel.ids.max()
    early = ask(shared, history(channel, offset_date=epoch + timedelta(seconds=1)))
    assert early.messages == []
    late = ask(shared, history(channel, offset_date=datetime(2037, 1, 1, tzinfo=UTC)))
    assert late.messages[0].id == newest


def test_min_and_max_only_shrink(shared: World) -> None:
    """With min_id the page loses its older part, and `count` stays the whole."""
    channel = club(shared)
    top = channel.ids.max()
    page = ask(shared, history(channel, min_id=top - 10, limit=100))
    assert all(message.id > top - 10 for message in page.messages)
    assert page.count == 950
    assert ask(shared, history(channel, max_id=5, limit=10)).messages == []


def test_a_change_shows_on_the_next_page(world: World) -> None:
    """Deleted messages are gone, posts are on top, `count` follows."""
    chat = club(world)
    chat.delete(*range(11, 31))
    new = chat.post(2)
    page = ask(world, history(chat))
    assert [message.id for message in page.messages] == [*reversed(new), *range(10, 0, -1)]
    assert page.count == 12
    assert page.pts == chat.pts


@pytest.mark.rule("peers.channel-invalid", "peers.channel-private", "peers.chat-id-invalid")
@pytest.mark.rule("peers.peer-id-invalid")
def test_history_refuses_what_telegram_refuses(world: World) -> None:
    """Wrong hash, no such channel, private or vanished channel, wrong kinds of peer."""
    chat = club(world)
    wrong = types.InputPeerChannel(chat.id, chat.access_hash ^ 1)
    source = next(iter(world.foreign.values()))
    assert isinstance(source, types.Channel)
    closed = types.InputPeerChannel(source.id, source.access_hash or 0)
    foreign_wrong = types.InputPeerChannel(source.id, 1)
    assert refusal(world, history(chat, peer=wrong)) == (400, "CHANNEL_INVALID")
    assert refusal(world, history(chat, peer=types.InputPeerChannel(5, 5)))[0] == 400
    assert refusal(world, history(chat, peer=closed)) == (406, "CHANNEL_PRIVATE")
    assert refusal(world, history(chat, peer=foreign_wrong)) == (400, "CHANNEL_INVALID")
    assert refusal(world, history(chat, offset_id=-1)) == (400, "MSG_ID_INVALID")
    assert refusal(world, history(chat, peer=types.InputPeerChat(5))) == (400, "CHAT_ID_INVALID")
    stranger = types.InputPeerUser(5, 5)
    assert refusal(world, history(chat, peer=stranger)) == (400, "PEER_ID_INVALID")
    chat.private = True
    assert refusal(world, history(chat)) == (406, "CHANNEL_PRIVATE")
    world.channels.clear()
    assert refusal(world, history(chat)) == (400, "CHANNEL_INVALID")


def test_the_history_of_a_user_without_a_chat_is_empty(world: World) -> None:
    """Who has no private chat with us has no messages."""
    answer = ask(world, history(club(world), peer=types.InputPeerSelf()))
    assert isinstance(answer, types.messages.Messages)
    assert answer.messages == []


def test_ids_come_back_in_request_order(world: World) -> None:
    """Present ids are messages, missing ones MessageEmpty of this channel, in request order."""
    chat = club(world)
    chat.delete(7)
    page = ask(world, by_ids(chat, 9, 7, 500, 1, 9, -4))
    kinds = [type(message).__name__ for message in page.messages]
    assert [kind.removeprefix("Message") for kind in kinds] == [
        *("", "Empty", "Empty", "Service", "", "Empty")
    ]
    assert [message.id for message in page.messages] == [9, 7, 500, 1, 9, -4]
    assert page.messages[1].peer_id == chat.peer()
    assert page.count == 6


def test_ids_are_capped_at_200(shared: World) -> None:
    """Ids beyond the 200th are left out."""
    page = ask(shared, by_ids(club(shared), *range(1, 251)))
    assert [message.id for message in page.messages] == list(range(1, 201))


def test_no_valid_id_is_an_error(world: World) -> None:
    """With no positive id at all the answer is MESSAGE_IDS_EMPTY."""
    for ids in ((), (0,), (-1, 0)):
        assert refusal(world, by_ids(club(world), *ids)) == (400, "MESSAGE_IDS_EMPTY")


@pytest.mark.rule("ids.reply-to")
def test_reply_targets_are_found_by_the_reply(shared: World) -> None:
    """InputMessageReplyTo gives the answered message; one that cannot be found is dropped."""
    channel = club(shared)
    pairs = {}
    for id_ in channel.ids:
        header = channel.message(id_).reply_to
        if isinstance(header, types.MessageReplyHeader) and header.reply_to_peer_id is None:
            pairs[id_] = header.reply_to_msg_id
    found = [id_ for id_, target in pairs.items() if target in channel.ids][:20]
    lost = next(id_ for id_, target in pairs.items() if target not in channel.ids)
    plain = next(id_ for id_ in channel.ids if channel.message(id_).reply_to is None)
    items = [types.InputMessageReplyTo(id_) for id_ in (*found, lost, plain, 10**6)]
    page = ask(shared, by_ids(channel, *items, types.InputMessagePinned()))
    assert [message.id for message in page.messages] == [pairs[id_] for id_ in found]


@pytest.mark.rule("ids.not-of-channels")
def test_messages_of_channels_are_not_found_without_it(world: World) -> None:
    """messages.getMessages knows no message of a channel."""
    request = functions.messages.GetMessagesRequest(
        [types.InputMessageID(3), types.InputMessagePinned()]
    )
    answer = ask(world, request)
    assert [message.id for message in answer.messages] == [3]
    assert isinstance(answer.messages[0], types.MessageEmpty)


@pytest.mark.rule("client.config-names-the-server")
def test_the_config_names_the_server(world: World) -> None:
    """help.getConfig carries the address that the server listens on."""
    request = functions.help.GetConfigRequest()
    call = Call("help.getConfig", request, 1, world, addresses=[Address("127.0.0.1", 4242, 2)])
    config = read_object(methods.answer(call))
    assert config.this_dc == 2
    assert [(o.id, o.ip_address, o.port) for o in config.dc_options] == [(2, "127.0.0.1", 4242)]


@pytest.mark.rule("client.no-difference")
def test_state_and_differences_are_quiet(world: World) -> None:
    """Nothing ever happened while the client was away."""
    chat = club(world)
    assert isinstance(ask(world, functions.updates.GetStateRequest()), types.updates.State)
    difference = functions.updates.GetDifferenceRequest(pts=1, date=methods.NOW, qts=0)
    assert isinstance(ask(world, difference), types.updates.DifferenceEmpty)
    request = functions.updates.GetChannelDifferenceRequest(
        types.InputChannel(chat.id, chat.access_hash), types.ChannelMessagesFilterEmpty(), 1, 100
    )
    answer = ask(world, request)
    assert isinstance(answer, types.updates.ChannelDifferenceEmpty)
    assert answer.pts == chat.pts
    assert answer.final


@pytest.mark.rule("client.users-by-hash")
def test_users_are_answered_by_hash(world: World) -> None:
    """Ourselves always, others with the right hash; anybody else is UserEmpty."""
    person = next(user for user in world.users.values() if not user.is_self)
    assert person.access_hash is not None
    request = functions.users.GetUsersRequest(
        [
            types.InputUserSelf(),
            types.InputUser(world.me.id, 0),
            types.InputUser(person.id, person.access_hash),
            types.InputUser(person.id, 0),
            types.InputUser(17, 0),
            types.InputUserEmpty(),
        ]
    )
    found = ask(world, request)
    assert [bytes(user) for user in found[:3]] == [
        bytes(world.me),
        bytes(world.me),
        bytes(person),
    ]
    assert [type(user).__name__ for user in found[3:]] == ["UserEmpty"] * 3
    full = functions.users.GetFullUserRequest(types.InputUser(person.id, person.access_hash))
    assert ask(world, full).users[0].id == person.id
    missing = functions.users.GetFullUserRequest(types.InputUser(17, 0))
    assert refusal(world, missing) == (400, "USER_ID_INVALID")


def test_channels_are_answered_by_hash(world: World) -> None:
    """The methods getChannels and getFullChannel need the right hash."""
    chat = club(world)
    peer = types.InputChannel(chat.id, chat.access_hash)
    answer = ask(world, functions.channels.GetChannelsRequest([peer]))
    assert [bytes(found) for found in answer.chats] == [chat.to_bytes()]
    full = ask(world, functions.channels.GetFullChannelRequest(peer))
    assert full.full_chat.id == full.chats[0].id == chat.id
    assert full.full_chat.about == chat.about
    guess = functions.channels.GetChannelsRequest([types.InputChannel(chat.id, 0)])
    assert refusal(world, guess) == (400, "CHANNEL_INVALID")
    empty = functions.channels.GetChannelsRequest([types.InputChannelEmpty()])
    assert refusal(world, empty) == (400, "CHANNEL_INVALID")


@pytest.mark.rule("client.usernames")
def test_usernames_resolve_to_channels_users_and_sources(world: World) -> None:
    """Any case of letters; who is not there is USERNAME_NOT_OCCUPIED."""
    resolve = functions.contacts.ResolveUsernameRequest
    assert ask(world, resolve("CLUB_two")).peer == club(world).peer()
    found = ask(world, resolve(world.me.username or ""))
    assert found.peer == types.PeerUser(world.me.id)
    source = next(iter(world.foreign.values()))
    assert isinstance(source, types.Channel)
    assert ask(world, resolve(source.username or "")).chats[0].id == source.id
    assert refusal(world, resolve("nobody_here")) == (400, "USERNAME_NOT_OCCUPIED")


@pytest.mark.rule("peers.top-message")
def test_dialogs_show_all_open_channels(world: World) -> None:
    """Each channel once, the latest message first; private ones and the archive are empty."""
    world.add_channel("Empty")
    world.add_channel("Longer", message_count=60)
    world.add_channel("Hidden", message_count=60).private = True
    fields: dict[str, Any] = {
        "offset_date": None,
        "offset_id": 0,
        "offset_peer": types.InputPeerEmpty(),
        "limit": 100,
        "hash": 0,
    }
    answer = ask(world, functions.messages.GetDialogsRequest(**fields))
    titles = {chat.id: chat.title for chat in answer.chats}
    assert [titles[dialog.peer.channel_id] for dialog in answer.dialogs] == [
        "Longer",
        "Club",
        "Empty",
    ]
    assert [dialog.top_message for dialog in answer.dialogs] == [60, 30, 0]
    assert len(answer.messages) == 2
    archive = ask(world, functions.messages.GetDialogsRequest(**fields, folder_id=1))
    assert archive.dialogs == []


def test_an_unknown_method_is_loud(world: World) -> None:
    """What is not embedded is refused with its name, not answered by something that fits."""
    with pytest.raises(UnknownMethodFault) as caught:
        ask_bytes(world, functions.help.GetSupportRequest())
    assert caught.value.method == "help.getSupport"
    assert caught.value.code == 400


def test_names_of_methods_are_telegrams() -> None:
    """The name of each handled request is namespace.method in Telegram's writing."""
    names = {method_name(kind) for kind in HANDLERS}
    assert {"messages.getHistory", "help.getConfig", "users.getUsers"} <= names
    assert method_name(functions.InvokeWithLayerRequest) == "invokeWithLayer"
    assert all(inspect.isclass(kind) for kind in HANDLERS)
