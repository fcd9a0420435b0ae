"""`ForumWalker`: all topics of a forum, each once, whatever the list does meanwhile."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from telethon import errors, types
from telethon.tl import functions

from telefast import (
    ArgumentError,
    CompatibilityError,
    ConcurrentUseError,
    FloodWaitTooLongError,
    ForumAccessError,
    ForumListing,
    ForumWalker,
    NotAForumError,
    Takeout,
    TopicCursor,
)
from telefast.testing import (
    Assumptions,
    BumpTopics,
    DeletedTopics,
    ErrorOn,
    Forum,
    LocalTelegram,
    MissingTopMessages,
    ReducedTopics,
    RepeatTopics,
    ShortTopics,
    TakeoutRequired,
    UnknownConstructor,
    World,
)
from telefast.transport.account import Account
from tests.client.clock import Clock

LIST = "messages.getForumTopics"
BY_ID = "messages.getForumTopicsByID"


@pytest.fixture
def world() -> World:
    """Three pinned topics among them, 352 in all with General."""
    world = World(seed=3)
    forum = world.add_forum("Harbour", topics=350, message_count=4000, username="harbour")
    forum.pin_topics(forum.add_topic("Tide tables", message_count=3), 1, sorted(forum.topics)[9])
    return world


@pytest.fixture
def world_of_few() -> World:
    """A forum with twelve topics."""
    world = World(seed=4)
    world.add_forum("Quay", topics=12, message_count=300, username="quay")
    return world


def forum_of(world: World) -> Forum:
    """Return the only forum."""
    [forum] = [chat for chat in world.channels.values() if isinstance(chat, Forum)]
    return forum


def ids(listing: ForumListing) -> list[int]:
    """Return the ids of the topics that were listed."""
    return [topic.id for topic in listing.topics]


async def test_all_topics_each_once(world: World) -> None:
    """350 topics, some pinned, and General: each once, in Telegram's order, with all it says."""
    forum = forum_of(world)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        listing = await ForumWalker(client, "harbour").listing()
        metrics = Account.of(client).metrics
        assert (True, 352, 0, None) == (
            listing.complete,
            listing.count,
            listing.duplicates,
            listing.problem,
        )
        assert forum.pinned == ids(listing)[:3]
        assert sorted(forum.topics) == sorted(ids(listing))
        assert 5 == listing.pages == telegram.requests[LIST] == metrics["forum_topic_pages"]
        assert 352 == metrics["forum_topics"]
    for topic in listing.topics:
        truth = forum.topics[topic.id]
        assert (truth.title, truth.closed, truth.date) == (
            topic.title,
            topic.closed,
            topic.date and topic.date.timestamp(),
        )
        assert (topic.id in forum.pinned, forum.topic_tops()[topic.id]) == (
            topic.pinned,
            topic.top_message_id,
        )
        assert truth.icon_color == topic.icon_color
        assert truth.icon_emoji_id == topic.icon_emoji_id


RULES: dict[str, Any] = {
    "three move at each page": lambda: BumpTopics(count=3),
    "sixty move": lambda: BumpTopics(count=60, nth=1),
    "one moves now and then": lambda: BumpTopics(count=1, every=2),
    "last message is missing": lambda: MissingTopMessages(last=True),
    "messages are missing": lambda: MissingTopMessages(),
    "deleted rows": lambda: DeletedTopics([7, 8]),
    "short pages": lambda: ShortTopics(drop=7),
    "a very short page": lambda: ShortTopics(drop=90, nth=2),
    "reduced rows": lambda: ReducedTopics(),
    "some reduced rows": lambda: ReducedTopics(nth=[1, 3]),
    "a page comes again": lambda: RepeatTopics(nth=2),
    "pages come again": lambda: RepeatTopics(every=2),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("again", [False, True], ids=["once", "pinned again"])
async def test_nothing_is_lost(world: World, name: str, again: bool) -> None:
    """Whatever goes wrong with the pages: all topics, each once, and the list knows it."""
    rule = RULES[name]()
    world.assume = Assumptions(pinned_topics="again" if again else "once")
    forum = forum_of(world)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        listing = await ForumWalker(client, "harbour").listing()
        assert rule.fired
        assert listing.complete
        assert sorted(forum.topics) == sorted(ids(listing))
        assert listing.duplicates == Account.of(client).metrics["forum_duplicates_dropped"]
        assert telegram.requests[LIST] <= 14


@pytest.mark.parametrize("short", [False, True])
async def test_by_creation(world: World, short: bool) -> None:
    """Topics that stand by when they were made are all listed, also if all rows are reduced."""
    forum = forum_of(world)
    forum.by_creation = True
    for topic in forum.topics.values():
        topic.short = short
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        listing = await ForumWalker(client, "harbour").listing()
        assert listing.complete
        assert sorted(forum.topics) == sorted(ids(listing))
        assert (5, 0) == (telegram.requests[LIST], telegram.requests[BY_ID])


async def test_all_rows_reduced(world: World) -> None:
    """Where no row tells the latest message, it is looked up in the topic itself."""
    forum = forum_of(world)
    empty = forum.add_topic("Nothing in it")
    for topic in forum.topics.values():
        topic.short = True
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        listing = await ForumWalker(client, "harbour").listing()
        assert listing.complete
        assert sorted(forum.topics) == sorted(ids(listing))
        row = next(topic for topic in listing.topics if topic.id == empty.id)
        assert (True, "Nothing in it", None) == (row.short, row.title, row.top_message_id)
        assert 4 == telegram.requests[BY_ID]


async def test_a_page_that_comes_again_for_ever(world: World) -> None:
    """A list that does not go on ends, keeps what it has, and says that it is not all."""
    async with (
        LocalTelegram(world, rules=[RepeatTopics()]) as telegram,
        telegram.client() as client,
    ):
        listing = await ForumWalker(client, "harbour").listing()
        assert (False, 100) == (listing.complete, len(listing.topics))
        assert "same page" in str(listing.problem)
        assert telegram.requests[LIST] < 15


@pytest.mark.parametrize("count", [20, 100, 200])
async def test_topics_move_all_the_time(world: World, count: int) -> None:
    """A list that is never quiet is read from the top until nothing is missing, and ends."""
    forum = forum_of(world)
    rule = BumpTopics(count=count)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        listing = await ForumWalker(client, "harbour").listing()
        assert listing.complete
        assert sorted(forum.topics) == sorted(ids(listing))
        assert telegram.requests[LIST] <= 12


@pytest.mark.parametrize("of", [types.Message, types.MessageService, types.User, types.Channel])
async def test_what_telethon_cannot_read(world: World, of: Any) -> None:
    """A latest message, or somebody, that Telethon does not know costs no topic."""
    rule = UnknownConstructor(LIST, of)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        listing = await ForumWalker(client, "harbour").listing()
        assert rule.fired
        assert listing.complete
        assert sorted(forum_of(world).topics) == sorted(ids(listing))


async def test_topics_that_telethon_cannot_read(world: World) -> None:
    """A topic of a later kind is an error that says to upgrade; what was listed before is kept."""
    rule = UnknownConstructor(LIST, types.ForumTopic, nth=2)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        listing = await ForumWalker(client, "harbour").listing()
        assert (False, 100) == (listing.complete, len(listing.topics))
        assert isinstance(listing.problem, CompatibilityError)


async def test_error_after_the_first_page(world: World) -> None:
    """Topics that were listed before an error are kept, and the listing has the error."""
    rule = ErrorOn(LIST, 400, "CHANNEL_PRIVATE", nth=3)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour")
        listing = await walker.listing()
        assert (False, 200) == (listing.complete, len(listing.topics))
        problem = listing.problem
        assert isinstance(problem, ForumAccessError)
        assert "CHANNEL_PRIVATE" == problem.reason
        stream = walker.topics()
        found = [topic.id async for topic in stream]
        assert stream.complete
        assert 352 == len(set(found)) == len(found)


async def test_an_error_can_be_iterated_past(world: World) -> None:
    """An error comes after all topics before it, and the same iteration goes on behind it."""
    rule = ErrorOn(LIST, 400, "CHAT_ADMIN_REQUIRED", nth=2)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        stream = ForumWalker(client, "harbour").topics()
        found = [(await anext(stream)).id for _ in range(100)]
        with pytest.raises(ForumAccessError, match="CHAT_ADMIN_REQUIRED"):
            await anext(stream)
        found += [topic.id async for topic in stream]
        assert stream.complete
        assert 352 == len(set(found)) == len(found)


@pytest.mark.parametrize("taken", [0, 1, 99, 100, 101, 250, 352])
async def test_cursor(world: World, taken: int) -> None:
    """A list goes on from a cursor behind what was taken, and knows when it is complete."""
    rules = [BumpTopics(count=2)]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour")
        first = walker.topics(limit=taken)
        found = [topic.id async for topic in first]
        assert taken == len(found)
        cursor = TopicCursor.from_json(first.cursor.to_json())
        assert cursor == first.cursor
        rest = walker.topics(cursor=cursor)
        found += [topic.id async for topic in rest]
        assert rest.complete
        assert sorted(forum_of(world).topics) == sorted(found)


async def test_search_and_limit(world: World) -> None:
    """A part of the title chooses topics; a limit ends the list early, and 0 asks nothing."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour")
        listing = await walker.listing("tide")
        assert (True, ["Tide tables"]) == (
            listing.complete,
            [topic.title for topic in listing.topics],
        )
        before = telegram.requests[LIST]
        assert not [topic async for topic in walker.topics(limit=0)]
        assert before == telegram.requests[LIST]
        stream = walker.topics(limit=5)
        assert 5 == len([topic async for topic in stream])
        assert not stream.complete
        assert before + 1 == telegram.requests[LIST]


async def test_what_is_included(world_of_few: World) -> None:
    """General, a hidden General, and deleted topics are left out or listed as is asked for."""
    forum = forum_of(world_of_few)
    forum.general.edit(hidden=True)
    gone = forum.add_topic("Gone", message_count=2)
    gone.delete()
    rules = [DeletedTopics()]
    async with LocalTelegram(world_of_few, rules=rules) as telegram, telegram.client() as client:

        async def listed(**options: Any) -> set[int]:
            listing = await ForumWalker(client, "quay", **options).listing()
            assert listing.complete
            assert 13 == listing.count
            return set(ids(listing))

        known = set(forum.topics)
        assert known == await listed()
        assert known - {1} == await listed(include_general=False)
        assert known - {1} == await listed(include_hidden=False)
        assert known | {gone.id} == await listed(include_deleted=True)


async def test_general_that_no_page_shows(world_of_few: World) -> None:
    """A General without messages is on no page; it is asked for by its id."""
    forum = forum_of(world_of_few)
    forum.delete(*forum.topic_ids(1))
    async with LocalTelegram(world_of_few) as telegram, telegram.client() as client:
        listing = await ForumWalker(client, "quay").listing()
        assert listing.complete
        assert sorted(forum.topics) == sorted(ids(listing))
        assert 1 == telegram.requests[BY_ID]
        assert [True] == [topic.short for topic in listing.topics if topic.is_general]


async def test_page_size(world_of_few: World) -> None:
    """Small pages, down to a topic each, list the same."""
    async with LocalTelegram(world_of_few) as telegram, telegram.client() as client:
        for page_size, pages in ((1, 14), (5, 4), (13, 2)):
            before = telegram.requests[LIST]
            listing = await ForumWalker(client, "quay", page_size=page_size).listing()
            assert listing.complete
            assert sorted(forum_of(world_of_few).topics) == sorted(ids(listing))
            assert pages == telegram.requests[LIST] - before


async def test_what_is_no_forum() -> None:
    """What is no forum says so by a typed error that tells what it is."""
    world = World(seed=5)
    forum = world.add_forum("Old", topics=3, message_count=50, username="olden")
    forum.is_forum = False
    news = world.add_channel("News", message_count=5, megagroup=False, username="news")
    direct = world.add_channel("Direct", message_count=5, username="direct")
    direct.monoforum = news
    group = world.add_group("Crew", message_count=5)
    person = world.add_private_chat("Grace Hopper", message_count=5)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_dialogs()
        entities: dict[Any, str] = {
            "olden": "supergroup",
            "news": "channel",
            "direct": "monoforum",
            group.marked_id: "group",
            person.id: "user",
            "me": "user",
        }
        for entity, kind in entities.items():
            walker = ForumWalker(client, entity)
            with pytest.raises(NotAForumError) as caught:
                await walker.listing()
            assert kind == caught.value.kind
            assert caught.value.chat_id
        bot: Any = types.User(7, bot=True, bot_forum_view=True, access_hash=7)
        with pytest.raises(NotAForumError, match="private chat") as caught:
            await ForumWalker(client, bot).listing()
        assert "bot_forum" == caught.value.kind


async def test_a_bot_with_topics(world_of_few: World) -> None:
    """A bot whose private chat has topics is recognised by asking what it is."""
    bot = world_of_few.add_private_chat("Helper", message_count=1)
    world_of_few.users[bot.id].bot = True
    world_of_few.users[bot.id].bot_info_version = 1
    world_of_few.users[bot.id].bot_forum_view = True
    async with LocalTelegram(world_of_few) as telegram, telegram.client() as client:
        await client.get_dialogs()
        with pytest.raises(NotAForumError) as caught:
            await ForumWalker(client, bot.id).listing()
        assert "bot_forum" == caught.value.kind


async def test_no_access(world_of_few: World) -> None:
    """A forum that this account may not see is an error that says so, and names Telegram's."""
    for code, message in ((400, "CHANNEL_PRIVATE"), (400, "CHAT_ADMIN_REQUIRED")):
        rules = [ErrorOn(LIST, code, message)]
        async with (
            LocalTelegram(world_of_few, rules=rules) as telegram,
            telegram.client() as client,
        ):
            walker = ForumWalker(client, "quay")
            with pytest.raises(ForumAccessError) as caught:
                await walker.listing()
            assert message == caught.value.reason
            assert forum_of(world_of_few).marked_id == caught.value.chat_id
            assert not caught.value.retryable
            assert "join it" in str(caught.value)
            assert isinstance(caught.value.__cause__, errors.RPCError)


async def test_in_a_takeout(world_of_few: World) -> None:
    """Through a takeout's client all requests are made within the takeout."""
    rules = [TakeoutRequired(LIST, BY_ID, "messages.getReplies", "messages.getHistory")]
    async with LocalTelegram(world_of_few, rules=rules) as telegram, telegram.client() as client:
        with pytest.raises(errors.TakeoutRequiredError):
            await ForumWalker(client, "quay").listing()
        async with Takeout(client) as takeout:
            walker = ForumWalker(takeout.client, "quay")
            listing = await walker.listing()
            assert listing.complete
            assert 13 == len(listing.topics)
            counts = await walker.counts(listing.topics)
            assert not counts.failed
            assert "one pass" == (await walker.plan()).way


async def test_floods_are_waited_for(world: World, quick_clock: Clock) -> None:
    """A flood wait in the middle of the list is obeyed, and one too long keeps what there is."""
    rules = [ErrorOn(LIST, 420, "FLOOD_WAIT_7", nth=2), ErrorOn(LIST, 420, "FLOOD_WAIT_90", nth=8)]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour", max_flood_wait=60)
        assert (await walker.listing()).complete
        assert [True, False] == [bool(rule.fired) for rule in rules]
        listing = await walker.listing()
        assert (False, 100) == (listing.complete, len(listing.topics))
        assert isinstance(listing.problem, FloodWaitTooLongError)


async def test_one_consumer_at_a_time(world: World) -> None:
    """A second consumer is refused, and a cancelled one loses nothing."""
    async with LocalTelegram(world, rtt=0.02) as telegram, telegram.client() as client:
        stream = ForumWalker(client, "harbour").topics()
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        with pytest.raises(ConcurrentUseError):
            await anext(stream)
        found = [(await first).id]
        while len(found) < 352:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            if waiting.done():
                found.append(waiting.result().id)
            else:
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                found.append((await anext(stream)).id)
        assert sorted(forum_of(world).topics) == sorted(found)


async def test_old_telethon(monkeypatch: pytest.MonkeyPatch, world_of_few: World) -> None:
    """A Telethon that has the requests elsewhere is refused when a walker is made."""
    monkeypatch.delattr(functions.messages, "GetForumTopicsRequest")
    async with LocalTelegram(world_of_few) as telegram, telegram.client() as client:
        with pytest.raises(CompatibilityError, match="GetForumTopicsRequest"):
            ForumWalker(client, "quay")


async def test_bad_arguments(world_of_few: World) -> None:
    """Wrong arguments are refused at once, by name."""
    async with LocalTelegram(world_of_few) as telegram, telegram.client() as client:
        for name, value in (
            ("page_size", 0),
            ("page_size", 101),
            ("include_general", 1),
            ("general", "maybe"),
            ("timeout", -1),
            ("concurrency", 0),
            ("takeout", True),
            ("search", "tide"),
            ("nonsense", 1),
            ("metadata", 5),
        ):
            with pytest.raises(ArgumentError, match=name):
                ForumWalker(client, "quay", **{name: value})
        with pytest.raises(ArgumentError, match="client"):
            ForumWalker([client], "quay")  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match="entity"):
            ForumWalker(client, None)
        walker = ForumWalker(client, "quay")
        wrong: Any
        for wrong in ({"q": 1}, {"limit": -1}, {"cursor": 7}):
            with pytest.raises(ArgumentError, match=next(iter(wrong))):
                walker.topics(**wrong)
        for wrong in ("1", 0, None):
            with pytest.raises(ArgumentError, match="topic"):
                walker.history(wrong)
        for wrong in (5, "5", b"5", [0], ["5"]):
            for make in (walker.split, walker.read):
                with pytest.raises(ArgumentError, match="topic"):
                    make(wrong)
            for ask in (walker.plan, walker.counts):
                with pytest.raises(ArgumentError, match="topic"):
                    await ask(wrong)
        for make in (partial(walker.history, 5), walker.split, walker.read):
            for wrong in ({"minid": 5}, {"concurrency": "x"}):
                with pytest.raises(ArgumentError, match=next(iter(wrong))):
                    make(**wrong)
        with pytest.raises(ArgumentError, match="plan"):
            walker.read(plan="per topic")  # type: ignore[arg-type]
        assert not telegram.requests.requests(LIST)
