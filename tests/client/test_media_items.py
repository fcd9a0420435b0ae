"""The items of a message, fetched as they say: what Telegram serves is what they promise."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import functions

from telefast import MediaItem, SkippedItem, chat_photo_item, items_of
from telefast.testing import LocalTelegram, MinUsers, World, put_media, sample_kinds, sample_media

EVERYTHING = {"thumbs": True, "stripped": True, "video": True, "qualities": True, "web_pages": True}


async def fetch(client: Any, item: MediaItem) -> tuple[bytes, int | None]:
    """Return all bytes of an item, by plain requests, and the size that should be right."""
    if item.inline is not None:
        return item.inline, item.size
    data, size, limit = b"", item.size, 1 << 18
    method = functions.upload.GetFileRequest
    if item.key.kind == "web":
        method = functions.upload.GetWebFileRequest
    while True:
        answer = await client(method(item.location(), len(data), limit))
        data += answer.bytes
        size = getattr(answer, "size", size)  # of a web file the sender told one, which may lie
        if len(answer.bytes) < limit:
            return data, size


@pytest.mark.parametrize("kind", sample_kinds())
async def test_each_item_can_be_fetched(kind: str) -> None:
    """Each item of each kind of media is served, and has exactly the size that it tells."""
    world = World(seed=5)
    chat = world.add_channel("Files", username="files")
    put_media(chat, sample_media(world, kind))
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = (await client.get_messages("files", 1))[0]
        asked = telegram.requests.total
        found = items_of(message, policy=lambda *_: True, **EVERYTHING)
        assert asked == telegram.requests.total, "listing asks nothing"
        for item in found:
            if isinstance(item, SkippedItem):
                assert item.reason != "protected"
            else:
                data, size = await fetch(client, item)
                assert size == len(data), item


async def test_photo_of_a_person_can_be_fetched() -> None:
    """The photo that a user shows is served by the message that shows it, if it is `min`."""
    world = World(seed=5, user_count=20)
    world.add_channel("Club", message_count=50, username="club")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        telegram.add(MinUsers())
        messages = await client.get_messages("club", 50)
        people = {each.sender_id: each for each in messages if each.sender and each.sender.photo}
        shown = [each for each in people.values() if each.sender.min]
        for message in shown:
            for big in (True, False):
                item = chat_photo_item(message.sender, big=big, seen_in=message)
                assert isinstance(item, MediaItem)
                assert (await fetch(client, item))[0]
    assert shown


async def test_chat_protects_its_messages() -> None:
    """A channel that wants nothing saved says so itself: its messages are protected."""
    world = World(seed=5)
    chat = world.add_channel("Files", username="files")
    put_media(chat, sample_media(world, "document"))
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = (await client.get_messages("files", 1))[0]
        [before] = items_of(message)
        assert isinstance(before, MediaItem)
        message.chat.noforwards = True
        [after] = items_of(message)
        assert isinstance(after, SkippedItem)
        assert ("protected", ("chat",)) == (after.reason, after.protection)
