"""Who there is in a world: people, who of them is logged in, and who is known by a name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.account import Account
from telefast.testing.assumptions import Assumptions
from telefast.testing.cache import MessageCache
from telefast.testing.dice import Dice
from telefast.testing.file_store import Files
from telefast.testing.making import Made, person_of
from telefast.testing.people import make_me, make_source, make_user, user_language
from telefast.testing.refs import CHANNEL_MARK
from telefast.testing.seeded import Cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from telefast.testing.channel import Channel
    from telefast.testing.chat import Chat
    from telefast.testing.private import Group, PrivateChat

__all__ = ["Population"]

_SOURCE_COUNT = 6
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")


class Population:
    """What `World` inherits, and what accounts and files know of it. Arguments as there."""

    def __init__(
        self,
        *,
        seed: int = 0,
        user_count: int = 50,
        dc_ids: Sequence[int] = (2,),
        assume: Assumptions | None = None,
    ) -> None:
        if user_count < 0:
            raise WorldError(f"user_count={user_count}: expected 0 or more")
        if not dc_ids or len(set(dc_ids)) < len(dc_ids) or not 0 < min(dc_ids) <= max(dc_ids) < 10:
            raise WorldError(f"dc_ids={dc_ids!r}: expected numbers from 1 to 9, each once")
        self.dc_ids = tuple(dc_ids)
        self.seed = seed
        self.user_count = user_count
        self.assume = assume or Assumptions()
        self.users: dict[int, types.User] = {}
        self.channels: dict[int, Channel] = {}
        self.foreign: dict[int, types.Channel | types.Chat] = {}
        self.cache = MessageCache()
        self.file_store = Files(self)
        self._added: dict[int, types.User | types.Channel | types.Chat] = {}
        self._made_from: dict[int, Made] = {}
        self.min_users: set[int] = set()
        self.absent_users: set[int] = set()
        self.abouts: dict[int, str] = {}
        self.accounts = [Account(self, 0, make_me(seed))]
        self.users[self.me.id] = self.me
        self._people = [person_of(self.me, is_self=True)]
        bots: list[int] = []
        for index in range(1, user_count + 1):
            user = make_user(seed, index)
            self.users[user.id] = user
            self._people.append(person_of(user, user_language(index)))
            if user.bot:
                bots.append(user.id)
        sources = [make_source(seed, index) for index in range(_SOURCE_COUNT)]
        for source in sources:
            self.foreign[-(CHANNEL_MARK + source.id)] = source
        # Seeded messages depend on this cast alone, not on who is added later.
        sources_ids = [source.id for source in sources]
        self.cast = Cast(self._people, self._people, bots, sources_ids)

    @property
    def account(self) -> Account:
        """The first account, whose view the world itself has."""
        return self.accounts[0]

    @property
    def me(self) -> types.User:
        """The user who is logged in with the first account."""
        return self.account.me

    @property
    def private_chats(self) -> dict[int, PrivateChat]:
        """The private chats of the first account, by bare id of the other user."""
        return self.account.private_chats

    @property
    def groups(self) -> dict[int, Group]:
        """The basic groups of the first account, by bare id."""
        return self.account.groups

    def chat(self, marked_id: int) -> Chat | None:
        """Return the chat of the first account with a marked id (Telethon's `chat_id`), or None."""
        return self.account.chat(marked_id)

    def add_user(self, user: types.User) -> types.User:
        """Add a user, or replace the one with the same id.

        One with `is_self` becomes `me` and takes the place of the one from the seed, in seeded
        messages too; that is possible only while there are no chats.

        Raises:
            WorldError: If the user is `min`, has no access hash, or comes too late to be `me`.
        """
        if user.min or user.access_hash is None:
            raise WorldError(f"user {user.id}: needs an access_hash and must not be min")
        if user.is_self:
            if len(self.accounts) > 1 or next(self.account.chats(), None) is not None:
                raise WorldError(f"user {user.id}: add who is logged in before the first chat")
            del self.users[self.me.id]
            self._added.pop(self.me.id, None)
            self.accounts = [Account(self, 0, user)]
            self._people[0] = person_of(user, is_self=True)
        elif user.id == self.me.id:
            raise WorldError(f"user {user.id}: is the user who is logged in; set is_self")
        self.users[user.id] = user
        self._added[user.id] = user
        return user

    def add_person(self, name: str) -> types.User:
        """Add a user with a name and nothing else; id and access hash come from the seed.

        Args:
            name: First name, and last name after the first space.

        Raises:
            WorldError: If the name is empty.
        """
        first, _, last = name.strip().partition(" ")
        if not first:
            raise WorldError(f"name={name!r}: expected a name")
        dice = Dice.of(self.seed, "person", len(self.users))
        user_id = 3_000_000_000 + dice.below(1_000_000_000)
        while user_id in self.users:
            user_id += 1
        user = types.User(
            id=user_id, access_hash=dice.signed64(), first_name=first, last_name=last or None
        )
        return self.add_user(user)

    def add_foreign(self, chat: types.Channel | types.Chat) -> types.Channel | types.Chat:
        """Add a chat that messages may refer to and whose history is not open to us."""
        mark = -chat.id if isinstance(chat, types.Chat) else -(CHANNEL_MARK + chat.id)
        if any(account.chat(mark) is not None for account in self.accounts):
            raise WorldError(f"chat {mark}: is already a chat of this world")
        self.foreign[mark] = chat
        self._added[mark] = chat
        return chat

    def find_username(self, username: str) -> types.User | types.Channel | Channel | None:
        """Return who has a username, in any case of letters, or None."""
        wanted = username.lower()
        for entity in (*self.channels.values(), *self.users.values(), *self.foreign.values()):
            if not isinstance(entity, types.Chat) and (entity.username or "").lower() == wanted:
                return entity
        return None

    def delete_account(self, user_id: int) -> None:
        """Let a user delete the account: the name is gone, messages stay.

        Raises:
            WorldError: If there is no such user, or it is logged in.
        """
        user = self.users.get(user_id)
        if user is None or any(account.me.id == user_id for account in self.accounts):
            raise WorldError(f"user {user_id}: is nobody, or logged in")
        self.add_user(types.User(id=user_id, deleted=True, access_hash=user.access_hash))

    def peers_bytes(self, refs: Iterable[int]) -> tuple[list[bytes], list[bytes]]:
        """Return the TL bytes of chats and users as the first account sees them."""
        return self.account.peers_bytes(refs)

    def add_account(
        self, user: types.User | int | None = None, *, dc_id: int | None = None
    ) -> Account:
        """Log one more user in, with private chats, groups and access hashes of its own.

        All accounts see the same channels. `LocalTelegram.client` and `session_string` take the
        account that a client is logged in with.

        Args:
            user: A user, or the id of one of `users`; None takes the next person of the seed. A bot
                is refused what bots may not call.
            dc_id: The data centre that is its home, one of `dc_ids`; None takes the first.

        Raises:
            WorldError: If there is no such user, it is logged in already, or there is no such data
                centre.
        """
        logged_in = {account.me.id for account in self.accounts}
        if user is None:
            free = (u for u in self.users.values() if not (u.bot or u.deleted or u.id in logged_in))
            user = next(free, None)
            if user is None:
                raise WorldError("user=None: everybody is logged in already")
        elif isinstance(user, types.User):
            user = self.users.get(user.id) or self.add_user(user)
        elif user in self.users:
            user = self.users[user]
        else:
            raise WorldError(f"user={user}: no such user; add it with World.add_user")
        if user.id in logged_in:
            raise WorldError(f"user {user.id}: is logged in already")
        if dc_id is not None and dc_id not in self.dc_ids:
            raise WorldError(f"dc_id={dc_id}: expected one of dc_ids={self.dc_ids}")
        account = Account(self, len(self.accounts), user, dc_id=dc_id)
        account.log_in()
        self.accounts.append(account)
        return account

    @property
    def added(self) -> list[types.User | types.Channel | types.Chat]:
        """The users and foreign chats that did not come from the seed."""
        return list(self._added.values())

    def _check_username(self, username: str) -> None:
        if _USERNAME.fullmatch(username) is None:
            raise WorldError(
                f"username={username!r}: expected 4 to 32 letters, digits or _, a letter first"
            )
        if self.find_username(username) is not None:
            raise WorldError(f"username={username!r}: is taken")
