"""Files that are here already, cancelled at each step: nothing goes on, nothing lies."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from telefast import FileKey, MediaDedupeCache
from telefast import tasks as tasks_module
from telefast.media import dedupe, dedupe_store, linking

DATA = {1: b"one" * 1000, 2: b"two" * 1000, 3: b"one" * 1000}


class Steps:
    """Counts the waits for threads, and cancels the task that is watched at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.cancel_at = 0
        self.task: asyncio.Task[Any] | None = None
        for module in (dedupe, dedupe_store, linking):
            monkeypatch.setattr(module, "in_thread", self.in_thread)

    async def in_thread(self, call: Any, *args: Any) -> Any:
        self.count += 1
        if self.count == self.cancel_at and self.task is not None:
            self.task.cancel()
        return await tasks_module.in_thread(call, *args)


async def obtain(cache: MediaDedupeCache, folder: Path) -> None:
    """Ask for each file twice."""
    for number, data in DATA.items():
        for place in ("first", "again"):
            target = folder / place / f"{number}"

            async def download(target: Path = target, data: bytes = data) -> Path:
                await asyncio.to_thread(write, target, data)
                return target

            found = await cache.get_or_download(
                FileKey("document", number), download, target=target
            )
            assert found.path is not None
            assert found.path.read_bytes() == data


def write(path: Path, data: bytes) -> None:
    """Write a file in a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.mark.parametrize("mode", ["reuse", "hardlink", "copy"])
async def test_cancelled_at_each_step(
    mode: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is cancelled: no task is left, and the next run has all files."""
    monkeypatch.setattr(linking, "_SLICE", 2000)
    steps = Steps(monkeypatch)
    while True:
        steps.cancel_at += 1
        steps.count = 0
        folder = tmp_path / f"{steps.cancel_at}"
        options: dict[str, Any] = {"link_mode": mode, "contents": mode != "copy"}
        async with MediaDedupeCache(folder / "files.db", **options) as cache:
            steps.task = asyncio.ensure_future(obtain(cache, folder))
            await asyncio.wait({steps.task})
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert cache._flights._flights == {}
            is_through = not steps.task.cancelled()
            steps.task = None
            await obtain(cache, folder)
            check = await cache.verify()
            assert (check.good, check.stale) == (3, {})
        left = [path.name for path in folder.rglob("*") if path.suffix in (".part", ".link")]
        assert left == []
        if is_through:
            break
    assert steps.cancel_at > 30
