"""`TopicMetrics`: what a topic adds up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pyroaring import BitMap64
from telethon.tl import types

from telefast.forum.describe import answered, plain
from telefast.reactions.summary import ReactionSummary

__all__ = ["IDS", "TopicMetrics"]

IDS: Final = "participant_ids"
"""What is left out unless it is asked for."""

_WRAP: Final = 2**64
"""Marked ids of chats are negative; a set of unsigned numbers has them behind all others."""


@dataclass(slots=True)
class TopicMetrics:
    """What the messages of a topic add up to, each as it was when it was read.

    Pure: `add` each message once, in any order; nothing else is kept of it. Memory grows with the
    polls and the distinct senders, not with the messages.

    Attributes:
        messages: Messages, service messages among them.
        service_messages: How many of them are service messages, as the one that began the topic.
        views: Sum of the views that they show.
        forwards: Sum of how often they show to have been forwarded.
        replies: How many of them answer another message.
        reactions: Sum of their reactions, stars left out.
        stars: Sum of the stars paid as reactions.
        polls: Each poll: `message_id`, `question`, `voters`, and `answers`, of which each has
            `text` and `votes` (None where votes are not shown).
        first_date: Date of the earliest, in UTC; None without any.
        last_date: Date of the latest.

    Example:
        >>> from datetime import UTC, datetime
        >>> from telethon.tl import types
        >>> metrics = TopicMetrics()
        >>> date = datetime(2024, 5, 1, tzinfo=UTC)
        >>> peer, sender = types.PeerChannel(77), types.PeerUser(5)
        >>> metrics.add(types.Message(1, peer, date, "Hello", from_id=sender, views=3))
        >>> metrics.messages, metrics.views, metrics.participants
        (1, 3, 1)
    """

    messages: int = 0
    service_messages: int = 0
    views: int = 0
    forwards: int = 0
    replies: int = 0
    reactions: int = 0
    stars: int = 0
    polls: list[dict[str, Any]] = field(default_factory=list, repr=False)
    first_date: datetime | None = None
    last_date: datetime | None = None
    _senders: BitMap64 = field(default_factory=BitMap64, repr=False)

    @property
    def participants(self) -> int:
        """How many distinct senders there are, people and chats."""
        return len(self._senders)

    @property
    def participant_ids(self) -> list[int]:
        """Their marked ids, in ascending order."""
        return sorted(each - _WRAP if each >= _WRAP // 2 else each for each in self._senders)

    def add(self, message: Any) -> None:
        """Count a `Message` or `MessageService`."""
        self.messages += 1
        self.service_messages += getattr(message, "action", None) is not None
        self.views += getattr(message, "views", None) or 0
        self.forwards += getattr(message, "forwards", None) or 0
        self.replies += answered(message) is not None
        shown = ReactionSummary.of(message)
        self.reactions += shown.total
        self.stars += shown.stars
        self._add_poll(message)
        if message.date is not None:
            date = message.date.astimezone(UTC)
            self.first_date = min(self.first_date or date, date)
            self.last_date = max(self.last_date or date, date)
        if message.sender_id is not None:
            self._senders.add(message.sender_id % _WRAP)

    def _add_poll(self, message: Any) -> None:
        media = getattr(message, "media", None)
        if not isinstance(media, types.MessageMediaPoll):
            return
        votes: dict[Any, Any] = {each.option: each.voters for each in media.results.results or ()}
        self.polls.append(
            {
                "message_id": message.id,
                "question": plain(media.poll.question),
                "voters": media.results.total_voters or 0,
                "answers": [
                    {"text": plain(each.text), "votes": votes.get(getattr(each, "option", None))}
                    for each in media.poll.answers
                ],
            }
        )

    def to_json(self, *, participant_ids: bool = False) -> dict[str, Any]:
        """Return it as what `json` can write.

        Args:
            participant_ids: Whether to name the senders, by their marked ids, and not only to
                count them.
        """
        found: dict[str, Any] = {
            "messages": self.messages,
            "service_messages": self.service_messages,
            "views": self.views,
            "forwards": self.forwards,
            "replies": self.replies,
            "reactions": self.reactions,
            "stars": self.stars,
            "polls": self.polls,
            "participants": self.participants,
            "first_date": self.first_date.isoformat() if self.first_date else None,
            "last_date": self.last_date.isoformat() if self.last_date else None,
        }
        if participant_ids:
            found[IDS] = self.participant_ids
        return found

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TopicMetrics:
        """Return what `to_json(participant_ids=True)` gave, to go on from there.

        Raises:
            KeyError: If something is missing.
            ValueError: If something is not what it gave.
        """
        counted = {
            name: int(data[name])
            for name in (
                *("messages", "service_messages", "views", "forwards"),
                *("replies", "reactions", "stars"),
            )
        }
        first, last = (
            None if data[name] is None else datetime.fromisoformat(data[name])
            for name in ("first_date", "last_date")
        )
        senders = BitMap64(each % _WRAP for each in data[IDS])
        return cls(
            **counted, polls=[*data["polls"]], first_date=first, last_date=last, _senders=senders
        )
