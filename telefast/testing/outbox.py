"""What a connection still owes: answers in order of the time at which they are due."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from telefast.testing.session import Outgoing, Session

__all__ = ["Due", "Outbox"]


class Due(NamedTuple):
    """One message and when it leaves.

    Attributes:
        time: Loop time before which it must not leave.
        number: Order of arrival, which decides between equal times.
        session: The session it belongs to.
        message: What to send.
        request_id: Message id of the API request that it answers, or None.
        error: The message of the `rpc_error` that it carries, or None.
    """

    time: float
    number: int
    session: Session
    message: Outgoing
    request_id: int | None
    error: str | None


class Outbox:
    """A queue of messages, ordered by due time, then by arrival. Pure: callers pass the time.

    Attributes:
        size: Bytes of all bodies held.
    """

    def __init__(self) -> None:
        self.size = 0
        self._heap: list[Due] = []
        self._count = 0

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._heap)

    @property
    def next_time(self) -> float | None:
        """When the next message is due, or None if none waits."""
        return self._heap[0].time if self._heap else None

    def push(
        self,
        time: float,
        session: Session,
        message: Outgoing,
        *,
        request_id: int | None = None,
        error: str | None = None,
    ) -> None:
        """Add a message that is due at *time*."""
        self._count += 1
        due = Due(time, self._count, session, message, request_id, error)
        heapq.heappush(self._heap, due)
        self.size += len(message.body)

    def pop(self, now: float, *, max_bytes: int) -> list[Due]:
        """Take out what is due, up to *max_bytes* of bodies but at least one message."""
        taken: list[Due] = []
        size = 0
        while self._heap and self._heap[0].time <= now:
            length = len(self._heap[0].message.body)
            if taken and size + length > max_bytes:
                break
            taken.append(heapq.heappop(self._heap))
            size += length
        self.size -= size
        return taken

    def drop(self, request_id: int) -> bool:
        """Forget the answer to *request_id*; return whether one waited."""
        kept = [due for due in self._heap if due.request_id != request_id]
        found = len(kept) < len(self._heap)
        if found:
            heapq.heapify(kept)
            self._heap = kept
            self.size = sum(len(due.message.body) for due in kept)
        return found
