"""Arguments of `BatchedHistory` that are not ids and numbers, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from telethon import types

from telefast.errors import ArgumentError
from telefast.history.query import MAX_ID, check_int

__all__ = ["check_client", "check_stock_arguments", "split_ids", "stock_reason"]

_FILTERS = types.InputMessagesFilterEmpty.SUBCLASS_OF_ID


def check_client(client: Any) -> None:
    """Raise `ArgumentError` unless *client* is, or acts for, a `TelegramClient`."""
    if not hasattr(client, "iter_messages"):
        raise ArgumentError("client", client, "a telethon.TelegramClient")


def check_stock_arguments(
    search: Any, filter_: Any, from_user: Any, reply_to: Any, scheduled: Any
) -> None:
    """Raise `ArgumentError` if an argument that goes to Telethon's iterator cannot be meant."""
    if search is not None and not isinstance(search, str):
        raise ArgumentError("search", search, "a str, or None")
    if filter_ is not None and getattr(filter_, "SUBCLASS_OF_ID", None) != _FILTERS:
        raise ArgumentError("filter", filter_, "a telethon.types.InputMessagesFilter..., or None")
    if isinstance(from_user, bool | float | bytes | list | tuple | dict):
        raise ArgumentError("from_user", from_user, "a user: an entity, an id or a name; or None")
    if reply_to is not None:
        check_int("reply_to", reply_to, 1, MAX_ID, "None")
    if not isinstance(scheduled, bool):
        raise ArgumentError("scheduled", scheduled, "True or False")


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


def stock_reason(
    entity: Any, search: Any, filter_: Any, from_user: Any, reply_to: Any, scheduled: Any
) -> str:
    """Return which argument is not accelerated yet, "" if all are."""
    reasons = {
        "entity=None": entity is None,
        "search": search is not None,
        "filter": filter_ is not None,
        "from_user": from_user is not None,
        "reply_to": reply_to is not None,
        "scheduled": bool(scheduled),
    }
    return next((name for name, applies in reasons.items() if applies), "")
