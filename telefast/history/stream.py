"""`BatchedHistory`: what the user holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self

from telefast.errors import ArgumentError, ConcurrentUseError
from telefast.history.arguments import (
    check_callables,
    check_clients,
    check_flags,
    check_list_arguments,
    check_sizes,
    check_takeout,
    check_together,
    check_waits,
    split_ids,
    stock_reason,
)
from telefast.history.batching import Gathering
from telefast.history.opening import Wanted
from telefast.history.output import Piece, batch_of
from telefast.history.producer import Producer
from telefast.history.query import Query
from telefast.history.resumable import Resumable
from telefast.history.resume import key_of
from telefast.history.sources import LONGEST_STRETCH
from telefast.history.track import Track
from telefast.history.types import Batch, HistoryCursor, HistoryStats
from telefast.tasks import Pump
from telefast.transport import telethon as door
from telefast.transport.calls import CallOptions
from telefast.transport.waits import WaitEvent, told_once

if TYPE_CHECKING:
    from datetime import date, datetime

    from telethon import TelegramClient

    from telefast.transport.undecoded import UndecodedMessage

__all__ = ["BatchedHistory"]


class BatchedHistory(Resumable):
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
        batch_size: Messages per batch of `batches`.
        albums: Whether batches are longer where they would cut an album. Bounds and *limit* cut
            as always; `widen_albums` fetches what they cut off. Default False.
        concurrency: Requests in flight, 1 to 64. Default 4: enough to hide the round trip on a
            good line, and mild on the account's flood budget.
        prefetch: Pages held or in flight, at least *concurrency*. None (default): twice
            *concurrency*, but 22 at least while dense stretches are read by ids.
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
        request_size: int = 100,
        batch_size: int = 100,
        albums: bool = False,
        concurrency: int = 4,
        prefetch: int | None = None,
        by_ids: bool = True,
        timeout: float | None = 60.0,
        max_flood_wait: float = 3600.0,
        takeout: bool | Literal["auto"] = False,
        on_progress: Callable[[int, int | None], object] | None = None,
        on_wait: Callable[[WaitEvent], object] | None = None,
    ) -> None:
        clients = check_clients(client)
        pages = check_sizes(request_size, batch_size, concurrency, prefetch)
        if prefetch is None:
            pages *= len(clients)
        check_waits(timeout, max_flood_wait, wait_time)
        check_list_arguments(search, filter, from_user, reply_to, scheduled)
        check_flags(albums=albums, fallback=fallback, by_ids=by_ids)
        check_takeout(takeout)
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
        self._clients = clients
        self._track = Track(query, key_of(stock), has_ids=ids is not None)
        self._on_progress = on_progress
        self._producer = Producer(
            clients,
            entity,
            query,
            wanted=Wanted(search, filter, from_user, reply_to, scheduled),
            stock=(stock, reason),
            fallback=fallback,
            options=CallOptions(timeout, max_flood_wait, wait_time or 0.0, on_wait=tell),
            request_size=request_size,
            concurrency=concurrency,
            prefetch=pages,
            stretch_pages=pages if prefetch is not None else max(pages, LONGEST_STRETCH),
            takeout=takeout,
            by_ids=by_ids,
        )
        self._tally = self._producer.tally
        self._pump = Pump(self._producer)
        self._is_started = False
        self._is_closed = False
        self._mode = ""
        self._piece: Piece | None = None
        self._index = 0
        self._handed = 0
        self._is_done = False
        self._undecoded: list[UndecodedMessage] = []
        self._gathering = Gathering(batch_size, albums=albums)
        self._error: Exception | None = None

    # What is known

    @property
    def total(self) -> int | None:
        """Messages in the whole list, as the server last said; None before the first answer."""
        return self._tally.total

    @property
    def cursor(self) -> HistoryCursor:
        """How far the consumer has come."""
        return self._track.cursor

    @property
    def undecoded(self) -> list[UndecodedMessage]:
        """Messages met so far that the installed Telethon cannot decode, which are not yielded.

        The list grows with them, a few KiB for each; clear it when you have kept them.
        """
        return self._undecoded

    def stats(self) -> HistoryStats:
        """Return the figures of this stream so far."""
        stats = self._tally.stats
        return replace(stats, messages=self._track.taken, held=stats.held + self._pump.buffered)

    # Taking

    def __aiter__(self) -> Self:
        self._choose("messages")
        return self

    async def __anext__(self) -> Any:
        """Return the next finished message.

        Raises:
            StopAsyncIteration: At the end, and after `aclose`.
        """
        while True:
            piece = self._piece
            if piece is not None and self._index < len(piece.messages):
                message = piece.messages[self._index]
                self._index += 1
                if self._track.offers(message):
                    self._track.took(message)
                    return message
            else:
                await self._next_piece()

    def batches(self) -> AsyncIterator[Batch]:
        """Return an iterator of batches of *batch_size* messages, the last one shorter.

        With *albums*, a batch is longer by what an album at its end needs (nine messages, if no
        others stand between), so that none is cut; up to 30 messages more are read ahead. After an
        error, an album that may not be complete is not handed out, and the cursor is before it.

        A stream is taken either by messages or by batches, not both.

        Raises:
            ConcurrentUseError: If it is already taken message by message.
        """
        self._choose("batches")
        return _Batches(self)

    async def aclose(self) -> None:
        """Stop fetching; what was fetched and not taken is dropped. Safe to call twice."""
        self._is_closed = True
        self._piece = None
        self._gathering = Gathering(1, albums=False)
        await self._pump.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"BatchedHistory({self.cursor!r}, total={self.total})"

    # Inside

    def _choose(self, mode: str) -> None:
        if self._mode not in ("", mode):
            raise ConcurrentUseError(f"this stream is taken by {self._mode} already; make another")
        self._mode = mode

    async def _next_piece(self) -> Piece:
        """Make the next piece the current one; StopAsyncIteration at the end."""
        if self._is_closed or self._is_done:
            raise StopAsyncIteration
        if not self._is_started:
            for client in self._clients:
                door.check_loop(client)
                door.check_connected(client)
            self._is_started = True
            self._pump.start(self)
        self._piece = None
        try:
            piece = await self._pump.take()
        except ConcurrentUseError:
            raise  # the stream is the other consumer's
        except Exception:
            self._is_closed = True
            await self._pump.aclose()
            raise
        if piece is None or self._is_closed:
            self._is_done = piece is None
            self._end_track()
            await self._pump.aclose()
            raise StopAsyncIteration
        self._piece, self._index = piece, 0
        self._handed += len(piece.messages)
        self._undecoded += piece.undecoded
        self._track.skip([each.id for each in piece.undecoded])
        if self._on_progress is not None:
            self._on_progress(self._handed, self.total)
        return piece

    def _end_track(self) -> None:
        if self._is_done and not self._gathering:
            self._track.ended()

    async def _next_batch(self) -> Batch:
        gathering = self._gathering
        while (count := gathering.next_count()) is None:
            try:
                piece = self._piece or await self._next_piece()
            except StopAsyncIteration:
                gathering.end(is_failed=False)
            except Exception as error:
                if not self._is_closed:
                    raise  # wrong use, or the callback's own error: the stream can go on
                gathering.end(is_failed=True)
                self._error = error  # after what came before it
            else:
                self._piece = None
                offered = [m for m in piece.messages if self._track.offers(m)]
                gathering.add(offered, piece.page, piece.latency)
        if count == 0:
            failure, self._error = self._error, None
            raise failure or StopAsyncIteration
        messages, parts = gathering.take(count)
        for message in messages:
            self._track.took(message)
        self._end_track()
        return batch_of(messages, parts, self._tally, door.self_id(self._clients[0]))


class _Batches:
    """The stream, batch by batch."""

    def __init__(self, stream: BatchedHistory) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        return await self._stream._next_batch()  # noqa: SLF001 - same module
