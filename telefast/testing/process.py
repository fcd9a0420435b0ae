"""The embedded Telegram in a process of its own, seen from its parent.

The child is `python -m telefast.testing`. It gets one line of JSON on its standard input, the
order, and answers with its address; then it takes commands, one JSON line each, and answers each
with its state. When its standard input ends, as it does when the parent dies in whatever way, the
child ends too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telefast.errors import TelefastError
from telefast.testing.rpc import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EmbeddedTelegramError", "ServerProcess"]

MAX_LINE: Final = 64 * 1024 * 1024
"""Longest answer of the child, in bytes: its ledger, and the tracebacks of its failures."""

PATIENCE: Final = 10.0
"""Seconds that the child has to end when asked, before it is killed."""


class EmbeddedTelegramError(TelefastError, RuntimeError):
    """The embedded Telegram itself failed: a bug in it, in a rule, or its process died.

    It is raised when `LocalTelegram` is left. In the event loop its `__cause__` is the exception;
    out of another process its text holds that one's traceback.
    """


class ServerProcess:
    """Start, ask and end the child.

    Args:
        order: What the child shall serve, JSON-able; see `telefast.testing.__main__`.
    """

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._order = order
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> list[Address]:
        """Start the child, wait until it listens, and return where.

        Raises:
            EmbeddedTelegramError: If it ended instead; its own message is on standard error.
        """
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "telefast.testing",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE,
            env=os.environ | {"PYTHONPATH": path},
            process_group=0,  # Ctrl-C in a terminal is for the parent, from the first moment.
        )
        try:
            answer = await self._tell(self._order)
        except BaseException:
            await self.kill()
            raise
        return [Address(*each) for each in answer["addresses"]]

    async def sync(self) -> dict[str, Any]:
        """Return the child's state: `requests`, `unknown`, `failures`."""
        return await self._tell({"do": "sync"})

    async def drop_connections(self) -> None:
        """Let the child cut all connections."""
        await self._tell({"do": "drop"})

    async def warm(self) -> None:
        """Let the child make all messages of its world."""
        await self._tell({"do": "warm"})

    async def stop(self) -> dict[str, Any]:
        """End the child; return its last state."""
        try:
            state = await self._tell({"do": "stop"})
            async with asyncio.timeout(PATIENCE):
                await self._wait()
        finally:
            await self.kill()
        return state

    async def kill(self) -> None:
        """End the child at once, if it still runs."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await asyncio.shield(self._wait())
        self._process = None

    async def _wait(self) -> None:
        """Wait for the child's end and close the pipes."""
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        await process.wait()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await process.stdin.wait_closed()

    async def _tell(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Write one line, read one line.

        Raises:
            EmbeddedTelegramError: If the child is gone.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EmbeddedTelegramError("the embedded Telegram's process is not running")
        async with self._turn:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                process.stdin.write(json.dumps(order).encode() + b"\n")
                await process.stdin.drain()
            line = await process.stdout.readline()
        if not line:
            status = await process.wait()
            raise EmbeddedTelegramError(
                f"the embedded Telegram's process ended with status {status}; "
                "the reason is on its standard error"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer
