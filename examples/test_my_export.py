"""Test a program that uses Telethon against an embedded Telegram, with and without faults.

Run it with `pytest examples/test_my_export.py`.
"""

from __future__ import annotations

import asyncio

import pytest
from telethon import TelegramClient
from telethon.errors import ChannelPrivateError

from telefast import BatchedHistory
from telefast.testing import ErrorOn, LocalTelegram, Rule, ShortPage, World


async def my_export(client: TelegramClient, chat: str) -> list[int]:
    """Stand for the program under test."""
    async with BatchedHistory(client, chat) as history:
        return [message.id async for message in history]


async def run(*rules: Rule) -> tuple[list[int], list[int], LocalTelegram]:
    """Export a chat of 1,000 messages with holes; return what came, what there is, the server."""
    world = World(seed=7)
    ships = world.add_channel("Ships", message_count=1_000, holes=0.05, username="ships")
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        exported = await my_export(client, "ships")
    return exported, sorted(ships.ids, reverse=True), telegram


def test_export_is_complete_and_cheap() -> None:
    """Every message, newest first, for a few more requests than there are pages."""
    exported, expected, telegram = asyncio.run(run())
    assert exported == expected
    assert telegram.requests["messages.getHistory"] <= 15
    assert not telegram.unknown


def test_short_pages_lose_nothing() -> None:
    """A page with fewer messages than asked for is not the end."""
    rule = ShortPage(every=3)
    exported, expected, _ = asyncio.run(run(rule))
    assert exported == expected
    assert rule.fired > 0


def test_chat_that_vanishes() -> None:
    """What Telegram refuses reaches the caller."""
    with pytest.raises(ChannelPrivateError):
        asyncio.run(run(ErrorOn("messages.getHistory", 400, "CHANNEL_PRIVATE", nth=3)))
