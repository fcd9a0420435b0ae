"""Rules of errors, of what the client asks by itself, and of messages."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from telefast.testing import ErrorOn, LocalTelegram, World
from tests.conformance.asking import ask, history

if TYPE_CHECKING:
    from collections.abc import Callable

STATE = "updates.getState"

REFUSALS: list[tuple[int, str, type[Exception], int | None]] = [
    (420, "FLOOD_WAIT_30", errors.FloodWaitError, 30),
    (420, "FLOOD_PREMIUM_WAIT_7", errors.FloodPremiumWaitError, 7),
    (420, "SLOWMODE_WAIT_9", errors.SlowModeWaitError, 9),
    (420, "TAKEOUT_INIT_DELAY_86400", errors.TakeoutInitDelayError, 86_400),
    (420, "FLOOD_SKIP_FAILED_WAIT", errors.FloodError, None),
    (420, "FROZEN_METHOD_INVALID", errors.FloodError, None),
    (-503, "Timeout", errors.TimedOutError, None),
    (-500, "No workers running", errors.ServerError, None),
    (303, "FILE_MIGRATE_4", errors.FileMigrateError, None),
    (400, "CHANNEL_INVALID", errors.ChannelInvalidError, None),
    (400, "NOBODY_KNOWS_THIS", errors.BadRequestError, None),
    (401, "AUTH_KEY_UNREGISTERED", errors.AuthKeyUnregisteredError, None),
    (403, "CHAT_FORBIDDEN", errors.ForbiddenError, None),
    (404, "METHOD_NOT_FOUND", errors.NotFoundError, None),
    (406, "CHANNEL_PRIVATE", errors.ChannelPrivateError, None),
    (406, "FILEREF_UPGRADE_NEEDED", errors.AuthKeyError, None),
    (500, "RPC_CALL_FAIL", errors.RpcCallFailError, None),
    (777, "SOMETHING_NEW", errors.RPCError, None),
]


@pytest.mark.rule("errors.classes", "errors.flood-names-seconds", "errors.timeout")
async def test_errors_reach_the_client_as_its_classes(world: World) -> None:
    """Telethon makes of each code and message the class that it has for it, with its seconds."""
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for code, message, kind, seconds in REFUSALS:
            telegram.add(ErrorOn(STATE, code, message, nth=telegram.requests[STATE] + 1))
            with pytest.raises(kind) as caught:
                await client._sender.send(functions.updates.GetStateRequest())
            assert isinstance(caught.value, errors.RPCError)
            assert seconds == getattr(caught.value, "seconds", None)
        assert await client.is_user_authorized()


@pytest.mark.rule("message.posts-have-no-sender")
def test_posts_have_no_sender(world: World) -> None:
    """Each post of a broadcast channel is one, and names nobody."""
    news = next(chat for chat in world.channels.values() if not chat.megagroup)
    for message in ask(world, history(news)).messages:
        if isinstance(message, types.Message):
            assert (True, None) == (message.post, message.from_id)


@pytest.mark.rule("message.pin-event")
def test_pinning_is_a_service_message(world: World) -> None:
    """The event names the message that was pinned, an earlier one."""
    found = 0
    for chat in world.account.chats():
        for id_ in chat.ids:
            message = chat.message(id_)
            if isinstance(getattr(message, "action", None), types.MessageActionPinMessage):
                assert message.reply_to.reply_to_msg_id < id_
                found += 1
    assert found


@pytest.mark.rule("request.vectors")
async def test_vectors_are_boxed(world: World, raw_client: Callable[..., Any]) -> None:
    """An answer that is a list of users begins with the constructor of vectors."""
    request = functions.users.GetUsersRequest([types.InputUserSelf()])
    async with LocalTelegram(world) as telegram, raw_client(telegram) as raw:
        raw.send(functions.PingRequest(1))
        await raw.objects(1)
        raw.send(request)
        (message,) = await raw.receive()
        assert struct.pack("<Ii", 0x1CB5C415, 1) == message.body[12:20]
