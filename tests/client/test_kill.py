"""A consumer that is killed at any moment: nothing is lost, and little is fetched again."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest

from telefast import Checkpoint
from telefast.testing import LocalTelegram, Rule
from tests.client.exact import club

ROOT = Path(__file__).parents[2]
EVERY = 100
PREFETCH = 1

CHILD = """
import asyncio, json, os, signal, sys, threading, time
from telethon import TelegramClient
from telethon.sessions import StringSession
from telefast import BatchedHistory, Checkpoint

order = json.loads(sys.argv[1])
dying = threading.Event()

def die():
    dying.wait()
    time.sleep(order["delay"])
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    threading.Thread(target=die, daemon=True).start()
    out = os.open(order["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    client = TelegramClient(StringSession(order["session"]), 1, "x" * 32)
    await client.connect()
    taken = 0
    async with Checkpoint(order["state"], every=order["every"]) as checkpoint:
        async with BatchedHistory.resume(
            client, order["chat"], checkpoint, reverse=order["reverse"], concurrency=1,
            prefetch=order["prefetch"],
        ) as history:
            async for message in history:
                os.write(out, b"%d\\n" % message.id)
                await checkpoint.ack(message)
                taken += 1
                if taken == order["after"]:
                    dying.set()
    await client.disconnect()

asyncio.run(main())
"""


class Shown(Rule):
    """Remember which messages were sent, and how often."""

    def __init__(self) -> None:
        self.optional = True
        self.ids: list[int] = []

    def page(self, call: Any, page: list[Any]) -> list[Any]:
        """Take down what a page holds."""
        self.ids += [each for each in page if isinstance(each, int)]
        return page


async def run(order: dict[str, Any]) -> int:
    """Let a consumer run to its end, or until it kills itself; return its exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, json.dumps(order), cwd=ROOT, env=os.environ
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kills", "count", "reverse"),
    [
        (3, 1000, False),
        (2, 1000, True),
        pytest.param(50, 15_000, False, marks=pytest.mark.slow),
        pytest.param(50, 15_000, True, marks=pytest.mark.slow),
    ],
)
async def test_killed_at_random_points(
    tmp_path: Path, kills: int, count: int, reverse: bool
) -> None:
    """The union is exact; each kill costs the messages of one batch, and what was in flight."""
    rng = Random(kills + reverse)
    shown = Shown()
    world, chat = club(count, holes=0.1)
    out, state = tmp_path / "ids", tmp_path / "state"
    order = {"out": str(out), "state": str(state), "every": EVERY, "prefetch": PREFETCH}
    again: list[int] = []  # handed out once more, after each kill
    fetched: list[int] = []  # sent once more
    done: set[int] = set()
    async with LocalTelegram(world, rules=[shown]) as telegram:
        order |= {"session": telegram.session_string(), "chat": "club", "reverse": reverse}
        died = 0
        while True:
            out_before, shown_before = len(lines(out)), set(shown.ids)
            start = len(shown.ids)
            is_last = died == kills
            order |= {"after": 0 if is_last else rng.randint(1, 150), "delay": rng.random() / 100}
            code = await run(order)
            new = lines(out)[out_before:]
            assert len(new) == len(set(new)), "one run handed a message out twice"
            assert sorted(new, reverse=not reverse) == new
            again.append(len(done.intersection(new)))
            fetched.append(len(shown_before.intersection(shown.ids[start:])))
            done.update(new)
            if code == 0:
                break
            assert -9 == code
            died += 1
    assert kills == died
    assert set(chat.ids) == done
    # After a kill: what was not written, at most a batch; and the pages that nobody had taken yet,
    # the one that was taken in part, and the message at the seam.
    assert max(again) <= EVERY
    assert max(fetched) <= EVERY + (PREFETCH + 1) * 100 + 1
    print(
        f"kills={died} again: median {median(again)} max {max(again)}; "
        f"fetched again: median {median(fetched)} max {max(fetched)}"
    )
    async with Checkpoint(state) as checkpoint:
        [progress] = checkpoint.chats
        assert set(chat.ids) == set(progress.done)
        assert [] == progress.missing()


def lines(path: Path) -> list[int]:
    """Return the ids in a file."""
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []
