"""An embedded Telegram for tests."""

from __future__ import annotations

from telefast.testing.faults import Rule
from telefast.testing.ledger import Ledger
from telefast.testing.local import LocalTelegram
from telefast.testing.world import World

__all__ = ["Ledger", "LocalTelegram", "Rule", "World"]
