"""Who appears in an export: names stand beside ids there, and nowhere else.

The export has one full name per sender. It is split at the first space unless the contacts or the
personal information of a whole-account export give both names. Access hashes are the embedded
server's own business and made from the ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telethon.tl import types

from telefast.testing.export_fields import EPOCH, PEER_ID_MAX
from telefast.testing.export_files import stable_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telefast.testing.export_fields import Record

__all__ = ["People", "Person", "split_name"]

_NAMELESS = "Deleted Account"
"""What Telegram Desktop shows for who has no name; the export has null."""


class Person(NamedTuple):
    """What the export says of a user outside the chats.

    Attributes:
        first_name: First name.
        last_name: Last name, `None` if there is none.
        phone: Phone number, digits only.
        username: User name without the `@`.
    """

    first_name: str | None
    last_name: str | None = None
    phone: str | None = None
    username: str | None = None


def split_name(name: str) -> tuple[str, str | None]:
    """Split a full name at its first space.

    Example:
        >>> split_name("Ada King Lovelace")
        ('Ada', 'King Lovelace')
    """
    first, _, last = name.strip().partition(" ")
    return first or name, last.strip() or None


class People:
    """Collects the users and the foreign chats that an export names.

    Attributes:
        me: Bare id of the user who made the export, `None` if the export does not say.
    """

    def __init__(self) -> None:
        self.me: int | None = None
        self._known: dict[int, Person] = {}
        self._users: dict[int, str | None] = {}
        self._bots: set[int] = set()
        self._channels: dict[int, str | None] = {}
        self._groups: dict[int, str | None] = {}

    def know_me(self, record: Record) -> None:
        """Read `personal_information`."""
        user_id = record.bare_id("user_id")
        record.ignore("bio")
        person = _person(record)
        record.leftovers("the personal information")
        if user_id is not None:
            self.me = user_id
            self._known[user_id] = person
            self._users.setdefault(user_id, None)

    def know_contact(self, record: Record) -> None:
        """Read one contact; it appears in the world only if it appears in a chat."""
        user_id = record.bare_id("user_id")
        record.ignore("date", "date_unixtime")
        person = _person(record)
        if user_id is not None and (person.first_name or person.last_name):
            self._known.setdefault(user_id, person)

    def meet(self, peer: types.TypePeer | None, name: str | None, *, is_bot: bool = False) -> None:
        """Note that *peer* appears under *name*; a name once known is never forgotten."""
        if isinstance(peer, types.PeerUser):
            self._users[peer.user_id] = name or self._users.get(peer.user_id)
            if is_bot:
                self._bots.add(peer.user_id)
        elif isinstance(peer, types.PeerChannel):
            self._channels[peer.channel_id] = name or self._channels.get(peer.channel_id)
        elif isinstance(peer, types.PeerChat):
            self._groups[peer.chat_id] = name or self._groups.get(peer.chat_id)

    def user(self, user_id: int) -> types.User:
        """Return one user as known so far."""
        name = self._users.get(user_id)
        person = self._known.get(user_id)
        if person is None and name is not None:
            person = Person(*split_name(name))
        return self._user(user_id, person)

    def owner(self) -> types.User:
        """Return who made the export; somebody who is not in it if the export does not say."""
        user_id = PEER_ID_MAX + 1 if self.me is None else self.me
        owner = self.user(user_id)
        owner.is_self = True
        if owner.deleted:
            owner.deleted = None
            owner.first_name = "Owner of the export"
        return owner

    def users(self) -> Iterator[types.User]:
        """Yield everybody met so far; who has no name is a deleted account."""
        for user_id in self._users:
            yield self.user(user_id)

    def foreign_chats(self) -> Iterator[types.Channel | types.Chat]:
        """Yield the chats met so far. Whether a channel is a supergroup the export does not say."""
        for channel_id, name in self._channels.items():
            yield types.Channel(
                id=channel_id,
                title=name or _NAMELESS,
                photo=types.ChatPhotoEmpty(),
                date=EPOCH,
                left=True,
                access_hash=stable_id("channel", channel_id),
            )
        for chat_id, name in self._groups.items():
            yield types.Chat(
                id=chat_id,
                title=name or _NAMELESS,
                photo=types.ChatPhotoEmpty(),
                participants_count=0,
                date=EPOCH,
                version=1,
                left=True,
            )

    def _user(self, user_id: int, person: Person | None) -> types.User:
        return types.User(
            id=user_id,
            is_self=user_id == self.me or None,
            deleted=person is None or None,
            bot=user_id in self._bots or None,
            bot_info_version=1 if user_id in self._bots else None,
            access_hash=stable_id("user", user_id),
            first_name=person.first_name if person else None,
            last_name=person.last_name if person else None,
            phone=person.phone if person else None,
            username=person.username if person else None,
        )


def _person(record: Record) -> Person:
    phone = record.text("phone_number") or ""
    digits = "".join(character for character in phone if character in "0123456789")
    username = (record.text("username") or "").removeprefix("@")
    return Person(
        record.text("first_name") or None,
        record.text("last_name") or None,
        digits or None,
        username or None,
    )
