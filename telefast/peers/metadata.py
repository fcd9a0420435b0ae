"""`MetadataCache`: full information on chats, asked once and kept for a time."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cachetools import TLRUCache
from telethon import types, utils
from telethon.errors import RPCError, UnauthorizedError
from telethon.tl.functions.channels import GetFullChannelRequest
from telethon.tl.functions.messages import GetFullChatRequest, GetHistoryRequest, GetRepliesRequest
from telethon.tl.functions.users import GetFullUserRequest

from telefast.checks import check_int, check_lifetimes, check_patience
from telefast.disk import replace_file
from telefast.errors import ArgumentError, FloodWaitTooLongError, PeerNotFoundError
from telefast.logs import flush, get_logger
from telefast.peers.asking import Asker
from telefast.peers.cache import PeerCache
from telefast.peers.links import MAX_ID
from telefast.peers.meta import ChatMeta, MessageCount, count_of, meta_of
from telefast.tasks import Crew, SingleFlight, in_thread
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.calls import CallOptions

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["MetadataCache", "ProfileRun"]

_log = get_logger("peers")
_VERSION = 1
"""Of the file; another version is not read, and replaced."""

Key = tuple[str, int, int]
"""What was asked ("full" or "count"), marked id, thread (0 for none)."""


@dataclass(frozen=True, slots=True)
class _Entry:
    value: ChatMeta | MessageCount | Exception
    fetched_at: float  # seconds since the epoch, for the file
    ends: float  # by the cache's clock


@dataclass(slots=True)
class ProfileRun:
    """What `MetadataCache.profiles` brought.

    Attributes:
        found: The profiles, by marked id.
        failed: What could not be had, each with Telegram's error, in the order of the list.
        left: What was not asked for, since the run stopped.
        reason: Why it stopped: `budget` or `flood`; empty if it came to the end.
        requests: Requests for full information that were sent.
    """

    found: dict[int, ChatMeta]
    failed: list[tuple[Any, Exception]]
    left: list[Any]
    reason: str = ""
    requests: int = 0


class MetadataCache:
    """Full information and message counts, one request each in *ttl* seconds.

    Concurrent callers share one request. Errors reach every caller and are not kept, unless
    *negative_ttl* says so. With *path* what was learnt outlives the process: it is read at the
    first use, and written by `save`, by `profiles`, and on leaving `async with`. The file holds
    names and numbers, no access hash, and only its owner may read it.

    Args:
        client: A connected `telethon.TelegramClient`.
        ttl: How long an answer is believed, in seconds. Default one hour.
        max_entries: Answers kept, the least recently used forgotten first.
        path: File to keep them in; None (default) for memory only. Its folder must exist.
        negative_ttl: How long Telegram's errors about a chat are kept, in seconds. Default 0.
        peers: Where entities are resolved; None for a `PeerCache` of its own.
        timeout: Deadline of each request, in seconds; None for none.
        max_flood_wait: Longest time that one request may spend in flood waits, in seconds.
        clock: Seconds of a monotonic clock, for lifetimes; None for `time.monotonic`.
        wall_clock: Seconds since the epoch, for the file; None for `time.time`.

    Raises:
        ArgumentError: By the constructor, if a number is out of range.
    """

    def __init__(
        self,
        client: TelegramClient,
        ttl: float = 3600.0,
        max_entries: int = 1000,
        path: str | Path | None = None,
        *,
        negative_ttl: float = 0.0,
        peers: PeerCache | None = None,
        timeout: float | None = 60.0,
        max_flood_wait: float = 3600.0,
        clock: Callable[[], float] | None = None,
        wall_clock: Callable[[], float] | None = None,
    ) -> None:
        check_lifetimes(ttl=ttl, negative_ttl=negative_ttl)
        check_int("max_entries", max_entries, 1, None)
        check_patience(timeout, max_flood_wait)
        if not isinstance(path, str | Path | None):
            raise ArgumentError("path", path, "a str or a Path, or None for memory only")
        if not isinstance(peers, PeerCache | None):
            raise ArgumentError("peers", peers, "a PeerCache, or None")
        self.peers = peers or PeerCache(client)
        self._asker = Asker(client, CallOptions(timeout, max_flood_wait))
        self._client = client
        self._ttl = ttl
        self._negative_ttl = negative_ttl
        self._path = None if path is None else Path(path)
        self._clock = clock or time.monotonic
        self._wall_clock = wall_clock or time.time
        self._entries: TLRUCache[Key, _Entry] = TLRUCache(
            max_entries, lambda _key, entry, _now: entry.ends, self._clock
        )
        self._flight: SingleFlight[Key, Any] = SingleFlight()
        self._loading: SingleFlight[None, None] = SingleFlight()
        self._saving = asyncio.Lock()
        self._is_loaded = path is None
        self._metrics = Account.of(client).metrics

    async def full(self, entity: Any) -> ChatMeta:
        """Return what Telegram tells of a chat.

        Args:
            entity: Whatever `PeerCache.resolve` takes.

        Raises:
            PeerNotFoundError: If this account cannot name it to Telegram.
            RPCError: Telegram's error: private, banned, vanished.
        """
        peer, marked_id = await self._named(entity)
        meta: ChatMeta = await self._get(("full", marked_id, 0), self._ask_full, peer)
        return meta

    async def message_count(self, entity: Any, reply_to: int | None = None) -> MessageCount:
        """Return how many messages a chat has, or a thread of it.

        Service messages count; messages that Telegram hides may, too.

        Args:
            entity: Whatever `PeerCache.resolve` takes.
            reply_to: The message on which the thread hangs, such as a topic's id.

        Raises:
            PeerNotFoundError: If this account cannot name it to Telegram.
            RPCError: Telegram's error. It is never answered with 0.
        """
        if reply_to is not None:
            check_int("reply_to", reply_to, 1, MAX_ID, "None for the whole chat")
        peer, marked_id = await self._named(entity)
        key = ("count", marked_id, reply_to or 0)
        count: MessageCount = await self._get(key, self._ask_count, peer, reply_to or 0)
        return count

    async def profiles(
        self, entities: Iterable[Any], *, budget: int, concurrency: int = 4
    ) -> ProfileRun:
        """Ask for full information on many, and stop in good order.

        Telegram has no request for many profiles, and limits this one early: nothing in telefast
        asks for profiles unless you call this, and you say how many requests it may cost. What is
        known costs none. A flood wait beyond *max_flood_wait* stops the run like the budget; call
        it later with `left`.

        Args:
            entities: Whatever `full` takes; each once.
            budget: Requests for full information at most.
            concurrency: Requests in flight.

        Returns:
            What was found, what failed, and what is left.

        Raises:
            RemoteError: If the connection is lost, or nobody answers.
            RPCError: What is not about one of them: the account is logged out (401).
        """
        check_int("budget", budget, 0, None)
        check_int("concurrency", concurrency, 1, None)
        if isinstance(entities, str | bytes) or not isinstance(entities, Iterable):
            # Its type alone: it may be a phone number.
            raise ArgumentError("entities", type(entities).__name__, "an iterable of entities")
        run = ProfileRun({}, [], [])
        waiting = deque(enumerate(entities))
        failed: dict[int, tuple[Any, Exception]] = {}
        left: dict[int, Any] = {}

        async def one(entity: Any) -> ChatMeta | None:
            """Return the profile, None if it would cost more than is left."""
            peer, marked_id = await self._named(entity)
            key = ("full", marked_id, 0)
            if key not in self._entries:
                if run.requests >= budget:
                    return None
                run.requests += 1
            found: ChatMeta = await self._get(key, self._ask_full, peer)
            return found

        under_way: dict[int, Any] = {}
        try:
            async with Crew[int, ChatMeta | None]() as crew:
                while waiting or under_way:
                    while waiting and crew.in_flight < concurrency and not run.reason:
                        index, entity = waiting.popleft()
                        under_way[index] = entity
                        crew.start(index, one, entity)
                    if not under_way:
                        break
                    await crew.wait()
                    while (outcome := crew.finished()) is not None:
                        index, meta, error = outcome
                        entity = under_way.pop(index)
                        if meta is not None:
                            run.found[meta.id] = meta
                        elif error is None or isinstance(error, FloodWaitTooLongError):
                            left[index] = entity
                            run.reason = "budget" if error is None else "flood"
                        elif _is_about_one(error):
                            failed[index] = (entity, error)
                        else:
                            raise error
        finally:
            await self.save()
        left |= dict(waiting)
        run.left = [left[index] for index in sorted(left)]
        run.failed = [failed[index] for index in sorted(failed)]
        return run

    def invalidate(self, chat_id: int | None = None) -> None:
        """Forget what is known of a chat (by marked id), or of all of them."""
        for key in [*self._entries]:
            if chat_id is None or key[1] == chat_id:
                self._entries.pop(key, None)

    async def save(self) -> None:
        """Write the file, if there is one; whole or not at all.

        Raises:
            DiskFullError: If there is no room; the old file stays.
            OSError: If it cannot be written; the old file stays.
        """
        if self._path is None or not self._is_loaded:
            return
        held = list(self._entries.items())
        data = {
            "version": _VERSION,
            "account": door.self_id(self._client),
            "full": [
                [entry.fetched_at, entry.value.to_json()]
                for _, entry in held
                if isinstance(entry.value, ChatMeta)
            ],
            "count": [
                [entry.fetched_at, key[1], key[2], entry.value.value, entry.value.is_exact]
                for key, entry in held
                if isinstance(entry.value, MessageCount)
            ],
        }
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
        async with self._saving:
            await in_thread(_write, self._path, text)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            await self.save()
        finally:
            flush(self._metrics)

    # Asking

    async def _named(self, entity: Any) -> tuple[Any, int]:
        if not self._is_loaded:
            await self._loading.run(None, self._load)
        peer = await self.peers.resolve(entity)
        if isinstance(peer, types.InputPeerSelf):
            return peer, door.self_id(self._client) or 0
        return peer, utils.get_peer_id(peer)

    async def _get(self, key: Key, ask: Callable[..., Any], *args: Any) -> Any:
        entry = self._entries.get(key)
        if entry is None:
            self._metrics.add("metadata_cache_misses")
            return await self._flight.run(key, self._fetch, key, ask, args)
        self._metrics.add("metadata_cache_hits")
        if isinstance(entry.value, Exception):
            raise entry.value
        return entry.value

    async def _fetch(self, key: Key, ask: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        try:
            value = await ask(*args)
        except RPCError as error:
            if _is_about_one(error):
                self._put(key, error, self._wall_clock(), self._negative_ttl)
            raise
        self._put(key, value, self._wall_clock(), self._ttl)
        return value

    def _put(self, key: Key, value: Any, fetched_at: float, lifetime: float) -> None:
        self._entries[key] = _Entry(value, fetched_at, self._clock() + lifetime)

    async def _ask_full(self, peer: Any) -> ChatMeta:
        request: Any
        if isinstance(peer, types.InputPeerChat):
            request = GetFullChatRequest(peer.chat_id)
        elif isinstance(peer, types.InputPeerChannel | types.InputPeerChannelFromMessage):
            request = GetFullChannelRequest(utils.get_input_channel(peer))
        else:
            request = GetFullUserRequest(utils.get_input_user(peer))
        answer = await self._asker.ask(request)
        self.peers.learn(answer)
        await self._asker.keep(answer)
        return meta_of(answer)

    async def _ask_count(self, peer: Any, reply_to: int) -> MessageCount:
        request: Any
        if reply_to:
            request = GetRepliesRequest(peer, reply_to, 0, None, 0, 1, 0, 0, 0)
        else:
            request = GetHistoryRequest(peer, 0, None, 0, 1, 0, 0, 0)
        answer = await self._asker.ask(request)
        self.peers.learn(answer)
        return count_of(answer, door.method_of(request))

    # The file

    async def _load(self) -> None:
        path = self._path
        if path is None or self._is_loaded:
            return
        try:
            self._restore(json.loads(await in_thread(path.read_bytes)))
        except FileNotFoundError:
            pass
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # A cache that is lost costs requests and nothing else.
            _log.warning("cache not read path=%s reason=%s", path, type(error).__name__)
        self._is_loaded = True

    def _restore(self, data: Any) -> None:
        # Another account may see less of a chat.
        if data["version"] != _VERSION or data["account"] != door.self_id(self._client):
            return
        for fetched_at, each in data["full"]:
            meta = ChatMeta.from_json(each)
            self._revive(("full", meta.id, 0), meta, float(fetched_at))
        for fetched_at, chat_id, root, value, is_exact in data["count"]:
            source = "messages.getReplies" if root else "messages.getHistory"
            count = MessageCount(value, bool(is_exact), source)
            self._revive(("count", int(chat_id), int(root)), count, float(fetched_at))

    def _revive(self, key: Key, value: Any, fetched_at: float) -> None:
        """Put what is still believed; an age below 0 means that the clock was moved."""
        age = self._wall_clock() - fetched_at
        if 0 <= age < self._ttl:
            self._put(key, value, fetched_at, self._ttl - age)


def _write(path: Path, text: bytes) -> None:
    replace_file(path, text, private=True)


def _is_about_one(error: Exception) -> bool:
    """Return whether an error is about one peer, so that others may still be asked for."""
    if isinstance(error, UnauthorizedError):
        return False
    return isinstance(error, RPCError | PeerNotFoundError)
