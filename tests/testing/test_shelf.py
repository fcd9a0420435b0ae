"""Does the embedded Telegram bring what carries files and is no message?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.errors import RPCError
from telethon.tl import functions, types

from telefast.errors import WorldError
from telefast.testing import DataCentre, LocalTelegram, MinUsers, World
from telefast.testing.file_refs import STICKER_SET, files_of

DATE = datetime(2024, 1, 2, tzinfo=UTC)


def furnished() -> World:
    """Return a world with a set, a story and a page."""
    world = World(seed=1, user_count=5)
    files, channel = world.file_store, world.add_channel("Files", username="files")
    files.shelf.put_set("Cats", [files.document(50), files.document(60)])
    media = types.MessageMediaDocument(document=files.document(70))
    files.shelf.put_story(channel.marked_id, types.StoryItem(3, DATE, DATE, media))
    files.shelf.put_page(types.WebPage(9, "https://a.example", "a", 0, photo=files.photo()))
    return world


async def test_a_sticker_set_is_gone_and_known_to_be() -> None:
    """The refusal is Telegram's own; the method is embedded, so nothing is listed as unknown."""
    async with LocalTelegram(World(seed=1)) as telegram, telegram.client() as client:
        wanted = types.InputStickerSetID(id=1, access_hash=2)
        with pytest.raises(RPCError, match=r"STICKERSET_INVALID|sticker set"):
            await client(functions.messages.GetStickerSetRequest(wanted, hash=0))
        assert telegram.unknown == []


@pytest.mark.parametrize("is_copy", [False, True])
async def test_what_is_on_the_shelf_is_served(is_copy: bool) -> None:
    """Each by its own method, with files that can be fetched; also in a world from a recipe."""
    world = furnished()
    if is_copy:
        world = World.from_recipe(json.loads(json.dumps(world.recipe())))
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        cats = world.file_store.shelf.at((STICKER_SET, 7_000_000_001, 0)).set
        named = types.InputStickerSetID(cats.id, cats.access_hash)
        found: list[Any] = [await client(functions.messages.GetStickerSetRequest(named, 0))]
        stories = await client(functions.stories.GetStoriesByIDRequest("files", [2, 3]))
        assert (stories.count, [each.id for each in stories.stories]) == (1, [3])
        found.append(stories)
        found.append(await client(functions.messages.GetWebPageRequest("https://a.example", 0)))
        sizes = []
        for file in (file for each in found for file in files_of(each)):
            thumb = "x" if isinstance(file, types.Photo) else ""
            make: Any = types.InputPhotoFileLocation if thumb else types.InputDocumentFileLocation
            at = make(file.id, file.access_hash, file.file_reference, thumb)
            sizes.append(len((await client(functions.upload.GetFileRequest(at, 0, 1 << 20))).bytes))
        assert sizes[:3] == [50, 60, 70]
        assert sizes[3] > 60_000
        page = await client(functions.messages.GetWebPageRequest("https://b.example", 0))
        assert isinstance(page.webpage, types.WebPageEmpty)
        wrong = types.InputStickerSetID(cats.id, cats.access_hash + 1)
        with pytest.raises(RPCError, match=r"STICKERSET_INVALID|sticker set"):
            await client(functions.messages.GetStickerSetRequest(wrong, 0))
        assert telegram.unknown == []


def test_the_shelf_travels_in_the_recipe() -> None:
    """A world made again in another process has the same things, and the photo of a channel."""
    world = furnished()
    world.channels[next(iter(world.channels))].photo = types.ChatPhoto(5, 2)
    again = World.from_recipe(json.loads(json.dumps(world.recipe())))
    [photo] = [each.photo for each in again.channels.values()]
    assert photo is not None
    assert (photo.photo_id, photo.dc_id) == (5, 2)
    assert again.recipe() == world.recipe()


def test_what_cannot_be_written_is_refused() -> None:
    """A page of the wrong types is named at once."""
    page: Any = types.WebPage("nine", "https://a.example", "a", 0)
    with pytest.raises(WorldError, match="WebPage"):
        World(seed=1).file_store.shelf.put_page(page)


async def test_photos_of_a_user_are_a_list() -> None:
    """`offset` and `max_id` name a place in it; it holds the photo that is shown."""
    world = World(seed=1, user_count=20)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        person = next(each for each in world.users.values() if each.photo)
        plain = next(each for each in world.users.values() if not each.photo)

        async def ask(user: Any, offset: int, max_id: int, limit: int) -> list[int]:
            named = types.InputUser(user.id, user.access_hash)
            request = functions.photos.GetUserPhotosRequest(named, offset, max_id, limit)
            return [each.id for each in (await client(request)).photos]

        number = person.photo.photo_id
        assert await ask(person, 0, 0, 10) == [number]
        assert await ask(person, -1, number, 1) == [number]
        assert await ask(person, 0, number, 1) == []
        assert await ask(person, 1, 0, 10) == []
        assert await ask(plain, 0, 0, 10) == []
        full = await client(functions.users.GetFullUserRequest(person.id))
        assert full.full_user.profile_photo.id == number
        assert telegram.unknown == []


@pytest.mark.rule("files.peer-photo-min-hash")
async def test_the_hash_of_a_min_user_opens_the_photo_alone() -> None:
    """Requests about the person are refused with it."""
    world = World(seed=5, user_count=20)
    world.add_channel("Club", message_count=50, username="club")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        telegram.add(MinUsers())
        messages = await client.get_messages("club", 50)
        person = next(
            each.sender
            for each in messages
            if each.sender
            and each.sender.min
            and each.sender.photo
            and each.sender.photo.dc_id == 2
        )
        peer = types.InputPeerUser(person.id, person.access_hash)
        at = types.InputPeerPhotoFileLocation(peer, person.photo.photo_id, big=True)
        assert (await client(functions.upload.GetFileRequest(at, 0, 1 << 20))).bytes
        named = types.InputUser(person.id, person.access_hash)
        with pytest.raises(RPCError):
            await client(functions.users.GetFullUserRequest(named))
        wrong = types.InputPeerUser(person.id, person.access_hash + 1)
        at = types.InputPeerPhotoFileLocation(wrong, person.photo.photo_id, big=True)
        with pytest.raises(RPCError):
            await client(functions.upload.GetFileRequest(at, 0, 1 << 20))


@pytest.mark.rule("files.web-data-centre")
async def test_files_of_other_sites_lie_behind_one_data_centre() -> None:
    """The configuration names it; it tells the true size; others have nothing."""
    world = World(seed=1, dc_ids=(2, 4))
    world.file_store.web_dc_id = 4
    world.file_store.give_web("https://a.example/x", b"abc" * 9)
    at = types.InputWebFileLocation("https://a.example/x", 5)
    request = functions.upload.GetWebFileRequest(at, 0, 4096)
    async with LocalTelegram(world, data_centres=[DataCentre(4)]) as telegram:
        async with telegram.client() as client:
            assert (await client(functions.help.GetConfigRequest())).webfile_dc_id == 4
            with pytest.raises(RPCError, match="location"):
                await client(request)
        world.file_store.web_dc_id = 2
        async with telegram.client() as client:
            assert (await client(functions.help.GetConfigRequest())).webfile_dc_id == 2
            answer = await client(request)
            assert (answer.size, answer.bytes) == (27, b"abc" * 9)
