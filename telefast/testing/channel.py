"""A channel or supergroup of a world, and the set of its message ids."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from pyroaring import BitMap
from telethon.tl import types

from telefast.testing.chat import Chat

if TYPE_CHECKING:
    from telefast.testing.cache import MessageCache
    from telefast.testing.seeded import SeededChat

__all__ = ["Channel", "ids_with_holes"]

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


class Channel(Chat):
    """One channel or supergroup; made by `World.add_channel`.

    Its messages come from the seed of the world, or were put there with `put`. All of it may be
    changed in the middle of a run: messages deleted, posted or replaced, `private` set, or the
    channel taken out of `World.channels`.

    Args:
        channel_id: Bare id.
        title: Title.
        ids: The ids that exist, all of them seeded. Kept, not copied.
        seeded: Writes the seeded messages.
        cache: Where serialised messages are kept.
        access_hash: The hash that requests must name.
        megagroup: True for a supergroup, False for a broadcast channel.
        username: Public name, or None.
        about: Description.
        participants_count: Members.

    Attributes:
        id: Bare id.
        marked_id: The id with Telethon's mark for channels (-100...).
        access_hash: The hash that requests of the first account must name.
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
        channel_id: int,
        title: str,
        ids: BitMap,
        seeded: SeededChat,
        cache: MessageCache,
        *,
        access_hash: int,
        megagroup: bool,
        username: str | None,
        about: str,
        participants_count: int,
    ) -> None:
        super().__init__(channel_id, title, ids, seeded, cache, channel_id)
        self.access_hash = access_hash
        self.username = username
        self.about = about
        self.megagroup = megagroup
        self.private = False
        self.participants_count = participants_count
        self._page_entry: tuple[tuple[object, ...], bytes] = ((), b"")

    @property
    def kind(self) -> str:
        """`supergroup` or `channel`."""
        return "supergroup" if self.megagroup else "channel"

    def peer(self) -> types.PeerChannel:
        """Return the channel as a peer."""
        return types.PeerChannel(self.id)

    def input_peer(self) -> types.InputPeerChannel:
        """Return the channel as a request of the first account names it."""
        return types.InputPeerChannel(self.id, self.access_hash)

    def to_tl(self, access_hash: int | None = None) -> types.Channel:
        """Return the channel as answers carry it.

        Args:
            access_hash: The hash that an account knows it by; None for that of the first account.
        """
        return types.Channel(
            id=self.id,
            title=self.title,
            photo=types.ChatPhotoEmpty(),
            date=datetime(2017, 3, 1, tzinfo=UTC),
            broadcast=not self.megagroup or None,
            megagroup=self.megagroup or None,
            access_hash=self.access_hash if access_hash is None else access_hash,
            username=self.username,
            participants_count=self.participants_count,
        )

    def to_bytes(self) -> bytes:
        """Return the TL bytes of `to_tl()`, made anew only after a change."""
        key = (self.title, self.username, self.megagroup, self.access_hash, self.participants_count)
        if self._page_entry[0] != key:
            self._page_entry = (key, bytes(self.to_tl()))
        return self._page_entry[1]

    def _new_ids(self, count: int) -> list[int]:
        return list(range(self.last_id + 1, self.last_id + count + 1))

    def _check_put(self, message_id: int) -> None:
        """Take any id: a channel counts its own."""
