"""Do connections that share a line get what is theirs, never more than it carries, and no less?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.testing.keys import ServerKey
from telefast.testing.link import PIECE, Link, SharedLine
from telefast.testing.outbox import ENVELOPE, Outbox
from telefast.testing.session import Outgoing, Session

SESSION = Session(ServerKey(bytes(256)), 1)
CAP = 1_000_000.0

Sent = list[tuple[float, int, int]]
"""Departures: time, connection, number of the message."""

messages = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.one_of(st.just(0.0), st.floats(0, 3)),
        st.one_of(st.integers(ENVELOPE, 3_000), st.integers(ENVELOPE, 400_000)),
    ),
    min_size=1,
    max_size=40,
)
"""Connection, when it is ready, and size of each message."""


def play(
    sent: list[tuple[int, float, int]], *, bandwidth: float | None = None, count: int = 4
) -> Sent:
    """Let messages leave over one line, each connection looking when it has something to do."""
    line = SharedLine(CAP)
    boxes = [Outbox(Link(bandwidth=bandwidth, line=line)) for _ in range(count)]
    for number, (connection, ready, size) in enumerate(sent):
        body = Outgoing(bytes(size - ENVELOPE))
        boxes[connection].push(ready, SESSION, body, request_id=number)
    found: Sent = []
    while due := [each.next_time for each in boxes if each.next_time is not None]:
        now = min(due)
        for connection, each in enumerate(boxes):
            if each.next_time == now:
                taken = each.pop(now, max_bytes=1)
                found += [(now, connection, item.request_id or 0) for item in taken]
    return found


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 10**6)), min_size=1, max_size=30))
def test_a_line_carries_one_piece_after_the_other(pieces: list[tuple[float, int]]) -> None:
    """The times that pieces take never overlap, and none begins before it was there."""
    line = SharedLine(CAP)
    before = 0.0
    for now, size in sorted(pieces):
        left = line.next_departure(now=now, size=size)
        assert left - size / CAP >= max(now, before) - 1e-6
        before = left


@given(messages)
def test_the_line_is_never_passed_and_never_idle(sent: list[tuple[int, float, int]]) -> None:
    """What has left at any time could have left, and all is over when a full line is done."""
    found = play(sent)
    assert sorted(number for _, _, number in found) == list(range(len(sent)))
    sizes = [size for _, _, size in sent]
    for begin, _, _ in [(ready, 0, 0) for _, ready, _ in sent]:
        for end, _, _ in found:
            inside = [n for time, _, n in found if time <= end and sent[n][1] >= begin]
            assert sum(sizes[n] for n in inside) <= CAP * max(0.0, end - begin) + 1e-3
    done = 0.0
    for _, ready, size in sorted(sent, key=lambda each: each[1]):
        done = max(done, ready) + size / CAP
    assert max(time for time, _, _ in found) == pytest.approx(done)


@given(messages)
def test_no_connection_overtakes_itself(sent: list[tuple[int, float, int]]) -> None:
    """Of one connection, messages leave in the order in which they were ready."""
    for connection in range(4):
        own = [number for number, each in enumerate(sent) if each[0] == connection]
        expected = sorted(own, key=lambda number: (sent[number][1], number))
        assert [n for _, found, n in play(sent) if found == connection] == expected


@given(messages, st.floats(10_000, 2_000_000))
def test_a_connection_keeps_its_own_limit_too(
    sent: list[tuple[int, float, int]], bandwidth: float
) -> None:
    """With both limits, no connection is faster than its own, nor all than the line."""
    found = play(sent, bandwidth=bandwidth)
    assert len(found) == len(sent)
    for connection in range(4):
        own = [(time, n) for time, each, n in found if each == connection]
        total = 0
        first = min((sent[n][1] for _, n in own), default=0.0)
        for time, number in own:
            total += sent[number][2]
            assert total <= bandwidth * (time - first) + 1e-3
    assert sum(size for _, _, size in sent) <= CAP * max(time for time, _, _ in found) + 1e-3


@given(st.integers(2, 8), st.integers(2 * PIECE, 9 * PIECE), st.integers(2 * PIECE, 9 * PIECE))
def test_busy_connections_get_equal_shares(count: int, one: int, two: int) -> None:
    """Who always has large parts to send gets a fair share, however large those of others are."""
    sent = [(connection, 0.0, two if connection else one) for connection in range(count)] * 10
    found = play(sent, count=count)
    end = min(max(time for time, each, _ in found if each == own) for own in range(count))
    shares = [
        sum(sent[n][2] for time, each, n in found if each == own and time <= end)
        for own in range(count)
    ]
    # A part may just have left, or be about to; and the last piece of each may be small.
    assert max(shares) - min(shares) <= 2 * max(one, two) + max(shares) / 3


def test_a_small_answer_does_not_wait_for_large_ones() -> None:
    """Behind three connections full of large parts it waits one piece of each."""
    large = [(connection, 0.0, 1_000_000) for connection in range(3)] * 5
    found = play([*large, (3, 1.0, 500)])
    [time] = [time for time, connection, _ in found if connection == 3]
    assert 1.0 < time <= 1.0 + (4 * PIECE + 500) / CAP


def test_what_one_does_not_use_is_the_others() -> None:
    """A connection that is alone on the line has all of it."""
    assert play([(0, 0.0, 500_000), (1, 10.0, 500_000)]) == [
        (pytest.approx(0.5), 0, 0),
        (pytest.approx(10.5), 1, 1),
    ]


def test_a_late_look_loses_nothing() -> None:
    """A server that looks late finds all that has left meanwhile, as with a link of its own."""
    box = Outbox(Link(line=SharedLine(CAP)))
    for number in range(10):
        box.push(0.0, SESSION, Outgoing(bytes(200_000 - ENVELOPE)), request_id=number)
    assert len(box) == 10
    taken = box.pop(1.1, max_bytes=10**9)
    assert [each.request_id for each in taken] == [0, 1, 2, 3, 4]
    assert box.size == 5 * (200_000 - ENVELOPE)
