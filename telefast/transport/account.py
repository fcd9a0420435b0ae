"""The state that all pieces on one client share.

Flood limits belong to the account, so two pieces on one client must meet in one pacer. They do
so through `Account.of(client)`: a weak map keyed by the client's sender, which the client, its
takeout proxy and unhashable subclasses have in common, and which survives reconnects. The state
refers to its client weakly only, so the entry goes when the client goes.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

from telefast.logs import flush
from telefast.metrics import Metrics
from telefast.transport import telethon as door
from telefast.transport.cipher import hint_at_cryptg
from telefast.transport.gate import Gate
from telefast.transport.lease import Lease
from telefast.transport.memory import Memory
from telefast.transport.pacing import FloodPacer
from telefast.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from telethon import TelegramClient

    from telefast.transport.pool import Pool
    from telefast.transport.waits import WaitEvent

__all__ = ["Account"]


class Account:
    """Pacing, retry policy, metrics, takeout and pool of one client."""

    def __init__(self, client: weakref.ref[TelegramClient]) -> None:
        self.pacer = FloodPacer()
        self.gate = Gate(self.pacer)
        self.memory = Memory()
        self.on_wait: Callable[[WaitEvent], object] | None = None
        self.retry = RetryPolicy()
        self.metrics = Metrics()
        self.takeout = Lease()
        self.takeout_lock = asyncio.Lock()
        self._client = client
        self._pool: Pool | None = None

    @property
    def pool(self) -> Pool:
        """The connections of our own, made on first use, and again after they were closed."""
        from telefast.transport.pool import Pool  # it calls by this module

        if self._pool is None or self._pool.is_closed:
            self._pool = Pool(self._client, self.metrics)
        return self._pool

    async def aclose(self) -> None:
        """Close the connections of our own; the client keeps its own."""
        if self._pool is not None:
            await self._pool.aclose()
        flush(self.metrics)

    async def release(self) -> None:
        """Close them unless somebody uses them now; whoever wants them next has them again."""
        if self._pool is not None:
            await self._pool.rest()

    @classmethod
    def of(cls, client: TelegramClient) -> Account:
        """Return the one account state of *client*."""
        key = door.key_of(client)
        account = _ACCOUNTS.get(key)
        if account is None:
            hint_at_cryptg()
            account = _ACCOUNTS[key] = cls(weakref.ref(door.owner(client)))
        return account


_ACCOUNTS: weakref.WeakKeyDictionary[object, Account] = weakref.WeakKeyDictionary()
