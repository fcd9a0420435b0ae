"""Stock Telethon: `client.iter_messages`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import telethon

if TYPE_CHECKING:
    from collections.abc import Callable

    from telethon import TelegramClient

__all__ = ["label", "run", "version"]

label = "stock"


def version() -> str:
    """Return Telethon's release."""
    return str(telethon.__version__)


async def run(
    client: TelegramClient, chat: Any, take: Callable[[Any], bool], *, wait_time: float | None
) -> None:
    """Read *chat* with Telethon's own iterator.

    Args:
        client: A connected client.
        chat: The chat.
        take: Called with each message; False ends it.
        wait_time: Seconds between two requests. None is Telethon's default: one second where the
            limit is above 3,000 or, as here, absent (`telethon/client/messages.py`).
    """
    options: dict[str, Any] = {"limit": None, "wait_time": wait_time}  # typed as if never None
    async for message in client.iter_messages(chat, **options):
        if not take(message):
            break
