"""What the embedded Telegram knows: the user who is logged in, other people, and their chats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.making import (
    Made,
    check_made,
    free_channel_id,
    made_of,
    make_channel,
)
from telefast.testing.population import Population
from telefast.testing.refs import CHANNEL_MARK
from telefast.testing.relations import discuss, link, migrate
from telefast.testing.world_check import check_world

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from telefast.testing.channel import Channel
    from telefast.testing.forum import Forum
    from telefast.testing.private import Group, PrivateChat

__all__ = ["World"]


class World(Population):
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

    def __repr__(self) -> str:
        """Count what is there, without a secret or a text."""
        boxed = sum(len(each.private_chats) + len(each.groups) for each in self.accounts)
        return (
            f"<World seed={self.seed}: {len(self.users)} users, {len(self.channels)} channels, "
            f"{boxed} other chats>"
        )

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

    def made_from(self, channel_id: int) -> Made:
        """Return what a channel was made from."""
        return self._made_from[channel_id]
