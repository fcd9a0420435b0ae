"""The work of a download queue: which files are under way, and what becomes of each.

What is pending is what is in `Work.jobs`: from the moment that a file is taken in until its end is
written down and told, also while it rests before another try.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple

from telefast.errors import (
    AccountRevokedError,
    ClosedError,
    DiskFullError,
    FileUnavailableError,
    FloodWaitTooLongError,
    StorageError,
    TelefastError,
    UsageError,
)
from telefast.logs import flush, get_logger, redact
from telefast.media.folders import is_whole, prepare, tidy
from telefast.media.lineup import Lineup
from telefast.media.queue_jobs import Job, Place, Waiter
from telefast.media.queue_rows import Offer, QueuedFile, item_of, offer_of
from telefast.media.queue_store import Found, QueueStore
from telefast.media.results import DownloadResult
from telefast.media.types import MediaItem, SkippedItem
from telefast.tasks import Chores, Crew, in_thread

if TYPE_CHECKING:
    from telefast.media.dedupe import MediaDedupeCache
    from telefast.media.downloader import MediaDownloader

__all__ = ["Work"]

_log = get_logger("queue")

_ENDS: Final = (AccountRevokedError, ClosedError, DiskFullError, FloodWaitTooLongError)
"""What would happen to each of the following files as well: all of them stay for later."""

_MOST_IN_A_ROW: Final = 20
"""Files that fail one after another, each of them several times and by what should pass, before the
queue takes it for what hits all: our choice."""

_LONG_AGO: Final = -math.inf
"""When a file was seen that an earlier run has left."""

T = TypeVar("T")
Args = TypeVarTuple("Args")


class Work:
    """Everything that a queue does; see `telefast.media.queue`."""

    def __init__(
        self,
        store: QueueStore,
        downloader: MediaDownloader,
        dedupe: MediaDedupeCache | None,
        line: Lineup,
        tell: Callable[[], object],
    ) -> None:
        self.downloader = downloader
        self.line = line
        self.jobs: dict[int, Job] = {}
        self.error: BaseException | None = ClosedError("the queue is not open; use `async with`")
        self.counts: Counter[str] = Counter()
        self._in_a_row = 0
        self._store = store
        self._dedupe = dedupe
        self._tell = tell
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self._chores = Chores()
        self._wake: Callable[[], object] | None = None
        self._streams: set[Waiter] = set()
        self._was_open = False

    # Open and close

    async def open(self) -> None:
        """Take the store."""
        async with self._turn:
            if self._was_open:
                raise UsageError("this queue was open before; make a new one")
            try:
                await in_thread(self._store.open)
            except BaseException:
                await in_thread(self._store.close)  # a cancelled opening comes about all the same
                raise
            self._was_open = True
            self.error = None

    async def aclose(self) -> None:
        """End what is under way, and let go of the store."""
        self._end_all(ClosedError("the queue was closed"))
        try:
            await self._chores.aclose()
        finally:
            flush(self.downloader.metrics)
            async with self._turn:
                await in_thread(self._store.close)

    async def ask(self, call: Callable[[*Args], T], *args: *Args) -> T:
        """Ask the store, in a thread, one caller at a time."""
        async with self._turn:
            self.check()
            try:
                return await in_thread(call, *args)
            except StorageError as error:
                self._end_all(error)
                raise

    def check(self) -> None:
        """Raise what has ended the queue, if anything has."""
        if self.error is not None:
            raise self.error

    async def change(self) -> None:
        """Wait until a file has ended, or all of them have."""
        await self._changed.wait()
        self.check()

    # Take in

    async def offer(
        self,
        source: Any,
        items: Sequence[MediaItem | SkippedItem],
        place: Place,
        priority: int,
        waiter: Waiter | None,
    ) -> int:
        """Take in the files of a message; return how many are to be fetched.

        *waiter* gets a result for each, those that need no work at once.
        """
        offers = [offer_of(each) for each in items]
        found = await self.ask(self._look, place, offers, priority)
        self.check()  # it may have ended meanwhile
        fetched = 0
        for item, known in zip(items, found, strict=True):
            if isinstance(item, SkippedItem):
                self.counts["skipped"] += 1
                done = DownloadResult("skipped", item, reason=item.reason, source=source)
            elif known.state == "done":
                self.counts["exists"] += 1
                size = known.received or 0
                done = DownloadResult("skipped", item, known.path, size, "exists", source=source)
            else:
                fetched += 1
                found_at = self.downloader.enlist(item)
                job = Job(known.number, found_at, known.path, place.is_nested)
                self._take(job, priority, (waiter, source, item))
                continue
            if waiter is not None:
                waiter.deliver(done)
        return fetched

    def _look(self, place: Place, offers: Sequence[Offer], priority: int) -> list[Found]:
        """Return what is known of files, and true of the disk. Blocks."""
        found = self._store.offer(
            place.folder, offers, is_nested=place.is_nested, priority=priority
        )
        for index, known in enumerate(found):
            if known.state == "done" and not is_whole(known.path, known.received):
                target = place.folder / self._store.lost(known.number)
                found[index] = Found(known.number, "waiting", target, None, is_new=False)
        return found

    def restore(self, row: QueuedFile, waiter: Waiter) -> None:
        """Take in a file of an earlier run."""
        item = item_of(row)
        if item is None or row.path is None:
            error = FileUnavailableError(str(row.key), "reference")
            waiter.deliver(DownloadResult("failed", item, error=error, source=row))
            return
        found_at = self.downloader.enlist(item, _LONG_AGO, is_left=True)
        job = Job(row.number, found_at, Path(row.path), row.is_nested)
        self._take(job, row.priority, (waiter, row, item))

    def _take(self, job: Job, priority: int, waiting: tuple[Waiter | None, Any, MediaItem]) -> None:
        known = self.jobs.get(job.number)
        if known is None:
            known = self.jobs[job.number] = job
            self._count("enqueued")
            self.downloader.metrics.add("queue_depth")
        else:
            known.spare.append(job.source)
        known.waiters.append(waiting)
        self.line.add(job.number, dc_id=waiting[2].dc_id, priority=priority)
        self.kick()

    def join(self, waiter: Waiter) -> None:
        """Wake somebody when the queue ends."""
        self._streams.add(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Forget who waits. What only they wanted, and has not begun, is left for another run."""
        self._streams.discard(waiter)
        for job in list(self.jobs.values()):
            job.waiters = [each for each in job.waiters if each[0] is not waiter]
            if not job.waiters and self.line.drop(job.number):
                self._forget(job)

    # Do

    def kick(self) -> None:
        """See whether a file may begin."""
        if self._wake is not None:
            self._wake()
        elif self.jobs:
            self._wake = bool  # until it has begun
            self._chores.start(self._run)

    async def _run(self) -> None:
        """Begin files, and end them, as long as there are any."""
        loop = asyncio.get_running_loop()
        try:
            async with Crew[int, None]() as crew:
                self._wake = crew.wake
                while self.jobs:
                    while (number := self.line.next_start(now=loop.time())) is not None:
                        crew.start(number, self._one, self.jobs[number])
                    try:
                        async with asyncio.timeout_at(self.line.next_time()):
                            await crew.wait()
                    except TimeoutError:
                        continue
                    while (outcome := crew.finished()) is not None:
                        if outcome[2] is not None:
                            self._end_all(outcome[2])
        finally:
            self._wake = None

    async def _one(self, job: Job) -> None:
        """Fetch a file, and write down and tell what became of it."""
        try:
            result = await self._fetch(job)
            if result.path is not None:
                await self.ask(self._mark, job.number, result.path)
            else:
                await self.ask(self._store.skipped, job.number, result.reason or "")
        except _ENDS:
            raise
        except Exception as error:  # noqa: BLE001 - written down, and told as a value
            await self._fail(job, error)
        else:
            self.line.on_ended(job.number)
            self._in_a_row = 0
            self._count("completed")
            self.counts[result.status if result.reason != "exists" else "exists"] += 1
            self.counts["bytes"] += result.size if result.status == "done" else 0
            self._end(job, result)

    def _mark(self, number: int, path: Path) -> None:
        self._store.done(number, path, path.stat().st_size)

    async def _fail(self, job: Job, error: Exception) -> None:
        now = asyncio.get_running_loop().time()
        if _is_passing(error) and self.line.has_tries(job.number):
            self.line.on_failed(job.number, may_retry=True, now=now)
            known = job.source
            job.source = self.downloader.enlist(known.item, known.since, is_left=known.is_left)
            self._count("retried")
            self.counts["retried"] += 1
            return
        reason = error.reason if isinstance(error, FileUnavailableError) else type(error).__name__
        _log.info("file=%s failed reason=%s", job.source.item.key, reason)
        detail = redact(str(error))[:500].encode(errors="replace").decode()
        await self.ask(self._store.failed, job.number, reason, detail)
        if isinstance(error, FileUnavailableError) and job.spare:
            job.source = job.spare.popleft()  # another message that shows it has come meanwhile
            await self._one(job)
            return
        self.line.on_failed(job.number, may_retry=False, now=now)
        self._count("failed")
        self.counts["failed"] += 1
        self._end(job, DownloadResult("failed", job.source.item, error=error))
        self._in_a_row = self._in_a_row + 1 if _is_passing(error) else 0
        if self._in_a_row >= _MOST_IN_A_ROW:
            raise error

    async def _fetch(self, job: Job) -> DownloadResult:
        """Fetch a file from the first of the messages that has it."""
        await in_thread(_prepare, job.target, job.is_nested)
        while True:
            try:
                skipped = None
                if job.source.is_left:
                    skipped = await self.downloader.find_again(job.source)
                if skipped is None:
                    return await self.downloader.obtain(
                        job.source, job.target, None, dedupe=self._dedupe
                    )
                if not job.spare:
                    return DownloadResult("skipped", skipped, reason=skipped.reason)
                job.source = job.spare.popleft()
            except FileUnavailableError:
                if not job.spare:
                    raise
                job.source = job.spare.popleft()

    # End

    def _end(self, job: Job, result: DownloadResult) -> None:
        """Tell all who wait; the first of them has got it, the others have it."""
        self._forget(job)
        for waiter, source, item in job.waiters:
            if waiter is not None:
                waiter.deliver(dataclasses.replace(result, item=item, source=source))
            if result.status == "done":
                result = dataclasses.replace(result, status="skipped", reason="exists")
        try:
            self._tell()
        except Exception as error:
            self._end_all(error)
            raise

    def _forget(self, job: Job) -> None:
        if self.jobs.pop(job.number, None) is not None:
            self.downloader.metrics.add("queue_depth", -1)
        self._notify()

    def _end_all(self, error: BaseException) -> None:
        """Stop; what is pending is left for another run."""
        if self.error is None:
            self.error = error
        self.downloader.metrics.add("queue_depth", -len(self.jobs))
        self.jobs.clear()
        self._notify()
        for each in self._streams:
            each.wake()
        if self._wake is not None:
            self._wake()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _count(self, name: str) -> None:
        self.downloader.metrics.add(f"queue_{name}")

    async def tidy(self, folder: Path) -> int:
        """Remove what kills have left in a folder."""
        return await self.ask(tidy, folder, lambda name: self._store.is_over(folder, name))


def _prepare(target: Path, is_nested: bool) -> None:
    prepare(target, is_nested=is_nested)


def _is_passing(error: Exception) -> bool:
    """Whether the same may succeed a little later."""
    if isinstance(error, TelefastError):
        return error.retryable and not isinstance(error, FileUnavailableError)
    return isinstance(error, ConnectionError | TimeoutError)
