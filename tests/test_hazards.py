"""Does each hazard of `docs/explanation/hazards.md` have a test that closes it?"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/explanation/hazards.md"
COUNT = 36


def _rows() -> list[tuple[str, str]]:
    """Return the number of each row and its cell of tests."""
    return re.findall(r"^\| (H\d+) \|.*\| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)


@cache
def _tests(module: str) -> frozenset[str]:
    """Return the names of the tests in a module, which is not imported."""
    path = ROOT / "tests" / f"{module}.py"
    if not path.is_file():
        return frozenset()
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(
        node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, kinds)
    )


def test_each_hazard_has_a_row() -> None:
    """All of them, in order, and nothing that looks like a row and is none."""
    assert [f"H{number}" for number in range(1, COUNT + 1)] == [name for name, _ in _rows()]
    assert COUNT == PAGE.read_text("utf-8").count("\n| H")


def test_each_row_names_tests_that_there_are() -> None:
    """One at least, beside what comes later, and each is in the module that the row names."""
    faults = []
    for hazard, cell in _rows():
        said = [part for part in cell.split("<br>") if not part.startswith("*later*: ")]
        named = [re.fullmatch(r"`([\w/]+)` `(test_\w+)`", part) for part in said]
        faults += [
            f"{hazard}: there is no test {part}"
            for part, name in zip(said, named, strict=True)
            if name is None or name[2] not in _tests(name[1])
        ]
        faults += [f"{hazard}: no test"] * (not said)
    assert [] == faults
