"""`PeerCache`: from what a user writes to what a request may name.

Access hashes live in the client's own session, where Telethon keeps them, and are read from there
by marked id: this is no second store. What the cache adds lives in memory: users and chats of
pages that nobody wrote to the session, usernames for a time, in which message a `min` peer was
seen, and who was not found.

Telethon's own look-up is not used. It takes a string of digits for a phone number and asks for
all contacts, and it finds an id in memory without its mark, so that group -5 may become user 5.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache, TTLCache
from telethon import types, utils
from telethon.errors import (
    ChannelInvalidError,
    ChannelPrivateError,
    InviteHashEmptyError,
    InviteHashExpiredError,
    InviteHashInvalidError,
    UsernameInvalidError,
    UsernameNotOccupiedError,
)
from telethon.tl.functions.channels import GetChannelsRequest
from telethon.tl.functions.contacts import ResolveUsernameRequest
from telethon.tl.functions.messages import CheckChatInviteRequest
from telethon.tl.functions.users import GetUsersRequest
from telethon.tl.types.contacts import ResolvedPeer
from telethon.tl.types.messages import Chats

from telefast.checks import check_int, check_lifetimes, check_patience
from telefast.errors import ArgumentError, PeerNotFoundError
from telefast.peers.asking import Asker
from telefast.peers.counted import AgingCache, CountedCache
from telefast.peers.links import TelegramLink, check_id, is_id, read_name
from telefast.tasks import SingleFlight
from telefast.transport import telethon as door
from telefast.transport.account import Account
from telefast.transport.calls import CallOptions

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["PeerCache", "exact_peer"]

_EXPECTED = "a marked id, @username, link or entity"
_NOT_BY_ID = (
    "known by its id alone, which opens nothing; let telefast see it first (PeerCache.learn of a "
    "page that shows it, or client.get_dialogs()), or name it by its @username"
)
_OF_A_USER = (
    "a positive number is a user's id (a group has -id, a channel -100id), and this one is "
)
_NOT_A_MEMBER = "this account is not in the chat that the invitation is for; join it first"


class PeerCache:
    """Find the input peer for whatever names a user or a chat, with as few requests as can be.

    A request is sent only for a username that neither this cache nor the session knows, for an
    invitation, and, once in *negative_ttl*, for an id of which nothing is known (Telegram answers
    bots, and users about their contacts). Concurrent callers who want the same peer share one
    request. Numbers, as `int` or `str`, are marked ids and never phone numbers.

    Args:
        client: A connected `telethon.TelegramClient`.
        ttl: How long a username that the session does not keep is believed to belong to the same
            peer, in seconds. Default one hour. (Ids and access hashes do not change.)
        negative_ttl: How long a peer that was not found is not asked for again, in seconds.
            Default one minute; 0 asks each time.
        max_entries: Peers remembered, the least recently used forgotten first.
        timeout: Deadline of each request, in seconds; None for none.
        max_flood_wait: Longest time that one request may spend in flood waits, in seconds.
        clock: Seconds of a monotonic clock, for lifetimes; None for `time.monotonic`.

    Raises:
        ArgumentError: By the constructor, if a number is out of range.
    """

    def __init__(
        self,
        client: TelegramClient,
        *,
        ttl: float = 3600.0,
        negative_ttl: float = 60.0,
        max_entries: int = 10_000,
        timeout: float | None = 60.0,
        max_flood_wait: float = 3600.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        check_lifetimes(ttl=ttl, negative_ttl=negative_ttl)
        check_int("max_entries", max_entries, 1, None)
        check_patience(timeout, max_flood_wait)
        self._asker = Asker(client, CallOptions(timeout, max_flood_wait))
        self._client = client
        self._metrics = metrics = Account.of(client).metrics
        self._peers: LRUCache[int, Any] = CountedCache(max_entries, metrics)
        self._seen_in: LRUCache[int, tuple[int, int]] = LRUCache(max_entries)
        now = clock or time.monotonic
        self._names: TTLCache[str, int] = AgingCache(max_entries, ttl, now, metrics)
        self._absent: TTLCache[int | str, str] = AgingCache(max_entries, negative_ttl, now, metrics)
        self._flight: SingleFlight[object, Any] = SingleFlight()

    async def resolve(self, entity: Any) -> Any:
        """Return the input peer that *entity* names.

        Args:
            entity: A marked id (`int`, or `str` of digits), `@name`, `me`, a link (`telefast`
                knows the forms of `parse_link`), or any of Telethon's users, chats, peers and
                dialogs.

        Returns:
            An `InputPeer`; for a user or channel known from a message only, one that names it
            through that message (https://core.telegram.org/api/min).

        Raises:
            ArgumentError: If it names no peer: a phone number, a title.
            LinkError: If it is a link to something else.
            PeerNotFoundError: If this account cannot name it to Telegram; says what to do.
            RPCError: Telegram's other errors. They are not remembered.
        """
        named: Any = entity
        if isinstance(entity, str):
            named = read_name(entity)
            if isinstance(named, TelegramLink):
                named = await self._of_link(named)
            if named == "me":
                return types.InputPeerSelf()
            if isinstance(named, str):
                named = await self._of_name(named)
            if not isinstance(named, int):
                return named
        elif isinstance(entity, bool) or entity is None:
            raise ArgumentError("entity", entity, _EXPECTED)
        elif not isinstance(entity, int):
            peer = _input_peer(entity)
            if peer is not None and not isinstance(peer, types.InputPeerEmpty):
                return peer
            named = _marked_id(entity)
        return await self._of_id(check_id(named))

    def learn(self, *answers: Any) -> None:
        """Remember all peers that pages or other answers of Telegram show.

        Sends nothing and writes nothing. Users and channels that are `min` there, or that
        messages name and the page leaves out, are remembered with the message.

        Args:
            answers: Anything with `users`, `chats` and perhaps `messages`: the pages of a
                `telefast.Batch`, or a raw answer.
        """
        for answer in answers:
            for entity in chain(getattr(answer, "users", ()), getattr(answer, "chats", ())):
                self._learn_entity(entity)
            for message in getattr(answer, "messages", ()):
                chat = getattr(message, "peer_id", None)
                if chat is None:
                    continue
                place = (utils.get_peer_id(chat), message.id)
                for peer in _named_in(message):
                    marked_id = utils.get_peer_id(peer)
                    if marked_id != place[0] and marked_id not in self._peers:
                        self._seen_in[marked_id] = place

    def _learn_entity(self, entity: Any) -> None:
        peer = _input_peer(entity)
        if peer is None or isinstance(peer, types.InputPeerEmpty):
            return
        marked_id = utils.get_peer_id(entity)
        self._peers[marked_id] = peer
        self._absent.pop(marked_id, None)
        for name in _usernames(entity):
            self._names[name] = marked_id
            self._absent.pop(f"@{name}", None)

    # By id

    async def _of_id(self, marked_id: int) -> Any:
        known = await self._known(marked_id)
        if known is None:
            known = await self._seen(marked_id)
        if known is not None:
            self._metrics.add("peer_cache_hits")
            return known
        self._check_absent(marked_id)
        self._metrics.add("peer_cache_misses")
        return await self._flight.run(marked_id, self._ask_for_id, marked_id)

    async def _known(self, marked_id: int) -> Any:
        """Return the input peer that needs no request, or None."""
        peer: Any = self._peers.get(marked_id)
        if peer is not None:
            return peer
        if marked_id == door.self_id(self._client):
            return types.InputPeerSelf()
        bare_id, kind = utils.resolve_id(marked_id)
        if kind is types.PeerChat:
            return types.InputPeerChat(bare_id)
        session: Any = self._client.session
        try:
            # A peer, not a number: a number may find another kind with the same id.
            peer = await utils.maybe_async(session.get_input_entity(kind(bare_id)))
        except ValueError:
            return None
        self._peers[marked_id] = peer
        return peer

    async def _seen(self, marked_id: int) -> Any:
        """Return the input peer that names it through a message, or None."""
        chat_id, message_id = self._seen_in.get(marked_id, (0, 0))
        chat = await self._known(chat_id) if chat_id else None
        if chat is None:
            return None
        bare_id, kind = utils.resolve_id(marked_id)
        if kind is types.PeerUser:
            return types.InputPeerUserFromMessage(chat, message_id, bare_id)
        return types.InputPeerChannelFromMessage(chat, message_id, bare_id)

    async def _ask_for_id(self, marked_id: int) -> Any:
        """Ask with no access hash, as Telethon does: bots are answered, and users of contacts."""
        bare_id, kind = utils.resolve_id(marked_id)
        shown: Any
        if kind is types.PeerUser:
            shown = await self._asker.ask(GetUsersRequest([types.InputUser(bare_id, 0)]))
            answer: Any = ResolvedPeer(types.PeerUser(bare_id), [], shown)
        else:
            try:
                answer = await self._asker.ask(GetChannelsRequest([types.InputChannel(bare_id, 0)]))
            except (ChannelInvalidError, ChannelPrivateError) as error:
                raise self._not_found(marked_id, _NOT_BY_ID) from error
        await self._take(answer)
        peer = self._peers.get(marked_id)
        if peer is None:
            hint = _OF_A_USER if kind is types.PeerUser else ""
            raise self._not_found(marked_id, hint + _NOT_BY_ID)
        return peer

    # By name and link

    async def _of_link(self, link: TelegramLink) -> Any:
        if link.peer is not None:
            return read_name(link.peer) if isinstance(link.peer, str) else link.peer
        return await self._flight.run(("invite", link.invite_hash), self._ask_for_invite, link)

    async def _ask_for_invite(self, link: TelegramLink) -> Any:
        request = CheckChatInviteRequest(link.invite_hash or "")
        try:
            answer = await self._asker.ask(request)
        except (InviteHashEmptyError, InviteHashExpiredError, InviteHashInvalidError) as error:
            raise PeerNotFoundError("invitation", "it has expired, or never was") from error
        chat: Any = getattr(answer, "chat", None)
        if not isinstance(answer, types.ChatInviteAlready | types.ChatInvitePeek):
            raise PeerNotFoundError("invitation", _NOT_A_MEMBER)
        await self._take(Chats([chat]))
        return utils.get_input_peer(chat)

    async def _of_name(self, name: str) -> int:
        self._names.expire()  # and count them
        marked_id = self._names.get(name)
        if marked_id is None:
            marked_id = await self._named_in_session(name)
        if marked_id is not None:
            return marked_id
        self._check_absent(name)
        self._metrics.add("peer_cache_misses")
        found: int = await self._flight.run(name, self._ask_for_name, name)
        return found

    async def _named_in_session(self, name: str) -> int | None:
        """Look a username up, and nothing but a username: sessions also find chats by title."""
        rows = getattr(self._client.session, "get_entity_rows_by_username", None)
        found = None if rows is None else await utils.maybe_async(rows(name))
        return None if found is None else int(found[0])

    async def _ask_for_name(self, name: str) -> int:
        try:
            answer = await self._asker.ask(ResolveUsernameRequest(name))
        except (UsernameNotOccupiedError, UsernameInvalidError) as error:
            raise self._not_found(f"@{name}", "nobody has this username") from error
        await self._take(answer)
        marked_id: int = utils.get_peer_id(answer.peer)
        self._names[name] = marked_id
        return marked_id

    # Inside

    async def _take(self, answer: Any) -> None:
        self.learn(answer)
        await self._asker.keep(answer)

    def _check_absent(self, peer: int | str) -> None:
        key = f"@{peer}" if isinstance(peer, str) else peer
        self._absent.expire()
        problem = self._absent.get(key)
        if problem is not None:
            raise PeerNotFoundError(key, problem)

    def _not_found(self, peer: int | str, problem: str) -> PeerNotFoundError:
        self._absent[peer] = problem
        return PeerNotFoundError(peer, problem)


async def exact_peer(client: TelegramClient, entity: Any) -> Any:
    """Return what `client.get_input_entity` will take for what *entity* says, and nothing else.

    A number, or a string of digits, is a marked id: it names that user, group or channel, and
    none of another kind with the same bare id. Names and Telethon's objects are left to Telethon.

    Raises:
        ArgumentError: If it can name no peer; nothing is sent then.
        ValueError: If a peer is not known by its id.
    """
    if isinstance(entity, str):
        word = entity.strip()
        if not is_id(word):
            if not word or word.removeprefix("-").isdigit():  # too long, or of other digits
                raise ArgumentError("entity", "...", _EXPECTED)
            return entity
        entity = int(word)
    elif isinstance(entity, bool):
        raise ArgumentError("entity", entity, _EXPECTED)
    elif not isinstance(entity, int):
        if entity is not None and _input_peer(entity) is None:
            _marked_id(entity)
        return entity
    peer = await client.get_input_entity(check_id(entity))
    if isinstance(peer, types.InputPeerSelf) or utils.get_peer_id(peer) == entity:
        return peer
    return await PeerCache(client).resolve(entity)


def _input_peer(entity: Any) -> Any:
    """Return what names it to Telegram; None if it is `min`, or none of Telethon's objects."""
    try:
        return utils.get_input_peer(entity)
    except TypeError:
        return None


def _marked_id(entity: Any) -> int:
    try:
        marked_id: int = utils.get_peer_id(entity)
    except TypeError:
        # Its type alone: an object may show a message, or a phone number.
        name = type(entity).__name__
        raise ArgumentError("entity", name, _EXPECTED) from None
    return marked_id


def _usernames(entity: Any) -> Iterable[str]:
    first = getattr(entity, "username", None)
    others = getattr(entity, "usernames", None) or ()
    names = [first, *(each.username for each in others if each.active)]
    return {name.lower() for name in names if name}


def _named_in(message: Any) -> Iterable[Any]:
    """Return the peers that a message names and that may be named through it."""
    header = getattr(message, "fwd_from", None)
    via_bot = getattr(message, "via_bot_id", None)
    named = (
        getattr(message, "from_id", None),
        getattr(header, "from_id", None),
        None if via_bot is None else types.PeerUser(via_bot),
    )
    return [peer for peer in named if peer is not None and not isinstance(peer, types.PeerChat)]
