"""A flood wait holds its kind, costs time and not tries, and ends where the caller says."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from telethon.errors import FloodWaitError
from telethon.tl.functions.messages import GetHistoryRequest
from telethon.tl.functions.users import GetUsersRequest
from telethon.tl.types import InputUserSelf

from telefast import BatchedHistory, FloodWaitTooLongError, RemoteError
from telefast.testing import ErrorOn
from telefast.transport.account import Account
from telefast.transport.calls import CallOptions, call
from tests.client.clock import Clock, turns
from tests.client.exact import BY_IDS, HISTORY, down, ids_of, read


def history_of(peer: Any, **changes: Any) -> GetHistoryRequest:
    """Return a request of the user's own."""
    fields = {"offset_id": 0, "offset_date": None, "add_offset": 0, "limit": 10}
    return GetHistoryRequest(peer, max_id=0, min_id=0, hash=0, **fields | changes)


async def held(scene: Any) -> int:
    """Wait until no request is in flight, look for long, and return how many there were."""
    requests = scene.telegram.requests
    await requests.until(lambda ledger: ledger.in_flight == 0)
    await turns()
    await requests.until(lambda ledger: ledger.in_flight == 0)
    asked: int = requests[HISTORY]
    await turns()
    assert asked == requests[HISTORY]
    return asked


async def test_one_flood_holds_all_calls_of_its_kind(scene: Any, clock: Clock) -> None:
    """From the flood until its end nothing of that kind is sent; then all goes on, exact."""
    async with scene(ErrorOn(HISTORY, 420, "FLOOD_WAIT_30", nth=5), count=3000) as here:
        reading = asyncio.create_task(read(here.client, here.peer, concurrency=4, by_ids=False))
        await here.telegram.requests.until(lambda ledger: ledger.errors["FLOOD_WAIT_30"] == 1)
        asked = await held(here)
        assert asked <= 5 + 3  # those that were on their way
        clock.turn(29.5)
        assert asked == await held(here)
        clock.turn(0.5)
        assert down(3000) == ids_of(await reading)
        assert Account.of(here.client).metrics["flood_waits"] == 1
        assert Account.of(here.client).metrics["flood_wait_seconds"] == 30
        assert Account.of(here.client).metrics["retries"] == 0


async def test_two_streams_share_the_wait(scene: Any, clock: Clock) -> None:
    """A flood of one stream holds another one on the same client."""
    async with scene(ErrorOn(HISTORY, 420, "FLOOD_WAIT_30", nth=1), count=300) as here:
        first = asyncio.create_task(read(here.client, here.peer))
        assert await held(here) == 1
        second = asyncio.create_task(read(here.client, here.peer, reverse=True))
        assert await held(here) == 1
        clock.turn(30)
        assert down(300) == ids_of(await first)
        assert down(300)[::-1] == ids_of(await second)


async def test_other_kinds_go_on(scene: Any, clock: Clock) -> None:
    """While getHistory waits, other methods and the user's own calls are sent.

    Not messages by ids: they are assumed to draw from the same budget.
    """
    async with scene(ErrorOn(HISTORY, 420, "FLOOD_WAIT_30", nth=1)) as here:
        reading = asyncio.create_task(read(here.client, here.peer))
        assert await held(here) == 1
        request = GetUsersRequest([InputUserSelf()])
        assert await call(here.client, request, CallOptions())
        by_ids = asyncio.create_task(read(here.client, here.peer, ids=[1, 2]))
        assert await held(here) == 1
        assert here.telegram.requests[BY_IDS] == 0
        assert len(await here.client(request)) == 1
        clock.turn(30)
        assert len(await reading) == 1000
        assert ids_of(await by_ids) == [1, 2]


async def test_our_flood_does_not_hold_the_users_calls(scene: Any, clock: Clock) -> None:
    """Telethon's own memory of floods is not written: the user's next call goes out at once."""
    async with scene(ErrorOn(HISTORY, 420, "FLOOD_WAIT_3000", nth=1)) as here:
        reading = asyncio.create_task(read(here.client, here.peer))
        assert await held(here) == 1
        assert here.client._flood_waited_requests == {}
        assert len((await here.client(history_of(here.peer))).messages) == 10
        clock.turn(3000)
        assert len(await reading) == 1000


async def test_the_users_floods_are_respected(scene: Any, clock: Clock) -> None:
    """After a flood of the user's own call nothing of that kind is sent until its wait ends."""
    rule = ErrorOn(HISTORY, 420, "FLOOD_WAIT_50", nth=1)
    async with scene(rule, flood_sleep_threshold=0) as here:
        with pytest.raises(FloodWaitError):
            await here.client(history_of(here.peer))
        reading = asyncio.create_task(read(here.client, here.peer))
        assert await held(here) == 1
        clock.turn(49)
        assert await held(here) == 1
        assert await call(here.client, GetUsersRequest([InputUserSelf()]), CallOptions())
        clock.turn(60)
        assert len(await reading) == 1000
        assert here.client._flood_waited_requests  # read, not taken out


@pytest.mark.parametrize("method", [HISTORY, BY_IDS])
async def test_a_wait_is_no_attempt(scene: Any, quick_clock: Clock, method: str) -> None:
    """Ten floods in a row pass although only one retry is allowed."""
    rule = ErrorOn(method, 420, "FLOOD_WAIT_20", nth=range(1, 11))
    async with scene(rule, count=300, retries=1) as here:
        ids = None if method == HISTORY else down(300)
        assert down(300) == ids_of(await read(here.client, here.peer, ids=ids))
        assert rule.fired == 10
        assert quick_clock.passed >= 10 * 20


async def test_spacing_is_kept(scene: Any, clock: Clock) -> None:
    """`wait_time` parts the starts of requests, however many may be in flight."""
    async with scene(count=1000) as here:
        stream = BatchedHistory(here.client, here.peer, wait_time=2.0, concurrency=8)
        reading = asyncio.create_task(_all(stream))
        seen = []
        for _ in range(4):
            seen.append(await held(here))
            clock.turn(2.0)
        assert [1, 2, 3, 4] == seen
        while not reading.done():
            await turns()
            clock.turn(2.0)
        assert len(await reading) == 1000


async def test_a_flood_holds_those_that_wait_for_their_slot(scene: Any, clock: Clock) -> None:
    """A call that has its start booked already is held by a flood that comes meanwhile."""
    async with scene(ErrorOn(HISTORY, 420, "FLOOD_WAIT_60", nth=2), count=1000) as here:
        stream = BatchedHistory(here.client, here.peer, wait_time=5.0, concurrency=4)
        reading = asyncio.create_task(_all(stream))
        assert await held(here) == 1
        clock.turn(5.0)
        assert await held(here) == 2
        for _ in range(11):
            clock.turn(5.0)
            assert await held(here) == 2
        while not reading.done():
            clock.turn(5.0)
            await turns()
        assert down(1000) == ids_of(await reading)


async def _all(stream: BatchedHistory) -> list[Any]:
    async with stream:
        return [message async for message in stream]


async def test_too_long_a_wait_is_an_error_after_what_was_delivered(
    scene: Any, clock: Clock
) -> None:
    """Past `max_flood_wait`: a typed error with seconds and resume_at; the cursor resumes."""
    rule = ErrorOn(HISTORY, 420, "FLOOD_WAIT_600", nth=4)
    async with scene(rule) as here:
        ids: list[int] = []
        stream = BatchedHistory(here.client, here.peer, max_flood_wait=10, concurrency=2)

        async def consume() -> None:
            async for message in stream:
                ids.append(message.id)  # noqa: PERF401 - looked at after the error

        with pytest.raises(FloodWaitTooLongError) as caught:
            await consume()
        error = caught.value
        assert down(1000)[: len(ids)] == ids
        assert len(ids) >= 200
        assert ("messages.getHistory", 600, 10) == (error.method, error.seconds, error.budget)
        assert clock.time() + 600 == error.resume_at
        assert isinstance(error, RemoteError)
        assert error.retryable
        assert isinstance(error.__cause__, FloodWaitError)
        assert ids[-1] == stream.cursor.offset_id
        assert not stream.cursor.done
        assert here.left() == set()
        clock.turn(600)
        rest = await read(here.client, here.peer, offset_id=stream.cursor.offset_id)
        assert down(1000) == ids + ids_of(rest)


async def test_the_budget_is_for_all_waits_of_a_call(scene: Any, quick_clock: Clock) -> None:
    """Floods of one request add up: 4 + 4 seconds are within 10, another 4 are not."""
    for floods, is_fine in ((2, True), (3, False)):
        rule = ErrorOn(HISTORY, 420, "FLOOD_WAIT_4", nth=range(1, floods + 1))
        async with scene(rule, count=50) as here:
            reading = read(here.client, here.peer, max_flood_wait=10)
            if is_fine:
                assert len(await reading) == 50
            else:
                with pytest.raises(FloodWaitTooLongError):
                    await reading


async def test_a_call_held_by_anothers_wait_keeps_its_own_budget(scene: Any, clock: Clock) -> None:
    """A stream that may wait 5 seconds does not sit out the 600 of another one."""
    async with scene(ErrorOn(HISTORY, 420, "FLOOD_WAIT_600", nth=1), count=300) as here:
        patient = asyncio.create_task(read(here.client, here.peer))
        assert await held(here) == 1
        with pytest.raises(FloodWaitTooLongError) as caught:
            await read(here.client, here.peer, max_flood_wait=5)
        assert (600, 5) == (caught.value.seconds, caught.value.budget)
        assert here.telegram.requests[HISTORY] == 1
        clock.turn(600)
        assert len(await patient) == 300


@pytest.mark.parametrize(
    ("message", "name", "seconds"),
    [
        ("FLOOD_WAIT_9", "FloodWaitError", 9),
        ("FLOOD_PREMIUM_WAIT_9", "FloodPremiumWaitError", 9),
        ("SLOWMODE_WAIT_9", "SlowModeWaitError", 9),
        ("FLOOD_WAIT_0", "FloodWaitError", 1),
        ("FLOOD_SKIP_FAILED_WAIT", "FloodError", 5),
    ],
)
async def test_each_kind_is_a_wait_and_told(
    scene: Any,
    quick_clock: Clock,
    caplog: pytest.LogCaptureFixture,
    message: str,
    name: str,
    seconds: int,
) -> None:
    """Every 420 is waited for, counted, and told once, with method, seconds and its own name."""
    async with scene(ErrorOn(HISTORY, 420, message, nth=1), count=50) as here:
        with caplog.at_level(logging.WARNING, "telefast"):
            assert len(await read(here.client, here.peer)) == 50
        assert seconds == quick_clock.passed
        told = [record.getMessage() for record in caplog.records if record.name.startswith("telef")]
        assert len(told) == 1
        assert f"seconds={seconds}" in told[0]
        assert f"kind={name}" in told[0]
        assert "method=messages.getHistory" in told[0]
        assert Account.of(here.client).metrics["flood_waits"] == 1


async def test_a_frozen_account_is_told_at_once(scene: Any, clock: Clock) -> None:
    """FROZEN_METHOD_INVALID is a 420 that no wait cures: Telethon's error, no second request."""
    async with scene(ErrorOn(HISTORY, 420, "FROZEN_METHOD_INVALID", every=1)) as here:
        with pytest.raises(Exception, match="frozen") as caught:
            await read(here.client, here.peer)
        assert type(caught.value).__name__ == "FrozenMethodInvalidError"
        assert here.telegram.requests[HISTORY] == 1
        assert clock.passed == 0
