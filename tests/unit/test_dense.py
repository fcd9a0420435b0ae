"""Stretches by ids never yield what the history does not show, nor miss what it does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telefast.history import sources
from telefast.history.dense import Dense, following
from telefast.history.order import Answer, Ask, Order
from telefast.history.query import Query
from telefast.history.windows import Windows
from tests.unit.history_model import Server, oracle, run

SHARE = max(settings.default.max_examples, 1)


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small worlds are worth a stretch as well, and no failure ends them."""
    monkeypatch.setattr(sources, "_LEAST_AHEAD", 0)
    monkeypatch.setattr(sources, "_LOST", 1000)
    monkeypatch.setattr(sources, "_MEASURED", 1)


def world(rng: Random) -> Server:
    """Return a dense chat of up to 2,500 ids, of which some are hidden in one way or another."""
    density = rng.choice([1, 0.99, 0.9, 0.7])
    top = rng.choice([700, 1500, 2500])
    ids = [i for i in range(1, top + 1) if rng.random() < density]
    kind = rng.choice(["none", "single", "few", "run", "prehistory", "restricted"])
    hidden: set[int] = set()
    if kind == "single":
        hidden = {rng.choice(ids)}
    elif kind == "few":
        hidden = set(rng.sample(ids, 5))
    elif kind == "run":
        first = rng.randrange(1, top)
        hidden = {i for i in ids if first <= i < first + rng.choice([10, 150, 600])}
    elif kind == "prehistory":
        hidden = {i for i in ids if i <= rng.choice([top // 3, top // 2])}
    if kind == "restricted":
        first = rng.randrange(1, top)
        run_of = range(first, first + rng.choice([1, 1, 3, 60, 150]))
        return Server(ids, restricted=frozenset(run_of))
    return Server([i for i in ids if i not in hidden], hidden=frozenset(hidden))


def explore(seed: int) -> Windows:
    """Walk one world that changes between any two answers; check what comes."""
    rng = Random(seed)
    server = world(rng)
    start = set(server.ids)
    shown = start - server.restricted
    restless = rng.choice([0.0, 0.02, 0.1, 0.4])
    calm = rng.choice([0, 5, 10**6])  # changes begin after so many requests
    events = rng.choice(["post", "delete", "both", "all"])

    def change(server: Server, ask: Ask) -> None:
        if len(server.requests) > 80 or (len(server.requests) < calm and calm < 10**6):
            return
        if calm == 10**6 or rng.random() > restless or not server.ids:
            return
        for _ in range(rng.choice([1, 1, 2, 5])):
            kind = rng.choice(["post", "delete", "edit", "clear"])
            if kind == "post" and events != "delete":
                top = max([*server.ids, *server.hidden, *start])
                shown.add(top + 1)
                server.ids.append(top + 1)
            elif kind == "delete" and events != "post" and server.ids:
                server.ids.remove(rng.choice(server.ids))
            elif kind == "edit" and events == "all":
                server.edits += 1
            elif kind == "clear" and events == "all" and rng.random() < 0.1 and server.ids:
                server.clear(rng.choice(server.ids))

    reverse = rng.random() < 0.5
    limit = rng.choice([None, None, None, 500, 1234])
    query = Query(limit=limit, reverse=reverse, min_id=rng.choice([0, 0, 0, 77]))
    prefetch = rng.choice([4, 6, 8, 12, 24, 48])
    most = max(prefetch, rng.choice([0, 22]))
    windows = Windows(query, prefetch=prefetch, stretch_pages=most)
    concurrency = rng.choice([c for c in (1, 2, 4, 16) if c <= prefetch])
    got = run(
        windows,
        server,
        rng=rng,
        concurrency=concurrency,
        prefetch=prefetch,
        most=most,
        before_answer=change,
    )
    assert sorted(set(got), reverse=not reverse) == got
    assert set(got) <= shown
    assert all(query.keeps(i) for i in got)
    if limit is None:
        there = [i for i in server.ids if i in start and i not in server.restricted]
        missed = set(oracle(there, query)) - set(got)
        assert not missed
    return windows


@given(st.integers(0, 2**32))
@settings(max_examples=SHARE * 2)
def test_a_stretch_yields_what_the_history_shows(seed: int) -> None:
    """Hidden runs, deletions, posts, edits and clearings between any two answers: all is exact."""
    explore(seed)


class Bench:
    """A `Dense` behind the newest page of 5,000 messages, with stretches of 400 ids."""

    def __init__(self, *, hidden: int = 0) -> None:
        self.order = Order(Query(), 100)
        self.count = 5000 - hidden
        self.pts = 10
        self.posted = 0
        page = self.page(range(5000, 4900, -1), 0)
        self.dense = Dense(self.order, page, most=2, left=10**6, top=None)
        self.token = 100

    def page(self, ids: Iterable[int], position: int, token: int = 1) -> Answer:
        """Return a page of history as things are now."""
        position += self.posted
        return Answer(token, list(ids), (), position, count=self.count, pts=self.pts)

    def ask(self, *, room: int = 99) -> Ask:
        """Return the next request, sent."""
        ask = self.dense.next_ask(room=room)
        assert ask is not None
        self.token += 1
        self.dense.on_sent(self.token)
        return replace(ask, token=self.token)

    def border(self, ask: Ask, *, hidden: int = 0, short: int = 0) -> None:
        """Answer a border; so many messages before it are hidden from the history."""
        first = ask.offset_id - 1
        ids = range(first, first - ask.limit + short, -1)
        answer = self.page(ids, 5000 - first - hidden, ask.token)
        assert self.dense.on_answer(answer, top=None)

    def sweep(self, ask: Ask, *, marked: tuple[int, ...] = (), pts: int | None = None) -> None:
        """Answer a sweep with all of its ids."""
        stamp = self.pts if pts is None else pts
        answer = Answer(ask.token, list(ask.ids), pts=stamp, marked=marked)
        assert self.dense.on_answer(answer, top=None)

    def stretch(self) -> tuple[Ask, Ask, Ask]:
        """Ask and answer the first border; return the first sweeps and the border behind."""
        self.border(self.ask())
        return self.ask_behind()

    def ask_behind(self) -> tuple[Ask, Ask, Ask]:
        """Ask for the next border, and the sweeps of the first stretch."""
        behind = self.ask()
        assert not behind.ids
        return self.ask(), self.ask(), behind

    def taken(self, most: int = 10**6) -> list[int]:
        """Return what is handed on, heads passed."""
        ids: list[int] = []
        while len(ids) < most and (head := self.dense.head()) is not None:
            assert self.dense.is_joined
            ids += head.ids
            self.dense.pass_head()
        return ids


def test_the_border_comes_first_and_a_sweep_takes_two_pages_of_room() -> None:
    """Nothing is swept before its border has told how much that brings; room bounds it all."""
    bench = Bench()
    assert bench.dense.next_ask(room=0) is None
    border = bench.ask()
    assert (4501, 0, 100) == (border.offset_id, border.add_offset, border.limit)
    assert bench.dense.next_ask(room=9) is None
    bench.border(border)
    assert not bench.ask(room=1).ids
    assert bench.dense.next_ask(room=1) is None
    first, second = bench.ask(room=2), bench.ask(room=2)
    assert (*range(4900, 4500, -1),) == first.ids + second.ids
    assert 1 + 2 == bench.dense.held  # one answer, and what the sweeps bring beyond a page each
    bench.sweep(second)
    assert [] == bench.taken()
    bench.sweep(first)
    assert list(range(4900, 4400, -1)) == bench.taken()
    assert not bench.dense.is_used_up


def test_posts_meanwhile_do_no_harm() -> None:
    """What is posted between the answers moves positions, not ranks."""
    bench = Bench()
    first, second, behind = bench.stretch()
    bench.posted, bench.pts, bench.count = 3, 13, 5003
    bench.sweep(first)
    bench.sweep(second)
    assert [] == bench.taken()  # the border behind may tell
    bench.border(behind)
    assert list(range(4900, 4400, -1)) == bench.taken()


@pytest.mark.parametrize("is_quiet", [True, False])
def test_equal_numbers_that_hide_a_change_prove_nothing(is_quiet: bool) -> None:
    """One hidden message found, one deleted, one posted: the numbers agree, for nothing."""
    bench = Bench(hidden=1)
    border = bench.ask()
    if not is_quiet:
        bench.pts += 2
    bench.border(border, hidden=0 if not is_quiet else 1)
    first, second, _ = bench.ask_behind()
    bench.sweep(first)
    bench.sweep(second)
    assert [] == bench.taken()
    assert 4501 == bench.dense.failed_to
    assert bench.dense.is_used_up
    assert 4 == len(list(bench.dense.waiting())) + 1


def test_a_sweep_later_than_every_page_is_confirmed() -> None:
    """The border is asked once more, without room; its answer decides, and an old one fails."""
    for posted, pts, count in ((0, 10, 5000), (3, 13, 5003), (0, 12, 5000), (0, 11, 5000)):
        bench = Bench()
        first, second, behind = bench.stretch()
        bench.border(behind)
        bench.ask()  # the border after that: on its way
        bench.sweep(first)
        bench.sweep(second, pts=max(pts, 11) + (pts == 11))
        assert [] == bench.taken()
        third = bench.token
        bench.posted, bench.pts, bench.count = posted, pts, count
        is_proven = (pts, count) == (13, 5003)
        bench.dense.on_answer(bench.page([], 0, third), top=None)
        if pts < 12:
            confirm = bench.ask(room=0)
            assert 1 == confirm.limit
            bench.border(confirm)
        assert is_proven == bool(bench.taken())
        assert not bench.dense.on_answer(bench.page([], 0, 999), top=None)


def test_two_lengths_at_one_moment_prove_nothing() -> None:
    """A history cleared for us grows shorter without a change that counts."""
    bench = Bench()
    border = bench.ask()
    bench.count -= 1
    bench.posted -= 1
    bench.border(border)
    first, second, _ = bench.ask_behind()
    bench.sweep(first)
    bench.sweep(second)
    assert [] == bench.taken()


def test_marked_messages_are_left_to_pages() -> None:
    """A message whose display is restricted is not taken from a sweep, so the numbers differ."""
    bench = Bench()
    first, second, _ = bench.stretch()
    bench.sweep(first, marked=(4900,))
    bench.sweep(second)
    assert [] == bench.taken()
    assert 4501 == bench.dense.failed_to


def test_a_sweep_older_than_every_page_proves_nothing() -> None:
    """An answer from before the first page, by its counter, is of no known list."""
    bench = Bench()
    first, second, _ = bench.stretch()
    bench.sweep(first, pts=9)
    bench.sweep(second)
    assert [] == bench.taken()


def test_a_short_border_ends_the_use_of_ids() -> None:
    """The history leaves out what it counts: nothing is swept any more."""
    bench = Bench()
    bench.border(bench.ask(), short=1)
    assert bench.dense.is_spoiled
    assert bench.dense.is_used_up


def test_an_error_of_a_border_comes_at_its_turn() -> None:
    """History itself fails: that is raised once everything before it is handed on."""
    bench = Bench()
    first, second, behind = bench.stretch()
    error = ConnectionError("gone")
    bench.dense.on_answer(Answer(behind.token, [], error=error), top=None)
    bench.sweep(first)
    bench.sweep(second)
    assert list(range(4900, 4400, -1)) == bench.taken(500)
    head = bench.dense.head()
    assert head is not None
    assert error is head.error


def test_a_page_without_a_counter_begins_nothing() -> None:
    """Without `pts` nothing can be proven, so nothing is asked by ids."""
    order = Order(Query(), 100)
    page = Answer(1, list(range(500, 400, -1)), (), 0, count=500)
    dense = Dense(order, page, most=2, left=500, top=None)
    dense.cut(5)
    dense.stop()
    assert dense.is_used_up
    assert following(page, order) is None
