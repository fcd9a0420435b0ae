"""`LocalTelegram`: the embedded Telegram as users see it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

from telethon import TelegramClient
from telethon.crypto import AuthKey
from telethon.sessions import MemorySession, SQLiteSession, StringSession

from telefast.errors import ArgumentError, ClosedError
from telefast.testing.dispatcher import Dispatcher
from telefast.testing.faults import Rule
from telefast.testing.keys import ServerKey, trust_test_key
from telefast.testing.rpc import Address
from telefast.testing.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from types import TracebackType

    from telethon.sessions.abstract import Session

    from telefast.testing.ledger import Ledger
    from telefast.testing.world import World

__all__ = ["LocalTelegram"]

API_ID = 1
API_HASH = "0" * 32


class LocalTelegram:
    """A Telegram of your own on 127.0.0.1, for the unmodified Telethon client."""

    def __init__(
        self,
        world: World,
        *,
        rtt: float = 0.0,
        rules: Sequence[Rule] = (),
        gzip: bool = False,
        strict_salts: bool = False,
    ) -> None:
        if not 0 <= rtt < math.inf:
            raise ArgumentError("rtt", rtt, "seconds, 0 or more")
        self.world = world
        self._key = ServerKey(is_initialized=True)
        self._dispatcher = Dispatcher(world, rules=rules, gzip=gzip)
        self._server = Server(self._dispatcher, self._key, rtt=rtt, strict_salts=strict_salts)
        self._address: Address | None = None
        self._clients: list[TelegramClient] = []

    @property
    def requests(self) -> Ledger:
        return self._dispatcher.ledger

    @property
    def unknown(self) -> list[str]:
        return self._dispatcher.unknown

    @property
    def host(self) -> str:
        return self._where().host

    @property
    def port(self) -> int:
        return self._where().port

    @property
    def dc_id(self) -> int:
        return self._where().dc_id

    async def __aenter__(self) -> Self:
        self._address = await self._server.start()
        _forget_config()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            for client in self._clients:
                if client.is_connected():
                    await client.disconnect()
        finally:
            self._clients.clear()
            await self._server.aclose()
        if self._dispatcher.failures and error is None:
            raise self._dispatcher.failures[0]

    def client(
        self,
        *,
        key_exchange: bool = False,
        session: Session | str | PathLike[str] | None = None,
        **telethon_options: Any,
    ) -> TelegramClient:
        where = self._where()
        if session is None:
            session = MemorySession()
        elif not hasattr(session, "set_dc"):
            session = SQLiteSession(str(session))
        session.set_dc(where.dc_id, where.host, where.port)
        if key_exchange:
            trust_test_key()
            session.auth_key = None
        else:
            session.auth_key = AuthKey(self._key.data)
        _forget_config()
        client = TelegramClient(
            session,
            telethon_options.pop("api_id", API_ID),
            telethon_options.pop("api_hash", API_HASH),
            **telethon_options,
        )
        self._clients.append(client)
        return client

    def session_string(self) -> str:
        where = self._where()
        session = StringSession()
        session.set_dc(where.dc_id, where.host, where.port)
        session.auth_key = AuthKey(self._key.data)
        return session.save()

    async def sync(self) -> Ledger:
        return self.requests

    def add(self, rule: Rule) -> Rule:
        self._dispatcher.add(rule)
        return rule

    async def drop_connections(self) -> None:
        await self._server.drop_connections()

    def _where(self) -> Address:
        if self._address is None:
            raise ClosedError("LocalTelegram is not running; use it in `async with`")
        return self._address


def _forget_config() -> None:
    """Make clients ask this server, and no earlier one, where the data centres are."""
    TelegramClient._config = None
    TelegramClient._cdn_config = None
