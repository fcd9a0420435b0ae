"""Settings of an application that uses telefast, from arguments and the environment.

The pieces of telefast take plain keyword arguments and never read the environment. `Settings` is
for programs that want their knobs outside: `Settings.from_env()` reads them, and
`Settings.history_options()` gives the keyword arguments of `telefast.BatchedHistory`, and the other
`..._options()` those of the pieces that they name.

An argument beats the environment, which beats the default. Each field has one variable,
`TELEFAST_` and its name in capitals, and some have a second, bare name; the first wins where both
are set. An empty variable counts as unset. Nothing is read from `.env` files: let the shell, the
service manager or a subclass with a source of its own do that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from telefast.errors import SettingsError
from telefast.settings_errors import check_names, explain
from telefast.settings_errors import names as _names
from telefast.settings_forum import ForumSettings
from telefast.settings_logs import LogSettings
from telefast.settings_media import MediaSettings
from telefast.settings_peers import PeerSettings

__all__ = ["Settings"]


def _word_of(value: object, on: str, off: str) -> object:
    """Return a word in lower case, and one of *on* and *off* for a truth value."""
    word = value.strip().lower() if isinstance(value, str) else value
    if word in (True, "true", "yes", "on", "1"):
        return on
    return off if word in (False, "false", "no", "off", "0") else word


class Settings(MediaSettings, PeerSettings, ForumSettings, LogSettings):
    """The knobs of telefast; frozen.

    `Settings(...)` takes arguments only; `Settings.from_env(...)` reads the environment as well.

    Raises:
        SettingsError: If a value is not legal or a name is not known.

    Example:
        >>> Settings.from_env({"TELEFAST_CONCURRENCY": "16"}).concurrency
        16
        >>> Settings.from_env({"TELEFAST_CONCURRENCY": "16"}, concurrency=2).concurrency
        2
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, loc_by_alias=False
    )

    request_size: int = Field(
        default=100,
        ge=1,
        le=100,
        validation_alias=_names("request_size", "BATCH_FETCH_SIZE"),
        description="Messages in one request, 1 to 100: Telegram returns no more for a history.",
    )
    batch_size: int = Field(
        default=100,
        ge=1,
        validation_alias=_names("batch_size", "PREFETCH_BATCH_SIZE"),
        description="Messages in one batch of `BatchedHistory.batches()`, at least 1.",
    )
    request_delay: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        validation_alias=_names("request_delay", "REQUEST_DELAY"),
        description="Least seconds between the starts of two requests of one kind; 0 for none.",
    )
    concurrency: int = Field(
        default=8,
        ge=1,
        le=64,
        validation_alias=_names("concurrency", "CONCURRENCY"),
        description="Requests in flight at most, 1 to 64.",
    )
    prefetch: int | None = Field(
        default=None,
        ge=1,
        validation_alias=_names("prefetch"),
        description=(
            "Pages held or in flight at most, not below the concurrency; "
            "unset for twice the concurrency, or 22 beyond it where dense stretches are read by "
            "ids."
        ),
    )
    timeout: float | None = Field(
        default=60.0,
        ge=0,
        allow_inf_nan=False,
        validation_alias=_names("timeout", "BATCH_TIMEOUT"),
        description="Seconds to wait for one answer before asking again; 0 to wait for ever.",
    )
    max_flood_wait: float = Field(
        default=3600.0,
        ge=0,
        allow_inf_nan=False,
        validation_alias=_names("max_flood_wait", "FLOOD_MAX_SLEEP"),
        description="Longest flood wait to sit out, in seconds; a longer one is an error.",
    )
    takeout: bool | Literal["auto"] = Field(
        default=False,
        validation_alias=_names("takeout", "USE_TAKEOUT"),
        description=(
            "Whether to read as a takeout, which shows up on the user's other devices: "
            "True, False, or auto for where Telegram asks for no delay."
        ),
    )
    by_ids: bool = Field(
        default=True,
        validation_alias=_names("by_ids"),
        description=(
            "Whether dense stretches of channels may be read by ids, which takes half the requests."
        ),
    )
    albums: bool = Field(
        default=False,
        validation_alias=_names("albums"),
        description="Whether batches are longer where they would cut an album.",
    )
    fallback: bool = Field(
        default=True,
        validation_alias=_names("fallback", "FALLBACK_ITER_MESSAGES"),
        description=(
            "Whether to go on with Telethon's own `iter_messages` where an answer cannot be read."
        ),
    )

    compression_enabled: bool = Field(
        default=True,
        validation_alias=_names(
            "compression_enabled", "COMPRESSION_ENABLED", "SHARD_COMPRESSION_ENABLED"
        ),
        description="Whether chunks are compressed.",
    )
    compression: Literal["zstd", "zlib", "none"] = Field(
        default="zstd",
        validation_alias=_names("compression", "SHARD_COMPRESSION_CODEC"),
        description="How chunks are compressed: zstd, zlib or none.",
    )
    compression_level: int = Field(
        default=3,
        ge=1,
        le=22,
        validation_alias=_names("compression_level", "SHARD_COMPRESSION_LEVEL"),
        description="How hard, 1 to 22 for zstd, 1 to 9 for zlib.",
    )
    chunk_schema: Literal["full", "light", "minimal"] = Field(
        default="full",
        validation_alias=_names("chunk_schema", "SHARD_LIGHTWEIGHT_SCHEMA_ENABLED"),
        description=(
            "What chunks keep of a message: full (False means the same), light (True), or minimal."
        ),
    )

    export_reactions: bool = Field(
        default=False,
        validation_alias=_names("export_reactions", "EXPORT_REACTIONS"),
        description="Whether reactions are collected.",
    )
    export_reactors_full: bool = Field(
        default=False,
        validation_alias=_names("export_reactors_full", "EXPORT_REACTORS_FULL"),
        description="Whether those who reacted are asked for, where a message does not tell all.",
    )
    export_reactors_redirect: Literal["none", "id", "opaque"] = Field(
        default="none",
        validation_alias=_names("export_reactors_redirect", "EXPORT_REACTORS_REDIRECT"),
        description=(
            "What is left of those who reacted: none (nothing is taken away), "
            "id (True means the same), or opaque (a keyed hash)."
        ),
    )
    reactions_concurrency: int = Field(
        default=4,
        ge=1,
        le=64,
        validation_alias=_names("reactions_concurrency", "REACTIONS_CONCURRENCY"),
        description="Requests for reactions in flight at most, 1 to 64.",
    )
    reactions_cache_size: int = Field(
        default=10_000,
        ge=0,
        validation_alias=_names("reactions_cache_size", "REACTIONS_CACHE_SIZE"),
        description="Messages whose reactors are remembered; 0 for none.",
    )
    reactions_max_per_message: int = Field(
        default=0,
        ge=0,
        validation_alias=_names("reactions_max_per_message", "REACTIONS_MAX_PER_MESSAGE"),
        description="Reactors of one message to ask for at most; 0 for all.",
    )

    if not TYPE_CHECKING:  # pragma: no branch - type checkers see the fields as arguments

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise SettingsError(explain(error, type(self), {})) from error

    @field_validator("chunk_schema", mode="before")
    @classmethod
    def _read_schema(cls, value: object) -> object:
        """Take a truth value for `light` or `full`, however the environment spells it."""
        return _word_of(value, "light", "full")

    @field_validator("export_reactors_redirect", mode="before")
    @classmethod
    def _read_redirect(cls, value: object) -> object:
        """Take a truth value for `id` or `none`, however the environment spells it."""
        return _word_of(value, "id", "none")

    @model_validator(mode="after")
    def _check_prefetch(self) -> Self:
        if self.prefetch is not None and self.prefetch < self.concurrency:
            raise ValueError(
                f"prefetch={self.prefetch} is below concurrency={self.concurrency}: a page in "
                "flight needs its place; raise TELEFAST_PREFETCH or leave it unset"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments only; a subclass may add sources. `from_env` reads the environment."""
        return (init_settings,)

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, **arguments: float | str | None
    ) -> Self:
        """Read the environment; the only function of telefast that does.

        Args:
            environ: The variables; None for those of the process.
            arguments: Fields by name, which beat the environment.

        Raises:
            SettingsError: If a variable begins with `TELEFAST_` but is unknown, or a value is not
                legal. It names the nearest known name, or the variable and the legal range.
        """
        environ = os.environ if environ is None else environ
        known = cls.variables()
        check_names(environ, [name for names in known.values() for name in names])
        values: dict[str, Any] = dict(arguments)
        origins: dict[str, str] = {}
        for field, names in known.items():
            origin = next((name for name in names if environ.get(name, "").strip()), None)
            if origin is not None and field not in arguments:
                values[field] = environ[origin].strip()
                origins[field] = origin
        try:
            return cls(**values)
        except SettingsError as error:
            cause = cast("ValidationError", error.__cause__)
            raise SettingsError(explain(cause, cls, origins)) from None

    @classmethod
    def variables(cls) -> dict[str, tuple[str, ...]]:
        """Return each field's variables, by its name; of those that are set the first wins."""
        return {
            field: tuple(str(name) for name in alias.choices)
            for field, info in cls.model_fields.items()
            if isinstance(alias := info.validation_alias, AliasChoices)
        }

    def history_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `telefast.BatchedHistory` that these settings say.

        Example:
            >>> Settings(request_delay=0.5, timeout=0).history_options()["wait_time"]
            0.5
        """
        return {
            "request_size": self.request_size,
            "batch_size": self.batch_size,
            "wait_time": self.request_delay or None,
            "concurrency": self.concurrency,
            "prefetch": self.prefetch,
            "timeout": self.timeout or None,
            "max_flood_wait": self.max_flood_wait,
            "takeout": self.takeout,
            "by_ids": self.by_ids,
            "albums": self.albums,
            "fallback": self.fallback,
        }

    def download_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `telefast.MediaDownloader` that these settings say.

        Example:
            >>> Settings(part_size_kb=64).download_options()
            {'part_size': 65536, 'max_connections': None, 'max_flood_wait': 3600.0}
        """
        return {
            "part_size": self.part_size_kb * 1024 or None,
            "max_connections": self.max_connections,
            "max_flood_wait": self.max_flood_wait,
        }

    def codec_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `telefast.ChunkCodec` that these settings say.

        Example:
            >>> Settings(compression_enabled=False).codec_options()["compression"]
            'none'
        """
        compression = self.compression if self.compression_enabled else "none"
        return {
            "compression": compression,
            "level": self.compression_level,
            "schema": self.chunk_schema,
        }

    def reactions_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `telefast.ReactionCollector` that these settings say.

        Example:
            >>> Settings(export_reactors_redirect=True).reactions_options()["redact"]
            'id'
        """
        return {
            "enabled": self.export_reactions,
            "full": self.export_reactors_full,
            "redact": self.export_reactors_redirect,
            "concurrency": self.reactions_concurrency,
            "cache_size": self.reactions_cache_size,
            "max_reactors": self.reactions_max_per_message or None,
        }
