"""Without cryptg: everything works, and one hint says what helps."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from telethon.crypto import aes

from telefast import BatchedHistory
from telefast.testing import LocalTelegram, World
from telefast.transport.cipher import hint_at_cryptg

ROOT = Path(__file__).parent.parent.parent


async def _hints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Read a chat with two clients and return what was logged of cryptg."""
    world = World(seed=1)
    world.add_channel("Club", message_count=30, username="club")
    hint_at_cryptg.cache_clear()
    caplog.set_level(logging.INFO, "telefast")
    async with LocalTelegram(world) as telegram:
        for _ in range(2):
            async with telegram.client() as client, BatchedHistory(client, "club") as found:
                assert len([message async for message in found]) == 30
    return [text for text in caplog.messages if "cryptg" in text]


@pytest.mark.parametrize(("has_libssl", "cipher"), [(True, "libssl"), (False, "Python")])
async def test_one_hint(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    has_libssl: bool,
    cipher: str,
) -> None:
    """Where cryptg is missing, one warning for all clients names the remedy and what is used."""
    monkeypatch.setattr(aes, "cryptg", None)
    if not has_libssl:
        monkeypatch.setattr(aes.libssl, "encrypt_ige", None)
        monkeypatch.setattr(aes.libssl, "decrypt_ige", None)
    elif not aes.libssl.encrypt_ige:
        pytest.skip("Telethon finds no libssl here")
    (hint,) = await _hints(caplog)
    assert hint.endswith(f"pip install cryptg cipher={cipher}")


async def test_no_hint(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where Telethon has cryptg, there is nothing to say."""
    if aes.cryptg is None:
        pytest.skip("cryptg is not installed")
    assert [] == await _hints(caplog)


PROGRAM = """
import sys
sys.modules["cryptg"] = None  # as if it were not installed
import asyncio, io, logging
from telethon.crypto import aes
from telefast import BatchedHistory, wrap
from telefast.testing import LocalTelegram, World

logging.basicConfig(format="%(levelname)s %(name)s %(message)s")

async def main():
    assert aes.cryptg is None
    world = World(seed=1)
    world.add_channel("Club", message_count=300, username="club")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        stock = [message async for message in client.iter_messages("club")]
        fast = wrap(client)
        mine = [message async for message in fast.iter_messages("club")]
        assert [bytes(each) for each in stock] == [bytes(each) for each in mine]
        small = next(each for each in mine if each.photo)
        assert await client.download_media(small, bytes) == await fast.download_media(small, bytes)

asyncio.run(main())
"""


def test_all_works_without() -> None:
    """A program without cryptg reads the same messages and files, and is told once."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    assert ["WARNING telefast.pool Telethon"] == [line[:30] for line in done.stderr.splitlines()]
