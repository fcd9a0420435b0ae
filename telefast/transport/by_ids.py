"""Asking for many messages by their ids, without an object for each id.

Telethon makes an `InputMessageID` of each, looks at all of them again to resolve the request, and
packs them one by one: a fifth of a microsecond and an object more for every message of a chat.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from typing import Any

from telethon import types
from telethon.tl.functions import channels, messages

__all__ = ["messages_by_ids"]

_VECTOR = 0x1CB5C415
_CHANNELS = (types.InputPeerChannel, types.InputPeerChannelFromMessage)


def messages_by_ids(peer: Any, ids: Sequence[int]) -> Any:
    """Return the request for messages of a chat by their ids: that of channels, or the other.

    Args:
        peer: The chat, as an `InputPeer`.
        ids: Their ids.
    """
    return _OfChannel(peer, ids) if isinstance(peer, _CHANNELS) else _OfChats(ids)


class _Ids:
    """What both requests have in common."""

    ids: Sequence[int]

    @property
    def id(self) -> list[Any]:
        """The ids as Telethon's request has them."""
        return [types.InputMessageID(each) for each in self.ids]

    def _packed(self) -> bytes:
        number = types.InputMessageID.CONSTRUCTOR_ID
        values = [value for each in self.ids for value in (number, each)]
        return pack(f"<Ii{'Ii' * len(self.ids)}", _VECTOR, len(self.ids), *values)


class _OfChannel(_Ids, channels.GetMessagesRequest):  # type: ignore[override]
    __module__ = channels.__name__  # errors and figures name a request by its class

    def __init__(self, channel: Any, ids: Sequence[int]) -> None:
        self.channel, self.ids = channel, ids

    async def resolve(self, client: Any, utils: Any) -> None:
        self.channel = utils.get_input_channel(await client.get_input_entity(self.channel))

    def _bytes(self) -> bytes:
        number = self.CONSTRUCTOR_ID.to_bytes(4, "little")
        return number + bytes(self.channel) + self._packed()


class _OfChats(_Ids, messages.GetMessagesRequest):  # type: ignore[override]
    __module__ = messages.__name__

    def __init__(self, ids: Sequence[int]) -> None:
        self.ids = ids

    async def resolve(self, client: Any, utils: Any) -> None:
        """Do nothing: there is no peer in it."""

    def _bytes(self) -> bytes:
        return self.CONSTRUCTOR_ID.to_bytes(4, "little") + self._packed()


for _cls in (_OfChannel, _OfChats):
    _cls.__name__ = "GetMessagesRequest"
