"""`ProcessedIds` is a set of ids, and nothing but exact."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast import ArgumentError, disk
from telefast.errors import (
    CorruptStateError,
    DiskFullError,
    StateError,
    StorageError,
    UnsupportedStateError,
)
from telefast.history.progress import ProcessedIds
from telefast.history.query import MAX_ID

# Few enough to meet each other, and both ends of what is legal.
IDS = st.one_of(st.integers(1, 60), st.integers(MAX_ID - 40, MAX_ID))
RANGES = st.tuples(IDS, st.integers(-3, 30)).map(lambda pair: (pair[0], min(sum(pair), MAX_ID)))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), IDS),
        st.tuples(st.just("range"), RANGES),
        st.tuples(st.just("update"), st.lists(IDS, max_size=5)),
        st.tuples(st.just("discard"), st.lists(IDS, max_size=5)),
    ),
    max_size=15,
)


def apply(steps: list[tuple[str, Any]]) -> tuple[ProcessedIds, set[int]]:
    """Do the same to both."""
    ours, theirs = ProcessedIds(), set[int]()
    for kind, value in steps:
        if kind == "add":
            ours.add(value)
            theirs.add(value)
        elif kind == "range":
            ours.add_range(*value)
            theirs.update(range(value[0], value[1] + 1))
        elif kind == "update":
            ours.update(value)
            theirs.update(value)
        else:
            ours.discard(value)
            theirs.difference_update(value)
    return ours, theirs


def flat(ranges: Iterator[range] | list[range]) -> list[int]:
    """Return the ids in ranges that are sorted, not empty and do not touch."""
    found = list(ranges)
    assert all(found)
    assert all(one.stop < other.start for one, other in pairwise(found))
    return [i for each in found for i in each]


@given(STEPS, RANGES)
def test_it_is_a_set(steps: list[tuple[str, Any]], bounds: tuple[int, int]) -> None:
    """Whatever is done to it, it answers as a `set` does, also after it was kept as bytes."""
    ours, theirs = apply(steps)
    low, high = bounds
    within = {i for i in theirs if low <= i <= high}
    for each in (ours, ours.copy(), ProcessedIds.from_bytes(ours.to_bytes())):
        assert sorted(theirs) == list(each)
        assert len(theirs) == len(each)
        assert bool(theirs) == bool(each)
        assert (min(theirs, default=0), max(theirs, default=0)) == (each.first, each.last)
        assert sorted(theirs) == flat(each.runs())
        gaps = sorted(set(range(low, high + 1)) - theirs)
        assert gaps == flat(each.missing(low, high)) == list(each.without(low, high))
        assert sorted(within) == list(each.between(low, high))
        assert len(within) == each.count(low, high)
        assert theirs == {i for i in [*range(1, 101), *range(MAX_ID - 50, MAX_ID)] if i in each} | (
            {MAX_ID} if MAX_ID in each else set()
        )
        assert ours == each


@given(STEPS, STEPS)
def test_two_sets(one: list[tuple[str, Any]], other: list[tuple[str, Any]]) -> None:
    """Union and difference are those of sets, and leave both as they were."""
    (first, a), (second, b) = apply(one), apply(other)
    assert sorted(a | b) == list(first | second)
    assert sorted(a - b) == list(first - second)
    assert (a == b) == (first == second)
    first.update(second)
    assert (sorted(a | b), sorted(b)) == (list(first), list(second))
    first.discard(second)
    assert sorted(a - b) == list(first)


def test_a_gap_at_the_head_is_seen() -> None:
    """What lies in front of the first id is missing as well as what lies behind the last."""
    ids = ProcessedIds(range(500, 901))
    assert [range(1, 500)] == ids.missing(1, 900)
    assert [range(1, 500), range(901, 1001)] == ids.missing(1, 1000)
    assert [] == ids.missing(500, 900) == ids.missing(900, 500)
    assert [range(1, 10)] == ProcessedIds().missing(1, 9)
    assert "ProcessedIds(401 ids from 500 to 900)" == repr(ids)
    assert "ProcessedIds(0 ids from 0 to 0)" == repr(ProcessedIds())


@pytest.mark.parametrize("value", [0, -1, MAX_ID + 1, 2**40, "1", 1.5, None, True])
def test_what_is_no_id(value: Any) -> None:
    """An illegal id is refused, changes nothing, and is not in it."""
    ids = ProcessedIds([1, 2])
    for call in (ids.add, lambda v: ids.add_range(v, 2**50), lambda v: ids.add_range(1, v)):
        if call is not ids.add and value in (0, -1):
            continue  # a range without an id
        with pytest.raises(ArgumentError):
            call(value)
    for wrong in ([5, value], value):
        with pytest.raises(ArgumentError, match="integers from 1 to 2147483647"):
            ids.update(wrong)
    if type(value) is not int:
        for ask in (ids.count, ids.missing, ids.without, ids.between):
            with pytest.raises(ArgumentError, match="first"):
                ask(value, 7)
            with pytest.raises(ArgumentError, match="last"):
                ask(1, value)
    assert value not in ids
    assert [1, 2] == list(ids)
    assert ids != [1, 2]


@pytest.mark.parametrize(
    ("name", "ids", "most"),
    [
        ("dense", range(1, 1_000_001), 300),
        ("dense, one at a time", None, 300),
        ("half of them, every second", range(1, 2_000_001, 2), 260_000),
        ("sparse", range(1, 1_000_000_000, 1000), 2_300_000),
    ],
)
def test_a_million_ids_are_small(name: str, ids: range | None, most: int) -> None:
    """On the disk and in memory: far below a byte for each id if they are dense."""
    processed = ProcessedIds(ids or ())
    if ids is None:
        for message_id in range(1, 1_000_001):
            processed.add(message_id)
    in_memory = sum(
        value for key, value in processed._ids.get_statistics().items() if "n_bytes" in key
    )
    assert len(processed) >= 1_000_000 - 1
    if "dense" in name:
        assert in_memory + sys.getsizeof(processed) < 140_000
    size = len(processed.to_bytes())
    assert size <= most
    assert processed == ProcessedIds.from_bytes(processed.to_bytes())


@given(st.data())
def test_damage_is_seen(data: st.DataObject) -> None:
    """A byte changed, cut off or added: a typed error, and never another set."""
    whole = ProcessedIds(data.draw(st.sets(IDS, max_size=20))).to_bytes()
    how = data.draw(st.sampled_from(["change", "cut", "add"]))
    if how == "cut":
        bad = whole[: data.draw(st.integers(0, len(whole) - 1))]
    elif how == "add":
        bad = whole + data.draw(st.binary(min_size=1, max_size=9))
    else:
        at = data.draw(st.integers(0, len(whole) - 1).filter(lambda i: i not in (5, 6, 7)))
        bad = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    with pytest.raises(StateError) as caught:
        ProcessedIds.from_bytes(bad)
    assert isinstance(caught.value, StorageError | ValueError)


def test_a_right_checksum_is_not_enough() -> None:
    """Bytes that are no set, or hold what is no id, are refused whatever their header says."""
    from telefast.history.progress import seal

    for body in (b"", b"nonsense", ProcessedIds([5]).to_bytes()):
        with pytest.raises(CorruptStateError, match="no set of ids"):
            ProcessedIds.from_bytes(seal(b"TFID", 1, body))
    zero = ProcessedIds()
    zero._ids.add(0)
    with pytest.raises(CorruptStateError, match="out of bounds"):
        ProcessedIds.from_bytes(zero.to_bytes())
    with pytest.raises(UnsupportedStateError, match="version 2; this release knows 1 only"):
        ProcessedIds.from_bytes(seal(b"TFID", 2, b""))


def test_files(tmp_path: Path) -> None:
    """What is saved is loaded; a damaged file is named, a missing one is the system's error."""
    path = tmp_path / "ids"
    ids = ProcessedIds(range(1, 1_000_001))
    ids.save(path)
    assert path.stat().st_size < 1_000_000
    assert ids == ProcessedIds.load(str(path))
    assert ["ids"] == [each.name for each in tmp_path.iterdir()]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptStateError, match="damaged") as caught:
        ProcessedIds.load(path)
    assert str(path) == caught.value.path
    with pytest.raises(FileNotFoundError):
        ProcessedIds.load(tmp_path / "other")


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, DiskFullError), (errno.EIO, OSError)]
)
def test_a_failed_save_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[OSError]
) -> None:
    """If the disk fails, the old file is whole, and nothing lies beside it."""
    path = tmp_path / "ids"
    ProcessedIds([1]).save(path)

    def fail(_: int) -> None:
        raise OSError(number, "late")

    monkeypatch.setattr(disk.os, "fsync", fail)
    with pytest.raises(expected) as caught:
        ProcessedIds([2]).save(path)
    assert isinstance(caught.value, DiskFullError) == (number == errno.ENOSPC)
    assert [1] == list(ProcessedIds.load(path))
    assert ["ids"] == [each.name for each in tmp_path.iterdir()]
