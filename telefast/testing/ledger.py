"""The ledger: what the embedded Telegram received, sent and still owes.

Tests assert on these numbers instead of on time: a client is fast when it asks few requests and
keeps enough of them in flight.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from telefast.testing.client_faults import ClientFault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from telethon.tl.tlobject import TLRequest

__all__ = ["Attempt", "Ledger"]

LOG_SIZE = 10_000
"""Requests that `Ledger.log` remembers; older ones are forgotten, but stay counted."""

ATTEMPTS_SIZE = 1_000
"""Connections that `Ledger.attempts` remembers."""

FAULTS_SIZE = 1_000
"""What `Ledger.client_faults` remembers."""

_COUNTERS = ("counts", "answered", "errors", "service", "in_flight_by", "peak_in_flight_by")
_NUMBERS = (
    "total",
    "in_flight",
    "peak_in_flight",
    "bytes_received",
    "bytes_sent",
    "packets_received",
    "packets_sent",
    "connections",
    "open_connections",
    "handshakes",
)


class Attempt(NamedTuple):
    """A client that connected, or wanted to.

    Attributes:
        time: The server's time in seconds since the epoch.
        dc_id: The data centre that it came to.
        accepted: Whether it was let in; a rule may refuse it.
    """

    time: float
    dc_id: int
    accepted: bool


class Ledger:
    """Counts of everything that went over the wire since the server started.

    A request is counted by Telegram's name of the innermost method, when it arrives: the wrappers
    `invokeWithLayer`, `initConnection` and their like are taken off and not counted. It is *in
    flight* from its arrival until its answer is handed to the socket (or its connection is lost).
    Memory is bounded: one number per method, the newest 10,000 requests, and the newest 1,000
    connections and faults of clients.

    Attributes:
        total: API requests received. Service messages (pings, acks) are not among them.
        counts: Method -> requests received.
        answered: Method -> answers sent, `rpc_error` included.
        errors: Message of an `rpc_error`, such as `FLOOD_WAIT_3` -> how often it was sent.
        service: Name of a service message, such as `ping` or `msgs_ack` -> how many were received.
        in_flight: API requests received and not yet answered.
        peak_in_flight: The most that `in_flight` ever was.
        in_flight_by: Method -> requests received and not yet answered.
        peak_in_flight_by: Method -> the most that were in flight at once.
        bytes_received: TCP bytes from all clients, framing included.
        bytes_sent: TCP bytes to all clients, framing included.
        packets_received: Transport packets from all clients.
        packets_sent: Transport packets to all clients; one may carry many answers.
        connections: TCP connections, those that a rule refused included.
        open_connections: TCP connections that are open now.
        handshakes: Key exchanges finished.
        attempts: The newest connections, oldest first, each with its time.
        client_faults: What clients did wrong lately, oldest first; see
            `LocalTelegram.client_faults`.
        log: The newest requests as `(method, request)`, oldest first. Empty when the server runs
            in its own process.

    Example:
        >>> ledger = Ledger()
        >>> ledger.on_request("messages.getHistory")
        1
        >>> ledger["messages.getHistory"], ledger["users.getUsers"], ledger.in_flight
        (1, 0, 1)
    """

    def __init__(self) -> None:
        self.total = 0
        self.counts: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.service: Counter[str] = Counter()
        self.in_flight = 0
        self.peak_in_flight = 0
        self.in_flight_by: Counter[str] = Counter()
        self.peak_in_flight_by: Counter[str] = Counter()
        self.bytes_received = 0
        self.bytes_sent = 0
        self.packets_received = 0
        self.packets_sent = 0
        self.connections = 0
        self.open_connections = 0
        self.handshakes = 0
        self.attempts: deque[Attempt] = deque(maxlen=ATTEMPTS_SIZE)
        self.client_faults: deque[ClientFault] = deque(maxlen=FAULTS_SIZE)
        self.log: deque[tuple[str, TLRequest]] = deque(maxlen=LOG_SIZE)
        self._waiters: list[tuple[Callable[[Ledger], bool], asyncio.Future[None]]] = []

    def __repr__(self) -> str:
        """Show the totals."""
        return (
            f"<Ledger total={self.total} in_flight={self.in_flight} "
            f"connections={self.connections} bytes_sent={self.bytes_sent}>"
        )

    def __getitem__(self, method: str) -> int:
        """Return how many requests of *method* (or service messages of that name) arrived."""
        return self.counts[method] if method in self.counts else self.service[method]

    def requests(self, method: str) -> list[TLRequest]:
        """Return the remembered requests of *method*, oldest first; see `log`."""
        return [request for name, request in self.log if name == method]

    async def until(self, condition: Callable[[Ledger], bool]) -> None:
        """Wait until *condition* holds.

        It is looked at after each request, each answer, each fault of a client, and whenever a
        connection begins or ends.

        Args:
            condition: Gets this ledger, returns whether to stop waiting. An exception that it
                raises ends the wait with that exception.
        """
        if condition(self):
            return
        waiter = (condition, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            await waiter[1]
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def snapshot(self) -> dict[str, Any]:
        """Return all counts as plain numbers and dicts, ready for JSON; `log` is left out."""
        numbers: dict[str, Any] = {name: getattr(self, name) for name in _NUMBERS}
        counters = {name: dict(getattr(self, name)) for name in _COUNTERS}
        attempts = [list(attempt) for attempt in self.attempts]
        faults = [list(fault) for fault in self.client_faults]
        return numbers | counters | {"attempts": attempts, "client_faults": faults}

    def since(self, earlier: Mapping[str, Any]) -> dict[str, int]:
        """Return the requests per method that arrived after *earlier*.

        Args:
            earlier: What `snapshot` returned then.

        Returns:
            Method -> count, without the methods that were not asked since.
        """
        return dict(self.counts - Counter(earlier["counts"]))

    def load(self, snapshot: Mapping[str, Any]) -> None:
        """Replace all counts by those of *snapshot*, which another process took."""
        for name in _NUMBERS:
            setattr(self, name, snapshot[name])
        for name in _COUNTERS:
            setattr(self, name, Counter(snapshot[name]))
        self.attempts.clear()
        self.attempts.extend(Attempt(*attempt) for attempt in snapshot["attempts"])
        self.client_faults.clear()
        self.client_faults.extend(ClientFault(*fault) for fault in snapshot["client_faults"])
        self._tell()

    # What the server reports.

    def on_connection(self, time: float, dc_id: int, *, accepted: bool) -> None:
        """Write down a client that connected, let in or not."""
        self.attempts.append(Attempt(time, dc_id, accepted))
        if self._waiters:
            self._tell()

    def on_disconnection(self) -> None:
        """Count a connection that has ended."""
        self.open_connections -= 1
        if self._waiters:
            self._tell()

    def on_request(self, method: str, request: TLRequest | None = None) -> int:
        """Count an API request that arrived; return how many of its method did so far."""
        self.total += 1
        self.counts[method] += 1
        self.in_flight += 1
        self.in_flight_by[method] += 1
        if self.in_flight > self.peak_in_flight:
            self.peak_in_flight = self.in_flight
        if self.in_flight_by[method] > self.peak_in_flight_by[method]:
            self.peak_in_flight_by[method] = self.in_flight_by[method]
        if request is not None:
            self.log.append((method, request))
        if self._waiters:
            self._tell()
        return self.counts[method]

    def on_answer(self, method: str, error: str | None = None) -> None:
        """Count an answer handed to the socket; *error* is its message if it is an `rpc_error`."""
        self.answered[method] += 1
        if error is not None:
            self.errors[error] += 1
        self.on_lost(method)

    def on_client_fault(self, fault: ClientFault) -> None:
        """Write down what a client did wrong."""
        self.client_faults.append(fault)
        if self._waiters:
            self._tell()

    def on_lost(self, method: str) -> None:
        """Count a request that is no longer in flight, with or without an answer."""
        self.in_flight -= 1
        self.in_flight_by[method] -= 1
        if self._waiters:
            self._tell()

    def _tell(self) -> None:
        """Wake those whose condition holds now."""
        for waiter in list(self._waiters):
            condition, future = waiter
            if future.done():
                continue
            try:
                if not condition(self):
                    continue
            except Exception as error:  # noqa: BLE001 - it belongs to the one who waits
                future.set_exception(error)
            else:
                future.set_result(None)
            self._waiters.remove(waiter)
