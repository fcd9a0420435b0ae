"""Searches, filters and threads come through Telethon's own iterator, unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from telethon import types

from telefast import BatchedHistory
from telefast.testing import LocalTelegram
from tests.client.exact import assert_same, club, stock


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("search", "e"),
        ("filter", types.InputMessagesFilterPhotos),
        ("reply_to", None),  # a message that the test lets others answer
    ],
)
async def test_what_stock_yields(name: str, value: Any) -> None:
    """The same finished messages as stock, some at least, and `stats` says how they came."""
    world, chat = club(400)
    if name == "reply_to":
        value = chat.ids[100]
        chat.post(5, reply_to=value)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        arguments = {name: value}
        async with BatchedHistory(client, chat.input_peer(), **arguments) as history:
            ours = [message async for message in history]
        assert ("stock", name) == (history.stats().path, history.stats().reason)
        assert len(ours) >= 5
        theirs = await stock(client, chat.input_peer(), **arguments)
        assert_same(ours, client, theirs, client)
        assert not telegram.unknown
