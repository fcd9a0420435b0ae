"""Do the chats of one account share their ids as Telegram has them, cheaply and repeatably?"""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from telefast.testing.box import Box
from telefast.testing.timeline import RUN, OwnLine, SharedLine, shared_date
from telefast.testing.world import World

MIB = 1024 * 1024

CHATS = st.lists(
    st.tuples(st.integers(0, 3000), st.sampled_from([0.0, 0.05, 0.5, 0.97])), min_size=1, max_size=8
)


@given(CHATS, st.integers(0, 9))
def test_chats_share_one_sequence(chats: list[tuple[int, float]], posts: int) -> None:
    """Each chat has exactly its count of ids, no two have one in common, posts lie on top."""
    box = Box()
    seen = BitMap()
    for number, (count, holes) in enumerate(chats):
        runs, ids = box.place(f"{number}", count, holes)
        assert len(ids) == count
        assert not count or ids.min() >= RUN
        assert {id_ // RUN for id_ in ids} <= set(runs)
        assert seen.isdisjoint(ids)
        seen |= ids
        new = box.take(posts)
        assert all(id_ > (seen.max() if seen else 0) for id_ in new)
        assert new == sorted(new)
        seen.update(new)
        assert all(map(box.may_have, seen))
        assert box.last_id >= (seen.max() if seen else 0)


def test_the_same_calls_give_the_same_ids() -> None:
    """Nothing but the seed and the calls before decides."""
    one, two = Box(), Box()
    for box in (one, two):
        box.place("a", 500, 0.1)
        box.note([7_000])
    assert one.place("b", 800, 0.0) == two.place("b", 800, 0.0)
    assert one.place("c", 800, 0.0) != two.place("d", 800, 0.0)


def test_ids_are_sparse_and_interleaved() -> None:
    """A chat's ids are far apart, in runs of other chats' ids, also when it came later."""
    box = Box()
    first = box.place("a", 4_000, 0.0)[1]
    later = box.place("b", 100, 0.0)[1]
    large = box.place("c", 20_000, 0.0)[1]
    for ids in (first, large):
        density = len(ids) / (ids.max() - ids.min())
        assert 0.1 < density < 0.4
    changes = sum(
        1
        for id_ in first
        if id_ + RUN in later or id_ + RUN in large  # the next run belongs to another chat
    )
    assert changes > 300
    assert later.min() < first.max() // 4
    assert later.max() > first.max() // 2
    assert large.max() > first.max() > large.min()


def test_a_million_private_messages_cost_a_mebibyte() -> None:
    """A private chat of a million messages takes at most 1 MiB until it is read, peak included."""
    world = World(seed=1)
    world.add_private_chat(message_count=1_000_000, holes=0.05)
    tracemalloc.start()
    try:
        chat = world.add_private_chat(message_count=1_000_000, holes=0.05)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    stored = 0
    for ids in (chat.ids, chat.runs, world.account.box.placed):
        sizes = ids.get_statistics()
        stored += sum(size for name, size in sizes.items() if name.startswith("n_bytes"))
    assert len(chat.ids) == 1_000_000
    assert peak + stored < MIB
    assert chat.message(chat.ids.max())


@pytest.mark.parametrize("begin", [1, 499_900, 3_499_900, 2**31 - 300])
def test_time_never_runs_backwards(begin: int) -> None:
    """Dates of the shared sequence never fall with the id, and end before 2038."""
    dates = [shared_date(id_) for id_ in range(begin, begin + 250)]
    assert dates == sorted(dates)
    assert 1_488_326_400 <= dates[0] <= dates[-1] < 2**31


def test_a_reply_points_back_within_the_chat() -> None:
    """The id some steps before is one of the chat's own runs, or there is none."""
    line = SharedLine("key/", BitMap([2, 5, 9]))
    assert line.first == 16
    assert line.earlier(16, 1) is None
    assert line.earlier(17, 1) == 16
    assert line.earlier(40, 1) == 23
    assert line.earlier(43, 4) == 23
    assert line.earlier(75, 12) == 23
    assert line.earlier(75, 99) == 16
    assert line.earlier(800, 1) == 79
    assert SharedLine("key/", BitMap()).earlier(80, 3) is None
    assert SharedLine("key/", BitMap()).first == 0
    assert OwnLine("key/", 9).earlier(1, 1) is None
    assert OwnLine("key/", 9).earlier(5, 99) == 1


def test_albums_lie_within_a_run() -> None:
    """An album is 2 to 8 ids of one run, never the first one."""
    line = SharedLine("key/", BitMap(range(10, 2000)))
    albums = {album for id_ in range(80, 16_000) if (album := line.album(id_)) is not None}
    assert len(albums) > 50
    for album in albums:
        assert 2 <= len(album) <= RUN
        assert album[0] // RUN == album[-1] // RUN != 10
        assert len({line.timestamp(id_) for id_ in album}) == 1
