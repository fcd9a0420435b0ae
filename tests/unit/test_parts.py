"""Which part next, what is done: every byte once, by legal requests only."""

from __future__ import annotations

import json
from itertools import pairwise
from math import inf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from telethon import types

from telefast.errors import ArgumentError
from telefast.media.hashes import HashList, HashRange
from telefast.media.parts import BLOCK, FRAGMENT, LEGAL_SIZES, MAX_SHORT, Part, PartMap, Taken
from telefast.media.ranges import Ranges

KIB = 1024
part_sizes = st.sampled_from(LEGAL_SIZES)
near = st.builds(
    lambda parts, size, off: max(parts * size + off, 0),
    st.integers(0, 9),
    part_sizes,
    st.sampled_from((-4097, -4096, -1, 0, 1, 4095, 4096)),
)
sizes = st.one_of(st.integers(0, 5_000_000), near)
ranges = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def answer(parts: PartMap, part: Part, length: int) -> Taken:
    """Let an answer come, and be written if it is to be kept."""
    taken = parts.on_answer(part, length)
    if taken.verdict == "done":
        parts.on_written(part.offset, taken.keep)
    return taken


def check_legal(part: Part, size: int | None) -> None:
    """Check the rules that Telegram states for offsets and limits."""
    assert part.offset % BLOCK == 0
    assert part.limit in LEGAL_SIZES
    assert part.offset // FRAGMENT == (part.offset + part.limit - 1) // FRAGMENT
    if size is not None:
        assert part.offset < size
        assert part.size == min(part.limit, size - part.offset)
        assert part.weight == part.size
    else:
        assert part.weight == part.limit


@given(ranges, ranges)
def test_ranges_are_a_set_of_numbers(added: list[tuple[int, int]], removed: list[tuple[int, int]]):
    """Adding and removing ranges does what it does to a set; ranges neither touch nor overlap."""
    found, model = Ranges(added), set[int]()
    for start, end in added:
        model |= set(range(start, end))
    for start, end in removed:
        found.remove(start, end)
        model -= set(range(start, end))
        found.add(end, start)
        model |= set(range(end, start))
    kept = list(found)
    assert {each for start, end in kept for each in range(start, end)} == model
    assert len(found) == len(model)
    assert bool(found) == bool(model)
    assert found.first() == (kept[0] if kept else None)
    assert all(end < after for (_, end), (after, _) in pairwise(kept))
    for start, end in removed:
        assert found.has(start, end) == (set(range(start, end)) <= model)


@given(sizes, part_sizes, st.data())
@example(size=1, part_size=BLOCK, data=None)
@example(size=FRAGMENT, part_size=FRAGMENT, data=None)
@example(size=FRAGMENT + 1, part_size=FRAGMENT, data=None)
def test_every_byte_is_asked_for_by_legal_requests(size: int, part_size: int, data: st.DataObject):
    """Losses, short answers, doubled parts, other part sizes: each byte is kept exactly once."""
    parts, kept, flying = PartMap(size, part_size), Ranges(), list[Part]()

    def draw(most: int) -> int:
        return 0 if data is None else data.draw(st.integers(0, most))

    trouble = 0 if data is None else data.draw(st.integers(0, 30))
    while not parts.is_complete:
        assert parts.in_flight <= len({part.offset for part in flying})
        event = draw(7) if trouble else 0
        trouble -= bool(event)
        if event == 1:
            parts.part_size = data.draw(part_sizes)
        elif event == 2 and (part := parts.double(after=0, now=1)) is not None:
            flying.append(part)
        elif event in (3, 4) and flying:
            parts.on_lost(flying.pop(draw(len(flying) - 1)))
        elif event == 5 and flying:
            part = flying.pop(draw(len(flying) - 1))
            taken = answer(parts, part, draw(part.weight - 1))
            assert taken.verdict in ("again", "stale", "short")
        elif (event or len(flying) < 3) and (part := parts.next()) is not None:
            check_legal(part, size)
            flying.append(part)
        elif flying:
            part = flying.pop(draw(len(flying) - 1))
            taken = answer(parts, part, part.weight)
            if taken.verdict == "done":
                assert taken.keep == part.size
                assert not any(
                    kept.has(at, at + 1) for at in (part.offset, part.offset + taken.keep - 1)
                )
                kept.add(part.offset, part.offset + taken.keep)
            else:
                assert taken == Taken("stale")
        assert parts.received == len(kept)
        assert parts.done() == list(kept)
        assert parts.done_to == (parts.done()[0][1] if kept.has(0, 1) and size else 0)
    assert list(kept) == ([(0, size)] if size else [])
    assert parts.next() is None


@given(sizes, part_sizes, st.data())
def test_an_unknown_size_is_found_at_its_true_end(size: int, part_size: int, data: st.DataObject):
    """One request at a time; a short answer that lies once is found out."""
    parts, kept, lies = PartMap(None, part_size), 0, 1
    while not parts.is_complete:
        part = parts.next()
        assert part is not None
        check_legal(part, None)
        assert parts.next() is None
        assert part.offset <= size
        have = min(part.limit, size - part.offset)
        sent = have
        if lies and have > 1 and data.draw(st.booleans()):
            lies -= 1
            sent = have - 1  # never the same end twice, unless it is the true one
        taken = answer(parts, part, sent)
        assert taken.verdict in ("done", "again")
        if taken.verdict == "done":
            assert part.offset == kept
            kept += taken.keep
    assert parts.size == kept == size


def test_an_offset_past_the_end_ends_an_unknown_size():
    """A server that refuses an offset at the end says where it is, if all before it was there."""
    parts = PartMap(None, 2 * BLOCK)
    first = parts.next()
    assert first is not None
    assert not parts.on_past_end(first)
    assert answer(parts, first, first.limit) == Taken("done", first.limit)
    second = parts.next()
    assert second is not None
    assert parts.on_past_end(second)
    assert parts.is_complete
    assert parts.size == 2 * BLOCK
    assert not parts.on_past_end(Part(BLOCK, BLOCK, BLOCK))


def test_an_unknown_size_that_flickers_is_an_error():
    """Ends that differ each time are no end."""
    parts = PartMap(None, BLOCK)
    verdicts = []
    for length in (5, 6, 7, 8):
        part = parts.next()
        assert part is not None
        verdicts.append(answer(parts, part, length).verdict)
    assert verdicts == ["again", "again", "again", "short"]
    part = parts.next()
    assert part is not None
    assert answer(parts, part, part.limit + 1).verdict == "long"


@given(st.integers(1, 3_000_000), part_sizes, st.integers(0, 20))
def test_a_size_that_the_first_answer_tells(size: int, part_size: int, start: int):
    """What is left is asked for as of any file, each byte once, wherever it was begun."""
    begun = start * BLOCK
    parts = PartMap(None, part_size, done=[(0, begun)] if begun else [])
    probe = parts.next()
    assert probe is not None
    check_legal(probe, None)
    length = max(min(probe.limit, size - probe.offset), 0)
    taken = parts.on_answer(probe, length, size)
    assert taken == Taken("done", length)
    parts.on_written(probe.offset, length)
    assert parts.size == size
    asked = []
    while (part := parts.next()) is not None:
        check_legal(part, size)
        asked.append(part)
    for part in asked:
        assert answer(parts, part, part.weight).verdict == "done"
    assert parts.is_complete
    assert sum(part.weight for part in asked) == max(size - begun - length, 0)


def test_a_first_answer_that_is_not_what_it_says():
    """Too short: it is asked again; longer than the whole file: it is none."""
    parts = PartMap(None, 8 * BLOCK)
    probe = parts.next()
    assert probe is not None
    assert parts.on_answer(probe, 5, 100).verdict == "again"
    assert parts.next() == Part(0, 8 * BLOCK, 100)
    parts = PartMap(None, 8 * BLOCK)
    probe = parts.next()
    assert probe is not None
    assert parts.on_answer(probe, 101, 100).verdict == "long"


def test_a_short_answer_in_the_middle_is_asked_again_and_then_an_error():
    """Known size: a part that stays short is never taken for the end."""
    parts = PartMap(4 * BLOCK, BLOCK)
    for attempt in range(MAX_SHORT):
        part = parts.next()
        assert part is not None
        assert part.offset == 0
        verdict = answer(parts, part, BLOCK - 1).verdict
        assert verdict == ("again" if attempt < MAX_SHORT - 1 else "short")


def test_an_answer_longer_than_the_file_says_so():
    """A declared size that lies is found at its end."""
    parts = PartMap(10, BLOCK)
    part = parts.next()
    assert part is not None
    assert answer(parts, part, 11) == Taken("long", 10)


def test_only_a_part_that_is_late_is_doubled_and_once():
    """The oldest one first; the first answer wins, the second is stale."""
    parts = PartMap(2 * BLOCK, BLOCK)
    assert parts.oldest() == inf
    first, second = parts.next(), parts.next()
    assert first is not None
    assert second is not None
    assert parts.oldest() == inf
    parts.on_sent(second, 2)
    parts.on_sent(first, 1)
    parts.on_sent(Part(2 * BLOCK, BLOCK, BLOCK), 0)
    assert parts.oldest() == 1
    assert parts.double(after=5, now=5.9) is None
    assert parts.double(after=5, now=6.5) == first
    assert parts.oldest() == 2
    assert parts.double(after=5, now=6.5) is None
    assert parts.double(after=4, now=6.5) == second
    assert parts.oldest() == inf
    parts.on_lost(first)
    assert parts.next() is None
    assert answer(parts, first, BLOCK).verdict == "done"
    assert answer(parts, first, BLOCK).verdict == "stale"
    parts.on_lost(first)
    assert parts.received == BLOCK
    assert not parts.is_asked(first)
    assert parts.is_asked(second)


@given(sizes, part_sizes, part_sizes, st.integers(0, 20), st.data())
def test_what_is_done_survives_another_part_size(
    size: int, before: int, after: int, answered: int, data: st.DataObject
):
    """A restored map asks for the missing bytes only, whatever the parts were before."""
    parts = PartMap(size, before)
    asked = [part for _ in range(answered) if (part := parts.next()) is not None]
    for part in data.draw(st.permutations(asked)) if asked else []:
        if data.draw(st.booleans()):
            answer(parts, part, part.weight)
    again = PartMap.restore(json.loads(json.dumps(parts.snapshot())), size, after)
    assert again is not None
    assert again.received == parts.received
    fetched = 0
    while (part := again.next()) is not None:
        check_legal(part, size)
        assert answer(again, part, part.weight).verdict == "done"
        fetched += part.weight
    assert again.is_complete
    assert fetched == size - parts.received


def test_an_unknown_size_goes_on_where_it_was():
    """What was fetched in a row from the start is kept, and the next request is legal."""
    parts = PartMap(None, BLOCK)
    for _ in range(3):
        part = parts.next()
        assert part is not None
        answer(parts, part, BLOCK)
    again = PartMap.restore(parts.snapshot(), None, FRAGMENT)
    assert again is not None
    assert again.received == 3 * BLOCK
    assert again.next() == Part(3 * BLOCK, BLOCK, None)
    part = Part(3 * BLOCK, BLOCK, None)
    again.on_lost(part)
    assert again.next() == part


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"version": 2},
        {"size": 11},
        {"done": 7},
        {"done": [[1]]},
        {"done": [["a", "b"]]},
    ],
)
def test_a_damaged_map_counts_as_none(damage: dict[str, object]):
    """Nothing of it is believed."""
    good = {"version": 1, "size": 10, "done": []}
    assert PartMap.restore({**good, **damage} if damage else {}, 10) is None


def test_ranges_that_lie_are_cut_to_whole_blocks_of_the_file():
    """A range that begins or ends inside a block is fetched again there."""
    parts = PartMap(3 * BLOCK + 5, done=[(-9, 1), (1, 2 * BLOCK + 1), (3 * BLOCK, 99 * BLOCK)])
    assert parts.done() == [(BLOCK, 2 * BLOCK), (3 * BLOCK, 3 * BLOCK + 5)]
    assert parts.done_to == 0


@given(st.integers(1, 40 * BLOCK), st.integers(0, 40 * BLOCK), st.integers(0, 9 * BLOCK))
def test_bytes_that_turned_out_wrong_are_fetched_again(size: int, start: int, length: int):
    """Exactly the blocks that hold them."""
    parts = PartMap(size, BLOCK)
    while (part := parts.next()) is not None:
        answer(parts, part, part.weight)
    start = min(start, size)
    end = min(start + length, size)
    parts.undo(start, end)
    blocks = set()
    while (part := parts.next()) is not None:
        blocks.add(part.offset // BLOCK)
        answer(parts, part, part.weight)
    touched = {at // BLOCK for at in (start, max(end - 1, start))}
    if end > start:
        assert blocks == set(range(min(touched), max(touched) + 1))
    assert parts.is_complete


@given(st.one_of(st.none(), sizes), ranges, st.integers(0, 300_000))
def test_what_was_last_can_be_given_up(size: int | None, done: list[tuple[int, int]], length: int):
    """Whole blocks from the end: what lies before is kept, what lies behind is missing again."""
    begun = [(start * BLOCK, end * BLOCK) for start, end in done if start < end]
    parts = PartMap(size, done=begun)
    before = parts.done()
    end = max((end for _, end in before), default=0)
    start = parts.give_up(length)
    assert start % BLOCK == 0
    assert start <= max(end - length, 0) < start + BLOCK
    assert parts.done() == [(low, min(high, start)) for low, high in before if low < start]
    assert parts.received == sum(high - low for low, high in parts.done())
    again = PartMap.restore(parts.snapshot(), size)
    assert again is not None
    assert again.done() == parts.done()
    if size is not None:
        missing = 0
        while (part := parts.next()) is not None:
            missing += part.weight
        assert missing == size - parts.received


def test_illegal_sizes_are_refused():
    """Before anything is asked."""
    with pytest.raises(ArgumentError, match="size=-1"):
        PartMap(-1)
    with pytest.raises(ArgumentError, match="part_size=5000"):
        PartMap(10, 5000)


def test_hashes_cover_a_file_in_a_row():
    """Gaps, repetitions and empty answers are no progress; the last range is cut to the file."""
    hashes = HashList(250)
    assert not hashes.is_complete
    assert not hashes.on_answer([types.FileHash(100, 100, b"late")])
    assert hashes.on_answer([types.FileHash(100, 100, b"b"), types.FileHash(0, 100, b"a")])
    assert hashes.covered == 200
    assert not hashes.on_answer([types.FileHash(100, 100, b"b")])
    assert hashes.on_answer([types.FileHash(200, 100, b"c")])
    assert hashes.is_complete
    assert hashes.ranges == [
        HashRange(0, 100, b"a"),
        HashRange(100, 100, b"b"),
        HashRange(200, 50, b"c"),
    ]


def test_a_hash_fits_its_bytes_only():
    """The length counts as well."""
    digest = bytes.fromhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert HashRange(0, 3, digest).fits(b"abc")
    assert not HashRange(0, 3, digest).fits(b"abx")
    assert not HashRange(0, 4, digest).fits(b"abc")
