"""Plain counters, shared by all pieces on one client.

Names are API: `history_requests`, `flood_waits`, and so on. A counter that was never touched
reads 0. Snapshots are ordinary dictionaries; nothing here knows an exporter.
"""

from __future__ import annotations

from collections import Counter

__all__ = ["Metrics"]


class Metrics:
    """Count what happened. Not safe for use from several threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: float = 1) -> None:
        """Add *amount* to the counter *name*."""
        self._counts[name] += amount  # type: ignore[assignment]  # seconds are floats

    def __getitem__(self, name: str) -> float:
        """Return the counter *name*, 0 if nothing was counted."""
        return self._counts[name]

    def snapshot(self) -> dict[str, float]:
        """Return a copy of all counters, by name."""
        return dict(sorted(self._counts.items()))
