"""Are private chats and basic groups what Telegram shows, to handlers and to the real client?"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from telethon import utils
from telethon.tl import functions, types
from telethon.tl.functions.messages import GetHistoryRequest

from telefast.errors import WorldError
from telefast.testing import (
    Group,
    LocalTelegram,
    PrivateChat,
    RepeatLastId,
    Restricted,
    Rule,
    SwapNeighbours,
    World,
    methods,
)
from telefast.testing.refs import refs_of
from telefast.testing.rpc import Call, RpcFault, method_name
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from telefast.testing import Chat

DATE = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    """Every kind of chat, their ids interleaved; no test changes it."""
    world = World(seed=31)
    world.add_private_chat("Grace Hopper", message_count=1200, holes=0.1)
    world.add_group("Crew", message_count=900, holes=0.05, about="On board")
    world.add_private_chat(message_count=40)
    world.add_private_chat(world.me, message_count=150)
    world.add_channel("Ships", message_count=250)
    world.add_private_chat(message_count=0)
    world.add_group("Empty")
    return world


def ask(world: World, request: Any) -> Any:
    """Return the answer; it must be exactly what Telethon would write."""
    data = methods.answer(Call(method_name(type(request)), request, 1, world))
    answer = read_object(data)
    assert bytes(answer) == data
    return answer


def history(chat: Chat, **arguments: Any) -> Any:
    """Return a request for a page."""
    fields = dict.fromkeys(("offset_id", "add_offset", "max_id", "min_id", "hash"), 0)
    fields |= {"limit": 100, "offset_date": None}
    return GetHistoryRequest(**{"peer": chat.input_peer(), **fields, **arguments})


def boxed(world: World) -> list[Chat]:
    """Return the private chats and basic groups."""
    return [*world.private_chats.values(), *world.groups.values()]


def grace(world: World) -> PrivateChat:
    """Return the large private chat."""
    return next(iter(world.private_chats.values()))


def crew(world: World) -> Group:
    """Return the large group."""
    return next(iter(world.groups.values()))


def test_a_chat_is_found_by_telethons_id(world: World) -> None:
    """Each chat has Telethon's marked id and is found by it; unknown ids are None."""
    for chat in world.account.chats():
        assert chat.marked_id == utils.get_peer_id(chat.peer())
        assert world.chat(chat.marked_id) is chat
    assert world.chat(1) is world.chat(-1) is world.chat(-(10**12) - 1) is None


@pytest.mark.rule("message.private-has-no-sender")
def test_private_messages_name_no_sender(world: World) -> None:
    """Incoming messages have no from_id, own ones have it and are out; both sides write."""
    chat = grace(world)
    ways: Counter[bool] = Counter()
    for message_id in chat.ids:
        message = chat.message(message_id)
        assert message.peer_id == types.PeerUser(chat.id)
        assert message.post is message.saved_peer_id is None or not message.post
        if message.out:
            assert message.from_id == types.PeerUser(world.me.id)
        else:
            assert message.from_id is None
        ways[bool(message.out)] += 1
    assert min(ways.values()) > 300


@pytest.mark.rule("message.saved-are-not-out")
def test_saved_messages_go_neither_in_nor_out(world: World) -> None:
    """Messages to oneself are from oneself and not out; Telethon makes them so by itself."""
    chat = world.private_chats[world.me.id]
    for message_id in chat.ids:
        message = chat.message(message_id)
        assert message.from_id == message.peer_id == types.PeerUser(world.me.id)
        assert message.saved_peer_id == message.from_id
        assert not message.out


def test_members_write_in_a_group(world: World) -> None:
    """Every message of a basic group names a member, own ones are out, none has a thread."""
    chat = crew(world)
    writers = Counter[int]()
    for message_id in chat.ids:
        message = chat.message(message_id)
        assert message.peer_id == types.PeerChat(chat.id)
        assert isinstance(message.from_id, types.PeerUser)
        assert bool(message.out) is (message.from_id.user_id == world.me.id)
        assert message.replies is None
        writers[message.from_id.user_id] += 1
    assert set(writers) <= set(chat.members)
    assert len(writers) > 3
    assert world.me.id in chat.members


def test_service_messages_fit_the_kind(world: World) -> None:
    """A group begins with its creation and knows members; a private chat knows calls."""
    actions: dict[str, set[str]] = {}
    for chat in (grace(world), crew(world)):
        found = (chat.message(message_id) for message_id in chat.ids)
        actions[chat.kind] = {type(m.action).__name__[13:] for m in found if m.action}
    assert {"PinMessage", "PhoneCall", "SetMessagesTTL"} <= actions["private chat"]
    assert {"ChatAddUser", "ChatDeleteUser", "ChatEditTitle"} <= actions["basic group"]
    assert not actions["basic group"] & {"PhoneCall", "ChannelCreate"}
    fresh = World(seed=1).add_group("New", message_count=9)
    first = fresh.message(fresh.ids.min()).action
    assert first == types.MessageActionChatCreate("New", [*fresh.members])
    talk = World(seed=1).add_private_chat(message_count=9)
    joined = talk.message(talk.ids.min()).action
    assert isinstance(joined, types.MessageActionContactSignUp)


def test_messages_are_whole_and_known(world: World) -> None:
    """Bytes survive Telethon, dates never fall, each peer is known, replies point back."""
    for chat in boxed(world):
        dates = [chat.timestamp(message_id) for message_id in chat.ids]
        assert dates == sorted(dates)
        for message_id, date in zip(chat.ids, dates, strict=True):
            message = chat.message(message_id)
            assert bytes(message) == chat.message_bytes(message_id)
            assert message.date is not None
            assert message.date.timestamp() == date
            assert set(chat.entry(message_id)[1]) == set(refs_of(message))
            assert all(mark in world.users or mark in world.foreign for mark in refs_of(message))
            header = message.reply_to
            if isinstance(header, types.MessageReplyHeader) and header.reply_to_peer_id is None:
                assert chat.ids.min() - 8 <= header.reply_to_msg_id < message_id


def test_something_of_everything_is_in_a_private_chat(world: World) -> None:
    """Replies, forwards, media, reactions of one of the two, edits, albums."""
    chat = grace(world)
    found = [chat.message(message_id) for message_id in chat.ids]
    assert sum(1 for m in found if m.reply_to) > 100
    assert sum(1 for m in found if m.fwd_from) > 10
    assert sum(1 for m in found if m.media) > 100
    assert sum(1 for m in found if m.edit_date) > 20
    assert sum(1 for m in found if m.grouped_id) > 10
    reactors = Counter(
        reaction.peer_id.user_id
        for m in found
        if m.reactions
        for reaction in m.reactions.recent_reactions or ()
        if isinstance(reaction.peer_id, types.PeerUser)
    )
    assert set(reactors) == {chat.id, world.me.id}


def test_a_whole_list_has_no_count(world: World) -> None:
    """A page that holds the whole list is `messages`, every other one a `messagesSlice`."""
    small = [*world.private_chats.values()][1]
    ids = sorted(small.ids, reverse=True)
    for arguments in ({}, {"offset_id": 1, "add_offset": -100}, {"offset_id": ids[0] + 1}):
        answer = ask(world, history(small, **arguments))
        assert isinstance(answer, types.messages.Messages)
        assert [message.id for message in answer.messages] == ids
    for arguments, first, size in (
        ({"limit": 39}, 0, 39),
        ({"offset_id": ids[4]}, 5, 35),
        ({"min_id": ids[7]}, 0, 7),
        ({"offset_id": 1}, 40, 0),
        ({"add_offset": 50}, 40, 0),
    ):
        answer = ask(world, history(small, **arguments))
        assert isinstance(answer, types.messages.MessagesSlice)
        assert answer.count == 40
        assert answer.offset_id_offset == first
        assert [message.id for message in answer.messages] == ids[first : first + size]


@pytest.mark.rule("results.empty-chat")
def test_an_empty_chat_is_whole(world: World) -> None:
    """Without a message, or without a chat at all, the history is an empty `messages`."""
    nobody = next(user for user in world.users.values() if user.id not in world.private_chats)
    peers = [types.InputPeerUser(nobody.id, nobody.access_hash or 0)]
    peers += [chat.input_peer() for chat in boxed(world) if not chat.ids]
    assert len(peers) == 3
    for peer in peers:
        answer = ask(world, history(grace(world), peer=peer))
        assert isinstance(answer, types.messages.Messages)
        assert answer.messages == []


def test_pages_carry_the_bytes_and_everybody(world: World) -> None:
    """Messages keep their bytes; the chat, all senders and all others are on the page."""
    for chat in (grace(world), crew(world)):
        answer = ask(world, history(chat, offset_id=chat.ids[400]))
        assert [message.id for message in answer.messages] == [*reversed(chat.ids[300:400])]
        known = {utils.get_peer_id(each) for each in (*answer.users, *answer.chats)}
        assert chat.marked_id in known
        for message in answer.messages:
            assert bytes(message) == chat.message_bytes(message.id)
            assert set(chat.entry(message.id)[1]) <= known


def test_dates_place_a_page(world: World) -> None:
    """offset_date gives the messages before it, as in channels."""
    chat = grace(world)
    date = datetime.fromtimestamp(chat.timestamp(chat.ids[600]), UTC)
    answer = ask(world, history(chat, offset_date=date))
    assert [m.id for m in answer.messages] == [
        id_ for id_ in reversed(chat.ids) if chat.timestamp(id_) < date.timestamp()
    ][:100]


@pytest.mark.rule("ids.private-without-peer")
def test_messages_are_found_by_id_without_a_peer(world: World) -> None:
    """Ids of all chats of the account, in request order; those of channels are unknown."""
    wanted = [chat.ids[5] for chat in boxed(world) if chat.ids]
    missing = next(id_ for id_ in range(20, 400) if world.account.owner(id_) is None)
    request = functions.messages.GetMessagesRequest(
        [types.InputMessageID(id_) for id_ in (*wanted, missing, 10**9, -4, wanted[0])]
    )
    answer = ask(world, request)
    assert isinstance(answer, types.messages.Messages)
    assert [m.id for m in answer.messages] == [*wanted, missing, 10**9, -4, wanted[0]]
    full = [chat for chat in boxed(world) if chat.ids]
    for message, chat in zip(answer.messages, full, strict=False):
        assert bytes(message) == chat.message_bytes(message.id)
    empties = [m for m in answer.messages if isinstance(m, types.MessageEmpty)]
    assert [m.id for m in empties] == [missing, 10**9, -4]
    assert all(m.peer_id is None for m in empties)
    assert {user.id for user in answer.users} >= {grace(world).id}
    assert [chat.id for chat in answer.chats if isinstance(chat, types.Chat)] == [crew(world).id]


@pytest.mark.rule("ids.reply-to")
def test_what_a_reply_answers_is_found(world: World) -> None:
    """InputMessageReplyTo gives the answered message of the same chat, or nothing."""
    for chat in (grace(world), crew(world)):
        pairs = {
            id_: header.reply_to_msg_id
            for id_ in chat.ids
            if (header := chat.message(id_).reply_to) and header.reply_to_peer_id is None
        }
        found = [id_ for id_, target in pairs.items() if target in chat.ids][:20]
        lost = next(id_ for id_, target in pairs.items() if target not in chat.ids)
        items = [types.InputMessageReplyTo(id_) for id_ in (*found, lost, 1)]
        answer = ask(world, functions.messages.GetMessagesRequest(items))
        assert [m.id for m in answer.messages] == [pairs[id_] for id_ in found]


def test_ids_beyond_the_cap_are_left_out(world: World) -> None:
    """messages.getMessages answers 200 ids."""
    ids = [types.InputMessageID(id_) for id_ in grace(world).ids[:250]]
    assert len(ask(world, functions.messages.GetMessagesRequest(ids)).messages) == 200


@pytest.mark.rule("peers.chat-id-invalid")
@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (functions.messages.GetFullChatRequest(5), "CHAT_ID_INVALID"),
        (functions.messages.GetChatsRequest([5]), "CHAT_ID_INVALID"),
        (GetHistoryRequest(types.InputPeerChat(5), 0, None, 0, 9, 0, 0, 0), "CHAT_ID_INVALID"),
        (GetHistoryRequest(types.InputPeerUser(5, 5), 0, None, 0, 9, 0, 0, 0), "PEER_ID_INVALID"),
        (GetHistoryRequest(types.InputPeerEmpty(), 0, None, 0, 9, 0, 0, 0), "PEER_ID_INVALID"),
    ],
)
def test_unknown_peers_are_refused(world: World, request_: Any, error: str) -> None:
    """A group or user that the account does not have is refused with Telegram's error."""
    with pytest.raises(RpcFault) as caught:
        ask(world, request_)
    assert (caught.value.code, caught.value.message) == (400, error)


@pytest.mark.rule("peers.peer-id-invalid")
def test_a_wrong_hash_of_a_user_is_refused(world: World) -> None:
    """A private chat asked for with another access hash is PEER_ID_INVALID."""
    peer = types.InputPeerUser(grace(world).id, 1)
    with pytest.raises(RpcFault, match="PEER_ID_INVALID"):
        ask(world, history(grace(world), peer=peer))


def test_full_chats_tell_of_members(world: World) -> None:
    """messages.getFullChat has about, participants and their users, and no total of messages."""
    group = crew(world)
    answer = ask(world, functions.messages.GetFullChatRequest(group.id))
    full = answer.full_chat
    assert (full.id, full.about) == (group.id, "On board")
    assert [p.user_id for p in full.participants.participants] == [*group.members]
    assert isinstance(full.participants.participants[0], types.ChatParticipantCreator)
    assert {user.id for user in answer.users} == set(group.members)
    assert [bytes(chat) for chat in answer.chats] == [bytes(group.to_tl())]
    closed = types.Chat(9, "Old", types.ChatPhotoEmpty(), 3, DATE, 1)
    other = World()
    other.add_foreign(closed)
    chats = ask(other, functions.messages.GetChatsRequest([9])).chats
    assert [bytes(chat) for chat in chats] == [bytes(closed)]


async def test_the_unmodified_client_reads_every_chat(world: World) -> None:
    """Dialogs, entities, both directions and ids: the client sees each chat as it is."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        dialogs = {dialog.id: dialog for dialog in await client.get_dialogs()}
        assert set(dialogs) == {
            chat.marked_id for chat in world.account.chats() if chat.ids or isinstance(chat, Group)
        }
        for chat in boxed(world):
            if not chat.ids:
                continue
            assert dialogs[chat.marked_id].name == chat.title
            assert dialogs[chat.marked_id].message.id == chat.ids.max()
            entity = await client.get_entity(chat.marked_id)
            assert utils.get_peer_id(entity) == chat.marked_id
            down = [m async for m in client.iter_messages(entity, wait_time=0)]
            up = [m.id async for m in client.iter_messages(entity, wait_time=0, reverse=True)]
            assert [m.id for m in down] == [*reversed(chat.ids)]
            assert up == [*chat.ids]
            assert all(m.sender is not None for m in down)
            asked = [*chat.ids[:30], 3, 10**8]
            by_id = await client.get_messages(entity, ids=asked)
            assert [m and m.id for m in by_id] == [*chat.ids[:30], None, None]
            total = (await client.get_messages(entity, 1)).total
            assert total == len(chat.ids)
        full = await client(functions.messages.GetFullChatRequest(crew(world).id))
        assert full.full_chat.participants.chat_id == crew(world).id
        assert telegram.unknown == []


def test_posts_and_puts_share_the_sequence() -> None:
    """New ids lie on top of all chats; an id of another chat cannot be put."""
    world = World(seed=2)
    talk = world.add_private_chat("Grace Hopper", message_count=20)
    crew = world.add_group("Crew", message_count=20)
    first, second = talk.post(2), crew.post(2)
    assert first[0] > max(talk.ids[:20] | crew.ids[:20])
    assert second == [first[1] + 1, first[1] + 2]
    peer = types.PeerUser(talk.id)
    with pytest.raises(WorldError, match=r"is one of basic group \d+"):
        talk.put(types.Message(second[0], peer, DATE, "clash"))
    crew.delete(second[0])
    talk.put(types.Message(second[0], peer, DATE, "no clash"))
    talk.put(types.Message(second[1] + 100, peer, DATE, "on top"))
    assert crew.post() == [second[1] + 101]
    with pytest.raises(WorldError, match="peer_id must be private chat"):
        talk.put(types.Message(5, types.PeerChat(crew.id), DATE, "elsewhere"))


def test_given_messages_make_a_chat() -> None:
    """Private chats and groups can hold given messages, whose ids stay apart."""
    world = World(seed=2)
    user = types.User(id=77, access_hash=5, first_name="Bob", last_name="Ross")
    talk = world.add_private_chat(
        user, messages=[types.Message(40, types.PeerUser(77), DATE, "hello")]
    )
    assert (talk.title, [*talk.ids], world.users[77]) == ("Bob Ross", [40], user)
    peer = types.PeerChat(9)
    with pytest.raises(WorldError, match="is one of private chat 77"):
        world.add_group("Crew", chat_id=9, messages=[types.Message(40, peer, DATE, "x")])
    assert not world.groups
    group = world.add_group("Crew", chat_id=9, messages=[types.Message(41, peer, DATE, "x")])
    assert group.message(41).message == "x"
    assert not {40, 41} & {*world.add_private_chat(message_count=50).ids}


def test_contradictions_are_refused() -> None:
    """A world says at once what is wrong with an argument, and keeps nothing of it."""
    world = World(seed=2, user_count=2)
    talk = world.add_private_chat()
    world.add_group("Crew", chat_id=9)
    refused: list[tuple[str, dict[str, Any]]] = [
        ("add_private_chat", {"user": talk.id}),
        ("add_private_chat", {"user": 424242}),
        ("add_private_chat", {"user": " "}),
        ("add_private_chat", {"user": world.me, "message_count": -1}),
        ("add_private_chat", {"user": world.me, "holes": 1.0}),
        ("add_private_chat", {"user": world.me, "message_count": 1, "messages": []}),
        ("add_private_chat", {"user": world.me, "message_count": 2**29}),
        ("add_group", {"title": ""}),
        ("add_group", {"title": "x", "chat_id": 9}),
        ("add_group", {"title": "x", "chat_id": -8}),
        ("add_group", {"title": "x", "messages": []}),
        ("add_group", {"title": "x", "members": [424242]}),
        ("add_group", {"title": "x", "members": range(300)}),
    ]
    for method, arguments in refused:
        with pytest.raises(WorldError):
            getattr(world, method)(**arguments)
    assert [*world.private_chats], [*world.groups] == ([talk.id], [9])
    world.add_private_chat()
    with pytest.raises(WorldError, match="everybody has a private chat"):
        world.add_private_chat()
    with pytest.raises(WorldError, match="before the first chat"):
        world.add_user(types.User(id=4, access_hash=1, is_self=True))
    crowd = World(user_count=250)
    with pytest.raises(WorldError, match="at most 200"):
        crowd.add_group("x", members=list(crowd.users))
    with pytest.raises(WorldError, match="is already a chat"):
        world.add_foreign(types.Chat(9, "Old", types.ChatPhotoEmpty(), 3, DATE, 1))
    assert "Crew" not in repr(world) + repr(world.account) + repr(world.groups[9])


def test_a_recipe_carries_them() -> None:
    """Through JSON and back: the same chats, ids and bytes, and the same ids for what comes."""
    world = World(seed=6, user_count=12)
    talk = world.add_private_chat("Grace Hopper", message_count=300, holes=0.2)
    group = world.add_group("Crew", message_count=200, about="On board", members=[world.me.id])
    saved = world.add_private_chat(world.me, message_count=9)
    world.add_private_chat(message_count=80)
    del world.private_chats[[*world.private_chats][-1]]
    group.title = "Renamed"
    group.delete(*group.ids[:9])
    talk.post(3)
    talk.put(types.Message(talk.ids[7], types.PeerUser(talk.id), DATE, "edited"))
    saved.delete(*saved.ids)
    again = World.from_recipe(json.loads(json.dumps(world.recipe())))
    assert again.recipe() == world.recipe()
    for chat in (talk, group, saved):
        other = again.chat(chat.marked_id)
        assert type(other) is type(chat)
        assert other is not None
        assert (other.title, other.ids, other.pts, other.last_id, other.changed) == (
            *(chat.title, chat.ids, chat.pts, chat.last_id, chat.changed),
        )
        for id_ in chat.ids:
            assert other.message_bytes(id_) == chat.message_bytes(id_)
    assert again.groups[group.id].to_tl() == group.to_tl()
    assert again.groups[group.id].about == "On board"
    assert again.private_chats[talk.id].post() == talk.post()
    one = again.add_private_chat(message_count=90)
    assert one.ids == world.add_private_chat(message_count=90).ids


async def test_another_process_serves_the_same() -> None:
    """A server of its own process shows the same messages."""
    world = World(seed=6, user_count=12)
    talk = world.add_private_chat("Grace Hopper", message_count=130)
    async with LocalTelegram(world, process=True) as telegram, telegram.client() as client:
        await client.get_dialogs()
        got = [m async for m in client.iter_messages(talk.id, wait_time=0)]
    assert [bytes(m) for m in got] == [talk.message_bytes(id_) for id_ in reversed(talk.ids)]


def test_a_chat_depends_on_the_seed_alone() -> None:
    """Another world of that seed, the same calls: the same bytes."""
    chats = []
    for _ in range(2):
        world = World(seed=8)
        world.add_channel("Noise", message_count=3)
        chats.append(world.add_private_chat("Grace Hopper", message_count=60))
    assert chats[0].ids == chats[1].ids
    for id_ in chats[0].ids:
        assert chats[0].message_bytes(id_) == chats[1].message_bytes(id_)


def test_faults_reach_private_chats(world: World) -> None:
    """Rules of pages and of ids work on private chats and groups as on channels."""
    talk = grace(world)
    ids = [*reversed(talk.ids)]
    hidden = Restricted(ids[3:6], by_id=False)
    rules = [hidden, RepeatLastId(nth=1), SwapNeighbours(nth=1, at=50)]

    def shown(request: Any, *rules: Rule) -> list[int]:
        call = Call(method_name(type(request)), request, 1, world, rules=rules)
        return [message.id for message in read_object(methods.answer(call)).messages]

    assert shown(history(talk), hidden) == ids[:3] + ids[6:100]
    page = shown(history(talk, offset_id=ids[99]), *rules)
    expected = ids[99:199]
    expected[50], expected[51] = expected[51], expected[50]
    assert page == expected
    only = Restricted(ids[:9], channel_id=talk.id)
    assert shown(history(talk), only) == ids[:100]
    request = functions.messages.GetMessagesRequest([types.InputMessageID(i) for i in ids[2:5]])
    call = Call("messages.getMessages", request, 1, world, rules=[hidden])
    kinds = [type(m).__name__ for m in read_object(methods.answer(call)).messages]
    assert kinds[1:] == ["MessageEmpty", "MessageEmpty"]
    assert kinds[0] != "MessageEmpty"
    assert hidden.fired == 2
