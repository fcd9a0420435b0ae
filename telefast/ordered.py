"""`ordered_map`: work on many items at a time, and get the results in the order of the items.

The work is done by a detached pump that does not know its consumer (see `telefast.tasks`): an
error arrives after everything before it, stopping early leaves no task, and nothing hangs at the
end, since the end is a fact of the pump and not an item in a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, Self, TypeVar, overload

from telefast.errors import ArgumentError, UsageError
from telefast.tasks import Crew, Pump

__all__ = ["Failed", "OrderedMap", "ordered_map"]

T = TypeVar("T")
R = TypeVar("R")

_READ = -1
"""Names the one reading of the source among the calls, which are named by their number."""


@dataclass(frozen=True, slots=True, repr=False)
class Failed(Generic[T]):
    """What `ordered_map(…, on_error="yield")` yields in place of a result.

    Attributes:
        item: The item that the function was called with.
        error: What the function raised.
    """

    item: T
    error: Exception

    def __repr__(self) -> str:
        # Neither the item nor the error's text: both may hold what was written in a chat.
        return f"Failed({type(self.error).__name__})"


@overload
def ordered_map(
    source: AsyncIterable[T],
    fn: Callable[[T], Awaitable[R]],
    *,
    concurrency: int = 8,
    on_error: Literal["raise"] = "raise",
) -> OrderedMap[R]: ...


@overload
def ordered_map(
    source: AsyncIterable[T],
    fn: Callable[[T], Awaitable[R]],
    *,
    concurrency: int = 8,
    on_error: Literal["yield"],
) -> OrderedMap[R | Failed[T]]: ...


def ordered_map(
    source: AsyncIterable[Any],
    fn: Callable[[Any], Awaitable[Any]],
    *,
    concurrency: int = 8,
    on_error: Literal["raise", "yield"] = "raise",
) -> OrderedMap[Any]:
    """Call `fn(item)` for the items of *source*, several at a time; yield results in their order.

    Use it with `async with`, or call `aclose` when you stop early::

        async with ordered_map(history, save, concurrency=8) as results:
            async for result in results:
                ...

    At most *concurrency* calls run, and at most twice as many items are between the source and
    the consumer: in a call, or finished and waiting for an earlier one or for the consumer. A
    consumer that stops taking stops the reading. The source is read by one reader, one item at a
    time, and never closed: it is its owner's.

    An error of the source is raised after the results of all items before it. An error of *fn* is
    raised in its place, after the results before it; calls behind it are cancelled then, and
    nothing more is read once it is known. Cancelling the consumer while it waits loses nothing:
    go on iterating, or close. After `aclose`, or after an error, items that were read and not
    yielded are dropped.

    Args:
        source: Any asynchronous iterable, such as `BatchedHistory` or its `batches()`.
        fn: An `async def` of one argument.
        concurrency: Calls that run at a time, from 1 up. Default 8 (our choice: small against the
            requests that a client may have in flight).
        on_error: `"raise"` (default), or `"yield"`: an item whose call fails yields `Failed` in
            its place, and the work goes on. An error of the source is raised in any case.

    Raises:
        ArgumentError: At once, if an argument has no legal value.
    """
    if not hasattr(source, "__aiter__"):
        raise ArgumentError("source", source, "an asynchronous iterable")
    if not callable(fn):
        raise ArgumentError("fn", fn, "an async function of one argument")
    if type(concurrency) is not int or concurrency < 1:
        raise ArgumentError("concurrency", concurrency, "an integer from 1 up")
    if on_error not in ("raise", "yield"):
        raise ArgumentError("on_error", on_error, '"raise" or "yield"')
    return OrderedMap(_Work(source, fn, concurrency, on_error == "yield"))


class OrderedMap(Generic[R]):
    """The results of `ordered_map`, in the order of the items. Made by that function only."""

    def __init__(self, work: _Work) -> None:
        self._pump: Pump[tuple[Any]] = Pump(work)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        """Wait for the next result and return it.

        Raises:
            StopAsyncIteration: At the end, and after `aclose`.
            ConcurrentUseError: If another consumer waits already.
            ClosedError: If it is closed meanwhile.
            UsageError: In another event loop than that of the first call.
            Exception: What the source or the function raised, after all results before it.
        """
        if self._is_closed:
            raise StopAsyncIteration
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
            self._pump.start(self)
        elif self._loop is not loop:
            raise UsageError("the iteration was begun in another event loop; go on in that one")
        taken = await self._pump.take()
        if taken is None:
            self._is_closed = True
            await self._pump.aclose()
            raise StopAsyncIteration
        return taken[0]  # type: ignore[no-any-return]  # by the overloads of ordered_map

    async def aclose(self) -> None:
        """Cancel the calls that run and wait for them; results not taken are dropped.

        Safe to call several times. The source is not closed.
        """
        self._is_closed = True
        await self._pump.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class _Work:
    """Read, call, sort: the producer of a pump of one-tuples, since a result may be None."""

    def __init__(
        self,
        source: AsyncIterable[Any],
        fn: Callable[[Any], Awaitable[Any]],
        concurrency: int,
        is_yielding: bool,
    ) -> None:
        self._source = source
        self._fn = fn
        self._concurrency = concurrency
        self._is_yielding = is_yielding

    async def __call__(self, pump: Pump[tuple[Any]]) -> None:
        source: AsyncIterator[Any] = aiter(self._source)
        done: dict[int, tuple[Any, Exception | None]] = {}
        items: dict[int, Any] = {}  # in a call
        started = head = running = 0  # items: whose call began, that went out, in a call
        is_reading = is_ended = False
        source_error: Exception | None = None
        async with Crew[int, Any]() as crew:
            pump.on_room = crew.wake
            while True:
                while (outcome := crew.finished()) is not None:
                    key, value, error = outcome
                    if key != _READ:
                        running -= 1
                        item = items.pop(key)
                        if error is not None and self._is_yielding:
                            # Not the function's own, which `_call` has seen to: a cancellation.
                            value = Failed(item, error)
                        done[key] = (value, error)
                        is_ended = is_ended or not (error is None or self._is_yielding)
                        continue
                    is_reading = False
                    if error is None:
                        if not is_ended:
                            items[started] = value
                            crew.start(started, self._call, value)
                            started += 1
                            running += 1
                    else:
                        is_ended = True
                        if not isinstance(error, StopAsyncIteration):
                            source_error = error
                while head in done:
                    value, error = done.pop(head)
                    head += 1
                    if error is not None and not self._is_yielding:
                        raise error
                    pump.put((value,))
                if is_ended and not is_reading and head == started:
                    if source_error is not None:
                        raise source_error
                    return
                waiting = started - head + pump.buffered
                if (
                    not (is_reading or is_ended)
                    and running < self._concurrency
                    and waiting < 2 * self._concurrency
                ):
                    is_reading = True
                    crew.start(_READ, source.__anext__)
                await crew.wait()

    async def _call(self, item: Any) -> Any:
        try:
            return await self._fn(item)
        except StopAsyncIteration as error:
            # Raised as it is, it would end the consumer's loop in silence.
            failure: Exception = RuntimeError("the function raised StopAsyncIteration")
            failure.__cause__ = error
        except Exception as error:  # noqa: BLE001 - handed on, to the consumer
            failure = error
        if self._is_yielding:
            return Failed(item, failure)
        raise failure
