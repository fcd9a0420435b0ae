"""Several data centres: keys of their own, authorizations carried over, and who lives where."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from telethon import errors, functions, types

from telefast.errors import ArgumentError, WorldError
from telefast.testing import DataCentre, LocalTelegram, World, put_media
from telefast.testing.assumptions import Assumptions
from telefast.testing.file_content import made_bytes
from telefast.testing.keys import ServerKey
from telefast.testing.method_auth import login_code
from tests.conformance.asking import refusal

GET_ME = functions.users.GetUsersRequest([types.InputUserSelf()])
CODE = types.CodeSettings()


@pytest.fixture
def world() -> World:
    """A world with two data centres; the second account lives in the second."""
    world = World(seed=5, user_count=6, dc_ids=(2, 4))
    world.add_channel("Ships", message_count=30, username="ships")
    world.add_account(dc_id=4)
    return world


def put_file(world: World, size: int, dc_id: int) -> tuple[int, bytes]:
    """Put a file that lives in a data centre into the channel; return its message and its bytes."""
    (channel,) = world.channels.values()
    content = made_bytes("film", 0, size)
    document = world.file_store.add(content, "film.mkv", dc_id=dc_id)
    return put_media(channel, types.MessageMediaDocument(document=document))[0], content


@pytest.mark.rule("dc.options")
async def test_clients_are_told_of_all_data_centres(world: World) -> None:
    """`help.getConfig` lists each, marks what is special, and says which one this is."""
    others = [DataCentre(4, media_only=True), DataCentre(203, cdn=True)]
    async with LocalTelegram(world, data_centres=others) as telegram, telegram.client() as client:
        config = await client(functions.help.GetConfigRequest())
        shown = [(o.id, bool(o.media_only), bool(o.cdn)) for o in config.dc_options]
        assert [(2, False, False), (4, False, False), (4, True, False), (203, False, True)] == shown
        assert [o.port for o in config.dc_options] == [a.port for a in telegram.addresses]
        assert (2, 2) == (config.this_dc, client.session.dc_id)
        async with telegram.client(account=world.accounts[1]) as other:
            assert (await other(functions.help.GetConfigRequest())).this_dc == 4
            assert (await other.get_me()).id == world.accounts[1].me.id


@pytest.mark.rule("files.migrate", "auth.import")
@pytest.mark.parametrize("process", [False, True])
async def test_telethon_fetches_a_file_from_another_data_centre(
    world: World, process: bool
) -> None:
    """It is sent there, carries its authorization over once, and gets exact bytes."""
    number, content = put_file(world, 700_000, dc_id=4)
    async with LocalTelegram(world, process=process) as telegram, telegram.client() as client:
        message = await client.get_messages("ships", ids=number)
        for _ in range(2):
            assert await client.download_media(message, bytes) == content
        await telegram.sync()
        assert telegram.requests["auth.exportAuthorization"] == 1
        assert telegram.requests["auth.importAuthorization"] == 1
        assert telegram.requests.errors["FILE_MIGRATE_4"] == 2
        assert telegram.requests.handshakes == 1
        assert not telegram.unknown


async def test_clients_of_two_servers_do_not_mix_them_up(world: World) -> None:
    """Each fetches its file from the second data centre of its own server."""
    number, content = put_file(world, 9_000, dc_id=4)
    second = World(seed=6, dc_ids=(2, 4))
    second.add_channel("Ships", message_count=30, username="ships")
    other_number, other_content = put_file(second, 8_000, dc_id=4)
    async with (
        LocalTelegram(world) as one,
        LocalTelegram(second) as two,
        one.client() as here,
        two.client() as there,
    ):
        messages = (
            await here.get_messages("ships", ids=number),
            await there.get_messages("ships", ids=other_number),
        )
        assert await here.download_media(messages[0], bytes) == content
        assert await there.download_media(messages[1], bytes) == other_content
        for telegram in (one, two):
            assert telegram.requests["auth.importAuthorization"] == 1


@pytest.mark.rule("auth.export-once", "auth.own-dc")
async def test_an_export_is_good_for_one_import_elsewhere(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """It is refused a second time, at another data centre, and for another user."""
    export = functions.auth.ExportAuthorizationRequest
    for wrong in (2, 5):
        assert refusal(world, export(wrong)) == (400, "DC_ID_INVALID")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        far = next(each for each in telegram.addresses if each.dc_id == 4)
        with pytest.raises(errors.DcIdInvalidError):
            await client(export(2))
        made = await client(export(4))
        for import_id, data, outcome in (
            (made.id + 1, made.bytes, "AUTH_BYTES_INVALID"),
            (made.id, bytes(32), "AUTH_BYTES_INVALID"),
            (made.id, made.bytes, None),
            (made.id, made.bytes, "AUTH_BYTES_INVALID"),
        ):
            key = ServerKey(is_initialized=True)
            telegram._dispatcher.keys[4][key.key_id] = key
            request = functions.auth.ImportAuthorizationRequest(import_id, data)
            async with raw_client(telegram, key, address=far) as raw:
                answer = await raw.ask(request)
                assert getattr(answer, "error_message", None) == outcome
                again = await raw.ask(GET_ME)
                assert (401 if outcome else 303) == again.error_code
        fresh = await client(export(4))
        with pytest.raises(errors.AuthBytesInvalidError):
            await client(functions.auth.ImportAuthorizationRequest(fresh.id, fresh.bytes))


@pytest.mark.rule("auth.newest-export", side="on")
@pytest.mark.parametrize("replaces", [True])
async def test_an_export_takes_the_place_of_the_one_before(world: World, replaces: bool) -> None:
    """With `export_replaces` only the newest export to a data centre can be imported."""
    assert await _imports(world, replaces=replaces) == [False, True]


@pytest.mark.rule("auth.newest-export", side="off")
@pytest.mark.parametrize("replaces", [False])
async def test_exports_stand_side_by_side(world: World, replaces: bool) -> None:
    """Without `export_replaces` each export can be imported."""
    assert await _imports(world, replaces=replaces) == [True, True]


async def _imports(world: World, *, replaces: bool) -> list[bool]:
    """Export twice, then import both; return which were taken."""
    world.assume = Assumptions(export_replaces=replaces)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        made = [await client(functions.auth.ExportAuthorizationRequest(4)) for _ in range(2)]
        foreign = telegram.client(key_exchange=True)
        far = next(each for each in telegram.addresses if each.dc_id == 4)
        foreign.session.set_dc(4, far.host, far.port)
        await foreign.connect()
        taken = []
        for each in made:
            try:
                await foreign(functions.auth.ImportAuthorizationRequest(each.id, each.bytes))
            except errors.AuthBytesInvalidError:
                taken.append(False)
            else:
                taken.append(True)
        return taken


@pytest.mark.rule("auth.registered", "auth.code")
async def test_signing_in_by_code(world: World) -> None:
    """A new key is nobody's until the code came; wrong codes are refused; then it is logged in."""
    async with LocalTelegram(world, sign_in=True) as telegram:
        client = telegram.client(key_exchange=True)
        await client.connect()
        assert not await client.is_user_authorized()
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await client(GET_ME)
        phone = f"+{world.account.phone}"
        sent = await client.send_code_request(phone)
        with pytest.raises(errors.PhoneCodeInvalidError):
            await client.sign_in(phone, "12345")
        with pytest.raises(errors.PhoneCodeExpiredError):
            await client.sign_in(phone, login_code(2), phone_code_hash="0" * 18)
        with pytest.raises(errors.PhoneNumberInvalidError):
            await client.send_code_request("+1")
        me = await client.sign_in(phone, login_code(2), phone_code_hash=sent.phone_code_hash)
        assert me.id == world.me.id
        assert len(await client.get_messages("ships", limit=5)) == 5
        await client.log_out()


async def test_codes_can_be_sent_again_and_taken_back(world: World) -> None:
    """A code that was cancelled or used is expired; a number of nobody cannot sign in."""
    async with LocalTelegram(world, sign_in=True) as telegram:
        client = telegram.client(key_exchange=True)
        await client.connect()
        for phone, taken_back in (("15550199", False), (world.account.phone, True)):
            sent = await client(functions.auth.SendCodeRequest(phone, 1, "x", CODE))
            again = await client(functions.auth.ResendCodeRequest(phone, sent.phone_code_hash))
            assert again.phone_code_hash == sent.phone_code_hash
            enter = functions.auth.SignInRequest(phone, sent.phone_code_hash, login_code(2))
            expected: type[Exception] = errors.PhoneNumberUnoccupiedError
            if taken_back:
                await client(functions.auth.CancelCodeRequest(phone, sent.phone_code_hash))
                expected = errors.PhoneCodeExpiredError
            with pytest.raises(expected):
                await client(enter)


async def test_a_code_does_not_live_for_ever(world: World) -> None:
    """It expires with time, unless it is sent again, and after five wrong ones."""
    phone = world.account.phone
    async with LocalTelegram(world, sign_in=True) as telegram:
        now = 1_700_000_000.0
        telegram._dispatcher.clock = lambda: now
        client = telegram.client(key_exchange=True)
        await client.connect()
        send = functions.auth.SendCodeRequest(phone, 1, "x", CODE)
        sign_in = functions.auth.SignInRequest
        first = (await client(send)).phone_code_hash
        now += 299
        await client(functions.auth.ResendCodeRequest(phone, first))
        now += 301
        with pytest.raises(errors.PhoneCodeExpiredError):
            await client(sign_in(phone, first, login_code(2)))
        second = (await client(send)).phone_code_hash
        for _ in range(5):
            with pytest.raises(errors.PhoneCodeInvalidError):
                await client(sign_in(phone, second, "12345"))
        with pytest.raises(errors.PhoneCodeExpiredError):
            await client(sign_in(phone, second, login_code(2)))
        third = (await client(send)).phone_code_hash
        now += 299
        assert (await client(sign_in(phone, third, login_code(2)))).user.id == world.me.id


async def test_who_logs_out_at_home_is_logged_out_everywhere(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """Keys to which the login was carried over are nobody's; those of another client go on."""
    part = functions.upload.GetFileRequest(types.InputTakeoutFileLocation(), 0, 4096)
    world.assume = Assumptions(export_replaces=False)
    async with LocalTelegram(world, sign_in=True) as telegram:
        far = next(each for each in telegram.addresses if each.dc_id == 4)
        own = ServerKey(is_initialized=True, account=0)
        telegram._dispatcher.keys[2][own.key_id] = own
        async with (
            telegram.client() as client,
            raw_client(telegram, own) as other,
        ):
            exported = [await client(functions.auth.ExportAuthorizationRequest(4))]
            exported.append(await other.ask(functions.auth.ExportAuthorizationRequest(4)))
            late = await client(functions.auth.ExportAuthorizationRequest(4))
            keys = [ServerKey(is_initialized=True) for _ in exported]
            for key, made in zip(keys, exported, strict=True):
                telegram._dispatcher.keys[4][key.key_id] = key
                async with raw_client(telegram, key, address=far) as raw:
                    enter = functions.auth.ImportAuthorizationRequest(made.id, made.bytes)
                    assert isinstance(await raw.ask(enter), types.auth.Authorization)
            await client(functions.auth.LogOutRequest())
            outcomes = []
            for key in keys:
                async with raw_client(telegram, key, address=far) as raw:
                    outcomes.append((await raw.ask(part)).error_message)
            assert outcomes == ["AUTH_KEY_UNREGISTERED", "TAKEOUT_REQUIRED"]
            async with raw_client(telegram, keys[0], address=far) as raw:
                enter = functions.auth.ImportAuthorizationRequest(late.id, late.bytes)
                assert (await raw.ask(enter)).error_message == "AUTH_BYTES_INVALID"


@pytest.mark.rule("dc.phone-migrate")
async def test_who_lives_elsewhere_signs_in_there(world: World) -> None:
    """The first data centre sends the phone on, and the client stays where it was sent."""
    phone = world.accounts[1].phone
    async with LocalTelegram(world, sign_in=True) as telegram:
        client = telegram.client(key_exchange=True, retry_delay=0)
        await client.connect()
        await client.send_code_request(phone)
        assert client.session.dc_id == 4
        me = await client.sign_in(phone, login_code(4))
        assert me.id == world.accounts[1].me.id
        assert telegram.requests.errors["PHONE_MIGRATE_4"] == 1


@pytest.mark.rule("auth.key-duplicated")
@pytest.mark.parametrize("is_there", [False, True])
async def test_a_login_is_used_in_one_place(world: World, is_there: bool) -> None:
    """Two addresses at once end it, for both; one after the other, it may come from anywhere."""
    async with LocalTelegram(world) as telegram:
        first = telegram.client()
        await first.connect()
        async with telegram.client() as neighbour:
            assert (await neighbour.get_me()).is_self
        if not is_there:
            await first.disconnect()
            await telegram.requests.until(lambda ledger: not ledger.open_connections)
        second = telegram.client(local_addr="127.0.0.2")
        if is_there:
            with pytest.raises(errors.AuthKeyDuplicatedError):
                await second.connect()
            with pytest.raises(errors.AuthKeyDuplicatedError):
                await first.get_me()
            with pytest.raises(errors.AuthKeyDuplicatedError):
                await telegram.client().connect()
            await first.disconnect()
        else:
            await second.connect()
            assert (await second.get_me()).is_self
        assert telegram.client_faults == []


@pytest.mark.rule("dc.network-migrate")
@pytest.mark.parametrize("process", [False, True])
async def test_a_network_belongs_to_a_data_centre(world: World, process: bool) -> None:
    """Who has no account is sent there to sign up, from that network only, and stays."""
    unknown, known = "15550199", world.account.phone
    others = [DataCentre(4, networks=("127.0.0.2",))]
    options = {"sign_in": True, "data_centres": others, "process": process}
    async with LocalTelegram(world, **options) as telegram:
        for phone, host, home in (
            (unknown, "127.0.0.1", 2),
            (known, "127.0.0.2", 2),
            (unknown, "127.0.0.2", 4),
        ):
            client = telegram.client(key_exchange=True, retry_delay=0, local_addr=host)
            await client.connect()
            await client.send_code_request(phone)
            assert client.session.dc_id == home
            assert (await client(functions.help.GetNearestDcRequest())).this_dc == home
        await telegram.sync()
        assert telegram.requests.errors["NETWORK_MIGRATE_4"] == 1


@pytest.mark.rule("dc.user-migrate")
async def test_away_from_home_there_are_only_files(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """A data centre that is not the home of the account sends everything but files home."""
    async with LocalTelegram(world) as telegram:
        far = next(each for each in telegram.addresses if each.dc_id == 4)
        key = ServerKey(is_initialized=True, account=0)
        telegram._dispatcher.keys[4][key.key_id] = key
        async with raw_client(telegram, key, address=far) as raw:
            assert (await raw.ask(GET_ME)).error_message == "USER_MIGRATE_2"
            part = functions.upload.GetFileRequest(types.InputTakeoutFileLocation(), 0, 4096)
            assert (await raw.ask(part)).error_message == "TAKEOUT_REQUIRED"


@pytest.mark.rule("dc.keys-apart")
async def test_a_key_belongs_to_one_data_centre(
    world: World, raw_client: Callable[..., Any]
) -> None:
    """Another one does not know it: -404, and the connection is closed."""
    async with LocalTelegram(world) as telegram:
        far = next(each for each in telegram.addresses if each.dc_id == 4)
        async with raw_client(telegram, address=far) as raw:
            raw.send(GET_ME)
            data = await asyncio.wait_for(raw.reader.read(), 10)
            assert (-404).to_bytes(4, "little", signed=True) in data


def test_what_contradicts_itself_is_refused(world: World) -> None:
    """Data centres that are not there, twice there, or no numbers, are named in the error."""
    for dc_ids in ((), (2, 2), (0,), (10,)):
        with pytest.raises(WorldError, match="dc_ids"):
            World(dc_ids=dc_ids)
    with pytest.raises(WorldError, match="dc_id=5"):
        world.add_account(dc_id=5)
    for wrong in (
        [DataCentre(5)],
        [DataCentre(4, cdn=True)],
        [DataCentre(4), DataCentre(4)],
    ):
        with pytest.raises(ArgumentError, match="data_centres"):
            LocalTelegram(world, data_centres=wrong)
    with pytest.raises(ArgumentError, match="dc_id"):
        DataCentre(0)
    with pytest.raises(ArgumentError, match="media_only"):
        DataCentre(203, cdn=True, media_only=True)
    with pytest.raises(ArgumentError, match="rtt"):
        DataCentre(4, rtt=-1)
