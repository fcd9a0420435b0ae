"""Private chats and basic groups: chats that share the message ids of one account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyroaring import BitMap
from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.chat import Chat

if TYPE_CHECKING:
    from telefast.testing.account import Account
    from telefast.testing.channel import Channel
    from telefast.testing.seeded import SeededChat

__all__ = ["BoxedChat", "Group", "PrivateChat"]

_NONE = BitMap()


class BoxedChat(Chat):
    """What private chats and basic groups have in common.

    Attributes:
        pinned_msg_id: The message that is pinned, or None.

    Args:
        account: Whose chat it is.
        chat_id: Bare id.
        title: Title or name.
        runs: The runs of ids that it was made with; see `Box`.
        ids: The ids that exist, all of them seeded. Kept, not copied.
        seeded: Writes the seeded messages.
        cache_key: A number that no other chat has in the cache.
    """

    pinned_msg_id: int | None = None

    def __init__(
        self,
        account: Account,
        chat_id: int,
        title: str,
        runs: BitMap,
        ids: BitMap,
        seeded: SeededChat,
        cache_key: int,
    ) -> None:
        super().__init__(chat_id, title, ids, seeded, account.world.cache, cache_key)
        self.runs = runs
        self._account = account

    @property
    def account(self) -> Account:
        """Whose chat it is."""
        return self._account

    def _new_ids(self, count: int) -> list[int]:
        return self._account.box.take(count)

    def _check_put(self, message_id: int) -> None:
        other = self._account.owner(message_id)
        if other is not None and other is not self:
            raise WorldError(
                f"message {message_id}: is one of {other.kind} {other.id}, and all private chats "
                "and basic groups of an account share their ids"
            )
        self._account.box.note((message_id,))


class PrivateChat(BoxedChat):
    """A chat with one other user, or saved messages; made by `World.add_private_chat`.

    Its message ids are sparse, since all private chats and basic groups of an account share one
    sequence. As at Telegram, incoming messages name no sender (`from_id` is None).

    Attributes:
        id: Bare id of the other user.
        title: Name of the other user when the chat was made.
    """

    @property
    def kind(self) -> str:
        """`private chat`."""
        return "private chat"

    @property
    def is_dialog(self) -> bool:
        """Whether it holds a message."""
        return bool(self.ids)

    def peer(self) -> types.PeerUser:
        """Return the other user as a peer."""
        return types.PeerUser(self.id)

    def input_peer(self) -> types.InputPeerUser | types.InputPeerSelf:
        """Return the other user as a request of this account names it."""
        if self.id == self._account.me.id:
            return types.InputPeerSelf()
        return types.InputPeerUser(self.id, self._account.user_hash(self.id))


class Group(BoxedChat):
    """A basic group; made by `World.add_group`.

    Its message ids are sparse, since all private chats and basic groups of an account share one
    sequence.

    Attributes:
        id: Bare id, without the mark -.
        title: Title.
        about: Description.
        members: Bare ids of the members, the account among them; the first is the creator.
        kicked: Whether we were removed: 403 CHAT_FORBIDDEN, `chatForbidden` wherever it is named,
            and still a dialog.
        migrated_to: The supergroup that it became, or None. Its history stays; set by
            `World.migrate`.
    """

    about: str = ""
    members: tuple[int, ...] = ()
    kicked: bool = False
    migrated_to: Channel | None = None
    _bytes_shown: tuple[tuple[object, ...], bytes] = ((), b"")

    @property
    def kind(self) -> str:
        """`basic group`."""
        return "basic group"

    @property
    def shown(self) -> BitMap:
        """The ids that requests may see, none once we were removed."""
        return _NONE if self.kicked else self.ids

    def shows(self, message_id: int) -> bool:
        """Return whether requests may see a message; any number may be asked for."""
        return not self.kicked and self.has(message_id)

    def peer(self) -> types.PeerChat:
        """Return the group as a peer."""
        return types.PeerChat(self.id)

    def input_peer(self) -> types.InputPeerChat:
        """Return the group as a request names it."""
        return types.InputPeerChat(self.id)

    def _new_ids(self, count: int) -> list[int]:
        if self.migrated_to is not None:
            raise WorldError(f"basic group {self.id}: became a supergroup; nobody writes in it")
        return super()._new_ids(count)

    def to_tl(self) -> types.Chat | types.ChatForbidden:
        """Return the group as answers carry it."""
        if self.kicked:
            return types.ChatForbidden(self.id, self.title)
        new = self.migrated_to
        return types.Chat(
            id=self.id,
            title=self.title,
            photo=types.ChatPhotoEmpty(),
            participants_count=len(self.members),
            date=datetime(2017, 3, 1, tzinfo=UTC),
            version=1,
            creator=self.members[:1] == (self._account.me.id,) or None,
            deactivated=new is not None or None,
            migrated_to=None
            if new is None
            else types.InputChannel(
                new.id, self._account.access_hash(new.marked_id, new.access_hash)
            ),
        )

    def to_bytes(self) -> bytes:
        """Return the TL bytes of `to_tl()`, made anew only after a change."""
        new = self.migrated_to
        known = None if new is None else (new.id, new.access_hash)
        key = (self.title, self.members, self.kicked, known)
        if self._bytes_shown[0] != key:
            self._bytes_shown = (key, bytes(self.to_tl()))
        return self._bytes_shown[1]

    def participants(self) -> types.ChatParticipants | types.ChatParticipantsForbidden:
        """Return who is in the group, as `messages.getFullChat` tells.

        Chosen: a group that became a supergroup no longer tells.
        """
        if self.migrated_to is not None:
            return types.ChatParticipantsForbidden(self.id)
        date = datetime(2017, 3, 1, tzinfo=UTC)
        creator = self.members[0] if self.members else 0
        return types.ChatParticipants(
            chat_id=self.id,
            participants=[
                types.ChatParticipantCreator(member)
                if member == creator
                else types.ChatParticipant(member, creator, date)
                for member in self.members
            ],
            version=1,
        )
