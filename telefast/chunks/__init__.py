"""Chunks: messages on disk as Telegram sent them, with all that is needed to use them again.

* `ChunkCodec` turns messages into one compressed, checked chunk of bytes and back.
* `ChunkStore` keeps chunks in the files of a folder and survives crashes, damage and full disks.
* `LightMessage` and `MinimalMessage` are what its smaller schemas keep of a message.
* `rehydrate` makes finished Telethon messages of a chunk, in any process, without a request.
"""

from __future__ import annotations

from telefast.chunks.codec import Chunk, ChunkCodec
from telefast.chunks.light import (
    LightEntity,
    LightForward,
    LightMedia,
    LightMessage,
    LightReaction,
    LightReply,
    MinimalMessage,
)
from telefast.chunks.records import UndecodedRecord
from telefast.chunks.rehydrate import rehydrate
from telefast.chunks.store import ChunkStore
from telefast.chunks.types import StoreStats

__all__ = [
    "Chunk",
    "ChunkCodec",
    "ChunkStore",
    "LightEntity",
    "LightForward",
    "LightMedia",
    "LightMessage",
    "LightReaction",
    "LightReply",
    "MinimalMessage",
    "StoreStats",
    "UndecodedRecord",
    "rehydrate",
]
