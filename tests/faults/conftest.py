"""Clocks, and a small chat on a server of its own, for the tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from telethon import TelegramClient
from telethon.extensions.binaryreader import BinaryReader

from telefast import tasks
from telefast.testing import Channel, LocalTelegram, Rule
from telefast.testing import dispatcher as embedded
from telefast.transport.account import Account
from telefast.transport.retry import RetryPolicy
from tests.client.clock import Clock, put_in_force
from tests.client.exact import club


@pytest.fixture
def quick_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that jumps to the end of each pause and flood wait."""
    return put_in_force(Clock(is_automatic=True), monkeypatch)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still until the test turns it."""
    return put_in_force(Clock(), monkeypatch)


class Scene:
    """A server with one chat, and a connected client."""

    def __init__(self, telegram: LocalTelegram, chat: Channel, client: TelegramClient) -> None:
        self.telegram = telegram
        self.chat = chat
        self.client = client
        self.peer = chat.input_peer()

    def left(self) -> set[asyncio.Task[Any]]:
        """Return the tasks of telefast that still run; it starts them in one module only."""
        return {
            task
            for task in asyncio.all_tasks()
            if task.get_coro().cr_code.co_filename == tasks.__file__  # type: ignore[union-attr]
        }


@pytest.fixture
def scene() -> Any:
    """Return a context manager that builds a `Scene` of *count* messages under some rules."""

    @asynccontextmanager
    async def build(
        *rules: Rule, count: int = 1000, retries: int = 5, gzip: bool = False, **options: Any
    ) -> AsyncIterator[Scene]:
        world, chat = club(count)
        async with LocalTelegram(world, rules=rules, gzip=gzip) as telegram:
            client = telegram.client(retry_delay=0, **options)
            await client.connect()
            Account.of(client).retry = RetryPolicy(max_retries=retries, base_delay=0)
            yield Scene(telegram, chat, client)

    return build


@pytest.fixture
def wrappers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The envelopes of each request that the server reads, outermost first."""
    read_request = embedded.Dispatcher.read
    seen: list[tuple[str, ...]] = []

    def read(self: Any, body: bytes, key: Any) -> Any:
        request = BinaryReader(body).tgread_object()
        names = []
        while isinstance(request, embedded._WRAPPERS):
            names.append(type(request).__name__.removesuffix("Request"))
            request = request.query
        seen.append((*names, type(request).__name__.removesuffix("Request")))
        return read_request(self, body, key)

    monkeypatch.setattr(embedded.Dispatcher, "read", read)
    return seen
