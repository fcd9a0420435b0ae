"""`DownloadQueue`: every file of many messages, with its end written down."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from telefast.checks import check_int, check_number
from telefast.errors import ArgumentError
from telefast.filenames import safe_name
from telefast.media.lineup import Lineup
from telefast.media.queue_jobs import Place
from telefast.media.queue_results import QueueResults, Stream
from telefast.media.queue_rows import QueuedFile, State
from telefast.media.queue_store import QueueStore
from telefast.media.queue_work import Work
from telefast.media.result_stream import each_of
from telefast.media.types import MediaItem, SkippedItem

if TYPE_CHECKING:
    from telefast.media.dedupe import MediaDedupeCache
    from telefast.media.downloader import MediaDownloader

__all__ = ["DownloadQueue", "QueueStats"]

_PAGE = 200
_HIGHEST = 2**63 - 1
"""The largest integer that the data base keeps."""


@dataclass(frozen=True, slots=True)
class QueueStats:
    """What a queue is doing, and has done since it was opened.

    Attributes:
        waiting: Files whose turn has not come.
        running: Files that are being fetched.
        resting: Files that have failed and will be tried again.
        done: Files that were fetched.
        exists: Files that were there.
        skipped: Files that were skipped for another reason.
        failed: Files that have failed.
        retried: Tries after the first.
        bytes: Of the files that were fetched.
    """

    waiting: int
    running: int
    resting: int
    done: int
    exists: int
    skipped: int
    failed: int
    retried: int
    bytes: int


class DownloadQueue:
    """Fetch the files of many messages into folders, and keep what became of each.

    Each file ends as `done`, as `skipped` for a reason, or as `failed` for one; what failed, and
    what a kill has left over, is fetched by the next run. What is done is known and not asked for
    again: a run over a finished archive looks at the files on the disk and sends no request for
    them. Files get the names of `telefast.file_name`; one that messages call differently keeps the
    name by which it came first::

        downloader = telefast.MediaDownloader(client)
        async with telefast.DownloadQueue("archive/queue.db", downloader) as queue:
            history = telefast.BatchedHistory(client, "durov")
            async with history, queue.download_all(history, "archive/media") as results:
                async for result in results:
                    print(result.status, result.path)
            print(await queue.failed())

    One message may show a file that another one has shown: it is fetched once for each folder, and
    each message has its result. If it is gone from one, the next one is asked.

    A full disk, a login that has ended, a flood wait beyond what the downloader allows, and 20
    files in a row that fail by what should pass, such as a lost connection, end the queue with
    their error: what is pending is left for another run, as it would be by a kill.

    Nothing kept here is a secret: neither access hash nor file reference, which are fetched anew.
    The names that senders chose are kept.

    Args:
        path: The data base, which one process at a time has open; made if need be. It may lie in
            the archive, which may be moved with it. None for one in memory.
        downloader: What fetches the files, skips the large ones and knows the policy.
        dedupe: Files that are known to it are taken from where they are.
        files: How many are under way at once, for each data centre. Default 64, as in
            `MediaDownloader.download_all`.
        ahead: How many files wait, are under way, or are done and not taken by the consumer yet,
            at most; then no more messages are read. Default 1000: our choice, a few megabytes.
        max_tries: How often a file is tried in one run, if what fails may pass. Default 3: our
            choice; the downloader has tried each of its parts several times by then.
        retry_delay: Seconds before the second try; twice as long before the third. Default 5: our
            choice.
        progress: Called with `QueueStats` whenever a file has ended. What it raises ends the queue.

    Raises:
        ArgumentError: By the constructor, if an argument has no legal value.
        StoreLockedError: By opening, if another process has it open.
        CorruptStateError: By opening, if the file is damaged, or something else.
        UnsupportedStateError: By opening, if a later release of telefast has made it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        downloader: MediaDownloader,
        *,
        dedupe: MediaDedupeCache | None = None,
        files: int = 64,
        ahead: int = 1000,
        max_tries: int = 3,
        retry_delay: float = 5.0,
        progress: Callable[[QueueStats], Any] | None = None,
    ) -> None:
        for name, value in (("files", files), ("ahead", ahead), ("max_tries", max_tries)):
            check_int(name, value, 1, None)
        check_number("retry_delay", retry_delay, 0)
        if progress is not None and not callable(progress):
            raise ArgumentError("progress", progress, "a function of QueueStats, or None")
        self._ahead = ahead
        self._progress = progress
        self._store = QueueStore(None if path is None else Path(path))
        line = Lineup(places=files, max_tries=max_tries, delay=retry_delay)
        self._work = Work(self._store, downloader, dedupe, line, self._tell)

    # Open and close

    async def open(self) -> None:
        """Take the data base, as `async with` does."""
        await self._work.open()

    async def aclose(self) -> None:
        """End what is under way, keep its parts, and let go; safe to call several times.

        What is pending is left for another run. Streams and `wait_all` end with `ClosedError`.
        """
        await self._work.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"DownloadQueue({self._store.path and str(self._store.path)!r}, {self.stats()})"

    # Put in

    def download_all(
        self,
        media: AsyncIterable[Any] | Iterable[Any],
        folder: str | os.PathLike[str],
        *,
        subfolder: Callable[[Any, MediaItem | SkippedItem], str | None] | None = None,
        priority: int = 0,
        **options: Any,
    ) -> QueueResults:
        """Fetch all files of all messages, and yield what becomes of each while more are read.

        Args:
            media: Messages or items, as an async or ordinary iterable, such as
                `BatchedHistory(client, chat)`.
            folder: Where to; made if need be.
            subfolder: Names the folder within *folder* for each file of a message, such as
                `telefast.folder_name(title, id)`; None or '' for *folder* itself. Whatever text
                it returns becomes one safe name. No link is followed there.
            priority: Files of a higher one begin first.
            options: What `telefast.items_of` takes besides, such as `thumbs=True`.

        Returns:
            An async iterator of `DownloadResult`, to be used as `async with`, or to its end. A file
            that is there is `skipped`, `exists`. Messages without a file give no result. An error
            of *media* is raised after the results of all before it.

        Raises:
            ArgumentError: If *folder* is no path, *subfolder* no function, or *priority* no int.
        """
        root = _checked(folder, subfolder, priority)

        async def produce(stream: Stream) -> None:
            async for each in each_of(media):
                for item, place in self._places(each, root, subfolder, options):
                    await stream.offer(each, item, place, priority)

        return QueueResults(self._work, self._ahead, produce)

    def download_left(self) -> QueueResults:
        """Fetch what earlier runs have left: files that wait or have failed.

        Each is found again where it was seen, up to 200 messages by one request; no history is
        read. The policy of the downloader decides by what the messages say now: what is not to be
        saved any more is skipped. Results are as of `download_all`, with a `QueuedFile` as their
        `source`. Files that other sites have, and photos that chats show, cannot be found so: they
        come again with their messages.
        """

        async def produce(stream: Stream) -> None:
            after = 0
            states: tuple[State, ...] = ("waiting", "failed")
            while rows := await self._work.ask(self._store.files, states, after, _PAGE):
                for row in rows:
                    after = row.number
                    await stream.restore(row)

        return QueueResults(self._work, self._ahead, produce)

    async def add(
        self,
        media: Any,
        folder: str | os.PathLike[str],
        *,
        subfolder: Callable[[Any, MediaItem | SkippedItem], str | None] | None = None,
        priority: int = 0,
        **options: Any,
    ) -> int:
        """Put the files of one message into the queue, to be fetched in the background.

        Waits while *ahead* files are pending. Cancelling it may leave the files in the queue, for
        this run or another.

        Args:
            media: A message or item.
            folder: As of `download_all`, like the others.
            subfolder: A folder within it.
            priority: Files of a higher one begin first, also before those that wait already.
            options: What `telefast.items_of` takes besides.

        Returns:
            How many files are to be fetched; none if all of them are there, or skipped.

        Raises:
            ClosedError: If the queue is not open.
            StorageError: If it cannot be written.
            ArgumentError: If *media* carries nothing, or as of `download_all`.
            TelefastError: What has ended the queue.
        """
        count, root = 0, _checked(folder, subfolder, priority)
        self._work.check()
        for item, place in list(self._places(media, root, subfolder, options)):
            while len(self._work.jobs) >= self._ahead:
                await self._work.change()
            count += await self._work.offer(media, [item], place, priority, None)
        return count

    async def wait_all(self) -> None:
        """Wait until nothing is pending: also no file that failed and will be tried again.

        Raises:
            TelefastError: What has ended the queue.
        """
        self._work.check()
        while self._work.jobs:
            await self._work.change()

    # Hold

    @property
    def is_paused(self) -> bool:
        """Whether no file begins for now."""
        return self._work.line.is_paused

    def pause(self) -> None:
        """Begin no file until `resume`; those under way go on."""
        self._work.line.is_paused = True

    def resume(self) -> None:
        """Go on after `pause`."""
        self._work.line.is_paused = False
        self._work.kick()

    # What is known

    def stats(self) -> QueueStats:
        """Return what is under way, and what was done since the queue was opened."""
        line, counts = self._work.line, self._work.counts
        pending = len(self._work.jobs)
        return QueueStats(
            waiting=max(pending - line.running - line.resting, 0),
            running=line.running,
            resting=line.resting,
            done=counts["done"],
            exists=counts["exists"],
            skipped=counts["skipped"],
            failed=counts["failed"],
            retried=counts["retried"],
            bytes=counts["bytes"],
        )

    async def totals(self) -> dict[str, int]:
        """Return how many files of all runs there are, by state."""
        return await self._work.ask(self._store.totals)

    async def failed(self) -> list[QueuedFile]:
        """Return the files that have failed and were not fetched since."""
        return [each async for each in self.files("failed")]

    async def files(self, *states: State) -> AsyncIterator[QueuedFile]:
        """Yield what is known of each file, in the order in which they came.

        Args:
            states: Only those in one of these; default all.
        """
        wanted: tuple[State, ...] = states or ("waiting", "done", "failed", "skipped")
        after = 0
        while rows := await self._work.ask(self._store.files, wanted, after, _PAGE):
            for row in rows:
                yield row
            after = rows[-1].number

    # Inside

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self.stats())

    def _places(
        self,
        media: Any,
        root: Path,
        subfolder: Callable[[Any, MediaItem | SkippedItem], str | None] | None,
        options: dict[str, Any],
    ) -> Iterable[tuple[MediaItem | SkippedItem, Place]]:
        """Yield the files of a message, with where they go."""
        for item in self._work.downloader.items(media, **options):
            name = None if subfolder is None else subfolder(media, item)
            yield item, Place(root / safe_name(name), True) if name else Place(root, False)


def _checked(folder: Any, subfolder: Any, priority: Any) -> Path:
    """Return a folder as a path, if all of these are legal."""
    if subfolder is not None and not callable(subfolder):
        raise ArgumentError("subfolder", subfolder, "a function of a message and an item, or None")
    check_int("priority", priority, -_HIGHEST, _HIGHEST)
    try:
        path = Path(folder).absolute()
        str(path).encode()
    except (TypeError, UnicodeEncodeError):
        raise ArgumentError("folder", folder, "a path, as text") from None
    return path
