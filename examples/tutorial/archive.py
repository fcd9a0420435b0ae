"""Keep a chat and its files in `archive/`, and go on where the last run has stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

from account import open_client
from telethon import TelegramClient

from telefast import BatchedHistory, ChunkStore, DownloadQueue, MediaDownloader

FOLDER = Path("archive")


async def archive(client: TelegramClient, chat: str) -> None:
    """Add what the archive does not have yet, oldest first."""
    downloader = MediaDownloader(client, max_size=2_000_000)
    async with (
        ChunkStore(FOLDER / "messages") as store,
        DownloadQueue(FOLDER / "files.db", downloader) as queue,
    ):
        async with queue.download_left() as left:
            async for result in left:
                print(f"{result.path} was left by an earlier run")
        last = await store.last()
        async with BatchedHistory(
            client, chat, reverse=True, offset_id=last.ids[-1] if last else 0, batch_size=500
        ) as history:
            async for batch in history.batches():
                for message in batch.messages:
                    if message.media:
                        await queue.add(message, FOLDER / "media")
                await store.append(batch)  # Last, so that a kill before it leaves no file out.
                print(f"{store.stats().messages} messages are safe")
        await queue.wait_all()
        files = await queue.totals()
    print(f"new messages: {history.cursor.taken}, files: {files}")


async def main() -> None:
    """Archive the chat."""
    async with open_client() as client:
        await archive(client, "ships")


asyncio.run(main())
