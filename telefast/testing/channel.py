"""A channel or supergroup of a world, and the set of its message ids."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from pyroaring import BitMap
from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.refs import CHANNEL_MARK, refs_of
from telefast.testing.seeded import Script, SeededChat
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telefast.testing.cache import Entry, MessageCache
    from telefast.testing.seeded import Cast

__all__ = ["MAX_MESSAGE_ID", "Channel", "ids_with_holes"]

MAX_MESSAGE_ID = 2**31 - 1
"""Message ids are signed 32-bit numbers on the wire."""

_RUN = 8192


def ids_with_holes(seed: str, count: int, holes: float) -> BitMap:
    """Return *count* ids from 1 up, with a share of *holes* missing among them.

    Drawn in runs of 8,192 ids, so that building a million ids needs no more memory than the set
    itself. The highest id, about `count / (1 - holes)`, always exists.

    Args:
        seed: What the holes depend on.
        count: How many ids exist.
        holes: Share of ids that do not exist, 0 or more and less than 1.
    """
    ids = BitMap()
    if count == 0:
        return ids
    top = max(count, round(count / (1 - holes)))
    ids.add_range(1, top + 1)
    missing = top - count
    if missing:
        draw = Random(seed)
        gone = 0
        for low in range(1, top, _RUN):
            high = min(low + _RUN, top)  # The top stays.
            share = missing * (high - 1) // (top - 1) - gone
            gone += share
            if share * 2 <= high - low:
                ids.difference_update(BitMap(draw.sample(range(low, high), share)))
            else:
                kept = BitMap(draw.sample(range(low, high), high - low - share))
                ids.remove_range(low, high)
                ids.update(kept)
    ids.run_optimize()
    ids.shrink_to_fit()
    return ids


class Channel:
    """One channel or supergroup; made by `World.add_channel`.

    Its messages come from the seed of the world, or were put there with `put`. All of it may be
    changed in the middle of a run: messages deleted, posted or replaced, `private` set, or the
    channel taken out of `World.channels`.

    Args:
        script: What the chat is: seed, id, title, kind.
        cast: Who appears in seeded messages.
        cache: Where serialised messages are kept.
        access_hash: The hash that requests must name.
        username: Public name, or None.
        about: Description.
        ids: The ids that exist, all of them seeded.

    Attributes:
        id: Bare id.
        access_hash: The hash that requests must name.
        title: Title.
        username: Public name, or None.
        about: Description.
        megagroup: True for a supergroup, False for a broadcast channel.
        private: Whether requests are answered with 406 CHANNEL_PRIVATE.
        ids: The ids that exist now. Change it through `delete`, `post` and `put`.
        pts: Telegram's counter of changes.
        last_id: The highest id ever given; new posts come above it.
        participants_count: Members.
        changed: Whether `ids` is no longer what the seed gave.
        made_as: Title that the chat was made with; seeded messages name it for ever.
    """

    def __init__(
        self,
        script: Script,
        cast: Cast,
        cache: MessageCache,
        *,
        access_hash: int,
        username: str | None,
        about: str,
        ids: BitMap,
    ) -> None:
        self.id = script.chat_id
        self.access_hash = access_hash
        self.title = script.title
        self.username = username
        self.about = about
        self.megagroup = script.megagroup
        self.private = False
        self.ids = ids
        self.pts = 1 + len(ids)
        self.last_id = ids.max() if ids else 0
        self.changed = False
        self.made_as = script.title
        self.participants_count = len(cast.people)
        self._seeded = SeededChat(script, cast)
        self._cache = cache
        self._put: dict[int, tuple[Entry, int]] = {}
        self._page_entry: tuple[tuple[object, ...], bytes] = ((), b"")

    def __repr__(self) -> str:
        """Name the channel, without a secret or a text."""
        kind = "supergroup" if self.megagroup else "channel"
        return f"<{kind} {self.id}: {len(self.ids)} messages>"

    @property
    def marked_id(self) -> int:
        """The id with Telethon's mark for channels (-100...)."""
        return -(CHANNEL_MARK + self.id)

    def peer(self) -> types.PeerChannel:
        """Return the channel as a peer."""
        return types.PeerChannel(self.id)

    def input_peer(self) -> types.InputPeerChannel:
        """Return the channel as a request names it."""
        return types.InputPeerChannel(self.id, self.access_hash)

    def to_tl(self) -> types.Channel:
        """Return the channel as answers carry it."""
        return types.Channel(
            id=self.id,
            title=self.title,
            photo=types.ChatPhotoEmpty(),
            date=datetime(2017, 3, 1, tzinfo=UTC),
            broadcast=not self.megagroup or None,
            megagroup=self.megagroup or None,
            access_hash=self.access_hash,
            username=self.username,
            participants_count=self.participants_count,
        )

    def to_bytes(self) -> bytes:
        """Return the TL bytes of `to_tl()`, made anew only after a change."""
        key = (self.title, self.username, self.megagroup, self.access_hash, self.participants_count)
        if self._page_entry[0] != key:
            self._page_entry = (key, bytes(self.to_tl()))
        return self._page_entry[1]

    def has(self, message_id: int) -> bool:
        """Return whether a message exists now; any number may be asked for."""
        return 0 < message_id <= MAX_MESSAGE_ID and message_id in self.ids

    def entry(self, message_id: int) -> Entry:
        """Return the TL bytes of a message and whom it refers to.

        Raises:
            KeyError: If there is no such message now.
        """
        if not self.has(message_id):
            raise KeyError(message_id)
        found = self._cache.get(self.id, message_id)
        if found is None:
            if message_id in self._put:
                return self._put[message_id][0]
            built = self._seeded.build(message_id)
            found = (bytes(built.message), built.refs)
            self._cache.put(self.id, message_id, found)
        return found

    def message_bytes(self, message_id: int) -> bytes:
        """Return the TL bytes of a message; raises `KeyError` if there is none."""
        return self.entry(message_id)[0]

    def message(self, message_id: int) -> types.Message | types.MessageService:
        """Return a message, read from its bytes; raises `KeyError` if there is none."""
        found: types.Message | types.MessageService = read_object(self.message_bytes(message_id))
        return found

    def timestamp(self, message_id: int) -> int:
        """Return the date of a message in seconds since the epoch.

        Never falls with the id, unless messages that were put say otherwise.
        """
        held = self._put.get(message_id)
        return self._seeded.timestamp(message_id) if held is None else held[1]

    def put(self, *messages: types.Message | types.MessageService) -> None:
        """Add messages as they are, or replace those of the same ids.

        Raises:
            WorldError: If a message belongs elsewhere or has no legal id.
        """
        for message in messages:
            if not isinstance(message, types.Message | types.MessageService):
                raise WorldError(
                    f"channel {self.id}: {type(message).__name__} is no message to put"
                )
            peer = message.peer_id
            if not isinstance(peer, types.PeerChannel) or peer.channel_id != self.id:
                raise WorldError(f"message {message.id}: peer_id must be channel {self.id}")
            if not 1 <= message.id <= MAX_MESSAGE_ID:
                raise WorldError(f"message {message.id}: ids lie between 1 and {MAX_MESSAGE_ID}")
            date = 0 if message.date is None else int(message.date.timestamp())
            self._put[message.id] = ((bytes(message), refs_of(message)), date)
            self._cache.drop(self.id, message.id)
            self.ids.add(message.id)
            self.changed = True
            self.last_id = max(self.last_id, message.id)
            self.pts += 1

    def put_new(self, messages: Iterable[types.Message | types.MessageService]) -> None:
        """Add messages as they are; as `put`, but an id that exists raises `WorldError`."""
        for message in messages:
            if self.has(message.id):
                raise WorldError(f"message {message.id}: occurs twice")
            self.put(message)

    def put_messages(self) -> list[bytes]:
        """Return the TL bytes of all messages that were put and still exist, by id."""
        return [self._put[id_][0][0] for id_ in sorted(self._put) if id_ in self.ids]

    def delete(self, *message_ids: int) -> None:
        """Delete messages; ids that do not exist are passed over, as Telegram does."""
        before = len(self.ids)
        self.ids.difference_update(BitMap(filter(self.has, message_ids)))
        self.pts += before - len(self.ids)
        self.changed = True

    def post(self, count: int = 1) -> list[int]:
        """Post *count* seeded messages on top and return their ids, oldest first."""
        new = list(range(self.last_id + 1, self.last_id + count + 1))
        self.ids.update(new)
        self.last_id += count
        self.changed = True
        self.pts += count
        return new

    def warm(self) -> None:
        """Write all messages now, so that a benchmark measures pages and not their making.

        Of no use beyond the bound of the cache (`MessageCache`).
        """
        for message_id in self.ids:
            self.entry(message_id)
