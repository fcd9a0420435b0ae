"""Small stores for the tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telethon import types

from telefast import Chunk, ChunkError, ChunkStore

DAY = 86_400


def message(i: int, *, chat: int = 9, date: int | None = None) -> types.Message:
    """Return a message of a channel, a day younger for each id."""
    date = i * DAY if date is None else date
    return types.Message(
        i, types.PeerChannel(chat), datetime.fromtimestamp(date, UTC), f"message {i}"
    )


def messages(*ids: int, chat: int = 9) -> list[types.Message]:
    """Return messages with these ids."""
    return [message(i, chat=chat) for i in ids]


def marked(chat: int) -> int:
    """Return the marked id of a channel."""
    return -(10**12) - chat


async def fill(path: Path, *parts: list[Any], **options: Any) -> None:
    """Write a store, one chunk for each part."""
    async with ChunkStore(path, **options) as store:
        for part in parts:
            await store.append(part)


async def ids_in(path: Path, **bounds: Any) -> list[list[int]]:
    """Return the ids in each chunk that can be read."""
    async with ChunkStore(path, read_only=True) as store:
        return [chunk.ids async for chunk in store.chunks(skip_damaged=True, **bounds)]


async def everything(store: ChunkStore) -> tuple[list[Chunk], list[ChunkError]]:
    """Return all chunks, and all errors on the way, of an iteration that goes on after each."""
    chunks: list[Chunk] = []
    errors: list[ChunkError] = []
    iterator = store.chunks()
    while True:
        try:
            chunks.append(await anext(iterator))
        except ChunkError as error:
            errors.append(error)
        except StopAsyncIteration:
            return chunks, errors


def sizes(path: Path) -> dict[str, int]:
    """Return the size of each file of chunks."""
    return {each.name: each.stat().st_size for each in sorted(path.glob("*.tfc"))}
