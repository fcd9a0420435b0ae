"""Single values as byte strings, many at once: numbers, dates, texts, bytes.

`telefast.chunks.columns` says how they are stored, and makes tables of them.
"""

from __future__ import annotations

import sys
from array import array
from codecs import getincrementaldecoder
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any, Protocol

__all__ = [
    "BLOBS",
    "DATES",
    "FLOATS",
    "MAX_OBJECTS",
    "NUMBERS",
    "STEPS",
    "TEXTS",
    "Columns",
    "Kind",
    "TooManyObjectsError",
    "cut",
]

MAX_OBJECTS = 250 * 1024 * 1024
"""Bytes of memory at most that rows and values of one chunk take as objects, their texts and bytes
not counted: our choice. It is what 250,000 messages of some fifteen fields take; a chunk should
hold about a thousand. Sizes are those of CPython 3.11, which later ones keep below."""
_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_INT64 = range(-(2**63), 2**63)
_DATES = range(-(2**31), 2**31)
"""Telegram's dates are signed 32-bit numbers (core.telegram.org/mtproto/serialize)."""
_BLOCK = 1 << 20
"""Bytes of text that are decoded at a time: one emoji makes four bytes of each character."""


class TooManyObjectsError(ValueError):
    """The values of a chunk take too much memory.

    Args:
        size: How much they take, in bytes, as far as they were counted.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"objects of {size} bytes, more than {MAX_OBJECTS}")
        self.limit = MAX_OBJECTS
        self.size = size


class Columns(dict[str, Any]):
    """The columns of a chunk by name; one that is missing is a ValueError."""

    spent = 0

    def __missing__(self, name: str) -> Any:
        raise ValueError(f"without {name}")

    def spend(self, size: int) -> None:
        """Count the memory of objects, before they are made.

        Raises:
            TooManyObjectsError: If it is more than `MAX_OBJECTS` in all.
        """
        self.spent += size
        if self.spent > MAX_OBJECTS:
            raise TooManyObjectsError(self.spent)


class Kind(Protocol):
    """How the values of one field are stored.

    Attributes:
        size: Bytes of memory that each takes at most in a list, contents not counted.
    """

    @property
    def size(self) -> int:
        """As above."""
        ...

    def write(self, target: Columns, key: str, values: Sequence[Any]) -> None:
        """Store *values* under *key* and keys that begin with it."""
        ...

    def read(self, source: Columns, key: str, count: int) -> list[Any]:
        """Return the *count* values that are stored there.

        Raises:
            ValueError: If the bytes are not those of so many values.
        """
        ...


def _pack_array(code: str, values: Sequence[Any]) -> bytes:
    data = array(code, values)
    if sys.byteorder == "big":  # pragma: no cover - no such machine at hand
        data.byteswap()
    raw = data.tobytes()
    width = data.itemsize
    return b"".join(raw[place::width] for place in range(width))


def _unpack_array(code: str, data: memoryview, count: int) -> list[Any]:
    found = array(code)
    if len(data) != count * found.itemsize:
        raise ValueError(f"{len(data)} bytes are not {count} values")
    raw = bytearray(len(data))
    for place in range(found.itemsize):
        raw[place :: found.itemsize] = data[place * count : (place + 1) * count]
    found.frombytes(raw)
    if sys.byteorder == "big":  # pragma: no cover - no such machine at hand
        found.byteswap()
    return found.tolist()


class _Numbers:
    size = 56

    def write(self, target: Columns, key: str, values: Sequence[Any]) -> None:
        ends = (min(values, default=0), max(values, default=0))
        width = next(
            (w for w in _CODES if -(1 << 8 * w - 1) <= ends[0] and ends[1] < 1 << 8 * w - 1), 8
        )
        target[key] = bytes([width]) + _pack_array(_CODES[width], values)

    def read(self, source: Columns, key: str, count: int) -> list[int]:
        data = source[key]
        code = _CODES.get(data[0]) if data else None
        if code is None:
            raise ValueError("no numbers")
        return _unpack_array(code, memoryview(data)[1:], count)


class _Steps:
    size = 56

    def write(self, target: Columns, key: str, values: Sequence[Any]) -> None:
        steps = [*values[:1], *(after - before for before, after in pairwise(values))]
        NUMBERS.write(target, key, steps)

    def read(self, source: Columns, key: str, count: int) -> list[int]:
        found = list(accumulate(NUMBERS.read(source, key, count)))
        if min(found, default=0) not in _INT64 or max(found, default=0) not in _INT64:
            raise ValueError("numbers out of range")
        return found


def _check_dates(seconds: list[int]) -> None:
    if min(seconds, default=0) not in _DATES or max(seconds, default=0) not in _DATES:
        raise ValueError("dates out of range")


class _Dates:
    size = 56

    def write(self, target: Columns, key: str, values: Sequence[Any]) -> None:
        seconds = [(value - _EPOCH) // _SECOND for value in values]
        _check_dates(seconds)
        STEPS.write(target, key, seconds)

    def read(self, source: Columns, key: str, count: int) -> list[datetime]:
        found = STEPS.read(source, key, count)
        _check_dates(found)
        return [_EPOCH + timedelta(seconds=seconds) for seconds in found]


class _Floats:
    size = 40

    def write(self, target: Columns, key: str, values: Sequence[Any]) -> None:
        target[key] = _pack_array("d", values)

    def read(self, source: Columns, key: str, count: int) -> list[float]:
        return _unpack_array("d", memoryview(source[key]), count)


def cut(whole: Any, lengths: list[int]) -> list[Any]:
    """Return the pieces of *whole* that have these lengths.

    Raises:
        ValueError: If the lengths do not add up.
    """
    if min(lengths, default=0) < 0 or sum(lengths) != len(whole):
        raise ValueError("lengths that do not add up")
    return [
        whole[end - length : end] for length, end in zip(lengths, accumulate(lengths), strict=True)
    ]


def _sizes(data: bytes, lengths: list[int]) -> list[int]:
    """Return how many bytes texts of these lengths have, which lie one behind the other."""
    if min(lengths, default=0) < 0:
        raise ValueError("lengths that do not add up")
    decoder = getincrementaldecoder("utf-8")("surrogatepass")
    found: list[int] = []
    size = missing = 0
    for start in range(0, len(data), _BLOCK):
        block = decoder.decode(data[start : start + _BLOCK], start + _BLOCK >= len(data))
        at = 0
        while len(found) < len(lengths):
            end = at + (missing or lengths[len(found)])
            size += len(block[at:end].encode("utf-8", "surrogatepass"))
            missing = max(end - len(block), 0)
            at = min(end, len(block))
            if missing:
                break
            found.append(size)
            size = 0
    if len(found) < len(lengths) or at < len(block):
        raise ValueError("lengths that do not add up")
    return found


class _Texts:
    size = 88

    def write(self, target: Columns, key: str, values: Sequence[Any]) -> None:
        # Half a surrogate pair is legal in a str: Telegram never sends one, a program may make it.
        target[key] = "".join(values).encode("utf-8", "surrogatepass")
        NUMBERS.write(target, f"{key}#", list(map(len, values)))

    def read(self, source: Columns, key: str, count: int) -> list[str]:
        lengths = NUMBERS.read(source, f"{key}#", count)
        data = source[key]
        try:
            if len(data) <= _BLOCK:
                return cut(data.decode("utf-8", "surrogatepass"), lengths)
            # Never all of it as one text and its pieces as well.
            ends = list(accumulate(_sizes(data, lengths), initial=0))
            view = memoryview(data)
            return [str(view[start:end], "utf-8", "surrogatepass") for start, end in pairwise(ends)]
        except UnicodeDecodeError:
            raise ValueError("no text") from None


class _Blobs:
    size = 56

    def write(self, target: Columns, key: str, values: Sequence[Any]) -> None:
        target[key] = b"".join(values)
        NUMBERS.write(target, f"{key}#", list(map(len, values)))

    def read(self, source: Columns, key: str, count: int) -> list[bytes]:
        return cut(source[key], NUMBERS.read(source, f"{key}#", count))


NUMBERS: Kind = _Numbers()
STEPS: Kind = _Steps()
DATES: Kind = _Dates()
FLOATS: Kind = _Floats()
TEXTS: Kind = _Texts()
BLOBS: Kind = _Blobs()
