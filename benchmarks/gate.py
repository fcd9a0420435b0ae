"""The gate: whether something costs more than it did when `recorded.json` was written.

* Requests above the recorded ones, and bytes on the wire more than 0.5 % above, fail: both are
  counted in virtual time (`benchmarks.counts`), the same in every run.
* Instructions of decoding and encoding more than 5 % above fail. They depend on the minor version
  of Python and on Telethon (`benchmarks.instructions`); a pair that nobody has recorded is
  reported and does not fail.
* The rate over that of stock, in the same round, depends on the machine and its load. Below 80 %
  of the recorded one it warns; it fails only if it is below 60 % and three more runs are, too.

Wrong answers fail in the benchmarks themselves. `python -m benchmarks NAMES --record` writes what
NAMES have measured into the file, and leaves the rest of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = ["RECORDED", "Verdict", "judge", "key_of", "merge", "recorded", "take"]

RECORDED: Final = Path(__file__).with_name("recorded.json")

MORE_BYTES: Final = 1.005
"""Our choice: the layer and the names of devices are in some requests."""
MORE_INSTRUCTIONS: Final = 1.05
WARN_BELOW: Final = 0.8
FAIL_BELOW: Final = 0.6
RERUNS: Final = 3

_IDENTITY: Final = (
    "bench",
    "profile",
    "rtt",
    "bandwidth",
    "disk",
    "chat",
    "size",
    "contender",
    "setting",
)
"""What makes two records comparable, as far as they have it."""

_Sections = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Verdict:
    """What the gate says.

    Attributes:
        failures: Why it does not open, one line each.
        slow: Keys of ratios that are so low that a second look is due.
        warnings: What is worth a look.
        unknown: What has no record.
        better: What costs less than recorded, so that a new record is due.
    """

    failures: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    better: list[str] = field(default_factory=list)


def key_of(record: Mapping[str, Any]) -> str:
    """Return what was measured, in words; equal for records that can be compared."""
    parts = [str(record[name]) for name in _IDENTITY if record.get(name) not in (None, "")]
    return " / ".join(parts)


def take(records: Sequence[Mapping[str, Any]]) -> _Sections:
    """Return what of *records* the gate looks at, as `recorded.json` has it."""
    found: _Sections = {"costs": {}, "instructions": {}, "ratios": {}}
    for record in records:
        if record["bench"] == "counts":
            if record["instructions"] is None:
                cost = {"requests": record["requests"], "bytes": record["bytes"]}
                found["costs"][record["what"]] = cost
            else:
                counts = found["instructions"].setdefault(record["edition"], {})
                counts[record["what"]] = record["instructions"]
        elif record.get("ratio_to_stock") and record["contender"].startswith("telefast"):
            found["ratios"][key_of(record)] = round(record["ratio_to_stock"], 3)
    return found


def recorded(path: Path = RECORDED) -> _Sections:
    """Return what the file holds; sections that it does not have are empty."""
    empty: _Sections = {"costs": {}, "instructions": {}, "ratios": {}}
    return empty | json.loads(path.read_text("utf-8")) if path.exists() else empty


def judge(before: _Sections, now: _Sections) -> Verdict:
    """Compare what was measured with what is recorded."""
    verdict = Verdict()
    for what, cost in now["costs"].items():
        limits = {"requests": 1.0, "bytes": MORE_BYTES}
        known = before["costs"].get(what)
        for unit, most in limits.items():
            _compare(verdict, f"{what}: {unit}", known and known[unit], cost[unit], most)
    for edition, counts in now["instructions"].items():
        for what, count in counts.items():
            name = f"{what}: instructions ({edition})"
            known = before["instructions"].get(edition, {}).get(what)
            _compare(verdict, name, known, count, MORE_INSTRUCTIONS)
    for key, ratio in now["ratios"].items():
        known = before["ratios"].get(key)
        if known is None:
            verdict.unknown.append(f"{key}: {ratio:.2f}x")
        elif ratio < known * WARN_BELOW:
            verdict.warnings.append(f"{key}: {ratio:.2f}x of stock, recorded {known:.2f}x")
            if ratio < known * FAIL_BELOW:
                verdict.slow.append(key)
    return verdict


def _compare(verdict: Verdict, name: str, known: float | None, now: float, most: float) -> None:
    if known is None:
        verdict.unknown.append(f"{name} {now:,.10g}")
    elif now > known * most:
        verdict.failures.append(f"{name} {now:,.10g}, recorded {known:,.10g}")
    elif now < known / most:
        verdict.better.append(f"{name} {now:,.10g}, recorded {known:,.10g}")


def merge(before: _Sections, now: _Sections) -> _Sections:
    """Return *before* with what was measured *now* in its place."""
    merged: _Sections = {name: dict(section) for name, section in before.items()}
    merged["costs"] |= now["costs"]
    merged["ratios"] |= now["ratios"]
    for edition, counts in now["instructions"].items():
        merged["instructions"][edition] = merged["instructions"].get(edition, {}) | counts
    return {name: dict(sorted(section.items())) for name, section in merged.items()}
