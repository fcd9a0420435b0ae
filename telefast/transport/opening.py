"""How a connection to a data centre comes about: where it listens, its key, and the login there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from telethon.crypto import rsa
from telethon.crypto.authkey import AuthKey
from telethon.errors import AuthBytesInvalidError
from telethon.errors.common import SecurityError
from telethon.tl.functions.auth import ExportAuthorizationRequest, ImportAuthorizationRequest
from telethon.tl.functions.help import GetCdnConfigRequest, GetConfigRequest

from telefast.errors import ArgumentError
from telefast.transport import telethon as door
from telefast.transport.calls import CallOptions, call
from telefast.transport.line import Line, take

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.transport.centre import Centre, Kind

__all__ = ["Guide", "open_line"]

_WITHIN = 30.0
"""Seconds for a connection with its key exchange, and for the login: our choice. The client's
own `timeout` bounds the first step, the TCP connection."""
_KEY_BYTES = 256


class Guide:
    """Where data centres listen: Telegram's own list, asked for once.

    Telethon keeps that list on the class of its clients, for the life of the process.
    """

    def __init__(self) -> None:
        self._options: list[Any] = []
        self._has_cdn_keys = False

    async def look_up(
        self, client: TelegramClient, dc_id: int
    ) -> tuple[Kind, list[tuple[str, int]]]:
        """Return what a data centre is to the client's account, and its addresses.

        Raises:
            ArgumentError: If Telegram lists no such data centre.
        """
        session: Any = client.session
        if dc_id == session.dc_id:
            return "home", [(session.server_address, session.port)]
        if not self._options:
            config = await _ask(client, GetConfigRequest())
            # Those of `tcpo_only` want an obfuscated transport, those with a secret a proxy's.
            self._options = [o for o in config.dc_options if not o.tcpo_only and not o.secret]
        here = [option for option in self._options if option.id == dc_id]
        if not here:
            known = sorted({option.id for option in self._options})
            raise ArgumentError("dc_id", dc_id, f"one of {known}, which Telegram lists")
        kind: Kind = "cdn" if all(option.cdn for option in here) else "foreign"
        if kind == "cdn" and not self._has_cdn_keys:
            config = await _ask(client, GetCdnConfigRequest())
            for each in config.public_keys:
                rsa.add_key(each.public_key, old=False)
            self._has_cdn_keys = True
        # As Telethon: the family of addresses that the client uses, or any.
        is_ipv6 = ":" in session.server_address
        here.sort(key=lambda o: (bool(o.ipv6) != is_ipv6, bool(o.media_only)))
        first = here[0]
        fit = [o for o in here if bool(o.ipv6) == bool(first.ipv6)]
        fit = [o for o in fit if bool(o.media_only) == bool(first.media_only)]
        return kind, [(option.ip_address, option.port) for option in fit]


async def open_line(
    client: TelegramClient,
    centre: Centre,
    address: tuple[str, int],
    *,
    number: int,
    begun: float,
    max_flood_wait: float,
) -> Line:
    """Connect to a data centre, and carry the login there if it has none yet.

    Cancellation leaves no connection behind; a key that was exchanged, and an authorization that
    was exported and not yet used, are kept for the next attempt.

    Raises:
        ConnectionError: If it does not come about.
        RPCError: If Telegram refuses the login.
    """
    session: Any = client.session
    if centre.kind == "home":
        key: AuthKey | None = session.auth_key
    else:
        kept = centre.keys.get(centre.dc_id) if centre.key is None and not centre.heals else None
        if isinstance(kept, bytes) and len(kept) == _KEY_BYTES:  # else a new one
            centre.key, centre.is_key_given, centre.is_logged_in = AuthKey(kept), True, True
        key = centre.key
    sender = door.new_sender(client, key)
    try:
        async with asyncio.timeout(_WITHIN):
            await door.open_sender(client, sender, centre.dc_id, *address)
    except (OSError, EOFError, BufferError, SecurityError) as error:
        raise ConnectionError(type(error).__name__) from error
    line = Line(
        sender,
        door.introduction(client),
        centre,
        number=number,
        dc_id=centre.dc_id,
        begun=begun,
        is_bare=centre.kind == "cdn",
    )
    if centre.kind != "home":
        centre.key = sender.auth_key
    if not centre.is_logged_in:
        try:
            await _log_in(client, centre, line, max_flood_wait)
        except BaseException:
            await line.aclose()
            raise
        centre.keys[centre.dc_id] = sender.auth_key.key
    return line


async def _log_in(
    client: TelegramClient, centre: Centre, line: Line, max_flood_wait: float
) -> None:
    """Carry the login over: export it at home, import it here.

    Exported bytes are good for one import, and for a while, and with some assumptions only until
    the next export: so they are used up before there are others, and asked for once more if they
    were not taken.
    """
    is_repeated = False
    while not centre.is_logged_in:
        if centre.exported is None:
            centre.exports += 1
            options = CallOptions(max_flood_wait=max_flood_wait, dc_id=centre.dc_id)
            request = ExportAuthorizationRequest(centre.dc_id)
            centre.exported = await _ask(client, request, options)
        token = ImportAuthorizationRequest(centre.exported.id, centre.exported.bytes)
        try:
            await take(line.send(token), door.method_of(token), _WITHIN)
        except AuthBytesInvalidError:
            centre.exported = None
            if is_repeated:
                raise
            is_repeated = True
        else:
            centre.exported = None
            centre.is_logged_in = True


async def _ask(client: TelegramClient, request: Any, options: CallOptions | None = None) -> Any:
    """Ask the account's home, and decode the answer."""
    return door.decode(await call(client, request, options or CallOptions()), request)[0]
