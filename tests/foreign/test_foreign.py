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
from tests.foreign.serve import TRANSPORTS, build, file_truth, truth

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

PATIENCE = 120
"""Seconds that a client gets for everything; it needs a sixth of that at most."""


def need(*names: str) -> None:
    """Skip the test, with the reason, unless all environments are there."""
    for name in names:
        why = reason(name)
        if why is not None:
            pytest.skip(why)


def meet(
    folder: Path, python: str | Path, *client: str | Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let a client at a server on *python*; return the client's report and the server's counts.

    The client runs in *folder*, as kurigram writes a file where it is if it gets a new error.
    """
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
            client,
            input=order,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            cwd=folder,
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
        for run in report["runs"] + report["files"]:
            print("   ", json.dumps(run))
    world = build()
    for runs, expected in (("runs", truth(world)), ("files", file_truth(world))):
        for run in report[runs]:
            assert expected == {name: run[name] for name in expected}, run["transport"]
    assert [run["transport"] for run in report["files"]] == TRANSPORTS
    assert counts["unknown"] == []
    assert counts["layer"] == report["layer"]
    assert counts["handshakes"] == len(report["runs"]) + len(report["files"])
    assert {run["port"] for run in report["files"]} == {counts["media_port"]}
    assert report["refused"] == "401 AUTH_KEY_UNREGISTERED"
    assert counts["locked"]["counts"]["users.getUsers"] == 1
    assert counts["locked"]["errors"] == {"AUTH_KEY_UNREGISTERED": 1}


def test_kurigram(tmp_path: Path, capsys: Any) -> None:
    """A key exchange and the whole chat over each of its six transports; old RSA padding.

    Then a file of 64 MiB, from the listener for files, in parts of 1 MiB until one is empty; and
    nothing for a client without a login.
    """
    need("kurigram")
    report, counts = meet(
        tmp_path, sys.executable, python_of("kurigram"), FOLDER / "kurigram_client.py"
    )
    assert [run["transport"] for run in report["runs"]] == [
        "full",
        "abridged",
        "intermediate",
        "padded intermediate",
        "obfuscated abridged",
        "obfuscated intermediate",
    ]
    assert counts["service"]["ping"] >= len(report["runs"])  # Before initConnection, each time.
    assert counts["counts"]["upload.getFile"] >= 65 * len(TRANSPORTS)
    check(report, counts, capsys)


def test_mtcute(tmp_path: Path, capsys: Any) -> None:
    """The same for mtcute's four, with RSA_PAD and p_q_inner_data_dc, on an older Telethon.

    It reads the file in parts of 128 KiB, several at once.
    """
    need("mtcute", "telethon-227")
    report, counts = meet(tmp_path, python_of("telethon-227"), "node", FOLDER / "mtcute_client.mjs")
    assert [run["transport"] for run in report["runs"]] == [
        "intermediate",
        "padded intermediate",
        "obfuscated intermediate",
        "obfuscated padded intermediate",
    ]
    assert counts["service"]["get_future_salts"] >= len(report["runs"])
    assert counts["counts"]["upload.getFile"] >= 512 * len(TRANSPORTS)
    assert {run["told_port"] for run in report["files"]} == {counts["media_port"]}
    check(report, counts, capsys)
