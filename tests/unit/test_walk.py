"""A walk believes an honestly empty page, and doubts every other that brings nothing."""

from __future__ import annotations

import pytest

from telefast.history.order import Answer, Order
from telefast.history.query import Query
from telefast.history.top import Top
from telefast.history.walk import Doubt, Walk


def walk(*, reverse: bool = False) -> Walk:
    """Return a walk from id 500 that has asked once, for a full page."""
    made = Walk(Order(Query(reverse=reverse), 100), 500, None)
    made.next_ask(100)
    return made


def test_an_empty_page_is_believed() -> None:
    """A full page that is honestly empty ends the walk at once."""
    assert walk().on_nothing(Answer(1, []), 0) is None


def test_a_count_or_a_small_page_earns_one_more_look() -> None:
    """Where a count denies the end, or the page was not a full one, it is asked again, once."""
    counted = walk()
    assert Doubt() == counted.on_nothing(Answer(1, []), 7)
    assert counted.on_nothing(Answer(2, []), 7) is None
    small = Walk(Order(Query(), 100), 500, None)
    assert 5 == small.next_ask(5).limit
    assert Doubt() == small.on_nothing(Answer(1, []), 0)
    assert 100 == small.next_ask(5).limit


@pytest.mark.parametrize("reverse", [False, True])
def test_only_what_two_answers_call_empty_is_passed_over(reverse: bool) -> None:
    """The ids common to two answers in a row, behind the walk, and no others."""
    made = walk(reverse=reverse)
    step = 1 if reverse else -1
    near, far = 500 + step, 500 + 3 * step
    assert Doubt() == made.on_nothing(Answer(1, [], [near, far]), 0)
    assert Doubt((near,)) == made.on_nothing(Answer(2, [], [near, 500 - step]), 0)


def test_doubt_ends() -> None:
    """A server that only repeats what is known is believed after four tries."""
    made = walk()
    for token in range(3):
        assert Doubt() == made.on_nothing(Answer(token, [501]), 0)
    assert made.on_nothing(Answer(3, [501]), 0) is None


def test_the_newest_id_is_asked_for_twice_at_most() -> None:
    """An answer that hides it is asked again with a full page; then it stays unknown."""
    top = Top(100)
    top.begin()
    for token, limit in ((1, 1), (2, 100)):
        ask = top.next_ask(room=0)
        assert ask is not None
        assert limit == ask.limit
        top.on_sent(token)
        assert top.is_pending
        assert not top.on_answer(Answer(99, []), count=7)
        assert top.on_answer(Answer(token, []), count=7)
    assert not top.is_pending
    assert top.id is None
