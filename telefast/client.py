"""`wrap`: a drop-in for the client that a program already has."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Self, cast

from telethon.helpers import TotalList

from telefast.errors import ArgumentError
from telefast.history import BatchedHistory, HistoryStats
from telefast.media.policy import Policy, skip_protected
from telefast.media.stock import StockDownloads

if TYPE_CHECKING:
    from datetime import date, datetime

    from telethon import TelegramClient

    from telefast.settings import Settings

__all__ = ["FastClient", "MessagesIter", "wrap"]

_OPTIONS = frozenset(
    {
        "request_size",
        "batch_size",
        "wait_time",
        "concurrency",
        "fallback",
        "prefetch",
        "timeout",
        "max_flood_wait",
        "takeout",
        "on_progress",
        "on_wait",
        "albums",
        "by_ids",
    }
)
"""The arguments of `BatchedHistory` that Telethon's `iter_messages` does not have, and
`wait_time`."""
_NAMES = ", ".join(sorted(_OPTIONS))


def wrap(client: TelegramClient, settings: Settings | None = None, **options: Any) -> FastClient:
    """Return a client that reads histories and files many requests at a time.

    Otherwise it is *client*.

    Nothing is patched: *client* itself stays as it is, the two can be used side by side, and
    messages belong to *client*. Wrapping sends nothing.

    Args:
        client: A `telethon.TelegramClient`, connected or not, or its takeout proxy.
        settings: Where the options below come from if they are not given, as in
            `wrap(client, Settings.from_env())`.
        options: Defaults for every call, of the names that `telefast.BatchedHistory` has beyond
            Telethon's own: `concurrency`, `prefetch`, `timeout`, `max_flood_wait`, `wait_time`,
            `fallback`, `takeout`, `request_size`, `batch_size`, `albums`, `by_ids`, `on_progress`,
            `on_wait`.

    Raises:
        ArgumentError: If an option is unknown or has no legal value.

    Example::

        fast = telefast.wrap(client, concurrency=8)
        async for message in fast.iter_messages("durov"):
            ...
    """
    _check_options(options)
    if isinstance(cast("Any", client), FastClient):
        raise ArgumentError("client", client, "a client that is not wrapped yet")
    if settings is not None:
        options = settings.history_options() | options
    return FastClient(client, options)


def _check_options(options: dict[str, Any]) -> None:
    for name in sorted(options.keys() - _OPTIONS):
        raise ArgumentError(name, options[name], f"no such argument; the options are {_NAMES}")


class FastClient:
    """A `TelegramClient` whose histories and files come many requests at a time. Made by `wrap`.

    What it does not do itself goes to the wrapped client: every other method and attribute,
    setting attributes, calling it with a request, and `async with` (which starts and disconnects
    the client, as it would by itself). It is no instance of `TelegramClient`; code that asks for
    one takes `wrapped`.
    """

    wrapped: TelegramClient
    """The client itself."""
    _files: StockDownloads

    __slots__ = ("__weakref__", "_files", "_options", "wrapped")

    def __init__(self, client: TelegramClient, options: dict[str, Any]) -> None:
        object.__setattr__(self, "wrapped", client)
        object.__setattr__(self, "_options", options)
        object.__setattr__(self, "_files", StockDownloads(client))
        BatchedHistory(client, "me", **options)  # an illegal value dies here, not at first use

    def iter_messages(
        self,
        entity: Any,
        limit: float | None = None,
        *,
        offset_date: datetime | date | float | None = None,
        offset_id: int = 0,
        max_id: int = 0,
        min_id: int = 0,
        add_offset: int = 0,
        search: str | None = None,
        filter: Any = None,
        from_user: Any = None,
        wait_time: float | None = None,
        ids: Any = None,
        reverse: bool = False,
        reply_to: int | None = None,
        scheduled: bool = False,
        **options: Any,
    ) -> MessagesIter:
        """Iterate over messages, as `TelegramClient.iter_messages` does.

        Args:
            entity: As there.
            limit: As there.
            offset_date: As there.
            offset_id: As there.
            max_id: As there.
            min_id: As there.
            add_offset: As there, but counted once over all pages (see `telefast.BatchedHistory`).
            search: As there.
            filter: As there.
            from_user: As there.
            wait_time: Least time between the starts of two requests, in seconds. None: what
                `wrap` was told, else no spacing of our own.
            ids: As there.
            reverse: As there.
            reply_to: As there.
            scheduled: As there.
            options: The options of `wrap`, for this call only.

        Returns:
            What `async for` takes; with `.total`, `.collect()` and `reversed(...)`, as there.

        Raises:
            ArgumentError: If an argument has no legal value; before anything is sent.
        """
        _check_options(options)
        arguments = {
            "offset_date": offset_date,
            "offset_id": offset_id,
            "max_id": max_id,
            "min_id": min_id,
            "add_offset": add_offset,
            "search": search,
            "filter": filter,
            "from_user": from_user,
            "ids": ids,
            "reverse": bool(reverse),
            "reply_to": reply_to,
            "scheduled": bool(scheduled),
        }
        if wait_time is not None:
            options["wait_time"] = wait_time
        return MessagesIter(self.wrapped, entity, limit, self._options | options | arguments)

    async def get_messages(self, *args: Any, **kwargs: Any) -> Any:
        """Return messages at once, as `TelegramClient.get_messages` does.

        Args:
            args: The arguments of `iter_messages`. Without a limit, one message is fetched,
                unless both `min_id` and `max_id` are given.
            kwargs: The same, by name.

        Returns:
            A `telethon.helpers.TotalList` of messages; the message itself, or None, where `ids`
            is a single id.
        """
        if len(args) == 1 and "limit" not in kwargs:
            kwargs["limit"] = None if "min_id" in kwargs and "max_id" in kwargs else 1
        ids = kwargs.get("ids")
        messages = await self.iter_messages(*args, **kwargs).collect()
        if ids and not hasattr(ids, "__iter__"):
            return messages[0] if messages else None
        return messages

    get_messages.__signature__ = inspect.signature(iter_messages)  # type: ignore[attr-defined]

    async def download_media(
        self,
        message: Any,
        file: Any = None,
        *,
        thumb: Any = None,
        progress_callback: Any = None,
        policy: Policy = skip_protected,
    ) -> Any:
        """Download a medium, as `TelegramClient.download_media` does, and with the same names.

        Args:
            message: As there.
            file: As there. A file on the disk gets its name when it is whole.
            thumb: As there.
            progress_callback: As there.
            policy: Decides about protected media, see `telefast.items_of`.

        Returns:
            As there; None as well for protected media.

        Raises:
            FileMismatchError: If the bytes that come are not those of the file. See
                `telefast.MediaDownloader.download` for the others.
        """
        return await self._files.media(message, file, thumb, progress_callback, policy)

    async def download_profile_photo(
        self, entity: Any, file: Any = None, *, download_big: bool = True
    ) -> Any:
        """Download the photo of a user or chat, as `TelegramClient.download_profile_photo` does.

        Args:
            entity: As there.
            file: As there.
            download_big: As there.
        """
        return await self._files.profile_photo(entity, file, download_big)

    async def download_file(
        self,
        input_location: Any,
        file: Any = None,
        *,
        part_size_kb: float | None = None,
        file_size: int | None = None,
        progress_callback: Any = None,
        dc_id: int | None = None,
        key: bytes | None = None,
        iv: bytes | None = None,
    ) -> bytes | None:
        """Download from a location, as `TelegramClient.download_file` does.

        Args:
            input_location: As there.
            file: As there.
            part_size_kb: Not used: parts are as large as the downloader takes them.
            file_size: As there, and it must be right: the download ends there.
            progress_callback: As there.
            dc_id: As there.
            key: Of a secret chat: then it is Telethon's own download.
            iv: As *key*.
        """
        if key or iv:
            client: Any = self.wrapped
            rest: Any = {"file_size": file_size, "dc_id": dc_id, "key": key, "iv": iv}
            data: bytes | None = await client.download_file(
                input_location, file, progress_callback=progress_callback, **rest
            )
            return data
        return await self._files.file(input_location, file, file_size, progress_callback, dc_id)

    def iter_download(
        self,
        file: Any,
        *,
        offset: int = 0,
        stride: int | None = None,
        limit: int | None = None,
        chunk_size: int | None = None,
        request_size: int = 512 * 1024,
        file_size: int | None = None,
        dc_id: int | None = None,
        policy: Policy = skip_protected,
    ) -> Any:
        """Iterate over the bytes of a file, as `TelegramClient.iter_download` does.

        Parts are fetched ahead of the consumer, side by side.

        Args:
            file: As there.
            offset: As there.
            stride: As there. If it is not *chunk_size*, it is Telethon's own iterator.
            limit: As there: how many pieces.
            chunk_size: As there: bytes of a piece.
            request_size: Only the default of *chunk_size*.
            file_size: As there.
            dc_id: As there.
            policy: Decides about protected media, see `telefast.items_of`.

        Raises:
            FileUnavailableError: If the message is protected.
        """
        self._files.check(file, policy)
        stream = None
        if stride in (None, chunk_size or request_size):
            stream = self._files.stream(
                file,
                offset=offset,
                limit=limit,
                chunk_size=chunk_size,
                request_size=request_size,
                file_size=file_size,
                dc_id=dc_id,
            )
        if stream is not None:
            return stream
        rest: dict[str, Any] = {"limit": limit, "chunk_size": chunk_size, "dc_id": dc_id}
        rest |= {"stride": stride, "file_size": file_size}
        return self.wrapped.iter_download(file, offset=offset, request_size=request_size, **rest)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request, as `await client(request)` does."""
        return await self.wrapped(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.wrapped, name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self.wrapped)})

    async def __aenter__(self) -> Self:
        await self.wrapped.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.wrapped.__aexit__(*exc_info)

    def __repr__(self) -> str:
        return f"FastClient({type(self.wrapped).__name__})"


class MessagesIter:
    """What `FastClient.iter_messages` returns: Telethon's iterator, on a `BatchedHistory`.

    Each `async for` reads anew, as there.
    """

    def __init__(
        self, client: TelegramClient, entity: Any, limit: Any, arguments: dict[str, Any]
    ) -> None:
        self._client = client
        self._entity = entity
        # Telethon takes infinity for no limit, and a negative limit for 0.
        if isinstance(limit, int):
            limit = max(limit, 0)
        self._limit = None if limit == float("inf") else limit
        low, high = arguments.get("min_id"), arguments.get("max_id")
        if isinstance(low, int) and isinstance(high, int) and 0 < high < low:
            arguments = arguments | {"min_id": high}  # nothing, as there, and no error
        self._arguments = arguments
        self._history = self._make()
        self._is_used = False

    def _make(self) -> BatchedHistory:
        return BatchedHistory(self._client, self._entity, self._limit, **self._arguments)

    @property
    def total(self) -> int | None:
        """Messages in the whole list, as the server last said; None before the first answer."""
        return self._history.total

    def stats(self) -> HistoryStats:
        """Return the figures of the latest `async for`."""
        return self._history.stats()

    def __aiter__(self) -> Self:
        if self._is_used:
            self._history = self._make()
            self._is_used = False
        return self

    async def __anext__(self) -> Any:
        """Return the next message; StopAsyncIteration at the end."""
        if not self._is_used:
            self._is_used = True
            aiter(self._history)
        return await anext(self._history)

    def __reversed__(self) -> MessagesIter:
        arguments = self._arguments | {"reverse": not self._arguments.get("reverse", False)}
        return MessagesIter(self._client, self._entity, self._limit, arguments)

    async def collect(self) -> TotalList:
        """Return all of it as a `telethon.helpers.TotalList`, a list with `.total`."""
        messages = TotalList()
        aiter(self)
        async with self._history:
            async for message in self._history:
                messages.append(message)
        self._is_used = True
        messages.total = self.total  # type: ignore[assignment]  # None as in Telethon
        return messages
