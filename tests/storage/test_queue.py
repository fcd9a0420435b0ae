"""The queue: each file ends once, and is known to the next run."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import (
    ArgumentError,
    ClosedError,
    ConnectionLostError,
    DiskFullError,
    FileMismatchError,
    FileUnavailableError,
    FloodWaitTooLongError,
    UnsafePathError,
    UsageError,
    folder_name,
)
from telefast.media.origins import MessageOrigin
from telefast.testing import virtual_time
from tests.storage.queue_scene import SIZE, Downloader, content, post, queue, run
from tests.unit.media_model import REFERENCE, SECRET, message

LOST = ConnectionLostError("upload.getFile")
GONE = FileUnavailableError("document_1", "deleted")


async def until(is_so: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    while not is_so():  # noqa: ASYNC110 - of what has no event
        await asyncio.sleep(0)


def names(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(each.name for each in folder.iterdir())


async def test_every_file_comes_once_and_is_known(tmp_path: Path) -> None:
    """100 files of one name get 100 names, the same ones in each run; none is asked for twice."""
    messages, out, base = [post(i) for i in range(1, 101)], tmp_path / "out", tmp_path / "q.db"
    downloader = Downloader()
    first = await run(base, downloader, messages, out)
    assert ["done"] * 100 == [each.status for each in first]
    assert 100 == len(names(out))
    assert all(each.path.read_bytes() == content(each.item.key) for each in first)
    again = await run(base, downloader, reversed(messages), out)
    assert {("skipped", "exists", SIZE)} == {
        (each.status, each.reason, each.size) for each in again
    }
    assert {each.item.key: each.path for each in first} == {
        each.item.key: each.path for each in again
    }
    assert {1} == set(downloader.asked.values())
    assert 0 == downloader.there
    assert ["out", "q.db", "q.db.lock"] == names(tmp_path)


async def test_names_do_not_depend_on_the_order(tmp_path: Path) -> None:
    """The same files in another order, in another archive, have the same names."""
    messages = [post(i, name=name) for i, name in enumerate(["a.mp4", "A.mp4", "a.mp4"], 1)]
    for folder, order in (("one", messages), ("two", messages[::-1])):
        await run(None, Downloader(), order, tmp_path / folder)
    assert names(tmp_path / "one") == names(tmp_path / "two")


async def test_results_come_while_messages_are_still_read(tmp_path: Path) -> None:
    """The first result is there before the source goes on, and is no later than its turn."""
    taken = asyncio.Event()

    async def source() -> AsyncIterator[Any]:
        yield post(1)
        await taken.wait()
        yield post(2)

    async with (
        queue(tmp_path / "q.db", Downloader()) as here,
        here.download_all(source(), tmp_path / "out") as results,
    ):
        found = [(await anext(results)).source.id]
        taken.set()
        found += [each.source.id async for each in results]
    assert [1, 2] == found


async def test_reading_is_bounded(tmp_path: Path) -> None:
    """No more messages are read than may be under way and not taken; taking makes room."""
    read = 0

    async def source() -> AsyncIterator[Any]:
        nonlocal read
        for number in range(1, 101):
            read += 1
            yield post(number)

    async with (
        queue(None, Downloader(), ahead=10) as here,
        here.download_all(source(), tmp_path) as results,
    ):
        await anext(results)
        await until(lambda: here.stats().done >= 11)
        await here.wait_all()
        assert {"done": 11} == await here.totals()
        assert (11, 12) == (here.stats().done, read)
        taken = 1
        async for _ in results:
            taken += 1
            assert read <= taken + 11
    assert 100 == taken


async def test_files_run_side_by_side(tmp_path: Path) -> None:
    """As many as there are places, and no more."""
    downloader = Downloader()
    downloader.gate = asyncio.Event()
    async with queue(None, downloader, files=4) as here:
        for number in range(1, 11):
            await here.add(post(number), tmp_path)
        await downloader.until_running(4)
        stats = here.stats()
        assert (4, 6) == (stats.running, stats.waiting)
        downloader.gate.set()
        await here.wait_all()
    assert 4 == downloader.peak


async def test_one_document_in_twenty_messages(tmp_path: Path) -> None:
    """One transfer and twenty results, each with its own message."""
    downloader = Downloader()
    found = await run(None, downloader, [post(i, file=7) for i in range(1, 21)], tmp_path)
    assert {7: 1} == downloader.asked
    assert list(range(1, 21)) == sorted(each.source.id for each in found)
    assert 1 == len({each.path for each in found})
    assert ["done"] + ["skipped"] * 19 == sorted(each.status for each in found)
    assert {each.source.id for each in found} == {
        each.item.origin.message_id for each in found if isinstance(each.item.origin, MessageOrigin)
    }


async def test_a_file_gone_from_one_message_is_taken_from_the_next(tmp_path: Path) -> None:
    """As many messages are tried as show it; if it is in none, all have failed, once."""
    downloader = Downloader()
    downloader.script = {7: [GONE, GONE], 8: [GONE] * 3}
    downloader.gate = asyncio.Event()

    async def source() -> AsyncIterator[Any]:
        for number in range(6):
            yield post(number, file=7 + number % 2)
        downloader.gate.set()

    found = await run(tmp_path / "q.db", downloader, source(), tmp_path / "out")
    assert 3 == downloader.asked[7] == downloader.asked[8]
    assert ["done", *["failed"] * 3, *["skipped"] * 2] == sorted(each.status for each in found)
    async with queue(tmp_path / "q.db", downloader) as here:
        [failed] = await here.failed()
    assert (8, "deleted", 1) == (failed.key.id, failed.reason, failed.tries)


async def test_another_message_that_comes_while_a_failure_is_written_down(tmp_path: Path) -> None:
    """It is asked as well, and nobody hears that the file is gone."""
    downloader = Downloader()
    downloader.script = {7: [GONE]}
    downloader.gate = asyncio.Event()

    async def source() -> AsyncIterator[Any]:
        yield post(1, file=7)
        await downloader.until_running(1)
        downloader.gate.set()
        yield post(2, file=7)

    found = await run(tmp_path / "q.db", downloader, source(), tmp_path / "out")
    assert ["done", "skipped"] == [each.status for each in found]
    assert {7: 2} == downloader.asked


async def test_a_file_keeps_its_name(tmp_path: Path) -> None:
    """Also if it is called otherwise when it comes again: what was fetched of it has that name."""
    downloader, base = Downloader(), tmp_path / "q.db"
    downloader.script = {1: [GONE, GONE]}
    for name in ("first.mp4", "second.mp4"):
        await run(base, downloader, [post(1, name=name)], tmp_path / "out")
    async with queue(base, downloader) as here:
        assert ["done"] == [each.status async for each in here.download_left()]
    assert ["first-document_1.mp4"] == names(tmp_path / "out")


@virtual_time
async def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    """After 5 and 10 seconds; meanwhile the file is pending, and `wait_all` waits for it."""
    downloader = Downloader()
    downloader.script = {1: [LOST, LOST], 2: [LOST] * 3}
    loop = asyncio.get_running_loop()
    async with queue(tmp_path / "q.db", downloader) as here:
        begun = loop.time()
        for number in (1, 2, 3):
            assert 1 == await here.add(post(number), tmp_path / "out")
        await here.wait_all()
        assert 15 <= loop.time() - begun < 16
        stats = here.stats()
        assert (2, 1, 4) == (stats.done, stats.failed, stats.retried)
        assert (0, 0, 0) == (stats.waiting, stats.running, stats.resting)
        [failed] = await here.failed()
        assert (2, "ConnectionLostError") == (failed.key.id, failed.reason)
        assert "the client was disconnected" in failed.detail
        assert {"done": 2, "failed": 1} == await here.totals()
    counted = downloader.metrics.snapshot()
    assert {"enqueued": 3, "completed": 2, "failed": 1, "retried": 4, "depth": 0} == {
        name.removeprefix("queue_"): count for name, count in counted.items()
    }


@virtual_time
async def test_a_retry_is_pending_at_each_moment(tmp_path: Path) -> None:
    """While all that is left rests before another try, nothing looks finished."""
    downloader = Downloader()
    downloader.script = {1: [LOST]}
    async with queue(None, downloader) as here:
        await here.add(post(1), tmp_path)
        waiting = asyncio.ensure_future(here.wait_all())
        await asyncio.sleep(2)
        assert (0, 0, 1) == (here.stats().waiting, here.stats().running, here.stats().resting)
        assert not waiting.done()
        await waiting
        assert 1 == here.stats().done


async def test_what_cannot_pass_is_left_to_the_next_run(tmp_path: Path) -> None:
    """Wrong bytes of which another try makes no better ones, and errors of the disk."""
    downloader = Downloader()
    downloader.script = {1: [PermissionError(13, "no", "x")], 2: [GONE]}
    messages = [post(1), post(2), post(3)]
    found = await run(tmp_path / "q.db", downloader, messages, tmp_path / "out")
    failed = [each for each in found if each.status == "failed"]
    assert [(1, "PermissionError"), (2, "FileUnavailableError")] == sorted(
        (each.item.key.id, type(each.error).__name__) for each in failed
    )
    again = await run(tmp_path / "q.db", downloader, messages, tmp_path / "out")
    assert ["done", "done", "skipped"] == sorted(each.status for each in again)
    assert {1: 2, 2: 2, 3: 1} == downloader.asked
    async with queue(tmp_path / "q.db", downloader) as here:
        assert [] == await here.failed()
        assert {"done": 3} == await here.totals()


async def test_skipped_files_are_written_down(tmp_path: Path) -> None:
    """Each with its reason; what may be had later is had then, and no trace of before is left."""
    downloader, base = Downloader(), tmp_path / "q.db"
    downloader.skip = lambda item: "too large" if item.key.id == 1 else None
    protected = post(2)
    protected.noforwards = True
    expired = message(types.MessageMediaPhoto(ttl_seconds=10), id=3)
    messages = [post(1), protected, expired, message()]
    for _ in range(2):
        found = await run(base, downloader, messages, tmp_path / "out")
        assert [(1, "too large"), (2, "protected"), (3, "expired")] == sorted(
            (each.source.id, each.reason) for each in found
        )
    async with queue(base, downloader) as here:
        assert {"skipped": 3} == await here.totals()
        kept = [each async for each in here.files("skipped")]
    assert ["too large", "protected", "expired"] == [each.reason for each in kept]
    assert [1, 2, None] == [each.key and each.key.id for each in kept]
    downloader.skip = lambda item: None
    downloader.policy = lambda *_: True
    messages[2] = post(3)  # Telegram sends it along by now
    found = await run(base, downloader, messages, tmp_path / "out")
    assert ["done"] * 3 == [each.status for each in found]
    async with queue(base, downloader) as here:
        assert {"done": 3} == await here.totals()


async def test_files_that_changed_are_fetched_again(tmp_path: Path) -> None:
    """One that is gone, and one that is cut short: the disk is looked at, not the memory of it."""
    downloader, base, out = Downloader(), tmp_path / "q.db", tmp_path / "out"
    messages = [post(1), post(2), post(3)]
    first = await run(base, downloader, messages, out)
    [gone, cut, _] = sorted((each.path for each in first), key=str)
    gone.unlink()
    cut.unlink()
    cut.mkdir()  # not a file any more
    cut.rmdir()
    again = await run(base, downloader, messages, out)
    assert ["done", "done", "skipped"] == sorted(each.status for each in again)
    assert 3 == len(names(out))


async def test_an_archive_that_is_moved_with_its_queue(tmp_path: Path) -> None:
    """Nothing is fetched again, for paths below the data base are relative to it."""
    downloader = Downloader()
    old, new = tmp_path / "old", tmp_path / "new"
    await run(old / "q.db", downloader, [post(1)], old / "media")
    shutil.move(old, new)
    [found] = await run(new / "q.db", downloader, [post(1)], new / "media")
    assert ("exists", new / "media") == (found.reason, found.path.parent)


async def test_one_file_in_two_folders(tmp_path: Path) -> None:
    """Each folder is an archive of its own, in one queue."""
    downloader = Downloader()
    async with queue(tmp_path / "q.db", downloader) as here:
        for folder in ("a", "b"):
            await here.add(post(1), tmp_path / folder)
        await here.wait_all()
        assert {"done": 2} == await here.totals()
    assert names(tmp_path / "a") == names(tmp_path / "b")


async def test_priorities(tmp_path: Path) -> None:
    """Higher ones come first, also if they came last; each data centre has its own places."""
    downloader = Downloader()
    async with queue(None, downloader, files=1) as here:
        here.pause()
        assert here.is_paused
        for number in (1, 2, 3, 4):
            await here.add(post(number, dc_id=2 + number % 2), tmp_path, priority=number)
        await here.add(post(2), tmp_path, priority=9)
        assert 4 == here.stats().waiting
        assert [] == downloader.order
        here.resume()
        await here.wait_all()
    assert [2, 4] == [each for each in downloader.order if each % 2 == 0]
    assert [3, 1] == [each for each in downloader.order if each % 2]


async def test_pausing_lets_what_has_begun_go_on(tmp_path: Path) -> None:
    """No further file begins until `resume`."""
    downloader = Downloader()
    downloader.gate = asyncio.Event()
    async with queue(None, downloader, files=1) as here:
        await here.add(post(1), tmp_path)
        await here.add(post(2), tmp_path)
        await downloader.until_running(1)
        here.pause()
        downloader.gate.set()
        await until(lambda: here.stats().done == 1)
        assert [1] == downloader.order
        here.resume()
        await here.wait_all()
    assert [1, 2] == downloader.order


async def test_adding_waits_for_room(tmp_path: Path) -> None:
    """While as many files are pending as may be, `add` waits; a retry never does."""
    downloader = Downloader()
    async with queue(None, downloader, ahead=2, retry_delay=0) as here:
        here.pause()
        downloader.script = {1: [LOST]}
        for number in (1, 2):
            await here.add(post(number), tmp_path)
        third = asyncio.ensure_future(here.add(post(3), tmp_path))
        for _ in range(3):
            assert {"waiting": 2} == await here.totals()
        assert not third.done()
        here.resume()
        assert 1 == await third
        await here.wait_all()
        assert 3 == here.stats().done
        assert 0 == await here.add(post(3), tmp_path), "it is there"


@pytest.mark.parametrize(
    "error",
    [DiskFullError("x", 7), FloodWaitTooLongError("upload.getFile", 9.0, 1.0, 0.0)],
    ids=["disk", "flood"],
)
async def test_what_hits_all_files_ends_the_queue(tmp_path: Path, error: Exception) -> None:
    """One error for all, nothing further is asked for, and the next run has all that is left."""
    downloader, base = Downloader(), tmp_path / "q.db"
    downloader.script = {3: [error]}
    messages = [post(number) for number in range(1, 101)]
    async with queue(base, downloader, files=1) as here:
        results = here.download_all(messages, tmp_path / "out")
        with pytest.raises(type(error)):
            async for _ in results:
                pass
        with pytest.raises(type(error)):
            await here.wait_all()
        with pytest.raises(type(error)):
            await here.add(post(200), tmp_path / "out")
    assert [1, 2, 3] == downloader.order
    await run(base, downloader, messages, tmp_path / "out")
    assert 101 == len(downloader.order)
    assert 100 == len(names(tmp_path / "out"))


@virtual_time
async def test_a_connection_that_does_not_come_back(tmp_path: Path) -> None:
    """20 files in a row that fail so end the queue; one that comes in between does not let it."""
    downloader, base = Downloader(), tmp_path / "q.db"
    downloader.script = {number: [LOST] * 9 for number in range(1, 101) if number != 15}
    async with queue(base, downloader, files=1, max_tries=1) as here:
        results = here.download_all([post(number) for number in range(1, 101)], tmp_path / "out")
        with pytest.raises(ConnectionLostError):
            async for _ in results:
                pass
    async with queue(base, downloader) as here:
        totals = await here.totals()
    assert (34, 1) == (totals["failed"], totals["done"])
    assert 35 == len(downloader.order)


async def test_a_stream_that_nobody_wants_any_more(tmp_path: Path) -> None:
    """One that is dropped ends by itself; its files do not keep `wait_all`."""
    async with queue(None, Downloader(), files=1) as here:
        results = here.download_all([post(number) for number in range(1, 51)], tmp_path)
        await anext(results)
        del results
        gc.collect()
        await here.wait_all()
        assert here.stats().done < 50


async def test_an_error_of_the_source_comes_after_what_was_before_it(tmp_path: Path) -> None:
    """The files of all messages before it are fetched and told."""

    async def source() -> AsyncIterator[Any]:
        for number in range(1, 6):
            yield post(number)
        raise LOST

    found = []
    async with queue(None, Downloader()) as here:
        results = here.download_all(source(), tmp_path)
        for _ in range(5):
            found.append((await anext(results)).source.id)  # noqa: PERF401 - ruff sees no await
        with pytest.raises(ConnectionLostError):
            await anext(results)
    assert [1, 2, 3, 4, 5] == sorted(found)


async def test_leaving_a_stream(tmp_path: Path) -> None:
    """What has begun goes on; what has not is left for another run, and `wait_all` ends."""
    downloader, base = Downloader(), tmp_path / "q.db"
    messages = [post(number) for number in range(1, 51)]
    async with queue(base, downloader, files=1) as here:
        here.pause()
        async with here.download_all(messages, tmp_path / "out") as results:
            first = asyncio.ensure_future(anext(results))
            await until(lambda: here.stats().waiting == 50)
            here.resume()
            await first
        await here.wait_all()
        totals = await here.totals()
    assert totals["done"] == len(downloader.order) < 50
    assert 50 == sum(totals.values())
    await run(base, downloader, messages, tmp_path / "out")
    assert {1} == set(downloader.asked.values())
    assert 50 == len(downloader.asked)


async def test_closing_at_any_state(tmp_path: Path) -> None:
    """Full, paused, with a stream, a waiter and an adder: all end with `ClosedError`, at once."""
    downloader = Downloader()
    downloader.gate = asyncio.Event()
    here = queue(tmp_path / "q.db", downloader, ahead=3, files=1)
    await here.open()
    results = here.download_all([post(number) for number in range(1, 51)], tmp_path / "out")
    tasks = [asyncio.ensure_future(anext(results)), asyncio.ensure_future(here.wait_all())]
    await downloader.until_running(1)
    tasks += [asyncio.ensure_future(here.wait_all())]
    for number in range(100, 104):
        tasks += [asyncio.ensure_future(here.add(post(number), tmp_path / "out"))]
    await asyncio.sleep(0)
    here.pause()
    await here.aclose()
    await here.aclose()
    for each in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(each, ClosedError) or each in (None, 1)
    assert 0 == downloader.running
    with pytest.raises(ClosedError):
        await here.add(post(1), tmp_path)
    with pytest.raises(UsageError, match="make a new one"):
        await here.open()


async def test_not_open(tmp_path: Path) -> None:
    """Before it is opened there is an error that says so."""
    here = queue(None, Downloader())
    with pytest.raises(ClosedError, match="async with"):
        await here.add(post(1), tmp_path)
    with pytest.raises(ClosedError, match="async with"):
        await anext(here.download_all([post(1)], tmp_path))
    await here.aclose()


@pytest.mark.parametrize(
    "options",
    [
        *[{"files": 0}, {"ahead": 0}, {"max_tries": 0}, {"retry_delay": -1}],
        *[{"files": "x"}, {"ahead": None}, {"max_tries": 1.5}, {"retry_delay": "x"}],
        {"progress": 7},
    ],
)
def test_bad_arguments(options: dict[str, Any]) -> None:
    """They are refused by name, before anything is made."""
    with pytest.raises(ArgumentError, match=next(iter(options))):
        queue(None, Downloader(), **options)


async def test_bad_folders_and_media(tmp_path: Path) -> None:
    """A folder is a path as text; what carries nothing is refused."""
    async with queue(None, Downloader()) as here:
        for folder in (7, b"x", f"{tmp_path}/\udcff"):
            with pytest.raises(ArgumentError, match="folder"):
                here.download_all([], folder)  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match="message"):
            await here.add("nonsense", tmp_path)


async def test_what_earlier_runs_have_left(tmp_path: Path) -> None:
    """It is found again by itself, without its messages: what waited and what failed."""
    downloader, base = Downloader(), tmp_path / "q.db"
    downloader.script = {2: [GONE], 5: [GONE, GONE]}
    async with queue(base, downloader) as here:
        await here.add(post(2), tmp_path / "out")
        await here.add(post(5), tmp_path / "out")
        await here.wait_all()
        here.pause()
        for number in (1, 3, 4):
            await here.add(post(number), tmp_path / "out", subfolder=lambda *_: "x")
    async with queue(base, downloader) as here:
        found = [each async for each in here.download_left()]
        assert {"done": 4, "failed": 1} == await here.totals()
        assert [] == [each async for each in here.files("waiting")]
    assert ["done"] * 4 + ["failed"] == sorted(each.status for each in found)
    assert [1, 2, 3, 4, 5] == sorted(downloader.renewals)
    assert {each.source.number for each in found} == {1, 2, 3, 4, 5}
    assert 3 == len(names(tmp_path / "out" / "x"))


async def test_two_at_once(tmp_path: Path) -> None:
    """Two streams that want the same files share the transfers; each has all results."""
    downloader = Downloader()
    messages = [post(number) for number in range(1, 31)]
    async with queue(tmp_path / "q.db", downloader) as here:

        async def take() -> list[int]:
            results = here.download_all(messages, tmp_path / "out")
            return sorted([each.source.id async for each in results])

        assert [list(range(1, 31))] * 2 == await asyncio.gather(take(), take())
    assert {1} == set(downloader.asked.values())


async def test_progress(tmp_path: Path) -> None:
    """It is told after each file; what it raises ends the queue."""
    seen: list[int] = []
    async with queue(None, Downloader(), progress=lambda stats: seen.append(stats.done)) as here:
        async for _ in here.download_all([post(1), post(2)], tmp_path):
            pass
    assert [1, 2] == seen

    def fail(_: Any) -> None:
        raise KeyError("mine")

    async with queue(None, Downloader(), progress=fail) as here:
        await here.add(post(3), tmp_path)
        with pytest.raises(KeyError, match="mine"):
            await here.wait_all()


async def test_subfolders_are_names(tmp_path: Path) -> None:
    """Whatever a title is, its folder lies in the archive; none means the archive itself."""
    titles = ["../../up", "/etc", "CON", "", folder_name("Ships: new", -100123)]
    downloader = Downloader()
    found = await run(
        None,
        downloader,
        [post(number) for number in range(5)],
        tmp_path / "out",
        subfolder=lambda media, item: titles[media.id],
    )
    folders = {each.source.id: each.path.parent.relative_to(tmp_path / "out") for each in found}
    expected = ["_.._up", "_etc", "_CON", ".", "Ships_ new_-100123"]
    assert [Path(each) for each in expected] == [folders[number] for number in range(5)]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
async def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A folder within the archive, or a name in which a file is gathered, that is a link: refused.

    The archive itself may be one.
    """
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    (tmp_path / "disk").mkdir()
    out.symlink_to(tmp_path / "disk")
    (out / "sub").symlink_to(outside)
    downloader = Downloader()
    [found] = await run(None, downloader, [post(1)], out, subfolder=lambda *_: "sub")
    assert isinstance(found.error, UnsafePathError)
    assert str(out / "sub") == found.error.path
    for ending in (".telefast.part", ".telefast.part.map", ".telefast.part.map.tmp"):
        (out / f"video-document_2.mp4{ending}").symlink_to(outside / "x")
        [found] = await run(None, downloader, [post(2)], out)
        assert isinstance(found.error, UnsafePathError)
        (out / f"video-document_2.mp4{ending}").unlink()
    assert [] == downloader.order
    assert [] == names(outside)
    [found] = await run(None, downloader, [post(2)], out)
    assert "done" == found.status


async def test_nothing_is_fetched_for_a_folder_that_takes_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found out before a file is asked for, not when all its bytes are here."""
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    downloader = Downloader()
    [found] = await run(None, downloader, [post(1)], tmp_path)
    assert isinstance(found.error, PermissionError)
    assert [] == downloader.order


async def test_what_kills_have_left_is_removed(tmp_path: Path) -> None:
    """Beside files that are done; what waits for another run, or is nobody's, stays."""
    downloader, base, out = Downloader(), tmp_path / "q.db", tmp_path / "out"
    downloader.script = {2: [GONE] * 9}
    out.mkdir()
    left = [
        "video-document_1.mp4.telefast.part.map",
        "video-document_1.mp4.telefast.part.map.tmp",
        "video-document_2.mp4.telefast.part",
        "video-document_2.mp4.telefast.part.map",
        "video-document_3.mp4.telefast.part",
        "other.part",
    ]
    for name in left:
        (out / name).touch()
    await run(base, downloader, [post(1), post(2)], out)
    assert sorted([*left[2:], "video-document_1.mp4"]) == names(out)


async def test_no_secret_is_kept_or_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither access hash nor file reference is in the data base; names are nowhere else."""
    caplog.set_level(logging.DEBUG)
    downloader, base = Downloader(), tmp_path / "q.db"
    downloader.script = {1: [FileMismatchError("document_1", "bad")] * 9}
    async with queue(base, downloader, retry_delay=0) as here:
        async for each in here.download_all([post(1, name="private.mp4")], tmp_path / "out"):
            assert "failed" == each.status
        shown = [repr(here), *[repr(each) for each in await here.failed()], caplog.text]
        kept = b"".join(base.with_name(name).read_bytes() for name in ("q.db", "q.db-wal"))
    assert "failed reason=FileMismatchError" in caplog.text
    for text in shown:
        assert "private" not in text
    for secret in (str(SECRET).encode(), SECRET.to_bytes(8), SECRET.to_bytes(8, "little")):
        assert secret not in kept
    assert REFERENCE not in kept
    assert b"private.mp4" in kept, "the original name is recorded"


@pytest.mark.parametrize("is_failed", [False, True])
async def test_what_is_skipped_in_one_message_is_fetched_from_another(
    is_failed: bool, tmp_path: Path
) -> None:
    """A protected message with the same file does not hide the one from which it may be had."""
    downloader, base = Downloader(), tmp_path / "q.db"
    protected = post(2, file=7)
    protected.noforwards = True
    async with queue(base, downloader) as here:
        if is_failed:
            downloader.script = {7: [GONE]}
            await here.add(post(1, file=7), tmp_path / "out")
            await here.wait_all()
        here.pause()
        await here.add(post(1, file=7), tmp_path / "out")
        assert 0 == await here.add(protected, tmp_path / "out")
        assert {"waiting": 1} == await here.totals()
    async with queue(base, downloader) as here:
        assert [1] == [each.origin.message_id async for each in here.files("waiting")]
        assert ["done"] == [each.status async for each in here.download_left()]
        assert 0 == await here.add(protected, tmp_path / "out")
        assert {"done": 1} == await here.totals()


async def test_a_failure_stays_known_when_another_message_is_skipped(tmp_path: Path) -> None:
    """So it does in `failed`; if its own message is protected by now it is skipped."""
    downloader = Downloader()
    downloader.script = {7: [GONE]}
    protected = [post(number, file=7) for number in (2, 1)]
    for each in protected:
        each.noforwards = True
    async with queue(None, downloader) as here:
        await here.add(post(1, file=7), tmp_path)
        await here.wait_all()
        await here.add(protected[0], tmp_path)
        assert {"failed": 1} == await here.totals()
        await here.add(protected[1], tmp_path)
        assert {"skipped": 1} == await here.totals()


@pytest.mark.parametrize("priority", ["high", None, 1.5, True, 2**63])
async def test_bad_priorities(priority: Any, tmp_path: Path) -> None:
    """They are refused by name, nothing is kept, and the queue goes on."""
    async with queue(None, Downloader()) as here:
        with pytest.raises(ArgumentError, match="priority"):
            await here.add(post(1), tmp_path, priority=priority)
        with pytest.raises(ArgumentError, match="priority"):
            here.download_all([post(1)], tmp_path, priority=priority)
        assert {} == await here.totals()
        await asyncio.wait_for(here.wait_all(), 5)
        assert 1 == await here.add(post(2), tmp_path, priority=2**63 - 1)
        await asyncio.wait_for(here.wait_all(), 5)
        assert {"done": 1} == await here.totals()


async def test_bad_subfolders(tmp_path: Path) -> None:
    """What is no function is refused; one that fails leaves nothing behind."""

    def fail(*_: Any) -> str:
        raise KeyError("title")

    async with queue(None, Downloader()) as here:
        with pytest.raises(ArgumentError, match="subfolder"):
            await here.add(post(1), tmp_path, subfolder="x")  # type: ignore[arg-type]
        with pytest.raises(KeyError):
            await here.add(post(1), tmp_path, subfolder=fail)
        assert {} == await here.totals()


async def test_a_lost_file_keeps_its_name(tmp_path: Path) -> None:
    """Also if the message that shows it again calls it otherwise; the queue says where it is."""
    downloader, base, out = Downloader(), tmp_path / "q.db", tmp_path / "out"
    [first] = await run(base, downloader, [post(1, name="first.mp4")], out)
    first.path.unlink()
    async with queue(base, downloader) as here:
        here.pause()
        await here.add(post(1, name="second.mp4"), out)
        [waiting] = [each async for each in here.files("waiting")]
        assert str(first.path) == waiting.path
        here.resume()
        await here.wait_all()
    assert ["first-document_1.mp4"] == names(out)


async def test_what_is_left_and_protected_where_it_was_seen(tmp_path: Path) -> None:
    """It is skipped, unless another message has shown it meanwhile: then it comes from there."""
    downloader, base = Downloader(), tmp_path / "q.db"
    async with queue(base, downloader) as here:
        here.pause()
        for number in (1, 2):
            await here.add(post(number), tmp_path / "out")
        downloader.protected = [each.origin async for each in here.files("waiting")]
    async with queue(base, downloader) as here:
        here.pause()
        async with here.download_left() as results:
            first = asyncio.ensure_future(anext(results))
            await until(lambda: here.stats().waiting == 2)
            await here.add(post(3, file=1), tmp_path / "out")
            here.resume()
            found = [await first, *[each async for each in results]]
        assert [(1, "done"), (2, "skipped")] == sorted(
            (each.source.number, each.status) for each in found
        )
        assert {"done": 1, "skipped": 1} == await here.totals()
    assert {1: 1} == downloader.asked
