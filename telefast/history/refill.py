"""The originals of messages of which only a part was kept, by their ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from telefast.checks import check_int
from telefast.errors import ArgumentError
from telefast.history.stream import BatchedHistory

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.transport.undecoded import UndecodedMessage

__all__ = ["Refilled", "refill"]

_EXPECTED = "a Chunk, or an iterable of messages or ids"


@dataclass(frozen=True, slots=True)
class Refilled:
    """What `refill` has fetched.

    Attributes:
        messages: The originals, finished as those of `iter_messages`, one for each that was given,
            in that order; None where there is none any more.
        requests: Requests for messages that were sent.
        deleted: How many different messages there are none of any more.
        undecoded: Those that the installed Telethon cannot decode; None in *messages*, and not
            deleted.
    """

    messages: list[Any] = field(repr=False)
    requests: int
    deleted: int
    undecoded: tuple[UndecodedMessage, ...] = ()


async def refill(
    client: TelegramClient,
    entity: Any,
    messages: Any,
    *,
    batch: int = 200,
    concurrency: int = 8,
    takeout: bool | Literal["auto"] = False,
    timeout: float | None = 60.0,
    max_flood_wait: float = 3600.0,
) -> Refilled:
    """Fetch the originals of messages that a chunk of the schema `light` or `minimal` holds.

    They come by ids, many in a request, several requests at a time, from channels, groups and
    private chats alike. They are as Telegram has them now: edited ones are newer than what was
    kept. An id that was given twice is asked for once.

    Cancelling it is safe: nothing is kept.

    Args:
        client: A connected `telethon.TelegramClient`, or its takeout proxy.
        entity: The chat that the messages are in.
        messages: A `telefast.Chunk`, or messages of it, or ids.
        batch: Ids in one request, 2 to 200 (the server's limit is twice that of a history); an odd
            number counts as one less.
        concurrency: Requests in flight, 1 to 64.
        takeout: As of `telefast.BatchedHistory`, like *timeout* and *max_flood_wait*.
        timeout: Seconds.
        max_flood_wait: Seconds.

    Raises:
        ArgumentError: If an argument has no legal value, or the messages are of several chats;
            nothing was sent. Also if they turn out to be of another chat than *entity*.
        RPCError: Telegram's error, and all that `BatchedHistory` raises.
    """
    if entity is None:
        raise ArgumentError("entity", entity, "the chat that the messages are in")
    check_int("batch", batch, 2, 200)
    check_int("concurrency", concurrency, 1, 64)
    ids, chat_id = _ids_of(messages)
    found: dict[int, Any] = {}
    async with BatchedHistory(
        client,
        entity,
        ids=list(dict.fromkeys(ids)),
        request_size=batch // 2,
        concurrency=concurrency,
        takeout=takeout,
        timeout=timeout,
        max_flood_wait=max_flood_wait,
    ) as history:
        async for message in history:
            if message is None:
                continue
            if chat_id not in (None, message.chat_id):
                raise ArgumentError("entity", message.chat_id, f"the messages' chat, {chat_id}")
            found[message.id] = message
        requests = history.stats().requests
        undecoded = tuple(history.undecoded)
    return Refilled(
        [found.get(message_id) for message_id in ids],
        requests,
        len(set(ids) - found.keys() - {each.id for each in undecoded}),
        undecoded,
    )


def _ids_of(messages: Any) -> tuple[list[int], int | None]:
    """Return the ids, and the marked id of the chat that all are in; None if that is not known."""
    ids = getattr(messages, "ids", None)
    if isinstance(ids, list):
        if ids and messages.chat_id is None:
            raise ArgumentError("messages", messages, "a chunk of one chat")
        return ids, messages.chat_id
    if isinstance(messages, str | bytes) or not isinstance(messages, Iterable):
        raise ArgumentError("messages", type(messages).__name__, _EXPECTED)
    found: list[int] = []
    chats: set[int] = set()
    for each in messages:
        if type(each) is int:
            found.append(each)
        elif type(getattr(each, "id", None)) is int:
            found.append(each.id)
            chats |= {getattr(each, "chat_id", None) or 0} - {0}
        else:
            raise ArgumentError("messages", type(each).__name__, _EXPECTED)
    if len(chats) > 1:
        raise ArgumentError("messages", f"messages of {len(chats)} chats", "messages of one chat")
    return found, chats.pop() if chats else None
