"""Waiting: how near to the least possible time each way to meet flood limits comes.

First on simulated servers, in pure virtual time, with the model of the unit tests. Then the real
thing: telefast and stock Telethon on the embedded Telegram, on a virtual clock.
"""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from telefast import BatchedHistory, Takeout, remember_rates
from telefast.cli.race import RaceError
from telefast.testing import Chat, LocalTelegram, World, flood_profile, run_virtual, virtual_loop
from telefast.testing.flood_limits import TokenBucket
from tests.unit.flood_model import (
    CALLERS,
    PROFILES,
    REQUESTS,
    RTT,
    Aimd,
    Outcome,
    Paced,
    Profile,
    Sleeping,
    Way,
    simulate,
)

if TYPE_CHECKING:
    from benchmarks.history import Plan
    from telefast.cli.view import View

__all__ = ["PacingRecord", "run"]

SEEDS = 20
"""Simulated runs for each round that is asked for: 100 by default."""
QUICK_SEEDS = 1
QUICK_MESSAGES: Final = 6_000
"""60 pages: twice the bursts of both profiles."""
MESSAGES: Final = {"telegram-plain": 30_000, "telegram-takeout": 100_000}
"""Of the embedded chat, with five rounds; fewer with fewer: 300 and 1,000 full pages."""
CHATS: Final = ("dense", "50 % holes", "private chat")
"""A supergroup without deleted messages, one with half of them deleted, and a private chat."""
ASKED: Final = ("messages.getHistory", "messages.getMessages", "channels.getMessages")
SIMULATED = ["requests", "time", "after 1st\nwait", "refused"]
EMBEDDED = ["requests", "per 100\nmessages", "time", "refused"]


@dataclass(frozen=True, slots=True)
class PacingRecord:
    """One way to wait under one profile; medians.

    Attributes:
        bench: The benchmark.
        where: `simulated`, or `embedded` for the real client.
        profile: The limits.
        chat: What was read, "" where only requests were simulated.
        contender: Who waited.
        runs: How often.
        seconds: Of virtual time.
        ratio: Those over the optimum, the least time in which the budget and the line allow it.
        after_first_wait: The same from the end of the first wait on; None where not measured.
        refused: Requests that were refused.
        requests: Requests that were answered.
        messages: Messages that they brought, 0 where only requests were simulated.
    """

    bench: str
    where: str
    profile: str
    chat: str
    contender: str
    runs: int
    seconds: float
    ratio: float
    after_first_wait: float | None
    refused: float
    requests: int
    messages: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)

    def row(self) -> tuple[str, list[str]]:
        """Return the row of a table with `SIMULATED` or `EMBEDDED`."""
        name = ", ".join(filter(None, (self.profile, self.chat)))
        figures = [f"{self.requests:,}", f"{self.ratio:.3f}"]
        if self.messages:
            figures.insert(1, f"{100 * self.requests / self.messages:.2f}")
        else:
            figures.append(f"{self.after_first_wait:.3f}")
        return f"{name}: {self.contender}", [*figures, f"{self.refused:,.0f}"]


async def run(plan: Plan, view: View) -> list[PacingRecord]:
    """Simulate, then run the real client; one record for each way and profile."""
    records = []
    runs = plan.rounds * (QUICK_SEEDS if plan.is_quick else SEEDS)
    for name, profile in PROFILES.items():
        ways = {who: way for who, way in _ways(profile).items() if plan.takes(who)}
        for contender, way in ways.items():
            records.append(_simulated(name, profile, contender, way, runs))
            await asyncio.sleep(0)
    view.table("pacing, simulated", SIMULATED, [each.row() for each in records])
    view.say(
        f"Times are multiples of the optimum: {REQUESTS:,} requests of {CALLERS} callers, "
        f"{RTT * 1000:g} ms of round trip; medians of {runs} runs."
    )
    view.say()
    found = await asyncio.to_thread(run_virtual, _embedded, plan)
    view.table("pacing, embedded Telegram", EMBEDDED, [each.row() for each in found])
    view.say(
        "Times are multiples of the optimum of pages: that of a client which knows the limit and "
        "asks for 100 messages at a time."
    )
    return records + found


def _ways(profile: Profile) -> dict[str, Callable[[int], Way]]:
    """Return the ways to wait, made from a seed."""
    return {
        "telefast, cold": lambda _: Paced(),
        "telefast, second run": lambda seed: Paced(profile.second_run(seed)),
        "telefast, true rate": lambda _: Paced(profile.remembered()),
        "sleeping, as Telethon": lambda _: Sleeping(),
        "AIMD": lambda _: Aimd(),
    }


def _simulated(
    name: str, profile: Profile, contender: str, way: Callable[[int], Way], runs: int
) -> PacingRecord:
    outcomes: list[Outcome] = [
        simulate(profile.server(Random(seed)), way(seed)) for seed in range(runs)
    ]
    seconds = median(each.seconds for each in outcomes)
    return PacingRecord(
        "pacing",
        "simulated",
        name,
        "",
        contender,
        runs,
        seconds,
        seconds / profile.optimum(REQUESTS),
        median(profile.after_first_wait(each) for each in outcomes),
        median(each.refused for each in outcomes),
        REQUESTS,
    )


# The real client


async def _embedded(plan: Plan) -> list[PacingRecord]:
    """Read each chat under each profile, in one loop of virtual time."""
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for profile, most in MESSAGES.items():
            count = QUICK_MESSAGES if plan.is_quick else round(most * min(plan.rounds, 5) / 5)
            for number, chat in enumerate(CHATS):
                place = Path(folder) / f"{profile}-{number}"
                if plan.mode != "baseline":
                    records.append(await _read(profile, chat, count, "telefast, cold", place))
                    _rest(place)
                    records.append(await _read(profile, chat, count, "telefast, second run", place))
                if plan.mode != "optimized":
                    records.append(await _read(profile, chat, count, "stock, wait_time=0", None))
    return records


def _rest(place: Path) -> None:
    """Let an hour pass between two runs: the clock of what is remembered is the real one."""
    for path in place.glob("*.json"):  # none where no request was refused
        data = json.loads(path.read_text("utf-8"))
        for name in ("wall", "steady"):
            data["clocks"][name] -= 3600
        path.write_text(json.dumps(data), "utf-8")


def _make_world(chat: str, count: int) -> tuple[World, Chat]:
    world = World(seed=7)
    if chat != "private chat":
        holes = 0.0 if chat == "dense" else 0.5
        return world, world.add_channel("Benchmark", message_count=count, holes=holes)
    world.add_group("Neighbours", message_count=count // 2)  # draws from the same ids
    user = next(each for each in world.users.values() if not each.is_self)
    return world, world.add_private_chat(user, message_count=count)


async def _read(
    profile: str, chat: str, count: int, contender: str, place: Path | None
) -> PacingRecord:
    """Read the whole chat as a new process would; *place* None for stock Telethon."""
    world, there = _make_world(chat, count)
    is_takeout = profile == "telegram-takeout"
    telegram = LocalTelegram(world, flood=profile, rtt=RTT)
    read = 0
    async with telegram, telegram.client() as client:
        peer = there.input_peer()
        began = virtual_loop().time()
        if place is not None:
            remember_rates(client, place)
            stream = BatchedHistory(client, peer, concurrency=CALLERS, takeout=is_takeout)
            async with stream:
                async for _ in stream:
                    read += 1
        elif is_takeout:
            async with Takeout(client) as takeout:
                async for _ in takeout.client.iter_messages(peer, wait_time=0):
                    read += 1
        else:
            async for _ in client.iter_messages(peer, wait_time=0):
                read += 1
        seconds = virtual_loop().time() - began
        ledger = telegram.requests
        asked = sum(ledger[name] for name in ASKED)
        refused = sum(n for name, n in ledger.errors.items() if name.startswith("FLOOD_WAIT"))
    if read != count:
        raise RaceError(f"{contender}: read {read:,} messages, not {count:,}")
    # What a client that knows the budget and asks by pages of 100 would take.
    pages = math.ceil(count / 100)
    limit = flood_profile(profile).budgets[0].limit
    assert isinstance(limit, TokenBucket)
    optimum = (pages - limit.burst) / limit.rate
    return PacingRecord(
        "pacing",
        "embedded",
        profile,
        chat,
        contender,
        1,
        seconds,
        seconds / optimum,
        None,
        refused,
        asked - refused,
        read,
    )
