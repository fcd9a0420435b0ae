"""Reading the whole history of a supergroup, of a private chat and of a basic group.

The contenders: telefast with many requests in flight and with its default, a loop of batched
`client.get_messages` (what most programs write to be faster than one message at a time), and stock
Telethon's `iter_messages`, with `wait_time=0` and as it comes. Supergroups are also read by two
clients that are no Telethon (`benchmarks.strangers`), but not in a quick run.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from benchmarks import batched_get
from benchmarks.plan import FULL, MAX_SIZE, QUICK, Plan
from benchmarks.records import HEADS, Record, make_record, table_of
from benchmarks.scenes import chat_world
from benchmarks.strangers import STRANGERS, Server, Stranger, at_home, truth
from telefast.cli import contenders
from telefast.cli.race import Entry, Outcome, RaceError, run_entry
from telefast.testing import Chat, LocalTelegram, World, world_from_export

if TYPE_CHECKING:
    from telefast.cli.view import View

__all__ = ["FULL", "MAX_SIZE", "QUICK", "Plan", "run"]

CHATS: Final = ("supergroup", "private chat", "basic group")
OTHERS_SIZE: Final = 20_000
"""Of the sizes, private chats and basic groups are read at the largest up to this one only."""
_BATCHED = f"{contenders.__name__}.batched"
_STOCK = f"{contenders.__name__}.stock"

TELEFAST = Entry("telefast", _BATCHED, {"concurrency": 32}, "32 in flight", in_flight=32)
STOCK = Entry("stock", _STOCK, {"wait_time": 0}, "wait_time=0")
ENTRIES = (
    TELEFAST,
    Entry("telefast", _BATCHED, {}, "8 (default)", in_flight=8),
    Entry("telefast", _BATCHED, {"concurrency": 32, "view": "lazy"}, "32, lazy", in_flight=32),
    Entry("get_messages", batched_get.__name__, {}, "batches of 100"),
    STOCK,
)


def entries(plan: Plan) -> tuple[Entry, ...]:
    """Return who takes part."""
    return tuple(entry for entry in ENTRIES if plan.takes(entry.name))


def strangers(plan: Plan) -> list[Stranger]:
    """Return who is no Telethon and takes part; each start takes them seconds."""
    if plan.is_quick or plan.flood.budgets:
        return []
    return [each for each in STRANGERS if plan.takes(each.name)]


def paced(size: int, plan: Plan) -> Entry:
    """Return stock as it comes: one second between requests, so it is stopped early."""
    most = min(plan.prefix, size)
    return Entry("stock", _STOCK, {"wait_time": None}, "default", stop_after=most)


@dataclass(frozen=True, slots=True)
class Situation:
    """A chat on a line.

    Attributes:
        chat: One of `CHATS`, or the path of an export, whose largest chat is meant.
        size: Its messages.
        rtt: Round trip time, in seconds.
    """

    chat: str
    size: int
    rtt: float = 0.0

    def make(self) -> tuple[World, Chat]:
        """Return a new world with the chat in it."""
        if self.chat not in CHATS:
            return _exported(self.chat)
        if self.chat == "supergroup":
            return chat_world(self.size)
        world = World(seed=self.size)
        # Whatever else the account receives draws from the same ids.
        world.add_group("Neighbours", message_count=self.size // 2)
        if self.chat == "basic group":
            return world, world.add_group("Benchmark", message_count=self.size)
        return world, world.add_private_chat("Grace Hopper", message_count=self.size)

    def __str__(self) -> str:
        return f"{self.name}, {self.size:,} messages"

    @property
    def name(self) -> str:
        """What kind of chat it is; of an export, nothing that names it."""
        return self.chat if self.chat in CHATS else "export"


def _exported(path: str) -> tuple[World, Chat]:
    world = world_from_export(path)
    kinds: tuple[dict[int, Any], ...] = (world.channels, world.groups, world.private_chats)
    for chats in kinds:
        for chat in [*chats.values()]:
            if chat is not world.main:
                del chats[chat.id]  # only one is read
    return world, world.main


def situations(plan: Plan) -> list[Situation]:
    """Return what is read at each round trip time.

    Raises:
        WorldError: If the target is an export that cannot be used.
    """
    fit = fitting(plan)
    found = [Situation("supergroup", size) for size in plan.sizes]
    found += [Situation(chat, max(fit)) for chat in CHATS[1:]]
    if plan.target in CHATS:
        return [each for each in found if each.chat == plan.target]
    if plan.target is not None:
        _, chat = _exported(plan.target)
        return [Situation(plan.target, len(chat.ids))]
    return found


def fitting(plan: Plan) -> list[int]:
    """Return the sizes that are enough for what does not depend on the size."""
    return [size for size in plan.sizes if size <= OTHERS_SIZE] or [min(plan.sizes)]


async def run(plan: Plan, view: View) -> list[Record]:
    """Compare answers, then race; returns one record for each contender and situation.

    Raises:
        RaceError: If a contender fails or reads something else than the others.
        WorldError: If the target is an export that cannot be used.
    """
    for each in situations(plan):
        world, chat = each.make()
        async with LocalTelegram(world, process=True) as telegram:
            await _verify(telegram, chat, plan)
        view.say(f"answers are equal: {each}, every byte and what it is bound to")
    view.say(f"limits: {plan.flood.describe()}")
    for who in strangers(plan):
        if reason := who.missing():
            view.say(f"{who.name} does not run: {reason}")
    records = []
    for rtt in plan.rtts:
        found = []
        for each in situations(plan):
            found += await _race(plan, replace(each, rtt=rtt), view)
        view.table(f"history, {_profile(plan, rtt)}", HEADS, table_of(found), has_long_rows=True)
        if any(each.messages < each.size for each in found):
            view.say(
                f"* stopped after {plan.prefix:,} messages, once: it sleeps 1 s between requests. "
                "To stock: rate over that of stock, wait_time=0, in the same round; median and "
                "spread."
            )
        view.say()
        records += found
    return records


def _profile(plan: Plan, rtt: float) -> str:
    return f"{plan.flood.name}, {rtt * 1000:g} ms"


async def _verify(telegram: LocalTelegram, chat: Chat, plan: Plan) -> None:
    """Hash every byte that each contender brings, untimed."""
    first, *others = entries(plan)
    found = await run_entry(telegram, chat, first, sink="exact")
    _check(first, found, len(chat.ids), found)
    for entry in others:
        outcome = await run_entry(telegram, chat, entry, sink="exact")
        _check(entry, outcome, len(chat.ids), found)
    if plan.takes("stock") and not plan.is_quick:
        slow = paced(len(chat.ids), plan)
        expected = await run_entry(
            telegram, chat, replace(first, stop_after=slow.stop_after), sink="exact"
        )
        outcome = await run_entry(telegram, chat, slow, sink="exact")
        _check(slow, outcome, expected.messages, expected)


def _check(entry: Entry, outcome: Outcome, messages: int, expected: Outcome) -> None:
    who = f"{entry.name}, {entry.setting}"
    if outcome.messages != messages:
        raise RaceError(f"{who}: read {outcome.messages:,} messages, not {messages:,}")
    if outcome.digest != expected.digest:
        raise RaceError(f"{who}: read other messages than are there or the first contender read")


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
    takers = entries(plan)
    runs: dict[Entry, list[Outcome]] = {entry: [] for entry in takers}
    async with AsyncExitStack() as stack:
        telegram = LocalTelegram(world, rtt=rtt, process=True)
        await stack.enter_async_context(telegram)
        await telegram.warm()
        guests: list[tuple[Entry, Stranger, Server]] = []
        for who in strangers(plan) if situation.chat == "supergroup" else ():
            if who.missing() is None:
                home = at_home(telegram, 0)
                place = who.server(home, "history", situation.size, rtt=rtt)
                entry = Entry(who.name, "", setting="its own objects")
                guests.append((entry, who, await stack.enter_async_context(place)))
                runs[entry] = []
        told = truth(chat) if guests else ""
        expected: Outcome | None = None
        is_short = plan.is_quick and situation.chat != "supergroup"
        for number in range(1 if is_short else plan.rounds):
            turn = number % len(takers)
            for entry in (*takers[turn:], *takers[:turn]):
                outcome = await _run(telegram, chat, entry, plan, rtt)
                expected = expected or outcome
                _check(entry, outcome, len(chat.ids), expected)
                runs[entry].append(outcome)
            for entry, who, server in [*guests]:
                try:
                    outcome = await who.run(server, "history")
                except RaceError as error:
                    view.say(f"{who.name} is left out: {error}")
                    guests.remove((entry, who, server))
                    del runs[entry]
                    continue
                _check(entry, outcome, len(chat.ids), replace(outcome, digest=told))
                runs[entry].append(outcome)
        if plan.takes("stock") and not plan.is_quick:
            # Once is enough: its time is sleep.
            slow = paced(situation.size, plan)
            prefix = await run_entry(
                telegram, chat, replace(takers[0], stop_after=slow.stop_after), sink="tally"
            )
            outcome = await _run(telegram, chat, slow, plan, rtt)
            _check(slow, outcome, prefix.messages, prefix)
            runs[slow] = [outcome]
    profile = (_profile(plan, rtt), rtt)
    records = [
        make_record(
            "history", profile, situation.name, situation.size, entry, found, runs.get(STOCK)
        )
        for entry, found in runs.items()
    ]
    view.say(
        f"{profile[0]}, {situation}: "
        + "; ".join(f"{each.contender} {each.setting} {each.seconds:.2f} s" for each in records)
    )
    return records
