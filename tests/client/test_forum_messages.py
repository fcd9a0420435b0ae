"""`ForumWalker`: the messages of each topic, by itself or in one pass, are those of the world."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from telethon import errors, types

from telefast import (
    ArgumentError,
    Checkpoint,
    CursorMismatchError,
    ForumPlan,
    ForumWalker,
    HistoryCursor,
    MetadataCache,
    NotAForumError,
    Takeout,
    topic_of,
)
from telefast.testing import ErrorOn, Forum, LocalTelegram, RefuseGeneral, World
from telefast.transport.account import Account
from tests.client.test_undecoded import Newer

REPLIES = "messages.getReplies"
HISTORY = "messages.getHistory"
BY_IDS = "channels.getMessages"


@pytest.fixture
def world() -> World:
    """A world."""
    return World(seed=6)


@pytest.fixture
def forum(world: World) -> Forum:
    """1,500 messages in 20 topics, one without messages, one that was deleted, and General."""
    forum = world.add_forum("Harbour", topics=18, message_count=1500, username="harbour")
    forum.add_topic("Nothing in it")
    forum.add_topic("Gone", message_count=7).delete()
    forum.delete(*[id_ for id_ in forum.ids if id_ % 11 == 5 and id_ not in forum.topics])
    abroad = world.add_channel("Abroad", message_count=9)
    there = types.PeerChannel(abroad.id)
    topic = max(forum.topics)
    for header in (
        {"forum_topic": True, "reply_to_top_id": topic},
        {},
    ):
        [new] = forum.post()
        message = forum.peek(new)
        message.reply_to = types.MessageReplyHeader(
            reply_to_msg_id=5, reply_to_peer_id=there, **header
        )
        forum.put(message)
    return forum


def truth(forum: Forum, *topics: int) -> dict[int, list[int]]:
    """Return the ids of the messages of topics, all topics that messages name if none is given."""
    found: dict[int, list[int]] = {}
    for id_ in forum.ids:
        topic = forum.topic_of(id_)
        if not topics or topic in topics:
            found.setdefault(topic, []).append(id_)
    return found


async def ids_of(history: Any) -> list[int]:
    """Return the ids of all messages."""
    async with history:
        return [message.id async for message in history]


async def buckets(source: Any, found: dict[int, list[int]] | None = None) -> dict[int, list[int]]:
    """Return the ids of all messages by topic, also in *found*."""
    found = {} if found is None else found
    async with source:
        async for topic, message in source:
            assert topic == topic_of(message)
            found.setdefault(topic, []).append(message.id)
    return found


async def walks(walker: ForumWalker, topics: Iterable[int], **options: Any) -> dict[int, list[int]]:
    """Return what each topic has by itself."""
    return {topic: await ids_of(walker.history(topic, **options)) for topic in topics}


async def test_each_topic_and_one_pass_are_the_world(world: World, forum: Forum) -> None:
    """Every topic by itself, the buckets of one pass, and the world are the same, oldest first."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour")
        listing = await walker.listing()
        assert listing.complete
        each = await walks(walker, [topic.id for topic in listing.topics])
        before = telegram.requests[HISTORY] + telegram.requests[BY_IDS]
        split = walker.split()
        whole = await buckets(split)
        used = telegram.requests[HISTORY] + telegram.requests[BY_IDS] - before
    assert truth(forum) == whole == each
    assert {topic: len(found) for topic, found in whole.items()} == split.counts
    assert len(forum.ids) == sum(split.counts.values()) == split.total
    assert 0 == split.missing
    assert not split.unknown
    assert split.requests == used <= 2 + len(forum.ids) // 100


async def test_the_root_belongs_to_the_topic(world: World, forum: Forum) -> None:
    """What began the topic comes first, backwards last, within bounds and limit, or not at all."""
    topic = sorted(forum.topics)[3]
    all_ids = [*forum.topic_ids(topic)]
    date = forum.timestamp(all_ids[40])
    at_once = all_ids[40:]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        history = ForumWalker(client, "harbour").history
        assert all_ids == await ids_of(history(topic))
        assert all_ids[::-1] == await ids_of(history(topic, reverse=False))
        assert all_ids[1:] == await ids_of(history(topic, include_root=False))
        assert all_ids[:1] == await ids_of(history(topic, 1))
        assert all_ids[:7] == await ids_of(history(topic, limit=7))
        assert all_ids[:-8:-1] == await ids_of(history(topic, limit=7, reverse=False))
        assert all_ids[1:] == await ids_of(history(topic, min_id=topic))
        assert all_ids == await ids_of(history(topic, min_id=topic - 1))
        assert all_ids[:1] == await ids_of(history(topic, max_id=topic + 1))
        assert all_ids[5::-1] == await ids_of(history(topic, reverse=False, max_id=all_ids[6]))
        assert all_ids[5::-1] == await ids_of(history(topic, reverse=False, offset_id=all_ids[6]))
        assert all_ids[6:] == await ids_of(history(topic, offset_id=all_ids[5]))
        assert at_once == await ids_of(history(topic, offset_date=date))
        assert all_ids == await ids_of(history(topic, offset_date=forum.timestamp(1)))
        before = history(topic, offset_date=date, reverse=False)
        assert all_ids[39::-1] == await ids_of(before)
        early = history(topic, offset_date=forum.timestamp(1), reverse=False)
        assert [] == await ids_of(early)
        none = history(topic, limit=0)
        assert [] == await ids_of(none)
        assert len(all_ids) - 1 == none.total
        with pytest.raises(ArgumentError, match="add_offset"):
            history(topic, add_offset=3)
        shifted = history(topic, add_offset=-3, include_root=False, reverse=False, offset_id=topic)
        assert all_ids[3:0:-1] == await ids_of(shifted)


async def test_batches_and_root(world: World, forum: Forum) -> None:
    """Batches hold the root like any other message, with the bytes that it came in."""
    topic = sorted(forum.topics)[2]
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        ForumWalker(client, "harbour").history(topic, batch_size=50) as history,
    ):
        batches = [batch async for batch in history.batches()]
    found = [message.id for batch in batches for message in batch.messages]
    assert [*forum.topic_ids(topic)] == found
    assert isinstance(batches[0].messages[0].action, types.MessageActionTopicCreate)
    assert all(batch.pages for batch in batches)


@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("general", ["thread", "scan"])
@pytest.mark.parametrize("taken", [0, 1, 30])
async def test_going_on_from_a_cursor(
    world: World, forum: Forum, reverse: bool, general: Any, taken: int
) -> None:
    """A topic goes on behind what was taken, General too, whichever way it was read before."""
    first = sorted(forum.topics)[1]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        one = ForumWalker(client, "harbour", general=general)
        other = ForumWalker(client, "harbour")
        for topic in (1, first):
            wanted = [*forum.topic_ids(topic)][:: 1 if reverse else -1]
            async with one.history(topic, reverse=reverse) as history:
                found = [(await anext(history)).id for _ in range(taken)]
                cursor = HistoryCursor.from_json(history.cursor.to_json())
            rest = await ids_of(other.history(topic, start=cursor))
            assert wanted == found + rest
            with pytest.raises(CursorMismatchError, match="limit"):
                other.history(topic, start=cursor, limit=3)
            with pytest.raises(CursorMismatchError):
                other.history(sorted(forum.topics)[4], start=cursor)


@pytest.mark.parametrize("general", ["thread", "scan"])
async def test_going_on_from_a_checkpoint(
    world: World, forum: Forum, general: Any, tmp_path: Path
) -> None:
    """What was not acknowledged comes again, the root and General included, and nothing else."""
    first = sorted(forum.topics)[1]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour", general=general)
        for topic in (1, first):
            wanted = [*forum.topic_ids(topic)]
            async with Checkpoint(tmp_path / f"{topic}") as checkpoint:
                history = walker.history(topic, start=checkpoint)
                for _ in range(30):
                    message = await anext(aiter(history))
                    if message.id not in (wanted[0], wanted[7]):
                        await checkpoint.ack(message)
                await history.aclose()
            found = []
            async with Checkpoint(tmp_path / f"{topic}") as checkpoint:
                async for message in walker.history(topic, start=checkpoint):
                    found.append(message.id)
                    await checkpoint.ack(message)
            assert [wanted[0], wanted[7], *wanted[30:]] == found
            forum.post(2, topic=topic)
            async with Checkpoint(tmp_path / f"{topic}") as checkpoint:
                later = await ids_of(walker.history(topic, start=checkpoint))
            assert [*forum.topic_ids(topic)][-2:] == later


# General


def grown(world: World, **options: Any) -> Forum:
    """Return a forum whose General is small beside the rest, so that its thread pays."""
    return world.add_forum("Quay", topics=3, message_count=2000, username="quay", **options)


async def test_the_thread_of_general_is_proven(world: World) -> None:
    """Where all topics add up to the chat, General's thread is read, and nothing else."""
    forum = grown(world)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "quay")
        assert [*forum.topic_ids(1)] == await ids_of(walker.history(1))
        assert 2 == telegram.requests[HISTORY]  # how many there are, and the newest
        assert 0 == Account.of(client).metrics["forum_general_fallbacks"]
        again = telegram.requests[REPLIES]
        assert [*forum.topic_ids(1)] == await ids_of(walker.history(1))
        assert telegram.requests[REPLIES] - again <= 6


@pytest.mark.parametrize("what", ["refused", "short", "unknown topic", "topics off", "uncounted"])
async def test_general_is_exact_all_the_same(world: World, what: str) -> None:
    """A thread that is refused, short, or not proven is not used: the whole history is, once."""
    forum = grown(world)
    rules: list[Any] = []
    if what == "refused":
        rules.append(RefuseGeneral())
    elif what == "short":
        forum.general_shown = 50
    elif what == "unknown topic":
        forum.add_topic("Gone", message_count=4).delete(keep_messages=True)
    elif what == "topics off":
        forum.is_forum = False
    else:
        rules.append(ErrorOn(REPLIES, 400, "MSG_ID_INVALID", nth=3))
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "quay")
        history = walker.history(1)
        assert [*forum.topic_ids(1)] == await ids_of(history)
        assert len(forum.ids) == history.total
        backwards = await ids_of(walker.history(1, reverse=False, limit=20))
        assert [*forum.topic_ids(1)][:-21:-1] == backwards
        assert 1 == Account.of(client).metrics["forum_general_fallbacks"]


async def test_general_alone(world: World) -> None:
    """A forum without other topics is General, its thread as long as the chat."""
    forum = world.add_forum("Quay", topics=0, message_count=1500, username="quay")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        assert [*forum.ids] == await ids_of(ForumWalker(client, "quay").history(1))
        assert [1] == [*(await buckets(ForumWalker(client, "quay").split()))]


@pytest.mark.parametrize("general", ["thread", "scan"])
async def test_general_as_one_says(world: World, general: Any) -> None:
    """Who says how General is to be read gets that; the thread may be short."""
    forum = grown(world)
    forum.general_shown = 50
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        found = await ids_of(ForumWalker(client, "quay", general=general).history(1))
    wanted = [*forum.topic_ids(1)]
    assert ([1, *wanted[-50:]] if general == "thread" else wanted) == found


async def test_general_of_what_is_no_forum(world: World) -> None:
    """No history of anything else passes for General."""
    world.add_channel("News", message_count=5, megagroup=False, username="news")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for general in ("auto", "thread", "scan"):
            walker = ForumWalker(client, "news", general=general)
            with pytest.raises(NotAForumError):
                await ids_of(walker.history(1))
            with pytest.raises(NotAForumError):
                await ids_of(walker.history(5))
            with pytest.raises(NotAForumError):
                await buckets(walker.split())


# One pass


async def test_topics_that_are_no_more(world: World, forum: Forum) -> None:
    """Messages of deleted topics are in buckets of their own, and said to be of no known topic."""
    dead = forum.add_topic("Dead", message_count=5)
    dead.delete(keep_messages=True)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        split = ForumWalker(client, "harbour").split()
        assert truth(forum) == await buckets(split)
        assert {dead.id} == split.unknown
        assert (True, "") == (split.topics[dead.id].deleted, split.topics[dead.id].title)
        assert 5 == split.counts[dead.id]
        assert 0 == split.missing


async def test_topics_turned_off(world: World, forum: Forum) -> None:
    """Messages still name their topics, of which the forum tells nothing any more."""
    forum.is_forum = False
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        split = ForumWalker(client, "harbour").split()
        assert truth(forum) == await buckets(split)
        began = {topic for topic in forum.topics if topic in forum.ids} - {1}
        assert {forum.topics[topic].title for topic in began} == {
            split.topics[topic].title for topic in began
        }
        assert not split.unknown


async def test_a_topic_that_begins_meanwhile(world: World, forum: Forum) -> None:
    """A topic that is begun while the history is read is known by what begins it."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        split, found = ForumWalker(client, "harbour").split(), dict[int, list[int]]()
        async for topic, message in split:
            if not found:
                new = forum.add_topic("New", message_count=3)
            found.setdefault(topic, []).append(message.id)
        assert truth(forum) == found
        assert "New" == split.topics[new.id].title
        assert not split.unknown


async def test_split_some_backwards_and_on(world: World, forum: Forum) -> None:
    """Some topics only, newest first, from a cursor on, without General."""
    some = sorted(forum.topics)[2:5]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour")
        wanted = truth(forum, *some)
        assert wanted == await buckets(walker.split(some))
        backwards = await buckets(walker.split(some, reverse=False))
        assert {topic: ids[::-1] for topic, ids in wanted.items()} == backwards
        split, found = walker.split(), []
        async for _, message in split:
            found.append(message.id)
            if len(found) == 777:
                break
        await split.aclose()
        assert split.missing is None
        async for _, message in walker.split(start=split.cursor):
            found.append(message.id)
        assert [*forum.ids] == found
        without = await buckets(ForumWalker(client, "harbour", include_general=False).split())
        assert {topic: ids for topic, ids in truth(forum).items() if topic != 1} == without


async def test_a_pass_that_was_killed(world: World, forum: Forum, tmp_path: Path) -> None:
    """One checkpoint serves the whole forum: the next pass brings what was not acknowledged."""
    found: dict[int, list[int]] = {}
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour")
        for most in (500, 5000):
            async with (
                Checkpoint(tmp_path / "forum") as checkpoint,
                walker.split(start=checkpoint) as split,
            ):
                async for topic, message in split:
                    found.setdefault(topic, []).append(message.id)
                    await checkpoint.ack(message)
                    if sum(split.counts.values()) == most:
                        break
    assert truth(forum) == found


# Plans


async def test_plans(world: World, forum: Forum) -> None:
    """A few small topics are read by themselves, many in one pass; each way is exact."""
    big = sorted(forum.topics)[1]
    small = sorted(forum.topics)[-4:]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour")
        for topics, way in (
            (None, "one pass"),
            (small[:1], "per topic"),
            (small[:2], "per topic"),
            ([1, *small], "one pass"),
            ([big, 1], "one pass"),
            (sorted(forum.topics), "one pass"),
        ):
            plan = await walker.plan(topics)
            assert (way, topics) == (plan.way, plan.topics and [*plan.topics])
            before = telegram.requests[REPLIES] + telegram.requests[HISTORY]
            before += telegram.requests[BY_IDS]
            reading = walker.read(plan=plan)
            assert truth(forum, *(topics or ())) == await buckets(reading)
            used = telegram.requests[REPLIES] + telegram.requests[HISTORY]
            used += telegram.requests[BY_IDS] - before
            assert abs(used - plan.requests) <= 2 + used // 4
            assert plan.requests <= plan.others
            assert {t: len(ids) for t, ids in truth(forum, *(topics or ())).items()} == (
                reading.counts
            )


async def test_reading_topic_by_topic(world: World, forum: Forum) -> None:
    """Topics come one after the other, in the order given, whichever way General is read."""
    topics = [*reversed(sorted(forum.topics)[:9])]
    plan = ForumPlan("per topic", 0, 0, tuple(topics), "the test says so")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour", concurrency=3)
        reading = walker.read(plan=plan)
        found = await buckets(reading)
        assert truth(forum, *topics) == found
        assert [topic for topic in topics if topic in found] == [*found]
        # Stopping early leaves nothing behind.
        async with walker.read(plan=plan) as reading:
            async for _ in reading:
                break
        assert [] == [item async for item in reading]


async def test_parts_of_topics(world: World, forum: Forum) -> None:
    """Bounds hold for each topic that is read, what began it included; so does the order."""
    topics = tuple(sorted(forum.topics)[:4])
    plan = ForumPlan("per topic", 0, 0, topics, "the test says so")
    middle = [*forum.topic_ids(topics[1])][30]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour")
        wanted = truth(forum, *topics)
        found = await buckets(walker.read(plan=plan, max_id=middle))
        below = {topic: [id_ for id_ in ids if id_ < middle] for topic, ids in wanted.items()}
        assert {topic: ids for topic, ids in below.items() if ids} == found
        backwards = await buckets(walker.read(plan=plan, reverse=False))
        assert {topic: ids[::-1] for topic, ids in wanted.items()} == backwards
        few = await buckets(walker.read(plan=plan, limit=2))
        assert {topic: ids[:2] for topic, ids in wanted.items()} == few


async def test_what_begins_topics_comes_at_once(world: World, forum: Forum) -> None:
    """What began many topics takes one request; what Telethon cannot read of it is told."""
    topics = tuple(sorted(forum.topics)[1:])
    plan = ForumPlan("per topic", 0, 0, topics, "the test says so")
    bad = {topics[2]}
    async with (
        LocalTelegram(world, rules=[Newer(bad)]) as telegram,
        telegram.client() as client,
    ):
        reading = ForumWalker(client, "harbour").read(plan=plan)
        found = await buckets(reading)
        wanted = truth(forum, *topics)
        wanted[topics[2]].remove(topics[2])
        assert {topic: ids for topic, ids in wanted.items() if ids} == found
        assert bad == {each.id for each in reading.undecoded}
        assert telegram.requests[BY_IDS] < 12  # some to find the one that cannot be read


async def test_a_topic_that_cannot_be_read(world: World, forum: Forum) -> None:
    """An error about one topic is raised when all others are done."""
    gone = max(forum.deleted_topics)
    some = sorted(forum.topics)[2:4]
    plan = ForumPlan("per topic", 0, 0, (some[0], gone, some[1]), "the test says so")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        reading = ForumWalker(client, "harbour").read(plan=plan)
        found: dict[int, list[int]] = {}
        with pytest.raises(errors.MsgIdInvalidError):
            await buckets(reading, found)
        assert truth(forum, *some) == found
        assert [gone] == [*reading.failed]


# Shards and counts


@pytest.mark.parametrize("general", ["thread", "scan"])
async def test_shards(world: World, forum: Forum, general: Any) -> None:
    """Parts of a topic are all of it, none twice, each about as long as was asked for."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour", general=general)
        for topic in (1, sorted(forum.topics)[1], max(forum.topics)):
            wanted = [*forum.topic_ids(topic)]
            shards = await walker.shards(topic, 50)
            found = []
            for low, high in shards:
                part = await ids_of(walker.history(topic, min_id=low, max_id=high))
                assert len(part) <= 51
                found += part
            assert wanted == found
            assert (0, 0) == (shards[0][0], shards[-1][1])
            assert [(0, 0)] == await walker.shards(topic, 5000)
        with pytest.raises(ArgumentError, match="size"):
            await walker.shards(1, 0)


async def test_counts(world: World, forum: Forum) -> None:
    """Each topic is counted by one request; what cannot be counted is an error and not 0."""
    gone = max(forum.deleted_topics)
    rules = [RefuseGeneral()]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        metadata = MetadataCache(client)
        walker = ForumWalker(client, "harbour", metadata=metadata, concurrency=3)
        others = sorted(forum.topics)[1:]
        counts = await walker.counts([*others, gone, 1, others[0]])
        assert len(others) + 2 == telegram.requests[REPLIES]
        assert {topic: len(forum.topic_ids(topic)) - 1 for topic in others} == {
            topic: count.value for topic, count in counts.found.items()
        }
        assert {1, gone} == {*counts.failed}
        assert all(isinstance(each, errors.RPCError) for each in counts.failed.values())
        await walker.counts(others)
        assert len(others) + 2 == telegram.requests[REPLIES]


async def test_in_a_takeout(world: World, forum: Forum) -> None:
    """Through a takeout's client, messages are read within the takeout."""
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        Takeout(client) as takeout,
    ):
        walker = ForumWalker(takeout.client, "harbour")
        assert truth(forum) == await buckets(walker.split())
        topic = sorted(forum.topics)[1]
        history = walker.history(topic)
        assert [*forum.topic_ids(topic)] == await ids_of(history)
        assert "on" == history.stats().takeout
