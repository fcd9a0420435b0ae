"""Downloading one large file."""

from __future__ import annotations

import json
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks import cores
from benchmarks.fetch_lane import SLOW_DISK
from benchmarks.records import ratio_text
from benchmarks.scenes import file_world
from benchmarks.strangers import STRANGERS, Server, Stranger, at_home
from telefast.cli.race import Lane, Outcome, RaceError
from telefast.testing import LocalTelegram

if TYPE_CHECKING:
    from benchmarks.history import Plan
    from telefast.cli.view import View

__all__ = ["DownloadRecord", "run"]

SIZE: Final = 64 * 1024 * 1024
QUICK_SIZE: Final = 8 * 1024 * 1024
DISK_RTT: Final = 0.03
HEADS = ["seconds", "MB/s", "requests", "MB", "CPU\ns", "to\nstock", "spread"]


@dataclass(frozen=True, slots=True)
class DownloadRecord:
    """One contender at one round trip time; medians of its rounds, with the extremes beside them.

    Attributes:
        bench: The benchmark.
        rtt: Round trip time, in seconds.
        bandwidth: Bytes per second of each connection; None is no limit.
        size: Bytes of the file.
        contender: Who ran.
        version: Its release.
        rounds: How often it ran.
        seconds: From the call to the whole file on the disk.
        seconds_min: The fastest round.
        seconds_max: The slowest round.
        mb_per_s: Bytes of the file, 10**6 a second.
        seconds_per_file: The same as *seconds*: it is one file.
        requests: Parts that the server was asked for.
        bytes: Bytes on the wire, both ways.
        bytes_read: Those that the server sent.
        disk_writes: Writes that the client's process asked the system for, to all files; None where
            it does not count them.
        cpu_s: CPU seconds of the client's process.
        peak_rss_mb: Most memory it ever held, in 10**6 bytes; None where it cannot be told.
        ratio_to_stock: Rate over that of `client.download_media` in the same round; None where
            that did not run.
        ratio_min: The worst round.
        ratio_max: The best round.
        disk: Bytes per second of a slow disk; None is memory.
    """

    bench: str
    rtt: float
    bandwidth: float | None
    size: int
    contender: str
    version: str
    rounds: int
    seconds: float
    seconds_min: float
    seconds_max: float
    mb_per_s: float
    seconds_per_file: float
    requests: int
    bytes: int
    bytes_read: int
    disk_writes: int | None
    cpu_s: float
    peak_rss_mb: float | None
    ratio_to_stock: float | None
    ratio_min: float | None
    ratio_max: float | None
    disk: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)

    def row(self) -> tuple[str, list[str]]:
        """Return the row of a table with `HEADS`."""
        return self.contender, [
            f"{self.seconds:.2f}",
            f"{self.mb_per_s:.1f}",
            f"{self.requests:,}",
            f"{self.bytes / 1e6:.1f}",
            f"{self.cpu_s:.2f}",
            ratio_text(self.ratio_to_stock, 1),
            "-" if self.ratio_min is None else f"{self.ratio_min:.1f}-{self.ratio_max:.1f}",
        ]


OURS: Final = ("telefast", "telefast, cold", "download_media", "download_file, 512 KiB")
RIVALS: Final = ("fasttelethonhelper", "aiofasttelethonhelper", "tgup-cli")


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    cpu: float
    requests: int
    traffic: int
    received: int
    writes: int | None
    peak: int | None


async def run(plan: Plan, view: View) -> list[DownloadRecord]:
    """Race, and compare the bytes of every run; one record for each contender and link.

    Raises:
        RaceError: If a contender fails, or brings other bytes than the others.
    """
    size = QUICK_SIZE if plan.is_quick else SIZE
    records = []
    for rtt, bandwidth in plan.links:
        missing: dict[str, str] = {}
        found = await _race(plan, (rtt, bandwidth), size, missing)
        title = f"download of {size >> 20} MiB, {rtt * 1000:g} ms"
        if bandwidth:
            title += f", {bandwidth / 1e6:g} MB/s for each connection"
        view.table(title, HEADS, [each.row() for each in found])
        for name, reason in missing.items():
            view.say(f"{name} did not run: {reason}")
        records += found
    if not plan.is_quick:
        found = await _race(plan, (DISK_RTT, None), size, {}, slow_disk=True)
        found = [replace(each, disk=SLOW_DISK) for each in found]
        title = f"download of {size >> 20} MiB, {DISK_RTT * 1000:g} ms, slow disk"
        view.table(title, HEADS, [each.row() for each in found])
        view.say(f"A disk of {SLOW_DISK / 1e6:g} MB/s: each write takes its time, one at a time.")
        records += found
    view.say(
        "To stock: rate over that of download_media in the same round; median and spread. "
        "Each contender has a process, the server another, on a core of its own. telefast is "
        "warm: it has downloaded before, and its connections stand; cold, neither. Files go to "
        "memory where that has a file system: on a disk telefast alone waits for it."
    )
    view.say()
    return records


async def _race(
    plan: Plan,
    link: tuple[float, float | None],
    size: int,
    missing: dict[str, str],
    *,
    slow_disk: bool = False,
) -> list[DownloadRecord]:
    rtt, bandwidth = link
    takers = filter(plan.takes, OURS if slow_disk else OURS + RIVALS)
    world, channel = file_world(size)
    server = LocalTelegram(world, rtt=rtt, bandwidth=bandwidth, process=True)
    async with AsyncExitStack() as stack:
        with cores.servers():
            telegram = await stack.enter_async_context(server)
        stack.enter_context(cores.others())
        lanes: dict[str, tuple[Lane, str]] = {}
        for name in takers:
            python = plan.rivals if name in RIVALS else sys.executable
            if python is None:
                missing[name] = "no --rivals"
                continue
            lane = await Lane.start(str(Path(__file__).with_name("fetch_lane.py")), program=python)
            stack.push_async_callback(lane.close)
            order = {"contender": name, "session": telegram.session_string(), "disk": slow_disk}
            await lane.say(json.dumps(order))
            answer = await lane.hear("ready", "missing")
            if "ready" in answer:
                lanes[name] = lane, answer["ready"]
            else:
                missing[name] = answer["missing"]
        guests: dict[str, tuple[Stranger, Server]] = {}
        for who in () if plan.is_quick or slow_disk else STRANGERS:
            if not plan.takes(who.name):
                continue
            if reason := who.missing():
                missing[who.name] = reason
                continue
            home = at_home(telegram, channel.ids[-1])
            own = who.server(home, "file", size, rtt=rtt, bandwidth=bandwidth)
            guests[who.name] = who, await stack.enter_async_context(own)
        runs: dict[str, list[_Run]] = {name: [] for name in (*lanes, *guests)}
        names, digests = list(runs), set()
        versions = {name: release for name, (_, release) in lanes.items()}
        for number in range(plan.rounds):
            turn = number % len(names)
            for name in (*names[turn:], *names[:turn]):
                if name in missing:
                    continue
                if name in guests:
                    try:
                        outcome = await guests[name][0].run(guests[name][1], "file")
                    except RaceError as error:
                        missing[name] = str(error)
                        del runs[name]
                        continue
                    found, digest, versions[name] = _visit(outcome)
                else:
                    found, digest = await _timed(telegram, lanes[name][0], name)
                runs[name].append(found)
                digests.add(digest)
                if len(digests) > 1:
                    raise RaceError(f"{name}: brought other bytes than those before it")
    return [
        _record((rtt, bandwidth), size, (name, versions[name]), found, runs.get("download_media"))
        for name, found in runs.items()
    ]


def _visit(outcome: Outcome) -> tuple[_Run, str, str]:
    """Return what a run of a stranger is, its digest and its release."""
    run = _Run(
        seconds=outcome.seconds,
        cpu=outcome.cpu,
        requests=outcome.requests.get("upload.getFile", 0),
        traffic=outcome.traffic,
        received=outcome.received,
        writes=None,
        peak=None,
    )
    return run, outcome.digest, outcome.version


async def _timed(telegram: LocalTelegram, lane: Lane, name: str) -> tuple[_Run, str]:
    try:
        await lane.say("prepare")
        await lane.hear("prepared")
        before = (await telegram.sync()).snapshot()
        await lane.say("go")
        done = (await lane.hear("done"))["done"]
    except RaceError as error:
        raise RaceError(f"{name}: {error}") from None
    after = await telegram.sync()
    received = after.bytes_sent - before["bytes_sent"]
    found = _Run(
        seconds=done["seconds"],
        cpu=done["cpu"],
        requests=after.since(before)["upload.getFile"],
        traffic=received + after.bytes_received - before["bytes_received"],
        received=received,
        writes=done["writes"],
        peak=done["peak"],
    )
    return found, done["digest"]


def _record(
    link: tuple[float, float | None],
    size: int,
    who: tuple[str, str],
    runs: list[_Run],
    stock: list[_Run] | None,
) -> DownloadRecord:
    seconds = [each.seconds for each in runs]
    writes = [each.writes for each in runs if each.writes is not None]
    peaks = [each.peak for each in runs if each.peak is not None]
    ratios = [base.seconds / each.seconds for each, base in zip(runs, stock or (), strict=False)]
    return DownloadRecord(
        bench="download",
        rtt=link[0],
        bandwidth=link[1],
        size=size,
        contender=who[0],
        version=who[1],
        rounds=len(runs),
        seconds=median(seconds),
        seconds_min=min(seconds),
        seconds_max=max(seconds),
        mb_per_s=size / median(seconds) / 1e6,
        seconds_per_file=median(seconds),
        requests=round(median(each.requests for each in runs)),
        bytes=round(median(each.traffic for each in runs)),
        bytes_read=round(median(each.received for each in runs)),
        disk_writes=round(median(writes)) if writes else None,
        peak_rss_mb=max(peaks) / 1e6 if peaks else None,
        cpu_s=median(each.cpu for each in runs),
        ratio_to_stock=median(ratios) if ratios else None,
        ratio_min=min(ratios, default=None),
        ratio_max=max(ratios, default=None),
    )
