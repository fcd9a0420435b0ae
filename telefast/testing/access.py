"""Which peer a request means, and whether the account that asks may ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types

from telefast.testing.channel import Channel
from telefast.testing.refs import CHANNEL_MARK
from telefast.testing.rpc import RpcFault

if TYPE_CHECKING:
    from telefast.testing.account import Account
    from telefast.testing.chat import Chat
    from telefast.testing.private import Group

__all__ = ["NOT_FOR_BOTS", "find_channel", "find_user", "open_channel", "open_chat", "open_group"]

NOT_FOR_BOTS: Final = frozenset(
    {
        "account.initTakeoutSession",
        "messages.getDialogs",
        "messages.getForumTopics",
        "messages.getForumTopicsByID",
        "messages.getHistory",
        "messages.getMessageReactionsList",
        "messages.getMessagesReactions",
        "messages.getPeerDialogs",
        "messages.getPinnedDialogs",
        "messages.getReplies",
        "messages.getSavedReactionTags",
        "messages.getScheduledHistory",
        "messages.getSearchCounters",
        "messages.getSearchResultsCalendar",
        "messages.getSearchResultsPositions",
        "messages.search",
        "messages.searchGlobal",
    }
)
"""Methods that only users may call (their pages under https://core.telegram.org/method)."""


def open_channel(account: Account, peer: Any) -> Channel:
    """Return the channel that an `InputChannel` or `InputPeerChannel` names.

    Raises:
        RpcFault: 400 CHANNEL_INVALID if there is none or the access hash is not that of this
            account, 406 CHANNEL_PRIVATE if its history is not open to us.
    """
    return find_channel(account, peer, closed=True)


def find_channel(account: Account, peer: Any, *, closed: bool) -> Channel:
    """Return the channel that a request names; see `open_channel`.

    Args:
        account: Who asks.
        peer: What the request names.
        closed: Whether one that we were banned from is refused, too.
    """
    if isinstance(peer, types.InputChannelFromMessage | types.InputPeerChannelFromMessage):
        return _channel_in_message(account, peer)
    if not isinstance(peer, types.InputPeerChannel | types.InputChannel):
        raise RpcFault(400, "CHANNEL_INVALID")
    mark = -(CHANNEL_MARK + peer.channel_id)
    channel = account.world.channels.get(peer.channel_id)
    known = channel or account.world.foreign.get(mark)
    if not isinstance(known, Channel | types.Channel):
        raise RpcFault(400, "CHANNEL_INVALID")
    if account.access_hash(mark, known.access_hash or 0) != peer.access_hash:
        raise RpcFault(400, "CHANNEL_INVALID")
    if channel is None or (channel.is_closed and (closed or not channel.kicked)):
        raise RpcFault(406, "CHANNEL_PRIVATE")
    return channel


def _channel_in_message(account: Account, peer: Any) -> Channel:
    """Return a channel that a message of a chat names, if this account may see both."""
    chat = open_chat(account, peer.peer)
    mark = -(CHANNEL_MARK + peer.channel_id)
    if chat is None or not chat.shows(peer.msg_id):
        raise RpcFault(400, "MSG_ID_INVALID")
    if mark not in {chat.marked_id, *chat.entry(peer.msg_id)[1]}:
        raise RpcFault(400, "CHANNEL_INVALID")
    channel = account.world.channels.get(peer.channel_id)
    if channel is None or channel.is_closed:
        raise RpcFault(406, "CHANNEL_PRIVATE")
    return channel


def open_group(account: Account, chat_id: int) -> Group:
    """Return the basic group with a bare id.

    Raises:
        RpcFault: 400 CHAT_ID_INVALID if this account has no such group, 403 CHAT_FORBIDDEN if it
            was removed from it.
    """
    group = account.groups.get(chat_id)
    if group is None:
        raise RpcFault(400, "CHAT_ID_INVALID")
    if group.kicked:
        raise RpcFault(403, "CHAT_FORBIDDEN")
    return group


def open_chat(account: Account, peer: Any) -> Chat | None:
    """Return the chat of any kind that an `InputPeer` names; None for a user without messages.

    Raises:
        RpcFault: What `open_channel` and `open_group` raise, and 400 PEER_ID_INVALID for a user
            who is unknown or named with the access hash of another account.
    """
    if isinstance(peer, types.InputPeerChannel | types.InputPeerChannelFromMessage):
        return open_channel(account, peer)
    if isinstance(peer, types.InputPeerChat):
        return open_group(account, peer.chat_id)
    user = find_user(account, peer)
    if user is None:
        raise RpcFault(400, "PEER_ID_INVALID")
    return account.private_chats.get(user.id)


def _user_in_message(account: Account, peer: Any) -> types.User | None:
    """Return a user whom a message of a chat names, if this account may see the message."""
    try:
        chat = open_chat(account, peer.peer)
    except RpcFault:
        return None
    if chat is None or not chat.shows(peer.msg_id):
        return None
    user = account.world.users.get(peer.user_id)
    if user is None or peer.user_id not in {chat.marked_id, *chat.entry(peer.msg_id)[1]}:
        return None
    return account.show_user(user)


def find_user(account: Account, peer: Any) -> types.User | None:
    """Return the user that an `InputUser` or `InputPeerUser` names, or None.

    Our own id needs no access hash. A user may be named through a message that shows the user, as
    those must be who are known from a `min` constructor only (https://core.telegram.org/api/min).
    """
    if isinstance(peer, types.InputUserFromMessage | types.InputPeerUserFromMessage):
        return _user_in_message(account, peer)
    if isinstance(peer, types.InputUserSelf | types.InputPeerSelf):
        return account.me
    if not isinstance(peer, types.InputUser | types.InputPeerUser):
        return None
    if peer.user_id == account.me.id:
        return account.me
    user = account.world.users.get(peer.user_id)
    if user is None or account.user_hash(user.id) != peer.access_hash:
        return None
    return account.show_user(user)
