"""Where what is remembered lies on each platform, and what damage to it costs: nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from telefast.transport import memory as module
from telefast.transport.memory import Memory, state_folder
from telefast.transport.pacing import FloodPacer

KIND = "history"


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({}, "linux", "/home/me/.local/state/telefast"),
        ({"XDG_STATE_HOME": "/state"}, "linux", "/state/telefast"),
        ({"XDG_STATE_HOME": "relative"}, "linux", "/home/me/.local/state/telefast"),
        ({}, "darwin", "/home/me/Library/Application Support/telefast"),
        ({}, "win32", "/home/me/AppData/Local/telefast"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/telefast"),
    ],
)
def test_the_usual_place(environ: dict[str, str], platform: str, expected: str) -> None:
    """By the customs of the platform; a relative XDG path is invalid, as its specification says."""
    assert expected == state_folder(environ, platform, Path("/home/me")).as_posix()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client that knows its account; `account.session.server_address` may be changed."""
    monkeypatch.setattr(module.door, "self_id", lambda client: client.id)
    return SimpleNamespace(id=777, session=SimpleNamespace(server_address="149.154.167.51"))


def run_into_floods(pacer: FloodPacer) -> None:
    """Let a kind be held for an hour."""
    now = asyncio.get_running_loop().time()
    pacer.on_flood(KIND, pacer.on_sent(KIND, now=now), 3600.0, now=now)


async def remembered(memory: Memory, account: Any) -> float:
    """Return how long a new process would hold the kind."""
    pacer = FloodPacer()
    await memory.recall(account, pacer)
    return pacer.held_until(KIND) - asyncio.get_running_loop().time()


def files(folder: Path) -> list[Path]:
    """Return the files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_one_file_for_each_account(tmp_path: Path, account: Any) -> None:
    """Its name does not tell the account; another account does not read it."""
    memory, pacer = Memory(tmp_path), FloodPacer()
    await memory.recall(account, pacer)
    await memory.keep(pacer)
    assert [] == files(tmp_path)  # nothing was learned
    run_into_floods(pacer)
    await memory.keep(pacer)
    [path] = files(tmp_path)
    assert "777" not in path.name
    assert "777" not in path.read_text()
    assert 3590 < await remembered(Memory(tmp_path), account) <= 3600
    account.id = 778
    assert await remembered(Memory(tmp_path), account) < 0


async def test_by_default_in_the_usual_place(
    tmp_path: Path, account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word from the user; not for a server on this machine, which is a test."""
    monkeypatch.setattr(module, "state_folder", lambda *_: tmp_path / "deep" / "down")
    for address, count in (("127.0.0.1", 0), ("::1", 0), (None, 1)):
        account.session.server_address = address
        memory, pacer = Memory(), FloodPacer()
        await memory.recall(account, pacer)
        run_into_floods(pacer)
        await memory.keep(pacer)
        assert count == len(files(tmp_path))


async def test_nothing_is_kept_if_told_so(tmp_path: Path, account: Any) -> None:
    """Nor while the client does not know its account."""
    for memory, known in ((Memory(False), 777), (Memory(tmp_path), None)):
        account.id = known
        pacer = FloodPacer()
        await memory.recall(account, pacer)
        run_into_floods(pacer)
        await memory.keep(pacer)
        assert [] == files(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"version": 9}'])
async def test_damage_costs_nothing(tmp_path: Path, account: Any, damage: bytes) -> None:
    """A damaged file is as good as none, and is written anew."""
    first, pacer = Memory(tmp_path), FloodPacer()
    await first.recall(account, pacer)
    run_into_floods(pacer)
    await first.keep(pacer)
    [path] = files(tmp_path)
    path.write_bytes(damage)
    assert await remembered(Memory(tmp_path), account) < 0
    await first.keep(pacer)
    assert {KIND} == set(json.loads(path.read_text())["kinds"])
    assert 3590 < await remembered(Memory(tmp_path), account)


async def test_what_cannot_be_written_is_let_be(
    tmp_path: Path, account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends no call, and leaves no half a file."""

    def full(self: Path, *_: Any) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    memory, pacer = Memory(tmp_path), FloodPacer()
    await memory.recall(account, pacer)
    run_into_floods(pacer)
    monkeypatch.setattr(Path, "write_text", full)
    await memory.keep(pacer)
    assert [] == files(tmp_path)


async def test_calls_that_begin_together_read_once(
    tmp_path: Path, account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them starts before the file is read."""
    reads = []
    plain = module._recall

    def count(path: Path) -> Any:
        reads.append(path)
        return plain(path)

    monkeypatch.setattr(module, "_recall", count)
    memory, pacer = Memory(tmp_path), FloodPacer()
    await asyncio.gather(*(memory.recall(account, pacer) for _ in range(5)))
    assert 1 == len(reads)
