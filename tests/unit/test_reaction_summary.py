"""What messages show of their reactions: kinds, counts, order, own choice, one line of text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast.reactions.summary import ReactionItem, ReactionSummary, kind_and_key

REACTIONS = st.one_of(
    st.builds(types.ReactionEmoji, st.sampled_from(["👍", "❤", "❤️", "🤷‍♂", "=1+1", ""])),
    st.builds(types.ReactionCustomEmoji, st.integers(-(2**63), 2**63 - 1)),
    st.builds(types.ReactionPaid),
    st.builds(types.ReactionEmpty),
)
COUNTS = st.builds(
    types.ReactionCount,
    REACTIONS,
    st.integers(0, 5_000),
    chosen_order=st.none() | st.integers(0, 3),
)
SHOWN = st.builds(
    types.MessageReactions,
    st.lists(COUNTS, max_size=6),
    min=st.booleans(),
    can_see_list=st.booleans(),
    reactions_as_tags=st.booleans(),
)


def shown(*results: tuple[Any, int], **more: Any) -> types.MessageReactions:
    """Return reactions with these counts."""
    return types.MessageReactions([types.ReactionCount(*each) for each in results], **more)


def test_each_kind_in_the_order_of_telegram() -> None:
    """An emoji as it was sent, a document id, stars, and what has no name as its bytes."""
    summary = ReactionSummary.of(
        types.MessageReactions(
            [
                types.ReactionCount(types.ReactionPaid(), 50),
                types.ReactionCount(types.ReactionEmoji("👍"), 2, chosen_order=1),
                types.ReactionCount(types.ReactionEmoji("❤"), 1),
                types.ReactionCount(types.ReactionCustomEmoji(2**62), 7, chosen_order=0),
                types.ReactionCount(types.ReactionEmpty(), 1),
            ],
            can_see_list=True,
        )
    )
    raw = bytes(types.ReactionEmpty()).hex()
    assert summary.items == (
        ReactionItem("paid", "stars", 50),
        ReactionItem("emoji", "👍", 2, 1),
        ReactionItem("emoji", "❤", 1),
        ReactionItem("custom", str(2**62), 7, 0),
        ReactionItem("unknown", raw, 1),
    )
    assert [False, True, False, True, False] == [item.chosen for item in summary.items]
    assert (11, 50, (2**62,)) == (summary.total, summary.stars, summary.custom_ids)
    assert (False, True, False) == (summary.min, summary.can_see_list, summary.are_tags)
    assert f"⭐50 👍2 ❤️1 [{2**62}]7 ?1" == summary.format()
    assert "⭐50 👍2 ❤️1 🚀7 ?1" == summary.format(custom=lambda _: "🚀")
    assert summary.format() == summary.format(custom=lambda _: None)


def test_the_line_of_the_wish_list() -> None:
    """Two thumbs and a heart, which Telegram sends without the mark of an emoji."""
    found = shown((types.ReactionEmoji("👍"), 2), (types.ReactionEmoji("❤"), 1))
    assert "👍2 ❤️1" == ReactionSummary.of(found).format()


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        ("❤️", "❤️1"),  # it has the mark already
        ("❤‍🔥", "❤️‍🔥1"),
        ("🤷‍♂", "🤷‍♂️1"),
        ("⚡", "⚡1"),  # an emoji by itself
        ("", "1"),
    ],
)
def test_an_emoji_is_drawn_as_one(sent: str, line: str) -> None:
    """What Unicode shows as text by default gets the mark that makes it an emoji, once."""
    summary = ReactionSummary.of(shown((types.ReactionEmoji(sent), 1)))
    assert line == summary.format()
    assert sent == summary.items[0].key


@pytest.mark.parametrize(
    "message",
    [
        None,
        "text",
        types.MessageEmpty(5, None),
        types.Message(5, types.PeerUser(1), None, "hello"),
        types.Message(5, types.PeerUser(1), None, "hello", reactions=shown()),
        shown((types.ReactionEmoji("👍"), 0)),
    ],
)
def test_no_reactions(message: Any) -> None:
    """Nothing, and what has no reactions, gives an empty summary and an empty line."""
    summary = ReactionSummary.of(message)
    assert ((), 0, 0, "") == (summary.items, summary.total, summary.stars, summary.format())


@given(SHOWN)
def test_a_summary_is_what_was_sent(sent: types.MessageReactions) -> None:
    """Counts, order and marks are those of Telegram, of a message and of its reactions alike."""
    message = types.MessageService(
        5, types.PeerUser(1), None, types.MessageActionPinMessage(), reactions=sent
    )
    summary = ReactionSummary.of(message)
    assert summary == ReactionSummary.of(sent)
    assert [
        (*kind_and_key(each.reaction), each.count, each.chosen_order)
        for each in sent.results
        if each.count
    ] == [(i.kind, i.key, i.count, i.chosen_order) for i in summary.items]
    assert sum(each.count for each in sent.results) == summary.total + summary.stars
    assert len(summary.items) == len(summary.format().split()) or not summary.items


@given(SHOWN, st.randoms(use_true_random=False))
def test_fingerprint(sent: types.MessageReactions, random: Any) -> None:
    """Another order or own choice is the same fingerprint, another count is not."""
    summary = ReactionSummary.of(sent)
    items = [replace(item, chosen_order=None) for item in summary.items]
    random.shuffle(items)
    assert summary.fingerprint == ReactionSummary(tuple(items), min=True).fingerprint
    more = ReactionItem("emoji", "🎉", 1)
    changed = [replace(items[0], count=items[0].count + 1), *items[1:]] if items else [more]
    assert summary.fingerprint != ReactionSummary(tuple(changed)).fingerprint
    assert summary.fingerprint != ReactionSummary((*items, more)).fingerprint
