"""Methods that tell of users and chats; see `methods`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import find_channel, find_user, open_channel, open_group
from telefast.testing.channel import Channel
from telefast.testing.file_locate import shown_photo
from telefast.testing.pages import vector
from telefast.testing.private import Group
from telefast.testing.rpc import Call, RpcFault

if TYPE_CHECKING:
    from telefast.testing.account import Account

__all__ = ["PEER_HANDLERS"]

_USERS_CAP = 200
"""Most users in one getUsers request (Telethon `client/users.py`: "a limit of 200 per call")."""


def _get_users(call: Call) -> bytes:
    """Answer users.getUsers; who is unknown, or named with a wrong hash, is `UserEmpty`.

    So is who is named with the hash of a `min` constructor (https://core.telegram.org/api/min).
    """
    found: list[bytes] = []
    for peer in call.request.id[:_USERS_CAP]:
        user = find_user(call.account, peer)
        found.append(bytes(user or types.UserEmpty(getattr(peer, "user_id", 0))))
    return vector(found)


def _get_full_user(call: Call) -> bytes:
    """Answer users.getFullUser."""
    account, world = call.account, call.world
    user = find_user(account, call.request.id)
    if user is None:
        raise RpcFault(400, "USER_ID_INVALID")
    chat = account.private_chats.get(user.id)
    common = sum(user.id in group.members for group in account.groups.values())
    common += sum(
        user.id in channel.members and account.me.id in channel.members
        for channel in world.channels.values()
        if channel.megagroup and channel.is_dialog
    )
    full = types.UserFull(
        id=user.id,
        settings=types.PeerSettings(),
        notify_settings=types.PeerNotifySettings(),
        common_chats_count=0 if user.id == account.me.id else common,
        about=world.abouts.get(user.id),
        profile_photo=_photo(account, user.id),
        pinned_msg_id=None if chat is None else chat.pinned_msg_id,
        can_pin_message=chat is not None or None,
        bot_info=types.BotInfo(user_id=user.id) if user.bot else None,
        folder_id=_folder(account, user.id),
    )
    return bytes(types.users.UserFull(full_user=full, chats=[], users=[user]))


def _photo(account: Account, mark: int) -> types.Photo | None:
    """Return the whole photo that a peer shows."""
    shown = shown_photo(account, mark)
    return None if shown is None else account.world.file_store.peer_photo(account, mark, shown)


def _get_channels(call: Call) -> bytes:
    """Answer channels.getChannels. Chosen: one that we were banned from is `channelForbidden`."""
    chats: list[types.TypeChat] = [
        call.account.show_channel(find_channel(call.account, peer, closed=False))
        for peer in call.request.id
    ]
    return bytes(types.messages.Chats(chats=chats))


def _get_full_channel(call: Call) -> bytes:
    """Answer channels.getFullChannel; there is no total of messages in it.

    The chats are the channel, the one that it is linked with and the group that it was.
    """
    account = call.account
    channel = open_channel(account, call.request.channel)
    is_admin = channel.is_admin(account.me.id)
    unread = account.unread(channel)
    old_id, old_top = channel.migrated_from or (None, None)
    linked = channel.linked
    users = call.world.users
    bots = [
        users[id_]
        for id_ in (channel.members if channel.megagroup else ())
        if id_ in users and users[id_].bot
    ]
    full = types.ChannelFull(
        id=channel.id,
        about=channel.about,
        read_inbox_max_id=unread.inbox,
        read_outbox_max_id=unread.outbox,
        unread_count=unread.messages,
        chat_photo=_photo(account, channel.marked_id) or types.PhotoEmpty(0),
        notify_settings=types.PeerNotifySettings(),
        bot_info=[types.BotInfo(user_id=bot.id) for bot in bots],
        pts=channel.pts,
        participants_count=channel.participants_count,
        admins_count=len(channel.admins) if is_admin else None,
        kicked_count=len(channel.banned) if is_admin else None,
        banned_count=len(channel.restricted) if is_admin else None,
        can_view_participants=(
            is_admin or (channel.megagroup and not channel.participants_hidden) or None
        ),
        hidden_prehistory=channel.hidden_prehistory or None,
        participants_hidden=channel.participants_hidden or None,
        available_min_id=channel.available_min_id or None,
        pinned_msg_id=channel.pinned_msg_id,
        migrated_from_chat_id=old_id,
        migrated_from_max_id=old_top,
        linked_chat_id=None if linked is None else linked.id,
        folder_id=_folder(account, channel.marked_id),
    )
    chats: list[types.TypeChat] = [account.show_channel(channel)]
    if linked is not None:
        chats.append(account.show_channel(linked))
    if old_id is not None and old_id in account.groups:
        chats.append(account.groups[old_id].to_tl())
    people: list[types.TypeUser] = [account.show_user(bot) for bot in bots]
    return bytes(types.messages.ChatFull(full_chat=full, chats=chats, users=people))


def _get_chats(call: Call) -> bytes:
    """Answer messages.getChats: basic groups, also those whose history is not open to us."""
    chats: list[types.TypeChat] = []
    for chat_id in call.request.id:
        known = call.world.foreign.get(-chat_id) or call.account.groups.get(chat_id)
        if known is None:
            raise RpcFault(400, "CHAT_ID_INVALID")
        chats.append(known.to_tl() if isinstance(known, Group) else known)
    return bytes(types.messages.Chats(chats=chats))


def _get_full_chat(call: Call) -> bytes:
    """Answer messages.getFullChat; there is no total of messages in it.

    A group that became a supergroup comes with that one, and without its members.
    """
    account = call.account
    group = open_group(account, call.request.chat_id)
    full = types.ChatFull(
        id=group.id,
        about=group.about,
        participants=group.participants(),
        notify_settings=types.PeerNotifySettings(),
        pinned_msg_id=group.pinned_msg_id,
        folder_id=_folder(account, group.marked_id),
    )
    chats: list[types.TypeChat] = [group.to_tl()]
    if group.migrated_to is not None:
        chats.append(account.show_channel(group.migrated_to))
    users: list[types.TypeUser] = [
        account.show_user(call.world.users[member]) for member in sorted(group.members)
    ]
    return bytes(types.messages.ChatFull(full_chat=full, chats=chats, users=users))


def _folder(account: Account, mark: int) -> int | None:
    return account.dialogs.folder_of(mark) or None


def _resolve_username(call: Call) -> bytes:
    account = call.account
    found = call.world.find_username(call.request.username)
    if found is None:
        raise RpcFault(400, "USERNAME_NOT_OCCUPIED")
    if isinstance(found, types.User):
        peer: types.TypePeer = types.PeerUser(found.id)
        return bytes(types.contacts.ResolvedPeer(peer, [], users=[account.show_user(found)]))
    if isinstance(found, Channel):
        chat: types.TypeChat = account.show_channel(found)
    else:
        chat = account.show_foreign(found)
    return bytes(types.contacts.ResolvedPeer(types.PeerChannel(chat.id), chats=[chat], users=[]))


def _check_chat_invite(call: Call) -> bytes:
    """Answer messages.checkChatInvite: the chat for its members, a description for others."""
    secret = call.request.hash
    if not secret:
        raise RpcFault(400, "INVITE_HASH_EMPTY")
    channels = call.world.channels.values()
    channel = next((each for each in channels if secret in each.invites), None)
    if channel is None:
        raise RpcFault(400, "INVITE_HASH_INVALID")
    if channel.is_dialog and not channel.kicked:
        return bytes(types.ChatInviteAlready(call.account.show_channel(channel)))
    return bytes(
        types.ChatInvite(
            title=channel.title,
            photo=types.PhotoEmpty(0),
            participants_count=channel.participants_count,
            color=0,
            channel=True,
            broadcast=not channel.megagroup or None,
            megagroup=channel.megagroup or None,
            about=channel.about or None,
        )
    )


PEER_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.channels.GetChannelsRequest: _get_channels,
    functions.channels.GetFullChannelRequest: _get_full_channel,
    functions.contacts.ResolveUsernameRequest: _resolve_username,
    functions.messages.CheckChatInviteRequest: _check_chat_invite,
    functions.messages.GetChatsRequest: _get_chats,
    functions.messages.GetFullChatRequest: _get_full_chat,
    functions.users.GetFullUserRequest: _get_full_user,
    functions.users.GetUsersRequest: _get_users,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
