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
that the bytes do not bear, and what is picked from is never longer than the picks. What the values
take as objects is added up before they are made, and is bounded, see `MAX_OBJECTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import MISSING, dataclass, fields
from itertools import repeat
from typing import Any

from telefast.chunks.values import NUMBERS, TEXTS, Columns, Kind, cut
from telefast.errors import ChunkTooLargeError

__all__ = ["MAX_INNER", "WORDS", "Picks", "Row", "Rows", "Table"]

MAX_INNER = 250_000
"""Rows within the rows of one chunk at most, such as the entities of all its texts: our choice, as
many as messages. A chunk should hold about a thousand of these, which have fewer than 100 each."""
_PLACE = 8
"""Bytes of a place in a list or an object."""
_ROW = 40
"""Bytes of an object with nothing in it, and of its place in a list."""
_SET = 224
_WORD = 192
"""Bytes of a small set, and of each word in it and of its place there, which may be twelve."""


class _WordTexts:
    size = _PLACE

    def write(self, target: Columns, key: str, values: Sequence[Any]) -> None:
        texts = [" ".join(sorted(words)) for words in values]
        _spend_words(target, texts)
        TEXTS.write(target, key, texts)

    def read(self, source: Columns, key: str, count: int) -> list[frozenset[str]]:
        texts = TEXTS.read(source, key, count)
        _spend_words(source, texts)
        return [frozenset(filter(None, text.split(" "))) for text in texts]


def _spend_words(columns: Columns, texts: list[str]) -> None:
    columns.spend(sum(_SET + _WORD * (text.count(" ") + 1) for text in texts))


@dataclass(frozen=True, slots=True)
class Picks:
    """Values of which few are different.

    Attributes:
        inner: How each different one is stored.
    """

    inner: Kind

    @property
    def size(self) -> int:
        """Bytes of a place; the values themselves are few."""
        return _PLACE

    def write(self, target: Columns, key: str, values: Sequence[Hashable]) -> None:
        """Store the values."""
        places = {value: place for place, value in enumerate(dict.fromkeys(values))}
        target.spend(len(places) * self.inner.size)
        self.inner.write(target, f"{key}$", list(places))
        NUMBERS.write(target, key, [places[value] for value in values])

    def read(self, source: Columns, key: str, count: int) -> list[Any]:
        """Return the values."""
        picks = NUMBERS.read(source, key, count)
        # Each value occurs: there are as many as the highest pick says, and no more than picks.
        different = max(picks, default=-1) + 1
        if min(picks, default=0) < 0 or different > count:
            raise ValueError("picks of nothing")
        source.spend(different * self.inner.size)
        table = self.inner.read(source, f"{key}$", different)
        return [table[pick] for pick in picks]


@dataclass(frozen=True, slots=True)
class Row:
    """One row within a row, mostly where there may be none.

    Attributes:
        table: What it holds.
    """

    table: Table

    @property
    def size(self) -> int:
        """Bytes of a place; its table counts the row."""
        return _PLACE

    def write(self, target: Columns, key: str, values: Sequence[Any]) -> None:
        """Store the rows."""
        target[key] = b""
        self.table.write(target, values, f"{key}.")

    def read(self, source: Columns, key: str, count: int) -> list[Any]:
        """Return the rows."""
        if source[key]:
            raise ValueError("no row")
        return self.table.read(source, count, f"{key}.")


@dataclass(frozen=True, slots=True)
class Rows:
    """Any number of rows within a row, as a tuple.

    Attributes:
        table: What each holds; one of its fields at least has no default.
    """

    table: Table

    @property
    def size(self) -> int:
        """Bytes of a tuple; its table counts the rows."""
        return _PLACE + 64

    def write(self, target: Columns, key: str, values: Sequence[Any]) -> None:
        """Store the rows."""
        inner = [row for rows in values for row in rows]
        if len(inner) > MAX_INNER:
            raise ChunkTooLargeError(f"{key} per chunk", MAX_INNER, len(inner))
        NUMBERS.write(target, key, list(map(len, values)))
        self.table.write(target, inner, f"{key}.")

    def read(self, source: Columns, key: str, count: int) -> list[Any]:
        """Return the rows."""
        counts = NUMBERS.read(source, key, count)
        total = sum(counts)
        if min(counts, default=0) < 0 or total > MAX_INNER:
            raise ValueError(f"{total} rows")
        return cut(tuple(self.table.read(source, total, f"{key}.")), counts)


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
        self._row_size = _ROW + _PLACE * len(listed)

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all fields, also of rows within rows."""
        found = []
        for name, kind, _ in self._columns:
            found.append(prefix + name)
            if isinstance(kind, Row | Rows):
                found += kind.table.names(f"{prefix}{name}.")
        return found

    def write(self, target: Columns, rows: Sequence[Any], prefix: str = "") -> None:
        """Store *rows* under the names of their fields.

        Raises:
            ChunkTooLargeError: If there are more rows within rows than a reader takes.
            TooManyObjectsError: If they take more memory than it takes.
        """
        target.spend(len(rows) * self._row_size)
        for name, kind, default in self._columns:
            key = prefix + name
            values = [getattr(row, name) for row in rows]
            if default is not MISSING:
                present = [value is not default and value != default for value in values]
                if not any(present):
                    continue
                if not all(present):
                    target[f"{key}?"] = _pack_bits(present)
                    target.spend(len(rows) * _PLACE)
                    values = [
                        value for value, is_there in zip(values, present, strict=True) if is_there
                    ]
            target.spend(len(values) * kind.size)
            kind.write(target, key, values)

    def read(self, source: Columns, count: int, prefix: str = "") -> list[Any]:
        """Return the *count* rows that are stored there; unknown names are passed over.

        Args:
            source: What is stored.
            count: How many rows.
            prefix: What their names begin with.

        Raises:
            ValueError: If the bytes are not those of so many rows; it says in which field.
        """
        if not count:
            return []
        source.spend(count * self._row_size)
        # Defaults have no end; the first field has none, so it has the length.
        columns = [
            self._read(source, prefix + name, kind, default, count)
            for name, kind, default in self._columns
        ]
        return [self._make(*values) for values in zip(*columns, strict=False)]

    def _read(self, source: Columns, key: str, kind: Kind, default: Any, count: int) -> Any:
        try:
            bits = None if default is MISSING else source.get(f"{key}?")
            if bits is None:
                if default is not MISSING and key not in source:
                    return repeat(default, count)
                source.spend(count * kind.size)
                return kind.read(source, key, count)
            present = _unpack_bits(bits, count)
            there = sum(present)
            source.spend(there * kind.size + count * _PLACE)
            found = kind.read(source, key, there)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
        values = iter(found)
        return [next(values) if is_there else default for is_there in present]


def _pack_bits(bits: Sequence[bool]) -> bytes:
    number = int("".join("1" if bit else "0" for bit in reversed(bits)), 2)
    return number.to_bytes((len(bits) + 7) // 8, "little")


def _unpack_bits(data: bytes, count: int) -> list[bool]:
    number = int.from_bytes(data, "little") if len(data) == (count + 7) // 8 else -1
    if number < 0 or number >> count:
        raise ValueError(f"no bitmap of {count} rows")
    return [digit == "1" for digit in reversed(f"{number:0{count}b}")]
