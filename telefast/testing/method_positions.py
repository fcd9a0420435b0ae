"""Methods that map a filtered list to ids and dates without its messages; see `methods`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap
from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import open_chat
from telefast.testing.method_messages import offset_id_of, shown_count
from telefast.testing.method_search import fitting
from telefast.testing.pages import entries_bytes
from telefast.testing.paging import PAGE_CAP, position
from telefast.testing.rpc import Call, RpcFault, UnknownMethodFault
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from telefast.testing.chat import Chat

__all__ = ["POSITION_HANDLERS"]

_LEAST, _MOST = 50, 2000
"""Positions that one request may ask for (TDLib `MessagesManager.cpp`)."""

_DAY: Final = 86_400


def _get_positions(call: Call) -> bytes:
    """Answer messages.getSearchResultsPositions: some ids of a filtered list, evenly spread.

    They are the newest first, from below `offset_id` on. Chosen: a limit outside of 50 to 2000 is
    LIMIT_INVALID.
    """
    chat, ids, start = _list(call)
    limit = call.request.limit
    if not _LEAST <= limit <= _MOST:
        raise RpcFault(400, "LIMIT_INVALID")
    total = len(ids)
    step = max(1, -(-(total - start) // limit))
    found: list[types.TypeSearchResultsPosition] = [
        types.SearchResultPosition(
            msg_id=ids[total - 1 - offset], date=_date(chat, ids[total - 1 - offset]), offset=offset
        )
        for offset in range(start, total, step)
    ]
    count, _ = shown_count(call, total)
    return bytes(types.messages.SearchResultsPositions(count, found))


def _get_calendar(call: Call) -> bytes:
    """Answer messages.getSearchResultsCalendar: how many messages each day has, the latest first.

    Chosen: days are those of UTC; at most 100 come at once, each whole below `offset_id`, with its
    newest message.
    """
    chat, ids, start = _list(call)
    total = len(ids)
    below = ids[: total - start]
    days = groupby(reversed(below), lambda id_: chat.timestamp(id_) // _DAY if chat else 0)
    periods: list[types.TypeSearchResultsCalendarPeriod] = []
    for day, group in islice(days, PAGE_CAP):
        members = [*group]
        date = datetime.fromtimestamp(day * _DAY, UTC)
        periods.append(
            types.SearchResultsCalendarPeriod(date, members[-1], members[0], len(members))
        )
    refs: set[int] = set() if chat is None else {chat.marked_id}
    newest = [period.max_msg_id for period in periods]
    messages = [] if chat is None else entries_bytes(call.account, chat, newest, refs)
    chats, users = call.account.peers_bytes(refs)
    last = periods[-1].min_msg_id if periods else 0
    count, inexact = shown_count(call, total)
    return bytes(
        types.messages.SearchResultsCalendar(
            count=count,
            min_date=_date(chat, last),
            min_msg_id=last,
            periods=periods,
            messages=[read_object(data) for data in messages],
            chats=[read_object(data) for data in chats],
            users=[read_object(data) for data in users],
            inexact=inexact,
            offset_id_offset=start,
        )
    )


def _list(call: Call) -> tuple[Chat | None, BitMap, int]:
    """Return the chat, the filtered list, and how many of its entries are left out at the top."""
    request = call.request
    if request.saved_peer_id is not None:
        raise UnknownMethodFault(f"{call.method} in parts of saved messages")
    chat = open_chat(call.account, request.peer)
    if chat is None:
        return None, BitMap(), 0
    ids = fitting(chat, "", request.filter)
    has_date = hasattr(request, "offset_date")
    offset_id = offset_id_of(call, chat, ids) if has_date else offset_id_of(call)
    return chat, ids, position(ids, offset_id)


def _date(chat: Chat | None, message_id: int) -> datetime:
    """Return the date of a message, the epoch for none."""
    seconds = chat.timestamp(message_id) if chat is not None and message_id else 0
    return datetime.fromtimestamp(seconds, UTC)


POSITION_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.messages.GetSearchResultsCalendarRequest: _get_calendar,
    functions.messages.GetSearchResultsPositionsRequest: _get_positions,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
