"""One ask, one page: build the request, send it, decode the answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from telethon.errors import MessageIdsEmptyError

from telefast.transport.calls import CallOptions, call
from telefast.transport.messages import Page, read_page

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.history.lists import History
    from telefast.history.order import Ask

__all__ = ["Fetcher"]


class Fetcher:
    """Fetch parts of one list through one client.

    Args:
        client: The user's client, which messages are bound to.
        source: The list.
        options: What one call may cost.
        road: The client that requests go through; None for the same.
    """

    def __init__(
        self,
        client: TelegramClient,
        source: History,
        options: CallOptions,
        road: TelegramClient | None = None,
    ) -> None:
        self._client = client
        self._road = client if road is None else road
        self._source = source
        self._options = options

    async def fetch(self, ask: Ask) -> tuple[Page, float]:
        """Return the page that answers *ask*, and how many seconds it took, pacing included."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        request = self._source.request(ask)
        try:
            data = await call(self._road, request, self._options)
        except MessageIdsEmptyError:
            # Telegram's way to say that none of these ids exists.
            return Page(b"", [], [], [], None, None), loop.time() - started
        page = read_page(data, request)
        if ask.ids:
            page.count = page.position = None  # it counts itself, not the list
        return page, loop.time() - started

    def finished(self, page: Page, ids: Any) -> list[Any]:
        """Return the messages of *page* with these ids, bound to the client; None where absent."""
        found = [i for i in dict.fromkeys(ids) if i in page.found]
        page.finished(found, self._client, self._source.peer)
        return [page.found.get(i) for i in ids]
