"""Loggers of telefast: one for each feature, silent by default, without secrets.

Applications configure logging; telefast does not. `telefast` carries a `NullHandler`, each
feature logs to `telefast.<feature>`, each of those loggers redacts what looks like a secret, and
none writes more than a burst of one kind of record in a few seconds (`telefast.limit_logs`), so
that a degraded run does not flood the log. What is held back is counted and told.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from telefast.limited_logs import SHARED, RateLimitedLogger

if TYPE_CHECKING:
    from telefast.metrics import Metrics

__all__ = ["RedactionFilter", "flush", "get_logger", "redact"]

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


def get_logger(feature: str) -> RateLimitedLogger:
    """Return the logger `telefast.<feature>`, with the limits that all of them share.

    A filter of a logger does not see the records of the loggers below it, hence each has one.

    Args:
        feature: What a user would call it: `history`, `calls`.
    """
    logger = logging.getLogger(f"telefast.{feature}")
    logger.addFilter(_FILTER)  # adding it again changes nothing
    return RateLimitedLogger.sharing(logger, SHARED)


def flush(metrics: Metrics | None) -> None:
    """Say and count what was held back; called by pieces when they end.

    Each kind is told of at most once in an interval, so that many short pieces do not write more
    than they were spared. What is left is told when the process ends.
    """
    SHARED.write(everything=False)
    if metrics is not None:
        SHARED.count(metrics)
