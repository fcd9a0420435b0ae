"""Downloading one large file."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types

from telefast import MediaDownloader
from telefast.cli.race import RaceError
from telefast.testing import LocalTelegram, World, put_media
from telefast.transport.account import Account

if TYPE_CHECKING:
    from telethon import TelegramClient

    from benchmarks.history import Plan
    from telefast.cli.view import View

__all__ = ["DownloadRecord", "run"]

SIZE: Final = 64 * 1024 * 1024
QUICK_SIZE: Final = 8 * 1024 * 1024
HEADS = ["seconds", "MB/s", "requests", "CPU\ns", "to\nstock", "spread"]


@dataclass(frozen=True, slots=True)
class DownloadRecord:
    """One contender at one round trip time; medians of its rounds, with the extremes beside them.

    Attributes:
        bench: The benchmark.
        rtt: Round trip time, in seconds.
        size: Bytes of the file.
        contender: Who ran.
        rounds: How often it ran.
        seconds: From the call to the whole file on the disk.
        seconds_min: The fastest round.
        seconds_max: The slowest round.
        requests: Parts that the server was asked for.
        cpu_s: CPU seconds of the client's process.
        ratio_to_stock: Rate over that of `client.download_media` in the same round.
        ratio_min: The worst round.
        ratio_max: The best round.
    """

    bench: str
    rtt: float
    size: int
    contender: str
    rounds: int
    seconds: float
    seconds_min: float
    seconds_max: float
    requests: int
    cpu_s: float
    ratio_to_stock: float
    ratio_min: float
    ratio_max: float

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)

    def row(self) -> tuple[str, list[str]]:
        """Return the row of a table with `HEADS`."""
        return self.contender, [
            f"{self.seconds:.2f}",
            f"{self.size / self.seconds / 1e6:.1f}",
            f"{self.requests:,}",
            f"{self.cpu_s:.2f}",
            f"{self.ratio_to_stock:.1f}x",
            f"{self.ratio_min:.1f}-{self.ratio_max:.1f}",
        ]


Contender = Callable[["TelegramClient", Any, Path], Awaitable[object]]


async def _cold(client: TelegramClient, message: Any, path: Path) -> None:
    """Download with connections that are not there yet."""
    await Account.of(client).aclose()
    await MediaDownloader(client).download(message, path)


async def _telefast(client: TelegramClient, message: Any, path: Path) -> None:
    """Download over connections that are there."""
    await MediaDownloader(client).download(message, path)


async def _stock(client: TelegramClient, message: Any, path: Path) -> None:
    await client.download_media(message, str(path))


async def _stock_512(client: TelegramClient, message: Any, path: Path) -> None:
    document = message.document
    at = types.InputDocumentFileLocation(
        document.id, document.access_hash, document.file_reference, ""
    )
    file: Any = str(path)
    await client.download_file(at, file, part_size_kb=512, file_size=document.size)


CONTENDERS: Final[dict[str, Contender]] = {
    "telefast": _telefast,
    "telefast, not connected": _cold,
    "download_media": _stock,
    "download_file, 512 KiB": _stock_512,
}


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    cpu: float
    requests: int


async def run(plan: Plan, view: View) -> list[DownloadRecord]:
    """Compare bytes, then race; one record for each contender and round trip time.

    Raises:
        RaceError: If a contender brings other bytes.
    """
    size = QUICK_SIZE if plan.rounds <= 2 else SIZE
    records = []
    for rtt in plan.rtts:
        found = await _race(plan.rounds, rtt, size)
        title = f"download of {size >> 20} MiB, {rtt * 1000:g} ms"
        view.table(title, HEADS, [each.row() for each in found])
        records += found
    view.say(
        "To stock: rate over that of download_media in the same round; median and spread. "
        "The client has one process, the server another."
    )
    view.say()
    return records


async def _race(rounds: int, rtt: float, size: int) -> list[DownloadRecord]:
    world = World(seed=size)
    channel = world.add_channel("Benchmark", username="benchmark")
    document = world.file_store.document(size, "film.mkv", dc_id=world.dc_ids[0])
    put_media(channel, types.MessageMediaDocument(document=document))
    runs: dict[str, list[_Run]] = {name: [] for name in CONTENDERS}
    digests: set[str] = set()
    server = LocalTelegram(world, rtt=rtt, process=True)
    with tempfile.TemporaryDirectory() as folder:
        async with server as telegram, telegram.client() as client:
            message = (await client.get_messages("benchmark", limit=1))[0]
            await MediaDownloader(client).download(message, bytes)  # connects
            names = list(CONTENDERS)
            for number in range(rounds):
                turn = number % len(names)
                for name in (*names[turn:], *names[:turn]):
                    path = Path(folder) / "file"
                    runs[name].append(await _timed(telegram, client, message, name, path))
                    digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
                    path.unlink()
                    if len(digests) > 1:
                        raise RaceError(f"{name}: brought other bytes than those before it")
            await Account.of(client).aclose()
    stock = runs["download_media"]
    return [_record(rtt, size, name, found, stock) for name, found in runs.items()]


async def _timed(
    telegram: LocalTelegram, client: TelegramClient, message: Any, name: str, path: Path
) -> _Run:
    before = (await telegram.sync())["upload.getFile"]
    began, cpu = time.perf_counter(), time.process_time()
    await CONTENDERS[name](client, message, path)
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    return _Run(seconds, used, (await telegram.sync())["upload.getFile"] - before)


def _record(
    rtt: float, size: int, name: str, runs: list[_Run], stock: list[_Run]
) -> DownloadRecord:
    seconds = [each.seconds for each in runs]
    ratios = [base.seconds / each.seconds for each, base in zip(runs, stock, strict=True)]
    return DownloadRecord(
        bench="download",
        rtt=rtt,
        size=size,
        contender=name,
        rounds=len(runs),
        seconds=median(seconds),
        seconds_min=min(seconds),
        seconds_max=max(seconds),
        requests=round(median(each.requests for each in runs)),
        cpu_s=median(each.cpu for each in runs),
        ratio_to_stock=median(ratios),
        ratio_min=min(ratios),
        ratio_max=max(ratios),
    )
