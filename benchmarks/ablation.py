"""What each optimisation brings by itself: the same work without it and with it.

`python -m benchmarks ablation` has a row for each item of the list that this library began with,
also for those that are not there yet. Each arm runs in a process of its own, both arms of a pair in
turns, on a line of 30 ms; what is compared first is their answers.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types

from benchmarks import cores
from benchmarks.arms import PAIRS, SCENE_DCS, Pair
from telefast.cli.race import Lane, RaceError
from telefast.testing import Channel, DataCentre, LocalTelegram, World, put_media

if TYPE_CHECKING:
    from benchmarks.plan import Plan
    from telefast.cli.view import View

__all__ = ["Ablation", "AblationRecord", "verdict"]

RTT: Final = 0.03
HEADS: Final = ["seconds", "requests", "wire\nMB", "disk\nMB", "CPU\ns", "peak\nMB", "verdict"]

MORE_TIME: Final = 1.1
MORE_BYTES: Final = 1.02
LESS: Final = 0.95
"""Our choice: what counts as more or less, given how much two runs of the same thing differ."""
ROUNDS_FOR_TIME: Final = 3
"""With fewer, time says nothing of itself."""


@dataclass(frozen=True, slots=True)
class AblationRecord:
    """One arm of a pair; medians of its rounds.

    Attributes:
        bench: The benchmark.
        item: The number of the optimisation in the list that this library began with, or "".
        what: The optimisation.
        setting: `off` or `on`, or `not there yet`.
        said: What that means.
        rounds: How often it ran.
        seconds: From the start of the work to its answer.
        seconds_min: In the fastest round.
        requests: Requests that the server received.
        bytes: Bytes on the wire, both ways.
        disk_bytes: Bytes of all files that it left.
        cpu_s: CPU seconds of the client's process.
        peak_rss_mb: Most memory of that process, in 10**6 bytes; None where it cannot be told.
        verdict: Of `on`: `better`, `neutral`, or what is worse.
    """

    bench: str
    item: str
    what: str
    setting: str
    said: str
    rounds: int = 0
    seconds: float | None = None
    seconds_min: float | None = None
    requests: int | None = None
    bytes: int | None = None
    disk_bytes: int | None = None
    cpu_s: float | None = None
    peak_rss_mb: float | None = None
    verdict: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)

    def row(self) -> tuple[str, list[str]]:
        """Return the row of a table with `HEADS`."""
        number = f"{self.item}. " if self.item else ""
        name = f"{number}{self.what}: {self.setting}"
        if self.seconds is None:
            return name, ["-"] * 7
        return name, [
            f"{self.seconds:.2f}",
            f"{self.requests:,}",
            f"{(self.bytes or 0) / 1e6:.2f}",
            f"{(self.disk_bytes or 0) / 1e6:.2f}",
            f"{self.cpu_s:.2f}",
            "-" if self.peak_rss_mb is None else f"{self.peak_rss_mb:.0f}",
            self.verdict,
        ]


def verdict(off: AblationRecord, on: AblationRecord) -> str:
    """Say whether *on* is better than *off*, neutral, or what of it is worse.

    Worse are one request more, 2 % more bytes, or 10 % more time, fastest round against fastest
    round, where there were three. Better is what is 5 % less in one of these, and worse in none.
    Where it takes 10 % more memory, that is told beside it.
    """
    limits = {"requests": 1.0, "bytes": MORE_BYTES, "disk_bytes": MORE_BYTES}
    if min(off.rounds, on.rounds) >= ROUNDS_FOR_TIME:
        limits["seconds_min"] = MORE_TIME
    worse, is_better = [], False
    for name, most in limits.items():
        before, now = getattr(off, name), getattr(on, name)
        if now > before * most:
            worse.append(name.removesuffix("_min").replace("_", " "))
        is_better |= now < before * LESS
    word = f"more {', '.join(worse)}" if worse else "better" if is_better else "neutral"
    if off.peak_rss_mb and on.peak_rss_mb and on.peak_rss_mb > off.peak_rss_mb * MORE_TIME:
        word += ", more memory"
    return word


class Ablation:
    """A benchmark of some pairs.

    Args:
        bench: Its name.
        pairs: Which of `benchmarks.arms.PAIRS`.
    """

    def __init__(self, bench: str, pairs: Sequence[str]) -> None:
        self._bench = bench
        self._pairs = [(name, PAIRS[name]) for name in pairs]

    async def run(self, plan: Plan, view: View) -> list[AblationRecord]:
        """Run both arms of each pair in turns, and compare; a mode runs one arm only.

        Raises:
            RaceError: If an arm fails, or the two give different answers.
        """
        records: list[AblationRecord] = []
        for name, pair in self._pairs:
            found = await self._compare(name, pair, plan)
            if len(self._pairs) > 1:
                view.say(f"{pair.title}: {found[-1].verdict or found[-1].setting}")
            records += found
        view.table(f"{self._bench}, {RTT * 1000:g} ms", HEADS, [each.row() for each in records])
        for name, pair in self._pairs:
            view.say(f"{name}, off and on: {pair.said}")
        view.say()
        return records

    async def _compare(self, name: str, pair: Pair, plan: Plan) -> list[AblationRecord]:
        if pair.on is None:
            return [AblationRecord(self._bench, pair.item, pair.title, "not there yet", pair.said)]
        settings = {"baseline": [False], "optimized": [True]}.get(plan.mode, [False, True])
        runs: dict[bool, list[dict[str, Any]]] = {setting: [] for setting in settings}
        world, chat = SCENES[pair.scene](plan)
        centres = [DataCentre(each) for each in world.dc_ids[1:]]
        with cores.servers():
            server = LocalTelegram(world, rtt=RTT, process=True, data_centres=centres)
            await server.__aenter__()
        try:
            await server.warm()
            with cores.others():
                for number in range(1 if plan.is_quick else plan.rounds):
                    for is_on in settings if number % 2 == 0 else settings[::-1]:
                        runs[is_on].append(await _timed(server, chat, name, is_on=is_on))
        finally:
            await server.__aexit__(None, None, None)
        if len({each["digest"] for found in runs.values() for each in found}) > 1:
            raise RaceError(f"{pair.title}: the answers off and on differ")
        records = [self._record(pair, is_on, found) for is_on, found in runs.items()]
        if len(records) == 2:
            told = asdict(records[1]) | {"verdict": verdict(*records)}
            records[1] = AblationRecord(**told)
        return records

    def _record(self, pair: Pair, is_on: bool, runs: list[dict[str, Any]]) -> AblationRecord:
        peaks = [each["peak"] for each in runs if each["peak"] is not None]
        return AblationRecord(
            self._bench,
            pair.item,
            pair.title,
            "on" if is_on else "off",
            pair.said.split("; ")[is_on],
            len(runs),
            median(each["seconds"] for each in runs),
            min(each["seconds"] for each in runs),
            round(median(each["requests"] for each in runs)),
            round(median(each["bytes"] for each in runs)),
            round(median(each["disk"] for each in runs)),
            median(each["cpu"] for each in runs),
            median(peaks) / 1e6 if peaks else None,
        )


async def _timed(
    telegram: LocalTelegram, chat: Channel, name: str, *, is_on: bool
) -> dict[str, Any]:
    order = {
        "pair": name,
        "is_on": is_on,
        "session": telegram.session_string(),
        "chat": bytes(chat.input_peer()).hex(),
        "count": len(chat.ids),
    }
    lane = await Lane.start("-m", "benchmarks.arm_lane")
    try:
        await lane.say(json.dumps(order))
        await lane.hear("ready")
        before = (await telegram.sync()).snapshot()
        await lane.say("go")
        done: dict[str, Any] = (await lane.hear("done"))["done"]
        after = await telegram.sync()
        await lane.ended()
    except RaceError as error:
        raise RaceError(f"{PAIRS[name].title}, {'on' if is_on else 'off'}: {error}") from None
    finally:
        await lane.close()
    wire = sum(getattr(after, key) - before[key] for key in ("bytes_sent", "bytes_received"))
    return done | {"requests": after.total - before["total"], "bytes": wire}


# Scenes


def _chat(plan: Plan) -> tuple[World, Channel]:
    """A supergroup of 20,000 messages; of 2,000 in a quick run."""
    count = 2_000 if plan.is_quick else 20_000
    world = World(seed=count)
    return world, world.add_channel("Benchmark", message_count=count, holes=0.05)


def _reposts(plan: Plan) -> tuple[World, Channel]:
    """Files of 20 to 400 kB, of which 40 % are reposts."""
    count = 50 if plan.is_quick else 300
    world, rng, seen = World(seed=count), random.Random(count), list[Any]()
    channel = world.add_channel("Benchmark", username="benchmark")
    for number in range(count):
        if seen and number % 5 in (1, 3):
            document = rng.choice(seen)
        else:
            size = rng.randint(20_000, 400_000)
            document = world.file_store.document(size, f"{number}.bin", dc_id=world.dc_ids[0])
            seen.append(document)
        put_media(channel, types.MessageMediaDocument(document=document))
    return world, channel


def _film(plan: Plan) -> tuple[World, Channel]:
    """One file of 64 MiB; of 8 MiB in a quick run."""
    size = (8 if plan.is_quick else 64) << 20
    world = World(seed=size)
    channel = world.add_channel("Benchmark", username="benchmark")
    document = world.file_store.document(size, "film.mkv", dc_id=world.dc_ids[0])
    put_media(channel, types.MessageMediaDocument(document=document))
    return world, channel


def _photos(plan: Plan) -> tuple[World, Channel]:
    """30 photos at three data centres."""
    del plan
    world = World(seed=30, dc_ids=SCENE_DCS)
    channel = world.add_channel("Benchmark", username="benchmark")
    for number in range(30):
        sizes = [types.PhotoSize("x", 800, 600, 100_000)]
        photo = world.file_store.photo(sizes, dc_id=SCENE_DCS[number % len(SCENE_DCS)])
        put_media(channel, types.MessageMediaPhoto(photo=photo))
    return world, channel


def _reactions(plan: Plan) -> tuple[World, Channel]:
    """Of each ten messages three have one to six reactions; one message has 250."""
    count = 200 if plan.is_quick else 1_000
    world = World(seed=74, user_count=300)
    channel = world.add_channel("Benchmark", message_count=count, username="benchmark")
    for number in range(1, count + 1):
        channel.reactions.remove(number)
    for number in range(3 * count // 10):
        channel.reactions.add(3 * number + 1, "👍", by=channel.members[: 1 + number % 6])
    channel.reactions.add(count, "👍", count=250)
    return world, channel


SCENES: Final[dict[str, Callable[[Plan], tuple[World, Channel]]]] = {
    "chat": _chat,
    "reposts": _reposts,
    "film": _film,
    "photos": _photos,
    "reactions": _reactions,
}
