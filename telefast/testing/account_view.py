"""How one account sees users and chats: access hashes, flags, and the objects that pages carry."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from telethon.tl import types

from telefast.testing.channel import Channel
from telefast.testing.dice import Dice
from telefast.testing.refs import CHANNEL_MARK

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from telefast.testing.chat import Chat
    from telefast.testing.population import Population
    from telefast.testing.private import Group, PrivateChat

__all__ = ["AccountView"]


class AccountView:
    """What an `Account` knows of others; its attributes are described there.

    Args:
        world: The world that the account sees.
        index: 0 for the first account.
        me: Who is logged in.
    """

    def __init__(self, world: Population, index: int, me: types.User) -> None:
        self.world = world
        self.index = index
        self.me = me
        self.private_chats: dict[int, PrivateChat] = {}
        self.groups: dict[int, Group] = {}
        self.shown_min: dict[object, Container[int]] = {}
        self.left_out: dict[object, Container[int]] = {}
        self._bytes: dict[int, tuple[Any, bytes]] = {}
        self._min_bytes: dict[int, tuple[Any, bytes]] = {}

    @property
    def is_first(self) -> bool:
        """Whether it knows everybody by the access hashes of the world."""
        return self.index == 0

    def user_hash(self, user_id: int) -> int:
        """Return the access hash by which this account knows a user, 0 if there is none."""
        user = self.world.users.get(user_id)
        return 0 if user is None else self.access_hash(user_id, user.access_hash or 0)

    def access_hash(self, marked_id: int, first: int) -> int:
        """Return the access hash by which this account knows a peer.

        Args:
            marked_id: Marked id of the peer.
            first: The one by which the first account knows it.
        """
        if self.is_first:
            return first
        return Dice.of(self.world.seed, "hash", self.index, marked_id).signed64()

    def input_peer(self, chat: Chat) -> types.TypeInputPeer:
        """Return a chat as a request of this account names it."""
        if isinstance(chat, Channel):
            known = self.access_hash(chat.marked_id, chat.access_hash)
            return types.InputPeerChannel(chat.id, known)
        return chat.input_peer()

    def show_user(self, user: types.User) -> types.User:
        """Return a user as this account sees it."""
        if user.id == self.me.id:
            return self.me
        if self.is_first:
            return user
        shown = copy.copy(user)
        shown.access_hash = self.access_hash(user.id, user.access_hash or 0)
        if user.is_self:
            shown.is_self = shown.contact = shown.mutual_contact = shown.phone = None
        return shown

    def show_min(self, user: types.User) -> types.User:
        """Return a user as a page shows one that this account knows from that page only.

        Its access hash opens nothing but the photo (https://core.telegram.org/api/min).
        """
        return types.User(
            id=user.id,
            min=True,
            deleted=user.deleted,
            bot=user.bot,
            verified=user.verified,
            premium=user.premium,
            access_hash=self._min_hash(user.id),
            first_name=user.first_name,
            last_name=user.last_name,
            username=user.username,
            photo=user.photo,
            bot_info_version=user.bot_info_version,
        )

    def min_user(self, peer: Any) -> types.User | None:
        """Return the user whom a request names by the access hash that `show_min` shows, or None.

        It is good for the photo of the user, and for nothing else.
        """
        user = self.world.users.get(getattr(peer, "user_id", 0))
        if user is None or self._min_hash(user.id) != getattr(peer, "access_hash", 0):
            return None
        return self.show_user(user)

    def _min_hash(self, user_id: int) -> int:
        return Dice.of(self.world.seed, "min", self.index, user_id).signed64()

    def show_channel(self, channel: Channel) -> types.Channel | types.ChannelForbidden:
        """Return a channel as this account sees it."""
        return channel.to_tl(
            self.access_hash(channel.marked_id, channel.access_hash), viewer=self.me.id
        )

    def user_bytes(self, user_id: int) -> bytes | None:
        """Return the TL bytes of a user as this account sees it, or None if there is none."""
        user = self.world.users.get(user_id)
        return None if user is None else _held(self._bytes, user_id, user, self.show_user)

    def show_foreign(self, chat: types.Channel | types.Chat) -> types.Channel | types.Chat:
        """Return a chat whose history is not open to us as this account sees it."""
        if self.is_first or isinstance(chat, types.Chat):
            return chat
        shown = copy.copy(chat)
        mark = -(CHANNEL_MARK + chat.id)
        shown.access_hash = self.access_hash(mark, chat.access_hash or 0)
        return shown

    def peers_bytes(self, refs: Iterable[int]) -> tuple[list[bytes], list[bytes]]:
        """Return the TL bytes of the chats and of the users with the given marked ids.

        Ids that the world does not know are left out, as Telegram may do; order is by id. Users
        may be shown as `min`, or left out, where the world or a rule says so.
        """
        world = self.world
        is_odd = bool(world.min_users or world.absent_users or self.shown_min or self.left_out)
        chats: list[bytes] = []
        users: list[bytes] = []
        for mark in sorted(refs):
            if mark > 0:
                user = world.users.get(mark)
                if user is not None:
                    if is_odd and self._is_left_out(mark):
                        continue
                    if is_odd and self._is_min(mark):
                        users.append(_held(self._min_bytes, mark, user, self.show_min))
                        continue
                    users.append(_held(self._bytes, mark, user, self.show_user))
                continue
            if mark > -CHANNEL_MARK:
                group = self.groups.get(-mark)
                if group is not None:
                    chats.append(group.to_bytes())
                    continue
            else:
                channel = world.channels.get(-mark - CHANNEL_MARK)
                if channel is not None:
                    chats.append(self._channel_bytes(channel))
                    continue
            foreign = world.foreign.get(mark)
            if foreign is not None:
                chats.append(_held(self._bytes, mark, foreign, self.show_foreign))
        return chats, users

    def _is_min(self, user_id: int) -> bool:
        """Return whether pages show a user as `min`.

        Chosen: never the account itself, and nobody with whom it has a private chat.
        """
        if user_id == self.me.id or user_id in self.private_chats:
            return False
        wanted = self.shown_min.values()
        return user_id in self.world.min_users or any(user_id in ids for ids in wanted)

    def _is_left_out(self, user_id: int) -> bool:
        if user_id in self.world.absent_users:
            return True
        return any(user_id in ids for ids in self.left_out.values())

    def _channel_bytes(self, channel: Channel) -> bytes:
        first = channel.to_bytes(self.me.id)
        if self.is_first:
            return first
        return _held(self._bytes, channel.marked_id, first, lambda _: self.show_channel(channel))


def _held(kept: dict[int, tuple[Any, bytes]], mark: int, entity: Any, show: Any) -> bytes:
    """Return the TL bytes of *entity* as shown, made anew only when another object has come."""
    found = kept.get(mark)
    if found is None or found[0] is not entity:
        found = kept[mark] = (entity, bytes(show(entity)))
    return found[1]
