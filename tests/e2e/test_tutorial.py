"""The tutorial, done as its page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "getting-started.md"

pytestmark = pytest.mark.e2e


def test_each_command_of_the_page(tmp_path: Path) -> None:
    """All programs of the page run in its order, and tell what the page says of them."""
    folder = shutil.copytree(ROOT / "examples" / "tutorial", tmp_path / "tutorial")
    environ = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    said = []
    for script in re.findall(r"^\$ python (\w+\.py)$", PAGE.read_text("utf-8"), re.MULTILINE):
        done = subprocess.run(
            [sys.executable, script],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said.append(done.stdout)
    first, archived, again, back = said
    assert "1000 of 1000 messages in 11 requests" in first
    assert "new messages: 1000, files: {'done': 139, 'skipped': 40}" in archived
    assert "new messages: 0, files: {'done': 139, 'skipped': 40}" in again
    assert "messages: 1000\n" in back
    assert not list(folder.rglob("*.part"))
