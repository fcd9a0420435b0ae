"""Connections that have answered before the first request needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from telefast.errors import AccountRevokedError, UsageError
from telefast.tasks import Crew
from telefast.transport.centre import Centre

__all__ = ["warm_all", "warm_centre"]


async def warm_all(
    dc_ids: Iterable[int], warm: Callable[[int], Awaitable[None]], timeout: float
) -> None:
    """Warm several data centres side by side; what is not there in time is nobody's error.

    Args:
        dc_ids: The data centres.
        warm: Warms one of them.
        timeout: How long to wait for all of them, in seconds.

    Raises:
        AccountRevokedError: If the login has ended.
        UsageError: If nothing can be sent at all.
    """
    async with Crew[int, None]() as crew:
        for dc_id in dc_ids:
            crew.start(dc_id, warm, dc_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while crew.in_flight:
                    await crew.wait()
        while (outcome := crew.finished()) is not None:
            error = outcome[2]
            if isinstance(error, AccountRevokedError | UsageError):
                raise error


async def warm_centre(centre: Centre, connections: int, grow: Callable[[], None]) -> None:
    """Return once there are so many connections, or all that come about, and have answered.

    Args:
        centre: The data centre.
        connections: How many.
        grow: Begins the connections that are due, or raises.
    """
    with centre.caller(connections):
        while True:
            lines = centre.alive()
            for line in lines:
                if not line.is_proven:
                    line.ping()
            grow()
            if lines and not centre.opening and all(line.is_proven for line in lines):
                return
            await centre.change()
