"""Who reacted to a message: what the message itself tells, what lists tell, and what is kept.

Whether a request is needed at all, how pages of a list become one, what a refusal means, and what
is left of a person's identity are decided here. Nobody's identity leaves this module unredacted.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from telethon import errors
from telethon.utils import get_peer_id

from telefast.reactions.summary import (
    ReactionKind,
    ReactionSummary,
    kind_and_key,
    reactions_of,
)

__all__ = [
    "Given",
    "ListWalk",
    "Reactor",
    "ReactorList",
    "Reason",
    "Redact",
    "Redactor",
    "given_by",
    "look",
    "names_of",
    "refusal_of",
]

Redact = Literal["none", "id", "opaque"]

Reason = Literal[
    "",
    "disabled",
    "hidden",
    "channel",
    "forbidden",
    "gone",
    "limit",
    "changed",
    "stars",
    "undecodable",
]


@dataclass(frozen=True, slots=True)
class Reactor:
    """That somebody reacted to a message.

    Attributes:
        peer: Marked id of who did; with `redact="opaque"` 64 hexadecimal digits that stand for it;
            None for who paid anonymously.
        kind: Kind of the reaction, as in `telefast.ReactionItem`.
        key: Which reaction, likewise.
        date: When, None if Telegram does not say (of stars).
        big: Whether it came with a big animation.
        count: 1, or how many stars were paid.
        name: Name or title of who did, with `redact="none"` and if the list told it, else empty.
    """

    peer: int | str | None
    kind: ReactionKind
    key: str
    date: datetime | None = None
    big: bool = False
    count: int = 1
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ReactorList:
    """Who reacted to a message.

    Attributes:
        items: Each reaction of each person once, newest first; then who paid stars, most first.
        complete: Whether these are all: as many as Telegram counted, on each page of the list. (If
            as many people came as went between two pages, nothing shows that.)
        reason: Why not, else empty:
            `disabled`: the collector is;
            `hidden`: the chat does not list who reacted, `channel`: channels never do;
            `forbidden`: Telegram refused, for this message or an earlier one of the chat;
            `gone`: the message was deleted;
            `limit`: there are more than `max_reactors`;
            `changed`: people reacted, or took it back, between two pages, or fewer were told than
            counted (see `difference`);
            `undecodable`: a page holds something that the installed Telethon cannot read;
            `stars`: only those who paid most are told.
        count: How many reactions there are, as Telegram said last; stars are not counted.
    """

    items: tuple[Reactor, ...] = ()
    complete: bool = False
    reason: Reason = ""
    count: int = 0

    @property
    def difference(self) -> int:
        """How many more reactions there are than were found; below 0 if some were taken back."""
        return self.count - sum(item.kind != "paid" for item in self.items)


class Given(NamedTuple):
    """A reaction of somebody, before redaction; `mark` is a marked id."""

    mark: int
    kind: ReactionKind
    key: str
    date: datetime | None
    big: bool


class Redactor:
    """Turn people into what may be kept of them.

    Args:
        mode: `none` keeps ids and names, `id` ids alone, `opaque` neither: a keyed HMAC-SHA256 of
            the marked id, in hexadecimal, the same for the same person and key.
        key: The secret of `opaque`.
    """

    def __init__(self, mode: Redact, key: bytes) -> None:
        self.mode = mode
        self._key = key

    def __repr__(self) -> str:
        return f"Redactor({self.mode})"

    def reactor(self, given: Given, names: dict[int, str]) -> Reactor:
        """Return what may be kept of a reaction."""
        name = names.get(given.mark, "") if self.mode == "none" else ""
        return Reactor(
            self.peer(given.mark), given.kind, given.key, given.date, given.big, name=name
        )

    def peer(self, mark: int) -> int | str:
        """Return what may be kept of a marked id."""
        if self.mode != "opaque":
            return mark
        return hmac.new(self._key, str(mark).encode(), "sha256").hexdigest()

    def payers(self, message: Any) -> list[Reactor]:
        """Return those who paid stars, as far as the message tells them, most first."""
        shown = reactions_of(message)
        found = [
            Reactor(
                # The own entry names its peer even if it was paid anonymously.
                None if each.anonymous or each.peer_id is None else self.peer(mark_of(each)),
                "paid",
                "stars",
                count=each.count,
            )
            for each in (shown and shown.top_reactors) or ()
        ]
        return sorted(found, key=lambda payer: -payer.count)


def mark_of(entry: Any) -> int:
    """Return the marked id of who an entry of Telegram's is about."""
    mark: int = get_peer_id(entry.peer_id)
    return mark


def given_by(entries: Iterable[Any]) -> list[Given]:
    """Return what `MessagePeerReaction`s tell."""
    return [
        Given(mark_of(each), *kind_and_key(each.reaction), each.date, bool(each.big))
        for each in entries
    ]


def names_of(entities: Iterable[Any]) -> dict[int, str]:
    """Return names and titles by marked id."""
    found: dict[int, str] = {}
    for each in entities:
        parts = (getattr(each, name, None) for name in ("title", "first_name", "last_name"))
        found[get_peer_id(each)] = " ".join(part for part in parts if part)
    return found


def look(message: Any, summary: ReactionSummary) -> tuple[list[Given], Reason | None]:
    """Return who reacted as far as the message tells, and whether a list must be asked for.

    A message shows the latest three who reacted, in private chats all.

    Returns:
        Each reaction once; and "" if that is all, a reason if nobody can know more, None if a
        list can.
    """
    shown = reactions_of(message)
    given = given_by((shown and shown.recent_reactions) or ())
    given = [*{(each.mark, each.kind, each.key): each for each in given}.values()]
    if len(given) >= summary.total:
        return given, ""
    if getattr(message, "post", None):
        return given, "channel"
    return given, None if summary.can_see_list else "hidden"


class ListWalk:
    """Make one list of the pages that Telegram gives of who reacted.

    Sans-I/O: ask with `offset` and `limit` until `is_done`. The list may change meanwhile: then
    entries come twice or not at all, and the counts of the pages tell.

    Args:
        page_size: Entries to ask for at a time.
        most: Entries to find at most; None for all.
    """

    def __init__(self, page_size: int, most: int | None) -> None:
        self.found: dict[tuple[int, str, str], Given] = {}
        self.names: dict[int, str] = {}
        self.offset = ""
        self.is_done = False
        self.count = 0
        self._page_size = page_size
        self._most = most
        self._counts: set[int] = set()
        self._offsets: set[str] = set()
        self._idle = 0  # pages in a row that brought nothing new

    @property
    def limit(self) -> int:
        """How many entries the next page may have."""
        if self._most is None:
            return self._page_size
        return min(self._page_size, self._most - len(self.found))

    @property
    def reason(self) -> Reason:
        """Why these are not all, else empty."""
        if self._most is not None and len(self.found) >= self._most and self.count > self._most:
            return "limit"
        return "" if self._counts == {len(self.found)} else "changed"

    def on_page(self, page: Any) -> None:
        """Take a `MessageReactionsList`."""
        before = len(self.found)
        for each in given_by(page.reactions):
            self.found.setdefault((each.mark, each.kind, each.key), each)
        if self._most is not None:
            for key in [*self.found][self._most :]:
                del self.found[key]
        self.names |= names_of([*page.users, *page.chats])
        self.count = page.count
        self._counts.add(page.count)
        self._idle = self._idle + 1 if len(self.found) == before else 0
        self._offsets.add(self.offset)
        self.offset = page.next_offset or ""
        # An offset that was there before leads in a circle, and a list in which two pages bring
        # nobody new is not worth a third one: our choice.
        self.is_done = not self.limit or self.offset in self._offsets or self._idle == 2


_GONE = (errors.MessageIdInvalidError, errors.MsgIdInvalidError)
_CLOSED = (
    errors.ForbiddenError,  # BROADCAST_FORBIDDEN among them
    errors.BotMethodInvalidError,
    errors.ChannelInvalidError,
    errors.ChannelPrivateError,
    errors.ChatIdInvalidError,
    errors.PeerIdInvalidError,
)


def refusal_of(error: Exception) -> Reason:
    """Return what an error of Telegram's says of a message or its chat; empty for other errors.

    `gone` is about the message, `forbidden` about its chat.
    """
    if isinstance(error, _GONE):
        return "gone"
    return "forbidden" if isinstance(error, _CLOSED) else ""
