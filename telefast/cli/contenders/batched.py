"""telefast: `BatchedHistory`."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import TYPE_CHECKING, Any

from telefast.history import BatchedHistory

if TYPE_CHECKING:
    from collections.abc import Callable

    from telethon import TelegramClient

__all__ = ["label", "run", "version"]

label = "telefast"


def version() -> str:
    """Return telefast's release."""
    return version_of("telefast")


async def run(
    client: TelegramClient, chat: Any, take: Callable[[Any], bool], **options: Any
) -> None:
    """Read *chat*; the *options* are those of `BatchedHistory`."""
    async with BatchedHistory(client, chat, **options) as history:
        async for message in history:
            if not take(message):
                break
