"""What `BatchedHistory` hands out: batches, the cursor, the figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal

from telefast.checks import check_int
from telefast.errors import ArgumentError, CorruptStateError, UnsupportedStateError
from telefast.history.query import MAX_ID, Query
from telefast.history.typed import M

if TYPE_CHECKING:
    from telefast.transport.messages import Page

__all__ = ["Batch", "HistoryCursor", "HistoryStats"]

_CURSOR_VERSION = 1
_QUERY = ("limit", "min_id", "max_id", "offset_id", "add_offset", "offset_date", "reverse")
"""What a cursor keeps of a query; the ids are in its key."""
_MAX_PEER_ID = 2**63 - 1
"""Ids of chats are 64-bit signed integers in the API."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batch(Generic[M]):
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
            stock path, nor those of another account than the first. Neighbouring batches may share
            one.
        account: Id of the account that received them; None if the client does not know its own,
            which it learns when it connects, or several accounts had a part in it.
    """

    messages: list[M]
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

    It holds what is needed to go on: keep it by `to_json`, and pass it to
    `BatchedHistory.resume`.

    Attributes:
        offset_id: Id of the last message taken, 0 before the first.
        taken: Messages taken so far, those of the streams that this one goes on from included.
        done: Whether the stream has come to its end.
        peer_id: Marked id of the chat; None before the first message, and for a global search.
        query: What was asked: bounds, direction, limit.
        key: Names the list and the ids that were asked for; "" for a chat's history.
    """

    offset_id: int = 0
    taken: int = 0
    done: bool = False
    peer_id: int | None = None
    query: Query = field(default=Query(), repr=False)
    key: str = field(default="", repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dict that JSON can hold; what was searched for is in it as a digest."""
        query = {name: getattr(self.query, name) for name in _QUERY}
        return {
            "version": _CURSOR_VERSION,
            "peer_id": self.peer_id,
            "offset_id": self.offset_id,
            "taken": self.taken,
            "done": self.done,
            "key": self.key,
            "query": query,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> HistoryCursor:
        """Return what was kept by `to_dict`.

        Raises:
            CorruptStateError: If *fields* are anything else.
            UnsupportedStateError: If a later release of telefast has made them.
        """
        try:
            version = fields["version"]
        except (KeyError, TypeError):
            raise CorruptStateError("no cursor") from None
        if type(version) is not int or version < 1:
            raise CorruptStateError("no cursor")
        if version > _CURSOR_VERSION:
            raise UnsupportedStateError(f"a cursor of version {version}")
        try:
            query = Query(**{name: fields["query"][name] for name in _QUERY})
            found = cls(
                fields["offset_id"],
                fields["taken"],
                fields["done"],
                fields["peer_id"],
                query,
                fields["key"],
            )
            _check_cursor(found)
        except (ArgumentError, KeyError, TypeError):
            raise CorruptStateError("no cursor") from None
        return found

    def to_json(self) -> str:
        """Return it as JSON, as `to_dict` does."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str | bytes) -> HistoryCursor:
        """Return what was kept by `to_json`; raises as `from_dict` does."""
        try:
            fields = json.loads(text)
        except (RecursionError, TypeError, ValueError):
            raise CorruptStateError("no JSON") from None
        return cls.from_dict(fields)


def _check_cursor(cursor: HistoryCursor) -> None:
    """Raise `ArgumentError` unless a stream can have said this of itself."""
    query = cursor.query
    numbers: dict[str, Any] = {name: getattr(query, name) for name in _QUERY}
    Query.build(**numbers | {"offset_date": None}, ids=None)
    check_int("offset_id", cursor.offset_id, 0, MAX_ID)
    check_int("taken", cursor.taken, 0, None)
    if query.offset_date is not None:
        check_int("offset_date", query.offset_date, 0, MAX_ID)
    if cursor.peer_id is not None:
        check_int("peer_id", cursor.peer_id, -_MAX_PEER_ID, _MAX_PEER_ID)
    for name, value, kind in (("done", cursor.done, bool), ("key", cursor.key, str)):
        if type(value) is not kind:
            raise ArgumentError(name, value, kind.__name__)


@dataclass(frozen=True, slots=True)
class HistoryStats:
    """Figures of one stream, at one moment.

    Attributes:
        path: How the messages are fetched: `pages` (many pages at a time), `ids` (by ids, many at
            a time), `sequential` (one page after the other, where each says what follows), `stock`
            (Telethon's own `iter_messages`), or `none` while nothing was asked.
        reason: Why the path is `stock`; empty otherwise.
        takeout: `off` (none was asked for), `on` (also by a client that is a takeout's proxy), or
            why there is none: `delay` (Telegram wants it confirmed or waited for), `bot` (the
            account is one), `flood`.
        requests: Requests sent, retries not counted; those of the stock path, which does not say,
            left out.
        messages: Messages taken by the consumer.
        in_flight: Requests without an answer.
        peak_in_flight: The most there ever were.
        held: Pages that wait for the consumer or for an earlier page.
        peak_held: The most pages that were held or in flight.
        walks: Requests that repaired a seam or proved the end.
        sweeps: Requests by ids that proved a gap.
        by_ids: Requests by ids that brought messages: those of the path `ids`, and of dense
            stretches on the path `pages`.
        mismatches: Dense stretches by ids that the history did not confirm, for something changed
            or is hidden; they were read again by pages.
        duplicates: Messages that came twice and were dropped; one for each seam is normal.
        bytes: Bytes of the answers.
        shares: Answers that each of several accounts has brought, in the order of the clients;
            empty with one client.
        undecodable: Messages that the installed Telethon cannot decode; see
            `BatchedHistory.undecoded`. They take their places in `limit`.
        seconds: Seconds since the first step, until the end.
        left: Messages that are still to come, at most; None while that is not known, and where
            bounds cut a part of unknown size out of the list.
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
    by_ids: int = 0
    mismatches: int = 0
    duplicates: int = 0
    bytes: int = 0
    undecodable: int = 0
    shares: tuple[int, ...] = ()
    seconds: float = 0.0
    left: int | None = None

    @property
    def eta(self) -> float | None:
        """Seconds that the rest takes at the rate so far, waits included; None if unknown."""
        if self.left is None or not self.messages:
            return None
        return self.left * self.seconds / self.messages
