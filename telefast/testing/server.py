"""One data centre of the embedded Telegram: a TCP server in the running event loop."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from telefast.testing.connection import Connection
from telefast.testing.link import Link
from telefast.testing.rpc import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telefast.testing.dispatcher import Dispatcher
    from telefast.testing.keys import ServerKey
    from telefast.testing.link import SharedLine

__all__ = ["Server"]


class Server:
    """Accept connections on loopback; all of them see the same world.

    Args:
        dispatcher: What answers API requests.
        keys: Authorization keys by id that clients may use; those exchanged are added.
        dc_id: Number of the data centre.
        media_only: Whether clients are told that it is for files only.
        cdn: Whether it is a content delivery network.
        networks: Addresses of clients whose network belongs to the data centre.
        sign_in: Whether an exchanged key has to sign in (or import an authorization) first; if
            not, it belongs to the first account.
        rtt: Seconds from the arrival of a request to the departure of its answer.
        jitter: Most seconds that are added to that.
        bandwidth: Bytes per second of each connection towards its client; None means no limit.
        line: What all connections share, with other listeners of the data centre; None means
            nothing.
        strict_salts: Refuse messages with another salt than ours (`bad_server_salt`). By default
            any salt is taken, and the right one is told with `new_session_created`.

    Attributes:
        keys: Authorization keys by id: the given ones, and those exchanged since.
        dc_id: Number of the data centre.
        cdn: Whether it is a content delivery network.
        connections: What is open now.
        is_open: Whether new connections are welcome.
        salt: The server salt, random.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        keys: dict[bytes, ServerKey],
        *,
        dc_id: int = 2,
        media_only: bool = False,
        cdn: bool = False,
        networks: Sequence[str] = (),
        sign_in: bool = False,
        rtt: float = 0.0,
        jitter: float = 0.0,
        bandwidth: float | None = None,
        line: SharedLine | None = None,
        strict_salts: bool = False,
    ) -> None:
        self.dispatcher = dispatcher
        self.keys = keys
        self.dc_id = dc_id
        self.cdn = cdn
        self.connections: set[Connection] = set()
        self.salt = int.from_bytes(os.urandom(7), "little") + 1
        self.is_open = False
        self._media_only = media_only
        self._networks = tuple(networks)
        self._sign_in = sign_in
        self._rtt = rtt
        self._jitter = jitter
        self._bandwidth = bandwidth
        self._line = line
        self.strict_salts = strict_salts
        self._server: asyncio.Server | None = None

    async def start(self) -> Address:
        """Listen on a free port of 127.0.0.1 and return the address."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.is_open = True
        return Address(host, port, self.dc_id, self._media_only, self.cdn, self._networks)

    def admit(self, key: ServerKey) -> None:
        """Learn a key that a client just exchanged."""
        if not self._sign_in:
            key.account = 0
        self.keys[key.key_id] = key

    def new_link(self) -> Link:
        """Return what decides when answers of a new connection leave; draws of its own."""
        number = self.dispatcher.ledger.connections
        return Link(
            rtt=self._rtt,
            jitter=self._jitter,
            bandwidth=self._bandwidth,
            line=self._line,
            seed=f"{self.dispatcher.world.seed}/link/{number}",
        )

    async def drop_connections(self) -> None:
        """Cut all connections without a word, and wait until they are gone."""
        connections = list(self.connections)
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.wait_closed()

    async def aclose(self) -> None:
        """Stop listening and cut all connections; no task and no socket is left."""
        if self._server is None:
            return
        self.is_open = False
        self._server.close()
        await self.drop_connections()
        await self._server.wait_closed()
        self._server = None
