"""An archive that is killed before any step on the disk: nothing lost, doubled or half there."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from telefast.media.names import key_in
from tests.client.media_scene import GET_FILE, KIB, Scene, names, scene, sha

ROOT = Path(__file__).parents[2]
SIZES = (100 * KIB, 10, 200 * KIB + 7)

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL and fork"),
    pytest.mark.timeout(600),
]


class Runs:
    """The process that forks for each run."""

    def __init__(self, process: asyncio.subprocess.Process, here: Scene) -> None:
        self._process = process
        self._here = here
        self._session = here.telegram.session_string()

    async def run(self, folder: Path, at: int = 0) -> tuple[int, dict[str, Any]]:
        """Archive to *folder*, killed before a step; return its exit code, and what it said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"folder": str(folder), "session": self._session, "at": at}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        said: dict[str, Any] = {}
        while "code" not in said:
            said |= json.loads(await self._process.stdout.readline())
        assert "error" not in said, said
        return said["code"], said


@asynccontextmanager
async def runs() -> AsyncIterator[tuple[Scene, Runs]]:
    """Serve three files, and start the process."""
    async with scene(*SIZES) as here:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.storage.queue_steps"),
            cwd=ROOT,
            env=os.environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield here, Runs(process, here)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


def whole(here: Scene, folder: Path) -> set[int]:
    """Return which files are there under a final name; each of them is whole, and the only one."""
    wanted = {document.id: here.content(number + 1) for number, document in enumerate(here.files)}
    found: set[int] = set()
    for path in (folder / "media").glob("*"):
        key = None if ".part" in path.name else key_in(path.name)
        if key is not None:
            assert sha(wanted[key.id]) == sha(path.read_bytes()), "it only looks whole"
            assert key.id not in found, "it is there twice"
            found.add(key.id)
    return found


def called_done(folder: Path) -> set[int]:
    """Return which files the queue calls done."""
    if not (folder / "queue.db").exists():
        return set()
    base = sqlite3.connect(folder / "queue.db")
    try:
        rows = base.execute("SELECT ident FROM files WHERE state='done'").fetchall()
    except sqlite3.OperationalError:  # killed before the table was made
        rows = []
    finally:
        base.close()
    return {int(ident.removeprefix("document_")) for (ident,) in rows}


async def kill_at(here: Scene, process: Runs, folder: Path, step: int) -> bool:
    """Kill a run before a step, run again, and check both; False if it had fewer steps."""
    code, _ = await process.run(folder, step)
    if code == 0:
        return False
    assert -9 == code
    there = whole(here, folder)
    assert called_done(folder) <= there, "called done, and not there"
    before = here.counts[GET_FILE]
    code, said = await process.run(folder)
    assert 0 == code
    assert ["done"] * (3 - len(there)) + ["skipped"] * len(there) == sorted(said["found"])
    assert {document.id for document in here.files} == whole(here, folder) == called_done(folder)
    assert 3 == len(names(folder / "media")), "something was left"
    assert ["media", "queue.db", "queue.db.lock"] == names(folder)
    most = sum(
        -(-size // (64 * KIB))
        for size, each in zip(SIZES, here.files, strict=True)
        if each.id not in there
    )
    assert here.counts[GET_FILE] - before <= most, "a part of a whole file was asked for"
    before = here.counts[GET_FILE]
    code, said = await process.run(folder)
    assert (0, ["skipped"] * 3) == (code, said["found"])
    assert before == here.counts[GET_FILE]
    await asyncio.to_thread(shutil.rmtree, folder)
    return True


async def test_killed_at_some_steps(tmp_path: Path) -> None:
    """Before steps all over a run: what is there is whole, and the next run completes it."""
    async with runs() as (here, process):
        _, said = await process.run(tmp_path / "plain")
        steps = said["steps"]
        assert len(steps) > 40
        for number, part in enumerate((0.1, 0.45, 0.7, 0.9)):
            assert await kill_at(here, process, tmp_path / str(number), round(part * len(steps)))


@pytest.mark.slow
async def test_killed_at_each_step(tmp_path: Path) -> None:
    """The same before every step that a run takes."""
    async with runs() as (here, process):
        step = 1
        while await kill_at(here, process, tmp_path / str(step), step):
            step += 1
        assert step > 90
        print(f"killed before each of {step - 1} steps")
