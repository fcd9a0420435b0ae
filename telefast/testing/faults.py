"""Faults: small rules that make the embedded Telegram misbehave as the real one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telefast.testing.rpc import Call

__all__ = ["Rule"]


class Rule:
    """Base of all faults: does nothing; override what the fault needs.

    Attributes:
        fired: How often the rule changed an answer so far.
    """

    fired: int = 0

    def before(self, call: Call) -> None:
        """Look at a request before it is answered; may raise `RpcFault` or change the world."""

    def page(self, call: Call, page: list[int]) -> list[int]:
        """Change the ids of a history page, newest first; a negative id `-n` stands for `MessageEmpty(n)`."""
        return page

    async def reply(self, call: Call) -> bool:
        """Wait as long as the answer shall be held back; False means it never goes out."""
        return True
