"""`SenderNames`: who people were, for as long as anybody remembers.

Telegram forgets: the name of a deleted account is gone from every answer, and a `min` constructor
may lack a part of it (https://core.telegram.org/api/min). An export that asks late has lost them;
one that remembers what it saw has not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from telethon import types

from telefast.peers.links import mark_channel

__all__ = ["NameRecord", "SenderNames", "display_name"]


@dataclass(frozen=True, slots=True)
class NameRecord:
    """What a user or chat was called, in one stretch of time.

    Attributes:
        name: Display name: first and last name, or the title.
        username: Username without @, None if there was none.
        since: When it was first seen with them, in seconds since the epoch.
        until: When it was last seen with them.
        is_partial: Whether it was seen as `min` only, so that something may be missing.
    """

    name: str
    username: str | None
    since: float
    until: float
    is_partial: bool = False


class SenderNames:
    """Remember names with their dates. Sends nothing; not safe for use from several threads.

    Feed it every page. A full object is believed. A `min` one counts only while nothing full is
    known. A deleted account, or an object without a name, changes nothing but `is_deleted`: the
    last full name stays.

    Memory is one small record for each name that anybody had; about 200 bytes.

    Example:
        >>> from telethon import types
        >>> names = SenderNames()
        >>> names.see([types.User(7, first_name="Ada", access_hash=1)], at=100)
        >>> names.see([types.User(7, deleted=True)], at=200)
        >>> names.name(7), names.is_deleted(7)
        ('Ada', True)
    """

    def __init__(self) -> None:
        self._records: dict[int, list[NameRecord]] = {}
        self._deleted: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._records)

    def see(self, entities: Iterable[Any], *, at: float) -> None:
        """Take in the users and chats of an answer.

        Args:
            entities: Telethon's users, chats and channels, full or not; others are passed over.
            at: When they were seen, in seconds since the epoch; may be earlier than before.
        """
        for entity in entities:
            marked_id = _marked_id(entity)
            if marked_id is None:
                continue
            if getattr(entity, "deleted", None):
                self._deleted[marked_id] = min(self._deleted.get(marked_id, at), at)
                continue
            name = display_name(entity)
            if name:
                is_partial = bool(getattr(entity, "min", None))
                self._note(marked_id, NameRecord(name, _username(entity), at, at, is_partial))

    def name(self, marked_id: int) -> str | None:
        """Return the last full name, None if nobody of this id was seen with one."""
        records = self._records.get(marked_id)
        return records[-1].name if records else None

    def username(self, marked_id: int) -> str | None:
        """Return the username that goes with `name`, None if there was none."""
        records = self._records.get(marked_id)
        return records[-1].username if records else None

    def records(self, marked_id: int) -> tuple[NameRecord, ...]:
        """Return all that it was called, oldest first."""
        return tuple(self._records.get(marked_id, ()))

    def is_deleted(self, marked_id: int) -> bool:
        """Return whether it was seen as a deleted account."""
        return marked_id in self._deleted

    def to_json(self) -> dict[str, Any]:
        """Return all of it as what `json` can write. It holds names: keep the file private."""
        return {
            "names": {
                str(marked_id): [
                    [each.name, each.username, each.since, each.until, each.is_partial]
                    for each in records
                ]
                for marked_id, records in self._records.items()
            },
            "deleted": {str(marked_id): at for marked_id, at in self._deleted.items()},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SenderNames:
        """Return what `to_json` gave.

        Raises:
            KeyError: If it is not that.
        """
        names = cls()
        for marked_id, records in data["names"].items():
            names._records[int(marked_id)] = [NameRecord(*each) for each in records]
        names._deleted = {int(marked_id): at for marked_id, at in data["deleted"].items()}
        return names

    def _note(self, marked_id: int, seen: NameRecord) -> None:
        records = self._records.setdefault(marked_id, [])
        if seen.is_partial:
            if records and not records[-1].is_partial:
                return
        elif records and records[-1].is_partial:
            records.clear()  # what was guessed is known now
        # Pages may come newest first: the record goes where its time belongs.
        place = len(records)
        while place and records[place - 1].since > seen.since:
            place -= 1
        before = records[place - 1] if place else None
        after = records[place] if place < len(records) else None
        if before is not None and _same(before, seen):
            records[place - 1] = replace(before, until=max(before.until, seen.until))
        elif before is not None and before.until > seen.until:
            # Another name in the middle of a stretch: it was changed, and changed back.
            first = replace(before, until=before.since)
            records[place - 1 : place] = [first, seen, replace(before, since=before.until)]
        elif after is not None and _same(after, seen):
            records[place] = replace(after, since=seen.since)
        else:
            records.insert(place, seen)


def _same(one: NameRecord, other: NameRecord) -> bool:
    return (one.name, one.username) == (other.name, other.username)


def _marked_id(entity: Any) -> int | None:
    if isinstance(entity, types.User):
        return entity.id
    if isinstance(entity, types.Chat | types.ChatForbidden):
        return -entity.id
    if isinstance(entity, types.Channel | types.ChannelForbidden):
        return mark_channel(entity.id)
    return None


def display_name(entity: Any) -> str:
    """Return what a user or chat is called; an empty text for what has no name."""
    if isinstance(entity, types.User):
        return " ".join(part for part in (entity.first_name, entity.last_name) if part)
    return str(getattr(entity, "title", None) or "")


def _username(entity: Any) -> str | None:
    name: str | None = getattr(entity, "username", None)
    return name or None
