"""What a pool knows of one data centre: its connections, who waits for one, and the login there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from telethon import errors
from telethon.errors.common import AuthKeyNotFound

from telefast import logs
from telefast.errors import AccountRevokedError, ConnectionLostError, UnreachableError
from telefast.transport import telethon as door
from telefast.transport.placement import BUSY, Placement, choose

if TYPE_CHECKING:
    from telethon.crypto.authkey import AuthKey

    from telefast.transport.line import Line

__all__ = ["Centre", "Kind", "PoolStats", "reason_of"]

_log = logs.get_logger("pool")

Kind: TypeAlias = Literal["home", "foreign", "cdn"]


@dataclass(frozen=True, slots=True)
class PoolStats:
    """What a pool has and has done at one data centre.

    Attributes:
        dc_id: The data centre.
        kind: `home` of the account, `foreign`, or a `cdn`.
        connections: Connections that stand.
        opening: Connections under way.
        allowed: Connections that there may be: what is wanted, and what the server allows.
        in_flight: Requests that have no answer yet.
        waiting: Callers that wait for a connection.
        requests: Requests sent so far.
        begun: Connections begun so far.
        failed: Those that ended before they answered anything.
        lost: Those that worked, and were lost.
        closed: Those that were closed since nobody used them.
        exports: How often the authorization was exported for this data centre.
        heals: How often a login that it had forgotten was carried there anew.
    """

    dc_id: int
    kind: Kind
    connections: int
    opening: int
    allowed: int
    in_flight: int
    waiting: int
    requests: int
    begun: int
    failed: int
    lost: int
    closed: int
    exports: int
    heals: int

    def __str__(self) -> str:
        """Show what there is in a few words."""
        text = f"dc {self.dc_id} ({self.kind}): {self.connections}/{self.allowed} open"
        now = {"opening": self.opening, "in flight": self.in_flight, "waiting": self.waiting}
        return ", ".join([text, *(f"{count} {name}" for name, count in now.items() if count)])


class Centre:
    """The connections to one data centre.

    Args:
        dc_id: The data centre.
        kind: What it is to the account.
        addresses: Where it listens, host and port, tried in turn.
        keys: The keys of data centres, to be kept.
        close: Called with a connection whose socket is to be closed.
        stop: Called when the account's login has ended.
    """

    def __init__(
        self,
        dc_id: int,
        kind: Kind,
        addresses: list[tuple[str, int]],
        keys: MutableMapping[int, bytes],
        close: Callable[[Line], None],
        stop: Callable[[AccountRevokedError], None],
    ) -> None:
        self.dc_id = dc_id
        self.kind = kind
        self.addresses = addresses
        self.keys = keys
        self.placement = Placement()
        self.lines: list[Line] = []
        self.opening = 0
        self.key: AuthKey | None = None
        self.is_logged_in = kind != "foreign"
        self.is_key_given = False
        """Whether the key is from an earlier run, and may long be forgotten."""
        self.exported: Any = None
        """An authorization on its way here."""
        self.refused: AccountRevokedError | None = None
        self.begun = self.failed = self.lost = self.closed = self.exports = self.heals = 0
        self.requests = 0
        self._last_error = "no attempt yet"
        self._close = close
        self._stop = stop
        self._waiting: list[asyncio.Future[None]] = []
        self._waiters = 0
        self._floors: list[int] = []

    # What there is

    def alive(self) -> list[Line]:
        """Return the connections that stand.

        Those found dead are taken out by their end, which knows what they died of.
        """
        return [line for line in self.lines if line.is_alive]

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for, holds or uses a connection."""
        return self._waiters > 0 or any(line.state.load for line in self.alive())

    def pick(self) -> Line | None:
        """Return the connection that takes the next request, None if there is none."""
        lines = {line.number: line for line in self.alive()[: self.placement.wanted]}
        number = choose(line.state for line in lines.values())
        return None if number is None else lines[number]

    def due(self, now: float) -> int:
        """Return how many connections to begin now."""
        lines = self.alive()
        load = sum(line.state.load for line in lines) + self._waiters
        # So many are to be there as there would be at this load.
        load = max([load, *(BUSY * floor for floor in self._floors)])
        is_shy = self.kind != "home" and (self.key is None or not self.is_logged_in)
        return self.placement.to_open(
            lines=len(lines), opening=self.opening, load=load, shy=is_shy, now=now
        )

    def look_after(self, now: float, date: float) -> None:
        """Ping, close or give up each connection, as it needs; *date* is since the epoch."""
        for line in self.alive():
            care = line.state.care(now)
            if care == "drop":
                line.end(TimeoutError("no pong"))
            elif care == "close":
                self.closed += 1
                line.end()
            elif care == "ping":
                line.ping()
            line.reap(now=date)
        self.trim()

    def trim(self) -> None:
        """Close connections above the number wanted, once they have nothing to do."""
        for line in self.alive()[self.placement.wanted :]:
            if not line.state.load:
                line.end()

    def stats(self, now: float) -> PoolStats:
        """Return what there is and what was."""
        lines = self.alive()
        return PoolStats(
            dc_id=self.dc_id,
            kind=self.kind,
            connections=len(lines),
            opening=self.opening,
            allowed=self.placement.allowed(now),
            in_flight=sum(line.in_flight for line in lines),
            waiting=self._waiters,
            requests=self.requests,
            begun=self.begun,
            failed=self.failed,
            lost=self.lost,
            closed=self.closed,
            exports=self.exports,
            heals=self.heals,
        )

    # Waiting

    @contextmanager
    def caller(self, connections: int = 0) -> Iterator[None]:
        """Count a caller that wants a connection, or so many of them whatever the load."""
        self._waiters += 1
        self._floors.append(connections)
        try:
            yield
        finally:
            self._waiters -= 1
            self._floors.remove(connections)

    async def change(self) -> None:
        """Wait until something has changed, or the next connection may be begun.

        Raises:
            UnreachableError: If too many attempts have failed.
            Exception: What made a login here fail.
        """
        now = asyncio.get_running_loop().time()
        if self.placement.gives_up(now):
            raise UnreachableError(self.dc_id, self._last_error)
        delay = self.placement.next_attempt(now) - now
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await asyncio.wait({future}, timeout=delay if delay > 0 else None)
        finally:
            self._waiting.remove(future)
            if not future.done():
                future.cancel()
        if not future.cancelled():
            future.result()

    def tell(self, error: BaseException | None = None) -> None:
        """Wake those who wait; with an error, let them fail."""
        for future in self._waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
                future.exception()

    # What becomes of an attempt

    def on_attempt(self, now: float) -> tuple[str, int]:
        """Note that a connection is begun; return where to."""
        self.placement.on_attempt(now=now)
        self.opening += 1
        self.begun += 1
        return self.addresses[(self.begun - 1) % len(self.addresses)]

    def on_failed(self, begun: float, reason: BaseException, *, is_alone: bool = False) -> None:
        """Note that it came to nothing; *is_alone* if that says nothing about how many."""
        self.failed += 1
        self._last_error = _words(reason)
        now = asyncio.get_running_loop().time()
        alive = 0 if is_alone else len(self.alive())
        self.placement.on_failed(begun=begun, alive=alive, now=now)
        text = "connection failed dc=%d alive=%d failed=%d reason=%s"
        _log.debug(text, self.dc_id, alive, self.failed, type(reason).__name__)

    def lose_login(self, *, is_key_lost: bool, reason: str) -> AccountRevokedError | None:
        """Prepare for a new login here, or return why there is none.

        All connections end, since they share the key.
        """
        now = asyncio.get_running_loop().time()
        if self.kind == "foreign" and not self.is_key_given:
            if not self.placement.may_heal(now):
                self.refuse(AccountRevokedError(self.dc_id, reason))
                return self.refused
            self.placement.on_heal(now=now)
        self.heals += 1
        self.is_key_given = False
        self.is_logged_in = self.kind != "foreign"
        if is_key_lost:
            self.key = None
        self.keys.pop(self.dc_id, None)
        _log.debug("login lost dc=%d reason=%s", self.dc_id, reason)
        for line in tuple(self.lines):
            line.end(ConnectionError(reason))
        return None

    def refuse(self, error: AccountRevokedError) -> None:
        """End everything here with an error."""
        self.refused = error
        for line in tuple(self.lines):
            line.end(error, error)
        self.tell(error)

    # As the watcher of its connections

    def on_sent(self) -> None:
        """Count a request."""
        self.requests += 1

    def on_first_answer(self, line: Line) -> None:
        """Tell the placement that a connection has come through."""
        now = asyncio.get_running_loop().time()
        alive = sum(each.is_alive for each in {*self.lines, line})
        self.placement.on_proven(alive=alive, now=now)
        self.tell()

    def on_refusal(self, line: Line, error: errors.RPCError) -> Exception:
        """Heal a login here, or end everything."""
        reason = reason_of(error)
        if self.kind == "home" or isinstance(error, errors.AuthKeyDuplicatedError):
            revoked = AccountRevokedError(self.dc_id, reason)
            revoked.__cause__ = error
            self._stop(revoked)
            return revoked
        is_key_lost = not isinstance(error, errors.AuthKeyUnregisteredError)
        refused = self.lose_login(is_key_lost=is_key_lost, reason=reason)
        line.end(ConnectionError(reason))  # it may not be among the others yet
        return refused or ConnectionLostError(door.method_of(error.request), reason)

    def on_end(self, line: Line, reason: BaseException | None) -> None:
        """Take a connection out, and see what its end says."""
        was_there = line in self.lines
        if was_there:
            self.lines.remove(line)
        if reason is not None and not isinstance(reason, AccountRevokedError):
            self._judge(line, reason, was_there=was_there)
        self._close(line)
        self.tell()

    def _judge(self, line: Line, reason: BaseException, *, was_there: bool) -> None:
        """See what the end of a connection says."""
        now = asyncio.get_running_loop().time()
        code = getattr(reason, "code", None)
        # Telethon passes a -404 on as the one or the other.
        if isinstance(reason, AuthKeyNotFound) or code == 404:
            if self.kind == "home":
                self._stop(AccountRevokedError(self.dc_id, "AUTH_KEY_NOT_FOUND"))
            elif was_there or not line.is_proven:
                self.lose_login(is_key_lost=True, reason="AUTH_KEY_NOT_FOUND")
                if self.kind == "cdn":  # whose keys are healed without end
                    self.on_failed(now, reason)
        elif code == 429:  # too many connections, or too fast
            self.on_failed(now, reason)
        elif line.is_proven:
            self.lost += 1
        elif was_there:
            self.on_failed(line.begun, reason)


def reason_of(error: errors.RPCError) -> str:
    """Return Telegram's name of an error; Telethon keeps it only of those it does not know.

    Example:
        >>> reason_of(errors.SessionRevokedError(None))
        'SESSION_REVOKED'
    """
    if type(error) in {errors.UnauthorizedError, errors.AuthKeyError}:
        return str(error.message)
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()


def _words(error: BaseException) -> str:
    """Say what an attempt came to, without an address."""
    if isinstance(error, errors.RPCError):
        return reason_of(error)
    error = error.__cause__ or error
    if isinstance(error, TimeoutError):
        return "no answer in time"
    code = 404 if isinstance(error, AuthKeyNotFound) else getattr(error, "code", None)
    return "the connection failed" if code is None else f"transport error -{code}"
