"""Which messages are one album, and where a run of messages may be cut without cutting one.

An album is up to ten messages of one chat with one `grouped_id` (tdlib MessagesManager.h,
`MAX_GROUPED_MESSAGES = 10`, "server side limit"). They are posted at once, so their ids are
neighbours; Pyrogram's `get_media_group` looks 9 ids to either side. We do not lean on that: other
messages may stand between them, and an album is complete only when the walk is 30 ids past its
first message, or has come to its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ALBUM_NEIGHBOURS", "ALBUM_SPAN", "AlbumGrouper", "album_of", "clean_cut", "last_cut"]

ALBUM_SPAN = 30
"""All messages of an album have ids within so many of its first one, and at most so many messages
wait for one that may yet grow: our choice, three times what an album has."""
ALBUM_NEIGHBOURS = 9
"""Ids to either side of a message that may be of its album: ten at most, posted at once."""

Key = tuple[Any, int]


def album_of(message: Any) -> Key | None:
    """Return what messages of one album have in common; None for a message on its own."""
    grouped_id = getattr(message, "grouped_id", None)  # 64 bits; a service message has none
    return None if grouped_id is None else (message.chat_id, grouped_id)


@dataclass(slots=True)
class _Group:
    """Messages of one album, or one message."""

    key: Key | None
    first: int
    messages: list[Any]


class AlbumGrouper:
    """Group messages that come in the order of a history, either direction.

    Groups leave in the order of their first messages; nothing is held longer than the rule above
    asks for. If an album should come in two parts that lie further apart, it leaves as two groups.
    """

    def __init__(self) -> None:
        self._groups: deque[_Group] = deque()
        self._albums: dict[Key, _Group] = {}
        self._held = 0
        self._last = 0
        self._is_finished = False

    def push(self, message: Any) -> None:
        """Add the next message; None (an id that does not exist) is a group of its own."""
        key = album_of(message)
        self._held += 1
        if message is not None:
            self._last = message.id
        group = self._albums.get(key) if key is not None else None
        if group is not None:
            group.messages.append(message)
            return
        group = _Group(key, self._last, [message])
        self._groups.append(group)
        if key is not None:
            self._albums[key] = group

    def finish(self) -> None:
        """Say that nothing more comes."""
        self._is_finished = True

    def take(self) -> list[Any] | None:
        """Return the next group, None if it may yet grow or there is none."""
        if not self._groups:
            return None
        group = self._groups[0]
        if not (
            group.key is None
            or self._is_finished
            or self._held > ALBUM_SPAN
            or abs(self._last - group.first) >= ALBUM_SPAN
        ):
            return None
        self._groups.popleft()
        self._held -= len(group.messages)
        if group.key is not None and self._albums[group.key] is group:
            del self._albums[group.key]
        return group.messages


def clean_cut(messages: Sequence[Any], size: int, *, is_ended: bool) -> int | None:
    """Return the first place from *size* on where no album is cut.

    Args:
        messages: A run of a history, either direction.
        size: Where to cut at the earliest; at most the number of messages.
        is_ended: Whether nothing follows them.

    Returns:
        How many messages lie before the cut; None if more of the run must be known.
    """
    cut = size
    while True:
        firsts = _albums_before(messages, cut)
        reach = max((_last_of(messages, cut, key) for key in firsts), default=0)
        if reach <= cut:
            break
        cut = reach
    if is_ended or not firsts:
        return cut
    last = _last_id(messages)
    if any(abs(last - first) < ALBUM_SPAN for first in firsts.values()):
        return None
    return cut


def last_cut(messages: Sequence[Any]) -> int:
    """Return the last place where no album is cut, whatever may follow the messages."""
    cut = len(messages)
    last = _last_id(messages)
    while True:
        firsts = _albums_before(messages, cut)
        for key, first in firsts.items():
            if _last_of(messages, cut, key) > cut or abs(last - first) < ALBUM_SPAN:
                index = next(i for i, each in enumerate(messages) if album_of(each) == key)
                break
        else:
            return cut
        cut = index


def _albums_before(messages: Sequence[Any], cut: int) -> dict[Key, int]:
    """Return the albums that have messages shortly before *cut*, with their first ids."""
    found: dict[Key, int] = {}
    anchor: int | None = None
    for index in range(cut - 1, max(cut - 2 * ALBUM_SPAN, 0) - 1, -1):
        message = messages[index]
        if message is None:
            continue
        anchor = message.id if anchor is None else anchor
        if abs(message.id - anchor) >= ALBUM_SPAN:
            break
        key = album_of(message)
        if key is not None:
            found[key] = message.id
    return found


def _last_of(messages: Sequence[Any], cut: int, key: Key) -> int:
    """Return the place behind the last message of an album, looking from *cut* on; 0 if none."""
    for index in range(min(cut + 2 * ALBUM_SPAN, len(messages)) - 1, cut - 1, -1):
        if album_of(messages[index]) == key:
            return index + 1
    return 0


def _last_id(messages: Sequence[Any]) -> int:
    return next((each.id for each in reversed(messages) if each is not None), 0)
