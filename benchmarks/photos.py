"""Downloading many small files, which live at several data centres."""

from __future__ import annotations

import hashlib
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types

from benchmarks import cores
from benchmarks.records import ratio_text
from telefast import MediaDownloader
from telefast.cli.race import RaceError
from telefast.testing import DataCentre, LocalTelegram, World, put_media
from telefast.transport.account import Account

if TYPE_CHECKING:
    from telethon import TelegramClient

    from benchmarks.history import Plan
    from telefast.cli.view import View

__all__ = ["PhotosRecord", "run"]

COUNT: Final = 2_000
QUICK_COUNT: Final = 200
STOCK_SHARE: Final = 10
"""Stock fetches one photo in so many: it takes the same time for each."""
SIZE: Final = 100_000
RTT: Final = 0.05
DCS: Final = (2, 1, 4)
HEADS = [
    "files",
    "seconds",
    "files/s",
    "ms each",
    "requests",
    "exports",
    "CPU ms\neach",
    "to\nstock",
]


@dataclass(frozen=True, slots=True)
class PhotosRecord:
    """One contender; medians of its rounds.

    Attributes:
        bench: The benchmark.
        rtt: Round trip time, in seconds.
        size: Bytes of a photo.
        contender: Who ran.
        rounds: How often it ran, each time as a new client.
        files: Photos that it fetched.
        seconds: From the first call to the last file on the disk.
        seconds_per_file: The same for each.
        requests: Parts that the server was asked for.
        exports: Logins that were carried to other data centres.
        cpu_s: CPU seconds of the client's process.
        ratio_to_stock: Files per second over those of `client.download_media` in the same round;
            None where that did not run.
    """

    bench: str
    rtt: float
    size: int
    contender: str
    rounds: int
    files: int
    seconds: float
    seconds_per_file: float
    requests: int
    exports: int
    cpu_s: float
    ratio_to_stock: float | None

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)

    def row(self) -> tuple[str, list[str]]:
        """Return the row of a table with `HEADS`."""
        return self.contender, [
            f"{self.files:,}",
            f"{self.seconds:.2f}",
            f"{self.files / self.seconds:.1f}",
            f"{self.seconds_per_file * 1000:.1f}",
            f"{self.requests:,}",
            f"{self.exports}",
            f"{self.cpu_s / self.files * 1000:.2f}",
            ratio_text(self.ratio_to_stock, 1),
        ]


@dataclass(frozen=True, slots=True)
class _Run:
    files: int
    seconds: float
    cpu: float
    requests: int
    exports: int

    @property
    def each(self) -> float:
        return self.seconds / self.files


async def run(plan: Plan, view: View) -> list[PhotosRecord]:
    """Race, and compare the bytes of what both fetched; one record for each contender.

    Raises:
        RaceError: If a photo differs.
    """
    count = QUICK_COUNT if plan.is_quick else COUNT
    world = World(seed=count, dc_ids=DCS)
    channel = world.add_channel("Benchmark", username="benchmark")
    for number in range(count):
        sizes = [types.PhotoSize("x", 800, 600, SIZE)]
        photo = world.file_store.photo(sizes, dc_id=DCS[number % len(DCS)])
        put_media(channel, types.MessageMediaPhoto(photo=photo))
    runs: dict[str, list[_Run]] = {
        name: [] for name in ("telefast", "download_media") if plan.takes(name)
    }
    centres = [DataCentre(each) for each in DCS[1:]]
    server = LocalTelegram(world, rtt=RTT, process=True, data_centres=centres)
    async with AsyncExitStack() as stack:
        with cores.servers():
            telegram = await stack.enter_async_context(server)
        stack.enter_context(cores.others())
        for number in range(plan.rounds):
            found: dict[str, dict[int, str]] = {}
            for name in sorted(runs, reverse=bool(number % 2)):
                async with telegram.client() as client:
                    run, found[name] = await _timed(telegram, client, name, count)
                    runs[name].append(run)
                    await Account.of(client).aclose()
            if len(found) < 2:
                continue
            for message_id, digest in found["download_media"].items():
                if found["telefast"].get(message_id) != digest:
                    raise RaceError(f"telefast: other bytes in message {message_id}")
    records = [_record(name, each, runs.get("download_media")) for name, each in runs.items()]
    title = f"photos of {SIZE // 1000} KB at {len(DCS)} data centres, {RTT * 1000:g} ms"
    view.table(title, HEADS, [each.row() for each in records])
    view.say()
    return records


async def _timed(
    telegram: LocalTelegram, client: TelegramClient, name: str, count: int
) -> tuple[_Run, dict[int, str]]:
    messages: Any = await client.get_messages("benchmark", limit=count)
    if name == "download_media":
        messages = messages[::STOCK_SHARE]
    before = (await telegram.sync()).snapshot()
    paths: dict[int, Path] = {}
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        if name == "download_media":
            for message in messages:
                paths[message.id] = Path(str(await client.download_media(message, folder)))
        else:
            async with MediaDownloader(client).download_all(messages, folder) as results:
                async for result in results:
                    if result.path is None:
                        raise RaceError(f"telefast: {result.error!r}")
                    paths[result.source.id] = result.path
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        digests = {
            key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in paths.items()
        }
    counts = (await telegram.sync()).since(before)
    requests, exports = counts["upload.getFile"], counts["auth.exportAuthorization"]
    return _Run(len(messages), seconds, cpu, requests, exports), digests


def _record(name: str, runs: list[_Run], stock: list[_Run] | None) -> PhotosRecord:
    ratios = [base.each / each.each for each, base in zip(runs, stock or (), strict=False)]
    return PhotosRecord(
        bench="photos",
        rtt=RTT,
        size=SIZE,
        contender=name,
        rounds=len(runs),
        files=runs[0].files,
        seconds=median(each.seconds for each in runs),
        seconds_per_file=median(each.each for each in runs),
        requests=round(median(each.requests for each in runs)),
        exports=max(each.exports for each in runs),
        cpu_s=median(each.cpu for each in runs),
        ratio_to_stock=median(ratios) if ratios else None,
    )
