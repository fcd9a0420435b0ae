"""kurigram reads a chat and a file from the embedded Telegram; in an environment of its own.

The order is one line of JSON on standard input (`serve.py`), the report one line on standard
output. With `race` in the order (`benchmarks.strangers`) it is asked to read several times.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyrogram
from pyrogram import Client, raw
from pyrogram.connection import Connection
from pyrogram.connection.transport import (
    TCP,
    TCPAbridged,
    TCPAbridgedO,
    TCPFull,
    TCPIntermediate,
    TCPIntermediateO,
    TCPIntermediatePadded,
)
from pyrogram.crypto import rsa
from pyrogram.errors import RPCError
from pyrogram.raw.all import layer

TRANSPORTS: dict[str, type[TCP]] = {
    "full": TCPFull,
    "abridged": TCPAbridged,
    "intermediate": TCPIntermediate,
    "padded intermediate": TCPIntermediatePadded,
    "obfuscated abridged": TCPAbridgedO,
    "obfuscated intermediate": TCPIntermediateO,
}


def client_of(order: dict[str, Any], transport: str) -> Client:
    """Return a client that has no key yet and finds the embedded Telegram where Telegram is."""

    def connect(**options: Any) -> Connection:
        # kurigram has the addresses of Telegram built in; later ones come out of help.getConfig.
        if not options["server_address"].startswith("127."):
            options |= {"server_address": order["host"], "port": order["port"]}
        return Connection(**options)

    return Client(
        "stranger",
        api_id=1,
        api_hash="0" * 32,
        in_memory=True,
        no_updates=True,
        connection_factory=connect,
        protocol_factory=TRANSPORTS[transport],
    )


async def history(order: dict[str, Any], transport: str) -> dict[str, Any]:
    """Exchange a key, then read the whole chat."""
    started = time.monotonic()
    client = client_of(order, transport)
    await client.connect()
    try:
        connected = time.monotonic()
        me = await client.get_me()
        digest = sha256()
        count = 0
        async for message in client.get_chat_history(order["username"]):
            text = message.text or message.caption or ""
            digest.update(f"{message.id}\t{text}\n".encode())
            count += 1
    finally:
        await client.disconnect()
    return {
        "transport": transport,
        "me": me.id,
        "count": count,
        "digest": digest.hexdigest(),
        "connect_seconds": round(connected - started, 2),
        "seconds": round(time.monotonic() - started, 2),
    }


async def file(order: dict[str, Any], transport: str) -> dict[str, Any]:
    """Exchange a key, then read the file, from the data centre that kurigram takes for files."""
    client = client_of(order, transport)
    await client.connect()
    try:
        message = await client.get_messages(order["username"], order["file_message"])
        started = time.monotonic()
        digest = sha256()
        size = 0
        async for part in client.stream_media(message):
            digest.update(part)
            size += len(part)
        seconds = time.monotonic() - started
        media = client.media_sessions[order["dc_id"]]
    finally:
        await client.disconnect()
    return {
        "transport": transport,
        "name": message.document.file_name,
        "size": size,
        "sha256": digest.hexdigest(),
        "port": media.port,
        "seconds": round(seconds, 2),
        "mib_per_second": round(size / seconds / (1 << 20), 1),
    }


async def refused(order: dict[str, Any]) -> str:
    """Return the error that a client without a login gets."""
    client = client_of(order | {"port": order["locked_port"]}, "intermediate")
    await client.connect()
    try:
        await client.invoke(raw.functions.users.GetUsers(id=[raw.types.InputUserSelf()]))
    except RPCError as error:
        return f"{error.CODE} {error.ID}"
    finally:
        await client.disconnect()
    return "answered"


async def race(order: dict[str, Any]) -> None:
    """Read the chat or the file once for each two lines of input: `prepare`, and `go`."""
    client = client_of(order, "obfuscated intermediate")
    await client.connect()
    if order["race"] == "history":
        await client.resolve_peer(order["username"])
    else:
        message = await client.get_messages(order["username"], order["file_message"])
    print(json.dumps({"ready": pyrogram.__version__}), flush=True)
    while sys.stdin.readline():
        print(json.dumps({"prepared": True}), flush=True)
        sys.stdin.readline()
        with tempfile.TemporaryDirectory(dir=order["folder"]) as folder:
            digest, count = sha256(), 0
            began, cpu = time.perf_counter(), time.process_time()
            if order["race"] == "history":
                async for each in client.get_chat_history(order["username"]):
                    digest.update(f"{each.id}\t{each.text or each.caption or ''}\n".encode())
                    count += 1
            else:
                path = await client.download_media(message, file_name=f"{folder}/file")
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            if order["race"] != "history":
                digest.update(Path(path).read_bytes())  # noqa: ASYNC240 - the clock has stopped
        done = {"seconds": seconds, "cpu": cpu, "messages": count, "digest": digest.hexdigest()}
        print(json.dumps({"done": done}), flush=True)
    await client.disconnect()


async def main() -> None:
    """Do as ordered."""
    order = json.loads(sys.stdin.readline())
    key = rsa.PublicKey(int(order["rsa_n"], 16), order["rsa_e"])
    rsa.server_public_keys[order["rsa_fingerprint"]] = key
    if "race" in order:
        await race(order)
        return
    report = {"client": "kurigram", "version": pyrogram.__version__, "layer": layer}
    report["runs"] = [await history(order, transport) for transport in TRANSPORTS]
    report["files"] = [await file(order, transport) for transport in order["file_transports"]]
    report["refused"] = await refused(order)
    print(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main())
