"""What is cheaper by requests: each topic by itself, or one pass over the whole history.

An answer holds 100 messages at most, so each topic costs a request for every hundred that it has,
or a part of it, and some that every topic costs; the whole history costs one for every hundred. As
soon as most of a forum is wanted, one pass is cheaper: the last page of a topic is never full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from telefast.forum.topics import GENERAL
from telefast.peers.meta import MessageCount

__all__ = ["ForumPlan", "choose_general", "cost_of_all", "make_plan", "needs_counts", "uncounted"]

Way = Literal["per topic", "one pass"]

PAGE: Final = 100
"""Messages in one answer at most (https://core.telegram.org/api/offsets)."""
EACH: Final = 2
"""Requests that a topic costs beyond its pages: the proof at both ends of its thread (measured,
`python -m benchmarks forum`). What began the topics comes a hundred at a time."""
ENDS: Final = 2
"""The same for the whole history, which no message began."""
BY_IDS: Final = 185
"""Ids for each request where a dense chat is read by ids: 200 at a time, confirmed by pages
(measured there)."""


@dataclass(frozen=True, slots=True)
class ForumPlan:
    """How to read topics of a forum.

    Attributes:
        way: `per topic`, each with requests of its own, or `one pass` over the whole history.
        requests: Requests that it will take, about; 0 if that cannot be told.
        others: Requests that the other way would take at least, about; 0 likewise.
        topics: Ids of the topics to read; None for all, those included that nobody knows.
        why: The reason, in words.
    """

    way: Way
    requests: int
    others: int
    topics: tuple[int, ...] | None
    why: str


def cost_of_all(chat_count: int, newest: int) -> int:
    """Return how many requests one pass takes, about.

    Args:
        chat_count: Messages of the whole forum.
        newest: The largest id; 0 if unknown, or if nothing is read by ids.
    """
    pages = _pages(chat_count)
    return min(pages, -(-newest // BY_IDS) if newest else pages) + ENDS


def needs_counts(topic_count: int, whole: int) -> bool:
    """Tell whether it is worth a request for each topic to learn how many messages it has.

    It is, if reading these topics could then be cheaper than one pass, the counting included.

    Args:
        topic_count: How many topics are to be read.
        whole: Requests that one pass takes.
    """
    return _cost(range(topic_count), {}) + topic_count < whole


def make_plan(
    topics: Sequence[int] | None,
    counts: Mapping[int, int | None] | None,
    whole: int | None,
    *,
    known: int = 0,
    has_topics: bool = True,
) -> ForumPlan:
    """Choose the cheaper way.

    Args:
        topics: Ids of the topics to read; None for all.
        counts: Messages of each of them, None for a topic that cannot be read by itself; or None
            if they were not counted.
        whole: Requests that one pass takes; None if the forum cannot be counted.
        known: How many topics there are, for a plan of all.
        has_topics: Whether topics are on; where they were turned off, each by itself is a pass.
    """
    if not has_topics and (topics is None or topics):
        others = (whole or 0) * (1 if topics is None else len(topics))
        why = "topics were turned off: only the whole history shows all their messages"
        return _plan("one pass", whole or 0, others, topics, why)
    if topics is None:
        each = max(whole or 0, _cost(range(known), {}))
        why = f"all {known} topics: each would have pages of its own, which are not full"
        return _plan("one pass", whole or 0, each, None, why)
    if whole is None:
        each = _cost(topics, {})
        return _plan("per topic", each, 0, topics, "the forum cannot be counted")
    if counts is None:
        each = _cost(topics, {})
        why = f"{len(topics)} topics take {each} requests or more, and as many to count them"
        return _plan("one pass", whole, each, topics, why)
    if GENERAL in topics and counts.get(GENERAL) is None:
        why = "General cannot be read by itself, and its scan shows all others"
        others = whole + _cost([i for i in topics if i != GENERAL], counts)
        return _plan("one pass", whole, others, topics, why)
    each = _cost(topics, counts)
    if each < whole:
        why = f"{len(topics)} topics take {each} requests, the whole history {whole}"
        return _plan("per topic", each, whole, topics, why)
    why = f"the whole history takes {whole} requests, {len(topics)} topics take {each} or more"
    return _plan("one pass", whole, each, topics, why)


def choose_general(
    thread: int | None, chat: int | None, topics: int, whole: int
) -> Literal["thread", "scan", "count"]:
    """Choose how to read General.

    Args:
        thread: Messages in its thread; None if that is refused.
        chat: Messages in the whole forum; None if unknown.
        topics: How many other topics there are.
        whole: Requests that one pass takes.

    Returns:
        `scan` the whole history, if the thread cannot be all, or proving that it is costs more;
        `thread` if it is known to be all; or `count` the other topics first.
    """
    if not thread or not chat:
        return "scan"
    if thread == chat:
        return "thread"
    return "count" if topics + _pages(thread) + EACH < whole else "scan"


def uncounted(
    thread: MessageCount, chat: MessageCount, others: Iterable[MessageCount]
) -> int | None:
    """Return how many messages of a forum are in no thread, and have begun none.

    If there are none, General's thread is known to show all its messages. None if that cannot be
    told.

    Args:
        thread: Of General.
        chat: Of the whole forum.
        others: Of all other topics, each without the message that began it.
    """
    counts = [thread, chat, *others]
    if any(each.value is None or not each.is_exact for each in counts):
        return None
    values = [each.value or 0 for each in counts]
    return values[1] - values[0] - sum(value + 1 for value in values[2:])


def _plan(
    way: Way, requests: int, others: int, topics: Sequence[int] | None, why: str
) -> ForumPlan:
    return ForumPlan(way, requests, others, None if topics is None else tuple(topics), why)


def _cost(topics: Iterable[int], counts: Mapping[int, int | None]) -> int:
    each = [max(1, _pages(counts.get(topic) or 0)) + EACH for topic in topics]
    return sum(each) + _pages(len(each))


def _pages(count: int) -> int:
    return -(-count // PAGE)
