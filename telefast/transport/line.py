"""One connection of our own, and what is in flight on it.

A sender of Telethon's that connects once. It never reconnects by itself (it would do so without
end and without a pause), nobody pings it, and when it ends it cancels what was in flight, or
leaves it pending for ever. So the futures that callers get are ours: each ends with the answer,
with Telegram's error, or with `ConnectionLostError` when the connection ends.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from telethon import __version__ as telethon_version
from telethon import errors, functions, types
from telethon.errors.common import TypeNotFoundError

from telefast.errors import CompatibilityError, ConnectionLostError, DeadlineError
from telefast.transport import telethon as door
from telefast.transport.placement import LineState

__all__ = ["Line", "Watcher", "take"]

_LOST = "the connection ended before the answer came; try again"


class Watcher(Protocol):
    """Who hears what becomes of a connection."""

    def on_sent(self) -> None:
        """Hear that a request was sent."""

    def on_first_answer(self, line: Line) -> None:
        """Hear that the server talks to us."""

    def on_refusal(self, line: Line, error: errors.RPCError) -> Exception:
        """Hear of a 401 or 406; return the error for whoever asked."""

    def on_end(self, line: Line, reason: BaseException | None) -> None:
        """Hear that the connection has ended; *reason* is None if that was our wish."""


async def take(future: asyncio.Future[Any], method: str, timeout: float | None) -> Any:
    """Return what a future of a `Line` comes to.

    Raises:
        DeadlineError: If it comes to nothing within *timeout* seconds. The request is given up.
    """
    try:
        await asyncio.wait({future}, timeout=timeout)
    finally:
        is_late = not future.done()
        future.cancel()  # changes nothing if it is done
    if is_late:
        raise DeadlineError(method, timeout or 0.0, 1)
    return future.result()


class Line:
    """One connection to a data centre.

    Attributes:
        number: The how many-eth of its pool it is.
        dc_id: The data centre.
        begun: When it was begun, by the loop's clock.
        leases: How many callers hold it for themselves.
        is_late: Whether it missed a deadline and has answered nothing since.
        is_proven: Whether it has answered anything.
    """

    def __init__(
        self,
        sender: door.MTProtoSender,
        init: functions.InitConnectionRequest,
        watcher: Watcher,
        *,
        number: int,
        dc_id: int,
        begun: float,
        is_bare: bool = False,
    ) -> None:
        self.number = number
        self.dc_id = dc_id
        self.begun = begun
        self.leases = 0
        self.is_late = False
        self.is_proven = False
        self._sender = sender
        self._init: functions.InitConnectionRequest | None = init
        self._watcher = watcher
        self._is_bare = is_bare
        self._is_ended = False
        self._loop = asyncio.get_running_loop()
        self._last_used = self._last_heard = self._loop.time()
        self._pinged: float | None = None
        self._open: dict[asyncio.Future[Any], Any] = {}
        door.ending(sender).add_done_callback(self._on_ending)

    def __repr__(self) -> str:
        """Show what it is doing."""
        state = "open" if self.is_alive else "ended"
        return f"<Line {self.number} dc={self.dc_id} {state} in_flight={self.in_flight}>"

    @property
    def in_flight(self) -> int:
        """Requests that have no answer yet."""
        return len(self._open)

    @property
    def is_alive(self) -> bool:
        """Whether the connection stands, as far as is known."""
        return not self._is_ended and door.is_open(self._sender)

    @property
    def state(self) -> LineState:
        """What decisions are made of."""
        return LineState(
            self.number,
            self.in_flight + self.leases,
            self.is_late,
            self._last_used,
            self._last_heard,
            self._pinged,
        )

    def send(self, request: Any) -> asyncio.Future[Any]:
        """Send a request whose peers are input peers already; answers come typed.

        Cancelling the future gives the request up. Its exceptions are those of `Pool.send`, but
        for deadlines; `ConnectionLostError` means: ask again, on another connection.

        Raises:
            ConnectionLostError: If the connection has ended.
        """
        method = door.method_of(request)
        if not self.is_alive:
            raise ConnectionLostError(method, _LOST)
        # Nobody reads updates here, and an unwrapped request subscribes its connection to them.
        outer = request if self._is_bare else functions.InvokeWithoutUpdatesRequest(request)
        if self._init is not None:
            outer, self._init = door.introduced(self._init, outer), None
        inner = self._sender.send(outer)
        self._watcher.on_sent()
        future: asyncio.Future[Any] = self._loop.create_future()
        self._open[future] = request
        self._last_used = self._loop.time()
        inner.add_done_callback(lambda done: self._on_answer(future, done))
        future.add_done_callback(lambda _: self._on_settled(future, inner))
        return future

    def ping(self) -> None:
        """Ask for a sign of life. Its future is never cancelled: Telethon would trip over that."""
        if not self.is_alive or self._pinged is not None:
            return
        self._pinged = self._loop.time()
        pong = self._sender.send(functions.PingRequest(int(self._pinged * 1000)))
        pong.add_done_callback(self._on_pong)

    def reap(self, *, now: float) -> None:
        """Forget requests that were given up long ago; *now* in seconds since the epoch."""
        door.reap_sender(self._sender, now=now)

    def end(self, reason: BaseException | None = None, error: Exception | None = None) -> None:
        """End the connection: what is in flight fails now. `aclose` closes the socket.

        Args:
            reason: What ended it; None if it is our wish.
            error: What callers get instead of `ConnectionLostError`.
        """
        if self._is_ended:
            return
        self._is_ended = True
        for future, request in tuple(self._open.items()):
            lost = error or ConnectionLostError(door.method_of(request), _LOST)
            if error is None:
                lost.__cause__ = reason
            _fail(future, lost)
        self._watcher.on_end(self, reason)

    async def aclose(self) -> None:
        """End the connection and close its socket."""
        self.end()
        await self._sender.disconnect()

    # What Telethon tells

    def _on_ending(self, done: asyncio.Future[None]) -> None:
        error = None if done.cancelled() else done.exception()
        self.end(error or ConnectionError("closed"))

    def _on_pong(self, done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._on_heard()

    def _on_settled(self, future: asyncio.Future[Any], inner: asyncio.Future[Any]) -> None:
        self._open.pop(future, None)
        self._last_used = self._loop.time()
        inner.cancel()

    def _on_heard(self) -> None:
        self._last_heard = self._loop.time()
        self._pinged = None
        self.is_late = False
        if not self.is_proven:
            self.is_proven = True
            self._watcher.on_first_answer(self)

    def _on_answer(self, future: asyncio.Future[Any], inner: asyncio.Future[Any]) -> None:
        error = None if inner.cancelled() else inner.exception()
        if future.done():  # the connection has ended, or nobody wants it any more
            return
        request = self._open[future]
        method = door.method_of(request)
        if inner.cancelled():  # by the sender, which was disconnected
            self.end(ConnectionError("closed"))
            return
        if error is None and isinstance(inner.result(), types.RpcError):  # it came compressed
            error = errors.rpc_message_to_error(inner.result(), request)
        if isinstance(error, errors.RPCError):
            self._on_heard()
            error = door.unwrap(error, request)
            if isinstance(error, errors.UnauthorizedError | errors.AuthKeyDuplicatedError):
                error = self._watcher.on_refusal(self, error)
            _fail(future, error)
        elif isinstance(error, TypeNotFoundError):
            self._on_heard()
            # Telethon's own error shows the remaining bytes.
            name = f"constructor {error.invalid_constructor_id:08x} in {method}"
            _fail(future, CompatibilityError(name, telethon_version))
        elif error is not None:
            # What ended the connection, known here first: all in flight must hear before they ask
            # again.
            self.end(error)
        else:
            self._on_heard()
            future.set_result(inner.result())


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    """Let a future fail, unless it is done; nobody need look at it."""
    if not future.done():
        future.set_exception(error)
        future.exception()
