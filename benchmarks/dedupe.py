"""Downloading the files of a chat in which 40 % of the messages repost an earlier file."""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types

from telefast import MediaDedupeCache, MediaDownloader, ordered_map
from telefast.cli.race import RaceError
from telefast.testing import LocalTelegram, World, put_media
from telefast.transport.account import Account

if TYPE_CHECKING:
    from telethon import TelegramClient

    from benchmarks.history import Plan
    from telefast.cli.view import View

__all__ = ["DedupeRecord", "run"]

MESSAGES: Final = 300
QUICK_MESSAGES: Final = 50
REPOSTS: Final = 0.4
SIZES: Final = ((0.9, 20_000, 400_000), (1.0, 1_000_000, 4_000_000))
"""Share of the files up to here, and their smallest and largest size: photos, and some videos."""
HEADS = ["requests", "MB on\nthe wire", "MB on\nthe disk", "seconds", "bytes to\nno cache"]


@dataclass(frozen=True, slots=True)
class DedupeRecord:
    """One way to have the files of all messages, each at a path of its message's own.

    Attributes:
        bench: The benchmark.
        rtt: Round trip time, in seconds.
        messages: Messages with a file.
        files: Different files among them.
        contender: Who ran.
        requests: Parts that the server was asked for.
        bytes_sent: TCP bytes that the server sent, framing included.
        disk_bytes: Bytes of all files on the disk, hard links counted once.
        seconds: For all of them.
        ratio: Bytes sent over those of telefast without a cache.
    """

    bench: str
    rtt: float
    messages: int
    files: int
    contender: str
    requests: int
    bytes_sent: int
    disk_bytes: int
    seconds: float
    ratio: float

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)

    def row(self) -> tuple[str, list[str]]:
        """Return the row of a table with `HEADS`."""
        return self.contender, [
            f"{self.requests:,}",
            f"{self.bytes_sent / 1e6:.1f}",
            f"{self.disk_bytes / 1e6:.1f}",
            f"{self.seconds:.2f}",
            f"{self.ratio:.0%}",
        ]


Contender = Callable[["TelegramClient", list[Any], Path], Awaitable[object]]


async def _stock(client: TelegramClient, messages: list[Any], folder: Path) -> None:
    for message in messages:
        await client.download_media(message, str(folder / f"{message.id}.bin"))


async def _all(downloader: MediaDownloader, messages: list[Any], folder: Path) -> None:
    async def one(message: Any) -> object:
        return await downloader.download(message, folder / f"{message.id}.bin")

    async def each() -> AsyncIterator[Any]:
        for message in messages:
            yield message

    async with ordered_map(each(), one, concurrency=16) as results:
        async for _ in results:
            pass


async def _plain(client: TelegramClient, messages: list[Any], folder: Path) -> None:
    await _all(MediaDownloader(client), messages, folder)


async def _cached(client: TelegramClient, messages: list[Any], folder: Path) -> None:
    async with MediaDedupeCache(folder.parent / "files.db", link_mode="hardlink") as cache:
        await _all(MediaDownloader(client, dedupe=cache), messages, folder)


CONTENDERS: Final[dict[str, Contender]] = {
    "download_media": _stock,
    "telefast": _plain,
    "telefast, cache": _cached,
    "telefast, cache, next run": _cached,
}


async def run(plan: Plan, view: View) -> list[DedupeRecord]:
    """Have all files in each way, compare them, and count; one record for each.

    Raises:
        RaceError: If a file is missing or has other bytes.
    """
    count = QUICK_MESSAGES if plan.is_quick else MESSAGES
    rtt = plan.rtts[len(plan.rtts) // 2]
    records = await _compare(plan, count, rtt)
    title = f"{count} messages, {records[0].files} files, {rtt * 1000:g} ms"
    view.table(title, HEADS, [each.row() for each in records])
    view.say(
        "Each message has its file at a path of its own; with the cache by a hard link where it "
        "was here already. The next run has a folder of its own, and the data base of the first."
    )
    view.say()
    return records


def _world(count: int) -> tuple[World, int]:
    """Return a world, and how many different files are in it."""
    world, rng = World(seed=count), random.Random(count)
    channel = world.add_channel("Benchmark", username="benchmark")
    seen: list[Any] = []
    for number in range(count):
        if seen and number % 5 in (1, 3):  # 40 %
            document = rng.choice(seen)
        else:
            share = rng.random()
            low, high = next((low, high) for upto, low, high in SIZES if share <= upto)
            document = world.file_store.document(
                rng.randint(low, high), f"{number}.bin", dc_id=world.dc_ids[0]
            )
            seen.append(document)
        put_media(channel, types.MessageMediaDocument(document=document))
    return world, len(seen)


async def _compare(plan: Plan, count: int, rtt: float) -> list[DedupeRecord]:
    world, files = _world(count)
    server = LocalTelegram(world, rtt=rtt, process=True)
    records: list[DedupeRecord] = []
    digests: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as base:
        async with server as telegram, telegram.client() as client:
            found = await client.get_messages("benchmark", limit=count)
            messages = [message for message in reversed(found) if message.file]
            await MediaDownloader(client).download(messages[0], bytes)  # connects
            for number, (name, contender) in enumerate(CONTENDERS.items()):
                if not plan.takes(name):
                    continue
                folder = Path(base) / f"{number}"
                folder.mkdir()
                ledger = await telegram.sync()
                requests, sent = ledger["upload.getFile"], ledger.bytes_sent
                began = time.perf_counter()
                await contender(client, messages, folder)
                seconds = time.perf_counter() - began
                ledger = await telegram.sync()
                record = DedupeRecord(
                    bench="dedupe",
                    rtt=rtt,
                    messages=len(messages),
                    files=files,
                    contender=name,
                    requests=ledger["upload.getFile"] - requests,
                    bytes_sent=ledger.bytes_sent - sent,
                    disk_bytes=_disk_bytes(folder),
                    seconds=seconds,
                    ratio=0.0,
                )
                records.append(record)
                _check(name, folder, len(messages), digests)
            await Account.of(client).aclose()
    plain = next(
        (each.bytes_sent for each in records if each.contender == "telefast"), records[0].bytes_sent
    )
    return [_with_ratio(each, plain) for each in records]


def _with_ratio(record: DedupeRecord, plain: int) -> DedupeRecord:
    return DedupeRecord(**{**record.as_json(), "ratio": record.bytes_sent / plain})


def _disk_bytes(folder: Path) -> int:
    return sum({found.st_ino: found.st_size for found in map(Path.stat, folder.iterdir())}.values())


def _check(name: str, folder: Path, count: int, digests: dict[str, str]) -> None:
    """Compare all files with those of the first contender."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    if len(found) != count or (digests and found != digests):
        raise RaceError(f"{name}: has other files than those before it")
    digests.update(found)
