"""Rules of answers with messages: their type, their count, and whom they carry."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import functions, types

from telefast.testing import Assumptions, World
from telefast.testing.index import kinds_of
from tests.conformance.asking import EMPTY_FILTER, ask, counters, history, ids_of, replies, search

PHOTOS = types.InputMessagesFilterPhotos()


@pytest.mark.rule("results.channel-messages")
def test_a_channel_answers_with_its_pts(world: World) -> None:
    """Its messages come with pts, count and place, also for the whole list and for nothing."""
    for chat in world.channels.values():
        for request in (history(chat), history(chat, offset_id=1), search(chat, "zzz-never")):
            answer = ask(world, request)
            assert types.messages.ChannelMessages is type(answer)
            assert chat.pts == answer.pts
            assert answer.offset_id_offset is not None


@pytest.mark.rule("results.whole-list", "results.slice")
def test_other_chats_answer_with_all_or_a_slice(world: World) -> None:
    """Outside of channels the type of the answer tells whether there is more."""
    small = [*world.private_chats.values()][1]
    assert types.messages.Messages is type(ask(world, history(small)))
    assert types.messages.MessagesSlice is type(ask(world, history(small, limit=29)))
    for chat in (*world.private_chats.values(), *world.groups.values()):
        if len(chat.ids) > 100:
            assert types.messages.MessagesSlice is type(ask(world, history(chat)))


@pytest.mark.rule("results.count-is-the-list", "results.count-for-one-message")
def test_the_count_is_that_of_the_list(world: World) -> None:
    """One message is enough to learn the length of a history, search or thread."""
    club = next(iter(world.channels.values()))
    photos = [id_ for id_ in club.ids if "photo" in kinds_of(club.message(id_))]
    thread = club.index.in_thread(club.ids[100])
    assert len(club.ids) == ask(world, history(club, limit=1)).count
    assert len(club.ids) == ask(world, history(club, limit=1, max_id=5)).count
    assert len(photos) == ask(world, search(club, "", PHOTOS, limit=1)).count
    assert len(thread) == ask(world, replies(club, club.ids[100], limit=1)).count


@pytest.mark.parametrize(
    ("inexact", "count"),
    [
        pytest.param(False, 250, marks=pytest.mark.rule("results.inexact-count", side="exact")),
        pytest.param(True, 300, marks=pytest.mark.rule("results.inexact-count", side="inexact")),
    ],
)
def test_a_count_may_be_inexact(inexact: bool, count: int) -> None:
    """The count of a long list is right, or rounded and marked, wherever there is one."""
    world = World(seed=5, user_count=3, assume=Assumptions(inexact_counts=inexact))
    club, short = (world.add_channel("Club", message_count=n) for n in (250, 90))
    talk = world.add_private_chat(message_count=250)
    answers = [ask(world, make(chat)) for make in (history, search) for chat in (club, talk)]
    answers += ask(world, counters(club, EMPTY_FILTER))
    assert [(count, inexact or None)] * 5 == [
        (each.count, each.inexact or None) for each in answers
    ]
    assert (90, None) == (lambda a: (a.count, a.inexact or None))(ask(world, history(short)))
    fields: dict[str, Any] = {"min_date": None, "max_date": None, "offset_rate": 0, "limit": 9}
    fields |= {"offset_peer": types.InputPeerEmpty(), "offset_id": 0, "filter": EMPTY_FILTER}
    answer = ask(world, functions.messages.SearchGlobalRequest(q="", **fields))
    assert (600 if inexact else 590, inexact) == (answer.count, bool(answer.inexact))


@pytest.mark.rule("results.position-of-the-page")
def test_a_page_knows_its_place(world: World) -> None:
    """offset_id_offset counts the entries above the page, in each kind of chat."""
    for chat in world.account.chats():
        ids = [*reversed(chat.ids)]
        for index in (0, 7, 24):
            answer = ask(world, history(chat, offset_id=ids[index], limit=3))
            assert index + 1 == answer.offset_id_offset


@pytest.mark.rule("results.everybody-is-there")
def test_everybody_is_there(world: World) -> None:
    """Whoever a message of the answer names is among its users or chats."""
    for chat in world.account.chats():
        answer = ask(world, history(chat))
        known = {user.id for user in answer.users}
        known |= {-each.id for each in answer.chats if isinstance(each, types.Chat)}
        known |= {-(10**12) - each.id for each in answer.chats if isinstance(each, types.Channel)}
        named = {mark for id_ in ids_of(answer) for mark in chat.entry(id_)[1]}
        assert chat.marked_id in known
        assert named <= known


@pytest.mark.rule("search.pinned")
def test_pinned_messages_are_listed(world: World) -> None:
    """The filter lists what has the flag; nothing else."""
    for chat in world.account.chats():
        pinned = [i for i in reversed(chat.ids) if getattr(chat.message(i), "pinned", None)]
        answer = ask(world, search(chat, "", types.InputMessagesFilterPinned()))
        assert pinned == ids_of(answer)


@pytest.mark.parametrize(
    ("side", "count"),
    [
        pytest.param("all", 40, marks=pytest.mark.rule("search.counter-of-everything", side="all")),
        pytest.param(
            "none", 0, marks=pytest.mark.rule("search.counter-of-everything", side="none")
        ),
    ],
)
def test_the_counter_of_everything(side: Any, count: int) -> None:
    """The empty filter counts all or nothing; other filters do not care."""
    world = World(seed=5, user_count=3, assume=Assumptions(empty_filter_count=side))
    chat = world.add_channel("Club", message_count=40)
    everything, photos = ask(world, counters(chat, EMPTY_FILTER, PHOTOS))
    assert count == everything.count
    assert ask(world, search(chat, "", PHOTOS)).count == photos.count
