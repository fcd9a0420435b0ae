"""`BatchedHistory`: from the user's arguments to a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from telefast.checks import check_flags
from telefast.errors import ArgumentError
from telefast.history.arguments import (
    check_callables,
    check_chat,
    check_clients,
    check_list_arguments,
    check_sizes,
    check_takeout,
    check_together,
    check_view,
    check_waits,
    split_ids,
    stock_reason,
)
from telefast.history.batching import Gathering
from telefast.history.opening import Opener, Wanted
from telefast.history.producer import Producer
from telefast.history.query import Query
from telefast.history.resumable import Resumable
from telefast.history.resume import key_of
from telefast.history.sources import LONGEST_STRETCH
from telefast.history.taking import Taking
from telefast.history.track import Track
from telefast.history.typed import HistoryArguments, M
from telefast.transport.calls import CallOptions
from telefast.transport.waits import WaitEvent, told_once

if TYPE_CHECKING:
    from datetime import date, datetime

    from telethon import TelegramClient
    from telethon.tl.custom.message import Message

    from telefast.transport.lazy import LazyMessage

    _Clients = TelegramClient | Sequence[TelegramClient]
    _Ids = int | Iterable[int]

__all__ = ["BatchedHistory"]


class BatchedHistory(Resumable[M]):
    """Read a chat's history: exact, in order, many pages at a time.

    Yields what `client.iter_messages` yields for the same arguments, the same finished objects in
    the same order, wherever that is right; see the guide on history for where it is not. Histories,
    searches and threads are read in parallel; `stats().path` says how. The constructor sends
    nothing.

    Use it with `async with`, or call `aclose` when you stop early::

        async with BatchedHistory(client, "durov", concurrency=8) as history:
            async for message in history:
                ...

    Memory is bounded by *prefetch* pages of *request_size* messages, whatever the chat's size and
    however slow the consumer. An error reaches the consumer after everything that was fetched
    before it. Cancelling the consumer while it waits loses nothing: go on iterating, or close.

    Args:
        client: A connected `telethon.TelegramClient`, or its takeout proxy. Several, of different
            accounts of one owner, read a channel or supergroup together; see the guide for what
            that means for the objects. *concurrency* then counts for each of them.
        entity: The chat, as for `iter_messages`. None is the search of all chats, by date, one page
            after the other; there no ids bound anything and `cursor` says nothing.
        limit: Most messages to yield; None (default) for all. 0 asks for `total` only. Messages
            that cannot be decoded take their places in it.
        offset_date: Messages before this date (in reverse: at or after it); a naive datetime is
            UTC. Counts only without *offset_id* (and without *max_id*, in reverse *min_id*).
        offset_id: Messages below this id (in reverse: above it).
        max_id: Only messages below this id; 0 for no bound.
        min_id: Only messages above this id.
        add_offset: Skip so many messages after the offset; negative begins so many earlier.
            Positive means older in both directions.
        reverse: Oldest first.
        ids: Yield the messages with these ids instead, None where there is none in this chat. An
            int, or an iterable of ints (or of Telethon's `InputMessage...`: stock path).
        wait_time: Least time between the starts of two requests, in seconds. None (default): no
            spacing of our own; Telegram's flood waits are always obeyed.
        search: Only messages with this text. Telegram decides what has it.
        filter: Only messages of this kind, a `telethon.types.InputMessagesFilter...`.
        from_user: Only messages of this sender. In private chats and in threads, where Telegram
            does not filter, all are read and the others dropped; *add_offset* counts those too.
            With *entity* None: stock path.
        reply_to: Only the thread of this message, or the comments on this post; *search* and
            *filter* have no effect then, as in Telethon.
        scheduled: What is scheduled in this chat, in Telegram's order; *search*, *filter*,
            *reply_to* and *offset_date* have no effect then.
        fallback: Whether to go on with Telethon's `iter_messages`, behind what was delivered, where
            a fast path fails by an answer that cannot be read or is of another kind than asked
            for. Default True: it is logged as a WARNING and counted as `history_fallbacks`;
            False raises the error.
        request_size: Messages per request, 1 to 100 (the server's limit, tdlib MessagesManager.h).
        view: What messages are: `full` (the default), Telethon's own; `lazy`, a `LazyMessage` each,
            which is read from the bytes of the answer as its parts are asked for, and takes a
            fraction of time and memory.
        batch_size: Messages per batch of `batches`.
        albums: Whether batches are longer where they would cut an album. Bounds and *limit* cut
            as always; `widen_albums` fetches what they cut off. Default False.
        concurrency: Requests in flight, 1 to 64. Default 8, our choice: it hides most of a round
            trip of 100 ms, and a flood finds no more than 8 requests under way.
        prefetch: Pages held or in flight, at least *concurrency*. None (default): twice
            *concurrency*; while dense stretches are read by ids, 22 more than *concurrency*
            (room for the longest, and for the beginning of the next), if that is more.
        by_ids: Whether dense stretches of channels may be read by ids (the default), which takes
            half the requests; the history confirms each stretch before it is delivered, and
            *prefetch* decides how long it may be. False: by pages alone.
        timeout: Deadline of each request, in seconds, after which it is asked again; None for
            none. Default 60.
        max_flood_wait: Longest time that one request may spend in flood waits, in seconds, before
            `FloodWaitTooLongError`. Default 3600.
        takeout: Whether to make the requests as a takeout (`telefast.Takeout`), which has a larger
            flood budget. Default False: a takeout shows up on the user's other devices, and may
            have to be confirmed there. "auto" goes on without one where Telegram asks for that.
            A client that is a takeout's proxy makes them in that one, whatever is said here.
        on_progress: Called as `on_progress(taken, total)` after each page that the consumer takes;
            *total* is None while unknown. What it raises reaches the consumer.
        on_wait: Called as `on_wait(event)` with a `WaitEvent` whenever requests of this stream
            begin to wait for a flood, or for a second or more of pacing or spacing; once for each
            wait, however many it holds. What it raises reaches the consumer.

    Raises:
        ArgumentError: By the constructor, if an argument has no legal value.
        UsageError: By the first step, if the client belongs to another event loop.
        RPCError: Telegram's error, for a chat that does not exist, is private, or vanishes.
        CompatibilityError: If an answer cannot be read, and *fallback* is False.
        UnexpectedAnswerError: If an answer is of another kind, and *fallback* is False.
        FloodWaitTooLongError: If Telegram asks for a longer wait than allowed.
        TakeoutDelayError: If a takeout has to be confirmed or waited for first.
        DeadlineError: If a request is not answered, though asked several times.
        ConnectionLostError: If the client is not connected, or is disconnected meanwhile.
    """

    @overload
    def __init__(
        self: BatchedHistory[Message],
        client: _Clients,
        entity: Any,
        limit: int | None = ...,
        *,
        view: Literal["full"] = ...,
        ids: None = ...,
        **more: Unpack[HistoryArguments],
    ) -> None: ...
    @overload
    def __init__(
        self: BatchedHistory[Message | None],
        client: _Clients,
        entity: Any,
        limit: int | None = ...,
        *,
        view: Literal["full"] = ...,
        ids: _Ids,
        **more: Unpack[HistoryArguments],
    ) -> None: ...
    @overload
    def __init__(
        self: BatchedHistory[LazyMessage],
        client: _Clients,
        entity: Any,
        limit: int | None = ...,
        *,
        view: Literal["lazy"],
        ids: None = ...,
        **more: Unpack[HistoryArguments],
    ) -> None: ...
    @overload
    def __init__(
        self: BatchedHistory[LazyMessage | None],
        client: _Clients,
        entity: Any,
        limit: int | None = ...,
        *,
        view: Literal["lazy"],
        ids: _Ids,
        **more: Unpack[HistoryArguments],
    ) -> None: ...
    def __init__(
        self,
        client: TelegramClient | Sequence[TelegramClient],
        entity: Any,
        limit: int | None = None,
        *,
        offset_date: datetime | date | float | None = None,
        offset_id: int = 0,
        max_id: int = 0,
        min_id: int = 0,
        add_offset: int = 0,
        reverse: bool = False,
        ids: int | Iterable[int] | None = None,
        wait_time: float | None = None,
        search: str | None = None,
        filter: Any = None,  # Telethon's name
        from_user: Any = None,
        reply_to: int | None = None,
        scheduled: bool = False,
        fallback: bool = True,
        view: Literal["full", "lazy"] = "full",
        request_size: int = 100,
        batch_size: int = 100,
        albums: bool = False,
        concurrency: int = 8,
        prefetch: int | None = None,
        by_ids: bool = True,
        timeout: float | None = 60.0,
        max_flood_wait: float = 3600.0,
        takeout: bool | Literal["auto"] = False,
        on_progress: Callable[[int, int | None], object] | None = None,
        on_wait: Callable[[WaitEvent], object] | None = None,
    ) -> None:
        clients = check_clients(client)
        check_chat(entity)
        pages = check_sizes(request_size, batch_size, concurrency, prefetch)
        if prefetch is None:
            pages *= len(clients)
        check_waits(timeout, max_flood_wait, wait_time)
        check_list_arguments(search, filter, from_user, reply_to, scheduled)
        check_flags(albums=albums, fallback=fallback, by_ids=by_ids)
        check_takeout(takeout)
        check_view(view)
        check_callables(on_progress=on_progress, on_wait=on_wait)
        tell = None if on_wait is None else told_once(on_wait)
        ids, wanted, others = split_ids(ids)
        query = Query.build(
            limit=limit,
            min_id=min_id,
            max_id=max_id,
            offset_id=offset_id,
            add_offset=add_offset,
            offset_date=offset_date,
            reverse=reverse,
            ids=wanted,
        )
        if len(clients) > 1:
            check_together(entity, from_user, scheduled, takeout, others)
        reason = others
        if not reason and ids is None:
            reason = stock_reason(entity, from_user)
        if entity is None and reverse and ids is None:
            raise ArgumentError("reverse", reverse, "False where entity is None (global search)")
        stock = {
            "limit": limit,
            "offset_date": offset_date,
            "offset_id": offset_id,
            "max_id": max_id,
            "min_id": min_id,
            "add_offset": add_offset,
            "search": search,
            "filter": filter,
            "from_user": from_user,
            "wait_time": wait_time or 0,
            "ids": ids,
            "reverse": reverse,
            "reply_to": reply_to,
            "scheduled": scheduled,
        }
        name, opener = self._own_list()
        producer = Producer(
            clients,
            entity,
            query,
            wanted=Wanted(search, filter, from_user, reply_to, scheduled, opener),
            stock=(stock, reason),
            fallback=fallback,
            options=CallOptions(
                timeout, max_flood_wait, wait_time or 0.0, on_wait=tell, room="history"
            ),
            request_size=request_size,
            concurrency=concurrency,
            prefetch=pages,
            stretch_pages=max(pages, 0 if prefetch else LONGEST_STRETCH + concurrency),
            takeout=takeout,
            by_ids=by_ids,
            is_lazy=view == "lazy",
        )
        track = Track(query, key_of(stock, name), has_ids=ids is not None)
        gathering = Gathering(batch_size, albums=albums)
        Taking.__init__(self, clients, producer, track, gathering, on_progress)

    def _own_list(self) -> tuple[str, Opener | None]:
        """Return what the list is called and what opens it, for a list of another room."""
        return "", None
