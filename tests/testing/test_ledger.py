"""Does the ledger count what happened, and let others wait for it?"""

from __future__ import annotations

import asyncio
import json

import pytest
from telethon.tl import functions

from telefast.testing import Ledger
from telefast.testing.ledger import LOG_SIZE

PAGE = "messages.getHistory"


def test_requests_are_in_flight_until_answered() -> None:
    """Counts grow on arrival; in flight falls with the answer; peaks stay."""
    ledger = Ledger()
    assert [ledger.on_request(PAGE) for _ in range(3)] == [1, 2, 3]
    ledger.on_request("users.getUsers")
    assert (ledger.total, ledger.in_flight, ledger.peak_in_flight) == (4, 4, 4)
    ledger.on_answer(PAGE)
    ledger.on_answer(PAGE, "FLOOD_WAIT_3")
    ledger.on_lost(PAGE)
    ledger.on_request(PAGE)
    assert (ledger.in_flight, ledger.peak_in_flight) == (2, 4)
    assert (ledger.in_flight_by[PAGE], ledger.peak_in_flight_by[PAGE]) == (1, 3)
    assert ledger.answered == {PAGE: 2}
    assert ledger.errors == {"FLOOD_WAIT_3": 1}
    assert (ledger[PAGE], ledger["users.getUsers"], ledger["nothing"]) == (4, 1, 0)


def test_service_messages_are_counted_apart() -> None:
    """Pings and acks are found by name, and are no API requests."""
    ledger = Ledger()
    ledger.service["ping"] += 2
    assert ledger["ping"] == 2
    assert ledger.total == 0


def test_the_log_is_bounded() -> None:
    """Only the newest requests are kept; all of them are counted."""
    ledger = Ledger()
    for number in range(LOG_SIZE + 5):
        ledger.on_request("ping", functions.PingRequest(number))
    assert len(ledger.log) == LOG_SIZE
    assert ledger["ping"] == LOG_SIZE + 5
    assert ledger.requests("ping")[0].ping_id == 5
    assert ledger.requests("other") == []


def test_a_snapshot_travels_as_json() -> None:
    """What one ledger counted, another shows; the difference to an earlier time is known."""
    ledger = Ledger()
    ledger.on_request(PAGE)
    before = ledger.snapshot()
    ledger.on_request(PAGE)
    ledger.on_request("users.getUsers")
    ledger.on_answer(PAGE)
    ledger.bytes_sent += 7
    assert ledger.since(before) == {PAGE: 1, "users.getUsers": 1}
    copy = Ledger()
    copy.load(json.loads(json.dumps(ledger.snapshot())))
    assert copy.snapshot() == ledger.snapshot()
    assert repr(copy) == "<Ledger total=3 in_flight=2 connections=0 bytes_sent=7>"


async def test_one_can_wait_for_a_count() -> None:
    """`until` returns when its condition holds: at once, after a request, after an answer."""
    ledger = Ledger()
    await ledger.until(lambda now: now.total == 0)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(ledger.until(lambda now: now[PAGE] == 2))
        answered = group.create_task(ledger.until(lambda now: now.answered[PAGE] == 1))
        await asyncio.sleep(0)
        ledger.on_request(PAGE)
        ledger.on_request(PAGE)
        await asked
        assert not answered.done()
        ledger.on_answer(PAGE)
    assert ledger._waiters == []


async def test_a_wait_may_be_cancelled_or_fail() -> None:
    """A cancelled wait leaves nothing behind; a condition that raises fails its own wait only."""
    ledger = Ledger()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await ledger.until(lambda now: now.total == 9)
    assert ledger._waiters == []

    def broken(now: Ledger) -> bool:
        return now.total > 0 and bool(1 / 0)

    waiting = asyncio.ensure_future(ledger.until(broken))
    await asyncio.sleep(0)
    ledger.on_request(PAGE)
    with pytest.raises(ZeroDivisionError):
        await waiting
    assert ledger._waiters == []
