"""One ask, one page: build the request, send it, decode the answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from telethon import __version__ as telethon_version
from telethon.errors import MessageIdsEmptyError

from telefast.errors import CompatibilityError
from telefast.history.isolate import Isolated, TooManyBrokenError, isolate
from telefast.logs import get_logger
from telefast.transport import telethon as door
from telefast.transport.calls import CallOptions, call
from telefast.transport.decode import Known
from telefast.transport.messages import Page, joined, read_page
from telefast.transport.undecoded import Broken, UndecodedMessage

if TYPE_CHECKING:
    from collections.abc import Generator

    from telethon import TelegramClient

    from telefast.history.lists import Listing
    from telefast.history.order import Ask

__all__ = ["Fetcher"]

_log = get_logger("history")


class Fetcher:
    """Fetch parts of one list through one client.

    Args:
        client: The user's client, which messages are bound to.
        source: The list.
        options: What one call may cost.
        road: The client that requests go through; None for the same.
        is_lazy: Whether messages are to be `LazyMessage`s, wherever that is possible.
    """

    def __init__(
        self,
        client: TelegramClient,
        source: Listing,
        options: CallOptions,
        road: TelegramClient | None = None,
        *,
        is_lazy: bool = False,
    ) -> None:
        self._client = client
        self._road = client if road is None else road
        self._source = source
        self._options = options
        self._is_lazy = is_lazy
        self._same = Known()

    @property
    def width(self) -> int:
        """How many accounts take requests."""
        return 1

    @property
    def shares(self) -> tuple[int, ...]:
        """Answers that each of several accounts has brought; empty for one."""
        return ()

    async def fetch(self, ask: Ask) -> tuple[Page, float]:
        """Return the page that answers *ask*, and how many seconds it took, pacing included."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        page = await self._ask(ask, is_lazy=self._is_lazy)
        if isinstance(page, Broken):
            page = await self._isolate(ask, page)
        if ask.ids:
            page.count = page.position = None  # it counts itself, not the list
        return page, loop.time() - started

    async def send(self, request: Any) -> tuple[Page, float]:
        """Return the page that answers a request which no `Ask` can make, and its seconds.

        Raises:
            CompatibilityError: If one of its messages cannot be decoded; it has no parts.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        page = await self._send(request, is_lazy=self._is_lazy)
        if isinstance(page, Broken):
            name = f"constructor {page.constructor:08x} in {door.method_of(request)}"
            raise CompatibilityError(name, telethon_version)
        return page, loop.time() - started

    async def _ask(self, ask: Ask, *, is_lazy: bool = False) -> Page | Broken:
        text = "ask offset_id=%d add_offset=%d limit=%d ids=%d"
        _log.debug(text, ask.offset_id, ask.add_offset, ask.limit, len(ask.ids))
        return await self._send(self._source.request(ask), is_lazy=is_lazy)

    async def _send(self, request: Any, *, is_lazy: bool = False) -> Page | Broken:
        try:
            data = await call(self._road, request, self._options)
        except MessageIdsEmptyError:
            # Telegram's way to say that none of these ids exists.
            return Page(b"", [], [], [], None, None)
        return read_page(data, request, self._same, is_lazy=is_lazy)

    async def _isolate(self, ask: Ask, broken: Broken) -> Page:
        """Return the page, asked for in parts around the messages that cannot be decoded."""
        steps: Generator[Ask, Page | Broken, Isolated[Page]] = isolate(ask, broken)
        splits = 0
        try:
            part = next(steps)
            while True:
                splits += 1
                part = steps.send(await self._ask(part))
        except StopIteration as end:
            found: Isolated[Page] = end.value
            page = joined(found.pages, found.broken, broken)
            page.splits = splits
            return page
        except TooManyBrokenError as error:
            method = door.method_of(self._source.request(ask))
            name = f"constructor {broken.constructor:08x} in {method}, in {error}"
            raise CompatibilityError(name, telethon_version) from None

    def finished(self, page: Page, ids: Any) -> list[Any]:
        """Return the messages of *page* with these ids, bound to the client.

        None where there is none, or none that the list keeps. What cannot be decoded is an
        `UndecodedMessage`.
        """
        found = {i: m for i in dict.fromkeys(ids) if (m := page.found.get(i)) is not None}
        if self._source.is_filtered:
            keeps = self._source.keeps
            found = {i: m for i, m in found.items() if isinstance(m, UndecodedMessage) or keeps(m)}
        page.finished(found, self._client, self._source.peer)
        return [found.get(i) for i in ids]
