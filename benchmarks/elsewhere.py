"""The embedded Telegram on another Telethon, for a client that speaks its layer.

Run as a program, it is the server: the order is one line of JSON on standard input, `what`
(`history` or `file`), `size`, `rtt` and `bandwidth`; the answer tells where it listens, and each
further line is answered with its counts. The end of standard input ends it. It needs nothing but
`telefast.testing`, so it runs in environments that have no more.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from benchmarks.scenes import chat_world, file_world
from telefast.testing import LocalTelegram

__all__ = ["main"]


async def main() -> None:
    """Serve until standard input ends."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    make = chat_world if order["what"] == "history" else file_world
    world, channel = make(order["size"])
    telegram = LocalTelegram(world, rtt=order["rtt"], bandwidth=order["bandwidth"])
    async with telegram:
        await telegram.warm()
        place = {"host": telegram.host, "port": telegram.port, "dc_id": telegram.dc_id}
        print(json.dumps({"listens": place | {"message": channel.ids[-1]}}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps({"counts": telegram.requests.snapshot()}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
