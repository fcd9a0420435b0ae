"""`ForumWalker` where topics were turned off, or their list cannot be read: no message is lost."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import types

from telefast import CompatibilityError, ForumPlan, ForumWalker
from telefast.testing import Forum, LocalTelegram, UnknownConstructor, World
from telefast.transport.account import Account
from tests.client.test_fallback import NotModified
from tests.client.test_forum_messages import HISTORY, REPLIES, buckets, ids_of, truth

LIST = "messages.getForumTopics"


@pytest.fixture
def world() -> World:
    """A world."""
    return World(seed=6)


@pytest.fixture
def forum(world: World) -> Forum:
    """A forum of eight topics that were turned off; some messages in them answer other chats."""
    forum = world.add_forum("Harbour", topics=8, message_count=1500, username="harbour")
    there = types.PeerChannel(world.add_channel("Abroad", message_count=9).id)
    assert any(
        getattr(message.reply_to, "reply_to_peer_id", None)
        for message in map(forum.message, [*forum.topic_ids(largest(forum))])
        if message is not None
    )
    for topic in sorted(forum.topics)[2:]:
        [new] = forum.post()
        message = forum.peek(new)
        message.reply_to = types.MessageReplyHeader(
            forum_topic=True, reply_to_msg_id=5, reply_to_peer_id=there, reply_to_top_id=topic
        )
        forum.put(message)
    forum.is_forum = False
    return forum


def largest(forum: Forum) -> int:
    """Return the topic with most messages, General apart."""
    return max(sorted(forum.topics)[1:], key=lambda topic: len(forum.topic_ids(topic)))


@pytest.mark.parametrize("general", ["auto", "thread", "scan"])
async def test_each_topic_is_whole(world: World, forum: Forum, general: Any) -> None:
    """Each topic by itself has what the world has: it comes out of the whole history."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour", general=general)
        each = {topic: await ids_of(walker.history(topic)) for topic in forum.topics}
        assert truth(forum) == {topic: ids for topic, ids in each.items() if ids}
        assert 0 == telegram.requests[REPLIES]
        assert 1 == telegram.requests[LIST]
        assert (general != "scan") == Account.of(client).metrics["forum_general_fallbacks"]


async def test_parts_of_a_topic(world: World, forum: Forum) -> None:
    """Bounds, order, root, cursor and shards are those of the topic."""
    topic = largest(forum)
    wanted = [*forum.topic_ids(topic)]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour")
        history = walker.history
        assert wanted[::-1] == await ids_of(history(topic, reverse=False))
        assert wanted[1:] == await ids_of(history(topic, include_root=False))
        assert wanted[:7] == await ids_of(history(topic, 7))
        assert wanted[20:-20] == await ids_of(history(topic, min_id=wanted[19], max_id=wanted[-20]))
        async with history(topic) as stream:
            assert wanted[:30] == [(await anext(stream)).id for _ in range(30)]
            assert wanted[30:] == await ids_of(history(topic, start=stream.cursor))
        shards = await walker.shards(topic, 400)
        assert len(shards) > 2
        parts = [await ids_of(history(topic, min_id=low, max_id=high)) for low, high in shards]
        assert wanted == [id_ for part in parts for id_ in part]


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("reverse", [True, False])
async def test_where_stock_goes_on(world: World, forum: Forum, nth: int, reverse: bool) -> None:
    """Telethon's iterator goes on with the whole history, too, and not with a thread."""
    topic = largest(forum)
    rule = NotModified(HISTORY, nth)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        history = ForumWalker(client, "harbour").history(topic, reverse=reverse)
        assert [*forum.topic_ids(topic)][:: 1 if reverse else -1] == await ids_of(history)
        assert rule.fired
        assert "stock" == history.stats().path


async def test_plans_are_one_pass(world: World, forum: Forum) -> None:
    """Whatever is wanted comes in one pass; as many passes as topics are the other way."""
    topic = largest(forum)
    others = [each for each in truth(forum) if each != 1]
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour")
        for topics in ([topic], sorted(forum.topics), None):
            reading = walker.read(topics)
            assert truth(forum, *(topics or ())) == await buckets(reading)
            plan = reading.plan
            assert plan is not None
            assert ("one pass", topics) == (plan.way, plan.topics and [*plan.topics])
            assert "turned off" in plan.why
            assert plan.requests * len(topics or [0]) == plan.others
        assert {} == await buckets(walker.read([]))
        without = ForumWalker(client, "harbour", include_general=False)
        assert truth(forum, *others) == await buckets(without.read())
        assert 0 == telegram.requests[REPLIES]
        plan = ForumPlan("per topic", 0, 0, (topic, others[1], topic), "the test says so")
        assert truth(forum, topic, others[1]) == await buckets(walker.read(plan=plan))


async def test_no_count_is_exact(world: World, forum: Forum) -> None:
    """What threads count is not all of a topic, and says so."""
    topic = largest(forum)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        count = (await ForumWalker(client, "harbour").counts([topic])).found[topic]
        assert not count.is_exact
        assert (count.value or 0) < len(forum.topic_ids(topic)) - 1
        forum.is_forum = True
        counts = await ForumWalker(client, "harbour").counts([topic])
        assert (True, len(forum.topic_ids(topic)) - 1) == (
            counts.found[topic].is_exact,
            counts.found[topic].value,
        )


@pytest.mark.parametrize("general", ["auto", "thread", "scan"])
async def test_a_list_that_cannot_be_read(world: World, forum: Forum, general: Any) -> None:
    """Topics are whole all the same; General is, or is an error, and never the whole chat."""
    forum.is_forum = True
    topic = largest(forum)
    rule = UnknownConstructor(LIST, types.ForumTopic)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        walker = ForumWalker(client, "harbour", general=general)
        assert [*forum.topic_ids(topic)] == await ids_of(walker.history(topic))
        if general == "auto":
            with pytest.raises(CompatibilityError, match="getForumTopics"):
                await ids_of(walker.history(1))
        else:
            assert [*forum.topic_ids(1)] == await ids_of(walker.history(1))
