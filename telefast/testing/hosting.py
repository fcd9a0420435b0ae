"""Where the server of a `LocalTelegram` runs: in the event loop, or in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telefast.errors import ArgumentError, ClosedError
from telefast.testing.datacentres import DataCentre, DataCentres, as_data
from telefast.testing.keys import ServerKey
from telefast.testing.method_takeout import TakeoutSession
from telefast.testing.process import EmbeddedTelegramError, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telefast.testing.account import Account
    from telefast.testing.dispatcher import Dispatcher
    from telefast.testing.rpc import Address
    from telefast.testing.world import World

__all__ = ["Host"]


class Host:
    """Start the server, know its keys and addresses, and stop it.

    Args:
        world: What it shows.
        dispatcher: What answers in the event loop, and what the state of another process is copied
            to.
        differing: Data centres that differ from the others.
        options: Those of the lines and logins, as `DataCentres` takes them.
        order: What a process of its own is told beside all that; None for the event loop.
    """

    def __init__(
        self,
        world: World,
        dispatcher: Dispatcher,
        differing: Sequence[DataCentre],
        options: Mapping[str, Any],
        order: Mapping[str, Any] | None,
    ) -> None:
        self._world = world
        self._dispatcher = dispatcher
        self._differing = differing
        self.options = dict(options)
        """As given."""
        self._order = order
        self.keys: list[ServerKey] = []
        """A key for each account, as far as they were needed."""
        self.server: DataCentres | ServerProcess | None = None
        """What runs, or has run; None before the start."""
        self.addresses: Sequence[Address] = ()
        """Where the data centres listen, in the order in which clients are told; none while it is
        not running."""

    async def start(self) -> None:
        """Make the server, here or elsewhere, and let it listen.

        Raises:
            EmbeddedTelegramError: If its process could not start.
        """
        self._make_keys()
        if self._order is None:
            self.server = DataCentres(
                self._dispatcher, self.keys, differing=self._differing, options=self.options
            )
        else:
            own = {
                "world": self._world.recipe(),
                "keys": [key.data.hex() for key in self.keys],
                "options": self.options,
                "differing": [as_data(each) for each in self._differing],
            }
            self.server = ServerProcess({**self._order, **own})
        self.addresses = await self.server.start()

    async def stop(self) -> EmbeddedTelegramError | None:
        """Stop the server; return what went wrong in it, if anything did."""
        self.addresses = ()
        if isinstance(self.server, ServerProcess):
            try:
                traces = self._take(await self.server.stop())
            except EmbeddedTelegramError as failure:
                return failure
            return EmbeddedTelegramError(traces[0]) if traces else None
        if self.server is not None:
            await self.server.aclose()
        if not self._dispatcher.failures:
            return None
        first = self._dispatcher.failures[0]
        found = EmbeddedTelegramError(f"a handler or rule raised {first!r}")
        found.__cause__ = first
        return found

    async def sync(self) -> None:
        """Copy the state of another process; in the event loop there is nothing to copy."""
        if isinstance(self.server, ServerProcess):
            self._take(await self.server.sync())

    async def warm(self) -> None:
        """Make all messages, where the server is."""
        if isinstance(self.server, ServerProcess):
            await self.server.warm()
        else:
            self._world.warm()

    async def drop_connections(self) -> None:
        """Cut all TCP connections; `ClosedError` if it is not running."""
        self.where()
        if self.server is not None:
            await self.server.drop_connections()

    def where(self, account: Account | None = None) -> Address:
        """Return where the home of an account listens, by default of the first.

        Raises:
            ClosedError: If it is not running.
        """
        if not self.addresses:
            raise ClosedError("LocalTelegram is not running; use it inside `async with`")
        home = (account or self._world.account).dc_id
        return next(each for each in self.addresses if each.dc_id == home)

    def key_of(self, account: Account | None) -> ServerKey:
        """Return the key of an account; the server learns it if the account is new.

        Raises:
            ArgumentError: If it is none of the accounts that the server shows.
        """
        number = 0
        if account is not None:
            if account not in self._world.accounts:
                raise ArgumentError("account", account, "one of World.accounts")
            number = account.index
        self._make_keys()
        if number >= len(self.keys):
            raise ArgumentError("account", account, "one that was there when the server started")
        return self.keys[number]

    def _make_keys(self) -> None:
        """Make a key for each account that has none, unless the server is elsewhere already."""
        server = self.server
        if isinstance(server, ServerProcess):
            return
        for number in range(len(self.keys), len(self._world.accounts)):
            key = ServerKey(is_initialized=True, account=number)
            self.keys.append(key)
            if server is not None:
                server.learn(key)

    def _take(self, state: dict[str, Any]) -> list[str]:
        """Copy the state of the server's process; return the tracebacks of its failures."""
        self._dispatcher.ledger.load(state["requests"])
        self._dispatcher.unknown[:] = state["unknown"]
        found = [TakeoutSession(who, tuple(what), how) for who, what, how in state["takeouts"]]
        self._dispatcher.takeouts.sessions[:] = found
        failures: list[str] = state["failures"]
        return failures
