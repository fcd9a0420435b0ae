"""The metrics of telefast: their names, which are API, kinds, labels and meanings.

Names are as a program reads them in `Metrics.snapshot()`. Exporters add what their format wants:
Prometheus a prefix, `_total` behind counters, and labels. `docs/howto/metrics.md` is compared with
this table by a test, and so is what the code counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CATALOGUE", "Distribution", "Family", "Kind", "MetricInfo", "info_of"]

Kind = Literal["counter", "gauge", "histogram"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bounds of the buckets of durations: those of Prometheus' clients, but for 7.5 and 0.075, up to
the default deadline of a request."""
_SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0)
"""Bounds of the buckets of megabytes per second."""


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a metric means.

    Attributes:
        name: As in a snapshot; in one of its labels, it is followed by a dot and the label.
        kind: `counter` (only grows), `gauge` (is what it is now) or `histogram` (how often values
            fell in which bucket).
        help: What it counts, and in which unit.
        label: What its parts are named by, such as `method` or `dc`; "" if it has none.
        buckets: Upper bounds of the buckets of a histogram.
    """

    name: str
    kind: Kind
    help: str
    label: str = ""
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram has seen.

    Attributes:
        bounds: Upper bounds of its buckets; above the last one lies one more.
        counts: Values in each bucket, not cumulated.
        sum: All values added.
        min: The least.
        max: The greatest.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float
    min: float
    max: float

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its parts, as exporters want it.

    Attributes:
        info: Its name, kind, meaning, and what its label is called.
        values: Of a counter or gauge: its value for each label, "" for what has none. The values
            of a counter add up to the whole.
        distribution: Of a histogram.
    """

    info: MetricInfo
    values: dict[str, float]
    distribution: Distribution | None = None


def _counter(name: str, help: str, label: str = "") -> MetricInfo:
    return MetricInfo(name, "counter", help, label)


def _gauge(name: str, help: str, label: str = "") -> MetricInfo:
    return MetricInfo(name, "gauge", help, label)


def _histogram(name: str, help: str, buckets: tuple[float, ...] = _SECONDS) -> MetricInfo:
    return MetricInfo(name, "histogram", help, "", buckets)


CATALOGUE: dict[str, MetricInfo] = {
    each.name: each
    for each in (
        # Calls
        _counter("requests", "Requests sent through telefast, each sending counted."),
        _counter("retries", "Requests sent again after an error that passes."),
        _counter("timeouts", "Deadlines that passed without an answer."),
        _counter("undecodable", "Messages that the installed Telethon cannot decode."),
        _counter("undecodable_entities", "Answers with users or chats that it cannot decode."),
        # Floods
        _counter("flood_waits", "Flood waits, each counted once, whoever waits.", "method"),
        _counter("flood_errors", "The same, by Telethon's name of the error.", "error"),
        _counter("flood_wait_seconds", "Seconds that they take.", "method"),
        _counter("flood_refusals", "Requests refused by a flood, echoes of one included."),
        _counter("pacing_seconds", "Seconds that requests wait for the learned rate or spacing."),
        _gauge("pacer_interval_seconds", "Seconds between requests that are learned.", "kind"),
        # History
        _counter("history_requests", "Requests for messages, retries not counted."),
        _counter("history_messages", "Messages handed to consumers of histories."),
        _counter("history_batches", "Batches handed to them."),
        _counter("history_empty_skipped", "Empty messages in answers, which are left out."),
        _counter("history_duplicates_dropped", "Messages that came again in a later page."),
        _counter("history_fallbacks", "Streams that went on with Telethon's `iter_messages`."),
        _counter("history_retries", "Retries of requests for messages."),
        _counter("history_timeouts", "Deadlines of requests for messages that passed."),
        _counter("history_accounts_lost", "Accounts that several had to go on without."),
        _counter("prefetch_wait_seconds", "Seconds that consumers waited for messages."),
        _counter("prefetch_blocked_seconds", "Seconds that nothing more was asked for, since the "
                 "consumer had not taken what was there."),
        _gauge("prefetch_depth", "Pages that wait for the consumer of the latest stream."),
        _gauge("requests_per_message", "`history_requests` divided by `history_messages`."),
        _histogram("history_batch_seconds", "Seconds from asking for a page to having it."),
        # Media
        _counter("media_files", "Files that were downloaded."),
        _counter("media_bytes", "Bytes of files that came, resumed ones not counted."),
        _counter("media_parts", "Parts of files that were asked for, each asking counted."),
        _counter("media_resumed_bytes", "Bytes that an earlier run had already fetched."),
        _counter("media_ref_refreshes", "File references that were renewed."),
        _counter("media_failures", "Downloads that ended with an error."),
        _counter("dc_migrations", "Files that were followed to another data centre."),
        _gauge("download_concurrency", "Files that are being downloaded."),
        _gauge("part_size_bytes", "Bytes of a part that was asked for last.", "dc"),
        _histogram("media_file_seconds", "Seconds that a file took."),
        _histogram("media_mb_per_s", "Megabytes per second of a file, 1 MB being 10⁶ bytes.",
                   _SPEEDS),
        _counter("queue_enqueued", "Files taken in by download queues."),
        _counter("queue_completed", "Files that left them as done or skipped."),
        _counter("queue_failed", "Files that left them as failed."),
        _counter("queue_retried", "Files that were put back for another try."),
        _gauge("queue_depth", "Files that wait or are under way in download queues."),
        # Dedupe
        _counter("dedupe_hits", "Files that were here already, or came by another's download."),
        _counter("dedupe_misses", "Files that were not."),
        _counter("dedupe_inflight_joins", "Hits that waited for a download under way."),
        _counter("dedupe_bytes_saved", "Bytes of the hits."),
        _counter("dedupe_stale", "Entries removed, since their file was gone or another one."),
        _counter("dedupe_hash_hits", "Files with the bytes of another one, stored once."),
        _counter("dedupe_link_fallbacks", "Links that the disk could not make."),
        _gauge("dedupe_entries", "Entries in memory; of a data base: added by this process."),
        # Chunks
        _counter("chunks_encoded", "Chunks written."),
        _counter("chunks_decoded", "Chunks read."),
        _counter("chunk_raw_bytes", "Bytes of written chunks before compression."),
        _counter("chunk_compressed_bytes", "Bytes of them after it."),
        _counter("compressed_chunks_saved_bytes", "The difference."),
        _counter("chunk_corrupt", "Damaged or unreadable places that were met."),
        _histogram("chunk_encode_seconds", "Seconds that making a chunk took."),
        _histogram("chunk_decode_seconds", "Seconds that reading a chunk took."),
        # Reactions
        _counter("reactions_messages", "Messages whose reactions were collected."),
        _counter("reactions_total", "Reactions on them."),
        _counter("reactions_api_calls", "Requests for those who reacted."),
        _counter("reactions_cache_hits", "Lists of them that were remembered."),
        _counter("reactions_cache_misses", "Lists that were not."),
        _counter("reactions_forbidden", "Lists that Telegram does not show."),
        # Forums
        _counter("forum_topics", "Topics that were listed."),
        _counter("forum_topic_pages", "Requests for lists of topics."),
        _counter("forum_duplicates_dropped", "Topics that came again in a later page."),
        _counter("forum_general_fallbacks", "General topics that were read from the whole chat."),
        # Comments
        _counter("comments_comments", "Comments that were handed out."),
        _counter("comments_others", "Messages of discussion groups that are no comments."),
        _counter("comments_threads", "Threads that were read one by one."),
        _counter("comments_dead_threads", "Threads that are gone."),
        _counter("comments_lookups", "Requests that tied messages to their posts."),
        # Peers
        _counter("peer_cache_hits", "Peers that were known."),
        _counter("peer_cache_misses", "Peers that were asked for."),
        _counter("peer_cache_evictions", "Peers forgotten, since there were too many."),
        _counter("peer_cache_expirations", "Names and absences forgotten by age."),
        _counter("metadata_cache_hits", "Facts about chats that were known."),
        _counter("metadata_cache_misses", "Facts that were asked for."),
        # Progress
        _counter("processed_ids_added", "Messages that were acknowledged to checkpoints."),
        _counter("processed_ids_skipped", "Messages left out, since they were processed."),
        # Connections
        _counter("dc_leases", "Connections that were lent."),
        _counter("dc_prewarm_ok", "Data centres that answered when they were warmed up."),
        _counter("dc_prewarm_failed", "Data centres that did not."),
        _gauge("dc_pool_size", "Connections that stand.", "dc"),
        # Takeouts
        _counter("takeouts", "Takeouts that were begun."),
        _counter("takeouts_adopted", "Takeouts of an earlier run that were gone on with."),
        _counter("takeouts_unfinished", "Takeouts that could not be finished."),
        _counter("takeout_refusals", "Takeouts that Telegram refused."),
        # Logs
        _counter("log_suppressed", "Log records that were held back and summarised."),
    )
}  # fmt: skip
"""Each metric by its name, in the order of the docs."""


def info_of(name: str) -> MetricInfo:
    """Return what *name* means; a name of a program's own is a counter without a label."""
    return CATALOGUE.get(name) or MetricInfo(name, "counter", "Counted by the program.")
