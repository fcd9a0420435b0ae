"""Reading a whole chat where only round trips take time: the same on every machine.

One process, one loop of virtual time: computing takes none, so what is left is how many round
trips follow each other. What decoding costs is the business of the benchmark `history`.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.history import CHATS, Situation, fitting
from benchmarks.records import ratio_text
from telefast import BatchedHistory
from telefast.cli.race import RaceError
from telefast.testing import LocalTelegram, run_virtual, virtual_loop

if TYPE_CHECKING:
    from benchmarks.history import Plan
    from telefast.cli.view import View

__all__ = ["TripsRecord", "run"]

STOCK: Final = "stock, wait_time=0"
WAYS: Final[dict[str, dict[str, Any] | None]] = {
    STOCK: None,
    "telefast, 4 in flight": {"concurrency": 4},
    "telefast, 8 (default)": {},
    "telefast, 16 in flight": {"concurrency": 16},
}
"""Contender -> options of `BatchedHistory`, None for stock."""
HEADS: Final = ["seconds", "requests", "per 100\nmessages", "to\nstock"]


@dataclass(frozen=True, slots=True)
class TripsRecord:
    """One contender on one chat and line.

    Attributes:
        bench: The benchmark.
        chat: What kind of chat was read.
        size: Its messages.
        rtt: Round trip time, in seconds.
        contender: Who read.
        seconds: Of virtual time.
        requests: Requests that the server received.
        ratio_to_stock: Stock's seconds over these; None where stock did not run.
    """

    bench: str
    chat: str
    size: int
    rtt: float
    contender: str
    seconds: float
    requests: int
    ratio_to_stock: float | None

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)


async def run(plan: Plan, view: View) -> list[TripsRecord]:
    """Read the largest chat of each kind that *plan* has, on each line that is one."""
    chats = [Situation(chat, max(fitting(plan))) for chat in CHATS]
    found = []
    for rtt in filter(None, plan.rtts):
        for each in chats:
            found += await asyncio.to_thread(run_virtual, _race, each, rtt, plan)
    rows = [
        (
            f"{each.rtt * 1000:g} ms, {each.chat}, {each.size:,}: {each.contender}",
            [
                f"{each.seconds:.2f}",
                f"{each.requests:,}",
                f"{100 * each.requests / each.size:.2f}",
                ratio_text(each.ratio_to_stock),
            ],
        )
        for each in found
    ]
    view.table("round trips alone, in virtual time", HEADS, rows)
    return found


async def _race(situation: Situation, rtt: float, plan: Plan) -> list[TripsRecord]:
    found: list[TripsRecord] = []
    base: float | None = None
    for contender, options in WAYS.items():
        if not plan.takes(contender):
            continue
        seconds, requests = await _read(situation, rtt, options)
        if options is None:
            base = seconds
        found.append(
            TripsRecord(
                "trips",
                situation.chat,
                situation.size,
                rtt,
                contender,
                seconds,
                requests,
                base and base / seconds,
            )
        )
    return found


async def _read(
    situation: Situation, rtt: float, options: dict[str, Any] | None
) -> tuple[float, int]:
    """Return the seconds and the requests that the whole chat takes."""
    world, chat = situation.make()
    telegram = LocalTelegram(world, rtt=rtt)
    expected = sorted(chat.ids, reverse=True)
    async with telegram, telegram.client() as client:
        peer = chat.input_peer()
        before = telegram.requests.total
        began = virtual_loop().time()
        if options is None:
            ids = [message.id async for message in client.iter_messages(peer, wait_time=0)]
        else:
            async with BatchedHistory(client, peer, **options) as history:
                ids = [message.id async for message in history]
        seconds = virtual_loop().time() - began
        requests = telegram.requests.total - before
    if ids != expected:
        raise RaceError(f"{options}: read other messages than are in the {situation.chat}")
    return seconds, requests
