"""Export a whole chat to JSON lines, with progress, going on where an earlier run has stopped.

Without an account, from an embedded Telegram:

    python examples/export_chat.py

From your own account, with what https://my.telegram.org gave you (Telethon asks for your phone
number at the first run):

    TELEGRAM_API_ID=... TELEGRAM_API_HASH=... python examples/export_chat.py durov --session me
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path

from telethon import TelegramClient

from telefast import BatchedHistory
from telefast.testing import LocalTelegram, World


async def export(client: TelegramClient, chat: str, path: Path) -> int:
    """Append the messages of *chat* that *path* does not have yet, oldest first; return how many.

    Oldest first, because then a later run only has to go on after the last line.
    """
    done = last_id(path)
    with path.open("a", encoding="utf-8") as lines:
        async with BatchedHistory(
            client, chat, reverse=True, offset_id=done, concurrency=8
        ) as history:
            async for batch in history.batches():
                for message in batch.messages:
                    line = {
                        "id": message.id,
                        "date": message.date and message.date.isoformat(),
                        "sender_id": message.sender_id,
                        "text": message.text,
                    }
                    lines.write(json.dumps(line, ensure_ascii=False) + "\n")
                print(f"\r{history.cursor.taken} of {batch.total} messages", end="", flush=True)
            print(f"\nrequests: {history.stats().requests}")
            return history.cursor.taken


def last_id(path: Path) -> int:
    """Return the id in the last line of *path*, 0 if there is none; drop a line cut short."""
    if not path.exists():
        return 0
    whole, newline, _ = path.read_bytes().rpartition(b"\n")
    path.write_bytes(whole + newline)
    return int(json.loads(whole.splitlines()[-1])["id"]) if whole else 0


async def main() -> None:
    """Export from the account that `--session` names, else from an embedded Telegram."""
    parser = argparse.ArgumentParser(description="Export a whole chat to JSON lines.")
    parser.add_argument("chat", nargs="?", default="ships")
    parser.add_argument("--session", help="a Telethon session; none for the embedded Telegram")
    parser.add_argument("--out", type=Path, default=Path("messages.jsonl"))
    args = parser.parse_args()

    if args.session is not None:
        api_id, api_hash = int(os.environ["TELEGRAM_API_ID"]), os.environ["TELEGRAM_API_HASH"]
        async with TelegramClient(args.session, api_id, api_hash) as client:
            new = await export(client, args.chat, args.out)
    else:
        world = World(seed=7)
        world.add_channel("Ships", message_count=2_000, holes=0.05, username="ships")
        async with LocalTelegram(world, rtt=0.03) as telegram, telegram.client() as client:
            new = await export(client, args.chat, args.out)
    print(f"new: {new}, all in {args.out}")


if __name__ == "__main__":
    asyncio.run(main())
