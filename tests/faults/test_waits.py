"""Waits are seen: what waits, why, how long; and what a run learned is there for the next."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from telethon.errors import FloodWaitError
from telethon.tl.functions.messages import GetHistoryRequest

from telefast import (
    ArgumentError,
    BatchedHistory,
    FloodWaitTooLongError,
    WaitEvent,
    remember_rates,
    wrap,
)
from telefast.testing import ErrorOn, LocalTelegram, virtual_loop, virtual_time
from telefast.transport import calls
from telefast.transport.account import Account
from tests.client.clock import Clock
from tests.client.exact import HISTORY, club, down, ids_of, read


def texts(events: list[WaitEvent]) -> list[tuple[str, float, str]]:
    """Return why, how long (in tenths of a second) and by which error."""
    return [(each.reason, round(each.seconds, 1), each.error) for each in events]


async def test_one_wait_is_one_event(scene: Any, quick_clock: Clock) -> None:
    """However many requests a flood holds, each stream is told of it once."""
    rule = ErrorOn(HISTORY, 420, "FLOOD_PREMIUM_WAIT_30", nth=5)
    async with scene(rule, count=3000) as here:
        events: list[WaitEvent] = []
        began = quick_clock.time()
        found = await read(
            here.client, here.peer, concurrency=4, on_wait=events.append, by_ids=False
        )
        assert down(3000) == ids_of(found)
        assert [("flood", 30.0, "FloodPremiumWaitError")] == texts(events)
        assert ("messages.getHistory", "history") == (events[0].method, events[0].kind)
        assert began + 29 <= events[0].until <= quick_clock.time() + 31
        metrics = Account.of(here.client).metrics.snapshot()
        for name in ("waits", "waits.messages.getHistory", "errors.FloodPremiumWaitError"):
            assert metrics[f"flood_{name}"] == 1
        assert metrics["flood_wait_seconds"] == metrics["flood_wait_seconds.messages.getHistory"]
        assert 30 == metrics["flood_wait_seconds"]
        assert "retries" not in metrics


async def test_a_wait_of_the_users_own_call_is_told_as_such(scene: Any, quick_clock: Clock) -> None:
    """The reason says that it was not telefast's request."""
    rule = ErrorOn(HISTORY, 420, "FLOOD_WAIT_50", nth=1)
    async with scene(rule, count=50, flood_sleep_threshold=0) as here:
        fields = {"offset_id": 0, "offset_date": None, "add_offset": 0, "limit": 10}
        with pytest.raises(FloodWaitError):
            await here.client(GetHistoryRequest(here.peer, max_id=0, min_id=0, hash=0, **fields))
        events: list[WaitEvent] = []
        Account.of(here.client).on_wait = events.append
        assert len(await read(here.client, here.peer)) == 50
        assert ["own call"] == [event.reason for event in events]
        assert 50 == pytest.approx(events[0].seconds, abs=1)
        assert Account.of(here.client).metrics["flood_waits"] == 0


async def test_spacing_is_told(scene: Any, quick_clock: Clock) -> None:
    """Pauses of a second or more are told, shorter ones are counted only."""
    for wait_time, told in ((2.0, True), (0.5, False)):
        async with scene(count=300) as here:
            events: list[WaitEvent] = []
            await read(here.client, here.peer, wait_time=wait_time, on_wait=events.append)
            assert ({"spacing"} if told else set()) == {event.reason for event in events}
            assert Account.of(here.client).metrics["pacing_seconds"] >= wait_time


async def test_what_on_wait_raises_reaches_the_consumer(scene: Any, quick_clock: Clock) -> None:
    """A program can end a run at its first wait; the next one waits all the same."""

    def refuse(event: WaitEvent) -> None:
        raise InterruptedError(event.reason)

    async with scene(ErrorOn(HISTORY, 420, "FLOOD_WAIT_9", nth=1), count=50) as here:
        with pytest.raises(InterruptedError, match="flood"):
            await read(here.client, here.peer, on_wait=refuse)
        assert 0 == quick_clock.passed
        assert len(await read(here.client, here.peer)) == 50
        assert 9 <= quick_clock.passed
        with pytest.raises(ArgumentError, match="on_wait"):
            BatchedHistory(here.client, here.peer, on_wait=3)  # type: ignore[arg-type]
        assert wrap(here.client, on_wait=refuse)


# On the virtual clock


def files(folder: Path) -> list[Path]:
    """Return what is in a folder."""
    return list(folder.iterdir())


async def run_through(place: Path | bool, profile: str, count: int) -> tuple[float, float]:
    """Read a chat as a new process would; return the seconds and how many were refused."""
    world, chat = club(count)
    telegram = LocalTelegram(world, flood=profile, rtt=0.15)
    async with telegram, telegram.client() as client:
        remember_rates(client, place)
        began = virtual_loop().time()
        takeout = "takeout" in profile
        arguments = {"concurrency": 6, "takeout": takeout, "by_ids": False}  # a request a page
        found = await read(client, chat.input_peer(), **arguments)
        assert down(count) == ids_of(found)
        refused = Account.of(client).metrics["flood_refusals"]
        return virtual_loop().time() - began, refused


@virtual_time
async def test_the_second_run_knows_the_rate(tmp_path: Path) -> None:
    """What the first run learned spares the next its floods: one file, nothing secret in it."""
    first = await run_through(tmp_path, "telegram-plain", 12_000)
    [path] = files(tmp_path)
    data = json.loads(path.read_text("utf-8"))
    assert {"history"} == set(data["kinds"])
    assert 0.9 < data["kinds"]["history"]["rate"] < 1.1
    assert {"version", "clocks", "kinds"} == set(data)
    second = await run_through(tmp_path, "telegram-plain", 12_000)
    assert first[1] >= 2
    assert second[1] <= 1


@virtual_time
async def test_hours_long_waits_outlive_a_restart(tmp_path: Path) -> None:
    """A program that is started anew during a wait sends nothing of that kind before its end."""
    world, chat = club(50)
    rule = ErrorOn(HISTORY, 420, "FLOOD_WAIT_36000", nth=1)
    async with LocalTelegram(world, rules=[rule]) as telegram:
        async with telegram.client() as client:
            remember_rates(client, str(tmp_path))
            with pytest.raises(FloodWaitTooLongError) as caught:
                await read(client, chat.input_peer(), max_flood_wait=100)
            assert (36_000, 100) == (caught.value.seconds, caught.value.budget)
        async with telegram.client() as client:
            remember_rates(client, tmp_path)
            with pytest.raises(FloodWaitTooLongError):
                await read(client, chat.input_peer(), max_flood_wait=100)
            assert telegram.requests[HISTORY] == 1
            events: list[WaitEvent] = []
            arguments = {"max_flood_wait": 40_000, "on_wait": events.append}
            assert len(await read(client, chat.input_peer(), **arguments)) == 50
            assert ["remembered"] == [event.reason for event in events]
            assert virtual_loop().time() > 35_990
            assert telegram.requests[HISTORY] > 1


@virtual_time
async def test_a_clock_that_is_set_back_hides_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sets the clock between two floods: the program is told of both."""
    monkeypatch.setattr(calls, "time", virtual_loop().clock)
    world, chat = club(2000)
    rules = [ErrorOn(HISTORY, 420, "FLOOD_WAIT_100", nth=nth) for nth in (6, 14)]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        events: list[WaitEvent] = []
        taken = 0
        arguments: dict[str, Any] = {"by_ids": False, "on_wait": events.append}
        async with BatchedHistory(client, chat.input_peer(), **arguments) as history:
            async for message in history:
                taken += 1
                if message.id == 1500:
                    virtual_loop().clock.move(-5000)
        assert 2000 == taken
        floods = [event for event in events if event.reason == "flood"]
        assert 2 == len(floods)
        assert floods[0].until > floods[1].until
        assert floods[0].ends < floods[1].ends
        assert {world.me.id} == {event.account for event in floods}


@virtual_time
async def test_nothing_is_kept_of_a_server_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word, tests leave no file; told to, a folder that cannot be written costs none."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    await run_through(True, "telegram-plain", 5_000)
    assert [] == files(tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    await run_through(blocked / "folder", "telegram-plain", 5_000)
    assert [blocked] == files(tmp_path)
    async with LocalTelegram(club(1)[0]) as telegram, telegram.client() as client:
        for place in ("", 3, None):
            with pytest.raises(ArgumentError, match="place"):
                remember_rates(client, place)  # type: ignore[arg-type]


@virtual_time
async def test_a_plain_rate_says_nothing_of_takeouts(tmp_path: Path) -> None:
    """Each has its own entry, and two streams on one client learn together."""
    await run_through(tmp_path, "telegram-plain", 6_000)
    await run_through(tmp_path, "telegram-takeout", 20_000)
    [path] = files(tmp_path)
    rates = {kind: entry["rate"] for kind, entry in json.loads(path.read_text())["kinds"].items()}
    assert {"history", "takeout:history"} == set(rates)
    assert rates["takeout:history"] > 5 * rates["history"]


async def test_one_data_centre_does_not_stall_another(scene: Any, clock: Clock) -> None:
    """While a file's data centre is to be left alone, the others are asked."""
    async with scene(count=10) as here:
        account = Account.of(here.client)
        now = 0.0
        kinds = ["files dc=2", "files dc=4"]
        number = account.pacer.on_sent(kinds[0], now=now)
        account.gate.on_flood(kinds[0], number, 1000.0, now=now)
        other = account.gate.enter(kinds[1], lambda now, start: False)
        assert await asyncio.wait_for(other, 5) == 0
        assert account.pacer.next_start(kinds[0], now=now) == 1000.0
