"""Do answers leave in the order of their due time, and only then?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telefast.testing.keys import ServerKey
from telefast.testing.outbox import Outbox
from telefast.testing.session import Outgoing, Session

SESSION = Session(ServerKey(bytes(256)), 1)


def body(number: int) -> Outgoing:
    """Return a message that tells its number, of as many bytes."""
    return Outgoing(bytes([number]) * number)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 50))), st.integers(1, 100))
def test_what_is_due_leaves_in_order(items: list[tuple[int, int]], max_bytes: int) -> None:
    """By due time, then by arrival; never early, never more than asked but always something."""
    outbox = Outbox()
    for number, (time, size) in enumerate(items):
        outbox.push(time, SESSION, body(size), request_id=number)
    assert outbox.size == sum(size for _, size in items)
    expected = sorted(range(len(items)), key=lambda number: (items[number][0], number))
    seen: list[int | None] = []
    for now in range(6):
        while taken := outbox.pop(now, max_bytes=max_bytes):
            assert all(due.time <= now for due in taken)
            size = sum(len(due.message.body) for due in taken)
            assert size <= max_bytes or len(taken) == 1
            seen += [due.request_id for due in taken]
        assert outbox.next_time is None or outbox.next_time > now
    assert seen == expected
    assert (len(outbox), outbox.size) == (0, 0)


def test_an_answer_can_be_dropped() -> None:
    """A dropped answer never leaves, the others keep their order, and the size is right."""
    outbox = Outbox()
    for number in (1, 2, 3, 4):
        outbox.push(0.0, SESSION, body(number), request_id=number)
    assert outbox.drop(2)
    assert not outbox.drop(2)
    assert outbox.size == 8
    assert [due.request_id for due in outbox.pop(0.0, max_bytes=100)] == [1, 3, 4]
