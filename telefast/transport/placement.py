"""Which connection to one data centre takes a request, when to open another one, when to end one.

Theory of operation: connections are opened as the load asks for them, up to the number that the
caller wants. What an attempt comes to is known by its first answer, for a server that takes no
more connections accepts and then cuts them. Three things hold attempts back:

* A failure while no other connection lives says that the data centre cannot be reached: a pause
  that doubles, and after `MAX_FAILURES` in a row nobody is kept waiting any more.
* A failure while others live says that the server allows no more than those. That number is kept
  as a cap and tried again by one connection, ever more seldom.
* Whatever happens, there are at most `ATTEMPTS_PER_MINUTE`: a connection that works and is lost
  again at once would otherwise be made again for ever.

Sans-I/O: holds no clock and no connection; callers pass *now*, in seconds of one monotonic clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "ATTEMPTS_PER_MINUTE",
    "MAX_FAILURES",
    "MAX_LINES",
    "Care",
    "LineState",
    "Placement",
    "choose",
]

MAX_LINES = 8
"""Connections to one data centre at most, as Telegram Desktop's
(`storage/download_manager_mtproto.cpp`) and TDLib's for premium users
(`net/NetQueryDispatcher.cpp`)."""
WANTED = 4
"""Connections by default: half of the most. Our choice."""
BUSY = 2
"""Requests on each connection from which on another one is worth its while: our choice."""
ATTEMPTS_PER_MINUTE = 30
"""Our choice: all connections may be lost and made again three times a minute."""
MAX_FAILURES = 5
"""In a row; as Telethon's `connection_retries`."""
_LONGEST_PAUSE = 30.0
_CAP_FOR = 60.0
"""Seconds until the server is asked again for one more connection; doubled each time that it
refuses, up to an hour. Our choice."""
_LONGEST_CAP = 3600.0
_HEAL_AGAIN = 600.0
"""Seconds after which a login at a data centre that was lost may be carried there once more: our
choice. One that is lost sooner is not lost by accident."""

IDLE = 60.0
"""Seconds without use after which a connection is closed, as Telethon closes borrowed ones."""
PING_AFTER = 30.0
"""Seconds of silence after which a connection is pinged: half of Telethon's interval, since home
routers forget connections that rest for minutes."""
PONG_WITHIN = 60.0
"""Seconds for an answer of any kind after a ping, as Telethon's main connection has: a pong comes
behind what is already under way, and 512 KiB may take long."""

Care: TypeAlias = Literal["nothing", "ping", "close", "drop"]


@dataclass(frozen=True, slots=True)
class LineState:
    """What is known of one connection.

    Attributes:
        number: Its number, the lower the older.
        load: Requests in flight and leases.
        is_late: Whether it missed a deadline and has answered nothing since.
        last_used: When the load last changed.
        last_heard: When it last answered anything, at first when it was opened.
        pinged: When it was pinged, None if it has answered since.
    """

    number: int
    load: int
    is_late: bool = False
    last_used: float = 0.0
    last_heard: float = 0.0
    pinged: float | None = None

    def care(self, now: float) -> Care:
        """Say what the connection needs: a ping, a clean end, or to be given up as dead."""
        if self.pinged is not None and now >= self.pinged + PONG_WITHIN:
            return "drop"
        if not self.load and now >= self.last_used + IDLE:
            return "close"
        if self.pinged is None and now >= self.last_heard + PING_AFTER:
            return "ping"
        return "nothing"


def choose(lines: Iterable[LineState]) -> int | None:
    """Return the number of the connection that takes the next request; None without any.

    The one with the least to do, the oldest of several; one that is late only if all are.

    Example:
        >>> choose([LineState(1, 3), LineState(2, 1), LineState(3, 0, is_late=True)])
        2
    """
    found = min(lines, key=lambda line: (line.is_late, line.load, line.number), default=None)
    return None if found is None else found.number


class Placement:
    """Decide on the connections to one data centre.

    Args:
        wanted: Connections at most, from 1 to `MAX_LINES`.
    """

    def __init__(self, wanted: int = WANTED) -> None:
        self.wanted = wanted
        self._begun: deque[float] = deque()
        self._failures = 0
        self._failed_at = -math.inf
        self._held_until = -math.inf
        self._cap = MAX_LINES
        self._cap_until = -math.inf
        self._refusals = 0
        self._healed_at = -math.inf

    # Questions

    def allowed(self, now: float) -> int:
        """Return how many connections there may be: what is wanted, and the server allows."""
        more = self._cap < MAX_LINES and now >= self._cap_until
        return min(self.wanted, self._cap + more)

    def to_open(self, *, lines: int, opening: int, load: int, shy: bool, now: float) -> int:
        """Return how many connections to begin now.

        Args:
            lines: Those that live.
            opening: Those under way.
            load: Requests in flight and waiting, and leases.
            shy: Whether the first connection must have come through before there is a second, as
                where a key has to be exchanged.
            now: The time.
        """
        room = ATTEMPTS_PER_MINUTE - self._recent(now)
        if now < self._held_until or room <= 0:
            return 0
        target = min(self.allowed(now), math.ceil(load / BUSY))
        if shy or self._failures:
            target = min(target, 1)
        return max(0, min(target - lines - opening, room))

    def next_attempt(self, now: float) -> float:
        """Return when the next connection may be begun; now or before: at once."""
        held = self._held_until
        if self._recent(now) >= ATTEMPTS_PER_MINUTE:
            held = max(held, self._begun[0] + 60.0)
        return held

    def gives_up(self, now: float) -> bool:
        """Return whether nobody should wait for a connection: too many have failed."""
        return self._failures >= MAX_FAILURES and now < self._held_until

    def may_heal(self, now: float) -> bool:
        """Return whether a login that the data centre forgot may be carried there anew."""
        return now >= self._healed_at + _HEAL_AGAIN

    # Reports

    def on_attempt(self, *, now: float) -> None:
        """Note that a connection is begun."""
        self._begun.append(now)

    def on_proven(self, *, alive: int, now: float) -> None:
        """Note the first answer on a connection; *alive* counts it as well."""
        self._failures = 0
        self._held_until = -math.inf
        if alive > self._cap:
            self._cap = alive
            self._refusals = 0
            self._cap_until = now + _CAP_FOR

    def on_failed(self, *, begun: float, alive: int, now: float) -> None:
        """Note that a connection ended before it answered anything.

        Args:
            begun: When it was begun.
            alive: How many others live.
            now: The time.
        """
        is_counted = begun <= self._failed_at  # with the others of its volley
        self._failed_at = now
        if alive:
            self._cap = min(self._cap, alive)
            if not is_counted:
                self._refusals += 1
                self._cap_until = now + min(_CAP_FOR * 2 ** (self._refusals - 1), _LONGEST_CAP)
        elif not is_counted:
            self._failures += 1
            self._held_until = now + min(2.0 ** (self._failures - 1), _LONGEST_PAUSE)

    def on_heal(self, *, now: float) -> None:
        """Note that a login is carried to the data centre anew."""
        self._healed_at = now

    def _recent(self, now: float) -> int:
        """Return how many attempts the last minute has seen, and forget older ones."""
        while self._begun and self._begun[0] + 60.0 <= now:
            self._begun.popleft()
        return len(self._begun)
