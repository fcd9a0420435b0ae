"""What the ids of a chat mean to its seeded messages: dates, albums, and which id came before.

A channel counts its own ids from 1 (`OwnLine`). Private chats and basic groups share one sequence
of ids per account, of which each has its runs (`SharedLine`). Pure functions of the seed and what
the chat was made with; what is deleted or posted later has no part in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from telefast.testing.dice import Dice

if TYPE_CHECKING:
    from pyroaring import BitMap

__all__ = ["FIRST_DATE", "RUN", "SPAN", "Line", "OwnLine", "SharedLine"]

RUN = 8
"""Ids in one run of the shared sequence: each belongs to at most one seeded chat."""

FIRST_DATE = 1_488_326_400
"""Date of the first message: 2017-03-01, so that a million of them ends before today."""
SPAN = 300_000_000
"""All messages lie within this many seconds, about 9.5 years, before the 2038 border."""
_LONGEST_SPACING = 211
_ALBUM_BLOCK = 16
"""One block of ids in which at most one album lies; albums thus cross the borders of pages."""

_STAGES = ((500_000, 211), (3_500_000, 30))
"""Up to these ids of an account, this many seconds lie between two; then several in a second."""
_REST = 100_000_000
"""Seconds in which all further ids of an account lie."""


class Line(Protocol):
    """What `SeededChat` asks of the ids of its chat."""

    @property
    def first(self) -> int:
        """The id that the chat began with, or 0 if it began empty."""

    def timestamp(self, message_id: int) -> int:
        """Return the date of a message in seconds since the epoch; never falls with the id."""

    def album(self, message_id: int) -> range | None:
        """Return the ids of the album that a message belongs to, if any."""

    def earlier(self, message_id: int, steps: int) -> int | None:
        """Return the id *steps* before a message, or the first one; None if there is none."""


class OwnLine:
    """The ids of a chat that has its own sequence: 1, 2, 3 and so on.

    Args:
        key: What albums depend on.
        top: The highest id when the chat was made; sets the spacing of dates.
        begin: Date from which messages are dated, in seconds since the epoch.
    """

    first = 1

    def __init__(self, key: str, top: int, begin: int = FIRST_DATE) -> None:
        self._key = key
        self._begin = begin
        self._spacing = max(1, min(_LONGEST_SPACING, SPAN // max(1, top)))
        self._latest: tuple[int, range] = (-1, range(0))

    def timestamp(self, message_id: int) -> int:
        """Return the date of a message in seconds since the epoch."""
        album = self.album(message_id)
        if album is not None:
            message_id = album.start
        jitter = (message_id * 2_654_435_761 >> 7) % self._spacing
        return self._begin + message_id * self._spacing + jitter

    def album(self, message_id: int) -> range | None:
        """Return the ids of the album that a message belongs to, if any."""
        block = message_id // _ALBUM_BLOCK
        if block != self._latest[0]:
            ids = range(0)
            if block:
                dice = Dice(f"{self._key}album/{block}".encode())
                if dice.chance(120):
                    size = 2 + dice.below(9)
                    begin = block * _ALBUM_BLOCK + dice.below(_ALBUM_BLOCK - size + 1)
                    ids = range(begin, begin + size)
            self._latest = (block, ids)
        ids = self._latest[1]
        return ids if message_id in ids else None

    def earlier(self, message_id: int, steps: int) -> int | None:
        """Return the id *steps* before a message, or 1; None for the first message."""
        return max(1, message_id - steps) if message_id > 1 else None


class SharedLine:
    """The ids of a chat that shares a sequence with others: runs of eight.

    Args:
        key: What albums depend on.
        runs: Numbers of the runs that the chat was made with; run *n* begins with id *8 n*.
    """

    def __init__(self, key: str, runs: BitMap) -> None:
        self._key = key
        self._runs = runs
        self._latest: tuple[int, range] = (-1, range(0))

    @property
    def first(self) -> int:
        """The id that the chat began with, or 0 if it began empty."""
        return self._runs.min() * RUN if self._runs else 0

    def timestamp(self, message_id: int) -> int:
        """Return the date of a message in seconds since the epoch."""
        album = self.album(message_id)
        return shared_date(message_id if album is None else album.start)

    def album(self, message_id: int) -> range | None:
        """Return the ids of the album that a message belongs to, if any."""
        run = message_id // RUN
        if run != self._latest[0]:
            ids = range(0)
            dice = Dice(f"{self._key}album/{run}".encode())
            if dice.chance(60) and run * RUN != self.first:
                size = 2 + dice.below(RUN - 1)
                begin = run * RUN + dice.below(RUN - size + 1)
                ids = range(begin, begin + size)
            self._latest = (run, ids)
        ids = self._latest[1]
        return ids if message_id in ids else None

    def earlier(self, message_id: int, steps: int) -> int | None:
        """Return the id *steps* before a message, or the first one; None if there is none."""
        run = message_id // RUN
        place = self._runs.rank(run) * RUN
        if run in self._runs:
            place += message_id % RUN - RUN
        if not place:
            return None
        index, rest = divmod(max(0, place - steps), RUN)
        return self._runs[index] * RUN + rest


def shared_date(message_id: int) -> int:
    """Return the date of an id in an account's sequence: in all its chats time runs alike."""
    date = FIRST_DATE
    begin = 0
    for end, spacing in _STAGES:
        if message_id <= end:
            jitter = (message_id * 2_654_435_761 >> 7) % spacing
            return date + (message_id - begin) * spacing + jitter
        date += (end - begin) * spacing + spacing
        begin = end
    return date + ((message_id - begin) * _REST >> 31)
