"""`ChunkStore`: chunks in the files of a folder, added to the end, never changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, TypeVarTuple, get_args

from telefast import logs
from telefast.checks import check_flags
from telefast.chunks.codec import Chunk, ChunkCodec
from telefast.chunks.counting import Tally
from telefast.chunks.folder import Folder, Fsync, Place
from telefast.chunks.frames import Header
from telefast.chunks.index import Bounds, Facts
from telefast.chunks.types import StoreStats
from telefast.errors import (
    ArgumentError,
    ChunkError,
    ChunkTooLargeError,
    ClosedError,
    CorruptChunkError,
    UsageError,
)
from telefast.metrics import Metrics
from telefast.tasks import in_thread
from telefast.transport.unshown import Unshown

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ChunkStore"]

T = TypeVar("T")
Args = TypeVarTuple("Args")

_log = logs.get_logger("chunks")

_BEFORE_ALL = (-1, 0)
_BEHIND_ALL = (2**63, 0)


class ChunkStore:
    """Keep chunks in the files of a folder: append, read in order, seek by id or date.

    Chunks are only ever added. One writer at a time has the folder; any number of others may read
    it meanwhile, and see what was there when they opened it. Files are `000000.tfc` and so on,
    chunks one behind the other.

    What happens to the files costs only what it hits:

    * A write that was cut short, by a kill or a power failure, is cut off by the next writer and
      ignored by readers (`stats().torn_bytes`).
    * A damaged chunk is an error that names file and offset, or is skipped; the others stay
      readable, also those behind a wrong length.
    * A full disk is an error, takes back what was half written, and the append can be repeated.

    Opening reads headers only. What a chunk holds (chat, ids, dates) is learnt when it is first
    read, and remembered, so the first search by bounds reads the chunks once.

    Use it with `async with`::

        async with ChunkStore("my-chat") as store:
            async for batch in history.batches():
                await store.append(batch)

    File work is done in a thread, one call at a time. Memory: some 300 bytes for each chunk in
    the store, and the chunk at hand.

    Args:
        path: The folder; made if it does not exist, unless *read_only*.
        codec: How to encode, and the limit for decoding. None for `ChunkCodec()`.
        read_only: Whether only to read. Then nothing is changed and no lock is taken.
        max_file_size: Bytes beyond which a file gets no more chunks and a new one is begun.
            Default 256 MiB, about two million messages: our choice.
        fsync: When to wait until data are on the disk: `"always"`, after each chunk; `"close"`
            (default), at the end of each file and of the work, and by `flush`; `"never"`. Without
            waiting, a power failure may lose the last seconds; a kill loses nothing.
        metrics: Where to count as well, such as `telefast.metrics_of(client)`: `chunks_encoded`
            and the like.

    Raises:
        ArgumentError: By the constructor, if an argument has no legal value.
        StoreLockedError: By opening, if another writer has the folder.
        FileNotFoundError: By opening with *read_only*, if there is no such folder.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        codec: ChunkCodec | None = None,
        read_only: bool = False,
        max_file_size: int = 256 * 1024 * 1024,
        fsync: Fsync = "close",
        metrics: Metrics | None = None,
    ) -> None:
        try:
            folder = Path(path)
        except TypeError:
            raise ArgumentError("path", path, "the path of a folder") from None
        check_flags(read_only=read_only)
        if metrics is not None and not isinstance(metrics, Metrics):
            raise ArgumentError("metrics", type(metrics).__name__, "telefast.Metrics, or None")
        if type(max_file_size) is not int or max_file_size < 1:
            raise ArgumentError("max_file_size", max_file_size, "a number of bytes from 1 up")
        if fsync not in get_args(Fsync):
            raise ArgumentError("fsync", fsync, "'always', 'close' or 'never'")
        if codec is not None and not isinstance(codec, ChunkCodec):
            raise ArgumentError("codec", codec, "a ChunkCodec, or None for the default one")
        self._codec = ChunkCodec() if codec is None else codec
        self._is_read_only = read_only
        self._folder = Folder(
            folder,
            is_writable=not read_only,
            max_file_size=max_file_size,
            fsync=fsync,
        )
        self._is_open = False
        self._turn = asyncio.Lock()
        self._tally = Tally(metrics)
        self._facts: dict[tuple[int, int], Facts] = {}
        self._damaged: dict[tuple[int, int], ChunkError] = {}

    # Open and close

    async def open(self) -> None:
        """Find all chunks, as `async with` does; a writer also cuts off what was half written."""
        async with self._turn:
            if self._is_open:
                raise UsageError(f"{self.path}: this store is open already")
            try:
                await in_thread(self._folder.open)
            except BaseException:  # also if cancelled when it was open already
                self._folder.close()
                raise
            self._is_open = True
            self._facts.clear()
            self._damaged.clear()
        if self._folder.torn_size:
            done = "ignored" if self._is_read_only else "cut"
            _log.warning("torn tail %s path=%s bytes=%s", done, self.path, self._folder.torn_size)

    async def aclose(self) -> None:
        """Wait until all is on the disk (see *fsync*), and let other writers in. Safe to repeat."""
        async with self._turn:
            if self._is_open:
                self._is_open = False
                logs.flush(self._tally.given)
                await in_thread(self._folder.close)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"ChunkStore({str(self.path)!r}, read_only={self._is_read_only})"

    # What is known

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    @property
    def damaged(self) -> list[ChunkError]:
        """Each damaged or unreadable place that was met so far, in the order of the files."""
        return [self._damaged[key] for key in sorted(self._damaged)]

    def stats(self) -> StoreStats:
        """Return the figures of this store so far."""
        headers = [p.span.header for p in self._folder.places if p.span.header is not None]
        return StoreStats(
            files=self._folder.file_count,
            chunks=len(headers),
            messages=sum(header.count for header in headers),
            bytes=self._folder.size,
            torn_bytes=self._folder.torn_size,
            chunks_encoded=self._tally["chunks_encoded"],
            chunks_decoded=self._tally["chunks_decoded"],
            chunk_raw_bytes=self._tally["chunk_raw_bytes"],
            chunk_compressed_bytes=self._tally["chunk_compressed_bytes"],
            compressed_chunks_saved_bytes=self._tally["compressed_chunks_saved_bytes"],
            chunk_corrupt=len(self._damaged),
        )

    # Write

    async def append(self, messages: Any, *, account: int | None = None) -> None:
        """Add one chunk; nothing if there is no message.

        When it returns, the chunk is in the file, and a kill of this process cannot take it away.
        If it is cancelled, or fails in any other way, the chunk is there whole or not at all.

        Args:
            messages: As for `ChunkCodec.encode`: a batch, or about a thousand messages.
            account: Likewise.

        Raises:
            DiskFullError: If there is no room; what is there stays readable, and the call can be
                repeated.
            ArgumentError: As by `ChunkCodec.encode`.
            ChunkTooLargeError: Likewise.
            UsageError: If the store is read-only.
        """
        if self._is_read_only:
            raise UsageError(f"{self.path}: opened with read_only=True; it cannot be written to")
        await self._do(self._append, messages, account)

    async def flush(self) -> None:
        """Wait until everything that was appended is on the disk.

        Raises:
            DiskFullError: If it turns out only now that there is no room.
        """
        await self._do(self._folder.sync)

    def _append(self, messages: Any, account: int | None) -> None:
        began = time.perf_counter()
        frame = Unshown(self._codec.encode(messages, account=account))
        seconds = time.perf_counter() - began
        header = Header.unpack(frame)
        if header is None or not header.count:
            return
        self._folder.append(frame)
        self._tally.wrote(header, seconds)

    # Read

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self.chunks()

    def chunks(
        self,
        *,
        chat_id: int | None = None,
        min_id: int | None = None,
        max_id: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        skip_damaged: bool = False,
    ) -> AsyncIterator[Chunk]:
        """Return an iterator of chunks, in the order in which they were appended.

        With bounds, chunks that hold nothing within them are left out; the others come whole.
        Chunks that are appended meanwhile are not among them.

        Args:
            chat_id: Only chunks with messages of the chat with this marked id.
            min_id: Only chunks with ids above it.
            max_id: Only chunks with ids below it.
            since: Only chunks with messages of this date or later; a naive date is UTC.
            until: Only chunks with messages before this date.
            skip_damaged: Whether to leave out what cannot be read; it is in `damaged`, and logged.
                If not (default), it raises; iterating further goes on with the next chunk.

        Raises:
            ArgumentError: If an argument has no legal value.
            CorruptChunkError: By the iterator, for a damaged chunk, with its file and offset.
            ChunkTooLargeError: By the iterator, for one beyond the codec's limit.
            UnsupportedChunkError: By the iterator, for one of a later release of telefast.
        """
        bounds = Bounds.build(chat_id, min_id, max_id, since, until)
        return _Chunks(self, bounds, skip_damaged)

    async def find(self, message_id: int, *, chat_id: int | None = None) -> Chunk | None:
        """Return the last chunk that holds the message, None if none does.

        Args:
            message_id: The message's id.
            chat_id: Marked id of its chat. None (default) for any: in a store of several chats,
                several messages may have this id.

        Raises:
            ArgumentError: If an argument has no legal value.
            ChunkError: If it is not found and some chunk cannot be read, so that it may be there.
        """
        if type(message_id) is not int:
            raise ArgumentError("message_id", message_id, "an integer")
        if not -(2**63) < message_id < 2**63 - 1:
            return None
        bounds = Bounds.build(chat_id, message_id - 1, message_id + 1, None, None)
        found, unread = await self._do(self._search, bounds, message_id)
        if found is None and unread is not None:
            raise unread
        return found

    async def last(self, *, chat_id: int | None = None) -> Chunk | None:
        """Return the last chunk that can be read, None if there is none: where to go on.

        Args:
            chat_id: Marked id of the chat whose messages it must hold. None (default) for any.

        Raises:
            ArgumentError: If an argument has no legal value.
        """
        bounds = Bounds.build(chat_id, None, None, None, None)
        return (await self._do(self._search, bounds, None))[0]

    def _search(
        self, bounds: Bounds, message_id: int | None
    ) -> tuple[Chunk | None, ChunkError | None]:
        """Return the last chunk within the bounds, and what could not be read on the way."""
        unread: ChunkError | None = None
        bound = _BEHIND_ALL
        while (place := self._folder.before(bound)) is not None:
            try:
                chunk = self._load(place, bounds)
            except ChunkError as error:
                unread = error
                if self._folder.before(bound) != place:
                    continue  # a closer look has found chunks within it
            else:
                if chunk is not None and _holds(chunk, bounds.chat, message_id):
                    return chunk, unread
            bound = place.key
        return None, unread

    def _next(self, chunks: _Chunks) -> Chunk | None:
        """Return the next chunk for an iterator; None at its end."""
        while True:
            place = self._folder.after(chunks.at)
            if place is None or place.key > chunks.last:
                return None
            chunks.at = place.key
            try:
                chunk = self._load(place, chunks.bounds)
            except ChunkError as error:
                if not chunks.skip_damaged:
                    raise
                _log.warning("chunk skipped problem=%s", error)
                continue
            if chunk is not None:
                return chunk

    def _load(self, place: Place, bounds: Bounds) -> Chunk | None:
        """Read the chunk at *place*; None if it holds nothing within the bounds."""
        facts = self._facts.get(place.key)
        if facts is not None and not bounds.admit(facts):
            return None
        began = time.perf_counter()
        try:
            chunk = self._decode(place)
        except ChunkError as error:
            if place.key not in self._damaged:
                self._tally.damaged()
            self._damaged[place.key] = error
            raise
        self._tally.read(time.perf_counter() - began)
        facts = self._facts[place.key] = Facts.of(chunk.body)
        return chunk if bounds.admit(facts) else None

    def _decode(self, place: Place) -> Chunk:
        path, offset, header = self._folder.path_of(place), place.span.start, place.span.header
        if header is None:
            # After a closer look at a damaged chunk its header is gone, but not what was wrong.
            known = self._damaged.get(place.key)
            problem = f"{place.span.end - offset} bytes that are no chunk"
            raise CorruptChunkError(path, offset, problem if known is None else known.problem)
        limit = self._codec.max_raw_size
        if header.packed_size > limit:
            raise ChunkTooLargeError(
                "max_raw_size", limit, header.packed_size, path=path, offset=offset
            )
        try:
            return self._codec.decode(self._folder.read(place), path=path, offset=offset)
        except CorruptChunkError:
            self._folder.look_closer(place)
            raise

    async def _do(self, call: Callable[[*Args], T], *args: *Args) -> T:
        async with self._turn:
            if not self._is_open:
                raise ClosedError(f"{self.path}: this store is not open; use `async with`")
            return await in_thread(call, *args)


def _holds(chunk: Chunk, chat_id: int | None, message_id: int | None) -> bool:
    """Tell whether a chunk holds the message, or any, of the chat, or of any."""
    if chat_id is None or chunk.chat_id == chat_id:
        return message_id is None or message_id in chunk.ids
    # Several chats in one chunk: only the messages themselves tell.
    return any(
        message.chat_id == chat_id and message_id in (None, message.id)
        for message in chunk.messages
    )


class _Chunks:
    """An iterator over a store, which survives the errors that it raises."""

    def __init__(self, store: ChunkStore, bounds: Bounds, skip_damaged: bool) -> None:
        self._store = store
        self.bounds = bounds
        self.skip_damaged = skip_damaged
        self.at = _BEFORE_ALL
        places = store._folder.places  # noqa: SLF001 - same module
        self.last = places[-1].key if places else _BEFORE_ALL

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        chunk = await self._store._do(self._store._next, self)  # noqa: SLF001 - same module
        if chunk is None:
            raise StopAsyncIteration
        return chunk
