"""A content delivery network: where files are sent to, encrypted, and checked by hashes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from telethon import errors, functions, types

from telefast.errors import WorldError
from telefast.testing import CdnRedirect, DataCentre, LocalTelegram, World, put_media
from telefast.testing.file_content import made_bytes
from telefast.testing.keys import ServerKey
from telefast.testing.obfuscation import AesCtr

CDN = 203
KIB = 1024
CONTENT = made_bytes("film", 0, 300 * KIB + 5)


@pytest.fixture
def world() -> World:
    """A world with one file."""
    world = World(seed=4, user_count=4)
    channel = world.add_channel("Ships", username="ships")
    document = world.file_store.add(CONTENT, "film.mkv")
    put_media(channel, types.MessageMediaDocument(document=document))
    return world


async def location(client: Any) -> Any:
    """Return where the file is."""
    document = (await client.get_messages("ships", limit=1))[0].document
    return types.InputDocumentFileLocation(
        document.id, document.access_hash, document.file_reference, ""
    )


def part(where: Any, *, declared: bool = True) -> Any:
    """Return a request for the first part."""
    return functions.upload.GetFileRequest(where, 0, 128 * KIB, cdn_supported=declared or None)


async def ask_network(
    telegram: LocalTelegram, raw_client: Callable[..., Any], *requests: Any
) -> list[Any]:
    """Ask the network with a key of its own; return the answers."""
    key = ServerKey(is_initialized=True)
    telegram._dispatcher.keys[CDN][key.key_id] = key
    address = next(each for each in telegram.addresses if each.cdn)
    async with raw_client(telegram, key, address=address) as raw:
        return [await raw.ask(request) for request in requests]


@pytest.mark.rule("cdn.redirect-if-declared")
@pytest.mark.parametrize("undeclared", [True, False])
async def test_who_is_sent_to_the_network(world: World, undeclared: bool) -> None:
    """Only who declares to support it, unless the rule sends everybody; at the chosen part."""
    rule = CdnRedirect(CDN, nth=[1, 2], undeclared=undeclared)
    async with serving(world, rule) as telegram, telegram.client() as client:
        where = await location(client)
        kinds = [
            type(await client(part(where, declared=declared))).__name__
            for declared in (False, True, True)
        ]
    assert kinds == ["FileCdnRedirect" if undeclared else "File", "FileCdnRedirect", "File"]
    assert rule.fired == 1 + undeclared


def serving(world: World, *rules: Any) -> LocalTelegram:
    """Return a server with a network."""
    return LocalTelegram(world, rules=rules, data_centres=[DataCentre(CDN, cdn=True)])


@pytest.mark.rule("cdn.ctr", "cdn.only-cdn-methods")
async def test_the_network_sends_what_the_key_opens(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """All parts together, decrypted, are the file, and each has the hash that was told."""
    async with serving(world, CdnRedirect(CDN, nth=1)) as telegram, telegram.client() as client:
        sent = await client(part(await location(client)))
        hashes = await client(functions.upload.GetCdnFileHashesRequest(sent.file_token, 0))
        assert [bytes(each) for each in hashes] == [bytes(each) for each in sent.file_hashes]
        assert [each.offset for each in hashes] == [0, 128 * KIB, 256 * KIB]
        get = functions.upload.GetCdnFileRequest
        offsets = range(0, 512 * KIB, 128 * KIB)
        answers = await ask_network(
            telegram,
            raw_client,
            *(get(sent.file_token, offset, 128 * KIB) for offset in offsets),
            get(sent.file_token, 1, 128 * KIB),
            get(sent.file_token, 0, 5000),
            functions.users.GetUsersRequest([types.InputUserSelf()]),
            part(await location(client)),
        )
        parts = [answer.bytes for answer in answers[:4]]
        refused = [answer.error_message for answer in answers[4:]]
        assert refused == ["OFFSET_INVALID", "LIMIT_INVALID"] + ["CDN_METHOD_INVALID"] * 2
        assert [sha256(each).digest() for each in parts[:3]] == [each.hash for each in hashes]
        opened = b"".join(
            AesCtr(
                sent.encryption_key, sent.encryption_iv[:12] + struct.pack(">I", offset // 16)
            ).apply(data)
            for offset, data in zip(offsets, parts, strict=True)
        )
        assert opened == CONTENT
        with pytest.raises(errors.CdnMethodInvalidError):
            await client(get(sent.file_token, 0, 4096))
        (key,) = (await client(functions.help.GetCdnConfigRequest())).public_keys
        assert (key.dc_id, "RSA PUBLIC KEY" in key.public_key) == (CDN, True)


async def test_a_token_is_for_one_account(world: World) -> None:
    """Another one cannot upload what it stands for, nor ask for its hashes."""
    other = world.add_account()
    async with (
        serving(world, CdnRedirect(CDN, nth=1)) as telegram,
        telegram.client() as client,
        telegram.client(account=other) as foreign,
    ):
        sent = await client(part(await location(client)))
        for request in (
            functions.upload.GetCdnFileHashesRequest(sent.file_token, 0),
            functions.upload.ReuploadCdnFileRequest(sent.file_token, b"nothing"),
        ):
            with pytest.raises(errors.BadRequestError, match="FILE_TOKEN_INVALID"):
                await foreign(request)
        assert await client(functions.upload.GetCdnFileHashesRequest(sent.file_token, 0))


@pytest.mark.rule("cdn.reupload")
async def test_what_the_network_does_not_have(world: World, raw_client: Callable[..., Any]) -> None:
    """It asks for an upload until the first data centre was told with the right token."""
    rule = CdnRedirect(CDN, nth=1, uploaded=False)
    async with serving(world, rule) as telegram, telegram.client() as client:
        sent = await client(part(await location(client)))
        get = functions.upload.GetCdnFileRequest(sent.file_token, 0, 4096)
        (needed,) = await ask_network(telegram, raw_client, get)
        assert isinstance(needed, types.upload.CdnFileReuploadNeeded)
        again = functions.upload.ReuploadCdnFileRequest
        with pytest.raises(errors.BadRequestError, match="REQUEST_TOKEN_INVALID"):
            await client(again(sent.file_token, b"nothing"))
        hashes = await client(again(sent.file_token, needed.request_token))
        assert len(hashes) == 3
        (data,) = await ask_network(telegram, raw_client, get)
        assert isinstance(data, types.upload.CdnFile)


@pytest.mark.rule("cdn.token-invalid")
async def test_a_token_that_is_gone(world: World, raw_client: Callable[..., Any]) -> None:
    """Nobody gave it, or the network forgot it after so many parts."""
    rule = CdnRedirect(CDN, nth=1, forget=1)
    async with serving(world, rule) as telegram, telegram.client() as client:
        sent = await client(part(await location(client)))
        get = functions.upload.GetCdnFileRequest
        known = get(sent.file_token, 0, 4096)
        answers = await ask_network(telegram, raw_client, get(b"?", 0, 4096), known, known)
        assert ["FILE_TOKEN_INVALID", None, "FILE_TOKEN_INVALID"] == [
            getattr(answer, "error_message", None) for answer in answers
        ]
        with pytest.raises(errors.BadRequestError, match="FILE_TOKEN_INVALID"):
            await client(functions.upload.GetCdnFileHashesRequest(sent.file_token, 0))


async def test_a_network_that_corrupts(world: World, raw_client: Callable[..., Any]) -> None:
    """What it sends does not have the hash that was told."""
    rule = CdnRedirect(CDN, nth=1, corrupt=True)
    async with serving(world, rule) as telegram, telegram.client() as client:
        sent = await client(part(await location(client)))
        get = functions.upload.GetCdnFileRequest(sent.file_token, 0, 128 * KIB)
        (data,) = await ask_network(telegram, raw_client, get)
        assert sha256(data.bytes).digest() != sent.file_hashes[0].hash


def test_what_is_no_redirect() -> None:
    """A network that forgets before the first part is refused."""
    with pytest.raises(WorldError, match="forget=0"):
        CdnRedirect(CDN, nth=1, forget=0)
