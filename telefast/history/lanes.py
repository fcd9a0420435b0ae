"""Several accounts of one owner that read one chat together.

Each account is a lane: its own resolved chat, its own pacer, its own connection. A plan's requests
go to whichever lane has the fewest in flight, so a lane that is slow, or waits for its flood to
end, takes fewer. A lane that dies hands its requests to the others.

In channels all accounts see the same messages with the same ids, but not the same *objects*:
access hashes belong to one account, and some flags mean whoever asks. What another account has
fetched is therefore stripped of both before the first client gets it, and nothing of it is written
to any session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telethon import types, utils
from telethon.errors import RPCError, UnauthorizedError

from telefast.errors import (
    ArgumentError,
    ConnectionLostError,
    DeadlineError,
    FloodWaitTooLongError,
    TelefastError,
)
from telefast.history.fetcher import Fetcher
from telefast.history.lists import History, Listing
from telefast.history.opening import Wanted, open_list
from telefast.history.order import Ask
from telefast.logs import get_logger
from telefast.transport import telethon as door

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.transport.calls import CallOptions
    from telefast.transport.messages import Page

__all__ = ["Lanes", "open_lanes"]

_log = get_logger("history")

_CHANNELS = (types.InputPeerChannel, types.InputPeerChannelFromMessage)
_DEAD = (ConnectionLostError, DeadlineError, FloodWaitTooLongError, UnauthorizedError)
"""What ends a lane, the first one too. Any other error of Telegram's ends one of the others; of
the first it is an error of the chat that the user named."""
_KNOWN = 10_000
"""Users and chats of the first account that are kept for messages of the others, some 10 MiB."""


@dataclass(slots=True, eq=False)
class _Lane:
    """One account."""

    number: int
    fetcher: Fetcher
    in_flight: int = 0
    answers: int = 0
    is_dead: bool = False


class Lanes(Fetcher):
    """Fetch parts of one list through several accounts. Messages are bound to the first one.

    Made by `open_lanes`.

    Args:
        client: The first account's client.
        source: The list, as it is for that account.
        options: What one call may cost.
        others: The fetchers of the other accounts.
    """

    def __init__(
        self, client: TelegramClient, source: Listing, options: CallOptions, others: list[Fetcher]
    ) -> None:
        super().__init__(client, source, options)
        fetchers = [Fetcher(client, source, options), *others]
        self._lanes = [_Lane(number, fetcher) for number, fetcher in enumerate(fetchers)]
        self._known: dict[int, Any] = {}

    @property
    def width(self) -> int:
        """How many accounts take requests."""
        return sum(not lane.is_dead for lane in self._lanes)

    @property
    def shares(self) -> tuple[int, ...]:
        """Answers that each account has brought, in the order of the clients."""
        return tuple(lane.answers for lane in self._lanes)

    async def fetch(self, ask: Ask) -> tuple[Page, float]:
        """Return the page that answers *ask*, from whichever account is free."""
        while True:
            alive = [lane for lane in self._lanes if not lane.is_dead]
            lane = min(alive, key=lambda each: (each.in_flight, each.answers))
            lane.in_flight += 1
            try:
                page, latency = await lane.fetcher.fetch(ask)
            except (RPCError, TelefastError) as error:
                if not (isinstance(error, _DEAD) or (lane.number and isinstance(error, RPCError))):
                    raise
                self._bury(lane, error)
                if not self.width:
                    raise
                continue
            finally:
                lane.in_flight -= 1
            lane.answers += 1
            page.is_foreign = lane.number > 0
            if not page.is_foreign:
                self._know(page.entities)
            return page, latency

    def _bury(self, lane: _Lane, error: Exception) -> None:
        if not lane.is_dead:
            lane.is_dead = True
            text = "account %d of %d takes no more requests: %s"
            _log.warning(text, lane.number + 1, len(self._lanes), type(error).__name__)

    def _know(self, entities: dict[int, Any]) -> None:
        self._known |= entities
        while len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]

    def finished(self, page: Page, ids: Any) -> list[Any]:
        """Return messages bound to the first client; see `Fetcher.finished`."""
        if page.is_foreign:
            own_id = door.self_id(self._client)
            for key, entity in page.entities.items():
                page.entities[key] = self._known.get(key) or _stripped(entity, own_id)
            for message in page.messages:
                if isinstance(message, types.Message | types.MessageService):
                    message.out = message.from_id == types.PeerUser(own_id or 0)
        return super().finished(page, ids)


def _stripped(entity: Any, own_id: int | None) -> Any:
    """Return a user or chat without what is true for one account only.

    Without an access hash Telethon looks the peer up in the session, or asks for it when needed.
    """
    found = copy(entity)
    if isinstance(found, types.User):
        found.access_hash = found.phone = None
        found.is_self = found.id == own_id
        found.contact = found.mutual_contact = found.close_friend = False
    elif isinstance(found, types.Channel):
        found.access_hash = found.admin_rights = found.banned_rights = None
        found.creator = False
    elif isinstance(found, types.ChannelForbidden):
        found.access_hash = 0
    return found


async def open_lanes(
    clients: Sequence[TelegramClient],
    entity: Any,
    source: Listing,
    wanted: Wanted,
    options: CallOptions,
    *,
    by_ids: bool,
    on_ask: Callable[[], None],
) -> Lanes:
    """Resolve the chat for each account and make sure that all see the same history.

    Args:
        clients: One for each account, the first one first.
        entity: What the user passed.
        source: The list, as the first account sees it.
        wanted: The list.
        options: What one call may cost.
        by_ids: Whether messages are asked for by ids.
        on_ask: Called before each request for a page.

    Raises:
        ArgumentError: If the chat is none whose ids are the same for all accounts, two clients
            are one account, or an account cannot read the chat, or not all of it.
    """
    if not isinstance(source.peer, _CHANNELS):
        expected = "one client: ids of private chats and basic groups differ between accounts"
        raise ArgumentError("client", f"{len(clients)} clients", expected)
    await _check_accounts(clients)
    fetchers = []
    histories = []
    for number, client in enumerate(clients):
        found: Any = source
        if number:
            try:
                own = await _entity_for(client, clients[0], entity, source.peer)
                found = await open_list(client, own, wanted, by_ids=by_ids)
            except (ValueError, RPCError) as error:
                if isinstance(error, UnauthorizedError | ArgumentError):
                    raise
                raise _refusal(number, "an account that can read this chat") from error
        fetchers.append(Fetcher(client, found, options))
        histories.append(Fetcher(client, History(found.peer), options))

    async def count(history: Fetcher) -> int:
        on_ask()
        page, _ = await history.fetch(Ask(limit=1))
        return len(page.messages) if page.count is None else page.count

    lowest = highest = await count(histories[0])
    for number, history in enumerate(histories[1:], 1):
        try:
            theirs = await count(history)
        except RPCError as error:
            if isinstance(error, UnauthorizedError):
                raise
            raise _refusal(number, "an account that can read this chat") from error
        if not lowest <= theirs <= highest:  # or something was posted or deleted meanwhile
            again = await count(histories[0])
            lowest, highest = min(lowest, again), max(highest, again)
            if not lowest <= theirs <= highest:
                raise _refusal(number, "an account that sees all that the first one sees")
    return Lanes(clients[0], source, options, fetchers[1:])


def _refusal(number: int, expected: str) -> ArgumentError:
    return ArgumentError("client", f"client {number + 1}", expected)


async def _check_accounts(clients: Sequence[TelegramClient]) -> None:
    seen: set[int] = set()
    for number, client in enumerate(clients):
        own_id = door.self_id(client)
        if own_id is None:
            me: Any = await client.get_me()
            own_id = 0 if me is None else me.id
        if own_id in seen:
            raise _refusal(number, "another account than those before it")
        seen.add(own_id)


async def _entity_for(client: TelegramClient, first: TelegramClient, entity: Any, peer: Any) -> Any:
    """Return what names the chat for another account: access hashes of the first one do not."""
    if isinstance(entity, str):
        return entity
    try:
        return await client.get_input_entity(utils.get_peer_id(peer))
    except ValueError:
        chat: Any = await first.get_entity(peer)
        username = getattr(chat, "username", None)
        if not username:
            raise
        return username
