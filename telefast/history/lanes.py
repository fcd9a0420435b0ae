"""Several accounts of one owner that read one chat together.

Each account is a lane: its own resolved chat, its own pacer, its own connection. A plan's requests
go to whichever lane has the fewest in flight, so a slow one takes fewer. A lane that is told to
wait hands its requests to one that need not, or need not for so long; one that dies hands them to
the others.

A lane takes part once it is known to see what the others see: as many messages as the first one.
While the first one cannot be asked, another begins only if Telegram says that nothing of the chat
is hidden from it.

In channels all accounts see the same messages with the same ids, but not the same *objects*:
access hashes belong to one account, and some flags mean whoever asks. What another account has
fetched is therefore stripped of both before the first client gets it, and nothing of it is written
to any session.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from telethon import types
from telethon.errors import RPCError

from telefast.errors import ArgumentError, TelefastError
from telefast.history.accounts import UNUSABLE, check_accounts, list_for, refusal
from telefast.history.fetcher import Fetcher
from telefast.history.lists import History, Listing
from telefast.history.opening import Wanted
from telefast.history.order import Ask
from telefast.logs import get_logger
from telefast.peers.metadata import MetadataCache
from telefast.transport import telethon as door
from telefast.transport.account import Account

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.transport.calls import CallOptions
    from telefast.transport.messages import Page
    from telefast.transport.waits import WaitEvent

__all__ = ["Lanes", "open_lanes"]

_log = get_logger("history")

_CHANNELS = (types.InputPeerChannel, types.InputPeerChannelFromMessage)
_KNOWN = 10_000
"""Users and chats of the first account that are kept for messages of the others, some 10 MiB."""


class _HeldError(Exception):
    """A request would have to wait where it is, and less elsewhere."""


@dataclass(slots=True, eq=False)
class _Lane:
    """One account."""

    number: int
    client: TelegramClient
    peer: Any = None
    fetcher: Fetcher = field(init=False)
    history: Fetcher = field(init=False)
    in_flight: int = 0
    answers: int = 0
    free_at: float = -math.inf
    """When it need not wait any more, as far as it was told; infinity until it can be compared."""
    is_joined: bool = False
    is_dead: bool = False
    joining: asyncio.Lock = field(default_factory=asyncio.Lock)


class Lanes(Fetcher):
    """Fetch parts of one list through several accounts. Messages are bound to the first one.

    Made by `open_lanes`.

    Args:
        client: The first account's client.
        source: The list, as it is for that account.
        options: What one call may cost.
        others: The clients of the other accounts, each with the list as it is for it, or with what
            keeps it from being asked.
        on_ask: Called before each request that compares what they see.
    """

    def __init__(
        self,
        client: TelegramClient,
        source: Listing,
        options: CallOptions,
        others: Sequence[tuple[TelegramClient, Listing | Exception]],
        on_ask: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(client, source, options)
        self._on_ask = on_ask
        self._is_open = False
        self._seen: tuple[int, int] | None = None  # the fewest messages that were seen, the most
        self._error: Exception = ArgumentError("client", "no client", "one that can be asked")
        self._known: dict[int, Any] = {}
        self._total = 1 + len(others)
        self._lanes: list[_Lane] = []
        for number, (each, found) in enumerate([(client, source), *others]):
            lane = _Lane(number, each)
            self._lanes.append(lane)
            if isinstance(found, Exception):
                self._bury(lane, found)
                continue
            own = replace(options, on_wait=partial(self._on_wait, lane))
            lane.peer = found.peer
            lane.fetcher = Fetcher(each, found, own)
            lane.history = Fetcher(each, History(found.peer), own)

    @property
    def width(self) -> int:
        """How many accounts take requests now."""
        now = asyncio.get_running_loop().time()
        return max(1, sum(not lane.is_dead and lane.free_at <= now for lane in self._lanes))

    @property
    def shares(self) -> tuple[int, ...]:
        """Answers that each account has brought, in the order of the clients."""
        return tuple(lane.answers for lane in self._lanes)

    async def fetch(self, ask: Ask) -> tuple[Page, float]:
        """Return the page that answers *ask*, from whichever account is free."""
        while True:
            lane = self._choose()
            if not lane.is_joined:
                await self._join(lane)
                continue
            lane.in_flight += 1
            try:
                page, latency = await lane.fetcher.fetch(ask)
            except _HeldError:
                continue
            except (RPCError, TelefastError) as error:
                self._lost(lane, error)
                continue
            finally:
                lane.in_flight -= 1
            lane.answers += 1
            page.is_foreign = lane.number > 0
            if not page.is_foreign:
                self._know(page.entities)
            return page, latency

    def _choose(self) -> _Lane:
        """Return who is asked next; raise what ended the last one."""
        now = asyncio.get_running_loop().time()

        def rank(lane: _Lane) -> tuple[float, bool, int, int]:
            wait = max(lane.free_at - now, 0.0)
            return wait, lane.joining.locked(), lane.in_flight, lane.answers

        lane = min((each for each in self._lanes if not each.is_dead), key=rank, default=None)
        if lane is None or lane.free_at == math.inf:
            raise self._error
        return lane

    def _on_wait(self, lane: _Lane, event: WaitEvent) -> None:
        if self._options.on_wait is not None:
            self._options.on_wait(event)
        if event.reason in ("pacing", "spacing"):
            return
        lane.free_at = event.ends
        if any(not each.is_dead and each.free_at < lane.free_at for each in self._lanes):
            raise _HeldError

    def _lost(self, lane: _Lane, error: Exception) -> None:
        """Do without an account, or raise what is no reason to."""
        if not isinstance(error, UNUSABLE):
            if not (lane.number and isinstance(error, RPCError)):
                raise error  # of the chat that the user named
            if not self._is_open:
                raise refusal(lane.number, "an account that can read this chat") from error
        self._bury(lane, error)

    def _bury(self, lane: _Lane, error: Exception) -> None:
        if not lane.is_dead:
            lane.is_dead = True
            self._error = error
            Account.of(self._client).metrics.add("history_accounts_lost")
            text = "account %d of %d takes no more requests: %s"
            _log.warning(text, lane.number + 1, self._total, type(error).__name__)

    # Who takes part

    async def open(self) -> None:
        """Let each account join that can be asked now; wait only if none can.

        Raises:
            ArgumentError: If one cannot read the chat, or not all of it.
            TelefastError: What keeps the last one from being asked; or the first one, if nothing
                else tells whether the others see all of the chat.
        """
        for lane in self._lanes:
            if not lane.is_dead:
                await self._join(lane)
        while not any(lane.is_joined and not lane.is_dead for lane in self._lanes):
            await self._join(self._choose())
        self._is_open = True

    async def _join(self, lane: _Lane) -> None:
        async with lane.joining:
            if lane.is_joined or lane.is_dead:
                return
            try:
                await self._compare(lane, await self._count(lane))
            except _HeldError:
                return
            except (RPCError, TelefastError) as error:
                self._lost(lane, error)

    async def _count(self, lane: _Lane) -> int:
        self._on_ask()
        page, _ = await lane.history.fetch(Ask(limit=1))
        return len(page.messages) if page.count is None else page.count

    async def _compare(self, lane: _Lane, count: int) -> None:
        """Let an account join that sees what the others see."""
        if self._seen is None:
            if lane.number and not await self._sees_all(lane):
                lane.free_at = math.inf
                return
            self._seen = count, count
            for each in self._lanes:
                each.free_at = -math.inf if each.free_at == math.inf else each.free_at
        elif not self._has_seen(count):
            # Or something was posted or deleted meanwhile.
            if not await self._look_again(lane):
                return
            if not self._has_seen(count):
                error = refusal(lane.number, "an account that sees all that the others see")
                if not self._is_open:
                    raise error
                self._bury(lane, error)
                return
        lane.is_joined = True

    async def _look_again(self, lane: _Lane) -> bool:
        """Count what another account sees now; False if that must wait, and *lane* with it."""
        for other in self._lanes:
            if other.is_joined and not other.is_dead:
                try:
                    count = await self._count(other)
                except _HeldError:
                    lane.free_at = other.free_at
                    return False
                except (RPCError, TelefastError) as error:
                    self._lost(other, error)
                else:
                    assert self._seen is not None  # noqa: S101 - for the type checker
                    self._seen = min(self._seen[0], count), max(self._seen[1], count)
                    return True
        return True

    def _has_seen(self, count: int) -> bool:
        assert self._seen is not None  # noqa: S101 - for the type checker
        return self._seen[0] <= count <= self._seen[1]

    async def _sees_all(self, lane: _Lane) -> bool:
        """Ask whether anything of the chat is hidden from whoever joined late."""
        timeout, budget = self._options.timeout, self._options.max_flood_wait
        cache = MetadataCache(lane.client, timeout=timeout, max_flood_wait=budget)
        meta = await cache.full(lane.peer)
        return not (meta.available_min_id or meta.is_prehistory_hidden)

    # What they bring

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
        TelefastError: If no account can be asked now.
    """
    if not isinstance(source.peer, _CHANNELS):
        expected = "one client: ids of private chats and basic groups differ between accounts"
        raise ArgumentError("client", f"{len(clients)} clients", expected)
    await check_accounts(clients)
    others = [
        (client, await list_for(number, clients, entity, source.peer, wanted, by_ids=by_ids))
        for number, client in enumerate(clients)
        if number
    ]
    lanes = Lanes(clients[0], source, options, others, on_ask)
    await lanes.open()
    return lanes
