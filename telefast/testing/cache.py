"""A bounded cache of serialised messages, so that reading a chat again costs no generation."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeAlias

__all__ = ["Entry", "MessageCache"]

Entry: TypeAlias = tuple[bytes, tuple[int, ...]]
"""TL bytes of a message, and the marked ids of the users and chats that it refers to."""

_SHIFT = 7
_OVERHEAD = 180
"""Bytes that an entry costs beside its TL bytes: two tuples, a bytes header, a slot, its refs."""


class MessageCache:
    """Keep serialised messages in blocks of 128 ids; the block used longest ago goes first.

    Args:
        max_size: Most bytes that the entries may take; at least one block is always kept.
            The default, 64 MiB, holds about 120,000 messages.

    Attributes:
        size: Bytes that the entries take now.
    """

    def __init__(self, max_size: int = 64 * 1024 * 1024) -> None:
        self.max_size = max_size
        self.size = 0
        self._blocks: OrderedDict[int, _Block] = OrderedDict()
        self._latest = -1
        self._keys = 0

    def new_key(self) -> int:
        """Return a chat id for a chat that has none of its own: one below zero, each once."""
        self._keys -= 1
        return self._keys

    def get(self, chat_id: int, message_id: int) -> Entry | None:
        """Return what is kept for a message, or None."""
        key = chat_id << 32 | message_id >> _SHIFT
        block = self._blocks.get(key)
        if block is None:
            return None
        if key != self._latest:
            self._latest = key
            self._blocks.move_to_end(key)
        return block.entries.get(message_id)

    def put(self, chat_id: int, message_id: int, entry: Entry) -> None:
        """Keep *entry*; drops the blocks used longest ago once the bound is passed."""
        key = chat_id << 32 | message_id >> _SHIFT
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = _Block()
        elif key != self._latest:
            self._blocks.move_to_end(key)
        self._latest = key
        cost = len(entry[0]) + _OVERHEAD
        block.entries[message_id] = entry
        block.size += cost
        self.size += cost
        while self.size > self.max_size and len(self._blocks) > 1:
            self.size -= self._blocks.popitem(last=False)[1].size

    def drop(self, chat_id: int, message_id: int) -> None:
        """Forget what is kept for a message, if anything."""
        block = self._blocks.get(chat_id << 32 | message_id >> _SHIFT)
        if block is not None and message_id in block.entries:
            cost = len(block.entries.pop(message_id)[0]) + _OVERHEAD
            block.size -= cost
            self.size -= cost

    def forget(self, chat_id: int) -> None:
        """Forget what is kept for all messages of a chat."""
        for key in [key for key in self._blocks if key >> 32 == chat_id]:
            self.size -= self._blocks.pop(key).size


class _Block:
    __slots__ = ("entries", "size")

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.size = 0
