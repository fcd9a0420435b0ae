"""`ProcessedIds`: which messages of one chat are done, exactly."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

from pyroaring import BitMap

from telefast.checks import check_int
from telefast.disk import replace_file
from telefast.errors import ArgumentError, CorruptStateError, UnsupportedStateError
from telefast.history.query import MAX_ID

__all__ = ["ProcessedIds", "seal", "unseal"]

_MAGIC = b"TFID"
_VERSION = 1
_HEADER = struct.Struct("<4sB3xQI")
"""Magic, version, three zero bytes, length of the body, its CRC-32."""


class ProcessedIds:
    """An exact set of message ids of one chat, small enough to keep for ever.

    Never a false positive, so that nothing is passed over by mistake. A roaring bitmap: dense ids
    take next to nothing, the worst pattern some two bytes for each id, in memory as on the disk.

    Ranges are Python's: `range(3, 5)` stands for 3 and 4. Where bounds are arguments, both
    belong to the range.

    Args:
        ids: What it holds at first: ids from 1 to 2**31 - 1 (Telegram's are 32-bit numbers).

    Raises:
        ArgumentError: If an id is out of bounds, here and wherever ids are given.
    """

    __slots__ = ("_ids",)

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._ids = BitMap()
        if ids != ():
            self.update(ids)

    # Change

    def add(self, message_id: int) -> None:
        """Add an id."""
        check_int("message_id", message_id, 1, MAX_ID)
        self._ids.add(message_id)

    def add_range(self, first: int, last: int) -> None:
        """Add all ids from *first* to *last*; none if *last* is below *first*."""
        self._ids |= _range(first, last)

    def update(self, ids: Iterable[int] | ProcessedIds) -> None:
        """Add all these ids, or none of them if one is out of bounds."""
        self._ids |= _bits(ids)

    def discard(self, ids: Iterable[int] | ProcessedIds) -> None:
        """Take these ids out; those that are not in it do not matter."""
        self._ids -= _bits(ids)

    # Ask

    def __contains__(self, message_id: object) -> bool:
        return type(message_id) is int and 0 < message_id <= MAX_ID and message_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[int]:
        """Iterate over the ids, the smallest first."""
        return iter(self._ids)

    def __eq__(self, other: object) -> bool:
        return self._ids == _bits(other) if isinstance(other, ProcessedIds) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def first(self) -> int:
        """The smallest id, 0 if there is none."""
        return self._ids.min() if self._ids else 0

    @property
    def last(self) -> int:
        """The largest id, 0 if there is none."""
        return self._ids.max() if self._ids else 0

    def count(self, first: int, last: int) -> int:
        """Return how many ids there are from *first* to *last*."""
        _check_ints(first, last)
        return self._ids.range_cardinality(first, last + 1) if 0 <= first <= last else 0

    def runs(self) -> Iterator[range]:
        """Iterate over the ids as ranges, each as long as can be, the smallest ids first."""
        return map(
            range, self._ids - self._ids.shift(1), map(_after, self._ids - self._ids.shift(-1))
        )

    def missing(self, first: int, last: int) -> list[range]:
        """Return the ids from *first* to *last* that are not in it, as ranges, smallest first.

        What lies in front of its smallest id counts as well: of the ids 500 to 900,
        `missing(1, 1000)` is `[range(1, 500), range(901, 1001)]`.
        """
        return list(self.without(first, last).runs())

    def without(self, first: int, last: int) -> ProcessedIds:
        """Return the ids from *first* to *last* that are not in it, as a set."""
        return _of(_range(first, last) - self._ids)

    def between(self, first: int, last: int) -> ProcessedIds:
        """Return those of its ids that lie from *first* to *last*."""
        return _of(_range(first, last) & self._ids)

    def __or__(self, other: ProcessedIds) -> ProcessedIds:
        return _of(self._ids | _bits(other))

    def __sub__(self, other: ProcessedIds) -> ProcessedIds:
        return _of(self._ids - _bits(other))

    def copy(self) -> ProcessedIds:
        """Return a set of its own with the same ids."""
        return _of(self._ids.copy())

    def __repr__(self) -> str:
        return f"ProcessedIds({len(self)} ids from {self.first} to {self.last})"

    # Keep

    def to_bytes(self) -> bytes:
        """Return all of it as bytes, with a checksum: what `from_bytes` reads."""
        self._ids.run_optimize()  # the same ids, in less room
        return seal(_MAGIC, _VERSION, self._ids.serialize())

    @classmethod
    def from_bytes(cls, data: bytes) -> ProcessedIds:
        """Return what was kept by `to_bytes`.

        Raises:
            CorruptStateError: If *data* is anything else.
            UnsupportedStateError: If a later release of telefast has written it.
        """
        try:
            ids = BitMap.deserialize(unseal(_MAGIC, _VERSION, data))
        except (ValueError, IndexError) as error:
            if isinstance(error, CorruptStateError | UnsupportedStateError):
                raise
            raise CorruptStateError("no set of ids") from None
        if ids and not 1 <= ids.min() <= ids.max() <= MAX_ID:
            raise CorruptStateError("ids out of bounds")
        return _of(ids)

    def save(self, path: str | Path) -> None:
        """Write it to a file, at once or not at all; blocks until it is on the disk.

        Raises:
            DiskFullError: If there is no room; what was there before is untouched.
            OSError: If the file cannot be written.
        """
        replace_file(Path(path), self.to_bytes())

    @classmethod
    def load(cls, path: str | Path) -> ProcessedIds:
        """Return what was written by `save`; blocks.

        Raises:
            FileNotFoundError: If there is no such file.
            CorruptStateError: If it is damaged, or something else.
            UnsupportedStateError: If a later release of telefast has written it.
        """
        data = Path(path).read_bytes()
        try:
            return cls.from_bytes(data)
        except (CorruptStateError, UnsupportedStateError) as error:
            raise type(error)(error.problem, path=str(path)) from None


def _of(ids: BitMap) -> ProcessedIds:
    made = ProcessedIds()
    made._ids = ids  # noqa: SLF001 - same module
    return made


def _bits(ids: Iterable[int] | ProcessedIds) -> BitMap:
    if isinstance(ids, ProcessedIds):
        return ids._ids  # noqa: SLF001 - same module
    if isinstance(ids, range) and ids.step == 1:
        return _range(ids.start, ids.stop - 1)
    if not isinstance(ids, Iterable):
        raise ArgumentError("ids", ids, f"integers from 1 to {MAX_ID}")
    found = list(ids)
    if not all(type(each) is int and 0 < each <= MAX_ID for each in found):
        raise ArgumentError("ids", found, f"integers from 1 to {MAX_ID}")
    return BitMap(found)


def _check_ints(first: int, last: int) -> None:
    for name, value in (("first", first), ("last", last)):
        if type(value) is not int:
            raise ArgumentError(name, value, "an integer")


def _range(first: int, last: int) -> BitMap:
    _check_ints(first, last)
    if last < first:
        return BitMap()
    check_int("first", first, 1, MAX_ID)
    check_int("last", last, 1, MAX_ID)
    return BitMap(range(first, last + 1))


def _after(message_id: int) -> int:
    return message_id + 1


def seal(magic: bytes, version: int, body: bytes) -> bytes:
    """Return *body* behind a header that shows what it is, and whether it is whole."""
    return _HEADER.pack(magic, version, len(body), crc32(body)) + body


def unseal(magic: bytes, version: int, data: bytes) -> bytes:
    """Return the body of what `seal` made.

    Raises:
        CorruptStateError: If *data* is anything else.
        UnsupportedStateError: If its version is not *version*.
    """
    if len(data) < _HEADER.size or data[: len(magic)] != magic:
        raise CorruptStateError("not a file of this kind")
    _, found, size, checksum = _HEADER.unpack_from(data)
    if found != version:
        raise UnsupportedStateError(f"version {found}; this release knows {version} only")
    body = data[_HEADER.size :]
    if (size, checksum) != (len(body), crc32(body)):
        raise CorruptStateError("damaged: its checksum is another")
    return body
