"""What a controller measures with: rates over whole round trips, and limits that fade."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from telefast.media.measure import Ceiling, Meter


def rates(
    meter: Meter, arrivals: list[tuple[float, float]], *, parts: int = 1, rounds: int = 1
) -> list[float | None]:
    """Report parts of 100 bytes, each by when it was asked for and when it came."""
    return [
        meter.on_part(100, asked, now=now, parts=parts, rounds=rounds) for asked, now in arrivals
    ]


@given(
    volley=st.integers(1, 20),
    rounds=st.integers(1, 4),
    rtt=st.floats(0.001, 10),
    skew=st.floats(0, 9),
)
def test_volleys_count_as_often_as_the_time_between_them(
    volley: int, rounds: int, rtt: float, skew: float
) -> None:
    """Where whole volleys arrive at once, the rate is a volley for each round trip."""
    meter = Meter()
    meter.restart(now=skew)
    arrivals = [
        (skew + number * rtt, skew + (number + 1) * rtt)
        for number in range(rounds + 1)
        for _ in range(volley)
    ]
    found = [rate for rate in rates(meter, arrivals, rounds=rounds) if rate is not None]
    assert math.isclose(100 * volley / rtt, found[0], rel_tol=1e-3)


def test_what_was_asked_for_before_a_change_does_not_count() -> None:
    """A measurement begins with the first part that was asked for after the last restart."""
    meter = Meter()
    meter.restart(now=10.0)
    assert [None, None] == rates(meter, [(9.0, 10.5), (9.5, 10.6)])
    assert not meter.has_begun
    assert [None] == rates(meter, [(10.0, 11.0)])
    assert meter.has_begun
    assert [100.0] == rates(meter, [(11.0, 12.0)])
    meter.restart(now=12.0)
    assert not meter.has_begun


def test_enough_parts_and_rounds() -> None:
    """There is no rate before so many parts have come in so many round trips."""
    steady = [(float(second), second + 1.0) for second in range(7)]
    assert [None, None, None, 100.0, None, None, 100.0] == rates(Meter(), steady, parts=3)
    assert [None, None, 100.0, None, 100.0, None, 100.0] == rates(Meter(), steady, rounds=2)


def test_no_time_is_no_division_by_zero() -> None:
    """Parts that come at once have a rate as well, a high one."""
    found = rates(Meter(), [(1.0, 1.0), (1.0, 1.0)])[-1]
    assert found is not None
    assert 1e6 < found < math.inf


@given(st.lists(st.floats(1, 100), min_size=1, max_size=30))
def test_a_ceiling_lasts_longer_each_time(mosts: list[float]) -> None:
    """Each time it is lowered it holds twice as long, up to an hour; then it is forgotten."""
    ceiling = Ceiling()
    now = 0.0
    assert 1e9 == ceiling.cut(1e9, now=now)
    for times, most in enumerate(mosts):
        ceiling.lower(most, 8.0, now=now)
        end = now + min(8.0 * 2**times, 3600.0)
        assert ceiling.is_up(now=now)
        assert (most, 0.5) == (ceiling.cut(1e9, now=now), ceiling.cut(0.5, now=now))
        assert most == ceiling.cut(1e9, now=end - 0.01)
        assert 1e9 == ceiling.cut(1e9, now=end)
        assert not ceiling.is_up(now=end)
        now = end
