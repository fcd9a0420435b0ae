"""Connections of our own, to each data centre as many as it is worth.

Telethon has one connection for everything, and lends one more to each foreign data centre. Files
live where they were uploaded, and a connection carries only so much, so a downloader wants
several of them, at the right place. This is where they come from:

* At the account's home they use its own authorization key, which needs no login.
* Elsewhere the first one exchanges a key and carries the login over, once for each data centre:
  `auth.exportAuthorization` at home, `auth.importAuthorization` there
  (https://core.telegram.org/api/datacenter). The others share its key.
* All are made as the user's client is made (kind, proxy, local address, device), for Telegram ends
  a login whose key comes from two addresses at once (406 AUTH_KEY_DUPLICATED).

Nothing here opens the user's session file, and the client is referred to weakly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from telethon.errors import AuthKeyDuplicatedError, UnauthorizedError

from telefast import logs
from telefast.errors import (
    AccountRevokedError,
    ArgumentError,
    ClosedError,
    ConnectionLostError,
    DeadlineError,
)
from telefast.tasks import Chores, SingleFlight
from telefast.transport import telethon as door
from telefast.transport.centre import Centre, PoolStats, reason_of
from telefast.transport.line import Line, take
from telefast.transport.opening import Guide, open_line
from telefast.transport.placement import MAX_LINES
from telefast.transport.warming import warm_all, warm_centre

if TYPE_CHECKING:
    import weakref

    from telethon import TelegramClient

    from telefast.metrics import Metrics

__all__ = ["Line", "Pool", "PoolStats"]

_log = logs.get_logger("pool")
_TRIES = 3
"""How often a request is sent at most, if connections are lost under it: our choice."""
_TICK = 5.0
"""Seconds between two looks at all connections: our choice, small against what they look for."""


class Pool:
    """The connections of one account, by data centre.

    `Pool.of(client)` is the one that all pieces on a client share. For requests that may be asked
    twice: those about files, and others that only read.

    Connections are opened when they are needed, pinged when they rest, closed when nobody has used
    them for a minute, and all of them when the client disconnects or the pool is closed.

    Args:
        client: A weak reference to the client.
        metrics: Where to count.

    Attributes:
        keys: The authorization keys of other data centres, by number, which are secret. A
            dictionary at first; put in its place another mapping before the first use, and keys
            come from it and go into it, so that later runs need no login there.
        max_flood_wait: Longest time that a login elsewhere spends in flood waits, in seconds.
            Default 3600. Other data centres do not wait for it.
    """

    def __init__(self, client: weakref.ref[TelegramClient], metrics: Metrics) -> None:
        self.keys: MutableMapping[int, bytes] = {}
        self.max_flood_wait = 3600.0
        self._client = client
        self._metrics = metrics
        self._centres: dict[int, Centre] = {}
        self._wanted: dict[int, int] = {}
        self._guide = Guide()
        self._flights: SingleFlight[int, Centre] = SingleFlight()
        self._work = Chores()
        self._closings = Chores()
        self._revoked: AccountRevokedError | None = None
        self._gone: asyncio.Future[None] | None = None
        self._is_kept = False
        self._is_closed = False
        self._numbers = 0

    @classmethod
    def of(cls, client: TelegramClient) -> Pool:
        """Return the pool that all pieces on *client* share; a new one if that was closed."""
        from telefast.transport.account import Account  # it makes pools

        return Account.of(client).pool

    def __repr__(self) -> str:
        """Show the connections by data centre; no key and no address."""
        state = "closed" if self._is_closed else "revoked" if self._revoked else ""
        parts = [state] * bool(state) + [str(each) for each in self.stats().values()]
        return f"<Pool {'; '.join(parts) or 'empty'}>"

    # What is there

    @property
    def is_closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._is_closed

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for, holds or uses a connection."""
        return bool(self._flights) or any(each.is_busy for each in self._centres.values())

    def lines(self, dc_id: int) -> tuple[Line, ...]:
        """Return the connections to a data centre that stand, the oldest first."""
        centre = self._centres.get(dc_id)
        return () if centre is None else tuple(centre.alive())

    def stats(self) -> dict[int, PoolStats]:
        """Return what there is and what was, by number of the data centre."""
        if not self._centres:
            return {}
        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:  # outside of a loop, as in a debugger: the clock of ordinary loops
            now = time.monotonic()
        return {dc_id: centre.stats(now) for dc_id, centre in sorted(self._centres.items())}

    def want(self, dc_id: int, connections: int) -> None:
        """Say how many connections to a data centre there may be; opened as the load asks.

        Those above it are closed once they have nothing to do. Default 4.

        Raises:
            ArgumentError: If *connections* is not from 1 to 8.
        """
        _check_count(connections)
        self._wanted[dc_id] = connections
        centre = self._centres.get(dc_id)
        if centre is not None and centre.placement.wanted != connections:
            centre.placement.wanted = connections
            centre.trim()

    # Requests

    async def send(
        self,
        dc_id: int,
        request: Any,
        *,
        connection: Line | None = None,
        timeout: float | None = 60.0,
    ) -> Any:
        """Send a request to a data centre and return its answer.

        If its connection is lost, it is sent again on another one, up to three times in all.

        Args:
            dc_id: The data centre; for a file, its `dc_id`.
            request: What to send. It must be harmless to send it twice.
            connection: Which of `lines(dc_id)` to use, if it still stands. Default: the one with
                the least to do.
            timeout: Deadline of each asking, in seconds; None waits for ever.

        Raises:
            RPCError: Telegram's error, untouched: flood waits and migrations among them.
            DeadlineError: If no answer came in time. The connection then comes last for others.
            ConnectionLostError: If connections were lost under it, or the client is disconnected.
            UnreachableError: If no connection comes about.
            AccountRevokedError: If Telegram has ended the login.
            FloodWaitTooLongError: If a login elsewhere would have to wait too long.
            ClosedError: If the pool was closed.
        """
        method = door.method_of(request)
        await door.resolve(self._check(), request)
        lost = 0
        while True:
            line = connection
            if line is None or not line.is_alive:
                line = await self._acquire(dc_id)
            try:
                return await take(line.send(request), method, timeout)
            except DeadlineError:
                line.is_late = True
                line.ping()
                raise
            except ConnectionLostError:
                # A refused connection is the pool's affair, which its placement bounds.
                lost += line.is_proven
                if lost >= _TRIES:
                    raise
                connection = None

    @asynccontextmanager
    async def lease(self, dc_id: int) -> AsyncIterator[Line]:
        """Lend a connection: the one with the least to do, which then counts as busier.

        For callers that handle `ConnectionLostError` themselves. It is not theirs alone. Given
        back on leaving, also by cancellation. Raises as `send` does.
        """
        self._check()
        line = await self._acquire(dc_id)
        line.leases += 1
        self._metrics.add("dc_leases")
        try:
            yield line
        finally:
            line.leases -= 1

    async def prewarm(
        self, dc_ids: Iterable[int], *, timeout: float = 5.0, connections: int = 1
    ) -> dict[int, bool]:
        """Connect to data centres, log in there, and hear an answer from each connection.

        What is not there in time goes on in the background.

        Args:
            dc_ids: The data centres.
            timeout: How long to wait for all of them, in seconds.
            connections: How many to each, as far as the server allows; `want` is raised to it.

        Returns:
            For each, whether there is a connection that has answered.

        Raises:
            ArgumentError: If *connections* is not from 1 to 8.
            RemoteError: As by `send`, if nothing can be sent at all.
        """
        _check_count(connections)
        self._check()
        wanted = list(dict.fromkeys(dc_ids))
        await warm_all(wanted, lambda dc_id: self._warm(dc_id, connections), timeout)
        warm = {dc: any(line.is_proven for line in self.lines(dc)) for dc in wanted}
        for is_warm in warm.values():
            self._metrics.add("dc_prewarm_ok" if is_warm else "dc_prewarm_failed")
        return warm

    async def rest(self) -> None:
        """Close all connections, unless somebody uses one; they are made anew when wanted."""
        if self.is_busy:
            return
        self._end_all()
        await self._work.aclose()
        await self._closings.wait()

    async def aclose(self) -> None:
        """Close all connections; what is in flight fails with `ConnectionLostError`.

        Safe to call several times, and from another task.
        """
        self._is_closed = True
        await self._work.aclose()
        self._end_all()
        for centre in self._centres.values():
            centre.tell()
        await self._closings.wait()

    # Inside

    def _check(self, centre: Centre | None = None) -> TelegramClient:
        """Return the client, or say why nothing can be sent."""
        if self._is_closed:
            raise ClosedError("the pool was closed; Pool.of(client) makes a new one")
        revoked = self._revoked
        if centre is not None and centre.refused is not None and revoked is None:
            if centre.placement.may_heal(asyncio.get_running_loop().time()):
                centre.refused = None
            revoked = centre.refused
        if revoked is not None:
            raise AccountRevokedError(revoked.dc_id, revoked.reason) from revoked.__cause__
        client = self._client()
        if client is None:
            raise ClosedError("the client of this pool is gone")
        door.check_loop(client)
        door.check_connected(client)
        return client

    async def _reach(self, dc_id: int) -> Centre:
        """Return what is known of a data centre, after asking where it is."""
        centre = self._centres.get(dc_id)
        return centre or await self._flights.run(dc_id, self._look_up, dc_id)

    async def _look_up(self, dc_id: int) -> Centre:
        kind, addresses = await self._guide.look_up(self._check(), dc_id)
        centre = Centre(dc_id, kind, addresses, self.keys, self._close, self._stop)
        centre.placement.wanted = self._wanted.get(dc_id, centre.placement.wanted)
        self._centres[dc_id] = centre
        return centre

    async def _acquire(self, dc_id: int) -> Line:
        """Return a connection, as soon as there is one."""
        centre = await self._reach(dc_id)
        with centre.caller():
            while True:
                client = self._check(centre)
                line = centre.pick()
                self._grow(centre, client)
                if line is not None:
                    return line
                del client
                await centre.change()

    async def _warm(self, dc_id: int, connections: int) -> None:
        """Return once there are so many connections, or all that come about, and have answered."""
        centre = await self._reach(dc_id)
        centre.placement.wanted = max(centre.placement.wanted, connections)
        await warm_centre(centre, connections, lambda: self._grow(centre, self._check(centre)))

    def _grow(self, centre: Centre, client: TelegramClient) -> None:
        """Begin the connections that are due."""
        gone = door.disconnection(client)
        if gone is not self._gone:
            self._gone = gone
            gone.add_done_callback(lambda _: self._end_all())
        now = asyncio.get_running_loop().time()
        for _ in range(centre.due(now)):
            self._numbers += 1
            address = centre.on_attempt(now)
            self._work.start(self._open, centre, address, self._numbers, now)
        if not self._is_kept:
            self._is_kept = True
            self._work.start(self._keep)

    async def _open(
        self, centre: Centre, address: tuple[str, int], number: int, begun: float
    ) -> None:
        """Make one connection; what becomes of it is the centre's to know."""
        try:
            client: Any = self._check(centre)
            wait = self.max_flood_wait
            line = await open_line(
                client, centre, address, number=number, begun=begun, max_flood_wait=wait
            )
            centre.lines.append(line)
            self._tell_size()
            if self._revoked or centre.refused or not client.is_connected():
                line.end()  # too late
        except OSError as error:
            centre.on_failed(begun, error)
        except (UnauthorizedError, AuthKeyDuplicatedError) as error:  # at home, by the export
            revoked = AccountRevokedError(client.session.dc_id, reason_of(error))
            revoked.__cause__ = error
            self._stop(revoked)
        except Exception as error:  # noqa: BLE001 - they wait for this
            centre.on_failed(asyncio.get_running_loop().time(), error, is_alone=True)
            centre.tell(error)
        finally:
            centre.opening -= 1
            centre.tell()

    async def _keep(self) -> None:
        """Look after all connections, as long as there are any."""
        loop = asyncio.get_running_loop()
        try:
            while any(centre.lines or centre.opening for centre in self._centres.values()):
                if self._gone is None or self._gone.done():
                    await asyncio.sleep(_TICK)
                else:
                    await asyncio.wait({self._gone}, timeout=_TICK)
                client = self._client()
                if client is None or not client.is_connected():
                    self._end_all()
                del client
                for centre in self._centres.values():
                    centre.look_after(loop.time(), time.time())
        finally:
            self._is_kept = False

    def _stop(self, error: AccountRevokedError) -> None:
        """End everything: the account's login is gone."""
        self._revoked = self._revoked or error
        _log.warning("login ended dc=%d reason=%s", error.dc_id, error.reason)
        for centre in self._centres.values():
            centre.refuse(error)

    def _tell_size(self) -> None:
        for dc_id, centre in self._centres.items():
            self._metrics.set("dc_pool_size", len(centre.lines), str(dc_id))

    def _close(self, line: Line) -> None:
        self._tell_size()
        self._closings.start(line.aclose)

    def _end_all(self) -> None:
        """End all connections; those that are wanted again are made anew."""
        for centre in self._centres.values():
            for line in tuple(centre.lines):
                line.end()
            centre.tell()


def _check_count(connections: int) -> None:
    if not 1 <= connections <= MAX_LINES:
        raise ArgumentError("connections", connections, f"a number from 1 to {MAX_LINES}")
