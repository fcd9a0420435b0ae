"""One arm of a pair (`benchmarks.arms`), in a process of its own.

The order is one line of JSON on standard input: `pair`, `is_on`, `session` (a string session),
`chat` (an input peer in hex) and `count`. The answer is `ready` once the client is connected and
the arm prepared, and after another line `done`: seconds, CPU seconds, peak memory, bytes in the
folder, and the digest of the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from telethon import TelegramClient
from telethon.extensions.binaryreader import BinaryReader
from telethon.sessions.string import StringSession

from benchmarks.arms import PAIRS, Place
from telefast.cli.lane import peak_memory
from telefast.testing.keys import trust_test_key
from telefast.transport.account import Account


async def run(order: Any, say: Callable[[Any], None]) -> None:
    """Do as ordered."""
    pair = PAIRS[order["pair"]]
    make = pair.on if order["is_on"] else pair.off
    if make is None:
        raise ValueError(f"{pair.title} is not there yet")
    client: Any = TelegramClient(StringSession(order["session"]), 17349, "0" * 32)
    chat = BinaryReader(bytes.fromhex(order["chat"])).tgread_object()
    trust_test_key()  # other data centres exchange keys
    await client.connect()
    with tempfile.TemporaryDirectory() as folder:
        arm: Any = make(Place(client, chat, order["count"], Path(folder)))
        await anext(arm)
        say({"ready": True})
        sys.stdin.readline()
        began, cpu = time.perf_counter(), time.process_time()
        answer = await anext(arm)
        done = {
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - cpu,
            "peak": peak_memory(),
            "disk": _size(folder),
            "digest": hashlib.sha256(json.dumps(answer).encode()).hexdigest(),
        }
        await arm.aclose()
    say({"done": done})
    await Account.of(client).aclose()
    await client.disconnect()


def _size(folder: str) -> int:
    """Return bytes of all files, hard links counted once."""
    found = (path.stat() for path in Path(folder).rglob("*") if path.is_file())
    return sum({each.st_ino: each.st_size for each in found}.values())


def main() -> None:
    """Keep standard output for the answers."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(answer: Any) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        asyncio.run(run(json.loads(sys.stdin.readline()), say))
    except Exception:  # noqa: BLE001 - the parent shows it, whatever it is
        say({"error": traceback.format_exc()})


if __name__ == "__main__":
    main()
