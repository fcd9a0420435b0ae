"""Archive all files of a chat: under safe names, each once, and go on after anything.

Run it again, also after a kill: it fetches what is missing, and nothing else.

Without an account, from an embedded Telegram:

    python examples/media_archive.py

From your own account, with what https://my.telegram.org gave you (Telethon asks for your phone
number at the first run):

    TELEGRAM_API_ID=... TELEGRAM_API_HASH=... python examples/media_archive.py durov --session me
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import Counter
from html import escape
from pathlib import Path
from urllib.parse import quote

from telethon import TelegramClient, types

from telefast import (
    BatchedHistory,
    DownloadQueue,
    MediaDedupeCache,
    MediaDownloader,
    QueuedFile,
)
from telefast.testing import LocalTelegram, World, hostile_names, put_media


async def archive(client: TelegramClient, chat: str, folder: Path) -> Counter[str]:
    """Archive the files of *chat*; return what became of them, and how many bytes came."""
    downloader = MediaDownloader(client, max_size=100 * 1024 * 1024, set_mtime=True)
    found: Counter[str] = Counter()
    async with (
        MediaDedupeCache(folder / "files.db", link_mode="hardlink") as known,
        DownloadQueue(folder / "queue.db", downloader, dedupe=known) as queue,
    ):
        async with (
            BatchedHistory(client, chat) as history,
            # A folder for each kind. For one of each topic, return folder_name(title, id).
            queue.download_all(
                history, folder, subfolder=lambda message, item: getattr(item, "kind", None)
            ) as results,
        ):
            async for result in results:
                found[result.reason or result.status] += 1
        for failed in await queue.failed():
            print(f"{failed.key}: {failed.reason}; the next run tries again")
        found["bytes fetched"] = queue.stats().bytes
        await index(queue, folder)
    return found


async def index(queue: DownloadQueue, folder: Path) -> None:
    """Write a page that shows what the files were called."""
    page = as_page([file async for file in queue.files("done")], folder)
    await asyncio.to_thread((folder / "index.html").write_text, page, "utf-8")


def as_page(files: list[QueuedFile], folder: Path) -> str:
    """Return HTML. Senders choose names, so they are escaped: one may be a script."""
    rows = [
        f'<li><a href="{quote(os.path.relpath(file.path or "", folder))}">'
        f"{escape(file.name or str(file.key))}</a>, {file.received} bytes"
        for file in files
    ]
    return "\n".join(["<!doctype html><meta charset=utf-8><title>Archive</title><ul>", *rows])


def made_up_chat() -> World:
    """Return a chat with photos and videos, files with hostile names, and reposts."""
    world = World(seed=7)
    channel = world.add_channel("Ships", message_count=100, username="ships")
    for number, name in enumerate([*hostile_names(), "<script>alert(1)</script>.html"]):
        media = types.MessageMediaDocument(document=world.file_store.document(1000, name))
        for _ in range(1 + number % 3):
            put_media(channel, media)
    return world


async def main() -> None:
    """Archive from the account that `--session` names, else from an embedded Telegram."""
    parser = argparse.ArgumentParser(description="Archive all files of a chat.")
    parser.add_argument("chat", nargs="?", default="ships")
    parser.add_argument("--session", help="a Telethon session; none for the embedded Telegram")
    parser.add_argument("--out", type=Path, default=Path("archive"))
    args = parser.parse_args()

    if args.session is not None:
        api_id, api_hash = int(os.environ["TELEGRAM_API_ID"]), os.environ["TELEGRAM_API_HASH"]
        async with TelegramClient(args.session, api_id, api_hash) as client:
            found = await archive(client, args.chat, args.out)
    else:
        async with LocalTelegram(made_up_chat()) as telegram, telegram.client() as client:
            found = await archive(client, args.chat, args.out)
            found["file requests"] = telegram.requests["upload.getFile"]
    print(", ".join(f"{name}: {count}" for name, count in sorted(found.items())))


if __name__ == "__main__":
    asyncio.run(main())
