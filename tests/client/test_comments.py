"""Comments on the posts of a channel: each once, tied to its post, from wherever it is cheapest.

The figures of the documentation: pytest -s tests/client/test_comments.py -k three_hundred
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from telethon.errors import ChannelPrivateError
from telethon.tl import types

from telefast import (
    ArgumentError,
    BatchedHistory,
    Comment,
    Comments,
    CommentStream,
    ConcurrentUseError,
    DiscussionClosedError,
    MessageKey,
    MetadataCache,
)
from telefast.history.whole import WholeHistory
from telefast.testing import Channel, ErrorOn, LocalTelegram, World
from tests.client.test_undecoded import Newer

HISTORY = "messages.getHistory"
REPLIES = "messages.getReplies"
BY_IDS = "channels.getMessages"
FULL = "channels.getFullChannel"


@dataclass
class Scene:
    """A channel with comments, and the truth about them.

    Attributes:
        world: The world.
        news: The channel.
        talk: Its discussion group.
        truth: The ids of the comments on each post that has some.
    """

    world: World
    news: Channel
    talk: Channel
    truth: dict[int, list[int]] = field(default_factory=dict)

    def discuss(self, post_id: int, comments: int, album_place: int = 0) -> list[int]:
        """Let people comment on a post; returns the copies."""
        copies = self.world.discuss(self.news, post_id, comments=comments, album_place=album_place)
        [(owner, root)] = [(p, r) for p, r in self.news.threads.items() if r in copies]
        self.truth[owner] = sorted(self.talk.thread_ids(root))
        return copies

    def pairs(self) -> set[tuple[int, int]]:
        """Return all comments, as (post, comment)."""
        return {(post, id_) for post, ids in self.truth.items() for id_ in ids}


def album_of(news: Channel) -> list[int]:
    """Return the ids of the first album that is there whole, with three posts or more."""
    found: dict[int, list[int]] = {}
    for id_ in news.ids:
        album = getattr(news.message(id_), "grouped_id", None)
        if album is not None:
            found.setdefault(album, []).append(id_)
    return next(ids for ids in found.values() if len(ids) > 2)


def singles(news: Channel) -> list[int]:
    """Return the ids of the posts that are in no album."""
    shown = {id_: news.message(id_) for id_ in news.ids}
    return [
        id_
        for id_, each in shown.items()
        if isinstance(each, types.Message) and each.grouped_id is None
    ]


@pytest.fixture
def scene() -> Scene:
    """Comments on an album and on single posts, none on others, and other talk in the group."""
    world = World(seed=76, user_count=30)
    news = world.add_channel("News", message_count=120, megagroup=False, username="news")
    talk = world.add_channel("Talk", message_count=40, username="talk")
    world.link(news, talk)
    scene = Scene(world, news, talk)
    first, second, third, fourth, *_ = singles(news)
    scene.discuss(first, 7)
    talk.post(5)  # other talk
    scene.discuss(album_of(news)[1], 4, album_place=2)
    scene.discuss(second, 0)
    scene.discuss(third, 130)
    root, *_ = talk.post(1)
    talk.post(3, reply_to=root)  # answers to what is no post
    scene.discuss(fourth, 2)
    return scene


class NewerComments(Newer):
    """Certain messages of the group, or of the channel, are of a later layer.

    Args:
        ids: Which.
        where: `talk` or `news`.
    """

    def __init__(self, ids: Any, where: str = "talk") -> None:
        super().__init__(ids)
        self.where = where

    def result(self, call: Any, body: bytes) -> bytes:
        """Replace constructors."""
        if call.method not in (HISTORY, REPLIES, BY_IDS):
            return body
        peer = getattr(call.request, "peer", None) or call.request.channel
        is_talk = call.method == REPLIES or call.world.channels[peer.channel_id].username == "talk"
        return self.replace(body) if is_talk == (self.where == "talk") else body


async def read(stream: CommentStream) -> list[tuple[int | None, int]]:
    """Return (post, message id) of all that a stream has."""
    async with stream:
        return [(post_id, message.id) async for post_id, message in stream]


async def read_on(stream: CommentStream) -> tuple[list[Comment], Exception | None]:
    """Return all that a stream has, and the error that ends it."""
    found: list[Comment] = []
    try:
        while True:
            found.append(await anext(stream))
    except StopAsyncIteration:
        return found, None
    except Exception as error:  # noqa: BLE001 - for the test to look at
        return found, error


def in_order(scene: Scene) -> list[tuple[int, int]]:
    """Return all comments thread by thread."""
    return [(post, id_) for post in sorted(scene.truth) for id_ in scene.truth[post]]


# One post


async def test_comments_of_a_post(scene: Scene) -> None:
    """As its thread has them; keyed by the group, and with any bounds that a history has."""
    post = min(scene.truth)
    ids = scene.truth[post]
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news")
        message = await client.get_messages("news", ids=post)
        for each in (post, message):
            assert [(post, id_) for id_ in reversed(ids)] == await read(comments.of(each))
        assert [(post, id_) for id_ in ids] == await read(comments.of(post, reverse=True))
        first = await read(comments.of(post, limit=3))
        rest = await read(comments.of(post, offset_id=first[-1][1]))
        assert [(post, id_) for id_ in reversed(ids)] == first + rest
        async with comments.of(post, limit=1) as stream:
            [comment] = [each async for each in stream]
        assert MessageKey(scene.talk.marked_id, ids[-1]) == comment.key
        assert 1 == telegram.requests[FULL]
        assert [] == telegram.client_faults
        assert (1, 1) == (stream.stats().comments, stream.stats().threads)
        assert None is stream.plan


async def test_comments_of_an_album(scene: Scene) -> None:
    """Whichever of its posts is asked about, they are those of the one that has the thread."""
    album = album_of(scene.news)
    owner = album[2]
    wanted = [(owner, id_) for id_ in reversed(scene.truth[owner])]
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news")
        for message in await client.get_messages("news", ids=album):
            assert wanted == await read(comments.of(message))
        for post_id in album:
            assert wanted == await read(comments.of(post_id))
        # Once for each post without the thread that was named by its id, at most.
        assert len(album) - 1 == len(telegram.client_faults)


async def test_a_post_without_thread_has_no_comments(scene: Scene) -> None:
    """Never begun, deleted, or deleted and still shown: no error, and told in the figures."""
    quiet = singles(scene.news)[7]
    note = next(
        i for i in scene.news.ids if isinstance(scene.news.message(i), types.MessageService)
    )
    gone = min(scene.truth)
    scene.talk.delete(scene.news.threads[gone])
    scene.news.dead_threads = True
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news")
        shown = await client.get_messages("news", ids=[quiet, note, gone])
        for message, asked in zip(shown, (0, 0, 1), strict=True):
            stream = comments.of(message)
            assert [] == await read(stream)
            assert (asked, asked) == (stream.stats().threads, stream.stats().dead_threads)
        scene.talk.delete(*scene.truth[gone])
        empty = await client.get_messages("news", ids=gone)
        assert 0 == empty.replies.replies
        before = telegram.requests[REPLIES]
        assert [] == await read(comments.of(empty))
        assert before == telegram.requests[REPLIES]
        for post_id in (quiet, gone, 10**6):
            stream = comments.of(post_id)
            assert [] == await read(stream)
            assert 1 == stream.stats().dead_threads


async def test_the_last_thread_of_an_album_can_be_deleted(scene: Scene) -> None:
    """A post that shows comments which are not there any more leads to the others, and to none."""
    owner = album_of(scene.news)[2]
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news")
        message = await client.get_messages("news", ids=owner)
        scene.talk.delete(scene.news.threads[owner])
        stream = comments.of(message)
        assert [] == await read(stream)
        assert (1, 1) == (stream.stats().threads, stream.stats().dead_threads)


async def test_a_thread_deleted_while_it_is_read_ends(scene: Scene) -> None:
    """What was read before stays; the rest is no error."""
    post = max(scene.truth, key=lambda each: len(scene.truth[each]))
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news", concurrency=1, prefetch=1, request_size=10)
        found = 0
        async with comments.of(post) as stream:
            async for _ in stream:
                found += 1
                scene.talk.delete(scene.news.threads[post])
        assert 10 <= found < 130
        assert 1 == stream.stats().dead_threads


# All posts


@pytest.mark.parametrize("way", ["pass", "posts", "auto"])
async def test_all_comments(scene: Scene, way: Any) -> None:
    """Each comment once, tied to its post, by either way, and nothing else."""
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        stream = Comments(client, "news").walk(way=way)
        found = await read(stream)
        assert len(found) == len(set(found))
        assert scene.pairs() == set(found)
        plan = stream.plan
        assert plan is not None
        assert scene.talk.marked_id == plan.group_id
        if plan.way == "posts":
            assert in_order(scene) == found
            assert (4, 0) == (stream.stats().threads, stream.stats().dead_threads)
        else:
            assert sorted(id_ for _, id_ in found) == [id_ for _, id_ in found]
            assert len(scene.talk.ids) - len(found) == stream.stats().others
            assert 0 == telegram.requests[REPLIES]
        assert 0 == stream.stats().lookups
        assert [] == telegram.client_faults
        assert len(found) == stream.stats().comments
        assert f"comments={len(found)}" in repr(stream)


@pytest.mark.parametrize("as_ids", [False, True])
@pytest.mark.parametrize("way", ["pass", "posts"])
async def test_comments_on_some_posts(scene: Scene, way: Any, as_ids: bool) -> None:
    """Only theirs, whether the posts are messages, ids, or an asynchronous iterable of them."""
    chosen = [min(scene.truth), *album_of(scene.news)]
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        posts: Any = chosen
        if not as_ids:
            posts = BatchedHistory(client, "news", ids=chosen)
        stream = Comments(client, "news").walk(posts, way=way)
        found = await read(stream)
        wanted = {(post, id_) for post, id_ in scene.pairs() if post in chosen}
        assert wanted == set(found)
        if not (as_ids and way == "posts"):  # else each id of the album leads to its thread
            assert len(found) == len(set(found))


async def test_dead_threads_are_passed_over(scene: Scene) -> None:
    """Where the posts show comments that are gone the walk goes on, and counts them."""
    gone = [min(scene.truth), album_of(scene.news)[2]]
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        posts = await client.get_messages("news", limit=None, reverse=True, wait_time=0)
        for post in gone:
            scene.talk.delete(scene.news.threads[post])
            del scene.truth[post]
        for way, dead in (("posts", 2), ("pass", 0)):
            stream = Comments(client, "news").walk(posts, way=way)  # type: ignore[arg-type]
            assert scene.pairs() == set(await read(stream))
            assert dead == stream.stats().dead_threads


async def test_threads_that_have_grown(scene: Scene) -> None:
    """What a post shows may be old: a thread that is long by now is read to its end."""
    post = min(scene.truth)
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        posts = await client.get_messages("news", limit=None, reverse=True, wait_time=0)
        more = scene.talk.post(150, reply_to=scene.news.threads[post])
        scene.truth[post] += more
        stream = Comments(client, "news").walk(posts, way="posts")
        assert in_order(scene) == await read(stream)


async def test_a_walk_goes_on(scene: Scene) -> None:
    """Above the comment taken last, by the same requests by ids for copies further down."""
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news")
        found: list[tuple[int | None, int]] = []
        async with comments.walk(way="pass") as walk:
            async for post_id, message in walk:
                found.append((post_id, message.id))
                if len(found) == 60:  # within a thread
                    break
        before = telegram.requests[BY_IDS]
        stream = comments.walk(min_id=found[-1][1])
        found += await read(stream)
        assert scene.pairs() == set(found)
        assert len(found) == len(set(found))
        assert 1 == stream.stats().lookups
        assert 1 <= telegram.requests[BY_IDS] - before <= 3  # dense stretches among them
        rest = await read(comments.walk(way="posts", min_id=found[59][1]))
        assert set(found[60:]) == set(rest)


@pytest.mark.parametrize("seed", range(4))
async def test_both_ways_equal_the_truth(seed: int) -> None:
    """Whatever was deleted, in the group and in the channel: the same comments, each once."""
    dice = random.Random(seed)
    world = World(seed=seed, user_count=20)
    news = world.add_channel("News", message_count=60, megagroup=False, username="news")
    talk = world.add_channel("Talk", message_count=30, username="talk")
    world.link(news, talk)
    albums: set[int | None] = set()
    for post_id in list(news.ids):
        post = news.message(post_id)
        if isinstance(post, types.Message) and post.grouped_id not in albums:
            world.discuss(news, post_id, comments=dice.choice((0, 0, 1, 5, 20)))
            albums |= {post.grouped_id} - {None}
            talk.post(dice.randrange(3))
    talk.delete(*dice.sample(list(talk.ids), len(talk.ids) // 5))
    roots = {post: root for post, root in news.threads.items() if talk.has(root)}
    scene = Scene(world, news, talk, {p: [*talk.thread_ids(root)] for p, root in roots.items()})
    news.dead_threads = bool(seed % 2)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        comments = Comments(client, "news")
        for way in ("pass", "posts"):
            found = await read(comments.walk(way=way))  # type: ignore[arg-type]
            assert len(found) == len(set(found))
            assert scene.pairs() == set(found)
        for reverse in (True, False):
            async with BatchedHistory(client, "talk", reverse=reverse) as history:
                tied = await read(comments.tie(history))
            assert sorted(talk.ids, reverse=not reverse) == [id_ for _, id_ in tied]
            assert scene.pairs() == {(post, id_) for post, id_ in tied if post is not None}


async def test_comments_that_cannot_be_read(scene: Scene) -> None:
    """One of a later layer is told of, once, by either way; a post of one may have comments."""
    post = max(scene.truth, key=lambda each: len(scene.truth[each]))
    bad = scene.truth[post][50]
    async with (
        LocalTelegram(scene.world, rules=[NewerComments([bad])]) as telegram,
        telegram.client() as client,
    ):
        for way in ("pass", "posts"):
            stream = Comments(client, "news").walk(way=way)  # type: ignore[arg-type]
            assert scene.pairs() - {(post, bad)} == set(await read(stream))
            assert [bad] == [record.id for record in stream.undecoded]
    late = min(scene.truth)
    async with (
        LocalTelegram(scene.world, rules=[NewerComments([late], "news")]) as telegram,
        telegram.client() as client,
    ):
        stream = Comments(client, "news").walk(way="posts")
        assert scene.pairs() == set(await read(stream))
        assert [] == stream.undecoded


# The group, read anyway


@pytest.mark.parametrize("reverse", [True, False])
async def test_the_group_is_read_once(scene: Scene, reverse: bool) -> None:
    """All its messages come, in order and bound to their posts; no request but one for the link."""
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        async with BatchedHistory(client, "talk", reverse=reverse) as history:
            own = [message.id async for message in history]
        once = telegram.requests.snapshot()
        comments = Comments(client, "news")
        async with BatchedHistory(client, "talk", reverse=reverse) as history:
            stream = comments.tie(history)
            found = await read(stream)
            assert [] == [each async for each in history]  # at its end, and still ours
        assert own == [id_ for _, id_ in found]
        assert scene.pairs() == {(post, id_) for post, id_ in found if post is not None}
        assert (0, len(own) - len(scene.pairs())) == (stream.stats().lookups, stream.stats().others)
        spent = telegram.requests.since(once)
        assert {FULL: 1} == {name: n for name, n in spent.items() if name not in (HISTORY, BY_IDS)}


@pytest.mark.parametrize("ask", [True, False])
async def test_a_part_of_the_group(scene: Scene, ask: bool) -> None:
    """Copies outside are asked for by ids, many at a time; or not, and then nothing is known."""
    ids = sorted(id_ for _, id_ in scene.pairs())[3:80]
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news")
        async with BatchedHistory(client, "talk", ids=[*ids, 10**6]) as history:
            shown = [message async for message in history]

        async def again() -> AsyncIterator[Any]:
            for message in shown:
                yield message

        before = telegram.requests[BY_IDS]
        stream = comments.tie(again(), is_whole=False, ask=ask)
        async with stream:
            found = [(post_id, message) async for post_id, message in stream]
        truth = {id_: post for post, id_ in scene.pairs()}
        assert [*(truth[id_] if ask else None for id_ in ids), None] == [post for post, _ in found]
        assert shown == [message for _, message in found]
        assert int(ask) == telegram.requests[BY_IDS] - before == stream.stats().lookups


async def test_errors_of_the_messages_come_last(scene: Scene) -> None:
    """After all messages before them, tied; the stream is over then."""
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        shown = await client.get_messages("talk", limit=30)

        async def broken() -> AsyncIterator[Any]:
            for message in shown:
                yield message
            raise LookupError("no more")

        stream = Comments(client, "news").tie(broken())
        found, error = await read_on(stream)
        assert isinstance(error, LookupError)
        assert shown == [each.message for each in found]
        assert [] == [each async for each in stream]


# What is closed


async def test_a_channel_without_group(scene: Scene) -> None:
    """No comments, and one request to know it, whatever is asked."""
    quiet = scene.world.add_channel("Quiet", message_count=20, megagroup=False, username="quiet")
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        await client.get_input_entity("quiet")
        before = telegram.requests.snapshot()
        comments = Comments(client, "quiet")
        assert None is await comments.group_id()
        for post_id in quiet.ids:
            assert [] == await read(comments.of(post_id))
        for way in ("auto", "pass", "posts"):
            stream = comments.walk(way=way)  # type: ignore[arg-type]
            assert [] == await read(stream)
            assert stream.plan is not None
            assert "none" == stream.plan.way
        assert {FULL: 1} == telegram.requests.since(before)


@pytest.mark.parametrize("given", [True, False])
async def test_a_closed_group_is_read_by_its_threads(scene: Scene, given: bool) -> None:
    """They are open to who sees the channel; one pass is refused with an error that says why."""
    scene.talk.private = True
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news")
        posts = (
            await client.get_messages("news", limit=None, reverse=True, wait_time=0)
            if given
            else None
        )
        for min_id in (0, 50):
            stream = comments.walk(posts, min_id=min_id)
            assert [pair for pair in in_order(scene) if pair[1] > min_id] == await read(stream)
            assert stream.plan is not None
            assert (None, "posts") == (stream.plan.pass_requests, stream.plan.way)
        with pytest.raises(DiscussionClosedError) as caught:
            await read(comments.walk(way="pass"))
        error = caught.value
        assert (scene.news.marked_id, scene.talk.marked_id) == (error.channel_id, error.group_id)


async def test_a_group_that_closes_meanwhile(scene: Scene) -> None:
    """All that was read comes first; then the error says what happened, with Telegram's own."""
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(
            client, "news", concurrency=1, prefetch=1, request_size=10, by_ids=False
        )
        stream = comments.walk(way="pass")
        first = await anext(stream)
        scene.talk.private = True
        found, error = await read_on(stream)
        assert isinstance(error, DiscussionClosedError)
        assert isinstance(error.__cause__, ChannelPrivateError)
        ids = sorted(id_ for _, id_ in scene.pairs())
        assert ids[: 1 + len(found)] == [each.message.id for each in (first, *found)]


async def test_threads_that_are_refused(scene: Scene) -> None:
    """The first refusal ends it: the next thread would be refused, too."""
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news", concurrency=1)
        telegram.add(ErrorOn(REPLIES, 406, "CHANNEL_PRIVATE", nth=3))
        found, error = await read_on(comments.walk(way="posts"))
        assert isinstance(error, DiscussionClosedError)
        assert 7 == len(found)
        telegram.add(ErrorOn(REPLIES, 406, "CHANNEL_PRIVATE"))
        with pytest.raises(DiscussionClosedError):
            await read(comments.of(min(scene.truth)))


# The contract of streams


async def test_one_consumer_and_any_cancellation(scene: Scene) -> None:
    """A consumer that is cancelled at each step loses nothing; a second one is refused."""
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        for way in ("pass", "posts"):
            stream = Comments(client, "news").walk(way=way)  # type: ignore[arg-type]
            found: list[tuple[int | None, int]] = []
            steps = 0
            while True:
                task = asyncio.ensure_future(anext(stream, None))
                for _ in range(steps % 7):
                    await asyncio.sleep(0)
                steps += 1
                if not task.done() and steps % 7 > 2:
                    with pytest.raises(ConcurrentUseError):
                        await anext(stream)
                    task.cancel()
                try:
                    each = await task
                except asyncio.CancelledError:
                    continue
                if each is None:
                    break
                found.append((each.post_id, each.message.id))
            assert scene.pairs() == set(found)
            assert len(found) == len(set(found))
            await stream.aclose()


async def test_stopping_early_leaves_nothing(scene: Scene) -> None:
    """After one comment, or before any: no task is left, and the end is the end."""
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news", concurrency=2)
        await comments.group_id()
        before = asyncio.all_tasks()
        for way in ("pass", "posts", "auto"):
            async with comments.walk(way=way) as stream:  # type: ignore[arg-type]
                await anext(stream)
            assert [] == [each async for each in stream]
            for steps in (1, 5, 30):  # within the choice of the way
                async with comments.walk(way=way) as stream:  # type: ignore[arg-type]
                    task = asyncio.ensure_future(anext(stream))
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.wait({task})
            assert before == asyncio.all_tasks()
        async with BatchedHistory(client, "talk") as history:
            stream = comments.tie(history)
            task = asyncio.ensure_future(anext(history))
            await asyncio.sleep(0)
            with pytest.raises(ConcurrentUseError):
                await anext(stream)
            first = await task
            found = await read(stream)
            assert len(scene.talk.ids) - 1 == len(found)
            assert first.id not in {id_ for _, id_ in found}


async def test_arguments(scene: Scene) -> None:
    """What makes no sense is refused at once; a group's messages are no posts."""
    async with LocalTelegram(scene.world) as telegram, telegram.client() as client:
        comments = Comments(client, "news", metadata=MetadataCache(client))
        bad: Iterable[Any] = (
            lambda: Comments([client], "news"),  # type: ignore[arg-type]
            lambda: Comments(client, None),
            lambda: Comments(client, "news", metadata=1),  # type: ignore[arg-type]
            lambda: Comments(client, "news", limit=3),
            lambda: Comments(client, "news", concurrency=0),
            lambda: comments.of(0),
            lambda: comments.of("x"),
            lambda: comments.of(5, reply_to=3),
            lambda: comments.of(5, limit=-1),
            lambda: comments.of(5, no_limit=1),
            lambda: Comments(client, "news", no_limit=1),
            lambda: comments.walk("posts"),
            lambda: comments.walk(5),  # type: ignore[arg-type]
            lambda: comments.walk(way="best"),  # type: ignore[arg-type]
            lambda: comments.walk(min_id=-1),
            lambda: comments.tie([]),  # type: ignore[arg-type]
            lambda: comments.tie(WholeHistory(client, "talk"), ask=1),  # type: ignore[arg-type]
        )
        for make in bad:
            with pytest.raises(ArgumentError):
                make()
        for way in ("auto", "pass", "posts"):
            for posts in (["19", "20"], [19, 20.0], [True]):
                with pytest.raises(ArgumentError, match="posts"):
                    await read(comments.walk(posts, way=way))  # type: ignore[arg-type]
        [foreign] = await client.get_messages("news", ids=[min(scene.truth)])
        foreign.peer_id = scene.talk.peer()
        for stream in (comments.of(foreign), comments.walk([foreign])):
            with pytest.raises(ArgumentError, match="a message of chat"):
                await read(stream)
        with pytest.raises(ArgumentError, match="broadcast channel"):
            await Comments(client, "talk").group_id()


# What it costs


async def test_three_hundred_posts() -> None:
    """One pass takes a request for each hundred messages of the group, not two for each post."""
    world = World(seed=9, user_count=40)
    news = world.add_channel("News", message_count=300, megagroup=False, username="news")
    talk = world.add_channel("Talk", message_count=500)
    world.link(news, talk)
    posts = singles(news)
    world.discuss(news, *posts, comments=5)
    costs: dict[str, int] = {}
    when: dict[str, str] = {}
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        await client.get_input_entity("news")
        shown = await client.get_messages("news", limit=None, reverse=True, wait_time=0)

        async def cost(name: str, way: Any, given: Any = None) -> None:
            before = telegram.requests.snapshot()
            stream = Comments(client, "news").walk(given, way=way)
            found = await read(stream)
            assert 5 * len(posts) == len(found) == len(set(found))
            assert stream.plan is not None
            when[name] = stream.plan.way
            costs[name] = sum(telegram.requests.since(before).values())

        await cost("one pass", "pass")
        await cost("post by post", "posts", shown)
        await cost("auto", "auto", shown)
    messages = len(talk.ids)
    assert {"one pass": "pass", "post by post": "posts", "auto": "pass"} == when
    assert costs["one pass"] == costs["auto"] <= messages // 100 + 5
    assert 2 * len(posts) < costs["post by post"] <= 2 * len(posts) + 2
    print(f"\nposts={len(posts)} messages={messages} {costs}")


async def test_few_comments_in_a_busy_group() -> None:
    """Then it is thread by thread, also if the posts have to be read for it."""
    world = World(seed=9, user_count=40)
    news = world.add_channel("News", message_count=200, megagroup=False, username="news")
    talk = world.add_channel("Talk", message_count=3_000)
    world.link(news, talk)
    first, *_, last = singles(news)
    world.discuss(news, first, last, comments=5)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        stream = Comments(client, "news").walk()
        assert 10 == len(await read(stream))
        plan = stream.plan
        assert plan is not None
        assert ("posts", 33, 4) == (plan.way, plan.pass_requests, plan.posts_requests)
        assert "requests in one pass: 33; thread by thread: 4" == plan.reason
        assert 4 == telegram.requests[REPLIES]
        assert telegram.requests[HISTORY] <= 8
