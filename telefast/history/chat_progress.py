"""What is known of one chat in a checkpoint: done, absent, failed, and where to go on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from telefast.checks import check_int
from telefast.errors import ArgumentError, CorruptStateError, StateError
from telefast.history.progress import ProcessedIds
from telefast.history.query import MAX_ID
from telefast.history.types import HistoryCursor

__all__ = ["ChatProgress", "Follower", "MessageFailure"]

_MAX_REASON = 200
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class MessageFailure:
    """A message that the consumer could not process.

    Attributes:
        chat_id: Marked id of its chat.
        message_id: Its id.
        tries: How often it failed.
        reason: Why, as the consumer said the last time.
    """

    chat_id: int
    message_id: int
    tries: int
    reason: str


class Follower(Protocol):
    """A stream that learns which of its messages are settled."""

    def on_settled(self, ids: ProcessedIds) -> None:
        """Hear that these messages were processed, or have failed."""


class ChatProgress:
    """What is known of one chat.

    Every id is one of: done, absent, failed, or open. Only open and failed ones are offered, the
    failed ones until they have failed *max_tries* times.

    Args:
        chat_id: Marked id of the chat.
        max_tries: How often a message may fail before it is passed over.

    Attributes:
        done: Messages that the consumer has acknowledged.
        absent: Ids that were asked for and do not exist in the list that is read: deleted,
            hidden, or of another chat.
        cursor: Where to go on; None before anything of a stream was acknowledged.
        note: What the consumer has kept here at its last acknowledgement.
    """

    def __init__(self, chat_id: int, max_tries: int) -> None:
        self.chat_id = chat_id
        self.max_tries = max_tries
        self.done = ProcessedIds()
        self.absent = ProcessedIds()
        self.cursor: HistoryCursor | None = None
        self.note: Any = None
        self.follower: Follower | None = None
        self._failures: dict[int, tuple[int, str]] = {}
        self._seen = 0, 0

    def __repr__(self) -> str:
        return f"ChatProgress({self.chat_id}, done={len(self.done)}, cursor={self.cursor})"

    # What is known

    @property
    def high(self) -> int:
        """The largest id that is done, 0 if there is none; no later, smaller id moves it back."""
        return self.done.last

    @property
    def failures(self) -> list[MessageFailure]:
        """Messages that have failed and were not processed since, smallest id first."""
        return [MessageFailure(self.chat_id, i, *self._failures[i]) for i in sorted(self._failures)]

    @property
    def poisoned(self) -> list[MessageFailure]:
        """Those that have failed too often, and are not offered any more."""
        return [each for each in self.failures if each.tries >= self.max_tries]

    def is_offered(self, message_id: int) -> bool:
        """Tell whether a message is to be offered to the consumer: not done, not poisoned."""
        tries = self._failures.get(message_id, (0, ""))[0]
        return tries < self.max_tries and message_id not in self.done

    def bounds(self) -> tuple[int, int]:
        """Return the smallest and the largest id that was met; zeros if there is none."""
        ends = (*self._seen, self.done.first, self.done.last, self.absent.first, self.absent.last)
        return min(filter(None, ends), default=0), max(ends)

    def missing(self, first: int | None = None, last: int | None = None) -> list[range]:
        """Return what is neither done, nor absent, nor given up, as ranges, smallest ids first.

        Args:
            first: Smallest id to look at. None (default) for the smallest that is known, so pass
                1 to see a gap at the head.
            last: Largest id to look at. None for the largest that is known.
        """
        return list(self.holes(first, last).runs())

    def holes(self, first: int | None = None, last: int | None = None) -> ProcessedIds:
        """Return what `missing` returns, as a set."""
        low, high = self.bounds()
        first, last = low if first is None else first, high if last is None else last
        if not last:
            return ProcessedIds()
        return self._without_known(self.absent, first, last)

    def _without_known(self, also: ProcessedIds, first: int, last: int) -> ProcessedIds:
        found = self.done.without(first, last)
        found.discard(also)
        if self._failures:
            found.discard([each.message_id for each in self.poisoned])
        return found

    # What happens

    def saw(self, message_id: int) -> None:
        """Hear that a message was handed to the consumer."""
        first, last = self._seen
        self._seen = min(first or message_id, message_id), max(last, message_id)

    def ack(self, ids: Iterable[int]) -> None:
        """Mark messages as processed."""
        settled = ProcessedIds(ids)
        self.done.update(settled)
        self.absent.discard(settled)
        for message_id in [i for i in self._failures if i in settled]:
            del self._failures[message_id]
        if self.follower is not None:
            self.follower.on_settled(settled)

    def fail(self, message_id: int, reason: str) -> None:
        """Count a failed try."""
        check_int("message_id", message_id, 1, MAX_ID)
        if not isinstance(reason, str):
            raise ArgumentError("reason", reason, "a str")
        tries = self._failures.get(message_id, (0, ""))[0]
        self._failures[message_id] = (tries + 1, reason[:_MAX_REASON])
        if self.follower is not None:
            self.follower.on_settled(ProcessedIds([message_id]))

    def pass_over(self, first: int, last: int) -> None:
        """Mark all ids from *first* to *last* as absent that are not known to be there."""
        if first > last:
            return
        absent = self._without_known(ProcessedIds(), first, last)
        self.absent.update(absent)
        for message_id in [i for i in self._failures if i in absent]:
            del self._failures[message_id]  # deleted meanwhile

    # Keep

    def to_fields(self) -> dict[str, Any]:
        """Return it as a dict that msgpack can hold."""
        return {
            "id": self.chat_id,
            "done": self.done.to_bytes(),
            "absent": self.absent.to_bytes(),
            "failures": [[i, *self._failures[i]] for i in sorted(self._failures)],
            "seen": list(self._seen),
            "cursor": None if self.cursor is None else self.cursor.to_dict(),
            "note": json.dumps(self.note),
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any], *, max_tries: int) -> ChatProgress:
        """Return what was kept by `to_fields`.

        Raises:
            CorruptStateError: If *fields* are anything else.
        """
        try:
            cursor = fields["cursor"]
            first, last = fields["seen"]
            chat = cls(int(fields["id"]), max_tries)
            chat.done = ProcessedIds.from_bytes(fields["done"])
            chat.absent = ProcessedIds.from_bytes(fields["absent"])
            chat.cursor = None if cursor is None else HistoryCursor.from_dict(cursor)
            chat.note = json.loads(fields["note"])
            chat._seen = int(first), int(last)
            chat._failures = {
                int(i): (int(tries), str(why)) for i, tries, why in fields["failures"]
            }
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, StateError):
                raise
            raise CorruptStateError("no chat") from None
        return chat
