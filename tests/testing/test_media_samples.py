"""Are the samples what their names say, and are bad ones refused?"""

from __future__ import annotations

import pytest
from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing import World, hostile_names, put_media, sample_kinds, sample_media
from telefast.testing.file_refs import files_of


@pytest.mark.parametrize("kind", sample_kinds())
def test_samples_can_be_put_in_any_chat(kind: str) -> None:
    """Each sample is a message of a channel, a group and a private chat, as Telethon writes it."""
    world = World(seed=81)
    chats = (
        world.add_channel("News", megagroup=False),
        world.add_group("Crew"),
        world.add_private_chat("Grace Hopper"),
    )
    for chat in chats:
        media = sample_media(world, kind)
        message = chat.message(put_media(chat, media)[0])
        assert bytes(message.media) == bytes(media)
        assert message.peer_id == chat.peer()
        for file in files_of(message):
            assert file.dc_id == 2


def test_samples_come_from_the_seed() -> None:
    """Two worlds of a seed make the same samples in the same order, and no file twice."""
    worlds = [World(seed=81) for _ in range(2)]
    made = [[bytes(sample_media(world, kind)) for kind in sample_kinds()] for world in worlds]
    assert made[0] == made[1]
    media = [sample_media(worlds[0], "photo") for _ in range(20)]
    assert len({file.id for each in media for file in files_of(each)}) == 20


def test_samples_of_every_size_kind() -> None:
    """The photo samples hold every kind of size, and the shuffled one the same in another order."""
    world = World(seed=82)
    plain, shuffled = (
        [type(size) for size in sample_media(world, kind).photo.sizes]
        for kind in ("photo", "photo:any-order")
    )
    assert plain != shuffled
    assert sorted(map(str, plain)) == sorted(map(str, shuffled))
    assert {*plain} == {
        types.PhotoSizeEmpty,
        types.PhotoStrippedSize,
        types.PhotoCachedSize,
        types.PhotoSize,
        types.PhotoSizeProgressive,
    }


def test_hostile_names_reach_the_client() -> None:
    """A document may have any name; it is served as it was given."""
    world = World(seed=83)
    channel = world.add_channel("Club")
    media = [
        types.MessageMediaDocument(document=world.file_store.document(5, name))
        for name in hostile_names()
    ]
    names = [channel.message(id_).file.name for id_ in put_media(channel, *media)]
    assert [*hostile_names()] == names
    assert any(len(name.encode()) > 255 for name in names)


def test_what_is_no_sample_is_refused() -> None:
    """An unknown kind, a negative size, and media that is none, are named."""
    world = World(seed=84)
    with pytest.raises(WorldError, match="kind='nothing': expected one of photo"):
        sample_media(world, "nothing")
    with pytest.raises(WorldError, match="size=-1"):
        world.file_store.document(-1)
    broken = types.MessageMediaDocument(document=types.Document(1, 2, b"x", None, "", None, 2, []))
    with pytest.raises(WorldError, match="MessageMediaDocument: cannot be written"):
        put_media(world.add_channel("Club"), broken)
