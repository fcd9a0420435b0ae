"""Columns: many rows of one kind as a few byte strings, which compress well and read fast.

A table of rows is stored field by field, each under its name, a row within a row as `outer.inner`.
What is stored depends on the kind of the field:

* *Numbers*: one byte, 1, 2, 4 or 8, the bytes of each number; then the first bytes of all numbers,
  the second ones, and so on: little-endian two's complement, cut apart by place.
* *Steps*: numbers; the first one, then each as the difference to the one before. *Dates* are steps
  of seconds since the epoch.
* *Texts* and *blobs*: all of them as one string, texts in UTF-8; under `name#`, numbers, how many
  characters or bytes each has.
* *Floats*: 8 bytes each, cut apart like numbers.
* *Picks*: under `name$` each value that occurs, once; under the name, numbers, which of these.
* *Words*: picks of texts, each of which is a set of words with spaces between.
* *Row*: nothing of its own; *rows*: numbers, how many. The fields follow under their own names.

Most fields have a default. A field that has it in every row is not stored at all. One that has it
in some rows has a bitmap under `name?`, lowest bit first, of the rows that have another value, and
only those are stored.

Reading trusts nothing: every row of a table has at least one byte in it, so no count is believed
that the bytes do not bear.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise, repeat
from typing import Any, Protocol

from telefast.errors import ChunkTooLargeError

__all__ = [
    "BLOBS",
    "DATES",
    "FLOATS",
    "MAX_INNER",
    "NUMBERS",
    "STEPS",
    "TEXTS",
    "WORDS",
    "Kind",
    "Picks",
    "Row",
    "Rows",
    "Table",
]

MAX_INNER = 250_000
"""Rows within the rows of one chunk at most, such as the entities of all its texts: our choice, as
many as messages. A chunk should hold about a thousand of these, which have fewer than 100 each."""
_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_INT64 = range(-(2**63), 2**63)
_DATES = range(-(2**31), 2**31)
"""Telegram's dates are signed 32-bit numbers (core.telegram.org/mtproto/serialize)."""


class Kind(Protocol):
    """How the values of one field are stored."""

    def write(self, target: dict[str, bytes], key: str, values: Sequence[Any]) -> None:
        """Store *values* under *key* and keys that begin with it."""
        ...

    def read(self, source: Mapping[str, bytes], key: str, count: int | None) -> list[Any]:
        """Return the *count* values that are stored there; None for as many as there are.

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


def _unpack_array(code: str, data: bytes, count: int | None) -> list[Any]:
    found = array(code)
    size, rest = divmod(len(data), found.itemsize)
    if rest or count not in (None, size):
        raise ValueError(f"{len(data)} bytes are not {count} values")
    raw = bytearray(len(data))
    for place in range(found.itemsize):
        raw[place :: found.itemsize] = data[place * size : (place + 1) * size]
    found.frombytes(raw)
    if sys.byteorder == "big":  # pragma: no cover - no such machine at hand
        found.byteswap()
    return found.tolist()


class _Numbers:
    def write(self, target: dict[str, bytes], key: str, values: Sequence[Any]) -> None:
        ends = (min(values, default=0), max(values, default=0))
        width = next(
            (w for w in _CODES if -(1 << 8 * w - 1) <= ends[0] and ends[1] < 1 << 8 * w - 1), 8
        )
        target[key] = bytes([width]) + _pack_array(_CODES[width], values)

    def read(self, source: Mapping[str, bytes], key: str, count: int | None) -> list[int]:
        data = source[key]
        code = _CODES.get(data[0]) if data else None
        if code is None:
            raise ValueError("no numbers")
        return _unpack_array(code, data[1:], count)


class _Steps:
    def write(self, target: dict[str, bytes], key: str, values: Sequence[Any]) -> None:
        steps = [*values[:1], *(after - before for before, after in pairwise(values))]
        NUMBERS.write(target, key, steps)

    def read(self, source: Mapping[str, bytes], key: str, count: int | None) -> list[int]:
        found = list(accumulate(NUMBERS.read(source, key, count)))
        if min(found, default=0) not in _INT64 or max(found, default=0) not in _INT64:
            raise ValueError("numbers out of range")
        return found


def _check_dates(seconds: list[int]) -> None:
    if min(seconds, default=0) not in _DATES or max(seconds, default=0) not in _DATES:
        raise ValueError("dates out of range")


class _Dates:
    def write(self, target: dict[str, bytes], key: str, values: Sequence[Any]) -> None:
        seconds = [(value - _EPOCH) // _SECOND for value in values]
        _check_dates(seconds)
        STEPS.write(target, key, seconds)

    def read(self, source: Mapping[str, bytes], key: str, count: int | None) -> list[datetime]:
        found = STEPS.read(source, key, count)
        _check_dates(found)
        return [_EPOCH + timedelta(seconds=seconds) for seconds in found]


class _Floats:
    def write(self, target: dict[str, bytes], key: str, values: Sequence[Any]) -> None:
        target[key] = _pack_array("d", values)

    def read(self, source: Mapping[str, bytes], key: str, count: int | None) -> list[float]:
        return _unpack_array("d", source[key], count)


def _cut(whole: Any, lengths: list[int]) -> list[Any]:
    if min(lengths, default=0) < 0 or sum(lengths) != len(whole):
        raise ValueError("lengths that do not add up")
    return [
        whole[end - length : end] for length, end in zip(lengths, accumulate(lengths), strict=True)
    ]


class _Texts:
    def write(self, target: dict[str, bytes], key: str, values: Sequence[Any]) -> None:
        # Half a surrogate pair is legal in a str: Telegram never sends one, a program may make it.
        target[key] = "".join(values).encode("utf-8", "surrogatepass")
        NUMBERS.write(target, f"{key}#", list(map(len, values)))

    def read(self, source: Mapping[str, bytes], key: str, count: int | None) -> list[str]:
        try:
            whole = source[key].decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise ValueError("no text") from None
        return _cut(whole, NUMBERS.read(source, f"{key}#", count))


class _Blobs:
    def write(self, target: dict[str, bytes], key: str, values: Sequence[Any]) -> None:
        target[key] = b"".join(values)
        NUMBERS.write(target, f"{key}#", list(map(len, values)))

    def read(self, source: Mapping[str, bytes], key: str, count: int | None) -> list[bytes]:
        return _cut(source[key], NUMBERS.read(source, f"{key}#", count))


class _WordTexts:
    def write(self, target: dict[str, bytes], key: str, values: Sequence[Any]) -> None:
        TEXTS.write(target, key, [" ".join(sorted(words)) for words in values])

    def read(
        self, source: Mapping[str, bytes], key: str, count: int | None
    ) -> list[frozenset[str]]:
        return [frozenset(text.split()) for text in TEXTS.read(source, key, count)]


@dataclass(frozen=True, slots=True)
class Picks:
    """Values of which few are different.

    Attributes:
        inner: How each different one is stored.
    """

    inner: Kind

    def write(self, target: dict[str, bytes], key: str, values: Sequence[Hashable]) -> None:
        """Store the values."""
        places = {value: place for place, value in enumerate(dict.fromkeys(values))}
        self.inner.write(target, f"{key}$", list(places))
        NUMBERS.write(target, key, [places[value] for value in values])

    def read(self, source: Mapping[str, bytes], key: str, count: int | None) -> list[Any]:
        """Return the values."""
        table = self.inner.read(source, f"{key}$", None)
        picks = NUMBERS.read(source, key, count)
        if min(picks, default=0) < 0 or max(picks, default=-1) >= len(table):
            raise ValueError("picks of nothing")
        return [table[pick] for pick in picks]


@dataclass(frozen=True, slots=True)
class Row:
    """One row within a row, mostly where there may be none.

    Attributes:
        table: What it holds.
    """

    table: Table

    def write(self, target: dict[str, bytes], key: str, values: Sequence[Any]) -> None:
        """Store the rows."""
        target[key] = b""
        self.table.write(target, values, f"{key}.")

    def read(self, source: Mapping[str, bytes], key: str, count: int | None) -> list[Any]:
        """Return the rows."""
        if source[key] or count is None:
            raise ValueError("no row")
        return self.table.read(source, count, f"{key}.")


@dataclass(frozen=True, slots=True)
class Rows:
    """Any number of rows within a row, as a tuple.

    Attributes:
        table: What each holds; one of its fields at least has no default.
    """

    table: Table

    def write(self, target: dict[str, bytes], key: str, values: Sequence[Any]) -> None:
        """Store the rows."""
        inner = [row for rows in values for row in rows]
        if len(inner) > MAX_INNER:
            raise ChunkTooLargeError(f"{key} per chunk", MAX_INNER, len(inner))
        NUMBERS.write(target, key, list(map(len, values)))
        self.table.write(target, inner, f"{key}.")

    def read(self, source: Mapping[str, bytes], key: str, count: int | None) -> list[Any]:
        """Return the rows."""
        counts = NUMBERS.read(source, key, count)
        total = sum(counts)
        if min(counts, default=0) < 0 or total > MAX_INNER:
            raise ValueError(f"{total} rows")
        return _cut(tuple(self.table.read(source, total, f"{key}.")), counts)


NUMBERS: Kind = _Numbers()
STEPS: Kind = _Steps()
DATES: Kind = _Dates()
FLOATS: Kind = _Floats()
TEXTS: Kind = _Texts()
BLOBS: Kind = _Blobs()
WORDS: Kind = Picks(_WordTexts())


class Table:
    """How the objects of a dataclass are stored.

    A field without a default must be there in every row; the first one is, so that each row has a
    byte of its own.

    Args:
        make: The dataclass.
        kinds: How each of its fields is stored, in their order.
    """

    def __init__(self, make: Callable[..., Any], **kinds: Kind) -> None:
        listed = fields(make)  # type: ignore[arg-type]  # a dataclass
        assert [each.name for each in listed] == list(kinds)  # noqa: S101 - of our own modules
        self._make = make
        self._columns = [(each.name, kinds[each.name], each.default) for each in listed]

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all fields, also of rows within rows."""
        found = []
        for name, kind, _ in self._columns:
            found.append(prefix + name)
            if isinstance(kind, Row | Rows):
                found += kind.table.names(f"{prefix}{name}.")
        return found

    def write(self, target: dict[str, bytes], rows: Sequence[Any], prefix: str = "") -> None:
        """Store *rows* under the names of their fields."""
        for name, kind, default in self._columns:
            key = prefix + name
            values = [getattr(row, name) for row in rows]
            if default is not MISSING:
                present = [value is not default and value != default for value in values]
                if not any(present):
                    continue
                if not all(present):
                    target[f"{key}?"] = _pack_bits(present)
                    values = [
                        value for value, is_there in zip(values, present, strict=True) if is_there
                    ]
            kind.write(target, key, values)

    def read(self, source: Mapping[str, bytes], count: int, prefix: str = "") -> list[Any]:
        """Return the *count* rows that are stored there; unknown names are passed over.

        Args:
            source: What is stored; asked for a name that it lacks, it raises a ValueError.
            count: How many rows.
            prefix: What their names begin with.

        Raises:
            ValueError: If the bytes are not those of so many rows; it says in which field.
        """
        if not count:
            return []
        # Defaults have no end; the first field has none, so it has the length.
        columns = [
            self._read(source, prefix + name, kind, default, count)
            for name, kind, default in self._columns
        ]
        return [self._make(*values) for values in zip(*columns, strict=False)]

    def _read(
        self, source: Mapping[str, bytes], key: str, kind: Kind, default: Any, count: int
    ) -> Any:
        try:
            if default is MISSING:
                return kind.read(source, key, count)
            bits = source.get(f"{key}?")
            if bits is None:
                return kind.read(source, key, count) if key in source else repeat(default, count)
            present = _unpack_bits(bits, count)
            found = kind.read(source, key, sum(present))
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
        values = iter(found)
        return [next(values) if is_there else default for is_there in present]


def _pack_bits(bits: Sequence[bool]) -> bytes:
    number = int("".join("1" if bit else "0" for bit in reversed(bits)), 2)
    return number.to_bytes((len(bits) + 7) // 8, "little")


def _unpack_bits(data: bytes, count: int) -> list[bool]:
    number = int.from_bytes(data, "little")
    if len(data) != (count + 7) // 8 or number >> count:
        raise ValueError(f"no bitmap of {count} rows")
    return [digit == "1" for digit in reversed(f"{number:0{count}b}")]
