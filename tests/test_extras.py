"""What an extra enables says how to get it, where it is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PROGRAM = """
import sys
sys.modules[{needs!r}] = None  # as if it were not installed
try:
    import {module}
except ImportError as error:
    from telefast import MissingExtraError
    assert isinstance(error, MissingExtraError), error
    print(error.extra, error.name, error)
"""


@pytest.mark.parametrize(
    ("extra", "module", "needs"),
    [
        ("prometheus", "telefast.prometheus", "prometheus_client"),
        ("testing", "telefast.testing.plugin", "pytest"),
    ],
)
def test_a_missing_extra_is_named(extra: str, module: str, needs: str) -> None:
    """Importing what needs it is a typed ImportError with the command that helps."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(needs=needs, module=module)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{extra} {needs} no module {needs}: pip install 'telefast[{extra}]'\n"
    assert (said, "") == (done.stdout, done.stderr)
