"""Methods that list some messages of a chat, or of all chats; see `methods`."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap
from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import find_user, open_channel, open_chat
from telefast.testing.channel import Channel
from telefast.testing.index import FILTERS
from telefast.testing.method_messages import answer_page, offset_id_of, shown_count
from telefast.testing.pages import entries_bytes, slice_of, vector, whole
from telefast.testing.paging import DEFAULT_LIMIT, PAGE_CAP, id_at_date
from telefast.testing.private import Group, PrivateChat
from telefast.testing.refs import mark_of
from telefast.testing.rpc import Call, RpcFault, UnknownMethodFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telefast.testing.chat import Chat

__all__ = ["SEARCH_HANDLERS", "fitting"]

_FILTER = "InputMessagesFilter"


def _search(call: Call) -> bytes:
    """Answer messages.search: the messages that fit, paged as a history is.

    The text must contain *q*, in any case of letters. `from_id` is ignored in private chats, as
    Telegram does (Telethon `client/messages.py`). `min_date` and `max_date` are applied after the
    page was cut, as `min_id` and `max_id` are (https://core.telegram.org/api/offsets). A limit of
    0 asks for the count only. Chosen: searches in saved messages by peer or reaction are not
    embedded, and an empty peer is PEER_ID_INVALID.
    """
    request = call.request
    if request.saved_peer_id is not None or request.saved_reaction:
        raise UnknownMethodFault("messages.search in parts of saved messages")
    chat = open_chat(call.account, request.peer)
    if chat is None:
        return whole(call.account, [], ())
    ids = fitting(chat, request.q, request.filter)
    if request.from_id is not None and not isinstance(chat, PrivateChat):
        ids = ids & chat.index.by_sender(_sender(call, request.from_id))
    if request.top_msg_id:
        ids = ids & _thread(chat, request.top_msg_id)
    return answer_page(
        call, chat, ids, offset_id_of(call), dates=(request.min_date, request.max_date)
    )


def _get_scheduled_history(call: Call) -> bytes:
    """Answer messages.getScheduledHistory: nothing is scheduled."""
    open_chat(call.account, call.request.peer)
    return whole(call.account, [], ())


def _get_search_counters(call: Call) -> bytes:
    """Answer messages.getSearchCounters: how many messages each filter shows."""
    request = call.request
    if request.saved_peer_id is not None:
        raise UnknownMethodFault("messages.getSearchCounters in parts of saved messages")
    chat = open_chat(call.account, request.peer)
    leaves_out_all = call.world.assume.empty_filter_count == "none"
    found: list[bytes] = []
    for each in request.filters:
        ids = BitMap() if chat is None else fitting(chat, "", each)
        if chat is not None and request.top_msg_id:
            ids = ids & _thread(chat, request.top_msg_id)
        if isinstance(each, types.InputMessagesFilterEmpty) and leaves_out_all:
            ids = BitMap()
        count, inexact = shown_count(call, len(ids))
        found.append(bytes(types.messages.SearchCounter(each, count, inexact)))
    return vector(found)


def _search_global(call: Call) -> bytes:
    """Answer messages.searchGlobal: what fits in all chats, the latest first.

    Messages of one second are ordered by peer and id. The next page is asked for with `next_rate`,
    which is the date of the last message, and with the peer and the id of that message. Chosen:
    `min_date` and `max_date` bound the list, and folders are ignored.
    """
    request, account = call.request, call.account
    if getattr(request, "community", None) is not None:
        raise UnknownMethodFault("messages.searchGlobal in a community")
    before = (2**31, 0, 0)
    if request.offset_rate:
        peer = request.offset_peer
        mark = 0 if isinstance(peer, types.InputPeerEmpty) else _mark(call, peer)
        before = (request.offset_rate, mark, request.offset_id)
    low, high = _stamp(request.min_date) or 0, _stamp(request.max_date) or 2**31
    lists = [
        (chat, _between(chat, fitting(chat, request.q, request.filter), low, high))
        for chat in account.chats()
        if _is_wanted(request, chat)
    ]
    if request.limit > PAGE_CAP and call.world.assume.large_limit == "refuse":
        raise RpcFault(400, "LIMIT_INVALID")
    size = min(request.limit, PAGE_CAP) if request.limit > 0 else DEFAULT_LIMIT
    merged = heapq.merge(*(_downwards(chat, ids, before) for chat, ids in lists), reverse=True)
    page = [*islice(merged, size)]
    refs: set[int] = set()
    entries: list[bytes] = []
    for _, marked_id, message_id in page:
        chat = account.chat(marked_id)
        if chat is not None:
            refs.add(marked_id)
            entries += entries_bytes(account, chat, [message_id], refs)
    count = sum(len(ids) for _, ids in lists)
    if len(page) == count:
        return whole(account, entries, refs)
    rate = page[-1][0] if page else None
    count, inexact = shown_count(call, count)
    return slice_of(account, entries, refs, count=count, next_rate=rate, inexact=inexact)


def fitting(chat: Chat, words: str, wanted: Any) -> BitMap:
    """Return the ids of a chat's messages that fit a text and a filter.

    Raises:
        RpcFault: 400 INPUT_FILTER_INVALID for a filter that nobody knows.
    """
    name = type(wanted).__name__.removeprefix(_FILTER)
    ids = chat.shown
    if name != "Empty":
        kinds = FILTERS.get(name)
        if kinds is None:
            raise RpcFault(400, "INPUT_FILTER_INVALID")
        if kinds == ("call",) and wanted.missed:
            kinds = ("missed call",)
        ids = ids & chat.index.of_kinds(kinds)
    return ids & chat.index.with_words(words) if words else ids


def _thread(chat: Chat, message_id: int) -> BitMap:
    """Return the ids in the thread of a message.

    Raises:
        RpcFault: 400 MSG_ID_INVALID if there is no such message, or no threads.
    """
    if not (isinstance(chat, Channel) and chat.megagroup and chat.has_thread(message_id)):
        raise RpcFault(400, "MSG_ID_INVALID")
    return chat.thread_ids(message_id)


def _sender(call: Call, peer: Any) -> int:
    """Return the marked id of whom `from_id` names."""
    if isinstance(peer, types.InputPeerChannel):
        return open_channel(call.account, peer).marked_id
    return _mark(call, peer)


def _mark(call: Call, peer: Any) -> int:
    """Return the marked id of an `InputPeer`.

    Raises:
        RpcFault: 400 PEER_ID_INVALID for a user who is unknown.
    """
    if isinstance(peer, types.InputPeerChannel):
        return mark_of(types.PeerChannel(peer.channel_id))
    if isinstance(peer, types.InputPeerChat):
        return mark_of(types.PeerChat(peer.chat_id))
    user = find_user(call.account, peer)
    if user is None:
        raise RpcFault(400, "PEER_ID_INVALID")
    return user.id


def _is_wanted(request: Any, chat: Chat) -> bool:
    """Return whether a global search looks into a chat."""
    if isinstance(chat, PrivateChat):
        return not (request.groups_only or request.broadcasts_only)
    if isinstance(chat, Channel) and chat.is_closed:
        return False
    if isinstance(chat, Group) or (isinstance(chat, Channel) and chat.megagroup):
        return not (request.users_only or request.broadcasts_only)
    return not (request.users_only or request.groups_only)


def _between(chat: Chat, ids: BitMap, low: int, high: int) -> BitMap:
    """Return the ids of messages sent after *low* and before *high*, in seconds."""
    first = id_at_date(ids, low + 1, chat.timestamp) if low else 1
    end = id_at_date(ids, high, chat.timestamp)
    if not first:
        return BitMap()
    return ids[ids.rank(first - 1) : ids.rank(end - 1) if end else len(ids)]


def _downwards(
    chat: Chat, ids: BitMap, before: tuple[int, int, int]
) -> Iterator[tuple[int, int, int]]:
    """Yield date, marked id and id of messages, the latest first, from below *before* on."""
    above = id_at_date(ids, before[0] + 1, chat.timestamp)
    index = ids.rank(above - 1) if above else len(ids)
    while index:
        index -= 1
        place = (chat.timestamp(ids[index]), chat.marked_id, ids[index])
        if place < before:
            yield place


def _stamp(date: datetime | None) -> int:
    return 0 if date is None else int(date.timestamp())


SEARCH_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.messages.GetScheduledHistoryRequest: _get_scheduled_history,
    functions.messages.GetSearchCountersRequest: _get_search_counters,
    functions.messages.SearchGlobalRequest: _search_global,
    functions.messages.SearchRequest: _search,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
