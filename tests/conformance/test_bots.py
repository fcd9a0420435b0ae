"""Rules of bots: what they may not call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon.errors import BotMethodInvalidError
from telethon.tl import functions, types

from telefast.testing import LocalTelegram, World
from tests.conformance.asking import (
    EMPTY_FILTER,
    ask,
    by_ids,
    counters,
    history,
    ids_of,
    refusal,
    replies,
    search,
)

if TYPE_CHECKING:
    from telefast.testing import Account


@pytest.fixture
def bot() -> Account:
    """A bot that is logged in."""
    world = World(seed=8, user_count=4)
    world.add_channel("Club", message_count=30, username="club_eight")
    return world.add_account(next(user for user in world.users.values() if user.bot))


@pytest.mark.rule("bots.no-histories")
async def test_bots_read_no_lists(bot: Account) -> None:
    """Histories, searches, threads, counts, topics and dialogs are all refused."""
    chat = next(iter(bot.world.channels.values()))
    peer = bot.input_peer(chat)
    fields: dict[str, Any] = {"offset_date": None, "offset_id": 0, "limit": 9, "hash": 0}
    dialogs = functions.messages.GetDialogsRequest(offset_peer=types.InputPeerEmpty(), **fields)
    requests = [
        history(chat, peer=peer),
        search(chat, peer=peer),
        replies(chat, 1, peer=peer),
        counters(chat, EMPTY_FILTER),
        dialogs,
        functions.messages.GetForumTopicsRequest(peer, None, 0, 0, 9),
        functions.messages.GetForumTopicsByIDRequest(peer, [1]),
        functions.messages.GetScheduledHistoryRequest(peer, 0),
    ]
    for request in requests:
        assert (400, "BOT_METHOD_INVALID") == refusal(bot.world, request, bot)
    async with LocalTelegram(bot.world) as telegram, telegram.client(account=bot) as client:
        assert await client.is_bot()
        with pytest.raises(BotMethodInvalidError):
            await client.get_messages("club_eight", limit=5)
        found = await client.get_messages("club_eight", ids=[5, 6])
        assert [5, 6] == [message.id for message in found]


@pytest.mark.rule("bots.messages-by-id")
def test_bots_read_messages_by_id(bot: Account) -> None:
    """By id a bot gets the same messages as a user."""
    chat = next(iter(bot.world.channels.values()))
    peer = bot.input_peer(chat)
    request = by_ids(chat, 5, 6)
    request.channel = types.InputChannel(peer.channel_id, peer.access_hash)
    assert [5, 6] == ids_of(ask(bot.world, request, account=bot))
