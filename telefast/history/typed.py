"""What type checkers know of a stream: what its messages are, and which arguments it takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from telefast.transport.waits import WaitEvent

if TYPE_CHECKING:
    from telethon.tl.custom.message import Message
    from typing_extensions import TypeVar

    M = TypeVar("M", default=Message)
else:
    from typing import TypeVar

    M = TypeVar("M")

__all__ = ["HistoryArguments", "M"]


class HistoryArguments(TypedDict, total=False):
    """The arguments by name of `BatchedHistory`, but for those that decide what messages are."""

    offset_date: datetime | date | float | None
    offset_id: int
    max_id: int
    min_id: int
    add_offset: int
    reverse: bool
    wait_time: float | None
    search: str | None
    filter: Any
    from_user: Any
    reply_to: int | None
    scheduled: bool
    fallback: bool
    request_size: int
    batch_size: int
    albums: bool
    concurrency: int
    prefetch: int | None
    by_ids: bool
    timeout: float | None
    max_flood_wait: float
    takeout: bool | Literal["auto"]
    on_progress: Callable[[int, int | None], object] | None
    on_wait: Callable[[WaitEvent], object] | None
