"""Which list a stream walks, and the request that asks for a part of it."""

from __future__ import annotations

from typing import Any

from telethon import types
from telethon.tl.functions.channels import GetMessagesRequest
from telethon.tl.functions.messages import GetHistoryRequest

from telefast.history.order import Ask

__all__ = ["History"]


class History:
    """The whole history of one chat.

    Args:
        peer: The chat, as an `InputPeer`.
    """

    def __init__(self, peer: Any) -> None:
        self.peer = peer

    def request(self, ask: Ask) -> Any:
        """Return the request for *ask*: a page of the list, or messages by ids (channels only)."""
        if ask.ids:
            return GetMessagesRequest(self.peer, [types.InputMessageID(i) for i in ask.ids])
        return GetHistoryRequest(
            peer=self.peer,
            offset_id=ask.offset_id,
            offset_date=ask.offset_date,  # type: ignore[arg-type]  # an int will do
            add_offset=ask.add_offset,
            limit=ask.limit,
            max_id=0,
            min_id=0,
            hash=0,
        )
