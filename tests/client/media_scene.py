"""A server with files, a client, and a downloader."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from telethon import TelegramClient, types

from telefast.media.downloader import MediaDownloader
from telefast.media.items import items_of
from telefast.media.types import MediaItem
from telefast.testing import DataCentre, LocalTelegram, Rule, World, put_media
from telefast.testing.file_content import Blob
from telefast.transport.account import Account

GET_FILE = "upload.getFile"
KIB, MIB = 1024, 1024 * 1024
PART = 512 * KIB


class Scene:
    """Files of given sizes in messages of one channel, the first in message 1."""

    def __init__(self, telegram: LocalTelegram, client: TelegramClient, files: list[Any]) -> None:
        self.telegram = telegram
        self.client = client
        self.files = files

    @property
    def counts(self) -> Any:
        """What the server has counted."""
        return self.telegram.requests

    @property
    def asked(self) -> list[tuple[int, int]]:
        """Offset and limit of each part that was asked for."""
        return [(each.offset, each.limit) for each in self.counts.requests(GET_FILE)]

    def content(self, number: int) -> bytes:
        """Return the bytes of a file, by message."""
        return content(self.telegram.world, self.files[number - 1])

    async def message(self, number: int = 1) -> Any:
        """Return a message."""
        return await self.client.get_messages("files", ids=number)

    async def messages(self) -> list[Any]:
        """Return all messages, the oldest first."""
        found = await self.client.get_messages("files", len(self.files))
        return list(reversed(found))

    async def item(self, number: int = 1) -> MediaItem:
        """Return the file of a message."""
        [item] = items_of(await self.message(number))
        assert isinstance(item, MediaItem)
        return item

    def downloader(self, **options: Any) -> MediaDownloader:
        """Return a downloader, of parts of 512 KiB unless told otherwise."""
        if "tuner" not in options:
            options.setdefault("part_size", PART)
        return MediaDownloader(self.client, **options)


def content(world: World, document: Any) -> bytes:
    """Return the bytes that the server has for a document."""
    given = world.file_store.given.get(("document", document.id))
    blob = Blob(f"{world.seed}/document/{document.id}/", document.size, "", 0, 2, given)
    return blob.read(0, blob.size)


def sha(data: bytes) -> str:
    """Return a hash, which shows better than megabytes that differ."""
    return hashlib.sha256(data).hexdigest()


def names(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(each.name for each in folder.iterdir())


def whole(path: Path) -> str:
    """Return the hash of a file that is whole: nothing lies beside it."""
    assert not list(path.parent.glob("*.part*"))
    return sha(path.read_bytes())


@asynccontextmanager
async def scene(
    *sizes: int | bytes,
    rules: tuple[Rule, ...] = (),
    dc_ids: tuple[int, ...] = (2,),
    **options: Any,
) -> AsyncIterator[Scene]:
    """Build a `Scene`; file *n* lives at the data centre *n* of *dc_ids*, in turn."""
    world = World(seed=7, user_count=3, dc_ids=dc_ids)
    channel = world.add_channel("Files", username="files")
    files = []
    for number, size in enumerate(sizes):
        dc_id = dc_ids[number % len(dc_ids)]
        make = world.file_store.add if isinstance(size, bytes) else world.file_store.document
        document = make(size, f"{number}.bin", dc_id=dc_id)  # type: ignore[operator]
        files.append(document)
        put_media(channel, types.MessageMediaDocument(document=document))
    centres = [DataCentre(each) for each in dc_ids[1:]]
    options.setdefault("data_centres", centres)
    server = LocalTelegram(world, rules=rules, **options)
    async with server as telegram, telegram.client() as client:
        yield Scene(telegram, client, files)
        await Account.of(client).aclose()
