"""What a whole history costs in requests, at any density: measured bars, on the pure model."""

from __future__ import annotations

from itertools import cycle
from random import Random

import pytest

from telefast.history.query import Query
from telefast.history.sources import LONGEST_STRETCH
from telefast.history.windows import Windows
from tests.unit.history_model import Server, run

COUNT = 20_000
DENSITIES = [1.0, 0.95, 0.6, 0.2, 0.02, "bursts"]
REVERSE = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


def chat(density: float | str, *, seed: int = 1) -> list[int]:
    """Return the ids of a chat of 20,000 messages; bursts are 0.05 and 0.95 in turn."""
    rng = Random(seed)
    ids: list[int] = []
    message_id = 0
    stretches = cycle([0.05, 0.95] if density == "bursts" else [float(density)])
    while len(ids) < COUNT:
        share = next(stretches)
        for _ in range(rng.choice([200, 500, 1000, 3000])):
            message_id += 1
            if rng.random() < share:
                ids.append(message_id)
    return ids[:COUNT]


def read(
    ids: list[int],
    *,
    reverse: bool,
    by_ids: bool,
    prefetch: int,
    stretch_pages: int | None = None,
    clamp: int | None = None,
) -> tuple[Server, Windows]:
    """Walk the whole chat; everything comes, in order."""
    server = Server(ids, clamp=clamp)
    windows = Windows(
        Query(reverse=reverse), by_ids=by_ids, prefetch=prefetch, stretch_pages=stretch_pages
    )
    got = run(windows, server, rng=Random(2), concurrency=4, prefetch=prefetch, most=stretch_pages)
    assert sorted(ids, reverse=not reverse) == got
    assert 0 == windows.mismatches
    return server, windows


@REVERSE
@pytest.mark.parametrize("by_ids", [False, True], ids=["pages", "by ids"])
@pytest.mark.parametrize("density", DENSITIES)
def test_pages_cost_3_percent_at_most(density: float | str, by_ids: bool, reverse: bool) -> None:
    """At most 1.03 requests per 100 messages at any density, and at most that by ids."""
    server, windows = read(chat(density), reverse=reverse, by_ids=by_ids, prefetch=8)
    assert len(server.requests) <= COUNT / 100 * 1.03
    asked_by_ids = sum(bool(ask.ids) for ask in server.requests)
    assert asked_by_ids == windows.by_ids + windows.sweeps
    if density in (0.2, 0.02) or not by_ids:
        assert 0 == windows.by_ids


@REVERSE
@pytest.mark.parametrize(
    ("density", "most"),
    [(1.0, 0.0055), (0.98, 0.0056), (0.95, 0.0058), (0.8, 0.0068), (0.6, 0.0090)],
)
def test_dense_chats_cost_half(density: float, most: float, reverse: bool) -> None:
    """At most 0.0055 requests per message in a dense channel, as the defaults have it."""
    server, windows = read(
        chat(density), reverse=reverse, by_ids=True, prefetch=8, stretch_pages=LONGEST_STRETCH
    )
    assert len(server.requests) <= COUNT * most
    assert windows.by_ids > COUNT / 200 / 2


@REVERSE
@pytest.mark.parametrize(("prefetch", "most"), [(8, 1.17), (48, 1.13)])
@pytest.mark.parametrize("density", DENSITIES)
def test_spans_of_ids_cost_little_more(
    density: float | str, prefetch: int, most: float, reverse: bool
) -> None:
    """Where the server honours no position above 200, spans of ids cost near 1.1."""
    server, windows = read(
        chat(density), reverse=reverse, by_ids=False, prefetch=prefetch, clamp=200
    )
    assert len(server.requests) <= COUNT / 100 * most
    assert windows.walks <= 4
