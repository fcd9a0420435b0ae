"""Listing topics, decided: each topic once, whatever moves, and an end in any case."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telefast.forum.paging import AskGeneral, AskPage, LookUp, TopicPaging
from telefast.forum.rows import Row, TopicPage
from telefast.forum.types import TopicInfo

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class Model:
    """A forum, as the server sees it: each topic has a latest message, whose id is its date too.

    Attributes:
        tops: Latest message of each topic.
        pinned: Topics that stand first.
        again: Whether these come again in their place.
        by_creation: Whether topics stand by their ids.
        reduced: Topics whose rows do not tell the latest message.
        silent: Topics whose latest message is missing from answers.
        lost: Topics whose latest message nobody can find.
        unlisted: Topics that are counted and on no page.
    """

    tops: dict[int, int]
    pinned: list[int] = field(default_factory=list)
    again: bool = False
    by_creation: bool = False
    reduced: set[int] = field(default_factory=set)
    silent: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    unlisted: int = 0

    def rank(self, topic: int) -> tuple[int, int, int]:
        """Return where a topic stands; the highest comes first."""
        top = topic if self.by_creation else self.tops[topic]
        return top // 3, top, topic

    def order(self) -> list[int]:
        """Return the topics in the order of the list."""
        others = sorted(self.tops, key=self.rank, reverse=True)
        pinned = [topic for topic in self.pinned if topic in self.tops]
        if not self.again:
            others = [topic for topic in others if topic not in pinned]
        return [*pinned, *others]

    def row(self, topic: int) -> Row:
        """Return what a page tells of a topic."""
        is_short = topic in self.reduced
        top = self.tops[topic]
        info = TopicInfo(
            topic,
            date=NOW,
            pinned=topic in self.pinned and not is_short,
            short=is_short,
            top_message_id=None if is_short else top,
        )
        if self.by_creation:
            return Row(info, (topic // 3, top), topic)
        if is_short:
            return Row(info)
        return Row(info, None if topic in self.silent else (top // 3, top), top)

    def page(self, ask: AskPage, limit: int) -> TopicPage:
        """Answer a request."""
        order = self.order()
        at = 0
        if ask.topic_id:
            before = (ask.date, ask.topic_id if self.by_creation else ask.message_id, ask.topic_id)
            at = len(order)
            if ask.topic_id in self.pinned and before == self.rank(ask.topic_id):
                at = order.index(ask.topic_id) + 1
            else:
                low = len([topic for topic in self.pinned if topic in self.tops])
                places = range(low, len(order))
                at = next((i for i in places if self.rank(order[i]) < before), len(order))
        rows = [self.row(topic) for topic in order[at : at + limit]]
        return TopicPage(rows, len(self.tops) + self.unlisted)

    def place(self, ask: LookUp) -> tuple[int, int] | None:
        """Tell the latest message of a topic."""
        top = ask.message_id or self.tops[ask.topic_id]
        return None if ask.topic_id in self.lost else (top // 3, top)

    def bump(self, topic: int) -> None:
        """Write in a topic."""
        self.tops[topic] = max(self.tops.values()) + 1


def run(model: Model, paging: TopicPaging, limit: int, bumps: list[int] | None = None) -> list[int]:
    """List all topics, the topics of *bumps* moving one after each page; return their ids."""
    found: list[int] = []
    moves = list(bumps or ())
    steps = 0
    while (step := paging.next_step()) is not None:
        steps += 1
        assert steps < 60 * (len(model.tops) + 10), "endless"
        if isinstance(step, AskPage):
            page = model.page(step, 100 if paging.is_stuck else limit)
            found += [topic.id for topic in paging.on_page(page)]
            if moves:
                order = model.order()
                model.bump(order[moves.pop() % len(order)])
        elif isinstance(step, LookUp):
            paging.on_place(model.place(step))
        else:
            paging.on_general(exists=False)
    assert len(found) == len(set(found))
    return found


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Return a random forum."""
    ids = draw(st.lists(st.integers(1, 60), unique=True, min_size=1, max_size=25))
    tops = draw(st.lists(st.integers(100, 400), unique=True, min_size=len(ids), max_size=len(ids)))
    some = st.sets(st.sampled_from(ids))
    return Model(
        dict(zip(ids, tops, strict=True)),
        pinned=draw(st.lists(st.sampled_from(ids), unique=True, max_size=3)),
        again=draw(st.booleans()),
        by_creation=draw(st.booleans()),
        reduced=draw(some),
        silent=draw(some),
    )


@given(models(), st.integers(1, 8), st.lists(st.integers(0, 100), max_size=5))
def test_each_topic_once_whatever_moves(model: Model, limit: int, bumps: list[int]) -> None:
    """All topics are listed, each once, and the list knows that it is complete."""
    paging = TopicPaging()
    assert sorted(model.tops) == sorted(run(model, paging, limit, bumps))
    assert "" == paging.problem


@given(models(), st.integers(1, 8), st.lists(st.integers(0, 3), max_size=60))
def test_a_list_knows_what_it_lacks(model: Model, limit: int, bumps: list[int]) -> None:
    """A topic that hides from every look, by moving in time, is missing and known to be."""
    paging = TopicPaging()
    found = run(model, paging, limit, bumps)
    assert set(found) <= set(model.tops)
    assert (paging.problem == "") == (len(found) == len(model.tops))


@given(models(), st.integers(1, 8), st.data())
def test_going_on(model: Model, limit: int, data: st.DataObject) -> None:
    """A list that stops after some pages goes on from its offsets and what was seen."""
    first, found = TopicPaging(), list[int]()
    for _ in range(data.draw(st.integers(0, 5))):
        step = first.next_step()
        if isinstance(step, LookUp):
            first.on_place(model.place(step))
        elif isinstance(step, AskPage):
            found += [topic.id for topic in first.on_page(model.page(step, limit))]
    rest = TopicPaging(first=first.page, seen=first.listed, start=first.start)
    found += run(model, rest, limit, data.draw(st.lists(st.integers(0, 100), max_size=3)))
    assert sorted(model.tops) == sorted(found)
    assert "" == rest.problem


@given(models(), st.integers(1, 8))
def test_offsets_that_nobody_can_tell(model: Model, limit: int) -> None:
    """Where latest messages cannot be found, the list ends, and says so unless it has all."""
    model.lost = set(model.tops)
    paging = TopicPaging()
    found = run(model, paging, limit)
    assert set(found) <= set(model.tops)
    assert (paging.problem == "") == (len(found) == len(model.tops))
    assert paging.problem in ("", "stalled")


def test_a_quiet_list_takes_its_pages_and_an_empty_one() -> None:
    """Nothing is asked twice where nothing moves."""
    model = Model({topic: 100 + topic for topic in range(1, 251)})
    paging = TopicPaging(with_general=True)
    run(model, paging, 100)
    assert (4, 0, 250) == (paging.pages, paging.duplicates, paging.count)


def test_one_that_moves_takes_one_page_more() -> None:
    """What has moved to the top is found there, without all the other pages."""
    model = Model({topic: 1000 + topic for topic in range(1, 351)})
    paging = TopicPaging()
    assert 350 == len(run(model, paging, 100, [300]))
    assert ("", 6) == (paging.problem, paging.pages)


def test_more_are_counted_than_listed() -> None:
    """What is counted and on no page is told, after all pages were read once more."""
    model = Model({topic: 100 + topic for topic in range(1, 11)}, unlisted=1)
    paging = TopicPaging()
    assert 10 == len(run(model, paging, 4))
    assert "count" == paging.problem


def test_general_is_asked_for_where_it_is_missing() -> None:
    """General is asked for by its id, and is the one that was counted, or is not."""
    for exists, unlisted, problem in (
        (True, 1, ""),
        (False, 1, "count"),
        (True, 2, "count"),
        (True, 0, ""),
        (False, 0, ""),
    ):
        model = Model({topic: 100 + topic for topic in range(2, 11)}, unlisted=unlisted)
        paging, asked = TopicPaging(with_general=True), 0
        while (step := paging.next_step()) is not None:
            if isinstance(step, AskPage):
                paging.on_page(model.page(step, 4))
            else:
                assert isinstance(step, AskGeneral)
                asked += 1
                paging.on_general(exists=exists)
        assert (1, problem) == (asked, paging.problem)


def test_deleted_rows_are_told_once() -> None:
    """Deleted topics are told once, count for nothing, and no page begins below them."""
    gone = [Row(TopicInfo(topic, deleted=True)) for topic in (90, 91)]
    live = Row(TopicInfo(5, top_message_id=50), (10, 50), 50)
    paging = TopicPaging()
    assert [90, 91, 5] == [topic.id for topic in paging.on_page(TopicPage([*gone, live], 1))]
    assert AskPage(10, 50, 5) == paging.next_step()
    assert [] == paging.on_page(TopicPage(gone, 1))
    assert (None, "", 0) == (paging.next_step(), paging.problem, paging.duplicates)


def test_the_same_page_again_and_again() -> None:
    """A page that comes for the third time ends the list, which says what happened."""
    page = Model({topic: 100 + topic for topic in range(1, 30)}).page(AskPage(), 10)
    paging, asked = TopicPaging(), 0
    while paging.next_step() is not None:
        paging.on_page(page)
        asked += 1
    assert ("stalled", 10) == (paging.problem, len(paging.listed))
    assert asked < 12


@pytest.mark.parametrize("is_new", [True, False])
def test_pages_without_end(is_new: bool) -> None:
    """Pages that always begin elsewhere, and bring nothing new or ever more, end as well."""
    paging = TopicPaging()
    number = 0
    while paging.next_step() is not None and number < 1000:
        number += 1
        topic = 1 if number < 8 or not is_new else 2
        row = Row(TopicInfo(topic, top_message_id=10**6 - number), (5, 10**6 - number))
        paging.on_page(TopicPage([row], 3))
    assert number < 100
    assert paging.problem in ("stalled", "count")


def test_a_list_that_never_rests() -> None:
    """A list in which new topics move at every look ends, and says so."""
    paging = TopicPaging()
    number = 0
    while paging.next_step() is not None:
        number += 1
        row = Row(TopicInfo(number, top_message_id=number), (number, number), number)
        paging.on_page(TopicPage([row] if number % 2 else [], 10**6))
        assert number < 1000
    assert "moving" == paging.problem


@example(taken=2)
@given(st.integers(0, 3))
def test_steps_repeat_until_something_is_reported(taken: int) -> None:
    """Asking for the step changes nothing."""
    model = Model({topic: 100 + topic for topic in range(1, 30)})
    paging = TopicPaging()
    for _ in range(taken):
        step = paging.next_step()
        assert isinstance(step, AskPage)
        paging.on_page(model.page(step, 5))
    assert paging.next_step() is paging.next_step()
