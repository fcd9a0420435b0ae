"""What goes wrong with downloads, and which test proves that we bear it; nothing is imported.

Write the page: `python -m tests.faults.matrix`.
"""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROWS = ROOT / "tests/faults/matrix.toml"
PAGE = ROOT / "docs/reference/download-faults.md"

_KEYS = {"id", "problem", "holds", "seen", "tests"}
_REPORT = re.compile(r"[\w.-]+/[\w.-]+#[0-9]+")

_HEAD = """\
# What downloads bear

<!-- Written by `python -m tests.faults.matrix` out of tests/faults/matrix.toml. -->

{count} things that go wrong with downloads, most of them from public reports about other \
programs, what telefast does about each, and the tests that prove it on {{mod}}`telefast.testing`.
`make test` fails if a row has no test, or names one that is not there.

| What goes wrong | What holds | Tests |
| --- | --- | --- |
"""


def rows() -> list[dict[str, Any]]:
    """Return the rows."""
    found: list[dict[str, Any]] = tomllib.loads(ROWS.read_text("utf-8"))["row"]
    return found


@cache
def _functions(path: Path) -> frozenset[str]:
    """Return the names of the tests in a module."""
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text("utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))


def faults_of(found: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong with rows."""
    faults, names = [], [str(row.get("id")) for row in found]
    faults += [f"{name}: two rows" for name in sorted({n for n in names if names.count(n) > 1})]
    for name, row in zip(names, found, strict=True):
        if row.keys() != _KEYS:
            faults.append(f"{name}: expected {sorted(_KEYS)}")
            continue
        for key in ("problem", "holds"):
            if not row[key].endswith("."):
                faults.append(f"{name}: {key} is no sentence")
        faults += [f"{name}: {r} is no report" for r in row["seen"] if not _REPORT.fullmatch(r)]
        if not row["tests"]:
            faults.append(f"{name}: no test")
        for test in row["tests"]:
            module, _, function = test.partition("::")
            if function not in _functions(ROOT / "tests" / f"{module}.py"):
                faults.append(f"{name}: there is no test {test}")
    return faults


def page() -> str:
    """Return the page as it must be."""
    lines = []
    for row in rows():
        links = [
            f"[{report}](https://github.com/{report.replace('#', '/issues/')})"
            for report in row["seen"]
        ]
        problem = row["problem"] + (f" Reported: {', '.join(links)}." if links else "")
        tests = "<br>".join("`{}` `{}`".format(*test.split("::")) for test in row["tests"])
        lines.append(f"| {problem} | {row['holds']} | {tests} |\n")
    return _HEAD.format(count=len(lines)) + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE}")
