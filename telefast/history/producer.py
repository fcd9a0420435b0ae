"""The fetching side of a stream: it sends what the plan asks for and hands on what is complete.

A producer knows nothing of its consumer but the pump's buffer. It holds at most `prefetch` pages:
in flight, waiting for an earlier one, or waiting for the consumer; the one request that repairs or
ends a walk may come on top.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from telethon import types

from telefast.history.fetcher import Fetcher
from telefast.history.lists import History
from telefast.history.order import Ask
from telefast.history.plan import IdList, Plan
from telefast.history.types import HistoryStats
from telefast.history.windows import Windows
from telefast.logs import get_logger, warn_limited
from telefast.tasks import Crew, Pump
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.messages import EntityLedger, Page
from telefast.transport.takeout import Takeout
from telefast.transport.undecoded import UndecodedMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telethon import TelegramClient

    from telefast.history.query import Query
    from telefast.transport.calls import CallOptions

__all__ = ["Piece", "Producer", "Tally"]

_log = get_logger("history")
_CHANNELS = (types.InputPeerChannel, types.InputPeerChannelFromMessage)
_OTHERS = (
    types.InputPeerUser,
    types.InputPeerSelf,
    types.InputPeerUserFromMessage,
    types.InputPeerChat,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Finished messages on their way to the consumer, with the answer they came in."""

    messages: list[Any]
    page: Page | None
    latency: float = 0.0
    undecoded: Sequence[UndecodedMessage] = ()


@dataclass(slots=True)
class Tally:
    """The figures of a stream while it runs; the producer writes, the stream reads.

    `stats.held` leaves out what is in the pump.
    """

    stats: HistoryStats = field(default_factory=HistoryStats)
    total: int | None = None

    def set(self, **changes: Any) -> None:
        """Change some of the figures."""
        self.stats = replace(self.stats, **changes)


class Producer:
    """Fetch one query's messages into a pump.

    Args:
        client: The user's client.
        entity: What the user passed; resolved at the first request.
        query: What is asked.
        stock: Keyword arguments of `iter_messages` for the stock path, and why it must be taken
            ("" if it need not).
        takeout: Whether to make the requests as a takeout; "auto": if Telegram lets it begin.
    """

    def __init__(
        self,
        client: TelegramClient,
        entity: Any,
        query: Query,
        *,
        stock: tuple[dict[str, Any], str],
        options: CallOptions,
        request_size: int,
        concurrency: int,
        prefetch: int,
        takeout: bool | Literal["auto"] = False,
    ) -> None:
        self.tally = Tally()
        self._client = client
        self._road = client  # what requests go through
        self._takeout = takeout
        self._entity = entity
        self._query = query
        self._stock, self._stock_reason = stock
        self._options = options
        self._request_size = request_size
        self._concurrency = concurrency
        self._prefetch = prefetch
        self._is_channel = False
        self._fetcher: Fetcher
        self._pages: dict[int, tuple[Page, float]] = {}
        self._ledger = EntityLedger(client)
        self._metrics = Account.of(client).metrics

    async def __call__(self, pump: Pump[Piece]) -> None:
        """Fetch everything; returns at the end, raises what stopped it."""
        if self._takeout is False:
            await self._fetch_all(pump)
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
            await self._fetch_all(pump)

    async def _fetch_all(self, pump: Pump[Piece]) -> None:
        if not self._stock_reason:
            peer: Any = await self._road.get_input_entity(self._entity)
            self._is_channel = isinstance(peer, _CHANNELS)
            self._fetcher = Fetcher(self._client, History(peer), self._options, self._road)
            if not isinstance(peer, _CHANNELS + _OTHERS):
                self._stock_reason = f"a {type(peer).__name__}"
            elif self._query.ids is not None and not self._is_channel:
                # One sequence of ids for each account: an answer may hold another chat's message.
                self._stock_reason = "ids outside channels"
        try:
            if self._stock_reason:
                await self._run_stock(pump)
            elif self._query.ids is not None:
                await self._run_ids(pump, self._query.ids)
            elif self._query.limit == 0:
                await self._count()
            elif not self._query.is_empty():
                await self._run_pages(pump)
        finally:
            self.tally.set(in_flight=0, held=0)
            stats = self.tally.stats
            _log.info(
                "history path=%s reason=%s total=%s requests=%d walks=%d sweeps=%d",
                stats.path,
                stats.reason or "none",
                self.tally.total,
                stats.requests,
                stats.walks,
                stats.sweeps,
            )
            await self._ledger.flush()

    # Requests

    def _start(self, crew: Crew[int, tuple[Page, float]], ask: Ask) -> None:
        _log.debug(
            "ask offset_id=%d add_offset=%d limit=%d ids=%d",
            ask.offset_id,
            ask.add_offset,
            ask.limit,
            len(ask.ids),
        )
        crew.start(ask.token, self._fetcher.fetch, ask)
        self._metrics.add("history_requests")
        stats = self.tally.stats
        self.tally.set(
            requests=stats.requests + 1,
            in_flight=crew.in_flight,
            peak_in_flight=max(stats.peak_in_flight, crew.in_flight),
        )

    async def _received(self, page: Page) -> None:
        stats = self.tally.stats
        self.tally.set(bytes=stats.bytes + len(page.data), requests=stats.requests + page.splits)
        if page.splits:
            self._metrics.add("history_requests", page.splits)
        if page.is_cut:
            self._metrics.add("undecodable_entities")
            self._warn("entities", "an answer has users or chats that Telethon cannot decode")
        self._ledger.add(page)
        if self._ledger.is_due:
            await self._ledger.flush()

    # Plans

    async def _run(self, plan: Plan, pump: Pump[Piece]) -> None:
        """Carry out *plan*: send what it asks for, deliver what is complete."""
        tally = self.tally
        async with Crew[int, tuple[Page, float]]() as crew:
            pump.on_room = crew.wake
            while True:
                while (outcome := crew.finished()) is not None:
                    token, result, error = outcome
                    if error is not None:
                        plan.on_error(token, error)
                    elif result is not None:
                        self._pages[token] = result
                        await self._received(result[0])
                        self._report(plan, token, result[0])
                self._deliver(plan, pump)
                if plan.error is not None:
                    raise plan.error
                if plan.done:
                    return
                while crew.in_flight < self._concurrency:
                    held = crew.in_flight + plan.held + pump.buffered
                    ask = plan.next_request(room=self._prefetch - held)
                    if ask is None:
                        break
                    self._start(crew, ask)
                held = plan.held + pump.buffered
                tally.set(
                    in_flight=crew.in_flight,
                    held=plan.held,
                    peak_held=max(tally.stats.peak_held, held + crew.in_flight),
                    walks=plan.walks,
                    sweeps=plan.sweeps,
                )
                await crew.wait()

    def _report(self, plan: Plan, token: int, page: Page) -> None:
        plan.on_answer(
            token, page.found, empty_ids=page.empty_ids, count=page.count, position=page.position
        )
        if plan.count is not None:
            self.tally.total = plan.count
        elif self.tally.total is None:  # a whole list, which says no count
            self.tally.total = len(page.messages)

    def _deliver(self, plan: Plan, pump: Pump[Piece]) -> None:
        while (delivery := plan.take()) is not None:
            entry = self._pages.pop(delivery.token, None)
            if entry is None or not delivery.ids:
                continue
            page, latency = entry
            dropped = max(len(page.messages) - len(delivery.ids), 0)
            self.tally.set(duplicates=self.tally.stats.duplicates + dropped)
            messages = self._fetcher.finished(page, delivery.ids)
            undecoded: list[UndecodedMessage] = []
            if page.undecoded:
                undecoded = [each for each in messages if isinstance(each, UndecodedMessage)]
                messages = self._without(undecoded, messages)
            pump.put(Piece(messages, page, latency, undecoded))

    def _without(self, undecoded: list[UndecodedMessage], messages: list[Any]) -> list[Any]:
        """Return the messages without those, None in their place where ids were asked for."""
        for record in undecoded:
            text = "message not decoded id=%d constructor=%08x bytes=%d: Telethon is too old for it"
            self._warn("undecodable", text, record.id, record.constructor, len(record.data))
        self._metrics.add("undecodable", len(undecoded))
        stats = self.tally.stats
        self.tally.set(undecodable=stats.undecodable + len(undecoded))
        if self._query.ids is not None:
            return [None if isinstance(each, UndecodedMessage) else each for each in messages]
        return [each for each in messages if not isinstance(each, UndecodedMessage)]

    def _warn(self, kind: str, text: str, *args: Any) -> None:
        limiter = Account.of(self._client).limiter
        warn_limited(_log, limiter, kind, text, *args, now=asyncio.get_running_loop().time())

    async def _run_pages(self, pump: Pump[Piece]) -> None:
        windows = Windows(self._query, request_size=self._request_size, can_sweep=self._is_channel)
        self.tally.set(path="pages")
        await self._run(windows, pump)
        self._report_missing(windows)

    async def _run_ids(self, pump: Pump[Piece], ids: tuple[int, ...]) -> None:
        self.tally.total = len(ids)
        self.tally.set(path="ids")
        wanted = ids[::-1] if self._query.reverse else ids
        await self._run(IdList(wanted, request_size=self._request_size), pump)

    def _report_missing(self, windows: Windows) -> None:
        if windows.is_given_up or (windows.missing and self._query.limit is None):
            text = "history ended missing=%d total=%s: hidden by Telegram, or deleted meanwhile"
            self._warn("missing", text, windows.missing, windows.count)

    async def _count(self) -> None:
        self.tally.set(path="pages", requests=1)
        self._metrics.add("history_requests")
        page, _ = await self._fetcher.fetch(Ask(limit=1))
        await self._received(page)
        self.tally.total = page.count if page.count is not None else len(page.messages)

    # Stock

    async def _run_stock(self, pump: Pump[Piece]) -> None:
        tally = self.tally
        tally.set(path="stock", reason=self._stock_reason)
        room = _Room(pump, self._prefetch)
        iterator = self._road.iter_messages(self._entity, **self._stock)
        messages: list[Any] = []
        async for message in iterator:
            if message is not None and self._road is not self._client:
                door.rebind(message, self._client)
            messages.append(message)
            if len(messages) == self._request_size:
                tally.total = iterator.total
                pump.put(Piece(messages, None))
                messages = []
                await room.wait()
        tally.total = iterator.total
        if messages:
            pump.put(Piece(messages, None))


class _Room:
    """Wait until the consumer has made room."""

    def __init__(self, pump: Pump[Piece], most: int) -> None:
        self._pump = pump
        self._most = most
        self._crew: Crew[Any, Any] = Crew()
        pump.on_room = self._crew.wake

    async def wait(self) -> None:
        while self._pump.buffered >= self._most:
            await self._crew.wait()
