"""A server with several data centres, a file at each, and a client's pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from telethon import TelegramClient, functions, types

from telefast import tasks
from telefast.testing import LocalTelegram, Rule, World, put_media
from telefast.transport.account import Account
from telefast.transport.pool import Pool

EXPORT, IMPORT, GET_FILE = "auth.exportAuthorization", "auth.importAuthorization", "upload.getFile"
DCS = (2, 1, 3, 4)
SIZE = 8192
NEAREST = functions.help.GetNearestDcRequest()


class Scene:
    """A server with a file at each data centre, a connected client, and its pool."""

    def __init__(self, telegram: LocalTelegram, client: TelegramClient) -> None:
        self.telegram = telegram
        self.client = client
        self.parts: dict[int, Any] = {}

    @property
    def pool(self) -> Pool:
        """The pool of the client."""
        return Pool.of(self.client)

    @property
    def counts(self) -> Any:
        """What the server has counted."""
        return self.telegram.requests

    @property
    def faults(self) -> list[Any]:
        """What requests did wrong.

        Not key exchanges: one in 256 fails by chance in Telethon, and is tried again.
        """
        return [fault for fault in self.telegram.client_faults if fault.method]

    def connections(self, dc_id: int) -> int:
        """Return how often a data centre was connected to."""
        return sum(attempt.dc_id == dc_id for attempt in self.counts.attempts)

    async def learn(self) -> None:
        """Learn where the files are."""
        async for message in self.client.iter_messages("files", limit=len(DCS)):
            document = message.media.document
            self.parts[document.dc_id] = types.InputDocumentFileLocation(
                document.id, document.access_hash, document.file_reference, ""
            )

    @staticmethod
    def left() -> list[str]:
        """Return the tasks of telefast that still run; it starts them in one module only."""
        current = asyncio.current_task()
        found = [task for task in asyncio.all_tasks() if task is not current]
        return [repr(task) for task in found if tasks.__file__ in repr(task.get_stack(limit=1))]

    def part(self, dc_id: int) -> Any:
        """Return a request for the file of a data centre."""
        return functions.upload.GetFileRequest(self.parts[dc_id], 0, SIZE)

    async def fetch(self, dc_id: int, **options: Any) -> bytes:
        """Fetch the file of a data centre and check it."""
        answer = await self.pool.send(dc_id, self.part(dc_id), **options)
        assert isinstance(answer, types.upload.File)
        assert content(dc_id) == answer.bytes
        return answer.bytes

    async def fetch_all(self, dc_ids: Any) -> None:
        """Fetch files side by side."""
        await asyncio.gather(*(self.fetch(dc_id) for dc_id in dc_ids))


def content(dc_id: int) -> bytes:
    """Return the bytes of the file of a data centre."""
    return bytes([dc_id]) * SIZE


@asynccontextmanager
async def scene(*rules: Rule, **options: Any) -> AsyncIterator[Scene]:
    """Build a `Scene`."""
    world = World(seed=5, user_count=3, dc_ids=DCS)
    channel = world.add_channel("Files", message_count=5, username="files")
    for dc_id in DCS:
        document = world.file_store.add(content(dc_id), "x.bin", dc_id=dc_id)
        put_media(channel, types.MessageMediaDocument(document=document))
    server = {k: options.pop(k) for k in ("strict_salts", "data_centres", "rtt") if k in options}
    async with LocalTelegram(world, rules=rules, **server) as telegram:
        here = Scene(telegram, telegram.client(retry_delay=0, **options))
        await here.client.connect()
        await here.learn()
        try:
            yield here
        finally:
            await Account.of(here.client).aclose()
            assert not here.left()
