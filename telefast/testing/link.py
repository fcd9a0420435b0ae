"""When the answers of one connection leave: round trip, jitter and bandwidth.

Pure: callers pass the time, and the draws depend on a seed.
"""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

__all__ = ["PIECE", "Link", "Piece", "SharedLine"]

PIECE: Final = 64 * 1024
"""Bytes that a connection puts on a shared line before it lets the others have their turn. Chosen:
at 10 MB/s a turn takes 7 ms."""


class Piece(NamedTuple):
    """What of a message leaves next.

    Attributes:
        size: Its bytes.
        time: When the last of them has left.
    """

    size: int
    time: float


class SharedLine:
    """What several links share, such as those of all connections to one data centre.

    They take turns in the order in which they ask, a turn being a message or `PIECE` bytes of it:
    so those with large answers get equal shares, a small one waits for one piece of each other
    connection, what one does not use is the others', and nothing of a connection overtakes
    anything else of it.

    Args:
        bandwidth: Bytes per second, above 0.

    Example:
        >>> line = SharedLine(1000)
        >>> line.next_departure(now=5.0, size=500), line.next_departure(now=5.0, size=500)
        (5.5, 6.0)
    """

    def __init__(self, bandwidth: float) -> None:
        self.bandwidth = bandwidth
        self._free = 0.0

    def next_departure(self, *, now: float, size: int) -> float:
        """Let *size* bytes leave after all that has been put on the line before."""
        self._free = max(now, self._free) + size / self.bandwidth
        return self._free


class Link:
    """Decide when answers are ready, and when their last byte has left.

    An answer is ready one round trip, and up to *jitter* more, after its request arrived: answers
    wait together, and with jitter a later one may overtake an earlier one, as with a busy server.
    What is ready then leaves one after the other, as fast as *bandwidth* and *line* allow.

    Args:
        rtt: Round trip time in seconds.
        jitter: Most seconds that are added to it; each answer gets its own share, drawn evenly.
        bandwidth: Bytes per second towards the client; None means no limit.
        line: What this link shares with others; None means nothing.
        seed: What the draws depend on.

    Attributes:
        bandwidth: Bytes per second towards the client; None means no limit.

    Example:
        >>> link = Link(rtt=0.25, bandwidth=1000)
        >>> ready = link.ready_at(10.0)
        >>> link.next_departure(now=ready, size=500), link.next_departure(now=ready, size=500)
        (10.75, 11.25)
    """

    def __init__(
        self,
        *,
        rtt: float = 0.0,
        jitter: float = 0.0,
        bandwidth: float | None = None,
        line: SharedLine | None = None,
        seed: str = "",
    ) -> None:
        self.bandwidth = bandwidth
        self._rtt = rtt
        self._jitter = jitter
        self._line = line
        self._draw = Random(seed)
        self._free = 0.0

    @property
    def is_limited(self) -> bool:
        """Whether answers leave one after the other."""
        return self.bandwidth is not None or self._line is not None

    def ready_at(self, now: float) -> float:
        """Return when the answer to what arrived *now* is ready to leave."""
        if not self._jitter:
            return now + self._rtt
        return now + self._rtt + self._draw.random() * self._jitter

    def next_piece(self, *, now: float, size: int) -> Piece:
        """Let as much of *size* bytes that are ready *now* leave next as may at once.

        Without a shared line that is all.
        """
        if self._line is None:
            return Piece(size, self.next_departure(now=now, size=size))
        size = min(size, PIECE)
        shared = self._line.next_departure(now=now, size=size)
        return Piece(size, max(shared, self.next_departure(now=now, size=size)))

    def next_departure(self, *, now: float, size: int) -> float:
        """Let *size* bytes that are ready *now* leave next; return when the last one has left."""
        if self.bandwidth is None:
            return now
        self._free = max(now, self._free) + size / self.bandwidth
        return self._free
