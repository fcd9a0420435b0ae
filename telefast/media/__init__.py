"""Files: what a message carries, which file it is, and how to have it."""

from telefast.filenames import folder_name
from telefast.media.dedupe import MediaDedupeCache
from telefast.media.dedupe_results import DedupeCheck, DedupeResult, DedupeStats
from telefast.media.downloader import MediaDownloader
from telefast.media.downloads import Downloads
from telefast.media.items import chat_photo_item, file_key, items_of
from telefast.media.keys import FileKey
from telefast.media.names import file_name
from telefast.media.queue import DownloadQueue, QueueStats
from telefast.media.queue_results import QueueResults
from telefast.media.queue_rows import QueuedFile
from telefast.media.results import DownloadResult
from telefast.media.tuner import PartSizeTuner
from telefast.media.types import MediaItem, SkippedItem

__all__ = [
    "DedupeCheck",
    "DedupeResult",
    "DedupeStats",
    "DownloadQueue",
    "DownloadResult",
    "Downloads",
    "FileKey",
    "MediaDedupeCache",
    "MediaDownloader",
    "MediaItem",
    "PartSizeTuner",
    "QueueResults",
    "QueueStats",
    "QueuedFile",
    "SkippedItem",
    "chat_photo_item",
    "file_key",
    "file_name",
    "folder_name",
    "items_of",
]
