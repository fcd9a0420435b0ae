"""Write who reacted to the messages of a chat to a CSV file, with as few requests as can be.

Without an account, from an embedded Telegram:

    python examples/reactions_csv.py

From your own account, with what https://my.telegram.org gave you (Telethon asks for your phone
number at the first run); `--redact opaque` keeps no id of anybody:

    TELEGRAM_API_ID=... TELEGRAM_API_HASH=... python examples/reactions_csv.py my_group --session me
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from typing import Literal

from telethon import TelegramClient

from telefast import BatchedHistory, ReactionCollector, ReactionsCsvWriter
from telefast.testing import LocalTelegram, World


async def export(
    client: TelegramClient, chat: str, path: Path, redact: Literal["none", "id", "opaque"]
) -> None:
    """Write the reactions of *chat* to *path*; show the line of each message that has some."""
    collector = ReactionCollector(client, full=True, redact=redact)
    partial = 0
    async with (
        BatchedHistory(client, chat) as history,
        collector.collect(history) as reacted,
        ReactionsCsvWriter(path) as writer,
    ):
        async for item in reacted:
            message, summary, reactors = item
            if summary.items:
                print(f"{message.id}: {summary.format()}")
            if reactors is not None and not reactors.complete:
                partial += 1
            await writer.write(item)
    stats = collector.stats()
    print(
        f"messages with reactions: {stats.messages}, not complete: {partial}, "
        f"rows: {writer.row_count}, requests: {stats.api_calls}"
    )


def demo_world() -> World:
    """Return a group in which few reacted to most messages, and many to the last."""
    world = World(seed=7, user_count=500)
    ships = world.add_channel("Ships", message_count=200, username="ships")
    for message_id in range(1, 201):
        ships.reactions.remove(message_id)
        ships.reactions.add(message_id, "👍", by=ships.members[: message_id % 4])
    ships.reactions.add(200, "❤", count=250)
    ships.reactions.pay(200, 50)
    return world


async def main() -> None:
    """Export from the account that `--session` names, else from an embedded Telegram."""
    parser = argparse.ArgumentParser(description="Write who reacted to a CSV file.")
    parser.add_argument("chat", nargs="?", default="ships")
    parser.add_argument("--session", help="a Telethon session; none for the embedded Telegram")
    parser.add_argument("--out", type=Path, default=Path("reactions.csv"))
    parser.add_argument("--redact", choices=("none", "id", "opaque"), default="id")
    args = parser.parse_args()

    if args.session is not None:
        api_id, api_hash = int(os.environ["TELEGRAM_API_ID"]), os.environ["TELEGRAM_API_HASH"]
        async with TelegramClient(args.session, api_id, api_hash) as client:
            await export(client, args.chat, args.out, args.redact)
    else:
        async with LocalTelegram(demo_world(), rtt=0.03) as telegram, telegram.client() as client:
            await export(client, args.chat, args.out, args.redact)


if __name__ == "__main__":
    asyncio.run(main())
