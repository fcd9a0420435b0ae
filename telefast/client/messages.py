"""What `FastClient` has for Telethon's methods that read messages."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, cast, overload

from telethon.tl.types import InputMessageID, InputMessagePinned, InputMessageReplyTo

from telefast.client.iterators import Listed, MessagesIter
from telefast.client.options import HISTORY_OPTIONS, check_options

if TYPE_CHECKING:
    from datetime import date, datetime

    from telethon import TelegramClient
    from telethon.tl.custom.message import Message

    from telefast.transport.waits import WaitEvent

__all__ = ["MessageMethods"]

_OneId = int | InputMessageID | InputMessageReplyTo | InputMessagePinned
_ManyIds = Iterable[_OneId]


class _More(TypedDict, total=False):
    """What can be said besides, for type checkers."""

    offset_date: datetime | date | float | None
    offset_id: int
    max_id: int
    min_id: int
    add_offset: int
    search: str | None
    filter: Any
    from_user: Any
    wait_time: float | None
    reverse: bool
    reply_to: int | None
    scheduled: bool
    request_size: int
    batch_size: int
    concurrency: int
    fallback: bool
    prefetch: int | None
    timeout: float | None
    max_flood_wait: float
    takeout: bool | Literal["auto"]
    on_progress: Callable[[int, int | None], object] | None
    on_wait: Callable[[WaitEvent], object] | None
    albums: bool
    by_ids: bool
    view: Literal["full", "lazy"]


class MessageMethods:
    """Messages, by `BatchedHistory`."""

    wrapped: TelegramClient
    """The client itself."""
    _options: dict[str, Any]

    __slots__ = ()

    @overload
    def iter_messages(
        self, entity: Any, limit: float | None = ..., *, ids: _ManyIds, **more: Unpack[_More]
    ) -> MessagesIter[Message | None]: ...
    @overload
    def iter_messages(
        self, entity: Any, limit: float | None = ..., *, ids: None = ..., **more: Unpack[_More]
    ) -> MessagesIter[Message]: ...
    def iter_messages(
        self,
        entity: Any,
        limit: float | None = None,
        *,
        offset_date: datetime | date | float | None = None,
        offset_id: int = 0,
        max_id: int = 0,
        min_id: int = 0,
        add_offset: int = 0,
        search: str | None = None,
        filter: Any = None,
        from_user: Any = None,
        wait_time: float | None = None,
        ids: Any = None,
        reverse: bool = False,
        reply_to: int | None = None,
        scheduled: bool = False,
        **options: Any,
    ) -> MessagesIter[Any]:
        """Iterate over messages, as `TelegramClient.iter_messages` does.

        Args:
            entity: As there.
            limit: As there.
            offset_date: As there.
            offset_id: As there.
            max_id: As there.
            min_id: As there.
            add_offset: As there, but counted once over all pages (see `telefast.BatchedHistory`).
            search: As there.
            filter: As there.
            from_user: As there.
            wait_time: Least time between the starts of two requests, in seconds. None: what
                `wrap` was told, else no spacing of our own.
            ids: As there.
            reverse: As there.
            reply_to: As there.
            scheduled: As there.
            options: The options of `wrap`, for this call only.

        Returns:
            What `async for` takes; with `.total`, `.collect()` and `reversed(...)`, as there.

        Raises:
            ArgumentError: If an argument has no legal value; before anything is sent.
        """
        check_options(options, HISTORY_OPTIONS)
        arguments = {
            "offset_date": offset_date,
            "offset_id": offset_id,
            "max_id": max_id,
            "min_id": min_id,
            "add_offset": add_offset,
            "search": search,
            "filter": filter,
            "from_user": from_user,
            "ids": ids,
            "reverse": bool(reverse),
            "reply_to": reply_to,
            "scheduled": bool(scheduled),
        }
        if wait_time is not None:
            options["wait_time"] = wait_time
        return MessagesIter(self.wrapped, entity, limit, self._options | options | arguments)

    @overload
    async def get_messages(
        self, entity: Any, limit: float | None = ..., *, ids: _OneId, **more: Unpack[_More]
    ) -> Message | None: ...
    @overload
    async def get_messages(
        self, entity: Any, limit: float | None = ..., *, ids: _ManyIds, **more: Unpack[_More]
    ) -> Listed[Message | None]: ...
    @overload
    async def get_messages(
        self, entity: Any, limit: float | None = ..., *, ids: None = ..., **more: Unpack[_More]
    ) -> Listed[Message]: ...
    async def get_messages(self, *args: Any, **kwargs: Any) -> Any:
        """Return messages at once, as `TelegramClient.get_messages` does.

        Args:
            args: The arguments of `iter_messages`. Without a limit, one message is fetched,
                unless both `min_id` and `max_id` are given.
            kwargs: The same, by name.

        Returns:
            A `telethon.helpers.TotalList` of messages; the message itself, or None, where `ids`
            is a single id.
        """
        if len(args) == 1 and "limit" not in kwargs:
            kwargs["limit"] = None if "min_id" in kwargs and "max_id" in kwargs else 1
        ids = kwargs.get("ids")
        messages = await self.iter_messages(*args, **kwargs).collect()
        if ids and not hasattr(ids, "__iter__"):
            return messages[0] if messages else None
        return messages

    cast("Any", get_messages).__signature__ = inspect.signature(iter_messages)
