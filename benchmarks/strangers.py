"""Clients that are no Telethon: kurigram and mtcute, each in an environment of its own.

One that does not come to an end is told of and left out: what it is good for is not ours to judge.
One that reads something else fails the benchmark, as everybody.

`make foreign` makes these environments; a stranger that has none is left out, and the reason told.
mtcute speaks an older layer, so its server runs on a Telethon of that layer, over the same world
(`benchmarks.elsewhere`). What they read is compared with what is in the world: ids and texts, or
the bytes of a file. Their objects are their own, so nothing more can be.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import rsa

from benchmarks.scenes import USERNAME
from telefast.cli.race import Lane, Outcome, RaceError
from telefast.testing import Chat, LocalTelegram
from telefast.testing.keys import RSA_FINGERPRINT, RSA_PUBLIC_KEY
from tests.foreign.prepare import FOLDER, python_of, reason

__all__ = ["STRANGERS", "Server", "Stranger", "at_home", "truth"]

PATIENCE: Final = 60.0
"""Seconds that a stranger has to exchange a key and find the chat; one takes two of them."""
_SHM: Final = Path("/dev/shm")  # noqa: S108 - what goes there has a folder of its own


@dataclass(frozen=True, slots=True)
class Server:
    """A server that strangers can be sent to.

    Attributes:
        host: Where it listens.
        port: Where it listens.
        dc_id: The number of its data centre.
        message: The message with the file.
        counts: Tells its counts, as `telefast.testing.Ledger.snapshot` does.
    """

    host: str
    port: int
    dc_id: int
    message: int
    counts: Callable[[], Awaitable[dict[str, Any]]]


def at_home(telegram: LocalTelegram, message: int) -> Server:
    """Return the server that Telethon's clients are sent to as well."""

    async def counts() -> dict[str, Any]:
        return (await telegram.sync()).snapshot()

    return Server(telegram.host, telegram.port, telegram.dc_id, message, counts)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A client that nobody here wrote.

    Attributes:
        name: What it is called.
        script: Its program, in `tests/foreign`.
        needs: The environments that must be there.
    """

    name: str
    script: str
    needs: Sequence[str]

    def missing(self) -> str | None:
        """Return why it cannot run here; None if it can."""
        if self.name == "mtcute" and shutil.which("node") is None:
            return "node is not installed"
        return next(filter(None, map(reason, self.needs)), None)

    @asynccontextmanager
    async def server(
        self, home: Server, what: str, size: int, *, rtt: float, bandwidth: float | None = None
    ) -> AsyncIterator[Server]:
        """Have the server that it needs: *home*, or one of its own over the same world.

        Raises:
            RaceError: If that does not start.
        """
        others = [name for name in self.needs if name != self.name]
        if not others:
            yield home
            return
        program = str(python_of(others[0]))
        lane = await Lane.start("-m", "benchmarks.elsewhere", program=program)

        async def counts() -> dict[str, Any]:
            await lane.say("counts")
            found: dict[str, Any] = (await lane.hear("counts"))["counts"]
            return found

        try:
            order = {"what": what, "size": size, "rtt": rtt, "bandwidth": bandwidth}
            await lane.say(json.dumps(order))
            yield Server(**(await lane.hear("listens"))["listens"], counts=counts)
        finally:
            await lane.close()

    async def run(self, server: Server, what: str) -> Outcome:
        """Let it read the chat (*what* is `history`) or the `file`, once, in a new process.

        Raises:
            RaceError: If it fails.
        """
        program = "node" if self.name == "mtcute" else str(python_of(self.name))
        lane = await Lane.start(str(FOLDER / self.script), program=program)
        try:
            await lane.say(json.dumps(_order(server, what)))
            async with asyncio.timeout(PATIENCE):
                version = str((await lane.hear("ready"))["ready"])
            await lane.say("prepare")
            await lane.hear("prepared")
            before = await server.counts()
            await lane.say("go")
            done: dict[str, Any] = (await lane.hear("done"))["done"]
            after = await server.counts()
        except TimeoutError:
            raise RaceError(f"was not ready after {PATIENCE:g} s") from None
        finally:
            await lane.close()
        moved = {key: after[key] - before[key] for key in ("bytes_sent", "bytes_received")}
        asked = {key: n - before["counts"].get(key, 0) for key, n in after["counts"].items()}
        return Outcome(
            version=version,
            messages=done["messages"],
            seconds=done["seconds"],
            cpu=done["cpu"],
            peak_memory=None,
            size=0,
            digest=done["digest"],
            requests={key: n for key, n in asked.items() if n},
            traffic=sum(moved.values()),
            received=moved["bytes_sent"],
        )


def _order(server: Server, what: str) -> dict[str, Any]:
    key = rsa.PublicKey.load_pkcs1(RSA_PUBLIC_KEY.encode())
    return {
        "race": what,
        "host": server.host,
        "port": server.port,
        "media_port": server.port,
        "dc_id": server.dc_id,
        "rsa_key": RSA_PUBLIC_KEY,
        "rsa_n": f"{key.n:x}",
        "rsa_e": key.e,
        "rsa_fingerprint": RSA_FINGERPRINT,
        "username": USERNAME,
        "file_message": server.message,
        "folder": str(_SHM) if _SHM.is_dir() else None,
    }


STRANGERS: Final = (
    Stranger("kurigram", "kurigram_client.py", ["kurigram"]),
    Stranger("mtcute", "mtcute_client.mjs", ["mtcute", "telethon-227"]),
)


def truth(chat: Chat) -> str:
    """Return the digest of what a stranger must read of a chat."""
    digest = sha256()
    for number in sorted(chat.ids, reverse=True):
        message: Any = chat.message(number)
        digest.update(f"{number}\t{getattr(message, 'message', None) or ''}\n".encode())
    return digest.hexdigest()
