"""What Telegram's answers tell of a chat, read without a guess."""

from __future__ import annotations

import json
from typing import Any

import pytest
from telethon import types
from telethon.tl.types import messages, users

from telefast.errors import RemoteError
from telefast.peers.meta import ChatMeta, MessageCount, count_of, meta_of

PHOTO = types.ChatPhotoEmpty()
SETTINGS = types.PeerNotifySettings()


def channel_full(**more: Any) -> types.ChannelFull:
    """Return the least that is told of channel 5."""
    told = {"about": "On ships", "read_inbox_max_id": 0, "read_outbox_max_id": 0}
    more = {"unread_count": 0, "chat_photo": None, "notify_settings": SETTINGS} | told | more
    return types.ChannelFull(id=5, bot_info=[], pts=9, **more)


def chat_full(full: Any, *chats: Any) -> messages.ChatFull:
    """Return the answer with *full* in it."""
    return messages.ChatFull(full, list(chats), [])


def test_a_supergroup() -> None:
    """All ids are marked; the chat itself is found among those that come along."""
    full = channel_full(
        participants_count=3,
        migrated_from_chat_id=4,
        migrated_from_max_id=99,
        linked_chat_id=6,
        available_min_id=20,
        hidden_prehistory=True,
        pinned_msg_id=33,
    )
    chat = types.Channel(
        5,
        "Club",
        PHOTO,
        None,
        megagroup=True,
        forum=True,
        noforwards=True,
        usernames=[types.Username("old"), types.Username("club", active=True)],
    )
    linked = types.Channel(6, "News", PHOTO, None, broadcast=True)
    old = types.Chat(5, "Another 5", PHOTO, 3, None, 1)
    meta = meta_of(chat_full(full, linked, old, chat))
    wanted = ChatMeta(
        -1000000000005,
        "supergroup",
        "Club",
        username="club",
        about="On ships",
        participants=3,
        is_forum=True,
        noforwards=True,
        linked_chat_id=-1000000000006,
        migrated_from=-4,
        migrated_from_max_id=99,
        available_min_id=20,
        is_prehistory_hidden=True,
        pinned_message_id=33,
        pts=9,
    )
    assert wanted == meta
    assert wanted == ChatMeta.from_json(json.loads(json.dumps(meta.to_json() | {"new": 1})))
    with pytest.raises(TypeError):
        ChatMeta.from_json({})


def test_channels() -> None:
    """Broadcast channels and gigagroups; where a number is not told it is None, not 0."""
    chat = types.Channel(5, "News", PHOTO, None, broadcast=True, username="news", left=True)
    meta = meta_of(chat_full(channel_full(), chat))
    assert ("channel", "news", None, True) == (
        meta.kind,
        meta.username,
        meta.participants,
        meta.is_left,
    )
    assert (None, None, None, 0) == (
        meta.migrated_from,
        meta.migrated_from_max_id,
        meta.linked_chat_id,
        meta.available_min_id,
    )
    chat = types.Channel(5, "Crowd", PHOTO, None, megagroup=True, gigagroup=True)
    assert "gigagroup" == meta_of(chat_full(channel_full(), chat)).kind


def test_a_basic_group() -> None:
    """A group that became a supergroup names it."""
    full = types.ChatFull(4, "Old friends", types.ChatParticipantsForbidden(4), SETTINGS)
    new = types.InputChannel(5, 77)
    chat = types.Chat(4, "Crew", PHOTO, 3, None, 1, deactivated=True, migrated_to=new)
    meta = meta_of(chat_full(full, chat))
    assert (-4, "group", "Crew", 3) == (meta.id, meta.kind, meta.title, meta.participants)
    assert (-1000000000005, "Old friends", False) == (meta.migrated_to, meta.about, meta.is_left)
    assert "77" not in json.dumps(meta.to_json())
    meta = meta_of(chat_full(full, types.ChatForbidden(4, "Crew")))
    assert (None, None, True) == (meta.migrated_to, meta.participants, meta.is_left)


def test_people() -> None:
    """Users, bots and deleted accounts."""
    full = types.UserFull(7, types.PeerSettings(), SETTINGS, common_chats_count=0, about="Poet")
    ada = types.User(7, first_name="Ada", last_name="Lovelace", username="ada")
    meta = meta_of(users.UserFull(full, [], [ada]))
    assert (7, "user", "Ada Lovelace", "ada", "Poet") == (
        meta.id,
        meta.kind,
        meta.title,
        meta.username,
        meta.about,
    )
    assert "bot" == meta_of(users.UserFull(full, [], [types.User(7, bot=True)])).kind
    gone = meta_of(users.UserFull(full, [], [types.User(7, deleted=True)]))
    assert ("", True) == (gone.title, gone.is_deleted)


@pytest.mark.parametrize("flag", ["noforwards_my_enabled", "noforwards_peer_enabled"])
def test_protection_of_a_private_chat(flag: str) -> None:
    """Either side may protect what is in it; only the full information tells."""
    ada = types.User(7, first_name="Ada")
    for value in (True, False, None):
        settings = types.PeerSettings()
        full = types.UserFull(7, settings, SETTINGS, common_chats_count=0)
        setattr(full, flag, value)
        assert bool(value) == meta_of(users.UserFull(full, [], [ada])).noforwards


def test_answers_that_tell_nothing() -> None:
    """Another answer, or one without the chat that it is about, is an error."""
    with pytest.raises(RemoteError, match="UserEmpty"):
        meta_of(types.UserEmpty(3))
    with pytest.raises(RemoteError, match="chat 5"):
        meta_of(chat_full(channel_full(), types.Channel(6, "News", PHOTO, None)))


def test_counts() -> None:
    """The number that Telegram tells, whether it vouches for it, and None where it does not."""
    some: Any = types.Message(3, types.PeerUser(7), message="x")
    gone = types.MessageEmpty(2, None)
    common: Any = {"chats": [], "users": [], "topics": []}
    part = messages.MessagesSlice(count=50, messages=[some], **common)
    assert MessageCount(50, True, "m") == count_of(part, "m")
    part = messages.ChannelMessages(pts=1, count=50, messages=[some], inexact=True, **common)
    assert MessageCount(50, False, "m") == count_of(part, "m")
    whole = messages.Messages(messages=[some, gone], **common)
    assert MessageCount(1, True, "m") == count_of(whole, "m")
    assert MessageCount(None, False, "m") == count_of(types.UserEmpty(3), "m")
