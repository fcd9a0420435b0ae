"""Check the coverage that `make test` has measured.

The unit tests alone cover every branch of the modules that decide (the list of the import contract
"decisions are pure"); all tests together cover what `fail_under` in pyproject.toml says.

Run by `make test`, or by hand after it: `.venv/bin/python tests/coverage_gates.py`
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import coverage

ROOT = Path(__file__).parent.parent


def pure_modules() -> list[str]:
    """Return the names of the modules that must stay pure."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    [contract] = [each for each in contracts if each["name"] == "decisions are pure"]
    return list(contract["source_modules"])


def combined(stem: str) -> coverage.Coverage:
    """Return what the run *stem* and its child processes have covered."""
    found = [str(path) for path in ROOT.glob(f"{stem}*")]
    if not found:
        sys.exit(f"no {stem} here: run `make test`")
    measured = coverage.Coverage(data_file=None)
    measured.combine(found, keep=True)
    return measured


def main() -> int:
    """Print both reports; 1 if one falls short."""
    pure = [f"*/{name.replace('.', '/')}.py" for name in pure_modules()]
    print("decisions, by unit tests alone:")
    of_decisions = combined(".coverage.unit").report(include=pure)
    print("everything, by all tests:")
    everything = combined(".coverage.")
    of_everything = everything.report()
    least = float(everything.get_option("report:fail_under") or 0)  # type: ignore[arg-type]
    if of_decisions < 100:
        print(f"coverage of the decisions by tests/unit is {of_decisions:.1f} %, not 100 %")
    if of_everything < least:
        print(f"coverage is {of_everything:.1f} %, below {least:g} %")
    return int(of_decisions < 100 or of_everything < least)


if __name__ == "__main__":
    sys.exit(main())
