"""Files of other sites, which Telegram passes on: `upload.getWebFile`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import MediaDedupeCache, MediaDownloader, MediaItem, items_of, wrap
from telefast.errors import FileMismatchError
from telefast.media.streaming import ByteStream
from telefast.testing import (
    DataCentre,
    ErrorOn,
    LocalTelegram,
    Rule,
    World,
    put_media,
    virtual_time,
)
from telefast.testing.rpc import Call
from telefast.transport.account import Account
from tests.client.media_scene import KIB, MIB, PART, names, sha, whole

GET_WEB_FILE = "upload.getWebFile"
URL = "https://example.org/p.gif"


class Scene:
    """A message whose invoice shows a file of another site."""

    def __init__(self, telegram: LocalTelegram, client: Any, data: bytes) -> None:
        self.telegram, self.client, self.data = telegram, client, data
        self.counts: Any = telegram.requests

    async def message(self) -> Any:
        """Return it."""
        return await self.client.get_messages("files", ids=1)

    @property
    def asked(self) -> list[tuple[int, int]]:
        """Offset and limit of each part that was asked for."""
        return [(each.offset, each.limit) for each in self.counts.requests(GET_WEB_FILE)]


@asynccontextmanager
async def scene(
    size: int, said: int | None = None, *rules: Rule, dc_id: int = 4
) -> AsyncIterator[Scene]:
    """Build one; the file lies behind the data centre *dc_id*, and its sender *said* a size."""
    data = bytes(number * 31 % 251 for number in range(1000)) * (size // 1000 + 1)
    data = data[:size]
    world = World(seed=3, user_count=3, dc_ids=(2, 4))
    world.file_store.give_web(URL, data)
    world.file_store.web_dc_id = dc_id
    document = types.WebDocument(URL, 77, size if said is None else said, "image/gif", [])
    media = types.MessageMediaInvoice("A thing", "Good", "EUR", 499, "x", photo=document)
    put_media(world.add_channel("Files", username="files"), media)
    server = LocalTelegram(world, rules=rules, data_centres=[DataCentre(4)])
    async with server as telegram, telegram.client() as client:
        yield Scene(telegram, client, data)
        await Account.of(client).aclose()


async def test_a_small_one_takes_one_request(tmp_path: Path) -> None:
    """At the data centre that the configuration names, though nothing says so in the message."""
    async with scene(20_000) as here:
        downloader = MediaDownloader(here.client)
        result = await downloader.download(await here.message(), tmp_path)
        assert (result.status, result.size, result.is_size_known) == ("done", 20_000, True)
        assert result.path is not None
        assert (result.path.suffix, result.path.read_bytes()) == (".gif", here.data)
        assert len(here.asked) == result.parts == 1
        assert here.counts.errors == {}
        # The configuration is asked for once.
        before = here.counts["help.getConfig"]
        again = await downloader.download(await here.message(), bytes)
        assert again.data == here.data
        assert here.counts["help.getConfig"] == before


@pytest.mark.parametrize("said", [0, 1, 20_000, 3 * MIB + 5, 9 * MIB])
async def test_the_size_is_what_telegram_says(said: int, tmp_path: Path) -> None:
    """What the sender said may lie: the first answer tells, and each byte is fetched once."""
    async with scene(3 * MIB + 5, said) as here:
        seen: list[tuple[int, int | None]] = []
        result = await MediaDownloader(here.client, part_size=PART).download(
            await here.message(), tmp_path / "x", progress=lambda *args: seen.append(args)
        )
        assert (result.size, result.parts, result.is_size_known) == (3 * MIB + 5, 7, True)
        assert sha((tmp_path / "x").read_bytes()) == sha(here.data)
        assert sorted(here.asked) == [(at * 512 * KIB, 512 * KIB) for at in range(6)] + [
            (3 * MIB, 512 * KIB)
        ]
        assert seen[-1] == (3 * MIB + 5, 3 * MIB + 5)
        assert names(tmp_path) == ["x"]


async def test_at_home() -> None:
    """If that data centre is the account's home, no login is carried anywhere."""
    async with scene(1 * MIB, dc_id=2) as here:
        result = await MediaDownloader(here.client, part_size=PART).download(
            await here.message(), bytes
        )
        assert sha(result.data or b"") == sha(here.data)
        assert here.counts["auth.exportAuthorization"] == 0


class Untold(Rule):
    """Answer without the size of the file."""

    def result(self, call: Call, body: bytes) -> bytes:
        """Write 0 in its place."""
        if call.method != GET_WEB_FILE:
            return body
        self.fired += 1
        return body[:4] + bytes(4) + body[8:]


@pytest.mark.parametrize("size", [1, 64 * KIB, 300 * KIB + 7])
async def test_an_unknown_size_is_read_to_its_end(size: int) -> None:
    """Neither the sender nor Telegram says it: the end counts when two requests have found it."""
    async with scene(size, 0, Untold()) as here:
        downloader = MediaDownloader(here.client, part_size=64 * KIB)
        result = await downloader.download(await here.message(), bytes)
        assert sha(result.data or b"") == sha(here.data)
        assert not result.is_size_known


class Changing(Rule):
    """Say another size from the second answer on."""

    def result(self, call: Call, body: bytes) -> bytes:
        """Add one."""
        if call.method != GET_WEB_FILE or call.number == 1:
            return body
        self.fired += 1
        size = int.from_bytes(body[4:8], "little") + 1
        return body[:4] + size.to_bytes(4, "little") + body[8:]


async def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    """Never half of one and half of another; and nothing is kept of it."""
    async with scene(3 * MIB, 0, Changing()) as here:
        with pytest.raises(FileMismatchError, match="size"):
            await MediaDownloader(here.client).download(await here.message(), tmp_path / "x")
        assert names(tmp_path) == []


class Cut(Rule):
    """Send half of the second part, the first time."""

    def result(self, call: Call, body: bytes) -> bytes:
        """Leave the rest out."""
        if call.method != GET_WEB_FILE or call.number != 2:
            return body
        self.fired += 1
        answer: Any = types.upload.WebFile(3 * MIB, "image/gif", types.storage.FileGif(), 0, b"?")
        return bytes(answer)


async def test_a_short_part_is_asked_again() -> None:
    """As of every file."""
    async with scene(3 * MIB, 0, Cut()) as here:
        result = await MediaDownloader(here.client, part_size=PART).download(
            await here.message(), bytes
        )
        assert sha(result.data or b"") == sha(here.data)
        assert result.parts == 7


async def test_limits_of_size(tmp_path: Path) -> None:
    """Found to be too large: one request, whatever its sender has said, and nothing is kept."""
    for said in (1000, 3 * MIB):
        async with scene(3 * MIB, said) as here:
            downloader = MediaDownloader(here.client, max_size=MIB)
            result = await downloader.download(await here.message(), tmp_path / "x")
            assert (result.reason, len(here.asked)) == ("too large", 1)
            assert names(tmp_path) == []


@pytest.mark.parametrize("said", [1, 20_000, 9 * MIB])
async def test_once_for_many_messages(said: int, tmp_path: Path) -> None:
    """A cache of what is here knows it by its URL, and by the size that came."""
    async with scene(20_000, said) as here, MediaDedupeCache(tmp_path / "files.db") as cache:
        downloader = MediaDownloader(here.client, dedupe=cache)
        for _ in range(3):
            result = await downloader.download(await here.message(), tmp_path / "media" / "")
            assert result.path is not None
            assert whole(result.path) == sha(here.data)
        assert len(here.asked) == 1


async def test_there_are_no_hashes_to_verify() -> None:
    """Telegram has none of files of other sites: they are fetched without."""
    async with scene(MIB) as here:
        result = await MediaDownloader(here.client, verify=True).download(
            await here.message(), bytes
        )
        assert sha(result.data or b"") == sha(here.data)
        assert here.counts["upload.getFileHashes"] == 0


async def test_a_range_of_it() -> None:
    """Bytes in order, from any offset on."""
    async with scene(2 * MIB, 0) as here:
        [item] = items_of(await here.message())
        assert isinstance(item, MediaItem)
        downloader = MediaDownloader(here.client)
        for offset in (0, 5000, MIB, 2 * MIB - 1):
            stream = ByteStream(downloader, item, offset=offset, length=700_000)
            data = b"".join(await stream.collect())
            assert sha(data) == sha(here.data[offset : offset + 700_000])


@virtual_time
async def test_it_keeps_to_floods_and_refusals(tmp_path: Path) -> None:
    """A wait is waited out; a refusal is Telegram's own error."""
    rule = ErrorOn(GET_WEB_FILE, 420, "FLOOD_WAIT_9", nth=1)
    async with scene(20_000, None, rule) as here:
        result = await MediaDownloader(here.client, part_size=PART).download(
            await here.message(), bytes
        )
        assert (result.size, result.parts, result.seconds >= 9) == (20_000, 2, True)


async def test_through_wrap(tmp_path: Path) -> None:
    """By Telegram, which does not tell the other site who reads: Telethon asks the site itself."""
    async with scene(20_000) as here:
        fast, document = wrap(here.client), (await here.message()).media.photo
        assert await fast.download_media(document, bytes) == here.data
        path = await fast.download_media(document, str(tmp_path) + "/")
        assert (whole(Path(path)), Path(path).suffix) == (sha(here.data), ".gif")
