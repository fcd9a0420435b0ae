"""What keeps Telethon's senders calm: one attempt at a connection, and no alarm at its end."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Hushed", "once"]


def once(connect: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Let a connection be tried once, however often the sender does; later tries fail at once.

    So the attempts are counted where they are made, while a sender may try several times to agree
    on a key.
    """
    is_used = False

    async def connect_once(timeout: float | None = None) -> None:
        nonlocal is_used
        if is_used:
            raise ConnectionError("the one attempt has failed")
        is_used = True
        await connect(timeout=timeout)

    return connect_once


class Hushed(dict[str, Any]):
    """The client's loggers, for connections whose end is no news.

    Telethon warns of each connection that is closed, and calls the missing reconnection an error.
    """

    def __init__(self, loggers: Any) -> None:
        self._loggers = loggers

    def __missing__(self, name: str) -> logging.LoggerAdapter[logging.Logger]:
        made = self[name] = _Quiet(self._loggers[name], {})
        return made


class _Quiet(logging.LoggerAdapter[logging.Logger]):
    """Say at INFO what the caller takes for a warning or an error."""

    def warning(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.info(msg, *args, **kwargs)

    error = warning
