"""`MediaDedupeCache`: a file that is here already is not downloaded again."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

from telefast.checks import check_int
from telefast.errors import ArgumentError, ClosedError, FileMismatchError
from telefast.flights import SharedFlight
from telefast.logs import get_logger
from telefast.media.dedupe_managers import store_of
from telefast.media.dedupe_results import DedupeCheck, DedupeResult, DedupeStats, downloaded_path
from telefast.media.dedupe_rules import (
    LINK_MODES,
    VERIFY_MODES,
    Entry,
    LinkMode,
    Verdict,
    Verify,
    Wanted,
    checked_sha256,
    content_key,
    is_stale,
    judge,
    store_once,
    wanted,
)
from telefast.media.dedupe_store import EntryStore
from telefast.media.keys import FileKey
from telefast.media.linking import (
    absolute,
    is_equal,
    is_same_file,
    link,
    look,
    place,
    sha256_of,
)
from telefast.metrics import Metrics
from telefast.tasks import in_thread

__all__ = ["MediaDedupeCache"]

_log = get_logger("dedupe")
_TRIES: Final = 3
"""How often a file is looked for that goes away between being found and being linked."""


class MediaDedupeCache:
    """Know which files are here, so that each is downloaded once, in whatever message it is.

    Use it alone, around any way to download::

        async with MediaDedupeCache("media/files.db") as cache:
            result = await cache.get_or_download(message, lambda: message.download_media("media/"))

    or within: `MediaDownloader(client, dedupe=cache)`.

    What is known is a hint, the disk is the truth: a hit is a file that is there and has the right
    size (see *verify*). An entry that proves wrong is removed. What is to be downloaded at all,
    such as protected media, is not decided here: ask `telefast.items_of` first.

    Args:
        store: Where entries are kept: a path, for a SQLite data base that processes may share;
            None, for this object's life; or a cache manager that you have: an object with `get`
            and `set`, or `get_file_path` and `store_file_path`, as ordinary or coroutine
            functions (`telefast.media.dedupe_managers`).
        verify: What must be right for a hit: that the file `exists`; its `size` too (default); or
            its `sha256` too, taken when it came, and at each hit: reading it costs time.
        link_mode: How a hit comes to a *target*: `reuse` (default): it does not, its path is that
            of the first download. `hardlink`: one file by two names, on one disk: who changes one
            changes both. `reflink`: a file of its own which shares blocks until it is changed
            (Btrfs, XFS, APFS). `copy`. Where a link cannot be, it is a copy, and counted.
        contents: Whether files of equal bytes and different ids are stored once: hashed when they
            have come, compared byte by byte, then shared by *link_mode*. With `reuse` the file
            that was just downloaded is removed in favour of the older one.
        by_name: Whether a document of the same chat, name and size counts as the same file if its
            id is not known. That is a guess: people do send two files of one name and size.
        max_entries: Entries in memory at most, where *store* is no path. Default 50,000: our
            choice, some 20 MB.
        metrics: Where to count as well: `dedupe_hits` and the like, see the guide on metrics.

    Raises:
        ArgumentError: If an argument has no legal value.
    """

    def __init__(
        self,
        store: Any = None,
        *,
        verify: Verify = "size",
        link_mode: LinkMode = "reuse",
        contents: bool = False,
        by_name: bool = False,
        max_entries: int = 50_000,
        metrics: Metrics | None = None,
    ) -> None:
        if verify not in VERIFY_MODES:
            raise ArgumentError("verify", verify, " or ".join(VERIFY_MODES))
        if link_mode not in LINK_MODES:
            raise ArgumentError("link_mode", link_mode, " or ".join(LINK_MODES))
        if contents and link_mode == "copy":
            raise ArgumentError("link_mode", link_mode, "another one with contents=True")
        check_int("max_entries", max_entries, 1, None)
        self._store: EntryStore = store_of(store, max_entries)
        self._verify: Verify = verify
        self._mode: LinkMode = link_mode
        self._contents = contents
        self._by_name = by_name
        self.metrics = metrics
        self._counts: Counter[str] = Counter()
        self._flights: SharedFlight[str, Entry | None] = SharedFlight()
        self._one_content = asyncio.Lock()
        self._is_closed = False

    # Use

    async def get(self, media: Any) -> Path | None:
        """Return where a file is, None if it is not here.

        Args:
            media: A message, anything else that `telefast.file_key` takes, or a `FileKey`.

        Raises:
            ArgumentError: If *media* is none of these.
            StorageError: If the data base cannot be used; of `telefast.errors`.
            ClosedError: After `aclose`. All methods raise these three.
        """
        entry = await self._known(media)
        self._count_one(entry)
        return None if entry is None else Path(entry.path)

    async def put(
        self, media: Any, path: str | os.PathLike[str], *, sha256: str | None = None
    ) -> Path:
        """Remember that a file is here, in place of what was known of it.

        Args:
            media: As for `get`.
            path: Where it is. It should stay there, see `relocate`.
            sha256: Its hash, 64 hex digits, if you have it.

        Returns:
            Its path from now on. It is another one if `contents=True` has found an older file
            with the same bytes.

        Raises:
            FileMismatchError: If there is no such file, or not of the size that Telegram says.
            ArgumentError: If it is a message without a file, or another argument is no legal one.
            OSError: If the file cannot be read.
        """
        self._check_open()
        what = wanted(media, by_name=self._by_name)
        if what.key is None:
            raise ArgumentError("media", type(media).__name__, "something with a file")
        return Path((await self._keep(what, path, checked_sha256(sha256))).path)

    async def get_or_download(
        self,
        media: Any,
        download: Callable[[], Awaitable[Any]],
        *,
        target: str | os.PathLike[str] | None = None,
    ) -> DedupeResult:
        """Return a file that is here, or download it.

        Who wants the same file at the same time waits for one download. It goes on while anybody
        waits; if all are cancelled, so is the download. If it fails, its error is raised where it
        was begun, nothing is remembered, and those who wait try their own, one after another.

        Args:
            media: As for `get`.
            download: Called without arguments if the file is not here. Returns its path, or an
                object with a `path`, such as `DownloadResult`; None if there is nothing. It runs
                in a task of its own.
            target: Where a file that is here shall be put by *link_mode*. `download` should write
                there, too.

        Raises:
            FileMismatchError: If the file is not where *download* says, or not of the right size.
            ArgumentError: If *target* is no path, or a folder where a link is to be.
            DiskFullError: If there is no room for a copy.
            OSError: If it cannot be hashed or linked.
            Exception: What *download* raises.
        """
        self._check_open()
        goal = None if target is None else absolute(target, "target")
        what = wanted(media, by_name=self._by_name)
        if what.key is None:
            path = downloaded_path(await download())
            return DedupeResult(None if path is None else Path(path), False, None, 0)
        left = _TRIES
        while True:
            entry, is_ours = await self._obtain(what, download)
            if is_ours:
                return DedupeResult(None if entry is None else Path(entry.path), False, what.key, 0)
            assert entry is not None  # noqa: S101 - for the type checker
            try:
                where, how = await self._place(entry, goal)
            except FileNotFoundError:
                left -= 1
                if not left:
                    raise
            else:
                self._count_one(entry)
                return DedupeResult(where, True, what.key, entry.size or 0, how)

    # Care

    async def relocate(self, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> int:
        """Say that a file, or a folder with all that is in it, was moved; return how many entries.

        With a foreign cache manager these are the entries that were used in this run.
        """
        self._check_open()
        return await self._store.move(Path(absolute(old, "old")), Path(absolute(new, "new")))

    async def invalidate(self, media: Any) -> bool:
        """Forget a file, which stays on the disk; return whether it was known."""
        self._check_open()
        dropped = False
        for key in wanted(media, by_name=self._by_name).keys:
            while (entry := await self._store.find(key)) is not None:
                if not await self._store.drop(key, entry):
                    break
                dropped = True
        return dropped

    async def prune(self) -> int:
        """Remove entries whose file is gone or another one, as *verify* says; return how many.

        An entry of a file that cannot be read stays.
        """
        self._check_open()
        count = 0
        async for page in self._store.pages():
            for key, entry in page:
                if is_stale((await self._judge(entry, None, self._verify))[0]):
                    count += await self._store.drop(key, entry)
        self._count("stale", count)
        return count

    async def verify(self) -> DedupeCheck:
        """Compare all files with what is known of them, by hash where there is one; change nothing.

        With a foreign cache manager these are the files that were used in this run.
        """
        self._check_open()
        good = unsure = 0
        stale: dict[FileKey, Verdict] = {}
        async for page in self._store.pages():
            for key, entry in page:
                if key.startswith(content_key("")):
                    continue
                mode: Verify = "size" if entry.sha256 is None else "sha256"
                verdict, _ = await self._judge(entry, None, mode)
                good += verdict == "good"
                unsure += verdict in ("unsure", "unreadable")
                if is_stale(verdict):
                    stale[FileKey.parse(key)] = verdict
        return DedupeCheck(good, stale, unsure)

    def stats(self) -> DedupeStats:
        """Return what this object has done so far."""
        return DedupeStats(**self._counts)

    async def aclose(self) -> None:
        """Close the data base; safe to call several times."""
        self._is_closed = True
        await self._store.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    # Inside

    async def _known(self, media: Any) -> Entry | None:
        self._check_open()
        what = wanted(media, by_name=self._by_name)
        return await self._find(what.keys, what.size)

    async def _obtain(
        self, what: Wanted, download: Callable[[], Awaitable[Any]]
    ) -> tuple[Entry | None, bool]:
        """Return the entry of a file, and whether *download* has brought it."""
        asked = downloaded = False

        async def obtain() -> Entry | None:
            nonlocal asked, downloaded
            asked = True
            entry = await self._find(what.keys, what.size)
            if entry is None:
                downloaded = True
                self._count("misses")
                path = downloaded_path(await download())
                entry = None if path is None else await self._keep(what, path, None)
            return entry

        while True:
            entry = await self._flights.run(str(what.key), obtain)
            if downloaded or entry is not None:
                self._count("inflight_joins", not asked)
                return entry, downloaded
            # Somebody else's download brought nothing: ours may.

    async def _find(self, keys: tuple[str, ...], size: int | None) -> Entry | None:
        """Return the first entry that is a hit; remove what proves wrong on the way."""
        for key in keys:
            seen = None
            while (entry := await self._store.find(key)) not in (None, seen):
                assert entry is not None  # noqa: S101 - for the type checker
                verdict, found = await self._judge(entry, size, self._verify)
                if verdict == "good":
                    return replace(entry, size=found)
                _log.debug("no hit key=%s verdict=%s", key, verdict)
                if is_stale(verdict):
                    self._count("stale", await self._store.drop(key, entry))
                seen = entry  # another process may have put another one
        return None

    async def _judge(self, entry: Entry, size: int | None, verify: Verify) -> tuple[Verdict, int]:
        found = await in_thread(look, entry.path)
        verdict = judge(entry, found, verify=verify, size=size)
        if verdict == "hash":
            try:
                found = replace(found, sha256=await sha256_of(entry.path))
            except OSError:
                return "unreadable", found.size
            verdict = judge(entry, found, verify=verify, size=size)
        return verdict, found.size

    async def _keep(self, what: Wanted, path: str | os.PathLike[str], sha256: str | None) -> Entry:
        name = absolute(path)
        found = await in_thread(look, name)
        if found.status != "file":
            raise FileMismatchError(str(what.key), "its download left no file")
        if self._verify != "exists" and what.size not in (None, found.size):
            raise FileMismatchError(str(what.key), f"{found.size} bytes came, not {what.size}")
        if sha256 is None and (self._contents or self._verify == "sha256"):
            sha256 = await sha256_of(name)
        entry = Entry(name, found.size, sha256)
        if self._contents:
            async with self._one_content:
                entry = await self._once(entry)
        for key in what.keys:
            await self._store.keep(key, entry)
        if self.metrics is not None:
            self.metrics.add("dedupe_entries", len(what.keys))
        return entry

    async def _once(self, entry: Entry) -> Entry:
        """Store a new file by the bytes of an older one, if there is one."""
        key = content_key(entry.sha256 or "")
        older = await self._find((key,), entry.size)
        if older is None:
            await self._store.keep(key, entry)
            return entry
        is_same = await in_thread(is_same_file, older.path, entry.path)
        equal = is_same or await is_equal(older.path, entry.path)
        decision = store_once(self._mode, is_same_file=is_same, is_equal=equal)
        if decision == "share":
            await in_thread(os.unlink, entry.path)
            self._count("shared")
            return older
        if decision == "link":
            is_linked = await link(older.path, Path(entry.path), self._mode)
            self._count("shared" if is_linked else "link_fallbacks")
        elif not equal:
            await self._store.keep(key, entry)  # the older one is not what it was
        return entry

    async def _place(self, entry: Entry, target: str | None) -> tuple[Path, LinkMode]:
        if target is None or self._mode == "reuse":
            return Path(entry.path), "reuse"
        if await in_thread(is_same_file, entry.path, target):
            return Path(target), "reuse"
        how = await place(entry.path, Path(target), self._mode, entry.size or 0)
        self._count("link_fallbacks", how != self._mode)
        return Path(target), how

    def _count_one(self, entry: Entry | None) -> None:
        if entry is None:
            self._count("misses")
        else:
            self._count("hits")
            self._count("bytes_saved", entry.size or 0)

    def _count(self, name: str, amount: int = 1) -> None:
        self._counts[name] += amount
        if self.metrics is not None and amount:
            self.metrics.add(f"dedupe_{'hash_hits' if name == 'shared' else name}", amount)
            if name == "stale":
                self.metrics.add("dedupe_entries", -amount)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClosedError("this cache was closed; make a new one")
