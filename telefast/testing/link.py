"""When the answers of one connection leave: round trip, jitter and bandwidth.

Pure: callers pass the time, and the draws depend on a seed.
"""

from __future__ import annotations

from random import Random

__all__ = ["Link"]


class Link:
    """Decide when answers are ready, and when their last byte has left.

    An answer is ready one round trip, and up to *jitter* more, after its request arrived: answers
    wait together, and with jitter a later one may overtake an earlier one, as with a busy server.
    What is ready then leaves one after the other, as fast as *bandwidth* allows.

    Args:
        rtt: Round trip time in seconds.
        jitter: Most seconds that are added to it; each answer gets its own share, drawn evenly.
        bandwidth: Bytes per second towards the client; None means no limit.
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
        seed: str = "",
    ) -> None:
        self.bandwidth = bandwidth
        self._rtt = rtt
        self._jitter = jitter
        self._draw = Random(seed)
        self._free = 0.0

    def ready_at(self, now: float) -> float:
        """Return when the answer to what arrived *now* is ready to leave."""
        if not self._jitter:
            return now + self._rtt
        return now + self._rtt + self._draw.random() * self._jitter

    def next_departure(self, *, now: float, size: int) -> float:
        """Let *size* bytes that are ready *now* leave next; return when the last one has left."""
        if self.bandwidth is None:
            return now
        self._free = max(now, self._free) + size / self.bandwidth
        return self._free
