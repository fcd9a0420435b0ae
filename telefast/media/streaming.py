"""The bytes of a file, in order and in pieces of one size."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from telefast.media.parts import BLOCK, PartMap
from telefast.media.sinks import ObjectSink
from telefast.tasks import Pump

if TYPE_CHECKING:
    from telefast.media.downloader import MediaDownloader
    from telefast.media.types import MediaItem

__all__ = ["ByteStream"]

_AHEAD = 4
"""Pieces that wait for the consumer at most, beside what is in flight: our choice."""


class ByteStream:
    """An async iterator over the bytes of a file.

    What is not read any more is not fetched: leave it by `aclose`, or let it go.

    Args:
        downloader: Fetches it.
        item: The file.
        offset: Where to begin.
        length: How many bytes, fewer at the end of the file; None for all.
        chunk_size: Bytes of each piece; the last one may be shorter.

    Attributes:
        total: Bytes of the whole file, None if unknown: as Telethon's iterator has it.
    """

    def __init__(
        self,
        downloader: MediaDownloader,
        item: MediaItem,
        *,
        offset: int = 0,
        length: int | None = None,
        chunk_size: int = 512 * 1024,
    ) -> None:
        self.total = item.size
        self._chunk_size = chunk_size
        self._left = length
        self._buffer = bytearray()
        self._is_ended = length is not None and length <= 0
        self._is_started = False
        self._pump: Pump[bytes] = Pump(_Feed(downloader, item, offset, length).run)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece; what failed is raised after all that came before it."""
        if not self._is_started and not self._is_ended:
            self._is_started = True
            self._pump.start(self)
        want = self._chunk_size if self._left is None else min(self._chunk_size, self._left)
        while len(self._buffer) < want and not self._is_ended:
            data = await self._pump.take()
            if data is None:
                self._is_ended = True
            else:
                self._buffer += data
        piece = bytes(self._buffer[:want])
        del self._buffer[:want]
        if self._left is not None:
            self._left -= len(piece)
            if not self._left:
                await self.aclose()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def collect(self) -> list[bytes]:
        """Return all pieces."""
        return [piece async for piece in self]

    async def aclose(self) -> None:
        """End what is under way; safe to call several times."""
        self._is_ended = True
        await self._pump.aclose()


class _Feed:
    """What the pump does. It must not refer to its consumer."""

    def __init__(
        self, downloader: MediaDownloader, item: MediaItem, offset: int, length: int | None
    ) -> None:
        self._downloader = downloader
        self._item = item
        self._skip = offset % BLOCK
        self._start = offset - self._skip
        self._end = None if length is None else offset + length
        self._room = asyncio.Event()
        self._pump: Pump[bytes] | None = None

    async def run(self, pump: Pump[bytes]) -> None:
        """Fetch what is wanted, as fast as it is read."""
        self._pump = pump
        pump.on_room = self._room.set
        source = self._downloader.enlist(self._item)
        size = source.size
        if size is not None and self._start + self._skip >= size:
            return
        done = [(0, self._start)]
        if self._end is not None and size is not None:
            done.append((-(-self._end // BLOCK) * BLOCK, size))
        sink = ObjectSink(self, start=self._start)
        if self._item.inline is not None:
            await self.write(self._item.inline[self._start :])
            return
        parts = PartMap(size, done=[each for each in done if each[0] < each[1]])
        await self._downloader.fetch(source, parts, sink, None)

    async def write(self, data: bytes) -> None:
        """Hand bytes on, once there is room."""
        assert self._pump is not None  # noqa: S101 - for the type checker
        data, self._skip = data[self._skip :], max(self._skip - len(data), 0)
        if data:
            self._pump.put(data)
        while self._pump.buffered > _AHEAD:
            self._room.clear()
            await self._room.wait()
