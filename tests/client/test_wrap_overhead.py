"""What a call costs that a wrapped client passes on: a look-up, and no task, await or request.

`pytest -s tests/client/test_wrap_overhead.py` prints the times that the guide tells.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from timeit import repeat
from typing import Any

import pytest
from telethon import TelegramClient, functions
from telethon.sessions import MemorySession

from telefast import wrap
from telefast.testing import LocalTelegram
from tests.client.exact import club

HASH = "0123456789abcdef0123456789abcdef"
PASSED = ("send_message", "get_entity", "get_dialogs", "upload_file", "on", "disconnect")


def test_what_is_passed_on_is_the_clients_own() -> None:
    """The very method of the client: nothing stands between the caller and it."""
    client = TelegramClient(MemorySession(), 1, HASH)
    fast = wrap(client)
    for name in PASSED:
        assert getattr(fast, name) == getattr(client, name)
        assert getattr(fast, name).__self__ is client


async def test_a_request_takes_no_step_more() -> None:
    """The coroutine of `fast(request)` is that of `client(request)`, and so is what it awaits."""
    world, _ = club(10)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        fast, depths = wrap(client), []
        for caller in (client, fast):
            coroutine = caller(functions.help.GetNearestDcRequest())
            assert coroutine.cr_code is TelegramClient.__call__.__code__
            depths.append(_depth(coroutine))
            coroutine.close()
        assert depths[0] == depths[1] > 1
        assert await fast(functions.help.GetNearestDcRequest())
        assert 3 == telegram.requests["help.getNearestDc"]


def _depth(coroutine: Any) -> int:
    """Return how many coroutines wait for each other once it has sent its request."""
    coroutine.send(None)
    depth, inner = 0, coroutine
    while inner is not None:
        depth, inner = depth + 1, getattr(inner, "cr_await", None)
    return depth


def test_a_look_up_keeps_nothing() -> None:
    """A million of them leave no object behind."""
    fast = wrap(TelegramClient(MemorySession(), 1, HASH))
    _look_up(fast)
    before = sys.getallocatedblocks()
    for _ in range(1000):
        _look_up(fast)
    assert sys.getallocatedblocks() - before < 100  # what the interpreter does meanwhile


def _look_up(fast: Any) -> None:
    for name in PASSED:
        getattr(fast, name)


def test_times(capsys: pytest.CaptureFixture[str]) -> None:
    """Printed, not judged."""
    client = TelegramClient(MemorySession(), 1, HASH)
    fast: Any = wrap(client)
    request = functions.help.GetNearestDcRequest()
    figures = {
        "client.send_message": _nanoseconds(lambda: client.send_message),
        "fast.send_message": _nanoseconds(lambda: fast.send_message),
        "client(request)": _nanoseconds(lambda: client(request).close()),
        "fast(request)": _nanoseconds(lambda: fast(request).close()),
        "wrap(client)": _nanoseconds(lambda: wrap(client), number=200),
    }
    with capsys.disabled():
        print("", *(f"{name}: {took:,.0f} ns" for name, took in figures.items()), sep="\n")


def _nanoseconds(call: Callable[[], object], number: int = 20_000) -> float:
    return min(repeat(call, number=number, repeat=5)) / number * 1e9
