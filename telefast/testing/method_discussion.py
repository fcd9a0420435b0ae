"""Methods that lead from a post to its comments, and list them; see `methods`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import open_channel
from telefast.testing.method_messages import answer_page, offset_id_of
from telefast.testing.pages import entries_bytes, vector
from telefast.testing.rpc import Call, RpcFault

if TYPE_CHECKING:
    from telefast.testing.channel import Channel

__all__ = ["DISCUSSION_HANDLERS", "thread_of_post"]


def _get_replies(call: Call) -> bytes:
    """Answer messages.getReplies: the thread of a message, paged as a history is.

    In a supergroup a message is in the thread of the top message that its reply header names, or
    else of the message that it replies to. In a forum the thread of the message that begins a topic
    is the topic, and that of id 1 is General, whether or not there is a message of that id (TDLib
    `MessageTopic.h`). The thread of a post of a broadcast channel is that of its copy in the
    discussion group, and its messages are the group's (https://core.telegram.org/api/threads). A
    post without such a copy is MSG_ID_INVALID. Chosen: no thread holds the message that it hangs
    on.
    """
    request = call.request
    channel = open_channel(call.account, request.peer)
    home, root = thread_of_post(channel, request.msg_id)
    ids = home.thread_ids(root)
    return answer_page(call, home, ids, offset_id_of(call, home, ids))


def _get_discussion_message(call: Call) -> bytes:
    """Answer messages.getDiscussionMessage: the message in a group that a thread hangs on.

    For a post that is its copy in the discussion group; for an album the copies of all its posts,
    the latest first (https://core.telegram.org/constructor/messages.discussionMessage). Errors as
    those of messages.getReplies.
    """
    request, account = call.request, call.account
    channel = open_channel(account, request.peer)
    home, root = thread_of_post(channel, request.msg_id)
    ids = home.thread_ids(root)
    unread = account.unread(home)
    shown = _album(home, root)
    refs = {channel.marked_id, home.marked_id}
    messages = entries_bytes(account, home, sorted(shown, reverse=True), refs)
    chats, users = account.peers_bytes(refs)
    number = int.to_bytes
    top = ids.max() if ids else 0
    flags = bool(top) << 0 | 1 << 1 | 1 << 2
    head = types.messages.DiscussionMessage.CONSTRUCTOR_ID
    above = len(ids) - ids.rank(unread.inbox)
    return b"".join(
        (
            number(head, 4, "little"),
            number(flags, 4, "little"),
            vector(messages),
            number(top, 4, "little") if top else b"",
            number(unread.inbox, 4, "little"),
            number(unread.outbox, 4, "little"),
            number(above, 4, "little"),
            vector(chats),
            vector(users),
        )
    )


def thread_of_post(channel: Channel, message_id: int) -> tuple[Channel, int]:
    """Return the supergroup that has the thread of a message, and the id that it hangs on.

    Raises:
        RpcFault: 400 MSG_ID_INVALID if there is no such message, or it has no thread: a post that
            has no copy in a discussion group, or whose copy was deleted.
    """
    if not channel.has_thread(message_id):
        raise RpcFault(400, "MSG_ID_INVALID")
    if channel.megagroup:
        return channel, message_id
    root = channel.threads.get(message_id)
    if root is None or channel.linked is None or not channel.linked.shows(root):
        raise RpcFault(400, "MSG_ID_INVALID")
    return channel.linked, root


def _album(home: Channel, root: int) -> list[int]:
    """Return the ids of the album that a message of a discussion group is in, or its own alone."""
    album = getattr(home.peek(root), "grouped_id", None) if root in home.threads else None
    if album is None:
        return [root]
    found = [root]
    for step in (1, -1):
        near = root + step
        while home.shows(near) and getattr(home.peek(near), "grouped_id", None) == album:
            found.append(near)
            near += step
    return found


DISCUSSION_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.messages.GetDiscussionMessageRequest: _get_discussion_message,
    functions.messages.GetRepliesRequest: _get_replies,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
