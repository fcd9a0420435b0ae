"""What `BatchedHistory` hands out: batches, the cursor, the figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from telefast.transport.messages import Page

__all__ = ["Batch", "HistoryCursor", "HistoryStats"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batch:
    """Consecutive messages of one stream.

    Attributes:
        messages: Finished Telethon messages, in the stream's order; None where an id that was
            asked for does not exist.
        first_id: Id of the first message that is not None, 0 if there is none.
        last_id: Id of the last one, 0 if there is none.
        total: Messages in the whole list, as the server last said; None if it did not.
        requests: Requests that the stream had sent when this batch was complete.
        latency: Seconds that the slowest answer in this batch took, pacing included.
        pages: The answers that these messages came in, with their exact wire bytes; none on the
            stock path. Neighbouring batches may share one.
        account: Id of the account that received them; None if the client does not know its own,
            which it learns when it connects.
    """

    messages: list[Any]
    first_id: int
    last_id: int
    total: int | None
    requests: int
    latency: float
    pages: tuple[Page, ...]
    account: int | None = None

    def __len__(self) -> int:
        return len(self.messages)

    def __repr__(self) -> str:
        return (
            f"Batch({len(self.messages)} messages, first_id={self.first_id}, "
            f"last_id={self.last_id}, total={self.total})"
        )


@dataclass(frozen=True, slots=True)
class HistoryCursor:
    """How far the consumer has come; what was fetched ahead does not count.

    To go on later, pass `offset_id=cursor.offset_id` with the same bounds and direction, and no
    `add_offset`.

    Attributes:
        offset_id: Id of the last message taken, 0 before the first.
        taken: Messages taken so far.
        done: Whether the stream has come to its end.
    """

    offset_id: int = 0
    taken: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True)
class HistoryStats:
    """Figures of one stream, at one moment.

    Attributes:
        path: How the messages are fetched: `pages` (many pages at a time), `ids` (by ids, many at
            a time), `sequential` (one page after the other, where each says what follows), `stock`
            (Telethon's own `iter_messages`), or `none` while nothing was asked.
        reason: Why the path is `stock`; empty otherwise.
        takeout: `off` (none was asked for), `on`, or why there is none: `delay` (Telegram wants it
            confirmed or waited for), `bot` (the account is one), `flood`.
        requests: Requests sent, retries not counted; those of the stock path, which does not say,
            left out.
        messages: Messages taken by the consumer.
        in_flight: Requests without an answer.
        peak_in_flight: The most there ever were.
        held: Pages that wait for the consumer or for an earlier page.
        peak_held: The most pages that were held or in flight.
        walks: Requests that repaired a seam or proved the end.
        sweeps: Requests by ids that proved a gap.
        duplicates: Messages that came twice and were dropped; one for each seam is normal.
        bytes: Bytes of the answers.
        undecodable: Messages that the installed Telethon cannot decode; see
            `BatchedHistory.undecoded`.
    """

    path: Literal["none", "pages", "ids", "sequential", "stock"] = "none"
    reason: str = ""
    takeout: str = "off"
    requests: int = 0
    messages: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    held: int = 0
    peak_held: int = 0
    walks: int = 0
    sweeps: int = 0
    duplicates: int = 0
    bytes: int = 0
    undecodable: int = 0
