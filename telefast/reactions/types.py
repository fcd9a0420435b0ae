"""What a `ReactionCollector` yields and counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from telethon.utils import get_peer_id

from telefast.reactions.people import ReactorList
from telefast.reactions.rows import ReactionRow, rows_of
from telefast.reactions.summary import ReactionSummary

__all__ = ["Collected", "ReactionStats"]


class Collected(NamedTuple):
    """What `ReactionCollector.collect` yields.

    Attributes:
        message: The message, as it came.
        summary: Its reactions.
        reactors: Who gave them; None if that was not asked for.
    """

    message: Any
    summary: ReactionSummary
    reactors: ReactorList | None

    def rows(self) -> list[ReactionRow]:
        """Return it as rows of a side-file: plain values, which can leave the process."""
        if not self.summary.items:
            return []
        chat_id = get_peer_id(self.message.peer_id)
        return rows_of(chat_id, self.message.id, self.summary, self.reactors)


@dataclass(frozen=True, slots=True)
class ReactionStats:
    """What a collector has done so far.

    Attributes:
        messages: Messages with reactions that `collect` passed on.
        total: Reactions to them, stars not counted.
        api_calls: Requests of all kinds, each once however often it had to be sent.
        cache_hits: Lists that were known from before.
        cache_misses: Lists that had to be asked for.
        from_messages: Lists that the message itself had, so that nothing had to be asked.
        forbidden: Chats that refused.
    """

    messages: int
    total: int
    api_calls: int
    cache_hits: int
    cache_misses: int
    from_messages: int
    forbidden: int
