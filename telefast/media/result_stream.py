"""What the streams of this room have in common: what is put in, and how results are taken."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any, Self

from telefast.media.results import DownloadResult
from telefast.tasks import Pump

__all__ = ["ResultStream", "each_of"]


class ResultStream:
    """An async iterator of what a pump delivers, which begins with the first result asked for."""

    def __init__(self, pump: Pump[DownloadResult]) -> None:
        self._pump = pump
        self._is_started = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DownloadResult:
        if not self._is_started:
            self._is_started = True
            self._pump.start(self)
        result = await self._pump.take()
        if result is None:
            raise StopAsyncIteration
        return result

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End what is under way and wait for it; safe to call several times."""
        await self._pump.aclose()


async def each_of(media: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
    """Yield what an async or ordinary iterable holds."""
    if isinstance(media, AsyncIterable):
        async for each in media:
            yield each
    else:
        for each in media:
            yield each
