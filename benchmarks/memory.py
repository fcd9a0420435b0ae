"""How much memory reading takes: a million messages passed on, and some thousands kept.

Each run has a process of its own, whose peak is told beside that of one which read a single
message: the difference is what the chat costs. Passed on, that must not grow with the chat.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from benchmarks.history import STOCK, TELEFAST
from benchmarks.records import Record, make_record
from benchmarks.scenes import chat_world
from telefast.cli.race import Entry, Outcome, RaceError, run_entry
from telefast.testing import LocalTelegram

if TYPE_CHECKING:
    from benchmarks.plan import Plan
    from telefast.cli.view import View

__all__ = ["run"]

STREAMED: Final = (10_000, 100_000, 1_000_000)
KEPT: Final = 50_000
QUICK_SIZE: Final = 5_000
STOCK_UP_TO: Final = 100_000
"""Stock passes messages on in the memory of a page, however many; once is enough to show it."""
LAZY: Final = Entry(
    "telefast", TELEFAST.module, {"concurrency": 32, "view": "lazy"}, "lazy", in_flight=32
)
HEADS: Final = ["seconds", "peak\nMB", "over base\nMB"]


async def run(plan: Plan, view: View) -> list[Record]:
    """Read, and keep; one record for each contender and size, its *profile* saying which.

    Raises:
        RaceError: If a contender reads something else than the others.
    """
    takers = [each for each in (TELEFAST, LAZY, STOCK) if plan.takes(each.name)]
    records: list[Record] = []
    rows = []
    for size in (QUICK_SIZE,) if plan.is_quick else STREAMED:
        found = await _measure(size, takers, "tally")
        records += [_record("passed on", size, entry, outcome) for entry, outcome, _ in found]
        rows += [_row("passed on", size, *each) for each in found]
    kept = QUICK_SIZE if plan.is_quick else KEPT
    found = await _measure(kept, takers, "keep")
    records += [_record("kept", kept, entry, outcome) for entry, outcome, _ in found]
    rows += [_row("kept", kept, *each) for each in found]
    view.table("memory", HEADS, rows)
    view.say("Base: the peak of a process that reads one message.")
    view.say()
    return records


async def _measure(
    size: int, takers: list[Entry], sink: str
) -> list[tuple[Entry, Outcome, float | None]]:
    """Return what each run is, and its peak over that of one message, in bytes."""
    world, chat = chat_world(size)
    found: list[tuple[Entry, Outcome, float | None]] = []
    digests = set()
    async with LocalTelegram(world, process=True) as telegram:
        for entry in takers:
            if entry is STOCK and size > STOCK_UP_TO:
                continue
            base = await run_entry(telegram, chat, replace(entry, stop_after=1), sink="tally")
            outcome = await run_entry(telegram, chat, entry, sink=sink)
            digests.add(outcome.digest)
            if outcome.messages != size or len(digests) > 1:
                raise RaceError(f"{entry.name}, {entry.setting}: read something else")
            over = None
            if outcome.peak_memory is not None and base.peak_memory is not None:
                over = outcome.peak_memory - base.peak_memory
            found.append((entry, outcome, over))
    return found


def _record(how: str, size: int, entry: Entry, outcome: Outcome) -> Record:
    return make_record("memory", (how, 0.0), "supergroup", size, entry, [outcome], None)


def _row(
    how: str, size: int, entry: Entry, outcome: Outcome, over: float | None
) -> tuple[str, list[str]]:
    peak = outcome.peak_memory
    return f"{size:,} {how}: {entry.name}, {entry.setting}", [
        f"{outcome.seconds:.1f}",
        "-" if peak is None else f"{peak / 1e6:.0f}",
        "-" if over is None else f"{over / 1e6:.1f}",
    ]
