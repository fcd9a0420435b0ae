"""Rules of comments, and of polls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon.errors import MsgIdInvalidError
from telethon.tl import functions, types

from telefast.errors import WorldError
from telefast.testing import Channel, LocalTelegram, World, make_poll, put_media
from tests.conformance.asking import ask, ids_of, refusal, replies

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> World:
    """A channel with its discussion group, in which other things are written, too."""
    world = World(seed=76, user_count=30)
    news = world.add_channel("News", message_count=120, megagroup=False, username="news")
    talk = world.add_channel("Talk", message_count=40)
    world.link(news, talk)
    return world


def channel(world: World) -> Channel:
    """Return the channel."""
    return next(iter(world.channels.values()))


def albums(news: Channel) -> Iterator[list[int]]:
    """Yield the ids of each album that is there whole."""
    found: dict[int, list[int]] = {}
    for id_ in news.ids:
        album = getattr(news.message(id_), "grouped_id", None)
        if album is not None:
            found.setdefault(album, []).append(id_)
    yield from (ids for ids in found.values() if len(ids) > 2)


@pytest.mark.rule("peers.album-comments")
@pytest.mark.parametrize("place", [0, 2])
async def test_comments_of_an_album_hang_on_one_post(world: World, place: int) -> None:
    """That one shows them; asking by another is refused, and is the client's fault."""
    news = channel(world)
    album = next(albums(news))
    copies = world.discuss(news, album[1], comments=4, album_place=place)
    assert len(album) == len(copies)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        posts = await client.get_messages("news", ids=album)
        shown = [None if post.replies is None else post.replies.replies for post in posts]
        assert [4 if index == place else None for index in range(len(album))] == shown
        found = await client.get_messages("news", reply_to=album[place], limit=9)
        assert [4, {copies[place]}] == [
            len(found),
            {m.reply_to.reply_to_top_id or m.reply_to_msg_id for m in found},
        ]
        assert {news.linked.id if news.linked else 0} == {m.peer_id.channel_id for m in found}
        discuss = functions.messages.GetDiscussionMessageRequest
        peer = await client.get_input_entity("news")
        root = await client(discuss(peer, album[place]))
        assert copies[::-1] == sorted(ids_of(root), reverse=True)
        assert sorted(copies) == sorted(ids_of(root))
        with pytest.raises(MsgIdInvalidError):
            await client.get_messages("news", reply_to=album[1], limit=9)
        assert ["MSG_ID_INVALID"] == [fault.error for fault in telegram.client_faults]


@pytest.mark.rule("peers.nested-comments")
def test_comments_answer_comments(world: World) -> None:
    """And are in the thread all the same."""
    news = channel(world)
    post = next(i for i in news.ids if isinstance(news.message(i), types.Message))
    root, *_ = world.discuss(news, post, comments=9)
    answer = ask(world, replies(news, post))
    assert 9 == answer.count
    headers = [message.reply_to for message in reversed(answer.messages)]
    assert [None, None, root] * 3 == [header.reply_to_top_id for header in headers]
    ids = [*reversed(ids_of(answer))]
    assert [root, root, ids[1]] == [header.reply_to_msg_id for header in headers[:3]]


@pytest.mark.rule("peers.deleted-threads")
def test_a_thread_can_be_deleted(world: World) -> None:
    """The post stays; it shows comments no more, or 0 of them, and asking is refused."""
    news = channel(world)
    talk: Any = news.linked
    post = next(i for i in news.ids if isinstance(news.message(i), types.Message))
    root, *_ = world.discuss(news, post, comments=2)
    assert 2 == news.message(post).replies.replies
    talk.delete(root)
    assert None is news.message(post).replies
    assert (400, "MSG_ID_INVALID") == refusal(world, replies(news, post))
    news.dead_threads = True
    again: Any = World.from_recipe(world.recipe()).channels[news.id]
    for each in (news, again):
        shown = each.message(post).replies
        assert (True, talk.id) == (shown.comments, shown.channel_id)
    assert (400, "MSG_ID_INVALID") == refusal(world, replies(news, post))


def test_an_album_has_the_place(world: World) -> None:
    """A thread hangs on a post that there is; for a single post the place is no matter."""
    news = channel(world)
    album, *_ = albums(news)
    with pytest.raises(WorldError, match="album_place=99"):
        world.discuss(news, album[0], album_place=99)
    single = next(
        i
        for i in news.ids
        if isinstance(m := news.message(i), types.Message) and m.grouped_id is None
    )
    [copy] = world.discuss(news, single, album_place=3)
    assert copy == news.threads[single]


@pytest.mark.rule("polls.results")
async def test_polls_have_results(world: World) -> None:
    """In the message and by getPollResults; own answers and the right one are marked."""
    news = channel(world)
    voter = news.members[4]
    poll = make_poll(
        "Tea?",
        {"Yes": 7, "No": 2, "Cocoa": 0},
        chosen=["Yes"],
        correct="No",
        public=True,
        closed=True,
        total_voters=8,
        recent_voters=[voter],
    )
    hidden = make_poll("Tea?", {"Yes": 1, "No": 1}, shown=False, multiple=True, poll_id=9)
    first, second = put_media(news, poll, hidden)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        shown, other = (m.media for m in await client.get_messages("news", ids=[first, second]))
        assert ["Yes", "No", "Cocoa"] == [each.text.text for each in shown.poll.answers]
        assert [(7, True, False), (2, False, True), (0, False, False)] == [
            (each.voters, each.chosen, each.correct) for each in shown.results.results
        ]
        assert (8, [voter]) == (
            shown.results.total_voters,
            [each.user_id for each in shown.results.recent_voters],
        )
        assert (True, True, True) == (
            shown.poll.closed,
            shown.poll.quiz,
            shown.poll.public_voters,
        )
        assert (None, 2, True) == (
            other.results.results,
            other.results.total_voters,
            other.poll.multiple_choice,
        )
        peer = await client.get_input_entity("news")
        get = functions.messages.GetPollResultsRequest
        answer = await client(get(peer, first, 0))
        [update] = answer.updates
        assert bytes(shown.results) == bytes(update.results)
        assert (shown.poll.id, first, [voter]) == (
            update.poll_id,
            update.msg_id,
            [user.id for user in answer.users],
        )
        assert [] == telegram.client_faults
    for message_id in (1, 10**6):
        assert (400, "MSG_ID_INVALID") == refusal(world, get(peer, message_id, 0))


@pytest.mark.parametrize(
    ("votes", "options"),
    [
        ({"Yes": 1}, {}),
        ({"Yes": 1, "": 1}, {}),
        ({"Yes": 1, "No": -1}, {}),
        ({str(n): 1 for n in range(13)}, {}),
        ({"Yes": 1, "No": 1}, {"chosen": ["Tea"]}),
        ({"Yes": 1, "No": 1}, {"correct": "Tea"}),
    ],
)
def test_what_is_no_poll_is_refused(votes: dict[str, int], options: dict[str, Any]) -> None:
    """Too few answers or too many, and answers that there are not."""
    with pytest.raises(WorldError, match="answers"):
        make_poll("Tea?", votes, **options)
