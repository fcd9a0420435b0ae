"""Are seeded messages realistic, legal, and the same wherever they are made?"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from telethon.tl import types

from telefast.testing.dice import Dice
from telefast.testing.media import MEDIA_KINDS, make_media
from telefast.testing.refs import CHANNEL_MARK, refs_of
from telefast.testing.text import (
    CAPTION_LIMIT,
    LANGUAGES,
    TEXT_LIMIT,
    Language,
    Mention,
    utf16,
    write,
)
from telefast.testing.world import World

if TYPE_CHECKING:
    from telefast.testing.channel import Channel

COUNT = 3000


@pytest.fixture(scope="module")
def world() -> World:
    """A world with a supergroup and a broadcast channel."""
    world = World(seed=11)
    world.add_channel("Group", message_count=COUNT, channel_id=1_500_000_001)
    world.add_channel("News", message_count=COUNT, megagroup=False, channel_id=1_500_000_002)
    return world


@pytest.fixture(scope="module", params=[1_500_000_001, 1_500_000_002], ids=["group", "news"])
def channel(request: pytest.FixtureRequest, world: World) -> Channel:
    """Each kind of channel."""
    return world.channels[request.param]


@pytest.fixture(scope="module")
def messages(channel: Channel) -> list[types.Message | types.MessageService]:
    """All messages of the channel, oldest first."""
    return [channel.message(id_) for id_ in channel.ids]


@pytest.mark.rule("message.survives-its-bytes")
def test_bytes_survive_telethons_reader(channel: Channel) -> None:
    """Each message, read by Telethon and written again, has the same bytes."""
    for id_ in channel.ids:
        assert bytes(channel.message(id_)) == channel.message_bytes(id_)


def test_a_message_depends_on_seed_and_id_alone(channel: Channel) -> None:
    """Another world of that seed gives the same bytes, in any order, beside other channels."""
    other = World(seed=11)
    other.add_channel("Something else", message_count=5)
    again = other.add_channel(
        channel.title,
        message_count=len(channel.ids),
        megagroup=channel.megagroup,
        channel_id=channel.id,
    )
    for id_ in (2999, 17, 1, 1600, 1599, 1601, 18):
        assert again.message_bytes(id_) == channel.message_bytes(id_)
    assert World(seed=12).add_channel("x", message_count=9).message_bytes(9) != (
        World(seed=13).add_channel("x", message_count=9).message_bytes(9)
    )


def test_another_process_makes_the_same_bytes() -> None:
    """Neither the hash seed nor the process has a part in a message."""
    code = (
        "import hashlib; from telefast.testing.world import World;"
        "c = World(seed=5).add_channel('Club', message_count=300, holes=0.1);"
        "print(hashlib.sha256(b''.join(map(c.message_bytes, c.ids))).hexdigest())"
    )
    club = World(seed=5).add_channel("Club", message_count=300, holes=0.1)
    digest = hashlib.sha256(b"".join(map(club.message_bytes, club.ids))).hexdigest()
    paths = os.pathsep.join(path or "." for path in sys.path)
    env = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": paths}
    out = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == digest


@pytest.mark.rule("message.dates-never-fall")
def test_dates_never_fall_with_the_id(
    channel: Channel, messages: list[types.Message | types.MessageService]
) -> None:
    """Dates are sorted by id, and `timestamp` tells them without making the message."""
    stamps = [channel.timestamp(id_) for id_ in channel.ids]
    assert stamps == sorted(stamps)
    assert [int(message.date.timestamp()) for message in messages if message.date] == stamps


@pytest.mark.rule("message.entities-in-utf16")
def test_entities_lie_within_the_text(
    messages: list[types.Message | types.MessageService],
) -> None:
    """Offsets count UTF-16 units: each entity cuts out whole characters, the right ones."""
    kinds: Counter[str] = Counter()
    for message in messages:
        text = message.message or ""
        limit = CAPTION_LIMIT if message.media and message.grouped_id else TEXT_LIMIT
        assert utf16(text) <= limit
        units = text.encode("utf-16-le")
        last = 0
        for entity in message.entities or []:
            assert last <= entity.offset
            last = entity.offset
            assert 0 < entity.length <= len(units) // 2 - entity.offset
            end = entity.offset + entity.length
            piece = units[entity.offset * 2 : end * 2].decode("utf-16-le")
            kinds[type(entity).__name__] += 1
            if isinstance(entity, types.MessageEntityUrl):
                assert piece.startswith("https://")
                assert " " not in piece
            elif isinstance(entity, types.MessageEntityMention):
                assert piece.startswith("@")
            elif isinstance(entity, types.MessageEntityHashtag):
                assert piece.startswith("#")
    names = "Bold Italic Underline Strike Spoiler Url TextUrl Mention MentionName Code Pre Hashtag"
    wanted = {f"MessageEntity{name}" for name in f"{names} CustomEmoji Blockquote".split()}
    assert wanted <= set(kinds)


def test_there_is_something_of_everything(
    channel: Channel, messages: list[types.Message | types.MessageService]
) -> None:
    """A chat holds replies, forwards of three kinds, media, reactions, edits and bots."""
    plain = [m for m in messages if isinstance(m, types.Message)]
    media = Counter(type(m.media).__name__ for m in plain if m.media)
    assert {"MessageMediaPhoto", "MessageMediaDocument", "MessageMediaWebPage"} <= set(media)
    assert {"MessageMediaGeo", "MessageMediaContact", "MessageMediaDice"} <= set(media)
    assert sum(1 for m in plain if m.reply_to) > COUNT * 0.03
    forwards = [m.fwd_from for m in plain if m.fwd_from]
    assert any(isinstance(f.from_id, types.PeerChannel) for f in forwards)
    assert any(isinstance(f.from_id, types.PeerUser) for f in forwards)
    assert any(f.from_id is None and f.from_name for f in forwards)
    assert sum(1 for m in plain if m.reactions) > COUNT * 0.1
    assert any(m.edit_date for m in plain)
    assert any(m.via_bot_id for m in plain)
    assert any(ord(char) > 0xFFFF for m in plain for char in m.message)
    assert max(len(m.message) for m in plain) > 800
    if channel.megagroup:
        assert any(m.out for m in plain)
        assert len({m.from_id.user_id for m in plain if isinstance(m.from_id, types.PeerUser)}) > 40
        assert any(isinstance(m.from_id, types.PeerChannel) for m in plain)
        assert any(m.reactions and m.reactions.recent_reactions for m in plain)
    else:
        assert all(m.post and m.views and m.from_id is None for m in plain)
        assert any(m.post_author for m in plain)


def test_service_messages_tell_of_the_chat(
    channel: Channel, messages: list[types.Message | types.MessageService]
) -> None:
    """The first message tells of the creation; later ones of pins, photos, members."""
    first = messages[0]
    assert isinstance(first, types.MessageService)
    assert isinstance(first.action, types.MessageActionChannelCreate)
    actions = {type(m.action).__name__ for m in messages if isinstance(m, types.MessageService)}
    wanted = {"MessageActionPinMessage", "MessageActionChatEditPhoto", "MessageActionChatEditTitle"}
    if channel.megagroup:
        wanted |= {"MessageActionChatAddUser", "MessageActionChatJoinedByLink"}
        wanted |= {"MessageActionChatDeleteUser"}
    assert wanted <= actions


@pytest.mark.rule("message.albums")
def test_albums_are_runs_of_media(messages: list[types.Message | types.MessageService]) -> None:
    """An album is 2 to 10 media with consecutive ids, one sender, one date and one grouped_id."""
    albums: dict[int, list[types.Message]] = {}
    for message in messages:
        if message.grouped_id:
            albums.setdefault(message.grouped_id, []).append(message)
    assert len(albums) > 10
    whole = 0
    for items in albums.values():
        ids = [item.id for item in items]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert len({item.date for item in items}) == 1
        assert len({bytes(item.from_id) for item in items if item.from_id}) <= 1
        assert all(item.media for item in items)
        assert not any(item.message for item in items[1:])
        whole += 2 <= len(items) <= 10
    assert whole >= len(albums) - 1  # The end of the chat may cut one.


def test_albums_cross_the_borders_of_pages(
    messages: list[types.Message | types.MessageService],
) -> None:
    """Some album lies on two pages of 100."""
    pages: dict[int, set[int]] = {}
    for message in messages:
        if message.grouped_id:
            pages.setdefault(message.grouped_id, set()).add(message.id // 100)
    assert any(len(found) > 1 for found in pages.values())


def test_every_peer_of_a_message_is_known(
    world: World, channel: Channel, messages: list[types.Message | types.MessageService]
) -> None:
    """What a message says it refers to is all that it refers to, and the world knows each."""
    for message in messages:
        refs = set(channel.entry(message.id)[1]) - {channel.marked_id}
        assert refs == set(refs_of(message))
        for mark in refs:
            assert mark in world.users or mark in world.foreign


def test_replies_point_back(messages: list[types.Message | types.MessageService]) -> None:
    """A reply within the chat answers an earlier id."""
    for message in messages:
        header = message.reply_to
        if isinstance(header, types.MessageReplyHeader) and header.reply_to_peer_id is None:
            assert header.reply_to_msg_id is not None
            assert 1 <= header.reply_to_msg_id < message.id


def test_every_kind_of_media_serialises() -> None:
    """Each kind of media can be made and written."""
    person = Mention(7, "Ada", None)
    date = types.Message(1, types.PeerUser(1), None, "").date
    for kind in dict.fromkeys(MEDIA_KINDS):
        for seed in range(20):
            assert bytes(make_media(Dice.of(kind, seed), kind, date, person))  # type: ignore[arg-type]


@pytest.mark.rule("message.lengths")
def test_captions_and_texts_keep_their_limits() -> None:
    """No language and no draw passes the limits that Telegram sets."""
    people = [Mention(7, "Ада 🌸", "ada"), Mention(8, "Bo", None)]
    for language in LANGUAGES:
        for seed in range(300):
            assert utf16(write(Dice.of(seed), language, people).text) <= TEXT_LIMIT
            caption = write(Dice.of(seed), language, people, caption=True)
            assert 0 < utf16(caption.text) <= CAPTION_LIMIT
            assert caption.text == caption.text.strip(" ")
    wordy = Language(("Donaudampfschifffahrtsgesellschaft",), ("Jo",), ())
    sizes = [utf16(write(Dice.of(seed), wordy, people, caption=True).text) for seed in range(900)]
    assert 700 < max(sizes) <= CAPTION_LIMIT


def test_a_world_without_other_people_still_speaks() -> None:
    """With nobody but ourselves every message is ours, or the channel's."""
    chat = World(seed=1, user_count=0).add_channel("Alone", message_count=200)
    senders = {type(chat.message(id_).from_id).__name__ for id_ in chat.ids}
    assert senders <= {"PeerUser", "PeerChannel"}


def test_dice_are_fair_enough_and_repeat() -> None:
    """The same key gives the same draws; each face comes up."""
    draws = [Dice.of("a", 1).below(6) for _ in range(3)]
    assert len(set(draws)) == 1
    dice = Dice.of("b")
    faces = Counter(dice.below(6) for _ in range(6000))
    assert min(faces.values()) > 850
    assert len(dice.bytes(33)) == 33
    assert {dice.between(3, 4) for _ in range(50)} == {3, 4}


def test_refs_of_reads_every_field() -> None:
    """The walk finds peers, bare user ids, lists of users, chats and channels."""
    message = types.MessageService(
        id=1,
        peer_id=types.PeerChannel(5),
        date=None,
        action=types.MessageActionChatAddUser([10, 11]),
        from_id=types.PeerUser(12),
        reply_to=types.MessageReplyHeader(reply_to_peer_id=types.PeerChat(13)),
    )
    assert set(refs_of(message)) == {10, 11, 12, -13}
    plain = types.Message(
        id=1,
        peer_id=types.PeerChat(5),
        date=None,
        message="ab",
        entities=[types.MessageEntityMentionName(0, 1, 20)],
        via_bot_id=21,
        replies=types.MessageReplies(1, 1, channel_id=22),
        media=types.MessageMediaContact("1", "a", "", "", 0),
    )
    assert set(refs_of(plain)) == {20, 21, -(CHANNEL_MARK + 22)}
    basic = types.Message(
        id=1, peer_id=types.PeerUser(9), date=None, message="", fwd_from=None, via_bot_id=4
    )
    assert refs_of(basic) == (4,)
    stray = types.MessageService(
        1, types.PeerChat(5), None, action=types.MessageActionChannelMigrateFrom("x", 8)
    )
    assert refs_of(stray) == (-8,)
    private = types.Message(id=1, peer_id=types.PeerUser(9), date=None, message="")
    assert refs_of(private) == ()
