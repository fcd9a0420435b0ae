"""What can be said to `wrap`, and to which of its pieces each is said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from telefast.errors import ArgumentError

__all__ = ["DOWNLOAD_OPTIONS", "HISTORY_OPTIONS", "check_options", "split_options"]

HISTORY_OPTIONS = frozenset(
    {
        "request_size",
        "batch_size",
        "wait_time",
        "concurrency",
        "fallback",
        "prefetch",
        "timeout",
        "max_flood_wait",
        "takeout",
        "on_progress",
        "on_wait",
        "albums",
        "by_ids",
        "view",
    }
)
"""The arguments of `BatchedHistory` that Telethon's `iter_messages` does not have, and
`wait_time`."""
DOWNLOAD_OPTIONS = frozenset(
    {
        "dedupe",
        "max_connections",
        "max_flood_wait",
        "memory",
        "part_size",
        "policy",
        "set_mtime",
        "timeout",
        "tuner",
        "verify",
    }
)
"""The arguments of `MediaDownloader`, but for `max_size`: a path that `download_media` returns is
that of a file."""


def check_options(options: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise `ArgumentError` for the first option that is not known."""
    for name in sorted(options.keys() - known):
        names = ", ".join(sorted(known))
        raise ArgumentError(name, options[name], f"no such argument; the options are {names}")


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments for histories and those for downloads, of those of `wrap`.

    `timeout` and `max_flood_wait` are for both; no deadline for histories leaves that of parts of
    files as it is, for they need one.

    Raises:
        ArgumentError: If an option is unknown.
    """
    check_options(options, HISTORY_OPTIONS | DOWNLOAD_OPTIONS)
    history = {name: options[name] for name in options if name in HISTORY_OPTIONS}
    downloads = {name: options[name] for name in options if name in DOWNLOAD_OPTIONS}
    if downloads.get("timeout", 0) is None:
        del downloads["timeout"]
    return history, downloads
