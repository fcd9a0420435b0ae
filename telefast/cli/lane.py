"""One contender, in a process of its own; `telefast.cli.race` starts this module.

The order is one line of JSON on standard input:

- `module`, `options`: the contender, see `telefast.cli.contenders`
- `session`: a session string of `LocalTelegram`
- `chat`: bare id and access hash of the channel
- `sink`, `path`: see `telefast.cli.sinks`
- `stop_after`: messages after which it stops, null for all
- `progress`: whether to tell how far it is

Each answer is one line of JSON, too: `ready` once the client is connected; then a line on standard
input starts the clock, `taken` tells how far it is, and `done` or `error` is the last. The end of
standard input, which is how a parent's death looks, ends the process at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telethon import TelegramClient
from telethon.extensions.binaryreader import BinaryReader
from telethon.sessions.string import StringSession

from telefast.cli.sinks import SinkError, open_sink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["main", "peak_memory"]

API_ID: Final = 17349
API_HASH: Final = "0123456789abcdef0123456789abcdef"
"""The embedded Telegram takes any."""

REPORT_EVERY: Final = 0.1
"""Seconds between two reports of progress, at least."""
LOOK_EVERY: Final = 100
"""Messages between two looks at the clock for that."""


def main() -> int:
    """Run one contender; 0 if it has told its result."""
    if sys.stdin.isatty():
        sys.stderr.write("usage: python -m telefast demo starts this module\n")
        return 2
    line = _read_line()
    if not line:
        return 1
    # Answers go out on a copy, so that no stray print can mix with them.
    answers = os.dup(1)
    os.dup2(2, 1)
    try:
        asyncio.run(_run(json.loads(line), lambda answer: _say(answers, answer)))
    except SinkError as error:
        _say(answers, {"error": str(error)})
    except BrokenPipeError:
        return 1
    except Exception:  # noqa: BLE001 - the parent shows it, whatever it is
        _say(answers, {"error": traceback.format_exc()})
    return 0


async def _run(order: Mapping[str, Any], say: Callable[[Mapping[str, Any]], None]) -> None:
    contender = import_module(order["module"])
    client = TelegramClient(StringSession(order["session"]), API_ID, API_HASH)
    chat = BinaryReader(bytes.fromhex(order["chat"])).tgread_object()
    path = order["path"]
    sink = open_sink(order["sink"], Path(path) if path else None)
    stop_after: int | None = order["stop_after"]
    taken = 0
    reported = 0.0

    def take(message: Any) -> bool:
        nonlocal taken
        sink.take(message)
        taken += 1
        if taken % LOOK_EVERY == 0 and order["progress"]:
            report()
        return stop_after is None or taken < stop_after

    def report() -> None:
        nonlocal reported
        now = time.monotonic()
        if now - reported >= REPORT_EVERY:
            reported = now
            say({"taken": taken})

    await client.connect()
    try:
        say({"ready": contender.version()})
        if not _read_line():
            os._exit(1)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        cpu = time.process_time()
        start = time.perf_counter()
        await contender.run(client, chat, take, **order["options"])
        sink.close()
        seconds = time.perf_counter() - start
        cpu = time.process_time() - cpu
        memory = peak_memory()
        sink.sync()
        result = {
            "seconds": seconds,
            "messages": taken,
            "cpu": cpu,
            "peak_memory": memory,
            "size": sink.size,
            "digest": sink.digest,
        }
        say({"done": result})
    finally:
        await client.disconnect()


def peak_memory() -> int | None:
    """Return the most memory that this process ever held, in bytes; None where nobody knows.

    Linux tells it in /proc. Its `getrusage` would begin with the memory of the parent, as it was
    when this process was started.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _read_line() -> bytes:
    """Read a line from standard input without a buffer, which a thread could not share."""
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = os.read(0, 65536)
        if not part:
            return b""
        parts.append(part)
    return b"".join(parts)


def _end_with_parent() -> None:
    while os.read(0, 65536):
        pass
    os._exit(1)


def _say(answers: int, answer: Mapping[str, Any]) -> None:
    data = memoryview(json.dumps(answer).encode() + b"\n")
    while data:
        data = data[os.write(answers, data) :]


if __name__ == "__main__":
    sys.exit(main())
