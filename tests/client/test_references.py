"""References of many files: renewed together, ahead of expiry, by as few requests as can be."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

from telefast.errors import FileUnavailableError
from telefast.media.references import AT_ONCE, MAX_AGE
from telefast.testing import HoldBack, Rule, virtual_loop, virtual_time
from telefast.testing.rpc import Call
from tests.client.media_scene import GET_FILE, Scene, scene, sha

MESSAGES = "channels.getMessages"
EXPIRED = "FILE_REFERENCE_EXPIRED"


class Slow(Rule):
    """Answer each part after so many seconds of virtual time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def holds(self, call: Call) -> bool:
        """Return whether it is one."""
        return call.method == GET_FILE

    async def reply(self, call: Call) -> bool:
        """Wait."""
        self.fired += 1
        due = asyncio.Event()
        asyncio.get_running_loop().call_later(self.seconds, due.set)
        await due.wait()
        return True


async def check_all(here: Scene, found: list[Any]) -> None:
    """Check that each file has its bytes."""
    assert [each.status for each in found] == ["done"] * len(here.files)
    for each in found:
        assert sha(each.path.read_bytes()) == sha(here.content(each.source.id))


@virtual_time
async def test_a_long_queue_is_renewed_before_it_expires(tmp_path: Path) -> None:
    """After an hour two requests renew the 205 files that still wait; none is ever refused.

    Four files at a time, a minute each: 240 in the first hour. References last a bit longer.
    """
    async with scene(*range(100, 545), rules=(Slow(60.0),)) as here:
        here.telegram.world.file_store.reference_ttl = MAX_AGE + 120
        messages = await here.messages()
        before = here.counts[MESSAGES]
        downloader = here.downloader(timeout=600)
        stream = downloader.download_all(messages, tmp_path, files=4)
        await check_all(here, [each async for each in stream])
        assert virtual_loop().time() > MAX_AGE + 120
        assert here.counts[MESSAGES] - before == 2
        assert here.counts.errors == {}
        assert here.counts[GET_FILE] == 445
        asked = [len(each.id) for each in here.counts.requests(MESSAGES)[before:]]
        assert asked[0] == AT_ONCE
        assert sum(asked) <= 210


@virtual_time
async def test_references_that_are_young_are_left_alone(tmp_path: Path) -> None:
    """A queue of less than an hour costs no request beside those for its files."""
    async with scene(*range(100, 200), rules=(Slow(60.0),)) as here:
        messages = await here.messages()
        before = here.counts[MESSAGES]
        stream = here.downloader(timeout=600).download_all(messages, tmp_path, files=4)
        await check_all(here, [each async for each in stream])
        assert here.counts[MESSAGES] == before
        assert here.counts[GET_FILE] == 100


@virtual_time
async def test_one_refusal_renews_those_that_wait_as_well(tmp_path: Path) -> None:
    """All 300 have expired: two requests, and only those in flight were refused."""
    async with scene(*range(100, 400)) as here:
        messages = await here.messages()
        before = here.counts[MESSAGES]
        here.telegram.world.file_store.revoke()
        stream = here.downloader().download_all(messages, tmp_path, files=16)
        await check_all(here, [each async for each in stream])
        assert here.counts[MESSAGES] - before == 2
        assert here.counts.errors[EXPIRED] <= 2 * 16
        assert here.counts[GET_FILE] <= 300 + 2 * 16


@virtual_time
async def test_downloads_that_were_begun_together_share_it(tmp_path: Path) -> None:
    """Each by a call of its own: they wait for their turn, and are renewed with the first."""
    async with scene(*range(100, 300)) as here:
        messages = await here.messages()
        before = here.counts[MESSAGES]
        here.telegram.world.file_store.revoke()
        downloader = here.downloader(memory=2000)
        found = await asyncio.gather(
            *(downloader.download(each, tmp_path / str(each.id)) for each in messages)
        )
        await check_all(here, found)
        assert here.counts[MESSAGES] - before == 1
        assert here.counts.errors[EXPIRED] <= 20  # as many as the memory lets go at once


@virtual_time
async def test_who_asks_for_others_may_be_cancelled(tmp_path: Path) -> None:
    """The one whose request it is goes away: another one of those who wait asks, and for all."""
    release = asyncio.Event()
    async with scene(*range(100, 110)) as here:
        messages = await here.messages()
        asked = here.counts[MESSAGES]
        here.telegram.add(HoldBack(MESSAGES, asked + 1, release))
        here.telegram.world.file_store.revoke()
        downloader = here.downloader()
        tasks = [
            asyncio.ensure_future(downloader.download(each, tmp_path / str(each.id)))
            for each in messages
        ]
        await here.counts.until(lambda counts: counts[MESSAGES] == asked + 1)
        for task in tasks[:5]:
            task.cancel()
        await asyncio.gather(*tasks[:5], return_exceptions=True)
        release.set()
        assert [each.status for each in await asyncio.gather(*tasks[5:])] == ["done"] * 5
        assert here.counts[MESSAGES] == asked + 2
        assert all(each.id for each in here.counts.requests(MESSAGES)[asked:])


@virtual_time
async def test_a_file_that_outlives_its_message_is_tried_all_the_same(tmp_path: Path) -> None:
    """No fresh reference is to be had; the old one decides, and the error is the server's."""
    async with scene(*range(100, 110), rules=(Slow(1000.0),)) as here:
        messages = await here.messages()
        channel = next(iter(here.telegram.world.channels.values()))
        channel.delete(10)
        stream = here.downloader(timeout=9000).download_all(messages, tmp_path, files=1)
        found = [each async for each in stream]
        assert [each.status for each in found] == ["done"] * 9 + ["failed"]
        assert isinstance(found[-1].error, FileUnavailableError)
        assert here.counts.errors.keys() == {"FILE_REFERENCE_INVALID"}


async def test_what_nobody_waits_for_is_forgotten(tmp_path: Path) -> None:
    """A stream that is left after one file: those behind it are renewed for nobody."""
    async with scene(*range(100, 180)) as here:
        downloader = here.downloader()
        async with downloader.download_all(await here.messages(), tmp_path, files=1) as stream:
            async for _ in stream:
                break
        del stream
        gc.collect()  # the error by which it was left holds the next file
        item = await here.item(80)
        here.telegram.world.file_store.revoke()
        before = here.counts[MESSAGES]
        await downloader.download(item, tmp_path / "y")
        [asked] = here.counts.requests(MESSAGES)[before:]
        assert [each.id for each in asked.id] == [80]
