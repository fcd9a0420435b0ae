"""Batches without a server, and chunks of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import msgpack
from telethon import functions, types
from telethon.tl.alltlobjects import LAYER

from telefast.chunks.frames import CODECS, FORMAT_VERSION, HEADER_SIZE, Header
from telefast.testing import Channel, World
from telefast.testing.pages import channel_messages
from telefast.transport.messages import Page, read_page

ACCOUNT = 4242


@dataclass
class SomeBatch:
    """As much of a `telefast.Batch` as a codec looks at."""

    messages: list[Any]
    pages: list[Any] = field(default_factory=list)
    account: int | None = ACCOUNT


def club(count: int = 300, *, seed: int = 5) -> tuple[World, Channel]:
    """Return a world with one supergroup."""
    world = World(seed=seed)
    return world, world.add_channel("Club", message_count=count, username="club")


def page_of(world: World, channel: Channel, ids: Iterable[int]) -> Page:
    """Return the answer that shows these messages, as it is decoded when it arrives."""
    data = channel_messages(world.accounts[0], channel, list(ids), count=len(channel.ids))
    request = functions.messages.GetHistoryRequest(channel.input_peer(), 0, None, 0, 100, 0, 0, 0)
    return read_page(data + b"\x00" * 16, request)  # packets are padded


def batch_of(world: World, channel: Channel, ids: Iterable[int], size: int = 100) -> SomeBatch:
    """Return a batch of these messages, which came in pages of *size*."""
    ids = list(ids)
    pages = [page_of(world, channel, ids[i : i + size]) for i in range(0, len(ids), size)]
    return SomeBatch([message for page in pages for message in page.messages], pages)


FIELDS: dict[str, Any] = {
    "schema": 0,
    "layer": LAYER,
    "account": ACCOUNT,
    "chat": -1001,
    "peer": bytes(types.InputPeerChannel(1, 2)),
    "ids": [7, -1],
    "oldest": 0,
    "newest": 2**31 - 1,
    "messages": [b"\x01\x02\x03\x04" * 3, b"abcd"],
    "users": [b"user"],
    "chats": [],
}
"""A body that is legal, as the map that it is packed as."""


def raw_of(**changes: Any) -> bytes:
    """Return `FIELDS` as msgpack, with some changed; `...` leaves one out."""
    fields = {name: value for name, value in {**FIELDS, **changes}.items() if value is not ...}
    packed: bytes = msgpack.packb(fields)
    return packed


def frame_of(raw: bytes, packed: bytes | None = None, **changes: Any) -> bytes:
    """Return the frame around a body, its header changed."""
    packed = raw if packed is None else packed
    facts: dict[str, Any] = {
        "version": FORMAT_VERSION,
        "schema": 0,
        "codec": CODECS["none"],
        "flags": 0,
        "layer": LAYER,
        "count": 2,
        "first_id": 7,
        "last_id": 6,
        "raw_size": len(raw),
        "packed_size": len(packed),
        "checksum": crc32(packed),
    }
    return Header(**{**facts, **changes}).pack() + packed


__all__ = [
    "ACCOUNT",
    "FIELDS",
    "HEADER_SIZE",
    "SomeBatch",
    "batch_of",
    "club",
    "frame_of",
    "page_of",
    "raw_of",
]
