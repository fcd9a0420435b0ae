"""Files from wherever they are seen: references expire, are renewed there, and all bytes come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import MediaDownloader, MediaItem, chat_photo_item, items_of
from telefast.errors import FileUnavailableError
from telefast.media.origins import FullPeerOrigin, MessageOrigin, ProfilePhotoOrigin
from telefast.testing import (
    LocalTelegram,
    MinUsers,
    World,
    put_media,
    sample_media,
    virtual_time,
)
from telefast.testing.file_content import Blob
from telefast.transport.account import Account
from tests.client.media_scene import GET_FILE, PART, sha

DATE = datetime(2024, 5, 6, tzinfo=UTC)
PAGE = "https://example.org/origin"


@dataclass
class Case:
    """A place of files.

    Attributes:
        method: What is asked for a fresh reference.
        build: Puts the files into a world; returns the media of a message that shows them.
        options: For `items_of`.
        pick: Which of the items of the message.
    """

    method: str
    build: Callable[[World], Any]
    options: tuple[str, ...] = ()
    pick: Callable[[list[MediaItem]], MediaItem] = lambda items: items[0]


def _document(world: World, size: int = 300_000) -> types.Document:
    return world.file_store.document(size)


def _story(world: World) -> Any:
    channel = world.channels[CHANNEL]
    story = types.StoryItem(
        7, DATE, DATE, types.MessageMediaDocument(document=_document(world)), public=True
    )
    world.file_store.shelf.put_story(channel.marked_id, story)
    return types.MessageMediaStory(types.PeerChannel(channel.id), 7, story=story)


def _page(world: World) -> Any:
    page = types.WebPage(5, PAGE, PAGE, 0, photo=world.file_store.photo())
    world.file_store.shelf.put_page(page)
    return types.MessageMediaWebPage(page)


def _sticker(world: World, *, emojis: bool = False) -> Any:
    document = world.file_store.document(30_000, None, mime_type="image/webp")
    world.file_store.shelf.put_set("Cats", [_document(world), document], emojis=emojis)
    return types.MessageMediaDocument(document=document)


CHANNEL = 1_500_000_000
IN_MESSAGES = "channels.getMessages"
CASES = {
    "a document": Case(
        IN_MESSAGES, lambda world: types.MessageMediaDocument(document=_document(world))
    ),
    "a photo": Case(
        IN_MESSAGES, lambda world: types.MessageMediaPhoto(photo=world.file_store.photo())
    ),
    "a preview of a document": Case(
        IN_MESSAGES,
        lambda world: sample_media(world, "document:thumbs"),
        ("thumbs",),
        lambda items: [each for each in items if each.inline is None][1],
    ),
    "another quality": Case(
        IN_MESSAGES,
        lambda world: sample_media(world, "document:qualities"),
        ("qualities",),
        lambda items: items[1],
    ),
    "the video of an animated photo": Case(
        IN_MESSAGES,
        lambda world: sample_media(world, "photo:animated"),
        ("video",),
        lambda items: items[-1],
    ),
    "paid media": Case(
        IN_MESSAGES, lambda world: sample_media(world, "paid:mixed"), pick=lambda items: items[2]
    ),
    "a game": Case(IN_MESSAGES, lambda world: sample_media(world, "game")),
    "a poll": Case(IN_MESSAGES, lambda world: sample_media(world, "poll")),
    "a web page": Case(IN_MESSAGES, _page, ("web_pages",)),
    "a story": Case("stories.getStoriesByID", _story),
    "a sticker": Case(IN_MESSAGES, _sticker),
}


@asynccontextmanager
async def shown(build: Callable[[World], Any]) -> AsyncIterator[tuple[LocalTelegram, Any, Any]]:
    """Yield a server, its client, and a message with the media that *build* makes."""
    world = World(seed=17, user_count=8)
    channel = world.add_channel("Files", username="files", channel_id=CHANNEL)
    [number] = put_media(channel, build(world))
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        yield telegram, client, await client.get_messages("files", ids=number)
        await Account.of(client).aclose()


def bytes_of(world: World, item: MediaItem) -> bytes:
    """Return the bytes of a file as the server has it."""
    assert item.size is not None
    stem = f"{world.seed}/{item.key.kind}/{item.key.id}/{item.key.size_type}"
    return Blob(stem, item.size, "", 0, 2, None).read(0, item.size)


async def renewed(telegram: LocalTelegram, client: Any, item: MediaItem, method: str) -> None:
    """Let all references expire, and check that *method* renews this one, once."""
    telegram.world.file_store.revoke()
    before = telegram.requests[method], telegram.requests[GET_FILE]
    result = await MediaDownloader(client, part_size=PART).download(item, bytes)
    assert sha(result.data or b"") == sha(bytes_of(telegram.world, item))
    assert telegram.requests[method] == before[0] + 1
    assert telegram.requests[GET_FILE] == before[1] + 2
    refused = telegram.requests.errors
    assert sum(refused.values()) == 1
    assert refused.keys() <= {"FILE_REFERENCE_EXPIRED", "FILE_REFERENCE_INVALID"}
    assert telegram.unknown == []


@pytest.mark.rule("files.other-origins")
@pytest.mark.parametrize("name", CASES)
async def test_a_reference_is_renewed_where_the_file_was_seen(name: str) -> None:
    """One request for the place, one more for the bytes, and they are those of the file."""
    case = CASES[name]
    async with shown(case.build) as (telegram, client, message):
        options = dict.fromkeys(case.options, True)
        found = items_of(message, **options)
        item = case.pick([each for each in found if isinstance(each, MediaItem)])
        await renewed(telegram, client, item, case.method)


@virtual_time
async def test_each_item_of_an_album_is_renewed_with_the_others(tmp_path: Path) -> None:
    """Ten messages of one album: one request for all of them."""
    world = World(seed=17, user_count=8)
    channel = world.add_channel("Files", username="files", channel_id=CHANNEL)
    for number in put_media(
        channel, *(types.MessageMediaPhoto(photo=world.file_store.photo()) for _ in range(10))
    ):
        message = channel.message(number)
        message.grouped_id = 99
        channel.put(message)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages = await client.get_messages("files", 10)
        assert {each.grouped_id for each in messages} == {99}
        before = telegram.requests[IN_MESSAGES]
        world.file_store.revoke()
        downloader = MediaDownloader(client)
        found = [each async for each in downloader.download_all(messages, tmp_path)]
        assert [each.status for each in found] == ["done"] * 10
        for each in found:
            assert isinstance(each.item, MediaItem)
            assert each.path is not None
            assert sha(each.path.read_bytes()) == sha(bytes_of(world, each.item))
        assert telegram.requests[IN_MESSAGES] == before + 1
        await Account.of(client).aclose()


async def test_a_quoted_medium_is_renewed_by_the_message_that_quotes_it() -> None:
    """It lies in another chat, which may be closed to us; the answer to it carries it along."""

    def build(world: World) -> Any:
        return types.MessageMediaDocument(document=_document(world, 1000))

    world = World(seed=17, user_count=8)
    channel = world.add_channel("Files", username="files", channel_id=CHANNEL)
    [number] = channel.post(1)
    header = types.MessageReplyHeader(reply_media=build(world), quote=True, quote_text="look")
    channel.put(
        types.Message(
            id=number, peer_id=channel.peer(), date=DATE, message="yes", reply_to=header, post=None
        )
    )
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("files", ids=number)
        [item] = items_of(message, quoted=True)
        assert isinstance(item, MediaItem)
        assert item.place == "quoted"
        await renewed(telegram, client, item, IN_MESSAGES)
        await Account.of(client).aclose()


@pytest.mark.parametrize("emojis", [False, True])
async def test_a_sticker_whose_message_is_gone_is_renewed_by_its_set(emojis: bool) -> None:
    """The message was deleted: the set of stickers, or of custom emoji, has the file, too."""
    async with shown(lambda world: _sticker(world, emojis=emojis)) as (telegram, client, message):
        [item] = items_of(message)
        assert isinstance(item, MediaItem)
        telegram.world.channels[CHANNEL].delete(message.id)
        await renewed(telegram, client, item, "messages.getStickerSet")


async def test_a_web_page_whose_message_is_gone_is_renewed_by_its_url() -> None:
    """The message was edited or deleted: Telegram knows the page."""
    async with shown(_page) as (telegram, client, message):
        [item] = items_of(message, web_pages=True)
        assert isinstance(item, MediaItem)
        telegram.world.channels[CHANNEL].delete(message.id)
        await renewed(telegram, client, item, "messages.getWebPage")


async def test_a_story_that_is_gone_is_renewed_by_the_message_that_shows_it() -> None:
    """Stories end; a message that shows one may keep its files."""
    async with shown(_story) as (telegram, client, message):
        [item] = items_of(message)
        assert isinstance(item, MediaItem)
        telegram.world.file_store.shelf.remove(
            telegram.world.file_store.shelf.at((3, message.chat_id, 7))
        )
        await renewed(telegram, client, item, IN_MESSAGES)


async def test_a_user_is_not_the_channel_of_the_same_number() -> None:
    """Known by its number alone, the chat of a message is not looked for in another one."""
    world = World(seed=5)
    world.add_channel("Other", message_count=5, channel_id=CHANNEL, username="other")
    twin = world.add_user(types.User(CHANNEL, access_hash=9, first_name="Twin"))
    chat = world.add_private_chat(twin, message_count=3)
    [number] = put_media(chat, types.MessageMediaDocument(document=_document(world)))
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        message: Any = await client.get_messages(chat.input_peer(), ids=number)
        [item] = items_of(message)
        assert isinstance(item, MediaItem)
        item = replace(item, origin=MessageOrigin(chat.marked_id, number))
        await renewed(telegram, client, item, "messages.getMessages")
        await Account.of(client).aclose()


async def test_what_is_nowhere_any_more_is_said_to_be() -> None:
    """Neither the message nor the page: a typed error, after each place was asked once."""
    async with shown(_page) as (telegram, client, message):
        [item] = items_of(message, web_pages=True)
        world = telegram.world
        world.channels[CHANNEL].delete(message.id)
        world.file_store.shelf.remove(world.file_store.shelf.page(PAGE))
        world.file_store.revoke()
        with pytest.raises(FileUnavailableError) as caught:
            await MediaDownloader(client).download(item, bytes)
        assert caught.value.reason == "deleted"
        assert telegram.requests["messages.getWebPage"] == 1


async def test_profile_photos_are_renewed_by_their_list_or_the_whole_user() -> None:
    """`photos.getUserPhotos` for one of them, `users.getFullUser` for what is shown."""
    async with shown(lambda world: None) as (telegram, client, _):
        user = next(each for each in telegram.world.users.values() if each.photo)
        peer = types.InputPeerUser(user.id, user.access_hash)
        photo = telegram.world.file_store.peer_photo(telegram.world.account, user.id, user.photo)
        origins = {
            "photos.getUserPhotos": ProfilePhotoOrigin(user.id, photo.id, peer),
            "users.getFullUser": FullPeerOrigin(user.id, peer),
        }
        for method, origin in origins.items():
            [item] = items_of(photo, origin=origin)
            assert isinstance(item, MediaItem)
            before = telegram.requests[method], telegram.requests[GET_FILE]
            stem = f"{telegram.world.seed}/photo/{photo.id}/{item.key.size_type}"
            telegram.world.file_store.revoke()
            result = await MediaDownloader(client, part_size=PART).download(item, bytes)
            size = item.size or 0
            assert sha(result.data or b"") == sha(Blob(stem, size, "", 0, 2, None).read(0, size))
            assert telegram.requests[method] == before[0] + 1
            assert telegram.requests[GET_FILE] == before[1] + 2


async def test_the_whole_photo_of_a_chat_is_renewed_by_the_whole_chat() -> None:
    """`channels.getFullChannel`; by the chat itself it needs no reference at all."""
    async with shown(lambda world: None) as (telegram, client, message):
        world, channel = telegram.world, telegram.world.channels[CHANNEL]
        channel.photo = types.ChatPhoto(photo_id=4321, dc_id=2)
        photo = world.file_store.peer_photo(world.account, channel.marked_id, channel.photo)
        peer = await message.get_input_chat()
        [item] = items_of(photo, origin=FullPeerOrigin(channel.marked_id, peer))
        assert isinstance(item, MediaItem)
        await renewed(telegram, client, item, "channels.getFullChannel")
        small = chat_photo_item(await client.get_entity("files"))
        assert isinstance(small, MediaItem)
        result = await MediaDownloader(client).download(small, bytes)
        assert sha(result.data or b"") == sha(bytes_of(world, item))
        assert telegram.requests.errors == {"FILE_REFERENCE_EXPIRED": 1}


async def test_a_photo_that_a_peer_shows_no_more() -> None:
    """It was changed after it was listed: a typed error, not another photo."""
    async with shown(lambda world: None) as (telegram, client, _):
        channel = telegram.world.channels[CHANNEL]
        channel.photo = types.ChatPhoto(photo_id=4321, dc_id=2)
        item = chat_photo_item(await client.get_entity("files"))
        assert isinstance(item, MediaItem)
        channel.photo = types.ChatPhoto(photo_id=4322, dc_id=2)
        with pytest.raises(FileUnavailableError) as caught:
            await MediaDownloader(client).download(item, bytes)
        assert caught.value.reason == "deleted"


@pytest.mark.rule("files.peer-photo-min-hash")
async def test_a_photo_by_the_access_hash_of_a_min_user() -> None:
    """It opens the photo without a message, and nothing else (https://core.telegram.org/api/min)."""
    world = World(seed=5, user_count=20)
    channel = world.add_channel("Club", message_count=50, username="club")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        telegram.add(MinUsers())
        messages = await client.get_messages("club", 50)
        people = {each.sender_id: each.sender for each in messages if each.sender}
        person = next(each for each in people.values() if each.min and each.photo)
        assert channel.has(messages[0].id)
        for big in (True, False):
            item = chat_photo_item(person, big=big)
            assert isinstance(item, MediaItem)
            result = await MediaDownloader(client, part_size=PART).download(item, bytes)
            assert result.size > 0
            assert not result.is_size_known
        assert telegram.requests.errors == {}
        await Account.of(client).aclose()
