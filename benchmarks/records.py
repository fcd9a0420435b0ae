"""From the runs of one contender to one record, and from records to a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telefast.cli.race import Entry, Outcome
    from telefast.cli.view import Rows

__all__ = ["HEADS", "Record", "make_record", "ratio_text", "table_of"]


@dataclass(frozen=True, slots=True)
class Record:
    """One contender in one situation; medians of its rounds, with the extremes beside them.

    Attributes:
        bench: The benchmark.
        profile: The server's limits and round trip.
        rtt: Round trip time, in seconds.
        chat: What kind of chat was read.
        size: Messages of the chat.
        contender: Who ran.
        setting: How.
        version: Its release.
        concurrency: Requests in flight at most.
        messages: Messages read; less than *size* for one that is stopped early.
        rounds: How often it ran.
        seconds: From the first request to the last message.
        seconds_min: The fastest round.
        seconds_max: The slowest round.
        messages_per_s: Messages per second, in the median.
        requests: Requests that the server received.
        bytes: Bytes on the wire, both ways.
        bytes_read: Those that the server sent.
        mb_per_s: Of those, 10**6 a second.
        cpu_s: CPU seconds of the contender's process.
        peak_rss_mb: Most memory it held, in 10**6 bytes; None where it cannot be told.
        ratio_to_stock: Rate over that of stock (wait_time=0) in the same round; None where stock
            did not run.
        ratio_min: The worst round.
        ratio_max: The best round.
    """

    bench: str
    profile: str
    rtt: float
    chat: str
    size: int
    contender: str
    setting: str
    version: str
    concurrency: int
    messages: int
    rounds: int
    seconds: float
    seconds_min: float
    seconds_max: float
    messages_per_s: float
    requests: int
    bytes: int
    bytes_read: int
    mb_per_s: float
    cpu_s: float
    peak_rss_mb: float | None
    ratio_to_stock: float | None
    ratio_min: float | None
    ratio_max: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the fields, rounded to what they mean."""
        found = asdict(self)
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in found.items()
        }


def make_record(
    bench: str,
    profile: tuple[str, float],
    chat: str,
    size: int,
    entry: Entry,
    runs: Sequence[Outcome],
    stock: Sequence[Outcome] | None,
) -> Record:
    """Return the record of *runs*.

    Args:
        bench: The benchmark.
        profile: Its name and its round trip time, in seconds.
        chat: What kind of chat was read.
        size: Its messages.
        entry: Who ran.
        runs: One outcome for each round that it ran in, from the first on.
        stock: The outcomes of stock in all rounds; None if it did not run.
    """
    seconds = [run.seconds for run in runs]
    ratios = [run.rate / base.rate for run, base in zip(runs, stock or (), strict=False)]
    memory = [run.peak_memory for run in runs if run.peak_memory is not None]
    return Record(
        bench=bench,
        profile=profile[0],
        rtt=profile[1],
        chat=chat,
        size=size,
        contender=entry.name,
        setting=entry.setting,
        version=runs[0].version,
        concurrency=entry.in_flight,
        messages=runs[0].messages,
        rounds=len(runs),
        seconds=median(seconds),
        seconds_min=min(seconds),
        seconds_max=max(seconds),
        messages_per_s=median(run.rate for run in runs),
        requests=round(median(run.request_count for run in runs)),
        bytes=round(median(run.traffic for run in runs)),
        bytes_read=round(median(run.received for run in runs)),
        mb_per_s=median(run.received / run.seconds for run in runs) / 1e6,
        cpu_s=median(run.cpu for run in runs),
        peak_rss_mb=median(memory) / 1e6 if memory else None,
        ratio_to_stock=median(ratios) if ratios else None,
        ratio_min=min(ratios, default=None),
        ratio_max=max(ratios, default=None),
    )


HEADS = [
    "seconds",
    "messages\n/s",
    "requests",
    "per 100\nmessages",
    "wire\nMB",
    "CPU\ns",
    "peak\nMB",
    "to\nstock",
    "spread",
]


def ratio_text(ratio: float | None, digits: int = 2) -> str:
    """Return a ratio as tables show it; None is one that has nothing to be compared with."""
    return "-" if ratio is None else f"{ratio:.{digits}f}x"


def table_of(records: Sequence[Record]) -> Rows:
    """Return the rows of a table with `HEADS`; an asterisk for who was stopped early."""
    return [
        (
            f"{record.chat}, {record.size:,}: {record.contender}, {record.setting}"
            + ("*" if record.messages < record.size else ""),
            [
                f"{record.seconds:.2f}",
                f"{record.messages_per_s:,.0f}",
                f"{record.requests:,}",
                f"{100 * record.requests / record.messages:.2f}",
                f"{record.bytes / 1e6:.1f}",
                f"{record.cpu_s:.2f}",
                "-" if record.peak_rss_mb is None else f"{record.peak_rss_mb:.0f}",
                ratio_text(record.ratio_to_stock),
                "-"
                if record.ratio_min is None
                else f"{record.ratio_min:.2f}-{record.ratio_max:.2f}",
            ],
        )
        for record in records
    ]
