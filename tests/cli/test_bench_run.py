"""The gate as the command runs it: slow ratios get three more runs, wrong answers end it."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks import gate
from benchmarks.plan import QUICK
from telefast.cli.race import RaceError
from telefast.cli.view import View


class Bench:
    """A benchmark whose ratio to stock is the next of a list; None for a wrong answer."""

    def __init__(self, *ratios: float | None) -> None:
        self.ratios = [*ratios]
        self.runs = 0

    async def run(self, plan: Any, view: Any) -> list[Any]:
        """Return one record."""
        del plan, view
        self.runs += 1
        ratio = self.ratios.pop(0)
        if ratio is None:
            raise RaceError("telefast: read other messages")
        return [Record(ratio)]


class Record:
    """As much of a record as the gate looks at."""

    def __init__(self, ratio: float) -> None:
        self.ratio = ratio

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return {"bench": "fake", "contender": "telefast", "ratio_to_stock": self.ratio}


def passed(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> int:
    """Run one benchmark through the gate, 10 being recorded; return the exit status."""
    monkeypatch.setattr(command, "BENCHES", {"fake": bench})
    known: Any = {"costs": {}, "instructions": {}, "ratios": {"fake / telefast": 10.0}}
    monkeypatch.setattr(gate, "recorded", lambda: known)
    run = command.Run(QUICK, View(Console(quiet=True)), ["fake"])
    return run.measure() or run.pass_gate()


@pytest.mark.parametrize(
    ("ratios", "status", "runs"),
    [
        ([10.0], 0, 1),
        ([6.5], 0, 1),  # a warning
        ([5.0, 6.1], 0, 2),  # one of three is enough
        ([5.0, 5.0, 5.0, 12.0], 0, 4),
        ([5.0, 5.0, 5.0, 5.0], 1, 4),
        ([None], 1, 1),
        ([5.0, None], 1, 2),
    ],
)
def test_only_a_ratio_that_stays_low_shuts_the_gate(
    monkeypatch: pytest.MonkeyPatch, ratios: list[float | None], status: int, runs: int
) -> None:
    """Below 60 % of what is recorded, four times; a wrong answer at once."""
    bench = Bench(*ratios)
    assert (status, runs) == (passed(monkeypatch, bench), bench.runs)
