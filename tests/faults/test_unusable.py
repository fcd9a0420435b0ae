"""A client or a stream that cannot be used: a typed error at once, and nothing is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import types

from telefast import (
    BatchedHistory,
    ConcurrentUseError,
    ConnectionLostError,
    UsageError,
    wrap,
)
from telefast.testing import HoldBack
from tests.client.clock import turns
from tests.client.exact import down, ids_of, read

ROADS: dict[str, tuple[Any, dict[str, Any]]] = {
    "pages": (None, {}),
    "by name": ("club", {}),
    "ids": (None, {"ids": [3, 4]}),
    "search": (None, {"search": "a"}),
    "stock": (None, {"ids": types.InputMessageReplyTo(4)}),
    "takeout": (None, {"takeout": True}),
    "reverse": (None, {"reverse": True}),
}


@pytest.fixture(params=ROADS)
def road(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    """What to read, None for the chat's peer, and how: each way takes another road."""
    return ROADS[request.param]


@pytest.fixture(params=["messages", "batches", "wrapped"])
def taken(request: pytest.FixtureRequest) -> Any:
    """Return a function that makes an iterator, for each way to take a stream."""

    def iterator(client: Any, entity: Any, **options: Any) -> Any:
        if request.param == "wrapped":
            return aiter(wrap(client).iter_messages(entity, **options))
        stream = BatchedHistory(client, entity, **options)
        return stream.batches() if request.param == "batches" else aiter(stream)

    return iterator


async def test_a_foreign_loop(scene: Any, road: tuple[Any, dict[str, Any]], taken: Any) -> None:
    """A client that another loop has connected is refused there, and goes on here."""
    entity, options = road
    async with scene(count=300) as here:
        before = here.telegram.requests.snapshot()

        async def use() -> None:
            await anext(taken(here.client, entity or here.peer, **options))

        with pytest.raises(UsageError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, use())
        assert here.telegram.requests.since(before) == {}
        assert down(300) == ids_of(await read(here.client, here.peer))


@pytest.mark.parametrize("was_connected", [True, False])
async def test_a_closed_client(
    scene: Any, road: tuple[Any, dict[str, Any]], taken: Any, was_connected: bool
) -> None:
    """Disconnected, or never connected: the first step says so, on every road alike."""
    entity, options = road
    async with scene(count=300) as here:
        client = here.client if was_connected else here.telegram.client()
        if was_connected:
            await client.disconnect()
        before = here.telegram.requests.snapshot()
        with pytest.raises(ConnectionLostError, match="connect it and resume"):
            await anext(taken(client, entity or here.peer, **options))
        await turns()
        assert here.telegram.requests.since(before) == {}
        assert here.left() == set()
        await client.connect()
        assert down(300) == ids_of(await read(client, here.peer))


async def test_two_consumers(scene: Any, road: tuple[Any, dict[str, Any]], taken: Any) -> None:
    """The second one is refused while the first waits, sends nothing, and disturbs nothing."""
    entity, options = road
    gate = asyncio.Event()
    asked = ["messages.*", "channels.*", "contacts.*", "account.*"]
    async with scene(HoldBack(asked, None, gate, every=1), count=300) as here:
        iterator = taken(here.client, entity or here.peer, **options)
        before = here.telegram.requests.snapshot()
        first = asyncio.create_task(anext(iterator))
        await here.telegram.requests.until(lambda ledger: bool(ledger.since(before)))
        await turns()
        before = here.telegram.requests.snapshot()
        with pytest.raises(ConcurrentUseError):
            await anext(iterator)
        assert here.telegram.requests.since(before) == {}
        gate.set()
        found = [await first] + [each async for each in iterator]
        assert found
