"""Ask for users and chats, and keep who was shown."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from telethon import utils

from telefast.transport import telethon as door
from telefast.transport.calls import CallOptions, call
from telefast.transport.messages import EntityLedger

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["Asker"]


class Asker:
    """Send requests about peers through one client.

    Args:
        client: The user's client.
        options: What one call may cost.
    """

    def __init__(self, client: TelegramClient, options: CallOptions) -> None:
        self.client = client
        self._options = options
        self._ledger = EntityLedger(client)

    async def ask(self, request: Any) -> Any:
        """Return the answer to *request*."""
        door.check_loop(self.client)
        return door.decode(await call(self.client, request, self._options), request)[0]

    async def keep(self, answer: Any) -> None:
        """Write the users and chats of an answer to the client's session, as Telethon would."""
        shown = chain(getattr(answer, "users", ()), getattr(answer, "chats", ()))
        self._ledger.collect({utils.get_peer_id(entity): entity for entity in shown})
        await self._ledger.flush()
