"""Which connection takes a request, and how many are opened, tried again and given up."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from telefast.transport.placement import (
    ATTEMPTS_PER_MINUTE,
    BUSY,
    IDLE,
    MAX_FAILURES,
    MAX_LINES,
    PING_AFTER,
    PONG_WITHIN,
    LineState,
    Placement,
    choose,
)


def state(number: int, load: int, *, is_late: bool = False) -> LineState:
    """Return a connection with a load."""
    return LineState(number, load, is_late)


def to_open(placement: Placement, now: float, **facts: Any) -> int:
    """Ask how many to open, by default without a connection and with all the load there is."""
    common: dict[str, Any] = {"lines": 0, "opening": 0, "load": 100, "shy": False}
    return placement.to_open(**(common | facts), now=now)


@given(
    st.lists(st.builds(state, st.integers(1, 9), st.integers(0, 9)), unique_by=lambda s: s.number)
)
def test_the_least_busy_takes_it(lines: list[LineState]) -> None:
    """No other has less to do, and none that has as much is older."""
    chosen = choose(lines)
    assert (chosen is None) == (not lines)
    for line in lines:
        best = next(each for each in lines if each.number == chosen)
        assert (best.load, best.number) <= (line.load, line.number)


def test_a_late_one_takes_it_only_if_all_are() -> None:
    """One that missed a deadline comes last, whatever its load."""
    late, busy = state(1, 0, is_late=True), state(2, 50)
    assert choose([late, busy]) == 2
    assert choose([late, state(3, 2, is_late=True)]) == 1


@given(
    load=st.integers(0, 50),
    wanted=st.integers(1, MAX_LINES),
    lines=st.integers(0, MAX_LINES),
    opening=st.integers(0, MAX_LINES),
    shy=st.booleans(),
)
def test_as_many_as_the_load_asks_for(
    load: int, wanted: int, lines: int, opening: int, shy: bool
) -> None:
    """Two requests each, never more than wanted, and one alone where a key is exchanged."""
    facts = {"load": load, "lines": lines, "opening": opening, "shy": shy}
    count = to_open(Placement(wanted), 0.0, **facts)
    assert count >= 0
    if count:
        together = lines + opening + count
        assert together <= (1 if shy else wanted)
        assert (together - 1) * BUSY < load


def test_a_place_that_cannot_be_reached() -> None:
    """One attempt at a time, after pauses that double, until nobody is kept waiting any more."""
    placement, now, begun = Placement(), 5.0, []
    assert to_open(placement, now) == 4
    for _ in range(4):
        placement.on_attempt(now=now)
    for later in range(4):  # they go down together
        placement.on_failed(begun=now, alive=0, now=now + later / 10)
    now += 0.3
    while not placement.gives_up(now):
        assert to_open(placement, now) == 0
        now = placement.next_attempt(now)
        assert to_open(placement, now) == 1
        placement.on_attempt(now=now)
        begun.append(now)
        placement.on_failed(begun=now, alive=0, now=now)
    assert len(begun) == MAX_FAILURES - 1
    assert [b - a for a, b in pairwise(begun)] == [2.0, 4.0, 8.0]
    now = placement.next_attempt(now)
    assert not placement.gives_up(now)
    assert to_open(placement, now) == 1
    placement.on_failed(begun=now, alive=0, now=now)
    assert placement.gives_up(now)
    assert placement.next_attempt(now) == now + 30
    placement.on_proven(alive=1, now=now)
    assert not placement.gives_up(now)
    assert to_open(placement, now, lines=1) == 3


@pytest.mark.parametrize("limit", range(1, MAX_LINES))
def test_a_server_that_takes_no_more(limit: int) -> None:
    """The number settles at what is allowed, and is tried again by one, ever more seldom."""
    placement, now, attempts, alive = Placement(MAX_LINES), 0.0, [], 0
    while now < 7200:
        for _ in range(to_open(placement, now, lines=alive)):
            attempts.append(now)
            placement.on_attempt(now=now)
        begun, now = now, now + 0.1
        for each in attempts[::-1]:
            if each != begun:
                break
            if alive < limit:
                alive += 1
                placement.on_proven(alive=alive, now=now)
            else:
                placement.on_failed(begun=begun, alive=alive, now=now)
        now += 5
    assert alive == limit
    assert placement.allowed(now) <= limit + 1
    assert len(attempts) <= MAX_LINES + 7
    # The limit is lifted: in time all are there.
    while alive < MAX_LINES:
        if to_open(placement, now, lines=alive):
            alive += 1
            placement.on_proven(alive=alive, now=now)
        now += 30
    assert now < 7200 + 3600 + MAX_LINES * 90


def test_an_early_refusal_is_put_right_by_those_that_come_through() -> None:
    """When a volley is refused in part, the cap is what lives in the end."""
    placement = Placement(MAX_LINES)
    placement.on_failed(begun=0.0, alive=1, now=0.1)
    assert placement.allowed(0.1) == 1
    placement.on_proven(alive=3, now=0.2)
    assert placement.allowed(0.2) == 3
    placement.on_failed(begun=0.0, alive=3, now=0.3)
    assert placement.allowed(0.3) == 3
    assert placement.allowed(61.0) == 4


def test_connections_that_are_lost_at_once() -> None:
    """One that answers, and is lost before it is of use, is made thirty times a minute at most."""
    placement, now, attempts = Placement(1), 0.0, []
    while now < 300:
        if to_open(placement, now):
            placement.on_attempt(now=now)
            placement.on_proven(alive=1, now=now)
            attempts.append(now)
            now += 0.01
        else:
            assert placement.next_attempt(now) > now
            now = placement.next_attempt(now)
    assert len(attempts) == 5 * ATTEMPTS_PER_MINUTE


def test_a_lost_login_is_carried_over_once() -> None:
    """A second loss within ten minutes is not healed, a later one is."""
    placement = Placement()
    assert placement.may_heal(0.0)
    placement.on_heal(now=0.0)
    assert not placement.may_heal(599.0)
    assert placement.may_heal(600.0)


@pytest.mark.parametrize(
    ("expected", "facts", "now"),
    [
        ("nothing", {"load": 1}, PING_AFTER - 1),
        ("ping", {"load": 1}, PING_AFTER),
        ("ping", {"load": 0, "last_used": 20.0}, PING_AFTER),
        ("nothing", {"load": 1, "pinged": 1.0}, PONG_WITHIN),
        ("drop", {"load": 1, "pinged": 1.0}, PONG_WITHIN + 1),
        ("drop", {"load": 0, "pinged": 1.0}, PONG_WITHIN + 1),
        ("close", {"load": 0}, IDLE),
        ("nothing", {"load": 1, "last_heard": IDLE}, IDLE),
    ],
)
def test_what_a_connection_needs(expected: str, facts: dict[str, Any], now: float) -> None:
    """A ping after silence, an end after disuse, and to be given up if nothing ever comes."""
    assert LineState(1, **facts).care(now) == expected


class Storm(RuleBasedStateMachine):
    """Connections that fail, come through and are lost at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.placement = Placement(MAX_LINES)
        self.now = 0.0
        self.under_way: list[float] = []
        self.alive = 0
        self.attempts: list[float] = []

    @rule(seconds=st.sampled_from([0.0, 0.01, 1.0, 7.0, 60.0, 700.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(load=st.integers(0, 40), shy=st.booleans())
    def grow(self, load: int, shy: bool) -> None:
        """Open what is to be opened, and nothing before its time."""
        lines = {"lines": self.alive, "opening": len(self.under_way)}
        count = to_open(self.placement, self.now, load=load, shy=shy, **lines)
        if count:
            assert self.now >= self.placement.next_attempt(self.now)
            assert self.alive + len(self.under_way) + count <= MAX_LINES
        for _ in range(count):
            self.placement.on_attempt(now=self.now)
            self.attempts.append(self.now)
            self.under_way.append(self.now)

    @precondition(lambda self: self.under_way)
    @rule()
    def come_through(self) -> None:
        """Let one answer."""
        self.under_way.pop()
        self.alive += 1
        self.placement.on_proven(alive=self.alive, now=self.now)
        assert not self.placement.gives_up(self.now)

    @precondition(lambda self: self.under_way)
    @rule()
    def fail(self) -> None:
        """Let one be cut."""
        self.placement.on_failed(begun=self.under_way.pop(0), alive=self.alive, now=self.now)

    @precondition(lambda self: self.alive)
    @rule()
    def lose(self) -> None:
        """Lose one that worked."""
        self.alive -= 1

    @invariant()
    def no_storm(self) -> None:
        """No minute sees more attempts than there may be; waiting for the next one ends."""
        recent = [at for at in self.attempts if at + 60 > self.now]
        assert len(recent) <= ATTEMPTS_PER_MINUTE
        assert self.placement.next_attempt(self.now) <= self.now + 60
        assert 1 <= self.placement.allowed(self.now) <= MAX_LINES


TestStorm = Storm.TestCase
TestStorm.settings = settings(max_examples=settings.default.max_examples // 2)
