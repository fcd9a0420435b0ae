"""What a store counts: for its own figures, and for the metrics that it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telefast.metrics import Metrics

if TYPE_CHECKING:
    from telefast.chunks.frames import Header

__all__ = ["Tally"]


class Tally:
    """Counts what a store does.

    Args:
        metrics: Where to count as well.
    """

    def __init__(self, metrics: Metrics | None) -> None:
        self.own = Metrics()
        self.given = metrics
        self._all = [self.own] if metrics is None else [self.own, metrics]

    def __getitem__(self, name: str) -> int:
        """Return a figure of the store itself."""
        return int(self.own[name])

    def wrote(self, header: Header, seconds: float) -> None:
        """Count a chunk that is in its file, and what it took to make it."""
        for metrics in self._all:
            metrics.add("chunks_encoded")
            metrics.add("chunk_raw_bytes", header.raw_size)
            metrics.add("chunk_compressed_bytes", header.packed_size)
            metrics.add("compressed_chunks_saved_bytes", header.raw_size - header.packed_size)
            metrics.observe("chunk_encode_seconds", seconds)

    def read(self, seconds: float) -> None:
        """Count a chunk that was read, and what that took."""
        for metrics in self._all:
            metrics.add("chunks_decoded")
            metrics.observe("chunk_decode_seconds", seconds)

    def damaged(self) -> None:
        """Count a place that cannot be read."""
        for metrics in self._all:
            metrics.add("chunk_corrupt")
