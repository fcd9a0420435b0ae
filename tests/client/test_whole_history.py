"""`WholeHistory`: both sides of a group that became a supergroup, once, in order, by their keys."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import errors

from telefast import (
    ArgumentError,
    BatchedHistory,
    ConcurrentUseError,
    GroupMigratedError,
    MessageKey,
    MetadataCache,
    WholeHistory,
)
from telefast.testing import ChangeWorld, Channel, ErrorOn, Group, LocalTelegram, World

HISTORY = "messages.getHistory"
BOTH = pytest.mark.parametrize("reverse", [False, True], ids=["newest first", "oldest first"])


def moved(old: int = 130, new: int = 150) -> tuple[World, Group, Channel]:
    """Return a world with a group that became a supergroup."""
    world = World(seed=5)
    group = world.add_group("Crew", message_count=old)
    return world, group, world.migrate(group, message_count=new)


def keys_of(*chats: Any, reverse: bool) -> list[MessageKey]:
    """Return what is owed of chats, named oldest first."""
    keys = [MessageKey(chat.marked_id, id_) for chat in chats for id_ in chat.ids]
    return keys if reverse else keys[::-1]


async def read(client: Any, chat: Any, **arguments: Any) -> list[MessageKey]:
    """Return the keys of a whole history, each checked against its message."""
    keys = []
    async with WholeHistory(client, chat, **arguments) as history:
        async for key, message in history:
            assert (message.chat_id, message.id) == key
            keys.append(key)
    return keys


@BOTH
@pytest.mark.parametrize("side", ["old", "new"])
async def test_both_sides_are_one_history(reverse: bool, side: str) -> None:
    """Named by either side, all messages come once, in order; ids that overlap are no matter."""
    world, group, club = moved()
    chat: Any = group if side == "old" else club
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        history = WholeHistory(client, chat.marked_id, reverse=reverse)
        assert (0, (), None) == (history.taken, history.parts, history.cursor)
        keys = [key async for key, _ in history]
        assert keys_of(group, club, reverse=reverse) == keys
        assert len({id_ for _, id_ in keys}) < len(keys) == history.taken
        parts = (group.marked_id, club.marked_id)
        assert parts == (history.parts if reverse else history.parts[::-1])
        assert ([], None, keys[-1]) == (history.missing, history.migrated_to, history.cursor)
        counts = telegram.requests
        assert 1 == counts["channels.getFullChannel"] + counts["messages.getFullChat"]


@BOTH
@pytest.mark.parametrize("limit", [0, 1, 131, 150, 151, 1000])
async def test_a_limit_counts_over_both(reverse: bool, limit: int) -> None:
    """The limit is that of the whole history."""
    world, group, club = moved()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        found = await read(client, club.marked_id, limit=limit, reverse=reverse)
        assert keys_of(group, club, reverse=reverse)[:limit] == found


@BOTH
@pytest.mark.parametrize("taken", [0, 1, 130, 131, 132, 150, 151, 281])
async def test_go_on_behind_a_key(reverse: bool, taken: int) -> None:
    """The key of the message taken last is all that it takes to go on, on either side."""
    world, group, club = moved()
    owed = keys_of(group, club, reverse=reverse)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        after = None
        if taken:
            async with WholeHistory(client, club.marked_id, taken, reverse=reverse) as history:
                assert owed[:taken] == [key async for key, _ in history]
                after = history.cursor
        assert owed[taken:] == await read(client, club.marked_id, reverse=reverse, after=after)


@BOTH
async def test_a_closed_old_part_is_reported(reverse: bool) -> None:
    """Who may not read the old group gets the new one, and is told what is missing."""
    world, group, club = moved()
    group.kicked = True
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        async with WholeHistory(client, club.marked_id, reverse=reverse) as history:
            assert keys_of(club, reverse=reverse) == [key async for key, _ in history]
        (part,) = history.missing
        assert group.marked_id == part.peer_id
        assert isinstance(part.error, errors.ChatForbiddenError)
        # The chat that was asked for is another matter.
        with pytest.raises(errors.ChatForbiddenError):
            await read(client, group.marked_id, reverse=reverse)


async def test_a_closed_new_part_is_reported() -> None:
    """Asked for the old group, a supergroup that we cannot enter is what is missing."""
    world, group, club = moved()
    club.private = True
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        async with WholeHistory(client, group.marked_id, reverse=True) as history:
            assert keys_of(group, reverse=True) == [key async for key, _ in history]
        (part,) = history.missing
        assert (club.marked_id, errors.ChannelPrivateError) == (part.peer_id, type(part.error))


async def test_a_chat_that_tells_of_itself_and_no_more() -> None:
    """The chat that was asked for is no missing part, whatever else may be read of it."""
    world, _, club = moved()
    rule = ErrorOn(HISTORY, 406, "CHANNEL_PRIVATE", nth=1)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        await client.get_dialogs()
        with pytest.raises(errors.ChannelPrivateError):
            await read(client, club.marked_id)


async def test_a_loss_in_the_middle_is_an_error() -> None:
    """A part that closes after something of it was delivered is not passed over."""
    world, group, club = moved(old=400)

    def close(world: World) -> None:
        group.kicked = True

    rule = ChangeWorld(HISTORY, 4, close)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        await client.get_dialogs()
        history = WholeHistory(client, club.marked_id, concurrency=1)
        with pytest.raises(errors.ChatForbiddenError):
            await anext(key async for key, _ in history if key == (0, 0))
        assert history.cursor is not None
        assert (group.marked_id, []) == (history.cursor.peer_id, history.missing)
        assert len(club.ids) < history.taken < len(club.ids) + 400


@BOTH
@pytest.mark.parametrize("follow", [False, True])
async def test_an_upgrade_in_mid_run(reverse: bool, follow: bool) -> None:
    """All of the group is delivered; then the supergroup is named, or read if that was asked."""
    world = World(seed=5)
    group = world.add_group("Crew", message_count=450)
    before = [*group.ids]
    new: list[Channel] = []

    def upgrade(world: World) -> None:
        new.append(world.migrate(group, message_count=120))

    rule = ChangeWorld(HISTORY, 3, upgrade)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        await client.get_dialogs()
        found = []
        history = WholeHistory(
            client, group.marked_id, reverse=reverse, follow_migration=follow, concurrency=1
        )
        migrated: GroupMigratedError | None = None
        try:
            async for key, _ in history:
                found.append(key)
        except GroupMigratedError as error:
            migrated = error
        (club,) = new
        # Newest first, what is posted after the first answer is not owed, nor the farewell.
        owed = [
            MessageKey(group.marked_id, id_) for id_ in (group.ids if reverse else before[::-1])
        ]
        assert owed == found[: len(owed)]
        assert club.marked_id == history.migrated_to
        if follow:
            assert migrated is None
            assert keys_of(club, reverse=reverse) == found[len(owed) :]
        else:
            assert migrated is not None
            assert (group.marked_id, club.marked_id) == (migrated.old_id, migrated.new_id)
            assert len(owed) == len(found)
            assert not migrated.retryable
        assert [] == [key async for key, _ in history]


@pytest.mark.parametrize("limit", [320, 451])
async def test_an_upgrade_behind_the_limit(limit: int) -> None:
    """Whoever got all that was asked for is told nothing; `migrated_to` says it all the same."""
    world = World(seed=5)
    group = world.add_group("Crew", message_count=450)
    rule = ChangeWorld(HISTORY, 3, lambda world: world.migrate(group))
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        await client.get_dialogs()
        arguments: Any = {"reverse": True, "concurrency": 1}
        async with WholeHistory(client, group.marked_id, limit, **arguments) as history:
            assert limit == len([key async for key, _ in history])
        assert history.migrated_to is not None


async def test_searches_go_through_both() -> None:
    """What `BatchedHistory` can look for is looked for in each part."""
    world, group, club = moved()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        wanted = []
        for chat in (club, group):
            async with BatchedHistory(client, chat.input_peer(), search="the") as history:
                wanted += [MessageKey(m.chat_id, m.id) async for m in history]
        assert wanted == await read(client, club.marked_id, search="the")


async def test_other_chats_have_one_part() -> None:
    """People, oneself and chats that never moved are read as they are."""
    world = World(seed=5)
    grace = world.add_private_chat("Grace Hopper", message_count=30)
    notes = world.add_private_chat(world.me, message_count=4)
    club = world.add_channel("Club", message_count=120, username="club")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        assert keys_of(grace, reverse=False) == await read(client, grace.marked_id)
        assert keys_of(notes, reverse=False) == await read(client, "me")
        metadata = MetadataCache(client)
        for _ in range(2):
            keys = await read(client, "t.me/club/5", metadata=metadata)
            assert keys_of(club, reverse=False) == keys
        assert 1 == telegram.requests["channels.getFullChannel"]


async def test_an_upgrade_is_seen_on_the_stock_path() -> None:
    """Where Telethon's own iterator reads, the messages' chat tells."""
    world = World(seed=5)
    group = world.add_group("Crew", message_count=450)
    rule = ChangeWorld("messages.search", 2, lambda world: world.migrate(group, message_count=3))
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        await client.get_dialogs()
        with pytest.raises(GroupMigratedError):
            await read(client, group.marked_id, search="e")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"ids": [5]}, {"offset_id": 5}, {"min_id": 5}, {"max_id": 5}, {"add_offset": 1}),
        *({"reply_to": 5}, {"on_progress": print}, {"limit": -1}, {"concurrency": 0}),
        *({"after": 5}, {"after": "ab"}, {"after": (1, 2, 3)}, {"after": (1.5, 2)}),
        *({"after": (0, 5)}, {"after": (-7, 0)}, {"after": (-7, 2**31)}, {"after": (-7, True)}),
        *({"follow_migration": 1}, {"metadata": 5}, {"metadata": 0}, {"takeout": 0}),
        *({"timeout": -1}, {"timeout": "x"}, {"timeout": True}, {"timeout": float("nan")}),
        *({"entity": None}, {"entity": 1.5}, {"client": []}, {"client": None}),
    ],
    ids=str,
)
async def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    """Those that mean one chat, or have no legal value, are named at once; nothing is sent."""
    async with LocalTelegram(World(seed=5)) as telegram, telegram.client() as client:
        before = telegram.requests.total
        with pytest.raises(ArgumentError, match=next(iter(wrong))):
            WholeHistory(**{"client": client, "entity": "me"} | wrong)
        with pytest.raises(ArgumentError, match="client"):
            WholeHistory([client], "me")  # type: ignore[arg-type]
        assert before == telegram.requests.total


async def test_a_key_may_come_from_json() -> None:
    """A list of two, as JSON gives it back, is a key."""
    world, group, club = moved()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        after: Any = [group.marked_id, 3]
        keys = await read(client, club.marked_id, after=after)
        assert [key for key in keys_of(group, reverse=False) if key.message_id < 3] == keys


async def test_a_key_of_another_chat() -> None:
    """A key that names no part of this history is refused before a message is asked for."""
    world, _, club = moved()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        with pytest.raises(ArgumentError, match="after"):
            await read(client, club.marked_id, after=(7, 5))
        assert 0 == telegram.requests[HISTORY]


async def test_stopping_early() -> None:
    """Leaving in the middle ends the stream, and its repr shows numbers only."""
    world, _, club = moved()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        async with WholeHistory(client, club.marked_id) as history:
            await anext(history)
        with pytest.raises(StopAsyncIteration):
            await anext(history)
        assert "taken=1" in repr(history)


async def test_a_second_consumer_harms_nobody() -> None:
    """It gets the error, and the first one gets every message once."""
    world, group, club = moved()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        async with WholeHistory(client, club.marked_id, request_size=10) as history:

            async def eat() -> list[MessageKey]:
                return [key async for key, _ in history]

            found: list[Any] = await asyncio.gather(eat(), eat(), return_exceptions=True)
        assert isinstance(found[1], ConcurrentUseError)
        assert keys_of(group, club, reverse=False) == found[0]
        assert len(found[0]) == history.taken
