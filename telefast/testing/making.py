"""How a world makes its people and channels from the seed, and what it refuses to make."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.channel import Channel, ids_with_holes
from telefast.testing.chat import MAX_MESSAGE_ID
from telefast.testing.dice import Dice
from telefast.testing.forum import Forum
from telefast.testing.forum_seed import ForumLine, SeededForum, roots_of
from telefast.testing.refs import CHANNEL_MARK
from telefast.testing.seeded import Kind, Person, Script, SeededChat
from telefast.testing.text import LANGUAGES, Language, Mention
from telefast.testing.timeline import FIRST_DATE, SPAN, OwnLine

if TYPE_CHECKING:
    from datetime import datetime

    from telefast.testing.population import Population

__all__ = [
    "Made",
    "check_count",
    "check_made",
    "free_channel_id",
    "full_name",
    "made_of",
    "make_channel",
    "person_of",
]

_LAST_BEGIN: Final = 2**31 - 1 - SPAN
"""Dates on the wire are signed 32-bit numbers."""


def check_count(message_count: int, holes: float, *, per_slot: int = 2) -> None:
    """Refuse counts that no chat can have.

    Args:
        message_count: How many messages shall exist.
        holes: Share of ids that shall not.
        per_slot: Ids that one message may cost.

    Raises:
        WorldError: If a number is out of range, or ids would not fit into 32 bits.
    """
    if message_count < 0 or not 0 <= holes < 1:
        raise WorldError(
            f"message_count={message_count}, holes={holes}: expected 0 or more, 0 <= holes < 1"
        )
    if message_count / (1 - holes) > MAX_MESSAGE_ID // per_slot:
        raise WorldError(f"message_count={message_count}, holes={holes}: ids would pass 2**31")


class Made(NamedTuple):
    """What a seeded channel is made from, beside the seed of its world.

    Attributes:
        message_count: How many seeded messages exist.
        holes: Share of ids that do not.
        senders: How many people write, each in turn; 0 means all, a few of them most.
        begin: Date from which messages are dated, in seconds since the epoch.
        topics: Seeded topics of a forum, General left out; None for what is no forum.
    """

    message_count: int = 0
    holes: float = 0.0
    senders: int = 0
    begin: int = FIRST_DATE
    topics: int | None = None


def made_of(
    message_count: int,
    holes: float,
    senders: int | None,
    begin: datetime | None,
    topics: int | None = None,
) -> Made:
    """Return what a channel is made from; see `World.add_channel`."""
    if senders is not None and senders < 1:
        raise WorldError(f"senders={senders}: expected 1 or more, and a supergroup")
    date = FIRST_DATE if begin is None else int(begin.timestamp())
    return Made(message_count, holes, senders or 0, date, topics)


def check_made(world: Population, made: Made) -> None:
    """Refuse what no channel can be made from.

    Raises:
        WorldError: If a number is out of range.
    """
    check_count(made.message_count, made.holes)
    most = len(world.cast.people)
    if not 0 <= made.senders <= most:
        raise WorldError(f"senders={made.senders}: expected 1 to {most}, the people of the world")
    if not 0 <= made.begin <= _LAST_BEGIN:
        raise WorldError(f"begin={made.begin}: dates would lie outside 1970 to 2038")
    if made.topics and not 0 < made.topics < made.message_count:
        raise WorldError(
            f"topics={made.topics}: expected less than message_count={made.message_count}, since "
            "each begins with a message"
        )


def make_channel(
    world: Population,
    channel_id: int,
    title: str,
    made: Made,
    *,
    megagroup: bool,
    username: str | None,
    about: str,
) -> Channel:
    """Make a channel or supergroup of a world, not yet one of its channels."""
    ids = ids_with_holes(f"{world.seed}/{channel_id}/holes", made.message_count, made.holes)
    kind: Kind = "supergroup" if megagroup else "channel"
    key = f"{world.seed}/{channel_id}/"
    cast = world.cast
    if made.senders:
        cast = cast._replace(people=cast.people[: made.senders], in_turn=True)
    stamp = partial(world.file_store.stamp, 0, -(CHANNEL_MARK + channel_id))
    script = Script(key, kind, types.PeerChannel(channel_id), title, stamp)
    top = ids.max() if ids else 0
    home: type[Channel] = Channel
    if made.topics is None:
        seeded = SeededChat(script, cast, OwnLine(key, top, made.begin))
    else:
        home = Forum
        roots = roots_of(ids, made.topics)
        seeded = SeededForum(script, cast, ForumLine(key, top, made.begin, roots), roots)
    members = tuple(person.mention.user_id for person in world.cast.people)
    admins = [id_ for id_ in members[1:] if not (world.users[id_].bot or world.users[id_].deleted)]
    return home(
        channel_id,
        title,
        ids,
        seeded,
        world.cache,
        access_hash=Dice.of(world.seed, "channel", channel_id).signed64(),
        megagroup=megagroup,
        username=username,
        about=about,
        participants_count=len(members),
        members=members,
        admins=tuple(admins[:1]),
    )


def free_channel_id(world: Population) -> int:
    """Return a bare id that no channel of the world has, own or foreign."""
    dice = Dice.of(world.seed, "channels", len(world.channels))
    while True:
        channel_id = 1_300_000_000 + dice.below(800_000_000)
        if channel_id not in world.channels and -(CHANNEL_MARK + channel_id) not in world.foreign:
            return channel_id


def person_of(
    user: types.User, language: Language | None = None, *, is_self: bool = False
) -> Person:
    """Return a user as one who writes; the language depends on the id if none is given."""
    if language is None:
        language = LANGUAGES[0] if is_self else LANGUAGES[user.id % len(LANGUAGES)]
    name = user.first_name or "Deleted Account"
    return Person(Mention(user.id, name, user.username), language, is_self)


def full_name(user: types.User) -> str:
    """Return first and last name, or what Telegram shows for a user without a name."""
    return " ".join(filter(None, (user.first_name, user.last_name))) or "Deleted Account"
