"""What a consumer does with a stream: take messages or batches, look at the figures, close it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Self

from telefast.errors import ConcurrentUseError
from telefast.history.batching import Gathering
from telefast.history.output import Piece, batch_of
from telefast.history.typed import M
from telefast.history.types import Batch, HistoryCursor, HistoryStats
from telefast.tasks import Pump
from telefast.transport import telethon as door
from telefast.transport.account import Account

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.history.producer import Producer
    from telefast.history.track import Track
    from telefast.transport.undecoded import UndecodedMessage

__all__ = ["Taking"]


class Taking(Generic[M]):
    """The consumer's side of `BatchedHistory`, which inherits it.

    Args:
        clients: Those that the producer asks through.
        producer: What fetches.
        track: Hears what the consumer has taken.
        gathering: Makes batches.
        on_progress: As for `BatchedHistory`.
    """

    def __init__(
        self,
        clients: list[TelegramClient],
        producer: Producer,
        track: Track,
        gathering: Gathering,
        on_progress: Callable[[int, int | None], object] | None,
    ) -> None:
        self._clients = clients
        self._producer = producer
        self._track = track
        self._gathering = gathering
        self._on_progress = on_progress
        self._tally = producer.tally
        self._pump: Pump[Piece] = Pump(producer)
        self._is_started = False
        self._is_closed = False
        self._is_done = False
        self._mode = ""
        self._piece: Piece | None = None
        self._index = 0
        self._handed = 0
        self._undecoded: list[UndecodedMessage] = []
        self._clock = _Clock()
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
        return replace(
            stats,
            messages=self._track.taken,
            held=stats.held + self._pump.buffered,
            seconds=self._clock.seconds,
            left=self._left(),
        )

    def _left(self) -> int | None:
        """Return how many messages are still to come, at most; None if that is not known."""
        if self._is_done:
            return 0
        query, taken = self.cursor.query, self.cursor.taken
        most = [] if query.limit is None else [query.limit]
        if self.total is not None and not query.is_part:
            most.append(self.total)
        return max(min(most) - taken, 0) if most else None

    # Taking

    def __aiter__(self) -> Self:
        self._choose("messages")
        return self

    async def __anext__(self) -> M:
        """Return the next finished message.

        Raises:
            StopAsyncIteration: At the end, and after `aclose`.
        """
        while True:
            piece = self._piece
            if piece is not None and self._index < len(piece.messages):
                message: M = piece.messages[self._index]
                self._index += 1
                if self._track.takes(message):
                    return message
                self._passed_over(message)
            else:
                await self._next_piece()

    def batches(self) -> AsyncIterator[Batch[M]]:
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
        self._clock.stop()
        self._piece = None
        self._gathering = Gathering(1, albums=False)
        await self._pump.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.cursor!r}, total={self.total})"

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
            door.check_connected(self._clients[0])
            self._is_started = True
            self._clock.start()
            self._pump.start(self)
        self._piece = None
        metrics = Account.of(self._clients[0]).metrics
        is_starved = not self._pump.buffered
        loop = asyncio.get_running_loop()
        began = loop.time()
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
            self._clock.stop()
            self._end_track()
            await self._pump.aclose()
            raise StopAsyncIteration
        if is_starved:
            metrics.add("prefetch_wait_seconds", loop.time() - began)
        metrics.set("prefetch_depth", self._pump.buffered)
        metrics.add("history_messages", sum(m is not None for m in piece.messages))
        taken = max(metrics["history_messages"], 1)
        metrics.set("requests_per_message", metrics["history_requests"] / taken)
        self._piece, self._index = piece, 0
        self._handed += len(piece.messages)
        self._undecoded += piece.undecoded
        self._track.skip([each.id for each in piece.undecoded])
        if self._on_progress is not None:
            self._on_progress(self._handed, self.total)
        return piece

    def _is_offered(self, message: Any) -> bool:
        if self._track.offers(message):
            return True
        self._passed_over(message)
        return False

    def _passed_over(self, message: Any) -> None:
        if message is not None:
            Account.of(self._clients[0]).metrics.add("processed_ids_skipped")

    def _end_track(self) -> None:
        if self._is_done and not self._gathering:
            self._track.ended()

    async def _next_batch(self) -> Batch[M]:
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
                offered = [m for m in piece.messages if self._is_offered(m)]
                gathering.add(offered, piece.page, piece.latency)
        if count == 0:
            failure, self._error = self._error, None
            raise failure or StopAsyncIteration
        messages, parts = gathering.take(count)
        for message in messages:
            self._track.took(message)
        self._end_track()
        Account.of(self._clients[0]).metrics.add("history_batches")
        return batch_of(messages, parts, self._tally, door.self_id(self._clients[0]))


class _Clock:
    """How long a stream runs, by its loop's clock."""

    def __init__(self) -> None:
        self._time: Callable[[], float] | None = None
        self._begun = self._ended = 0.0

    def start(self) -> None:
        self._time = asyncio.get_running_loop().time
        self._begun = self._time()

    def stop(self) -> None:
        if self._time is not None:
            self._ended = self._time()
            self._time = None

    @property
    def seconds(self) -> float:
        return (self._ended if self._time is None else self._time()) - self._begun


class _Batches(Generic[M]):
    """The stream, batch by batch."""

    def __init__(self, stream: Taking[M]) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch[M]:
        return await self._stream._next_batch()  # noqa: SLF001 - same module
