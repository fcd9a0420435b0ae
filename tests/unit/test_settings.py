"""Settings: who wins, what is refused, and what the pieces are told."""

from __future__ import annotations

import inspect
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from telethon import TelegramClient

from telefast.chunks import ChunkCodec
from telefast.errors import SettingsError
from telefast.forum import ForumLayout, ForumWalker
from telefast.history import BatchedHistory, Checkpoint
from telefast.limited_logs import limit_logs
from telefast.media import DownloadQueue, MediaDedupeCache
from telefast.media.downloader import MediaDownloader
from telefast.peers import MetadataCache, PeerCache
from telefast.reactions import ReactionCollector
from telefast.settings import Settings
from telefast.transport.takeout import Takeout
from tests import settings_files

VARIABLES = [(field, name) for field, names in Settings.variables().items() for name in names]
"""Each field with each of its variables."""

LEGAL = {
    "request_size": 7,
    "batch_size": 250,
    "request_delay": 0.25,
    "concurrency": 3,
    "prefetch": 11,
    "timeout": 2.5,
    "max_flood_wait": 9.0,
    "takeout": "auto",
    "by_ids": False,
    "albums": True,
    "fallback": False,
    "part_size_kb": 64,
    "compression_enabled": False,
    "compression": "zlib",
    "compression_level": 7,
    "chunk_schema": "minimal",
    "export_reactions": True,
    "export_reactors_full": True,
    "export_reactors_redirect": "opaque",
    "reactions_concurrency": 2,
    "reactions_cache_size": 0,
    "reactions_max_per_message": 50,
    "forum_page_size": 20,
    "forum_include_general": False,
    "forum_name_style": "title_id",
    "log_batch_interval": 60.0,
    "log_rate_burst": 3,
    "log_adaptive": False,
    "metrics_enabled": False,
    "max_connections": 2,
    "download_workers": 5,
    "download_queue_path": "queue.db",
    "download_retries": 0,
    "media_dedupe_enabled": False,
    "media_dedupe_path": "known.db",
    "media_dedupe_max_entries": 10,
    "media_dedupe_verify": "sha256",
    "media_hash_dedupe": True,
    "metadata_cache_ttl": 60.0,
    "metadata_cache_size": 10,
    "input_peer_cache_ttl": 30.0,
    "input_peer_cache_size": 20,
    "processed_ids_path": "done.bin",
    "takeout_file_max_mb": 3,
}
"""A legal value for each field, unlike its default."""

OTHERS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "max_connections": ("download", MediaDownloader, {"max_connections": 2}),
    "download_workers": ("queue", DownloadQueue, {"files": 5}),
    "download_queue_path": ("queue", DownloadQueue, {"path": "queue.db"}),
    "download_retries": ("queue", DownloadQueue, {"max_tries": 1}),
    "media_dedupe_path": ("dedupe", MediaDedupeCache, {"store": "known.db"}),
    "media_dedupe_max_entries": ("dedupe", MediaDedupeCache, {"max_entries": 10}),
    "media_dedupe_verify": ("dedupe", MediaDedupeCache, {"verify": "sha256"}),
    "media_hash_dedupe": ("dedupe", MediaDedupeCache, {"contents": True}),
    "metadata_cache_ttl": ("metadata", MetadataCache, {"ttl": 60.0}),
    "metadata_cache_size": ("metadata", MetadataCache, {"max_entries": 10}),
    "input_peer_cache_ttl": ("peers", PeerCache, {"ttl": 30.0}),
    "input_peer_cache_size": ("peers", PeerCache, {"max_entries": 20}),
    "takeout_file_max_mb": ("takeout", Takeout, {"files": True, "max_file_size": 3 << 20}),
}
"""Which piece is told of a knob, and what."""

LOGS = {
    "log_batch_interval": "interval",
    "log_rate_burst": "burst",
    "log_adaptive": "adaptive",
}
"""What `limit_logs` calls its knobs."""

FORUMS = {
    "forum_page_size": "page_size",
    "forum_include_general": "include_general",
}
"""What `ForumWalker` calls its knobs."""

REACTIONS = {
    "export_reactions": "enabled",
    "export_reactors_full": "full",
    "export_reactors_redirect": "redact",
    "reactions_concurrency": "concurrency",
    "reactions_cache_size": "cache_size",
    "reactions_max_per_message": "max_reactors",
}
"""What `ReactionCollector` calls its knobs."""


def test_each_field_is_tried_here() -> None:
    """The table above has every field, with a value that is not the default."""
    assert set(LEGAL) == set(Settings.model_fields)
    assert not [name for name in LEGAL if LEGAL[name] == getattr(Settings(), name)]


def test_defaults() -> None:
    """The defaults are those of `BatchedHistory`: settings that nobody set change nothing."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(BatchedHistory).parameters.items()
    }
    told = Settings.from_env({}).history_options()
    assert {name: defaults[name] for name in told} == told


def test_what_nobody_set_changes_nothing() -> None:
    """The defaults of the other knobs are those of their pieces."""
    for name, piece, _ in OTHERS.values():
        parameters = inspect.signature(piece).parameters
        for option, value in getattr(Settings(), f"{name}_options")().items():
            default = parameters[option].default
            assert value in (default, None if default is inspect.Parameter.empty else default)


def test_every_option_of_a_history_is_a_setting() -> None:
    """All that `BatchedHistory` takes beyond Telethon's own, but for what only code can give."""
    ours = set(inspect.signature(BatchedHistory).parameters)
    theirs = set(inspect.signature(TelegramClient.iter_messages).parameters)
    options = ours - theirs - {"client", "on_progress", "on_wait", "view"} | {"wait_time"}
    assert options == set(Settings().history_options())


@pytest.mark.parametrize(("field", "name"), VARIABLES)
def test_variable_sets_its_field(field: str, name: str) -> None:
    """Each variable sets its own field and no other."""
    settings = Settings.from_env({name: f" {LEGAL[field]} "})
    assert Settings(**{field: LEGAL[field]}) == settings
    assert Settings() != settings


@pytest.mark.parametrize(("field", "name"), VARIABLES)
def test_each_setting_reaches_the_history(field: str, name: str) -> None:
    """No knob is without effect: each one changes what its piece is told."""
    settings = Settings.from_env({name: str(LEGAL[field])})
    if field.startswith("compression") or field == "chunk_schema":
        told = {
            "compression": settings.compression,
            "level": settings.compression_level,
            "schema": settings.chunk_schema,
        }
        if not settings.compression_enabled:
            told["compression"] = "none"
        assert told == settings.codec_options() != Settings().codec_options()
        assert Settings().history_options() == settings.history_options()
        ChunkCodec(**settings.codec_options())
        return
    if field in OTHERS:
        name, piece, told = OTHERS[field]
        before, after = (getattr(each, f"{name}_options")() for each in (Settings(), settings))
        assert before | told == after != before
        assert set(after) <= set(inspect.signature(piece).parameters)
        return
    if field == "media_dedupe_enabled":
        assert settings.dedupe_options() is None
        return
    if field == "processed_ids_path":
        assert Settings().checkpoint_options() is None
        assert {"path": "done.bin"} == settings.checkpoint_options()
        assert "path" in inspect.signature(Checkpoint).parameters
        return
    if field == "part_size_kb":
        changed = Settings().download_options() | {"part_size": 65536}
        assert changed == settings.download_options() != Settings().download_options()
        assert set(changed) <= set(inspect.signature(MediaDownloader).parameters)
        return
    if field in LOGS:
        changed = Settings().log_options() | {LOGS[field]: LEGAL[field]}
        assert changed == settings.log_options() != Settings().log_options()
        assert set(changed) == set(inspect.signature(limit_logs).parameters)
        return
    if field == "metrics_enabled":
        assert not settings.metrics_enabled
        return  # tests/client/test_metrics.py
    if field in FORUMS:
        changed = Settings().forum_options() | {FORUMS[field]: LEGAL[field]}
        assert changed == settings.forum_options() != Settings().forum_options()
        assert set(changed) <= set(inspect.signature(ForumWalker).parameters)
        assert Settings().layout_options() == settings.layout_options()
        return
    if field == "forum_name_style":
        assert {"style": "title_id"} == settings.layout_options() != Settings().layout_options()
        assert "style" in inspect.signature(ForumLayout).parameters
        return
    if field in REACTIONS:
        changed = Settings().reactions_options() | {REACTIONS[field]: LEGAL[field]}
        assert changed == settings.reactions_options() != Settings().reactions_options()
        assert Settings().history_options() == settings.history_options()
        assert set(changed) <= set(inspect.signature(ReactionCollector).parameters)
        return
    told = settings.history_options()
    key = {"request_delay": "wait_time"}.get(field, field)
    assert LEGAL[field] == told[key]
    assert Settings().history_options() | {key: LEGAL[field]} == told


@pytest.mark.parametrize(("field", "name"), VARIABLES)
def test_empty_variable_is_unset(field: str, name: str) -> None:
    """An empty variable, or one of blanks, leaves the default."""
    assert Settings() == Settings.from_env({name: ""}) == Settings.from_env({name: "  "})


def test_prefixed_name_wins() -> None:
    """Where both names are set, the one with the prefix counts, unless it is empty."""
    both = {"TELEFAST_REQUEST_SIZE": "30", "BATCH_FETCH_SIZE": "40"}
    assert Settings.from_env(both).request_size == 30
    assert Settings.from_env(both | {"TELEFAST_REQUEST_SIZE": ""}).request_size == 40


def test_argument_beats_environment_beats_default() -> None:
    """An argument wins, even over a value of the environment that is not legal."""
    environ = {"TELEFAST_CONCURRENCY": "6", "TELEFAST_TIMEOUT": "soon"}
    settings = Settings.from_env(environ, concurrency=2, timeout=5)
    assert (settings.concurrency, settings.timeout, settings.batch_size) == (2, 5.0, 100)


def test_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mapping the process's environment is read, by `from_env` alone."""
    monkeypatch.setenv("TELEFAST_CONCURRENCY", "5")
    assert Settings.from_env().concurrency == 5
    assert Settings().concurrency == 8


def test_env_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` file in the current folder has no effect."""
    (tmp_path / ".env").write_text("TELEFAST_CONCURRENCY=5\n")
    monkeypatch.chdir(tmp_path)
    assert Settings() == Settings.from_env(dict(os.environ))


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"TELEFAST_CONCURENCY": "5"},
            "TELEFAST_CONCURENCY is not a setting of telefast; did you mean TELEFAST_CONCURRENCY?",
        ),
        (
            {"TELEFAST_QQQQQQQQQQQQQQQQQQQQ": "5"},
            "TELEFAST_QQQQQQQQQQQQQQQQQQQQ is not a setting of telefast; known are ASYNC_DOWNLOAD_",
        ),
        (
            {"BATCH_FETCH_SIZE": "101"},
            "BATCH_FETCH_SIZE='101': expected a whole number, 1 to 100",
        ),
        ({"TELEFAST_REQUEST_SIZE": "0"}, "TELEFAST_REQUEST_SIZE='0': expected a whole number"),
        ({"TELEFAST_BATCH_SIZE": "many"}, "TELEFAST_BATCH_SIZE='many': expected a whole number"),
        ({"CONCURRENCY": "2.5"}, "CONCURRENCY='2.5': expected a whole number, 1 to 64"),
        (
            {"REQUEST_DELAY": "-1"},
            "REQUEST_DELAY='-1': expected a number of seconds, at least 0",
        ),
        ({"USE_TAKEOUT": "maybe"}, "USE_TAKEOUT='maybe': expected True, False or \"auto\""),
        ({"FALLBACK_ITER_MESSAGES": "2"}, "FALLBACK_ITER_MESSAGES='2': expected True or False"),
        ({"COMPRESSION_ENABLED": "2"}, "COMPRESSION_ENABLED='2': expected True or False"),
        (
            {"SHARD_COMPRESSION_CODEC": "gz"},
            "SHARD_COMPRESSION_CODEC='gz': expected one of zstd, zlib, none",
        ),
        (
            {"PART_SIZE_KB": "100"},
            "PART_SIZE_KB='100': expected one of 0, 4, 8, 16, 32, 64, 128, 256, 512, 1024",
        ),
        ({"PART_SIZE_KB": "-4"}, "PART_SIZE_KB='-4': expected one of 0, 4"),
        ({"FORUM_PAGE_SIZE": "101"}, "FORUM_PAGE_SIZE='101': expected a whole number, 1 to 100"),
        ({"FORUM_INCLUDE_GENERAL": "2"}, "FORUM_INCLUDE_GENERAL='2': expected True or False"),
        ({"FORUM_NAME_STYLE": "title"}, "FORUM_NAME_STYLE='title': expected one of id, title_id"),
        (
            {"EXPORT_REACTORS_REDIRECT": "names"},
            "EXPORT_REACTORS_REDIRECT='names': expected one of none, id, opaque",
        ),
        ({"BATCH_TIMEOUT": "nan"}, "BATCH_TIMEOUT='nan': expected a number of seconds"),
        ({"FLOOD_MAX_SLEEP": "inf"}, "FLOOD_MAX_SLEEP='inf': expected a number of seconds"),
        (
            {"TELEFAST_PREFETCH": "3"},
            "prefetch=3 is below concurrency=8: a page in flight needs its place",
        ),
    ],
)
def test_illegal_environment(environ: dict[str, str], message: str) -> None:
    """An error names the variable and the legal values, or the nearest known name."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    assert str(caught.value).startswith(message)


def test_all_problems_at_once() -> None:
    """Two illegal values are both named."""
    with pytest.raises(SettingsError, match=r"CONCURRENCY='0'.*; .*TIMEOUT='-1'"):
        Settings.from_env({"TELEFAST_CONCURRENCY": "0", "TELEFAST_TIMEOUT": "-1"})


def test_unknown_argument() -> None:
    """An unknown argument is refused with the nearest field, also from `from_env`."""
    with pytest.raises(SettingsError, match=r"batchsize is not a setting.*batch_size\?"):
        Settings(batchsize=5)  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match=r"batchsize is not a setting.*batch_size\?"):
        Settings.from_env({}, batchsize=5)


def test_illegal_argument_is_named_as_such() -> None:
    """An illegal argument is named as argument, not as a variable."""
    with pytest.raises(SettingsError, match=r"^concurrency=0: expected a whole number, 1 to 64"):
        Settings.from_env({"TELEFAST_CONCURRENCY": "3"}, concurrency=0)


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("true", "id"),
        ("1", "id"),
        ("Yes", "id"),
        ("False", "none"),
        ("0", "none"),
        (" OPAQUE ", "opaque"),
        ("id", "id"),
    ],
)
def test_a_truth_value_for_redaction(value: str, mode: str) -> None:
    """What the wish list made a switch is one still: on stands for ids alone."""
    settings = Settings.from_env({"EXPORT_REACTORS_REDIRECT": value})
    assert mode == settings.export_reactors_redirect
    assert "id" == Settings(export_reactors_redirect=True).reactions_options()["redact"]
    assert "none" == Settings(export_reactors_redirect=False).reactions_options()["redact"]


@pytest.mark.parametrize(
    ("value", "schema"),
    [("1", "light"), ("TRUE", "light"), ("0", "full"), ("false", "full"), ("Minimal", "minimal")],
)
def test_a_truth_value_for_the_schema(value: str, schema: str) -> None:
    """The switch of the wish list stands for the light one; each schema has its name as well."""
    settings = Settings.from_env({"SHARD_LIGHTWEIGHT_SCHEMA_ENABLED": value})
    assert schema == settings.chunk_schema == settings.codec_options()["schema"]
    assert "light" == Settings(chunk_schema=True).chunk_schema
    assert schema == Settings.from_env({"TELEFAST_CHUNK_SCHEMA": value}).chunk_schema


def test_zero_is_all_reactors() -> None:
    """No bound is 0 in the environment and None in code."""
    assert None is Settings(reactions_max_per_message=0).reactions_options()["max_reactors"]


def test_zero_means_no_deadline() -> None:
    """A timeout of 0 is no deadline, and None is the same."""
    assert Settings.from_env({"BATCH_TIMEOUT": "0"}).history_options()["timeout"] is None
    assert Settings(timeout=None).history_options()["timeout"] is None


def test_frozen() -> None:
    """A field cannot be assigned."""
    with pytest.raises(ValueError, match="frozen"):
        Settings().timeout = 5  # type: ignore[misc]


@given(
    st.dictionaries(
        st.sampled_from([name for _, name in VARIABLES]) | st.just("TELEFAST_OTHER"),
        st.text(max_size=20) | st.integers().map(str) | st.floats().map(str),
        max_size=4,
    )
)
@example({"TELEFAST_TIMEOUT": "1e400"})
@example({"TELEFAST_CONCURRENCY": "9" * 5000})
def test_any_environment(environ: dict[str, str]) -> None:
    """Whatever the environment holds: legal settings, or `SettingsError`, nothing else."""
    try:
        settings = Settings.from_env(environ)
    except SettingsError:
        return
    assert 1 <= settings.request_size <= 100
    assert math.isfinite(settings.max_flood_wait)
    assert settings.prefetch is None or settings.prefetch >= settings.concurrency


def test_subclass_adds_a_source() -> None:
    """An application can read settings from elsewhere, below its arguments."""

    class FromStore(PydanticBaseSettingsSource):
        def get_field_value(self, field: object, field_name: str) -> tuple[object, str, bool]:
            return {"concurrency": 7, "timeout": 5}.get(field_name), field_name, False

        def __call__(self) -> dict[str, object]:
            fields = self.settings_cls.model_fields
            values = {name: self.get_field_value(None, name)[0] for name in fields}
            return {name: value for name, value in values.items() if value is not None}

    class Mine(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            *others: PydanticBaseSettingsSource,
            **named: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, FromStore(settings_cls)

    mine = Mine(timeout=1)
    assert (mine.concurrency, mine.timeout) == (7, 1.0)


def test_env_example() -> None:
    """`.env.example` is what the fields say; `python -m tests.settings_files` writes it."""
    assert settings_files.env_example() == settings_files.EXAMPLE.read_text("utf-8")


def test_docs_table() -> None:
    """So is the table in the guide."""
    guide = settings_files.GUIDE.read_text("utf-8")
    assert guide == settings_files.with_table(guide)


def test_the_reference_has_each_set_of_options() -> None:
    """Inherited ones, too, which Sphinx leaves out unless they are named."""
    page = (settings_files.ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    names = [name for name in dir(Settings) if name.endswith("_options")]
    assert [] == [name for name in names if name not in page]
