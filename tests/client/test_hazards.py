"""What broke other exporters, where no other test here says it: see `docs/explanation/hazards.md`.

Their numbers are those of that page.
"""

from __future__ import annotations

import asyncio

import pytest

from telefast import BatchedHistory, metrics_of
from telefast.testing import ErrorOn, LocalTelegram, virtual_loop, virtual_time
from tests.client.exact import HISTORY, club, down, ids_of, read


async def _requests(*rules: ErrorOn) -> int:
    """Read a chat exactly, and return how many requests that took."""
    world, chat = club(3000)
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        assert down(3000) == ids_of(await read(client, chat.input_peer(), by_ids=False))
        metrics = metrics_of(client)
        assert (0, 0) == (metrics["retries"], metrics["timeouts"])
        return telegram.requests[HISTORY]


@virtual_time
async def test_h7_a_flood_costs_one_request() -> None:
    """Floods of minutes: as many requests more as were refused, and nothing is fetched again."""
    ideal = await _requests()
    floods = ErrorOn(HISTORY, 420, "FLOOD_WAIT_300", nth=(3, 12, 20))
    assert ideal + 3 == await _requests(floods)
    assert 3 == floods.fired


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
async def test_h22_the_first_message_comes_long_before_the_last_page(reverse: bool) -> None:
    """It is handed out when a few pages were asked for, of fifty."""
    world, chat = club(5000)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        BatchedHistory(
            client, chat.input_peer(), reverse=reverse, concurrency=2, prefetch=4, by_ids=False
        ) as history,
    ):
        await anext(history)
        assert telegram.requests[HISTORY] <= 1 + 4 + reverse
        assert 4999 == len([message async for message in history])
        assert telegram.requests[HISTORY] >= 50


async def test_h23_messages_outlive_their_stream() -> None:
    """Closed early: no task is left, and its messages still find senders and files."""
    world, chat = club(300)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        before = asyncio.all_tasks()
        messages = []
        async with BatchedHistory(client, chat.input_peer()) as history:
            async for message in history:
                messages.append(message)
                if len(messages) == 150:
                    break
        assert asyncio.all_tasks() <= before
        assert all(message.client is client for message in messages)
        assert await messages[0].get_sender() is not None
        shown = next(message for message in messages if message.file and message.file.size)
        assert shown.file.size == len(await shown.download_media(bytes))


@virtual_time
async def test_h31_nothing_ends_a_run_of_hours() -> None:
    """A consumer that takes five minutes for each batch gets all of them, after hours."""
    world, chat = club(3000)
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        BatchedHistory(client, chat.input_peer()) as history,
    ):
        seen = 0
        async for batch in history.batches():
            await asyncio.sleep(300)
            seen += len(batch.messages)
        assert 3000 == seen
        assert virtual_loop().time() > 2 * 3600
        assert 0 == metrics_of(client)["timeouts"]
