"""What the embedded Telegram knows: the user who is logged in, other people, and their chats."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.cache import MessageCache
from telefast.testing.channel import MAX_MESSAGE_ID, Channel, ids_with_holes
from telefast.testing.dice import Dice
from telefast.testing.people import make_me, make_source, make_user, user_language
from telefast.testing.refs import CHANNEL_MARK
from telefast.testing.seeded import Cast, Person, Script
from telefast.testing.text import LANGUAGES, Mention

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyroaring import BitMap

__all__ = ["World"]

_SOURCE_COUNT = 6
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")


class World:
    """A small Telegram, made from a seed: the same seed gives the same bytes everywhere.

    Args:
        seed: What everything depends on.
        user_count: People beside the user who is logged in.

    Attributes:
        seed: What everything depends on.
        user_count: People made from the seed, beside the user who is logged in.
        me: The user who is logged in.
        users: All people by bare id, `me` included. Replace a user with `add_user`; an object
            changed in place may be served as it was.
        channels: All channels and supergroups by bare id. Taking one out makes it vanish:
            requests for it are then answered with CHANNEL_INVALID.
        foreign: Chats by marked id that messages refer to and whose history is not open to us.
        cache: Serialised messages of all channels.

    Example:
        >>> world = World(seed=1)
        >>> chat = world.add_channel("Club", message_count=1000, holes=0.05)
        >>> len(chat.ids), chat.ids.max()
        (1000, 1053)
    """

    def __init__(self, *, seed: int = 0, user_count: int = 50) -> None:
        if user_count < 0:
            raise WorldError(f"user_count={user_count}: expected 0 or more")
        self.seed = seed
        self.user_count = user_count
        self.users: dict[int, types.User] = {}
        self.channels: dict[int, Channel] = {}
        self.foreign: dict[int, types.Channel | types.Chat] = {}
        self.cache = MessageCache()
        self._user_bytes: dict[int, tuple[types.User, bytes]] = {}
        self._foreign_bytes: dict[int, tuple[types.Channel | types.Chat, bytes]] = {}
        self._added: dict[int, types.User | types.Channel | types.Chat] = {}
        self._made_from: dict[int, tuple[int, float]] = {}
        self.me = make_me(seed)
        self.users[self.me.id] = self.me
        self._people = [Person(_mention(self.me), LANGUAGES[0], is_self=True)]
        bots: list[int] = []
        for index in range(1, user_count + 1):
            user = make_user(seed, index)
            self.users[user.id] = user
            self._people.append(Person(_mention(user), user_language(index)))
            if user.bot:
                bots.append(user.id)
        sources = [make_source(seed, index) for index in range(_SOURCE_COUNT)]
        for source in sources:
            self.foreign[-(CHANNEL_MARK + source.id)] = source
        # Seeded messages depend on this cast alone, not on who is added later.
        self._cast = Cast(self._people, bots, [source.id for source in sources])

    def __repr__(self) -> str:
        """Count what is there, without a secret or a text."""
        return f"<World seed={self.seed}: {len(self.users)} users, {len(self.channels)} channels>"

    def add_user(self, user: types.User) -> types.User:
        """Add a user, or replace the one with the same id.

        One with `is_self` becomes `me` and takes the place of the one from the seed, in seeded
        messages too; that is possible only while there are no channels.

        Raises:
            WorldError: If the user is `min`, has no access hash, or comes too late to be `me`.
        """
        if user.min or user.access_hash is None:
            raise WorldError(f"user {user.id}: needs an access_hash and must not be min")
        if user.is_self:
            if self.channels:
                raise WorldError(f"user {user.id}: add who is logged in before the first channel")
            del self.users[self.me.id]
            self._added.pop(self.me.id, None)
            self.me = user
            self._people[0] = Person(_mention(user), LANGUAGES[0], is_self=True)
        elif user.id == self.me.id:
            raise WorldError(f"user {user.id}: is the user who is logged in; set is_self")
        self.users[user.id] = user
        self._added[user.id] = user
        return user

    def add_foreign(self, chat: types.Channel | types.Chat) -> types.Channel | types.Chat:
        """Add a chat that messages may refer to and whose history is not open to us."""
        mark = -chat.id if isinstance(chat, types.Chat) else -(CHANNEL_MARK + chat.id)
        if isinstance(chat, types.Channel) and chat.id in self.channels:
            raise WorldError(f"channel {chat.id}: is already a channel of this world")
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

        Raises:
            WorldError: If the arguments contradict each other or the world.
        """
        if not title:
            raise WorldError("title='': expected a text")
        if message_count < 0 or not 0 <= holes < 1:
            raise WorldError(
                f"message_count={message_count}, holes={holes}: expected 0 or more, 0 <= holes < 1"
            )
        if message_count / (1 - holes) > MAX_MESSAGE_ID // 2:
            raise WorldError(f"message_count={message_count}, holes={holes}: ids would pass 2**30")
        if messages is not None and (message_count or channel_id is None):
            raise WorldError("messages=...: expected with channel_id and without message_count")
        if username is not None:
            self._check_username(username)
        if channel_id is None:
            channel_id = self._free_channel_id()
        elif not 0 < channel_id < CHANNEL_MARK - 2**31:
            raise WorldError(f"channel_id={channel_id}: expected a bare id, without the mark -100")
        if channel_id in self.channels or -(CHANNEL_MARK + channel_id) in self.foreign:
            raise WorldError(f"channel_id={channel_id}: is taken")
        ids = ids_with_holes(f"{self.seed}/{channel_id}/holes", message_count, holes)
        channel = self._make(title, megagroup, username, channel_id, about, ids)
        if message_count:
            self._made_from[channel_id] = (message_count, holes)
        if messages is not None:
            try:
                channel.put_new(messages)
            except BaseException:
                del self.channels[channel_id]
                raise
        return channel

    def find_username(self, username: str) -> types.User | types.Channel | Channel | None:
        """Return who has a username, in any case of letters, or None."""
        wanted = username.lower()
        for channel in self.channels.values():
            if channel.username is not None and channel.username.lower() == wanted:
                return channel
        for entity in (*self.users.values(), *self.foreign.values()):
            name = None if isinstance(entity, types.Chat) else entity.username
            if name is not None and name.lower() == wanted:
                return entity  # type: ignore[return-value]  # a Chat has no username
        return None

    def peers_bytes(self, refs: Iterable[int]) -> tuple[list[bytes], list[bytes]]:
        """Return the TL bytes of the chats and of the users with the given marked ids.

        Ids that the world does not know are left out, as Telegram may do; order is by id.
        """
        chats: list[bytes] = []
        users: list[bytes] = []
        for mark in sorted(refs):
            if mark > 0:
                user = self.users.get(mark)
                if user is not None:
                    users.append(_held(self._user_bytes, mark, user))
                continue
            channel = self.channels.get(-mark - CHANNEL_MARK)
            if channel is not None:
                chats.append(channel.to_bytes())
                continue
            foreign = self.foreign.get(mark)
            if foreign is not None:
                chats.append(_held(self._foreign_bytes, mark, foreign))
        return chats, users

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

    def made_from(self, channel_id: int) -> tuple[int, float]:
        """Return the message count and the share of holes that a channel was made with."""
        return self._made_from.get(channel_id, (0, 0.0))

    def _make(
        self,
        title: str,
        megagroup: bool,
        username: str | None,
        channel_id: int,
        about: str,
        ids: BitMap,
    ) -> Channel:
        top = ids.max() if ids else 0
        channel = Channel(
            Script(self.seed, channel_id, title, megagroup, top),
            self._cast,
            self.cache,
            access_hash=Dice.of(self.seed, "channel", channel_id).signed64(),
            username=username,
            about=about,
            ids=ids,
        )
        self.channels[channel_id] = channel
        return channel

    def _free_channel_id(self) -> int:
        dice = Dice.of(self.seed, "channels", len(self.channels))
        while True:
            channel_id = 1_300_000_000 + dice.below(800_000_000)
            if channel_id not in self.channels and -(CHANNEL_MARK + channel_id) not in self.foreign:
                return channel_id

    def _check_username(self, username: str) -> None:
        if _USERNAME.fullmatch(username) is None:
            raise WorldError(
                f"username={username!r}: expected 4 to 32 letters, digits or _, a letter first"
            )
        if self.find_username(username) is not None:
            raise WorldError(f"username={username!r}: is taken")


def _mention(user: types.User) -> Mention:
    return Mention(user.id, user.first_name or "Deleted Account", user.username)


def _held(held: dict[int, tuple[Any, bytes]], mark: int, entity: Any) -> bytes:
    """Return the TL bytes of *entity*, made anew only when another object has come."""
    found = held.get(mark)
    if found is None or found[0] is not entity:
        found = held[mark] = (entity, bytes(entity))
    return found[1]
