"""`Checkpoint`: what the consumer has acknowledged, on the disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgpack
from telethon import utils

from telefast.checks import check_int, check_number
from telefast.disk import Lock, replace_file
from telefast.errors import (
    ArgumentError,
    ClosedError,
    CorruptStateError,
    StateError,
    UsageError,
)
from telefast.history.chat_progress import ChatProgress, MessageFailure
from telefast.history.progress import seal, unseal
from telefast.history.types import Batch
from telefast.tasks import in_thread

if TYPE_CHECKING:
    from telefast.metrics import Metrics

__all__ = ["Checkpoint"]

_MAGIC = b"TFCP"
_VERSION = 1
_KEPT: Any = object()
"""Stands for a note that is not given, since None is one."""


class Checkpoint:
    """Keep what was processed, and where to go on, in a file that survives a kill.

    `BatchedHistory.resume` reads it and writes down what it hands out; the consumer says what it
    has processed, by `ack`, after its own output is safe::

        async with Checkpoint("export.progress") as checkpoint:
            async with BatchedHistory.resume(client, "durov", checkpoint) as history:
                async for batch in history.batches():
                    store(batch)
                    await checkpoint.ack(batch)

    A message that is not acknowledged is offered again by the next `resume`, wherever it was;
    those behind it are not held up. Messages are told apart by their chat's marked id and their
    own: one checkpoint may hold any number of chats, but one query of each.

    Acknowledgements are written in lots, each at once or not at all. What a kill costs is to
    fetch the messages of the last lot again. One writer at a time has the file.

    Args:
        path: The file. Beside it lie `.lock`, and while writing `.tmp`.
        every: Messages acknowledged before they are written. Default 100, a batch: our choice.
        seconds: Seconds after which the next acknowledgement is written whatever their number.
            Default 5: our choice.
        max_tries: How often a message may fail (see `fail`) before it is passed over. Default 3:
            our choice.
        metrics: Where to count `processed_ids_added`, such as `telefast.metrics_of(client)`.

    Raises:
        ArgumentError: By the constructor, if an argument has no legal value.
        StoreLockedError: By opening, if another writer has it.
        CorruptStateError: By opening, if the file is damaged, or something else.
        UnsupportedStateError: By opening, if a later release of telefast has written it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        every: int = 100,
        seconds: float = 5.0,
        max_tries: int = 3,
        metrics: Metrics | None = None,
    ) -> None:
        check_int("every", every, 1, None)
        check_number("seconds", seconds, 0)
        check_int("max_tries", max_tries, 1, None)
        self.path = Path(path)
        self._every = every
        self._seconds = seconds
        self._max_tries = max_tries
        self._metrics = metrics
        self._lock = Lock(self.path.with_name(f"{self.path.name}.lock"), self.path)
        self._chats: dict[int, ChatProgress] = {}
        self._is_open = False
        self._turn = asyncio.Lock()
        self._unwritten = 0
        self._since: float | None = None  # when the first of these came
        self._written = b""

    # Open and close

    async def open(self) -> None:
        """Take the file and read it, as `async with` does; there need be none yet."""
        async with self._turn:
            if self._is_open:
                raise UsageError(f"{self.path}: this checkpoint is open already")
            try:
                chats = await in_thread(self._load)
            except BaseException:  # also if cancelled when the lock was taken already
                self._lock.release()
                raise
            self._chats = {chat.chat_id: chat for chat in chats}
            self._unwritten = 0
            self._since = None
            self._written = self._pack()
            self._is_open = True

    def _load(self) -> list[ChatProgress]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        try:
            data = self.path.read_bytes() if self.path.exists() else None
            return [] if data is None else _unpack(data, self._max_tries)
        except StateError as error:
            raise type(error)(error.problem, path=str(self.path)) from None

    async def aclose(self) -> None:
        """Write what is acknowledged, and let other writers in. Safe to repeat."""
        async with self._turn:
            if not self._is_open:
                return
            self._is_open = False
            try:
                # Also what streams have written down since: absent ids, a cursor at its end.
                if self._pack() != self._written:
                    await self._write()
            finally:
                self._lock.release()

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
        return f"Checkpoint({str(self.path)!r}, chats={len(self._chats)})"

    # What is known

    @property
    def chats(self) -> list[ChatProgress]:
        """What is known of each chat."""
        return list(self._chats.values())

    def chat(self, chat_id: int) -> ChatProgress:
        """Return what is known of one chat; it stays up to date.

        Args:
            chat_id: The chat's marked id.

        Raises:
            ClosedError: If the checkpoint is not open.
        """
        if not self._is_open:
            raise ClosedError(f"{self.path}: this checkpoint is not open; use `async with`")
        if type(chat_id) is not int or not chat_id:
            raise ArgumentError("chat_id", chat_id, "a marked id, as of telethon.utils.get_peer_id")
        return self._chats.setdefault(chat_id, ChatProgress(chat_id, self._max_tries))

    def poisoned(self) -> list[MessageFailure]:
        """Return the messages of all chats that have failed too often and are passed over."""
        return [each for chat in self._chats.values() for each in chat.poisoned]

    # What happens

    async def ack(self, processed: Any, *, chat_id: int | None = None, note: Any = _KEPT) -> None:
        """Mark messages as processed.

        Call it when the output of these messages is where it survives what may happen. Memory
        knows it when this is called; the disk, when *every* messages or *seconds* have come
        together, and after `flush` and `aclose`.

        Args:
            processed: A message, a `Batch`, an id, or an iterable of messages or ids; None in
                place of a message does not count.
            chat_id: The chat's marked id; needed for ids.
            note: What to keep beside them and write with them, anything that JSON can hold: the
                length of the output file, for example, so that the next run can cut off what this
                one has not acknowledged. If not given, or without a message, the last note stays.

        Raises:
            ArgumentError: If an argument has no legal value; nothing is marked then.
            DiskFullError: If there is no room; the marks are kept and written later.
            ClosedError: If the checkpoint is not open.
        """
        found = _keys(processed, chat_id)
        if not found:
            return
        if note is not _KEPT:
            _check_note(note, found)
        for each, ids in found.items():
            chat = self.chat(each)
            chat.ack(ids)
            if self._metrics is not None:
                self._metrics.add("processed_ids_added", len(ids))
            if note is not _KEPT:
                chat.note = note
            self._unwritten += len(ids)
        now = asyncio.get_running_loop().time()
        self._since = now if self._since is None else self._since
        if self._unwritten >= self._every or now - self._since >= self._seconds:
            await self.flush()

    async def fail(self, message: Any, reason: str, *, chat_id: int | None = None) -> None:
        """Count a failed try at one message, and write that at once.

        The next `resume` offers it again, until it has failed *max_tries* times; then it is passed
        over, and listed by `poisoned`. `ack` makes up for all.

        Args:
            message: The message or its id.
            reason: Why, in up to 200 characters. It is kept in the file: no texts of chats.
            chat_id: The chat's marked id; needed for an id.

        Raises:
            ArgumentError: If an argument has no legal value.
            DiskFullError: If there is no room.
            ClosedError: If the checkpoint is not open.
        """
        [(each, ids)] = _keys([message], chat_id).items() or [(0, [])]
        self.chat(each).fail(ids[0], reason)
        self._unwritten += 1
        await self.flush()

    async def flush(self) -> None:
        """Write everything that was marked, and wait until it is on the disk.

        Raises:
            DiskFullError: If there is no room; what was written before is untouched.
            ClosedError: If the checkpoint is not open.
        """
        async with self._turn:
            if not self._is_open:
                raise ClosedError(f"{self.path}: this checkpoint is not open; use `async with`")
            await self._write()

    async def _write(self) -> None:
        data, count = self._pack(), self._unwritten
        await in_thread(replace_file, self.path, data)
        self._written = data
        self._unwritten -= count
        self._since = None

    def _pack(self) -> bytes:
        chats = [chat.to_fields() for chat in self._chats.values()]
        return seal(_MAGIC, _VERSION, msgpack.packb({"chats": chats}))


def _unpack(data: bytes, max_tries: int) -> list[ChatProgress]:
    body = unseal(_MAGIC, _VERSION, data)
    try:
        chats = msgpack.unpackb(body)["chats"]
        return [ChatProgress.from_fields(each, max_tries=max_tries) for each in chats]
    except StateError:
        raise
    except (ValueError, TypeError, KeyError, msgpack.UnpackException):
        raise CorruptStateError("no checkpoint") from None


def _keys(what: Any, chat_id: int | None) -> dict[int, list[int]]:
    """Return the ids of messages by the marked ids of their chats."""
    if isinstance(what, Batch):
        what = what.messages
    elif not isinstance(what, Iterable):
        what = [what]
    found: dict[int, list[int]] = {}
    for each in what:
        if each is None:
            continue
        if type(each) is int:
            if chat_id is None:
                raise ArgumentError("chat_id", None, "the chat's marked id, where ids are given")
            found.setdefault(chat_id, []).append(each)
            continue
        try:
            peer_id, message_id = utils.get_peer_id(each.peer_id), each.id
        except (AttributeError, TypeError):
            kind = type(each).__name__
            raise ArgumentError("message", kind, "a message, or its id") from None
        if chat_id not in (None, peer_id):
            raise ArgumentError("chat_id", chat_id, f"the message's own, {peer_id}")
        found.setdefault(peer_id, []).append(message_id)
    return found


def _check_note(note: Any, found: dict[int, list[int]]) -> None:
    if len(found) != 1:
        raise ArgumentError("note", type(note).__name__, "one only with messages of one chat")
    try:
        json.dumps(note)
    except (TypeError, ValueError, RecursionError):
        raise ArgumentError("note", type(note).__name__, "what JSON can hold") from None
