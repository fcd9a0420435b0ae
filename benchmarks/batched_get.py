"""A contender: batches of 100 by `client.get_messages`, one after the other.

It is what programs do that left one message at a time behind: the first item of many a list of
optimisations. Telethon asks once for each batch, and nothing is in flight while one is processed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import telethon

if TYPE_CHECKING:
    from collections.abc import Callable

    from telethon import TelegramClient

__all__ = ["label", "run", "version"]

label = "get_messages"

BATCH: Final = 100
"""The most that Telegram returns."""


def version() -> str:
    """Return Telethon's release."""
    return str(telethon.__version__)


async def run(client: TelegramClient, chat: Any, take: Callable[[Any], bool]) -> None:
    """Read *chat*, newest message first."""
    offset_id = 0
    while True:
        batch: Any = await client.get_messages(chat, limit=BATCH, offset_id=offset_id)
        if not batch:
            return
        for message in batch:
            if not take(message):
                return
        offset_id = batch[-1].id
