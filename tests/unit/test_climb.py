"""How a level is found, kept, and left: floods, timeouts and idle times."""

from __future__ import annotations

import math

import pytest

from telefast.media.climb import QUEUE, TIMEOUTS, Climb
from telefast.media.levels import Bounds, Level, Move

KIB, MIB = 1024, 1024 * 1024
SIZES = [64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB]
MOST = Level(16 * MIB, 8, 512 * KIB)
START = Level(2 * MIB, 2, 512 * KIB)
RTT = 0.1


def climber(start: Level = START, *, is_known: bool = True) -> Climb:
    """Return a controller, by default one that need not seek its level."""
    return Climb(bounds=Bounds(SIZES, MOST), start=start, is_known=is_known)


def feed(climb: Climb, rate: float, *, now: float, volleys: int = 30) -> float:
    """Let parts arrive in volleys, at *rate* whatever is asked for; returns the time then."""
    for _ in range(volleys):
        size = climb.part_size
        seconds = max(RTT, 4 * size / rate)
        for _ in range(4):
            climb.on_part(size, seconds, now=now + 4 * size / rate)
        now += 4 * size / rate
    return now


def test_a_level_is_legal() -> None:
    """There is no more than is allowed and useful, and one part and one connection at least."""
    bounds = Bounds(SIZES, MOST)
    assert MOST == bounds.legal(Level(10**12, 99, 10**12), now=0.0)
    assert Level(MIB, 8, MOST.largest) == bounds.legal(MOST, now=0.0, useful=MIB)
    assert Level(64 * KIB, 1, 64 * KIB) == bounds.legal(Level(0, 0, 0), now=0.0, useful=0.0)


def test_moves_multiply() -> None:
    """A move changes what it names, and smaller parts are smaller than those in use."""
    bounds = Bounds(SIZES, MOST)
    base = Level(2 * MIB, 4, 512 * KIB)

    def moved(move: Move, most: float = 2.0) -> Level:
        return bounds.moved(base, move, now=0.0, useful=math.inf, most=most)

    assert Level(4 * MIB, 8, 512 * KIB) == moved(Move(2, 2, 1))
    assert Level(3 * MIB, 4, 512 * KIB) == moved(Move(2, 1, 1), most=1.5)
    assert Level(2 * MIB, 3, 512 * KIB) == moved(Move(1, 0.75, 1))
    assert 256 * KIB == bounds.part_size(base)
    assert Level(2 * MIB, 4, 128 * KIB) == moved(Move(1, 1, 0.5))
    assert base == moved(Move(1, 1, 2)), "larger ones are not among the sizes"


def test_a_move_in_vain_rests_ever_longer() -> None:
    """The pause doubles up to a bound, until the move is woken."""
    move = Move(1, 1, 2)
    dues = []
    for _ in range(6):
        move.rest(0)
        dues.append(move.due)
    assert [8, 16, 32, 64, 128, 128] == dues
    move.wake(5)
    assert 5 == move.due
    move.rest(5)
    assert 13 == move.due


def test_one_flood_of_many_refusals_counts_once() -> None:
    """Refusals during a wait prolong it and lower nothing further; after it they do."""
    climb = climber()
    now = feed(climb, 5e6, now=0.0)
    climb.on_flood(7.0, now=now)
    level = climb.level
    assert level.in_flight < START.in_flight
    for _ in range(20):
        climb.on_flood(9.0, now=now + 0.1)
    assert level == climb.level
    climb.on_flood(7.0, now=now + 9.2)
    assert climb.level.in_flight < level.in_flight


def test_a_flood_before_any_part_is_survived() -> None:
    """An account that must wait at once has half as much in flight, and goes on from there."""
    climb = climber(is_known=False)
    climb.on_flood(7.0, now=0.0)
    assert climb.is_known
    assert Level(MIB, 4, START.largest) == climb.level


def test_a_flood_of_a_trial_ends_only_the_trial() -> None:
    """The base has done no harm, so it stays."""
    climb = climber()
    now = 0.0
    while climb.level.in_flight <= climb.base.in_flight:
        now = feed(climb, 50e6, now=now, volleys=1)
    base = climb.base
    climb.on_flood(7.0, now=now)
    assert base == climb.base == climb.level


def test_a_flood_takes_no_more_than_the_average_needs() -> None:
    """Slower than the average since the flood before, waits included, is never better."""
    climb = climber(Level(8 * MIB, 8, 512 * KIB))
    now = 0.0
    for _ in range(12):
        now = feed(climb, 20e6, now=now, volleys=100)
        climb.on_flood(1.0, now=now)
        now += 1.0
    assert climb.base.in_flight >= 0.6 * 20e6 * RTT


def test_connections_that_die_are_given_up_and_remembered() -> None:
    """Repeated timeouts on one connection cost one connection; after a time it is tried again."""
    climb = climber(Level(8 * MIB, 8, 512 * KIB))
    now = feed(climb, 20e6, now=0.0, volleys=8)
    for _ in range(TIMEOUTS):
        assert 8 == climb.level.connections
        climb.on_timeout(3, now=now)
    assert Level(8 * MIB, 7, 512 * KIB) == climb.level
    assert 7 == climb._bounds.legal(MOST, now=now + 7.9).connections
    assert 8 == climb._bounds.legal(MOST, now=now + 8.1).connections


def test_timeouts_everywhere_halve_what_is_in_flight() -> None:
    """Where several connections are late, or the only one is, less is asked for."""
    for connections, late in ((4, range(4)), (1, [0] * 4)):
        climb = climber(Level(8 * MIB, connections, 512 * KIB))
        now = feed(climb, 20e6, now=0.0, volleys=2)
        for connection in late:
            climb.on_timeout(connection, now=now)
        assert Level(4 * MIB, connections, 512 * KIB) == climb.level


def test_an_outage_counts_once() -> None:
    """Of all that were in flight when the line went dead, only the first four timeouts count."""
    climb = climber(Level(8 * MIB, 4, 512 * KIB))
    now = feed(climb, 20e6, now=0.0, volleys=2)
    for connection in range(100):
        climb.on_timeout(connection, now=now)
    assert 4 * MIB == climb.level.in_flight


def test_single_timeouts_are_forgiven() -> None:
    """One part in a hundred may be lost for ever."""
    climb = climber()
    now = 0.0
    for number in range(50):
        now = feed(climb, 20e6, now=now, volleys=25)
        climb.on_timeout(number % 2, now=now)
    assert not climb._bounds.in_flight.is_up(now=now)
    assert not climb._bounds.connections.is_up(now=now)


@pytest.mark.parametrize("is_known", [True, False])
def test_nothing_is_learned_from_idle_times(is_known: bool) -> None:
    """What arrives while nothing is left to ask for says nothing, in the beginning or later."""
    climb = climber(is_known=is_known)
    now = 0.0
    for _ in range(200):
        now = feed(climb, 1e6, now=now, volleys=1)
        climb.on_idle(now=now)
    assert (START, START) == (climb.base, climb.level)
    assert is_known == climb.is_known


def test_an_idle_time_ends_a_trial() -> None:
    """The base is what is asked for until there is enough to ask for again."""
    climb = climber()
    now = 0.0
    while climb.level == climb.base:
        now = feed(climb, 50e6, now=now, volleys=1)
    climb.on_idle(now=now)
    assert climb.base == climb.level


def test_the_queue_is_cut_when_the_network_slows_down() -> None:
    """No more is in flight than arrives within a round trip and two seconds."""
    climb = climber(MOST)
    now = feed(climb, 100e6, now=0.0, volleys=200)
    feed(climb, 1e6, now=now, volleys=100)
    assert climb.base.in_flight <= 1e6 * (QUEUE + RTT)
