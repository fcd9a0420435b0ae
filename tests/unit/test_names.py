"""Names stay the last full ones, and their changes are kept with dates."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast.peers.names import NameRecord, SenderNames


def full(first: str = "Ada", username: str | None = None) -> types.User:
    """Return user 7 as a page shows somebody who is known."""
    return types.User(7, first_name=first, access_hash=1, username=username)


MIN = types.User(7, min=True, first_name="A.", access_hash=2)
DELETED = types.User(7, deleted=True, access_hash=1)
NAMELESS = types.User(7, access_hash=1)


def test_the_last_full_name_stays() -> None:
    """A full object, then a min one, then a deleted account: the full name stays."""
    names = SenderNames()
    assert (None, None, False) == (names.name(7), names.username(7), names.is_deleted(7))
    for at, user in enumerate([full("Ada", "ada"), MIN, NAMELESS, DELETED, DELETED]):
        names.see([user], at=at)
    assert ("Ada", "ada", True) == (names.name(7), names.username(7), names.is_deleted(7))
    assert (NameRecord("Ada", "ada", 0, 0),) == names.records(7)
    assert 1 == len(names)


def test_a_min_name_is_better_than_none() -> None:
    """A partial name is kept, marked, until a full one comes; it goes by no dates of its own."""
    names = SenderNames()
    names.see([MIN], at=5)
    names.see([MIN], at=9)
    assert (NameRecord("A.", None, 5, 9, is_partial=True),) == names.records(7)
    names.see([full()], at=3)
    assert (NameRecord("Ada", None, 3, 3),) == names.records(7)


def test_changes_are_kept_with_dates() -> None:
    """Each name has the time when it was first and last seen, whatever the order of pages."""
    names = SenderNames()
    for at, first in [(50, "Ada"), (10, "Ida"), (40, "Ada"), (20, "Ida"), (60, "Eda"), (61, "Eda")]:
        names.see([full(first)], at=at)
    wanted = [("Ida", 10, 20), ("Ada", 40, 50), ("Eda", 60, 61)]
    assert wanted == [(each.name, each.since, each.until) for each in names.records(7)]
    names.see([full("Ida")], at=15)  # changes nothing
    assert wanted == [(each.name, each.since, each.until) for each in names.records(7)]
    names.see([full("Ida")], at=45)
    wanted = [("Ida", 10, 20), ("Ada", 40, 40), ("Ida", 45, 45), ("Ada", 50, 50), ("Eda", 60, 61)]
    assert wanted == [(each.name, each.since, each.until) for each in names.records(7)]
    assert "Eda" == names.name(7)


def test_all_kinds_of_peers() -> None:
    """Users, groups and channels are told apart by their marks; what is none is passed over."""
    names = SenderNames()
    channel: Any = types.Channel(7, "News", types.ChatPhotoEmpty(), None, username="news")
    group = types.Chat(7, "Crew", types.ChatPhotoEmpty(), 3, None, 1)
    lost = [types.ChatForbidden(8, "Gone"), types.ChannelForbidden(8, 1, "Banned")]
    both = types.User(9, first_name="Ada", last_name="Lovelace")
    names.see([channel, group, *lost, both, types.UserEmpty(3), None], at=1)
    marks = [-(10**12 + 7), -7, -8, -(10**12 + 8), 9, 3]
    shown = ["News", "Crew", "Gone", "Banned", "Ada Lovelace", None]
    assert shown == [names.name(mark) for mark in marks]
    assert "news" == names.username(marks[0])


SEEN = st.lists(
    st.tuples(
        st.integers(0, 50), st.sampled_from([full("A"), full("B", "b"), MIN, DELETED, NAMELESS])
    ),
    max_size=12,
)


@given(SEEN)
def test_nothing_full_is_ever_lost(seen: list[tuple[int, types.User]]) -> None:
    """Each full name that was ever seen is among the records, in order of time, and survives JSON.

    A record tells no time before the first or after the last sight.
    """
    names = SenderNames()
    for at, user in seen:
        names.see([user], at=at)
    records = names.records(7)
    times = [at for at, user in seen if user.first_name and not user.min]
    owed = {(u.first_name, u.username) for _, u in seen if u.first_name and not u.min}
    if owed:
        assert owed == {(each.name, each.username) for each in records}
        assert (min(times), max(times)) == (records[0].since, max(r.until for r in records))
        assert not any(each.is_partial for each in records)
    assert sorted(records, key=lambda each: each.since) == list(records)
    assert all(each.since <= each.until for each in records)
    assert any(user.deleted for _, user in seen) == names.is_deleted(7)
    again = SenderNames.from_json(json.loads(json.dumps(names.to_json())))
    assert (records, names.is_deleted(7)) == (again.records(7), again.is_deleted(7))


def test_no_names_in_json() -> None:
    """What is not what `to_json` gave is refused."""
    with pytest.raises(KeyError):
        SenderNames.from_json({})
