"""The machinery that demo and benchmarks share."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from telefast.cli import lane
from telefast.cli.race import Entry, Outcome, RaceError, machine, run_entry, run_program, write_json
from telefast.testing import LocalTelegram, World

STOCK = Entry("stock", "telefast.cli.contenders.stock", {"wait_time": 0})


def _world(count: int) -> World:
    world = World(seed=5)
    world.add_channel("Club", message_count=count)
    return world


async def test_outcome_is_what_the_server_counted() -> None:
    """Requests and bytes are the server's own count of the reading, without the connecting."""
    world = _world(250)
    [channel] = world.channels.values()
    reports: list[int] = []
    async with LocalTelegram(world) as telegram:
        outcome = await run_entry(
            telegram, channel, STOCK, sink="tally", on_progress=reports.append
        )
        assert outcome.traffic < telegram.requests.bytes_sent + telegram.requests.bytes_received
    assert {"messages.getHistory": 3} == outcome.requests
    assert (250, 3) == (outcome.messages, outcome.request_count)
    assert reports == sorted(reports)
    assert reports[0] == 100
    assert outcome.rate == outcome.messages / outcome.seconds


async def test_cancelled_entry_leaves_no_process() -> None:
    """A cancelled run ends its process before the cancellation goes on."""
    world = _world(50)
    [channel] = world.channels.values()
    async with LocalTelegram(world, rtt=60.0) as telegram:
        task = asyncio.create_task(run_entry(telegram, channel, STOCK, sink="tally"))
        await telegram.requests.until(lambda ledger: ledger.total > 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The connection of a process that is gone is gone, too.
        await telegram.requests.until(lambda ledger: ledger.open_connections == 0)


async def test_stuck_disk_is_told_without_a_traceback(tmp_path: Path) -> None:
    """A file that cannot be written is the contender's error, in one line."""
    world = _world(50)
    [channel] = world.channels.values()
    path = tmp_path / "there.part"
    path.touch()
    async with LocalTelegram(world) as telegram:
        with pytest.raises(RaceError, match=r"stock: .*there\.part: cannot be written .*") as info:
            await run_entry(telegram, channel, STOCK, sink="lines", path=path)
    assert "Traceback" not in str(info.value)


def test_lane_without_an_order_ends() -> None:
    """The contender's process ends by itself if nobody tells it what to do."""
    done = subprocess.run(
        [sys.executable, "-m", "telefast.cli.lane"], input=b"", capture_output=True, check=False
    )
    assert (1, b"") == (done.returncode, done.stdout)


def test_peak_memory_is_this_process_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process knows its peak, with /proc and without."""
    peak = lane.peak_memory()
    assert peak is not None
    assert peak > 10_000_000
    monkeypatch.setattr(Path, "read_text", _refuse)
    other = lane.peak_memory()
    assert other is not None
    assert other > 10_000_000


def _refuse(*_: object) -> str:
    raise OSError("no /proc here")


def test_machine_has_no_name() -> None:
    """What figures depend on is told, and neither the host's name nor a path."""
    text = json.dumps(machine())
    assert "telethon" in text
    assert os.uname().nodename not in json.loads(text).values()
    assert "/" not in text


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A failure half-way leaves the file as it was, and no part of a new one."""
    path = tmp_path / "result.json"
    write_json(path, {"equal": True})
    with pytest.raises(TypeError):
        write_json(path, {"equal": False, "no JSON": object()})
    assert {"equal": True} == json.loads(path.read_text("utf-8"))
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_a_program_in_order(number: signal.Signals) -> None:
    """A signal cancels the program, its clean-up runs, and the status is the shell's."""
    cleaned = []

    async def program() -> int:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)
        return 0

    before = signal.getsignal(number)
    signal.signal(number, signal.default_int_handler)
    try:
        assert 128 + number == run_program(program())
    finally:
        signal.signal(number, before)
    assert [True] == cleaned


def test_program_ends_by_itself() -> None:
    """Without a signal, the status is the program's own."""

    async def program() -> int:
        return 3

    assert 3 == run_program(program())


def test_rate_of_nothing() -> None:
    """No time, no rate; it is not an error."""
    assert Outcome("1", 0, 0.0, 0.0, None, 0, "", {}, 0).rate == 0
