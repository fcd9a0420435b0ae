"""Do limits keep what they say, for any order and time of requests?"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from telefast.errors import ArgumentError
from telefast.testing import FixedWindow, Lockout, TokenBucket
from telefast.testing.flood_limits import SLACK, FloodLimit, limit_from_json, limit_to_json

START = 1_700_000_000.0
"""About now, where numbers of seconds are coarse."""

steps = st.lists(
    st.one_of(st.just(0.0), st.floats(0, 2), st.floats(0, 100)), min_size=1, max_size=80
)
bursts = st.integers(1, 40)
rates = st.floats(0.01, 50)


@st.composite
def buckets(draw: st.DrawFn) -> TokenBucket:
    """Make any bucket."""
    burst = draw(bursts)
    return TokenBucket(burst=burst, rate=draw(rates), back=draw(st.integers(0, burst)))


@st.composite
def lockouts(draw: st.DrawFn) -> Lockout:
    """Make any bucket with a lock."""
    burst = draw(bursts)
    return Lockout(
        burst=burst,
        rate=draw(st.one_of(st.just(0.0), rates)),
        wait=draw(st.floats(1, 100)),
        back=draw(st.integers(1, burst)),
        penalty=draw(st.floats(0, 10)),
    )


windows = st.builds(FixedWindow, count=bursts, seconds=st.floats(1, 100))
limits: st.SearchStrategy[FloodLimit] = st.one_of(buckets(), lockouts(), windows)


def ask(
    limit: FloodLimit, state: list[float], now: float, cost: float = 1, fine: float = 0
) -> float:
    """Ask once; return 0 or the seconds to wait."""
    if limit.ask(state, now, cost):
        limit.take(state, cost)
        return 0.0
    return limit.refuse(state, now, cost, fine)


def run(limit: FloodLimit, waits: list[float], *, fine: float = 0) -> list[tuple[float, float]]:
    """Ask after each of some waits; return the times with their answers."""
    now, answers = START, []
    state = limit.fresh(now)
    for wait in waits:
        now += wait
        answers.append((now, ask(limit, state, now, fine=fine)))
    return answers


def most_granted(answers: list[tuple[float, float]]) -> list[tuple[float, int]]:
    """Return for each pair of grants the time between them, and how many there were."""
    granted = [now for now, wait in answers if not wait]
    return [
        (last - first, number + 1)
        for begin, first in enumerate(granted)
        for number, last in enumerate(granted[begin:])
    ]


@given(buckets(), steps)
def test_a_bucket_never_gives_more_than_burst_and_rate(
    limit: TokenBucket, waits: list[float]
) -> None:
    """In no time between two grants are there more than the burst and what came back in it."""
    for seconds, count in most_granted(run(limit, waits)):
        assert count <= limit.burst + limit.rate * (seconds + SLACK) + 1e-6


@given(windows, steps)
def test_a_window_never_gives_more_than_its_count(limit: FixedWindow, waits: list[float]) -> None:
    """No window has more than the count; any time as long as one has twice that at most."""
    for seconds, count in most_granted(run(limit, waits)):
        whole = math.floor((seconds + SLACK) / (limit.seconds - SLACK))
        assert count <= limit.count * (whole + 2)


@given(lockouts(), steps)
def test_a_lockout_is_never_softer_than_its_bucket(limit: Lockout, waits: list[float]) -> None:
    """There are never more than burst, rate, and what each lock that fits in the time leaves."""
    for seconds, count in most_granted(run(limit, waits)):
        locks = math.floor((seconds + SLACK) / (limit.wait - SLACK)) + 1
        assert count <= limit.burst + limit.rate * (seconds + SLACK) + limit.back * locks + 1e-6


@given(limits, steps, st.floats(0, 5))
def test_who_waits_as_told_is_let_in(limit: FloodLimit, waits: list[float], fine: float) -> None:
    """A request at exactly the end of the last wait that was announced is never refused."""
    state, now = limit.fresh(START), START
    for step in waits:
        now += step
        wait = ask(limit, state, now, fine=fine)
    while not wait:
        wait = ask(limit, state, now, fine=fine)
    assert ask(limit, state, now + wait) == 0.0


@given(limits, steps, st.floats(0, 5))
def test_limits_are_deterministic_and_survive_json(
    limit: FloodLimit, waits: list[float], fine: float
) -> None:
    """Figures and state through JSON, in mid-run, change nothing; waits are finite, above 0."""
    expected = run(limit, waits, fine=fine)
    assert all(0 <= wait < math.inf for _, wait in expected)
    copy = limit_from_json(json.loads(json.dumps(limit_to_json(limit))))
    assert copy == limit
    state: Any = copy.fresh(START)
    for now, answer in expected:
        state = json.loads(json.dumps(state))
        assert ask(copy, state, now, fine=fine) == answer


@given(limits, steps, steps)
def test_a_state_may_be_forgotten_when_it_is_as_good_as_new(
    limit: FloodLimit, before: list[float], after: list[float]
) -> None:
    """What `is_fresh` lets one forget, nobody misses: all answers are those of a new state."""
    state, now = limit.fresh(START), START
    for wait in before:
        now += wait
        ask(limit, state, now)
    now += 10_000
    assume(limit.is_fresh(state, now))
    other = limit.fresh(now)
    for wait in after:
        now += wait
        assert ask(limit, state, now) == pytest.approx(ask(limit, other, now), abs=1e-4)


@given(limits, steps)
def test_a_clock_that_goes_back_brings_nothing(limit: FloodLimit, waits: list[float]) -> None:
    """Setting the clock back and forth does not refill a budget."""
    state = limit.fresh(START)
    while not ask(limit, state, START):
        pass
    for wait in waits:
        limit.ask(state, START - wait, 1)
        assert ask(limit, state, START)


def test_costs_beyond_the_limit_count_as_the_limit() -> None:
    """One request that is larger than the whole budget takes all of it, not forever more."""
    for limit in (
        TokenBucket(burst=10, rate=1),
        FixedWindow(count=10, seconds=10),
        Lockout(burst=10, rate=1, wait=10, back=10),
    ):
        state = limit.fresh(START)
        assert ask(limit, state, START, cost=99) == 0.0
        assert ask(limit, state, START, cost=99) == 10.0
        assert ask(limit, state, START + 10, cost=99) == 0.0


def test_waits_last_until_enough_is_back() -> None:
    """`back` makes the wait of a bucket longer; who is early may be lucky."""
    limit = TokenBucket(burst=30, rate=1, back=25)
    state = limit.fresh(START)
    assert [ask(limit, state, START) for _ in range(31)] == [*[0.0] * 30, 25.0]
    assert ask(limit, state, START + 1) == 0.0
    assert ask(limit, state, START + 1) == 25.0


def test_refused_requests_cost_their_fine() -> None:
    """With a fine each refusal makes the wait longer, up to a whole burst."""
    bucket = TokenBucket(burst=5, rate=1)
    state = bucket.fresh(START)
    answers = [ask(bucket, state, START, fine=2) for _ in range(9)]
    assert answers == [0, 0, 0, 0, 0, 3, 5, 6, 6]
    window = FixedWindow(count=5, seconds=10)
    state = window.fresh(START)
    answers = [ask(window, state, START + second, fine=1) for second in range(9)]
    assert answers == [0, 0, 0, 0, 0, 7, 8, 9, 10]


def test_a_lockout_does_not_refill_and_punishes_asking() -> None:
    """While it is locked time brings nothing, and each request makes the lock longer."""
    limit = Lockout(burst=3, rate=1, wait=20, back=2, penalty=5, longest=30)
    state = limit.fresh(START)
    assert [ask(limit, state, START) for _ in range(4)] == [0, 0, 0, 20]
    assert [ask(limit, state, START + second) for second in (10, 11, 12)] == [15, 19, 23]
    assert [ask(limit, state, START + 35) for _ in range(3)] == [0, 0, 20]
    assert [ask(limit, state, START + 35) for _ in range(3)] == [25, 30, 30]


def test_figures_that_make_no_limit_are_refused() -> None:
    """A figure out of bounds is refused by its name."""
    bad: list[tuple[Any, str]] = [
        (lambda: TokenBucket(burst=0, rate=1), "burst"),
        (lambda: TokenBucket(burst=1, rate=0), "rate"),
        (lambda: TokenBucket(burst=1, rate=math.nan), "rate"),
        (lambda: TokenBucket(burst=1, rate=1, back=2), "back"),
        (lambda: TokenBucket(burst=True, rate=1), "burst"),
        (lambda: FixedWindow(count=0, seconds=1), "count"),
        (lambda: FixedWindow(count=1, seconds=math.inf), "seconds"),
        (lambda: Lockout(burst=1, rate=1, wait=0), "wait"),
        (lambda: Lockout(burst=1, rate=1, wait=1, back=0), "back"),
        (lambda: Lockout(burst=1, rate=1, wait=9, longest=8), "longest"),
        (lambda: limit_from_json({"kind": "tap"}), "kind"),
        (lambda: limit_to_json("a tap"), "limit"),  # type: ignore[arg-type]
    ]
    for make, culprit in bad:
        with pytest.raises(ArgumentError, match=rf"^{culprit}="):
            make()


def test_figures_are_told_in_words() -> None:
    """Each kind of limit says its figures, bytes as megabytes."""
    bucket = TokenBucket(burst=32 * 1024 * 1024, rate=7_550_000, back=1_000_000)
    found = bucket.describe("bytes")
    assert found == "7.55 MB/s after a burst of 33.55 MB, waits until 1 MB are back"
    assert FixedWindow(count=2_000_000, seconds=30).describe("bytes") == "2 MB in 30 s"
    assert FixedWindow(count=1_500, seconds=30).describe("requests") == "1,500 requests in 30 s"
