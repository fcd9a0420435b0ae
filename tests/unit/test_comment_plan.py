"""Which way comments are read, and what it is estimated to cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast.errors import ArgumentError
from telefast.forum.comment_plan import (
    CommentPlan,
    PostThread,
    Threads,
    choose_way,
    comments_on,
    pass_cost,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CHANNEL = -1_000_000_000_007


def post(post_id: int, count: int | None = None, album: int | None = None, **fields: Any) -> Any:
    """Return a post that shows so many comments."""
    replies = None
    if count is not None:
        replies = types.MessageReplies(count, 1, **{"comments": True, **fields})
    return types.Message(
        post_id,
        types.PeerChannel(7),
        date=NOW,
        message="x",
        grouped_id=album,
        replies=replies,
    )


def gathered(*posts: Any) -> list[tuple[tuple[int, ...], int | None]]:
    """Return what the threads of these posts are."""
    threads = Threads(CHANNEL)
    for each in posts:
        threads.add(each)
    return [(thread.post_ids, thread.count) for thread in threads.all()]


@pytest.mark.parametrize("wrong", ["19", 1.5, True, 0, -1, 2**31, b"20", [21]])
def test_what_is_no_post_is_refused(wrong: Any) -> None:
    """Ids that are no ints are an error, and not posts without comments."""
    with pytest.raises(ArgumentError, match="posts"):
        gathered(1, wrong)


def test_posts_say_where_comments_are() -> None:
    """Those with none are passed over, and so is what is no post; an id may have any number."""
    note = types.MessageService(
        9, types.PeerChannel(7), date=NOW, action=types.MessageActionHistoryClear()
    )
    found = gathered(post(1, 5), post(2), post(3, 0), None, note, 4, post(5, 2, comments=None))
    assert [((1,), 5), ((4,), None)] == found
    assert None is comments_on(post(2))
    assert 0 == comments_on(post(3, 0))


def test_each_post_counts_once() -> None:
    """Whatever is given twice; all that were seen are remembered."""
    threads = Threads(CHANNEL)
    for each in (post(1, 5), 1, post(1, 6), post(2)):
        threads.add(each)
    assert [PostThread((1,), 5)] == threads.all()
    assert {1, 2} == threads.post_ids


def test_a_message_of_another_chat_is_no_post() -> None:
    """Its id names another post here, with comments of its own."""
    with pytest.raises(ArgumentError, match="a message of chat -1000000000007"):
        Threads(CHANNEL - 1).add(post(1, 5))


def test_an_album_is_one_thread() -> None:
    """In the place of its first post that shows comments; the one with most is asked first."""
    album = [post(2, None, 70), post(3, 4, 70), post(4, 6, 70), post(5, 6, 70)]
    assert [((1,), 1), ((4, 5, 3), 6), ((6,), 2)] == gathered(post(1, 1), *album, post(6, 2, 71))


@pytest.mark.parametrize(
    ("count", "cost", "is_long"),
    [(None, 2, False), (1, 2, False), (100, 2, False), (101, 4, True), (1000, 12, True)],
)
def test_cost_of_a_thread(count: int | None, cost: int, is_long: bool) -> None:
    """A page and what proves the end; a long thread, read oldest first, has two ends to find."""
    thread = PostThread((1,), count)
    assert (cost, is_long) == (thread.cost, thread.is_long)


@given(st.integers(0, 5000), st.lists(st.integers(1, 400), max_size=60))
def test_the_cheaper_way_wins(messages: int, counts: list[int]) -> None:
    """Of two that cost the same it is the pass, which finds all; the plan has both figures."""
    threads = [PostThread((number,), count) for number, count in enumerate(counts, 1)]
    base = CommentPlan("pass", -5, pass_cost(messages))
    plan = choose_way(base, threads)
    one, other = plan.pass_requests, plan.posts_requests
    assert one is not None
    assert other is not None
    assert (one, sum(each.cost for each in threads)) == (pass_cost(messages), other)
    assert ("pass" if one <= other else "posts") == plan.way
    assert plan.reason == f"requests in one pass: {one}; thread by thread: {other}"
    assert tuple(threads) == plan.threads


def test_plans_say_why() -> None:
    """A group that is closed leaves one way, a channel without a group none."""
    closed = choose_way(CommentPlan("pass", -5), [PostThread((1,), 3)])
    assert ("posts", 2) == (closed.way, closed.posts_requests)
    assert "requests in one pass: the group is closed; thread by thread: 2" == closed.reason
    assert "the channel has no discussion group" == CommentPlan("none", None).reason
    pass_ = CommentPlan("pass", -5, 4)
    assert "requests in one pass: 4; thread by thread: not looked at" == pass_.reason
