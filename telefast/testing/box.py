"""The one sequence of message ids that all private chats and basic groups of an account share.

The ids of one chat are therefore sparse, and no two chats of an account have a message of the same
id. Seeded chats take runs of eight ids, as conversations come in bursts; what is posted later
comes on top of the whole sequence.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from telefast.testing.timeline import RUN

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Box"]

_SPAN: Final = 1024
"""Runs among which is drawn at once: bounds the memory that drawing takes."""

_SHARE: Final = (1, 4)
"""Largest share of the free runs that one chat takes, so that later ones can lie between them."""


class Box:
    """Give out the ids of an account. Pure: the same calls give the same ids.

    Attributes:
        last_id: The highest id ever given; new messages come above it.
        placed: Numbers of the runs that seeded chats have. Run *n* begins with id *8 n*; run 0 is
            never given.
        noted: Ids that were given one by one.

    Example:
        >>> box = Box()
        >>> _, one = box.place("one", 100, 0.0)
        >>> _, other = box.place("other", 100, 0.1)
        >>> len(one), len(other), one.isdisjoint(other), one.max() > other.min()
        (100, 100, True, True)
    """

    def __init__(self) -> None:
        self.last_id = 0
        self.placed = BitMap([0])
        self.noted = BitMap()
        self._taken = BitMap([0])

    def may_have(self, message_id: int) -> bool:
        """Return False if an id was certainly never given."""
        return message_id in self.noted or message_id // RUN in self.placed

    def restore(self, placed: BitMap, noted: BitMap, last_id: int) -> None:
        """Take over the state of another box."""
        self.placed, self.noted, self.last_id = placed, noted, last_id
        self._taken = placed | BitMap({id_ // RUN for id_ in noted})

    def place(self, seed: str, count: int, holes: float) -> tuple[BitMap, BitMap]:
        """Take ids for a seeded chat, interleaved with those of the chats before it.

        It takes up to a quarter of the free runs, spread over the sequence as it is and beyond its
        end. Drawing a million ids takes no more memory than their set.

        Args:
            seed: What the draws depend on, beside the state of the box.
            count: How many messages exist.
            holes: Share of the ids taken that do not exist, 0 or more and less than 1.

        Returns:
            The numbers of the runs taken, and the ids that exist.
        """
        runs, ids = BitMap(), BitMap()
        slots = max(count, round(count / (1 - holes)))
        need = -(-slots // RUN)
        if not need:
            return runs, ids
        draw = Random(seed)
        free_count = self.last_id // RUN + 1 - self._taken.rank(self.last_id // RUN)
        share = (need, free_count) if need * _SHARE[1] <= free_count * _SHARE[0] else _SHARE
        span = min(_SPAN, need * _SHARE[1])
        begin, passed, drawn, gone = 0, 0, 0, 0
        while drawn < need:
            free = BitMap(range(begin, begin + span)) - self._taken
            begin += span
            passed += len(free)
            wanted = min(need, passed * share[0] // share[1]) - drawn
            chosen = sorted(draw.sample(list(free), min(wanted, len(free))))
            drawn += len(chosen)
            runs.update(chosen)
            here = BitMap()
            for run in chosen:
                here.add_range(run * RUN, run * RUN + RUN)
            if drawn == need and chosen:
                here.remove_range(chosen[-1] * RUN + slots - (need - 1) * RUN, begin * RUN)
            reached = min(drawn * RUN, slots)
            missing = (slots - count) * reached // slots - gone
            gone += missing
            if missing:
                here.difference_update(BitMap(draw.sample(list(here), missing)))
            ids.update(here)
        for kept in (runs, ids):
            kept.run_optimize()
            kept.shrink_to_fit()
        for known in (self.placed, self._taken):
            known.update(runs)
            known.run_optimize()
        self.last_id = max(self.last_id, runs.max() * RUN + RUN - 1)
        return runs, ids

    def take(self, count: int) -> list[int]:
        """Return *count* new ids, above all others, oldest first."""
        new = list(range(self.last_id + 1, self.last_id + count + 1))
        self.note(new)
        return new

    def note(self, message_ids: Iterable[int]) -> None:
        """Take ids that were chosen elsewhere."""
        for message_id in message_ids:
            self.noted.add(message_id)
            self._taken.add(message_id // RUN)
            self.last_id = max(self.last_id, message_id)
