"""Rules of bots: what they may not call."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import functions, types

from telefast.testing import World
from tests.conformance.asking import (
    ask,
    by_ids,
    counters,
    history,
    ids_of,
    refusal,
    replies,
    search,
)


@pytest.fixture
def world() -> World:
    """A world whose first account is a bot."""
    world = World(seed=8, user_count=3)
    world.add_channel("Club", message_count=30)
    world.me.bot, world.me.bot_info_version = True, 1
    return world


@pytest.mark.rule("bots.no-histories")
def test_bots_read_no_lists(world: World) -> None:
    """Histories, searches, threads, counts, dialogs: each is refused."""
    chat = next(iter(world.channels.values()))
    fields: dict[str, Any] = {"offset_date": None, "offset_id": 0, "limit": 9, "hash": 0}
    dialogs = functions.messages.GetDialogsRequest(offset_peer=types.InputPeerEmpty(), **fields)
    wanted = types.InputMessagesFilterPhotos()
    requests = [history(chat), search(chat), replies(chat, 1), counters(chat, wanted), dialogs]
    requests += [functions.messages.GetScheduledHistoryRequest(types.InputPeerChat(5), 0)]
    for request in requests:
        assert (400, "BOT_METHOD_INVALID") == refusal(world, request)


@pytest.mark.rule("bots.messages-by-id")
def test_bots_read_messages_by_id(world: World) -> None:
    """By id a bot gets the same messages as a user."""
    chat = next(iter(world.channels.values()))
    assert [5, 6] == ids_of(ask(world, by_ids(chat, 5, 6)))
