"""The planner delivers what a query owes, whatever the order of answers and the faults in them."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telefast.history.order import Ask
from telefast.history.query import MAX_ID, Query
from telefast.history.windows import Windows
from tests.unit.history_model import Server, oracle, run

SHARE = max(settings.default.max_examples, 1)
SIZES = st.sampled_from([0, 1, 2, 5, 99, 100, 101, 199, 200, 433, 900])
SHIFTS = st.sampled_from([-400, -250, -100, -10, -1, 1, 10, 99, 100, 101, 250, 400])


@st.composite
def chats(draw: st.DrawFn) -> list[int]:
    """Draw the ids of a chat: up to 900, dense to sparse."""
    rng = Random(draw(st.integers(0, 2**32)))
    density = draw(st.sampled_from([1, 0.95, 0.6, 0.2, 0.02]))
    return [i for i in range(1, draw(SIZES) + 1) if rng.random() < density]


@st.composite
def queries(draw: st.DrawFn, *, shifts: bool = True) -> Query:
    """Draw arguments, each absent in most cases."""

    def maybe(strategy: st.SearchStrategy[int]) -> int:
        return draw(st.one_of(st.just(0), st.just(0), strategy))

    return Query(
        limit=draw(
            st.one_of(st.none(), st.none(), st.sampled_from([1, 5, 99, 100, 101, 150, 500]))
        ),
        min_id=maybe(st.integers(1, 900)),
        max_id=maybe(st.integers(1, 1000)),
        offset_id=maybe(st.integers(1, 1000)),
        add_offset=maybe(SHIFTS) if shifts else 0,
        reverse=draw(st.booleans()),
    )


def walk(
    query: Query,
    server: Server,
    seed: int,
    *,
    size: int = 100,
    can_sweep: bool = True,
    **changes: Any,
) -> list[int]:
    """Return what the planner delivers; nothing is asked for an empty query."""
    if query.is_empty():
        return []
    rng = Random(seed)
    windows = Windows(query, request_size=size, can_sweep=can_sweep)
    concurrency = rng.choice([1, 2, 4, 16])
    return run(windows, server, rng=rng, concurrency=concurrency, prefetch=16, **changes)


@given(
    chats(),
    queries(),
    st.integers(0, 1000),
    st.booleans(),
    st.sampled_from([100, 100, 50, 7, 2, 1]),
)
@settings(max_examples=SHARE * 3)
def test_delivers_what_the_oracle_owes(
    ids: list[int], query: Query, seed: int, tells: bool, size: int
) -> None:
    """Any arguments, any order of answers, any page size: exactly the oracle's ids, in order."""
    server = Server(ids, tells_position=tells)
    can_sweep = seed % 4 > 0
    assert oracle(ids, query) == walk(query, server, seed, size=size, can_sweep=can_sweep)
    assert can_sweep or not any(ask.ids for ask in server.requests)


@given(chats(), queries(shifts=False), st.integers(0, 1000), st.booleans())
@settings(max_examples=SHARE)
def test_survives_deletions_and_posts_between_answers(
    ids: list[int], query: Query, seed: int, tells: bool
) -> None:
    """What is there from start to end is delivered once, in order; nothing out of bounds is."""
    rng = Random(seed)
    gone: set[int] = set()

    def change(server: Server, ask: Ask) -> None:
        if len(server.requests) > 40 or not server.ids:
            return
        if rng.random() < 0.3:
            for _ in range(min(rng.choice([1, 1, 3, 60]), len(server.ids))):
                gone.add(server.ids.pop(rng.randrange(len(server.ids))))
        if rng.random() < 0.2:
            top = max([*server.ids, *gone, *ids])
            server.ids.extend(range(top + 1, top + 1 + rng.choice([1, 50, 120])))

    server = Server(list(ids), tells_position=tells)
    got = walk(query, server, seed, before_answer=change)
    assert sorted(set(got), reverse=not query.reverse) == got
    assert all(query.keeps(i) for i in got)
    if query.limit is None:
        assert set(oracle([i for i in ids if i not in gone], query)) <= set(got)


@given(chats(), queries(shifts=False), st.integers(0, 1000), st.sampled_from([2, 3, 5]))
@settings(max_examples=SHARE)
def test_survives_short_repeated_and_empty_pages(
    ids: list[int], query: Query, seed: int, every: int
) -> None:
    """Every second to fifth page is cut short, repeats an id, or holds only MessageEmpty."""
    rng = Random(seed)
    pages = 0

    def spoil(ask: Ask, page: list[int]) -> tuple[list[int], list[int]]:
        nonlocal pages
        pages += 1
        if not page or pages % every:
            return page, []
        kind = rng.choice(["short", "repeated", "empty", "nothing"])
        if kind == "short":
            keep = rng.randrange(1, len(page) + 1)
            return (page[-keep:] if query.reverse else page[:keep]), []
        if kind == "repeated":
            return [page[0], *page], []
        if kind == "empty":
            return [], page
        return ([], []) if ask.add_offset not in (0, -ask.limit) else (page, [])

    assert oracle(ids, query) == walk(query, Server(ids), seed, change_page=spoil)


@pytest.mark.parametrize("can_sweep", [True, False])
def test_pages_called_empty_again_and_again_are_asked_for_by_ids(can_sweep: bool) -> None:
    """Five answers in a row hold only MessageEmpty: what exists by id is delivered all the same."""
    ids = list(range(1, 401))
    pages = 0

    def spoil(ask: Ask, page: list[int]) -> tuple[list[int], list[int]]:
        nonlocal pages
        pages += 1
        return ([], page) if 3 <= pages < 8 else (page, [])

    windows = Windows(Query(), can_sweep=can_sweep)
    server = Server(ids)
    got = run(windows, server, rng=Random(1), concurrency=1, change_page=spoil)
    assert ids[::-1] == got
    asked = [ask.ids for ask in server.requests if ask.ids]
    assert can_sweep or [tuple(range(201, 101, -1))] == asked


@given(chats(), queries(), st.integers(0, 1000), st.sampled_from([150, 500]))
@settings(max_examples=SHARE)
def test_survives_a_server_that_clamps_add_offset(
    ids: list[int], query: Query, seed: int, clamp: int
) -> None:
    """A server that takes no large add_offset costs requests, never messages."""
    assert oracle(ids, query) == walk(query, Server(ids, clamp=clamp), seed)


@given(
    chats(),
    queries(shifts=False),
    st.integers(0, 1000),
    st.integers(1, 900),
    st.sampled_from([1, 30, 100, 150, 199, 400]),
)
@settings(max_examples=SHARE)
def test_survives_a_run_of_hidden_messages(
    ids: list[int], query: Query, seed: int, first: int, length: int
) -> None:
    """Up to 400 messages in a row are dropped after slicing: all others are delivered."""
    hidden = frozenset(range(first, first + length))
    owed = oracle([i for i in ids if i not in hidden], query)
    assert owed == walk(query, Server(ids, restricted=hidden), seed)


@given(chats(), st.booleans(), st.integers(0, 1000), st.integers(1, 900), st.sampled_from([100, 9]))
@settings(max_examples=SHARE)
def test_hidden_runs_of_whole_lists_need_no_positions(
    ids: list[int], reverse: bool, seed: int, first: int, size: int
) -> None:
    """A whole list is read whole around a hidden run, also where answers say no position."""
    hidden = frozenset(range(first, first + 190))
    server = Server(ids, restricted=hidden, tells_position=False)
    query = Query(reverse=reverse)
    owed = oracle([i for i in ids if i not in hidden], query)
    assert owed == walk(query, server, seed, size=size)


@given(st.integers(0, 3000), st.sampled_from([0.0, 0.05, 0.5]), st.booleans(), st.integers(0, 99))
@settings(max_examples=SHARE // 2 + 1)
def test_cost_of_a_whole_history(count: int, holes: float, reverse: bool, seed: int) -> None:
    """A whole history takes at most ceil((n - 100) / 99) + 4 requests, at any density."""
    rng = Random(seed)
    ids: list[int] = []
    message_id = 0
    while len(ids) < count:
        message_id += 1
        if rng.random() >= holes:
            ids.append(message_id)
    server = Server(ids, tells_position=rng.random() < 0.5)
    walk(Query(reverse=reverse), server, seed)
    assert len(server.requests) <= math.ceil((count - 100) / 99) + 4


def test_dates_begin_both_walks() -> None:
    """A date begins the walk before it, in reverse at it; the epoch means before every message."""
    ids = list(range(1, 301))  # message i has date 10 * i
    newest_first = ids[::-1]
    for when, position in [(1000, 99), (1001, 100), (1, 0), (0, 0), (10**9, 300)]:
        forward = walk(Query(offset_date=when), Server(ids), 1)
        assert newest_first[300 - position :] == forward
        backward = walk(Query(offset_date=when, reverse=True), Server(ids), 1)
        assert ids[position:] == backward


def test_a_date_and_a_shift_add_up() -> None:
    """add_offset counts from the position of the date, in both directions."""
    ids = list(range(1, 301))
    assert list(range(89, 0, -1)) == walk(Query(offset_date=1000, add_offset=10), Server(ids), 1)
    assert list(range(109, 0, -1)) == walk(Query(offset_date=1000, add_offset=-10), Server(ids), 1)
    reverse = Query(offset_date=1000, add_offset=10, reverse=True)
    assert list(range(90, 301)) == walk(reverse, Server(ids), 1)
    early = Query(offset_date=1, add_offset=-10)
    assert list(range(10, 0, -1)) == walk(early, Server(ids), 1)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_date_survives_one_empty_answer(reverse: bool) -> None:
    """The question for a date is asked again when its first answer is empty."""
    ids = list(range(1, 301))
    spoiled = 0

    def spoil(ask: Ask, page: list[int]) -> tuple[list[int], list[int]]:
        nonlocal spoiled
        if ask.offset_date and not spoiled:
            spoiled += 1
            return [], []
        return page, []

    got = walk(Query(offset_date=1000, reverse=reverse), Server(ids), 1, change_page=spoil)
    assert (ids[99:] if reverse else ids[98::-1]) == got
    assert spoiled == 1


def test_an_error_comes_after_what_lies_before_it() -> None:
    """A failed page stops the walk only when its turn comes; nothing is asked after that."""
    windows = Windows(Query(), request_size=100)
    first = windows.next_request(room=8)
    assert first is not None
    windows.on_answer(first.token, range(901, 1001), count=1000)
    second, third = windows.next_request(room=8), windows.next_request(room=8)
    assert second is not None
    assert third is not None
    error = ConnectionError("gone")
    windows.on_error(third.token, error)
    assert windows.error is None
    windows.on_answer(second.token, range(802, 902), count=1000)
    assert windows.error is error
    delivered = []
    while (delivery := windows.take()) is not None:
        delivered += delivery.ids
    assert list(range(1000, 801, -1)) == delivered
    assert windows.next_request(room=8) is None


@pytest.mark.parametrize("reverse", [False, True])
def test_an_error_of_the_only_request_stops_at_once(reverse: bool) -> None:
    """Errors of the first page, and of the question for the newest id, are not waited for."""
    for which in range(1 + reverse):
        windows = Windows(Query(reverse=reverse))
        asks = [windows.next_request(room=8) for _ in range(1 + reverse)]
        ask = asks[which]
        assert ask is not None
        windows.on_error(ask.token, ConnectionError("gone"))
        assert isinstance(windows.error, ConnectionError)


def test_room_bounds_what_is_asked_for() -> None:
    """Without room no page is asked for; the repair of a seam goes out all the same."""
    windows = Windows(Query())
    first = windows.next_request(room=0)
    assert first is not None
    windows.on_answer(first.token, range(901, 1001), count=1000)
    assert windows.next_request(room=0) is None
    second = windows.next_request(room=1)
    assert second is not None
    windows.on_answer(second.token, range(702, 802), count=1000)  # not at the seam
    repair = windows.next_request(room=0)
    assert repair is not None
    assert (901, 0, 100) == (repair.offset_id, repair.add_offset, repair.limit)
    assert 1 == windows.held


def test_answers_after_the_end_are_ignored() -> None:
    """Answers to questions that became needless change nothing."""
    windows = Windows(Query(limit=150))
    first = windows.next_request(room=8)
    assert first is not None
    windows.on_answer(first.token, range(901, 1001), count=1000)
    second = windows.next_request(room=8)
    assert second is not None
    assert 51 == second.limit  # the seam and what is left
    windows.on_answer(second.token, range(851, 902), count=1000)
    assert windows.done
    windows.on_answer(second.token, range(1, 100), count=1000)
    assert 150 == sum(len(delivery.ids) for delivery in iter(windows.take, None))


def test_the_largest_id_is_reached() -> None:
    """Ids up to 2^31 - 1 exist in the API; the walk neither overflows nor loses them."""
    ids = [1, MAX_ID - 1, MAX_ID]
    assert ids == walk(Query(reverse=True), Server(ids), 1)
    assert ids[:0:-1] == walk(Query(limit=2), Server(ids), 1)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_hidden_run_ends_where_the_history_says(reverse: bool) -> None:
    """Of a hidden run some messages are not there by id either: what follows it is not hidden."""
    ids = list(range(1, 501))
    server = Server(ids, restricted=frozenset(range(200, 300)), unknown=frozenset({250, 270}))
    query = Query(reverse=reverse, offset_id=199 if reverse else 300)
    got = walk(query, server, 1)
    assert (list(range(300, 501)) if reverse else list(range(199, 0, -1))) == got


def test_ids_that_stay_empty_are_passed_over() -> None:
    """A page that holds only MessageEmpty, twice, is walked past; what follows is delivered."""
    ids = list(range(1, 301))

    def spoil(ask: Ask, page: list[int]) -> tuple[list[int], list[int]]:
        return [i for i in page if not 80 < i <= 230], [i for i in page if 80 < i <= 230]

    got = walk(Query(), Server(ids), 1, change_page=spoil)
    assert [*range(300, 230, -1), *range(80, 0, -1)] == got


@pytest.mark.parametrize("is_top_deleted", [False, True])
def test_in_reverse_the_newest_id_contradicts_an_early_end(is_top_deleted: bool) -> None:
    """A hidden run before the end is seen through, since the newest id is known."""
    server = Server(list(range(1, 61)), restricted=frozenset(range(30, 58)), tells_position=False)

    def change(server: Server, ask: Ask) -> None:
        if is_top_deleted and ask.offset_id == 30:  # the walk has come to the hidden run
            server.ids = [i for i in server.ids if i < 58]

    query = Query(reverse=True, min_id=10)
    got = walk(query, server, 1, size=1, before_answer=change)
    assert [*range(11, 30), *([] if is_top_deleted else [58, 59, 60])] == got


def test_a_list_without_a_count_is_read_to_its_end() -> None:
    """Where no answer tells a count, pages are planned by ids alone."""
    for reverse in (False, True):
        windows = Windows(Query(reverse=reverse))
        server = Server(list(range(1, 1001)), tells_position=False)
        delivered: list[int] = []
        while not windows.done:
            ask = windows.next_request(room=4)
            assert ask is not None
            ids = server.by_ids(ask) if ask.ids else server.page(ask)[0]
            windows.on_answer(ask.token, ids)
            while (delivery := windows.take()) is not None:
                delivered += delivery.ids
        assert sorted(server.ids, reverse=not reverse) == delivered


@pytest.mark.parametrize("size", [100, 10])
def test_a_run_too_long_to_look_behind_is_given_up(size: int) -> None:
    """After 2,000 hidden messages in a row no further page is asked for, and that is said."""
    server = Server(list(range(1, 6001)), restricted=frozenset(range(1000, 4000)))
    windows = Windows(Query(), request_size=size)
    got = run(windows, server, rng=Random(1), concurrency=4)
    assert list(range(6000, 3999, -1)) == got
    assert windows.is_given_up
    assert 3999 == windows.missing
