"""Telethon's own iterator: for what only it can do, and to go on where a fast path gives up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from telefast.history.query import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from telethon import TelegramClient

    from telefast.history.lists import Listing
    from telefast.history.output import Output
    from telefast.history.query import Query

__all__ = ["rest", "run_stock"]

_CHOICE = ("search", "filter", "from_user", "reply_to")
"""Arguments of `iter_messages` that choose a list."""


async def rest(
    client: TelegramClient,
    entity: Any,
    query: Query,
    stock: dict[str, Any],
    listing: Listing,
    out: Output,
) -> dict[str, Any] | None:
    """Return the arguments of `iter_messages` that give what a fast path has left; None for none.

    Args:
        client: The user's client.
        entity: The chat.
        query: What is asked.
        stock: The arguments that ask the same from the beginning.
        listing: The list, without a peer if it was not even opened.
        out: What was delivered of it.
    """
    if query.ids is not None:
        ids = query.ids[::-1] if query.reverse else query.ids
        return {**stock, "ids": list(ids[out.delivered :]), "reverse": False}
    if listing.peer is None or stock["scheduled"]:
        return stock
    choice = {name: stock[name] for name in _CHOICE}
    if listing.is_whole:
        choice["reply_to"] = None  # a topic that is read out of the whole history
    # What is filtered here is counted here: Telethon would end at a page without a match.
    is_filtered = listing.is_filtered
    if is_filtered:
        choice["from_user"] = None
    if out.last is not None:
        found: dict[str, Any] | None = _behind(query, last=out.last)
    else:
        found = await _beginning(client, entity, query, choice)
    if found is None:
        return None
    limit = None if is_filtered and out.left else out.left
    return {**choice, **found, "limit": limit, "wait_time": stock["wait_time"]}


async def run_stock(
    iterator: Any, out: Output, *, keeps: Callable[[Any], bool], size: int, tells_total: bool
) -> None:
    """Hand on what Telethon's iterator yields.

    Args:
        iterator: What `iter_messages` returned.
        out: Where to.
        keeps: Whether a message is wanted.
        size: Messages in a piece.
        tells_total: Whether its total is that of the whole list, and not of what is left.
    """
    messages: list[Any] = []
    async for message in iterator:
        if message is not None and not keeps(message):
            continue
        messages.append(message)
        if len(messages) in (size, out.left):
            if tells_total:
                out.tally.total = iterator.total
            out.put(messages, None)
            messages = []
            if out.left == 0:
                break
            await out.room()
    if tells_total:
        out.tally.total = iterator.total
    out.put(messages, None)


def _behind(query: Query, *, last: int) -> dict[str, Any]:
    """Return the arguments of `iter_messages` that go on behind an id, within the bounds.

    Args:
        query: What is asked.
        last: The id, within the bounds or right before them; 0 forward for the newest message.
    """
    # Telethon begins below the larger one of offset_id and max_id; in reverse, above that of
    # offset_id and min_id.
    bound = {"max_id": query.max_id} if query.reverse else {"min_id": query.min_id}
    return {"offset_id": last, "reverse": query.reverse, **bound}


async def _beginning(
    client: TelegramClient, entity: Any, query: Query, chosen: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the arguments of `iter_messages` that begin where *query* does; None for nothing.

    Telethon would apply `add_offset` on every page, so the first message is looked up alone.

    Args:
        client: The user's client.
        entity: The chat.
        query: What is asked.
        chosen: The arguments of `iter_messages` that choose the list.
    """
    start = query.start()
    if start > MAX_ID and query.reverse:
        return None
    rest = _behind(query, last=start - 1 if query.reverse else start)
    if query.offset_date:  # 0 is before every message, and only meant in reverse here
        rest["offset_date"] = query.offset_date
    if not query.add_offset:
        return rest
    # Without the bounds, or it would not even look where they leave nothing at this offset.
    unbound = {k: v for k, v in rest.items() if k not in ("min_id", "max_id")}
    found: Any = await client.get_messages(
        entity, limit=1, add_offset=query.add_offset, **unbound, **chosen
    )
    if not found and (query.add_offset > 0) != query.reverse:
        return None  # shifted beyond the end of the walk
    if not query.reverse:
        first = found[0].id + 1 if found else query.high
        last = 0 if first > MAX_ID else min(first, query.high)
    else:
        last = max(found[0].id - 1 if found else 0, query.low)
    return _behind(replace(query, offset_date=None), last=last)
