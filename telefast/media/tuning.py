"""How large parts are, and how many are in flight: what a tuner decides, and a fixed choice."""

from __future__ import annotations

from typing import Final, Protocol

from telefast.errors import ArgumentError
from telefast.media.parts import LEGAL_SIZES

__all__ = ["FixedParts", "Tuner"]

_IN_FLIGHT: Final = 16 * 1024 * 1024
"""Bytes in flight to one data centre at most: TDLib's for premium users
(`files/FileDownloadManager.h`)."""


class Tuner(Protocol):
    """Decides about parts and connections, by what it is told. Holds no clock."""

    def part_size(self, size: int | None, dc_id: int) -> int:
        """Return the size of the parts of a file of *size* bytes."""

    def window(self, dc_id: int, part_size: int | None = None) -> int:
        """Return how many parts of a data centre may be in flight, if they have this size."""

    def connections(self, dc_id: int) -> int:
        """Return how many connections to a data centre there should be."""

    def on_part(
        self, dc_id: int, size: int, seconds: float, *, now: float, connection: int
    ) -> None:
        """Hear that a part of *size* bytes took *seconds*."""

    def on_flood(self, dc_id: int, seconds: float, *, now: float) -> None:
        """Hear of a flood wait."""

    def on_timeout(self, dc_id: int, connection: int, *, now: float) -> None:
        """Hear that a part missed its deadline."""

    def on_idle(self, dc_id: int, *, now: float) -> None:
        """Hear that fewer parts are in flight than may be, since none is left to ask for."""


class FixedParts:
    """Always the same parts: the default.

    Args:
        part_size: Bytes: a power of two from 4 KiB to 1 MiB. Default 512 KiB, the most that
            Telethon and TDLib ask for.
        connections: To each data centre. Default 4.

    Raises:
        ArgumentError: If *part_size* is not legal.
    """

    def __init__(self, part_size: int = 512 * 1024, connections: int = 4) -> None:
        if part_size not in LEGAL_SIZES:
            raise ArgumentError("part_size", part_size, "4096, 8192, ... or 1048576")
        self._part_size = part_size
        self._connections = connections

    def part_size(self, size: int | None, dc_id: int) -> int:
        """Return the one size."""
        return self._part_size

    def window(self, dc_id: int, part_size: int | None = None) -> int:
        """Return how many of the parts 16 MiB are."""
        return _IN_FLIGHT // self._part_size

    def connections(self, dc_id: int) -> int:
        """Return the one number."""
        return self._connections

    def on_part(
        self, dc_id: int, size: int, seconds: float, *, now: float, connection: int
    ) -> None:
        """Learn nothing."""

    def on_flood(self, dc_id: int, seconds: float, *, now: float) -> None:
        """Learn nothing."""

    def on_timeout(self, dc_id: int, connection: int, *, now: float) -> None:
        """Learn nothing."""

    def on_idle(self, dc_id: int, *, now: float) -> None:
        """Learn nothing."""
