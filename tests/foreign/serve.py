"""The embedded Telegram for a client in another process, on whichever Telethon is installed.

Run as `python -m tests.foreign.serve` at the root of the repository. The first line on standard
output is JSON: where the server listens and how to trust it. Once standard input ends, a second
line tells what was asked of it, and the process ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from hashlib import sha256
from typing import Any

import rsa
from telethon.tl.alltlobjects import LAYER
from telethon.version import __version__

from telefast.testing import Channel, LocalTelegram, World
from telefast.testing.keys import RSA_FINGERPRINT, RSA_PUBLIC_KEY

USERNAME = "ships"


def build() -> World:
    """Return the world that all strangers see."""
    world = World(seed=17, user_count=40)
    world.add_channel("Ships", message_count=1234, username=USERNAME)
    return world


def truth(world: World) -> dict[str, Any]:
    """Return what a client must find in *world*."""
    chat = world.find_username(USERNAME)
    assert isinstance(chat, Channel)
    digest = sha256()
    count = 0
    for number in reversed(chat.ids):
        message = chat.message(number)
        digest.update(f"{number}\t{getattr(message, 'message', None) or ''}\n".encode())
        count += 1
    return {"me": world.me.id, "count": count, "digest": digest.hexdigest()}


async def main() -> None:
    """Serve until standard input ends."""
    key = rsa.PublicKey.load_pkcs1(RSA_PUBLIC_KEY.encode())
    async with LocalTelegram(build()) as telegram:
        order = {
            "host": telegram.host,
            "port": telegram.port,
            "dc_id": telegram.dc_id,
            "rsa_key": RSA_PUBLIC_KEY,
            "rsa_n": f"{key.n:x}",
            "rsa_e": key.e,
            "rsa_fingerprint": RSA_FINGERPRINT,
            "username": USERNAME,
            "telethon": __version__,
            "layer": LAYER,
        }
        print(json.dumps(order), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps({"unknown": telegram.unknown} | telegram.requests.snapshot()), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
