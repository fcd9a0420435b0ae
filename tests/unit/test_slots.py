"""Who may ask for the next part: in turn, within a budget."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from telefast.media.slots import Slots


class File:
    """A file of so many parts, all of one size."""

    def __init__(self, parts: int, size: int, log: list[File]) -> None:
        self.parts, self.size, self.log = parts, size, log

    def need(self) -> int:
        """Return the size of a part, while there are any."""
        return self.size if self.parts else 0

    def begin(self) -> None:
        """Take one."""
        self.parts -= 1
        self.log.append(self)


class Done(Slots):
    """Slots whose parts are written as they come."""

    def done(self, dc_id: int, need: int) -> None:
        """Let a part arrive and be written."""
        self.arrive(dc_id, need)
        self.release(dc_id, need)


def slots(memory: int, window: int = 99) -> Done:
    """Return slots with a fixed window."""
    return Done(memory, lambda dc_id, need: window)


def test_files_take_turns() -> None:
    """One part each; a file that comes late waits for one turn, not for the whole of another."""
    log: list[File] = []
    one, row = slots(2), deque[File]()
    large, small = File(5, 1, log), File(2, 1, log)
    one.ask(2, large)
    one.ask(2, large)
    one.ask(2, small)
    while len(log) > len(row):
        row.append(log[len(row)])
        one.done(2, 1)
    assert log == [large, large, large, small, large, small, large]
    assert (one.held, one.peak) == (0, 2)


def test_a_file_that_leaves_begins_no_more() -> None:
    """Its turn goes to the next one."""
    log: list[File] = []
    here = slots(1)
    first, second = File(3, 1, log), File(3, 1, log)
    here.ask(2, first)
    here.ask(2, second)
    here.leave(2, first)
    here.leave(2, first)
    here.leave(4, first)
    here.done(2, 1)
    here.done(2, 1)
    assert log == [first, second, second]


def test_the_window_bounds_parts_and_idleness_is_told() -> None:
    """No more parts than may be; once all are begun, whoever wants to know is told."""
    log: list[File] = []
    idle: list[int] = []
    here = Done(99, lambda dc_id, need: 2, idle.append)
    here.ask(2, File(3, 1, log))
    assert (len(log), idle) == (2, [])
    here.done(2, 1)
    assert (len(log), idle) == (3, [2])
    assert not here.take(2, 1)
    here.done(2, 1)
    assert here.take(2, 1)


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 40)), max_size=9),
    st.randoms(use_true_random=False),
)
def test_the_budget_holds_and_everything_is_begun(memory, files, random) -> None:
    """Any files at any data centres: within the memory, or one part each; and none is left."""
    log: list[File] = []
    here, dc_of = slots(memory), {}
    for dc_id, parts, size in files:
        file = File(parts, size, log)
        dc_of[id(file)] = dc_id, file
        here.ask(dc_id, file)
    flying, seen = list[File](), 0
    while True:
        flying += log[seen:]
        seen = len(log)
        for dc_id in {dc_of[id(file)][0] for file in flying}:
            mine = [file.size for file in flying if dc_of[id(file)][0] == dc_id]
            assert sum(mine) <= memory or len(mine) == 1
        assert here.held == sum(file.size for file in flying)
        if not flying:
            break
        file = flying.pop(random.randrange(len(flying)))
        here.done(dc_of[id(file)][0], file.size)
    assert sum(file.parts for _, file in dc_of.values()) == 0


def test_one_data_centre_leaves_room_for_another() -> None:
    """What has taken all there was does not keep others waiting."""
    log: list[File] = []
    here = slots(4)
    busy, other = File(9, 1, log), File(9, 1, log)
    here.ask(2, busy)
    here.ask(4, other)
    assert [log.count(busy), log.count(other)] == [4, 1]
    for _ in range(4):
        here.done(2, 1)
    assert [log.count(busy), log.count(other)] == [6, 2]


def test_what_has_arrived_makes_room_in_the_window_and_not_in_the_memory() -> None:
    """The next part is asked for though the disk is busy, until the memory is full."""
    log: list[File] = []
    here = slots(5, window=2)
    here.ask(2, File(9, 1, log))
    assert len(log) == 2
    for asked in (3, 4, 5, 5, 5):
        here.arrive(2, 1)
        assert len(log) == asked
    assert (here.held, here.peak) == (5, 5)
    here.release(2, 1)
    assert len(log) == 6
    here.release(2, 1)
    here.release(2, 1)
    assert len(log) == 7
    here.arrive(2, 1)
    assert len(log) == 8


def test_what_others_have_in_flight_counts_but_for_one_part() -> None:
    """Two that share the line share the window; neither is kept waiting for good."""
    log: list[File] = []
    flying: dict[int, int] = {}
    one, two = (Done(99, lambda dc_id, need: 4 // need, flying=flying) for _ in range(2))
    first, second = File(9, 1, log), File(3, 2, log)
    one.ask(2, first)
    two.ask(2, second)
    assert (log.count(first), log.count(second), flying) == (4, 1, {2: 6})
    for _ in range(3):
        one.done(2, 1)
    assert (log.count(first), flying) == (5, {2: 4})
    two.done(2, 2)
    assert (log.count(second), flying) == (2, {2: 4})
    one.leave(2, first)
    one.done(2, 1)
    one.done(2, 1)
    two.done(2, 2)
    two.done(2, 2)
    assert (log.count(second), flying) == (3, {2: 0})
