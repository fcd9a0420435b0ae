"""Loggers of telefast: one for each feature, silent by default, without secrets.

Applications configure logging; telefast does not. `telefast` carries a `NullHandler`, each
feature logs to `telefast.<feature>`, and each of those loggers redacts what looks like a secret.
Warnings about a state that lasts (a fallback, a long flood wait) go through `warn_limited`, so
that a degraded run does not flood the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

__all__ = ["RateLimiter", "RedactionFilter", "get_logger", "redact", "warn_limited"]

logging.getLogger("telefast").addHandler(logging.NullHandler())

_SECRETS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # user:password of a proxy
    (re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"), "<credentials>"),
    # the token of a bot: its id, then 35 characters
    (re.compile(r"\b\d{6,}:[A-Za-z0-9_-]{30,}"), "<bot token>"),
    # a session string, or a key as base64 or as hex: nothing else is as long in one word, but for
    # a path, which begins with a slash and has no part as long as that
    (
        re.compile(
            r"(?P<path>(?<![\w+/.-])(?:/[\w.+-]{1,63})+/?(?![\w+/.=-]))|[A-Za-z0-9+/_-]{64,}={0,2}"
        ),
        lambda match: match["path"] or "<secret>",
    ),
    # an api_hash, 32 hex digits
    (re.compile(r"\b[0-9a-fA-F]{32}\b"), "<hash>"),
    # a phone number; message and chat ids have no plus sign
    (re.compile(r"\+\d{7,15}\b"), "<phone>"),
)


def redact(text: str) -> str:
    """Replace what looks like a secret in *text*: session strings, keys, hashes, phones, tokens."""
    for pattern, name in _SECRETS:
        text = pattern.sub(name, text)
    return text


class RedactionFilter(logging.Filter):
    """Redact the message of each record that passes; `get_logger` adds it to each logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact *record* in place; never drops it."""
        message = record.getMessage()
        redacted = redact(message)
        if redacted != message:
            record.msg, record.args = redacted, None
        return True


_FILTER = RedactionFilter()


def get_logger(feature: str) -> logging.Logger:
    """Return the logger `telefast.<feature>`.

    A filter of a logger does not see the records of the loggers below it, hence each has one.

    Args:
        feature: What a user would call it: `history`, `calls`.
    """
    logger = logging.getLogger(f"telefast.{feature}")
    logger.addFilter(_FILTER)  # adding it again changes nothing
    return logger


class RateLimiter:
    """Say which repetitions of a warning to let through.

    Sans-I/O: holds no clock; callers pass *now*, in seconds of one monotonic clock. Remembers one
    time and one count for each key, so keys must be few: a method, a reason, never a message id.

    Args:
        interval: Least seconds between two warnings of one key. Default 60: a degraded run of an
            hour says so 60 times at most.

    Example:
        >>> limiter = RateLimiter(interval=60)
        >>> [limiter.admit("flood", now=now) for now in (0.0, 1.0, 59.0, 60.0)]
        [0, None, None, 2]
    """

    def __init__(self, interval: float = 60.0) -> None:
        self._interval = interval
        self._admitted: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def admit(self, key: str, *, now: float) -> int | None:
        """Decide on one warning.

        Returns:
            None to hold it back; else how many of this *key* were held back since the last one.
        """
        last = self._admitted.get(key)
        if last is not None and now - last < self._interval:
            self._held[key] = self._held.get(key, 0) + 1
            return None
        self._admitted[key] = now
        return self._held.pop(key, 0)


def warn_limited(
    logger: logging.Logger, limiter: RateLimiter, key: str, message: str, *args: object, now: float
) -> None:
    """Warn on *logger* unless *limiter* holds *key* back; say how many were held back.

    Args:
        logger: Where to.
        limiter: Of the object that warns, so that two clients do not silence each other.
        key: What kind of warning it is.
        message: With `%s` for each of *args*.
        args: For *message*.
        now: The time, in seconds of a monotonic clock.
    """
    held = limiter.admit(key, now=now)
    if held is None:
        return
    if held:
        logger.warning(f"{message} (and %d more like it)", *args, held)  # noqa: G004 - a suffix
    else:
        logger.warning(message, *args)
