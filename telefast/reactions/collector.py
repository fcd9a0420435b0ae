"""`ReactionCollector`: how people reacted to messages, and who did, with as few requests as can be.

The counts come with the messages. Who reacted is asked for only on request, and only where the
message does not tell it already, the chat tells it at all, and nothing is known from before.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from cachetools import LRUCache
from telethon import types
from telethon.tl.functions.messages import GetMessagesReactionsRequest
from telethon.utils import get_peer_id

from telefast.checks import check_flags, check_int, check_iterable, check_patience
from telefast.errors import ArgumentError, UnexpectedAnswerError
from telefast.flights import SharedFlight
from telefast.metrics import Metrics
from telefast.ordered import OrderedMap, ordered_map
from telefast.peers.cache import PeerCache
from telefast.peers.links import MAX_ID
from telefast.reactions.emoji import Batches, CustomEmoji, EmojiShelf
from telefast.reactions.lists import ReactorLists
from telefast.reactions.people import (
    Given,
    Reactor,
    ReactorList,
    Reason,
    Redactor,
    look,
)
from telefast.reactions.summary import ReactionSummary
from telefast.reactions.types import Collected, ReactionStats
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.calls import CallOptions, call

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["ReactionCollector"]

_PAGE = 100
"""Most reactors in one answer (TDLib `MessageReaction.cpp`)."""
_IDS = 100
"""Most messages in one request for reactions (TDLib `MessageQueryManager.cpp`)."""
_AHEAD = 16
"""Messages looked at for each request in flight: our choice. Most need no request, and those that
do are to be found in time."""
_KEPT: frozenset[Reason] = frozenset({"", "limit", "stars"})
"""Outcomes that the same counts would give again."""


class ReactionCollector:
    """Tell how people reacted to messages, and on request who.

    `summarize` reads a message and sends nothing. `reactors` asks for the list of who reacted,
    page by page, unless the message has all of them, the chat is a channel or hides them, a
    request was refused in this chat before, or the list is known and the counts are the same.
    `collect` does both for any stream of messages, several requests at a time, in order.

    People are redacted before anything is kept or handed on. With `opaque` nothing but a keyed
    hash of their id is left: the same in all that is made with one *key*, and unlike in what is
    made with another. Several workers of one export are given one key.

    Requests are paced with all others of the account. Within a takeout, pass its client::

        async with Takeout(client) as takeout:
            collector = ReactionCollector(takeout.client, full=True)

    Args:
        client: A connected `telethon.TelegramClient`, or its takeout proxy.
        enabled: Whether to collect anything; False passes messages on without a look at them.
        full: Whether `collect` tells who reacted, too. Default False: counts alone, no request.
        redact: `none` (default) keeps ids and names of those who reacted, `id` ids alone,
            `opaque` neither. True stands for `id`, False for `none`.
        key: Secret of `opaque`, 16 bytes or more; None makes one that is never shown, so that
            another run gives other hashes.
        cache_size: Messages whose lists are remembered, the least recently used forgotten first;
            0 for none. Default 10,000. Each reactor takes 180 bytes, 260 with `opaque` (measured
            with tracemalloc, Python 3.11); names come on top.
        concurrency: Requests in flight at most.
        page_size: Reactors to ask for in one request, at most (and by default) 100.
        max_reactors: Reactors of one message to ask for at most; None (default) for all.
        timeout: Deadline of each request, in seconds; None for none.
        max_flood_wait: Longest time that one request may spend in flood waits, in seconds.

    Raises:
        ArgumentError: If an argument has no legal value.
    """

    def __init__(
        self,
        client: TelegramClient,
        *,
        enabled: bool = True,
        full: bool = False,
        redact: Literal["none", "id", "opaque"] | bool = "none",
        key: bytes | None = None,
        cache_size: int = 10_000,
        concurrency: int = 4,
        page_size: int = _PAGE,
        max_reactors: int | None = None,
        timeout: float | None = 60.0,
        max_flood_wait: float = 3600.0,
    ) -> None:
        check_flags(enabled=enabled, full=full)
        redactor = _redactor(redact, key)
        check_int("cache_size", cache_size, 0, None)
        check_int("concurrency", concurrency, 1, None)
        check_int("page_size", page_size, 1, _PAGE)
        if max_reactors is not None:
            check_int("max_reactors", max_reactors, 1, None, "None for all")
        check_patience(timeout, max_flood_wait)
        self._client = client
        self._is_enabled = enabled
        self._is_full = full
        self._redactor = redactor
        self._concurrency = concurrency
        self._options = CallOptions(timeout, max_flood_wait)
        self._peers = PeerCache(client, timeout=timeout, max_flood_wait=max_flood_wait)
        self._emoji = EmojiShelf(self._ask, cache_size, concurrency)
        self._cache: LRUCache[tuple[int, int], tuple[str, ReactorList]] = LRUCache(cache_size)
        self._flights: SharedFlight[tuple[int, int, str], ReactorList] = SharedFlight()
        self._turns = asyncio.Semaphore(concurrency)
        self._lists = ReactorLists(
            self._ask, partial(self._count, "forbidden"), page_size, max_reactors
        )
        self._counts = Metrics()
        self._metrics = Account.of(client).metrics

    def summarize(self, message: Any) -> ReactionSummary:
        """Return the reactions that a message shows; an empty summary for None. No request."""
        return ReactionSummary.of(message) if self._is_enabled else ReactionSummary()

    def stats(self) -> ReactionStats:
        """Return what was done so far; the account's metrics have the same as `reactions_…`."""
        return ReactionStats(*(int(self._counts[name]) for name in ReactionStats.__slots__))

    async def reactors(self, entity: Any, message: Any) -> ReactorList:
        """Return who reacted to a message.

        That Telegram does not tell is no error, but a list that is not `complete` and says why:
        then `items` are those whom the message shows. Callers who ask for the same at a time
        share the requests.

        Args:
            entity: The chat, as anything that `telefast.PeerCache.resolve` takes; None for the
                chat that the message came from.
            message: The message.

        Raises:
            ArgumentError: If it is no message; None is a message without reactions.
            PeerNotFoundError: If this account cannot name the chat to Telegram.
            RPCError: Telegram's error, if it is not about this message or its chat.
            FloodWaitTooLongError: If a request would wait longer than `max_flood_wait`.
            RemoteError: If the connection is lost, or nobody answers.
        """
        if message is not None and not hasattr(message, "id"):
            raise ArgumentError("message", type(message).__name__, "a message")
        if not self._is_enabled:
            return ReactorList(reason="disabled")
        summary = ReactionSummary.of(message)
        given, reason = look(message, summary)
        if reason is None and self._lists.is_refused(message):
            reason = "forbidden"
        if reason is not None:
            if given and not reason:
                self._count("from_messages")
            return self._told(message, summary, given, {}, reason, summary.total)
        place = (get_peer_id(message.peer_id), message.id)
        print_, known = self._cache.get(place, ("", None))
        if known is not None and print_ == summary.fingerprint:
            self._count("cache_hits")
            return known
        return await self._flights.run(
            (*place, summary.fingerprint), self._fetch, entity, message, summary, given
        )

    def collect(self, messages: AsyncIterable[Any], *, entity: Any = None) -> OrderedMap[Collected]:
        """Return the messages with their reactions, in the order in which they come.

        Iterate with `async for message, summary, reactors in …`, best within `async with`, which
        ends all work if you stop early. Messages are read ahead, 32 at most for each request in
        flight; how errors and cancellation are handed on, and who closes what, is as in
        `telefast.ordered_map`.

        Args:
            messages: Any asynchronous iterable, such as `telefast.BatchedHistory`; service
                messages have reactions, too, and None passes.
            entity: The chat they are in, None for where each came from.

        Raises:
            ArgumentError: If these are no messages that come one after the other.
        """
        if not hasattr(messages, "__aiter__"):
            given = type(messages).__name__
            raise ArgumentError("messages", given, "an asynchronous iterable of messages")
        one = partial(self._collect, entity)
        return ordered_map(messages, one, concurrency=_AHEAD * self._concurrency)

    async def refresh(self, entity: Any, ids: Iterable[int]) -> dict[int, ReactionSummary]:
        """Ask what the reactions to messages are now, 100 messages in a request.

        It tells own choices where the messages are `min`. Official clients ask for a message that
        is on the screen every 20 seconds at most.

        Args:
            entity: The chat, as anything that `telefast.PeerCache.resolve` takes.
            ids: Ids of messages.

        Returns:
            A summary for each id, in the given order. It is empty where there are no reactions,
            and where there is no message: Telegram does not tell these apart.

        Raises:
            ArgumentError: If these are no ids.
            RPCError: Telegram's error.
            RemoteError: If the connection is lost, or nobody answers.
        """
        check_iterable("ids", ids, "an iterable of ids")
        wanted = [*dict.fromkeys(ids)]
        for each in wanted:
            check_int("ids", each, 1, MAX_ID)
        if not wanted:
            return {}
        peer = await self._peers.resolve(entity)
        found = dict.fromkeys(wanted, ReactionSummary())
        batches = Batches(wanted, _IDS)
        ask = partial(self._refresh, peer)
        async with ordered_map(batches, ask, concurrency=self._concurrency) as answers:
            async for answer in answers:
                found |= {each: told for each, told in answer.items() if each in found}
        return found

    async def custom_emoji(self, ids: Iterable[int]) -> dict[int, CustomEmoji]:
        """Return what custom emoji are, by document id; 200 in a request, each once.

        Args:
            ids: Document ids, such as `ReactionSummary.custom_ids`. Those that Telegram does not
                know are left out.

        Raises:
            ArgumentError: If these are no ids.
            RPCError: Telegram's error.
            RemoteError: If the connection is lost, or nobody answers.
        """
        check_iterable("ids", ids, "an iterable of ids")
        return await self._emoji.find(ids)

    # One message

    async def _collect(self, entity: Any, message: Any) -> Collected:
        summary = self.summarize(message)
        if summary.items:
            self._count("messages")
            self._count("total", summary.total)
        if not (self._is_enabled and self._is_full):
            return Collected(message, summary, None)
        return Collected(message, summary, await self.reactors(entity, message))

    async def _fetch(
        self, entity: Any, message: Any, summary: ReactionSummary, given: list[Given]
    ) -> ReactorList:
        peer = getattr(message, "input_chat", None) if entity is None else entity
        peer = await self._peers.resolve(message.peer_id if peer is None else peer)
        self._count("cache_misses")
        walk, reason = await self._lists.walk(peer, message)
        told = self._told(
            message,
            summary,
            [*walk.found.values()] or given,
            walk.names,
            reason,
            summary.total if reason in ("undecodable", "gone", "forbidden") else walk.count,
        )
        if reason in _KEPT and self._cache.maxsize:
            self._cache[get_peer_id(message.peer_id), message.id] = summary.fingerprint, told
        return told

    def _told(
        self,
        message: Any,
        summary: ReactionSummary,
        given: Iterable[Given],
        names: dict[int, str],
        reason: Reason,
        count: int,
    ) -> ReactorList:
        """Return a list of people, redacted."""
        items: list[Reactor] = [self._redactor.reactor(each, names) for each in given]
        payers = self._redactor.payers(message)
        if not reason and sum(each.count for each in payers) < summary.stars:
            reason = "stars"
        return ReactorList((*items, *payers), not reason, reason, count)

    # Requests

    async def _refresh(self, peer: Any, ids: Sequence[int]) -> dict[int, ReactionSummary]:
        kinds = types.Updates, types.UpdatesCombined
        answer = await self._ask(GetMessagesReactionsRequest(peer, [*ids]), *kinds)
        return {
            update.msg_id: ReactionSummary.of(update.reactions)
            for update in answer.updates
            if isinstance(update, types.UpdateMessageReactions)
        }

    async def _ask(self, request: Any, *kinds: type[Any]) -> Any:
        """Return the answer to a request, which is of one of these kinds."""
        door.check_loop(self._client)
        async with self._turns:
            self._count("api_calls")
            data = await call(self._client, request, self._options)
        answer = door.decode(data, request)[0]
        if not isinstance(answer, kinds):
            raise UnexpectedAnswerError(door.method_of(request), type(answer).__name__)
        return answer

    def _count(self, name: str, amount: int = 1) -> None:
        self._counts.add(name, amount)
        self._metrics.add(f"reactions_{name}", amount)


def _redactor(redact: object, key: object) -> Redactor:
    mode = {True: "id", False: "none"}.get(redact) if isinstance(redact, bool) else redact
    if mode not in ("none", "id", "opaque"):
        raise ArgumentError("redact", redact, '"none", "id" or "opaque"')
    if key is None:
        key = secrets.token_bytes(32)
    if not isinstance(key, bytes) or len(key) < 16:
        # Its type alone: it is a secret.
        raise ArgumentError("key", type(key), "16 bytes or more, or None")
    return Redactor(mode, key)
