"""Equal bytes under two ids are stored once."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telefast import FileKey, MediaDedupeCache
from telefast.media import dedupe, linking


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where downloads go."""
    path = tmp_path / "media"
    path.mkdir()
    return path


def names(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(each.name for each in folder.iterdir())


def key(number: int) -> FileKey:
    """Return a key."""
    return FileKey("document", number)


def writer(path: Path, data: bytes) -> Callable[[], Any]:
    """Return a download."""

    async def download() -> Path:
        await asyncio.to_thread(path.write_bytes, data)
        return path

    return download


async def test_o51_equal_bytes_of_two_ids_are_stored_once(folder: Path, tmp_path: Path) -> None:
    """One file, two references; also over two runs. Other bytes, also of the same size, stay."""
    for number in range(4):
        async with MediaDedupeCache(tmp_path / "files.db", contents=True) as cache:
            data = b"other" if number == 3 else b"hello"
            found = await cache.get_or_download(key(number), writer(folder / f"{number}", data))
            assert found.path == folder / ("3" if number == 3 else "0")
            assert not found.hit
            assert cache.stats().shared == (number in (1, 2))
            assert (await cache.get_or_download(key(number), folder.exists)).path == found.path  # type: ignore[arg-type]
    assert names(folder) == ["0", "3"]


@pytest.mark.parametrize("mode", ["hardlink", "reflink"])
async def test_o51_each_name_stays_where_files_are_linked(
    mode: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second file has its name, and the bytes of the first."""
    monkeypatch.setattr(linking, "_clone", os.link)
    cache = MediaDedupeCache(contents=True, link_mode=mode)
    for number in range(2):
        found = await cache.get_or_download(key(number), writer(folder / f"{number}", b"hello"))
        assert found.path == folder / f"{number}"
    assert (folder / "0").samefile(folder / "1")
    assert names(folder) == ["0", "1"]
    assert cache.stats().shared == 1


async def test_where_there_are_no_links_both_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is copied for nothing; it is counted."""

    def fail(*args: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "no")

    monkeypatch.setattr(os, "link", fail)
    cache = MediaDedupeCache(contents=True, link_mode="hardlink")
    inodes = set()
    for number in range(2):
        path = folder / f"{number}"
        await cache.get_or_download(key(number), writer(path, b"hello"))
        inodes.add(path.stat().st_ino)
    assert len(inodes) == 2
    assert (cache.stats().shared, cache.stats().link_fallbacks) == (0, 1)


async def test_a_file_is_given_up_only_for_one_that_has_its_bytes(folder: Path) -> None:
    """The older file was replaced by one of its size: nothing is removed, the new one counts."""
    cache = MediaDedupeCache(contents=True)
    await cache.get_or_download(key(0), writer(folder / "0", b"hello"))
    (folder / "0").write_bytes(b"jello")
    found = await cache.get_or_download(key(1), writer(folder / "1", b"hello"))
    assert found.path == folder / "1"
    third = await cache.get_or_download(key(2), writer(folder / "2", b"hello"))
    assert third.path == folder / "1"
    assert names(folder) == ["0", "1"]


async def test_the_same_file_under_two_ids_is_kept(folder: Path) -> None:
    """Two downloads to one place, or two names of one file: it is never removed."""
    cache = MediaDedupeCache(contents=True)
    await cache.get_or_download(key(0), writer(folder / "0", b"hello"))
    assert (
        await cache.get_or_download(key(1), writer(folder / "0", b"hello"))
    ).path == folder / "0"
    os.link(folder / "0", folder / "1")
    assert await cache.put(key(2), folder / "1") == folder / "1"
    assert names(folder) == ["0", "1"]


async def test_equal_files_that_come_at_once(folder: Path, tmp_path: Path) -> None:
    """Ten ids, the same bytes, at the same time: one is stored."""
    async with MediaDedupeCache(tmp_path / "files.db", contents=True) as cache:
        found = await asyncio.gather(
            *(cache.get_or_download(key(i), writer(folder / f"{i}", b"hello")) for i in range(10))
        )
        assert len({each.path for each in found}) == 1
        assert len(names(folder)) == 1
        assert cache.stats().shared == 9


async def test_a_hash_is_taken_off_the_loop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a file is hashed, the loop goes on."""
    import threading

    gate, loop = threading.Event(), asyncio.get_running_loop()
    begun = asyncio.Event()
    real = linking._hash_slice

    def slow(*args: Any) -> bool:
        loop.call_soon_threadsafe(begun.set)
        gate.wait()
        return real(*args)

    monkeypatch.setattr(linking, "_hash_slice", slow)
    cache = MediaDedupeCache(contents=True)
    task = asyncio.ensure_future(cache.get_or_download(key(0), writer(folder / "0", b"hello")))
    await begun.wait()
    gate.set()
    assert (await task).path == folder / "0"


async def test_a_hash_that_is_given_is_believed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`put(sha256=…)` spares reading the file; the bytes are compared all the same."""

    async def never(path: str) -> str:
        raise AssertionError(path)

    monkeypatch.setattr(dedupe, "sha256_of", never)
    cache = MediaDedupeCache(contents=True)
    for number, data in enumerate((b"hello", b"hello", b"other")):
        (folder / f"{number}").write_bytes(data)
        kept = await cache.put(key(number), folder / f"{number}", sha256="A" * 64)
        assert kept == folder / ("2" if number == 2 else "0")
    assert names(folder) == ["0", "2"]


async def test_contents_are_pruned_and_moved_like_files(folder: Path, tmp_path: Path) -> None:
    """Entries of contents follow when a file moves, and go when it goes."""
    async with MediaDedupeCache(tmp_path / "files.db", contents=True) as cache:
        await cache.get_or_download(key(0), writer(folder / "0", b"hello"))
        (folder / "0").replace(folder / "x")
        await cache.relocate(folder / "0", folder / "x")
        found = await cache.get_or_download(key(1), writer(folder / "1", b"hello"))
        assert found.path == folder / "x"
        assert (await cache.verify()).good == 2
        (folder / "x").unlink()
        assert await cache.prune() == 3
        found = await cache.get_or_download(key(2), writer(folder / "2", b"hello"))
        assert found.path == folder / "2"
