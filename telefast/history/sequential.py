"""Lists without positions: all that is scheduled in a chat, and the search of all chats.

The search of all chats is ordered by date, and each page begins where the one before says, so it
is read one page after the other. Telethon's iterator ends it in silence where a page begins with
an id of 100 or less, or has only `MessageEmpty`, and it delivers repeated messages twice.

Sans-I/O: answers come in, messages come out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from telethon import types
from telethon.tl.functions.messages import SearchGlobalRequest

if TYPE_CHECKING:
    from telefast.history.query import Query

__all__ = ["GlobalSearch", "chosen"]

_PAGE = 100
"""The server's limit (tdlib MessagesManager.h)."""
_FRUITLESS = 4
"""Pages in a row that bring nothing new before the search is given up: our choice."""
_REMEMBER = 1000
"""Messages remembered as delivered, so that a repetition is known: our choice, ten pages."""


class _Page(Protocol):
    """What of an answer matters here; see `transport.messages.Page`."""

    messages: list[Any]
    count: int | None
    next_rate: int | None


class GlobalSearch:
    """Plan the requests of one search in all chats.

    Ask `request`; give the answer to `on_page` and deliver what it returns; then call `go_on` with
    the last one, which is finished by then; until `done`.

    Args:
        words: The text, "" for any.
        filter_: A `MessagesFilter`, or None for any.
        query: Its `limit` and `offset_date` hold. Ids of several chats have no common order, so
            its bounds do not, as in Telethon.
    """

    def __init__(self, words: str, filter_: Any, query: Query) -> None:
        self.done = False
        self.is_given_up = False
        """Whether it ended without proof, since page after page brought nothing new."""
        self._words = words
        self._filter = filter_ or types.InputMessagesFilterEmpty()
        self._before = query.offset_date
        # Nothing was sent before the epoch; on the wire that would mean "no date".
        self._left = 0 if query.offset_date == 0 else query.limit
        self._offset: tuple[int, Any, int] = (0, types.InputPeerEmpty(), 0)
        self._next_rate: int | None = None
        self._fruitless = 0
        self._seen: dict[tuple[bytes, int], None] = {}

    def request(self) -> Any:
        """Return the next request."""
        rate, peer, message_id = self._offset
        return SearchGlobalRequest(
            q=self._words,
            filter=self._filter,
            min_date=None,
            max_date=self._before,  # type: ignore[arg-type]  # an int will do
            offset_rate=rate,
            offset_peer=peer,
            offset_id=message_id,
            # At least one: only a page says the total.
            limit=_PAGE if self._left is None else max(min(self._left, _PAGE), 1),
        )

    def on_page(self, page: _Page) -> list[Any]:
        """Return what is new on a page, in its order."""
        fresh = []
        for message in page.messages:
            if isinstance(message, types.MessageEmpty):
                continue
            key = (bytes(message.peer_id), message.id)
            if key not in self._seen:
                self._seen[key] = None
                fresh.append(message)
        while len(self._seen) > _REMEMBER:
            del self._seen[next(iter(self._seen))]
        if self._left is not None:
            fresh = fresh[: self._left]
            self._left -= len(fresh)
        self._next_rate = page.next_rate
        self._fruitless = 0 if fresh else self._fruitless + 1
        self.is_given_up = bool(page.messages) and self._fruitless >= _FRUITLESS
        # Without a count it was the whole list; an empty page that names no next one is the end.
        is_end = page.count is None or not (page.messages or page.next_rate)
        self.done = is_end or self._left == 0 or self._fruitless >= _FRUITLESS
        return fresh

    def go_on(self, last: Any) -> None:
        """Plan the page that follows: *last* is the last message delivered, None if none was."""
        if last is None:
            if self._next_rate:
                # No message says where in that second the page ended: all of it once more.
                self._offset = (self._next_rate + 1, types.InputPeerEmpty(), 0)
            return
        # Without a rate its date takes that place.
        rate = self._next_rate or int(last.date.timestamp())
        self._offset = (rate, last.input_chat or types.InputPeerEmpty(), last.id)


def chosen(messages: list[Any], query: Query) -> list[Any]:
    """Return what *query* wants of a list that came whole, in the order of the answer.

    That order is kept, since it need not be that of the ids: what is scheduled goes by date.

    Args:
        messages: The list, newest first.
        query: Bounds, offset, shift, limit and direction; its date does not count.
    """
    kept = [m for m in messages if query.keeps(m.id)]
    if query.reverse:
        kept.reverse()
        is_before = [query.offset_id > 0 and m.id <= query.offset_id for m in kept]
    else:
        is_before = [query.offset_id > 0 and m.id >= query.offset_id for m in kept]
    before = [m for m, is_so in zip(kept, is_before, strict=True) if is_so]
    walk = [m for m, is_so in zip(kept, is_before, strict=True) if not is_so]
    shift = -query.add_offset if query.reverse else query.add_offset
    walk = walk[shift:] if shift >= 0 else before[shift:] + walk
    return walk[: query.limit]
