"""A learned budget: how near to the optimum it comes on simulated servers, and its steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.testing.flood_limits import TokenBucket
from telefast.transport.bucket import FULL_WINDOW, MOST_STARTS, Bucket, Learned
from tests.unit.flood_model import (
    CALLERS,
    PROFILES,
    REQUESTS,
    RTT,
    Aimd,
    Outcome,
    Paced,
    Profile,
    Sleeping,
    Way,
    simulate,
)

QUICK = 9
FULL = 100
seeds = pytest.mark.parametrize("seeds", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)])


def runs(
    profile: Profile, way: Callable[[], Way], seeds: int, *, requests: int = REQUESTS
) -> list[Outcome]:
    """Return what became of so many runs."""
    return [
        simulate(profile.server(Random(seed)), way(), requests=requests) for seed in range(seeds)
    ]


def times(profile: Profile, outcomes: list[Outcome]) -> float:
    """Return the median time, in optima."""
    return median(outcome.seconds for outcome in outcomes) / profile.optimum(REQUESTS)


def refused(outcomes: list[Outcome]) -> float:
    """Return the median of the requests refused."""
    return median(outcome.refused for outcome in outcomes)


# On simulated servers


@seeds
@pytest.mark.parametrize("name", ["1/s", "10/s"])
def test_with_a_remembered_rate(name: str, seeds: int) -> None:
    """At most 1.05 of the optimum, and one refusal."""
    profile = PROFILES[name]
    outcomes = runs(profile, lambda: Paced(profile.remembered()), seeds)
    assert times(profile, outcomes) <= 1.05
    assert refused(outcomes) <= 1


@seeds
def test_from_cold_at_1_a_second(seeds: int) -> None:
    """At most 1.03 of the optimum."""
    profile = PROFILES["1/s"]
    assert times(profile, runs(profile, Paced, seeds)) <= 1.03


@seeds
def test_from_cold_at_10_a_second(seeds: int) -> None:
    """At most 1.35 of the optimum that was left at the end of the first wait."""
    profile = PROFILES["10/s"]
    after = median(profile.after_first_wait(outcome) for outcome in runs(profile, Paced, seeds))
    assert after <= 1.35


NEAR = 1.025
"""Where sleeping or AIMD are as fast as can be, we take so much of their time at most."""
FASTEST = {"1/s", "10/s", "10/s short waits", "1/s locked for 15 s", "10/s locked for 15 s"}
"""Where we are the fastest."""


@seeds
@pytest.mark.parametrize("is_second", [False, True], ids=["first run", "second run"])
@pytest.mark.parametrize("name", PROFILES)
def test_better_than_sleeping_and_aimd(name: str, is_second: bool, seeds: int) -> None:
    """Faster than both, or no more than 2.5 % slower; never refused as often as who sleeps.

    Where a wait costs nothing (a slow bucket, a window that tells its end), sleeping it as told
    is the optimum in time, at the price of many refusals. What is slower there is one request
    that goes alone after each wait, and, in a first run, finding out.
    """
    profile = PROFILES[name]
    way = (lambda seed: Paced(profile.second_run(seed))) if is_second else (lambda _: Paced())
    ours = [simulate(profile.server(Random(seed)), way(seed)) for seed in range(seeds)]
    sleeping = runs(profile, Sleeping, seeds)
    aimd = runs(profile, Aimd, seeds)
    rivals = min(times(profile, sleeping), times(profile, aimd))
    is_fastest = name in FASTEST and not is_second and (seeds == FULL or name != "1/s")
    assert times(profile, ours) <= rivals * (1 if is_fastest else NEAR)
    assert refused(ours) < refused(sleeping)


def test_a_rate_that_rose_is_found() -> None:
    """Remembered at half of what the server allows, a long run gets near to it."""
    profile = PROFILES["10/s short waits"]
    low = lambda: Paced(profile.remembered(share=0.5))  # noqa: E731
    first = runs(profile, low, 1, requests=20_000)[0].seconds
    second = runs(profile, low, 1, requests=25_000)[0].seconds
    assert 5_000 / (second - first) > 9.0


def test_repeated_waits_become_rare() -> None:
    """Refusals per 1,000 requests decline on every server that has a rate."""
    for profile in PROFILES.values():
        if profile.is_counter:
            continue
        early = simulate(profile.server(Random(1)), Paced(), requests=1000).refused
        both = simulate(profile.server(Random(1)), Paced(), requests=2000).refused
        assert both - early < max(early, 2)


# Steps


def flooded(bucket: Bucket, *, now: float, wait: float = 10.0, sent: int = 0) -> float:
    """Send so many that are answered and one that is refused; returns when the wait ends."""
    for _ in range(sent):
        bucket.on_reply(bucket.on_sent(now=now))
    assert bucket.on_flood(bucket.on_sent(now=now), wait, now=now)
    return now + wait


def test_released_in_steps() -> None:
    """After a wait one goes alone; each answer lets one more go: 1, 2, 4, 8 in flight."""
    bucket = Bucket()
    now = flooded(bucket, now=0.0, sent=60)
    for expected in (1, 2, 4, 8):
        flying = []
        while bucket.next_start(now=now) == now:
            flying.append(bucket.on_sent(now=now))
        assert expected == len(flying)
        assert bucket.next_start(now=now) == math.inf
        for number in flying:
            bucket.on_reply(number)


def test_a_lost_request_makes_room() -> None:
    """If the one that went alone is never answered, the next one goes alone."""
    bucket = Bucket()
    now = flooded(bucket, now=0.0)
    number = bucket.on_sent(now=now)
    assert bucket.next_start(now=now) == math.inf
    bucket.on_lost(number)
    bucket.on_reply(number)  # too late to matter
    assert bucket.next_start(now=now) == now
    bucket.on_sent(now=now)
    assert bucket.next_start(now=now) == math.inf


def test_what_is_served_after_a_flood_has_its_share() -> None:
    """A request under way when another was refused takes what came back, if it is served."""
    free = {}
    for becomes in ("refused", "lost", "served", "served twice"):
        bucket = Bucket()
        bucket.restore(Learned(2.0, 20.0, 20.0, 5.0), now=0.0)
        for _ in range(18):
            bucket.on_reply(bucket.on_sent(now=0.0))
        refused, other = bucket.on_sent(now=0.0), bucket.on_sent(now=0.0)
        assert bucket.on_flood(refused, 3.0, now=0.1)
        if becomes == "refused":
            assert not bucket.on_flood(other, 3.0, now=0.1)
        elif becomes == "lost":
            bucket.on_lost(other)
        for _ in range({"served": 1, "served twice": 2}.get(becomes, 0)):
            bucket.on_reply(other)
        free[becomes] = 0
        while bucket.next_start(now=3.2) == 3.2:
            bucket.on_reply(bucket.on_sent(now=3.2))
            free[becomes] += 1
    assert free["refused"] == free["lost"] == free["served"] + 1 == free["served twice"] + 1 > 2


def test_an_early_flood_teaches_nothing() -> None:
    """Another run may have used the budget up: after a wait nothing is held back."""
    bucket = Bucket()
    now = flooded(bucket, now=0.0, sent=4)
    for _ in range(2 * FULL_WINDOW):
        assert bucket.next_start(now=now) == now
        bucket.on_reply(bucket.on_sent(now=now))
    assert "free" == bucket.state


def test_floods_without_end_slow_down_without_end() -> None:
    """Refused again and again, a kind asks ever less often, and recovers when it is served."""
    bucket = Bucket()
    now = 0.0
    for _ in range(20):
        start = bucket.next_start(now=now)
        assert start < now + 1e7
        now = flooded(bucket, now=start, wait=1.0)
    gaps = []
    for _ in range(400):
        start = bucket.next_start(now=now)
        gaps.append(start - now)
        now = start
        bucket.on_reply(bucket.on_sent(now=now))
    assert gaps[1] > 1000
    assert gaps[-1] < 1


def test_a_rest_fills_an_unknown_bucket() -> None:
    """What was sent before a minute of silence does not count towards a flood after it."""
    bucket = Bucket()
    for _ in range(50):
        bucket.on_reply(bucket.on_sent(now=0.0))
    now = flooded(bucket, now=3600.0, sent=8)
    assert "free" == bucket.state
    flooded(bucket, now=now, sent=20)
    assert "again" == bucket.state


def test_memory_is_bounded() -> None:
    """A kind without floods remembers so many starts at most, and a flood still teaches."""
    bucket = Bucket()
    numbers = [bucket.on_sent(now=i / 100) for i in range(3 * MOST_STARTS)]
    assert len(bucket._starts) <= MOST_STARTS
    assert bucket.on_flood(numbers[10], 5.0, now=200.0)  # long forgotten
    assert bucket.next_start(now=205.0) == 205.0


@given(st.lists(st.tuples(st.sampled_from("rlf"), st.floats(0, 50)), max_size=200), st.booleans())
def test_somebody_may_always_start(steps: list[tuple[str, float]], is_held: bool) -> None:
    """Whatever happens, once all are answered or lost the next start is finite and not past."""
    bucket = Bucket()
    if is_held:
        bucket.hold(20.0, now=0.0)
    now = 0.0
    for what, gap in steps:
        start = bucket.next_start(now=now)
        assert now <= start < math.inf
        now = max(now, start) + gap
        number = bucket.on_sent(now=now)
        if what == "r":
            bucket.on_reply(number)
        elif what == "l":
            bucket.on_lost(number)
        else:
            bucket.on_flood(number, 3.0, now=now)


def test_optimum_is_a_lower_bound() -> None:
    """The model's yardstick: a caller that knows the bucket takes just that long."""
    profile = PROFILES["10/s"]
    limit = profile.limit()
    assert isinstance(limit, TokenBucket)
    assert profile.optimum(REQUESTS) == (REQUESTS - limit.burst) / limit.rate
    assert profile.optimum(12) == math.ceil(12 / CALLERS) * RTT
