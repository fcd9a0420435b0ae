"""Read the archive back, without any connection."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from telethon import TelegramClient, utils
from telethon.sessions.memory import MemorySession

from telefast import ChunkStore, MediaItem, items_of, rehydrate

FOLDER = Path("archive")


async def main() -> None:
    """Tell who wrote most, and where the files of messages are."""
    client = TelegramClient(MemorySession(), api_id=1, api_hash="unused")  # It never connects.
    senders: Counter[str] = Counter()
    found = missing = 0
    async with ChunkStore(FOLDER / "messages", read_only=True) as store:
        async for chunk in store:
            for message in await rehydrate(client, chunk):
                senders[utils.get_display_name(message.sender) or "(nobody)"] += 1
                for item in items_of(message):
                    if isinstance(item, MediaItem):
                        is_here = any((FOLDER / "media").glob(f"*{item.key}*"))
                        found, missing = found + is_here, missing + (not is_here)
    print("messages:", senders.total())
    print("busiest:", senders.most_common(3))
    print(f"files of messages: {found} here, {missing} missing")


asyncio.run(main())
