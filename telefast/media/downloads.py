"""Files of many messages, a bounded number at once; results as they come, or in order."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from telefast.checks import check_int
from telefast.errors import (
    ArgumentError,
    ClosedError,
    DiskFullError,
    UsageError,
)
from telefast.logs import flush
from telefast.media.references import AT_ONCE
from telefast.media.result_stream import ResultStream, each_of
from telefast.media.results import DownloadResult
from telefast.media.types import SkippedItem
from telefast.tasks import Crew, Pump

if TYPE_CHECKING:
    from telefast.media.downloader import MediaDownloader
    from telefast.media.fetching import Source
    from telefast.media.transfer import Progress

__all__ = ["Downloads"]

_ENDS = (DiskFullError, ClosedError, UsageError)
"""What would happen to each of the following files as well."""


_Each: TypeAlias = "tuple[Any, Source | SkippedItem]"
"""What a file came from, and the file."""


class Downloads(ResultStream):
    """The results of `MediaDownloader.download_all`: an async iterator.

    Leaving the `async with` block ends what is under way; its parts stay on the disk for the next
    time. So does garbage collection.
    """

    def __init__(
        self,
        downloader: MediaDownloader,
        media: AsyncIterable[Any] | Iterable[Any],
        folder: Any,
        *,
        ordered: bool,
        files: int,
        progress: Callable[[int, int | None], Any] | None,
        options: dict[str, Any],
    ) -> None:
        check_int("files", files, 1, None)
        if not isinstance(folder, str | os.PathLike):
            raise ArgumentError("folder", folder, "a path")
        work = _Work(downloader, media, Path(folder), ordered, files, progress, options)
        super().__init__(Pump(work.run))


class _Work:
    """What the pump does. It must not refer to its consumer."""

    def __init__(
        self,
        downloader: MediaDownloader,
        media: AsyncIterable[Any] | Iterable[Any],
        folder: Path,
        ordered: bool,
        files: int,
        progress: Progress | None,
        options: dict[str, Any],
    ) -> None:
        self._downloader = downloader
        self._media = media
        self._folder = folder
        self._ordered = ordered
        self._files = files
        self._progress = progress
        self._options = options
        self._received: dict[int, int] = {}
        self._total = 0
        self._ready: dict[int, DownloadResult] = {}
        self._order: deque[int] = deque()

    async def run(self, pump: Pump[DownloadResult]) -> None:
        """Download all of it."""
        try:
            await self._run(pump)
        finally:
            flush(self._downloader.metrics)

    async def _run(self, pump: Pump[DownloadResult]) -> None:
        number = 0
        async with Crew[int, DownloadResult]() as crew:
            pump.on_room = crew.wake
            async for media, item in self._items():
                while crew.in_flight + len(self._ready) + pump.buffered >= self._files:
                    await crew.wait()
                    self._take(crew, pump)
                self._order.append(number)
                if isinstance(item, SkippedItem):
                    done = DownloadResult("skipped", item, reason=item.reason, source=media)
                    self._put(number, done, pump)
                else:
                    crew.start(number, self._one, number, media, item)
                number += 1
                self._take(crew, pump)
            while crew.in_flight:
                await crew.wait()
                self._take(crew, pump)
            self._take(crew, pump)

    async def _items(self) -> AsyncIterator[_Each]:
        """Yield each file with what it came from.

        Of a list, some are looked at ahead: their references are renewed with those before them.
        """
        if not isinstance(self._media, Sequence):
            async for media in each_of(self._media):
                for each in self._read(media):
                    yield each
            return
        begun, ahead = asyncio.get_running_loop().time(), deque[_Each]()
        for media in self._media:
            ahead.extend(self._read(media, begun))
            while len(ahead) > AT_ONCE:
                yield ahead.popleft()
        while ahead:
            yield ahead.popleft()

    def _read(self, media: Any, since: float | None = None) -> Iterator[_Each]:
        for item in self._downloader.items(media, **self._options):
            if isinstance(item, SkippedItem):
                yield media, item
            else:
                yield media, self._downloader.enlist(item, since)

    async def _one(self, number: int, media: Any, source: Source) -> DownloadResult:
        def tell(received: int, _: int | None) -> Any:
            assert self._progress is not None  # noqa: S101 - for the type checker
            self._total += received - self._received.get(number, 0)
            self._received[number] = received
            return self._progress(self._total, None)

        folder = f"{self._folder}{os.sep}"
        try:
            progress = None if self._progress is None else tell
            found = await self._downloader.obtain(source, folder, progress)
        except _ENDS:
            raise
        except Exception as error:
            if self._downloader.is_end(error):
                raise
            return DownloadResult("failed", source.item, error=error, source=media)
        finally:
            self._received.pop(number, None)
        return dataclasses.replace(found, source=media)

    def _take(self, crew: Crew[int, DownloadResult], pump: Pump[DownloadResult]) -> None:
        while (outcome := crew.finished()) is not None:
            number, result, error = outcome
            if error is not None:
                raise error
            assert result is not None  # noqa: S101 - for the type checker
            self._put(number, result, pump)

    def _put(self, number: int, result: DownloadResult, pump: Pump[DownloadResult]) -> None:
        if not self._ordered:
            pump.put(result)
            return
        self._ready[number] = result
        while self._order and self._order[0] in self._ready:
            pump.put(self._ready.pop(self._order.popleft()))
