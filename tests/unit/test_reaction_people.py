"""Who reacted: what messages tell, what lists tell while they change, what redaction leaves."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import errors, types
from telethon.tl.types import messages

from telefast.reactions.people import (
    Given,
    ListWalk,
    Reactor,
    ReactorList,
    Redactor,
    given_by,
    look,
    names_of,
    refusal_of,
)
from telefast.reactions.summary import ReactionSummary

THUMB, HEART = types.ReactionEmoji("👍"), types.ReactionEmoji("❤")
DATE = datetime(2026, 1, 2, tzinfo=UTC)
KEY = b"0123456789abcdef"


def entry(user: int, reaction: Any = THUMB) -> types.MessagePeerReaction:
    """Return that a user reacted."""
    return types.MessagePeerReaction(types.PeerUser(user), DATE, reaction)


def message(*recent: Any, count: int = 3, post: bool = False, **more: Any) -> types.Message:
    """Return a message with *count* thumbs and those who gave the latest."""
    results = [types.ReactionCount(THUMB, count)] if count else []
    shown = types.MessageReactions(results, recent_reactions=[*recent] or None, **more)
    return types.Message(5, types.PeerChannel(1), None, "", post=post, reactions=shown)


def page(
    *entries: Any, count: int, next_offset: str | None = None, users: Any = (), chats: Any = ()
) -> Any:
    """Return a page of a list."""
    return messages.MessageReactionsList(count, [*entries], [*chats], [*users], next_offset)


@pytest.mark.parametrize(
    ("found", "size", "more"),
    [
        (message(count=0), 0, ""),
        (message(entry(1), entry(2), entry(3), can_see_list=True), 3, ""),
        (message(entry(1), entry(2), entry(3)), 3, ""),  # a private chat
        (message(entry(1), entry(2), count=3, can_see_list=True), 2, None),
        (message(entry(1), entry(1), entry(2), can_see_list=True), 2, None),
        (message(count=3), 0, "hidden"),
        (message(count=3, post=True, can_see_list=True), 0, "channel"),
        (types.MessageEmpty(5, None), 0, ""),
        (None, 0, ""),
    ],
)
def test_a_request_only_where_needed_and_allowed(found: Any, size: int, more: str | None) -> None:
    """None where the message tells all, in channels, and where the chat hides it."""
    given_, reason = look(found, ReactionSummary.of(found))
    assert (size, more) == (len(given_), reason)


def test_redaction() -> None:
    """Nothing but an id, or nothing but its keyed hash, is left of a person; repr tells no name."""
    each, names = Given(-1007, "emoji", "👍", DATE, True), {-1007: "Ada"}
    kept = Redactor("none", KEY).reactor(each, names)
    assert Reactor(-1007, "emoji", "👍", DATE, True, name="Ada") == kept
    assert "Ada" not in repr(kept)
    assert "" == Redactor("none", KEY).reactor(each, {}).name
    assert Reactor(-1007, "emoji", "👍", DATE, True) == Redactor("id", KEY).reactor(each, names)
    opaque = Redactor("opaque", KEY).reactor(each, names)
    assert hmac.new(KEY, b"-1007", hashlib.sha256).hexdigest() == opaque.peer
    assert opaque == Redactor("opaque", KEY).reactor(each, {})
    assert opaque.peer != Redactor("opaque", KEY[::-1]).reactor(each, {}).peer
    assert "Redactor(opaque)" == repr(Redactor("opaque", KEY))


@given(st.integers(-(2**50), 2**50), st.integers(-(2**50), 2**50))
def test_opaque_is_stable_and_tells_people_apart(one: int, other: int) -> None:
    """The same for the same person, another for another one, and never the id."""
    redactor = Redactor("opaque", KEY)
    assert (redactor.peer(one) == redactor.peer(other)) == (one == other)
    assert len(str(redactor.peer(one))) == 64


def test_who_paid() -> None:
    """Those who paid most first; anonymous ones have no peer, the own entry neither."""
    paid = message(
        top_reactors=[
            types.MessageReactor(5, peer_id=types.PeerUser(1)),
            types.MessageReactor(50, anonymous=True),
            types.MessageReactor(9, my=True, anonymous=True, peer_id=types.PeerUser(2)),
            types.MessageReactor(7, peer_id=types.PeerChannel(3)),
        ]
    )
    found = Redactor("id", KEY).payers(paid)
    assert [(None, 50), (None, 9), (-1000000000003, 7), (1, 5)] == [
        (each.peer, each.count) for each in found
    ]
    assert {("paid", "stars", None)} == {(each.kind, each.key, each.date) for each in found}
    assert [] == Redactor("id", KEY).payers(message())
    assert [] == Redactor("id", KEY).payers(None)


def test_names() -> None:
    """A title, or first and last name as far as there are any."""
    found = names_of(
        [
            types.User(1, first_name="Ada", last_name="Lovelace"),
            types.User(2, first_name="Bob"),
            types.User(3),
            types.Channel(4, "Ships", types.ChatPhotoEmpty(), None),
        ]
    )
    assert {1: "Ada Lovelace", 2: "Bob", 3: "", -1000000000004: "Ships"} == found


def test_pages_of_a_quiet_list() -> None:
    """All pages, in order; users and chats are named; the offsets lead on, and None ends."""
    walk = ListWalk(2, None)
    assert ("", 2, False) == (walk.offset, walk.limit, walk.is_done)
    ada = types.User(1, first_name="Ada")
    walk.on_page(page(entry(1), entry(2), count=3, next_offset="a", users=[ada]))
    assert ("a", False) == (walk.offset, walk.is_done)
    club = types.Channel(4, "Club", types.ChatPhotoEmpty(), None)
    walk.on_page(page(entry(1, HEART), count=3, chats=[club]))
    assert (True, "", 3) == (walk.is_done, walk.reason, walk.count)
    assert [(1, "👍"), (2, "👍"), (1, "❤")] == [(g.mark, g.key) for g in walk.found.values()]
    assert {1: "Ada", -1000000000004: "Club"} == walk.names


@pytest.mark.parametrize(
    ("pages", "found", "count"),
    [
        # One more reacted: the last of the first page comes again.
        ([([1, 2], 3), ([2, 3], 4)], 3, 4),
        # One took it back: somebody was never shown.
        ([([1, 2], 4), ([4], 3)], 3, 3),
        # As many came as went: the counts are equal, but there are too few.
        ([([1, 2], 4), ([2, 3], 4)], 3, 4),
        ([([1], 2), ([], 2)], 1, 2),
    ],
)
def test_change_between_pages(pages: Any, found: int, count: int) -> None:
    """Each reaction comes once, and the list says that it is not whole."""
    walk = ListWalk(2, None)
    for index, (users, told) in enumerate(pages):
        is_last = index == len(pages) - 1
        offset = None if is_last else f"n{index}"
        walk.on_page(page(*map(entry, users), count=told, next_offset=offset))
    assert walk.is_done
    assert ("changed", found, count) == (walk.reason, len(walk.found), walk.count)


@given(st.integers(1, 40), st.integers(1, 7), st.none() | st.integers(1, 50), st.data())
def test_any_list(size: int, page_size: int, most: int | None, data: st.DataObject) -> None:
    """However pages are cut: all entries once, or as many as were wanted, and the right reason."""
    walk, asked, place = ListWalk(page_size, most), 0, 0
    while not walk.is_done:
        asked += 1
        assert 1 <= walk.limit <= page_size
        assert str(place or "") == walk.offset
        end = min(size, place + data.draw(st.integers(1, walk.limit)))
        offset = str(end) if end < size else None
        walk.on_page(page(*map(entry, range(place, end)), count=size, next_offset=offset))
        place = end
    wanted = size if most is None else min(size, most)
    assert [*range(wanted)] == [each.mark for each in walk.found.values()]
    assert walk.reason == ("limit" if wanted < size else "")


@given(
    st.integers(0, 30),
    st.integers(1, 7),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 40), max_size=3)), max_size=8),
)
def test_a_list_that_changes(
    size: int, page_size: int, by_count: bool, changes: list[tuple[int, list[int]]]
) -> None:
    """Whoever comes and goes between pages, and whatever an offset means.

    Nobody comes twice, nobody comes who never was there, and a list that is called whole has all
    who were there from the first page to the last.
    """
    people = [*range(size)][::-1]  # the latest first
    first, ever, stayed = size, {*people}, {*people}
    walk, place = ListWalk(page_size, None), 0
    while not walk.is_done:
        if not by_count:
            place = sum(each >= int(walk.offset) for each in people) if walk.offset else 0
        shown = people[place : place + walk.limit]
        place += len(shown)
        offset = None
        if place < len(people) and shown:
            offset = str(place) if by_count else str(shown[-1])
        walk.on_page(page(*map(entry, shown), count=len(people), next_offset=offset))
        come, gone = changes.pop() if changes else (0, [])
        if walk.is_done:
            break
        people = [*range(first, first + come)][::-1] + people
        first += come
        people = [each for index, each in enumerate(people) if index not in gone]
        ever |= {*people}
        stayed &= {*people}
    found = [each.mark for each in walk.found.values()]
    assert len(found) == len({*found})
    assert ever >= {*found}
    if not walk.reason:
        assert stayed <= {*found}
        assert walk.count == len(found)


def test_more_than_was_wanted() -> None:
    """A page that is longer than asked for is cut."""
    walk = ListWalk(100, 2)
    assert 2 == walk.limit
    walk.on_page(page(entry(1), entry(2), entry(3), count=3))
    assert ([1, 2], "limit") == ([each.mark for each in walk.found.values()], walk.reason)


def test_no_list_is_walked_for_ever() -> None:
    """An offset that comes again ends the walk, and so do two pages that bring nobody new."""
    walk = ListWalk(2, None)
    walk.on_page(page(entry(1), count=9, next_offset="a"))
    walk.on_page(page(entry(2), count=9, next_offset="a"))
    assert (True, "changed") == (walk.is_done, walk.reason)
    walk = ListWalk(2, None)
    for number in range(3):
        assert not walk.is_done
        walk.on_page(page(entry(1), count=9, next_offset=str(number)))
    assert (True, "changed") == (walk.is_done, walk.reason)


def test_difference() -> None:
    """How many more were counted than found; stars are no part of it."""
    items = (Reactor(1, "emoji", "👍"), Reactor(None, "paid", "stars", count=50))
    assert 2 == ReactorList(items, count=3).difference
    assert -1 == ReactorList(items, count=0).difference


def test_given_by() -> None:
    """What an entry tells, with marked ids."""
    told = types.MessagePeerReaction(
        types.PeerChannel(3), DATE, types.ReactionCustomEmoji(9), big=True
    )
    assert [Given(-1000000000003, "custom", "9", DATE, True)] == given_by([told])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.BroadcastForbiddenError(None), "forbidden"),
        (errors.ForbiddenError(None, "SOMETHING_NEW"), "forbidden"),
        (errors.ChannelPrivateError(None), "forbidden"),
        (errors.ChannelInvalidError(None), "forbidden"),
        (errors.BotMethodInvalidError(None), "forbidden"),
        (errors.MsgIdInvalidError(None), "gone"),
        (errors.MessageIdInvalidError(None), "gone"),
        (errors.TakeoutRequiredError(None), ""),
        (errors.LimitInvalidError(None), ""),
        (errors.UnauthorizedError(None, "SESSION_REVOKED"), ""),
        (ValueError(), ""),
    ],
)
def test_refusals(error: Exception, reason: str) -> None:
    """A message that is gone, a chat that is closed, and what is neither."""
    assert reason == refusal_of(error)
