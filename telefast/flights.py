"""`SharedFlight`: one call for all who want the same thing, as long as one of them wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Generic, TypeVar, TypeVarTuple

from telefast.errors import RemoteError
from telefast.tasks import Chores

__all__ = ["SharedFlight"]

T = TypeVar("T")
K = TypeVar("K")
Args = TypeVarTuple("Args")

_WITHIN: ContextVar[frozenset[tuple[int, Any]]] = ContextVar(
    "telefast_flights", default=frozenset()
)
"""The calls that this task is part of: the flights by `id`, and their keys."""


class SharedFlight(Generic[K, T]):
    """One call for all who want the same thing at the same time, whichever of them goes away.

    It goes on as long as anybody waits for it. It is cancelled, and waited for, when the last of
    them is cancelled. Its error is raised in who started it; each of the others then makes a call
    of its own, one after another. Nothing is kept once the call has ended.

    A call that asks for its own key again makes that call by itself, for it would wait for itself.

    (`telefast.tasks.SingleFlight` makes the call within the first caller: cheaper, and right for
    calls that are short and may be made anew when that one is cancelled. Its errors reach all.)
    """

    def __init__(self) -> None:
        self._flights: dict[K, _Flight[T]] = {}

    async def run(self, key: K, call: Callable[[*Args], Awaitable[T]], *args: *Args) -> T:
        """Return what `call(*args)` returns, or the call of the same *key* that is under way.

        Raises:
            RemoteError: If the call was ours and ends by a cancellation that nobody asked for.
            Exception: What the call raises, if it was ours.
        """
        mark = id(self), key
        if mark in _WITHIN.get():
            return await call(*args)
        while True:
            flight = self._flights.get(key)
            is_ours = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight(mark, call, args, self._flights)
            await flight.wait()
            outcome = flight.outcome
            if not outcome.cancelled() and (is_ours or outcome.exception() is None):
                return outcome.result()


class _Flight(Generic[T]):
    """A call under way, in a task of its own."""

    def __init__(
        self,
        mark: tuple[int, Any],
        call: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        flights: dict[Any, _Flight[T]],
    ) -> None:
        self.outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._call = call
        self._args = args
        self._mark = mark
        self._flights = flights
        self._waiting = 0
        self._is_left = False
        self._task = Chores()
        self._task.start(self._run)

    async def wait(self) -> None:
        """Wait until it has ended; if all who wait are cancelled, it is."""
        self._waiting += 1
        try:
            await asyncio.wait({self.outcome})
        except asyncio.CancelledError:
            if self._waiting == 1:
                self._is_left = True
                await self._task.aclose()
            raise
        finally:
            self._waiting -= 1

    async def _run(self) -> None:
        _WITHIN.set(_WITHIN.get() | {self._mark})  # of this task only
        try:
            result = await self._call(*self._args)
        except asyncio.CancelledError as error:
            if self._is_left:
                raise
            stray = RemoteError(
                "what a call waited for was cancelled, as by a disconnect; try again"
            )
            stray.__cause__ = error
            self._fail(stray)
        except Exception as error:  # noqa: BLE001 - raised in who started it
            self._fail(error)
        else:
            self.outcome.set_result(result)
        finally:
            del self._flights[self._mark[1]]
            self.outcome.cancel()  # if it has none

    def _fail(self, error: Exception) -> None:
        self.outcome.set_exception(error)
        self.outcome.exception()  # seen, so that nobody reports it
