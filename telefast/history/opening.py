"""From the arguments to the list that they mean, and to the id at which a date lies in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from telethon import types

from telefast.history.lists import ByIds, History, Listing, Scheduled, Search, Thread
from telefast.history.order import Ask
from telefast.peers.cache import exact_peer

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.transport.messages import Page

__all__ = ["Opener", "Wanted", "id_before", "is_sent_at", "open_list"]

Opener = Callable[[Any, Any, bool], Awaitable[Listing]]
"""Opens a list of another room: of a client, the chat as an `InputPeer`, and whether messages are
asked for by their ids."""

_USERS = (types.InputPeerUser, types.InputPeerSelf, types.InputPeerUserFromMessage)
_CHANNELS = (types.InputPeerChannel, types.InputPeerChannelFromMessage)
_HIDDEN_PAGES = 20
"""Pages of hidden messages that are looked through for one before a date: our choice, the 2,000
messages that a walk looks through."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The arguments that choose a list, as the user gave them and checked.

    Which of them decides is Telethon's rule: `scheduled` before `reply_to` before the others; with
    those two, `search` and `filter` have no effect.

    Attributes:
        opener: Opens the list instead of all these; None if they decide.
    """

    search: str | None = None
    filter: Any = None
    from_user: Any = None
    reply_to: int | None = None
    scheduled: bool = False
    opener: Opener | None = None

    def message_filter(self) -> Any:
        """Return the filter as an object, None for one that lets everything pass."""
        found = self.filter() if isinstance(self.filter, type) else self.filter
        return None if isinstance(found, types.InputMessagesFilterEmpty) else found


async def open_list(
    client: TelegramClient, entity: Any, wanted: Wanted, *, by_ids: bool
) -> Listing | str:
    """Resolve the chat and the sender, and return the list, or why there is none.

    Raises:
        ValueError: Telethon's, if there is no such chat or sender.
        RPCError: Telegram's, on looking one up.
    """
    if by_ids and entity is None:
        return ByIds(None)
    peer: Any = await client.get_input_entity(entity)
    is_private = isinstance(peer, _USERS)
    if not is_private and not isinstance(peer, (*_CHANNELS, types.InputPeerChat)):
        return f"a {type(peer).__name__}"
    if wanted.opener is not None:
        return await wanted.opener(client, peer, by_ids)
    if by_ids:
        is_channel = isinstance(peer, _CHANNELS)
        return ByIds(peer, owner=None if is_channel else await client.get_peer_id(peer))
    from_id = sender = None
    if wanted.from_user:
        from_id = await client.get_input_entity(await exact_peer(client, wanted.from_user))
        sender = await client.get_peer_id(from_id)
    if wanted.scheduled:
        return Scheduled(peer, sender)
    if wanted.reply_to is not None:
        return Thread(peer, sender, message_id=wanted.reply_to)
    found = wanted.message_filter()
    if not is_private:
        sender = None  # Telegram filters by itself
    if wanted.search is None and found is None and (is_private or from_id is None):
        return History(peer, sender)
    from_id = None if is_private else from_id
    return Search(peer, sender, words=wanted.search or "", filter=found, from_id=from_id)


class _Fetch(Protocol):
    async def __call__(self, ask: Ask) -> Page: ...


async def id_before(fetch: _Fetch, when: int) -> int:
    """Return the id of the newest message of a chat before a date, 0 if there is none.

    Args:
        fetch: Returns a page of the chat's history.
        when: Seconds since the epoch; 0 is before every message.
    """
    if when == 0:
        return 0
    asks = [Ask(limit=1, offset_date=when)]
    asks += [Ask(0, 100 * n, 100, offset_date=when) for n in range(_HIDDEN_PAGES)]
    for ask in asks:
        page = await fetch(ask)
        # A page may repeat what is newer than asked for; what has no date is believed.
        ids = [i for i, m in page.found.items() if not is_sent_at(m, when)]
        ids += page.empty_ids
        if ids:
            return max(ids)
        if ask.limit > 1 and (page.position is None or page.position >= (page.count or 0)):
            return 0
    return 0


def is_sent_at(message: Any, when: int) -> bool:
    """Tell whether a message is known to be sent at a date, or after it."""
    date = getattr(message, "date", None)
    return date is not None and int(date.timestamp()) >= when
