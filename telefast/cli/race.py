"""Run contenders against one embedded Telegram, each in a process of its own.

Used by the demo and by the benchmarks. A contender's clock runs from its first request to its last
byte written: starting Python, importing and connecting are the same for all and left out. Requests
and bytes are what the *server* counted meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import signal
import sys
from dataclasses import dataclass, field
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from telefast.testing import Chat, LocalTelegram

__all__ = [
    "Entry",
    "Lane",
    "Outcome",
    "RaceError",
    "machine",
    "run_entry",
    "run_program",
    "write_json",
]

HISTORY: Final = "messages.getHistory"
MAX_LINE: Final = 1024 * 1024
"""Longest answer of a contender, in bytes: a traceback."""


PATIENCE: Final = 5.0
"""Seconds that a contender has to disconnect after its result, before it is killed."""


class RaceError(Exception):
    """A contender did not finish; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A contender as it enters a race; each is only equal to itself.

    Attributes:
        name: Short name, for files and records.
        module: What runs; see `telefast.cli.contenders`.
        options: Its options.
        setting: The options in words, for tables.
        in_flight: Requests in flight at most.
        stop_after: Messages after which it stops; None reads all.
    """

    name: str
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    setting: str = ""
    in_flight: int = 1
    stop_after: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of one contender brought and cost.

    Attributes:
        version: Release that ran.
        messages: Messages read.
        seconds: From the first request to the last byte written.
        cpu: CPU seconds of the contender's process, user and system, in that time.
        peak_memory: Most memory the process ever held, in bytes; None where it cannot be told.
        size: Bytes written to disk.
        digest: What the sink makes of the messages; equal messages, equal digests.
        requests: Method -> requests that the server received.
        traffic: Bytes on the wire, both ways.
        received: Those of them that the server sent.
    """

    version: str
    messages: int
    seconds: float
    cpu: float
    peak_memory: int | None
    size: int
    digest: str
    requests: Mapping[str, int]
    traffic: int
    received: int = 0

    @property
    def rate(self) -> float:
        """Messages per second."""
        return self.messages / self.seconds if self.seconds else 0.0

    @property
    def request_count(self) -> int:
        """Requests of all methods."""
        return sum(self.requests.values())


async def run_entry(
    telegram: LocalTelegram,
    channel: Chat,
    entry: Entry,
    *,
    sink: str,
    path: Path | None = None,
    on_progress: Callable[[int], object] | None = None,
) -> Outcome:
    """Let one contender read a chat.

    Cancellation kills its process; what it has written so far is left to the caller.

    Args:
        telegram: The server, which must run in its own process for the figures to mean anything.
        channel: The chat to read.
        entry: The contender.
        sink: Where the messages go; see `telefast.cli.sinks`.
        path: The file for sink `lines`.
        on_progress: Called now and then with the number of messages taken.

    Raises:
        RaceError: If the contender fails, or asks what the server does not know.
    """
    order = {
        "module": entry.module,
        "options": dict(entry.options),
        "session": telegram.session_string(),
        "chat": bytes(channel.input_peer()).hex(),
        "sink": sink,
        "path": str(path) if path else None,
        "stop_after": entry.stop_after,
        "progress": on_progress is not None,
    }
    lane = await Lane.start("-m", "telefast.cli.lane")
    try:
        await lane.say(json.dumps(order))
        version = str((await lane.hear("ready"))["ready"])
        before = (await telegram.sync()).snapshot()
        await lane.say("go")
        while "done" not in (answer := await lane.hear("taken", "done")):
            if on_progress is not None:
                on_progress(answer["taken"])
        after = await telegram.sync()
        await lane.ended()
    except RaceError as error:
        raise RaceError(f"{entry.name}: {error}") from None
    finally:
        await lane.close()
    if telegram.unknown:
        raise RaceError(
            f"{entry.name}: asked what the embedded Telegram does not know: "
            + ", ".join(telegram.unknown)
        )
    done = answer["done"]
    requests = after.since(before)
    received = after.bytes_sent - before["bytes_sent"]
    traffic = received + after.bytes_received - before["bytes_received"]
    return Outcome(version=version, requests=requests, traffic=traffic, received=received, **done)


class Lane:
    """A contender's process: one line of JSON each way at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, *arguments: str, program: str = sys.executable) -> Lane:
        """Start Python, its own or that of another environment, or another program."""
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE,
            env=os.environ | {"PYTHONPATH": path},
            process_group=0,  # Ctrl-C in a terminal is for us; we end it.
        )
        return cls(process)

    async def say(self, line: str) -> None:
        """Tell it something, if it still listens."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - for the type checker
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(line.encode() + b"\n")
            await stdin.drain()

    async def hear(self, *expected: str) -> dict[str, Any]:
        """Return its next answer.

        Raises:
            RaceError: If it has ended, or says something else than *expected*.
        """
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - for the type checker
        line = await stdout.readline()
        if not line:
            status = await self._process.wait()
            raise RaceError(f"its process ended with status {status}")
        answer: dict[str, Any] = json.loads(line)
        if not answer.keys() & set(expected):
            await self.ended()
            raise RaceError(str(answer.get("error", f"said {sorted(answer)}")))
        return answer

    async def ended(self) -> None:
        """Wait until the process has ended by itself, for a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()

    async def close(self) -> None:
        """End the process at once if it still runs, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def machine() -> dict[str, Any]:
    """Return what figures depend on: releases and hardware, and nothing that names the machine."""
    packages = {}
    for name in ("telefast", "telethon", "cryptg"):
        try:
            packages[name] = version_of(name)
        except ModuleNotFoundError:
            packages[name] = "none"
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "packages": packages,
    }


def write_json(path: Path, data: object) -> None:
    """Write *data* so that *path* is whole, or as it was before.

    Raises:
        OSError: If it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(data, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def run_program(main: Coroutine[Any, Any, int]) -> int:
    """Run a program to its end, cleaning up on Ctrl-C and on a request to end.

    Returns:
        Its exit status; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, as shells have it.
    """
    received: list[int] = []

    async def guarded() -> int:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker

        def end(number: int) -> None:
            received.append(number)
            task.cancel()

        loop = asyncio.get_running_loop()
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows
                    loop.add_signal_handler(number, end, number)
        return await main

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        return 128 + received[0] if received else 1
    except KeyboardInterrupt:  # Windows, where asyncio turns Ctrl-C into this
        return 128 + signal.SIGINT
