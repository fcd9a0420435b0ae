"""Kill a small run before each of its operations on files, and see what the next run makes of it.

Started by `test_dedupe_crash.py`: `python dedupe_steps.py MODE EVERY FOLDER`, to be killed before
each *EVERY*-th step. Prints how many steps there are.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from telefast import FileKey, MediaDedupeCache
from telefast.media import linking
from telefast.media.files import PartFile

FILES = {1: b"one" * 1000, 2: b"two" * 1000, 3: b"one" * 1000}
"""Contents by id; two ids have the same bytes."""
CHANGES = {"os.rename", "os.remove", "os.link", "os.truncate", "os.mkdir", "os.utime"}
STATEMENTS = ("INSERT", "REPLACE", "DELETE", "UPDATE", "CREATE", "BEGIN", "COMMIT")


class Run:
    """Ask for each file twice, the second time at a place of its own."""

    def __init__(self, mode: Any, folder: Path, kill_at: int) -> None:
        self.mode = mode
        self.folder = folder
        self.kill_at = kill_at
        self.steps = 0
        self.transfers = 0
        self.is_on = False

    def step(self, *_: object) -> None:
        """Count an operation; die before the one that was chosen."""
        if self.is_on:
            self.steps += 1
            if self.steps == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Hear of operations on files."""
        is_write = (
            event == "open" and isinstance(args[2], int) and args[2] & (os.O_CREAT | os.O_RDWR)
        )
        if event in CHANGES or is_write:
            self.step()

    async def run(self) -> None:
        """Do it."""
        contents = self.mode != "copy"
        store = self.folder / "files.db"
        async with MediaDedupeCache(store, link_mode=self.mode, contents=contents) as cache:
            for number, data in FILES.items():
                for place in ("first", "again"):
                    target = self.folder / place / f"{number}"

                    async def download(target: Path = target, data: bytes = data) -> Path:
                        self.transfers += 1
                        await asyncio.to_thread(self._download, target, data)
                        return target

                    found = await cache.get_or_download(
                        FileKey("document", number), download, target=target
                    )
                    assert found.path is not None
                    assert found.path.read_bytes() == data
                    if self.mode != "reuse":
                        assert found.path == target
            check = await cache.verify()
            assert (check.stale, check.good) == ({}, len(FILES)), check

    def _download(self, target: Path, data: bytes) -> None:
        part = PartFile(target, "key")
        part.open()
        self.step()
        part.write([(0, data)])
        self.step()
        part.finish(len(data))


def check(run: Run) -> None:
    """What lies in the folder is what should."""
    found = {
        str(path.relative_to(run.folder)): path.read_bytes()
        for path in run.folder.rglob("*")
        if path.is_file() and path.name != "files.db"
    }
    wanted = {f"first/{number}": data for number, data in FILES.items()}
    if run.mode == "reuse":
        # The first place, or the second, as the first was downloaded twice; one file for equals.
        assert 2 <= len(found) <= 3, sorted(found)
        assert set(found.values()) == set(FILES.values())
    else:
        wanted |= {f"again/{number}": data for number, data in FILES.items()}
        assert found == wanted, sorted(found)
    with sqlite3.connect(run.folder / "files.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def main(mode: str, every: int, base: Path) -> int:
    """Kill before one step after the other, until a run is through."""
    linking._SLICE = 1000  # type: ignore[misc]
    clean = Run(mode, base / "clean", 0)
    asyncio.run(clean.run())
    check(clean)
    for number in range(1, 10_000, every):
        folder = base / f"{number}"
        pid = os.fork()
        if pid == 0:
            run = Run(mode, folder, number)
            sys.addaudithook(run.audit)
            trace(run)
            run.is_on = True
            asyncio.run(run.run())
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise SystemExit(f"step {number}: the run failed")
        again = Run(mode, folder, 0)
        asyncio.run(again.run())
        check(again)
        assert again.transfers <= clean.transfers
        shutil.rmtree(folder)
        if os.WIFEXITED(status):
            return number - 1
    raise SystemExit("it does not end")


def trace(run: Run) -> None:
    """Let statements of SQLite count as steps, too."""
    connect = sqlite3.connect

    def traced(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        db = connect(*args, **kwargs)
        db.set_trace_callback(lambda text: text.startswith(STATEMENTS) and run.step())
        return db

    sqlite3.connect = traced


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
