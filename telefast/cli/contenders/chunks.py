"""telefast into a `ChunkStore`, and back: what is taken comes from the files, not from the wire."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import TYPE_CHECKING, Any

from telefast.chunks.rehydrate import rehydrate
from telefast.chunks.store import ChunkStore
from telefast.history import BatchedHistory

if TYPE_CHECKING:
    from collections.abc import Callable

    from telethon import TelegramClient

__all__ = ["label", "run", "version"]

label = "chunks"


def version() -> str:
    """Return telefast's release."""
    return version_of("telefast")


async def run(
    client: TelegramClient, chat: Any, take: Callable[[Any], bool], *, path: str, **options: Any
) -> None:
    """Keep *chat* in a store, close that, and read it.

    Args:
        client: A connected client.
        chat: The chat.
        take: Called with each message of the store; False ends it.
        path: The store's folder.
        **options: Those of `BatchedHistory`.
    """
    async with ChunkStore(path) as store, BatchedHistory(client, chat, **options) as history:
        async for batch in history.batches():
            await store.append(batch)
    async with ChunkStore(path, read_only=True) as store:
        async for chunk in store:
            for message in await rehydrate(client, chunk):
                if not take(message):
                    return
