"""One contender of the download benchmark, in a process of its own.

Run by path, with the Python of whatever environment has the contender; telefast need not be there.

The order is one line of JSON on standard input, `contender`, `session` (a string session) and
`disk` (whether it is slow), the answer `ready` with a release, or `missing` with a reason. Then
each line on standard input is one round: it is answered by `prepared` once all is ready, and after
another line by `done`: seconds, CPU seconds, writes, peak memory, and the SHA-256 of the file,
which is made while no clock runs. The end of standard input ends the process.
"""

from __future__ import annotations

import asyncio
import builtins
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from telethon import TelegramClient
from telethon.sessions.string import StringSession
from telethon.tl import types

Fetch = Callable[[Any, Any, Path], Awaitable[object]]

_SHM = Path("/dev/shm")  # noqa: S108 - what goes there has a folder of its own
MEMORY = _SHM if _SHM.is_dir() else None
"""Where files go: to memory, if that has a file system, so that the disk is not what is measured.
On a disk telefast alone waits until they are there."""
WARM_UP = 8
"""Downloads before the first round of the warm telefast: the tuner needs some 800 parts."""


async def telefast(client: Any, message: Any, folder: Path) -> None:
    """Download with what was learned and connected before."""
    await import_module("telefast").MediaDownloader(client).download(message, folder / "file")


async def telefast_cold(client: Any, message: Any, folder: Path) -> None:
    """Download with a new tuner, and connections that are not there yet."""
    module = import_module("telefast")
    tuner = module.PartSizeTuner()
    await module.MediaDownloader(client, tuner=tuner).download(message, folder / "file")


async def stock(client: Any, message: Any, folder: Path) -> None:
    """Download as Telethon does."""
    await client.download_media(message, str(folder / "file"))


async def stock_512(client: Any, message: Any, folder: Path) -> None:
    """Download as Telethon does, in the largest parts that it may ask for."""
    document = message.document
    at = types.InputDocumentFileLocation(
        document.id, document.access_hash, document.file_reference, ""
    )
    file = str(folder / "file")
    await client.download_file(at, file, part_size_kb=512, file_size=document.size)


async def fasttelethonhelper(client: Any, message: Any, folder: Path) -> None:
    """Download with its own number of connections, one for each 5 MiB."""
    module = import_module("FastTelethonhelper")
    await module.fast_download(client, message, download_folder=f"{folder}/")


async def aiofasttelethonhelper(client: Any, message: Any, folder: Path) -> None:
    """Download with its own number of connections, one for each 5 MiB."""
    await import_module("aiofasttelethonhelper").fast_download(client, message, str(folder))


async def tgup(client: Any, message: Any, folder: Path) -> None:
    """Download with its own four connections."""
    module = import_module("tgup.fastdownload")
    await module.download(client, message, folder / "file", None)


CONTENDERS: dict[str, tuple[str, Fetch]] = {
    "telefast": ("telefast", telefast),
    "telefast, cold": ("telefast", telefast_cold),
    "download_media": ("telethon", stock),
    "download_file, 512 KiB": ("telethon", stock_512),
    "fasttelethonhelper": ("FastTelethonhelper", fasttelethonhelper),
    "aiofasttelethonhelper": ("aiofasttelethonhelper", aiofasttelethonhelper),
    "tgup-cli": ("tgup.fastdownload", tgup),
}
"""Name -> the module that must be there, and how it downloads."""
RELEASES = {"fasttelethonhelper", "aiofasttelethonhelper", "tgup-cli"}
"""Contenders that are distributions of their own."""


SLOW_DISK = 20e6
"""Bytes a second of a slow disk, such as a network share: our choice."""


def slow_down(speed: float) -> None:
    """Let each write to a file take its time, as on one disk that all threads share.

    Programs write by `open(…, "wb")` or, telefast, by `os.pwrite`; both wait here.
    """
    turn, real_open, real_pwrite = threading.Lock(), builtins.open, os.pwrite

    def wait(size: int) -> None:
        with turn:
            time.sleep(size / speed)

    def slow_pwrite(descriptor: int, data: Any, offset: int) -> int:
        wait(len(data))
        return real_pwrite(descriptor, data, offset)

    def slow_open(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        opened = real_open(file, mode, *rest, **options)
        if "b" not in mode or mode.startswith("r"):
            return opened
        real_write = opened.write

        class Slow:
            def __getattr__(self, name: str) -> Any:
                return getattr(opened, name)

            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                opened.close()

            def write(self, data: Any) -> Any:
                wait(len(data))
                return real_write(data)

        return Slow()

    builtins.open = slow_open
    os.pwrite = slow_pwrite


async def prepare(name: str, client: Any, message: Any, *, is_first: bool) -> None:
    """Do what the clock does not count."""
    if name == "telefast":
        downloader = import_module("telefast").MediaDownloader(client)
        for _ in range(WARM_UP if is_first else 1):
            await downloader.download(message, bytes)
    elif name == "telefast, cold":
        await import_module("telefast.transport.account").Account.of(client).aclose()


async def run(order: Any, say: Callable[[Any], None]) -> None:
    """Answer rounds until standard input ends."""
    name = order["contender"]
    if order["disk"]:
        slow_down(SLOW_DISK)
    module, fetch = CONTENDERS[name]
    try:
        import_module(module)
    except ImportError as error:
        say({"missing": str(error)})
        return
    client: Any = TelegramClient(StringSession(order["session"]), 17349, "0" * 32)
    await client.connect()
    message = (await client.get_messages("benchmark", limit=1))[0]
    say({"ready": version(name if name in RELEASES else module)})
    is_first = True
    while sys.stdin.readline():
        await prepare(name, client, message, is_first=is_first)
        is_first = False
        say({"prepared": True})
        sys.stdin.readline()
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            writes = _tell("io", "syscw:")
            began, cpu = time.perf_counter(), time.process_time()
            await fetch(client, message, Path(folder))
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            done: dict[str, Any] = {"seconds": seconds, "cpu": cpu, "writes": None}
            if writes is not None:
                done["writes"] = (_tell("io", "syscw:") or 0) - writes
            peak = _tell("status", "VmHWM:")
            done["peak"] = None if peak is None else peak * 1024
            done["digest"] = _digest(Path(folder))
        say({"done": done})
    await client.disconnect()


def _tell(file: str, name: str) -> int | None:
    """Return a number that Linux tells about this process; None where it does not."""
    try:
        lines = Path("/proc/self", file).read_text("ascii", "replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))
    except (OSError, StopIteration, ValueError):
        return None


def _digest(folder: Path) -> str:
    [path] = folder.iterdir()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Keep standard output for the answers: some contenders print."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(answer: Any) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    asyncio.run(run(json.loads(sys.stdin.readline()), say))


if __name__ == "__main__":
    main()
