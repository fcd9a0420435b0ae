"""What the arguments of `iter_messages` mean, and which have no meaning."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from telefast.errors import ArgumentError
from telefast.history.query import MAX_ID, Query

DEFAULTS: dict[str, Any] = {
    "limit": None,
    "min_id": 0,
    "max_id": 0,
    "offset_id": 0,
    "add_offset": 0,
    "offset_date": None,
    "reverse": False,
    "ids": None,
}


def build(**changes: Any) -> Query:
    """Return the query of these arguments, the others left out."""
    return Query.build(**DEFAULTS | changes)


def test_no_argument_means_everything() -> None:
    """Without arguments every id is wanted, from the newest on."""
    query = build()
    assert Query() == query
    assert (0, MAX_ID + 1) == (query.low, query.high)
    assert query.keeps(1)
    assert query.keeps(MAX_ID)
    assert not query.keeps(0)
    assert not query.is_empty()


@pytest.mark.parametrize(
    ("name", "value", "legal"),
    [
        ("limit", -1, "from 0 up, or None"),
        ("limit", 2.0, "integer"),
        ("limit", True, "integer"),
        ("limit", "10", "integer"),
        ("min_id", -1, "from 0 to 2147483647"),
        ("min_id", None, "integer"),
        ("max_id", -1, "from 0 to 2147483647"),
        ("max_id", MAX_ID + 1, "from 0 to 2147483647"),
        ("max_id", 1.5, "integer"),
        ("offset_id", -5, "from 0 to 2147483647"),
        ("offset_id", False, "integer"),
        ("add_offset", MAX_ID + 1, "from -2147483647 to 2147483647"),
        ("add_offset", -MAX_ID - 1, "from -2147483647 to 2147483647"),
        ("add_offset", None, "integer"),
        ("reverse", 1, "True or False"),
        ("reverse", None, "True or False"),
        ("offset_date", "2024-01-01", "a datetime, a date, or seconds"),
        ("offset_date", timedelta(days=-3), "a datetime, a date, or seconds"),
        ("offset_date", True, "a datetime, a date, or seconds"),
        ("offset_date", float("nan"), "finite"),
        ("offset_date", float("-inf"), "finite"),
    ],
)
def test_illegal_arguments_are_named(name: str, value: object, legal: str) -> None:
    """The error names the argument, shows the value, and says what would be legal."""
    with pytest.raises(ArgumentError, match=f"^{name}=") as caught:
        build(**{name: value})
    assert name == caught.value.name
    assert legal in caught.value.expected


def test_bounds_that_cross_are_an_error() -> None:
    """No id lies above 6 and below 5: two arguments were confused. Bounds that meet are empty."""
    with pytest.raises(ArgumentError, match=r"^min_id=6: expected at most max_id=5"):
        build(min_id=6, max_id=5)
    assert build(min_id=5, max_id=5).is_empty()
    assert build(min_id=6, max_id=0).high == MAX_ID + 1


@pytest.mark.parametrize("start", [{"offset_id": 5}, {"max_id": 5}])
def test_a_wrong_date_is_an_error_even_where_it_does_not_count(start: dict[str, int]) -> None:
    """Where an id says where to begin, the date is not used, but still checked."""
    with pytest.raises(ArgumentError, match="offset_date"):
        build(offset_date="tomorrow", **start)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (0, None),  # as Telethon reads it
        (0.0, None),
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 31, tzinfo=UTC), 0),
        (date(1970, 1, 1), 0),
        (date(1901, 1, 1), 0),
        (-5, 0),
        (0.5, 0),
        (1, 1),
        (86400.9, 86400),
        (date(1970, 1, 2), 86400),
        (datetime(1970, 1, 2), 86400),  # noqa: DTZ001 - a naive one is UTC
        (datetime(1970, 1, 2, 2, tzinfo=timezone(timedelta(hours=2))), 86400),
        (datetime(2024, 2, 29, 12, 0, 0, 999_999, tzinfo=UTC), 1709208000),
        (datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC), MAX_ID),
        (datetime(2500, 1, 1, tzinfo=UTC), MAX_ID),
        (datetime.max.replace(tzinfo=UTC), MAX_ID),
    ],
)
def test_dates_become_seconds(value: Any, seconds: int | None) -> None:
    """Every kind of date counts in whole seconds since the epoch, within the API's 32 bits."""
    for reverse in (False, True):
        assert seconds == build(offset_date=value, reverse=reverse).offset_date


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        ({}, True),
        ({"offset_id": 9}, False),
        ({"max_id": 9}, False),
        ({"min_id": 9}, True),
        ({"reverse": True}, True),
        ({"reverse": True, "offset_id": 9}, False),
        ({"reverse": True, "min_id": 9}, False),
        ({"reverse": True, "max_id": 9}, True),
    ],
)
def test_ids_have_priority_over_dates(arguments: dict[str, Any], counts: bool) -> None:
    """A date counts only where no id says where the walk begins."""
    query = build(offset_date=1000, **arguments)
    assert (1000 if counts else None) == query.offset_date


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ({}, 0),
        ({"max_id": 50}, 50),
        ({"offset_id": 20}, 20),
        ({"offset_id": 20, "max_id": 10}, 10),
        ({"offset_id": 5, "min_id": 10}, 11),
        ({"reverse": True}, 1),
        ({"reverse": True, "min_id": 50}, 51),
        ({"reverse": True, "offset_id": 20}, 21),
        ({"reverse": True, "offset_id": 20, "min_id": 30}, 31),
        ({"reverse": True, "offset_id": 90, "max_id": 50}, 50),
        ({"reverse": True, "offset_id": MAX_ID}, MAX_ID + 1),
    ],
)
def test_where_a_walk_is_anchored(arguments: dict[str, Any], start: int) -> None:
    """The anchor is the offset, moved into the bounds; forward 0 stands for the newest message."""
    assert start == build(**arguments).start()


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 70))
def test_bounds_are_exclusive(min_id: int, max_id: int, message_id: int) -> None:
    """An id is kept if it lies strictly between the bounds; an empty query keeps none."""
    assume(max_id == 0 or min_id <= max_id)
    query = build(min_id=min_id, max_id=max_id)
    expected = message_id > min_id and (max_id == 0 or message_id < max_id)
    assert expected == query.keeps(message_id)
    if query.is_empty():
        assert not expected


@pytest.mark.parametrize(
    ("arguments", "is_empty"),
    [
        ({"limit": 0}, True),
        ({"limit": 1}, False),
        ({"min_id": 5, "max_id": 6}, True),
        ({"min_id": 5, "max_id": 5}, True),
        ({"min_id": 5, "max_id": 7}, False),
        ({"max_id": 1}, True),
        ({"min_id": MAX_ID}, True),
        ({"min_id": MAX_ID - 1}, False),
    ],
)
def test_what_can_match_nothing_is_empty(arguments: dict[str, Any], is_empty: bool) -> None:
    """A query that no id can match is known as such without a request."""
    assert is_empty == build(**arguments).is_empty()


def test_a_query_does_not_show_its_ids() -> None:
    """The repr of a query stays short, whatever number of ids it holds."""
    query = build(ids=tuple(range(100_000)))
    assert len(query.ids or ()) == 100_000
    assert len(repr(query)) < 200
