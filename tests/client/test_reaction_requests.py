"""What reactors cost: requests counted, and how many the message, the cache and a refusal save.

The figures of the documentation: pytest -s tests/client/test_reaction_requests.py
"""

from __future__ import annotations

import pytest
from telethon import TelegramClient

from telefast import BatchedHistory, ReactionCollector
from telefast.testing import Channel, ErrorOn, LocalTelegram, World

LIST = "messages.getMessageReactionsList"


@pytest.fixture(scope="module")
def world() -> World:
    """A group of 1,000 messages: 300 with one to six reactions, and one with 450."""
    world = World(seed=74, user_count=500)
    ships = world.add_channel("Ships", message_count=1_000, username="ships")
    for message_id in range(1, 1_001):
        ships.reactions.remove(message_id)
    for number in range(300):
        ships.reactions.add(3 * number + 1, "👍", by=ships.members[: 1 + number % 6])
    ships.reactions.add(1_000, "👍", count=450)
    return world


async def read(client: TelegramClient, collector: ReactionCollector) -> tuple[int, int, int]:
    """Read the chat; return messages with reactions, complete lists, and reactors."""
    found = complete = people = 0
    async with (
        BatchedHistory(client, "ships") as history,
        collector.collect(history) as reacted,
    ):
        async for _, summary, reactors in reacted:
            assert reactors is not None
            if summary.items:
                found += 1
                complete += reactors.complete
                people += len(reactors.items)
                assert not reactors.complete or summary.total == len(reactors.items)
    return found, complete, people


async def test_requests_saved(world: World) -> None:
    """Half of the lists come with the messages; a second reading asks for what has changed."""
    [ships] = world.channels.values()
    assert isinstance(ships, Channel)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        collector = ReactionCollector(client, full=True)
        assert (301, 301, 300 * 7 // 2 + 450) == await read(client, collector)
        each, ours = 300 + 5, telegram.requests[LIST]
        assert 150 + 5 == ours
        stats = collector.stats()
        assert (150, 151, 0) == (stats.from_messages, stats.cache_misses, stats.cache_hits)
        await read(client, collector)
        again = telegram.requests[LIST] - ours
        assert 0 == again
        assert 151 == collector.stats().cache_hits
        for number in range(3, 36, 6):
            ships.reactions.add(3 * number + 1, "👍", count=1)
        before = telegram.requests[LIST]
        await read(client, collector)
        changed = telegram.requests[LIST] - before
        assert 6 == changed
        assert telegram.requests[LIST] == collector.stats().api_calls
        assert not telegram.client_faults
    print(f"\neach={each} ours={ours} again={again} changed={changed}")


async def test_a_chat_that_refuses_costs_one_request(world: World) -> None:
    """The first refusal is enough for 151 messages; all others are told so."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        telegram.add(ErrorOn(LIST, 403, "BROADCAST_FORBIDDEN"))
        collector = ReactionCollector(client, full=True)
        found, complete, people = await read(client, collector)
        assert (301, 1) == (found, telegram.requests[LIST])
        assert 140 <= complete <= 150
        assert people < 3 * 301
    print(f"\nrefused={telegram.requests[LIST]} complete={complete}")
