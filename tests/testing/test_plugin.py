"""The fixture that programs test themselves with, used as they would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import pytest

from telefast.testing import ErrorOn


async def export(client, chat):
    return [message.id async for message in client.iter_messages(chat, wait_time=0)]


async def test_export(telegram):
    telegram.world.add_channel("Ships", message_count=250, username="ships")
    async with telegram.client() as client:
        assert len(await export(client, "ships")) == 250
    assert telegram.requests["messages.getHistory"] == 3


class TestFaults:
    @pytest.fixture
    def telegram_options(self):
        return {"rules": [ErrorOn("messages.getHistory", 420, "FLOOD_WAIT_3", nth=9)]}

    async def test_never_asked(self, telegram):
        assert telegram.world.seed == 0
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_a_program_tests_itself(tmp_path: Path, mode: str) -> None:
    """The fixture serves an ordinary client, and a fault that never fired fails its test."""
    text = _PROGRAM
    if mode == "strict":
        text = text.replace("import pytest\n", "import pytest\npytestmark = pytest.mark.asyncio\n")
    (tmp_path / "test_program.py").write_text(text, "utf-8")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nasyncio_mode = {mode}\n", "utf-8")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["telefast.testing.plugin"]\n', "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--no-header"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "UnusedRuleError" in done.stdout
