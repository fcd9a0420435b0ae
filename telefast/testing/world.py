"""What the embedded Telegram knows: the user who is logged in, other people, and their chats."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.account import Account
from telefast.testing.assumptions import Assumptions
from telefast.testing.cache import MessageCache
from telefast.testing.dice import Dice
from telefast.testing.file_store import Files
from telefast.testing.making import (
    Made,
    check_made,
    free_channel_id,
    made_of,
    make_channel,
    person_of,
)
from telefast.testing.people import make_me, make_source, make_user, user_language
from telefast.testing.refs import CHANNEL_MARK
from telefast.testing.relations import discuss, link, migrate
from telefast.testing.seeded import Cast
from telefast.testing.world_check import check_world

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from telefast.testing.channel import Channel
    from telefast.testing.chat import Chat
    from telefast.testing.forum import Forum
    from telefast.testing.private import Group, PrivateChat

__all__ = ["World"]

_SOURCE_COUNT = 6
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")


class World:
    """A small Telegram, made from a seed: the same seed gives the same bytes everywhere.

    Args:
        seed: What everything depends on.
        user_count: People beside the user who is logged in.
        assume: What to believe of Telegram where no source tells. Default: `Assumptions()`.
        dc_ids: The data centres that there are; the first is the home of the first account.

    Attributes:
        seed: What everything depends on.
        dc_ids: The data centres that there are; the first is the home of the first account.
        user_count: People made from the seed, beside the user who is logged in.
        accounts: Who is logged in; one, unless `add_account` made more.
        users: All people by bare id, `me` included. Replace a user with `add_user`; an object
            changed in place may be served as it was.
        channels: All channels and supergroups by bare id. Taking one out makes it vanish:
            requests for it are then answered with CHANNEL_INVALID.
        foreign: Chats by marked id that messages refer to and whose history is not open to us.
        cast: Who appears in seeded messages; made from the seed.
        min_users: Bare ids of people whom pages show as `min`: their access hash opens nothing,
            and requests must name them through a message (https://core.telegram.org/api/min).
        absent_users: Bare ids of people whom pages leave out although they refer to them.
        abouts: What people tell about themselves, by bare id.
        cache: Serialised messages of all chats.
        assume: What is believed of Telegram; may be replaced at any time.
        file_store: What files hold, and how long references to them last.

    Example:
        >>> world = World(seed=1)
        >>> chat = world.add_channel("Club", message_count=1000, holes=0.05)
        >>> len(chat.ids), chat.ids.max()
        (1000, 1053)
    """

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

    def __repr__(self) -> str:
        """Count what is there, without a secret or a text."""
        boxed = sum(len(each.private_chats) + len(each.groups) for each in self.accounts)
        return (
            f"<World seed={self.seed}: {len(self.users)} users, {len(self.channels)} channels, "
            f"{boxed} other chats>"
        )

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

    def add_channel(
        self,
        title: str,
        *,
        message_count: int = 0,
        holes: float = 0.0,
        megagroup: bool = True,
        username: str | None = None,
        channel_id: int | None = None,
        messages: Iterable[types.Message | types.MessageService] | None = None,
        about: str = "",
        senders: int | None = None,
        begin: datetime | None = None,
    ) -> Channel:
        """Add a channel or supergroup, with seeded messages or with given ones.

        Args:
            title: Its title.
            message_count: How many seeded messages exist.
            holes: Share of ids that were deleted: the highest id is about
                `message_count / (1 - holes)`.
            megagroup: True for a supergroup, False for a broadcast channel.
            username: Public name, or None for a private one.
            channel_id: Bare id; None takes one from the seed.
            messages: Messages to put instead of seeded ones; each must have the channel as
                `peer_id`, so *channel_id* must be given with them.
            about: Description.
            senders: How many people write the seeded messages of a supergroup, each in turn, so
                that a page of 100 without holes shows min(100, *senders*) of them. None lets all
                people of the world write, a few of them most.
            begin: Date from which its messages are dated; None is the first of March 2017.

        Raises:
            WorldError: If the arguments contradict each other or the world.
        """
        if senders is not None and not megagroup:
            raise WorldError(f"senders={senders}: expected 1 or more, and a supergroup")
        if messages is not None and (message_count or channel_id is None):
            raise WorldError("messages=...: expected with channel_id and without message_count")
        channel = self.make_channel(
            title,
            made_of(message_count, holes, senders, begin),
            megagroup=megagroup,
            username=username,
            channel_id=channel_id,
            about=about,
        )
        if messages is not None:
            try:
                channel.put_new(messages)
            except BaseException:
                del self.channels[channel.id]
                raise
        return channel

    def add_forum(
        self,
        title: str,
        *,
        topics: int = 0,
        message_count: int = 0,
        holes: float = 0.0,
        username: str | None = None,
        channel_id: int | None = None,
        about: str = "",
        senders: int | None = None,
        begin: datetime | None = None,
    ) -> Forum:
        """Add a supergroup with topics, and seeded messages in them.

        It costs what a supergroup does; listing the topics looks at no message.

        Args:
            title: Its title.
            topics: Seeded topics beside General; fewer than *message_count*, since each begins
                with a message. `Forum.add_topic` adds others.
            message_count: How many seeded messages exist.
            holes: Share of ids that were deleted; no topic begins with one of those.
            username: Public name, or None for a private one.
            channel_id: Bare id; None takes one from the seed.
            about: Description.
            senders: How many people write, each in turn; None for all, a few of them most.
            begin: Date from which its messages are dated; None is the first of March 2017.

        Raises:
            WorldError: If the arguments contradict each other or the world.

        Example:
            >>> forum = World(seed=1).add_forum("Harbour", topics=20, message_count=1_000)
            >>> sum(len(topic.ids) for topic in forum.topics.values())
            1000
        """
        forum = self.make_channel(
            title,
            made_of(message_count, holes, senders, begin, topics),
            megagroup=True,
            username=username,
            channel_id=channel_id,
            about=about,
        )
        return cast("Forum", forum)

    def make_channel(
        self,
        title: str,
        made: Made,
        *,
        megagroup: bool,
        username: str | None,
        channel_id: int | None,
        about: str,
    ) -> Channel:
        """Add a channel of any kind; for `add_channel`, `add_forum` and recipes."""
        if not title:
            raise WorldError("title='': expected a text")
        check_made(self, made)
        if username is not None:
            self._check_username(username)
        if channel_id is None:
            channel_id = free_channel_id(self)
        elif not 0 < channel_id < CHANNEL_MARK - 2**31:
            raise WorldError(f"channel_id={channel_id}: expected a bare id, without the mark -100")
        if channel_id in self.channels or -(CHANNEL_MARK + channel_id) in self.foreign:
            raise WorldError(f"channel_id={channel_id}: is taken")
        channel = self.channels[channel_id] = make_channel(
            self, channel_id, title, made, megagroup=megagroup, username=username, about=about
        )
        self._made_from[channel_id] = made
        return channel

    def find_username(self, username: str) -> types.User | types.Channel | Channel | None:
        """Return who has a username, in any case of letters, or None."""
        wanted = username.lower()
        for entity in (*self.channels.values(), *self.users.values(), *self.foreign.values()):
            if not isinstance(entity, types.Chat) and (entity.username or "").lower() == wanted:
                return entity
        return None

    def add_private_chat(
        self,
        user: types.User | int | str | None = None,
        *,
        message_count: int = 0,
        holes: float = 0.0,
        messages: Iterable[types.Message | types.MessageService] | None = None,
    ) -> PrivateChat:
        """Add a private chat of the first account, with seeded messages or with given ones.

        Its message ids are sparse: all private chats and basic groups of an account share one
        sequence, and the ids of several chats lie interleaved. What a chat gets depends on the
        seed and on the chats that were added before it.

        Args:
            user: The other one: a user, the id of one of `users`, or the name of a new person.
                The user who is logged in makes the chat saved messages. None takes the next
                person of the seed without a private chat.
            message_count: How many seeded messages exist.
            holes: Share of the chat's ids that were deleted.
            messages: Messages to put instead of seeded ones; each must have the user as `peer_id`.

        Raises:
            WorldError: If the arguments contradict each other or the world.

        Example:
            >>> world = World(seed=1)
            >>> talk = world.add_private_chat("Grace Hopper", message_count=300)
            >>> group = world.add_group("Crew", message_count=300)
            >>> talk.ids.isdisjoint(group.ids), talk.ids.max() > 1_000
            (True, True)
        """
        return self.account.add_private_chat(
            user, message_count=message_count, holes=holes, messages=messages
        )

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
        """Add a basic group of the first account, with seeded messages or with given ones.

        Its message ids are sparse, as those of private chats; see `add_private_chat`. A supergroup
        is made by `add_channel`.

        Args:
            title: Its title.
            message_count: How many seeded messages exist.
            holes: Share of the group's ids that were deleted.
            chat_id: Bare id; None takes one from the seed.
            members: Bare ids of the members, the creator first; who is logged in is always one.
                None takes some from the seed.
            messages: Messages to put instead of seeded ones; each must have the group as
                `peer_id`, so *chat_id* must be given with them.
            about: Description.

        Raises:
            WorldError: If the arguments contradict each other or the world.
        """
        return self.account.add_group(
            title,
            message_count=message_count,
            holes=holes,
            chat_id=chat_id,
            members=members,
            messages=messages,
            about=about,
        )

    def migrate(self, group: Group, *, message_count: int = 0, holes: float = 0.0) -> Channel:
        """Make a supergroup of a basic group, before or during a run.

        The group stays, with its history, and ends with `messageActionChatMigrateTo`; nobody can
        write in it any more. The new history begins with `messageActionChannelMigrateFrom`, id 1
        (https://core.telegram.org/api/channel#migration). Take the group out of `groups`, or set
        its `kicked`, to close the old history.

        Args:
            group: A basic group of any account.
            message_count: Seeded messages of the supergroup, the first of them included.
            holes: Share of its ids that were deleted.

        Raises:
            WorldError: If the group is not of this world or became a supergroup before.

        Example:
            >>> world = World(seed=1)
            >>> crew = world.add_group("Crew", message_count=20)
            >>> new = world.migrate(crew)
            >>> len(crew.ids), len(new.ids), new.migrated_from == (crew.id, crew.ids.max())
            (21, 1, True)
        """
        return migrate(self, group, message_count, holes)

    def link(self, channel: Channel, group: Channel) -> None:
        """Make a supergroup the discussion group of a broadcast channel.

        Posts get comments by `discuss`; others have none, as those from before at Telegram.

        Raises:
            WorldError: If one is not of this world, of the wrong kind, or linked already.
        """
        link(self, channel, group)

    def discuss(
        self, channel: Channel, *post_ids: int, comments: int = 0, album_place: int = 0
    ) -> list[int]:
        """Copy posts into the discussion group, as Telegram does by itself, and write comments.

        All posts of an album are copied; its thread hangs on one of them. Every third comment
        answers the one before. Chosen: copies and comments are dated as other messages of the
        group are.

        Args:
            channel: A broadcast channel with a discussion group.
            post_ids: The posts.
            comments: Seeded comments on each.
            album_place: On which post of an album its thread hangs, 0 for the first: comments on
                the others are MSG_ID_INVALID.

        Returns:
            The ids of the copies in the group.

        Raises:
            WorldError: If there is no discussion group or post, or it has a thread.
        """
        found: list[int] = []
        for post_id in post_ids:
            found += discuss(channel, post_id, comments, album_place)
        return found

    def delete_account(self, user_id: int) -> None:
        """Let a user delete the account: the name is gone, messages stay.

        Raises:
            WorldError: If there is no such user, or it is logged in.
        """
        user = self.users.get(user_id)
        if user is None or any(account.me.id == user_id for account in self.accounts):
            raise WorldError(f"user {user_id}: is nobody, or logged in")
        self.add_user(types.User(id=user_id, deleted=True, access_hash=user.access_hash))

    def check(self) -> None:
        """Look for contradictions; `LocalTelegram` does so before it shows a world.

        Raises:
            WorldError: Names the chat or account, the attribute, and what is wrong with it.
        """
        check_world(self)

    def warm(self) -> None:
        """Write all messages of all chats now; see `Channel.warm`."""
        for account in self.accounts:
            for chat in account.chats():
                chat.warm()

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

    def recipe(self) -> dict[str, Any]:
        """Return all that another process needs to make this world again, as JSON-able data.

        The state of now counts: deletions, posts and messages that were put are carried over.
        """
        from telefast.testing.recipe import write_recipe

        return write_recipe(self)

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> World:
        """Make the world that `recipe` described.

        Raises:
            WorldError: If the recipe is of another version or broken.
        """
        from telefast.testing.recipe import read_recipe

        return read_recipe(recipe)

    @property
    def added(self) -> list[types.User | types.Channel | types.Chat]:
        """The users and foreign chats that did not come from the seed."""
        return list(self._added.values())

    def made_from(self, channel_id: int) -> Made:
        """Return what a channel was made from."""
        return self._made_from[channel_id]

    def _check_username(self, username: str) -> None:
        if _USERNAME.fullmatch(username) is None:
            raise WorldError(
                f"username={username!r}: expected 4 to 32 letters, digits or _, a letter first"
            )
        if self.find_username(username) is not None:
            raise WorldError(f"username={username!r}: is taken")
