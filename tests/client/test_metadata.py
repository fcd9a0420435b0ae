"""`MetadataCache`: each fact asked for once, errors never kept as facts, budgets kept."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, errors, types

from telefast import (
    ArgumentError,
    BatchedHistory,
    ConnectionLostError,
    MessageCount,
    MetadataCache,
    PeerNotFoundError,
)
from telefast.testing import ErrorOn, LocalTelegram, World
from telefast.transport.account import Account

FULL = "channels.getFullChannel"
PROFILE = "users.getFullUser"
HISTORY = "messages.getHistory"


class Clocks:
    """A monotonic clock and a wall clock that a test moves."""

    def __init__(self) -> None:
        self.monotonic = 0.0
        self.wall = 1_700_000_000.0

    def cache(self, client: TelegramClient, **options: Any) -> MetadataCache:
        """Return a cache that goes by these clocks."""
        return MetadataCache(
            client, clock=lambda: self.monotonic, wall_clock=lambda: self.wall, **options
        )


async def test_what_is_told_of_each_kind_of_chat() -> None:
    """Supergroups with all their links, channels, basic groups, people, oneself."""
    world = World(seed=3)
    group = world.add_group("Crew", message_count=20)
    club = world.migrate(group, message_count=30)
    news = world.add_channel("News", message_count=5, megagroup=False, username="news")
    world.link(news, club)
    club.available_min_id, club.hidden_prehistory, club.pinned_msg_id = 3, True, 7
    crew = world.add_group("Others", message_count=3)
    grace = world.add_private_chat("Grace Hopper", message_count=5)
    world.abouts[grace.id] = "Admiral"
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        cache = MetadataCache(client)
        meta = await cache.full(club.marked_id)
        assert ("supergroup", "Crew", news.marked_id) == (
            meta.kind,
            meta.title,
            meta.linked_chat_id,
        )
        assert (group.marked_id, group.ids.max()) == (meta.migrated_from, meta.migrated_from_max_id)
        assert (3, True, 7) == (
            meta.available_min_id,
            meta.is_prehistory_hidden,
            meta.pinned_message_id,
        )
        assert (club.participants_count, club.pts) == (meta.participants, meta.pts)
        meta = await cache.full("@news")
        assert ("channel", "news", club.marked_id) == (
            meta.kind,
            meta.username,
            meta.linked_chat_id,
        )
        old = await cache.full(group.marked_id)
        assert ("group", club.marked_id) == (old.kind, old.migrated_to)
        assert (None, "Others") == (
            (await cache.full(crew.marked_id)).migrated_to,
            (await cache.full(str(crew.marked_id))).title,
        )
        meta = await cache.full(grace.marked_id)
        assert ("user", "Grace Hopper", "Admiral") == (meta.kind, meta.title, meta.about)
        assert world.me.id == (await cache.full("me")).id


async def test_one_request_for_all_who_ask_in_an_hour() -> None:
    """Concurrent and later callers share the answer until the lifetime ends."""
    world = World(seed=3)
    world.add_channel("Club", message_count=5, username="club")
    clocks = Clocks()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        cache = clocks.cache(client)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(cache.full("club")) for _ in range(20)]
        assert 1 == telegram.requests[FULL] == len({task.result() for task in tasks})
        clocks.monotonic = 3599
        meta = await cache.full("t.me/club")
        assert 1 == telegram.requests[FULL]
        clocks.monotonic = 3601
        assert meta == await cache.full("club")
        metrics = Account.of(client).metrics
        assert 2 == telegram.requests[FULL]
        assert (21, 1) == (metrics["metadata_cache_misses"], metrics["metadata_cache_hits"])
        cache.invalidate(meta.id + 1)
        await cache.full("club")
        cache.invalidate(meta.id)
        await cache.full("club")
        cache.invalidate()
        await cache.full("club")
        assert 4 == telegram.requests[FULL]


async def test_counts_say_how_much_they_are_worth() -> None:
    """The number with its source: a whole list counts itself, a thread is another list."""
    world = World(seed=3)
    club = world.add_channel("Club", message_count=250, holes=0.2, username="club")
    thread = club.post(30, reply_to=club.top)
    empty = world.add_channel("Empty")
    one = world.add_group("One", message_count=1)
    grace = world.add_private_chat("Grace Hopper", message_count=57)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        cache = MetadataCache(client)
        counts = [
            await cache.message_count(each.input_peer()) for each in (club, empty, one, grace)
        ]
        assert [280, 0, 1, 57] == [count.value for count in counts]
        assert all(count.is_exact and count.source == HISTORY for count in counts)
        root = club.message(thread[0]).reply_to.reply_to_msg_id
        wanted = MessageCount(30, is_exact=True, source="messages.getReplies")
        assert wanted == await cache.message_count("club", reply_to=root)
        assert wanted == await cache.message_count("club", reply_to=root)
        assert (4, 1) == (telegram.requests[HISTORY], telegram.requests["messages.getReplies"])
        before = telegram.requests.total
        for wrong in (0, -1, 2**31, True, 1.5, "x", float("nan")):
            with pytest.raises(ArgumentError, match="reply_to"):
                await cache.message_count("club", reply_to=wrong)  # type: ignore[arg-type]
        assert before == telegram.requests.total


@pytest.mark.parametrize("negative_ttl", [0, 60])
async def test_an_error_is_an_error(negative_ttl: float) -> None:
    """It is raised, never answered as 0 or nothing, and kept only where that was asked for."""
    world = World(seed=3)
    club = world.add_channel("Club", message_count=5, username="club")
    clocks = Clocks()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        cache = clocks.cache(client, negative_ttl=negative_ttl)
        await cache.peers.resolve("club")
        club.private = True
        for _ in range(2):
            with pytest.raises(errors.ChannelPrivateError):
                await cache.full("club")
            with pytest.raises(errors.ChannelPrivateError):
                await cache.message_count("club")
        kept = bool(negative_ttl)
        assert [2 - kept] * 2 == [telegram.requests[FULL], telegram.requests[HISTORY]]
        club.private = False
        clocks.monotonic = 61
        assert (5, "Club") == (
            (await cache.message_count("club")).value,
            (await cache.full("club")).title,
        )


async def test_it_outlives_the_process(tmp_path: Path) -> None:
    """A private file keeps answers until their lifetime ends, also over a restart; no hashes."""
    world = World(seed=3)
    club = world.add_channel("Club", message_count=5, username="club")
    path = tmp_path / "metadata.json"
    clocks = Clocks()
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with clocks.cache(client, path=path) as cache:
            meta = await cache.full("club")
            count = await cache.message_count("club")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600  # noqa: PTH116 - the bits
        assert str(club.access_hash) not in path.read_text("utf-8")
        before = telegram.requests.total
        clocks.wall += 3599
        cache = clocks.cache(client, path=path)
        both = await asyncio.gather(cache.full("club"), cache.message_count("club"))
        assert [meta, count] == both
        assert before == telegram.requests.total
        clocks.monotonic += 2  # the rest of the hour
        await cache.full("club")
        clocks.wall -= 10_000  # a clock that was moved back is no reason to believe for longer
        await clocks.cache(client, path=path).full("club")
        assert 3 == telegram.requests[FULL]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", '{"version":1}', '{"version":2}', '{"version":1,"account":5}', "ü"),
        "[" * 100_000,
    ],
    ids=lambda text: text[:20],
)
async def test_a_damaged_file_costs_requests_only(tmp_path: Path, text: str) -> None:
    """What cannot be read, or is another account's, is left alone and replaced."""
    world = World(seed=3)
    world.add_channel("Club", message_count=5, username="club")
    path = tmp_path / "metadata.json"
    path.write_bytes(text.encode("latin-1"))
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with MetadataCache(client, path=path) as cache:
            assert "Club" == (await cache.full("club")).title
        assert "Club" == json.loads(path.read_bytes())["full"][0][1]["title"]
        assert 1 == telegram.requests[FULL]


async def test_a_file_of_another_account(tmp_path: Path) -> None:
    """Accounts see different things: what one was told is not told to another."""
    world = World(seed=3)
    world.add_channel("Club", message_count=5, username="club")
    second = world.add_account()
    path = tmp_path / "metadata.json"
    async with LocalTelegram(world) as telegram:
        for number, account in enumerate([None, second], 1):
            async with telegram.client(account=account) as client:
                for _ in range(2):
                    async with MetadataCache(client, path=path) as cache:
                        await cache.full("club")
                assert number == telegram.requests[FULL]


def crowd(count: int) -> tuple[World, list[types.User]]:
    """Return a world with many people, all known to the account."""
    world = World(seed=3, user_count=0)
    people = [
        world.add_user(types.User(10_000 + n, access_hash=n + 1, first_name=f"N{n}"))
        for n in range(count)
    ]
    return world, people


async def test_profiles_stop_at_their_budget(tmp_path: Path) -> None:
    """500 profiles in three runs of at most 200 requests; what is known costs none."""
    world, people = crowd(500)
    path = tmp_path / "profiles.json"
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        cache = MetadataCache(client, max_entries=1000, path=path)
        run = await cache.profiles(people, budget=200)
        assert (200, 200, 300, "budget") == (
            len(run.found),
            run.requests,
            len(run.left),
            run.reason,
        )
        assert {10_000 + n for n in range(200)} == set(run.found)
        assert run.left == people[200:]
        assert 0 < telegram.requests.peak_in_flight_by[PROFILE] <= 4
        cache = MetadataCache(client, max_entries=1000, path=path)  # another process
        run = await cache.profiles(people, budget=200)
        assert (400, 200, 100) == (len(run.found), run.requests, len(run.left))
        run = await cache.profiles(run.left, budget=200, concurrency=1)
        assert (100, 100, [], "") == (len(run.found), run.requests, run.left, run.reason)
        assert 500 == telegram.requests[PROFILE]
        assert ({}, [people[0]]) == (
            (await MetadataCache(client).profiles(people[:1], budget=0)).found,
            (await MetadataCache(client).profiles(people[:1], budget=0)).left,
        )


async def test_profiles_of_some_fail() -> None:
    """Whom Telegram does not tell of is listed with the reason, and the others are found."""
    world, people = crowd(20)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        cache = MetadataCache(client)
        stranger = types.User(5, access_hash=1)
        wanted = [*people[:10], stranger, 999, *people[10:]]
        run = await cache.profiles(wanted, budget=100)
        assert (20, "", []) == (len(run.found), run.reason, run.left)
        assert [stranger, 999] == [entity for entity, _ in run.failed]
        kinds = [type(error) for _, error in run.failed]
        assert [errors.UserIdInvalidError, PeerNotFoundError] == kinds


async def test_profiles_stop_at_a_long_flood() -> None:
    """A wait that is too long ends the run in good order; what was found stays."""
    world, people = crowd(20)
    rule = ErrorOn(PROFILE, 420, "FLOOD_WAIT_5000", nth=9)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        cache = MetadataCache(client, max_flood_wait=60)
        run = await cache.profiles(people, budget=100, concurrency=1)
        assert (8, "flood", people[8:]) == (len(run.found), run.reason, run.left)


async def test_profiles_without_a_connection() -> None:
    """What is not about one of them is raised."""
    world, people = crowd(3)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        cache = MetadataCache(client)
        rule = ErrorOn(PROFILE, 401, "AUTH_KEY_UNREGISTERED", nth=1)
        telegram.add(rule)
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await cache.profiles(people, budget=10, concurrency=1)
        await client.disconnect()
        with pytest.raises(ConnectionLostError):
            await cache.full(people[0])


async def test_nothing_asks_for_profiles_by_itself() -> None:
    """Reading a chat with all its people costs no request for any of them."""
    world = World(seed=3, user_count=50)
    world.add_channel("Club", message_count=1000, username="club")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        before = telegram.requests["users.getUsers"]  # the client asks who it is
        senders = set()
        async with BatchedHistory(client, "club") as history:
            async for message in history:
                if message.sender_id is not None and message.sender_id > 0:
                    assert message.sender.id == message.sender_id
                    assert isinstance(await message.get_sender(), types.User)
                    senders.add(message.sender_id)
        assert len(senders) >= 50
        assert before == telegram.requests["users.getUsers"]
        assert 0 == telegram.requests[PROFILE]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"ttl": -1}, {"ttl": "x"}, {"ttl": float("nan")}, {"ttl": None}, {"negative_ttl": None}),
        *({"negative_ttl": -1}, {"max_entries": 0}, {"max_entries": "x"}, {"max_entries": 1.5}),
        *({"timeout": -1}, {"timeout": "x"}, {"max_flood_wait": -1}, {"path": 5}, {"peers": 5}),
    ],
    ids=str,
)
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    """What has no legal value names itself."""
    client = TelegramClient(None, 1, "0123456789abcdef0123456789abcdef")
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        MetadataCache(client, **wrong)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("budget", -1), ("budget", "x"), ("budget", True), ("budget", 1.5)),
        *(("concurrency", 0), ("concurrency", None), ("concurrency", 2.5)),
        *(("entities", "club"), ("entities", 5), ("entities", None), ("entities", b"other")),
    ],
)
async def test_wrong_arguments_of_profiles(name: str, wrong: Any) -> None:
    """What has no legal value names itself; a name alone is not a list of its letters."""
    client = TelegramClient(None, 1, "0123456789abcdef0123456789abcdef")
    arguments: dict[str, Any] = {"entities": [], "budget": 1} | {name: wrong}
    with pytest.raises(ArgumentError, match=name):
        await MetadataCache(client).profiles(**arguments)


@pytest.mark.parametrize("wrong", [True, None, 0, 10**20, -(10**20), 2.5, float("nan"), [], {}])
async def test_wrong_chats(wrong: Any) -> None:
    """What names no chat is refused, and nothing is sent."""
    async with LocalTelegram(World(seed=3)) as telegram, telegram.client() as client:
        cache = MetadataCache(client)
        before = telegram.requests.total
        for ask in (cache.full, cache.message_count):
            with pytest.raises(ArgumentError, match="entity"):
                await ask(wrong)
        assert before == telegram.requests.total
