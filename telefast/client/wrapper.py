"""`FastClient`: for each method of a `TelegramClient`, ours or the client's own."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, cast

from telethon import TelegramClient

from telefast.client.downloads import DownloadMethods
from telefast.client.messages import MessageMethods
from telefast.client.options import split_options
from telefast.errors import ArgumentError
from telefast.history import BatchedHistory
from telefast.limited_logs import limit_logs
from telefast.media.downloader import MediaDownloader
from telefast.media.stock import StockDownloads
from telefast.metrics import NoMetrics
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.counting import use_metrics

if TYPE_CHECKING:
    from telefast.settings import Settings

__all__ = ["FastClient", "wrap"]

T = TypeVar("T")


def wrap(client: TelegramClient, settings: Settings | None = None, **options: Any) -> FastClient:
    """Return a client that reads histories and files many requests at a time.

    Otherwise it is *client*.

    Nothing is patched: *client* itself stays as it is, the two can be used side by side, and
    messages belong to *client*. Wrapping sends nothing. All that wrap one client share what is
    known of its account: flood waits, connections, what was learned of their speed.

    Args:
        client: A `telethon.TelegramClient`, connected or not, one of a subclass, or its takeout
            proxy; or any object with its methods that stands before one.
        settings: Where the options below come from if they are not given, as in
            `wrap(client, Settings.from_env())`. What they say of logs and metrics is put in force
            as by `telefast.limit_logs`, for the whole process, and `telefast.use_metrics`.
        options: Defaults for every call. Of `telefast.BatchedHistory`, what it has beyond
            Telethon's own: `concurrency`, `prefetch`, `timeout`, `max_flood_wait`, `wait_time`,
            `fallback`, `takeout`, `request_size`, `batch_size`, `albums`, `by_ids`, `on_progress`,
            `on_wait`, `view`. Of `telefast.MediaDownloader`: `dedupe`, `max_connections`, `memory`,
            `part_size`, `policy`, `set_mtime`, `tuner`, `verify`, and `timeout` and
            `max_flood_wait` as well.

    Raises:
        ArgumentError: If an option is unknown or has no legal value.
        CompatibilityError: If there is no `TelegramClient` behind *client*.

    Example::

        fast = telefast.wrap(client, concurrency=8)
        async for message in fast.iter_messages("durov"):
            ...
    """
    if isinstance(cast("Any", client), FastClient):
        raise ArgumentError("client", client, "a client that is not wrapped yet")
    history, downloads = split_options(options)
    if settings is not None:
        history = settings.history_options() | history
        downloads = settings.download_options() | downloads
        limit_logs(**settings.log_options())
        if not settings.metrics_enabled:
            use_metrics(client, NoMetrics())
    if (sync := sys.modules.get("telethon.sync")) is not None:
        sync.syncify(FastClient)  # as it has done with TelegramClient; a second time does nothing
    return FastClient(client, history, downloads)


def _like(theirs: Any) -> Callable[[T], T]:
    """Return what lets a method show the arguments of Telethon's."""
    shown = inspect.signature(theirs)
    arguments = [each.replace(annotation="Any") for each in shown.parameters.values()]

    def mark(method: T) -> T:
        result = inspect.signature(cast("Any", method)).return_annotation
        cast("Any", method).__signature__ = shown.replace(
            parameters=arguments, return_annotation=result
        )
        return method

    return mark


class FastClient(MessageMethods, DownloadMethods):
    """A `TelegramClient` whose histories and files come many requests at a time. Made by `wrap`.

    What it does not do itself goes to the wrapped client: every other method and attribute,
    setting attributes, and calling it with a request. It is no instance of `TelegramClient`; code
    that asks for one takes `wrapped`.

    `async with` does on entering what it does with the client itself: it connects and logs in, if
    need be. On leaving, it closes what telefast has opened (`aclose`), and disconnects the client
    only if it was not connected before.

    With `import telethon.sync`, its methods can be called where no event loop runs, as Telethon's.
    """

    _downloads: dict[str, Any]
    _found_connected: list[bool]

    __slots__ = (
        "__weakref__",
        "_downloads",
        "_files",
        "_found_connected",
        "_options",
        "wrapped",
    )

    def __init__(
        self, client: TelegramClient, options: dict[str, Any], downloads: dict[str, Any]
    ) -> None:
        own = object.__setattr__
        own(self, "wrapped", client)
        own(self, "_options", options)
        own(self, "_downloads", downloads)
        own(self, "_found_connected", [])
        # An illegal value dies here, not at first use.
        BatchedHistory(client, "me", **options)
        own(self, "_files", StockDownloads(client, MediaDownloader(client, **downloads)))

    # Takeouts

    @_like(TelegramClient.takeout)
    def takeout(self, finalize: bool = True, **what: Any) -> FastClient:
        """Return a client whose requests go within a takeout, as `TelegramClient.takeout` does.

        It is fast, too, and used as there: `async with fast.takeout(channels=True) as takeout`.
        Setting its `success` decides with which flag it is finished, as Telethon means it.

        Args:
            finalize: As there.
            what: As there.
        """
        proxy = self.wrapped.takeout(finalize, **what)
        return FastClient(proxy, self._options, self._downloads)

    async def end_takeout(self, success: bool) -> bool:
        """Finish the takeout that is kept in the session, and say whether that was done.

        Telethon 1.45 means to, but always says that it was a success.

        Args:
            success: Whether it was one.
        """
        session: Any = self.wrapped.session
        if session.takeout_id is None:
            return bool(await self.wrapped.end_takeout(success))
        try:
            async with self.takeout() as takeout:
                takeout.success = success
        except ValueError:
            return False
        return True

    # Its life

    @_like(TelegramClient.start)
    def start(self, *args: Any, **kwargs: Any) -> Any:
        """Connect and log in, if need be, as `TelegramClient.start` does.

        Args:
            args: As there.
            kwargs: As there.

        Returns:
            This client, by a coroutine if an event loop runs, else at once.
        """
        started: Any = self.wrapped.start(*args, **kwargs)
        return self._started(started) if inspect.isawaitable(started) else self

    async def _started(self, started: Any) -> Self:
        await started
        return self

    async def aclose(self) -> None:
        """Close what telefast has opened for this client and nobody uses any more: connections.

        The client stays connected; this one can be used again, and opens them again. Safe to call
        several times. What is in flight, from here or from another piece on the same client, goes
        on; its connections close a minute after their last use, or with the client.
        """
        await Account.of(self.wrapped).release()

    async def __aenter__(self) -> Self:
        is_connected = bool(self.wrapped.is_connected())
        await self.wrapped.__aenter__()
        self._found_connected.append(is_connected)
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        was_connected = bool(self._found_connected) and self._found_connected.pop()
        if door.is_takeout_proxy(self.wrapped):
            await self.wrapped.__aexit__(*exc_info)
            return
        try:
            await self.aclose()
        finally:
            if not was_connected:
                await self.wrapped.__aexit__(*exc_info)

    def __enter__(self) -> Self:
        if self.wrapped.loop.is_running():
            raise RuntimeError("an event loop is running: use `async with`")
        entered: Self = self.wrapped.loop.run_until_complete(self.__aenter__())
        return entered

    def __exit__(self, *exc_info: Any) -> None:
        self.wrapped.loop.run_until_complete(self.__aexit__(*exc_info))

    # All else is the client

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request, as `await client(request)` does."""
        return self.wrapped(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        wrapped = object.__getattribute__(self, "wrapped")  # no way back to here, if not yet made
        return getattr(wrapped, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(FastClient, name):
            raise AttributeError(f"{name} is of telefast; set it on .wrapped")
        if name == "success" and door.is_takeout_proxy(self.wrapped):
            # Telethon's proxy would set it on the client.
            cast("Any", type(self.wrapped)).success.fset(self.wrapped, value)
        else:
            setattr(self.wrapped, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.wrapped, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self.wrapped)})

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a client is neither copied nor pickled; wrap it again")

    def __repr__(self) -> str:
        return f"FastClient({type(self.wrapped).__name__})"
