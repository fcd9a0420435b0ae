"""`RateLimitedLogger`: a logger that writes a burst of each kind of record, and how many more."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from telefast.log_limits import RateLimiter, template
from telefast.metrics import Metrics

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter

__all__ = ["RateLimitedLogger", "limit_logs"]


class _Limits:
    """A limiter, which several loggers may share, and what it has held back."""

    def __init__(self, limiter: RateLimiter, clock: Callable[[], float]) -> None:
        self.limiter = limiter
        self.clock = clock
        self.lock = threading.Lock()
        self.suppressed = 0
        self.counted = 0

    def admit(self, key: str, level: int) -> int | None:
        with self.lock:
            held = self.limiter.admit(key, level, now=self.clock())
            if held is not None:
                return held
            self.suppressed += 1
        if self not in _AT_EXIT:
            _AT_EXIT.add(self)
        return None

    def write(self, *, everything: bool) -> None:
        """Write what was held back, to the loggers that would have had it."""
        with self.lock:
            found = self.limiter.due(now=self.clock(), everything=everything)
        for held in found:
            name, _, key = held.key.partition("\0")
            logger = logging.getLogger(name or "telefast")
            logger.log(held.level, "%d more like: %s", held.count, key or "(several kinds)")

    def count(self, metrics: Metrics) -> None:
        """Count what was held back since this was last asked."""
        with self.lock:
            fresh, self.counted = self.suppressed - self.counted, self.suppressed
        if fresh:
            metrics.add("log_suppressed", fresh)


_AT_EXIT: weakref.WeakSet[_Limits] = weakref.WeakSet()


@atexit.register
def _write_all() -> None:
    for limits in list(_AT_EXIT):
        limits.write(everything=True)


SHARED = _Limits(RateLimiter(), time.monotonic)
"""Of all loggers of telefast."""


class RateLimitedLogger(_Adapter):
    """Log a burst of each kind of record in each interval, and say how many more there were.

    For a program's own logs; those of telefast are limited already, see `limit_logs`. It is used
    as any `logging.Logger`, from any thread or task, and writes at once and in order: nothing is
    batched, no thread is started, and errors always pass. What was held back is told by the next
    record of its kind that passes (`… (and 7 more like it)`), by `close`, or at the latest when the
    program ends, so that no record goes uncounted.

    Records are of one kind if they have one *key*, by default their format: of
    `log.warning("failed id=%d", 7)` it is `failed id=%d`, and numbers in it do not count.

    Args:
        logger: Where records go; its handlers, level and filters are its own.
        interval: Seconds for which a burst counts; 0 lets everything through. Default 5.
        burst: Records of one kind that pass in an interval. Default 10.
        key: Called with the message, before its arguments are put in; returns the kind.
        adaptive: Whether only warnings pass while more than 100 records a second come.
        max_keys: Kinds that are remembered; what was held back of others is told in one sum.
        metrics: Where `close` and `flush` count `log_suppressed`.
        clock: A monotonic clock, in seconds.

    Raises:
        ArgumentError: If an argument has no legal value.

    Example:
        >>> import logging, sys
        >>> from telefast import RateLimitedLogger
        >>> logger = logging.getLogger("example")
        >>> handler = logging.StreamHandler(sys.stdout)
        >>> logger.addHandler(handler)
        >>> with RateLimitedLogger(logger, burst=2) as log:
        ...     for message_id in range(1, 6):
        ...         log.warning("failed id=%d", message_id)
        failed id=1
        failed id=2
        3 more like: failed id=%d
        >>> logger.removeHandler(handler)
    """

    def __init__(
        self,
        logger: logging.Logger,
        *,
        interval: float = 5.0,
        burst: int = 10,
        key: Callable[[object], str] = template,
        adaptive: bool = True,
        max_keys: int = 1000,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(logger, {})
        limiter = RateLimiter(interval, burst, adaptive=adaptive, max_keys=max_keys)
        self._limits = _Limits(limiter, clock)
        self._key = key
        self._metrics = metrics

    @classmethod
    def sharing(cls, logger: logging.Logger, limits: _Limits) -> Self:
        """Return one that shares limits with others."""
        made = cls(logger)
        made._limits = limits
        return made

    @property
    def suppressed(self) -> int:
        """Records that were held back so far, told of or not."""
        return self._limits.suppressed

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log, or hold back."""
        if not self.isEnabledFor(level):
            return
        held = self._limits.admit(f"{self.logger.name}\0{self._key(msg)}", level)
        if held is None:
            return
        if held:
            msg = f"{msg} (and {held} more like it)"
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1  # whoever called, not this line
        self.logger.log(level, msg, *args, **kwargs)

    def flush(self) -> None:
        """Say what was held back, for each kind at most once in an interval."""
        self._limits.write(everything=False)
        if self._metrics is not None:
            self._limits.count(self._metrics)

    def close(self) -> None:
        """Say all that was held back. It can be used on."""
        self._limits.write(everything=True)
        if self._metrics is not None:
            self._limits.count(self._metrics)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def limit_logs(*, interval: float = 5.0, burst: int = 10, adaptive: bool = True) -> None:
    """Say how much telefast writes to its loggers, for the whole process.

    It installs no handlers and sets no levels: that is the program's affair. What was held back
    before is told first.

    Args:
        interval: Seconds for which a burst counts; 0 to let every record through, as one wants to
            see them when looking for a fault with DEBUG on.
        burst: Records of one kind that pass in an interval.
        adaptive: Whether only warnings pass while more than 100 records a second come.

    Raises:
        ArgumentError: If an argument has no legal value.
    """
    limiter = RateLimiter(interval, burst, adaptive=adaptive)
    SHARED.write(everything=True)
    with SHARED.lock:
        SHARED.limiter = limiter
