"""The worlds that are read, as plain functions: a server on another Telethon makes the same."""

from __future__ import annotations

from typing import Final

from telethon.tl import types

from telefast.testing import Channel, World, put_media

__all__ = ["HOLES", "USERNAME", "chat_world", "file_world"]

HOLES: Final = 0.05
"""Share of deleted ids, as in the demo."""
USERNAME: Final = "benchmark"


def chat_world(size: int) -> tuple[World, Channel]:
    """Return a world with a supergroup of *size* messages."""
    world = World(seed=size)
    return world, world.add_channel("Benchmark", message_count=size, holes=HOLES, username=USERNAME)


def file_world(size: int) -> tuple[World, Channel]:
    """Return a world with a channel, whose newest message has a file of *size* bytes."""
    world = World(seed=size)
    channel = world.add_channel("Benchmark", username=USERNAME)
    document = world.file_store.document(size, "film.mkv", dc_id=world.dc_ids[0])
    put_media(channel, types.MessageMediaDocument(document=document))
    return world, channel
