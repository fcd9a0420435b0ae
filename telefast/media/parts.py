"""Which part of a file is asked for next, what is done, and what must be asked again.

Theory of operation: everything is kept in bytes, not in numbers of parts, so that the size of parts
may change at any moment, also between two runs. What is neither here nor asked for is free; what
came is done once it is written. The first free range gives the next request: the largest legal one
that begins there, is no larger than wished, and takes nothing that is done or asked for already.

What Telegram takes (https://core.telegram.org/api/files#downloading-files): offset and limit are
multiples of 4 KiB, the limit divides 1 MiB, and all of it lies within one fragment of 1 MiB. A
limit may go past the end of the file, an offset never does: some servers answer that with an error.

A short answer is the end of the file only where the size says so. Where the size is unknown, parts
are asked for one by one, and the end counts when a second request, across it, has found it too.

Sans-I/O: holds no bytes, clock or connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Literal, NamedTuple

from telefast.errors import ArgumentError
from telefast.media.ranges import Ranges

__all__ = ["BLOCK", "FRAGMENT", "LEGAL_SIZES", "MAX_SHORT", "Part", "PartMap", "Taken", "Verdict"]

BLOCK: Final = 4096
"""What offsets and limits are multiples of."""
FRAGMENT: Final = 1 << 20
"""What no part may cross a multiple of."""
LEGAL_SIZES: Final = tuple(BLOCK << power for power in range(9))
"""From 4 KiB to 1 MiB: the multiples of 4 KiB that divide 1 MiB."""
MAX_SHORT: Final = 4
"""Short answers to one part before it is taken for what the server has. Our choice."""
VERSION = 1
"""Of the snapshot."""

Verdict = Literal["done", "again", "stale", "short", "long"]


@dataclass(frozen=True, slots=True)
class Part:
    """One request.

    Attributes:
        offset: Where it begins.
        limit: How many bytes are asked for; may go past the end of the file.
        size: How many must come; None if the size of the file is unknown.
    """

    offset: int
    limit: int
    size: int | None

    @property
    def weight(self) -> int:
        """How many bytes will come at most."""
        return self.limit if self.size is None else self.size


class Taken(NamedTuple):
    """What becomes of an answer.

    Attributes:
        verdict: `done`: keep the bytes. `again`: too few; the part is asked for again. `stale`:
            another answer was first. `short`: too few, time and again: the file is shorter than
            Telegram says. `long`: more than there should be.
        keep: How many of its first bytes belong to the file.
    """

    verdict: Verdict
    keep: int = 0


@dataclass(slots=True)
class _Asked:
    part: Part
    begun: float = inf
    copies: int = 1


class PartMap:
    """The state of one file.

    Args:
        size: Of the file, in bytes; None if Telegram does not say.
        part_size: Of parts, in bytes: one of `LEGAL_SIZES`. May be changed at any time.
        done: Ranges that are here already. Only whole blocks of 4 KiB count, and the last one.

    Attributes:
        size: As given; at the end what was found.
        part_size: As given.
        received: Bytes that are done.

    Raises:
        ArgumentError: If *size* is negative or *part_size* not legal.

    Example:
        >>> parts = PartMap(1_000_000)
        >>> parts.next(), parts.next().size, parts.next()
        (Part(offset=0, limit=524288, size=524288), 475712, None)
    """

    def __init__(
        self,
        size: int | None,
        part_size: int = 512 * 1024,
        *,
        done: Iterable[tuple[int, int]] = (),
    ) -> None:
        if size is not None and size < 0:
            raise ArgumentError("size", size, "0 or more, or None")
        if part_size not in LEGAL_SIZES:
            raise ArgumentError("part_size", part_size, "4096, 8192, ... or 1048576")
        self.size = size
        self.part_size = part_size
        self._done = Ranges(_blocks(done, size))
        self._free = Ranges([] if size is None else [(0, size)])
        for start, end in self._done:
            self._free.remove(start, end)
        self._asked: dict[int, _Asked] = {}
        self._shorts: dict[int, int] = {}
        first = self._done.first()
        self._tail = first[1] if first and not first[0] else 0  # of an unknown size
        self._seen_end: int | None = None
        if size is None:
            self._done = Ranges([(0, self._tail)])

    @property
    def received(self) -> int:
        """Bytes that are done."""
        return len(self._done)

    @property
    def is_complete(self) -> bool:
        """Whether every byte is done."""
        return self.size is not None and len(self._done) == self.size

    @property
    def in_flight(self) -> int:
        """Parts that are asked for."""
        return len(self._asked)

    @property
    def done_to(self) -> int:
        """Where the first byte lies that is not done."""
        first = self._done.first()
        return first[1] if first and not first[0] else 0

    def is_asked(self, part: Part) -> bool:
        """Return whether *part* is in flight, perhaps twice."""
        return part.offset in self._asked

    def done(self) -> list[tuple[int, int]]:
        """Return the ranges that are done."""
        return list(self._done)

    # What to ask for

    def peek(self) -> Part | None:
        """Return what `next` would give, and change nothing."""
        if self.size is None:
            return None if self._asked else self._probe()
        first = self._free.first()
        if first is None:
            return None
        start, end = first
        limit = self.part_size
        while start % limit or (start + limit > end and end != self.size):
            limit //= 2
        return Part(start, limit, min(limit, end - start))

    def next(self) -> Part | None:
        """Return the next request, None if there is nothing to ask for at the moment."""
        part = self.peek()
        if part is not None:
            self._asked[part.offset] = _Asked(part)
            if part.size is not None:
                self._free.remove(part.offset, part.offset + part.size)
        return part

    def double(self, *, after: float, now: float) -> Part | None:
        """Return the part that was sent the longest time ago, to ask for it once more.

        Args:
            after: Seconds that it must have been in flight.
            now: The time.

        Returns:
            None if there is none, or all are in flight twice.
        """
        once = [each for each in self._asked.values() if each.copies == 1]
        asked = min(once, key=lambda each: each.begun, default=None)
        if asked is None or asked.begun + after > now:
            return None
        asked.copies = 2
        return asked.part

    def oldest(self) -> float:
        """Return since when the oldest part is in flight that is so once; infinity without one."""
        return min((each.begun for each in self._asked.values() if each.copies == 1), default=inf)

    # What became of it

    def on_answer(self, part: Part, length: int, size: int | None = None) -> Taken:
        """Note an answer of *length* bytes, which may tell the *size* of the whole file."""
        asked = self._asked.get(part.offset)
        if asked is None or asked.part != part:
            return Taken("stale")
        if part.size is None:
            del self._asked[part.offset]
            if size is None:
                return self._on_probe(part, length)
            part = self._learn(part, size)
        if length >= part.weight:
            del self._asked[part.offset]
            return Taken("done" if length == part.weight else "long", part.weight)
        return self._on_short(part)

    def on_written(self, offset: int, length: int) -> None:
        """Note that the bytes of an answer are where they belong: they are done."""
        self._done.add(offset, offset + length)

    def on_sent(self, part: Part, now: float) -> None:
        """Note when *part* was last sent; infinity while it waits to be sent again."""
        asked = self._asked.get(part.offset)
        if asked is not None:
            asked.begun = now

    def on_lost(self, part: Part) -> None:
        """Note that nobody waits for an answer any more; the part is free again."""
        asked = self._asked.get(part.offset)
        if asked is None or asked.part != part:
            return
        asked.copies -= 1
        if not asked.copies:
            del self._asked[part.offset]
            if part.size is not None:
                self._free.add(part.offset, part.offset + part.size)

    def on_past_end(self, part: Part) -> bool:
        """Note that the server calls the offset of *part* illegal; False if that is no end.

        It is one where the size is unknown and what lies before was all there.
        """
        if part.size is not None or not part.offset or part.offset != self._tail:
            return False
        self._asked.pop(part.offset, None)
        self.size = part.offset
        return True

    def undo(self, start: int, end: int) -> None:
        """Let a range that is done be fetched again: its bytes turned out to be wrong."""
        assert self.size is not None  # noqa: S101 - for the type checker
        start, end = start // BLOCK * BLOCK, min(-(-end // BLOCK) * BLOCK, self.size)
        for low, high in list(self._done):
            if max(low, start) < min(high, end):
                self._free.add(max(low, start), min(high, end))
        self._done.remove(start, end)

    def give_up(self, length: int) -> int:
        """Let the last *length* bytes that are done be fetched again; return where they began."""
        end = max((end for _, end in self._done), default=0)
        start = max(end - length, 0) // BLOCK * BLOCK
        if self.size is None:
            self._tail, self._done = start, Ranges([(0, start)])
        else:
            self.undo(start, end)
        return start

    # To keep it

    def snapshot(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"version": VERSION, "size": self.size, "done": [list(each) for each in self._done]}

    @classmethod
    def restore(
        cls, data: Mapping[str, Any], size: int | None, part_size: int = 512 * 1024
    ) -> PartMap | None:
        """Return what `snapshot` made *data* of; None if it is damaged or of another size."""
        try:
            if data["version"] != VERSION or data["size"] != size:
                return None
            done = [(int(start), int(end)) for start, end in data["done"]]
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return cls(size, part_size, done=done)

    def _probe(self) -> Part:
        """Return the request at the end of what is known of a file of unknown size."""
        start, limit = self._tail, self.part_size
        if self._seen_end is not None and self._seen_end > start:
            # Across the end that was seen, which lies less than a block, or one block, ahead. The
            # answer was short, so the fragment goes on behind it.
            limit = BLOCK if self._seen_end < start + BLOCK else 2 * BLOCK
            return Part(start, limit, None)
        while start % limit:
            limit //= 2
        return Part(start, limit, None)

    def _learn(self, part: Part, size: int) -> Part:
        """Note how large the file is, and return *part* as it is asked for now that this is known.

        An unknown size has one part in flight, so there is no other one to be asked anew.
        """
        self.size = size
        self._done = Ranges([(0, min(self._tail, size))])
        self._free = Ranges([(0, size)])
        self._free.remove(0, self._tail)
        known = Part(part.offset, part.limit, max(min(part.limit, size - part.offset), 0))
        self._asked[part.offset] = _Asked(known)
        self._free.remove(part.offset, part.offset + known.weight)
        return known

    def _on_probe(self, part: Part, length: int) -> Taken:
        end = part.offset + length
        if length > part.limit:
            return Taken("long")
        if length < part.limit and end == self._seen_end:  # seen twice
            self.size = end
            return Taken("done", length)
        if length == part.limit:
            self._seen_end = None
            self._go_on(end)
            return Taken("done", length)
        self._seen_end = end
        # The last block is asked for again, in a request that reaches across it.
        kept = max((end - 1) // BLOCK * BLOCK, part.offset)
        if kept > part.offset:
            self._go_on(kept)
            return Taken("done", kept - part.offset)
        return self._on_short(part)

    def _go_on(self, end: int) -> None:
        self._tail = end
        self._shorts.clear()

    def _on_short(self, part: Part) -> Taken:
        self._shorts[part.offset] = shorts = self._shorts.get(part.offset, 0) + 1
        self.on_lost(part)
        return Taken("again" if shorts < MAX_SHORT else "short")


def _blocks(ranges: Iterable[tuple[int, int]], size: int | None) -> Iterable[tuple[int, int]]:
    """Cut ranges to whole blocks within the file."""
    for start, end in ranges:
        low = max(-(-start // BLOCK) * BLOCK, 0)
        high = end if size is None else min(end, size)
        yield low, high if high == size else high // BLOCK * BLOCK
