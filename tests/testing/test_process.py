"""Does the server in its own process serve the same, and never outlive its parent?"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions

import telefast.testing.__main__ as child
from telefast.errors import ArgumentError
from telefast.testing import EmbeddedTelegramError, LocalTelegram, Rule, ShortPage, World
from telefast.testing.dispatcher import Dispatcher
from telefast.testing.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]

PARENT = """
import asyncio, sys
from telefast.testing import LocalTelegram, World

async def main():
    async with LocalTelegram(World(), process=True) as telegram:
        print(telegram._host.server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def world() -> World:
    """A small world with deletions and new posts of its own."""
    world = World(seed=3, user_count=5)
    channel = world.add_channel("Ships", message_count=300, username="ships")
    channel.delete(7, 8, 9)
    channel.post(2)
    return world


@pytest.fixture
async def telegram(world: World) -> AsyncIterator[LocalTelegram]:
    """A server in its own process."""
    async with LocalTelegram(world, process=True) as telegram:
        yield telegram


def is_running(pid: int) -> bool:
    """Return whether there is such a process, and it is no zombie of ours."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def read_all(telegram: LocalTelegram) -> list[bytes]:
    """Return the bytes of every message."""
    async with telegram.client() as client:
        return [bytes(m) async for m in client.iter_messages("ships", wait_time=0)]


async def test_both_kinds_of_server_show_the_same(world: World, telegram: LocalTelegram) -> None:
    """The world made again in the child gives the same bytes; its ledger comes with `sync`."""
    async with LocalTelegram(world) as here:
        assert await read_all(here) == await read_all(telegram)
    assert telegram.requests.total == 0
    ledger = await telegram.sync()
    assert ledger is telegram.requests
    assert ledger.counts == here.requests.counts
    assert ledger["messages.getHistory"] == 4
    assert not ledger.log
    assert type(telegram.client()).__name__ == "TelegramClient"


async def test_the_state_is_there_after_leaving(world: World) -> None:
    """The last counts and unknown requests are fetched on the way out, and the child is gone."""
    async with LocalTelegram(world, process=True) as telegram:
        assert isinstance(telegram._host.server, ServerProcess)
        pid = telegram._host.server.pid
        assert pid is not None
        assert is_running(pid)
        async with telegram.client(key_exchange=True) as client:
            with pytest.raises(Exception, match="METHOD_NOT_EMBEDDED"):
                await client(functions.account.GetPasswordRequest())
    assert not is_running(pid)
    assert telegram.unknown == ["account.getPassword"]
    assert telegram.requests.handshakes == 1
    assert telegram.requests.open_connections == 0


async def test_connections_can_be_dropped(telegram: LocalTelegram) -> None:
    """The child cuts its connections; clients find back."""
    async with telegram.client() as client:
        await telegram.drop_connections()
        assert (await client.get_me()).is_self
        assert (await telegram.sync()).connections == 2


async def test_it_can_be_warmed(telegram: LocalTelegram) -> None:
    """All messages are made before the first is asked for, and are the same as without."""
    await telegram.warm()
    assert (await telegram.sync()).total == 0
    assert len(await read_all(telegram)) == 299


async def test_commands_take_turns(telegram: LocalTelegram) -> None:
    """Several at once each get their own answer."""
    ledgers = await asyncio.gather(*(telegram.sync() for _ in range(5)))
    assert all(ledger is telegram.requests for ledger in ledgers)


async def test_rules_stay_here(world: World, telegram: LocalTelegram) -> None:
    """Rules are code and do not travel; the error says what to do instead."""
    with pytest.raises(ArgumentError, match="process=True"):
        LocalTelegram(world, process=True, rules=[ShortPage(every=2)])
    with pytest.raises(ArgumentError, match="process=True"):
        telegram.add(Rule())


async def test_a_dead_child_is_an_error(world: World) -> None:
    """If the child dies, `sync` and leaving say so, and clients' sockets are closed."""
    telegram = LocalTelegram(world, process=True)
    await telegram.__aenter__()
    assert isinstance(telegram._host.server, ServerProcess)
    os.kill(telegram._host.server.pid or 0, signal.SIGKILL)
    with pytest.raises(EmbeddedTelegramError, match="status -9"):
        await telegram.sync()
    with pytest.raises(EmbeddedTelegramError, match="status -9"):
        await telegram.__aexit__(None, None, None)
    with pytest.raises(EmbeddedTelegramError, match="not running"):
        await telegram.sync()


async def test_a_child_that_cannot_start_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    """A broken order ends the child; its traceback is on standard error."""
    process = ServerProcess({"world": {"version": "none"}, "gzip": False})
    with pytest.raises(EmbeddedTelegramError, match="standard error"):
        await process.start()
    assert process.pid is None
    assert "WorldError" in capfd.readouterr().err
    await process.kill()


async def test_a_failure_over_there_is_raised_here(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in the child comes back as text, and is raised on leaving."""
    dispatcher = Dispatcher(world)
    dispatcher.fail("messages.getHistory", ZeroDivisionError("oops"))
    state = json.loads(json.dumps(child._state(dispatcher)))

    async def stop(self: ServerProcess) -> dict[str, Any]:
        await self.kill()
        return state

    monkeypatch.setattr(ServerProcess, "stop", stop)
    with pytest.raises(EmbeddedTelegramError, match="ZeroDivisionError: oops"):
        async with LocalTelegram(world, process=True):
            pass


async def test_a_cancelled_start_leaves_no_child(world: World) -> None:
    """Cancelling while the child starts ends it."""
    telegram = LocalTelegram(world, process=True)
    starting = asyncio.ensure_future(telegram.__aenter__())
    pid = None
    while pid is None:
        await asyncio.sleep(0)
        pid = getattr(telegram._host.server, "pid", None)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not is_running(pid)


def test_a_killed_parent_takes_its_child_along() -> None:
    """After SIGKILL of the parent the child ends by itself: its end of standard error closes."""
    # Measuring coverage in a script given with -c breaks its asyncio.
    outside = {name: value for name, value in os.environ.items() if "COV" not in name}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=outside | {"PYTHONPATH": str(ROOT)},
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
        # The child holds the other end of this pipe as long as it lives.
        assert parent.stderr.read() == ""
    assert parent.returncode == -signal.SIGKILL


def test_it_ends_with_its_input() -> None:
    """Started by hand with nothing on standard input, it ends at once and in peace."""
    done = subprocess.run(
        [sys.executable, "-m", "telefast.testing"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout + done.stderr == b""


def test_on_a_terminal_it_explains_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an order to come, it says who should start it."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert child.main() == 2
    assert "process=True" in capsys.readouterr().err
