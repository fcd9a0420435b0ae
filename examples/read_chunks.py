"""Read a chunk store without any connection: who wrote how much, and what was said of a word.

    python examples/export_to_chunks.py
    python examples/read_chunks.py my-chat --word harbour

The messages are Telethon's own, finished: with an account's session instead of none they could
reply, or download their media.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from pathlib import Path

from telethon import TelegramClient, utils
from telethon.sessions.memory import MemorySession

from telefast import ChunkStore, rehydrate


async def report(path: Path, word: str) -> None:
    """Print the figures of a store, its busiest senders, and the last messages with *word*."""
    # Any client will do to bind messages to, also one that never connects.
    client = TelegramClient(MemorySession(), api_id=1, api_hash="unused")
    senders: Counter[str] = Counter()
    hits: list[str] = []
    undecoded = 0
    async with ChunkStore(path, read_only=True) as store:
        async for chunk in store.chunks(skip_damaged=True):
            undecoded += len(chunk.undecoded)
            for message in await rehydrate(client, chunk, save_entities=False):
                senders[utils.get_display_name(message.sender) or "(nobody)"] += 1
                if word.lower() in (message.raw_text or "").lower():
                    hits.append(f"{message.date:%Y-%m-%d} #{message.id} {message.raw_text[:60]!r}")
        stats = store.stats()
        print(f"{stats.messages} messages in {stats.chunks} chunks, {stats.bytes} bytes")
        print(f"damaged: {len(store.damaged)}, of another layer: {undecoded}")
        for problem in store.damaged:
            print(f"  {problem}")
    print("busiest:", ", ".join(f"{name} ({count})" for name, count in senders.most_common(3)))
    print(f"with {word!r}: {len(hits)}")
    for line in hits[-3:]:
        print(f"  {line}")


def main() -> None:
    """Read the store that the command line names."""
    parser = argparse.ArgumentParser(description="Read a chunk store.")
    parser.add_argument("store", nargs="?", type=Path, default=Path("my-chat"))
    parser.add_argument("--word", default="harbour", help="what to look for")
    args = parser.parse_args()
    asyncio.run(report(args.store, args.word))


if __name__ == "__main__":
    main()
