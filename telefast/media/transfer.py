"""One file on its way: asks for its parts when it is its turn, writes them, and knows the end."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from telethon.errors.rpcerrorlist import OffsetInvalidError

from telefast.errors import DeadlineError, FileMismatchError
from telefast.media.fetching import SLOW_PART
from telefast.media.hashes import HashList
from telefast.media.parts import FRAGMENT
from telefast.tasks import Crew

if TYPE_CHECKING:
    from telefast.media.fetching import Fetcher, Source
    from telefast.media.parts import Part, PartMap
    from telefast.media.sinks import Sink
    from telefast.media.slots import Slots

__all__ = ["SAVE_EVERY", "Progress", "TooLargeError", "Transfer"]

SAVE_EVERY: Final = 8 * 1024 * 1024
"""Bytes between two maps on the disk: what a kill loses at most, beside what is in flight."""
_PATIENCE: Final = 3.0
"""A part that takes so many times as long as parts of this file take is asked for twice, if there
is nothing else to ask for. Our choice."""
_FORGET: Final = 32
"""Parts that must come in time before larger ones are tried again: our choice."""
_SLOW_FLIGHT: Final = 4
"""Parts in flight at most where one was late: what was asked for before still has to come through
the same line. Our choice."""
_LEAST_PATIENCE: Final = 1.0
"""Seconds that it takes at least before it is asked for twice: our choice."""
_ROUNDS: Final = 3
"""How often bytes whose hash differs are fetched again: our choice."""

Progress = Callable[[int, int | None], Any]
"""Called with the bytes received and the size, None if it is unknown, as Telethon does; may be a
coroutine function."""


class TooLargeError(Exception):
    """A file of unknown size exceeds the limit; never leaves this room."""


class Transfer:
    """One file.

    Args:
        fetcher: Asks for parts.
        slots: Says when.
        source: Where the file is.
        parts: What is done.
        sink: Where the bytes go; opened already.
        progress: Told of what is written.
        max_size: Bytes that the file has at most.
        verify: Whether all bytes are checked against the hashes that Telegram gives.
        part_size: Says how large parts are now.
        ahead: How far behind the first byte that is missing a part may begin, in bytes; None for
            anywhere.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        slots: Slots,
        source: Source,
        parts: PartMap,
        sink: Sink,
        *,
        part_size: Callable[[], int],
        progress: Progress | None = None,
        max_size: int | None = None,
        verify: bool = False,
        ahead: int | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._slots = slots
        self._source = source
        self._parts = parts
        self._sink = sink
        self._progress = progress
        self._max_size = max_size
        self._verify = verify
        self._part_size = part_size
        self._ahead = ahead
        self._dc_id = source.dc_id  # for its turns; where it is may change
        self._crew: Crew[Part, bytes] = Crew()
        self._loop = asyncio.get_running_loop()
        self._held: list[int] = []
        self._flying: list[int] = []
        self._pieces: list[tuple[int, bytes]] = []
        self._unsaved = 0
        self._pace: float | None = None
        self._cap, self._good = FRAGMENT, 0
        self._told = -1
        self._failure: Exception | None = None

    def fail(self, error: Exception) -> None:
        """End it with *error*, from outside."""
        self._failure = self._failure or error
        self._crew.wake()

    async def run(self) -> None:
        """Fetch what is missing, and check it.

        Raises:
            FileMismatchError: If the bytes are not those of the file.
            TooLargeError: If it exceeds the limit.
            Exception: What the fetcher, the sink and the progress callback raise.
        """
        for attempt in range(_ROUNDS):
            await self._fetch()
            if not self._verify or await self._is_right():
                await self._tell()
                return
            if attempt == _ROUNDS - 1:
                problem = "its bytes do not have the hashes that Telegram gives"
                raise FileMismatchError(self._source.name, problem)

    # Its turn, as the slots see it

    def need(self) -> int:
        """Return how many bytes the next part takes."""
        is_slow = self._cap == SLOW_PART and self._parts.in_flight >= _SLOW_FLIGHT
        if self._failure is not None or is_slow:
            return 0
        self._parts.part_size = min(self._part_size(), self._cap)
        part = self._parts.peek()
        if part is None or (
            self._ahead is not None and part.offset >= self._parts.done_to + self._ahead
        ):
            return 0
        return part.weight

    def begin(self) -> None:
        """Ask for the next part; the slots hold its bytes."""
        part = self._parts.next()
        assert part is not None  # noqa: S101 - for the type checker
        self._start(part)

    def _start(self, part: Part) -> None:
        self._held.append(part.weight)
        self._flying.append(part.weight)
        self._crew.start(part, self._timed, part)

    async def _timed(self, part: Part) -> bytes:
        sent = 0.0

        def tell(is_sent: bool) -> None:
            nonlocal sent
            sent = self._loop.time()
            self._parts.on_sent(part, sent if is_sent else math.inf)

        try:
            data = await self._fetcher.part(self._source, part, tell)
        finally:
            self._land(part.weight)
        seconds = self._loop.time() - sent
        self._pace = seconds if self._pace is None else self._pace + (seconds - self._pace) / 8
        return data

    def _land(self, weight: int) -> None:
        """Let the next part take the place of one that has come, or will not."""
        self._flying.remove(weight)
        self._slots.arrive(self._dc_id, weight)

    def _release(self, weight: int) -> None:
        self._held.remove(weight)
        self._slots.release(self._dc_id, weight)

    # The work

    async def _fetch(self) -> None:
        self._crew = Crew()
        try:
            async with Crew[int, None]() as saver, self._crew as crew:
                try:
                    await self._gather(crew, saver)
                finally:
                    self._slots.leave(self._dc_id, self)
        finally:
            for weight in tuple(self._flying):  # of what was cancelled before it began
                self._land(weight)
            for weight in tuple(self._held):
                self._release(weight)

    async def _gather(self, crew: Crew[Part, bytes], saver: Crew[int, None]) -> None:
        """Write what comes, until all is there."""
        while not self._parts.is_complete:
            self._slots.ask(self._dc_id, self)
            await self._wait(crew)
            if self._failure is not None:
                raise self._failure
            weights = []
            while (outcome := crew.finished()) is not None:
                weights += self._settle(*outcome)
            await self._write()
            self._save(saver)
            for weight in weights:
                self._release(weight)
            await self._tell()

    async def _wait(self, crew: Crew[Part, bytes]) -> None:
        """Wait for a part, and ask for one once more that is much later than others."""
        while True:
            oldest, now = self._parts.oldest(), self._loop.time()
            patience = max(_PATIENCE * (self._pace or 0.0), _LEAST_PATIENCE)
            left = None
            if oldest < math.inf and self._pace is not None and self._parts.peek() is None:
                left = oldest + patience - now
                if left <= 0:
                    self._double(patience, now)
                    left = _LEAST_PATIENCE
            try:
                async with asyncio.timeout(left):
                    await crew.wait()
            except TimeoutError:
                continue
            return

    def _double(self, patience: float, now: float) -> None:
        part = self._parts.double(after=patience, now=now)
        if part is None:
            return
        if self._slots.take(self._dc_id, part.weight):
            self._start(part)
        else:
            self._parts.on_lost(part)

    def _settle(self, part: Part, data: bytes | None, error: Exception | None) -> list[int]:
        """Take what became of a part; returns the weights that may go once all is written."""
        name = self._source.name
        if error is not None:
            is_end = isinstance(error, OffsetInvalidError) and self._parts.on_past_end(part)
            if is_end:
                return [part.weight]
            self._parts.on_lost(part)
            if isinstance(error, DeadlineError):
                if self._parts.is_asked(part):
                    return [part.weight]  # the other one may still come
                if part.weight > SLOW_PART:  # silent or slow: smaller ones will show
                    self._cap, self._good = SLOW_PART, 0
                    return [part.weight]
            raise error
        assert data is not None  # noqa: S101 - for the type checker
        taken = self._parts.on_answer(part, len(data), self._source.size)
        if taken.verdict == "long":
            raise FileMismatchError(name, "it is longer than Telegram says")
        if taken.verdict == "short":
            raise FileMismatchError(name, f"its bytes end at {part.offset + len(data)}, too early")
        if taken.verdict == "done":
            self._good += 1
            if self._good % _FORGET == 0:
                self._cap = min(2 * self._cap, FRAGMENT)
            end = self._parts.size or part.offset + taken.keep
            if self._max_size is not None and end > self._max_size:
                raise TooLargeError
            self._pieces.append((part.offset, data[: taken.keep]))
        return [part.weight]

    async def _write(self) -> None:
        pieces, self._pieces = self._pieces, []
        if not pieces:
            return
        parts = self._parts
        await self._sink.write(pieces, 0 if parts.size is None else parts.size - parts.received)
        for offset, data in pieces:
            parts.on_written(offset, len(data))
            self._unsaved += len(data)

    def _save(self, saver: Crew[int, None]) -> None:
        """Begin to save now and then, while writing goes on: what is saved is written already."""
        while (outcome := saver.finished()) is not None:
            if outcome[2] is not None:
                raise outcome[2]
        if self._unsaved >= SAVE_EVERY and not saver.in_flight and not self._parts.is_complete:
            self._unsaved = 0
            saver.start(0, self._sink.save, self._parts.snapshot())

    async def _tell(self) -> None:
        received = self._parts.received
        if self._progress is not None and received != self._told:
            self._told = received
            told = self._progress(received, self._parts.size)
            if inspect.isawaitable(told):
                await told

    async def _is_right(self) -> bool:
        """Check all bytes; those that are wrong are missing again."""
        size = self._parts.size or 0
        hashes = HashList(size)
        while not hashes.is_complete:
            if not hashes.on_answer(await self._fetcher.hashes(self._source, hashes.covered)):
                problem = f"Telegram gives no hashes from byte {hashes.covered} on"
                raise FileMismatchError(self._source.name, problem)
        for each in hashes.ranges:
            if not each.fits(await self._sink.read(each.offset, each.limit)):
                self._parts.undo(each.offset, each.offset + each.limit)
        return self._parts.is_complete
