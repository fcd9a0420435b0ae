"""Is the suite worth its time? Errors that others made are put in, one by one, and must be found.

Each mutant is a copy of the library with one line changed, and a part of the suite that must fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLANNER = ["tests/unit/test_windows.py"]
DENSE = ["tests/unit/test_dense.py"]
PACER = ["tests/unit/test_pacing.py"]
NO_LOSS = ["tests/client/test_no_loss.py"]


@dataclass(frozen=True)
class Mutant:
    """One changed line.

    Attributes:
        name: The error, in words.
        path: The module, below the package.
        old: What it says.
        new: What it says instead.
        tests: Which tests must find it.
    """

    name: str
    path: str
    old: str
    new: str
    tests: list[str]

    def __str__(self) -> str:
        return self.name


MUTANTS = [
    Mutant(
        "a short page ends the walk",
        "history/outbox.py",
        "return self.left > 0 and self.is_end_ahead()",
        "return self.left > 0 and self.is_end_ahead() and len(answer.ids) >= self._order.size",
        PLANNER,
    ),
    Mutant(
        "a seam is taken for closed",
        "history/windows.py",
        "if is_open and not (self._claimed",
        "if False and not (self._claimed",
        PLANNER,
    ),
    Mutant(
        "< for <= at a seam",
        "history/order.py",
        "return one > other if self.query.reverse else one < other",
        "return one >= other if self.query.reverse else one <= other",
        PLANNER,
    ),
    Mutant(
        "pages do not overlap",
        "history/segment.py",
        "self._stride = order.size - 1",
        "self._stride = order.size",
        ["tests/client/test_request_counts.py"],
    ),
    Mutant(
        "an empty page ends the walk",
        "history/windows.py",
        "elif self._claimed != self._out.last:",
        "elif False:",
        [*PLANNER, *NO_LOSS],
    ),
    Mutant(
        "min_id is inclusive",
        "history/query.py",
        "return self.low < message_id < self.high",
        "return self.low <= message_id < self.high",
        PLANNER,
    ),
    Mutant(
        "the shift is applied on each page",
        "history/order.py",
        "return Ask(min(anchor, MAX_ID), add_offset, size, offset_date)",
        "return Ask(min(anchor, MAX_ID), add_offset + self.query.add_offset, size, offset_date)",
        PLANNER,
    ),
    Mutant(
        "nothing is looked for behind the end",
        "history/windows.py",
        "if self._swept == self._out.last or",
        "if True or",
        [*PLANNER, *NO_LOSS],
    ),
    Mutant(
        "a stretch by ids is believed without the history",
        "history/dense.py",
        "if found != stretch.owed or None in stamps:",
        "if None in stamps:",
        DENSE,
    ),
    Mutant(
        "what changes between two answers is overlooked",
        "history/dense.py",
        "return not is_torn and self._counts[last] - self._counts[first] == last - first",
        "return not is_torn",
        DENSE,
    ),
    Mutant(
        "a later flood shortens a wait",
        "transport/bucket.py",
        "self.held_until = max(self.held_until, now + seconds)",
        "self.held_until = now + seconds",
        PACER,
    ),
    Mutant(
        "the echo of a flood is taken for another",
        "transport/bucket.py",
        "if number < self._first:",
        "if False:",
        PACER,
    ),
    Mutant(
        "a page is lost when its request fails",
        "transport/calls.py",
        "except RPCError as error:\n",
        "except RPCError as error:\n            return bytes.fromhex('3a54748c') + bytes(16)\n",
        NO_LOSS,
    ),
    Mutant(
        "the cursor is what was fetched",
        "history/taking.py",
        "self._track.took(message)\n                    return message",
        "[self._track.took(m) for m in piece.messages if self._index == 1]; return message",
        ["tests/faults/test_streams.py"],
    ),
    Mutant(
        "an error drops what came before it",
        "tasks.py",
        "self._error = error\n        finally:",
        "self._error = error; self._items.clear()\n        finally:",
        ["tests/unit/test_tasks.py"],
    ),
    Mutant(
        "the reorder buffer is not ordered",
        "history/plan.py",
        "token = self._head + 1",
        "token = next(iter(self._answers), self._head + 1)",
        ["tests/unit/test_plan.py"],
    ),
]


def run(folder: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a part of the suite on the copy in *folder*."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
    ]
    return subprocess.run(
        [*command, *tests],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "HYPOTHESIS_PROFILE": "ci"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the library and of its tests."""
    for name in ("telefast", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutants_are_found(copy: Path, mutant: Mutant) -> None:
    """The suite fails on the changed line, by a test and not for want of one."""
    path = copy / "telefast" / mutant.path
    text = path.read_text("utf-8")
    assert text.count(mutant.old) == 1, "the line is not there any more: choose another"
    path.write_text(text.replace(mutant.old, mutant.new), "utf-8")
    done = run(copy, mutant.tests)
    assert done.returncode == 1, done.stdout
    assert " failed" in done.stdout


@pytest.mark.slow
def test_without_a_mutant_all_passes(copy: Path) -> None:
    """What the mutants are measured by passes on the library as it is."""
    done = run(copy, ["tests/unit/test_windows.py", "tests/unit/test_plan.py"])
    assert done.returncode == 0, done.stdout
