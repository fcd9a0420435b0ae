"""Which way to read a forum, what its rows say, and where long topics are cut."""

from __future__ import annotations

from datetime import UTC, datetime
from inspect import signature
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types
from telethon.extensions import BinaryReader
from telethon.tl.types import messages

from telefast.errors import CorruptStateError
from telefast.forum.planning import (
    BY_IDS,
    EACH,
    choose_general,
    cost_of_all,
    make_plan,
    needs_counts,
    uncounted,
)
from telefast.forum.rows import page_of, readable_part, topic_begun_by
from telefast.forum.sharding import positions_of, ranges_of
from telefast.forum.types import TopicCursor
from telefast.peers.meta import MessageCount

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CHAT = types.PeerChannel(7)


def count(value: int | None, *, is_exact: bool = True) -> MessageCount:
    """Return a count."""
    return MessageCount(value, is_exact, "messages.getReplies")


# Plans


def test_one_pass_costs_pages_or_ids() -> None:
    """A dense chat is read by ids, a sparse one by pages, one of unknown ids by pages."""
    assert 1002 == cost_of_all(100_000, 0)
    assert 2 + -(-100_000 // BY_IDS) == cost_of_all(100_000, 100_000)
    assert 1002 == cost_of_all(100_000, 5_000_000)
    assert 2 == cost_of_all(0, 0)


@given(
    st.dictionaries(st.integers(2, 500), st.integers(0, 5000), min_size=1, max_size=30),
    st.integers(0, 20_000),
)
def test_the_cheaper_way_is_chosen(counts: dict[int, int | None], others: int) -> None:
    """By what is known of each topic, the way with fewer requests is chosen, and says so."""
    whole = cost_of_all(others + sum(each or 0 for each in counts.values()), 0)
    plan = make_plan([*counts], counts, whole)
    by_topic = 1 + sum(max(1, -(-(each or 0) // 100)) + EACH for each in counts.values())
    assert plan.requests == min(whole, by_topic)
    assert {plan.requests, plan.others} == {whole, by_topic}
    assert ("per topic" if by_topic < whole else "one pass") == plan.way
    assert plan.topics == (*counts,)
    assert str(whole) in plan.why


def test_counting_only_where_it_may_pay() -> None:
    """Topics are not counted where one pass is cheaper than to count and to read them."""
    assert needs_counts(1, 1000)
    assert not needs_counts(350, 1002)
    plan = make_plan([5, 6], None, 8)
    assert ("one pass", 8, 7) == (plan.way, plan.requests, plan.others)
    assert "to count them" in plan.why


def test_plans_of_all_topics_and_of_unknown_chats() -> None:
    """All topics are one pass; a chat that cannot be counted is read topic by topic."""
    plan = make_plan(None, None, 1002, known=351)
    assert ("one pass", 1002, 351 * 3 + 4, None) == (
        plan.way,
        plan.requests,
        plan.others,
        plan.topics,
    )
    plan = make_plan(None, None, None, known=3)
    assert ("one pass", 0, 1 + 3 * (1 + EACH)) == (plan.way, plan.requests, plan.others)
    plan = make_plan([1, 2, 3], None, None)
    assert ("per topic", 1 + 3 * (1 + EACH), 0) == (plan.way, plan.requests, plan.others)


def test_general_by_a_scan_shows_the_others_too() -> None:
    """A General that cannot be read by itself makes one pass of any plan."""
    plan = make_plan([1, 5], {1: None, 5: 10}, 50)
    assert ("one pass", 50, 54, (1, 5)) == (plan.way, plan.requests, plan.others, plan.topics)
    plan = make_plan([1, 5], {1: 30, 5: 10}, 50)
    assert ("per topic", 7) == (plan.way, plan.requests)
    plan = make_plan([1, 5], {5: 10}, 50)
    assert "one pass" == plan.way


@given(st.none() | st.lists(st.integers(1, 500), unique=True), st.none() | st.integers(2, 90))
def test_one_pass_where_topics_were_turned_off(topics: list[int] | None, whole: int | None) -> None:
    """No thread shows all then: it is one pass, also where its cost is unknown."""
    plan = make_plan(topics, {}, whole, has_topics=False)
    if topics == []:
        assert ("per topic", ()) == (plan.way, plan.topics)
        return
    assert "one pass" == plan.way
    assert (None if topics is None else (*topics,)) == plan.topics
    assert (whole or 0) == plan.requests <= plan.others or not whole


def test_how_to_read_general() -> None:
    """A refused or empty thread is scanned for; a cheap proof is made; a dear one is not."""
    assert "scan" == choose_general(None, 5000, 3, 52)
    assert "scan" == choose_general(0, 5000, 3, 52)
    assert "scan" == choose_general(100, None, 3, 0)
    assert "thread" == choose_general(5000, 5000, 0, 52)
    assert "count" == choose_general(100, 5000, 3, 52)
    assert "scan" == choose_general(100, 5000, 3, 6)
    assert "scan" == choose_general(100, 5000, 300, 52)


def test_the_proof_that_nothing_is_in_no_thread() -> None:
    """Threads and what began them add up to the chat, or tell how much is missing."""
    assert 0 == uncounted(count(10), count(33), [count(20), count(1)])
    assert 2 == uncounted(count(8), count(33), [count(20), count(1)])
    assert uncounted(count(10), count(33), [count(20), count(None)]) is None
    assert uncounted(count(10), count(33, is_exact=False), [count(20), count(1)]) is None


# Ranges


@given(st.sets(st.integers(1, 300)), st.integers(1, 400))
def test_every_id_is_in_one_range(cuts: set[int], message_id: int) -> None:
    """Ranges leave nothing out and share nothing, whatever the cuts."""
    ranges = ranges_of(cuts)
    inside = [low < message_id and (not high or message_id < high) for low, high in ranges]
    assert 1 == sum(inside)
    assert len(cuts) + 1 == len(ranges)


@given(st.integers(0, 1000), st.integers(1, 100))
def test_positions_cut_into_parts_of_the_size(length: int, size: int) -> None:
    """No part is longer than was asked for."""
    positions = [0, *positions_of(length, size), length]
    sizes = [high - low for low, high in pairwise(positions)]
    assert length == sum(sizes)
    assert max(sizes) <= size


# Rows


def row(**fields: Any) -> types.ForumTopic:
    """Return a row of topic 30."""
    known: dict[str, Any] = {
        "id": 30,
        "date": NOW,
        "peer": CHAT,
        "title": "Tides",
        "icon_color": 5,
        "top_message": 44,
        "read_inbox_max_id": 0,
        "read_outbox_max_id": 0,
        "unread_count": 6,
        "from_id": types.PeerUser(9),
        "notify_settings": types.PeerNotifySettings(),
    }
    counts = (name for name in signature(types.ForumTopic).parameters if name.endswith("_count"))
    return types.ForumTopic(**dict.fromkeys(counts, 0) | known | fields)


def answer(*topics: Any, by_creation: bool = False, tops: tuple[Any, ...] = ()) -> Any:
    """Return a page."""
    return messages.ForumTopics(
        len(topics), [*topics], [*tops], [], [], 1, order_by_create_date=by_creation or None
    )


def test_what_a_row_says() -> None:
    """All that a row tells is kept; a reduced one does not tell what it does not know."""
    top = types.Message(44, CHAT, date=NOW, message="x")
    gone = types.MessageEmpty(45, peer_id=None)
    page = page_of(
        answer(
            row(pinned=True, hidden=True, my=True, closed=True, icon_emoji_id=8),
            row(id=31, short=True, top_message=0),
            row(id=32, top_message=45),
            types.ForumTopicDeleted(33),
            tops=(top, gone),
        )
    )
    first, short, silent, deleted = page.rows
    assert 4 == page.count
    topic = first.topic
    assert (30, "Tides", 9, NOW, 5, 8) == (
        *(topic.id, topic.title, topic.creator_id),
        *(topic.date, topic.icon_color, topic.icon_emoji_id),
    )
    assert (True, True, True, True, 44, 6) == (
        *(topic.pinned, topic.hidden, topic.my, topic.closed),
        *(topic.top_message_id, topic.unread_count),
    )
    assert ((int(NOW.timestamp()), 44), 44) == (first.place, first.rank)
    assert (None, None, None, None) == (
        *(short.topic.top_message_id, short.topic.unread_count),
        *(short.place, short.rank),
    )
    assert (None, 45) == (silent.place, silent.rank)
    assert (33, True) == (deleted.topic.id, deleted.topic.deleted)


def test_what_is_left_of_an_answer() -> None:
    """Of an answer that breaks off, all topics are left, and the messages before the break."""
    tops = tuple(types.Message(44 + i, CHAT, date=NOW, message="x") for i in range(3))
    rows = row(), row(id=31)
    data = bytes(answer(*rows, tops=tops))
    spans, at = [], 20
    for each in (*rows, None, *tops):
        size = 8 if each is None else len(bytes(each))
        if each is not None:
            spans.append((at, at + size))
        at += size
    for read in range(2, 6):
        part = readable_part(data, spans[:read])
        assert part is not None
        with BinaryReader(part) as reader:
            found: Any = reader.tgread_object()
            assert len(part) == reader.tell_position()
        assert [30, 31] == [each.id for each in found.topics]
        assert [44, 45, 46][: read - 2] == [each.id for each in found.messages]
    assert readable_part(data, spans[:1]) is None
    assert readable_part(bytes(answer()), []) == bytes(answer())[:-4] + bytes(4)


def test_rows_by_creation() -> None:
    """Where topics stand by when they were made, their own date is their place."""
    page = page_of(answer(row(), row(id=31, short=True, top_message=0), by_creation=True))
    date = int(NOW.timestamp())
    assert [((date, 44), 30), ((date, 0), 31)] == [(each.place, each.rank) for each in page.rows]


def test_topics_that_begin() -> None:
    """The service message that begins a topic tells it; others tell nothing."""
    action = types.MessageActionTopicCreate("Tides", 5, icon_emoji_id=8)
    message = types.MessageService(30, CHAT, date=NOW, action=action)
    topic = topic_begun_by(message)
    assert topic is not None
    assert (30, "Tides", NOW, 5, 8) == (
        *(topic.id, topic.title, topic.date),
        *(topic.icon_color, topic.icon_emoji_id),
    )
    assert -1000000000007 == topic.creator_id
    message.from_id = types.PeerUser(9)
    begun = topic_begun_by(message)
    assert begun is not None
    assert 9 == begun.creator_id
    assert topic_begun_by(types.Message(31, CHAT, date=NOW, message="x")) is None


# Cursors


@given(st.integers(0, 2**31), st.lists(st.integers(0, 2**31)))
def test_cursors_survive_json(number: int, seen: list[int]) -> None:
    """A cursor is the same after it was kept as JSON."""
    cursor = TopicCursor(number, number, number, tuple(seen), number)
    assert cursor == TopicCursor.from_json(cursor.to_json())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"seen": 1}',
        '{"seen": [], "nonsense": 1}',
        '{"seen": ["1"]}',
        '{"seen": [-1]}',
        '{"seen": [], "start": null}',
        '{"seen": [], "offset_id": true}',
    ],
)
def test_what_is_no_cursor(text: str) -> None:
    """Anything else is an error of ours."""
    with pytest.raises(CorruptStateError):
        TopicCursor.from_json(text)
