"""Is every page cut as Telegram cuts it?"""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from telefast.testing.paging import DEFAULT_LIMIT, PAGE_CAP, id_at_date, position, slice_ids

TEN = BitMap(range(1, 11))
SPARSE = BitMap([2, 3, 7, 8, 20, 21, 22, 40])

id_sets = st.sets(st.integers(1, 400), max_size=250)
offsets = st.one_of(st.just(0), st.integers(1, 450), st.just(2**31 - 1))
add_offsets = st.one_of(st.integers(-260, 260), st.just(-(2**31)), st.just(2**31 - 1))
limits = st.integers(-5, 130)
bounds = st.one_of(st.just(0), st.integers(1, 420))


def model(
    ids: set[int], offset_id: int, add_offset: int, limit: int, max_id: int, min_id: int
) -> list[int]:
    """Cut a page out of a plain list, entry by entry, as core.telegram.org/api/offsets tells it."""
    newest_first = sorted(ids, reverse=True)
    before = sum(1 for id_ in newest_first if offset_id and id_ >= offset_id)
    size = DEFAULT_LIMIT if limit <= 0 else min(limit, PAGE_CAP)
    page = [
        id_
        for place, id_ in enumerate(newest_first)
        if before + add_offset <= place < before + add_offset + size
    ]
    return [id_ for id_ in page if id_ > min_id and (not max_id or id_ < max_id)]


@given(id_sets, offsets, add_offsets, limits, bounds, bounds)
def test_a_page_equals_that_of_a_plain_list(
    ids: set[int], offset_id: int, add_offset: int, limit: int, max_id: int, min_id: int
) -> None:
    """For every set of ids and every argument the page is that of the naive model."""
    page = slice_ids(
        BitMap(ids),
        offset_id=offset_id,
        add_offset=add_offset,
        limit=limit,
        max_id=max_id,
        min_id=min_id,
    )
    assert page == model(ids, offset_id, add_offset, limit, max_id, min_id)


@given(id_sets, offsets)
def test_position_counts_from_the_top_inclusive(ids: set[int], offset_id: int) -> None:
    """The position of an id is the number of entries at or above it; 0 stands for the top."""
    assert position(BitMap(ids), offset_id) == sum(1 for x in ids if offset_id and x >= offset_id)


@pytest.mark.parametrize(
    ("offset_id", "add_offset", "limit", "page"),
    [
        (0, 0, 3, [10, 9, 8]),
        (5, 0, 3, [4, 3, 2]),
        (5, -1, 3, [5, 4, 3]),
        (5, -3, 3, [7, 6, 5]),
        (5, -2, 4, [6, 5, 4, 3]),
        (5, 2, 9, [2, 1]),
        (1, 0, 9, []),
        (11, 0, 2, [10, 9]),
    ],
)
def test_the_examples_of_the_offset_page(
    offset_id: int, add_offset: int, limit: int, page: list[int]
) -> None:
    """The cases that Telegram's page on offsets spells out hold."""
    assert slice_ids(TEN, offset_id=offset_id, add_offset=add_offset, limit=limit) == page


def test_the_offset_need_not_exist() -> None:
    """An id that was deleted still has its place."""
    assert slice_ids(SPARSE, offset_id=10, limit=2) == [8, 7]
    assert slice_ids(SPARSE, offset_id=10, add_offset=-2, limit=2) == [21, 20]


def test_a_page_above_the_top_shrinks_and_never_moves() -> None:
    """Near the top an upward page is clipped; no older id takes the free place."""
    assert slice_ids(TEN, offset_id=9, add_offset=-5, limit=5) == [10, 9]
    assert slice_ids(TEN, offset_id=11, add_offset=-5, limit=5) == []
    assert slice_ids(TEN, add_offset=-2, limit=5) == [10, 9, 8]


def test_limit_is_capped_and_zero_means_the_default() -> None:
    """No page holds more than 100; a limit of 0 or below gives 20."""
    ids = BitMap(range(1, 1001))
    assert len(slice_ids(ids, limit=1000)) == PAGE_CAP == 100
    assert len(slice_ids(ids, limit=0)) == len(slice_ids(ids, limit=-3)) == DEFAULT_LIMIT


def test_min_and_max_shrink_the_page_after_it_was_cut() -> None:
    """min_id and max_id are exclusive and leave a page that may be empty in mid-history."""
    assert slice_ids(TEN, limit=4, min_id=8) == [10, 9]
    assert slice_ids(TEN, limit=4, max_id=9) == [8, 7]
    assert slice_ids(TEN, limit=4, max_id=5) == []


def test_no_ids_give_no_page() -> None:
    """An empty chat has only empty pages."""
    assert slice_ids(BitMap()) == slice_ids(BitMap(), offset_id=1, add_offset=-100) == []


@given(st.sets(st.integers(1, 60)), st.integers(-5, 700))
def test_a_date_means_the_messages_before_it(ids: set[int], date: int) -> None:
    """offset_date becomes the id below which exactly the messages sent before it lie."""
    bitmap = BitMap(ids)

    def date_of(id_: int) -> float:
        return id_ // 2 * 10  # Two messages share each date.

    offset_id = id_at_date(bitmap, date, date_of)
    before = [id_ for id_ in sorted(ids, reverse=True) if date_of(id_) < date]
    if offset_id:
        assert slice_ids(bitmap, offset_id=offset_id) == before
        assert bisect_left(sorted(ids), offset_id) == len(before)
    else:
        assert before == sorted(ids, reverse=True)
