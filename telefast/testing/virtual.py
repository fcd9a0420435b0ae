"""Virtual time: an event loop in which waits of hours pass in milliseconds.

Theory of operation. An event loop that has nothing to do asks its selector to wait until a socket
is ready or the next timer is due. `VirtualLoop` gives asyncio's own loop a selector that does not
wait: when nothing is ready and nothing is under way, it moves the loop's clock to the next timer
and returns at once. Computing takes no virtual time. *Under way* is, each for its own reason:

- bytes between two TCP sockets of this loop: `virtual_wires` asks the kernel;
- a job in an executor (`run_in_executor`, `asyncio.to_thread`, `getaddrinfo`), and a child process
  of the loop: time stands still until it ends;
- whatever the user says with `VirtualLoop.hold`, such as a thread of its own.

If nothing is under way and no timer is set, nothing will ever happen again: the loop raises
`VirtualDeadlockError`, which names what waits, instead of hanging.

Events that are ready together are handled in the order in which their files were first watched, and
nothing is handled before all that was sent has arrived. So the order of things does not depend on
the machine's load.

Beyond public names the loop relies on two habits of asyncio's loops (Python 3.11 to 3.14): the
timeout that they hand to `selector.select` is the next timer's time less `loop.time()`, or None if
no timer is set; and a timer is due when `loop.time()` has reached its time but for a clock tick.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import selectors
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast, overload

from telefast.errors import ArgumentError, TelefastError, UsageError
from telefast.testing.clock import EPOCH, VirtualClock
from telefast.testing.virtual_wires import Wires

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from concurrent.futures import Executor

    from _typeshed import FileDescriptorLike

__all__ = ["VirtualDeadlockError", "VirtualLoop", "run_virtual", "virtual_loop", "virtual_time"]

T = TypeVar("T")
P = ParamSpec("P")

PATIENCE: Final = 20.0
"""Real seconds that an executor job, a child process or a `hold` may stop the virtual clock before
that is an error. Chosen: less than the 60 seconds after which a hanging test is usually killed."""

GRACE: Final = 0.5
"""Real seconds that a loop with nothing to wait for gets, lest a thread is about to wake it."""

SETTLE: Final = 0.002
"""Real seconds to wait before a jump where nothing proves that no byte is under way: after sockets
were opened or closed (the end of a closed one travels unseen), and always where not on Linux."""


class VirtualDeadlockError(TelefastError, RuntimeError):
    """A virtual loop waits for something that cannot happen any more.

    Either no timer is set, no byte is under way and nothing else works for the loop; or what holds
    its clock did not end in time. The message names the pending tasks and where they wait.
    """


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's event loop with a clock that jumps to the next timer when all wait for it.

    `time()` begins at 0.0 and moves by jumps only.

    Args:
        epoch: What the wall clock shows at the start, in seconds since 1970. Default: always the
            same moment, `telefast.testing.clock.EPOCH`.
        patience: Real seconds that a job outside the loop may hold the clock before
            `VirtualDeadlockError`. Default 20.

    Attributes:
        clock: The wall clock that goes with this loop; `clock.move` sets it forward or back.
        jumps: How often the clock jumped.
    """

    def __init__(self, *, epoch: float = EPOCH, patience: float = PATIENCE) -> None:
        self.jumps = 0
        self._now = 0.0
        self._patience = patience
        self._jobs: dict[asyncio.Future[Any], str] = {}
        self._children: dict[asyncio.SubprocessTransport, str] = {}
        self._holds: dict[object, str] = {}
        super().__init__(_Selector(self))
        try:
            _check_patience(patience)
            self.clock = VirtualClock(self.time, epoch=epoch)
        except ArgumentError:
            self.close()
            raise

    def time(self) -> float:
        """Return the virtual time: seconds since the loop was made."""
        return self._now

    @contextmanager
    def hold(self, reason: str) -> Iterator[None]:
        """Stop the clock while something works outside the loop that it cannot see.

        Args:
            reason: What works, for the message of `VirtualDeadlockError`.
        """
        token = object()
        self._holds[token] = reason
        try:
            yield
        finally:
            del self._holds[token]

    # What asyncio calls; each stops the clock while something outside works for the loop.

    def run_in_executor(  # type: ignore[override]  # TypeVarTuple in typeshed's, needless here
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """As asyncio's; the clock stands still until the job ends or nobody waits for it."""
        future = super().run_in_executor(executor, func, *args)
        self._jobs[future] = f"executor job {_name_of(func)}"
        future.add_done_callback(self._on_job_done)
        return future

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        """As asyncio's; its time limit is not spent while the threads end."""
        with self.hold("the end of the executor's threads"):
            await super().shutdown_default_executor(*args, **options)

    async def subprocess_shell(self, *args: Any, **options: Any) -> Any:
        """As asyncio's; the clock stands still until the child ends."""
        with self.hold("the start of a child process"):
            return self._on_child(await super().subprocess_shell(*args, **options))

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        """As asyncio's; the clock stands still until the child ends."""
        with self.hold("the start of a child process"):
            return self._on_child(await super().subprocess_exec(*args, **options))

    def _on_job_done(self, future: asyncio.Future[Any]) -> None:
        self._jobs.pop(future, None)

    def _on_child(self, pair: Any) -> Any:
        transport: asyncio.SubprocessTransport = pair[0]
        self._children[transport] = f"child process {transport.get_pid()}"
        return pair

    # What the selector calls.

    def held_by(self) -> list[str]:
        """Return what stops the clock now, in words."""
        for transport in tuple(self._children):
            if transport.get_returncode() is not None:
                del self._children[transport]
        return [*self._holds.values(), *self._jobs.values(), *self._children.values()]

    def jump(self, seconds: float) -> None:
        """Let *seconds* pass at once. Called by the loop itself when all wait."""
        self._now += seconds
        self.jumps += 1

    @property
    def patience(self) -> float:
        """Real seconds that a job outside the loop may hold the clock."""
        return self._patience

    def deadlock(self, reason: str) -> VirtualDeadlockError:
        """Return the error that says why nothing can happen, and what waits."""
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: (len(task.get_name()), str(task)))
        lines = [f"- {task.get_name()}: {_where(task)}" for task in tasks]
        waiting = "\n".join(lines) or "- no task; the loop waits for a future"
        return VirtualDeadlockError(f"at virtual time {self._now:g}: {reason}; pending:\n{waiting}")


class _Selector(selectors.BaseSelector):
    """The machine's best selector, but it moves the loop's clock instead of waiting."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()
        self._wires = Wires()
        self._order: dict[int, int] = {}
        self._count = 0
        self._is_unsettled = False

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        """As the real one's."""
        key = self._real.register(fileobj, events, data)
        self._count += 1
        self._order[key.fd] = self._count
        self._wires.watch(key.fd)
        self._is_unsettled = True
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """As the real one's; the socket is watched on as long as it is open."""
        key = self._real.unregister(fileobj)
        del self._order[key.fd]
        self._is_unsettled = True
        return key

    def modify(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        """As the real one's; the order stays."""
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        """As the real one's."""
        return self._real.get_map()

    def close(self) -> None:
        """As the real one's."""
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; if nothing is, wait for what is under way, or let time jump."""
        self._wires.settle()
        events = self._look(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        held_by = self._loop.held_by()
        if held_by:
            events = self._look(self._loop.patience)
            if events:
                return events
            reason = f"{self._loop.patience:g} real seconds passed and these still hold the clock: "
            raise self._loop.deadlock(reason + ", ".join(held_by))
        if self._is_unsettled or not self._wires.is_exact:
            self._is_unsettled = False
            events = self._look(SETTLE)
            if events:
                return events
        if timeout is not None:
            self._loop.jump(timeout)
            return []
        events = self._look(GRACE)
        if events:
            return events
        raise self._loop.deadlock("no timer is set and nothing is under way")

    def _look(self, timeout: float) -> list[tuple[selectors.SelectorKey, int]]:
        """Ask the real selector; what was watched first comes first."""
        events = self._real.select(timeout)
        if len(events) > 1:
            events.sort(key=lambda event: self._order[event[0].fd])
        return events


def run_virtual(
    main: Callable[..., Coroutine[Any, Any, T]],
    /,
    *args: Any,
    epoch: float = EPOCH,
    patience: float = PATIENCE,
) -> T:
    """Run a coroutine function in a new event loop with virtual time, as `asyncio.run` would.

    Waits take no real time: `asyncio.sleep(6 * 3600)` returns in a fraction of a millisecond when
    nothing else happens in between. The round trips of a `LocalTelegram` inside are such waits.

    Args:
        main: Called without a loop running, with *args*; what it returns is run.
        *args: For *main*.
        epoch: What the wall clock (`virtual_loop().clock`) shows at the start, in seconds since
            1970. Default: always the same moment, 2027-01-15 08:00 UTC.
        patience: Real seconds that a job outside the loop may take. Default 20.

    Returns:
        What *main* returned.

    Raises:
        ArgumentError: If *main* is no coroutine function, *epoch* no finite number or *patience*
            not above 0.
        VirtualDeadlockError: If all wait for something that cannot happen.

    Example:
        >>> import asyncio
        >>> async def nap(hours: float) -> float:
        ...     await asyncio.sleep(hours * 3600)
        ...     return asyncio.get_running_loop().time()
        >>> run_virtual(nap, 6)
        21600.0
    """
    given: Any = main
    if not callable(given):
        if inspect.iscoroutine(given):
            given.close()
        raise ArgumentError("main", main, "a coroutine function, not its call: run_virtual(main)")
    factory = functools.partial(VirtualLoop, epoch=epoch, patience=patience)
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main(*args))


@overload
def virtual_time(test: Callable[P, Coroutine[Any, Any, T]], /) -> Callable[P, T]: ...


@overload
def virtual_time(
    *, epoch: float = ..., patience: float = ...
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, T]]: ...


def virtual_time(test: Any = None, /, **options: Any) -> Any:
    """Make an `async` test an ordinary one that runs in virtual time.

    It needs no plugin: to pytest the test is a plain function, with the same parameters. Fixtures
    that are plain functions work as ever; `async` ones run in another loop, in real time, so make
    such things inside the test.

    Args:
        test: The coroutine function; left out if there are *options*.
        **options: `epoch` and `patience`, as of `run_virtual`.

    Example:
        >>> import asyncio
        >>> @virtual_time
        ... async def nap() -> float:
        ...     await asyncio.sleep(3600)
        ...     return virtual_loop().time()
        >>> nap()
        3600.0
    """
    if test is None:
        return functools.partial(_decorated, **options)
    return _decorated(test, **options)


def _decorated(test: Callable[..., Coroutine[Any, Any, T]], **options: Any) -> Callable[..., T]:
    if not inspect.iscoroutinefunction(test):
        raise ArgumentError("test", test, "a coroutine function (`async def`)")

    @functools.wraps(test)
    def run(*args: Any, **keywords: Any) -> T:
        return run_virtual(functools.partial(test, *args, **keywords), **options)

    return run


def virtual_loop() -> VirtualLoop:
    """Return the running loop, which has virtual time.

    Raises:
        UsageError: If it has not, or no loop runs.
    """
    loop: asyncio.AbstractEventLoop | None = None
    with suppress(RuntimeError):  # told below
        loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise UsageError("no event loop with virtual time runs here; see run_virtual")
    return loop


def _check_patience(patience: float) -> None:
    """Refuse what is no time to wait."""
    if not patience > 0:
        raise ArgumentError("patience", patience, "seconds, above 0")


def _name_of(func: Any) -> str:
    """Return a function's name for people; partials, as of `asyncio.to_thread`, are unwrapped."""
    while isinstance(func, functools.partial):
        func = func.args[0] if func.args and callable(func.args[0]) else func.func
    return getattr(func, "__qualname__", repr(func))


def _where(task: asyncio.Task[Any]) -> str:
    """Return a task's coroutine, and the innermost line at which it waits."""
    coroutine = cast("Any", task.get_coro())
    name = getattr(coroutine, "__qualname__", repr(coroutine))
    frame = None
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or frame
        coroutine = getattr(coroutine, "cr_await", None)
    if frame is None:
        return name
    return f"{name} at {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
