"""What the iterating methods of `FastClient` return: Telethon's iterators, on our streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from telethon.helpers import TotalList

from telefast.history import BatchedHistory, HistoryStats

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.media.streaming import ByteStream  # noqa: F401 - named below


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

if TYPE_CHECKING:

    class Listed(list[T]):
        """A `telethon.helpers.TotalList`, which does not say what is in it."""

        total: int | None

else:
    Listed = TotalList

__all__ = ["BytesIter", "Listed", "MessagesIter"]


class Stream(Protocol[T_co]):
    """What is iterated over: once, from its beginning."""

    @property
    def total(self) -> int | None:
        """How much there is, as far as is known."""

    def __aiter__(self) -> AsyncIterator[T_co]:
        """Begin."""

    async def __anext__(self) -> T_co:
        """Return the next one."""

    async def aclose(self) -> None:
        """End what is under way."""


S = TypeVar("S", bound=Stream[Any])


class Iter(Generic[T, S]):
    """Telethon's `RequestIter`: `async for`, or plain `for` where no loop runs; each reads anew.

    Args:
        client: Whose loop runs for a plain `for`.
        make: Makes the stream of one iteration.
    """

    def __init__(self, client: TelegramClient, make: Callable[..., S]) -> None:
        self._client = client
        self._make = make
        self._stream = make()
        self._is_used = False

    @property
    def total(self) -> int | None:
        """How many there are in all, as far as is known now."""
        return self._stream.total

    def __aiter__(self) -> Self:
        if self._is_used:
            self._stream = self._make()
            self._is_used = False
        return self

    async def __anext__(self) -> T:
        """Return the next one; StopAsyncIteration at the end."""
        if not self._is_used:
            self._is_used = True
            aiter(self._stream)
        found: T = await anext(self._stream)
        return found

    def __iter__(self) -> Self:
        """Begin anew, for a plain `for` where no event loop runs.

        Raises:
            RuntimeError: If one does.
        """
        if self._client.loop.is_running():
            raise RuntimeError("an event loop is running: iterate with `async for`")
        return self.__aiter__()

    def __next__(self) -> T:
        """Return the next one; StopIteration at the end."""
        try:
            found: T = self._client.loop.run_until_complete(anext(self))
        except StopAsyncIteration:
            raise StopIteration from None
        return found

    async def collect(self) -> Listed[T]:
        """Return all of it as a `telethon.helpers.TotalList`, a list with `.total`."""
        found: Listed[T] = Listed()
        aiter(self)
        try:
            async for each in self._stream:
                found.append(each)
        finally:
            self._is_used = True
            await self._stream.aclose()
        found.total = self.total
        return found

    async def aclose(self) -> None:
        """End what is under way; safe to call several times. A `break` without it will do, too."""
        self._is_used = True
        await self._stream.aclose()


class MessagesIter(Iter[T, BatchedHistory]):
    """What `FastClient.iter_messages` returns: Telethon's iterator, on a `BatchedHistory`.

    Each `async for` reads anew, as there.
    """

    def __init__(
        self, client: TelegramClient, entity: Any, limit: Any, arguments: dict[str, Any]
    ) -> None:
        # Telethon takes infinity for no limit, and a negative limit for 0.
        if isinstance(limit, int):
            limit = max(limit, 0)
        limit = None if limit == float("inf") else limit
        low, high = arguments.get("min_id"), arguments.get("max_id")
        if isinstance(low, int) and isinstance(high, int) and 0 < high < low:
            arguments = arguments | {"min_id": high}  # nothing, as there, and no error
        is_down = not low and not arguments.get("reverse")
        if is_down and (arguments.get("offset_id"), high) in ((1, 0), (0, 1), (1, 1)):
            limit = 0  # nothing lies below 1, but there, the total is asked for
        self._arguments = entity, limit, arguments
        super().__init__(client, lambda: BatchedHistory(client, entity, limit, **arguments))

    def stats(self) -> HistoryStats:
        """Return the figures of the latest `async for`."""
        return self._stream.stats()

    def __reversed__(self) -> MessagesIter[T]:
        entity, limit, arguments = self._arguments
        arguments = arguments | {"reverse": not arguments.get("reverse", False)}
        return MessagesIter(self._client, entity, limit, arguments)


class BytesIter(Iter[bytes, "ByteStream"]):
    """What `FastClient.iter_download` returns: Telethon's iterator, with parts fetched ahead.

    Each `async for` reads anew, as there; `total` is the size of the file, None if unknown.
    """

    async def close(self) -> None:
        """End what is under way; safe to call several times."""
        await self.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._client.loop.run_until_complete(self.aclose())
