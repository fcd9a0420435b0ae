"""Download all files of a chat to a folder; a second run fetches only what is missing.

Without an account, from an embedded Telegram:

    python examples/download_media.py

From your own account, with what https://my.telegram.org gave you (Telethon asks for your phone
number at the first run):

    TELEGRAM_API_ID=... TELEGRAM_API_HASH=... python examples/download_media.py durov --session me
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import Counter
from pathlib import Path

from telethon import TelegramClient

from telefast import BatchedHistory, MediaDownloader
from telefast.testing import LocalTelegram, World


async def download(client: TelegramClient, chat: str, folder: Path) -> Counter[str]:
    """Download the files of *chat*; return how many were done, skipped and why, and failed."""
    downloader = MediaDownloader(client, max_size=100 * 1024 * 1024, set_mtime=True)
    found: Counter[str] = Counter()
    async with (
        BatchedHistory(client, chat) as history,
        downloader.download_all(history, folder) as results,
    ):
        async for result in results:
            found[result.reason or result.status] += 1
            if result.error is not None:
                print(f"message {result.source.id}: {result.error}")
    return found


async def main() -> None:
    """Download from the account that `--session` names, else from an embedded Telegram."""
    parser = argparse.ArgumentParser(description="Download all files of a chat.")
    parser.add_argument("chat", nargs="?", default="ships")
    parser.add_argument("--session", help="a Telethon session; none for the embedded Telegram")
    parser.add_argument("--out", type=Path, default=Path("media"))
    args = parser.parse_args()

    if args.session is not None:
        api_id, api_hash = int(os.environ["TELEGRAM_API_ID"]), os.environ["TELEGRAM_API_HASH"]
        async with TelegramClient(args.session, api_id, api_hash) as client:
            found = await download(client, args.chat, args.out)
    else:
        world = World(seed=7)
        world.add_channel("Ships", message_count=200, username="ships")
        async with LocalTelegram(world, rtt=0.03) as telegram, telegram.client() as client:
            found = await download(client, args.chat, args.out)
    print(", ".join(f"{reason}: {count}" for reason, count in sorted(found.items())))


if __name__ == "__main__":
    asyncio.run(main())
