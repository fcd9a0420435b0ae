"""The only place of the embedded Telegram that starts asyncio tasks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["Tasks"]


class Tasks:
    """Tasks that live as long as one connection; none outlives `cancel` and `wait`.

    Unlike `asyncio.TaskGroup` it may be closed from another task than the one that made it, as
    pytest does with fixtures. The coroutines handle their own errors.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return how many tasks run."""
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run *coroutine* in the background."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def cancel(self) -> None:
        """Ask all tasks to end."""
        for task in self._tasks:
            task.cancel()

    async def wait(self) -> None:
        """Wait until all tasks ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)
