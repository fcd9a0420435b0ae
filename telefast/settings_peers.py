"""The knobs about what is remembered of chats, which `Settings` inherits."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings

from telefast.settings_errors import names

__all__ = ["PeerSettings"]


class PeerSettings(BaseSettings):
    """How long and how much is remembered of chats, and where of messages."""

    metadata_cache_ttl: float = Field(
        default=3600.0,
        ge=0,
        allow_inf_nan=False,
        validation_alias=names("metadata_cache_ttl", "METADATA_CACHE_TTL"),
        description="Seconds for which what is known of a chat is believed.",
    )
    metadata_cache_size: int = Field(
        default=1000,
        ge=1,
        validation_alias=names("metadata_cache_size", "METADATA_CACHE_SIZE"),
        description="Facts about chats that are remembered.",
    )
    input_peer_cache_ttl: float = Field(
        default=3600.0,
        ge=0,
        allow_inf_nan=False,
        validation_alias=names("input_peer_cache_ttl", "INPUT_PEER_CACHE_TTL"),
        description="Seconds for which a name is believed to mean a peer.",
    )
    input_peer_cache_size: int = Field(
        default=10_000,
        ge=1,
        validation_alias=names("input_peer_cache_size", "INPUT_PEER_CACHE_SIZE"),
        description="Peers that are remembered.",
    )
    processed_ids_path: str = Field(
        default="",
        validation_alias=names("processed_ids_path", "PROCESSED_IDS_PATH"),
        description="File that a checkpoint is kept in: which messages were processed, exactly.",
    )
    takeout_file_max_mb: int = Field(
        default=0,
        ge=0,
        validation_alias=names("takeout_file_max_mb", "TAKEOUT_FILE_MAX_MB"),
        description="MiB of the largest file that a takeout asks for; 0 for no files.",
    )

    def metadata_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `telefast.MetadataCache` that these settings say.

        Example:
            >>> from telefast import Settings
            >>> Settings(metadata_cache_ttl=60).metadata_options()
            {'ttl': 60.0, 'max_entries': 1000}
        """
        return {"ttl": self.metadata_cache_ttl, "max_entries": self.metadata_cache_size}

    def peers_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `telefast.PeerCache` that these settings say.

        Example:
            >>> from telefast import Settings
            >>> Settings(input_peer_cache_size=50).peers_options()
            {'ttl': 3600.0, 'max_entries': 50}
        """
        return {"ttl": self.input_peer_cache_ttl, "max_entries": self.input_peer_cache_size}

    def checkpoint_options(self) -> dict[str, Any] | None:
        """Return the arguments of `telefast.Checkpoint` that these settings say.

        Returns:
            None if no file is named.

        Example:
            >>> from telefast import Settings
            >>> Settings(processed_ids_path="club.done").checkpoint_options()
            {'path': 'club.done'}
        """
        return {"path": self.processed_ids_path} if self.processed_ids_path else None

    def takeout_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `telefast.Takeout` that these settings say.

        Example:
            >>> from telefast import Settings
            >>> Settings(takeout_file_max_mb=10).takeout_options()
            {'files': True, 'max_file_size': 10485760}
        """
        size = self.takeout_file_max_mb * 1024 * 1024
        return {"files": bool(size), "max_file_size": size or None}
