"""What is counted of each download."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telefast.media.results import DownloadResult
    from telefast.metrics import Metrics

__all__ = ["count_result", "counted"]


@contextmanager
def counted(metrics: Metrics) -> Iterator[None]:
    """Count a file that is under way, and its failure."""
    metrics.add("download_concurrency")
    try:
        yield
    except Exception:
        metrics.add("media_failures")
        raise
    finally:
        metrics.add("download_concurrency", -1)


def count_result(metrics: Metrics, result: DownloadResult) -> DownloadResult:
    """Count a file that has come; return its result."""
    came = result.size - result.resumed_from
    metrics.add("media_files")
    metrics.add("media_bytes", came)
    metrics.add("media_resumed_bytes", result.resumed_from)
    metrics.observe("media_file_seconds", result.seconds)
    if came and result.seconds:
        metrics.observe("media_mb_per_s", came / result.seconds / 1e6)
    return result
