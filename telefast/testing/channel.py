"""A channel or supergroup of a world, and the set of its message ids."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap
from telethon.tl import types

from telefast.testing.chat import MAX_MESSAGE_ID, Chat
from telefast.testing.refs import mark_of, refs_of
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telefast.testing.account import Account
    from telefast.testing.cache import Entry, MessageCache
    from telefast.testing.seeded import SeededChat

__all__ = ["CHANNEL_DATE", "Channel", "admin_rights", "ids_with_holes"]

CHANNEL_DATE: Final = datetime(2017, 3, 1, tzinfo=UTC)
"""When every channel was made and every member joined."""

_RUN = 8192
_REPLIERS = 3
"""Most senders that a post shows of its comments (https://core.telegram.org/api/threads)."""


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


def admin_rights() -> types.ChatAdminRights:
    """Return the rights of every administrator here."""
    return types.ChatAdminRights(
        change_info=True, delete_messages=True, ban_users=True, invite_users=True, pin_messages=True
    )


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
        members: Bare ids of the members who can be listed.
        admins: Bare ids of the administrators, the creator first.

    Attributes:
        id: Bare id.
        marked_id: The id with Telethon's mark for channels (-100...).
        access_hash: The hash that requests of the first account must name.
        title: Title.
        username: Public name, or None.
        about: Description.
        megagroup: True for a supergroup, False for a broadcast channel.
        private: Whether requests are answered with 406 CHANNEL_PRIVATE.
        photo: The photo that it shows; None for none.
        ids: The ids that exist now. Change it through `delete`, `post` and `put`.
        pts: Telegram's counter of changes.
        last_id: The highest id ever given; new posts come above it.
        participants_count: Members.
        changed: Whether `ids` is no longer what the seed gave.
        made_as: Title that the chat was made with; seeded messages name it for ever.
        left: Whether we are no member: no dialog, and without a username 406 CHANNEL_PRIVATE.
        kicked: Whether we were banned: 406 CHANNEL_PRIVATE, `channelForbidden` wherever it is
            named, and still a dialog.
        available_min_id: Messages up to this id, itself included, are hidden from every request
            (https://core.telegram.org/constructor/updateChannelAvailableMessages); 0 for none.
        hidden_prehistory: Whether new members do not see what was before them; only a flag.
        pinned_msg_id: The message that is pinned last, or None.
        migrated_from: Bare id of the basic group that this was, and the highest id of its history;
            None for a channel that was none. Set by `World.migrate`.
        linked: The discussion group of a broadcast channel, and the channel of such a group; or
            None. Set by `World.link`.
        threads: Id of a post -> id of its copy in the discussion group, on which its comments
            hang; in the group itself, id of that copy -> id of the post.
        members: Bare ids of the members who can be listed.
        admins: Bare ids of the administrators, the creator first.
        restricted: Bare ids of members with restrictions.
        banned: Bare ids of those who may not come back.
        participants_hidden: Whether only administrators see who is a member.
        invites: Hashes of invitations to it: what follows `https://t.me/+`.
        dead_threads: Whether posts show comments, those that are left, or 0, after their copy in
            the discussion group was deleted: who asks for them gets MSG_ID_INVALID. Default: False.
        is_forum: Whether it has topics; see `Forum`.
        monoforum: For the chat of a channel's direct messages, that channel; or None. Its topics
            are people (https://core.telegram.org/api/monoforum); only a flag.
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
        members: tuple[int, ...] = (),
        admins: tuple[int, ...] = (),
    ) -> None:
        super().__init__(channel_id, title, ids, seeded, cache, channel_id)
        self.access_hash = access_hash
        self.username = username
        self.about = about
        self.megagroup = megagroup
        self.private = False
        self.photo: types.ChatPhoto | None = None
        self.participants_count = participants_count
        self.left = False
        self.kicked = False
        self.available_min_id = 0
        self.hidden_prehistory = False
        self.pinned_msg_id: int | None = None
        self.migrated_from: tuple[int, int] | None = None
        self.linked: Channel | None = None
        self.threads: dict[int, int] = {}
        self.members = members
        self.admins = admins
        self.restricted: tuple[int, ...] = ()
        self.banned: tuple[int, ...] = ()
        self.participants_hidden = False
        self.invites: tuple[str, ...] = ()
        self.dead_threads = False
        self.is_forum = False
        self.monoforum: Channel | None = None
        self._page_entries: dict[int | None, tuple[tuple[object, ...], bytes]] = {}
        self._shown: tuple[tuple[int, int, int], BitMap] = ((0, 0, 0), ids)
        self._threads_shown: dict[int, tuple[int, Entry]] = {}

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

    @property
    def shown(self) -> BitMap:
        """The ids above `available_min_id`; none if we were banned."""
        floor = MAX_MESSAGE_ID if self.kicked else self.available_min_id
        if floor <= 0:
            return self.ids
        # Every change of the ids moves one of these numbers.
        key = (floor, self.pts, len(self.ids))
        if self._shown[0] != key:
            self._shown = (key, self.ids[self.ids.rank(min(floor, MAX_MESSAGE_ID)) :])
        return self._shown[1]

    def shows(self, message_id: int) -> bool:
        """Return whether requests may see a message; any number may be asked for."""
        return message_id > self.available_min_id and not self.kicked and self.has(message_id)

    @property
    def is_dialog(self) -> bool:
        """Whether it is among the dialogs of an account."""
        return not (self.private or self.left)

    @property
    def is_closed(self) -> bool:
        """Whether requests for its content are answered with 406 CHANNEL_PRIVATE."""
        return self.private or self.kicked or (self.left and self.username is None)

    def entry(self, message_id: int) -> Entry:
        """Return the TL bytes of a message and whom it refers to; raises `KeyError` if none."""
        found = super().entry(message_id)
        if message_id in self.threads:
            return self._with_replies(message_id, found)
        return found

    def thread_ids(self, message_id: int) -> BitMap:
        """Return the ids of the visible messages in the thread of a message, that one left out."""
        return self.shown & self.index.in_thread(message_id)

    def has_thread(self, message_id: int) -> bool:
        """Return whether a message begins a thread that can be asked for: in groups, any does."""
        return self.shows(message_id)

    def short_rows(
        self, message_ids: Iterable[int], account: Account, refs: set[int]
    ) -> Iterator[bytes]:
        """Yield short rows of the topics that a page is about; none if there are no topics."""
        yield from ()

    def replies(self, message_id: int) -> types.MessageReplies | None:
        """Return what a post, or its copy in the discussion group, tells about its comments.

        Reading it looks at the whole discussion group once.

        Args:
            message_id: A post of this channel, or the copy of one.
        """
        home, root = self._thread_home(message_id)
        if home is None:
            return None
        ids = home.thread_ids(root)
        latest: dict[int, types.TypePeer] = {}
        for id_ in reversed([*ids[max(0, len(ids) - 10 * _REPLIERS) :]]):
            sender = home.peek(id_).from_id
            if sender is not None and len(latest) < _REPLIERS:
                latest.setdefault(mark_of(sender), sender)
        is_post = home is not self
        return types.MessageReplies(
            replies=len(ids),
            replies_pts=home.pts,
            comments=is_post or None,
            recent_repliers=list(latest.values()) if is_post and latest else None,
            channel_id=home.id if is_post else None,
            max_id=ids.max() if ids else None,
        )

    def _thread_home(self, message_id: int) -> tuple[Channel | None, int]:
        """Return the group that has the comments on a message, and the id that they hang on."""
        if self.linked is None or message_id not in self.threads:
            return None, 0
        if self.megagroup:
            return self, message_id
        return self.linked, self.threads[message_id]

    def _with_replies(self, message_id: int, found: Entry) -> Entry:
        home, root = self._thread_home(message_id)
        if home is None or not (home.has(root) or self.dead_threads):
            return found
        held = self._threads_shown.get(message_id)
        stamp = home.pts + self.pts
        if held is None or held[0] != stamp:
            message = read_object(found[0])
            message.replies = self.replies(message_id)
            held = (stamp, (bytes(message), refs_of(message)))
            self._threads_shown[message_id] = held
        return held[1]

    def is_admin(self, user_id: int) -> bool:
        """Return whether a user is an administrator or the creator."""
        return user_id in self.admins

    def to_tl(
        self, access_hash: int | None = None, viewer: int | None = None
    ) -> types.Channel | types.ChannelForbidden:
        """Return the channel as answers carry it.

        Args:
            access_hash: The hash that an account knows it by; None for that of the first account.
            viewer: Bare id of who looks at it; None for somebody who is no administrator.
        """
        known = self.access_hash if access_hash is None else access_hash
        if self.kicked:
            return types.ChannelForbidden(
                id=self.id,
                access_hash=known,
                title=self.title,
                broadcast=not self.megagroup or None,
                megagroup=self.megagroup or None,
            )
        is_admin = viewer is not None and self.is_admin(viewer)
        return types.Channel(
            id=self.id,
            title=self.title,
            photo=self.photo or types.ChatPhotoEmpty(),
            date=CHANNEL_DATE,
            broadcast=not self.megagroup or None,
            megagroup=self.megagroup or None,
            access_hash=known,
            username=self.username,
            participants_count=self.participants_count,
            left=self.left or None,
            forum=self.is_forum or None,
            monoforum=self.monoforum is not None or None,
            linked_monoforum_id=None if self.monoforum is None else self.monoforum.id,
            has_link=self.linked is not None or None,
            creator=(is_admin and viewer == self.admins[0]) or None,
            admin_rights=admin_rights() if is_admin else None,
        )

    def to_bytes(self, viewer: int | None = None) -> bytes:
        """Return the TL bytes of `to_tl(viewer=viewer)`, made anew only after a change."""
        key = (
            *(self.title, self.username, self.megagroup, self.access_hash, self.photo),
            *(self.participants_count, self.left, self.kicked, self.linked is None, self.admins),
            *(self.is_forum, self.monoforum),
        )
        held = self._page_entries.get(viewer)
        if held is None or held[0] != key:
            held = self._page_entries[viewer] = (key, bytes(self.to_tl(viewer=viewer)))
        return held[1]

    def _new_ids(self, count: int) -> list[int]:
        return list(range(self.last_id + 1, self.last_id + count + 1))

    def _check_put(self, message_id: int) -> None:
        """Take any id: a channel counts its own."""
