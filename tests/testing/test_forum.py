"""Forums of a world: what they cost, how they change, and what rules make of their lists."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.errors import MsgIdInvalidError
from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing import (
    BumpTopics,
    DeletedTopics,
    Forum,
    LocalTelegram,
    MissingTopMessages,
    ReducedTopics,
    RefuseGeneral,
    RepeatTopics,
    ShortTopics,
    World,
)
from telefast.testing.forum_seed import topic_in_header
from tests.conformance.asking import ask, ids_of, replies, search
from tests.conformance.test_topics import after, listing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def forum() -> Forum:
    """A forum of 30 topics."""
    world = World(seed=73, user_count=12)
    return world.add_forum("Harbour", topics=30, message_count=600, username="port")


def world_of(forum: Forum) -> World:
    """Return a world that has the forum, too."""
    world = World(seed=73, user_count=12)
    world.channels[forum.id] = forum
    return world


def test_a_large_forum_is_sorted_without_writing_a_message() -> None:
    """350 topics of 100,000 messages are known, sizes and all, and no message was made."""
    world = World(seed=3)
    forum = world.add_forum("Harbour", topics=350, message_count=100_000, holes=0.05)
    page = ask(world, listing(forum.input_peer()))
    assert 351 == page.count == len(forum.topics)
    sizes = sorted(len(topic.ids) for topic in forum.topics.values())
    assert 100_000 == sum(sizes)
    assert sizes[0] <= 2
    assert sizes[-1] > 15_000
    assert 9_000 < len(forum.general.ids) < 15_000
    assert world.cache.size < 200_000


@given(
    st.integers(0, 9),
    st.integers(0, 40),
    st.integers(0, 200),
    st.sampled_from([0.0, 0.3]),
    st.lists(st.integers(0, 300), max_size=6),
)
def test_the_topic_is_what_the_message_says(
    seed: int, topics: int, more: int, holes: float, gone: list[int]
) -> None:
    """For each seeded message, whatever the forum; each topic has what begins it."""
    world = World(seed=seed, user_count=5)
    forum = world.add_forum("F", topics=topics, message_count=topics + 1 + more, holes=holes)
    assert all(root in topic.ids for root, topic in forum.topics.items() if root > 1)
    forum.delete(*gone)
    forum.post(3, topic=max(forum.topics))
    found = {id_: topic_in_header(forum.message(id_)) for id_ in forum.ids}
    assert found == {id_: forum.topic_of(id_) for id_ in forum.ids}
    sorted_ids = {id_: topic.id for topic in forum.topics.values() for id_ in topic.ids}
    if not set(gone) & set(forum.topics):
        assert found == sorted_ids


@pytest.mark.parametrize(("topics", "count"), [(-1, 5), (5, 5), (1, 0)])
def test_a_topic_needs_a_message(topics: int, count: int) -> None:
    """A forum has more messages than seeded topics."""
    with pytest.raises(WorldError, match="topics"):
        World().add_forum("F", topics=topics, message_count=count)


def test_an_empty_forum_has_general() -> None:
    """Without a message it is not listed, and can be written in all the same."""
    world = World(seed=1)
    forum = world.add_forum("F")
    assert [1] == [*forum.topics]
    assert [] == ask(world, listing(forum.input_peer())).topics
    [first] = forum.general.post()
    [second] = forum.post(reply_to=first)
    assert [first, second] == [*forum.general.ids]
    assert 1 == len(ask(world, listing(forum.input_peer())).topics)


def test_messages_are_posted_in_topics(forum: Forum) -> None:
    """With the topic that is named, or that of the message they answer."""
    topic = forum.add_topic("New", message_count=2)
    [answer] = forum.post(reply_to=topic.id + 1)
    [own] = topic.post(reply_to=topic.id)
    [stray] = forum.post(topic=2**20)
    header: Any = forum.message(answer).reply_to
    assert (topic.id + 1, topic.id) == (header.reply_to_msg_id, header.reply_to_top_id)
    header = forum.message(own).reply_to
    assert (topic.id, None) == (header.reply_to_msg_id, header.reply_to_top_id)
    assert [topic.id, topic.id + 1, topic.id + 2, answer, own] == [*topic.ids]
    assert 2**20 == forum.topic_of(stray)
    assert [stray] == [*forum.topic_ids(2**20)]
    message = forum.message(own)
    message.reply_to = None
    forum.put(message)
    assert own not in topic.ids
    assert own in forum.general.ids


def test_topics_are_deleted(forum: Forum) -> None:
    """With their messages, or leaving them with the name of a topic that is no more."""
    one, other = [*forum.topics.values()][1:3]
    forum.pin_topics(one, other)
    ids, kept = one.ids, other.ids
    one.delete()
    other.delete(keep_messages=True)
    assert not ids & forum.ids
    assert [*kept][1:] == [*forum.topic_ids(other.id)]
    assert {one.id, other.id} == forum.deleted_topics
    assert [] == forum.pinned
    with pytest.raises(WorldError, match="was deleted"):
        one.post()
    with pytest.raises(WorldError, match="General"):
        forum.general.delete()


def test_what_no_forum_can_be_is_refused(forum: Forum) -> None:
    """Empty titles, edits that change nothing, strange pins, discussion groups."""
    topic = forum.add_topic("New")
    for call, said in (
        (lambda: forum.add_topic(""), "title"),
        (topic.edit, "expected a change"),
        (lambda: topic.edit(title=""), "expected a change"),
        (lambda: topic.edit(hidden=True), "only General"),
        (lambda: forum.pin_topics(topic, topic.id), "each once"),
        (lambda: forum.pin_topics(2**20), "expected topics"),
        (lambda: BumpTopics(0), "count=0"),
        (lambda: ShortTopics(drop=0), "drop=0"),
    ):
        with pytest.raises(WorldError, match=said):
            call()
    world = world_of(forum)
    news = world.add_channel("News", megagroup=False)
    with pytest.raises(WorldError, match="no discussion group"):
        world.link(news, forum)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: setattr(f.topics[1], "title", ""), "title=''"),
        (lambda f: setattr([*f.topics.values()][1], "hidden", True), "hidden=True"),
        (lambda f: setattr(f.topics[1], "creator", types.PeerUser(5)), "no such user"),
        (lambda f: f.topics.__setitem__(2**20, f.topics[1]), "is topic 1"),
        (lambda f: f.pinned.append(2**20), "is no topic"),
    ],
)
def test_contradictions_are_named(forum: Forum, change: Any, said: str) -> None:
    """A forum that contradicts itself is refused before a client sees it."""
    world = world_of(forum)
    world.check()
    change(forum)
    with pytest.raises(WorldError, match=said):
        world.check()


def test_a_forum_travels_in_the_recipe() -> None:
    """With topics that were added, changed, pinned and deleted."""
    world = World(seed=73, user_count=12)
    forum = world.add_forum("Harbour", topics=30, message_count=600, holes=0.1)
    direct = world.add_channel("Direct messages")
    direct.monoforum = world.add_channel("News", megagroup=False)
    forum.add_topic("New", message_count=3, icon_emoji_id=7)
    one, other, *_ = [*forum.topics.values()][3:]
    one.delete(keep_messages=True)
    other.edit(title="Other", closed=True)
    forum.pin_topics(other)
    forum.general.hidden, forum.by_creation, forum.general_shown = True, True, 3
    recipe = json.loads(json.dumps(world.recipe()))
    again = World.from_recipe(recipe)
    assert recipe == json.loads(json.dumps(again.recipe()))
    twin: Any = again.channels[forum.id]
    request = listing(forum.input_peer())
    assert ask(world, request).to_dict() == ask(again, request).to_dict()
    assert {id_: [*forum.topic_ids(id_)] for id_ in forum.topics} == {
        id_: [*twin.topic_ids(id_)] for id_ in twin.topics
    }
    shown: Any = again.channels[direct.id].to_tl()
    assert (True, direct.monoforum.id) == (shown.monoforum, shown.linked_monoforum_id)


async def test_another_process_serves_forums(forum: Forum, tmp_path: Path) -> None:
    """As this one does."""
    world = world_of(forum)
    world.channels.clear()
    twin = world.add_forum("Harbour", topics=30, message_count=600, username="port")
    twin.add_topic("New", message_count=3)
    async with LocalTelegram(world, process=True) as telegram, telegram.client() as client:
        page = await client(listing(await client.get_input_entity("port")))
        assert [*twin.topic_tops().values()]
        assert 32 == page.count == len(page.topics)
        assert "New" == page.topics[0].title


def test_rows_tell_how_far_each_topic_is_read(forum: Forum) -> None:
    """Unread messages of a topic are counted from where the account has read to."""
    world = world_of(forum)
    world.account.dialogs.read_inbox[forum.marked_id] = 300
    rows = ask(world, listing(forum.input_peer())).topics
    for row in rows:
        above = [id_ for id_ in forum.topic_ids(row.id) if id_ > 300]
        assert len(above) == row.unread_count
        assert min(300, row.top_message) == row.read_inbox_max_id


def test_topics_move_while_they_are_listed(forum: Forum) -> None:
    """Those that stand lowest get a message after each page: who reads on misses them."""
    world = world_of(forum)
    rule = BumpTopics(2, nth=1)
    expected = {*forum.topics}
    peer = forum.input_peer()
    first = ask(world, listing(peer, limit=20), rule)
    second = ask(world, listing(peer, limit=20, **after(first)))
    found = {topic.id for page in (first, second) for topic in page.topics}
    assert 2 == len(expected - found) == rule.fired
    assert 31 == second.count
    top = ask(world, listing(peer, limit=2)).topics
    assert expected - found == {topic.id for topic in top}


def test_latest_messages_can_be_missing(forum: Forum) -> None:
    """All of a page, or that of the last topic alone."""
    world = world_of(forum)
    plain = ids_of(ask(world, listing(forum.input_peer())))
    rules = MissingTopMessages(), MissingTopMessages(last=True)
    assert [] == ids_of(ask(world, listing(forum.input_peer()), rules[0]))
    assert plain[:-1] == ids_of(ask(world, listing(forum.input_peer()), rules[1]))
    assert [1, 1] == [rule.fired for rule in rules]


def test_rows_can_be_deleted_short_or_few(forum: Forum) -> None:
    """A page may begin with topics that are no more, end early, or hold reduced rows."""
    world = world_of(forum)
    peer = forum.input_peer()
    gone = [*forum.topics.values()][4]
    plain = [topic.id for topic in ask(world, listing(peer)).topics if topic.id != gone.id]
    gone.delete()
    page = ask(world, listing(peer), DeletedTopics())
    assert [types.ForumTopicDeleted, types.ForumTopic] == [type(t) for t in page.topics[:2]]
    assert [gone.id, *plain] == [topic.id for topic in page.topics]
    assert [5, 6, *plain] == [t.id for t in ask(world, listing(peer), DeletedTopics([6, 5])).topics]
    page = ask(world, listing(peer), ShortTopics(drop=4))
    assert plain[:-4] == [topic.id for topic in page.topics]
    page = ask(world, listing(peer), DeletedTopics(), ReducedTopics())
    assert {True} == {topic.short for topic in page.topics[1:]}
    assert [] == ids_of(page)
    assert 1 == len(ask(world, listing(peer), ShortTopics(drop=99)).topics)


def test_a_page_can_come_again(forum: Forum) -> None:
    """Whatever the offsets."""
    world = world_of(forum)
    rule = RepeatTopics()
    first = ask(world, listing(forum.input_peer(), limit=9), rule)
    again = ask(world, listing(forum.input_peer(), limit=9, **after(first)), rule)
    assert [topic.id for topic in first.topics] == [topic.id for topic in again.topics]
    assert 1 == rule.fired


async def test_general_can_be_refused_or_short(forum: Forum) -> None:
    """Other topics are answered, the refusal is no fault of the client, the history is whole."""
    world = world_of(forum)
    rule = RefuseGeneral()
    topic = max(forum.topics.values(), key=lambda each: len(each.ids))
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        with pytest.raises(MsgIdInvalidError):
            await client.get_messages("port", reply_to=1)
        with pytest.raises(MsgIdInvalidError):
            await client(search(forum, top_msg_id=1))
        assert len(topic.ids) - 1 == len(
            await client.get_messages("port", None, reply_to=topic.id, wait_time=0)
        )
        assert 600 == len(await client.get_messages("port", None, wait_time=0))
        assert [] == telegram.client_faults
    assert 2 == rule.fired
    forum.general_shown = 5
    page = ask(world, replies(forum, 1))
    assert ([*forum.general.ids][:-6:-1], 5) == (ids_of(page), page.count)


@pytest.mark.parametrize("ids", [5, "56", [0], [True], {5: "x", "y": 6}])
def test_rows_of_deleted_topics_have_ids(ids: Any) -> None:
    """What can be no topic is refused when the rule is made."""
    with pytest.raises(WorldError, match="DeletedTopics: ids="):
        DeletedTopics(ids)
