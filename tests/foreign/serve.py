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
from telethon.tl.types import MessageMediaDocument
from telethon.version import __version__

from telefast.testing import Channel, DataCentre, LocalTelegram, World, put_media
from telefast.testing.file_content import Blob, file_sha256
from telefast.testing.keys import RSA_FINGERPRINT, RSA_PUBLIC_KEY

USERNAME = "ships"
TRANSPORTS = ["intermediate", "obfuscated intermediate"]
"""Those over which the file is read."""
SIZE = 64 << 20
"""Bytes of the file on top of the chat."""


def build() -> World:
    """Return the world that all strangers see."""
    world = World(seed=17, user_count=40)
    chat = world.add_channel("Ships", message_count=1234, username=USERNAME)
    put_media(chat, MessageMediaDocument(document=world.file_store.document(SIZE, "log.bin")))
    return world


def top(world: World) -> Any:
    """Return the message with the file."""
    chat = world.find_username(USERNAME)
    assert isinstance(chat, Channel)
    return chat.message(chat.ids[-1])


def file_truth(world: World) -> dict[str, Any]:
    """Return what a client must find the file to be."""
    document = top(world).media.document
    blob = Blob(f"{world.seed}/document/{document.id}/", SIZE, document.mime_type, 0, 2)
    return {"name": "log.bin", "size": SIZE, "sha256": file_sha256(blob).hex()}


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
    world = build()
    centres = [DataCentre(2, media_only=True)]
    async with (
        LocalTelegram(world, data_centres=centres) as telegram,
        LocalTelegram(build(), sign_in=True) as locked,
    ):
        order = {
            "host": telegram.host,
            "port": telegram.port,
            "media_port": telegram.addresses[1].port,
            "locked_port": locked.port,
            "dc_id": telegram.dc_id,
            "rsa_key": RSA_PUBLIC_KEY,
            "rsa_n": f"{key.n:x}",
            "rsa_e": key.e,
            "rsa_fingerprint": RSA_FINGERPRINT,
            "username": USERNAME,
            "file_transports": TRANSPORTS,
            "file_message": top(world).id,
            "telethon": __version__,
            "layer": LAYER,
        }
        print(json.dumps(order), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        told = telegram.requests.snapshot() | {
            "unknown": telegram.unknown + locked.unknown,
            "locked": locked.requests.snapshot(),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
