"""One file in two places: links, clones and copies, and what becomes of them when disks refuse."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import ArgumentError, DiskFullError, FileKey, MediaDedupeCache, StoreLockedError
from telefast.media import linking
from telefast.media.files import PartFile, part_path
from telefast.media.linking import absolute, is_equal, is_same_file, link, place, sha256_of
from tests.unit.media_model import document, message

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="FICLONE is Linux's")
KEY = FileKey("document", 9)


def file(document_id: int = 9) -> types.Message:
    """Return a message with a document of 5 bytes."""
    return message(types.MessageMediaDocument(document=document(document_id, size=5)))


def put(path: Path, data: bytes) -> None:
    """Write a file."""
    path.write_bytes(data)


def content(path: Path) -> bytes:
    """Read a file."""
    return path.read_bytes()


def names(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of 5 bytes in a folder of its own."""
    path = tmp_path / "first" / "a"
    path.parent.mkdir()
    path.write_bytes(b"hello")
    return path


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read two bytes at a time."""
    monkeypatch.setattr(linking, "_SLICE", 2)


def raiser(code: int) -> Any:
    """Return a function that fails with an error number."""

    def fail(*args: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("before", [None, b"other"], ids=["new", "replaced"])
async def test_a_hard_link_is_the_same_file(
    before: bytes | None, source: Path, tmp_path: Path
) -> None:
    """A new name for the same bytes, at once in place of what was there; nothing is left beside."""
    target = tmp_path / "second" / "b"
    if before is not None:
        target.parent.mkdir()
        target.write_bytes(before)
    for _ in range(2):
        assert await place(str(source), target, "hardlink", 5) == "hardlink"
        assert target.samefile(source)
        assert names(target.parent) == ["b"]
        assert target.stat().st_nlink == 2


async def test_a_link_is_made_of_the_file_not_of_a_link_to_it(source: Path, tmp_path: Path) -> None:
    """A symbolic link on the way is followed, so that what is there is a file."""
    (tmp_path / "soft").symlink_to(source)
    assert await link(str(tmp_path / "soft"), tmp_path / "b", "hardlink")
    assert not (tmp_path / "b").is_symlink()


@pytest.mark.parametrize("size", [0, 1, 4, 5])
@pytest.mark.usefixtures("small_slices")
async def test_a_copy_is_another_file_of_the_same_bytes(size: int, source: Path) -> None:
    """Slice by slice; nothing is left beside it."""
    put(source, b"hello"[:size])
    target = source.parent / "b"
    target.write_bytes(b"something else")
    assert await place(str(source), target, "copy", size) == "copy"
    assert target.read_bytes() == b"hello"[:size]
    assert not target.samefile(source)
    assert names(target.parent) == ["a", "b"]


@LINUX
async def test_a_clone_is_made_by_ficlone(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is given both files and fills the new one; what it makes has the target's name."""
    asked = []

    def ioctl(new: int, request: int, old: int) -> None:
        asked.append(request)
        os.write(new, os.pread(old, 100, 0))

    monkeypatch.setattr(linking.fcntl, "ioctl", ioctl)
    assert await place(str(source), tmp_path / "b", "reflink", 5) == "reflink"
    assert asked == [0x40049409]
    assert (tmp_path / "b").read_bytes() == b"hello"
    assert names(tmp_path) == ["b", "first"]


@pytest.mark.parametrize("mode", ["hardlink", "reflink"])
@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
async def test_what_the_disk_cannot_do_becomes_a_copy(
    mode: Any, code: int, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another disk, no such links, too many: a copy, which the result tells and the stats count."""
    monkeypatch.setattr(os, "link", raiser(code))
    monkeypatch.setattr(linking, "_clone", raiser(code))
    cache = MediaDedupeCache(link_mode=mode)
    await cache.put(file(), source)
    target = tmp_path / "b"
    result = await cache.get_or_download(file(), raiser(0), target=target)
    assert (result.path, result.hit, result.link) == (target, True, "copy")
    assert target.read_bytes() == b"hello"
    assert cache.stats().link_fallbacks == 1
    assert names(tmp_path) == ["b", "first"]


@LINUX
async def test_a_disk_without_clones(source: Path, tmp_path: Path) -> None:
    """Whatever this disk can, the target is whole and nothing is left beside it."""
    how = await place(str(source), tmp_path / "b", "reflink", 5)
    assert how in ("reflink", "copy")
    assert (tmp_path / "b").read_bytes() == b"hello"
    assert names(tmp_path) == ["b", "first"]


@pytest.mark.parametrize("mode", ["hardlink", "reflink"])
async def test_other_errors_are_errors(
    mode: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken disk is no reason to copy; the target is what it was."""
    (tmp_path / "b").write_bytes(b"old")
    for code, error in ((errno.EIO, OSError), (errno.ENOSPC, DiskFullError)):
        monkeypatch.setattr(os, "link", raiser(code))
        monkeypatch.setattr(linking, "_clone", raiser(code))
        with pytest.raises(error):
            await place(str(source), tmp_path / "b", mode, 5)
    assert (tmp_path / "b").read_bytes() == b"old"
    assert names(tmp_path) == ["b", "first"]


@pytest.mark.parametrize("mode", ["hardlink", "reflink", "copy"])
async def test_a_folder_is_no_target(mode: Any, source: Path, tmp_path: Path) -> None:
    """It stays as it is, nothing is left beside it, and the error says so."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(ArgumentError, match=r"target=.*not a folder"):
        await place(str(source), tmp_path / "folder", mode, 5)
    assert names(tmp_path) == ["first", "folder"]


async def test_a_link_that_cannot_take_its_name(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails in the last step leaves no link by its name for the time being."""

    def fail(*_: object) -> None:
        raise IsADirectoryError(errno.EISDIR, "a folder since a moment ago")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(IsADirectoryError):
        await link(str(source), tmp_path / "b", "hardlink")
    assert names(tmp_path) == ["first"]


async def test_a_link_that_a_killed_run_has_left(source: Path, tmp_path: Path) -> None:
    """What it left beside the target is replaced, and never written into."""
    left = tmp_path / f"{part_path(tmp_path / 'b').name}.link"
    os.link(source, left)
    assert await link(str(source), tmp_path / "b", "hardlink")
    assert names(tmp_path) == ["b", "first"]
    assert content(source) == b"hello"


async def test_two_links_to_one_target_at_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes the name in between: tried again. No source: an error at once."""
    real, calls = os.link, 0

    def late(old: str, new: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            real(old, new)
        real(old, new)

    monkeypatch.setattr(os, "link", late)
    assert await link(str(source), tmp_path / "b", "hardlink")
    assert calls == 2
    with pytest.raises(FileNotFoundError):
        await link(str(tmp_path / "none"), tmp_path / "c", "hardlink")
    assert calls == 3


async def test_a_long_name_can_be_linked(source: Path, tmp_path: Path) -> None:
    """A name as long as disks take leaves no room for an ending: another one is used meanwhile."""
    for mode in ("hardlink", "copy"):
        target = tmp_path / "x" / (mode[0] * 255)
        assert await place(str(source), target, mode, 5) == mode  # type: ignore[arg-type]
    assert len(names(tmp_path / "x")) == 2


@contextmanager
def limit(size: int) -> Iterator[None]:
    """Let no file grow beyond *size*, as if the disk were full."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


@LINUX
async def test_o42_a_full_disk_leaves_the_target_as_it_was(source: Path, tmp_path: Path) -> None:
    """A copy that finds no room is an error that names the target, and nothing is left of it."""
    put(source, bytes(100_000))
    (tmp_path / "b").write_bytes(b"old")
    with limit(50_000), pytest.raises(DiskFullError) as caught:
        await place(str(source), tmp_path / "b", "copy", 100_000)
    assert caught.value.path == str(tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"old"
    assert names(tmp_path) == ["b", "first"]


async def test_a_file_that_changes_while_it_is_copied(source: Path, tmp_path: Path) -> None:
    """It is no longer the file that was looked at: an error, and no target."""
    with pytest.raises(OSError, match="it changes"):
        await place(str(source), tmp_path / "b", "copy", 6)
    assert names(tmp_path) == ["first"]


async def test_a_copy_waits_for_no_download(source: Path, tmp_path: Path) -> None:
    """If the target is being downloaded, that is an error, and the download goes on."""
    part = PartFile(tmp_path / "b", "document_5")
    part.open()
    with pytest.raises(StoreLockedError):
        await place(str(source), tmp_path / "b", "copy", 5)
    part.write([(0, b"whole")])
    part.finish(5)
    assert (tmp_path / "b").read_bytes() == b"whole"


@pytest.mark.usefixtures("small_slices")
async def test_a_cancelled_copy_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is heard between two slices; the target is what it was."""
    begun = asyncio.Event()
    loop, write = asyncio.get_running_loop(), PartFile.write

    def tell(*args: Any) -> None:
        loop.call_soon_threadsafe(begun.set)
        write(*args)

    monkeypatch.setattr(PartFile, "write", tell)
    task = asyncio.ensure_future(place(str(source), tmp_path / "b", "copy", 5))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == ["first"]


@pytest.mark.usefixtures("small_slices")
async def test_equal_files(source: Path, tmp_path: Path) -> None:
    """Equal in all bytes, or not; what cannot be read is equal to nothing."""
    other = tmp_path / "b"
    for data, answer in ((b"hello", True), (b"jello", False), (b"hell", False), (b"hello!", False)):
        other.write_bytes(data)
        assert await is_equal(str(source), str(other)) is answer
    assert not await is_equal(str(source), str(tmp_path / "none"))
    assert not await is_equal(str(tmp_path / "none"), str(source))
    assert not is_same_file(str(source), str(tmp_path / "none"))


async def test_a_file_that_cannot_be_read_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails in the midst of comparing: not equal."""
    (tmp_path / "b").write_bytes(b"hello")
    monkeypatch.setattr(linking, "_full_slice", raiser(errno.EIO))
    assert not await is_equal(str(source), str(tmp_path / "b"))


def test_a_slice_is_read_to_its_end() -> None:
    """A disk that gives less than was asked for is asked again, so that slices can be compared."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 2))

    assert linking._full_slice(Slow(b"hello")) == b"hello"  # type: ignore[arg-type]


@pytest.mark.usefixtures("small_slices")
async def test_the_hash_of_a_file(source: Path) -> None:
    """Of all its bytes, slice by slice."""
    expected = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert await sha256_of(str(source)) == expected


# By the cache


@pytest.mark.parametrize("mode", ["reuse", "hardlink", "copy"])
async def test_a_hit_comes_to_its_target(mode: Any, source: Path, tmp_path: Path) -> None:
    """By the mode of the cache; asked for at its own place, it is there already."""
    cache = MediaDedupeCache(link_mode=mode)
    await cache.put(file(), source)
    target = tmp_path / "b"
    found = await cache.get_or_download(file(), raiser(0), target=target)
    assert (found.path, found.link) == (source if mode == "reuse" else target, mode)
    assert target.exists() is (mode != "reuse")
    assert found.bytes_saved == 5
    here = await cache.get_or_download(file(), raiser(0), target=source)
    assert (here.path, here.link) == (source, "reuse")
    bare = await cache.get_or_download(file(), raiser(0))
    assert (bare.path, bare.link) == (source, "reuse")


async def test_a_file_that_goes_away_while_it_is_linked(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is downloaded then; a target that cannot be made is an error after three tries."""
    cache = MediaDedupeCache(link_mode="hardlink")
    await cache.put(file(), source)
    real = os.link

    def gone(old: str, new: str) -> None:
        Path(old).unlink()
        real(old, new)

    async def download() -> Path:
        (tmp_path / "b").write_bytes(b"hello")
        return tmp_path / "b"

    monkeypatch.setattr(os, "link", gone)
    result = await cache.get_or_download(file(), download, target=tmp_path / "b")
    assert (result.path, result.hit) == (tmp_path / "b", False)
    monkeypatch.setattr(os, "link", raiser(errno.ENOENT))
    with pytest.raises(FileNotFoundError):
        await cache.get_or_download(file(), download, target=tmp_path / "c")


@pytest.mark.parametrize("wrong", [None, 5, b"a", "a\0b"])
def test_what_is_no_path(wrong: Any) -> None:
    """A number, bytes, or what no system can open, is refused by the name of the argument."""
    assert absolute(Path("/a/../b")) == absolute("/b")
    with pytest.raises(ArgumentError, match=r"^place=.*: expected a path$"):
        absolute(wrong, "place")
