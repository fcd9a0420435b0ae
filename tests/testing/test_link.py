"""Is a link as slow, as narrow and as uneven as it was told to be, without a clock?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.testing.keys import ServerKey
from telefast.testing.link import Link
from telefast.testing.outbox import ENVELOPE, Outbox
from telefast.testing.session import Outgoing, Session

SESSION = Session(ServerKey(bytes(256)), 1)


def test_without_limits_everything_leaves_when_it_is_ready() -> None:
    """A plain link adds the round trip and nothing else."""
    link = Link(rtt=0.5)
    assert link.ready_at(3.0) == 3.5
    assert link.next_departure(now=3.5, size=10**9) == 3.5
    assert link.next_departure(now=3.5, size=10**9) == 3.5
    assert Link().ready_at(3.0) == 3.0


@given(st.floats(0, 1), st.floats(0.001, 1), st.integers(0, 99))
def test_jitter_lies_between_nothing_and_all_of_it(rtt: float, jitter: float, seed: int) -> None:
    """Each answer gets its own share of the jitter, the same for the same seed."""
    one, two = (Link(rtt=rtt, jitter=jitter, seed=f"{seed}") for _ in range(2))
    times = [one.ready_at(10.0) for _ in range(50)]
    assert times == [two.ready_at(10.0) for _ in range(50)]
    assert all(10.0 + rtt <= time <= 10.0 + rtt + jitter for time in times)
    assert len(set(times)) > 10
    assert times != [Link(rtt=rtt, jitter=jitter, seed="other").ready_at(10.0) for _ in range(50)]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 10**6)), min_size=1, max_size=30),
    st.floats(1, 10**7),
)
def test_bandwidth_is_never_passed(items: list[tuple[float, int]], bandwidth: float) -> None:
    """One after the other, none before its time, none before its last byte could have left."""
    link = Link(bandwidth=bandwidth)
    before = 0.0
    for ready, size in sorted(items):
        left = link.next_departure(now=ready, size=size)
        assert left == pytest.approx(max(ready, before) + size / bandwidth)
        before = left


def outgoing(size: int) -> Outgoing:
    """Return a message that costs *size* bytes on the wire."""
    return Outgoing(bytes(size - ENVELOPE))


def test_a_narrow_outbox_lets_one_leave_after_the_other() -> None:
    """What is due waits for what leaves before it, and goes when its last byte has left."""
    outbox = Outbox(Link(bandwidth=1000))
    for number, time in enumerate((0.0, 0.0, 5.0)):
        outbox.push(time, SESSION, outgoing(500), request_id=number)
    assert len(outbox) == 3
    assert outbox.next_time == 0.0
    assert outbox.pop(0.0, max_bytes=9999) == []
    assert (outbox.next_time, len(outbox)) == (0.5, 3)
    assert [due.request_id for due in outbox.pop(0.5, max_bytes=9999)] == [0]
    assert (outbox.next_time, outbox.size) == (1.0, 2 * (500 - ENVELOPE))
    assert [due.request_id for due in outbox.pop(1.2, max_bytes=9999)] == [1]
    assert outbox.next_time == 5.0
    assert outbox.pop(5.1, max_bytes=9999) == []
    assert outbox.next_time == 5.5
    assert [due.request_id for due in outbox.pop(9.0, max_bytes=9999)] == [2]
    assert (outbox.next_time, len(outbox), outbox.size) == (None, 0, 0)


def test_a_late_look_takes_out_all_that_has_left() -> None:
    """What has left meanwhile comes out together, up to the bound."""
    outbox = Outbox(Link(bandwidth=1000))
    for number in range(4):
        outbox.push(0.0, SESSION, outgoing(500), request_id=number)
    assert [due.request_id for due in outbox.pop(1.1, max_bytes=9999)] == [0, 1]
    assert [due.request_id for due in outbox.pop(9.0, max_bytes=1)] == [2]


def test_what_is_on_the_wire_cannot_be_dropped() -> None:
    """An answer that began to leave leaves; one behind it can be dropped."""
    outbox = Outbox(Link(bandwidth=1000))
    for number in range(2):
        outbox.push(0.0, SESSION, outgoing(500), request_id=number)
    assert outbox.pop(0.0, max_bytes=9999) == []
    assert not outbox.drop(0)
    assert outbox.drop(1)
    assert outbox.size == 500 - ENVELOPE
    assert [due.request_id for due in outbox.pop(1.0, max_bytes=9999)] == [0]
