"""Methods that tell how people voted; see `methods`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import open_chat
from telefast.testing.refs import refs_of_all
from telefast.testing.rpc import Call, RpcFault
from telefast.testing.tl import made_as_known, read_object

__all__ = ["POLL_HANDLERS"]


def _get_results(call: Call) -> bytes:
    """Answer messages.getPollResults: how a poll stands.

    A message that is none, or has no poll, is MSG_ID_INVALID
    (https://core.telegram.org/method/messages.getPollResults).
    """
    request = call.request
    chat = open_chat(call.account, request.peer)
    if chat is None or not chat.shows(request.msg_id):
        raise RpcFault(400, "MSG_ID_INVALID")
    media = getattr(chat.peek(request.msg_id), "media", None)
    if not isinstance(media, types.MessageMediaPoll):
        raise RpcFault(400, "MSG_ID_INVALID")
    update = made_as_known(
        types.UpdateMessagePoll,
        poll_id=media.poll.id,
        results=media.results,
        peer=chat.peer(),
        msg_id=request.msg_id,
        poll=media.poll,
    )
    chats, users = call.account.peers_bytes(refs_of_all([update]) | {chat.marked_id})
    return bytes(
        types.Updates(
            updates=[update],
            users=[read_object(data) for data in users],
            chats=[read_object(data) for data in chats],
            date=datetime.fromtimestamp(int(call.now), UTC),
            seq=0,
        )
    )


POLL_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.messages.GetPollResultsRequest: _get_results,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
