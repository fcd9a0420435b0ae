"""Messages with files, and a downloader that does as it is told, for tests of the queue."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from telethon import types

from telefast.media.fetching import Source
from telefast.media.items import items_of
from telefast.media.keys import FileKey
from telefast.media.queue import DownloadQueue
from telefast.media.results import DownloadResult
from telefast.media.types import MediaItem, SkippedItem
from telefast.metrics import Metrics
from telefast.tasks import in_thread
from tests.unit.media_model import document, message

SIZE = 10


def post(number: int, *, file: int | None = None, name: str = "video.mp4", dc_id: int = 2) -> Any:
    """Return message *number* with document *file*, by default of the same number."""
    made = document(
        number if file is None else file,
        "video/mp4",
        types.DocumentAttributeFilename(name),
        size=SIZE,
    )
    made.dc_id = dc_id
    return message(types.MessageMediaDocument(document=made), id=number)


def content(key: FileKey) -> bytes:
    """Return the bytes of a file."""
    return str(key.id).encode().rjust(SIZE, b"0")


class Downloader:
    """Writes files at once, and counts.

    Attributes:
        asked: How often each file was asked for, by id.
        order: In which order.
        renewals: Which files were found again.
        protected: Where what is found again is protected by now.
        running: How many are under way.
        peak: The most that were.
        there: How many were there, though the queue did not know.
        script: What to do for a file before it is written: by id, a list of errors, one for each
            time; None for a time that goes well.
        gate: If set, files wait for it.
    """

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.asked: Counter[int] = Counter()
        self.order: list[int] = []
        self.renewals: list[int] = []
        self.protected: list[Any] = []
        self.running = self.peak = self.there = 0
        self._changed = asyncio.Event()
        self.script: dict[int, list[Exception | None]] = {}
        self.gate: asyncio.Event | None = None
        self.skip: Callable[[MediaItem], str | None] = lambda item: None
        self.policy: Callable[..., bool] = lambda *_: False

    def items(self, media: Any, **options: Any) -> list[MediaItem | SkippedItem]:
        """Return the files of a message."""
        return items_of(media, policy=self.policy, **options)

    async def find_again(self, source: Source) -> SkippedItem | None:
        """Take down that it was looked for."""
        item = source.item
        self.renewals.append(item.key.id)
        source.is_left = False
        if item.origin not in self.protected:
            return None
        return SkippedItem("protected", item.origin, item.key)

    async def until_running(self, count: int) -> None:
        """Wait until so many are under way."""
        while self.running < count:
            self._changed.clear()
            await self._changed.wait()

    def enlist(self, item: MediaItem, since: float = 0.0, *, is_left: bool = False) -> Source:
        """Return where a file is."""
        return Source(item, since, is_left=is_left)

    async def obtain(
        self, source: Source, target: Path, progress: None, *, dedupe: None
    ) -> DownloadResult:
        """Write a file."""
        item = source.item
        if await in_thread(target.exists):
            self.there += 1
            return DownloadResult("skipped", item, target, SIZE, "exists")
        self.asked[item.key.id] += 1
        self.order.append(item.key.id)
        self.running += 1
        self.peak = max(self.peak, self.running)
        self._changed.set()
        try:
            if self.gate is not None:
                await self.gate.wait()
            if (error := next(iter(self.script.get(item.key.id, [])), None)) is not None:
                self.script[item.key.id].pop(0)
                raise error
            if (reason := self.skip(item)) is not None:
                return DownloadResult("skipped", item, reason=reason)
            await in_thread(_write, target, content(item.key))
            return DownloadResult("done", item, target, SIZE)
        finally:
            self.running -= 1


def _write(target: Path, data: bytes) -> None:
    target.write_bytes(data)


def queue(path: Path | None, downloader: Any, **options: Any) -> DownloadQueue:
    """Return a queue."""
    return DownloadQueue(path, downloader, **options)


async def run(
    path: Path | None, downloader: Any, messages: Any, folder: Path, **options: Any
) -> list[DownloadResult]:
    """Fetch the files of messages, in a run of its own."""
    async with queue(path, downloader) as here:
        return [each async for each in here.download_all(messages, folder, **options)]
