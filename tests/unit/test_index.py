"""Which chunks are looked into: never one too few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.chunks.index import Bounds, Facts
from telefast.chunks.schema import unpack_body
from telefast.errors import ArgumentError
from tests.unit.chunk_model import raw_of

SMALL = st.integers(-3, 12)
OPTIONAL = st.none() | SMALL


def _date(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@given(
    st.lists(st.tuples(SMALL, SMALL, SMALL), max_size=4),
    st.tuples(OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL),
)
def test_no_chunk_is_left_out(
    messages: list[tuple[int, int, int]], wanted: tuple[int | None, ...]
) -> None:
    """A chunk with a message within the bounds is admitted; one whose ends are outside is not."""
    chats = {chat for chat, _, _ in messages}
    ids = [i for _, i, _ in messages]
    dates = [date for _, _, date in messages]
    facts = Facts(
        chats.pop() if len(chats) == 1 else None,
        min(ids, default=0),
        max(ids, default=-1),
        min(dates, default=None),
        max(dates, default=None),
    )
    chat, low, high, since, until = wanted
    bounds = Bounds.build(chat, low, high, _date(since), _date(until))
    is_wanted = any(
        (chat is None or chat == of)
        and (low is None or i > low)
        and (high is None or i < high)
        and (since is None or date >= since)
        and (until is None or date < until)
        for of, i, date in messages
    )
    if is_wanted:
        assert bounds.admit(facts)
    elif len(messages) == 1:
        assert not bounds.admit(facts)


def test_ends_of_bounds() -> None:
    """Ids are bounded exclusively, as in `iter_messages`; dates from `since` on, before `until`."""
    facts = Facts(1, 10, 20, 100, 200)
    for legal, illegal in (
        (Bounds(min_id=19), Bounds(min_id=20)),
        (Bounds(max_id=11), Bounds(max_id=10)),
        (Bounds(since=200), Bounds(since=200.5)),
        (Bounds(until=100.5), Bounds(until=100)),
        (Bounds(chat=1), Bounds(chat=2)),
    ):
        assert (True, False) == (legal.admit(facts), illegal.admit(facts))


def test_a_chunk_without_dates_has_none_within_bounds() -> None:
    """Where no message has a date, bounds of dates admit nothing."""
    facts = Facts(1, 1, 2, None, None)
    assert Bounds().admit(facts)
    assert not Bounds(since=-(2.0**31)).admit(facts)
    assert not Bounds(until=2.0**31).admit(facts)


def test_facts_are_those_of_the_content() -> None:
    """Facts hold the ends of ids and dates, in whatever order the messages are."""
    assert Facts(-1001, 6, 7, 0, 2**31 - 1) == Facts.of(unpack_body(raw_of()))
    empty = Facts.of(unpack_body(raw_of(ids=[], messages=[], chat=None, oldest=None)))
    assert empty.high_id < empty.low_id
    assert not Bounds(min_id=-1).admit(empty)


def test_dates_of_any_zone() -> None:
    """A date means its moment; a naive one is UTC."""
    naive = datetime(2024, 1, 2, 3)  # noqa: DTZ001 - as a user may pass it
    aware = naive.replace(tzinfo=UTC)
    elsewhere = aware.astimezone(timezone(timedelta(hours=5)))
    built = {Bounds.build(None, None, None, date, date) for date in (naive, aware, elsewhere)}
    assert len(built) == 1


WRONG = [
    ("chat_id", "durov", "an integer, or None for any"),
    ("chat_id", True, "an integer, or None for any"),
    ("min_id", 1.0, "an integer, or None for any"),
    ("max_id", 2**63, "an integer, or None for any"),
    ("since", "2024", "a datetime, or None for any"),
    ("until", 5, "a datetime, or None for any"),
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_a_wrong_bound_is_named(name: str, value: Any, expected: str) -> None:
    """A bound of another type, or beyond 64 bits, dies at once."""
    names = ("chat_id", "min_id", "max_id", "since", "until")
    with pytest.raises(ArgumentError) as caught:
        Bounds.build(*(value if each == name else None for each in names))
    assert (name, expected) == (caught.value.name, caught.value.expected)
