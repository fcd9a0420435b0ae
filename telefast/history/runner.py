"""What a producer's requests have in common: they are sent, counted, and their pages handed on.

A runner holds at most *prefetch* pages, or what its plan allows: in flight, waiting for an earlier
one, or waiting for the consumer; the one request that repairs or ends a walk may come on top.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from telefast.logs import flush, get_logger
from telefast.tasks import Crew
from telefast.transport.account import Account
from telefast.transport.messages import EntityLedger, Page
from telefast.transport.undecoded import UndecodedMessage

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.history.fetcher import Fetcher
    from telefast.history.order import Ask
    from telefast.history.output import Output, Tally
    from telefast.history.plan import Plan

__all__ = ["Runner"]

_log = get_logger("history")


class Runner:
    """Send requests, and carry out plans.

    Args:
        client: The user's client, whose account and session learn.
        out: Where finished messages go, and figures.
        fetcher: Who asks; the producer may set another one.
        is_list: Whether a list is read, which leaves out what it does not keep; else messages by
            their ids, each in its place.
        concurrency: Requests in flight at most, for each account.
        prefetch: Pages held or in flight, at most.
    """

    def __init__(
        self,
        client: TelegramClient,
        out: Output,
        fetcher: Fetcher,
        *,
        is_list: bool,
        concurrency: int,
        prefetch: int,
    ) -> None:
        self.fetcher = fetcher
        self._account = Account.of(client)
        self._out = out
        self._is_list = is_list
        self._concurrency = concurrency
        self._prefetch = prefetch
        self._pages: dict[int, tuple[Page, float]] = {}
        self._ledger = EntityLedger(client)
        self._metrics = self._account.metrics

    @property
    def _tally(self) -> Tally:
        return self._out.tally

    async def end(self) -> None:
        """Write down what was learned."""
        self._tally.set(in_flight=0, held=0)
        self._tally.log()
        flush(self._metrics)
        await self._ledger.flush()
        await self._account.memory.keep(self._account.pacer)

    # Requests

    def _start(self, crew: Crew[int, tuple[Page, float]], ask: Ask) -> None:
        crew.start(ask.token, self.fetcher.fetch, ask)
        self.asked(crew.in_flight)

    def asked(self, in_flight: int = 1) -> None:
        """Count a request."""
        self._metrics.add("history_requests")
        stats = self._tally.stats
        self._tally.set(
            requests=stats.requests + 1,
            in_flight=in_flight,
            peak_in_flight=max(stats.peak_in_flight, in_flight),
        )

    async def fetch(self, request: Any) -> tuple[Page, float]:
        """Ask outside of any plan."""
        self.asked()
        found = await self.fetcher.send(request)
        await self.received(*found)
        return found

    async def received(self, page: Page, seconds: float) -> None:
        """Count an answer, which took so long, and learn the users and chats in it."""
        self._metrics.observe("history_batch_seconds", seconds)
        if self._is_list and page.empty_ids:
            self._metrics.add("history_empty_skipped", len(page.empty_ids))
        stats = self._tally.stats
        self._tally.set(bytes=stats.bytes + len(page.data), requests=stats.requests + page.splits)
        if page.splits:
            self._metrics.add("history_requests", page.splits)
        if page.is_cut:
            self._metrics.add("undecodable_entities")
            self.warn("an answer has users or chats that Telethon cannot decode")
        if self.fetcher.shares:
            self._tally.set(shares=self.fetcher.shares)
        if page.is_foreign:  # of no use to the session of the first account
            return
        self._ledger.add(page)
        if self._ledger.is_due:
            await self._ledger.flush()

    # Plans

    async def run(self, plan: Plan) -> None:
        """Carry out *plan*: send what it asks for, deliver what is complete."""
        out, tally = self._out, self._tally
        loop = asyncio.get_running_loop()
        async with Crew[int, tuple[Page, float]]() as crew:
            out.on_room(crew.wake)
            while True:
                while (outcome := crew.finished()) is not None:
                    token, result, error = outcome
                    if error is not None:
                        plan.on_error(token, error)
                    elif result is not None:
                        self._pages[token] = result
                        await self.received(*result)
                        self._report(plan, token, result[0])
                self._deliver(plan)
                if plan.error is not None:
                    raise plan.error
                if plan.done or out.left == 0:
                    return
                while crew.in_flight < self._concurrency * self.fetcher.width:
                    held = crew.in_flight + plan.held + out.buffered
                    ask = plan.next_request(room=self._prefetch - held)
                    if ask is None:
                        break
                    self._start(crew, ask)
                held = plan.held + out.buffered
                tally.set(
                    in_flight=crew.in_flight,
                    held=plan.held,
                    peak_held=max(tally.stats.peak_held, held + crew.in_flight),
                )
                tally.follow(plan)
                began = loop.time()
                is_blocked = out.buffered > 0 and held + crew.in_flight >= self._prefetch
                await crew.wait()
                if is_blocked:
                    self._metrics.add("prefetch_blocked_seconds", loop.time() - began)

    def _report(self, plan: Plan, token: int, page: Page) -> None:
        plan.on_answer(token, page.found, **page.facts)
        if plan.count is not None:
            self._tally.total = plan.count
        elif self._tally.total is None:  # a whole list, which says no count
            self._tally.total = len(page.messages)

    def _deliver(self, plan: Plan) -> None:
        while (delivery := plan.take()) is not None:
            entry = self._pages.pop(delivery.token, None)
            if entry is None or not delivery.ids:
                continue
            page, latency = entry
            dropped = max(len(page.messages) - len(page.empty_ids) - len(delivery.ids), 0)
            self._tally.set(duplicates=self._tally.stats.duplicates + dropped)
            if dropped:
                self._metrics.add("history_duplicates_dropped", dropped)
            messages = self.fetcher.finished(page, delivery.ids)
            undecoded: list[UndecodedMessage] = []
            if page.undecoded:
                undecoded = [each for each in messages if isinstance(each, UndecodedMessage)]
                messages = self._without(undecoded, messages)
            if self._is_list:  # what the list does not keep
                messages = [m for m in messages if m is not None]
                self._out.last = delivery.ids[-1]
            self._out.put(messages, page, latency, undecoded)

    def _without(self, undecoded: list[UndecodedMessage], messages: list[Any]) -> list[Any]:
        """Return the messages with None in place of those."""
        for record in undecoded:
            text = "message not decoded id=%d constructor=%08x bytes=%d: Telethon is too old for it"
            self.warn(text, record.id, record.constructor, len(record.data))
        self._metrics.add("undecodable", len(undecoded))
        stats = self._tally.stats
        self._tally.set(undecodable=stats.undecodable + len(undecoded))
        return [None if isinstance(each, UndecodedMessage) else each for each in messages]

    def warn(self, text: str, *args: object) -> None:
        """Log a warning."""
        _log.warning(text, *args)
