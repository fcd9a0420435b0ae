"""The clients of one embedded Telegram: Telethon's own, apart from those of any other server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon import TelegramClient
from telethon.crypto.authkey import AuthKey
from telethon.sessions.abstract import Session
from telethon.sessions.memory import MemorySession
from telethon.sessions.sqlite import SQLiteSession

if TYPE_CHECKING:
    from telefast.testing.keys import ServerKey
    from telefast.testing.rpc import Address

__all__ = ["Clients", "as_session", "forget_config", "point"]

API_ID: Final = 17349
API_HASH: Final = "0123456789abcdef0123456789abcdef"
"""What the clients say they are; the embedded Telegram takes any."""


class Clients:
    """Make the clients of one server, and disconnect them in the end.

    Telethon keeps what a server says of its data centres on the class, for the life of the process:
    clients of two servers would mix them up. So each server has a subclass that adds nothing.
    """

    def __init__(self) -> None:
        own = {
            "__doc__": TelegramClient.__doc__,
            "__module__": TelegramClient.__module__,
            "_cdn_config": None,
            "_config": None,
        }
        self._class: Any = type(TelegramClient.__name__, (TelegramClient,), own)
        self._made: list[TelegramClient] = []

    def new(self, session: Session, options: dict[str, Any]) -> TelegramClient:
        """Return a client with a session that leads to the server."""
        options = {"api_id": API_ID, "api_hash": API_HASH} | options
        client: TelegramClient = self._class(session, **options)
        self._made.append(client)
        return client

    async def aclose(self) -> None:
        """Disconnect those that are connected, and forget all."""
        try:
            for client in self._made:
                if client.is_connected():
                    await client.disconnect()
        finally:
            self._made.clear()


def as_session(session: Any) -> Session:
    """Return a session of Telethon's: the given one, that of a file, or one in memory."""
    if session is None:
        return MemorySession()
    return session if isinstance(session, Session) else SQLiteSession(str(session))


def point(session: Any, where: Address, key: ServerKey | None) -> None:
    """Let a session lead to a server, with a key that it knows or None."""
    session.set_dc(where.dc_id, where.host, where.port)
    session.auth_key = None if key is None else AuthKey(key.data)


def forget_config() -> None:
    """Make clients that are not of `Clients` ask their server where its data centres are."""
    TelegramClient._config = None  # noqa: SLF001 - no public name, and tests need it
    TelegramClient._cdn_config = None  # noqa: SLF001
