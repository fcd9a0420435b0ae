"""What a run leaves: JSON, and tables in CSV to compare contenders, or two runs."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.gate import key_of
from telefast.cli.race import machine

if TYPE_CHECKING:
    from benchmarks.plan import Plan

__all__ = ["compared", "contenders_csv", "read_report", "report_of", "runs_csv"]

FIGURES: Final = (
    "seconds",
    "messages_per_s",
    "mb_per_s",
    "seconds_per_file",
    "requests",
    "bytes",
    "bytes_read",
    "bytes_sent",
    "disk_bytes",
    "disk_writes",
    "cpu_s",
    "peak_rss_mb",
    "ratio_to_stock",
    "encode_us",
    "decode_us",
    "objects_us",
    "instructions",
    "refused",
)
"""What is measured, in the order of the columns."""
_MORE_IS_BETTER: Final = frozenset({"messages_per_s", "mb_per_s", "ratio_to_stock"})


def report_of(records: Sequence[Mapping[str, Any]], plan: Plan) -> dict[str, Any]:
    """Return all that a run is to leave, JSON-able."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": _load(),
        "mode": plan.mode,
        "quick": plan.is_quick,
        "flood": plan.flood.as_json(),
        "records": list(records),
    }


def _load() -> float | None:
    """Return the machine's load over the last 15 minutes; None where it is not told."""
    return round(os.getloadavg()[2], 1) if hasattr(os, "getloadavg") else None


def read_report(path: Path) -> dict[str, Any]:
    """Return a report that an earlier run has written.

    Raises:
        ValueError: If the file is something else.
        OSError: If it cannot be read.
    """
    found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict) or not isinstance(found.get("records"), list):
        raise ValueError("is not a report of `python -m benchmarks --json`")  # noqa: TRY004 - a file
    return found


def contenders_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Return one line for each record: what was measured, and each figure that any of them has."""
    figures = [name for name in FIGURES if any(name in record for record in records)]
    rows = [[name_of(each), *(each.get(name) for name in figures)] for each in records]
    return _csv(["what", *figures], rows)


def compared(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return a row for each figure of each thing that both runs have measured.

    `gain` is above 1 where the later run is better.
    """
    earlier = {name_of(each): each for each in before}
    rows = []
    for record in after:
        known = earlier.get(name_of(record))
        for figure in FIGURES:
            one, two = known and known.get(figure), record.get(figure)
            if one and two:
                gain = two / one if figure in _MORE_IS_BETTER else one / two
                row = {"what": name_of(record), "figure": figure, "before": one, "after": two}
                rows.append(row | {"gain": round(gain, 3)})
    return rows


def runs_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what `compared` gives as CSV."""
    heads = ["what", "figure", "before", "after", "gain"]
    return _csv(heads, [[row[name] for name in heads] for row in rows])


def name_of(record: Mapping[str, Any]) -> str:
    """Return what was measured, down to what only this benchmark knows."""
    more = ("what", "block", "files", "where", "edition")
    parts = [str(record[name]) for name in more if record.get(name) not in (None, "")]
    return " / ".join([key_of(record), *parts])


def _csv(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([["" if value is None else value for value in row] for row in rows])
    return text.getvalue()
