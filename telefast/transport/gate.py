"""Where calls wait for their turn: one row for each kind, first come, first served.

The first in the row sleeps until its pacer lets it go; the others wait for it, or for news of a
flood, which each of them holds against its own patience.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from telefast.transport.pacing import FloodPacer
from telefast.transport.waits import Reason

__all__ = ["Gate"]

Look = Callable[[float, float], bool]
"""Called with the time, and when the caller may start by what is known: now, later, or infinity
while it waits for others. Returns whether that has just changed. What it raises ends the wait."""


class Gate:
    """Let the requests of an account start, as its pacer says."""

    def __init__(self, pacer: FloodPacer) -> None:
        self._pacer = pacer
        self.held_by: dict[str, tuple[Reason, str]] = {}
        """Why each kind was held last, and by which error."""
        self._rows: dict[str, deque[_Waiter]] = {}

    async def enter(self, kind: str, look: Look, *, spacing: float = 0.0) -> int:
        """Wait for the turn of one request, which starts now.

        Cancelling leaves the row; nobody else's place changes.

        Returns:
            Its number, for exactly one of `on_reply`, `on_flood` and `on_lost`.
        """
        loop = asyncio.get_running_loop()
        row = self._rows.setdefault(kind, deque())
        waiter = _Waiter()
        row.append(waiter)
        try:
            while True:
                now = loop.time()
                start = math.inf
                if row[0] is waiter:
                    start = self._pacer.next_start(kind, now=now, spacing=spacing)
                if look(now, start):
                    continue
                if start <= now + 1e-6:  # what a sum of floats may be off
                    return self._pacer.on_sent(kind, now=now)
                if start < math.inf:
                    await asyncio.sleep(start - now)
                else:
                    await waiter.called()
        finally:
            row.remove(waiter)
            self._call(kind)

    def on_reply(self, kind: str, number: int) -> None:
        """Note an answer, and let those go whom it lets go."""
        self._pacer.on_reply(kind, number)
        self._call(kind)

    def on_lost(self, kind: str, number: int) -> None:
        """Note that nobody waits for an answer any more."""
        self._pacer.on_lost(kind, number)
        self._call(kind)

    def on_flood(self, kind: str, number: int, seconds: float, *, now: float) -> bool:
        """Note a flood; False if it is the echo of one."""
        is_new = self._pacer.on_flood(kind, number, seconds, now=now)
        for waiter in self._rows.get(kind, ()):
            waiter.call()
        return is_new

    def _call(self, kind: str) -> None:
        row = self._rows.get(kind)
        if row:
            row[0].call()


class _Waiter:
    """One that waits to be called."""

    __slots__ = ("_bell",)

    def __init__(self) -> None:
        self._bell: asyncio.Future[None] | None = None

    async def called(self) -> None:
        self._bell = asyncio.get_running_loop().create_future()
        await self._bell

    def call(self) -> None:
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)
