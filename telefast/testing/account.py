"""One account of a world: who is logged in, its private chats and groups, and what it calls others.

Access hashes belong to an account, and so do message ids outside channels.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.account_view import AccountView
from telefast.testing.box import Box
from telefast.testing.channel import CHANNEL_DATE, Channel
from telefast.testing.chat import MAX_MESSAGE_ID, Chat
from telefast.testing.dialogs import DialogBook, Place
from telefast.testing.dice import Dice
from telefast.testing.making import check_count, full_name, person_of
from telefast.testing.private import BoxedChat, Group, PrivateChat
from telefast.testing.refs import CHANNEL_MARK, mark_of
from telefast.testing.seeded import Cast, Kind, Person, Script, SeededChat
from telefast.testing.timeline import SharedLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyroaring import BitMap

    from telefast.testing.population import Population

__all__ = ["Account", "Unread"]

_MADE = int(CHANNEL_DATE.timestamp())
"""Date of a dialog without a message."""

_SHARE = 4
"""A chat takes one in so many of the ids that an account has left."""

_MEMBERS = 200
"""Most members of a basic group (`Config.chat_size_max`)."""


class Unread(NamedTuple):
    """How far a chat is read.

    Attributes:
        inbox: Highest id that the account has read.
        outbox: Highest id that others have read.
        messages: Messages of others above *inbox*.
        mentions: Those among them that mention the account.
    """

    inbox: int
    outbox: int
    messages: int = 0
    mentions: int = 0


class Account(AccountView):
    """Who is logged in; `World.add_account` makes more than the first.

    Args:
        world: The world that it sees.
        index: 0 for the first account, which knows everybody by the access hashes of the world;
            each other account has its own.
        me: Who is logged in.
        dc_id: The data centre that is its home; None takes the first.

    Attributes:
        world: The world that it sees.
        index: Number of the account in `World.accounts`.
        me: Who is logged in, as this account sees itself.
        dc_id: The data centre that is its home.
        split_ranges: The ranges of message ids, both ends included, into which an export is to be
            split (`messages.getSplitRanges`); one over all by default.
        box: The message ids of its private chats and basic groups.
        private_chats: Its private chats by bare id of the other user. Taking one out makes it
            vanish.
        groups: Its basic groups by bare id. Taking one out makes it vanish.
        dialogs: What it notes about its dialogs: pinned, archived, read up to where.
        shown_min: Who is shown as `min` on this account's pages, beside `World.min_users`: a set
            for each rule that wants some.
        left_out: Who is left out of this account's pages, beside `World.absent_users`: as
            *shown_min*.
    """

    def __init__(
        self, world: Population, index: int, me: types.User, *, dc_id: int | None = None
    ) -> None:
        super().__init__(world, index, me)
        self.dc_id = world.dc_ids[0] if dc_id is None else dc_id
        self.split_ranges = [(1, MAX_MESSAGE_ID)]
        self.box = Box()
        self.dialogs = DialogBook()
        self._places: tuple[list[tuple[int, int, int]], list[Place]] = ([], [])
        self._unread: dict[int, tuple[tuple[int, int, int], tuple[int, int]]] = {}

    def __repr__(self) -> str:
        """Count what is there, without a secret or a name."""
        return (
            f"<Account {self.index}: {len(self.private_chats)} private chats, "
            f"{len(self.groups)} groups>"
        )

    def log_in(self) -> None:
        """Let an account after the first see itself with `is_self`, under its own access hash."""
        me = copy.copy(self.me)
        me.is_self = me.contact = me.mutual_contact = True
        me.access_hash = self.access_hash(me.id, me.access_hash or 0)
        self.me = me

    @property
    def phone(self) -> str:
        """The digits of its phone number.

        Who has none in the world gets one as Telegram's test accounts have them: 99966, the data
        centre, four digits (https://core.telegram.org/api/auth#test-accounts).
        """
        return self.me.phone or f"99966{self.dc_id}{self.index:04}"

    # Chats.

    def add_private_chat(
        self,
        user: types.User | int | str | None = None,
        *,
        message_count: int = 0,
        holes: float = 0.0,
        messages: Iterable[types.Message | types.MessageService] | None = None,
    ) -> PrivateChat:
        """Add a private chat; see `World.add_private_chat`."""
        _check(message_count, holes, messages)
        other = self._other(user)
        if other.id in self.private_chats:
            raise WorldError(f"user {other.id}: has a private chat already")
        key = self._key("private", other.id)
        runs, ids = self.box.place(f"{key}ids", message_count, holes)
        chat = self.make_private_chat(other, runs, ids)
        self._fill(chat, self.private_chats, messages)
        return chat

    def add_group(
        self,
        title: str,
        *,
        message_count: int = 0,
        holes: float = 0.0,
        chat_id: int | None = None,
        members: Iterable[int] | None = None,
        messages: Iterable[types.Message | types.MessageService] | None = None,
        about: str = "",
    ) -> Group:
        """Add a basic group; see `World.add_group`."""
        if not title:
            raise WorldError("title='': expected a text")
        _check(message_count, holes, messages)
        if messages is not None and chat_id is None:
            raise WorldError("messages=...: expected with chat_id")
        if chat_id is None:
            chat_id = self._free_chat_id()
        elif not 0 < chat_id < CHANNEL_MARK:
            raise WorldError(f"chat_id={chat_id}: expected a bare id, without the mark -")
        if chat_id in self.groups or -chat_id in self.world.foreign:
            raise WorldError(f"chat_id={chat_id}: is taken")
        inside = self._members(chat_id, members)
        key = self._key("group", chat_id)
        runs, ids = self.box.place(f"{key}ids", message_count, holes)
        chat = self.make_group(title, chat_id, inside, runs, ids)
        chat.about = about
        self._fill(chat, self.groups, messages)
        return chat

    def chat(self, marked_id: int) -> Chat | None:
        """Return the chat with a marked id that this account has, or None."""
        if marked_id > 0:
            return self.private_chats.get(marked_id)
        if marked_id > -CHANNEL_MARK:
            return self.groups.get(-marked_id)
        return self.world.channels.get(-marked_id - CHANNEL_MARK)

    def chats(self) -> Iterator[Chat]:
        """Yield all chats of this account: channels, basic groups, private chats."""
        yield from self.world.channels.values()
        yield from self.groups.values()
        yield from self.private_chats.values()

    def owner(self, message_id: int) -> PrivateChat | Group | None:
        """Return the private chat or basic group that has a message of this id now, or None."""
        if not 0 < message_id <= MAX_MESSAGE_ID or not self.box.may_have(message_id):
            return None
        chats: tuple[PrivateChat | Group, ...] = (
            *self.private_chats.values(),
            *self.groups.values(),
        )
        for chat in chats:
            if chat.has(message_id):
                return chat
        return None

    # Dialogs.

    def dialog_places(self) -> list[Place]:
        """Return where all dialogs stand, of all folders, pinned or not; the highest first.

        Sorted anew only after a change. Not to be changed.
        """
        shown = [chat for chat in self.chats() if chat.is_dialog]
        key = [(chat.marked_id, chat.pts, chat.top) for chat in shown]
        if self._places[0] != key:
            places = [
                Place(chat.timestamp(top) if top else _MADE, top, mark)
                for chat, (mark, _, top) in zip(shown, key, strict=True)
            ]
            self._places = (key, sorted(places, reverse=True))
        return self._places[1]

    def unread(self, chat: Chat) -> Unread:
        """Return how far a chat is read, and how many messages of others are above that."""
        mark, top = chat.marked_id, chat.top
        inbox = min(self.dialogs.read_inbox.get(mark, top), top)
        outbox = min(self.dialogs.read_outbox.get(mark, top), top)
        if inbox >= top:
            return Unread(inbox, outbox)
        key = (inbox, chat.pts, top)
        held = self._unread.get(mark)
        if held is None or held[0] != key:
            shown = chat.shown
            above = [chat.peek(id_) for id_ in shown[shown.rank(inbox) :]]
            others = [message for message in above if not self._is_own(chat, message)]
            mentions = sum(bool(message.mentioned) for message in others)
            held = self._unread[mark] = (key, (len(others), mentions))
        return Unread(inbox, outbox, *held[1])

    def _is_own(self, chat: Chat, message: types.Message | types.MessageService) -> bool:
        if isinstance(message.from_id, types.PeerUser):
            return bool(message.from_id.user_id == self.me.id)
        return bool(message.out) and not isinstance(chat, Channel)

    # How chats are made.

    def make_private_chat(self, user: types.User, runs: BitMap, ids: BitMap) -> PrivateChat:
        """Make a private chat of ids that the box gave; for `add_private_chat` and recipes."""
        people = [self._person(user_id) for user_id in dict.fromkeys((self.me.id, user.id))]
        seeded = self._seeded("private", types.PeerUser(user.id), "", people, runs)
        chat = PrivateChat(
            self, user.id, full_name(user), runs, ids, seeded, self.world.cache.new_key()
        )
        self.private_chats[user.id] = chat
        return chat

    def make_group(
        self, title: str, chat_id: int, members: Sequence[int], runs: BitMap, ids: BitMap
    ) -> Group:
        """Make a basic group of ids that the box gave; for `add_group` and recipes."""
        people = [self._person(member) for member in members]
        seeded = self._seeded("group", types.PeerChat(chat_id), title, people, runs)
        group = Group(self, chat_id, title, runs, ids, seeded, self.world.cache.new_key())
        group.members = tuple(members)
        self.groups[chat_id] = group
        return group

    def _key(self, kind: Kind, chat_id: int) -> str:
        return f"{self.world.seed}/{kind}/{self.me.id}/{chat_id}/"

    def _seeded(
        self,
        kind: Kind,
        peer: types.PeerUser | types.PeerChat,
        title: str,
        people: Sequence[Person],
        runs: BitMap,
    ) -> SeededChat:
        key = self._key(kind, peer.user_id if isinstance(peer, types.PeerUser) else peer.chat_id)
        cast = self.world.cast
        stamp = partial(self.world.file_store.stamp, self.index, mark_of(peer))
        return SeededChat(
            Script(key, kind, peer, title, stamp),
            Cast(people, cast.known, cast.bots, cast.sources),
            SharedLine(key, runs),
        )

    def _fill(
        self,
        chat: BoxedChat,
        home: dict[int, Any],
        messages: Iterable[types.Message | types.MessageService] | None,
    ) -> None:
        """Put the given messages; a chat that they contradict does not come to be."""
        if messages is None:
            return
        try:
            chat.put_new(messages)
        except BaseException:
            del home[chat.id]
            raise

    def _other(self, wanted: types.User | int | str | None) -> types.User:
        """Return who a private chat is with."""
        world = self.world
        if isinstance(wanted, str):
            return world.add_person(wanted)
        if isinstance(wanted, types.User):
            known = world.users.get(wanted.id)
            return known if known is not None else world.add_user(wanted)
        if wanted is not None:
            known = world.users.get(wanted)
            if known is None:
                raise WorldError(f"user={wanted}: no such user; add it with World.add_user")
            return known
        for user in world.users.values():
            is_person = not (user.bot or user.deleted or user.id == self.me.id)
            if is_person and user.id not in self.private_chats:
                return user
        raise WorldError("user=None: everybody has a private chat already; name a new person")

    def _members(self, chat_id: int, wanted: Iterable[int] | None) -> list[int]:
        """Return the members of a group: who is logged in and the wanted, or some of the cast."""
        if wanted is None:
            dice = Dice.of(self.world.seed, "members", self.me.id, chat_id)
            known = self.world.cast.known
            drawn = [dice.pick(known).mention.user_id for _ in range(5 + dice.below(20))]
            wanted = [self.me.id, *drawn] if dice.chance(500) else [*drawn, self.me.id]
        found = list(dict.fromkeys([*wanted, self.me.id]))
        unknown = [member for member in found if member not in self.world.users]
        if unknown:
            raise WorldError(f"members=...: no such user {unknown[0]}; add it with World.add_user")
        if len(found) > _MEMBERS:
            raise WorldError(f"members=...: a basic group has at most {_MEMBERS}")
        return found

    def _person(self, user_id: int) -> Person:
        is_self = user_id == self.me.id
        return person_of(self.me if is_self else self.world.users[user_id], is_self=is_self)

    def _free_chat_id(self) -> int:
        dice = Dice.of(self.world.seed, "groups", self.me.id, len(self.groups))
        while True:
            chat_id = 100_000_000 + dice.below(900_000_000)
            if chat_id not in self.groups and -chat_id not in self.world.foreign:
                return chat_id


def _check(message_count: int, holes: float, messages: object) -> None:
    check_count(message_count, holes, per_slot=2 * _SHARE)
    if messages is not None and message_count:
        raise WorldError("messages=...: expected without message_count")
