"""Binding messages at once gives what Telethon's own method gives."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from telethon import types, utils
from telethon._updates import EntityCache

from telefast.transport import binding
from telefast.transport import telethon as door
from telefast.transport.binding import bind
from telefast.transport.decode import decode
from tests.unit.tl_values import assert_same, object_bytes

OWN = 777_000
CHANNEL = 1_500_000_000


def client() -> Any:
    """Return as much of a client as binding asks for."""
    cache = EntityCache()
    cache.extend([types.User(12, access_hash=5)], [])
    return SimpleNamespace(_mb_entity_cache=cache, _self_id=OWN)


def entities() -> dict[int, Any]:
    """Return users and chats, one without an access hash, one that is Telethon's own business."""
    people = [types.User(i, access_hash=i or None, first_name=str(i)) for i in (OWN, 12, 13)]
    people += [types.User(14, min=True, access_hash=8)]
    chats = [types.Channel(CHANNEL, "Club", types.ChatPhotoEmpty(), None, access_hash=7)]
    chats += [types.Chat(12, "Group", types.ChatPhotoEmpty(), 3, None, 1)]
    return {utils.get_peer_id(each): each for each in (*people, *chats)}


PEERS = [types.PeerUser(i) for i in (OWN, 12, 13, 14, 99)]
PEERS += [types.PeerChannel(CHANNEL), types.PeerChat(12), types.PeerChannel(5)]


def messages(seed: int) -> list[bytes]:
    """Return messages of all kinds, most of them plain ones."""
    random = Random(seed)
    found = []
    for i in range(1, 40):
        header = types.MessageReplyHeader(
            reply_to_msg_id=5, reply_to_peer_id=random.choice([None, None, random.choice(PEERS)])
        )
        few = types.MessageReplies(2, 1)
        comments = types.MessageReplies(1, 1, comments=True, channel_id=CHANNEL)
        story = types.MessageReplyStoryHeader(PEERS[0], 1)
        message = types.Message(
            i,
            random.choice(PEERS),
            None,
            "text",
            from_id=random.choice([None, *PEERS]),
            reply_to=random.choice([None, None, header, story]),
            out=random.random() < 0.5,
            post=random.random() < 0.2,
            via_bot_id=random.choice([None, None, None, 12]),
            replies=random.choice([None, comments, few]),
        )
        found.append(bytes(message))
    numbers = (types.Message.CONSTRUCTOR_ID, types.MessageService.CONSTRUCTOR_ID)
    for number in numbers * 4:
        data = object_bytes(random, number)
        try:
            decode(data)
        except Exception:  # noqa: BLE001, S112 - no message
            continue
        found.append(data)
    return found


@pytest.mark.parametrize("input_chat", [None, types.InputPeerChannel(CHANNEL, 7)])
@pytest.mark.parametrize("seed", range(20))
def test_binding_is_telethons(seed: int, input_chat: Any) -> None:
    """Every attribute is the same, for messages of every kind."""
    assert binding._is_known()
    records = messages(seed)
    wanted = [decode(data)[0] for data in records]
    found = [decode(data)[0] for data in records]
    people, own = entities(), client()
    results = []
    for message in wanted:
        try:
            door.finish(message, own, people, input_chat)
        except Exception as error:  # noqa: BLE001 - to be compared
            results.append(type(error))
        else:
            results.append(None)
    for message, error in zip(found, results, strict=True):
        if error is not None:
            with pytest.raises(error):
                bind([message], own, people, input_chat)
    good = [m for m, error in zip(found, results, strict=True) if error is None]
    bind(good, own, people, input_chat)
    for one, other, error in zip(wanted, found, results, strict=True):
        if error is None:
            assert_same(vars(one), vars(other))


def test_another_method_does_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Telethon's method is not the one we know, it is called for each message."""
    called = []
    monkeypatch.setattr(binding, "_is_known", lambda: False)
    monkeypatch.setattr(door, "finish", lambda message, *_: called.append(message))
    bind([1, 2], client(), {}, None)
    assert called == [1, 2]
