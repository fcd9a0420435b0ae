"""A forum that is written to files and killed before any step: each file whole, all of it once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from telefast import ForumLayout
from tests.storage.layout_scene import FORUM, TOPICS, chat, files, one_pass
from tests.storage.layout_steps import RENAMED

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL and fork"),
    pytest.mark.timeout(600),
]


class Runs:
    """The process that forks for each run, the files before and after it, and where they lie."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, kind: str) -> None:
        self._process = process
        self._folder = folder
        self._kind = kind
        self.old: dict[str, bytes] = {}
        self.new: dict[str, bytes] = {}

    async def prepare(self) -> None:
        """Make a forum that is there, and look how it is to be."""
        (self._folder / "old").mkdir()
        if self._kind != "first":
            await one_pass(self._folder / "old", chat(12), style="title_id")
        self.old = files(self._folder / "old")
        await one_pass(self._folder / "new", chat(30), RENAMED, style="title_id")
        self.new = files(self._folder / "new")

    def run(self, at: int = 0) -> tuple[int, dict[str, Any]]:
        """Write what is new, killed before a step; return the exit code, and what it said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        shutil.rmtree(self._folder / "now", ignore_errors=True)
        shutil.copytree(self._folder / "old", self._folder / "now")
        order = {"folder": str(self._folder / "now"), "at": at, "rewrite": self._kind == "rewrite"}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = {}
        while "code" not in said:
            said |= json.loads(self._process.stdout.readline())
        assert "error" not in said, said
        return said["code"], said

    async def kill_at(self, step: int) -> bool:
        """Kill a run before a step, run again, and check both; False if it had fewer steps."""
        code, _ = self.run(step)
        if code == 0:
            return False
        assert -9 == code
        now = self._folder / "now"
        for name, data in files(now).items():
            if not name.endswith(".tmp"):
                assert data in (self.old.get(name), self.new.get(name)), f"{name} is not whole"
        async with ForumLayout(now, FORUM) as layout:
            ids = [layout.last_id(topic.id) for topic in TOPICS]
        least = 10 if self._kind == "later" else 0
        assert all(each >= least for each in ids), "what was there must be read again"
        await one_pass(now, chat(30), RENAMED, style="title_id")
        assert self.new == files(now)
        return True


@contextmanager
def runs(folder: Path, kind: str) -> Iterator[Runs]:
    """Start the process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.layout_steps"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Runs(process, folder, kind)


@pytest.mark.parametrize("kind", ["first", "later", "rewrite"])
async def test_killed_at_some_steps(tmp_path: Path, kind: str) -> None:
    """Before steps all over a run: each file is old or new, and the next run completes all."""
    with runs(tmp_path, kind) as forum:
        await forum.prepare()
        code, said = forum.run()
        assert (0, forum.new) == (code, files(tmp_path / "now"))
        steps = said["steps"]
        assert len(steps) > 60
        assert {"open", "write", "fsync", "replace", "execute"} <= {*steps}
        assert (kind == "first") != ("unlink" in steps)
        for part in (0.2, 0.5, 0.6, 0.7, 0.8, 0.9):
            assert await forum.kill_at(round(part * len(steps)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["first", "later", "rewrite"])
async def test_killed_at_each_step(tmp_path: Path, kind: str) -> None:
    """The same before every step that a run takes."""
    with runs(tmp_path, kind) as forum:
        await forum.prepare()
        step = 1
        while await forum.kill_at(step):
            step += 1
        print(f"killed before each of {step - 1} steps of a run: {kind}")
