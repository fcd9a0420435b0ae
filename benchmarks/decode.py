"""Decoding answers: Telethon's reader, ours, and what lazy messages take in its place.

The pages of one chat, in memory; nothing is sent while the clock runs. First everybody's objects
are compared with those of Telethon's reader, attribute by attribute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from telethon.extensions.binaryreader import BinaryReader
from telethon.tl.tlobject import TLObject

from benchmarks.history import fitting
from benchmarks.instructions import count_instructions
from benchmarks.records import ratio_text
from benchmarks.scenes import chat_world
from telefast import BatchedHistory
from telefast.cli.race import RaceError
from telefast.testing import LocalTelegram
from telefast.transport.decode import Known, decode
from telefast.transport.scan import scan

if TYPE_CHECKING:
    from benchmarks.plan import Plan
    from telefast.cli.view import View

__all__ = ["DecodeRecord", "run"]

HEADS: Final = ["us/message", "instructions", "to stock"]
"""Time of CPU, bytecode instructions a message, time of stock over it."""


@dataclass(frozen=True, slots=True)
class DecodeRecord:
    """One way to read answers; times are medians of the rounds.

    Attributes:
        bench: The benchmark.
        size: Messages of the chat.
        contender: Who reads.
        rounds: How often it ran.
        us: Microseconds of CPU a message, the collection of garbage included.
        us_min: In the fastest round.
        us_max: In the slowest round.
        instructions: Bytecode instructions a message.
        ratio_to_stock: Time of Telethon's reader over its time; None where that did not run.
    """

    bench: str
    size: int
    contender: str
    rounds: int
    us: float
    us_min: float
    us_max: float
    instructions: float
    ratio_to_stock: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the fields, rounded to what they mean."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def _stock(pages: Sequence[bytes]) -> None:
    for data in pages:
        BinaryReader(data).tgread_object()


def _alone(pages: Sequence[bytes]) -> None:
    for data in pages:
        decode(data)


def _stream(pages: Sequence[bytes]) -> None:
    known = Known()
    for data in pages:
        decode(data, spans={}, known=known)


def _lazy(pages: Sequence[bytes]) -> None:
    known = Known()
    for data in pages:
        scan(data, known.entities)


CONTENDERS: Final[dict[str, Callable[[Sequence[bytes]], None]]] = {
    "telefast, each answer": _alone,
    "telefast, a stream": _stream,
    "telefast, a lazy stream": _lazy,
    "stock": _stock,
}


async def run(plan: Plan, view: View) -> list[DecodeRecord]:
    """Compare objects, then time; returns one record for each contender and size.

    Raises:
        RaceError: If an object is not the one that Telethon's reader makes.
    """
    records = []
    for size in fitting(plan):
        pages = await _pages(size)
        found = await asyncio.to_thread(_measure, size, pages, plan)
        rows = [
            (
                each.contender,
                [f"{each.us:.2f}", f"{each.instructions:.0f}", ratio_text(each.ratio_to_stock)],
            )
            for each in found
        ]
        view.table(f"decode, {size:,} messages", HEADS, rows)
        records += found
    return records


async def _pages(size: int) -> list[bytes]:
    world, channel = chat_world(size)
    async with LocalTelegram(world, process=True) as telegram, telegram.client() as client:
        history = BatchedHistory(client, channel.input_peer(), concurrency=16)
        async with history:
            batches = [batch async for batch in history.batches()]
    # A page may be in two batches.
    return list({id(page): page.data for batch in batches for page in batch.pages}.values())


def _measure(size: int, pages: Sequence[bytes], plan: Plan) -> list[DecodeRecord]:
    for data in pages:
        _verify(data)
    takers = {name: read for name, read in CONTENDERS.items() if plan.takes(name)}
    times: dict[str, list[float]] = {name: [] for name in takers}
    for number in range(plan.rounds):
        turn = number % len(takers)
        for name in (*list(takers)[turn:], *list(takers)[:turn]):
            start = time.thread_time()
            takers[name](pages)
            times[name].append((time.thread_time() - start) * 1e6 / size)
    stock = times.get("stock")
    some = pages[:10]
    messages = sum(len(decode(data)[0].messages) for data in some)
    return [
        DecodeRecord(
            bench="decode",
            size=size,
            contender=name,
            rounds=plan.rounds,
            us=median(found),
            us_min=min(found),
            us_max=max(found),
            instructions=count_instructions(lambda: read(some)) / messages,  # noqa: B023 - at once
            ratio_to_stock=median(s / own for s, own in zip(stock, found, strict=True))
            if stock is not None
            else None,
        )
        for name, found in times.items()
        for read in [takers[name]]
    ]


def _verify(data: bytes) -> None:
    reader = BinaryReader(data)
    wanted: Any = reader.tgread_object()
    if decode(data)[1] != reader.position or not _is_same(wanted, decode(data)[0]):
        raise RaceError("an answer is decoded to something else than Telethon's reader makes of it")


def _is_same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, TLObject):
        mine, its = vars(one), vars(other)
        return mine.keys() == its.keys() and all(_is_same(mine[name], its[name]) for name in mine)
    return bool(one == other)
