"""What drives a stream: a plan says which request next, and what may be delivered.

`Windows` plans pages of a list, `IdList` plans messages by their ids. The producer knows only the
protocol, so one loop carries out either.

Sans-I/O: requests go out by `next_request`, answers come in by `on_answer`, in any order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from telefast.history.order import Ask, Delivery
from telefast.history.sweep import SWEEP_SIZE

__all__ = ["IdList", "Plan"]


class Plan(Protocol):
    """Which request next, what is complete, what may be delivered."""

    done: bool
    error: Exception | None
    """What stopped the walk; everything before it was delivered."""
    count: int | None
    """Messages in the whole list, as last announced."""
    walks: int
    sweeps: int
    by_ids: int

    @property
    def mismatches(self) -> int:
        """Stretches by ids that the history did not confirm."""

    @property
    def held(self) -> int:
        """Answers that wait for an earlier one."""

    def next_request(self, *, room: int) -> Ask | None:
        """Return a request to send now, None if nothing is to be sent before an answer."""

    def on_answer(
        self,
        token: int,
        ids: Collection[int],
        *,
        empty_ids: Sequence[int] = (),
        count: int | None = None,
        position: int | None = None,
        pts: int | None = None,
        marked: Collection[int] = (),
    ) -> None:
        """Report an answer.

        Args:
            token: Of the request.
            ids: Messages in it, `MessageEmpty` left out.
            empty_ids: Ids that it calls empty.
            count: Messages in the whole list.
            position: Position of the newest of them in that list.
            pts: Telegram's counter of changes in a channel.
            marked: Those of the ids that carry a reason why their display is restricted.
        """

    def on_error(self, token: int, error: Exception) -> None:
        """Report that a request failed for good."""

    def take(self) -> Delivery | None:
        """Return what is to be delivered next, or None."""


class IdList:
    """Ask for messages by their ids, 200 in a request, and deliver them in the order asked for.

    Args:
        ids: The ids, in the order of delivery; an id that does not exist is delivered all the
            same, and so are repetitions.
        request_size: Messages per page of the stream; a request by ids takes twice as many.
    """

    def __init__(self, ids: Sequence[int], *, request_size: int = 100) -> None:
        size = SWEEP_SIZE * request_size // 100
        self._slices = [tuple(ids[i : i + size]) for i in range(0, len(ids), size)]
        self.done = not self._slices
        self.error: Exception | None = None
        self.count: int | None = len(ids)
        self.walks = 0
        self.sweeps = 0
        self.by_ids = 0
        """Requests sent."""
        self.mismatches = 0
        self._next = 0
        self._head = 0
        self._answers: dict[int, Exception | None] = {}

    @property
    def held(self) -> int:
        """Answers that wait for an earlier one."""
        return len(self._answers)

    def next_request(self, *, room: int) -> Ask | None:
        """Return the next slice of ids to ask for, None without room or at the end."""
        if room <= 0 or self._next == len(self._slices) or self.error is not None:
            return None
        self._next += 1
        self.by_ids += 1
        return Ask(ids=self._slices[self._next - 1], token=self._next)

    def on_answer(
        self,
        token: int,
        ids: Collection[int],
        *,
        empty_ids: Sequence[int] = (),
        count: int | None = None,
        position: int | None = None,
        pts: int | None = None,
        marked: Collection[int] = (),
    ) -> None:
        """Report an answer; what is in it does not matter here, what was asked is delivered."""
        self._answers[token] = None

    def on_error(self, token: int, error: Exception) -> None:
        """Report that a request failed for good; what lies before it is still delivered."""
        self._answers[token] = error

    def take(self) -> Delivery | None:
        """Return the next slice of ids whose answer has come."""
        token = self._head + 1
        if token not in self._answers or self.error is not None:
            return None
        self.error = self._answers.pop(token)
        if self.error is not None:
            return None
        self._head = token
        self.done = self._head == len(self._slices)
        return Delivery(token, self._slices[self._head - 1])
