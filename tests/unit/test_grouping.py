"""Albums stay whole, nothing is lost or held long, and cuts go between them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import types

from telefast.history.batching import Gathering
from telefast.history.grouping import ALBUM_SPAN, AlbumGrouper, album_of, clean_cut, last_cut

BIG = 13_000_000_000_000_000
"""Beyond 2**53: no float may come near it."""


def message(number: int, album: int | None = None, chat: int = 9) -> Any:
    """Make a message."""
    grouped_id = None if album is None else BIG + album
    return types.Message(
        id=number, peer_id=types.PeerChannel(chat), message="", date=None, grouped_id=grouped_id
    )


@st.composite
def runs(draw: st.DrawFn) -> list[Any]:
    """A run of a history in either direction: albums, interleaved with others, and holes."""
    messages: list[Any] = []
    number = draw(st.integers(1, 5))
    album = 0
    for _ in range(draw(st.integers(0, 15))):
        number += draw(st.sampled_from([1, 1, 1, 2, 40, 150]))
        size = draw(st.sampled_from([1, 1, 1, 2, 3, 10]))
        if size == 1:
            messages.append(message(number))
            continue
        album += 1
        for _ in range(size):
            number += 1
            while draw(st.integers(0, 9)) == 0:
                messages.append(message(number, draw(st.sampled_from([None, 1000 + number]))))
                number += 1
            messages.append(message(number, album))
    if draw(st.booleans()):
        messages.reverse()
    return messages


def group(messages: list[Any]) -> list[list[Any]]:
    """Group a whole run, and check that nothing is held too long."""
    grouper = AlbumGrouper()
    groups: list[list[Any]] = []
    for count, each in enumerate(messages, 1):
        grouper.push(each)
        while (found := grouper.take()) is not None:
            groups.append(found)
        assert count - sum(map(len, groups)) <= ALBUM_SPAN
    grouper.finish()
    while (found := grouper.take()) is not None:
        groups.append(found)
    return groups


def expected(messages: list[Any]) -> list[list[Any]]:
    """Group with all messages at hand."""
    groups: dict[Any, list[Any]] = {}
    for each in messages:
        groups.setdefault(album_of(each) or (each.id,), []).append(each)
    return list(groups.values())


@given(runs())
def test_albums_are_whole_and_in_order(messages: list[Any]) -> None:
    """Groups are those that one would make with everything at hand, by first message."""
    assert expected(messages) == group(messages)


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 3), st.integers(1, 2))))
def test_nothing_is_lost_whatever_comes(facts: list[tuple[int, int, int]]) -> None:
    """Ids in no order, repeated, of several chats, far apart: each message leaves once."""
    messages = [message(i, album or None, chat) for i, album, chat in facts]
    groups = group(messages)
    assert sorted(map(id, messages)) == sorted(id(each) for found in groups for each in found)
    for found in groups:
        assert len({album_of(each) for each in found}) == 1
        assert len(found) == 1 or album_of(found[0]) is not None


def test_what_is_not_there_is_a_group_of_its_own() -> None:
    """None, for an id without a message, keeps its place and parts no album."""
    one, two = message(2, 1), message(1, 1)
    assert group([one, None, two, None]) == [[one, two], [None], [None]]


def test_no_more_than_the_bound_is_held() -> None:
    """Where ids say nothing, as in a search of all chats, the number of messages bounds it."""
    grouper = AlbumGrouper()
    grouper.push(message(500, 1, chat=1))
    for count in range(1, ALBUM_SPAN + 1):
        assert grouper.take() is None
        grouper.push(message(500 + count % 3, chat=2))
    assert grouper.take() is not None


def test_after_a_failure_an_open_album_is_dropped() -> None:
    """It may go on behind the failure; without *albums* everything leaves."""
    for albums, left in ((True, 2), (False, 3)):
        gathering = Gathering(10, albums=albums)
        gathering.add([message(9), message(8), message(7, 1)], None, 0.0)
        gathering.end(is_failed=True)
        assert left == gathering.next_count()


def test_an_album_leaves_once_it_cannot_grow() -> None:
    """It is held for 30 ids behind its first message, and a message alone not at all."""
    grouper = AlbumGrouper()
    grouper.push(message(500))
    assert grouper.take() is not None
    grouper.push(message(499, 1))
    for number in (498, 471, 470):
        grouper.push(message(number))
        assert grouper.take() is None
    grouper.push(message(469))
    assert [[499], [498], [471], [470], [469]] == [
        [each.id for each in found] for found in iter(grouper.take, None)
    ]


# Cuts


@given(runs(), st.integers(1, 60))
def test_a_clean_cut_cuts_no_album(messages: list[Any], size: int) -> None:
    """The first place from *size* on that has no album on both sides, in what is known."""
    size = min(size, len(messages))
    if not size:
        return
    cut = clean_cut(messages, size, is_ended=True)
    assert cut is not None

    def is_clean(place: int) -> bool:
        before = {album_of(each) for each in messages[:place]} - {None}
        return not before & {album_of(each) for each in messages[place:]}

    assert cut == next(p for p in range(size, len(messages) + 1) if is_clean(p))
    for known in range(size, len(messages)):
        early = clean_cut(messages[:known], size, is_ended=False)
        assert early in (None, cut)
    last = last_cut(messages)
    assert is_clean(last)


@given(runs(), st.integers(1, 40), st.integers(1, 30), st.booleans())
def test_batches_hold_albums_whole(
    messages: list[Any], size: int, piece: int, is_failed: bool
) -> None:
    """However pieces fall, all messages leave in order and no album lies in two batches.

    After a failure those of an album that may not be complete do not leave at all.
    """
    gathering = Gathering(size, albums=True)
    batches: list[list[Any]] = []

    def take() -> None:
        while count := gathering.next_count():
            taken, parts = gathering.take(count)
            assert sum(part.count for part in parts) >= count == len(taken)
            batches.append(taken)

    for start in range(0, len(messages), piece):
        gathering.add(messages[start : start + piece], start, 0.0)
        take()
        assert len(gathering) < size + piece + 2 * ALBUM_SPAN
    gathering.end(is_failed=is_failed)
    take()
    assert gathering.next_count() == 0
    left = [each for batch in batches for each in batch]
    assert messages[: len(left)] == left
    assert is_failed or len(left) == len(messages)
    if is_failed:
        assert len(messages) - len(left) <= 2 * ALBUM_SPAN
    for batch in batches[:-1]:
        assert len(batch) >= size
    homes: dict[Any, set[int]] = {}
    for number, batch in enumerate(batches):
        for each in batch:
            homes.setdefault(album_of(each), set()).add(number)
    homes.pop(None, None)
    assert all(len(found) == 1 for found in homes.values())


@given(st.lists(st.integers(0, 7), max_size=12), st.integers(1, 9))
def test_batches_without_albums_have_their_size(pieces: list[int], size: int) -> None:
    """Each batch but the last has exactly the size asked for, and knows its answers."""
    gathering = Gathering(size, albums=False)
    number, sizes = 0, []
    for page, count in enumerate(pieces):
        gathering.add([message(number + i + 1) for i in range(count)], page, float(page))
        number += count
        while found := gathering.next_count():
            taken, parts = gathering.take(found)
            sizes.append(len(taken))
            homes = [page for page, n in enumerate(pieces) for _ in range(n)]
            assert {homes[each.id - 1] for each in taken} <= {part.page for part in parts}
    gathering.end(is_failed=False)
    while found := gathering.next_count():
        sizes.append(len(gathering.take(found)[0]))
    full, rest = divmod(number, size)
    assert [size] * full + [rest] * bool(rest) == sizes


def test_a_cut_waits_for_what_may_follow() -> None:
    """Right behind a message of an album it is not known whether the album goes on."""
    run = [message(300), message(299, 1)]
    assert clean_cut(run, 2, is_ended=False) is None
    assert clean_cut([*run, message(298)], 2, is_ended=False) is None
    assert clean_cut([*run, message(150)], 2, is_ended=False) == 2
    assert clean_cut([*run, message(298, 1), message(150)], 2, is_ended=False) == 3
    assert clean_cut(run, 1, is_ended=False) == 1
    assert clean_cut([None, None], 1, is_ended=False) == 1
    assert last_cut([None, *run, message(298)]) == 2
    assert last_cut([None]) == 1
