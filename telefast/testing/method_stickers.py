"""Sticker sets, which clients look up for the name of a sticker's set.

Chosen: the sets that the world's stickers name are gone, as sets on Telegram may be; the stickers
themselves stay where they were sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telethon.tl import functions

from telefast.testing.rpc import RpcFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from telethon.tl.tlobject import TLRequest

    from telefast.testing.rpc import Call

__all__ = ["STICKER_HANDLERS"]


def _get_sticker_set(call: Call) -> bytes:
    raise RpcFault(406, "STICKERSET_INVALID")


STICKER_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.messages.GetStickerSetRequest: _get_sticker_set,
}
"""Request type -> handler, see `methods.HANDLERS`."""
