"""What becomes of the files of a queue, as a stream that is bounded and may be left at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from telefast.media.queue_jobs import Place
from telefast.media.queue_rows import QueuedFile
from telefast.media.queue_work import Work
from telefast.media.result_stream import ResultStream
from telefast.media.results import DownloadResult
from telefast.media.types import MediaItem, SkippedItem
from telefast.tasks import Pump

__all__ = ["QueueResults", "Stream"]


class Stream:
    """The producer's end: takes files in, as many as there is room for.

    It must not refer to its consumer.
    """

    def __init__(
        self, work: Work, ahead: int, produce: Callable[[Stream], Awaitable[None]]
    ) -> None:
        self._work = work
        self._ahead = ahead
        self._produce = produce
        self._open = 0
        self._folders: set[Path] = set()
        self._event = asyncio.Event()
        self._pump: Pump[DownloadResult] | None = None

    async def run(self, pump: Pump[DownloadResult]) -> None:
        """Do all of it."""
        self._pump = pump
        pump.on_room = self._event.set
        failure: Exception | None = None
        self._work.join(self)
        try:
            try:
                await self._produce(self)
            except Exception as error:  # noqa: BLE001 - raised after what came before it
                failure = error
            await self._until(lambda: not self._open)
            for folder in self._folders:
                await self._work.tidy(folder)
        finally:
            self._work.leave(self)
        if failure is not None:
            raise failure

    async def offer(
        self, source: Any, item: MediaItem | SkippedItem, place: Place, priority: int
    ) -> None:
        """Take in a file when there is room."""
        await self._room()
        self._open += 1
        self._folders.add(place.folder)
        try:
            await self._work.offer(source, [item], place, priority, self)
        except BaseException:
            self._open -= 1
            raise

    async def restore(self, row: QueuedFile) -> None:
        """Take in a file of an earlier run when there is room."""
        await self._room()
        self._open += 1
        if row.path is not None:
            self._folders.add(Path(row.path).parent)
        self._work.restore(row, self)

    def deliver(self, result: DownloadResult) -> None:
        """Hand a result to the consumer."""
        assert self._pump is not None  # noqa: S101 - for the type checker
        self._open -= 1
        self._pump.put(result)
        self._event.set()

    def wake(self) -> None:
        """Look whether the queue has ended."""
        self._event.set()

    async def _room(self) -> None:
        pump = self._pump
        assert pump is not None  # noqa: S101 - for the type checker
        await self._until(lambda: self._open + pump.buffered < self._ahead)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        self._work.check()
        while not is_so():
            self._event.clear()
            await self._event.wait()
            self._work.check()


class QueueResults(ResultStream):
    """The results of a `DownloadQueue`: an async iterator of `DownloadResult`.

    Leaving the `async with` block ends it, and so does garbage collection: what has begun goes on
    in the queue, until that is closed; what has not is left for another run.
    """

    def __init__(
        self, work: Work, ahead: int, produce: Callable[[Stream], Awaitable[None]]
    ) -> None:
        super().__init__(Pump(Stream(work, ahead, produce).run))
