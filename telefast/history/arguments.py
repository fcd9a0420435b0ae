"""Arguments of `BatchedHistory` that are not ids and numbers, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from telethon import types

from telefast.checks import check_flags, check_int, check_number, check_patience
from telefast.errors import ArgumentError
from telefast.history.query import MAX_ID
from telefast.transport import telethon as door

__all__ = [
    "check_after",
    "check_callables",
    "check_chat",
    "check_clients",
    "check_list_arguments",
    "check_sizes",
    "check_takeout",
    "check_together",
    "check_view",
    "check_waits",
    "split_ids",
    "stock_reason",
]

_MAX_CONCURRENCY = 64
"""Requests in flight at most: Telethon packs up to 101 into one container; more than 64 only fills
queues (our choice)."""
_FILTERS = types.InputMessagesFilterEmpty.SUBCLASS_OF_ID


def check_clients(client: Any) -> list[Any]:
    """Return the client or clients as a list.

    Raises:
        ArgumentError: Unless each is, or acts for, a `TelegramClient`, and another one.
    """
    clients = list(client) if isinstance(client, list | tuple) else [client]
    for each in clients:
        if not hasattr(each, "iter_messages"):
            raise ArgumentError("client", each, "a telethon.TelegramClient")
    is_twice = len(clients) > 1 and len({id(door.key_of(each)) for each in clients}) < len(clients)
    if not clients or is_twice:
        expected = "a telethon.TelegramClient, or one for each of several accounts"
        raise ArgumentError("client", f"{len(clients)} clients", expected)
    return clients


def check_after(after: Any) -> tuple[int, int] | None:
    """Return a key of a message as a plain pair, None for None; `ArgumentError` if it is none."""
    if after is None:
        return None
    expected = f"(marked id of a chat, message id from 1 to {MAX_ID}), or None"
    if not isinstance(after, list | tuple) or len(after) != 2:
        raise ArgumentError("after", after, expected)
    peer_id, message_id = after
    if type(peer_id) is not int or type(message_id) is not int:
        raise ArgumentError("after", after, expected)
    if peer_id == 0 or not 1 <= message_id <= MAX_ID:
        raise ArgumentError("after", after, expected)
    return peer_id, message_id


def check_chat(entity: Any) -> None:
    """Raise `ArgumentError` for what is no chat to anybody; Telethon finds out the rest."""
    if isinstance(entity, bool | float | bytes | list | tuple | dict | set):
        raise ArgumentError("entity", type(entity).__name__, "a chat: an entity, an id or a name")


def check_callables(**callables: Any) -> None:
    """Raise `ArgumentError` unless each can be called, or is None."""
    for name, value in callables.items():
        if value is not None and not callable(value):
            raise ArgumentError(name, value, "a callable, or None")


def check_view(view: Any) -> None:
    """Raise `ArgumentError` unless it names what messages can be."""
    if view not in ("full", "lazy"):
        raise ArgumentError("view", view, '"full" or "lazy"')


def check_takeout(takeout: Any) -> None:
    """Raise `ArgumentError` unless it is True, False or "auto"; 0 and 1 equal the first two."""
    if not isinstance(takeout, bool) and takeout != "auto":
        raise ArgumentError("takeout", takeout, 'True, False or "auto"')


def check_together(entity: Any, from_user: Any, scheduled: bool, takeout: Any, others: str) -> None:
    """Raise `ArgumentError` if this cannot be asked through several accounts together."""
    refused = {
        "entity": (entity, entity is None, "one chat"),
        "from_user": (from_user, from_user is not None, "None"),
        "scheduled": (scheduled, scheduled, "False"),
        "takeout": (takeout, takeout is not False, "False"),
        "ids": (others, bool(others), "ints"),
    }
    for name, (value, is_refused, legal) in refused.items():
        if is_refused:
            raise ArgumentError(name, value, f"{legal} with several clients")


def check_list_arguments(
    search: Any, filter_: Any, from_user: Any, reply_to: Any, scheduled: Any
) -> None:
    """Raise `ArgumentError` if an argument that chooses the list cannot be meant."""
    if search is not None and not isinstance(search, str):
        raise ArgumentError("search", search, "a str, or None")
    if filter_ is not None and getattr(filter_, "SUBCLASS_OF_ID", None) != _FILTERS:
        raise ArgumentError("filter", filter_, "a telethon.types.InputMessagesFilter..., or None")
    if isinstance(from_user, bool | float | bytes | list | tuple | dict):
        raise ArgumentError("from_user", from_user, "a user: an entity, an id or a name; or None")
    if reply_to is not None:
        check_int("reply_to", reply_to, 1, MAX_ID, "None")
    check_flags(scheduled=scheduled)


def check_sizes(request_size: Any, batch_size: Any, concurrency: Any, prefetch: Any) -> int:
    """Return the number of pages to prefetch; `ArgumentError` if a size has no legal value."""
    check_int("request_size", request_size, 1, 100)
    check_int("batch_size", batch_size, 1, None)
    check_int("concurrency", concurrency, 1, _MAX_CONCURRENCY)
    found: int = 2 * concurrency if prefetch is None else prefetch
    check_int("prefetch", found, 1, None, "None for twice concurrency")
    if found < concurrency:
        expected = f"at least concurrency={concurrency}: each request holds a page"
        raise ArgumentError("prefetch", found, expected)
    return found


def check_waits(timeout: Any, max_flood_wait: Any, wait_time: Any) -> None:
    """Raise `ArgumentError` if a time has no legal value."""
    check_patience(timeout, max_flood_wait)
    if wait_time is not None:
        check_number("wait_time", wait_time, 0, "None for no spacing")


def split_ids(ids: Any) -> tuple[list[Any] | None, tuple[int, ...] | None, str]:
    """Return the ids as a list, the same as ints, and why only Telethon can fetch them ("")."""
    if ids is None:
        return None, None, ""
    inputs = (types.InputMessageID, types.InputMessageReplyTo, types.InputMessagePinned)
    if isinstance(ids, (int, *inputs)) and not isinstance(ids, bool):
        ids = (ids,)
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise ArgumentError("ids", ids, "an int, or an iterable of ints")
    found = list(ids)
    if any(isinstance(i, inputs) for i in found):
        return found, None, "ids that are not ints"
    for message_id in found:
        check_int("ids", message_id, -MAX_ID, MAX_ID)
    return found, tuple(found), ""


def stock_reason(entity: Any, from_user: Any) -> str:
    """Return why only Telethon's iterator can be asked, "" if it need not."""
    # One list over all chats, ordered by ids that have nothing to do with each other.
    return "from_user without entity" if entity is None and from_user else ""
