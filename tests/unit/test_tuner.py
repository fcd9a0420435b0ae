"""Part sizes, windows and connections are legal whatever happens, and are remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast import ArgumentError, PartSizeTuner

KIB, MIB = 1024, 1024 * 1024
LEGAL = [KIB * 2**power for power in range(2, 11)]

tuners = st.builds(
    lambda candidates, fixed, most, parts, large: PartSizeTuner(
        candidates_kb=candidates,
        fixed_kb=fixed,
        max_connections=most,
        max_in_flight=parts * MIB,
        large_parts=large,
    ),
    st.sets(st.sampled_from([4, 16, 64, 128, 256, 512]), min_size=1),
    st.sampled_from([0, 0, 4, 64, 512]),
    st.integers(1, 8),
    st.integers(1, 32),
    st.booleans(),
)
seconds = st.floats(0, 20)
reports = st.lists(
    st.tuples(
        st.sampled_from(["part", "part", "part", "parts", "flood", "timeout", "idle"]),
        seconds,
        seconds,
        st.integers(1, 8),
    ),
    max_size=60,
)


def report(tuner: PartSizeTuner, what: str, now: float, cost: float, connection: int) -> float:
    """Make one report, or a hundred of parts; returns the time then."""
    if what == "flood":
        tuner.on_flood(2, cost, now=now)
    elif what == "timeout":
        for _ in range(connection):
            tuner.on_timeout(2, connection, now=now)
    elif what == "idle":
        tuner.on_idle(2, now=now)
    for _ in range({"part": 1, "parts": 100}.get(what, 0)):
        now += cost / 100
        tuner.on_part(2, tuner.part_size(None, 2), cost, now=now, connection=connection)
    return now


def choice(tuner: PartSizeTuner, dc_id: int = 2) -> tuple[int, int, int]:
    """Return part size, window and connections."""
    return tuner.part_size(None, dc_id), tuner.window(dc_id), tuner.connections(dc_id)


@given(tuners, reports, st.none() | st.integers(0, 2**33))
def test_everything_is_legal_whatever_happens(
    tuner: PartSizeTuner, happens: list[tuple[str, float, float, int]], size: int | None
) -> None:
    """Parts divide 1 MiB and are no larger than the file rounded up; all stays in its limits."""
    now = 0.0
    for what, pause, cost, connection in happens:
        now = report(tuner, what, now + pause, cost, connection)
        part = tuner.part_size(size, 2)
        assert part in LEGAL
        assert size is None or part == 4 * KIB or part < 2 * size
        assert part <= tuner.part_size(None, 2) in tuner._sizes
        assert 1 <= tuner.window(2)
        assert tuner.window(2) * tuner.part_size(None, 2) <= tuner._most.in_flight
        assert tuner.window(2, part) * part <= tuner._most.in_flight
        assert tuner.window(2) <= tuner.window(2, part)
        assert 1 <= tuner.connections(2) <= tuner._most.connections


@given(tuners, reports)
def test_a_snapshot_is_what_is_restored(
    tuner: PartSizeTuner, happens: list[tuple[str, float, float, int]]
) -> None:
    """What was learned survives JSON, and a tuner with the same limits begins with it."""
    now = 0.0
    for what, pause, cost, connection in happens:
        now = report(tuner, what, now + pause, cost, connection)
    data = json.loads(json.dumps(tuner.snapshot()))
    other = PartSizeTuner()
    other._sizes, other._most = tuner._sizes, tuner._most
    other.restore(data)
    assert data == other.snapshot()
    tuner.on_idle(2, now=now)  # ends a trial
    if data["dcs"]:
        assert choice(tuner) == choice(other)


def test_data_centres_are_apart() -> None:
    """What happens at one says nothing of another; one nobody used is not in the snapshot."""
    tuner = PartSizeTuner()
    before = choice(tuner, 4)
    report(tuner, "parts", 0.0, 0.1, 1)
    tuner.on_flood(2, 5.0, now=20.0)
    assert before == choice(tuner, 4) != choice(tuner, 2)
    assert ["2"] == list(tuner.snapshot()["dcs"])


def test_restoring_leaves_what_is_in_use() -> None:
    """A data centre in use keeps its own figures, and what exceeds the limits is cut."""
    entry = {"in_flight": 64 * MIB, "connections": 80, "largest": 64 * MIB}
    data = {"version": 1, "dcs": {"2": entry, "4": entry}}
    tuner = PartSizeTuner(max_connections=3)
    before = choice(tuner, 2)
    tuner.restore(data)
    assert before == choice(tuner, 2)
    assert (512 * KIB, 32, 3) == choice(tuner, 4)


ENTRY = {"in_flight": MIB, "connections": 1, "largest": MIB}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"version": 2, "dcs": {"2": ENTRY}},
        {"version": 1},
        {"version": 1, "dcs": [1]},
        {"version": 1, "dcs": {"two": ENTRY}},
        {"version": 1, "dcs": {"-2": ENTRY}},
        {"version": 1, "dcs": {"2": 5}},
        {"version": 1, "dcs": {"2": {}}},
        {"version": 1, "dcs": {"2": ENTRY | {"in_flight": "much"}}},
        {"version": 1, "dcs": {"2": ENTRY | {"connections": 0}}},
        {"version": 1, "dcs": {"2": ENTRY | {"largest": 1.5}}},
    ],
    ids=str,
)
def test_damaged_data_is_passed_over(data: Any) -> None:
    """Data of another version, or damaged, changes nothing."""
    tuner = PartSizeTuner()
    tuner.restore(data)
    assert choice(PartSizeTuner()) == choice(tuner)


@pytest.mark.parametrize("size", LEGAL[:-1])
def test_fixed_means_fixed(size: int) -> None:
    """With `fixed_kb` large files have parts of that size and no other, whatever happens."""
    tuner = PartSizeTuner(fixed_kb=size // KIB)
    for number in range(6):
        report(tuner, "parts", 10.0 * number, 0.3, 1)
        assert size == tuner.part_size(2**40, 2)
    assert 4 * KIB == tuner.part_size(1, 2)


def test_parts_of_1_mib_are_asked_for_on_request_only() -> None:
    """`large_parts` adds 1 MiB to the candidates, and allows it as the only one."""
    with pytest.raises(ArgumentError, match=r"fixed_kb=1024: expected 0 \(choose\) or one of 4, "):
        PartSizeTuner(fixed_kb=1024)
    assert MIB == PartSizeTuner(fixed_kb=1024, large_parts=True).part_size(None, 2)
    tuner = PartSizeTuner(large_parts=True)
    level = {"in_flight": 16 * MIB, "connections": 8, "largest": MIB}
    tuner.restore({"version": 1, "dcs": {"2": level}})
    assert (MIB, 16, 8) == choice(tuner)


@pytest.mark.parametrize(
    "arguments",
    [
        {"fixed_kb": 100},
        {"fixed_kb": -4},
        {"fixed_kb": 2},
        {"fixed_kb": 64.0},
        {"candidates_kb": ()},
        {"candidates_kb": 5},
        {"candidates_kb": (64.0,)},
        {"candidates_kb": ([64],)},
        {"candidates_kb": (64, 96)},
        {"max_connections": 0},
        {"max_connections": 9},
        {"max_connections": 2.5},
        {"max_in_flight": 4 * KIB},
        {"max_in_flight": 2**31},
    ],
    ids=str,
)
def test_illegal_arguments_are_refused(arguments: dict[str, Any]) -> None:
    """An argument that cannot be kept is named, with the legal values."""
    (name,) = arguments
    with pytest.raises(ArgumentError, match=rf"^{name}=.*: expected ") as caught:
        PartSizeTuner(**arguments)
    assert name == caught.value.name
