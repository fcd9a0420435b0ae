"""What a run of the benchmarks measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from telefast.testing import FloodProfile, flood_profile

__all__ = ["FULL", "MAX_SIZE", "QUICK", "Mode", "Plan"]

MAX_SIZE: Final = 100_000
"""Messages that the embedded Telegram keeps ready; beyond them it would be measured, too."""

Mode = Literal["baseline", "optimized", "compare"]

_STOCK: Final = ("stock", "download_media", "pickle", "sleeping")
"""How the names of contenders begin that are what programs do without telefast."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run.

    Attributes:
        sizes: Messages of the chats.
        rtts: Round trip times, in seconds.
        rounds: How often each contender runs.
        prefix: Messages after which a contender that mostly sleeps is stopped.
        links: Of downloads: round trip times in seconds, and bytes per second for each connection.
        rivals: The Python of an environment that has the rivals in downloading.
        flood: The flood limits that all run under, each with a server of its own if there are any.
        mode: Who runs: stock only, telefast only, or everybody.
        target: What is read, where it can be chosen: a kind of chat, the path of an export in
            Telegram Desktop's format, or None for each kind of chat.
        is_quick: Whether it is a first look, or the gate of continuous integration.
    """

    sizes: Sequence[int]
    rtts: Sequence[float]
    rounds: int
    prefix: int
    links: Sequence[tuple[float, float | None]] = ((0.03, None),)
    rivals: str | None = None
    flood: FloodProfile = field(default_factory=lambda: flood_profile("unlimited"))
    mode: Mode = "compare"
    target: str | None = None
    is_quick: bool = False

    def takes(self, contender: str) -> bool:
        """Whether somebody of this name runs in this mode."""
        if self.mode == "baseline":
            return contender.startswith(_STOCK)
        return self.mode == "compare" or contender.startswith("telefast")


FULL: Final = Plan(
    (1_000, 10_000, 50_000, 100_000),
    (0.0, 0.03, 0.1),
    rounds=5,
    prefix=1_000,
    links=((0.0, None), (0.03, None), (0.05, None), (0.1, None), (0.03, 12.5e6)),
)
QUICK: Final = Plan((3_000,), (0.03,), rounds=2, prefix=200, is_quick=True)
