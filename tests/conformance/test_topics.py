"""Rules of forums: which topics there are, and which messages are in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon.errors import ChannelForumMissingError, ChannelPrivateError
from telethon.tl import functions, types

from telefast.testing import Assumptions, Forum, LocalTelegram, World
from telefast.testing.rpc import UnknownMethodFault
from tests.conformance.asking import ask, history, ids_of, refusal, replies, search

if TYPE_CHECKING:
    from telethon import TelegramClient

GENERAL = 1


@pytest.fixture
def forum() -> Forum:
    """A forum of 250 topics beside General, two of them pinned; some messages are gone."""
    world = World(seed=72, user_count=20)
    forum = world.add_forum("Harbour", topics=250, message_count=3_000, holes=0.1, username="port")
    forum.pin_topics(*[*forum.topics][7:9])
    return forum


@pytest.fixture
def world(forum: Forum) -> World:
    """The world of the forum."""
    world = World(seed=72, user_count=20)
    world.channels[forum.id] = forum
    return world


def listing(peer: Any, *, limit: int = 100, q: str | None = None, **offsets: Any) -> Any:
    """Return a request for a page of topics."""
    fields = {"offset_date": None, "offset_id": 0, "offset_topic": 0} | offsets
    return functions.messages.GetForumTopicsRequest(peer, limit=limit, q=q, **fields)


def after(page: Any) -> dict[str, Any]:
    """Return the offsets of the page that follows."""
    last = page.topics[-1]
    dates = {message.id: message.date for message in page.messages}
    date = last.date if page.order_by_create_date else dates[last.top_message]
    return {"offset_date": date, "offset_id": last.top_message, "offset_topic": last.id}


async def listed(client: TelegramClient, **fields: Any) -> list[Any]:
    """Return all pages of a forum's topics."""
    peer = await client.get_input_entity("port")
    pages = [await client(listing(peer, **fields))]
    while pages[-1].topics:
        pages.append(await client(listing(peer, **fields, **after(pages[-1]))))
    return pages[:-1]


def activity(forum: Forum) -> list[int]:
    """Return the topics in the order of the list, as the messages have it."""
    tops = {
        topic: max(i for i in forum.ids if forum.topic_of(i) == topic) for topic in forum.topics
    }
    others = sorted((id_ for id_ in tops if id_ not in forum.pinned), key=lambda i: -tops[i])
    return [*forum.pinned, *others]


@pytest.mark.rule("topics.by-activity", "topics.page-cap")
async def test_pages_list_each_topic_once(forum: Forum, world: World) -> None:
    """By the offsets of the last one 251 topics come in three pages, each with its top message."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        pages = await listed(client)
        assert [100, 100, 51] == [len(page.topics) for page in pages]
        assert activity(forum) == [topic.id for page in pages for topic in page.topics]
        for page in pages:
            assert 251 == page.count
            assert [topic.top_message for topic in page.topics] == ids_of(page)
        few = await listed(client, limit=7)
        assert activity(forum) == [topic.id for page in few for topic in page.topics]
        assert [] == telegram.client_faults


@pytest.mark.rule("topics.by-activity")
async def test_a_wrong_cursor_skips_or_doubles(forum: Forum, world: World) -> None:
    """Who pages by the topics' own dates misses some; without a date a page is the first again."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        first, second, *_ = await listed(client)
        wrong = after(first) | {"offset_date": first.topics[-1].date}
        page = await client(listing(await client.get_input_entity("port"), **wrong))
        assert page.topics[0].id != second.topics[0].id
        wrong = after(first) | {"offset_date": None}
        page = await client(listing(await client.get_input_entity("port"), **wrong))
        assert first.topics[0].id == page.topics[0].id


@pytest.mark.rule("topics.by-creation")
async def test_topics_may_stand_by_their_own_dates(forum: Forum, world: World) -> None:
    """The answer says so, and pages by those dates give each once, the newest first."""
    forum.by_creation = True
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        pages = await listed(client)
        others = sorted(set(forum.topics) - {*forum.pinned}, reverse=True)
        assert [*forum.pinned, *others] == [topic.id for page in pages for topic in page.topics]


@pytest.mark.rule("topics.pinned", side="once")
@pytest.mark.rule("topics.pinned", side="again")
@pytest.mark.parametrize("side", ["once", "again"])
async def test_pinned_topics_stand_on_top(forum: Forum, world: World, side: Any) -> None:
    """Once, or again in their place by date; the count is that of topics."""
    world.assume = Assumptions(pinned_topics=side)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        pages = await listed(client)
        found = [topic.id for page in pages for topic in page.topics]
        assert forum.pinned == found[:2] == [t.id for t in pages[0].topics if t.pinned][:2]
        expected = 1 if side == "once" else 2
        assert [expected, expected] == [found.count(id_) for id_ in forum.pinned]
        assert {251} == {page.count for page in pages}
        assert set(forum.topics) == {*found}


@pytest.mark.rule("topics.query")
def test_a_query_is_a_part_of_the_title(forum: Forum, world: World) -> None:
    """In any case of letters."""
    forum.add_topic("Äpfel & Birnen")
    forum.add_topic("ÄPFEL")
    page = ask(world, listing(forum.input_peer(), q="äpfel"))
    assert (2, ["ÄPFEL", "Äpfel & Birnen"]) == (page.count, [t.title for t in page.topics])
    page = ask(world, listing(forum.input_peer(), q="General"))
    assert [GENERAL] == [topic.id for topic in page.topics]


@pytest.mark.rule("topics.by-id")
async def test_topics_come_by_id(forum: Forum, world: World) -> None:
    """In request order; deleted ones say that they are."""
    first, second, third, *_ = [*forum.topics][3:]
    forum.topics[second].delete()
    peer = forum.input_peer()
    by_id = functions.messages.GetForumTopicsByIDRequest
    page = ask(world, by_id(peer, [third, second, GENERAL, first, 2**30]))
    kinds = {second: types.ForumTopicDeleted, 2**30: types.ForumTopicDeleted}
    assert [third, second, GENERAL, first, 2**30] == [topic.id for topic in page.topics]
    assert all(type(t) is kinds.get(t.id, types.ForumTopic) for t in page.topics)
    assert [max(forum.topic_ids(id_)) for id_ in (third, GENERAL, first)] == ids_of(page)
    assert second not in [t.id for t in ask(world, listing(peer)).topics]
    assert (400, "TOPICS_EMPTY") == refusal(world, by_id(peer, []))
    assert (400, "LIMIT_INVALID") == refusal(world, by_id(peer, [1] * 101))


@pytest.mark.rule("topics.no-forum")
async def test_what_is_no_forum_has_no_topics(forum: Forum, world: World) -> None:
    """Channels, supergroups, people and a forum whose topics were turned off."""
    club = world.add_channel("Club", message_count=3)
    news = world.add_channel("News", message_count=3, megagroup=False)
    grace = world.add_private_chat("Grace Hopper", message_count=3)
    page = ask(world, listing(forum.input_peer()))
    assert True is page.chats[0].forum
    forum.is_forum = False
    for chat in (club, news, grace, forum):
        assert (400, "CHANNEL_FORUM_MISSING") == refusal(world, listing(chat.input_peer()))
    group = world.add_group("Crew", message_count=3)
    assert (400, "CHANNEL_INVALID") == refusal(world, listing(group.input_peer()))
    nobody = types.InputPeerUser(1, 2)
    assert (400, "PEER_ID_INVALID") == refusal(world, listing(nobody))
    assert None is forum.to_tl().forum
    forum.private = True
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for chat, error in ((club, ChannelForumMissingError), (forum, ChannelPrivateError)):
            with pytest.raises(error):
                await client(listing(chat.input_peer()))
        assert ["CHANNEL_FORUM_MISSING"] == [fault.error for fault in telegram.client_faults]
    bot = types.User(id=77, access_hash=5, first_name="Bot", bot=True, bot_forum_view=True)
    world.add_user(bot)
    with pytest.raises(UnknownMethodFault):
        ask(world, listing(types.InputPeerUser(77, 5)))


def test_bad_numbers_are_refused(forum: Forum, world: World) -> None:
    """Negative limits and offsets; a limit of 0 means 20."""
    peer = forum.input_peer()
    assert (400, "LIMIT_INVALID") == refusal(world, listing(peer, limit=-1))
    for name in ("offset_id", "offset_topic"):
        assert (400, "MSG_ID_INVALID") == refusal(world, listing(peer, **{name: -1}))
    assert 20 == len(ask(world, listing(peer, limit=0)).topics)
    assert 100 == len(ask(world, listing(peer, limit=500)).topics)


@pytest.mark.rule("topics.short-rows")
def test_pages_of_messages_hold_short_rows(forum: Forum, world: World) -> None:
    """One for each topic of the page, reduced, its creator among the users; none without topics."""
    page = ask(world, history(forum))
    expected = {forum.topic_of(message.id) for message in page.messages}
    assert expected == {topic.id for topic in page.topics}
    assert len(page.topics) == len(expected)
    users = {user.id for user in page.users}
    for topic in page.topics:
        assert (True, 0) == (topic.short, topic.top_message)
        assert forum.topics[topic.id].title == topic.title
        if isinstance(topic.from_id, types.PeerUser):
            assert topic.from_id.user_id in users
    forum.is_forum = False
    assert [] == ask(world, history(forum)).topics
    topic = [*forum.topics.values()][5]
    forum.is_forum, topic.short = True, True
    [row] = ask(
        world, functions.messages.GetForumTopicsByIDRequest(forum.input_peer(), [topic.id])
    ).topics
    assert (True, 0, topic.title) == (row.short, row.top_message, row.title)


@pytest.mark.rule("topics.header", "topics.general")
def test_headers_name_the_topic(forum: Forum) -> None:
    """Of each seeded message, whatever else the header is for."""
    seen = set()
    for id_ in forum.ids:
        message = forum.message(id_)
        header: Any = message.reply_to
        topic = forum.topic_of(id_)
        assert not isinstance(header, types.MessageReplyStoryHeader)
        if isinstance(getattr(message, "action", None), types.MessageActionTopicCreate):
            assert (id_, None) == (topic, header)
            continue
        if topic == GENERAL:
            assert header is None or not header.forum_topic
            seen.add("a reply in General" if header else "in General")
            if header and header.reply_to_top_id:
                assert forum.topic_of(header.reply_to_top_id) == GENERAL
                seen.add("a thread in General")
            continue
        assert header.forum_topic
        if header.reply_to_peer_id is not None:
            assert topic == header.reply_to_top_id
            seen.add("a reply to another chat")
        elif header.reply_to_top_id:
            assert topic == header.reply_to_top_id == forum.topic_of(header.reply_to_msg_id)
            assert header.reply_to_msg_id not in {topic, id_}
            seen.add("a reply in a topic")
        else:
            assert topic == header.reply_to_msg_id
            seen.add("in a topic")
    assert {
        *("in General", "a reply in General", "a thread in General"),
        *("in a topic", "a reply in a topic", "a reply to another chat"),
    } == seen


@pytest.mark.rule("topics.history", "topics.general")
async def test_topics_are_read_by_their_ids(forum: Forum, world: World) -> None:
    """All topics together are the chat: what getReplies shows, and what begins each."""
    forum.delete(1)  # General is there without a message of its id.
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        found: dict[int, list[int]] = {}
        for id_ in [*forum.topics][:12]:
            thread = [m.id async for m in client.iter_messages("port", reply_to=id_, wait_time=0)]
            found[id_] = sorted({*thread, id_} & {*forum.ids})
            assert [*forum.topic_ids(id_)] == found[id_]
    assert len(forum.general.ids) > 200
    assert [*reversed(forum.general.ids)][:100] == ids_of(ask(world, replies(forum, GENERAL)))
    everything = [id_ for topic in forum.topics.values() for id_ in topic.ids]
    assert sorted(everything) == [*forum.ids]
    big = max(forum.topics.values(), key=lambda topic: len(topic.ids))
    photos = search(forum, wanted=types.InputMessagesFilterPhotos(), top_msg_id=big.id)
    expected = forum.index.of_kinds(("photo",)) & big.ids
    assert [*reversed(expected)] == ids_of(ask(world, photos))
    assert (400, "MSG_ID_INVALID") == refusal(world, replies(forum, 2**30))
    forum.is_forum = False
    assert (400, "MSG_ID_INVALID") == refusal(world, replies(forum, GENERAL))
    # As in any group, a thread that is no topic leaves out what answers another chat.
    assert 0 < len(big.ids) - 1 - ask(world, replies(forum, big.id)).count < 10


@pytest.mark.rule("topics.service-messages")
def test_topics_begin_and_change_by_messages(forum: Forum, world: World) -> None:
    """The id of a topic is that of its first message; edits are in the topic."""
    topic = forum.add_topic("Tide tables", message_count=3, icon_color=0xFB6F5F, icon_emoji_id=9)
    begun: Any = forum.message(topic.id)
    assert ("Tide tables", 0xFB6F5F, 9) == (
        begun.action.title,
        begun.action.icon_color,
        begun.action.icon_emoji_id,
    )
    edited: Any = forum.message(topic.edit(title="Ebb & flow", closed=True))
    assert ("Ebb & flow", True, None) == (
        edited.action.title,
        edited.action.closed,
        edited.action.icon_emoji_id,
    )
    assert (True, topic.id) == (edited.reply_to.forum_topic, edited.reply_to.reply_to_msg_id)
    hidden: Any = forum.message(forum.general.edit(hidden=True))
    assert (None, True) == (hidden.reply_to, hidden.action.hidden)
    page = ask(world, listing(forum.input_peer(), limit=4))
    rows = {row.id: row for row in page.topics}
    assert ("Ebb & flow", True) == (rows[topic.id].title, rows[topic.id].closed)
    assert True is rows[GENERAL].hidden
    assert 5 == len(topic.ids)
