"""Who may start when: nobody during a wait, kinds apart, and what one run leaves to the next."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.transport.bucket import Learned
from telefast.transport.pacing import Clocks, FloodPacer, kind_of, merged

KIND = "history"
OTHER = "users.getFullUser"
times = st.floats(0, 1e6, allow_nan=False)
waits = st.floats(1, 1e5)


def run_into_flood(pacer: FloodPacer, wait: float, *, now: float, kind: str = KIND) -> bool:
    """Send one request and let it be refused at once."""
    return pacer.on_flood(kind, pacer.on_sent(kind, now=now), wait, now=now)


def taught(*, now: float = 100.0) -> FloodPacer:
    """Return a pacer that has learned 2 requests/s after a burst of 20, with waits of 5 s."""
    pacer = FloodPacer()
    pacer.restore(snapshot(rate=2.0, burst=20.0, level=20.0, wait=5.0), now=now, clocks=clocks(0))
    return pacer


def clocks(after: float, *, moved: float = 0.0, boot: str = "a") -> Clocks:
    """Return the clocks so many seconds later, the wall clock set wrong by *moved*."""
    return Clocks(1e9 + after + moved, 5000.0 + after, boot)


def snapshot(**entry: float) -> dict[str, Any]:
    """Return a snapshot of one kind."""
    entry = {"date": 1e9, "count": 0} | entry
    return {"version": 1, "clocks": clocks(0).as_json(), "kinds": {KIND: entry}}


# Starting


@given(st.lists(times, min_size=1, max_size=20))
def test_without_floods_everybody_starts_at_once(nows: list[float]) -> None:
    """No flood, no spacing: each start is now, whatever went before."""
    pacer = FloodPacer()
    for now in nows:
        assert now == pacer.next_start(KIND, now=now)
        pacer.on_sent(KIND, now=now)
    assert pacer.held_until(KIND) == -math.inf


def test_spacing_parts_starts() -> None:
    """Starts are one spacing apart; who asks without one is not held back."""
    pacer = FloodPacer()
    starts = []
    now = 10.0
    for _ in range(4):
        now = pacer.next_start(KIND, now=now, spacing=2.0)
        pacer.on_sent(KIND, now=now)
        starts.append(now)
    assert [10.0, 12.0, 14.0, 16.0] == starts
    assert pacer.next_start(KIND, now=17.0) == 17.0
    assert pacer.next_start(KIND, now=100.0, spacing=2.0) == 100.0


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        (KIND, OTHER),
        (kind_of("upload.getFile", dc_id=2), kind_of("upload.getFile", dc_id=4)),
        (
            kind_of("upload.getFile", dc_id=2, connection=1),
            kind_of("upload.getFile", dc_id=2, connection=2),
        ),
        (
            kind_of("messages.getHistory"),
            kind_of("messages.getHistory", is_takeout=True),
        ),
    ],
)
def test_kinds_do_not_hold_each_other(kind: str, other: str) -> None:
    """A wait and a spacing concern their own kind: method, data centre, connection, takeout."""
    pacer = FloodPacer()
    run_into_flood(pacer, 30.0, now=0.0, kind=kind)
    assert pacer.next_start(other, now=1.0, spacing=5.0) == 1.0
    assert pacer.held_until(other) == -math.inf
    assert pacer.next_start(kind, now=1.0) == 30.0


def test_messages_by_ids_draw_from_the_budget_of_histories() -> None:
    """A sweep is no way around a wait for history."""
    methods = ["messages.getHistory", "channels.getMessages", "messages.getMessages"]
    assert {"history"} == {kind_of(method) for method in methods}


@given(times, waits, st.floats(0, 1e5), st.floats(0, 50))
def test_nobody_starts_during_a_wait(
    flood_at: float, wait: float, after: float, spacing: float
) -> None:
    """Whoever asks while a wait lasts starts at its end or, spaced, later; then one alone."""
    pacer = FloodPacer()
    assert run_into_flood(pacer, wait, now=flood_at)
    now = flood_at + after
    start = pacer.next_start(KIND, now=now, spacing=spacing)
    assert start >= max(now, flood_at + wait) == max(now, pacer.held_until(KIND))
    number = pacer.on_sent(KIND, now=start)
    assert pacer.next_start(KIND, now=start) == math.inf
    pacer.on_lost(KIND, number)
    number = pacer.on_sent(KIND, now=start)
    pacer.on_reply(KIND, number)
    assert pacer.next_start(KIND, now=start) < math.inf


@given(st.lists(st.tuples(times, waits), min_size=1, max_size=10))
def test_no_flood_shortens_a_wait(floods: list[tuple[float, float]]) -> None:
    """After any floods, in any order, the kind is held until the last of their ends."""
    pacer = FloodPacer()
    for now, wait in floods:
        run_into_flood(pacer, wait, now=now)
    assert max(now + wait for now, wait in floods) == pacer.held_until(KIND)


def test_echoes_prolong_a_wait_and_teach_nothing() -> None:
    """A refusal of what was sent before the flood was known is told apart from a new flood."""
    pacer = taught()
    numbers = [pacer.on_sent(KIND, now=100.0) for _ in range(4)]
    assert pacer.on_flood(KIND, numbers[0], 10.0, now=100.1)
    before = pacer.snapshot(now=100.1, clocks=clocks(0))["kinds"][KIND]["rate"]
    assert not pacer.on_flood(KIND, numbers[1], 10.0, now=100.2)
    assert not pacer.on_flood(KIND, numbers[2], 5.0, now=100.3)
    assert pacer.held_until(KIND) == 110.2
    assert before == pacer.snapshot(now=100.3, clocks=clocks(0))["kinds"][KIND]["rate"]


def test_waits_of_others_hold() -> None:
    """`hold` is obeyed like a flood, tells news from repetition, and never shortens."""
    pacer = FloodPacer()
    assert pacer.hold(KIND, 50.0, now=10.0)
    assert not pacer.hold(KIND, 50.0, now=11.0)
    assert not pacer.hold(KIND, 40.0, now=11.0)
    assert pacer.hold(KIND, 60.0, now=12.0)
    assert pacer.next_start(KIND, now=12.0) == 60.0
    assert not pacer.hold(KIND, 60.0, now=70.0)


# From run to run


def test_what_was_learned_is_remembered() -> None:
    """Through JSON and back: the next run is paced from its first request on."""
    data = json.loads(json.dumps(taught().snapshot(now=100.0, clocks=clocks(0))))
    pacer = FloodPacer()
    pacer.restore(data, now=0.0, clocks=clocks(60))
    free = 0
    while pacer.next_start(KIND, now=0.0) == 0.0:
        pacer.on_sent(KIND, now=0.0)
        free += 1
    assert free == 18  # 0.9 of the burst
    assert 0.4 < pacer.next_start(KIND, now=0.0) < 0.6


def test_the_learned_interval_can_be_told() -> None:
    """Seconds between two starts, by kind; 0 where nothing is known."""
    pacer = taught()
    assert 0.5 == pacer.interval(KIND)
    assert 0.0 == pacer.interval(OTHER)


def test_a_budget_that_was_used_up_comes_back_with_time() -> None:
    """A run right after another one does not begin with a whole burst."""
    first = taught()
    for _ in range(18):
        first.on_sent(KIND, now=100.0)
    data = first.snapshot(now=100.0, clocks=clocks(0))
    for after, free in ((0.0, 0), (2.0, 4), (3600.0, 18)):
        pacer = FloodPacer()
        pacer.restore(data, now=0.0, clocks=clocks(after))
        starts = 0
        while pacer.next_start(KIND, now=0.0) == 0.0:
            pacer.on_sent(KIND, now=0.0)
            starts += 1
        assert free == starts


def test_nothing_to_remember() -> None:
    """Kinds that never ran into a flood, and connections, leave nothing."""
    pacer = taught()
    pacer.on_sent(OTHER, now=100.0)
    run_into_flood(pacer, 30.0, now=100.0, kind=kind_of("upload.getFile", dc_id=2, connection=7))
    assert {KIND} == set(pacer.snapshot(now=100.0, clocks=clocks(0))["kinds"])


def test_what_is_in_use_is_not_overwritten() -> None:
    """Restoring late keeps what this run has seen itself."""
    pacer = FloodPacer()
    run_into_flood(pacer, 30.0, now=0.0)
    pacer.restore(snapshot(rate=2.0, burst=20.0, level=20.0, wait=5.0), now=1.0, clocks=clocks(0))
    assert pacer.held_until(KIND) == 30.0
    assert "rate" not in pacer.snapshot(now=1.0, clocks=clocks(0))["kinds"][KIND]


def test_old_knowledge_is_forgotten() -> None:
    """After 30 days without use a rate is no longer believed; use keeps it young."""
    data = snapshot(rate=2.0, burst=20.0, level=20.0, wait=5.0)
    for days, is_known in ((29, True), (31, False)):
        pacer = FloodPacer()
        pacer.restore(data, now=0.0, clocks=clocks(days * 86400))
        kept = pacer.snapshot(now=0.0, clocks=clocks(days * 86400))["kinds"]
        assert is_known == (KIND in kept)
        if is_known:
            assert kept[KIND]["date"] == 1e9
            pacer.on_sent(KIND, now=10.0)
            kept = pacer.snapshot(now=10.0, clocks=clocks(days * 86400))["kinds"]
            assert kept[KIND]["date"] == 1e9 + days * 86400


@pytest.mark.parametrize("moved", [0.0, 7200.0, -7200.0])
@pytest.mark.parametrize("boot", ["a", ""])
def test_a_wait_of_hours_outlives_a_restart_and_a_moved_clock(moved: float, boot: str) -> None:
    """An hour of a wait of ten has passed: nine are left, whatever the wall clock says."""
    first = FloodPacer()
    run_into_flood(first, 36_000.0, now=100.0)
    data = json.loads(json.dumps(first.snapshot(now=100.0, clocks=clocks(0, boot=boot))))
    second = FloodPacer()
    second.restore(data, now=7.0, clocks=clocks(3600, moved=moved, boot=boot))
    assert second.held_until(KIND) == pytest.approx(7.0 + 9 * 3600)
    assert second.next_start(KIND, now=8.0) == second.held_until(KIND)
    third = FloodPacer()
    third.restore(data, now=7.0, clocks=clocks(36_001, boot=boot))
    assert third.next_start(KIND, now=7.0) == 7.0


@pytest.mark.parametrize("boot", ["b", ""])
def test_after_the_machine_was_started_anew_the_wall_clock_tells(boot: str) -> None:
    """The steady clock began at 0; it still proves that the machine has run for so long."""
    first = FloodPacer()
    run_into_flood(first, 36_000.0, now=100.0)
    data = first.snapshot(now=100.0, clocks=clocks(0, boot="" if boot == "" else "a"))
    for wall, left in ((3600.0, 9 * 3600.0), (-5000.0, 36_000.0 - 600.0)):
        second = FloodPacer()
        second.restore(data, now=0.0, clocks=Clocks(1e9 + wall, 600.0, boot))
        assert second.held_until(KIND) == pytest.approx(left)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"version": 2, "clocks": clocks(0).as_json(), "kinds": {}},
        {"version": 1, "clocks": None, "kinds": {}},
        {"version": 1, "clocks": clocks(0).as_json(), "kinds": []},
        {"version": 1, "clocks": clocks(0).as_json(), "kinds": {KIND: 3}},
        {"version": 1, "clocks": {"wall": "x", "steady": 0, "boot": ""}, "kinds": {}},
        snapshot(rate=2.0),
        snapshot(rate=math.nan, burst=3.0, level=1.0, wait=1.0),
        snapshot(rate=-2.0, burst=3.0, level=1.0, wait=1.0),
        snapshot(rate=2.0, burst=0.0, level=1.0, wait=1.0),
        snapshot(rate=2.0, burst=3.0, level=1.0, wait=-1.0),
        snapshot(rate=2.0, burst=3.0, level=1.0, wait=1.0, count=-4),
        snapshot(held=math.inf),
    ],
)
def test_damaged_data_is_passed_over(data: Any) -> None:
    """No error, nothing believed: the run begins as a first one, or keeps what it has."""
    pacer = FloodPacer()
    pacer.restore(data, now=0.0, clocks=clocks(0))
    assert pacer.next_start(KIND, now=0.0) == 0.0
    ours = taught().snapshot(now=100.0, clocks=clocks(0))
    theirs = snapshot(held=math.nan, date=2e9) if data is None else data
    assert 2.0 == merged(theirs, ours)["kinds"][KIND]["rate"] or theirs is data


def test_two_processes_add_up() -> None:
    """Of each kind the later knowledge stays, and a wait that is not over."""
    ours = taught().snapshot(now=100.0, clocks=clocks(50))
    theirs = snapshot(rate=3.0, burst=9.0, level=1.0, wait=5.0, date=1e9 + 99, held=70.0)
    theirs["kinds"]["old"] = {"rate": 1.0, "burst": 2.0, "date": 5.0, "held": 20.0}
    theirs["kinds"]["held"] = {"held": 100.0}
    both = merged(theirs, ours)["kinds"]
    assert 3.0 == both[KIND]["rate"]
    assert both[KIND]["held"] == pytest.approx(20.0)
    assert "held" not in both["old"]
    assert taught().snapshot(now=100.0, clocks=clocks(50))["kinds"][KIND]["rate"] == 2.0


def test_a_server_that_counts_is_remembered_as_one() -> None:
    """Such a kind is not paced in the next run either."""
    pacer = FloodPacer()
    entry = {"rate": 1.0, "burst": 30.0, "level": 0.0, "wait": 30.0, "count": 30.0}
    pacer.restore(snapshot(**entry), now=0.0, clocks=clocks(0))
    for _ in range(500):
        assert pacer.next_start(KIND, now=0.0) == 0.0
        pacer.on_sent(KIND, now=0.0)
    kept = pacer.snapshot(now=0.0, clocks=clocks(0))["kinds"][KIND]
    assert entry == {name: kept[name] for name in Learned.__slots__}
    run_into_flood(pacer, 30.0, now=0.0)  # after 500, not 30: it does not count
    assert KIND in (kept := pacer.snapshot(now=0.0, clocks=clocks(0))["kinds"])
    assert "rate" not in kept[KIND]
