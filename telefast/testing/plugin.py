"""The pytest plugin: a `telegram` fixture for the tests of any program that uses Telethon.

Name it in your `conftest.py`, for pytest does not load it by itself (it imports Telethon, and would
slow down every run of pytest on the machine)::

    pytest_plugins = ["telefast.testing.plugin"]

Async tests need pytest-asyncio or anyio, as always::

    async def test_export(telegram):
        telegram.world.add_channel("Ships", message_count=250, username="ships")
        async with telegram.client() as client:
            assert await export(client, "ships") == 250

Override `telegram_options` in your `conftest.py` (or in a class, or a module) for a server that
behaves otherwise, and `telegram_world` for a world that is filled beforehand.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from telefast.errors import MissingExtraError
from telefast.testing.local import LocalTelegram
from telefast.testing.world import World

try:
    import pytest
except ModuleNotFoundError:
    raise MissingExtraError("testing", "pytest") from None

__all__ = ["telegram", "telegram_options", "telegram_world"]

_async_fixture: Callable[..., Any]
try:
    # In its strict mode it wants fixtures of its own; anyio takes those of pytest.
    from pytest_asyncio import fixture as _async_fixture
except ImportError:  # pragma: no cover - the tests of this project run with it
    _async_fixture = pytest.fixture


@pytest.fixture
def telegram_world() -> World:
    """Return the world of the `telegram` fixture: an account without chats, seed 0."""
    return World(seed=0)


@pytest.fixture
def telegram_options() -> dict[str, Any]:
    """Return the arguments of `LocalTelegram` for the `telegram` fixture, such as `rules`."""
    return {}


@_async_fixture
async def telegram(
    telegram_world: World, telegram_options: dict[str, Any]
) -> AsyncIterator[LocalTelegram]:
    """Start an embedded Telegram for one test; its clients are disconnected at the end.

    A fault that never fired fails the test.
    """
    async with LocalTelegram(telegram_world, **telegram_options) as server:
        yield server
