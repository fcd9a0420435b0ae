"""Programs without `async`, as `telethon.sync` lets people write them, through `wrap`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from telethon import types

from telefast.testing import LocalTelegram, World, put_media

PROGRAM = Path(__file__).parent / "sync_uses.py"


@pytest.mark.parametrize("how", ["early", "never"])
async def test_a_program_without_async(how: str, tmp_path: Path) -> None:
    """All that iterates, returns or is entered does so where no loop runs, without a warning.

    With `telethon.sync` imported, methods return values; without, iterators work, as Telethon's.
    """
    world = World(seed=9, user_count=5)
    channel = world.add_channel("Files", message_count=299, username="files")
    document = world.file_store.add(b"every byte" * 100_000, "film.mkv")
    put_media(channel, types.MessageMediaDocument(document=document))
    async with LocalTelegram(world) as telegram:
        flags = ["-W", "error", "-W", "ignore::DeprecationWarning:telethon"]
        order = [str(PROGRAM), how, telegram.session_string(), str(tmp_path)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *flags, *order, stdout=-1, stderr=-2
        )
        out, _ = await process.communicate()
    assert ("done\n", 0) == (out.decode(), process.returncode)
