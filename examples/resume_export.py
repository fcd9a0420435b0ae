"""Export a chat to JSON lines so that a kill at any moment leaves no gap, and no line twice.

Without an account, from an embedded Telegram; stop it with Ctrl-C or `kill -9`, and run it again:

    python examples/resume_export.py

From your own account, with what https://my.telegram.org gave you (Telethon asks for your phone
number at the first run):

    TELEGRAM_API_ID=... TELEGRAM_API_HASH=... python examples/resume_export.py durov --session me
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

from telethon import TelegramClient

from telefast import BatchedHistory, Checkpoint
from telefast.testing import LocalTelegram, World


def to_line(message: Any) -> bytes:
    """Return a line of JSON; stands for whatever you do with a message."""
    line = {"id": message.id, "date": message.date.isoformat(), "text": message.text}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


async def export(client: TelegramClient, chat: str, path: Path) -> int:
    """Append the messages of *chat* that *path* does not have yet; return how many."""
    new = 0
    async with Checkpoint(path.with_suffix(".progress")) as checkpoint:
        progress = checkpoint.chat(await client.get_peer_id(chat))
        with path.open("a+b") as lines:
            # What an earlier run has written, and could not acknowledge any more, comes again.
            lines.truncate(progress.note or 0)
            async with BatchedHistory.resume(
                client, chat, checkpoint, reverse=True, concurrency=8
            ) as history:
                async for batch in history.batches():
                    written = []
                    for message in batch.messages:
                        try:
                            line = to_line(message)
                        except Exception as error:  # noqa: BLE001 - one message stops no export
                            await checkpoint.fail(message, type(error).__name__)
                            continue
                        lines.write(line)
                        written.append(message)
                    lines.flush()
                    os.fsync(lines.fileno())  # first the messages, then the word that they are safe
                    await checkpoint.ack(written, note=lines.tell())
                    new += len(written)
        for failure in checkpoint.poisoned():
            print(f"passed over: message {failure.message_id}, {failure.reason}")
        print(f"missing: {progress.missing()}")
    return new


async def main() -> None:
    """Export from the account that `--session` names, else from an embedded Telegram."""
    parser = argparse.ArgumentParser(description="Export a chat, going on after any stop.")
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
