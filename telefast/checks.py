"""Arguments that are numbers, flags or many, checked before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Iterable

from telefast.errors import ArgumentError

__all__ = [
    "check_flags",
    "check_int",
    "check_iterable",
    "check_lifetimes",
    "check_number",
    "check_patience",
]


def check_int(name: str, value: object, low: int, high: int | None, also: str = "") -> None:
    """Raise `ArgumentError` unless *value* is an int within the bounds (a bool is none)."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or value < low
        or (high is not None and value > high)
    ):
        legal = f"an integer from {low}" + (f" to {high}" if high is not None else " up")
        raise ArgumentError(name, value, legal + (f", or {also}" if also else ""))


def check_flags(**flags: object) -> None:
    """Raise `ArgumentError` unless each is True or False; 0 and 1 are not meant so."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise ArgumentError(name, value, "True or False")


def check_iterable(name: str, value: object, expected: str) -> None:
    """Raise `ArgumentError` unless *value* is many; a text is one."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ArgumentError(name, value, expected)


def check_number(name: str, value: object, low: float, also: str = "") -> None:
    """Raise `ArgumentError` unless *value* is a finite number of at least *low*."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value < float("inf")
    ):
        legal = f"a number of seconds from {low:g} up"
        raise ArgumentError(name, value, legal + (f", or {also}" if also else ""))


def check_patience(timeout: object, max_flood_wait: object) -> None:
    """Raise `ArgumentError` unless these say how long a call may take."""
    if timeout is not None:
        check_number("timeout", timeout, 0.001, "None for no deadline")
    check_number("max_flood_wait", max_flood_wait, 0)


def check_lifetimes(**lifetimes: object) -> None:
    """Raise `ArgumentError` unless each is a time for which a cache may believe something."""
    for name, value in lifetimes.items():
        if value != math.inf:
            check_number(name, value, 0, "infinity for ever")
