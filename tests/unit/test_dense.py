"""Stretches by ids never yield what the history does not show, nor miss what it does."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telefast.history import sources
from telefast.history.order import Ask
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
    windows = Windows(query, prefetch=prefetch)
    concurrency = rng.choice([c for c in (1, 2, 4, 16) if c <= prefetch])
    got = run(
        windows, server, rng=rng, concurrency=concurrency, prefetch=prefetch, before_answer=change
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
