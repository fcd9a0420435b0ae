"""The messages that began topics, fetched many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from telefast.forum.topics import GENERAL, topic_of

if TYPE_CHECKING:
    from telefast.history.stream import BatchedHistory
    from telefast.transport.undecoded import UndecodedMessage

__all__ = ["Roots"]

_AHEAD = 100
"""Messages fetched at a time, those of the next topics: as many as one request brings."""


class Roots:
    """Hand out what began each of some topics, once.

    Args:
        topics: The topics, in the order in which they are asked for, about.
        fetch: Returns a stream of messages by their ids.
    """

    def __init__(self, topics: Sequence[int], fetch: Callable[[list[int]], BatchedHistory]) -> None:
        self._waiting = [topic for topic in reversed(topics) if topic != GENERAL]
        self._fetch = fetch
        self._found: dict[int, Any] = {}
        self._turn = asyncio.Lock()
        self.undecoded: list[UndecodedMessage] = []

    async def of(self, topic: int) -> Any:
        """Return the message that began a topic; None if there is none, as of General."""
        async with self._turn:
            while topic not in self._found and topic in self._waiting:
                ids = self._waiting[: -_AHEAD - 1 : -1]
                async with self._fetch(ids) as stream:
                    messages = [message async for message in stream]
                    self.undecoded += stream.undecoded
                self._found |= dict(zip(ids, messages, strict=True))
                del self._waiting[-_AHEAD:]
            message = self._found.pop(topic, None)
        return message if message is not None and topic_of(message) == topic else None
