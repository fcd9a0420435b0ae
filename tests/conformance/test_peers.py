"""Rules of peers: groups that moved, hidden history, users known by a message only, comments."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import functions, types

from telefast.testing import Channel, World
from tests.conformance.asking import (
    ask,
    by_ids,
    history,
    ids_of,
    private_by_ids,
    refusal,
    replies,
    search,
)


@pytest.fixture
def world() -> World:
    """A world that a test may change."""
    world = World(seed=73, user_count=8)
    world.add_channel("Club", message_count=60)
    return world


def club(world: World) -> Channel:
    """Return the supergroup."""
    return next(iter(world.channels.values()))


def full_channel(channel: Channel) -> Any:
    """Return a request for all that is told of a channel."""
    return functions.channels.GetFullChannelRequest(input_channel(channel))


def input_channel(channel: Channel) -> types.InputChannel:
    """Return the channel as its own methods name it."""
    return types.InputChannel(channel.id, channel.access_hash)


@pytest.mark.rule("peers.migrated-old-side", "peers.migrated-new-side", "peers.migrated-apart")
def test_a_group_that_became_a_supergroup(world: World) -> None:
    """Both sides name the other, end and begin with their events, and keep their own ids."""
    group = world.add_group("Crew", message_count=20)
    before = [*group.ids]
    new = world.migrate(group, message_count=30)
    old = ask(world, functions.messages.GetChatsRequest([group.id])).chats[0]
    assert (True, new.id) == (old.deactivated, old.migrated_to.channel_id)
    page = ask(world, history(group))
    assert [group.ids.max(), *reversed(before)] == ids_of(page)
    assert types.MessageActionChatMigrateTo(new.id) == page.messages[0].action
    full = ask(world, full_channel(new)).full_chat
    assert (group.id, group.ids.max()) == (full.migrated_from_chat_id, full.migrated_from_max_id)
    page = ask(world, history(new))
    assert [*range(30, 0, -1)] == ids_of(page)
    action = page.messages[-1].action
    assert types.MessageActionChannelMigrateFrom(group.title, group.id) == action
    shared = next(id_ for id_ in before if id_ in new.ids)
    (theirs,) = ask(world, private_by_ids(shared)).messages
    (ours,) = ask(world, by_ids(new, shared)).messages
    assert (group.peer(), new.peer()) == (theirs.peer_id, ours.peer_id)


@pytest.mark.rule("peers.full-channel", "peers.hidden-history")
def test_what_is_told_of_a_channel(world: World) -> None:
    """Marks, pin, link and what is hidden; what is hidden is in no answer and no count."""
    chat = club(world)
    news = world.add_channel("News", message_count=5, megagroup=False)
    world.link(news, chat)
    world.account.dialogs.read(chat.marked_id, inbox=50, outbox=40)
    chat.pinned_msg_id, chat.available_min_id, chat.hidden_prehistory = 33, 20, True
    full = ask(world, full_channel(chat)).full_chat
    assert (50, 40, chat.pts) == (full.read_inbox_max_id, full.read_outbox_max_id, full.pts)
    assert (33, 20, True) == (full.pinned_msg_id, full.available_min_id, full.hidden_prehistory)
    assert (news.id, chat.participants_count) == (full.linked_chat_id, full.participants_count)
    for request in (history(chat), search(chat)):
        answer = ask(world, request)
        assert ([*range(60, 20, -1)], 40) == (ids_of(answer), answer.count)
    found = ask(world, by_ids(chat, 20, 21)).messages
    assert [types.MessageEmpty, False] == [
        type(found[0]),
        isinstance(found[1], types.MessageEmpty),
    ]


@pytest.mark.rule("peers.min-users")
def test_a_user_known_by_a_message_only(world: World) -> None:
    """The hash of a min user opens nothing; the message that shows the user does."""
    chat = club(world)
    page = ask(world, history(chat))
    message = next(m for m in page.messages if isinstance(m.from_id, types.PeerUser) and not m.out)
    user_id = message.from_id.user_id
    world.min_users.add(user_id)
    shown = next(user for user in ask(world, history(chat)).users if user.id == user_id)
    assert shown.min
    get = functions.users.GetUsersRequest
    (unknown,) = ask(world, get([types.InputUser(user_id, shown.access_hash or 0)]))
    assert types.UserEmpty(user_id) == unknown
    named = types.InputUserFromMessage(chat.input_peer(), message.id, user_id)
    (known,) = ask(world, get([named]))
    assert (user_id, None) == (known.id, known.min or None)


@pytest.mark.rule("peers.comments")
def test_comments_of_a_post(world: World) -> None:
    """They are a thread of the discussion group, reached by the post; other posts have none."""
    group = club(world)
    news = world.add_channel("News", message_count=12, megagroup=False)
    world.link(news, group)
    post = next(i for i in news.ids if isinstance(news.message(i), types.Message))
    first, *_ = world.discuss(news, post, comments=7)
    peer = news.input_peer()
    root = ask(world, functions.messages.GetDiscussionMessageRequest(peer, post)).messages[-1]
    assert (group.peer(), first) == (root.peer_id, root.id)
    answer = ask(world, replies(news, post))
    assert (7, {group.id}) == (answer.count, {m.peer_id.channel_id for m in answer.messages})
    assert ids_of(answer) == ids_of(ask(world, replies(group, first)))
    bare = next(i for i in news.ids if i not in news.threads)
    assert (400, "MSG_ID_INVALID") == refusal(world, replies(news, bare))


@pytest.mark.rule("peers.invitations")
def test_an_invitation(world: World) -> None:
    """It shows the chat to those who are in, and its title to others."""
    chat = club(world)
    chat.invites = ("AbC-d_1",)
    check = functions.messages.CheckChatInviteRequest
    answer = ask(world, check("AbC-d_1"))
    assert (types.ChatInviteAlready, chat.id) == (type(answer), answer.chat.id)
    chat.left = True
    answer = ask(world, check("AbC-d_1"))
    assert (types.ChatInvite, chat.title, True) == (type(answer), answer.title, answer.megagroup)
    assert (400, "INVITE_HASH_INVALID") == refusal(world, check("AbC"))
    assert (400, "INVITE_HASH_EMPTY") == refusal(world, check(""))


@pytest.mark.rule("peers.removed-from-group")
def test_a_group_that_removed_us(world: World) -> None:
    """Its history is 403 CHAT_FORBIDDEN, and it is shown as forbidden."""
    group = world.add_group("Crew", message_count=20)
    group.kicked = True
    assert (403, "CHAT_FORBIDDEN") == refusal(world, history(group))
    (shown,) = ask(world, functions.messages.GetChatsRequest([group.id])).chats
    assert isinstance(shown, types.ChatForbidden)


@pytest.mark.rule("people.cap-of-200", "people.subscribers-are-hidden")
def test_members_are_listed_in_parts(world: World) -> None:
    """At most 200 at once; in a broadcast channel for administrators only."""
    chat = club(world)
    crowd = [
        world.add_user(types.User(id=10_000 + n, access_hash=n, first_name="N")) for n in range(250)
    ]
    chat.members = tuple(user.id for user in crowd)
    recent = types.ChannelParticipantsRecent()

    def ask_for(channel: Channel, offset: int) -> Any:
        return functions.channels.GetParticipantsRequest(
            input_channel(channel), recent, offset, 500, 0
        )

    assert 200 == len(ask(world, ask_for(chat, 0)).participants)
    assert 50 == len(ask(world, ask_for(chat, 200)).participants)
    news = world.add_channel("News", message_count=5, megagroup=False)
    news.admins = ()
    assert (400, "CHAT_ADMIN_REQUIRED") == refusal(world, ask_for(news, 0))
