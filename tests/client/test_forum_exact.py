"""Any part of a topic, by any way: the oracle's messages, whatever fails on the way."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telefast import ForumWalker
from telefast.history.query import Query
from telefast.testing import Forum, LocalTelegram, World
from telefast.transport.account import Account
from tests.client.test_fallback import NotModified
from tests.client.test_undecoded import Newer
from tests.unit.history_model import oracle

REPLIES = "messages.getReplies"
HISTORY = "messages.getHistory"
SHARE = max(settings.default.max_examples // 2, 1)


def harbour(size: int = 700) -> tuple[World, Forum]:
    """Return a world with a forum of four topics and General."""
    world = World(seed=size)
    forum = world.add_forum("Harbour", topics=4, message_count=size, username="harbour")
    forum.delete(*[id_ for id_ in forum.ids if id_ % 7 == 3 and id_ not in forum.topics])
    return world, forum


def arguments_of(rng: Random, top: int) -> dict[str, Any]:
    """Draw arguments, each absent in most cases."""
    choices = {
        "limit": rng.choice([0, 1, 2, 99, 150]),
        "min_id": rng.randint(1, top // 2),
        "max_id": rng.randint(top // 2, top),
        "offset_id": rng.randint(1, top),
    }
    arguments = {k: v for k, v in choices.items() if rng.random() < 0.3}
    return arguments | {"reverse": rng.random() < 0.5}


@given(st.integers(0, 2**63))
@settings(max_examples=SHARE)
def test_any_part_of_any_topic(seed: int) -> None:
    """Bounds, offset, limit and direction choose what they choose of a list with the root in it."""
    rng = Random(seed)
    world, forum = harbour(rng.choice([30, 300, 700]))
    topic = rng.choice(sorted(forum.topics))
    general = rng.choice(["auto", "thread", "scan"])
    arguments = arguments_of(rng, rng.choice([max(forum.ids), topic + 2]))
    method = rng.choice([REPLIES, HISTORY])
    rules = [] if rng.random() < 0.5 else [NotModified(method, rng.randint(2, 6)).maybe()]
    if general == "auto":
        rules = []  # counts have no other way

    async def run() -> None:
        async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
            walker = ForumWalker(client, "harbour", general=general)
            async with walker.history(topic, **arguments) as history:
                got = [message.id async for message in history]
            fallbacks = Account.of(client).metrics["history_fallbacks"]
        assert oracle([*forum.topic_ids(topic)], Query(**arguments)) == got
        assert fallbacks <= 1

    asyncio.run(run())


@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("nth", [1, 2])
async def test_where_stock_goes_on(nth: int, reverse: bool) -> None:
    """Behind an answer of another kind Telethon's iterator goes on; the root is there, once."""
    world, forum = harbour()
    topic = sorted(forum.topics)[1]
    rule = NotModified(REPLIES, nth)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        history = ForumWalker(client, "harbour").history(topic, reverse=reverse)
        found = [message.id async for message in history]
        assert rule.fired
        assert "stock" == history.stats().path
    assert [*forum.topic_ids(topic)][:: 1 if reverse else -1] == found


@pytest.mark.parametrize("reverse", [True, False])
async def test_a_root_that_cannot_be_asked_for(reverse: bool) -> None:
    """An answer of another kind to the request for the root is an error, and loses nothing else."""
    world, forum = harbour()
    topic = sorted(forum.topics)[1]
    rule = NotModified("channels.getMessages", 1)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        history = ForumWalker(client, "harbour").history(topic, reverse=reverse)
        found = [message.id async for message in history]
    assert [*forum.topic_ids(topic)][:: 1 if reverse else -1] == found


async def test_what_telethon_cannot_read() -> None:
    """Messages of a later kind are in no bucket and in the sum, and a root that is one is told."""
    world, forum = harbour()
    root = sorted(forum.topics)[1]
    bad = {root, [*forum.topic_ids(root)][5], [*forum.topic_ids(1)][-3]}
    async with (
        LocalTelegram(world, rules=[Newer(bad)]) as telegram,
        telegram.client() as client,
    ):
        walker = ForumWalker(client, "harbour", general="scan")
        split = walker.split()
        found = [message.id async for _, message in split]
        assert bad == {each.id for each in split.undecoded}
        assert sorted({*forum.ids} - bad) == sorted(found)
        assert (0, len(forum.ids)) == (split.missing, split.total)
        for topic, lost in ((root, {root}), (1, bad)):  # in a thread the others can be read
            history = walker.history(topic)
            seen = [message.id async for message in history]
            assert [id_ for id_ in forum.topic_ids(topic) if id_ not in lost] == seen
            assert lost == {each.id for each in history.undecoded}
        assert root in {each.id async for each in walker.topics()}
