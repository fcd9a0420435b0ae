"""What a connection still owes: answers in order of the time at which they are due."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, NamedTuple

from telefast.testing.link import Link

if TYPE_CHECKING:
    from telefast.testing.session import Outgoing, Session

__all__ = ["ENVELOPE", "Due", "Outbox"]

ENVELOPE: Final = 90
"""Bytes that an answer costs on a wire of limited bandwidth beside its body, about."""


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

    Args:
        link: How fast messages leave that are due; default: at once.

    Attributes:
        size: Bytes of all bodies held.
        link: How fast messages leave that are due.
    """

    def __init__(self, link: Link | None = None) -> None:
        self.size = 0
        self.link = link or Link()
        self._heap: list[Due] = []
        self._leaving: Due | None = None
        self._left = 0
        self._count = 0

    def __len__(self) -> int:
        """Return how many messages wait, that on the wire included."""
        return len(self._heap) + (self._leaving is not None)

    @property
    def next_time(self) -> float | None:
        """When there is something to do next, or None if nothing waits."""
        if self._leaving is not None:
            return self._leaving.time
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
        """Take out what has left, up to *max_bytes* of bodies but at least one message."""
        taken: list[Due] = []
        size = 0
        if self.link.is_limited:
            return self._pop_slowly(now, max_bytes)
        while self._heap and self._heap[0].time <= now:
            length = len(self._heap[0].message.body)
            if taken and size + length > max_bytes:
                break
            taken.append(heapq.heappop(self._heap))
            size += length
        self.size -= size
        return taken

    def _pop_slowly(self, now: float, max_bytes: int) -> list[Due]:
        """Let what is due leave one after the other, piece by piece; take out what has left."""
        taken: list[Due] = []
        size = 0
        while not taken or size < max_bytes:
            if self._leaving is None:
                if not self._heap or self._heap[0].time > now:
                    break
                self._leaving = heapq.heappop(self._heap)
                self._left = len(self._leaving.message.body) + ENVELOPE
                self._put_next_piece(self._leaving)
            if self._leaving.time > now:
                break
            if self._left:
                self._put_next_piece(self._leaving)
                continue
            taken.append(self._leaving)
            size += len(self._leaving.message.body)
            self._leaving = None
        self.size -= size
        return taken

    def _put_next_piece(self, leaving: Due) -> None:
        """Put more of a message on the wire; it is over, or goes on, when that has left."""
        piece = self.link.next_piece(now=leaving.time, size=self._left)
        self._left -= piece.size
        self._leaving = leaving._replace(time=piece.time)

    def drop(self, request_id: int) -> bool:
        """Forget the answer to *request_id*; return whether one waited, not yet on the wire."""
        kept = [due for due in self._heap if due.request_id != request_id]
        found = len(kept) < len(self._heap)
        if found:
            heapq.heapify(kept)
            self._heap = kept
            leaving = [] if self._leaving is None else [self._leaving]
            self.size = sum(len(due.message.body) for due in (*kept, *leaving))
        return found
