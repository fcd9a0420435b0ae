"""Methods that answer with messages of a chat, by place or by id; see `methods`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap
from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import open_channel, open_chat
from telefast.testing.faults import apply_by_ids, apply_page
from telefast.testing.method_takeout import in_range
from telefast.testing.pages import channel_messages, empty_bytes, entries_bytes, page_of, whole
from telefast.testing.paging import IDS_CAP, PAGE_CAP, hash_of, id_at_date, position, slice_ids
from telefast.testing.rpc import Call, Empty, RpcFault

if TYPE_CHECKING:
    from datetime import datetime

    from telefast.testing.chat import Chat

__all__ = ["MESSAGE_HANDLERS", "answer_page", "offset_id_of", "shown_count"]


def _get_history(call: Call) -> bytes:
    """Answer messages.getHistory (https://core.telegram.org/api/offsets).

    Chosen: a negative `offset_id` is MSG_ID_INVALID, and a user without a private chat has an
    empty history.
    """
    chat = open_chat(call.account, call.request.peer)
    if chat is None:
        return whole(call.account, [], ())
    return answer_page(call, chat, chat.shown, offset_id_of(call, chat, chat.shown))


def offset_id_of(call: Call, chat: Chat | None = None, ids: BitMap | None = None) -> int:
    """Return where a page begins; a date counts only without an id.

    Args:
        call: The request.
        chat: Knows the dates; None if the request has no `offset_date`.
        ids: The list that the page is cut from.

    Raises:
        RpcFault: 400 MSG_ID_INVALID for a negative id.
    """
    offset_id: int = call.request.offset_id
    if offset_id < 0:
        raise RpcFault(400, "MSG_ID_INVALID")
    if chat is None or ids is None or offset_id:
        return offset_id
    date = call.request.offset_date
    if date is None or not date.timestamp():
        return 0
    return id_at_date(ids, date.timestamp(), chat.timestamp)


def answer_page(
    call: Call,
    chat: Chat,
    ids: BitMap,
    offset_id: int,
    *,
    dates: tuple[datetime | None, datetime | None] | None = None,
) -> bytes:
    """Cut the page that a request asks for out of a list, let the rules at it, and answer.

    If the request has the hash of that very page, other than 0, the answer is
    `messages.messagesNotModified`.

    Args:
        call: The request.
        chat: The chat.
        ids: The list: all ids of the chat, or some of them.
        offset_id: Where the page begins.
        dates: For a search: only messages between these dates stay on the page, and a limit of 0
            means none.
    """
    request, assume = call.request, call.world.assume
    if request.limit > PAGE_CAP and assume.large_limit == "refuse":
        raise RpcFault(400, "LIMIT_INVALID")
    ids = in_range(call, chat, ids)
    page: list[int | Empty] = []
    if request.limit or (dates is None and assume.zero_limit == "default"):
        cut = slice_ids(
            ids,
            offset_id=offset_id,
            add_offset=request.add_offset,
            limit=request.limit,
            max_id=request.max_id,
            min_id=request.min_id,
            shift=assume.page_above_top == "shift",
        )
        page += cut if dates is None else _between(chat, cut, *dates)
    if call.rules:
        call.chat, call.ids = chat, ids
        page = apply_page(call.rules, call, page)
    count, inexact = shown_count(call, len(ids))
    shown = [entry.id if isinstance(entry, Empty) else entry for entry in page]
    if request.hash and request.hash == hash_of(shown):
        return bytes(types.messages.MessagesNotModified(count))
    if shown:
        offset = len(ids) - ids.rank(shown[0])
    else:
        offset = min(max(0, position(ids, offset_id) + request.add_offset), len(ids))
    return page_of(call.account, chat, page, count=count, offset_id_offset=offset, inexact=inexact)


def shown_count(call: Call, count: int) -> tuple[int, bool]:
    """Return the count that an answer tells, and whether it is marked as inexact."""
    if count <= PAGE_CAP or not call.world.assume.inexact_counts:
        return count, False
    return -(-count // PAGE_CAP) * PAGE_CAP, True


def _between(
    chat: Chat, page: list[int], after: datetime | None, before: datetime | None
) -> list[int]:
    """Return the ids of messages sent between two dates; None and the epoch are no dates."""
    low = 0 if after is None else after.timestamp()
    high = (0 if before is None else before.timestamp()) or 2**31
    return [id_ for id_ in page if low < chat.timestamp(id_) < high]


def _get_channel_messages(call: Call) -> bytes:
    """Answer channels.getMessages: in request order, `MessageEmpty` for what is missing.

    If all ids are invalid, the answer is MESSAGE_IDS_EMPTY; see `Assumptions.invalid_ids`. Chosen:
    ids beyond 200 are left out.
    """
    channel = open_channel(call.account, call.request.channel)
    wanted = _wanted(call, lambda message_id: channel if channel.shows(message_id) else None)
    is_valid = channel.shows if call.world.assume.invalid_ids == "missing" else _is_positive
    if not any(map(is_valid, wanted)):
        raise RpcFault(400, "MESSAGE_IDS_EMPTY")
    hidden = channel.available_min_id
    page: list[int | Empty] = [Empty(id_) if id_ <= hidden else id_ for id_ in wanted]
    if call.rules:
        call.chat = channel
        page = apply_by_ids(call.rules, call, page)
    return channel_messages(call.account, channel, page, count=len(page))


def _is_positive(message_id: int) -> bool:
    return message_id > 0


def _get_messages(call: Call) -> bytes:
    """Answer messages.getMessages: messages of private chats and basic groups, in request order.

    It names no chat. What is missing, and what only a channel has, is `MessageEmpty` without a
    peer. Chosen: ids beyond 200 are left out.
    """
    account = call.account
    page: list[int | Empty] = [*_wanted(call, account.owner)]
    if call.rules:
        page = apply_by_ids(call.rules, call, page)
    refs: set[int] = set()
    entries: list[bytes] = []
    chat = None
    for entry in page:
        message_id = entry.id if isinstance(entry, Empty) else entry
        if chat is None or not chat.has(message_id):
            chat = account.owner(message_id)
        if chat is None or isinstance(entry, Empty) or not chat.shows(message_id):
            entries.append(empty_bytes(message_id))
        else:
            refs.add(chat.marked_id)
            entries += entries_bytes(account, chat, [message_id], refs)
    return whole(account, entries, refs)


def _wanted(call: Call, home: Callable[[int], Chat | None]) -> list[int]:
    """Return the ids that a request names; what a reply answers takes its place, if it exists.

    Args:
        call: The request.
        home: Returns the chat that has a message of that id, or None.
    """
    wanted: list[int] = []
    for item in call.request.id[:IDS_CAP]:
        if isinstance(item, types.InputMessageReplyTo):
            chat = home(item.id)
            target = None if chat is None else _reply_target(chat, item.id)
            if target is not None:
                wanted.append(target)
        elif isinstance(item, types.InputMessageID):
            wanted.append(item.id)
    return wanted


def _reply_target(chat: Chat, message_id: int) -> int | None:
    """Return the id that a message of this chat replies to within it, if that exists."""
    header: Any = chat.message(message_id).reply_to
    if not isinstance(header, types.MessageReplyHeader) or header.reply_to_peer_id is not None:
        return None
    target = header.reply_to_msg_id
    return target if target is not None and chat.shows(target) else None


MESSAGE_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.channels.GetMessagesRequest: _get_channel_messages,
    functions.messages.GetHistoryRequest: _get_history,
    functions.messages.GetMessagesRequest: _get_messages,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
