"""Does a world keep its promises, cheaply, and travel to another process?"""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime

import pytest
from pyroaring import BitMap
from telethon import utils
from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.cache import MessageCache
from telefast.testing.channel import ids_with_holes
from telefast.testing.world import World

MIB = 1024 * 1024
DATE = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)


def text(message_id: int, channel_id: int, sender: int | None = None) -> types.Message:
    """Return a plain message."""
    from_id = None if sender is None else types.PeerUser(sender)
    peer = types.PeerChannel(channel_id)
    return types.Message(message_id, peer, DATE, f"text {message_id}", from_id=from_id)


@pytest.mark.parametrize("holes", [0.0, 0.05, 0.5, 0.98])
@pytest.mark.parametrize("count", [0, 1, 2, 99, 20_000])
def test_exactly_the_wanted_messages_exist(count: int, holes: float) -> None:
    """`message_count` messages exist, and the highest id is what the share of holes says."""
    ids = ids_with_holes("seed", count, holes)
    assert len(ids) == count
    if count:
        assert ids.max() == max(count, round(count / (1 - holes)))
        assert ids.min() >= 1
        assert ids == ids_with_holes("seed", count, holes)
    if count > 1000 and 0 < holes < 0.9:
        assert ids != ids_with_holes("other", count, holes)
        half = ids.range_cardinality(0, ids.max() // 2)
        assert abs(half - count / 2) < count * 0.02


def test_a_million_messages_cost_a_mebibyte() -> None:
    """A chat of a million messages takes at most 1 MiB until it is read, peak included."""
    world = World(seed=1)
    tracemalloc.start()
    try:
        chat = world.add_channel("Big", message_count=1_000_000, holes=0.05)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    sizes = chat.ids.get_statistics()
    stored = sum(size for name, size in sizes.items() if name.startswith("n_bytes"))
    assert len(chat.ids) == 1_000_000
    assert peak + stored < MIB
    assert chat.message(1_000_000 if 1_000_000 in chat.ids else chat.ids.max())


def test_the_cache_is_bounded() -> None:
    """Reading more than the cache holds never passes its bound, and what is read stays right."""
    world = World(seed=1)
    world.cache.max_size = 200_000
    chat = world.add_channel("Big", message_count=2_000)
    first = {id_: chat.message_bytes(id_) for id_ in chat.ids}
    assert 0 < world.cache.size <= world.cache.max_size
    assert {id_: chat.message_bytes(id_) for id_ in chat.ids} == first


def test_the_cache_drops_what_was_used_longest_ago() -> None:
    """A block that was just read outlives one that was not."""
    cache = MessageCache(max_size=900)
    entry = (b"x" * 100, ())
    for message_id in (0, 200, 400):
        cache.put(1, message_id, entry)
    assert cache.get(1, 0) == entry
    cache.put(1, 600, entry)
    assert cache.get(1, 200) is None
    assert cache.get(1, 0) == cache.get(1, 400) == cache.get(1, 600) == entry
    cache.put(1, 1, entry)
    assert cache.get(1, 400) is None
    cache.drop(1, 1)
    cache.drop(1, 600)
    cache.drop(1, 601)
    assert cache.get(1, 600) is None
    assert cache.size == 280


def test_a_free_id_is_drawn_until_one_is_found() -> None:
    """A channel without an id never takes the id of a chat that is there."""
    taken = World().add_channel("One").id
    world = World()
    world.add_foreign(types.Channel(taken, "Foreign", types.ChatPhotoEmpty(), DATE))
    assert world.add_channel("Two").id != taken


def test_warm_makes_every_message_once() -> None:
    """After `warm` the whole chat is in the cache."""
    world = World(seed=2)
    chat = world.add_channel("Club", message_count=300)
    chat.warm()
    assert all(world.cache.get(chat.id, id_) for id_ in chat.ids)


def test_people_are_many_kinds() -> None:
    """There are bots, deleted accounts, people without username, ids beyond 32 bits; no min."""
    world = World(seed=3, user_count=100)
    people = list(world.users.values())
    assert len(people) == 101
    assert world.users[world.me.id] is world.me
    assert world.me.is_self
    assert world.me.premium is False
    assert sum(1 for user in people if user.bot) == 5
    assert any(user.deleted for user in people)
    assert any(user.id > 2**32 for user in people)
    assert any(user.username is None and not user.deleted for user in people)
    assert not any(user.min for user in people)
    assert all(user.access_hash for user in people)
    names = [user.username for user in people if user.username]
    assert len(names) == len(set(names))


def test_a_channel_knows_its_ids() -> None:
    """The marked id and the peers are Telethon's."""
    chat = World().add_channel("Club", channel_id=1234, username="club_1")
    assert chat.marked_id == utils.get_peer_id(chat.peer()) == utils.get_peer_id(chat.to_tl())
    assert chat.input_peer() == utils.get_input_peer(chat.to_tl())
    assert chat.to_tl().megagroup
    assert World().add_channel("News", megagroup=False).to_tl().broadcast


def test_a_change_of_a_channel_shows_in_its_bytes() -> None:
    """The stored bytes of a channel follow its title."""
    chat = World().add_channel("Club")
    assert chat.to_bytes() == bytes(chat.to_tl())
    chat.title = "Other"
    assert chat.to_bytes() == bytes(chat.to_tl())


def test_delete_and_post_in_the_middle_of_a_run() -> None:
    """Deleted ids are gone for ever, posts come on top of the highest id that ever was."""
    chat = World(seed=4).add_channel("Club", message_count=10)
    pts = chat.pts
    chat.delete(10, 3, 77, -1)
    assert list(chat.ids) == [1, 2, 4, 5, 6, 7, 8, 9]
    assert chat.pts == pts + 2
    with pytest.raises(KeyError):
        chat.message_bytes(10)
    assert chat.post(2) == [11, 12]
    assert chat.post() == [13]
    assert chat.message(13).id == 13
    assert chat.timestamp(13) > chat.timestamp(9)


def test_explicit_messages_keep_their_bytes() -> None:
    """A message that was put is served byte for byte, and may replace a seeded one."""
    world = World(seed=4)
    given = [text(3, 900, 5), text(9, 900)]
    chat = world.add_channel("Mine", channel_id=900, messages=given)
    assert list(chat.ids) == [3, 9]
    assert [chat.message_bytes(id_) for id_ in chat.ids] == [bytes(message) for message in given]
    assert chat.entry(3)[1] == (5,)
    assert chat.timestamp(3) == int(DATE.timestamp())
    seeded = world.add_channel("Club", message_count=5)
    before = seeded.message_bytes(2)
    seeded.put(text(2, seeded.id))
    assert seeded.message_bytes(2) == bytes(text(2, seeded.id)) != before
    assert chat.post() == [10]
    mine = World(seed=4)
    mine.add_user(types.User(id=6, access_hash=1, is_self=True))
    other = mine.add_channel("Club", message_count=300)
    assert all(set(other.entry(id_)[1]) <= {*mine.users, *mine.foreign} for id_ in other.ids)
    assert any(6 in other.entry(id_)[1] for id_ in other.ids)
    assert "Mine" not in repr(chat) + repr(world)


def test_what_contradicts_itself_is_refused() -> None:
    """A world says at once what is wrong with an argument."""
    world = World()
    world.add_channel("Club", channel_id=1000, username="club")
    taken = next(iter(world.foreign.values()))
    refused: list[dict[str, object]] = [
        {"title": ""},
        {"title": "x", "message_count": -1},
        {"title": "x", "holes": 1.0},
        {"title": "x", "holes": -0.1},
        {"title": "x", "message_count": 2**31},
        {"title": "x", "messages": []},
        {"title": "x", "messages": [], "channel_id": 5, "message_count": 1},
        {"title": "x", "username": "a b"},
        {"title": "x", "username": "CLUB"},
        {"title": "x", "channel_id": -1001},
        {"title": "x", "channel_id": 1000},
        {"title": "x", "channel_id": taken.id},
        {"title": "x", "channel_id": 7, "messages": [text(1, 8)]},
        {"title": "x", "channel_id": 7, "messages": [text(0, 7)]},
        {"title": "x", "channel_id": 7, "messages": [text(1, 7), text(1, 7)]},
        {"title": "x", "channel_id": 7, "messages": [types.MessageEmpty(1, types.PeerChannel(7))]},
    ]
    for arguments in refused:
        with pytest.raises(WorldError):
            world.add_channel(**arguments)  # type: ignore[arg-type]
        assert list(world.channels) == [1000]
    with pytest.raises(WorldError):
        World(user_count=-1)
    with pytest.raises(WorldError):
        world.add_user(types.User(id=1))
    with pytest.raises(WorldError):
        world.add_user(types.User(id=world.me.id, access_hash=1))
    with pytest.raises(WorldError):
        world.add_user(types.User(id=4, access_hash=1, is_self=True))
    with pytest.raises(WorldError):
        world.add_foreign(world.channels[1000].to_tl())


def test_added_people_and_chats_are_found() -> None:
    """Users and foreign chats can be added, replaced and found by username."""
    world = World(seed=1)
    world.add_user(types.User(id=77, access_hash=5, username="Bob_77"))
    world.add_user(types.User(id=78, access_hash=5, is_self=True, first_name="Me"))
    world.add_foreign(types.Chat(9, "Old", types.ChatPhotoEmpty(), 3, DATE, 1))
    chat = world.add_channel("Club", username="club_one")
    assert world.me.id == 78
    assert sum(1 for user in world.users.values() if user.is_self) == 1
    assert world.find_username("bob_77") is world.users[77]
    assert world.find_username("CLUB_ONE") is chat
    assert world.find_username("nobody_here") is None
    source = next(chat for chat in world.foreign.values() if isinstance(chat, types.Channel))
    assert source.username is not None
    assert world.find_username(source.username) is source
    chats, users = world.peers_bytes({77, -9, chat.marked_id, 424242, -424242})
    assert users == [bytes(world.users[77])]
    assert chats == [chat.to_bytes(), bytes(world.foreign[-9])]
    world.add_user(types.User(id=77, access_hash=5, first_name="Robert"))
    assert world.peers_bytes({77})[1] == [bytes(world.users[77])]


def test_a_recipe_makes_the_same_world() -> None:
    """Through JSON and back: the same people, channels, ids and bytes, changes included."""
    world = World(seed=6, user_count=12)
    world.add_user(types.User(id=77, access_hash=5, first_name="Bob"))
    world.add_user(types.User(id=78, access_hash=5, is_self=True))
    world.add_foreign(types.Chat(9, "Old", types.ChatPhotoEmpty(), 3, DATE, 1))
    seeded = world.add_channel("Club", message_count=500, holes=0.1, username="club_one")
    seeded.title = "Renamed"
    quiet = world.add_channel("News", message_count=50, megagroup=False, about="All of it")
    own = world.add_channel("Mine", channel_id=900, messages=[text(3, 900, 77), text(4, 900)])
    own.private = True
    seeded.delete(1, 2, 3, 250)
    seeded.post(5)
    seeded.put(text(40, seeded.id))
    recipe = json.loads(json.dumps(world.recipe()))
    again = World.from_recipe(recipe)
    assert again.recipe() == world.recipe()
    assert again.me.id == 78
    assert [bytes(user) for user in again.users.values()] == [
        bytes(user) for user in world.users.values()
    ]
    assert list(again.channels) == [seeded.id, quiet.id, 900]
    for channel_id, channel in world.channels.items():
        other = again.channels[channel_id]
        assert other.to_bytes() == channel.to_bytes()
        assert (other.about, other.private, other.pts) == (
            channel.about,
            channel.private,
            channel.pts,
        )
        assert other.last_id == channel.last_id
        assert BitMap(other.ids) == channel.ids
        assert [other.message_bytes(id_) for id_ in other.ids] == [
            channel.message_bytes(id_) for id_ in channel.ids
        ]
    assert own.message_bytes(3) == again.channels[900].message_bytes(3)


def test_an_emptied_chat_travels_empty() -> None:
    """A chat whose messages were all deleted is empty in the other process, too."""
    world = World()
    world.add_channel("Club", message_count=3).delete(1, 2, 3)
    again = World.from_recipe(world.recipe())
    assert [len(chat.ids) for chat in again.channels.values()] == [0]


@pytest.mark.parametrize(
    "change",
    [
        {"version": 99},
        {"layer": 1},
        {"peers": "%%"},
        {"peers": "/////w=="},
        {"channels": [{}]},
        {"channels": None},
        {"seed": 0, "user_count": -1},
    ],
)
def test_a_broken_recipe_is_refused(change: dict[str, object]) -> None:
    """A recipe of another version, or one that is broken, raises WorldError."""
    with pytest.raises(WorldError):
        World.from_recipe({**World().recipe(), **change})
