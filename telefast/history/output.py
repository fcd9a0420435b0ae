"""The producer's end of the pump: what goes out, what was counted, how much is still wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from telefast.history.order import PAGE_SIZE
from telefast.history.types import Batch, HistoryStats
from telefast.logs import get_logger
from telefast.tasks import Crew
from telefast.transport.lazy import LazyMessage, lazy_of

if TYPE_CHECKING:
    from telefast.history.batching import Part
    from telefast.history.plan import Plan
    from telefast.tasks import Pump
    from telefast.transport.messages import Page
    from telefast.transport.undecoded import UndecodedMessage

__all__ = ["Output", "Piece", "Tally"]


_log = get_logger("history")


@dataclass(frozen=True, slots=True)
class Piece:
    """Finished messages on their way to the consumer, with the answer they came in."""

    messages: list[Any]
    page: Page | None
    latency: float = 0.0
    undecoded: Sequence[UndecodedMessage] = ()


@dataclass(slots=True)
class Tally:
    """The figures of a stream while it runs; the producer writes, the stream reads.

    `stats.held` leaves out what is in the pump.
    """

    stats: HistoryStats = field(default_factory=HistoryStats)
    total: int | None = None

    def set(self, **changes: Any) -> None:
        """Change some of the figures."""
        self.stats = replace(self.stats, **changes)

    def follow(self, plan: Plan) -> None:
        """Take over what a plan has counted."""
        self.set(
            walks=plan.walks,
            sweeps=plan.sweeps,
            by_ids=plan.by_ids,
            mismatches=plan.mismatches,
        )

    def log(self) -> None:
        """Log what the stream has done."""
        stats = self.stats
        _log.info(
            "history path=%s reason=%s total=%s requests=%d walks=%d sweeps=%d",
            stats.path,
            stats.reason or "none",
            self.total,
            stats.requests,
            stats.walks,
            stats.sweeps,
        )


def batch_of(
    messages: list[Any], parts: Sequence[Part], tally: Tally, account: int | None
) -> Batch[Any]:
    """Return a batch of these messages, which came in these parts, at best to this account."""
    found = [m.id for m in messages if m is not None] or [0]
    pages = [part.page for part in parts if part.page is not None]
    return Batch(
        messages,
        found[0],
        found[-1],
        tally.total,
        tally.stats.requests,
        max(part.latency for part in parts),
        tuple(page for page in pages if not page.is_foreign),
        None if any(page.is_foreign for page in pages) else account,
    )


class Output:
    """Hand finished messages to the consumer.

    Args:
        limit: Most messages to hand over, None for all.
        is_lazy: Whether to hand them over as `LazyMessage`s.

    Attributes:
        left: How many of them are still wanted, None for all. A plan that counts by itself comes
            to the same; where messages are filtered here, only this counts.
        last: The last id of the list that was passed, handed over or not; None before the first.
        delivered: Entries handed over.
    """

    def __init__(self, limit: int | None, *, is_lazy: bool = False) -> None:
        self._is_lazy = is_lazy
        self.tally = Tally()
        self.left = limit
        self.last: int | None = None
        self.delivered = 0
        self._pump: Pump[Piece] | None = None
        self._most = 1

    def attach(self, pump: Pump[Piece], most: int) -> None:
        """Put into *pump* from now on; `room` waits while it holds *most* pieces."""
        self._pump = pump
        self._most = most

    @property
    def buffered(self) -> int:
        """Pieces that the consumer has not taken yet."""
        return 0 if self._pump is None else self._pump.buffered

    def on_room(self, call: Callable[[], None]) -> None:
        """Call *call* whenever the consumer has taken a piece."""
        if self._pump is not None:
            self._pump.on_room = call

    def put(
        self,
        messages: list[Any],
        page: Page | None,
        latency: float = 0.0,
        undecoded: Sequence[UndecodedMessage] = (),
    ) -> None:
        """Hand messages over, no more than are wanted; each piece holds a page, or is of `ids=`."""
        if self.left is not None:
            messages = messages[: self.left]
            self.left -= len(messages)
        if self._is_lazy:
            messages = [m if type(m) is LazyMessage else lazy_of(m) for m in messages]
        if (messages or undecoded) and self._pump is not None:
            self.delivered += len(messages)
            is_page = page is not None and self.tally.stats.path == "pages"
            size = PAGE_SIZE if is_page else max(len(messages), 1)
            for at in range(0, len(messages) or 1, size):
                part = messages[at : at + size]
                self._pump.put(Piece(part, page, latency, () if at else undecoded))

    async def room(self) -> None:
        """Wait until the consumer has made room for another piece."""
        crew: Crew[Any, Any] = Crew()
        self.on_room(crew.wake)
        while self.buffered >= self._most:
            await crew.wait()
