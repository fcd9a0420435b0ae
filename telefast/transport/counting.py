"""`metrics_of` and `use_metrics`: where the pieces on a client count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telefast.errors import ArgumentError
from telefast.metrics import Metrics
from telefast.transport.account import Account

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["metrics_of", "use_metrics"]


def metrics_of(client: TelegramClient) -> Metrics:
    """Return where all pieces on a client count.

    Args:
        client: A `telethon.TelegramClient`, its takeout proxy, or what `wrap` made of it.

    Example::

        print(telefast.metrics_of(client)["history_requests"])
    """
    return Account.of(client).metrics


def use_metrics(client: TelegramClient, metrics: Metrics) -> None:
    """Let the pieces on a client count elsewhere.

    Call it before the pieces are made: each goes on counting where it began.

    Args:
        client: As for `metrics_of`.
        metrics: Where to; several clients may share one. `telefast.NoMetrics()` to count nothing.

    Raises:
        ArgumentError: If *metrics* is no `telefast.Metrics`.
    """
    if not isinstance(metrics, Metrics):
        raise ArgumentError("metrics", type(metrics).__name__, "a telefast.Metrics")
    Account.of(client).metrics = metrics
