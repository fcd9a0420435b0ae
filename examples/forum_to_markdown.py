"""Write a forum to Markdown files, a page for each topic; a later run adds only what is new.

Without an account, from an embedded Telegram:

    python examples/forum_to_markdown.py

From your own account, with what https://my.telegram.org gave you (Telethon asks for your phone
number at the first run); `--topic 57` for one topic (more than once for more), `--style title_id`
for titles in the names:

    TELEGRAM_API_ID=... TELEGRAM_API_HASH=... python examples/forum_to_markdown.py my_forum \
        --session me
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from typing import Literal

from telethon import TelegramClient, types
from telethon.errors import RPCError

from telefast import ForumLayout, ForumWalker, TelefastError, TopicFile
from telefast.testing import LocalTelegram, World, make_poll


async def export(
    client: TelegramClient,
    name: str,
    out: Path,
    *,
    style: Literal["id", "title_id"] = "id",
    only: list[int],
    rewrite: bool = False,
) -> None:
    """Write the topics of a forum, or *only* some, to files below *out*."""
    walker = ForumWalker(client, name)
    listing = await walker.listing()
    forum = await client.get_entity(name)
    async with ForumLayout(out, forum, style=style, rewrite=rewrite) as layout:
        if only:  # each by its own requests, and none for a topic in which there is nothing new
            wanted = [topic for topic in listing.topics if topic.id in only]
            if missing := {*only} - {topic.id for topic in wanted}:
                raise SystemExit(f"no such topics are listed: {sorted(missing)}")
            files: list[TopicFile] = []
            for topic in wanted:
                if layout.is_current(topic):
                    files.append(await layout.write(topic, ()))
                    continue
                async with walker.history(topic, min_id=layout.last_id(topic.id)) as history:
                    files.append(await layout.write(topic, history))
            await layout.mark_deleted(listing)
        else:  # all of them in one pass over the chat, which takes the fewest requests
            async with walker.split(min_id=layout.last_id()) as messages:
                files = await layout.write_all(listing, messages)
    print(
        f"topics: {len(files)}, messages: {sum(each.messages for each in files)}, "
        f"new: {sum(each.added for each in files)}, "
        f"written: {sum(each.is_rewritten for each in files)}"
    )
    print(layout.folder / "index.md")
    if not listing.complete:
        raise SystemExit(
            f"not all topics could be listed: {listing.problem}\n"
            "Those that were not may lack a title or messages, and none is marked as deleted:"
            " run this once more."
        )


def demo_world() -> World:
    """Return a forum with two topics of one title, and one of a title that no file can have."""
    world = World(seed=7)
    harbour = world.add_forum("Harbour", topics=12, message_count=1_500, username="harbour")
    for title in ("Tide tables", "tide tables", "../../<script>alert(1)</script>\n# Ships"):
        topic = harbour.add_topic(title, message_count=20)
    [message_id] = topic.post()
    message = harbour.peek(message_id)
    assert isinstance(message, types.Message)
    message.media = make_poll("Tea?", {"Yes": 7, "No": 2})
    harbour.put(message)
    harbour.pin_topics(topic)
    topic.edit(closed=True)
    return world


async def main() -> None:
    """Export from the account that `--session` names, else from an embedded Telegram."""
    parser = argparse.ArgumentParser(description="Write a forum to Markdown files.")
    parser.add_argument("forum", nargs="?", default="harbour")
    parser.add_argument("--session", help="a Telethon session; none for the embedded Telegram")
    parser.add_argument("--out", type=Path, default=Path("export"))
    parser.add_argument("--style", choices=("id", "title_id"), default="id")
    parser.add_argument(
        "--topic", type=int, action="append", default=[], help="the id of one; none for all"
    )
    parser.add_argument("--rewrite", action="store_true", help="read everything again")
    args = parser.parse_args()

    async def run(client: TelegramClient) -> None:
        await export(
            client,
            args.forum,
            args.out,
            style=args.style,
            only=args.topic,
            rewrite=args.rewrite,
        )

    if args.session is not None:
        api_id, api_hash = os.environ.get("TELEGRAM_API_ID"), os.environ.get("TELEGRAM_API_HASH")
        if not api_id or not api_id.isdecimal() or not api_hash:
            parser.error(
                "--session needs TELEGRAM_API_ID and TELEGRAM_API_HASH of https://my.telegram.org"
                " in the environment"
            )
        async with TelegramClient(args.session, int(api_id), api_hash) as client:
            await run(client)
    else:
        async with LocalTelegram(demo_world(), rtt=0.03) as telegram, telegram.client() as client:
            await run(client)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        raise SystemExit("stopped: run the same command once more to go on from there") from None
    except (TelefastError, RPCError) as error:  # nothing was lost, no access, no room, damage
        raise SystemExit(f"{type(error).__name__}: {error}") from None
