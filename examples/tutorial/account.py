"""Whose chats the programs of the tutorial read: those of an embedded Telegram.

To read your own, let `open_client` return `TelegramClient("me", api_id, api_hash)`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from telethon import TelegramClient

from telefast.testing import LocalTelegram, World


@asynccontextmanager
async def open_client() -> AsyncIterator[TelegramClient]:
    """Yield a client that is logged in, on a line with a round trip of 30 ms."""
    world = World(seed=7)
    world.add_channel("Ships", message_count=1_000, holes=0.05, username="ships")
    async with LocalTelegram(world, rtt=0.03) as telegram, telegram.client() as client:
        yield client
