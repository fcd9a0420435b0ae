"""The order of a queue: by priority and arrival, each data centre by itself, retries pending."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from telefast.media.lineup import Lineup

PLACES, TRIES, DELAY = 2, 3, 5.0


def line(places: int = PLACES) -> Lineup:
    """Return an empty one."""
    return Lineup(places=places, max_tries=TRIES, delay=DELAY)


def test_priority_then_arrival() -> None:
    """Higher priorities come first; equal ones in the order of arrival."""
    here = line(places=9)
    for number, priority in [(1, 0), (2, 5), (3, -1), (4, 5), (5, 0)]:
        assert here.add(number, dc_id=2, priority=priority)
    assert [2, 4, 1, 5, 3] == [here.next_start(now=0) for _ in range(5)]
    assert here.next_start(now=0) is None


def test_a_data_centre_that_is_busy_holds_no_other_up() -> None:
    """Each has its own places, also for files of lower priority."""
    here = line(places=1)
    here.add(1, dc_id=2, priority=1)
    here.add(2, dc_id=2, priority=1)
    here.add(3, dc_id=4)
    assert [1, 3, None] == [here.next_start(now=0) for _ in range(3)]
    here.on_ended(1)
    assert 2 == here.next_start(now=0)


def test_a_pending_file_is_moved_up() -> None:
    """Added again with a higher priority it comes earlier, once; with a lower one nothing."""
    here = line(places=9)
    here.add(1, dc_id=2)
    here.add(2, dc_id=2)
    assert not here.add(2, dc_id=2, priority=3)
    assert not here.add(2, dc_id=2, priority=1)
    assert [2, 1, None] == [here.next_start(now=0) for _ in range(3)]
    assert not here.add(2, dc_id=2, priority=9), "it runs"
    assert 2 == here.running


def test_retries_rest_longer_each_time() -> None:
    """5 s, 10 s, and so on up to a minute; then it has failed; all the while it is pending."""
    here = Lineup(places=1, max_tries=7, delay=DELAY)
    here.add(1, dc_id=2)
    now, rests = 0.0, []
    while here.pending:
        assert 1 == here.next_start(now=now)
        if here.on_failed(1, may_retry=True, now=now):
            assert (1, 0, 1) == (here.pending, here.running, here.resting)
            due = here.next_time()
            assert due is not None
            assert here.next_start(now=due - 0.1) is None
            rests.append(due - now)
            now = due
    assert [5, 10, 20, 40, 60, 60] == rests
    assert here.next_time() is None


def test_what_cannot_pass_is_not_tried_again() -> None:
    """A failure that stays one ends at once."""
    here = line()
    here.add(1, dc_id=2)
    here.next_start(now=0)
    assert not here.on_failed(1, may_retry=False, now=0)
    assert 0 == here.pending


def test_paused_none_begins() -> None:
    """Not even one that has rested; it waits then, so that nobody waits for its time in vain."""
    here = line()
    here.add(1, dc_id=2)
    here.next_start(now=0)
    here.on_failed(1, may_retry=True, now=0)
    here.add(2, dc_id=2)
    here.is_paused = True
    assert here.next_start(now=99) is None
    assert here.next_time() is None
    here.is_paused = False
    assert [1, 2] == [here.next_start(now=99) for _ in range(2)]


@dataclass
class Known:
    """What a plain model knows of a file."""

    dc_id: int
    priority: int
    order: int
    state: str = "waiting"
    failures: int = 0
    due: float = 0.0


NUMBERS = st.integers(1, 12)


class Machine(RuleBasedStateMachine):
    """A line beside a model that looks at everything each time."""

    def __init__(self) -> None:
        super().__init__()
        self.line = line()
        self.model: dict[int, Known] = {}
        self.now = 0.0
        self.count = 0

    @rule(number=NUMBERS, dc_id=st.integers(1, 3), priority=st.integers(-1, 2))
    def add(self, number: int, dc_id: int, priority: int) -> None:
        """A new file waits; a pending one keeps its data centre and the higher priority."""
        is_new = number not in self.model
        assert is_new == self.line.add(number, dc_id=dc_id, priority=priority)
        if is_new:
            self.count += 1
            self.model[number] = Known(dc_id, priority, self.count)
        else:
            known = self.model[number]
            known.priority = max(known.priority, priority)

    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 10.0]))
    def start(self, seconds: float) -> None:
        """The best of those that may begin does."""
        self.now += seconds
        for known in self.model.values():
            if known.state == "resting" and known.due <= self.now:
                known.state = "waiting"
        busy = [known.dc_id for known in self.model.values() if known.state == "running"]
        able = [
            (-known.priority, known.order, number)
            for number, known in self.model.items()
            if known.state == "waiting" and busy.count(known.dc_id) < PLACES
        ]
        best = min(able)[2] if able and not self.line.is_paused else None
        assert best == self.line.next_start(now=self.now)
        if best is not None:
            self.model[best].state = "running"

    @rule(data=st.data(), way=st.sampled_from(["end", "fail", "give up"]))
    def finish(self, data: st.DataObject, way: str) -> None:
        """One that runs ends, or fails and rests, up to the number of tries."""
        running = [number for number, known in self.model.items() if known.state == "running"]
        if not running:
            return
        number = data.draw(st.sampled_from(running))
        known = self.model[number]
        if way == "end":
            self.line.on_ended(number)
            del self.model[number]
            return
        known.failures += 1
        again = way == "fail" and known.failures < TRIES
        assert again == self.line.on_failed(number, may_retry=way == "fail", now=self.now)
        if again:
            known.state, known.due = "resting", self.now + DELAY * 2 ** (known.failures - 1)
        else:
            del self.model[number]

    @rule(number=NUMBERS)
    def drop(self, number: int) -> None:
        """Only what does not run goes."""
        known = self.model.get(number)
        can = known is not None and known.state != "running"
        assert can == self.line.drop(number)
        if can:
            del self.model[number]

    @rule()
    def hold(self) -> None:
        """Paused, and not."""
        self.line.is_paused = not self.line.is_paused

    @invariant()
    def counts(self) -> None:
        """What is pending is exact at each moment."""
        states = [known.state for known in self.model.values()]
        assert len(states) == self.line.pending
        assert states.count("running") == self.line.running
        assert states.count("resting") == self.line.resting
        due = [known.due for known in self.model.values() if known.state == "resting"]
        assert min(due, default=None) == self.line.next_time()


TestMachine = Machine.TestCase
TestMachine.settings = settings(stateful_step_count=60)
