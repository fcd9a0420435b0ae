"""`MediaDedupeCache` on real disks, over all its stores; downloads are functions that write."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import (
    ArgumentError,
    ClosedError,
    DedupeResult,
    DownloadResult,
    FileKey,
    FileMismatchError,
    MediaDedupeCache,
    items_of,
)
from telefast.media.dedupe_managers import ManagerStore
from telefast.media.dedupe_rules import Entry
from telefast.metrics import Metrics
from tests.storage.managers import AsyncManager, ConfusedManager, PathManager, SyncManager
from tests.unit.media_model import document, message, with_photo

NAMED = types.DocumentAttributeFilename("video.mp4")

STORES: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: None,
    "sqlite": lambda folder: folder / "state" / "files.db",
    "async get and set": lambda folder: AsyncManager(),
    "get and set": lambda folder: SyncManager(),
    "confused": lambda folder: ConfusedManager(),
    "mapping": lambda folder: {},
    "paths": lambda folder: PathManager(),
}


@pytest.fixture(params=STORES, ids=lambda name: name.replace(" ", "-"))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """One of each kind of store."""
    return STORES[request.param](tmp_path)


def file(document_id: int = 9, size: int = 5, message_id: int = 12) -> types.Message:
    """Return a message with a document."""
    media = types.MessageMediaDocument(
        document=document(document_id, "video/mp4", NAMED, size=size)
    )
    return message(media, id=message_id)


class Source:
    """Downloads: write bytes to a path, count, and wait if told so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    def to(self, name: str, data: bytes = b"hello") -> Callable[[], Any]:
        """Return a download to a file in the folder."""

        async def download() -> Path:
            self.calls += 1
            await self.gate.wait()
            if self.error is not None:
                raise self.error
            path = self.folder / name
            path.write_bytes(data)
            return path

        return download


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A source that writes to `tmp_path / "media"`."""
    (tmp_path / "media").mkdir()
    return Source(tmp_path / "media")


async def settle() -> None:
    """Let tasks and their threads come to rest."""
    for _ in range(20):
        await asyncio.sleep(0)
        await asyncio.to_thread(int)


async def test_two_messages_with_one_document_give_the_same_path_and_one_transfer(
    store: Any, source: Source
) -> None:
    """The second message is a hit; what it saved is counted, in the stats and the metrics."""
    metrics = Metrics()
    async with MediaDedupeCache(store, metrics=metrics) as cache:
        first = await cache.get_or_download(file(message_id=1), source.to("a"))
        second = await cache.get_or_download(file(message_id=2), source.to("b"))
        path, key = source.folder / "a", FileKey("document", 9)
        assert first == DedupeResult(path, False, key, 0)
        assert second == DedupeResult(path, True, key, 5, "reuse")
        assert source.calls == 1
        assert await cache.get(key if store is None else file()) == path
        stats = cache.stats()
        assert (stats.hits, stats.misses, stats.bytes_saved, stats.stale) == (2, 1, 10, 0)
    assert metrics.snapshot() == {
        "dedupe_bytes_saved": 10,
        "dedupe_entries": 1,
        "dedupe_hits": 2,
        "dedupe_misses": 1,
    }


@pytest.mark.parametrize(
    "name", [name for name in STORES if name != "memory"], ids=lambda name: name.replace(" ", "-")
)
async def test_persistence_across_runs_with_a_stubbed_cache_manager(
    name: str, tmp_path: Path, source: Source
) -> None:
    """A second run downloads nothing: not with a data base, not with a manager of any kind."""
    store = STORES[name](tmp_path)
    for _ in range(2):
        async with MediaDedupeCache(store) as cache:
            found = await cache.get_or_download(file(), source.to("a"))
            assert found.path == source.folder / "a"
    assert source.calls == 1
    assert found.hit


async def test_put_and_get(store: Any, source: Source) -> None:
    """Check before, remember after: without `get_or_download`."""
    async with MediaDedupeCache(store) as cache:
        assert await cache.get(file()) is None
        assert await cache.put(file(), await source.to("a")()) == source.folder / "a"
        assert await cache.get(file(message_id=7)) == source.folder / "a"
        assert await cache.get(file(10)) is None


@pytest.mark.parametrize("damage", ["gone", "cut", "longer", "a folder", "dangling"])
async def test_o53_a_file_that_is_not_what_it_was_is_fetched_again(
    damage: str, store: Any, source: Source
) -> None:
    """Deleted, truncated or replaced behind the cache: a miss; the entry is right again after."""
    async with MediaDedupeCache(store) as cache:
        path = source.folder / "a"
        await cache.get_or_download(file(), source.to("a"))
        path.unlink()
        if damage in ("cut", "longer"):
            path.write_bytes(b"hell" if damage == "cut" else b"hello!")
        elif damage == "a folder":
            path.mkdir()
        elif damage == "dangling":
            path.symlink_to(source.folder / "nothing")
        assert await cache.get(file()) is None
        again = await cache.get_or_download(file(), source.to("b"))
        assert (again.hit, again.path) == (False, source.folder / "b")
        assert (await cache.get_or_download(file(), source.to("c"))).path == source.folder / "b"
        assert source.calls == 2
        assert cache.stats().stale >= 1


async def test_o53_a_file_replaced_by_one_of_its_size_is_found_out_by_its_hash(
    tmp_path: Path, source: Source
) -> None:
    """With `verify="sha256"`; a size that is right is enough for the default."""
    path = tmp_path / "files.db"
    async with MediaDedupeCache(path, verify="sha256") as cache:
        await cache.get_or_download(file(), source.to("a"))
        assert (await cache.get_or_download(file(), source.to("b"))).hit
        (source.folder / "a").write_bytes(b"jello")
    async with MediaDedupeCache(path) as cache:
        assert (await cache.verify()).stale == {FileKey("document", 9): "changed"}
        assert (await cache.get_or_download(file(), source.to("b"))).hit
    async with MediaDedupeCache(path, verify="sha256") as cache:
        found = await cache.get_or_download(file(), source.to("b"))
        assert (found.hit, found.path) == (False, source.folder / "b")
        assert cache.stats().stale == 1


async def test_what_cannot_be_checked_is_no_hit_and_stays(source: Source, tmp_path: Path) -> None:
    """An entry without a hash proves nothing to `sha256`; it is replaced, not removed."""
    path = tmp_path / "files.db"
    async with MediaDedupeCache(path) as cache:
        await cache.get_or_download(file(), source.to("a"))
    async with MediaDedupeCache(path, verify="sha256") as cache:
        assert await cache.get(file()) is None
        assert cache.stats().stale == 0
        await cache.get_or_download(file(), source.to("a"))
        assert (await cache.get_or_download(file(), source.to("a"))).hit
        assert (await cache.verify()).good == 1
    assert source.calls == 2


async def test_o52_one_transfer_for_all_who_ask_at_once(store: Any, source: Source) -> None:
    """One document in 20 messages: one download, 20 results, 19 of them saved."""
    source.gate.clear()
    async with MediaDedupeCache(store) as cache:
        tasks = [
            asyncio.ensure_future(cache.get_or_download(file(message_id=i), source.to(f"{i}")))
            for i in range(20)
        ]
        await settle()
        source.gate.set()
        found = await asyncio.gather(*tasks)
        assert {each.path for each in found} == {source.folder / "0"}
        assert [each.hit for each in found] == [False] + [True] * 19
        assert source.calls == 1
        assert cache.stats().bytes_saved == 19 * 5


@pytest.mark.parametrize("gone", [0, 1])
async def test_o52_a_cancelled_caller_takes_nobody_along(gone: int, source: Source) -> None:
    """Whoever is cancelled, also the one whose download it was: the others get the file."""
    source.gate.clear()
    cache = MediaDedupeCache()
    tasks = [
        asyncio.ensure_future(cache.get_or_download(file(), source.to(f"{i}"))) for i in range(3)
    ]
    await settle()
    tasks[gone].cancel()
    await settle()
    source.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found.pop(gone), asyncio.CancelledError)
    assert {each.path for each in found if isinstance(each, DedupeResult)} == {source.folder / "0"}
    assert source.calls == 1


async def test_the_last_cancellation_ends_the_download(source: Source) -> None:
    """Nobody wants it any more: nothing goes on, nothing is remembered."""
    source.gate.clear()
    cache = MediaDedupeCache()
    tasks = [asyncio.ensure_future(cache.get_or_download(file(), source.to("a"))) for _ in "ab"]
    await settle()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    source.gate.set()
    await settle()
    assert not (source.folder / "a").exists()
    assert await cache.get(file()) is None


async def test_a_failure_is_not_remembered_and_those_who_wait_try_again(source: Source) -> None:
    """Its error is raised where it was begun; of the others one downloads, for all of them."""
    source.gate.clear()
    cache = MediaDedupeCache()

    async def fail() -> None:
        await source.gate.wait()
        raise ConnectionError

    first = asyncio.ensure_future(cache.get_or_download(file(), fail))
    others = [asyncio.ensure_future(cache.get_or_download(file(), source.to("a"))) for _ in "abc"]
    await settle()
    source.gate.set()
    with pytest.raises(ConnectionError):
        await first
    assert [each.path for each in await asyncio.gather(*others)] == [source.folder / "a"] * 3
    assert source.calls == 1


async def test_a_failure_costs_one_call_of_each(source: Source) -> None:
    """A download that always fails is tried once by each who asks, and never again."""
    source.error = ConnectionError()
    cache = MediaDedupeCache()
    tasks = [cache.get_or_download(file(), source.to("a")) for _ in range(4)]
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in found] == [ConnectionError] * 4
    assert source.calls == 4


async def test_a_download_that_brings_nothing(source: Source) -> None:
    """None is no file and is not remembered; who waits for it tries for himself."""
    source.gate.clear()
    cache = MediaDedupeCache()

    async def nothing() -> None:
        await source.gate.wait()

    first = asyncio.ensure_future(cache.get_or_download(file(), nothing))
    second = asyncio.ensure_future(cache.get_or_download(file(), source.to("a")))
    await settle()
    source.gate.set()
    assert await first == DedupeResult(None, False, FileKey("document", 9), 0)
    assert (await second).path == source.folder / "a"
    assert (await cache.get_or_download(message(), nothing)) == DedupeResult(None, False, None, 0)
    text = await cache.get_or_download(message(), source.to("b"))
    assert text == DedupeResult(source.folder / "b", False, None, 0)


async def test_what_a_download_may_return(source: Source) -> None:
    """A path, a string, an object that has a path; nothing else."""
    cache = MediaDedupeCache()
    path = await source.to("a")()
    for number, result in enumerate((path, str(path), DownloadResult("done", path=path))):

        async def download(result: Any = result) -> Any:
            return result

        assert (await cache.get_or_download(file(number), download)).path == path

    async def other() -> int:
        return 5

    with pytest.raises(ArgumentError, match="download='int'"):
        await cache.get_or_download(file(99), other)


@pytest.mark.parametrize("data", [b"hell", b"hello!", None], ids=["short", "long", "missing"])
async def test_h9_only_the_exact_size_is_remembered(
    data: bytes | None, source: Source, store: Any
) -> None:
    """A file that is short, long or not there is an error, whoever says that it was downloaded."""
    async with MediaDedupeCache(store) as cache:
        if data is not None:
            (source.folder / "a").write_bytes(data)

        async def download() -> Path:
            return source.folder / "a"

        with pytest.raises(FileMismatchError):
            await cache.get_or_download(file(), download)
        with pytest.raises(FileMismatchError):
            await cache.put(file(), source.folder / "a")
        assert await cache.get(file()) is None
    loose = MediaDedupeCache(verify="exists")
    if data is not None:
        await loose.put(file(), source.folder / "a")
        assert await loose.get(file()) == source.folder / "a"


async def test_a_file_of_unknown_size_must_be_there(source: Source) -> None:
    """A key alone says no size; then any file will do, but no missing one and no folder."""
    cache, key = MediaDedupeCache(), FileKey("document", 9)
    for path in (source.folder / "none", source.folder):
        with pytest.raises(FileMismatchError):
            await cache.put(key, path)
    assert await cache.get(key) is None
    await cache.put(key, await source.to("a", b"")())
    assert await cache.get(key) == source.folder / "a"


async def test_a_manager_of_paths_knows_no_sizes(source: Source) -> None:
    """The next run believes Telegram's size; without one it is a hit for `exists` only."""
    manager = PathManager()
    await MediaDedupeCache(manager).put(file(), await source.to("a")())
    found = await MediaDedupeCache(manager).get_or_download(file(), source.to("b"))
    assert (found.path, found.hit, found.bytes_saved) == (source.folder / "a", True, 5)
    key = FileKey("document", 9)
    assert await MediaDedupeCache(manager).get(key) is None
    assert await MediaDedupeCache(manager, verify="exists").get(key) == source.folder / "a"


async def test_what_a_run_knows_itself_it_knows_for_all_stores(store: Any, source: Source) -> None:
    """Sizes too, which a manager of paths forgets; and what was forgotten may be put again."""
    async with MediaDedupeCache(store) as cache:
        await cache.put(file(), await source.to("a")())
        assert await cache.get(FileKey("document", 9)) == source.folder / "a"
        await cache.invalidate(file())
        await cache.put(file(), source.folder / "a")
        assert await cache.get(file()) == source.folder / "a"


async def test_a_manager_keeps_what_another_process_has_put() -> None:
    """What is dropped is the entry that was wrong, not the one that has taken its place."""
    manager = AsyncManager()
    old, new = Entry("/old", 5), Entry("/new", 5)
    mine, other = ManagerStore(manager, 9), ManagerStore(manager, 9)
    await mine.keep("key", old)
    await other.keep("key", new)
    assert not await mine.drop("key", old)
    assert await mine.find("key") == new
    assert await mine.drop("key", new)
    assert await mine.find("key") is None


async def test_h11_equal_message_ids_of_two_chats_are_two_files(source: Source) -> None:
    """A message's id is never part of what a file is; nor is its chat."""
    cache = MediaDedupeCache()
    await cache.get_or_download(file(1, message_id=5), source.to("a"))
    other = file(2, message_id=5)
    other.peer_id = types.PeerChannel(56)
    assert not (await cache.get_or_download(other, source.to("b"))).hit
    forward = file(1, message_id=77)
    forward.peer_id = types.PeerUser(5)
    assert (await cache.get_or_download(forward, source.to("c"))).hit


async def test_names_count_only_on_request_and_within_a_chat(source: Source) -> None:
    """The same chat, name and size, another id: a hit with `by_name=True`, and no identity."""
    strict, loose = MediaDedupeCache(), MediaDedupeCache(by_name=True)
    for cache, is_hit in ((strict, False), (loose, True)):
        await cache.get_or_download(file(1), source.to("a"))
        assert (await cache.get_or_download(file(2), source.to("b"))).hit is is_hit
    elsewhere = file(3)
    elsewhere.peer_id = types.PeerChannel(56)
    assert await loose.get(elsewhere) is None
    assert await loose.get(file(4, size=6)) is None
    assert await loose.get(FileKey("document", 2)) is None


async def test_keys_of_photos_tell_sizes_apart(source: Source) -> None:
    """A photo's preview is another file than the photo."""
    sizes = [types.PhotoSize("m", 3, 2, 4), types.PhotoSize("x", 8, 5, 5)]
    shown = message(with_photo())
    shown.media.photo.sizes = sizes
    large, small = items_of(shown, thumbs=True)
    cache = MediaDedupeCache()
    await cache.get_or_download(large, source.to("a"))
    assert await cache.get(small) is None
    assert await cache.get(shown) == source.folder / "a"


# Files that move


async def test_relocate_a_file(store: Any, source: Source) -> None:
    """Who moves a file says so, and it stays a hit; of other files nothing changes."""
    async with MediaDedupeCache(store) as cache:
        for number, name in enumerate("ab"):
            await cache.get_or_download(file(number), source.to(name))
        new = source.folder / "moved"
        (source.folder / "a").replace(new)
        assert await cache.relocate(source.folder / "a", new) == 1
        assert await cache.get(file(0)) == new
        assert await cache.get(file(1)) == source.folder / "b"
        assert await cache.relocate(source.folder / "a", new) == 0
        assert cache.stats().stale == 0


async def test_relocate_a_folder(store: Any, source: Source, tmp_path: Path) -> None:
    """All that is below it moves along, and nothing that only begins like it."""
    async with MediaDedupeCache(store) as cache:
        (source.folder / "deep").mkdir()
        (source.folder / "deep-not").mkdir()
        for number, name in enumerate(("deep/a", "deep/b", "deep-not/c")):
            await cache.get_or_download(file(number), source.to(name))
        (source.folder / "deep").replace(tmp_path / "new")
        assert await cache.relocate(source.folder / "deep", tmp_path / "new") == 2
        assert await cache.get(file(0)) == tmp_path / "new" / "a"
        assert await cache.get(file(1)) == tmp_path / "new" / "b"
        assert await cache.get(file(2)) == source.folder / "deep-not" / "c"


async def test_a_library_moves_with_its_data_base(tmp_path: Path) -> None:
    """Paths below the data base are relative to it."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "media").mkdir(parents=True)
    source = Source(old / "media")
    async with MediaDedupeCache(old / "files.db") as cache:
        await cache.get_or_download(file(), source.to("a"))
    old.replace(new)
    async with MediaDedupeCache(new / "files.db") as cache:
        assert await cache.get(file()) == new / "media" / "a"


@pytest.mark.skipif(os.name != "posix", reason="names that are bytes")
async def test_names_that_are_no_unicode(store: Any, source: Source) -> None:
    """A path that is no Unicode is kept as the bytes that it is."""
    try:
        (source.folder / os.fsdecode(b"\xff\xfe")).touch()
    except OSError:
        pytest.skip("this disk takes Unicode only")
    async with MediaDedupeCache(store) as cache:
        name = os.fsdecode(b"\xe9t\xe9")
        await cache.get_or_download(file(), source.to(name))
        assert await cache.get(file()) == source.folder / name
        (source.folder / name).replace(source.folder / "x")
        assert await cache.relocate(source.folder / name, source.folder / "x") == 1
        assert await cache.get(file()) == source.folder / "x"


# Care


async def test_invalidate(store: Any, source: Source) -> None:
    """An entry is forgotten, its file stays."""
    async with MediaDedupeCache(store, by_name=True) as cache:
        await cache.get_or_download(file(), source.to("a"))
        assert await cache.invalidate(file())
        assert not await cache.invalidate(file())
        assert await cache.get(file()) is None
        assert (source.folder / "a").exists()


async def test_prune_and_verify(store: Any, source: Source) -> None:
    """`verify` tells what is wrong and changes nothing; `prune` removes it, and nothing else."""
    async with MediaDedupeCache(store) as cache:
        for number, name in enumerate("abcd"):
            await cache.put(file(number), await source.to(name)(), sha256=HELLO)
        (source.folder / "b").unlink()
        (source.folder / "c").write_bytes(b"hi")
        (source.folder / "d").write_bytes(b"jello")
        for _ in range(2):
            check = await cache.verify()
            assert (check.good, check.unsure) == (1, 0)
            assert check.stale == {
                FileKey("document", 1): "missing",
                FileKey("document", 2): "resized",
                FileKey("document", 3): "changed",
            }
        assert await cache.prune() == 2
        assert await cache.prune() == 0
        assert (await cache.verify()).stale == {FileKey("document", 3): "changed"}
        assert await cache.get(file(0)) == source.folder / "a"


async def test_what_cannot_be_read_stays(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails proves nothing: a miss, but the entry stays for when it is back."""
    cache = MediaDedupeCache(verify="sha256")
    await cache.get_or_download(file(), source.to("a"))
    with monkeypatch.context() as patch:

        def fail(*args: Any) -> Any:
            raise OSError(5, "Input/output error")

        patch.setattr("telefast.media.linking.FileIO", fail)
        assert await cache.get(file()) is None
        assert (await cache.verify()).unsure == 1
        assert await cache.prune() == 0
        patch.undo()
        patch.setattr(Path, "stat", fail)
        assert await cache.get(file()) is None
    assert await cache.get(file()) == source.folder / "a"


async def test_memory_is_bounded(source: Source) -> None:
    """Without a data base, what was not asked for longest is forgotten."""
    cache = MediaDedupeCache(max_entries=2)
    for number, name in enumerate("abc"):
        await cache.get_or_download(file(number), source.to(name))
        await cache.get(file(0))
    assert [await cache.get(file(number)) is not None for number in range(3)] == [True, False, True]


async def test_a_closed_cache(store: Any) -> None:
    """Closing twice is fine; using it after that is an error."""
    cache = MediaDedupeCache(store)
    await cache.aclose()
    await cache.aclose()
    for call in (
        cache.get(file()),
        cache.put(file(), "x"),
        cache.get_or_download(file(), asyncio.Event().wait),
        cache.relocate("a", "b"),
        cache.invalidate(file()),
        cache.prune(),
        cache.verify(),
    ):
        with pytest.raises(ClosedError):
            await call


@pytest.mark.parametrize(
    "wrong",
    [
        {"store": 5},
        {"verify": "hash"},
        {"link_mode": "move"},
        {"store": "a\0b"},
        {"max_entries": 0},
        {"max_entries": "x"},
        {"contents": True, "link_mode": "copy"},
    ],
    ids=str,
)
def test_wrong_options(wrong: dict[str, Any]) -> None:
    """They are refused at once."""
    with pytest.raises(ArgumentError):
        MediaDedupeCache(**wrong)


async def test_a_message_without_a_file(source: Source) -> None:
    """There is nothing to find, and nothing to remember."""
    cache = MediaDedupeCache()
    assert await cache.get(message()) is None
    assert not await cache.invalidate(message())
    with pytest.raises(ArgumentError):
        await cache.put(message(), await source.to("a")())
    with pytest.raises(ArgumentError):
        await cache.get(5)


async def test_wrong_arguments(source: Source) -> None:
    """They are refused by name, before anything is fetched or kept."""
    path: Any = source.folder / "a"
    path.write_bytes(b"hello")
    wrong: Any = 123
    async with MediaDedupeCache() as cache:
        for name, call in {
            "path": cache.put(file(), wrong),
            "sha256": cache.put(file(), path, sha256="zz"),
            "old": cache.relocate(wrong, "x"),
            "new": cache.relocate("x", wrong),
            "target": cache.get_or_download(file(), source.to("b"), target=wrong),
        }.items():
            with pytest.raises(ArgumentError, match=f"^{name}="):
                await call
        assert (source.calls, await cache.get(file())) == (0, None)


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
async def test_only_its_owner_reads_the_data_base(tmp_path: Path, source: Source) -> None:
    """It tells which files an account has seen: mode 0600, all three files of it."""
    async with MediaDedupeCache(tmp_path / "files.db") as cache:
        await cache.get_or_download(file(), source.to("a"))
        modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in files(tmp_path)}
    assert modes == {"files.db": 0o600, "files.db-shm": 0o600, "files.db-wal": 0o600}
    assert files(tmp_path) == ["files.db"]


def files(folder: Path) -> list[str]:
    """Return the names of the data base's files."""
    return sorted(each.name for each in folder.glob("files*"))


HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
"""The SHA-256 of `hello`."""
