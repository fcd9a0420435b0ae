"""What all downloaders of one account share, for the network is the same for them."""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from telefast.checks import check_int
from telefast.errors import ArgumentError
from telefast.media.parts import LEGAL_SIZES
from telefast.media.tuner import MAX_CONNECTIONS, PartSizeTuner
from telefast.transport.account import Account

__all__ = ["flying_of", "tuner_of", "wishes_of"]

_Tuners = dict[tuple[int, int], PartSizeTuner]
_TUNERS: Final[WeakKeyDictionary[Account, _Tuners]] = WeakKeyDictionary()
_WISHES: Final[WeakKeyDictionary[Account, dict[int, list[int]]]] = WeakKeyDictionary()
_FLYING: Final[WeakKeyDictionary[Account, dict[int, int]]] = WeakKeyDictionary()


def tuner_of(account: Account, part_size: int | None, max_connections: int) -> PartSizeTuner:
    """Return the tuner of an account for these limits.

    Args:
        account: The account.
        part_size: Bytes of each part; None lets the tuner choose.
        max_connections: To one data centre at most.

    Raises:
        ArgumentError: If an argument has no legal value.
    """
    check_int("max_connections", max_connections, 1, MAX_CONNECTIONS)
    if part_size is not None and (type(part_size) is not int or part_size not in LEGAL_SIZES):
        raise ArgumentError("part_size", part_size, "4096, 8192, ... or 1048576, or None")
    size = part_size or 0
    found = _TUNERS.setdefault(account, {})
    tuner = found.get((size, max_connections))
    if tuner is None:
        tuner = PartSizeTuner(
            fixed_kb=size // 1024,
            max_connections=max_connections,
            large_parts=size == LEGAL_SIZES[-1],
        )
        found[size, max_connections] = tuner
    return tuner


def flying_of(account: Account) -> dict[int, int]:
    """Return where the bytes in flight of an account are counted, by data centre."""
    return _FLYING.setdefault(account, {})


def wishes_of(account: Account) -> dict[int, list[int]]:
    """Return how many connections each request in flight would have, by data centre."""
    return _WISHES.setdefault(account, {})
