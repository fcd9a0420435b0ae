"""Read a chat's history: exact, in order, many pages at a time."""

from telefast.history.albums import AlbumGroups, group_albums, widen_albums
from telefast.history.chat_progress import ChatProgress, MessageFailure
from telefast.history.checkpoint import Checkpoint
from telefast.history.progress import ProcessedIds
from telefast.history.refill import Refilled, refill
from telefast.history.stream import BatchedHistory
from telefast.history.types import Batch, HistoryCursor, HistoryStats
from telefast.history.whole import MessageKey, MissingPart, WholeHistory
from telefast.transport.undecoded import UndecodedMessage
from telefast.transport.waits import WaitEvent

__all__ = [
    "AlbumGroups",
    "Batch",
    "BatchedHistory",
    "ChatProgress",
    "Checkpoint",
    "HistoryCursor",
    "HistoryStats",
    "MessageFailure",
    "MessageKey",
    "MissingPart",
    "ProcessedIds",
    "Refilled",
    "UndecodedMessage",
    "WaitEvent",
    "WholeHistory",
    "group_albums",
    "refill",
    "widen_albums",
]
