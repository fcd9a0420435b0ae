"""How far a stream is: what is left, how long it has run, how long it will."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telefast import BatchedHistory, HistoryStats
from telefast.testing import LocalTelegram, virtual_time
from tests.client.exact import club


@virtual_time
async def test_progress_tells_what_is_left() -> None:
    """Messages, bytes, phase and the time to come, by the time that the consumer takes."""
    world, chat = club(1000)
    told: list[tuple[int, int | None, HistoryStats]] = []
    async with LocalTelegram(world) as telegram, telegram.client() as client:

        def tell(taken: int, total: int | None) -> None:
            told.append((taken, total, history.stats()))

        history = BatchedHistory(client, chat.input_peer(), by_ids=False, on_progress=tell)
        assert (0.0, None, None) == (history.stats().seconds, history.stats().left, None)
        async with history:
            async for batch in history.batches():
                assert len(batch) == 100
                await asyncio.sleep(2)
        stats = history.stats()
        assert (1000, 0, 0.0) == (stats.messages, stats.left, stats.eta)
        assert 20 <= stats.seconds < 21
        await asyncio.sleep(100)
        assert stats.seconds == history.stats().seconds
    assert 1000 == told[-1][0]
    assert {1000} == {total for _, total, _ in told}
    assert all(each.messages + (each.left or 0) == 1000 for _, _, each in told)
    assert {"pages"} == {each.path for _, _, each in told}
    assert sorted(each.bytes for _, _, each in told) == [each.bytes for _, _, each in told]
    middle = told[5][2]
    assert middle.eta is not None
    assert middle.seconds / middle.messages * (1000 - middle.messages) == middle.eta > 5


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, 300),
        ({"limit": 120}, 120),
        ({"limit": 5000}, 300),
        ({"min_id": 100}, None),
        ({"min_id": 100, "limit": 50}, 50),
        ({"ids": range(1, 30)}, 29),
    ],
)
async def test_what_is_left_is_known_where_it_can_be(
    options: dict[str, Any], left: int | None
) -> None:
    """Of the whole list by its count, of a limit by that; of a part of unknown size not."""
    world, chat = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        history = BatchedHistory(client, chat.input_peer(), **options)
        await anext(aiter(history))
        stats = history.stats()
        assert (None if left is None else left - 1) == stats.left
        assert (left is None) == (stats.eta is None)
        async for _ in history:
            pass
        assert 0 == history.stats().left
