"""The only place in telefast that starts tasks and uses threads.

Seven pieces, all plain:

* `Crew`: any number of calls in flight; each result or error comes back as a value, in order of
  completion, so that one failed call neither cancels its siblings nor loses what they fetched.
* `Pump`: one detached task that fills a buffer for a consumer which may stop at any moment.
* `Alone`: the guard of a stream that has one consumer at a time.
* `Chores`: calls that nobody waits for, until all of them are to end.
* `outlive`: one call that goes on for a while though its caller was cancelled.
* `SingleFlight`: one call for all who want the same thing at the same time.
* `in_thread`: one blocking call outside the event loop.

Why not an async generator around a task group: an error of a child would cancel the *consumer's*
body and arrive as a bare `CancelledError`, `aclose` would raise a group of `GeneratorExit`, and a
`break` would leave tasks running until garbage collection. A pump does not know its consumer, so
none of that can happen.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Generic, Self, TypeVar, TypeVarTuple, cast

from telefast.errors import ClosedError, ConcurrentUseError, RemoteError

__all__ = ["Alone", "Chores", "Crew", "Pump", "SingleFlight", "in_thread", "outlive"]

T = TypeVar("T")
K = TypeVar("K")
Args = TypeVarTuple("Args")


class Crew(Generic[K, T]):
    """Run calls side by side and collect their outcomes one by one.

    Use as `async with Crew() as crew`; leaving the block cancels what still runs and waits for
    it. (`asyncio.TaskGroup` would wrap the owner's own error in a group.) A call that ends by a
    cancellation which is not ours fails with `RemoteError`.
    """

    def __init__(self) -> None:
        self._outcomes: deque[tuple[K, T | None, Exception | None]] = deque()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_left = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._is_left = True
        await _cancel_all(self._tasks)

    @property
    def in_flight(self) -> int:
        """Calls started whose outcome is not there yet."""
        return len(self._tasks)

    def start(self, key: K, call: Callable[[*Args], Awaitable[T]], *args: *Args) -> None:
        """Start `call(*args)`; its outcome is named by *key*."""
        # The function, not a coroutine object: a task cancelled before its first step would leave
        # one that was never awaited.
        task = asyncio.get_running_loop().create_task(self._guard(key, call, args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(
        self, key: K, call: Callable[..., Awaitable[T]], args: tuple[Any, ...]
    ) -> None:
        try:
            outcome: tuple[K, T | None, Exception | None] = (key, await call(*args), None)
        except asyncio.CancelledError as error:
            if self._is_left:
                raise
            # Nobody cancelled it: it awaited something that was cancelled, as Telethon's
            # `disconnect` does with requests in flight. Taken for an end, the call would be lost.
            stray = RemoteError(
                "what a call waited for was cancelled, as by a disconnect; try again"
            )
            stray.__cause__ = error
            outcome = (key, None, stray)
        except Exception as error:  # noqa: BLE001 - handed to the owner as a value
            outcome = (key, None, error)
        self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        self._outcomes.append(outcome)
        self._wake.set()

    def finished(self) -> tuple[K, T | None, Exception | None] | None:
        """Take the next outcome `(key, result, error)`, or None when there is none yet."""
        return self._outcomes.popleft() if self._outcomes else None

    def wake(self) -> None:
        """Let `wait` return although no call has finished."""
        self._wake.set()

    async def wait(self) -> None:
        """Wait until a call has finished since the last `wait`, or `wake` was called."""
        await self._wake.wait()
        self._wake.clear()


class Chores:
    """Calls in the background that nobody waits for. What one raises is reported by the loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """Calls that have not ended."""
        return len(self._tasks)

    def start(self, call: Callable[[*Args], Awaitable[None]], *args: *Args) -> None:
        """Start `call(*args)`."""
        task = asyncio.get_running_loop().create_task(self._run(call, args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, call: Callable[..., Awaitable[None]], args: tuple[Any, ...]) -> None:
        await call(*args)

    async def wait(self) -> None:
        """Wait until all have ended. If cancelled, they go on."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def aclose(self) -> None:
        """Cancel all and wait until they have ended, even if cancelled meanwhile."""
        await _cancel_all(self._tasks)


class Alone:
    """Let one consumer wait at a time: `with alone:` around all that it awaits.

    Raises:
        ConcurrentUseError: On entering, while another one is inside; that one goes on unharmed.
    """

    def __init__(self) -> None:
        self._is_taken = False

    def __enter__(self) -> None:
        if self._is_taken:
            raise ConcurrentUseError("two consumers wait on one stream; give each its own")
        self._is_taken = True

    def __exit__(self, *exc_info: object) -> None:
        self._is_taken = False


class Pump(Generic[T]):
    """A detached task that fills a buffer, and the consumer's end of it.

    The producer calls `put` and waits by its own means (see *on_room*) while `buffered` is too
    high for it; the pump itself imposes no bound. An error of the producer reaches the consumer
    after everything that was put before it.

    Args:
        produce: Called once, as `produce(pump)`, by `start`. It must not refer to the consumer.
    """

    def __init__(self, produce: Callable[[Pump[T]], Awaitable[None]]) -> None:
        self._produce = produce
        self._items: deque[T] = deque()
        self._data = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._alone = Alone()
        self._finalizer: weakref.finalize[..., Any] | None = None
        self.on_room: Callable[[], None] = lambda: None
        """Called whenever the consumer has taken an item."""

    @property
    def buffered(self) -> int:
        """Items that the consumer has not taken yet."""
        return len(self._items)

    def put(self, item: T) -> None:
        """Hand *item* to the consumer."""
        self._items.append(item)
        self._data.set()

    def start(self, owner: object) -> None:
        """Start the producer; it is cancelled when *owner* is garbage collected."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run())
        self._finalizer = weakref.finalize(owner, _cancel_soon, self._task, loop)
        self._finalizer.atexit = False

    async def _run(self) -> None:
        try:
            await self._produce(self)
        except asyncio.CancelledError:
            self._error = ClosedError("the stream was closed while a consumer waited for it")
            raise
        except Exception as error:  # noqa: BLE001 - raised by take(), in the consumer
            self._error = error
        finally:
            self._ended = True
            self._data.set()

    async def take(self) -> T | None:
        """Wait for the next item; None at the end.

        Cancellation loses nothing: an item is removed only when it is returned.

        Raises:
            ConcurrentUseError: If another consumer waits already.
            Exception: What the producer raised, after all that it had put.
        """
        with self._alone:
            while not self._items:
                if self._ended:
                    error, self._error = self._error, None
                    if error is not None:
                        raise error
                    return None
                self._data.clear()
                await self._data.wait()
        item = self._items.popleft()
        self.on_room()
        return item

    async def aclose(self) -> None:
        """Cancel the producer and wait until it has ended; what was put is dropped.

        Safe to call several times. If cancelled meanwhile, the producer is still waited for.
        """
        self._items.clear()
        task = self._task
        if task is None:
            return
        if self._finalizer is not None:
            self._finalizer.detach()
        await _cancel_all({task})


async def outlive(call: Callable[[], Awaitable[T]], *, grace: float) -> T:
    """Run a call to its end, and return its result, though the caller is cancelled meanwhile.

    Then it may go on for *grace* seconds and is cancelled after that; the cancellation is passed
    on in any case, and the call's own outcome dropped.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(_awaited(call))
    cancelled: asyncio.CancelledError | None = None
    deadline: float | None = None
    while not task.done():
        left = None if deadline is None else deadline - loop.time()
        if left is not None and left <= 0:
            await _cancel_all({task})
            break
        try:
            await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError as error:
            cancelled = error
            deadline = deadline or loop.time() + grace
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # seen, so that nobody reports it
        raise cancelled
    return task.result()


async def _awaited(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


class SingleFlight(Generic[K, T]):
    """Let concurrent callers who want the same thing share one call.

    The first caller makes the call itself; the others wait for its outcome, error included. If
    the first is cancelled, another one of those who wait makes the call anew. Nothing is kept
    once the call has ended.
    """

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Future[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def run(self, key: K, call: Callable[[*Args], Awaitable[T]], *args: *Args) -> T:
        """Return the outcome of `call(*args)`, or that of the same *key* under way."""
        while (flight := self._flights.get(key)) is not None:
            await asyncio.wait({flight})
            if not flight.cancelled():
                return flight.result()
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            result = await call(*args)
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # seen, so that nobody reports it
            raise
        except BaseException:
            flight.cancel()
            raise
        else:
            flight.set_result(result)
            return result
        finally:
            del self._flights[key]


async def in_thread(call: Callable[[*Args], T], *args: *Args) -> T:
    """Run a blocking call in a thread of the loop's pool and return its result.

    A thread cannot be stopped: if cancelled meanwhile, the call is waited for all the same, so
    that nothing of it goes on behind the caller's back, and its outcome is dropped.
    """
    future = asyncio.get_running_loop().run_in_executor(None, call, *args)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()  # seen, so that nobody reports it
        raise cancelled
    return future.result()


async def _cancel_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel *tasks* and wait for them, even if cancelled meanwhile; then pass that on."""
    cancelled: asyncio.CancelledError | None = None
    pending = {task for task in tasks if not task.done()}
    for task in pending:
        task.cancel()
    while pending:
        try:
            _, pending = await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            cancelled = error
            pending = {task for task in pending if not task.done()}
            for task in pending:
                task.cancel()
    if cancelled is not None:
        raise cancelled


def _cancel_soon(task: asyncio.Task[None], loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)
