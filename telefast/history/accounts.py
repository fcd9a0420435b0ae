"""Who the accounts of one stream are, and how each of them sees the chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from telethon import utils
from telethon.errors import FloodError, RPCError, UnauthorizedError

from telefast.errors import ArgumentError, DeadlineError, FloodWaitTooLongError
from telefast.history.lists import Listing
from telefast.history.opening import Wanted, open_list
from telefast.peers.cache import exact_peer
from telefast.transport import telethon as door

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["UNUSABLE", "check_accounts", "list_for", "refusal"]

UNUSABLE = (ConnectionError, DeadlineError, FloodWaitTooLongError, UnauthorizedError)
"""What says that an account cannot be asked now, and nothing of the chat."""


def refusal(number: int, expected: str) -> ArgumentError:
    """Return the error that names the client with this number (from 0)."""
    return ArgumentError("client", f"client {number + 1}", expected)


async def check_accounts(clients: Sequence[TelegramClient]) -> None:
    """Raise `ArgumentError` if two clients are known to be one account."""
    seen: set[int] = set()
    for number, client in enumerate(clients):
        own_id = door.self_id(client)
        if own_id is None:
            try:
                me: Any = await client.get_me()
            except (ConnectionError, RPCError):
                continue  # it turns out when the account is asked for the chat
            if me is None:
                continue
            own_id = me.id
        if own_id in seen:
            raise refusal(number, "another account than those before it")
        seen.add(own_id)


async def list_for(
    number: int,
    clients: Sequence[TelegramClient],
    entity: Any,
    peer: Any,
    wanted: Wanted,
    *,
    by_ids: bool,
) -> Listing | Exception:
    """Return the list as another account names it, or why that account cannot be asked now.

    Args:
        number: Which of the clients.
        clients: One for each account, the first one first.
        entity: What the user passed.
        peer: The chat, as the first account names it.
        wanted: The list.
        by_ids: Whether messages are asked for by ids.

    Raises:
        ArgumentError: If the account can be asked, and cannot read the chat.
    """
    client = clients[number]
    try:
        door.check_connected(client)
        own = await _entity_for(client, clients[0], entity, peer)
        found: Any = await open_list(client, own, wanted, by_ids=by_ids)
    except (*UNUSABLE, FloodError) as error:
        return error
    except (ValueError, RPCError) as error:
        raise refusal(number, "an account that can read this chat") from error
    assert isinstance(found, Listing)  # noqa: S101 - a channel, so there is one
    return found


async def _entity_for(client: TelegramClient, first: TelegramClient, entity: Any, peer: Any) -> Any:
    """Return what names the chat for another account: access hashes of the first one do not."""
    if isinstance(entity, str):
        return entity
    try:
        return await exact_peer(client, utils.get_peer_id(peer))
    except ValueError:
        chat: Any = await first.get_entity(peer)
        username = getattr(chat, "username", None)
        if not username:
            raise
        return username
