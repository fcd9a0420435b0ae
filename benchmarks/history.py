"""Reading the whole history of a supergroup, of a private chat and of a basic group."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from benchmarks.records import HEADS, Record, make_record, table_of
from telefast.cli import contenders
from telefast.cli.race import Entry, Outcome, RaceError, run_entry
from telefast.testing import Chat, FloodProfile, LocalTelegram, World, flood_profile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telefast.cli.view import View

__all__ = ["FULL", "MAX_SIZE", "QUICK", "Plan", "run"]

CHATS: Final = ("supergroup", "private chat", "basic group")
OTHERS_SIZE: Final = 20_000
"""Of the sizes, private chats and basic groups are read at the largest up to this one only."""
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
        links: Of downloads: round trip times in seconds, and bytes per second for each connection.
        rivals: The Python of an environment that has the rivals in downloading.
        flood: The flood limits that all run under, each with a server of its own if there are any.
    """

    sizes: Sequence[int]
    rtts: Sequence[float]
    rounds: int
    prefix: int
    links: Sequence[tuple[float, float | None]] = ((0.0, None), (0.03, None))
    rivals: str | None = None
    flood: FloodProfile = field(default_factory=lambda: flood_profile("unlimited"))


FULL = Plan(
    (1_000, 10_000, 20_000, 50_000),
    (0.0, 0.03, 0.1),
    rounds=5,
    prefix=1_000,
    links=((0.0, None), (0.03, None), (0.05, None), (0.1, None), (0.03, 12.5e6)),
)
QUICK = Plan((1_000, 5_000), (0.0, 0.03), rounds=2, prefix=300)

_BATCHED = f"{contenders.__name__}.batched"
_STOCK = f"{contenders.__name__}.stock"

TELEFAST = Entry("telefast", _BATCHED, {"concurrency": 16}, "16 in flight", in_flight=16)
STOCK = Entry("stock", _STOCK, {"wait_time": 0}, "wait_time=0")
ENTRIES = (TELEFAST, Entry("telefast", _BATCHED, {}, "8 (default)", in_flight=8), STOCK)


def paced(size: int, plan: Plan) -> Entry:
    """Return stock as it comes: one second between requests, so it is stopped early."""
    most = min(plan.prefix, size)
    return Entry("stock", _STOCK, {"wait_time": None}, "default", stop_after=most)


@dataclass(frozen=True, slots=True)
class Situation:
    """A chat on a line.

    Attributes:
        chat: One of `CHATS`.
        size: Its messages.
        rtt: Round trip time, in seconds.
    """

    chat: str
    size: int
    rtt: float = 0.0

    def make(self) -> tuple[World, Chat]:
        """Return a new world with the chat in it."""
        world = World(seed=self.size)
        if self.chat == "supergroup":
            return world, world.add_channel("Benchmark", message_count=self.size, holes=HOLES)
        # Whatever else the account receives draws from the same ids.
        world.add_group("Neighbours", message_count=self.size // 2)
        if self.chat == "basic group":
            return world, world.add_group("Benchmark", message_count=self.size)
        return world, world.add_private_chat("Grace Hopper", message_count=self.size)

    def __str__(self) -> str:
        return f"{self.chat}, {self.size:,} messages"


def situations(plan: Plan) -> list[Situation]:
    """Return what is read at each round trip time."""
    sizes = list(plan.sizes)
    fit = [size for size in sizes if size <= OTHERS_SIZE] or [min(sizes)]
    found = [Situation("supergroup", size) for size in sizes]
    return found + [Situation(chat, max(fit)) for chat in CHATS[1:]]


async def run(plan: Plan, view: View) -> list[Record]:
    """Compare answers, then race; returns one record for each contender and situation.

    Raises:
        RaceError: If a contender fails or reads something else than the others.
    """
    for each in situations(plan):
        world, chat = each.make()
        async with LocalTelegram(world, process=True) as telegram:
            await _verify(telegram, chat, paced(each.size, plan))
        view.say(f"answers are equal: {each}, every byte and what it is bound to")
    view.say(f"limits: {plan.flood.describe()}")
    records = []
    for rtt in plan.rtts:
        found = []
        for each in situations(plan):
            found += await _race(plan, replace(each, rtt=rtt), view)
        view.table(f"history, {_profile(plan, rtt)}", HEADS, table_of(found), has_long_rows=True)
        view.say(
            f"* stopped after {plan.prefix:,} messages, once: it sleeps 1 s between requests. "
            "To stock: rate over that of stock, wait_time=0, in the same round; median and spread."
        )
        view.say()
        records += found
    return records


def _profile(plan: Plan, rtt: float) -> str:
    return f"{plan.flood.name}, {rtt * 1000:g} ms"


async def _verify(telegram: LocalTelegram, chat: Chat, prefixed: Entry) -> None:
    """Hash every byte that each contender brings, untimed."""
    outcomes = [await run_entry(telegram, chat, each, sink="exact") for each in ENTRIES]
    for entry, outcome in zip(ENTRIES, outcomes, strict=True):
        _check(entry, outcome, len(chat.ids), outcomes[0].digest)
    expected = await run_entry(telegram, chat, _cut(prefixed), sink="exact")
    outcome = await run_entry(telegram, chat, prefixed, sink="exact")
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
    telegram: LocalTelegram, chat: Chat, entry: Entry, plan: Plan, rtt: float
) -> Outcome:
    """Run one contender; if there are flood limits, with a server that nobody has asked before."""
    if not plan.flood.budgets:
        return await run_entry(telegram, chat, entry, sink="tally")
    async with LocalTelegram(telegram.world, rtt=rtt, process=True, flood=plan.flood) as fresh:
        await fresh.warm()
        return await run_entry(fresh, chat, entry, sink="tally")


async def _race(plan: Plan, situation: Situation, view: View) -> list[Record]:
    """Run all rounds of one situation."""
    world, chat = situation.make()
    rtt = situation.rtt
    slow = paced(situation.size, plan)
    runs: dict[Entry, list[Outcome]] = {entry: [] for entry in (*ENTRIES, slow)}
    async with LocalTelegram(world, rtt=rtt, process=True) as telegram:
        await telegram.warm()
        expected = await run_entry(telegram, chat, TELEFAST, sink="tally")
        for number in range(plan.rounds):
            turn = number % len(ENTRIES)
            for entry in (*ENTRIES[turn:], *ENTRIES[:turn]):
                outcome = await _run(telegram, chat, entry, plan, rtt)
                _check(entry, outcome, len(chat.ids), expected.digest)
                runs[entry].append(outcome)
        # Once is enough: its time is sleep.
        prefix = await run_entry(telegram, chat, _cut(slow), sink="tally")
        outcome = await _run(telegram, chat, slow, plan, rtt)
        _check(slow, outcome, prefix.messages, prefix.digest)
        runs[slow].append(outcome)
    profile = (_profile(plan, rtt), rtt)
    records = [
        make_record("history", profile, situation.chat, situation.size, entry, found, runs[STOCK])
        for entry, found in runs.items()
    ]
    view.say(
        f"{profile[0]}, {situation}: "
        + "; ".join(f"{each.contender} {each.setting} {each.seconds:.2f} s" for each in records)
    )
    return records
