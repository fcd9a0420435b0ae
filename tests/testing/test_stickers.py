"""Does the lookup of a sticker's set get Telegram's answer for sets that are gone?"""

from __future__ import annotations

import pytest
from telethon.errors import RPCError
from telethon.tl import functions, types

from telefast.testing import LocalTelegram, World


async def test_a_sticker_set_is_gone_and_known_to_be() -> None:
    """The refusal is Telegram's own; the method is embedded, so nothing is listed as unknown."""
    async with LocalTelegram(World(seed=1)) as telegram, telegram.client() as client:
        wanted = types.InputStickerSetID(id=1, access_hash=2)
        with pytest.raises(RPCError, match=r"STICKERSET_INVALID|sticker set"):
            await client(functions.messages.GetStickerSetRequest(wanted, hash=0))
        assert telegram.unknown == []
