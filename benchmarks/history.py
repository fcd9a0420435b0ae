"""Reading the whole history of a supergroup."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.records import HEADS, Record, make_record, table_of
from telefast.cli import contenders
from telefast.cli.race import Entry, Outcome, RaceError, run_entry
from telefast.testing import Channel, FloodProfile, LocalTelegram, World, flood_profile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telefast.cli.view import View

__all__ = ["FULL", "MAX_SIZE", "QUICK", "Plan", "run"]

HOLES = 0.05
"""Share of deleted ids, as in the demo."""
MAX_SIZE = 100_000
"""Messages that the embedded Telegram keeps ready; beyond them it would be measured, too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run.

    Attributes:
        sizes: Messages of the chats.
        rtts: Round trip times, in seconds.
        rounds: How often each contender runs.
        prefix: Messages after which a contender that mostly sleeps is stopped.
        flood: The flood limits that all run under, each with a server of its own if there are any.
    """

    sizes: Sequence[int]
    rtts: Sequence[float]
    rounds: int
    prefix: int
    flood: FloodProfile = field(default_factory=lambda: flood_profile("unlimited"))


FULL = Plan((1_000, 10_000, 20_000, 50_000), (0.0, 0.03, 0.1), rounds=5, prefix=1_000)
QUICK = Plan((1_000, 5_000), (0.0, 0.03), rounds=2, prefix=300)

_BATCHED = f"{contenders.__name__}.batched"
_STOCK = f"{contenders.__name__}.stock"

TELEFAST = Entry("telefast", _BATCHED, {"concurrency": 16}, "16 in flight", in_flight=16)
STOCK = Entry("stock", _STOCK, {"wait_time": 0}, "wait_time=0")
ENTRIES = (TELEFAST, Entry("telefast", _BATCHED, {}, "4 (default)", in_flight=4), STOCK)


def paced(size: int, plan: Plan) -> Entry:
    """Return stock as it comes: one second between requests, so it is stopped early."""
    most = min(plan.prefix, size)
    return Entry("stock", _STOCK, {"wait_time": None}, "default", stop_after=most)


async def run(plan: Plan, view: View) -> list[Record]:
    """Compare answers, then race; returns one record for each contender and situation.

    Raises:
        RaceError: If a contender fails or reads something else than the others.
    """
    for size in plan.sizes:
        world, channel = _make_world(size)
        async with LocalTelegram(world, process=True) as telegram:
            await _verify(telegram, channel, paced(size, plan))
        view.say(f"answers are equal: {size:,} messages, every byte and what it is bound to")
    view.say(f"limits: {plan.flood.describe()}")
    records = []
    for rtt in plan.rtts:
        found = []
        for size in plan.sizes:
            found += await _race(plan, rtt, size, view)
        view.table(f"history, {_profile(plan, rtt)}", HEADS, table_of(found), has_long_rows=True)
        view.say(
            f"* stopped after {plan.prefix:,} messages, once: it sleeps 1 s between requests. "
            "To stock: rate over that of stock, wait_time=0, in the same round; median and spread."
        )
        view.say()
        records += found
    return records


def _make_world(size: int) -> tuple[World, Channel]:
    world = World(seed=size)
    return world, world.add_channel("Benchmark", message_count=size, holes=HOLES)


def _profile(plan: Plan, rtt: float) -> str:
    return f"{plan.flood.name}, {rtt * 1000:g} ms"


async def _verify(telegram: LocalTelegram, channel: Channel, prefixed: Entry) -> None:
    """Hash every byte that each contender brings, untimed."""
    outcomes = [await run_entry(telegram, channel, each, sink="exact") for each in ENTRIES]
    for entry, outcome in zip(ENTRIES, outcomes, strict=True):
        _check(entry, outcome, len(channel.ids), outcomes[0].digest)
    expected = await run_entry(telegram, channel, _cut(prefixed), sink="exact")
    outcome = await run_entry(telegram, channel, prefixed, sink="exact")
    _check(prefixed, outcome, expected.messages, expected.digest)


def _cut(prefixed: Entry) -> Entry:
    return Entry(
        TELEFAST.name, _BATCHED, TELEFAST.options, "prefix", stop_after=prefixed.stop_after
    )


def _check(entry: Entry, outcome: Outcome, messages: int, digest: str) -> None:
    who = f"{entry.name}, {entry.setting}"
    if outcome.messages != messages:
        raise RaceError(f"{who}: read {outcome.messages:,} messages, not {messages:,}")
    if outcome.digest != digest:
        raise RaceError(f"{who}: read other messages than {TELEFAST.name}, {TELEFAST.setting}")


async def _run(
    telegram: LocalTelegram, channel: Channel, entry: Entry, plan: Plan, rtt: float
) -> Outcome:
    """Run one contender; if there are flood limits, with a server that nobody has asked before."""
    if not plan.flood.budgets:
        return await run_entry(telegram, channel, entry, sink="tally")
    async with LocalTelegram(telegram.world, rtt=rtt, process=True, flood=plan.flood) as fresh:
        await fresh.warm()
        return await run_entry(fresh, channel, entry, sink="tally")


async def _race(plan: Plan, rtt: float, size: int, view: View) -> list[Record]:
    """Run all rounds of one situation."""
    world, channel = _make_world(size)
    slow = paced(size, plan)
    runs: dict[Entry, list[Outcome]] = {entry: [] for entry in (*ENTRIES, slow)}
    async with LocalTelegram(world, rtt=rtt, process=True) as telegram:
        await telegram.warm()
        expected = await run_entry(telegram, channel, TELEFAST, sink="tally")
        for number in range(plan.rounds):
            turn = number % len(ENTRIES)
            for entry in (*ENTRIES[turn:], *ENTRIES[:turn]):
                outcome = await _run(telegram, channel, entry, plan, rtt)
                _check(entry, outcome, len(channel.ids), expected.digest)
                runs[entry].append(outcome)
        # Once is enough: its time is sleep.
        prefix = await run_entry(telegram, channel, _cut(slow), sink="tally")
        outcome = await _run(telegram, channel, slow, plan, rtt)
        _check(slow, outcome, prefix.messages, prefix.digest)
        runs[slow].append(outcome)
    profile = (_profile(plan, rtt), rtt)
    records = [
        make_record("history", profile, size, entry, found, runs[STOCK])
        for entry, found in runs.items()
    ]
    view.say(
        f"{profile[0]}, {size:,} messages: "
        + "; ".join(f"{each.contender} {each.setting} {each.seconds:.2f} s" for each in records)
    )
    return records
