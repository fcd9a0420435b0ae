"""Read Telegram chats through Telethon: every message, once, in order, many pages at a time.

Each piece takes an ordinary, connected `telethon.TelegramClient`; nothing is monkey-patched.

* `wrap` makes a drop-in for the client that a program already has.
* `BatchedHistory` reads a chat's history, message by message or in `Batch`es.
* With `view="lazy"` it yields `LazyMessage`s, read from the wire bytes as they are asked.
* `Checkpoint` keeps what was processed, for `BatchedHistory.resume`; `ProcessedIds` is an exact set
  of message ids.
* `ChunkStore` keeps what was read on the disk, as Telegram sent it; `ChunkCodec` makes the chunks,
  and `rehydrate` turns them into Telethon's messages again. Smaller chunks keep less of each
  message; `refill` fetches the originals.
* `items_of` lists the files of a message, or why they cannot be had; `FileKey` says which are one;
  `MediaDownloader` fetches them, many at once, each byte once; `PartSizeTuner` fits their parts to
  the network; `DownloadQueue` keeps what became of each; `MediaDedupeCache` knows which files are
  here already, whatever message shows them; `file_name` names them safely.
* `group_albums` keeps the messages of an album together.
* `ordered_map` works on many items at a time and keeps their order.
* `relaxed_gc` lets Python collect garbage less often while many messages are read.
* `Pool` keeps connections of its own to each data centre.
* `Takeout` makes requests as an export, which Telegram grants a larger budget.
* `PeerCache` finds the peer that a number, name or link means, `MetadataCache` what it is,
  `SenderNames` what people were called; `parse_link` reads links, and `WholeHistory` reads a
  supergroup with the basic group that it was.
* `ReactionSummary` reads the reactions that a message shows; `ReactionCollector` finds who gave
  them, with few requests, and `ReactionsCsvWriter` and `ReactionsJsonWriter` write both to files.
* `ForumWalker` lists the topics of a forum, and reads each of them, or all in one pass; `topic_of`
  tells which topic a message is in, `TopicInfo` what a topic is; `ForumLayout` writes topics to
  Markdown files, `TopicMetrics` adds up what is in one.
* `Comments` reads the comments on a channel's posts, each once, and ties them to their posts.
* `Metrics` counts what happens; `metrics_of` returns those of a client, `telefast.prometheus`
  exports them.
* `limit_logs` says how much is logged; `RateLimitedLogger` does the same for a program's own logs.
* `Settings` reads the knobs from the environment, for programs that want them there.
* `telefast.testing` is an embedded Telegram for tests.
* All errors derive from `TelefastError`.

Importing this package opens no file, starts no thread and reads no environment. Each name is
imported when it is first used, so that no program waits for pieces that it does not use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # at run time, see `_HOMES`
    from telefast.chunks import (
        Chunk,
        ChunkCodec,
        ChunkStore,
        LightEntity,
        LightForward,
        LightMedia,
        LightMessage,
        LightReaction,
        LightReply,
        MinimalMessage,
        StoreStats,
        UndecodedRecord,
    )
    from telefast.chunks.rehydrate import rehydrate
    from telefast.client import BytesIter, FastClient, MessagesIter, wrap
    from telefast.errors import (
        AccountRevokedError,
        ArgumentError,
        ChunkError,
        ChunkTooLargeError,
        ClosedError,
        CompatibilityError,
        ConcurrentUseError,
        ConnectionLostError,
        CorruptChunkError,
        CorruptStateError,
        CursorMismatchError,
        DeadlineError,
        DiscussionClosedError,
        DiskFullError,
        FileMismatchError,
        FileUnavailableError,
        FloodWaitTooLongError,
        ForumAccessError,
        GroupMigratedError,
        LinkError,
        MissingExtraError,
        NotAForumError,
        PeerNotFoundError,
        RemoteError,
        SettingsError,
        StateError,
        StorageError,
        StoreLockedError,
        TakeoutDelayError,
        TelefastError,
        UnexpectedAnswerError,
        UnreachableError,
        UnsafePathError,
        UnsupportedChunkError,
        UnsupportedStateError,
        UsageError,
        WorldError,
    )
    from telefast.forum import (
        Comment,
        CommentPlan,
        Comments,
        CommentStats,
        CommentStream,
        ForumLayout,
        ForumListing,
        ForumPlan,
        ForumReading,
        ForumSplit,
        ForumWalker,
        PostThread,
        TopicCounts,
        TopicCursor,
        TopicFile,
        TopicInfo,
        TopicMetrics,
        TopicStream,
        topic_of,
    )
    from telefast.garbage import relaxed_gc
    from telefast.history import (
        AlbumGroups,
        Batch,
        BatchedHistory,
        ChatProgress,
        Checkpoint,
        HistoryCursor,
        HistoryStats,
        MessageFailure,
        MessageKey,
        MissingPart,
        ProcessedIds,
        Refilled,
        UndecodedMessage,
        WaitEvent,
        WholeHistory,
        group_albums,
        widen_albums,
    )
    from telefast.history.refill import refill
    from telefast.limited_logs import RateLimitedLogger, limit_logs
    from telefast.media import (
        DedupeCheck,
        DedupeResult,
        DedupeStats,
        DownloadQueue,
        DownloadResult,
        Downloads,
        FileKey,
        MediaDedupeCache,
        MediaDownloader,
        MediaItem,
        PartSizeTuner,
        QueuedFile,
        QueueResults,
        QueueStats,
        SkippedItem,
        chat_photo_item,
        file_key,
        file_name,
        folder_name,
        items_of,
    )
    from telefast.metrics import Metrics, NoMetrics
    from telefast.ordered import Failed, OrderedMap, ordered_map
    from telefast.peers import (
        ChatMeta,
        MessageCount,
        MetadataCache,
        NameRecord,
        PeerCache,
        ProfileRun,
        SenderNames,
        TelegramLink,
        parse_link,
    )
    from telefast.reactions import (
        Collected,
        CustomEmoji,
        ReactionCollector,
        ReactionItem,
        ReactionRow,
        ReactionsCsvWriter,
        ReactionsJsonWriter,
        ReactionStats,
        ReactionSummary,
        Reactor,
        ReactorList,
    )
    from telefast.settings import Settings
    from telefast.transport.counting import metrics_of, use_metrics
    from telefast.transport.lazy import LazyMessage
    from telefast.transport.pool import Line, Pool, PoolStats
    from telefast.transport.remember import remember_rates
    from telefast.transport.takeout import Takeout

    __version__: str

__all__ = [
    "AccountRevokedError",
    "AlbumGroups",
    "ArgumentError",
    "Batch",
    "BatchedHistory",
    "BytesIter",
    "ChatMeta",
    "ChatProgress",
    "Checkpoint",
    "Chunk",
    "ChunkCodec",
    "ChunkError",
    "ChunkStore",
    "ChunkTooLargeError",
    "ClosedError",
    "Collected",
    "Comment",
    "CommentPlan",
    "CommentStats",
    "CommentStream",
    "Comments",
    "CompatibilityError",
    "ConcurrentUseError",
    "ConnectionLostError",
    "CorruptChunkError",
    "CorruptStateError",
    "CursorMismatchError",
    "CustomEmoji",
    "DeadlineError",
    "DedupeCheck",
    "DedupeResult",
    "DedupeStats",
    "DiscussionClosedError",
    "DiskFullError",
    "DownloadQueue",
    "DownloadResult",
    "Downloads",
    "Failed",
    "FastClient",
    "FileKey",
    "FileMismatchError",
    "FileUnavailableError",
    "FloodWaitTooLongError",
    "ForumAccessError",
    "ForumLayout",
    "ForumListing",
    "ForumPlan",
    "ForumReading",
    "ForumSplit",
    "ForumWalker",
    "GroupMigratedError",
    "HistoryCursor",
    "HistoryStats",
    "LazyMessage",
    "LightEntity",
    "LightForward",
    "LightMedia",
    "LightMessage",
    "LightReaction",
    "LightReply",
    "Line",
    "LinkError",
    "MediaDedupeCache",
    "MediaDownloader",
    "MediaItem",
    "MessageCount",
    "MessageFailure",
    "MessageKey",
    "MessagesIter",
    "MetadataCache",
    "Metrics",
    "MinimalMessage",
    "MissingExtraError",
    "MissingPart",
    "NameRecord",
    "NoMetrics",
    "NotAForumError",
    "OrderedMap",
    "PartSizeTuner",
    "PeerCache",
    "PeerNotFoundError",
    "Pool",
    "PoolStats",
    "PostThread",
    "ProcessedIds",
    "ProfileRun",
    "QueueResults",
    "QueueStats",
    "QueuedFile",
    "RateLimitedLogger",
    "ReactionCollector",
    "ReactionItem",
    "ReactionRow",
    "ReactionStats",
    "ReactionSummary",
    "ReactionsCsvWriter",
    "ReactionsJsonWriter",
    "Reactor",
    "ReactorList",
    "Refilled",
    "RemoteError",
    "SenderNames",
    "Settings",
    "SettingsError",
    "SkippedItem",
    "StateError",
    "StorageError",
    "StoreLockedError",
    "StoreStats",
    "Takeout",
    "TakeoutDelayError",
    "TelefastError",
    "TelegramLink",
    "TopicCounts",
    "TopicCursor",
    "TopicFile",
    "TopicInfo",
    "TopicMetrics",
    "TopicStream",
    "UndecodedMessage",
    "UndecodedRecord",
    "UnexpectedAnswerError",
    "UnreachableError",
    "UnsafePathError",
    "UnsupportedChunkError",
    "UnsupportedStateError",
    "UsageError",
    "WaitEvent",
    "WholeHistory",
    "WorldError",
    "__version__",
    "chat_photo_item",
    "file_key",
    "file_name",
    "folder_name",
    "group_albums",
    "items_of",
    "limit_logs",
    "metrics_of",
    "ordered_map",
    "parse_link",
    "refill",
    "rehydrate",
    "relaxed_gc",
    "remember_rates",
    "topic_of",
    "use_metrics",
    "widen_albums",
    "wrap",
]


_HOMES = {
    name: f"telefast.{home}"
    for home, names in {
        "chunks": """
            Chunk ChunkCodec ChunkStore LightEntity LightForward LightMedia LightMessage
            LightReaction LightReply MinimalMessage StoreStats UndecodedRecord rehydrate
        """,
        "client": "BytesIter FastClient MessagesIter wrap",
        "errors": """
            AccountRevokedError ArgumentError ChunkError ChunkTooLargeError ClosedError
            CompatibilityError ConcurrentUseError ConnectionLostError CorruptChunkError
            CorruptStateError CursorMismatchError DeadlineError DiscussionClosedError
            DiskFullError FileMismatchError FileUnavailableError FloodWaitTooLongError
            ForumAccessError GroupMigratedError LinkError MissingExtraError NotAForumError
            PeerNotFoundError
            RemoteError SettingsError StateError StorageError StoreLockedError
            TakeoutDelayError TelefastError UnexpectedAnswerError UnreachableError
            UnsafePathError UnsupportedChunkError UnsupportedStateError UsageError
            WorldError
        """,
        "forum": """
            Comment CommentPlan CommentStats CommentStream Comments ForumLayout ForumListing
            ForumPlan ForumReading ForumSplit ForumWalker PostThread TopicCounts TopicCursor
            TopicFile TopicInfo TopicMetrics TopicStream topic_of
        """,
        "history": """
            AlbumGroups Batch BatchedHistory ChatProgress Checkpoint HistoryCursor
            HistoryStats MessageFailure MessageKey MissingPart ProcessedIds Refilled
            UndecodedMessage WaitEvent WholeHistory group_albums refill widen_albums
        """,
        "limited_logs": "RateLimitedLogger limit_logs",
        "media": """
            DedupeCheck DedupeResult DedupeStats DownloadQueue DownloadResult Downloads
            FileKey MediaDedupeCache MediaDownloader MediaItem PartSizeTuner QueueResults
            QueueStats QueuedFile SkippedItem chat_photo_item file_key file_name folder_name
            items_of
        """,
        "metrics": "Metrics NoMetrics",
        "garbage": "relaxed_gc",
        "ordered": "Failed OrderedMap ordered_map",
        "peers": """
            ChatMeta MessageCount MetadataCache NameRecord PeerCache ProfileRun SenderNames
            TelegramLink parse_link
        """,
        "reactions": """
            Collected CustomEmoji ReactionCollector ReactionItem ReactionRow ReactionStats
            ReactionSummary ReactionsCsvWriter ReactionsJsonWriter Reactor ReactorList
        """,
        "settings": "Settings",
        "transport.counting": "metrics_of use_metrics",
        "transport.lazy": "LazyMessage",
        "transport.pool": "Line Pool PoolStats",
        "transport.remember": "remember_rates",
        "transport.takeout": "Takeout",
    }.items()
    for name in names.split()
}
"""Where each name lives: a program that uses one piece does not wait for the others."""


def __getattr__(name: str) -> object:
    value: object
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name == "__version__":
        value = import_module("importlib.metadata").version("telefast")  # reads a file
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
