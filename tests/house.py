"""The rooms of telefast and what each uses, drawn from `pyproject.toml` and the code.

`python -m tests.house` writes the drawing into the page about the design; tests/test_house.py
compares them.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "design.md"
BEGIN = "<!-- Drawn by `python -m tests.house`; do not edit. -->\n"
END = "<!-- End of the drawing. -->\n"


def layers() -> list[list[str]]:
    """Return the layers of rooms, the highest first, as the import contract has them."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    [rooms] = [each["layers"] for each in contracts if each["name"] == "rooms"]
    return [re.split(r" [|:] ", layer) for layer in rooms]


def _modules(room: str) -> list[Path]:
    path = ROOT / "telefast" / room
    return sorted([*path.rglob("*.py"), *path.parent.glob(f"{room}.py")])


def used_by(room: str) -> set[str]:
    """Return the other rooms that a room imports, from the syntax of its modules."""
    found = set()
    for module in _modules(room):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module == "telefast":
                names = [f"telefast.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            found |= {name.split(".")[1] for name in names if name.startswith("telefast.")}
    return {name for name in found if name != room and _modules(name)}


def _title(room: str) -> str:
    """Return what a room says of itself first, without the full stop."""
    path = ROOT / "telefast" / room
    module = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return text.partition("\n")[0].removesuffix(".")


def picture() -> str:
    """Return the layers as boxes, one upon the other."""
    rows = [" | ".join(layer) for layer in layers()]
    width = max(map(len, rows))
    edge = "+" + "-" * (width + 2) + "+"
    lines = [edge]
    for row in rows:
        lines += [f"| {row.center(width)} |", edge]
    return "\n".join(lines)


def table() -> str:
    """Return a row for each room: what it is, and what it uses."""
    rows = ["| Room | What it is | Uses |", "| --- | --- | --- |"]
    for room in (room for layer in layers() for room in layer):
        uses = ", ".join(f"`{name}`" for name in sorted(used_by(room))) or "nothing"
        rows.append(f"| `{room}` | {_title(room)} | {uses} |")
    return "\n".join(rows)


def drawn(page: str) -> str:
    """Return the page with the drawing as it should be."""
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n```text\n{picture()}\n```\n\n{table()}\n\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text("utf-8")), "utf-8")
