"""A downloader that asks first whether a file is here already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from telefast.media.dedupe import MediaDedupeCache
from telefast.media.results import DownloadResult
from telefast.media.sinks import Target
from telefast.media.types import MediaItem
from telefast.metrics import Metrics

__all__ = ["make_way", "reuse"]


async def make_way(cache: MediaDedupeCache, item: MediaItem, path: Path) -> None:
    """Let a cache forget which other file was at a path that *item* now takes.

    One of the same size would be taken for it, later.
    """
    known = await cache._known(item)  # noqa: SLF001 - of this room
    if known is None or known.path != str(path):
        await cache.relocate(path, path / "replaced")  # where nothing can be


async def reuse(
    cache: MediaDedupeCache,
    item: MediaItem,
    target: Target,
    download: Callable[[], Awaitable[DownloadResult]],
    metrics: Metrics,
) -> DownloadResult:
    """Let a downloader ask a cache first, and count.

    Args:
        cache: The cache.
        item: What is wanted.
        target: Where, and what is there.
        download: Downloads it.
        metrics: Of the account.
    """
    fetched: list[DownloadResult] = []

    async def fetch() -> Path | None:
        fetched.append(await download())
        return fetched[-1].path

    is_there = target.size is not None and target.size == item.size
    known = await cache.get_or_download(item, fetch, target=None if is_there else target.path)
    is_counted = cache.metrics is metrics  # by the cache itself
    if fetched:
        metrics.add("dedupe_misses", not is_counted)
        return replace(fetched[-1], path=known.path)
    if not is_counted:
        metrics.add("dedupe_hits")
        metrics.add("dedupe_bytes_saved", known.bytes_saved)
    path = target.path if is_there else known.path
    return DownloadResult("skipped", item, path, known.bytes_saved, "exists")
