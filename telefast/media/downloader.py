"""`MediaDownloader`: files of a client, many at once, each byte once."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telefast.checks import check_int, check_number
from telefast.errors import (
    AccountRevokedError,
    ArgumentError,
    DiskFullError,
    FileMismatchError,
)
from telefast.media.counting import count_result, counted
from telefast.media.dedupe import MediaDedupeCache
from telefast.media.downloads import Downloads
from telefast.media.fetching import Fetcher, Source
from telefast.media.items import items_of, skipped_now
from telefast.media.keeping import is_lost, save
from telefast.media.parts import PartMap
from telefast.media.policy import Policy, skip_protected
from telefast.media.references import References
from telefast.media.results import DownloadResult
from telefast.media.reusing import make_way, reuse
from telefast.media.sinks import FileSink, MemorySink, ObjectSink, Sink, Target, target_of
from telefast.media.slots import Slots
from telefast.media.transfer import Progress, TooLargeError, Transfer
from telefast.media.tuner import MAX_CONNECTIONS, PartSizeTuner
from telefast.media.tuning import flying_of, tuner_of
from telefast.media.types import MediaItem, SkippedItem
from telefast.metrics import Metrics
from telefast.tasks import SingleFlight, in_thread
from telefast.transport.account import Account
from telefast.transport.calls import CallOptions

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["MediaDownloader"]

MEMORY: Final = 16 * 1024 * 1024
"""Bytes in flight by default: TDLib's for premium users (`files/FileDownloadManager.h`)."""


class MediaDownloader:
    """Download files side by side, over connections of their own.

    All downloads of one downloader share its memory and its connections: files take turns, part by
    part, so that a small one never waits for a large one, and a large one uses all that is left.
    Flood waits are the account's: all pieces on one client keep to them.

    A file on the disk is gathered in `name.telefast.part` beside its target and gets its name when
    it is whole. If something comes between (an error, a cancellation, a kill), that file and
    `name.telefast.part.map` stay, and the next download of the same file to the same target fetches
    only what is missing. A failure that means that there is no such file leaves nothing.

    Args:
        client: A connected `telethon.TelegramClient`.
        tuner: Decides about sizes of parts and numbers of connections. Default: the one that all
            downloaders of the account share, so that each knows what the others have learned.
        max_connections: Connections to each data centre at most, from 1 to 8 (the default). With a
            *tuner* of your own, it has the limits.
        part_size: Bytes of each part: a power of two from 4 KiB to 1 MiB. Default: as the tuner
            finds best, from 64 to 512 KiB.
        memory: Bytes in flight and not yet written at most, of all files. Default 16 MiB. A target
            that is a file object may hold as much again, of what came early.
        timeout: Deadline of each part, in seconds; then it is asked for over another connection.
            Default 60.
        max_flood_wait: Longest time that one part spends in flood waits, in seconds. Default 3600.
        max_size: Larger files are skipped, before anything is asked; bytes. Default: none are.
        verify: Whether all bytes are checked against the SHA-256 that Telegram gives for them; it
            has none of files of other sites.
        set_mtime: Whether files get the date of their message, in place of that of the download.
        policy: Decides about protected files of messages, see `telefast.items_of`.
        dedupe: Knows which files are here: those are not fetched again, for targets that are paths.

    Raises:
        ArgumentError: If an argument has no legal value.

    Example::

        downloader = telefast.MediaDownloader(client)
        result = await downloader.download(message, "film.mkv")
        async for result in downloader.download_all(messages, "media/"):
            print(result.path, result.status)
    """

    def __init__(
        self,
        client: TelegramClient,
        *,
        tuner: PartSizeTuner | None = None,
        max_connections: int | None = None,
        part_size: int | None = None,
        memory: int = MEMORY,
        timeout: float = 60.0,
        max_flood_wait: float = 3600.0,
        max_size: int | None = None,
        verify: bool = False,
        set_mtime: bool = False,
        policy: Policy = skip_protected,
        dedupe: MediaDedupeCache | None = None,
    ) -> None:
        if tuner is not None and (max_connections, part_size) != (None, None):
            raise ArgumentError("tuner", tuner, "none, with part_size or max_connections")
        check_int("memory", memory, 1, None)
        if max_size is not None:
            check_int("max_size", max_size, 0, None, "None")
        check_number("timeout", timeout, 0.001)
        check_number("max_flood_wait", max_flood_wait, 0)
        self._client = client
        most = MAX_CONNECTIONS if max_connections is None else max_connections
        account = Account.of(client)
        self._tuner = tuner or tuner_of(account, part_size, most)
        self._memory = memory
        self._max_size = max_size
        self._verify = verify
        self._set_mtime = set_mtime
        self._policy = policy
        self._dedupe = dedupe
        options = CallOptions(timeout=timeout, max_flood_wait=max_flood_wait)
        self._references = References(client, options)
        self._fetcher = Fetcher(client, self._references, options, self._tuner)
        self._slots = Slots(memory, self._tuner.window, self._on_idle, flying_of(account))
        self._running: set[Transfer] = set()
        self._flights: SingleFlight[tuple[Path, str], DownloadResult] = SingleFlight()

    @property
    def tuner(self) -> PartSizeTuner:
        """What decides about parts and connections; `snapshot` tells what it has learned.

        Keep that, and `restore` it before the first download of the next run, which then begins
        at full speed.
        """
        return self._tuner

    @property
    def metrics(self) -> Metrics:
        """What is counted on the client, as `telefast.metrics_of` returns it."""
        return Account.of(self._client).metrics

    @property
    def peak_memory(self) -> int:
        """Most bytes that were in flight and not yet written so far."""
        return self._slots.peak

    async def download(
        self,
        media: Any,
        target: Any,
        *,
        progress: Callable[[int, int | None], Any] | None = None,
        overwrite: bool = False,
        dedupe: MediaDedupeCache | None = None,
    ) -> DownloadResult:
        """Download one file.

        Cancelling it keeps what has come, for the next time.

        Args:
            media: A message, or anything that `telefast.items_of` takes: its first file. Or a
                `telefast.MediaItem`.
            target: Where to: a path; a folder, where its name is made of its key; a file object,
                which gets the bytes in order and stays open; or `bytes`, for `result.data`. A file
                of the same size that is there already is taken for it, another one is replaced
                once the new one is whole.
            progress: Called as `progress(received, size)` after bytes were written; size is None
                if it is unknown. May be a coroutine function. What it raises ends the download.
            overwrite: Whether a file of the same size is replaced as well, and *dedupe* not asked.
            dedupe: Knows which files are here, in place of the downloader's own. A file that it
                knows is `skipped`, as it `exists`; its path is what the cache has made of it.

        Returns:
            Its result, `done` or `skipped`.

        Raises:
            DiskFullError: If there is no room. All downloads of this downloader fail with it.
            FileUnavailableError: If the file is gone.
            FileMismatchError: If the bytes that come are not those of the file.
            StoreLockedError: If another process downloads to the same target.
            FloodWaitTooLongError: If Telegram asks for a longer wait than is allowed.
            DeadlineError: If no answer came, on any connection.
            RemoteError: If the connection is lost for good.
            RPCError: What Telegram says, untouched.
            ArgumentError: If *media* or *target* is nothing of the above.
        """
        item = self._item(media)
        if not isinstance(item, MediaItem):
            reason = "empty" if item is None else item.reason
            return DownloadResult("skipped", item, reason=reason, source=media)
        result = await self.obtain(self.enlist(item), target, progress, overwrite, dedupe)
        return dataclasses.replace(result, source=media)

    def download_all(
        self,
        media: AsyncIterable[Any] | Iterable[Any],
        folder: Any,
        *,
        ordered: bool = False,
        files: int = 64,
        progress: Callable[[int, int | None], Any] | None = None,
        **options: Any,
    ) -> Downloads:
        """Download all files of all messages to a folder.

        Args:
            media: Messages or items, as an async or ordinary iterable, such as
                `BatchedHistory(client, chat)`. No more are taken from it than are under way.
            folder: Where to; made if need be. Names are made of `FileKey` and extension.
            ordered: Whether results come in the order of *media*, instead of as they are done.
            files: How many are under way at once. Default 64: enough for small ones to fill a
                line of 50 ms.
            progress: Called with the bytes of all files that are written, and None.
            options: What `telefast.items_of` takes besides, such as `thumbs=True`.

        Returns:
            An async iterator of `DownloadResult`, to be used as `async with`, or to its end. A
            file that fails is a result as well. A full disk, a login that has ended, and errors of
            *media* end it.

        Raises:
            ArgumentError: If *files* is less than 1.
        """
        return Downloads(
            self, media, folder, ordered=ordered, files=files, progress=progress, options=options
        )

    def is_end(self, error: Exception) -> bool:
        """Return whether an error means that the account's login is over. For this room only."""
        session: Any = self._client.session
        return isinstance(error, AccountRevokedError) and (
            error.dc_id == session.dc_id or error.reason == "AUTH_KEY_DUPLICATED"
        )

    def items(self, media: Any, **options: Any) -> list[MediaItem | SkippedItem]:
        """Return the files of a message, by the policy of this downloader unless there is one."""
        if isinstance(media, MediaItem | SkippedItem):
            return [media]
        return items_of(media, **{"policy": self._policy} | options)

    def enlist(
        self, item: MediaItem, since: float | None = None, *, is_left: bool = False
    ) -> Source:
        """Note a file that will be downloaded, known since then. For this room only."""
        source = Source(item, since, is_left=is_left)
        self._references.enlist(source)
        return source

    async def obtain(
        self,
        source: Source,
        target: Any,
        progress: Progress | None,
        overwrite: bool = False,
        dedupe: MediaDedupeCache | None = None,
        is_new: bool = False,
        by_cache: bool = False,
    ) -> DownloadResult:
        """Do as `download` with a file that is enlisted, *by_cache* in any case. For this room."""
        item = source.item
        if self._max_size is not None and (item.size or 0) > self._max_size:
            return DownloadResult("skipped", item, reason="too large")
        if target is bytes:
            memory = MemorySink()
            result = await self._to(source, memory, progress)
            return dataclasses.replace(result, data=bytes(memory.data))
        if hasattr(target, "write"):
            return await self._to(source, ObjectSink(target), progress)
        if not isinstance(target, str | os.PathLike):
            raise ArgumentError("target", target, "a path, a folder, a file object, or bytes")
        found = there = await in_thread(target_of, os.fspath(target), item)
        if overwrite:
            found = dataclasses.replace(found, size=None, is_new=is_new)
        flight = found.path, str(item.key)
        dedupe = dedupe or self._dedupe

        async def download() -> DownloadResult:
            return await self._flights.run(flight, self._to_path, source, found, progress)

        if dedupe is None or (overwrite and not by_cache) or item.inline is not None:
            return await download()
        if overwrite and there.size is not None:
            await make_way(dedupe, item, found.path)
        return await reuse(dedupe, item, found, download, self.metrics)

    async def find_again(self, source: Source) -> SkippedItem | None:
        """Renew what an earlier run has left; return it if it is to be skipped. For this room only.

        Raises `FileUnavailableError` if it is gone.
        """
        sight = await self._references.find_again(source)
        skipped = skipped_now(source.item, *sight, self._policy)
        source.is_left, source.sight = False, None
        return skipped

    async def fetch(
        self,
        source: Source,
        parts: PartMap,
        sink: Sink,
        progress: Progress | None,
    ) -> bool:
        """Fetch what is missing of a file; False if it turns out too large. For this room only."""
        await self._fetcher.locate(source)
        is_ordered = isinstance(sink, ObjectSink)
        item = source.item
        verify = self._verify and item.key.kind != "web"  # Telegram has no hashes of those
        if is_ordered and verify:
            raise ArgumentError("target", "a file object", "a path or bytes with verify=True")
        transfer = Transfer(
            self._fetcher,
            self._slots,
            source,
            parts,
            sink,
            part_size=lambda: self._tuner.part_size(parts.size, source.dc_id),
            progress=progress,
            max_size=self._max_size,
            verify=verify,
            ahead=self._memory if is_ordered else None,
        )
        self._running.add(transfer)
        try:
            await transfer.run()
        except TooLargeError:
            return False
        finally:
            self._running.discard(transfer)
        if source.size is None and not parts.size:
            raise FileMismatchError(source.name, "it is empty")
        return True

    def _on_idle(self, dc_id: int) -> None:
        self._tuner.on_idle(dc_id, now=asyncio.get_running_loop().time())

    def _item(self, media: Any) -> MediaItem | SkippedItem | None:
        found = self.items(media)
        good = next((each for each in found if isinstance(each, MediaItem)), None)
        return good or (found[0] if found else None)

    async def _to_path(
        self, source: Source, found: Target, progress: Progress | None
    ) -> DownloadResult:
        item, size = source.item, source.size
        if found.size is not None and found.size == item.size:
            return DownloadResult("skipped", item, found.path, found.size, "exists")
        part_size = self._tuner.part_size(item.size, item.dc_id)
        is_small = size is not None and size <= part_size and not found.has_parts
        mtime = item.date.timestamp() if self._set_mtime and item.date is not None else None
        sink = FileSink(found, str(item.key), is_small=is_small, mtime=mtime)
        result = await self._to(source, sink, progress)
        return dataclasses.replace(result, path=found.path if result.status == "done" else None)

    async def _to(self, source: Source, sink: Sink, progress: Progress | None) -> DownloadResult:
        with counted(self.metrics):
            return await self._bring(source, sink, progress)

    async def _bring(self, source: Source, sink: Sink, progress: Progress | None) -> DownloadResult:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        item, resumed, keep = source.item, 0, True
        parts = PartMap(source.size)
        try:
            saved = await sink.open()
            if item.inline is not None:
                parts = await self._put(item.inline, sink)
            else:
                part_size = self._tuner.part_size(source.size, item.dc_id)
                restored = PartMap.restore(saved, source.size, part_size) if saved else None
                parts = restored or PartMap(source.size, part_size)
                resumed = parts.received
                keep = await self.fetch(source, parts, sink, progress)
            if keep:
                await sink.finish(parts.size or 0)
        except BaseException as error:
            if isinstance(error, DiskFullError):
                for other in self._running:
                    other.fail(error)
            keep = bool(parts.received) and not is_lost(error)
            try:
                if keep:
                    await save(sink, parts)
            finally:
                await sink.close(keep=keep)
            raise
        if not keep:
            await sink.close(keep=False)
            return DownloadResult("skipped", item, reason="too large", parts=source.parts)
        result = DownloadResult(
            "done",
            item,
            size=parts.size or 0,
            resumed_from=resumed,
            parts=source.parts,
            seconds=loop.time() - begun,
            is_size_known=source.size is not None,
        )
        return count_result(self.metrics, result)

    async def _put(self, data: bytes, sink: Sink) -> PartMap:
        """Write bytes that came with the message."""
        await sink.write([(0, data)], 0)
        return PartMap(len(data), done=[(0, len(data))])
