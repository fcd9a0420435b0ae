"""The state that all pieces on one client share.

Flood limits belong to the account, so two pieces on one client must meet in one pacer. They do
so through `Account.of(client)`: a weak map keyed by the client's sender, which the client, its
takeout proxy and unhashable subclasses have in common, and which survives reconnects. The state
refers to no client, so the entry goes when the client goes.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

from telefast.logs import RateLimiter
from telefast.metrics import Metrics
from telefast.transport import telethon as door
from telefast.transport.gate import Gate
from telefast.transport.lease import Lease
from telefast.transport.memory import Memory
from telefast.transport.pacing import FloodPacer
from telefast.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from telethon import TelegramClient

    from telefast.transport.waits import WaitEvent

__all__ = ["Account"]


class Account:
    """Pacing, retry policy, metrics, takeout and the limit on warnings of one client."""

    def __init__(self) -> None:
        self.pacer = FloodPacer()
        self.gate = Gate(self.pacer)
        self.memory = Memory()
        self.on_wait: Callable[[WaitEvent], object] | None = None
        self.retry = RetryPolicy()
        self.metrics = Metrics()
        self.limiter = RateLimiter()
        self.takeout = Lease()
        self.takeout_lock = asyncio.Lock()

    @classmethod
    def of(cls, client: TelegramClient) -> Account:
        """Return the one account state of *client*."""
        key = door.key_of(client)
        account = _ACCOUNTS.get(key)
        if account is None:
            account = _ACCOUNTS[key] = cls()
        return account


_ACCOUNTS: weakref.WeakKeyDictionary[object, Account] = weakref.WeakKeyDictionary()
