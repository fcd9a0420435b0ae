"""Files, while servers send too little, too much, too late or nothing, and disks are full."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from telethon import types
from telethon.errors import FileMigrateError, RPCError

from telefast.errors import (
    DeadlineError,
    DiskFullError,
    FileMismatchError,
    FileUnavailableError,
    FloodWaitTooLongError,
)
from telefast.media import sinks
from telefast.media.files import PartFile
from telefast.testing import (
    CdnRedirect,
    CorruptPart,
    CutAfter,
    DataCentre,
    ErrorOn,
    ExpireReferences,
    HoldBack,
    LoseReply,
    NeverAnswer,
    ReplaceMedia,
    Rule,
    ShortPart,
    WrongSize,
    virtual_time,
)
from telefast.testing.rpc import Call, RpcFault
from telefast.transport.account import Account
from tests.client.media_scene import GET_FILE, KIB, MIB, PART, Scene, names, scene, sha, whole

ROOT = Path(__file__).parents[2]
MESSAGES = "channels.getMessages"


class ErrorAt(Rule):
    """Refuse the part at one offset, so many times."""

    def __init__(self, offset: int, message: str, code: int, times: int) -> None:
        self.offset, self.message, self.code, self.times = offset, message, code, times

    def before(self, call: Call) -> None:
        """Refuse it."""
        if call.method == GET_FILE and call.request.offset == self.offset and self.times:
            self.times -= 1
            self.fired += 1
            raise RpcFault(self.code, self.message)


class Stuck(Rule):
    """Never answer the first request of each of these offsets."""

    def __init__(self, *offsets: int) -> None:
        self.offsets = list(offsets)

    def holds(self, call: Call) -> bool:
        """Return whether it is one of them."""
        return call.method == GET_FILE and call.request.offset in self.offsets

    async def reply(self, call: Call) -> bool:
        """Send nothing."""
        self.offsets.remove(call.request.offset)
        self.fired += 1
        return False


class Cursed(LoseReply):
    """Lose the answer to the part at one offset, with its connection, so many times."""

    def __init__(self, offset: int, times: int) -> None:
        super().__init__(GET_FILE)
        self.offset, self.times = offset, times

    def due(self, call: Call) -> bool:
        """Return whether it is that part."""
        is_it = call.method == GET_FILE and call.request.offset == self.offset
        return is_it and self.fired < self.times


async def check(here: Scene, path: Path, number: int = 1) -> None:
    """Check that a file is whole and alone."""
    assert whole(path) == sha(here.content(number))


# Silence


@virtual_time
async def test_o22_a_silent_small_file_ends_and_others_go_on(tmp_path: Path) -> None:
    """A request that is never answered: a deadline, another connection, then a typed error."""
    rule = NeverAnswer(GET_FILE, nth=(1, 2))
    async with scene(1000, 2000, 3000, rules=(rule,)) as here:
        downloader = here.downloader(timeout=5)
        found = [each async for each in downloader.download_all(await here.messages(), tmp_path)]
        assert [each.status for each in found] == ["done"] * 3
        assert here.counts[GET_FILE] == 3 + 2
        assert here.counts.connections >= 3  # the client's, the first, and another one


@virtual_time
async def test_o22_a_file_that_is_never_answered_fails(tmp_path: Path) -> None:
    """Three deadlines, on whatever connection: a typed error, and nothing under the final name."""
    async with scene(1000, 2000, rules=(NeverAnswer(GET_FILE, nth=(1, 2, 3)),)) as here:
        downloader = here.downloader(timeout=5)
        with pytest.raises(DeadlineError, match=r"upload.getFile.*3"):
            await downloader.download(await here.message(1), tmp_path / "x")
        assert names(tmp_path) == []
        assert (await downloader.download(await here.message(2), tmp_path / "y")).size == 2000


@virtual_time
@pytest.mark.parametrize("speed", [5_000, 10_000, 20_000, 30_000])
async def test_a_line_that_is_too_slow_for_large_parts(speed: int, tmp_path: Path) -> None:
    """Parts of 512 KiB would miss each deadline: smaller ones come, and so does the file."""
    async with scene(3 * MIB, dc_bandwidth=speed) as here:
        result = await here.downloader().download(await here.message(), tmp_path / "x")
        assert result.seconds < 4 * 3 * MIB / speed
        await check(here, tmp_path / "x")


@virtual_time
async def test_many_files_on_a_slow_line(tmp_path: Path) -> None:
    """All that were under way missed their deadline together: all of them come."""
    async with scene(*[100 * KIB] * 30, dc_bandwidth=10_000) as here:
        stream = here.downloader().download_all(await here.messages(), tmp_path)
        assert [each.status async for each in stream] == ["done"] * 30


@virtual_time
async def test_a_silent_data_centre_ends_a_large_file_too(tmp_path: Path) -> None:
    """One deadline of large parts, or two of one asked for twice, three of small ones: an error."""
    async with scene(9 * MIB, rules=(NeverAnswer(GET_FILE, every=1),)) as here:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(DeadlineError):
            await here.downloader(timeout=10).download(await here.message(), tmp_path / "x")
        assert loop.time() - begun <= 5 * 10
        assert names(tmp_path) == []


@virtual_time
async def test_a_straggling_last_part_is_asked_for_twice(tmp_path: Path) -> None:
    """Nothing else to ask for: a part that is late is asked for elsewhere, before its deadline."""
    rule = Stuck(7 * PART)
    async with scene(8 * PART, rules=(rule,)) as here:
        result = await here.downloader(timeout=1000).download(await here.message(), tmp_path / "x")
        assert Counter(offset for offset, _ in here.asked)[7 * PART] == 2
        assert (result.parts, result.seconds < 10) == (9, True)
        await check(here, tmp_path / "x")


async def test_o23_lost_replies_are_asked_for_again_alone(tmp_path: Path) -> None:
    """Connections cut at random parts: only what was lost is asked for again."""
    rule = LoseReply(GET_FILE, nth=(3, 17, 40), share=0.5)
    async with scene(64 * 64 * KIB, rules=(rule,)) as here:
        downloader = here.downloader(part_size=64 * KIB, memory=512 * KIB)
        result = await downloader.download(await here.message(), tmp_path / "x")
        assert rule.fired == 3
        # What was in flight on the connection that was cut: a share of eight parts.
        assert 64 + 3 <= here.counts[GET_FILE] <= 64 + 3 * 8
        assert result.size == 64 * 64 * KIB
        await check(here, tmp_path / "x")


@virtual_time
async def test_o23_a_part_that_loses_every_connection(tmp_path: Path) -> None:
    """Three that are lost under one part are no end: after a pause it goes on."""
    rule = Cursed(7 * 64 * KIB, 5)
    async with scene(256 * 64 * KIB, rules=(rule,), rtt=0.05) as here:
        downloader = here.downloader(part_size=64 * KIB, memory=512 * KIB)
        result = await downloader.download(await here.message(), tmp_path / "x")
        assert rule.fired == 5
        assert result.size == 256 * 64 * KIB
        await check(here, tmp_path / "x")


async def test_o23_a_connection_cut_in_the_middle_of_a_part(tmp_path: Path) -> None:
    """Half a part is no part."""
    rule = CutAfter(size=700 * KIB, nth=2)
    async with scene(8 * PART, rules=(rule,)) as here:
        downloader = here.downloader(max_connections=1)
        await downloader.download(await here.message(), tmp_path / "x")
        await check(here, tmp_path / "x")


# Too little, too much


async def test_o24_a_short_part_in_the_middle_is_asked_again(tmp_path: Path) -> None:
    """It is never taken for the end."""
    rule = ShortPart(nth=3, keep=1000)
    async with scene(8 * PART, rules=(rule,)) as here:
        result = await here.downloader().download(await here.message(), tmp_path / "x")
        assert result.parts == 9
        await check(here, tmp_path / "x")


async def test_o24_a_part_that_stays_short_is_an_error(tmp_path: Path) -> None:
    """A file that is shorter than its message says: a typed error, and no file."""
    async with scene(8 * PART, rules=(WrongSize(-PART - 5),)) as here:
        with pytest.raises(FileMismatchError, match="too early"):
            await here.downloader().download(await here.message(), tmp_path / "x")
        assert names(tmp_path) == []


async def test_o25_a_first_part_that_fails_leaves_no_file(tmp_path: Path) -> None:
    """Empty answers, permanent errors: a failed result, and never a file of zero bytes."""
    rules = ShortPart(every=1, keep=0), ErrorOn(GET_FILE, 400, "LOCATION_INVALID", nth=(9, 10))
    async with scene(1000, rules=rules[:1]) as here:
        [result] = [
            each async for each in here.downloader().download_all([await here.item()], tmp_path)
        ]
        assert (result.status, type(result.error)) == ("failed", FileMismatchError)
        assert names(tmp_path) == []
    async with scene(1000, rules=(ErrorOn(GET_FILE, 400, "LOCATION_INVALID", nth=1),)) as here:
        [result] = [
            each async for each in here.downloader().download_all([await here.item()], tmp_path)
        ]
        assert (result.status, isinstance(result.error, RPCError)) == ("failed", True)
        assert names(tmp_path) == []


async def test_o41_a_declared_size_that_lies_stops_at_the_limit(tmp_path: Path) -> None:
    """The file is longer than it says: no byte behind that is asked for, and nothing is kept."""
    async with scene(3 * PART - 5, rules=(WrongSize(5 * PART),)) as here:
        with pytest.raises(FileMismatchError, match="longer"):
            await here.downloader(max_size=3 * PART).download(await here.message(), tmp_path / "x")
        assert max(here.asked) == (2 * PART, PART)
        assert names(tmp_path) == []


@pytest.mark.parametrize("size", [1, 1000, 8192, 128 * KIB, 128 * KIB + 1, 300 * KIB])
async def test_an_unknown_size_is_streamed_to_its_end(size: int, tmp_path: Path) -> None:
    """The end counts when two requests have found it, and the result says that it was unknown."""
    async with scene(size) as here:
        item = without_size(await here.item())
        downloader = here.downloader(part_size=64 * KIB)
        result = await downloader.download(item, tmp_path / "x")
        assert (result.size, result.is_size_known) == (size, False)
        assert result.parts <= size // (64 * KIB) + 2
        await check(here, tmp_path / "x")


async def test_an_unknown_size_with_a_short_part_in_the_middle(tmp_path: Path) -> None:
    """A short part is not the end when the next request finds more."""
    async with scene(300 * KIB, rules=(ShortPart(nth=2, keep=5000),)) as here:
        downloader = here.downloader(part_size=64 * KIB)
        result = await downloader.download(without_size(await here.item()), tmp_path / "x")
        assert result.size == 300 * KIB
        await check(here, tmp_path / "x")


async def test_an_unknown_size_stops_at_the_limit(tmp_path: Path) -> None:
    """It is skipped once it turns out too large, and nothing is kept."""
    async with scene(300 * KIB) as here:
        downloader = here.downloader(part_size=64 * KIB, max_size=100 * KIB)
        result = await downloader.download(without_size(await here.item()), tmp_path / "x")
        assert (result.status, result.reason, result.parts) == ("skipped", "too large", 2)
        assert names(tmp_path) == []


async def test_wrong_bytes_are_found_and_fetched_again(tmp_path: Path) -> None:
    """Verified: only the blocks whose hash differs are asked for once more."""
    async with scene(8 * PART, rules=(CorruptPart(nth=3, at=200 * KIB),)) as here:
        result = await here.downloader(verify=True).download(await here.message(), tmp_path / "x")
        assert 9 <= result.parts <= 10
        await check(here, tmp_path / "x")


async def test_bytes_that_stay_wrong_are_an_error(tmp_path: Path) -> None:
    """And no file."""
    async with scene(2 * PART, rules=(CorruptPart(every=1),)) as here:
        with pytest.raises(FileMismatchError, match="hashes"):
            await here.downloader(verify=True).download(await here.message(), tmp_path / "x")
        assert names(tmp_path) == []


# Waits and Telegram's own errors


@virtual_time
async def test_o30_five_server_errors_in_a_row_are_waited_out(tmp_path: Path) -> None:
    """-503 on one part, five times: back-off, and on with that part."""
    rule = ErrorAt(2 * PART, "Timeout", -503, 5)
    async with scene(8 * PART, rules=(rule,)) as here:
        result = await here.downloader().download(await here.message(), tmp_path / "x")
        # One is asked twice meanwhile: it is much later than the others.
        assert here.counts.errors == {"Timeout": 5}
        assert result.size == 8 * PART
        await check(here, tmp_path / "x")


@virtual_time
async def test_o30_a_server_error_that_stays_is_the_callers(tmp_path: Path) -> None:
    """The error names the request, and how often it was sent."""
    async with scene(1000, rules=(ErrorAt(0, "RPC_CALL_FAIL", 400, 99),)) as here:
        with pytest.raises(RPCError, match="GetFileRequest") as caught:
            await here.downloader().download(await here.message(), tmp_path / "x")
        assert caught.value.__notes__ == ["upload.getFile was sent 6 times"]


@pytest.mark.parametrize("name", ["FLOOD_WAIT_3", "FLOOD_PREMIUM_WAIT_3"])
@pytest.mark.parametrize("threshold", [0, 60])
def test_o31_a_flood_wait_costs_its_own_request_only(
    name: str, threshold: int, tmp_path: Path
) -> None:
    """Every 20 parts of 200, any threshold: part requests <= 200 + waits; nothing begins anew."""

    @virtual_time
    async def run() -> None:
        rule = ErrorOn(GET_FILE, 420, name, every=20)
        async with scene(200 * 16 * KIB, rules=(rule,)) as here:
            here.client.flood_sleep_threshold = threshold
            downloader = here.downloader(part_size=16 * KIB, memory=128 * KIB)
            result = await downloader.download(await here.message(), tmp_path / "x")
            assert here.counts[GET_FILE] == result.parts
            assert here.counts[GET_FILE] <= 200 + rule.fired
            await check(here, tmp_path / "x")
            counters = Account.of(here.client).metrics.snapshot()
            kind = "FloodPremiumWaitError" if "PREMIUM" in name else "FloodWaitError"
            assert counters[f"flood_errors.{kind}"] >= 1

    run()


@virtual_time
async def test_a_flood_at_one_data_centre_holds_no_other(tmp_path: Path) -> None:
    """Files elsewhere are done while one waits."""
    rule = ErrorOn(GET_FILE, 420, "FLOOD_WAIT_300", nth=1, dc=2)
    async with scene(1000, 2000, rules=(rule,), dc_ids=(2, 4)) as here:
        downloader = here.downloader()
        found = [each async for each in downloader.download_all(await here.messages(), tmp_path)]
        assert [each.source.id for each in found] == [2, 1]
        assert found[0].seconds < 10 < 299 < found[1].seconds


@virtual_time
async def test_a_wait_beyond_the_budget_is_an_error(tmp_path: Path) -> None:
    """Typed, with all that was fetched still there."""
    async with scene(1000, rules=(ErrorOn(GET_FILE, 420, "FLOOD_WAIT_300", nth=1),)) as here:
        with pytest.raises(FloodWaitTooLongError):
            await here.downloader(max_flood_wait=60).download(await here.message(), tmp_path / "x")


# Where the file is


async def test_a_file_that_moved_is_followed_once(tmp_path: Path) -> None:
    """The message names the wrong data centre: after FILE_MIGRATE all go to the right one."""
    async with scene(8 * PART, 10, dc_ids=(4, 2)) as here:
        item = elsewhere(await here.item(), 2)
        result = await here.downloader().download(item, tmp_path / "x")
        moved = here.counts.errors["FILE_MIGRATE_4"]
        assert 1 <= moved <= 8
        assert here.counts[GET_FILE] == result.parts == 8 + moved
        await check(here, tmp_path / "x")


async def test_a_file_that_is_sent_around_is_an_error(tmp_path: Path) -> None:
    """Two data centres that send it to each other do not go on for ever."""
    rule = ErrorOn(GET_FILE, 303, "FILE_MIGRATE_2", dc=4)
    other = ErrorOn(GET_FILE, 303, "FILE_MIGRATE_4", dc=2)
    async with scene(10, 10, rules=(rule, other), dc_ids=(4, 2)) as here:
        with pytest.raises(FileMigrateError):
            await here.downloader().download(await here.message(), tmp_path / "x")
        assert here.counts[GET_FILE] == 3


async def test_an_expired_reference_is_renewed_once_for_all_parts(tmp_path: Path) -> None:
    """All parts in flight fail together: one message is fetched, and only they are asked again."""
    async with scene(16 * PART, rules=(ExpireReferences(nth=5),)) as here:
        result = await here.downloader().download(await here.message(), tmp_path / "x")
        assert here.counts[MESSAGES] == 1 + 1
        assert result.size == 16 * PART
        await check(here, tmp_path / "x")


async def test_expired_references_of_many_files_cost_one_request(tmp_path: Path) -> None:
    """40 files of one chat whose references have expired: one request for all messages."""
    async with scene(*[100 + each for each in range(40)]) as here:
        messages = await here.messages()
        before = here.counts[MESSAGES]
        here.telegram.world.file_store.revoke()
        found = [each async for each in here.downloader().download_all(messages, tmp_path)]
        assert [each.status for each in found] == ["done"] * 40
        assert here.counts[MESSAGES] - before <= 3
        assert here.counts[GET_FILE] <= 80


async def test_a_reference_that_never_works_is_an_error(tmp_path: Path) -> None:
    """Fresh references that bring no bytes: a typed error after two."""
    rule = ErrorOn(GET_FILE, 400, "FILE_REFERENCE_EXPIRED", every=1)
    async with scene(1000, rules=(rule,)) as here:
        with pytest.raises(FileUnavailableError, match="reference"):
            await here.downloader().download(await here.message(), tmp_path / "x")
        assert here.counts[GET_FILE] == 3
        assert names(tmp_path) == []


async def test_a_file_that_was_replaced_is_gone(tmp_path: Path) -> None:
    """The message has another file now: a typed error, not the other file's bytes."""
    async with scene(1000) as here:
        message = await here.message()
        other = here.telegram.world.file_store.document(2000)
        media = types.MessageMediaDocument(document=other)
        here.telegram.add(ReplaceMedia(message.chat_id, message.id, media, nth=1))
        here.telegram.add(ExpireReferences(nth=1))
        with pytest.raises(FileUnavailableError) as caught:
            await here.downloader().download(message, tmp_path / "x")
        assert caught.value.reason == "deleted"
        assert names(tmp_path) == []


# A content delivery network

CDN = 203


@pytest.mark.parametrize(
    "rule",
    [
        CdnRedirect(CDN, nth=1, undeclared=True),
        CdnRedirect(CDN, undeclared=True, uploaded=False),
        CdnRedirect(CDN, undeclared=True, forget=3),
    ],
    ids=["first part", "not there yet", "forgets"],
)
@pytest.mark.parametrize("part_size", [64 * KIB, 128 * KIB, 512 * KIB])
async def test_o28_a_redirect_is_followed_and_verified(
    rule: CdnRedirect, part_size: int, tmp_path: Path
) -> None:
    """Decrypted by counter mode, each byte checked by its hash: the exact file."""
    centres = [DataCentre(CDN, cdn=True)]
    async with scene(PART + 77, rules=(rule,), data_centres=centres) as here:
        downloader = here.downloader(part_size=part_size)
        await downloader.download(await here.message(), tmp_path / "x")
        assert here.counts["upload.getCdnFile"] >= 1
        await check(here, tmp_path / "x")


async def test_o28_wrong_bytes_of_a_network_are_never_kept(tmp_path: Path) -> None:
    """A typed error, not a file that will not open."""
    rule = CdnRedirect(CDN, undeclared=True, corrupt=True)
    centres = [DataCentre(CDN, cdn=True)]
    async with scene(PART + 77, rules=(rule,), data_centres=centres) as here:
        with pytest.raises(FileMismatchError, match="network"):
            await here.downloader().download(await here.message(), tmp_path / "x")
        assert names(tmp_path) == []


@virtual_time
async def test_a_network_that_forgets_for_ever_is_left() -> None:
    """A few redirects in a row that bring no bytes are followed, then its error is raised."""
    rules = (
        CdnRedirect(CDN, undeclared=True, every=1),
        ErrorOn("upload.getCdnFile", 400, "FILE_TOKEN_INVALID", every=1),
    )
    centres = [DataCentre(CDN, cdn=True)]
    async with scene(64 * KIB, rules=rules, data_centres=centres) as here:
        with pytest.raises(RPCError, match="FILE_TOKEN_INVALID"):
            await here.downloader().download(await here.message(), bytes)
        assert here.counts[GET_FILE] == 5


async def test_each_downloader_has_the_connections_that_it_asks_for() -> None:
    """One that wants few does not go on with the many of another one that is done."""
    async with scene(32 * 64 * KIB) as here:
        message = await here.message()
        one = here.downloader(max_connections=1, part_size=64 * KIB)
        await one.download(message, bytes)
        await here.downloader(max_connections=4, part_size=64 * KIB).download(message, bytes)
        many = len(Account.of(here.client).pool.lines(message.document.dc_id))
        await one.download(message, bytes)
        assert many > 1 == len(Account.of(here.client).pool.lines(message.document.dc_id))


# What is left behind


@pytest.mark.parametrize("how", ["failure", "cancel", "progress"])
async def test_o32_what_a_stopped_download_leaves_is_gone_on_with(how: str, tmp_path: Path) -> None:
    """A partial that the next download completes by what is missing; never the final name."""
    release = asyncio.Event()
    rules: tuple[Rule, ...] = ()
    if how == "failure":
        rules = (ErrorAt(5 * 64 * KIB, "LOCATION_INVALID", 400, 1),)
    if how == "cancel":
        rules = (HoldBack(GET_FILE, 6, release),)
    async with scene(8 * 64 * KIB, rules=rules) as here:
        downloader = here.downloader(part_size=64 * KIB, memory=64 * KIB)
        item = await here.item()

        def tell(received: int, _: int | None) -> None:
            if how == "progress" and received == 5 * 64 * KIB:
                raise LookupError

        task = asyncio.ensure_future(downloader.download(item, tmp_path / "x", progress=tell))
        if how == "cancel":
            await here.counts.until(lambda counts: counts[GET_FILE] == 6)
            task.cancel()
        with pytest.raises((asyncio.CancelledError, LookupError, RPCError)):
            await task
        release.set()
        assert names(tmp_path) == ["x.telefast.part", "x.telefast.part.map"]
        result = await downloader.download(item, tmp_path / "x")
        assert (result.resumed_from, result.parts) == (5 * 64 * KIB, 3)
        await check(here, tmp_path / "x")


async def test_o32_leaving_a_stream_leaves_partials_only(tmp_path: Path) -> None:
    """A consumer that stops: nothing goes on behind its back, nothing half under a final name."""
    async with scene(10, 40 * PART) as here:
        downloader = here.downloader(memory=PART)
        async with downloader.download_all(await here.messages(), tmp_path) as stream:
            async for result in stream:
                assert result.size == 10
                break
        asked = here.counts[GET_FILE]
        await asyncio.sleep(0)
        assert here.counts[GET_FILE] == asked
        assert f"document_{here.files[1].id}.bin" not in names(tmp_path)


CHILD = """
import asyncio, json, os, signal, sys
from telethon import TelegramClient
from telethon.sessions import StringSession
from telefast.media.downloader import MediaDownloader

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, if the tests run in background
order = json.loads(sys.argv[1])

def tell(received, size):
    if received >= order["until"]:
        os.kill(os.getpid(), order["signal"])

async def main():
    client = TelegramClient(StringSession(order["session"]), 1, "x" * 32)
    await client.connect()
    message = await client.get_messages("files", ids=1)
    downloader = MediaDownloader(client, part_size=order["part_size"])
    await downloader.download(message, order["target"], progress=tell)

asyncio.run(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(
    ("number", "part_size", "is_expired"),
    [
        pytest.param(signal.SIGKILL, PART, False, id="killed"),
        pytest.param(signal.SIGKILL, 128 * KIB, False, id="other parts"),
        pytest.param(signal.SIGKILL, 128 * KIB, True, id="other parts and an expired reference"),
        pytest.param(signal.SIGINT, PART, False, id="interrupted"),
    ],
)
async def test_o33_a_killed_download_goes_on_where_it_was(
    number: int, part_size: int, is_expired: bool, tmp_path: Path
) -> None:
    """Killed at 60 %: the next run transfers at most 40 % and what was in flight.

    Also with parts of another size, and if the reference that was known then has expired. What is
    interrupted by Ctrl-C has time to write down all that has come.
    """
    size, target = 64 * MIB, tmp_path / "x"
    async with scene(size) as here:
        item = await here.item()
        order = {
            "session": here.telegram.session_string(),
            "until": size * 6 // 10,
            "target": str(target),
            "signal": int(number),
            "part_size": PART,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, json.dumps(order)),
            cwd=ROOT,
            env=os.environ,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == -number
        assert "x" not in names(tmp_path)
        if is_expired:
            here.telegram.world.file_store.revoke()
        before, sent = here.counts[GET_FILE], here.counts.bytes_sent
        result = await here.downloader(part_size=part_size).download(item, target)
        again = here.counts.bytes_sent - sent
        print(f"ended at 60 %: {again / size:.1%} of the bytes on rerun")
        lost = 16 * MIB if number == signal.SIGKILL else 0
        assert result.resumed_from >= size * 6 // 10 - lost
        assert here.counts[GET_FILE] - before == result.parts
        refused = here.counts.errors["FILE_REFERENCE_EXPIRED"]
        assert (refused > 0) == is_expired
        assert (result.parts - refused) * part_size == size - result.resumed_from
        assert again <= size - result.resumed_from + MIB
        await check(here, target)


async def test_o42_a_full_disk_stops_all_and_can_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC at part k: one typed error, no further part request, and nothing is lost."""

    class Full(PartFile):
        is_full = True

        def write(self, pieces: Any) -> None:
            if self.is_full and any(offset >= 5 * 64 * KIB for offset, _ in pieces):
                with self._room():
                    raise OSError(errno.ENOSPC, "No space left on device")
            super().write(pieces)

    monkeypatch.setattr(sinks, "PartFile", Full)
    async with scene(16 * 64 * KIB, 64 * 64 * KIB) as here:
        downloader = here.downloader(part_size=64 * KIB, memory=128 * KIB)
        messages = await here.messages()
        tasks = [
            asyncio.ensure_future(downloader.download(message, tmp_path / str(message.id)))
            for message in messages
        ]
        failed = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in failed] == [DiskFullError] * 2
        [first, _] = failed
        assert isinstance(first, DiskFullError)
        assert first.path in {str(tmp_path / "1"), str(tmp_path / "2")}
        assert 0 < first.size <= 64 * 64 * KIB
        asked = here.counts[GET_FILE]
        assert asked <= 16
        with pytest.raises(DiskFullError):
            async for _ in downloader.download_all(messages, tmp_path / "all"):
                pass
        Full.is_full = False
        before = here.counts[GET_FILE]
        for message in messages:
            result = await downloader.download(message, tmp_path / str(message.id))
            assert result.resumed_from > 0
            assert sha((tmp_path / str(message.id)).read_bytes()) == sha(here.content(message.id))
        assert here.counts[GET_FILE] - before <= 16 + 64 - 2


def without_size(item: Any) -> Any:
    """Return an item whose size Telegram does not say."""
    return dataclasses.replace(item, size=None)


def elsewhere(item: Any, dc_id: int) -> Any:
    """Return an item that says another data centre."""
    return dataclasses.replace(item, dc_id=dc_id)
