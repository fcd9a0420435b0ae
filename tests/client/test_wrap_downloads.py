"""Downloads through `wrap`: Telethon's names and answers, with our way to the bytes."""

from __future__ import annotations

import inspect
import io
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient
from telethon.errors import RPCError
from telethon.tl import types

from telefast import FastClient, wrap
from telefast.errors import ArgumentError, FileUnavailableError
from telefast.testing import (
    ExpireReferences,
    LocalTelegram,
    World,
    put_media,
    sample_kinds,
    sample_media,
)
from telefast.transport.account import Account
from tests.client.media_scene import GET_FILE, KIB, MIB, names, scene, sha, whole


@pytest.mark.parametrize(
    "name", ["download_media", "download_profile_photo", "download_file", "iter_download"]
)
def test_signatures_are_telethons(name: str) -> None:
    """Each argument of Telethon's has its place, its kind and its default."""
    theirs = inspect.signature(getattr(TelegramClient, name)).parameters
    ours = inspect.signature(getattr(FastClient, name)).parameters
    found = [(each.name, each.kind, each.default) for each in ours.values()]
    wanted = [(each.name, each.kind, each.default) for each in theirs.values()]
    assert [each for each in found if each[0] != "policy"] == wanted


def taken(path: str) -> str:
    """Return the hash of a file, and remove it."""
    found = whole(Path(path))
    Path(path).unlink()
    return found


async def stock(client: Any, message: Any, file: Any, **options: Any) -> Any:
    """Return what Telethon makes of it, or the error (of emoji as video sizes it makes one)."""
    try:
        return await client.download_media(message, file, **options)
    except (RPCError, AttributeError) as error:
        return type(error)


async def test_every_kind_of_media_as_stock_downloads_it(tmp_path: Path) -> None:
    """Same names, same bytes, same Nones, for a sample of each kind of media."""
    world = World(seed=9, user_count=5)
    channel = world.add_channel("Media", username="media")
    for kind in sample_kinds():
        put_media(channel, sample_media(world, kind))
    same = 0
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast = wrap(client)
        async for message in client.iter_messages("media"):
            web = getattr(message.media, "webpage", None) or message.media
            if type(web).__name__.startswith("WebDocument") or message.noforwards:
                continue
            if getattr(message.media, "ttl_seconds", None):
                assert await fast.download_media(message, bytes) is None
                continue
            size = getattr(message.file, "size", None)
            if size is not None and size > 8 * MIB:
                continue
            theirs = await stock(client, message, str(tmp_path / "stock") + "/")
            ours = await stock(fast, message, str(tmp_path / "fast") + "/")
            if not isinstance(theirs, str):
                assert ours == theirs
                continue
            assert Path(ours).name == Path(theirs).name
            assert taken(ours) == taken(theirs)
            same += 1
            for thumb in (0, -1):
                want = await stock(client, message, bytes, thumb=thumb)
                assert await stock(fast, message, bytes, thumb=thumb) == want
        await Account.of(client).aclose()
    assert same >= 10


async def test_targets_are_telethons(tmp_path: Path) -> None:
    """Memory, a stream, a path that exists, one that does not; the callback gets both numbers."""
    async with scene(3 * MIB + 5) as here:
        fast, message, seen = wrap(here.client), await here.message(), []
        wanted = sha(here.content(1))
        data = await fast.download_media(
            message, bytes, progress_callback=lambda *args: seen.append(args)
        )
        assert sha(data) == wanted
        assert seen[-1] == (3 * MIB + 5, 3 * MIB + 5)
        out = io.BytesIO()
        assert await fast.download_media(message, out) is out
        assert sha(out.getvalue()) == wanted
        (tmp_path / "there").write_bytes(bytes(3 * MIB + 5))
        for name in ("there", "new.bin"):
            path = await fast.download_media(message, str(tmp_path / name))
            assert path == str(tmp_path / name)
            assert sha((tmp_path / name).read_bytes()) == wanted
        assert names(tmp_path) == ["new.bin", "there"]
        document = message.document
        location = types.InputDocumentFileLocation(
            document.id, document.access_hash, document.file_reference, ""
        )
        for size in (None, document.size):
            assert sha(await fast.download_file(location, file_size=size)) == wanted
        assert sha(await fast.download_file(document, bytes)) == wanted


async def test_an_expired_reference_is_renewed_through_wrap() -> None:
    """The message is known, so its reference is."""
    async with scene(MIB, rules=(ExpireReferences(nth=1),)) as here:
        data = await wrap(here.client).download_media(await here.message(), bytes)
        assert sha(data) == sha(here.content(1))


async def test_protected_media_are_none_unless_the_policy_decides() -> None:
    """As nothing that can be downloaded; nothing is asked."""
    async with scene(1000) as here:
        message, fast = await here.message(), wrap(here.client)
        message.noforwards = True
        assert await fast.download_media(message, bytes) is None
        assert here.counts[GET_FILE] == 0
        allowed = await fast.download_media(message, bytes, policy=lambda message, item: True)
        assert allowed == here.content(1)


async def test_a_policy_that_does_not_decide_allows_nothing() -> None:
    """A coroutine function, or no function: a typed error, and nothing is asked."""

    async def later(message: Any, item: Any) -> bool:
        return False

    async with scene(1000) as here:
        message, fast = await here.message(), wrap(here.client)
        message.noforwards = True
        for policy in (later, 5):
            with pytest.raises(ArgumentError):
                await fast.download_media(message, bytes, policy=policy)  # type: ignore[arg-type]
            with pytest.raises(ArgumentError):
                fast.iter_download(message, policy=policy)  # type: ignore[arg-type]
        assert here.counts[GET_FILE] == 0


@pytest.mark.parametrize("stride", [None, 8192])
async def test_protected_media_are_not_iterated_over(stride: int | None) -> None:
    """Nor is a file of zero bytes made of them: a typed error, unless the policy decides."""
    async with scene(9000) as here:
        message, fast = await here.message(), wrap(here.client)
        message.noforwards = True
        with pytest.raises(FileUnavailableError) as caught:
            fast.iter_download(message, stride=stride, request_size=4096)
        assert caught.value.reason == "protected"
        with pytest.raises(FileUnavailableError):
            await fast.download_file(message, bytes)
        message.noforwards, message.media.ttl_seconds = False, 10  # which the medium knows itself
        for each in (message, message.media):
            with pytest.raises(FileUnavailableError):
                fast.iter_download(each, stride=stride, request_size=4096)
            with pytest.raises(FileUnavailableError):
                await fast.download_file(each, bytes)
        assert here.counts[GET_FILE] == 0
        stream = fast.iter_download(
            message, stride=stride, request_size=4096, policy=lambda message, item: True
        )
        assert b"".join([bytes(piece) async for piece in stream])


async def test_profile_photos(tmp_path: Path) -> None:
    """Large and small, by entity or name; None without a photo."""
    world = World(seed=9, user_count=40)
    channel = world.add_channel("Media", message_count=60, username="media")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast, photos = wrap(client), 0
        async for message in client.iter_messages(channel.input_peer(), limit=10):
            sender = await message.get_sender()
            for big in (True, False):
                theirs = await client.download_profile_photo(sender, bytes, download_big=big)
                ours = await fast.download_profile_photo(sender, bytes, download_big=big)
                assert ours == theirs
                photos += theirs is not None
        assert photos
        await Account.of(client).aclose()


@pytest.mark.parametrize("offset", [0, 1, 4096, 100_000, 3 * MIB + 5, 9 * MIB])
@pytest.mark.parametrize(("limit", "chunk"), [(None, 64 * KIB), (3, 1000), (2, MIB), (0, 10)])
async def test_iterating_over_bytes(offset: int, limit: int | None, chunk: int) -> None:
    """Any range, in pieces of any size; nothing outside of it is asked for."""
    async with scene(3 * MIB + 5) as here:
        message, fast = await here.message(), wrap(here.client)
        found = [
            piece
            async for piece in fast.iter_download(
                message, offset=offset, limit=limit, chunk_size=chunk
            )
        ]
        wanted = here.content(1)[offset:]
        if limit is not None:
            wanted = wanted[: limit * chunk]
        assert sha(b"".join(found)) == sha(wanted)
        assert [len(piece) for piece in found[:-1]] == [chunk] * max(len(found) - 1, 0)
        size = sum(min(limit, 3 * MIB + 5 - offset) for offset, limit in here.asked)
        assert size <= len(wanted) + 2 * 4096
        end = 3 * MIB + 5 if limit is None else offset + limit * chunk
        assert all(offset - 4096 < at < end for at, _ in here.asked)


async def test_iterating_without_a_size_and_stopping(tmp_path: Path) -> None:
    """A bare location has no size: it is read to its end; and one may stop at any piece."""
    async with scene(300 * KIB) as here:
        document, fast = (await here.message()).document, wrap(here.client)
        location = types.InputDocumentFileLocation(
            document.id, document.access_hash, document.file_reference, ""
        )
        stream = fast.iter_download(location, chunk_size=7000)
        assert stream.total is None
        assert sha(b"".join(await stream.collect())) == sha(here.content(1))
        stream = fast.iter_download(document, chunk_size=7000)
        assert stream.total == 300 * KIB
        async for piece in stream:
            assert piece == here.content(1)[:7000]
            break
        await stream.aclose()
        theirs = [
            bytes(piece)
            async for piece in fast.iter_download(document, stride=8192, request_size=4096, limit=3)
        ]
        assert theirs == [here.content(1)[at : at + 4096] for at in (0, 8192, 16384)]


async def test_a_slow_reader_bounds_what_is_fetched() -> None:
    """What nobody reads is not fetched beyond the memory of the downloader."""
    async with scene(40 * MIB) as here:
        stream = wrap(here.client).iter_download(await here.message(), chunk_size=MIB)
        await anext(stream)
        for _ in range(50):
            await here.client.get_me()
        assert here.counts[GET_FILE] * 512 * KIB <= 36 * MIB
        await stream.aclose()
