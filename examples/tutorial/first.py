"""Read a chat, newest message first."""

from __future__ import annotations

import asyncio

from account import open_client

from telefast import BatchedHistory


async def main() -> None:
    """Count the messages of a chat, and show the latest three."""
    async with open_client() as client, BatchedHistory(client, "ships") as history:
        count = 0
        async for message in history:
            count += 1
            if count <= 3:
                print(message.id, message.date, message.text[:50])
        print(f"{count} of {history.total} messages in {history.stats().requests} requests")


asyncio.run(main())
