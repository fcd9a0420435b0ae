"""What the gate of the benchmarks lets pass, and how instructions are counted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gate
from benchmarks.ablation import AblationRecord, verdict
from benchmarks.instructions import count_instructions, edition
from benchmarks.report import compared

KEY = "history / unlimited, 30 ms / telefast"


def measured(requests: int = 10, size: int = 1000, count: float = 100.0, ratio: float = 5.0) -> Any:
    """Return what `gate.take` makes of a run."""
    counts = {"bench": "counts", "what": "a chat", "instructions": None, "edition": ""}
    race = {"bench": "history", "profile": "unlimited, 30 ms", "contender": "telefast"}
    return gate.take(
        [
            counts | {"requests": requests, "bytes": size},
            counts | {"requests": None, "bytes": None, "instructions": count, "edition": "3"},
            race | {"ratio_to_stock": ratio},
            race | {"ratio_to_stock": 1.0, "contender": "stock"},
        ]
    )


def test_what_is_as_recorded_passes() -> None:
    """Equal figures say nothing at all, and a ratio of somebody else than telefast is not kept."""
    assert {KEY: 5.0} == measured()["ratios"]
    assert gate.Verdict() == gate.judge(measured(), measured())


@pytest.mark.parametrize(
    ("now", "word"),
    [
        ({"requests": 11}, "requests 11, recorded 10"),
        ({"size": 1006}, "bytes 1,006, recorded 1,000"),
        ({"count": 105.1}, "instructions (3) 105.1, recorded 100"),
    ],
)
def test_what_costs_more_fails(now: dict[str, Any], word: str) -> None:
    """One request, 0.6 % of the bytes, 5.1 % of the instructions."""
    verdict = gate.judge(measured(), measured(**now))
    assert [f"a chat: {word}"] == verdict.failures


def test_what_is_within_bounds_passes_and_what_is_better_is_told() -> None:
    """Less than half a percent of bytes is nothing; less than recorded calls for a record."""
    assert [] == gate.judge(measured(), measured(size=1004, count=104.9)).failures
    assert 1 == len(gate.judge(measured(), measured(requests=9)).better)


def test_ratios_warn_and_only_much_lower_ones_are_measured_again() -> None:
    """79 % of the recorded ratio is a warning, 59 % calls for more runs, neither fails at once."""
    low, lower = (
        gate.judge(measured(), measured(ratio=3.9)),
        gate.judge(measured(), measured(ratio=2.9)),
    )
    assert (1, [], []) == (len(low.warnings), low.slow, low.failures)
    assert (1, [KEY], []) == (len(lower.warnings), lower.slow, lower.failures)


def test_what_nobody_has_recorded_is_told_and_passes() -> None:
    """A new benchmark, or another Python, does not fail; merging keeps what was there."""
    empty: Any = {"costs": {}, "instructions": {}, "ratios": {}}
    verdict = gate.judge(empty, measured())
    assert (4, []) == (len(verdict.unknown), verdict.failures)
    assert gate.merge(empty, measured()) == gate.merge(measured(ratio=1), measured())


def test_a_file_is_read_and_its_absence_is_an_empty_record(tmp_path: Path) -> None:
    """The committed file has all three sections and this project's benchmarks in them."""
    assert {"costs": {}, "instructions": {}, "ratios": {}} == gate.recorded(tmp_path / "none.json")
    assert {"costs", "instructions", "ratios"} == gate.recorded().keys()


def test_instructions_are_counted_exactly() -> None:
    """The same work costs the same each time, and twice as much of it twice as much."""

    def work(rounds: int) -> int:
        total = 0
        for number in range(rounds):
            total += number
        return total

    one = count_instructions(lambda: work(1000))
    assert one == count_instructions(lambda: work(1000))
    two = count_instructions(lambda: work(2000))
    three = count_instructions(lambda: work(3000))
    assert two - one == three - two > 2000
    assert edition().startswith(sys.implementation.name[:1].upper())


def test_two_runs_are_compared_figure_by_figure() -> None:
    """A gain above 1 is better, whichever way the figure goes; what one run lacks is left out."""
    race = {"bench": "history", "contender": "telefast"}
    before = [race | {"seconds": 2.0, "messages_per_s": 10.0, "cpu_s": None}]
    after = [race | {"seconds": 1.0, "messages_per_s": 20.0, "cpu_s": 1.0}, {**race, "size": 3}]
    assert [("seconds", 2.0), ("messages_per_s", 2.0)] == [
        (row["figure"], row["gain"]) for row in compared(before, after)
    ]


def arm(rounds: int = 3, seconds: float = 1.0, requests: int = 10, memory: float = 50.0) -> Any:
    """Return one arm of a pair."""
    return AblationRecord(
        "ablation", "1", "a thing", "on", "", rounds, seconds, seconds, requests, 1, 1, 1.0, memory
    )


@pytest.mark.parametrize(
    ("on", "word"),
    [
        (arm(), "neutral"),
        (arm(seconds=1.09), "neutral"),
        (arm(seconds=1.2), "more seconds"),
        (arm(rounds=2, seconds=1.2), "neutral"),
        (arm(seconds=0.9), "better"),
        (arm(requests=9), "better"),
        (arm(requests=11, seconds=0.5), "more requests"),
        (arm(requests=9, memory=60), "better, more memory"),
    ],
)
def test_a_verdict_is_better_neutral_or_says_what_is_worse(on: Any, word: str) -> None:
    """Nothing is called better that costs more of anything; time needs three rounds to count."""
    assert word == verdict(arm(), on)
