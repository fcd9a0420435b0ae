"""Who may ask for the next part: files of one data centre in turn, within a budget of bytes.

A big file takes what nobody else wants, and a small one never waits behind it: each turn is one
part. A budget that one data centre has used up does not keep the others waiting. What has arrived
makes room for the next part at once, though it takes memory until it is written: so a disk that is
busy for a moment stops nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

__all__ = ["Owner", "Slots"]


class Owner(Protocol):
    """A file that is being fetched."""

    def need(self) -> int:
        """Return how many bytes the next part takes; 0 if there is none to ask for now."""

    def begin(self) -> None:
        """Ask for the next part."""


class Slots:
    """The bytes in flight and not yet written, of all files.

    Args:
        memory: How many there may be, in bytes. One part for each data centre is always allowed.
        window: How many parts of a data centre may be in flight, if they have so many bytes.
        idle: Called for a data centre where fewer are, since nobody needs more.
        flying: Bytes in flight by data centre, which all that have it share; each may have one
            part in flight, whatever the others have.
    """

    def __init__(
        self,
        memory: int,
        window: Callable[[int, int], int],
        idle: Callable[[int], object] = bool,
        flying: dict[int, int] | None = None,
    ) -> None:
        self._memory = memory
        self._window = window
        self._idle = idle
        self._rows: dict[int, deque[Owner]] = {}
        self._bytes: dict[int, int] = {}
        self._flying = {} if flying is None else flying
        self.peak = 0
        """Most bytes that there were."""

    @property
    def held(self) -> int:
        """Bytes in flight and not yet written."""
        return sum(self._bytes.values())

    def ask(self, dc_id: int, owner: Owner) -> None:
        """Let *owner* begin parts when it is its turn, until it needs nothing."""
        row = self._rows.setdefault(dc_id, deque())
        if owner not in row:
            row.append(owner)
        self._turn(dc_id)

    def leave(self, dc_id: int, owner: Owner) -> None:
        """Let *owner* begin no more."""
        row = self._rows.get(dc_id)
        if row is not None and owner in row:
            row.remove(owner)

    def take(self, dc_id: int, need: int) -> bool:
        """Take a part of *need* bytes out of turn, if there is room; False if not."""
        if not self._fits(dc_id, need):
            return False
        self._bytes[dc_id] = self._bytes.get(dc_id, 0) + need
        self._flying[dc_id] = self._flying.get(dc_id, 0) + need
        self.peak = max(self.peak, self.held)
        return True

    def arrive(self, dc_id: int, need: int) -> None:
        """Note that a part of *need* bytes is no longer in flight, whatever became of it."""
        self._flying[dc_id] -= need
        self._turn(dc_id)

    def release(self, dc_id: int, need: int) -> None:
        """Give the bytes of one part back, which has arrived."""
        self._bytes[dc_id] -= need
        if not self._bytes[dc_id]:
            del self._bytes[dc_id]
        self._turn(dc_id)
        for other in self._rows.keys() - {dc_id}:
            self._turn(other)

    def _turn(self, dc_id: int) -> None:
        row = self._rows.get(dc_id)
        while row:
            owner = row[0]
            need = owner.need()
            if not need:
                row.popleft()
            elif self.take(dc_id, need):
                row.rotate(-1)
                owner.begin()
            else:
                return
        if self._rows.pop(dc_id, None) is not None:
            self._idle(dc_id)

    def _fits(self, dc_id: int, need: int) -> bool:
        held = self._bytes.get(dc_id, 0)
        if not held:
            return True
        share = self._memory // len(self._bytes.keys() | self._rows.keys())
        return (
            self._flying.get(dc_id, 0) + need <= self._window(dc_id, need) * need
            and held + need <= share
            and self.held + need <= self._memory
        )
