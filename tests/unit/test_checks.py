"""Numbers that a caller gives: the legal ones pass, the others name themselves."""

from __future__ import annotations

import math

import pytest

from telefast import ArgumentError
from telefast.checks import (
    check_flags,
    check_int,
    check_iterable,
    check_lifetimes,
    check_number,
    check_patience,
)


@pytest.mark.parametrize("value", [0, 5, 10])
def test_integers_within_bounds_pass(value: int) -> None:
    """Both bounds are legal."""
    check_int("x", value, 0, 10)
    check_int("x", value + 10**12, 0, None)


@pytest.mark.parametrize("value", [-1, 11, True, 3.0, None, "3"])
def test_anything_else_is_no_integer(value: object) -> None:
    """A bool, a float, a string or a number beyond the bounds is refused, with the bounds."""
    with pytest.raises(ArgumentError, match=r"x=.*: expected an integer from 0 to 10$"):
        check_int("x", value, 0, 10)


@pytest.mark.parametrize("value", [0.5, 1, 10**9])
def test_numbers_from_the_bound_up_pass(value: float) -> None:
    """Ints and floats are times."""
    check_number("x", value, 0.5)


@pytest.mark.parametrize("value", [0.49, -1, float("inf"), float("nan"), True, None, "1"])
def test_anything_else_is_no_time(value: object) -> None:
    """A bool, a string, infinity or a number below the bound is refused, with the bound."""
    with pytest.raises(ArgumentError, match=r"x=.*a number of seconds from 0\.5 up, or never$"):
        check_number("x", value, 0.5, "never")


@pytest.mark.parametrize("value", [0, 0.5, 3600, math.inf])
def test_lifetimes(value: float) -> None:
    """A cache may believe for no time, for some, or for ever."""
    check_lifetimes(ttl=value, negative_ttl=value)


@pytest.mark.parametrize("value", ["x", -1, math.nan, -math.inf, None, True])
def test_wrong_lifetimes(value: object) -> None:
    """Each is named."""
    for name in ("ttl", "negative_ttl"):
        with pytest.raises(ArgumentError, match=f"^{name}=.*or infinity for ever"):
            check_lifetimes(**{name: value})


def test_patience() -> None:
    """A call has a deadline or none, and a budget of flood waits."""
    check_patience(None, 0)
    check_patience(0.5, 3600.0)
    for timeout, max_flood_wait, name in (
        (0, 0, "timeout"),
        ("x", 0, "timeout"),
        (-1, 0, "timeout"),
        (None, -1, "max_flood_wait"),
        (None, None, "max_flood_wait"),
        (None, math.inf, "max_flood_wait"),
    ):
        with pytest.raises(ArgumentError, match=f"^{name}="):
            check_patience(timeout, max_flood_wait)


@pytest.mark.parametrize("value", [0, 1, None, "no"])
def test_flags_are_true_or_false(value: object) -> None:
    """What is only truthy is refused."""
    check_flags(x=True, y=False)
    with pytest.raises(ArgumentError, match=r"y=.*: expected True or False$"):
        check_flags(x=True, y=value)


@pytest.mark.parametrize("value", [5, None, "12", b"34"])
def test_many_are_not_one(value: object) -> None:
    """A number and a text are one; what can be iterated is many."""
    for many in ([], (5,), {5: 6}, range(3), iter([5])):
        check_iterable("x", many, "ids")
    with pytest.raises(ArgumentError, match=r"x=.*: expected ids$"):
        check_iterable("x", value, "ids")
