"""When may a request start? One answer for all callers of an account.

Theory of operation: Telegram's limits belong to the account and the method, so all requests of
one kind share one clock. A request asks `next_start`, which also books the slot: callers are
served first come, first served. A flood wait moves the whole kind: nobody of it starts before
the wait has ended. Waits are obeyed, never shortened or evaded. (Learning the server's budget
comes later; nothing is assumed about it now.)

Sans-I/O: holds no clock; callers pass *now*, in seconds of one monotonic clock.
"""

from __future__ import annotations

__all__ = ["FloodPacer"]


class FloodPacer:
    """Hold back requests of a kind while a flood wait lasts, and space their starts."""

    def __init__(self) -> None:
        self._held_until: dict[str, float] = {}
        self._last_start: dict[str, float] = {}

    def next_start(self, kind: str, *, now: float, spacing: float = 0.0) -> float:
        """Book the next start.

        Args:
            kind: The method, such as `messages.getHistory`.
            now: The time.
            spacing: Least time between two starts of this kind, in seconds.

        Returns:
            When the request may start; not before *now*. Ask again then: a flood may have come.
        """
        start = max(now, self._held_until.get(kind, now))
        if spacing > 0 and kind in self._last_start:
            start = max(start, self._last_start[kind] + spacing)
        self._last_start[kind] = start
        return start

    def held_until(self, kind: str) -> float:
        """Return when the wait of this kind ends (0.0: none was seen)."""
        return self._held_until.get(kind, 0.0)

    def on_flood(self, kind: str, seconds: float, *, now: float) -> None:
        """Report a flood wait. Echoes of one flood never shorten an earlier wait."""
        self._held_until[kind] = max(self._held_until.get(kind, 0.0), now + seconds)
