"""The methods that the embedded Telegram answers, each as exact TL bytes.

What it does not know it refuses loudly (`UnknownMethodFault`); what Telegram refuses it refuses
with Telegram's error. Where no source says what Telegram does, the docstring says what we chose.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import find_user, open_channel
from telefast.testing.channel import Channel
from telefast.testing.faults import apply_by_ids, apply_page
from telefast.testing.pages import channel_messages, entries_bytes, vector
from telefast.testing.paging import IDS_CAP, id_at_date, position, slice_ids
from telefast.testing.rpc import Call, Empty, RpcFault, UnknownMethodFault

__all__ = ["HANDLERS", "NOW", "answer"]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""The date in every answer that tells one: a world does not age."""

_USERS_CAP = 200
"""Most users in one getUsers request (Telethon `client/users.py`: "a limit of 200 per call")."""


def answer(call: Call) -> bytes:
    """Apply the rules' `before`, then answer the call.

    Returns:
        The exact TL bytes of the result.

    Raises:
        RpcFault: If the method or a rule refuses; `UnknownMethodFault` if there is no handler.
    """
    for rule in call.rules:
        rule.before(call)
    handler = HANDLERS.get(type(call.request))
    if handler is None:
        raise UnknownMethodFault(call.method)
    return handler(call)


# What a client asks by itself.


def _get_config(call: Call) -> bytes:
    address = call.address
    options: list[types.TypeDcOption] = [
        types.DcOption(id=address.dc_id, ip_address=address.host, port=address.port)
    ]
    return bytes(
        types.Config(
            date=NOW,
            expires=NOW + timedelta(hours=1),
            test_mode=False,
            this_dc=address.dc_id,
            dc_options=options,
            dc_txt_domain_name="",
            chat_size_max=200,
            megagroup_size_max=200_000,
            forwarded_count_max=100,
            online_update_period_ms=210_000,
            offline_blur_timeout_ms=5_000,
            offline_idle_timeout_ms=30_000,
            online_cloud_timeout_ms=300_000,
            notify_cloud_delay_ms=30_000,
            notify_default_delay_ms=1_500,
            push_chat_period_ms=60_000,
            push_chat_limit=2,
            edit_time_limit=172_800,
            revoke_time_limit=2**31 - 1,
            revoke_pm_time_limit=2**31 - 1,
            rating_e_decay=2_419_200,
            stickers_recent_limit=200,
            channels_read_media_period=604_800,
            call_receive_timeout_ms=20_000,
            call_ring_timeout_ms=90_000,
            call_connect_timeout_ms=30_000,
            call_packet_timeout_ms=10_000,
            me_url_prefix="https://t.me/",
            caption_length_max=1024,
            message_length_max=4096,
            webfile_dc_id=address.dc_id,
        )
    )


def _get_state(call: Call) -> bytes:
    return bytes(types.updates.State(pts=1, qts=0, date=NOW, seq=1, unread_count=0))


def _get_difference(call: Call) -> bytes:
    return bytes(types.updates.DifferenceEmpty(date=NOW, seq=1))


def _get_channel_difference(call: Call) -> bytes:
    channel = open_channel(call.world, call.request.channel)
    return bytes(types.updates.ChannelDifferenceEmpty(pts=channel.pts, final=True, timeout=300))


# Peers.


def _get_users(call: Call) -> bytes:
    """Answer users.getUsers; who is unknown, or named with a wrong hash, is `UserEmpty`."""
    found: list[bytes] = []
    for peer in call.request.id[:_USERS_CAP]:
        user = find_user(call.world, peer)
        found.append(bytes(user or types.UserEmpty(getattr(peer, "user_id", 0))))
    return vector(found)


def _get_full_user(call: Call) -> bytes:
    user = find_user(call.world, call.request.id)
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
        open_channel(call.world, peer).to_tl() for peer in call.request.id
    ]
    return bytes(types.messages.Chats(chats=chats))


def _get_full_channel(call: Call) -> bytes:
    channel = open_channel(call.world, call.request.channel)
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
    return bytes(types.messages.ChatFull(full_chat=full, chats=[channel.to_tl()], users=[]))


def _resolve_username(call: Call) -> bytes:
    found = call.world.find_username(call.request.username)
    if found is None:
        raise RpcFault(400, "USERNAME_NOT_OCCUPIED")
    if isinstance(found, types.User):
        peer: types.TypePeer = types.PeerUser(found.id)
        return bytes(types.contacts.ResolvedPeer(peer, chats=[], users=[found]))
    chat = found.to_tl() if isinstance(found, Channel) else found
    return bytes(types.contacts.ResolvedPeer(types.PeerChannel(chat.id), chats=[chat], users=[]))


def _get_dialogs(call: Call) -> bytes:
    """Answer messages.getDialogs with all channels at once, the latest message first."""
    world = call.world
    shown = [] if call.request.folder_id else [c for c in world.channels.values() if not c.private]
    shown.sort(key=lambda channel: channel.timestamp(channel.last_id), reverse=True)
    refs: set[int] = {channel.marked_id for channel in shown}
    dialogs: list[bytes] = []
    messages: list[bytes] = []
    for channel in shown:
        top = channel.ids.max() if channel.ids else 0
        if top:
            messages += entries_bytes(channel, [top], refs)
        dialogs.append(bytes(types.Dialog(**_dialog(channel, top))))
    chats, users = world.peers_bytes(refs)
    head = types.messages.Dialogs.CONSTRUCTOR_ID.to_bytes(4, "little")
    return b"".join((head, vector(dialogs), vector(messages), vector(chats), vector(users)))


def _dialog(channel: Channel, top: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "peer": channel.peer(),
        "top_message": top,
        "read_inbox_max_id": top,
        "read_outbox_max_id": top,
        "notify_settings": types.PeerNotifySettings(),
        "pts": channel.pts,
    }
    # Layers add counters; each starts at 0.
    counters = (name for name in _DIALOG_FIELDS if name.endswith("_count"))
    return fields | dict.fromkeys(counters, 0)


_DIALOG_FIELDS = tuple(inspect.signature(types.Dialog).parameters)


# Messages.


def _get_history(call: Call) -> bytes:
    """Answer messages.getHistory (https://core.telegram.org/api/offsets).

    Chosen: `hash` is ignored, a negative `offset_id` is MSG_ID_INVALID, and the history of a
    user is empty, for now.
    """
    request = call.request
    if isinstance(request.peer, types.InputPeerChat):
        raise RpcFault(400, "CHAT_ID_INVALID")
    if not isinstance(request.peer, types.InputPeerChannel):
        if find_user(call.world, request.peer) is None:
            raise RpcFault(400, "PEER_ID_INVALID")
        return bytes(types.messages.Messages(messages=[], topics=[], chats=[], users=[]))
    channel = open_channel(call.world, request.peer)
    if request.offset_id < 0:
        raise RpcFault(400, "MSG_ID_INVALID")
    ids = channel.ids
    offset_id = request.offset_id
    date = request.offset_date
    if not offset_id and date is not None and date.timestamp():
        offset_id = id_at_date(ids, date.timestamp(), channel.timestamp)
    page: list[int | Empty] = [
        *slice_ids(
            ids,
            offset_id=offset_id,
            add_offset=request.add_offset,
            limit=request.limit,
            max_id=request.max_id,
            min_id=request.min_id,
        )
    ]
    if call.rules:
        page = apply_page(call.rules, call, page)
    if page:
        first = page[0]
        offset = len(ids) - ids.rank(first.id if isinstance(first, Empty) else first)
    else:
        offset = min(max(0, position(ids, offset_id) + request.add_offset), len(ids))
    return channel_messages(call.world, channel, page, count=len(ids), offset_id_offset=offset)


def _get_channel_messages(call: Call) -> bytes:
    """Answer channels.getMessages: in request order, `MessageEmpty` for what is missing.

    Chosen: ids beyond 200 are left out; an id is invalid if it is not positive, and if all are,
    the answer is MESSAGE_IDS_EMPTY.
    """
    channel = open_channel(call.world, call.request.channel)
    wanted: list[int] = []
    for item in call.request.id[:IDS_CAP]:
        if isinstance(item, types.InputMessageReplyTo):
            target = _reply_target(channel, item.id)
            if target is not None:
                wanted.append(target)
        elif isinstance(item, types.InputMessageID):
            wanted.append(item.id)
    if not any(id_ > 0 for id_ in wanted):
        raise RpcFault(400, "MESSAGE_IDS_EMPTY")
    page: list[int | Empty] = [*wanted]
    if call.rules:
        page = apply_by_ids(call.rules, call, page)
    return channel_messages(call.world, channel, page, count=len(page))


def _reply_target(channel: Channel, message_id: int) -> int | None:
    """Return the id that a message of this channel replies to within it, if that exists."""
    if not channel.has(message_id):
        return None
    header = channel.message(message_id).reply_to
    if not isinstance(header, types.MessageReplyHeader) or header.reply_to_peer_id is not None:
        return None
    target = header.reply_to_msg_id
    return target if target is not None and channel.has(target) else None


def _get_messages(call: Call) -> bytes:
    """Answer messages.getMessages: there are no private messages yet, so all are empty."""
    empties: list[types.TypeMessage] = [
        types.MessageEmpty(item.id, peer_id=None)
        for item in call.request.id[:IDS_CAP]
        if isinstance(item, types.InputMessageID)
    ]
    return bytes(types.messages.Messages(messages=empties, topics=[], chats=[], users=[]))


HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.channels.GetChannelsRequest: _get_channels,
    functions.channels.GetFullChannelRequest: _get_full_channel,
    functions.channels.GetMessagesRequest: _get_channel_messages,
    functions.contacts.ResolveUsernameRequest: _resolve_username,
    functions.help.GetConfigRequest: _get_config,
    functions.messages.GetDialogsRequest: _get_dialogs,
    functions.messages.GetHistoryRequest: _get_history,
    functions.messages.GetMessagesRequest: _get_messages,
    functions.updates.GetChannelDifferenceRequest: _get_channel_difference,
    functions.updates.GetDifferenceRequest: _get_difference,
    functions.updates.GetStateRequest: _get_state,
    functions.users.GetFullUserRequest: _get_full_user,
    functions.users.GetUsersRequest: _get_users,
}
"""Request type -> handler: returns the TL bytes of the result object, or raises `RpcFault`."""
