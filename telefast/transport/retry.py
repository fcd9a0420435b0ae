"""Which error, what next: a value in, a value out.

Flood waits are not attempts: they cost time, not tries. Errors that Telegram itself calls
internal are tried again with a growing pause; everything else is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass

from telethon import errors

__all__ = ["Flood", "Pause", "RetryPolicy"]

_TRANSIENT = (
    errors.ServerError,  # 500, and -500 "No workers running"
    errors.TimedOutError,  # 503, and -503 "Timeout"
    errors.RpcCallFailError,
    errors.RpcMcgetFailError,
    errors.InterdcCallErrorError,
    errors.InterdcCallRichErrorError,
)
"""What Telethon's `UserMethods._call` retries as well."""

_BARE_FLOOD_WAIT = 5.0
"""Seconds to wait on a flood that names no time, such as FLOOD_SKIP_FAILED_WAIT: our choice."""


@dataclass(frozen=True, slots=True)
class Flood:
    """Hold all calls of this kind.

    Attributes:
        seconds: For how long.
        name: The error's class, for the log: FloodWaitError, FloodPremiumWaitError, ...
    """

    seconds: float
    name: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Try this call again.

    Attributes:
        seconds: After how long.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently to try again.

    Attributes:
        max_retries: Tries after the first, for errors that are Telegram's own. Default 5, as
            Telethon's `request_retries`.
        base_delay: The first pause, in seconds; doubled each time. Default 1 (TDLib
            `NetQueryDelayer.cpp` starts there too).
        max_delay: The longest pause, in seconds. Default 60.
    """

    max_retries: int = 5
    base_delay: float = 1.0
    max_delay: float = 60.0

    def decide(self, error: Exception, *, retries: int) -> Flood | Pause | None:
        """Say what to do about *error* after *retries* earlier tries; None: raise it."""
        if isinstance(error, errors.TakeoutInitDelayError):
            return None  # the user ends it by a confirmation, at any moment
        if isinstance(error, errors.FloodError):
            return _flood(error)
        if isinstance(error, _TRANSIENT) and retries < self.max_retries:
            return Pause(min(self.base_delay * 2**retries, self.max_delay))
        return None


def _flood(error: errors.FloodError) -> Flood | None:
    name = type(error).__name__
    seconds = getattr(error, "seconds", None)
    if seconds is not None:
        # Test servers answer FLOOD_WAIT_0; Telethon waits a second then, and so do we.
        return Flood(max(float(seconds), 1.0), name)
    # Telethon knows FROZEN_METHOD_INVALID, a 420 that no wait helps; its `message` is the base's.
    is_nameless = type(error) is errors.FloodError
    if is_nameless and str(error.message).startswith("FLOOD"):
        return Flood(_BARE_FLOOD_WAIT, name)
    return None
