"""Reactions in a world: adding, removing, recipes, and what rules make of lists."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.errors import TypeNotFoundError
from telethon.tl import functions, types

from telefast.errors import WorldError
from telefast.testing import (
    ChangeReactions,
    Channel,
    LocalTelegram,
    ShortReactions,
    UnknownConstructor,
    World,
)
from tests.conformance.asking import ask
from tests.conformance.test_reactions import entries, listing, refresh, walk


@pytest.fixture
def world() -> World:
    """60 people and a group."""
    world = World(seed=75, user_count=60)
    world.add_channel("Ships", message_count=200, username="ships")
    return world


@pytest.fixture
def ships(world: World) -> Channel:
    """The group; nobody reacted to its last message."""
    [ships] = world.channels.values()
    ships.reactions.remove(200)
    return ships


def counts(chat: Channel, message_id: int) -> dict[str, int]:
    """Return how often each emoji was given."""
    shown: Any = chat.message(message_id).reactions
    return {} if shown is None else {each.reaction.emoticon: each.count for each in shown.results}


def test_reactions_come_and_go(world: World, ships: Channel) -> None:
    """Of one, of all who gave one, of all; nobody gives the same twice."""
    book, (one, other, *_) = ships.reactions, ships.members
    assert None is ships.message(200).reactions
    book.add(200, "👍", by=[one, other], date=1_700_000_000, big=True)
    book.add(200, "👍", by=one)
    book.add(200, types.ReactionEmoji("❤"), by=one)
    assert {"👍": 2, "❤": 1} == counts(ships, 200)
    shown: Any = ships.message(200).reactions
    assert ["❤", "👍", "👍"] == [each.reaction.emoticon for each in shown.recent_reactions]
    assert datetime.fromtimestamp(1_700_000_001, UTC) == shown.recent_reactions[1].date
    assert [False, True, True] == [bool(each.big) for each in shown.recent_reactions]
    book.remove(200, "👍", by=one)
    assert {"👍": 1, "❤": 1} == counts(ships, 200)
    book.remove(200, "❤")
    assert {"👍": 1} == counts(ships, 200)
    book.pay(200, 5)
    book.remove(200)
    assert None is ships.message(200).reactions
    assert [] == ask(world, refresh(ships, 200)).updates


def test_service_messages_have_reactions(ships: Channel) -> None:
    """As others do."""
    ships.reactions.add(1, "👏", count=2)
    assert isinstance(ships.message(1), types.MessageService)
    assert {"👏": 2} == counts(ships, 1)


def test_a_message_that_is_replaced_has_what_it_says(ships: Channel) -> None:
    """Whoever reacted before is forgotten, and who is not shown comes from the seed."""
    ships.reactions.add(200, "👍", count=9)
    message: Any = ships.message(200)
    result = types.ReactionCount(types.ReactionEmoji("❤"), 4, chosen_order=0)
    message.reactions = types.MessageReactions(
        [result, types.ReactionCount(types.ReactionPaid(), 30)],
        top_reactors=[types.MessageReactor(10, peer_id=types.PeerUser(ships.members[2]))],
    )
    ships.put(message)
    found = ships.reactions.listed(200)
    assert 4 == len(found) == len({each.mark for each in found})
    assert ships.seen_by in {each.mark for each in found}
    ships.reactions.add(200, "❤", count=1)
    shown: Any = ships.message(200).reactions
    assert [30, 5] == [result.count for result in shown.results]
    assert [20, 10] == [each.count for each in shown.top_reactors]


def test_what_cannot_be_is_refused(ships: Channel) -> None:
    """Messages that are not there, more people than there are, nothing paid."""
    for call, said in (
        (lambda: ships.reactions.add(10**6, "👍"), "no message"),
        (lambda: ships.reactions.pay(10**6, 1), "no message"),
        (lambda: ships.reactions.add(200, "👍", count=999), "only 61 members"),
        (lambda: ships.reactions.pay(200, 0), "stars=0"),
        (lambda: ChangeReactions(0, 0), "expected a change"),
        (lambda: ShortReactions(0), "drop=0"),
    ):
        with pytest.raises(WorldError, match=said):
            call()


def test_reactions_travel_in_the_recipe(world: World, ships: Channel) -> None:
    """Who reacted, who paid, what is hidden; in all kinds of chats."""
    group = world.add_group("Crew", message_count=40)
    ships.reactions.add(200, "👍", count=20)
    ships.reactions.pay(200, 20, by=ships.members[1])
    ships.reactions.show_min(199)
    group.reactions.add(group.ids[5], "👍", count=3)
    group.reactions.hide()
    recipe = json.loads(json.dumps(world.recipe()))
    again = World.from_recipe(recipe)
    assert recipe == json.loads(json.dumps(again.recipe()))
    twin = again.channels[ships.id]
    assert ships.reactions.listed(200) == twin.reactions.listed(200)
    assert [ships.message_bytes(i) for i in ships.ids] == [twin.message_bytes(i) for i in twin.ids]
    crew = again.groups[group.id]
    assert not crew.reactions.can_list
    assert [group.message_bytes(i) for i in group.ids] == [crew.message_bytes(i) for i in crew.ids]


def test_lists_change_and_end_early(world: World, ships: Channel) -> None:
    """A short page leads on to the rest; a change with nothing to change does not fire."""
    ships.reactions.add(200, "👍", count=30)
    short = ShortReactions(4)
    pages = walk(world, ships, 200, short, limit=10)
    assert 30 == len({*entries(pages)})
    assert [6, 6, 6, 6, 2, 1, 1, 1, 1] == [len(page.reactions) for page in pages]
    change = ChangeReactions(nth=1)
    bare = next(id_ for id_ in ships.ids if ships.message(id_).reactions is None)
    ask(world, listing(ships, bare), change)
    assert 0 == change.fired


async def test_an_unknown_kind_of_reaction(world: World, ships: Channel) -> None:
    """A rule makes one that no client of this layer can read, in a list or in a message."""
    ships.reactions.add(200, "👍", count=3)
    lists = UnknownConstructor("messages.getMessageReactionsList", types.ReactionEmoji, nth=1)
    async with LocalTelegram(world, rules=[lists]) as telegram, telegram.client() as client:
        with pytest.raises(TypeNotFoundError):
            await client(listing(ships, 200))
        assert 3 == (await client(listing(ships, 200))).count
    # What a client can read and does not know is `ReactionEmpty`.
    ships.reactions.add(200, types.ReactionEmpty(), count=2)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=200)
        kinds = [type(each.reaction).__name__ for each in message.reactions.results]
        assert ["ReactionEmoji", "ReactionEmpty"] == kinds


def test_topics_are_named_in_refreshes() -> None:
    """A message in a topic comes with it."""
    world = World(seed=75, user_count=9)
    forum = world.add_forum("Harbour", topics=3, message_count=60)
    for id_ in forum.ids:
        forum.reactions.add(id_, "🐈", count=1)
    for update in ask(world, refresh(forum, *forum.ids)).updates:
        topic = forum.topic_of(update.msg_id)
        assert update.top_msg_id == (None if topic == 1 else topic)


def test_tags_of_nobody() -> None:
    """Without saved messages there are none."""
    request = functions.messages.GetSavedReactionTagsRequest(hash=0)
    assert [] == ask(World(seed=1), request).tags
