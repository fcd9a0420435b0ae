"""Metrics against the server's own ledger, and who counts where."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

import telefast
from telefast import (
    BatchedHistory,
    Checkpoint,
    ChunkStore,
    MediaDedupeCache,
    Metrics,
    NoMetrics,
    PeerCache,
    Pool,
)
from telefast.errors import ArgumentError
from telefast.tasks import Crew
from telefast.testing import ErrorOn, ExpireReferences, LocalTelegram, World, virtual_time
from tests.client.exact import BY_IDS, HISTORY, club, read
from tests.client.media_scene import GET_FILE, KIB, MIB, scene


async def test_history_counts_what_the_server_counts() -> None:
    """Requests, messages, batches: as the ledger and the stream's own figures say."""
    world, chat = club(1500, holes=0.1)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with BatchedHistory(client, chat.input_peer(), by_ids=False) as history:
            batches = [batch async for batch in history.batches()]
        found = telefast.metrics_of(client).snapshot()
        asked = telegram.requests[HISTORY] + telegram.requests[BY_IDS]
        stats = history.stats()
        assert asked == found["history_requests"] == found["requests"]
        assert asked == found["history_batch_seconds_count"]
        assert 1500 == found["history_messages"]
        assert len(batches) == found["history_batches"]
        assert stats.duplicates == found["history_duplicates_dropped"] > 0
        assert asked / 1500 == found["requests_per_message"]
        assert found["prefetch_wait_seconds"] > 0
        assert 0 == found["prefetch_depth"]
        assert 0 == telefast.metrics_of(client)["history_retries"]


async def test_history_counts_its_retries() -> None:
    """Retries of requests for messages count for histories as well."""
    world, chat = club(300)
    rule = ErrorOn(HISTORY, 500, "INTERNAL", nth=2)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        await read(client, chat.input_peer(), by_ids=False)
        metrics = telefast.metrics_of(client)
        assert 1 == metrics["history_retries"] == metrics["retries"]


@virtual_time
async def test_waits_of_producer_and_consumer_are_counted() -> None:
    """A slow consumer blocks the producer for about as long as it takes."""
    world, chat = club(3000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peer = chat.input_peer()
        async with BatchedHistory(client, peer, concurrency=2, prefetch=2, by_ids=False) as history:
            async for _ in history.batches():
                await asyncio.sleep(1)
        metrics = telefast.metrics_of(client)
        assert 20 < metrics["prefetch_blocked_seconds"] <= 30
        assert metrics["prefetch_wait_seconds"] < 1


async def test_floods_are_counted_by_method_and_error(quick_clock: Any) -> None:
    """Once each, with what was learned about the rate."""
    world, chat = club(2000)
    rule = ErrorOn(HISTORY, 420, "FLOOD_WAIT_20", nth=3)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        await read(client, chat.input_peer(), by_ids=False, concurrency=1)
        found = telefast.metrics_of(client).snapshot()
        assert 1 == found["flood_waits"] == found["flood_waits.messages.getHistory"]
        assert 1 == found["flood_errors.FloodWaitError"]
        assert 20 == found["flood_wait_seconds.messages.getHistory"]
        assert found["pacer_interval_seconds.history"] >= 0


async def test_downloads_count_files_bytes_and_parts(tmp_path: Path) -> None:
    """As the ledger has them; two files side by side, and none under way at the end."""
    sizes = (3 * MIB + 5, 70 * KIB)
    async with scene(*sizes) as here:
        downloader = here.downloader(part_size=64 * KIB)
        async with downloader.download_all(await here.messages(), tmp_path) as found:
            results = [result async for result in found]
        metrics = telefast.metrics_of(here.client)
        counted = metrics.snapshot()
        assert (2, sum(sizes)) == (counted["media_files"], counted["media_bytes"])
        assert here.counts[GET_FILE] == counted["media_parts"] == sum(r.parts for r in results)
        assert 2 == counted["media_file_seconds_count"] == counted["media_mb_per_s_count"]
        assert 64 * KIB == counted["part_size_bytes.2"]
        assert 0 == counted["download_concurrency"]
        assert len(Pool.of(here.client).lines(2)) == counted["dc_pool_size.2"] > 0
        assert 0 == metrics["media_failures"]
        await Pool.of(here.client).aclose()
        assert 0 == metrics["dc_pool_size.2"]


async def test_failed_downloads_are_counted(tmp_path: Path) -> None:
    """A file that cannot be had is a failure, and is not under way any more."""
    rule = ErrorOn(GET_FILE, 400, "FILE_ID_INVALID")
    async with scene(70 * KIB, rules=(rule,)) as here:
        with pytest.raises(Exception, match="file id"):
            await here.downloader().download(await here.message(), tmp_path / "x")
        counted = telefast.metrics_of(here.client)
        assert (1, 0) == (counted["media_failures"], counted["media_files"])
        assert 0 == counted["download_concurrency"]


async def test_references_and_moves_are_counted(tmp_path: Path) -> None:
    """Once for a file, however many of its parts were refused or sent on."""
    rules = (ExpireReferences(nth=3), ErrorOn(GET_FILE, 303, "FILE_MIGRATE_4", nth=1))
    async with scene(MIB, rules=rules, dc_ids=(2, 4)) as here:
        downloader = here.downloader(part_size=64 * KIB)
        await downloader.download(await here.message(), tmp_path / "x")
        counted = telefast.metrics_of(here.client)
        assert 2 == counted["dc_migrations"]  # there, and back
        assert 1 == counted["media_ref_refreshes"]


async def test_what_an_earlier_try_has_left_is_counted_apart(tmp_path: Path) -> None:
    """Bytes that came now, and bytes that were there, are all bytes of the file."""

    def stop(received: int, _: int | None) -> None:
        if received > MIB:
            raise KeyError(received)

    async with scene(2 * MIB) as here:
        downloader, message = here.downloader(part_size=64 * KIB), await here.message()
        with pytest.raises(KeyError):
            await downloader.download(message, tmp_path / "x", progress=stop)
        result = await downloader.download(message, tmp_path / "x")
        counted = telefast.metrics_of(here.client)
        assert result.resumed_from == counted["media_resumed_bytes"] > MIB
        assert 2 * MIB == counted["media_bytes"] + counted["media_resumed_bytes"]
        assert (1, 1) == (counted["media_failures"], counted["media_files"])


async def test_what_caches_forget_is_counted() -> None:
    """By number and by age."""
    world = World(seed=5)
    names = ["first", "second", "third"]
    for name in names:
        world.add_channel(name.title(), username=f"the_{name}")
    now = 0.0
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        peers = PeerCache(client, ttl=60, max_entries=2, clock=lambda: now)
        for name in names:
            await peers.resolve(f"the_{name}")
        counted = telefast.metrics_of(client)
        assert 2 == counted["peer_cache_evictions"]  # of the peers, and of the names
        now = 61.0
        await peers.resolve("the_first")
        assert 2 == counted["peer_cache_expirations"]


async def test_what_dedupe_spares_is_counted(tmp_path: Path) -> None:
    """Joined downloads, equal bytes, entries kept and entries that went stale."""
    data = bytes(range(256)) * 300
    async with scene(data, data) as here:
        metrics = telefast.metrics_of(here.client)
        cache = MediaDedupeCache(None, contents=True, metrics=metrics)
        first, second = await here.messages()
        downloader = here.downloader(dedupe=cache)
        one = downloader.download(first, tmp_path / "a")
        other = downloader.download(first, tmp_path / "b")
        async with Crew[int, Any]() as crew:
            crew.start(1, lambda: one)
            crew.start(2, lambda: other)
            while crew.in_flight:
                await crew.wait()
                crew.finished()
        await downloader.download(second, tmp_path / "c")
        assert (1, 1) == (metrics["dedupe_inflight_joins"], metrics["dedupe_hits"])
        assert 1 == metrics["dedupe_hash_hits"]
        assert len(data) == metrics["dedupe_bytes_saved"]
        kept = metrics["dedupe_entries"]
        assert kept >= 2
        (tmp_path / "a").unlink()
        assert await cache.prune() == metrics["dedupe_stale"] > 0
        assert kept - metrics["dedupe_stale"] == metrics["dedupe_entries"]


async def test_stores_and_checkpoints_count_where_they_are_told(tmp_path: Path) -> None:
    """They know no client: `metrics=` says where to count."""
    world, chat = club(250)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        metrics, peer = telefast.metrics_of(client), chat.input_peer()
        async with (
            Checkpoint(tmp_path / "progress", metrics=metrics) as checkpoint,
            ChunkStore(tmp_path / "chunks", metrics=metrics) as store,
        ):
            async with BatchedHistory.resume(client, peer, checkpoint) as history:
                async for batch in history.batches():
                    await store.append(batch)
                    await checkpoint.ack(batch)
            read_back = [chunk async for chunk in store]
            stats = store.stats()
        found = metrics.snapshot()
        assert 250 == found["processed_ids_added"]
        assert len(read_back) == found["chunks_decoded"] == found["chunk_decode_seconds_count"] == 3
        assert 3 == found["chunks_encoded"] == found["chunk_encode_seconds_count"]
        assert stats.chunk_raw_bytes == found["chunk_raw_bytes"]
        saved = found["chunk_raw_bytes"] - found["chunk_compressed_bytes"]
        assert saved == found["compressed_chunks_saved_bytes"]


async def test_several_clients_may_share_one_object() -> None:
    """What both did is in it, and in nothing else."""
    world, chat = club(150)
    shared = Metrics()
    async with LocalTelegram(world) as telegram:
        for _ in range(2):
            async with telegram.client() as client:
                telefast.use_metrics(client, shared)
                assert shared is telefast.metrics_of(telefast.wrap(client))
                await read(client, chat.input_peer())
        assert telegram.requests[HISTORY] == shared["history_requests"]
        assert 300 == shared["history_messages"]


async def test_who_wants_no_metrics_has_none(tmp_path: Path) -> None:
    """All works, and nothing is counted."""
    async with scene(70 * KIB) as here:
        telefast.use_metrics(here.client, NoMetrics())
        assert 1 == len(await telefast.wrap(here.client).get_messages("files", None))
        await here.downloader().download(await here.message(), tmp_path / "x")
        assert {} == telefast.metrics_of(here.client).snapshot()


async def test_settings_switch_metrics_off_and_bound_logs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`METRICS_ENABLED` and the `LOG_` knobs reach what `wrap` makes, and its process."""
    world, chat = club(10)
    for knobs, counted, written in (
        ({}, 24, 10),
        ({"METRICS_ENABLED": "false", "LOG_RATE_BURST": "3"}, 0, 3),
        ({"LOG_BATCH_INTERVAL": "0"}, 24, 24),
        ({"LOG_RATE_BURST": "200", "LOG_ADAPTIVE": "false"}, 24, 24),
    ):
        async with LocalTelegram(world) as telegram, telegram.client() as client:
            fast = telefast.wrap(client, telefast.Settings.from_env(knobs))
            caplog.clear()
            with caplog.at_level(logging.INFO, "telefast.history"):
                for _ in range(24):
                    await fast.get_messages(chat.input_peer(), 1)
            assert counted == telefast.metrics_of(client)["history_messages"]
            texts = [text for text in caplog.messages if text.startswith("history path")]
            assert written == len(texts)


async def test_only_metrics_are_taken() -> None:
    """Anything else is refused by name."""
    world, _ = club(1)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        with pytest.raises(ArgumentError, match="metrics"):
            telefast.use_metrics(client, {})  # type: ignore[arg-type]
