"""One call: pace it, send it, wait for it with a deadline, and know what to do when it fails.

A call goes around Telethon's own `client(request)` (see `transport/telethon.py` for why), so this
module does what that would have done: resolving, floods, retries. It never opens a transaction on
the user's session.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telethon.errors import RPCError

from telefast import logs
from telefast.errors import ConnectionLostError, DeadlineError, FloodWaitTooLongError
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.pacing import kind_of
from telefast.transport.retry import Flood, Pause
from telefast.transport.unshown import Unshown
from telefast.transport.waits import Reason, WaitEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from telethon import TelegramClient

__all__ = ["CallOptions", "Turns", "call"]

_log = logs.get_logger("calls")

LEAST_TOLD = 1.0
"""Seconds that a pause of pacing or spacing lasts at least to be told of; all are counted, in
`pacing_seconds`."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What one call may cost.

    Attributes:
        timeout: Deadline of each asking, in seconds; None waits for ever.
        max_flood_wait: Longest time that one call spends in flood waits, in seconds.
        spacing: Least time between two starts of this method, in seconds.
        asks: How often the request is sent at most before its silence is an error. Default 3: a
            lost answer is asked again once, and once more across a reconnect. 1 for what must
            not be done twice.
        dc_id: The data centre that the request is about, if it has a budget for each.
        on_wait: Told of each wait as it begins (`told_once` spares it repetitions). What it
            raises ends the call.
        room: What retries and deadlines are counted for besides, such as `history`.
    """

    timeout: float | None = 60.0
    max_flood_wait: float = 3600.0
    spacing: float = 0.0
    asks: int = 3
    dc_id: int | None = None
    on_wait: Callable[[WaitEvent], object] | None = None
    room: str = ""


async def call(client: TelegramClient, request: Any, options: CallOptions) -> Unshown:
    """Send an idempotent request and return its answer's bytes.

    The bytes may run past the answer; `telethon.decode` finds its end.

    Raises:
        RPCError: Telegram's error, untouched.
        FloodWaitTooLongError: If floods would take longer than `max_flood_wait`.
        DeadlineError: If no answer came, though asked several times.
        ConnectionLostError: If the client was disconnected meanwhile.
    """
    account = Account.of(client)
    turns = Turns(client, account, request, options)
    raw = await door.prepare(client, request)
    await account.memory.recall(client, account.pacer)
    retries = 0
    while True:
        number = await turns.wait()
        outcome: Flood | Pause | None = None
        try:
            answer = await _ask(client, account, turns, raw)
        except RPCError as error:
            door.unwrap(error, request)
            outcome = account.retry.decide(error, retries=retries)
            if isinstance(outcome, Flood):
                await turns.on_flood(number, outcome, error)
                continue
            account.gate.on_reply(turns.kind, number)
            if outcome is None:
                raise
            _log.debug(
                "retry method=%s in=%g reason=%s",
                turns.method,
                outcome.seconds,
                type(error).__name__,
            )
        except BaseException:
            account.gate.on_lost(turns.kind, number)
            raise
        else:
            account.gate.on_reply(turns.kind, number)
            return answer
        retries += 1
        turns.count("retries")
        await asyncio.sleep(outcome.seconds)


class Turns:
    """The waits of one call, however often it is sent."""

    def __init__(
        self, client: TelegramClient, account: Account, request: Any, options: CallOptions
    ) -> None:
        self.method = door.method_of(request)
        is_takeout = door.is_in_takeout(client, request)
        self.kind = kind_of(self.method, is_takeout=is_takeout, dc_id=options.dc_id)
        self.options = options
        self._client = client
        self._account = account
        self._request = request
        self._waited = 0.0

    async def wait(self) -> int:
        """Wait until the request may start; returns its number."""
        spacing = self.options.spacing
        return await self._account.gate.enter(self.kind, self._look, spacing=spacing)

    async def on_flood(self, number: int, flood: Flood, error: RPCError) -> None:
        """Hold the kind, and count and tell it once; FloodWaitTooLongError past the budget."""
        account, seconds = self._account, flood.seconds
        now = asyncio.get_running_loop().time()
        more = now + seconds - max(account.pacer.held_until(self.kind), now)
        self._waited += seconds
        account.metrics.add("flood_refusals")
        if account.gate.on_flood(self.kind, number, seconds, now=now):
            account.gate.held_by[self.kind] = ("flood", flood.name)
            account.metrics.add("flood_waits", label=self.method)
            account.metrics.set(
                "pacer_interval_seconds", account.pacer.interval(self.kind), self.kind
            )
            account.metrics.add("flood_errors", label=flood.name)
            text = "flood wait method=%s seconds=%g kind=%s"
            _log.warning(text, self.method, seconds, flood.name)
            await account.memory.keep(account.pacer)
        if more > 0:
            account.metrics.add("flood_wait_seconds", more, self.method)
        if self._waited > self.options.max_flood_wait:
            raise self._too_long(seconds) from error

    def count(self, name: str) -> None:
        """Count what happened to the call, for its room as well."""
        self._account.metrics.add(name)
        if self.options.room:
            self._account.metrics.add(f"{self.options.room}_{name}")

    def on_repeat(self) -> None:
        """Let a request that is sent once more take its share of the budget."""
        pacer = self._account.pacer
        number = pacer.on_sent(self.kind, now=asyncio.get_running_loop().time())
        pacer.on_lost(self.kind, number)

    def _look(self, now: float, start: float) -> bool:
        """Tell what keeps the call waiting; True if that has just changed."""
        pacer, gate = self._account.pacer, self._account.gate
        user_wait = door.user_flood_due(self._client, self._request) - time.time()
        if user_wait > 0 and pacer.hold(self.kind, now + user_wait, now=now):
            gate.held_by[self.kind] = ("own call", "")
            return True
        held = pacer.held_until(self.kind) - now
        if held > self.options.max_flood_wait:
            # It may be another call's wait, or the user's own; this call's budget holds all the
            # same.
            raise self._too_long(held)
        if held > 0:
            reason, error = gate.held_by.get(self.kind, ("remembered", ""))
            self._tell(reason, held, now, error)
        elif now < start < math.inf:
            is_spaced = pacer.next_start(self.kind, now=now) <= now
            metrics = self._account.metrics
            metrics.add("pacing_seconds", start - now)
            metrics.set("pacer_interval_seconds", pacer.interval(self.kind), self.kind)
            if start - now >= LEAST_TOLD:
                self._tell("spacing" if is_spaced else "pacing", start - now, now)
        return False

    def _tell(self, reason: Reason, seconds: float, now: float, error: str = "") -> None:
        event = WaitEvent(
            self.method,
            self.kind,
            reason,
            seconds,
            time.time() + seconds,
            error,
            ends=now + seconds,
            account=door.self_id(self._client),
        )
        for tell in (self._account.on_wait, self.options.on_wait):
            if tell is not None:
                tell(event)

    def _too_long(self, seconds: float) -> FloodWaitTooLongError:
        budget = self.options.max_flood_wait
        return FloodWaitTooLongError(self.method, seconds, budget, time.time() + seconds)


async def _ask(client: TelegramClient, account: Account, turns: Turns, raw: door.Raw) -> Unshown:
    """Send, and send again at each deadline; the first answer wins."""
    method, timeout, most = turns.method, turns.options.timeout, turns.options.asks
    futures: list[asyncio.Future[bytes]] = []
    # A request that is still queued when the client disconnects stays pending for ever.
    gone = door.disconnection(client)
    try:
        for asked in range(most):
            if asked:
                turns.on_repeat()
            try:
                futures.append(door.send(client, raw))
            except ConnectionError as error:
                raise ConnectionLostError(method) from error
            account.metrics.add("requests")
            pending: set[asyncio.Future[Any]] = {*futures, gone}
            await asyncio.wait(pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            done = {future for future in futures if future.done()}
            if done:
                return _result(done, method)
            if gone.done():
                raise ConnectionLostError(method) from gone.exception()
            turns.count("timeouts")
            door.reap(client, now=time.time())
            _log.debug("deadline method=%s timeout=%s asked=%d", method, timeout, len(futures))
        raise DeadlineError(method, timeout or 0.0, most)
    finally:
        for future in futures:
            if not future.cancel() and not future.cancelled():
                future.exception()  # read, or asyncio reports it as never retrieved


def _result(done: set[asyncio.Future[bytes]], method: str) -> Unshown:
    lost = True
    for future in done:
        if not future.cancelled():
            lost = False
            if future.exception() is None:
                return Unshown(future.result())
    if lost:
        # Only a disconnect cancels a future of the sender.
        raise ConnectionLostError(method)
    error = next(future.exception() for future in done if not future.cancelled())
    assert error is not None  # noqa: S101 - for the type checker
    if isinstance(error, OSError | EOFError):  # what broke the line, when reconnecting failed
        raise ConnectionLostError(method) from error
    raise error
