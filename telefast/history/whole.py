"""`WholeHistory`: a supergroup and the basic group that it was, as one history.

When a basic group becomes a supergroup its messages stay where they are, in another chat with ids
of its own (https://core.telegram.org/api/channel#migration). Message 7 of one is not message 7 of
the other, so everything here is keyed by (marked peer id, message id).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

from telethon import types, utils
from telethon.errors import (
    ChannelInvalidError,
    ChannelPrivateError,
    ChatForbiddenError,
    ChatIdInvalidError,
    PeerIdInvalidError,
)

from telefast.checks import check_flags
from telefast.errors import ArgumentError, GroupMigratedError, PeerNotFoundError
from telefast.history.arguments import check_after, check_chat
from telefast.history.stream import BatchedHistory
from telefast.peers.links import mark_channel
from telefast.peers.metadata import MetadataCache
from telefast.tasks import Alone
from telefast.transport import telethon as door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from telethon import TelegramClient

    from telefast.history.types import Batch

__all__ = ["MessageKey", "MissingPart", "WholeHistory"]

_NO_ACCESS = (
    ChannelInvalidError,
    ChannelPrivateError,
    ChatForbiddenError,
    ChatIdInvalidError,
    PeerIdInvalidError,
    PeerNotFoundError,
)
_OF_ONE_CHAT = (
    *("ids", "offset_id", "min_id", "max_id", "add_offset", "reply_to", "scheduled"),
    "on_progress",
)
"""Arguments of `BatchedHistory` that mean the ids, or the messages, of one chat."""


class MessageKey(NamedTuple):
    """What names a message among all chats: ids of different chats overlap.

    Attributes:
        peer_id: Marked id of the chat.
        message_id: The message's id there.
    """

    peer_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class MissingPart:
    """A part of the history that this account may not read.

    Attributes:
        peer_id: Marked id of the chat.
        error: What Telegram, or telefast, says to it.
    """

    peer_id: int
    error: Exception


class WholeHistory:
    """Read a chat, and the chat that it was or became, as one history.

    Yields `(key, message)`: oldest first with *reverse* (the basic group, then the supergroup),
    else newest first (the supergroup, then the basic group). Other chats have one part and are
    read as by `BatchedHistory`. The constructor sends nothing; the parts are asked for with one
    request, which *metadata* may have answered already. Use it with `async with`::

        async with WholeHistory(client, "club", reverse=True) as history:
            async for key, message in history:
                ...

    The other part may be closed to this account, which joined later or was removed: it is then
    listed in `missing`, and the rest is read. If the chat that you named is closed, that is
    an error.

    If a basic group becomes a supergroup *while it is read*, all of it is delivered, and then
    `GroupMigratedError` names the supergroup; with *follow_migration* it is read, too, after the
    rest in both directions.

    Args:
        client: A connected `telethon.TelegramClient`.
        entity: The chat, either side of it: whatever `PeerCache.resolve` takes.
        limit: Most messages to yield, of all parts together; None for all.
        reverse: Oldest first.
        after: Go on behind this key, with the same *reverse*: what was taken last. A pair, or a
            list of two as JSON has it. None begins.
        follow_migration: Whether to read the supergroup that the group becomes meanwhile.
        metadata: Where the parts are looked up; None for a `MetadataCache` of its own.
        options: Further arguments of `BatchedHistory`, for each part; not those that mean ids of
            one chat.

    Raises:
        ArgumentError: By the constructor, if an argument has no legal value; at the first step,
            if *after* names no part of this history.
        GroupMigratedError: See above.
        RPCError: Telegram's error, and all that `BatchedHistory` raises.
    """

    def __init__(
        self,
        client: TelegramClient,
        entity: Any,
        limit: int | None = None,
        *,
        reverse: bool = False,
        after: MessageKey | tuple[int, int] | None = None,
        follow_migration: bool = False,
        metadata: MetadataCache | None = None,
        **options: Any,
    ) -> None:
        for name in _OF_ONE_CHAT:
            if name in options:
                expected = "no such argument here: it would mean one of the chats (see after=)"
                raise ArgumentError(name, options[name], expected)
        if isinstance(cast("Any", client), list | tuple):
            raise ArgumentError("client", client, "one telethon.TelegramClient")
        BatchedHistory(client, "me", limit, reverse=reverse, **options)  # dies here, if it must
        if entity is None:
            raise ArgumentError("entity", entity, "a chat")
        check_chat(entity)
        check_flags(follow_migration=follow_migration)
        if not isinstance(cast("Any", metadata), MetadataCache | None):
            raise ArgumentError("metadata", metadata, "a MetadataCache, or None")
        key = check_after(after)
        self._client = client
        self._entity = entity
        self._limit = limit
        self._reverse = reverse
        self._after = None if key is None else MessageKey(*key)
        self._follow = follow_migration
        self._metadata = metadata or MetadataCache(client)
        self._options = options
        self._asked_id = 0
        self._parts: list[int] = []
        self._waiting: deque[int] | None = None
        self._peers: dict[int, Any] = {}
        self._part: BatchedHistory | None = None
        self._batches: AsyncIterator[Batch] | None = None
        self._part_id = 0
        self._batch: Batch | None = None
        self._index = 0
        self._migration: tuple[int, int] | None = None
        self._is_closed = False
        self._alone = Alone()
        self.taken = 0
        """Messages yielded so far."""
        self.cursor: MessageKey | None = self._after
        """The key of the message taken last; pass it as *after* to go on another time."""
        self.missing: list[MissingPart] = []
        """Parts that this account may not read."""

    @property
    def parts(self) -> tuple[int, ...]:
        """The marked ids of the chats, in reading order; empty before the first step."""
        return tuple(self._parts)

    @property
    def migrated_to(self) -> int | None:
        """The supergroup that the group became while it was read, by marked id; or None."""
        return None if self._migration is None else self._migration[1]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[MessageKey, Any]:
        """Return the next message with its key.

        Raises:
            StopAsyncIteration: At the end, and after `aclose`.
            ConcurrentUseError: If another consumer waits already.
        """
        with self._alone:
            while not self._is_closed:
                batch = self._batch
                if batch is not None and self._index < len(batch.messages):
                    message = batch.messages[self._index]
                    self._index += 1
                    self.taken += 1
                    self.cursor = MessageKey(self._part_id, message.id)
                    return self.cursor, message
                if not await self._advance():
                    await self.aclose()
                    is_cut = self._limit is not None and self.taken >= self._limit
                    if self._migration is not None and not self._follow and not is_cut:
                        raise GroupMigratedError(*self._migration)
            raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop fetching. Safe to call twice."""
        self._is_closed = True
        if self._part is not None:
            await self._part.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"WholeHistory(parts={self._parts}, taken={self.taken}, missing={self.missing})"

    # Inside

    async def _advance(self) -> bool:
        """Make the next batch the current one; False at the end of all parts."""
        if self._waiting is None:
            await self._find_parts()
        while True:
            try:
                if self._batches is None and not await self._open():
                    return False
                self._batch = await self._next_batch()
            except _NO_ACCESS as error:
                # In the middle of a part, or of the chat that was asked for, it is a loss.
                if self._part_id == self._asked_id or self._has_begun():
                    raise
                self.missing.append(MissingPart(self._part_id, error))
                self._batch = None
            if self._batch is not None:
                self._index = 0
                self._look_for_migration(self._batch)
                return True
            await self._end_part()

    async def _find_parts(self) -> None:
        peer = await self._metadata.peers.resolve(self._entity)
        old = new = None
        if isinstance(peer, types.InputPeerSelf):
            self._asked_id = door.self_id(self._client) or 0
        else:
            self._asked_id = utils.get_peer_id(peer)
        if self._asked_id < 0:
            meta = await self._metadata.full(peer)
            old, new = meta.migrated_from, meta.migrated_to
        parts = [each for each in (old, self._asked_id, new) if each is not None]
        self._parts = parts if self._reverse else parts[::-1]
        self._peers[self._asked_id] = peer
        self._waiting = deque(self._parts)
        if self._after is not None:
            if self._after.peer_id not in parts:
                raise ArgumentError("after", self._after, f"a key of one of the chats {parts}")
            while self._waiting[0] != self._after.peer_id:
                self._waiting.popleft()

    async def _open(self) -> bool:
        """Begin the next part; False if there is none, or the limit is reached."""
        rest = None if self._limit is None else self._limit - self.taken
        if not self._waiting or rest == 0:
            return False
        part_id = self._part_id = self._waiting.popleft()
        if part_id not in self._peers:
            self._peers[part_id] = await self._metadata.peers.resolve(part_id)
        after = self._after
        self._part = BatchedHistory(
            self._client,
            self._peers[part_id],
            rest,
            reverse=self._reverse,
            offset_id=after.message_id if after and after.peer_id == part_id else 0,
            **self._options,
        )
        self._batches = self._part.batches()
        return True

    async def _next_batch(self) -> Batch | None:
        """Return the next batch of the part, None at its end."""
        try:
            return None if self._batches is None else await anext(self._batches)
        except StopAsyncIteration:
            return None

    def _has_begun(self) -> bool:
        """Return whether something of the part was taken, now or another time."""
        return self.cursor is not None and self.cursor.peer_id == self._part_id

    async def _end_part(self) -> None:
        part, self._part, self._batches = self._part, None, None
        if part is not None:
            await part.aclose()
        new_id = self.migrated_to
        if self._follow and new_id is not None and new_id not in self._parts:
            self._parts.append(new_id)
            if self._waiting is not None:
                self._waiting.append(new_id)

    def _look_for_migration(self, batch: Batch) -> None:
        """See whether the group that is read has become a supergroup: the pages show it."""
        shown = {id(message.chat): message.chat for message in batch.messages}
        for chat in shown.values():
            new = getattr(chat, "migrated_to", None)
            if not isinstance(new, types.InputChannel):
                continue
            new_id = mark_channel(new.channel_id)
            if new_id not in self._parts:
                self._migration = (self._part_id, new_id)
                self._peers[new_id] = utils.get_input_peer(new)
