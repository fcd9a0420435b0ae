"""Which post a message of a discussion group comments on, from the messages alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast.forum.ties import Ties, post_of_copy, root_of

CHANNEL = 7
GROUP = types.PeerChannel(8)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def message(message_id: int, **fields: Any) -> Any:
    """Return a message of the group."""
    return types.Message(message_id, GROUP, date=NOW, message="x", **fields)


def copy(message_id: int, post_id: int, channel: int = CHANNEL, **fields: Any) -> Any:
    """Return Telegram's copy of a post."""
    peer = types.PeerChannel(channel)
    header = types.MessageFwdHeader(
        date=NOW,
        from_id=types.PeerChannel(99),  # the post may be a forward itself
        channel_post=12_345,
        saved_from_peer=peer,
        saved_from_msg_id=post_id,
    )
    return message(message_id, fwd_from=header, **{"from_id": peer, **fields})


def reply(message_id: int, to: int, top: int | None = None) -> Any:
    """Return a message that answers another one."""
    header = types.MessageReplyHeader(reply_to_msg_id=to, reply_to_top_id=top)
    return message(message_id, reply_to=header)


@pytest.mark.parametrize(
    ("shown", "post_id"),
    [
        (copy(5, 3), 3),
        (copy(5, 3, from_id=None), 3),
        (copy(5, 3, channel=6), None),
        (copy(5, 3, from_id=types.PeerUser(1)), None),
        (message(5), None),
        (message(5, fwd_from=types.MessageFwdHeader(date=NOW, channel_post=3)), None),
        (message(5, fwd_from=types.MessageFwdHeader(NOW, saved_from_peer=GROUP)), None),
        (types.MessageService(5, GROUP, date=NOW, action=types.MessageActionHistoryClear()), None),
    ],
)
def test_only_copies_by_telegram_are_copies(shown: Any, post_id: int | None) -> None:
    """Saved from the channel, and signed by no user; a person's forward begins no thread."""
    assert post_id == post_of_copy(shown, CHANNEL)


@pytest.mark.parametrize(
    ("shown", "root"),
    [
        (message(9), None),
        (None, None),
        (reply(9, 5), 5),
        (reply(9, 6, top=5), 5),
        (reply(9, 9), None),
        (reply(9, 6, top=10), None),
        (message(9, reply_to=types.MessageReplyHeader()), None),
        (message(9, reply_to=types.MessageReplyStoryHeader(GROUP, 5)), None),
        (
            message(
                9, reply_to=types.MessageReplyHeader(reply_to_msg_id=5, reply_to_peer_id=GROUP)
            ),
            None,
        ),
        (
            message(
                9,
                reply_to=types.MessageReplyHeader(
                    reply_to_msg_id=5, reply_to_peer_id=GROUP, reply_to_top_id=4
                ),
            ),
            4,
        ),
    ],
)
def test_the_header_tells_the_root(shown: Any, root: int | None) -> None:
    """The top, or what is answered here; no message hangs on itself or on a later one."""
    assert root == root_of(shown)


@dataclass
class Group:
    """A group with the truth about it.

    Attributes:
        messages: All that are there, by id, in order.
        posts: The post that each message comments on.
    """

    messages: dict[int, Any]
    posts: dict[int, int | None]


@st.composite
def groups(draw: st.DrawFn) -> Group:
    """Draw a group: copies, comments on them, answers to comments, talk, deleted messages."""
    messages: dict[int, Any] = {}
    roots: dict[int, int] = {}  # message -> what its thread hangs on
    copies: dict[int, int] = {}
    kinds = st.lists(st.sampled_from(["copy", "foreign", "talk", "reply", "nested"]), max_size=40)
    for message_id, kind in enumerate(draw(kinds), 1):
        shown = message(message_id)
        if kind == "copy":
            copies[message_id] = 1000 - message_id
            shown = copy(message_id, copies[message_id])
        elif kind == "foreign":
            shown = copy(message_id, 5, channel=6)
        elif kind == "reply" and messages:
            roots[message_id] = draw(st.sampled_from(sorted(messages)))
            shown = reply(message_id, roots[message_id])
        elif kind == "nested" and roots:
            to = draw(st.sampled_from(sorted(roots)))
            roots[message_id] = roots[to]
            shown = reply(message_id, to, top=roots[to])
        messages[message_id] = shown
    gone = draw(st.sets(st.sampled_from(sorted(messages)))) if messages else set()
    left = {id_: each for id_, each in messages.items() if id_ not in gone}
    known = {id_: copies[id_] for id_ in copies if id_ in left}
    return Group(left, {id_: known.get(roots.get(id_, 0)) for id_ in left})


def tie(group: Group, ties: Ties, ids: list[int]) -> tuple[list[Any], list[int]]:
    """Push these messages of the group; return what comes out, and all that was asked for."""
    found: list[Any] = []
    asked: list[int] = []

    def settle() -> None:
        while True:
            while (tied := ties.take()) is not None:
                found.append(tied)
            wanted = ties.to_ask()
            if not wanted:
                return
            asked.extend(wanted)
            ties.answer(wanted, [group.messages.get(id_) for id_ in wanted])

    for id_ in ids:
        ties.push(group.messages[id_])
        settle()
    ties.finish()
    settle()
    assert None is ties.take()
    assert [] == ties.to_ask()
    return found, asked


@given(groups(), st.booleans(), st.integers(1, 50), st.data())
def test_ties_equal_the_truth(
    group: Group, reverse: bool, window: int, data: st.DataObject
) -> None:
    """Any range of the group, in either direction, in any window: each message once, in order."""
    ids = sorted(group.messages, reverse=not reverse)
    first = data.draw(st.integers(0, len(ids)))
    ids = ids[first : first + data.draw(st.integers(0, len(ids)))]
    ties = Ties(CHANNEL, is_whole=True, window=window)
    found, asked = tie(group, ties, ids)
    assert [(group.posts[id_], group.messages[id_]) for id_ in ids] == found
    assert len(asked) == len(set(asked))
    if reverse:  # what lies in the range comes before it is needed
        assert all(id_ < ids[0] for id_ in asked)


@given(groups(), st.integers(1, 50), st.data())
def test_a_choice_of_messages_is_tied_as_well(
    group: Group, window: int, data: st.DataObject
) -> None:
    """Then each root that was not seen is asked for, once, and nothing else."""
    ids = [id_ for id_ in sorted(group.messages) if data.draw(st.booleans())]
    ties = Ties(CHANNEL, is_whole=False, window=window)
    found, asked = tie(group, ties, ids)
    assert [(group.posts[id_], group.messages[id_]) for id_ in ids] == found
    roots = {root for id_ in ids if (root := root_of(group.messages[id_])) is not None}
    assert sorted(roots - set(ids)) == sorted(asked)


def test_all_of_a_group_oldest_first_asks_for_nothing() -> None:
    """Also where the copy that a thread hung on was deleted: it would have come before."""
    shown = {2: copy(2, 30), 3: reply(3, 2), 6: reply(6, 5), 7: reply(7, 3, top=2)}
    group = Group(shown, {2: None, 3: 30, 6: None, 7: 30})
    ties = Ties(CHANNEL, is_whole=True, window=1)
    found, asked = tie(group, ties, [2, 3, 6, 7])
    assert ([None, 30, None, 30], []) == ([post_id for post_id, _ in found], asked)


def test_what_does_not_exist_passes() -> None:
    """None, for an id that does not exist, is handed on in its place."""
    ties = Ties(CHANNEL, is_whole=True, window=9)
    assert ([(None, None)], []) == tie(Group({0: None}, {}), ties, [0])
