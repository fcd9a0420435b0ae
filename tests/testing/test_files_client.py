"""Does Telethon's client, unmodified, download the exact bytes from the embedded Telegram?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from telethon.errors import FileReferenceExpiredError
from telethon.tl import functions, types
from telethon.utils import get_input_location

from telefast.testing import (
    CorruptPart,
    ExpireReferences,
    LocalTelegram,
    ShortPart,
    World,
    put_media,
    sample_kinds,
    sample_media,
)
from telefast.testing.file_content import Blob, file_sha256
from telefast.testing.file_refs import files_of

if TYPE_CHECKING:
    from telefast.testing import Channel

CLUB = 1_400_000_000
GET_FILE = "upload.getFile"


@pytest.fixture
def world() -> World:
    """A world with an empty supergroup that has a name."""
    world = World(seed=71)
    world.add_channel("Club", channel_id=CLUB, username="club_of_files")
    return world


@pytest.fixture
def channel(world: World) -> Channel:
    """The supergroup."""
    return world.channels[CLUB]


def expected(world: World, file: types.Document) -> bytes:
    """Return the SHA-256 of a document whose bytes are made."""
    return file_sha256(Blob(f"{world.seed}/document/{file.id}/", file.size, "", 0, 2))


async def test_a_document(world: World, channel: Channel) -> None:
    """A document of 3 MiB and a bit arrives whole, by the parts that Telethon asks for."""
    document = world.file_store.document((3 << 20) + 77)
    message_id = put_media(channel, types.MessageMediaDocument(document=document))[0]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("club_of_files", ids=message_id)
        data = await client.download_media(message, bytes)
        assert expected(world, document) == hashlib.sha256(data).digest()
        streamed = b"".join(
            [bytes(part) async for part in client.iter_download(message.media, request_size=65_536)]
        )
        assert data == streamed
    assert telegram.requests[GET_FILE] == 25 + 49
    assert not telegram.unknown


async def test_given_bytes_and_seeded_media(world: World, channel: Channel) -> None:
    """Files of one's own, and those of seeded messages, are downloaded by a message."""
    own = world.file_store.add(b"my own bytes" * 9_000, "own.txt", mime_type="text/plain")
    message_id = put_media(channel, types.MessageMediaDocument(document=own))[0]
    seeded = world.add_channel("Seeded", message_count=200, username="seeded_club")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("club_of_files", ids=message_id)
        assert b"my own bytes" * 9_000 == await client.download_media(message, bytes)
        kinds = set()
        async for found in client.iter_messages(seeded.input_peer(), wait_time=0):
            size = getattr(found.file, "size", None)
            if found.web_preview or not size or size > 1 << 20 or found.photo:
                continue
            assert size == len(await client.download_media(found, bytes))
            kinds.add(found.file.mime_type)
    assert len(kinds) > 1


async def test_a_photo_and_its_sizes(world: World, channel: Channel) -> None:
    """Each size of a photo, in any order, is downloaded by its type; the largest by default."""
    message_id = put_media(channel, sample_media(world, "photo:any-order"))[0]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("club_of_files", ids=message_id)
        sizes = {size.type: size for size in message.photo.sizes}
        large = await client.download_media(message, bytes)
        assert sizes["w"].size == len(large)
        for kind, size in (("m", sizes["m"].size), ("y", sizes["y"].sizes[-1])):
            data = await client.download_media(message, bytes, thumb=kind)
            assert size == len(data)
        assert sizes["s"].bytes == await client.download_media(message, bytes, thumb=sizes["s"])


async def test_thumbs(world: World, channel: Channel) -> None:
    """A thumb and a video thumb of a document are files of their own."""
    message_id = put_media(channel, sample_media(world, "document:thumbs"))[0]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("club_of_files", ids=message_id)
        still = message.document.thumbs[2]
        video = message.document.video_thumbs[0]
        assert still.size == len(await client.download_media(message, bytes, thumb=still))
        assert video.size == len(await client.download_media(message, bytes, thumb=video))


async def test_profile_photos(world: World) -> None:
    """Both sizes of the photo of a user are downloaded without a reference."""
    user = next(user for user in world.users.values() if user.photo and user.username)
    whole = world.file_store.peer_photo(world.account, user.id, user.photo)
    sizes = {size.type: size for size in whole.sizes}
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        entity = await client.get_entity(user.username)
        big = await client.download_profile_photo(entity, bytes)
        small = await client.download_profile_photo(entity, bytes, download_big=False)
    assert (sizes["c"].size, sizes["a"].size) == (len(big), len(small))


@pytest.mark.rule("files.telethon-heals-documents")
async def test_telethon_heals_a_document_and_no_photo(world: World, channel: Channel) -> None:
    """A reference that expires in mid-download is renewed for a document, and not for a photo."""
    document = world.file_store.document(600_000)
    ids = put_media(
        channel, types.MessageMediaDocument(document=document), sample_media(world, "photo")
    )
    expiry = ExpireReferences(nth=2, chat=channel.marked_id)
    async with LocalTelegram(world, rules=[expiry]) as telegram, telegram.client() as client:
        message, photo = await client.get_messages("club_of_files", ids=ids)
        before = telegram.requests["channels.getMessages"]
        data = await client.download_media(message, bytes)
        assert expected(world, document) == hashlib.sha256(data).digest()
        assert telegram.requests["channels.getMessages"] == before + 1
        with pytest.raises(FileReferenceExpiredError):
            await client.download_media(photo, bytes)
        photo = await client.get_messages("club_of_files", ids=photo.id)
        assert await client.download_media(photo, bytes)
    assert expiry.fired == 1


async def test_stock_takes_a_short_part_for_the_end(world: World, channel: Channel) -> None:
    """What the faults of parts do to a client that trusts them: a cut and a wrong file."""
    document = world.file_store.document(300_000)
    message_id = put_media(channel, types.MessageMediaDocument(document=document))[0]
    rules = [ShortPart(nth=2, keep=1_000), CorruptPart(nth=3)]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        message = await client.get_messages("club_of_files", ids=message_id)
        assert len(await client.download_media(message, bytes)) < 300_000
        wrong = await client.download_media(message, bytes)
        assert len(wrong) == 300_000
        assert expected(world, document) != hashlib.sha256(wrong).digest()
    assert [rule.fired for rule in rules] == [1, 1]


async def test_every_sample_is_read_and_its_files_are_served(
    world: World, channel: Channel
) -> None:
    """Telethon reads media of every kind; each file and each size in it can be fetched."""
    ids = put_media(channel, *(sample_media(world, kind) for kind in sample_kinds()))
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        messages: list[Any] = await client.get_messages("club_of_files", ids=ids)
        count = 0
        for kind, message in zip(sample_kinds(), messages, strict=True):
            assert bytes(message.media) == bytes(channel.message(message.id).media), kind
            for file in files_of(message.media):
                _, location = get_input_location(file)
                if isinstance(file, types.Photo):
                    size = next((s for s in file.sizes if isinstance(s, types.PhotoSize)), None)
                    if size is None:
                        continue
                    location.thumb_size = size.type
                request = functions.upload.GetFileRequest(location, 0, 4096)
                assert (await client(request)).bytes, kind
                count += 1
    assert count > 20
