"""One call: pace it, send it, wait for it with a deadline, and know what to do when it fails.

A call goes around Telethon's own `client(request)` (see `transport/telethon.py` for why), so this
module does what that would have done: resolving, floods, retries. It never opens a transaction on
the user's session.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telethon.errors import RPCError

from telefast import logs
from telefast.errors import ConnectionLostError, DeadlineError, FloodWaitTooLongError
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.retry import Flood

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["CallOptions", "call"]

_log = logs.get_logger("calls")


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
    """

    timeout: float | None = 60.0
    max_flood_wait: float = 3600.0
    spacing: float = 0.0
    asks: int = 3


async def call(client: TelegramClient, request: Any, options: CallOptions) -> bytes:
    """Send an idempotent request and return its answer's bytes.

    The bytes may run past the answer; `telethon.decode` finds its end.

    Raises:
        RPCError: Telegram's error, untouched.
        FloodWaitTooLongError: If floods would take longer than `max_flood_wait`.
        DeadlineError: If no answer came, though asked several times.
        ConnectionLostError: If the client was disconnected meanwhile.
    """
    account = Account.of(client)
    method = door.kind_of(client, request)
    raw = await door.prepare(client, request)
    waited = 0.0
    retries = 0
    while True:
        await _wait_for_turn(client, account, method, request, options)
        try:
            return await _ask(client, account, method, raw, options)
        except RPCError as error:
            door.unwrap(error, request)
            step = account.retry.decide(error, retries=retries)
            if step is None:
                raise
            if isinstance(step, Flood):
                waited += step.seconds
                _on_flood(account, method, step)
                if waited > options.max_flood_wait:
                    raise _too_long(method, step.seconds, options) from error
            else:
                retries += 1
                account.metrics.add("retries")
                _log.debug(
                    "retry method=%s in=%g reason=%s", method, step.seconds, type(error).__name__
                )
                await asyncio.sleep(step.seconds)


async def _wait_for_turn(
    client: TelegramClient, account: Account, method: str, request: Any, options: CallOptions
) -> None:
    pacer = account.pacer
    loop = asyncio.get_running_loop()  # its time, since the sleeps below go by it
    now = loop.time()
    user_wait = door.user_flood_due(client, request) - time.time()
    if user_wait > 0:
        pacer.on_flood(method, user_wait, now=now)
    start = pacer.next_start(method, now=now, spacing=options.spacing)
    while start > (now := loop.time()):
        # The wait may be another call's, or the user's own; this call's budget holds all the same.
        held = pacer.held_until(method) - now
        if held > options.max_flood_wait:
            raise _too_long(method, held, options)
        await asyncio.sleep(start - now)
        start = max(start, pacer.held_until(method))


def _on_flood(account: Account, method: str, flood: Flood) -> None:
    now = asyncio.get_running_loop().time()
    account.pacer.on_flood(method, flood.seconds, now=now)
    account.metrics.add("flood_waits")
    account.metrics.add("flood_wait_seconds", flood.seconds)
    text = "flood wait method=%s seconds=%g kind=%s"
    args = (method, flood.seconds, flood.name)
    logs.warn_limited(_log, account.limiter, method, text, *args, now=now)


def _too_long(method: str, seconds: float, options: CallOptions) -> FloodWaitTooLongError:
    budget = options.max_flood_wait
    return FloodWaitTooLongError(method, seconds, budget, time.time() + seconds)


async def _ask(
    client: TelegramClient, account: Account, method: str, raw: door.Raw, options: CallOptions
) -> bytes:
    """Send, and send again at each deadline; the first answer wins."""
    timeout = options.timeout
    futures: list[asyncio.Future[bytes]] = []
    # A request that is still queued when the client disconnects stays pending for ever.
    gone = door.disconnection(client)
    try:
        for _ in range(options.asks):
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
            account.metrics.add("timeouts")
            door.reap(client, now=time.time())
            _log.debug("deadline method=%s timeout=%s asked=%d", method, timeout, len(futures))
        raise DeadlineError(method, timeout or 0.0, options.asks)
    finally:
        for future in futures:
            if not future.cancel() and not future.cancelled():
                future.exception()  # read, or asyncio reports it as never retrieved


def _result(done: set[asyncio.Future[bytes]], method: str) -> bytes:
    lost = True
    for future in done:
        if not future.cancelled():
            lost = False
            if future.exception() is None:
                return future.result()
    if lost:
        # Only a disconnect cancels a future of the sender.
        raise ConnectionLostError(method)
    error = next(future.exception() for future in done if not future.cancelled())
    assert error is not None  # noqa: S101 - for the type checker
    if isinstance(error, OSError | EOFError):  # what broke the line, when reconnecting failed
        raise ConnectionLostError(method) from error
    raise error
