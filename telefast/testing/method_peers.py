"""Methods that tell of users, chats and dialogs; see `methods`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import find_user, open_channel, open_group
from telefast.testing.channel import Channel
from telefast.testing.pages import entries_bytes, vector
from telefast.testing.private import PrivateChat
from telefast.testing.rpc import Call, RpcFault

if TYPE_CHECKING:
    from telefast.testing.chat import Chat

__all__ = ["PEER_HANDLERS"]

_USERS_CAP = 200
"""Most users in one getUsers request (Telethon `client/users.py`: "a limit of 200 per call")."""


def _get_users(call: Call) -> bytes:
    """Answer users.getUsers; who is unknown, or named with a wrong hash, is `UserEmpty`."""
    found: list[bytes] = []
    for peer in call.request.id[:_USERS_CAP]:
        user = find_user(call.account, peer)
        found.append(bytes(user or types.UserEmpty(getattr(peer, "user_id", 0))))
    return vector(found)


def _get_full_user(call: Call) -> bytes:
    user = find_user(call.account, call.request.id)
    if user is None:
        raise RpcFault(400, "USER_ID_INVALID")
    full = types.UserFull(
        id=user.id,
        settings=types.PeerSettings(),
        notify_settings=types.PeerNotifySettings(),
        common_chats_count=0,
    )
    return bytes(types.users.UserFull(full_user=full, chats=[], users=[user]))


def _get_channels(call: Call) -> bytes:
    chats: list[types.TypeChat] = [
        call.account.show_channel(open_channel(call.account, peer)) for peer in call.request.id
    ]
    return bytes(types.messages.Chats(chats=chats))


def _get_full_channel(call: Call) -> bytes:
    channel = open_channel(call.account, call.request.channel)
    full = types.ChannelFull(
        id=channel.id,
        about=channel.about,
        read_inbox_max_id=channel.last_id,
        read_outbox_max_id=channel.last_id,
        unread_count=0,
        chat_photo=types.PhotoEmpty(0),
        notify_settings=types.PeerNotifySettings(),
        bot_info=[],
        pts=channel.pts,
        participants_count=channel.participants_count,
    )
    chats: list[types.TypeChat] = [call.account.show_channel(channel)]
    return bytes(types.messages.ChatFull(full_chat=full, chats=chats, users=[]))


def _get_chats(call: Call) -> bytes:
    """Answer messages.getChats: basic groups, also those whose history is not open to us."""
    chats: list[types.TypeChat] = []
    for chat_id in call.request.id:
        foreign = call.world.foreign.get(-chat_id)
        chats.append(foreign or open_group(call.account, chat_id).to_tl())
    return bytes(types.messages.Chats(chats=chats))


def _get_full_chat(call: Call) -> bytes:
    """Answer messages.getFullChat; there is no total of messages in it."""
    account = call.account
    group = open_group(account, call.request.chat_id)
    full = types.ChatFull(
        id=group.id,
        about=group.about,
        participants=group.participants(),
        notify_settings=types.PeerNotifySettings(),
    )
    users: list[types.TypeUser] = [
        account.show_user(call.world.users[member]) for member in sorted(group.members)
    ]
    return bytes(types.messages.ChatFull(full_chat=full, chats=[group.to_tl()], users=users))


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


def _get_dialogs(call: Call) -> bytes:
    """Answer messages.getDialogs with all chats at once, the latest message first.

    Private chats without messages are no dialogs.
    """
    account = call.account
    shown = [] if call.request.folder_id else [*filter(_is_dialog, account.chats())]
    shown.sort(key=lambda chat: chat.timestamp(chat.last_id), reverse=True)
    refs: set[int] = {chat.marked_id for chat in shown}
    dialogs: list[bytes] = []
    messages: list[bytes] = []
    for chat in shown:
        top = chat.ids.max() if chat.ids else 0
        if top:
            messages += entries_bytes(account, chat, [top], refs)
        dialogs.append(bytes(types.Dialog(**_dialog(chat, top))))
    chats, users = account.peers_bytes(refs)
    head = types.messages.Dialogs.CONSTRUCTOR_ID.to_bytes(4, "little")
    return b"".join((head, vector(dialogs), vector(messages), vector(chats), vector(users)))


def _is_dialog(chat: Chat) -> bool:
    if isinstance(chat, PrivateChat):
        return bool(chat.ids)
    return not (isinstance(chat, Channel) and chat.private)


def _dialog(chat: Chat, top: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "peer": chat.peer(),
        "top_message": top,
        "read_inbox_max_id": top,
        "read_outbox_max_id": top,
        "notify_settings": types.PeerNotifySettings(),
        "pts": chat.pts if isinstance(chat, Channel) else None,
    }
    # Layers add counters; each starts at 0.
    counters = (name for name in _DIALOG_FIELDS if name.endswith("_count"))
    return fields | dict.fromkeys(counters, 0)


_DIALOG_FIELDS = tuple(inspect.signature(types.Dialog).parameters)


PEER_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.channels.GetChannelsRequest: _get_channels,
    functions.channels.GetFullChannelRequest: _get_full_channel,
    functions.contacts.ResolveUsernameRequest: _resolve_username,
    functions.messages.GetChatsRequest: _get_chats,
    functions.messages.GetDialogsRequest: _get_dialogs,
    functions.messages.GetFullChatRequest: _get_full_chat,
    functions.users.GetFullUserRequest: _get_full_user,
    functions.users.GetUsersRequest: _get_users,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
