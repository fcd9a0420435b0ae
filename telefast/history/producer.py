"""The fetching side of a stream: it decides by which path the messages are had.

A producer knows nothing of its consumer but the pump's buffer. What its paths have in common is
the runner's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from telethon.errors.common import TypeNotFoundError

from telefast.errors import CompatibilityError, UnexpectedAnswerError
from telefast.history.fetcher import Fetcher
from telefast.history.lanes import open_lanes
from telefast.history.lists import History, Listing
from telefast.history.opening import Wanted, id_before, is_sent_at, open_list
from telefast.history.order import Ask
from telefast.history.output import Output, Piece, Tally
from telefast.history.plan import IdList
from telefast.history.runner import Runner
from telefast.history.sequential import GlobalSearch, chosen
from telefast.history.stock import rest, run_stock
from telefast.history.windows import Windows
from telefast.peers.cache import exact_peer
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.takeout import Takeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telethon import TelegramClient

    from telefast.history.query import Query
    from telefast.tasks import Pump
    from telefast.transport.calls import CallOptions
    from telefast.transport.messages import Page

__all__ = ["Producer"]

_NOT_TELEGRAMS_WORD = (CompatibilityError, UnexpectedAnswerError)
"""Errors that say nothing of the chat: Telethon's own iterator may still read it."""


class Producer:
    """Fetch one query's messages into a pump.

    Args:
        clients: The user's client, or one for each of several accounts.
        entity: What the user passed; resolved at the first request.
        query: What is asked.
        wanted: Of which list.
        stock: Keyword arguments of `iter_messages` that ask the same, and why that must be taken
            ("" if it need not).
        fallback: Whether to go on with `iter_messages` where a fast path fails.
        prefetch: Pages held or in flight, at most.
        stretch_pages: The same while a dense stretch is read by ids.
        is_lazy: Whether messages are to be `LazyMessage`s.
        takeout: Whether to make the requests as a takeout; "auto": if Telegram lets it begin.
    """

    def __init__(
        self,
        clients: Sequence[TelegramClient],
        entity: Any,
        query: Query,
        *,
        wanted: Wanted,
        stock: tuple[dict[str, Any], str],
        fallback: bool,
        options: CallOptions,
        request_size: int,
        concurrency: int,
        prefetch: int,
        stretch_pages: int,
        takeout: bool | Literal["auto"] = False,
        by_ids: bool = True,
        is_lazy: bool = False,
    ) -> None:
        self._clients = clients
        self._client = client = clients[0]
        self._road = client  # what requests go through
        self._takeout = takeout
        self._entity = entity
        self._query = query
        self._wanted = wanted
        self._stock, self._stock_reason = stock
        self._is_falling_back = fallback
        self._options = options
        self._request_size = request_size
        self._prefetch = prefetch
        self._stretch_pages = stretch_pages
        self._by_ids = by_ids and len(clients) == 1  # others may see other messages
        self._has_root = False
        self._list = Listing(None)
        self._is_lazy = is_lazy
        limit = query.limit if stock[0]["ids"] is None else None
        self._out = Output(limit, is_lazy=is_lazy)
        self._runner = Runner(
            client,
            self._out,
            Fetcher(client, self._list, options),
            is_list=query.ids is None,
            concurrency=concurrency,
            prefetch=prefetch,
        )

    @property
    def tally(self) -> Tally:
        """The figures so far."""
        return self._out.tally

    def share(self, tally: Tally) -> None:
        """Count into *tally*, which several producers share."""
        self._out.tally = tally

    async def __call__(self, pump: Pump[Piece]) -> None:
        """Fetch everything; returns at the end, raises what stopped it."""
        self._out.attach(pump, self._prefetch)
        if self._takeout is False:
            self.tally.set(takeout="on" if door.is_takeout_proxy(self._client) else "off")
            await self._fetch_all()
            return
        takeout = Takeout(
            self._client,
            optional=self._takeout == "auto",
            timeout=self._options.timeout,
            max_flood_wait=self._options.max_flood_wait,
        )
        async with takeout:
            self._road = takeout.client
            self.tally.set(takeout=takeout.refusal or "on")
            await self._fetch_all()

    async def _fetch_all(self) -> None:
        self._entity = await exact_peer(self._road, self._entity)
        try:
            if self._stock_reason:
                await self._run_stock(self._stock, self._stock_reason)
                return
            try:
                await self._run_fast()
            except _NOT_TELEGRAMS_WORD as error:
                is_unopened = self._wanted.opener is not None and self._list.peer is None
                if not self._is_falling_back or is_unopened:  # its list, nothing else can tell
                    raise
                await self._fall_back(error)
        finally:
            await self._runner.end()

    async def _run_fast(self) -> None:
        ids = self._query.ids
        if self._entity is None and ids is None:
            await self._run_global()
            return
        found = await open_list(self._road, self._entity, self._wanted, by_ids=ids is not None)
        if isinstance(found, str):
            await self._run_stock(self._stock, found)
            return
        self._list = found
        self._runner.fetcher = Fetcher(
            self._client, found, self._options, self._road, is_lazy=self._is_lazy
        )
        if len(self._clients) > 1:
            self._runner.fetcher = await open_lanes(
                self._clients,
                self._entity,
                found,
                self._wanted,
                self._options,
                by_ids=ids is not None,
                on_ask=self._runner.asked,
            )
        if ids is not None:
            await self._run_ids(ids)
        elif self._wanted.scheduled:
            await self._run_scheduled()
        elif self._query.limit == 0:
            await self._count()
        elif not self._query.is_empty():
            if self._query.reverse:
                await self._run_root()
            await self._run_pages()
            await self._run_root()

    # Lists with positions

    async def _run_root(self) -> None:
        """Hand over the message that the list hangs on, once, if it is wanted."""
        root, query = self._list.root, self._query
        start = query.offset_id or (0 if query.reverse else root + 1)
        is_behind = root > start if query.reverse else root < start
        if not (root and is_behind and query.keeps(root)):
            return
        if self._has_root or self._out.left == 0:
            return
        if query.offset_date is not None:
            page, _ = await self._runner.fetcher.fetch(Ask(ids=(root,)))
            message = page.found.get(root)
            if message is None or is_sent_at(message, query.offset_date) != query.reverse:
                return
        await self._runner.run(IdList((root,), request_size=1))
        self._has_root = True

    async def _run_pages(self) -> None:
        self.tally.set(path="pages")
        if self._query.offset_date is not None and not self._list.takes_dates:
            await self._replace_date()
        # What is filtered here is counted here.
        query = replace(self._query, limit=None) if self._list.is_filtered else self._query
        query = replace(query, min_id=max(query.min_id, self._list.root))
        if query.is_empty():
            return
        by_ids = self._list.can_sweep and self._by_ids
        windows = Windows(
            query,
            self._request_size,
            self._list.can_sweep,
            by_ids=by_ids,
            prefetch=self._prefetch,
            stretch_pages=self._stretch_pages,
        )
        await self._runner.run(windows)
        if self._list.is_whole:
            self._report_missing(windows)

    async def _replace_date(self) -> None:
        """Begin at the id that the date means, since this list knows no dates."""
        history = Fetcher(self._client, History(self._list.peer), self._options, self._road)

        async def fetch(ask: Ask) -> Page:
            self._runner.asked()
            page, seconds = await history.fetch(ask)
            await self._runner.received(page, seconds)
            return page

        before = await id_before(fetch, self._query.offset_date or 0)
        offset_id = before if self._query.reverse else before + 1
        date = None
        if not (before or self._query.reverse):
            date = 0  # nothing comes before the first message
            await self._count()
        self._query = replace(self._query, offset_id=offset_id, offset_date=date)

    async def _run_ids(self, ids: tuple[int, ...]) -> None:
        self.tally.total = len(ids)
        self.tally.set(path="ids")
        wanted = ids[::-1] if self._query.reverse else ids
        await self._runner.run(IdList(wanted, request_size=self._request_size))

    def _report_missing(self, windows: Windows) -> None:
        if windows.is_given_up or (windows.missing and self._query.limit is None):
            text = "history ended missing=%d total=%s: hidden by Telegram, or deleted meanwhile"
            self._runner.warn(text, windows.missing, windows.count)

    async def _count(self) -> None:
        self.tally.set(path="pages")
        page, _ = await self._runner.fetch(self._list.request(Ask(limit=1)))
        self.tally.total = page.count if page.count is not None else len(page.messages)

    # Lists without positions

    async def _run_scheduled(self) -> None:
        self.tally.set(path="sequential")
        page, latency = await self._runner.fetch(self._list.request(Ask()))
        self.tally.total = len(page.messages)
        kept = [m for m in page.found.values() if self._list.keeps(m)]
        ids = [m.id for m in chosen(kept, self._query)]
        self._out.put(self._runner.fetcher.finished(page, ids), page, latency)

    async def _run_global(self) -> None:
        self.tally.set(path="sequential")
        self._runner.fetcher = Fetcher(self._client, self._list, self._options, self._road)
        wanted = self._wanted
        search = GlobalSearch(wanted.search or "", wanted.message_filter(), self._query)
        while True:
            page, latency = await self._runner.fetch(search.request())
            self.tally.total = page.count if page.count is not None else len(page.messages)
            messages = search.on_page(page)
            for message in messages:
                door.finish(message, self._client, page.entities, None)
            search.go_on(messages[-1] if messages else None)
            self._out.put(messages, page, latency)
            self.tally.set(in_flight=0)
            if search.done:
                break
            await self._out.room()
        if search.is_given_up:
            self._runner.warn("search of all chats ended: pages brought nothing new")

    # Stock

    async def _fall_back(self, error: Exception) -> None:
        """Go on with Telethon's own iterator behind what was delivered."""
        out = self._out
        if self._entity is None and self._query.ids is None and out.delivered:
            raise error  # no id says where to go on in a search of all chats
        Account.of(self._client).metrics.add("history_fallbacks")
        text = "history falls back to iter_messages path=%s after=%d: %s"
        self._runner.warn(text, self.tally.stats.path, out.delivered, error)
        try:
            arguments = await rest(
                self._road, self._entity, self._query, self._stock, self._list, out
            )
            if self._query.reverse:
                await self._run_root()
            if arguments is not None:
                await self._run_stock(arguments, f"after {type(error).__name__}")
                await self._run_root()
        except (TypeNotFoundError, AttributeError):
            # The same again, as Telethon says it: with the answer's bytes, and so its texts.
            raise error from None

    async def _run_stock(self, arguments: dict[str, Any], reason: str) -> None:
        self.tally.set(path="stock", reason=reason, in_flight=0)
        iterator = self._road.iter_messages(self._entity, **arguments)

        def keeps(message: Any) -> bool:
            if self._road is not self._client:
                door.rebind(message, self._client)
            return self._list.keeps(message)

        await run_stock(
            iterator,
            self._out,
            keeps=keeps,
            size=self._request_size,
            tells_total=self._query.ids is None,
        )
