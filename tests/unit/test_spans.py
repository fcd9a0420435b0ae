"""Spans of ids side by side: in order, joined where nothing lies between, bounded by room."""

from __future__ import annotations

from telefast.history.order import Answer, Order
from telefast.history.query import Query
from telefast.history.spans import Spans


def spans() -> Spans:
    """Return spans of 200 ids, behind id 1001, where every id exists."""
    order = Order(Query(), 100)
    return Spans(order, 1001, end=1, density=1, pages=2, remaining=1000)


def send(found: Spans, token: int) -> int:
    """Ask for the next page; return its anchor."""
    ask = found.next_ask(room=9)
    assert ask is not None
    found.on_sent(token)
    return ask.offset_id


def test_a_span_that_is_reached_joins_the_next() -> None:
    """Pages are handed on in order, whatever comes first, and need no seam."""
    found = spans()
    assert [1001, 801] == [send(found, 1), send(found, 2)]
    assert found.next_ask(room=0) is None
    found.on_answer(Answer(2, list(range(800, 700, -1))), top=None)
    assert found.head() is None
    assert not found.is_joined
    found.on_answer(Answer(1, list(range(1000, 900, -1))), top=None)
    assert 2 == found.held
    assert 901 == send(found, 3)
    assert 701 == send(found, 4)
    for token, ids in ((3, range(900, 800, -1)), (4, range(700, 600, -1))):
        found.on_answer(Answer(token, list(ids)), top=None)
    seen = []
    while (head := found.head()) is not None:
        assert found.is_joined
        seen.append(head.token)
        found.pass_head()
    assert [1, 3, 2, 4] == seen


def test_a_span_that_ends_early_is_not_joined() -> None:
    """An empty page claims the end of the list: what follows has a seam to prove."""
    found = spans()
    send(found, 1)
    send(found, 2)
    found.on_answer(Answer(1, []), top=None)
    found.on_answer(Answer(2, list(range(800, 700, -1))), top=None)
    assert not found.is_joined
    found.pass_head()
    head = found.head()
    assert head is not None
    assert 2 == head.token
    assert not found.is_joined
    assert not found.on_answer(Answer(9, []), top=None)


def test_after_a_stop_only_what_is_on_its_way_comes() -> None:
    """No span is begun any more, and what came is told, to be dropped."""
    found = spans()
    for token in (1, 2, 3):
        send(found, token)
    found.on_answer(Answer(2, list(range(800, 700, -1))), top=None)
    found.cut(3)
    found.stop()
    assert found.next_ask(room=9) is None
    assert [2] == [answer.token for answer in found.waiting()]
    found.on_answer(Answer(1, []), top=None)
    found.on_answer(Answer(3, []), top=None)
    for token in (1, 2, 3):
        head = found.head()
        assert head is not None
        assert token == head.token
        assert not found.is_used_up
        found.pass_head()
    assert found.is_used_up
