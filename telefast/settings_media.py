"""The knobs about files, which `Settings` inherits: parts, connections, caches, the queue."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from telefast.settings_errors import names

__all__ = ["MediaSettings"]


class MediaSettings(BaseSettings):
    """How files are fetched, which need not be, and what is remembered of them."""

    part_size_kb: int = Field(
        default=0,
        examples=[0, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
        validation_alias=names("part_size_kb", "PART_SIZE_KB"),
        description=(
            "KiB of each part of a file: a power of two from 4 to 1024; "
            "0 for what the tuner finds best."
        ),
    )
    max_connections: int | None = Field(
        default=None,
        ge=1,
        validation_alias=names(
            "max_connections", "MAX_CONNECTIONS_PER_DC", "MAX_PARALLEL_CONNECTIONS"
        ),
        description="Connections to a data centre for files; unset for as many as pay, up to 8.",
    )
    download_workers: int = Field(
        default=64,
        ge=1,
        validation_alias=names("download_workers", "DOWNLOAD_WORKERS", "ASYNC_DOWNLOAD_WORKERS"),
        description="Files that a queue works on at a time; they share the connections.",
    )
    download_queue_path: str = Field(
        default="",
        validation_alias=names("download_queue_path", "DOWNLOAD_QUEUE_PATH"),
        description="File that a queue of downloads is kept in; unset for memory.",
    )
    download_retries: int = Field(
        default=2,
        ge=0,
        validation_alias=names("download_retries", "DOWNLOAD_RETRIES"),
        description="Further tries that a queue gives a file after the first.",
    )
    media_dedupe_enabled: bool = Field(
        default=True,
        validation_alias=names("media_dedupe_enabled", "MEDIA_DEDUPE_ENABLED"),
        description="Whether files that are here already are known and not fetched again.",
    )
    media_dedupe_path: str = Field(
        default="",
        validation_alias=names("media_dedupe_path", "MEDIA_DEDUPE_PATH"),
        description="File that known files are kept in; unset for memory.",
    )
    media_dedupe_max_entries: int = Field(
        default=50_000,
        ge=1,
        validation_alias=names("media_dedupe_max_entries", "MEDIA_DEDUPE_MAX_ENTRIES"),
        description="Known files that are held in memory.",
    )
    media_dedupe_verify: Literal["exists", "size", "sha256"] = Field(
        default="size",
        validation_alias=names("media_dedupe_verify", "MEDIA_DEDUPE_VERIFY"),
        description="What of a known file must hold before it is believed: exists, size or sha256.",
    )
    media_hash_dedupe: bool = Field(
        default=False,
        validation_alias=names("media_hash_dedupe", "MEDIA_HASH_DEDUPE"),
        description="Whether files of equal content are one, whatever Telegram calls them.",
    )

    @field_validator("part_size_kb")
    @classmethod
    def _check_part_size(cls, value: int) -> int:
        if value not in (cls.model_fields["part_size_kb"].examples or ()):
            raise ValueError("no legal size of parts")
        return value

    def dedupe_options(self) -> dict[str, Any] | None:
        """Return the keyword arguments of `telefast.MediaDedupeCache` that these settings say.

        Returns:
            None if files are not to be looked for.

        Example:
            >>> from telefast import Settings
            >>> Settings(media_dedupe_enabled=False).dedupe_options() is None
            True
        """
        if not self.media_dedupe_enabled:
            return None
        return {
            "store": self.media_dedupe_path or None,
            "verify": self.media_dedupe_verify,
            "contents": self.media_hash_dedupe,
            "max_entries": self.media_dedupe_max_entries,
        }

    def queue_options(self) -> dict[str, Any]:
        """Return the arguments of `telefast.DownloadQueue` that these settings say.

        Example:
            >>> from telefast import Settings
            >>> Settings(download_retries=0).queue_options()
            {'path': None, 'files': 64, 'max_tries': 1}
        """
        return {
            "path": self.download_queue_path or None,
            "files": self.download_workers,
            "max_tries": self.download_retries + 1,
        }
