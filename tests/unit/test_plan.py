"""Messages by ids: what is asked for, and what is delivered when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telefast.history.plan import IdList


@given(
    st.lists(st.integers(1, 1000), max_size=900),
    st.sampled_from([1, 50, 100]),
    st.randoms(use_true_random=False),
)
def test_ids_are_delivered_as_asked(ids: list[int], request_size: int, rng: object) -> None:
    """Whatever order the answers come in, all ids are delivered, in their order, once."""
    plan = IdList(ids, request_size=request_size)
    assert plan.count == len(ids)
    asked = []
    while (ask := plan.next_request(room=1)) is not None:
        assert len(ask.ids) <= 2 * request_size
        asked.append(ask)
    rng.shuffle(asked)  # type: ignore[attr-defined]
    delivered: list[int] = []
    for ask in asked:
        plan.on_answer(ask.token, [])
        while (delivery := plan.take()) is not None:
            delivered += delivery.ids
    assert delivered == ids
    assert plan.done
    assert plan.held == 0


def test_an_error_comes_after_what_is_before_it() -> None:
    """A failed request stops the list where it lies: what came before is delivered, no more."""
    plan = IdList(range(1, 601))
    tokens = [ask.token for _ in range(3) if (ask := plan.next_request(room=9)) is not None]
    assert len(tokens) == 3
    failure = RuntimeError("gone")
    plan.on_error(tokens[1], failure)
    plan.on_answer(tokens[2], [])
    assert plan.take() is None
    assert plan.error is None
    plan.on_answer(tokens[0], [])
    delivery = plan.take()
    assert delivery is not None
    assert list(delivery.ids) == list(range(1, 201))
    assert plan.take() is None
    assert plan.error is failure
    assert plan.take() is None
    assert plan.next_request(room=9) is None
    assert not plan.done


def test_no_room_no_request() -> None:
    """Without room nothing is asked for."""
    assert IdList([1]).next_request(room=0) is None
