"""How far a stream's consumer has come, and what that says of the ids it has passed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from telethon import utils

from telefast.history.progress import ProcessedIds
from telefast.history.query import MAX_ID
from telefast.history.types import HistoryCursor

if TYPE_CHECKING:
    from telefast.history.chat_progress import ChatProgress
    from telefast.history.query import Query

__all__ = ["Track"]


class Track:
    """Follow the consumer of one stream.

    A stream that goes on from a checkpoint first offers what it finds open on the way that was
    walked already, then walks on; so ids come in walking order all the same, and what lies
    between two of them, and is not known to be there, is absent.

    Args:
        query: What is asked.
        key: Names the list, as in the cursor.
        has_ids: Whether ids were asked for, in any order, instead of a list.
    """

    def __init__(self, query: Query, key: str = "", *, has_ids: bool = False) -> None:
        self.taken = 0
        """Messages that the consumer has taken from this stream."""
        self._base = HistoryCursor(query=replace(query, ids=None), key=key)
        self._last = self._count = 0  # the cursor's offset_id and taken
        self._peer_id: int | None = None
        self._is_done = False
        self._has_ids = has_ids
        self._reverse = query.reverse
        self._start = 0  # the walk goes on behind this id; before it lie only holes
        self._is_walk = True
        self._chat: ChatProgress | None = None
        self._previous: int | None = None  # everything up to here is known
        self._end: int | None = None  # everything before here will be
        # For the checkpoint: where the walk has come as far as it is settled, and what was taken
        # behind that.
        self._settled_last = self._settled_count = 0
        self._open = ProcessedIds()
        self._skipped = ProcessedIds()
        self._wanted: Sequence[Any] | None = None

    def go_on(self, cursor: HistoryCursor) -> None:
        """Begin where *cursor* is."""
        self._base = cursor
        self._peer_id = cursor.peer_id
        self._start = self._last = self._settled_last = cursor.offset_id
        self._count = self._settled_count = cursor.taken

    @property
    def cursor(self) -> HistoryCursor:
        """How far the consumer has come."""
        return replace(
            self._base,
            offset_id=self._last,
            taken=self._count,
            done=self._is_done,
            peer_id=self._peer_id,
        )

    def bind(
        self,
        chat: ChatProgress,
        *,
        start: int | None = None,
        end: int | None = None,
        is_walk: bool = True,
        wanted: Sequence[Any] | None = None,
    ) -> None:
        """Write down in *chat* what the consumer does.

        Args:
            chat: The chat's progress.
            start: The last id in front of all that is offered; None if that is not known.
            end: Everything in front of it is asked for; None if that is not known.
            is_walk: Whether the cursor moves.
            wanted: The ids that are asked for, in the order of delivery, where that is no list.
        """
        self._chat = chat
        self._previous, self._end = start, end
        self._is_walk = is_walk and not self._has_ids
        self._wanted = wanted
        chat.follower = self

    def offers(self, message: Any) -> bool:
        """Tell whether a message is for the consumer; None stands for one that does not exist."""
        if self._has_ids:
            return True
        if message is None:
            return False
        if self._chat is None or self._chat.is_offered(message.id):
            return True
        self._skipped.add(message.id)
        return False

    def takes(self, message: Any) -> bool:
        """Do as `offers` and `took` do; tells whether the message was for the consumer."""
        if self._chat is None and self._peer_id is not None and not self._has_ids:
            if message is None:
                return False
            if not self._skipped:  # the rule, and little to do
                self.taken += 1
                self._pass(message.id)
                return True
        if not self.offers(message):
            return False
        self.took(message)
        return True

    def skip(self, ids: Collection[int]) -> None:
        """Hear that these messages are there, but cannot be decoded."""
        self._skipped.update(ids)
        if self._chat is not None:
            for message_id in ids:
                self._chat.fail(message_id, "this Telethon cannot decode it")

    def took(self, message: Any) -> None:
        """Hear that the consumer has taken a message, None for one that does not exist."""
        self.taken += 1
        if self._peer_id is None and message is not None:
            self._peer_id = utils.get_peer_id(message.peer_id)
        if self._has_ids:
            self._took_by_id(None if message is None else message.id)
        elif message is not None:
            if self._skipped:
                self._pass_skipped(message.id)
            self._pass(message.id)

    def _took_by_id(self, message_id: int | None) -> None:
        self._count += 1
        if message_id is not None:
            self._last = message_id
        if self._wanted is None or self._chat is None or message_id is not None:
            return
        absent = self._wanted[self.taken - 1]
        if type(absent) is int and 0 < absent <= MAX_ID and absent not in self._skipped:
            self._chat.pass_over(absent, absent)

    def ended(self) -> None:
        """Hear that the stream has come to its end."""
        self._pass_skipped(None)
        self._is_done = True
        previous, end = self._previous, self._end
        if previous is not None and end is not None and self._is_behind(end, previous):
            self._mark(previous, end)
        self.on_settled(ProcessedIds())

    def on_settled(self, ids: ProcessedIds) -> None:
        """Hear that the consumer has processed these messages, or has failed to."""
        chat = self._chat
        if chat is None or not self._is_walk:
            return
        behind = [i for i in ids if i in self._open]
        if behind:
            last = max(behind) if self._reverse else min(behind)
            passed = self._open.between(*((1, last) if self._reverse else (last, MAX_ID)))
            self._open.discard(passed)
            self._settled_last = last
            self._settled_count += len(passed)
        is_done = self._is_done and not self._open
        if behind or is_done:
            chat.cursor = replace(
                self._base,
                offset_id=self._settled_last,
                taken=self._settled_count,
                done=is_done,
                peer_id=chat.chat_id,
            )

    def _pass(self, message_id: int) -> None:
        if not self._start or self._is_behind(message_id, self._start):
            self._last = message_id
            self._count += 1
            if self._chat is not None and self._is_walk:
                self._open.add(message_id)
        if self._chat is not None:
            self._chat.saw(message_id)
            if self._previous is not None:
                self._mark(self._previous, message_id)
            self._previous = message_id

    def _pass_skipped(self, before: int | None) -> None:
        """Pass what was not offered, up to the next message that was."""
        passed = [i for i in self._skipped if before is None or self._is_behind(before, i)]
        for message_id in passed if self._reverse else reversed(passed):
            self._pass(message_id)
        self._skipped.discard(passed)
        self.on_settled(ProcessedIds(passed))

    def _is_behind(self, message_id: int, other: int) -> bool:
        return message_id > other if self._reverse else message_id < other

    def _mark(self, one: int, other: int) -> None:
        """Mark what lies between two ids as absent."""
        if self._chat is not None:
            self._chat.pass_over(min(one, other) + 1, max(one, other) - 1)
