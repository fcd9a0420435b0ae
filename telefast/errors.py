"""All errors that telefast raises, by who must act.

```text
TelefastError
├─ UsageError                    the caller
│  ├─ ArgumentError              (ValueError) an argument has no legal value
│  ├─ WorldError                 (ValueError) a world of `telefast.testing` contradicts itself
│  ├─ SettingsError              (ValueError) the environment holds an unknown or illegal setting
│  ├─ ConcurrentUseError         (RuntimeError) two consumers on one stream
│  └─ ClosedError                (RuntimeError) used after it was closed
├─ RemoteError                   Telegram or the network
│  ├─ DeadlineError              (TimeoutError) no answer within the deadline
│  ├─ ConnectionLostError        (ConnectionError) the connection ended with requests in flight
│  └─ FloodWaitTooLongError      a flood wait beyond what the caller allows
└─ CompatibilityError            the installed Telethon lacks a name that telefast relies on
```

Telethon's own errors pass through untouched. An error says whether the same call may be tried
again later (`TelefastError.retryable`), and also inherits the built-in that a caller would
already catch. No message holds a secret or the text of a chat.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "ClosedError",
    "CompatibilityError",
    "ConcurrentUseError",
    "ConnectionLostError",
    "DeadlineError",
    "FloodWaitTooLongError",
    "RemoteError",
    "SettingsError",
    "TelefastError",
    "UsageError",
    "WorldError",
]


class TelefastError(Exception):
    """Base of all errors that telefast raises by itself."""

    retryable: bool = False
    """Whether the same call may succeed later without a change by the caller."""


class UsageError(TelefastError):
    """The caller must change the call."""


class ArgumentError(UsageError, ValueError):
    """An argument has no legal value; nothing was sent.

    Args:
        name: The argument's name.
        value: What was passed. Only its `repr` is kept in the message, cut at 80 characters.
        expected: The legal values, in words.
    """

    def __init__(self, name: str, value: object, expected: str) -> None:
        shown = repr(value)
        if len(shown) > 80:
            shown = f"{shown[:77]}..."
        super().__init__(f"{name}={shown}: expected {expected}")
        self.name = name
        self.expected = expected


class WorldError(UsageError, ValueError):
    """A world for the embedded Telegram contradicts itself, or an export file cannot be read."""


class SettingsError(UsageError, ValueError):
    """A setting in the environment is unknown or has no legal value."""


class ConcurrentUseError(UsageError, RuntimeError):
    """Two consumers take from one stream; give each its own."""


class ClosedError(UsageError, RuntimeError):
    """The object was closed; make a new one."""


class RemoteError(TelefastError):
    """Telegram or the network did not do its part."""

    retryable = True


class DeadlineError(RemoteError, TimeoutError):
    """A request had no answer within its deadline, though it was asked several times.

    Args:
        method: Telegram's name of the method.
        timeout: The deadline of one request, in seconds.
        attempts: How often it was asked.
    """

    def __init__(self, method: str, timeout: float, attempts: int) -> None:
        super().__init__(
            f"{method}: no answer in {timeout:g} s, asked {attempts} times; "
            "raise timeout= or check the connection"
        )
        self.method = method
        self.timeout = timeout
        self.attempts = attempts


class ConnectionLostError(RemoteError, ConnectionError):
    """The client was disconnected while a request was in flight.

    Args:
        method: Telegram's name of the method.
    """

    def __init__(self, method: str) -> None:
        super().__init__(f"{method}: the client was disconnected; connect it and resume")
        self.method = method


class FloodWaitTooLongError(RemoteError):
    """Telegram asks for a longer wait than the caller allows.

    Args:
        method: Telegram's name of the method.
        seconds: The wait that Telegram asks for.
        budget: The longest wait allowed (`max_flood_wait`), in seconds.
        resume_at: When the wait ends, in seconds since the epoch.
    """

    def __init__(self, method: str, seconds: float, budget: float, resume_at: float) -> None:
        super().__init__(
            f"{method}: Telegram asks to wait {seconds:g} s, more than max_flood_wait={budget:g}; "
            "resume later or raise max_flood_wait="
        )
        self.method = method
        self.seconds = seconds
        self.budget = budget
        self.resume_at = resume_at


class CompatibilityError(TelefastError):
    """The installed Telethon lacks a name that telefast relies on.

    Args:
        name: The missing name.
        telethon_version: The version that is installed.
    """

    def __init__(self, name: str, telethon_version: str) -> None:
        super().__init__(
            f"Telethon {telethon_version} has no {name}; install a version that telefast supports "
            "(telethon>=1.42)"
        )
        self.name = name
        self.telethon_version = telethon_version
