"""Requests for many messages by ids are Telethon's, byte for byte."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types, utils
from telethon.tl.functions import channels, messages

from telefast.transport.by_ids import messages_by_ids
from telefast.transport.envelopes import Raw, method_of

CHANNEL = types.InputPeerChannel(1_500_000_000, 7)


class Client:
    """As much of a client as resolving asks for."""

    async def get_input_entity(self, peer: Any) -> Any:
        """Return the peer."""
        return peer


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=250))
def test_bytes_are_telethons(ids: list[int]) -> None:
    """For channels and for all other chats, and in an envelope."""
    own: list[Any] = [types.InputMessageID(each) for each in ids]
    stock: Any
    for peer, stock in (
        (CHANNEL, channels.GetMessagesRequest(CHANNEL, own)),  # type: ignore[arg-type]
        (types.InputPeerChat(5), messages.GetMessagesRequest(own)),
    ):
        request = messages_by_ids(peer, ids)
        assert bytes(request) == bytes(stock)
        assert bytes(Raw(request)) == bytes(stock)
        assert request.to_dict() == stock.to_dict()
        assert method_of(request) == method_of(stock)
        assert isinstance(request, type(stock))


async def test_the_channel_is_resolved() -> None:
    """The peer becomes what the method takes; without one there is nothing to resolve."""
    request = messages_by_ids(CHANNEL, [1])
    await request.resolve(Client(), utils)
    assert request.channel == types.InputChannel(1_500_000_000, 7)
    request = messages_by_ids(types.InputPeerSelf(), [1])
    await request.resolve(SimpleNamespace(), utils)
    assert bytes(request) == bytes(messages.GetMessagesRequest([types.InputMessageID(1)]))


def test_no_other_ids() -> None:
    """An id that does not fit is an error before anything is sent, as in Telethon."""
    with pytest.raises(Exception, match="format requires"):
        bytes(messages_by_ids(CHANNEL, [2**31]))
