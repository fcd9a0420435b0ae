"""Reactions: what messages show of them, and who gave them."""

from __future__ import annotations

from telefast.reactions.summary import ReactionItem, ReactionSummary

__all__ = ["ReactionItem", "ReactionSummary"]
