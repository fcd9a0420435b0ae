"""Run some tests on each Telethon and each Python that telefast serves, and print a table.

`make matrix` runs all cells one after another; `python tests/matrix.py 3.13 1.42` those whose names
hold all of these words. Each cell is an environment of its own in a temporary folder. A Python that
this machine does not have is skipped and named, as is a cell that cannot be installed here.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent

TELETHONS = ["1.42", "1.43", "1.44", "1.45"]
"""From the oldest that `pyproject.toml` admits to the one that telefast is developed with."""

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

TESTS = """
test_telethon_contract.py test_exports.py
unit/test_binding.py unit/test_codec.py unit/test_decode.py unit/test_lazy.py unit/test_schema.py
unit/test_settings.py unit/test_skip.py unit/test_tl_schema.py unit/test_undecoded.py
client/test_comments.py client/test_downloads.py client/test_forum.py client/test_forum_messages.py
client/test_history_differential.py client/test_lazy_view.py client/test_pool.py
client/test_rehydrate.py client/test_wrap.py
storage/test_store.py
testing/test_handshake.py testing/test_server.py
"""
"""What depends on Telethon's insides, on its schema or on Python's own changes: its private names,
the reading of wire bytes, the event loop; and each piece once, as a program uses it."""

DEADLINE = 900
"""Seconds that the tests of a cell may take; on two busy cores they need a third of that."""


class UnavailableError(Exception):
    """A cell cannot be made here."""


@dataclass(frozen=True)
class Cell:
    """One combination."""

    python: str
    telethon: str
    cryptg: bool = True

    def __str__(self) -> str:
        """Return the name that the command line takes."""
        bare = "" if self.cryptg else " without cryptg"
        return f"CPython {self.python}, Telethon {self.telethon}{bare}"


@dataclass(frozen=True)
class Outcome:
    """What became of a cell."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def cells() -> Iterator[Cell]:
    """Yield each Telethon on the Python at hand, each Python, and one without cryptg."""
    here = "{}.{}".format(*sys.version_info)
    yield from (Cell(here, telethon) for telethon in TELETHONS)
    yield from (Cell(python, TELETHONS[-1]) for python in PYTHONS if python != here)
    yield Cell(here, TELETHONS[-1], cryptg=False)


@cache
def interpreter(version: str) -> Path:
    """Return a Python of *version*; one on the path may be a shim that does not run."""
    if version == "{}.{}".format(*sys.version_info):
        return Path(sys.executable)
    folders = [Path(folder) for folder in os.get_exec_path()]
    found = [folder / f"python{version}" for folder in folders]
    found += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"), reverse=True)
    code = "import sys, venv; print('{}.{}'.format(*sys.version_info))"
    for python in found:
        if python.exists():
            done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
            if done.stdout.strip() == version:
                return python
    raise UnavailableError(f"there is no Python {version} on the path or in ~/.pyenv")


def install(cell: Cell, folder: Path) -> Path:
    """Make the environment of a cell in *folder* and return its Python."""
    python = folder / "bin" / "python"
    telethon = f"telethon=={cell.telethon}.*"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    group = ("--group", f"{ROOT}/pyproject.toml:test")
    steps = [
        (interpreter(cell.python), "-m", "venv", "--without-pip", folder),
        (*pip, "install", "-q", telethon, "-e", f"{ROOT}[cli,prometheus,testing]", *group),
    ]
    if not cell.cryptg:
        steps.append((*pip, "uninstall", "-q", "-y", "cryptg"))
    for step in steps:
        words = [str(word) for word in step]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
            raise UnavailableError(f"cannot be installed: {said[-1]}")
    return python


def test(python: Path, folder: Path) -> Outcome:
    """Run the tests with *python* and count."""
    report = folder / "report.xml"
    environ = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    started = time.monotonic()
    chosen = [f"tests/{name}" for name in TESTS.split()]
    words = [str(python), "-m", "pytest", *chosen, "-q", "-m", "not slow", f"--junitxml={report}"]
    words += ["-p", "no:cacheprovider", "--durations=15"]
    try:
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(failed=1, notes=(f"not done after {DEADLINE} s",))
    seconds = time.monotonic() - started
    if not report.exists():
        return Outcome(failed=1, seconds=seconds, notes=tuple(done.stdout.splitlines()[-5:]))
    cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - pytest's
    skipped = [case for case in cases if case.find("skipped") is not None]
    failed = [case for case in cases if {"failure", "error"} & {part.tag for part in case}]
    reasons = sorted({case.find("skipped").get("message", "") for case in skipped})  # type: ignore[union-attr]
    notes = [f"skipped: {reason}" for reason in reasons]
    notes += re.findall("^(?:FAILED|ERROR) tests.*", done.stdout, re.MULTILINE)
    if done.returncode and not failed:
        notes.append(f"pytest ends with {done.returncode}")
    return Outcome(
        passed=len(cases) - len(skipped) - len(failed),
        failed=len(failed) or done.returncode,
        skipped=len(skipped),
        seconds=seconds,
        notes=tuple(notes),
    )


def run(cell: Cell) -> Outcome:
    """Make a cell, run its tests, remove it."""
    with tempfile.TemporaryDirectory(prefix="telefast-matrix-") as name:
        try:
            python = install(cell, Path(name))
        except UnavailableError as error:
            return Outcome(notes=(f"SKIPPED: {error}",))
        return test(python, Path(name))


def main() -> int:
    """Run the cells that were asked for; return the number of those that failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only cells whose names hold all of these")
    parser.add_argument("--list", action="store_true", help="print the names and run nothing")
    arguments = parser.parse_args()
    chosen = [cell for cell in cells() if all(word in str(cell) for word in arguments.words)]
    if not chosen:
        parser.error(f"no cell has {' and '.join(arguments.words)} in its name")
    if arguments.list:
        print(*chosen, sep="\n")
        return 0
    print(f"{'':<44}{'passed':>8}{'failed':>8}{'skipped':>8}{'seconds':>9}", flush=True)
    broken = 0
    for cell in chosen:
        done = run(cell)
        broken += bool(done.failed)
        counts = f"{done.passed:>8}{done.failed:>8}{done.skipped:>8}{done.seconds:>9.0f}"
        print(f"{cell!s:<44}{counts}", *done.notes, sep="\n    ", flush=True)
    return broken


if __name__ == "__main__":
    sys.exit(min(main(), 100))
