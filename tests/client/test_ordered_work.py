"""`ordered_map` over a history through the real client."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telefast import (
    BatchedHistory,
    ConnectionLostError,
    Failed,
    RemoteError,
    group_albums,
    ordered_map,
)
from telefast.testing import ErrorOn, LocalTelegram
from tests.client.exact import HISTORY, club, down, ids_of


async def last_id(batch: Any) -> int:
    """Work on a batch: take some turns, then return where it ends."""
    for _ in range(batch.first_id % 7):
        await asyncio.sleep(0)
    return int(batch.last_id)


async def test_batches_are_worked_on_in_order() -> None:
    """Results come in the order of the batches, and albums in that of the messages."""
    world, _ = club(1000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        async with (
            BatchedHistory(client, "club", batch_size=64) as history,
            ordered_map(history.batches(), last_id, concurrency=4) as results,
        ):
            found = [result async for result in results]
        assert [*down(1000)[63::64], 1] == found

        async def ids(album: list[Any]) -> list[Any]:
            return ids_of(album)

        groups = group_albums(BatchedHistory(client, "club"))
        async with ordered_map(groups, ids) as albums:
            found = sorted([i async for album in albums for i in album], reverse=True)
        assert down(1000) == found


async def test_a_slow_consumer_bounds_the_reading() -> None:
    """While nobody takes results, no more pages are asked for than the bounds allow."""
    world, _ = club(5000)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        history = BatchedHistory(client, "club", concurrency=2, prefetch=2)
        async with history, ordered_map(history.batches(), last_id, concurrency=2) as results:
            assert await anext(results) == 4901
            await telegram.requests.until(lambda ledger: ledger.in_flight == 0)
            for _ in range(200):
                await asyncio.sleep(0)
            # Four results wait and one was taken; two pages are held, one may mend a seam.
            assert telegram.requests[HISTORY] <= 5 + 2 + 2


async def test_an_error_of_the_history_follows_all_work() -> None:
    """What was read before Telegram refused is worked on and delivered before the error."""
    world, _ = club(1000)
    rule = ErrorOn(HISTORY, 406, "CHANNEL_PRIVATE", start=5)
    async with LocalTelegram(world, rules=[rule]) as telegram, telegram.client() as client:
        found: list[Any] = []
        history = BatchedHistory(client, "club", batch_size=10, concurrency=1)

        async def consume() -> None:
            async for result in ordered_map(history.batches(), last_id, on_error="yield"):
                found.append(result)  # noqa: PERF401 - it ends with an error

        with pytest.raises(Exception, match="private"):
            await consume()
        assert len(found) >= 20
        assert down(1000)[9::10][: len(found) - 1] == found[:-1]
        assert found[-1] == history.cursor.offset_id


async def test_a_disconnect_is_an_error_and_no_end() -> None:
    """Calls of the client that a disconnect cancels fail in their place, and nothing hangs."""
    world, _ = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        history = BatchedHistory(client, "club", limit=100)
        messages = [message async for message in history]

        async def source() -> Any:
            for message in messages:
                yield message

        async def again(message: Any) -> Any:
            if message.id == 270:
                await client.disconnect()
            return await client.get_messages("club", ids=message.id)

        found = [one async for one in ordered_map(source(), again, on_error="yield")]
        assert len(found) == 100
        assert down(300, 279) == ids_of(found[:22])
        failures = [each.error for each in found if isinstance(each, Failed)]
        assert failures
        assert all(isinstance(error, RemoteError | ConnectionError) for error in failures)
        with pytest.raises(ConnectionLostError):
            await anext(ordered_map(BatchedHistory(client, "club"), again))
