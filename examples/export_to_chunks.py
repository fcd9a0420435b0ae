"""Keep a whole chat on the disk as Telegram sent it, going on where an earlier run has stopped.

Without an account, from an embedded Telegram:

    python examples/export_to_chunks.py

From your own account, with what https://my.telegram.org gave you (Telethon asks for your phone
number at the first run):

    TELEGRAM_API_ID=... TELEGRAM_API_HASH=... python examples/export_to_chunks.py durov --session me

`read_chunks.py` reads what this one writes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from telethon import TelegramClient

from telefast import BatchedHistory, ChunkStore
from telefast.testing import LocalTelegram, World


async def export(client: TelegramClient, chat: str, path: Path) -> int:
    """Add the messages of *chat* that the store does not have yet, oldest first; return how many.

    A thousand messages make a chunk: it is compressed as one, and its users are kept once.
    """
    chat_id = await client.get_peer_id(chat)
    async with ChunkStore(path) as store:
        last = await store.last(chat_id=chat_id)
        async with BatchedHistory(
            client,
            chat,
            reverse=True,
            offset_id=last.ids[-1] if last is not None else 0,
            batch_size=1000,
            concurrency=8,
        ) as history:
            async for batch in history.batches():
                await store.append(batch)
                print(f"\r{history.cursor.taken} of {batch.total} messages", end="", flush=True)
            new = history.cursor.taken
        stats = store.stats()
    if new:
        saved = stats.compressed_chunks_saved_bytes / stats.chunk_raw_bytes
        print(f"\n{stats.chunk_compressed_bytes} bytes written, {saved:.0%} saved by compression")
    print(f"new: {new}, in the store: {stats.messages} messages, {stats.bytes} bytes")
    return new


async def main() -> None:
    """Export from the account that `--session` names, else from an embedded Telegram."""
    parser = argparse.ArgumentParser(description="Keep a whole chat in a chunk store.")
    parser.add_argument("chat", nargs="?", default="ships")
    parser.add_argument("--session", help="a Telethon session; none for the embedded Telegram")
    parser.add_argument("--out", type=Path, default=Path("my-chat"))
    args = parser.parse_args()

    if args.session is not None:
        api_id, api_hash = int(os.environ["TELEGRAM_API_ID"]), os.environ["TELEGRAM_API_HASH"]
        async with TelegramClient(args.session, api_id, api_hash) as client:
            await export(client, args.chat, args.out)
    else:
        world = World(seed=7)
        world.add_channel("Ships", message_count=2_000, holes=0.05, username="ships")
        async with LocalTelegram(world, rtt=0.03) as telegram, telegram.client() as client:
            await export(client, args.chat, args.out)


if __name__ == "__main__":
    asyncio.run(main())
