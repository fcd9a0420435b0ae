"""A process that archives a chat and can be killed at any step it takes on the disk.

A step is a call of a function of the system or of SQLite that may change a file. With a profile
function on each thread every one of them is seen, whoever makes it. The process loads once and
forks for each run, so that a run costs a fraction of a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from telethon import TelegramClient
from telethon.sessions import StringSession

from telefast import BatchedHistory, DownloadQueue, MediaDownloader
from telefast.media import transfer

STEPS = {
    *("open", "write", "pwrite", "fsync", "truncate", "ftruncate", "replace", "rename", "unlink"),
    *("mkdir", "utime", "flock", "close", "link"),
    *("connect", "execute", "executescript"),
}
"""Names of functions in C; `open` and `write` are those of `os` and of files."""

WHERE = (
    *(f"{os.sep}telefast{os.sep}media", f"{os.sep}telefast{os.sep}forum"),
    *("database.py", "disk.py", "pathlib"),
)
"""Files of the functions that call them."""


class Killer:
    """Counts steps, and kills its process before one of them.

    Args:
        at: Before which step; 0 for none.
    """

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps = 0
        self.names: list[str] = []
        self._lock = threading.Lock()

    def watch(self) -> None:
        """Look at all threads from now on."""
        threading.setprofile(self.see)
        sys.setprofile(self.see)

    def see(self, frame: Any, event: str, called: Any) -> None:
        """Count a call, if it is a step of ours."""
        if event != "c_call" or called.__name__ not in STEPS:
            return
        file = frame.f_code.co_filename
        if not any(each in file for each in WHERE):
            return
        with self._lock:
            self.steps += 1
            self.names.append(called.__name__)
            if self.steps == self.at:
                os.kill(os.getpid(), signal.SIGKILL)


async def archive(order: dict[str, Any]) -> None:
    """Archive the chat, as a user would."""
    folder = Path(order["folder"])
    client = TelegramClient(StringSession(order["session"]), 1, "x" * 32)
    await client.connect()
    killer = Killer(order["at"])
    killer.watch()
    transfer.SAVE_EVERY = 64 * 1024  # type: ignore[misc]  # so that maps are written, too
    downloader = MediaDownloader(client, part_size=64 * 1024, set_mtime=True)
    async with DownloadQueue(folder / "queue.db", downloader, files=2) as queue:
        history = BatchedHistory(client, "files", reverse=True)
        async with history, queue.download_all(history, folder / "media") as results:
            found = [each.status async for each in results]
    sys.setprofile(None)
    threading.setprofile(None)  # type: ignore[arg-type]
    print(json.dumps({"found": found, "steps": killer.names}), flush=True)
    os._exit(0)  # all of it is closed; Telethon's tasks would take a second to end


def serve() -> None:
    """Take orders from stdin, a line each, and fork for each of them; tell how each ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(archive(json.loads(line)))
            except BaseException as error:  # noqa: BLE001 - of a test
                print(json.dumps({"error": repr(error)}), flush=True)
                os._exit(1)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    serve()
