"""Do clients that nobody here wrote find what is in the world, over every transport they have?

`make foreign` makes their environments (`prepare.py`) and runs these tests; without environments
they are skipped and say why. Each client is a program of its own; the server is one more process,
on a Telethon of the layer that the client speaks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.foreign.prepare import FOLDER, ROOT, python_of, reason
from tests.foreign.serve import build, truth

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

PATIENCE = 120
"""Seconds that a client gets for everything; it needs a tenth of that."""


def need(*names: str) -> None:
    """Skip the test, with the reason, unless all environments are there."""
    for name in names:
        why = reason(name)
        if why is not None:
            pytest.skip(why)


def meet(python: str | Path, *client: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let a client at a server on *python*; return the client's report and the server's counts."""
    with subprocess.Popen(
        [python, "-m", "tests.foreign.serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        order = server.stdout.readline()
        done = subprocess.run(
            client, input=order, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        server.stdin.close()
        counts = json.loads(server.stdout.readline())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), json.loads(order) | counts


def check(report: dict[str, Any], counts: dict[str, Any], capsys: Any) -> None:
    """Compare what was read with what there is, and show it."""
    with capsys.disabled():
        server = f"telethon {counts['telethon']}, layer {counts['layer']}"
        print(
            f"\n{report['client']} {report['version']}, layer {report['layer']}; server: {server}"
        )
        for run in report["runs"]:
            print("   ", json.dumps(run))
    expected = truth(build())
    for run in report["runs"]:
        assert expected == {name: run[name] for name in expected}, run["transport"]
    assert counts["unknown"] == []
    assert counts["layer"] == report["layer"]
    assert counts["handshakes"] == len(report["runs"])


def test_kurigram(capsys: Any) -> None:
    """A key exchange and the whole chat over each of its six transports; old RSA padding."""
    need("kurigram")
    report, counts = meet(sys.executable, python_of("kurigram"), FOLDER / "kurigram_client.py")
    assert [run["transport"] for run in report["runs"]] == [
        "full",
        "abridged",
        "intermediate",
        "padded intermediate",
        "obfuscated abridged",
        "obfuscated intermediate",
    ]
    assert counts["service"]["ping"] >= len(report["runs"])  # Before initConnection, each time.
    check(report, counts, capsys)


def test_mtcute(capsys: Any) -> None:
    """The same for mtcute's four, with RSA_PAD and p_q_inner_data_dc, on an older Telethon."""
    need("mtcute", "telethon-227")
    report, counts = meet(python_of("telethon-227"), "node", FOLDER / "mtcute_client.mjs")
    assert [run["transport"] for run in report["runs"]] == [
        "intermediate",
        "padded intermediate",
        "obfuscated intermediate",
        "obfuscated padded intermediate",
    ]
    assert counts["service"]["get_future_salts"] >= len(report["runs"])
    check(report, counts, capsys)
