"""Reactions: what messages show of them, who gave them, and tables of both."""

from __future__ import annotations

from telefast.reactions.collector import ReactionCollector
from telefast.reactions.emoji import CustomEmoji
from telefast.reactions.people import Reactor, ReactorList
from telefast.reactions.rows import ReactionRow
from telefast.reactions.sidefile import ReactionsCsvWriter, ReactionsJsonWriter
from telefast.reactions.summary import ReactionItem, ReactionSummary
from telefast.reactions.types import Collected, ReactionStats

__all__ = [
    "Collected",
    "CustomEmoji",
    "ReactionCollector",
    "ReactionItem",
    "ReactionRow",
    "ReactionStats",
    "ReactionSummary",
    "ReactionsCsvWriter",
    "ReactionsJsonWriter",
    "Reactor",
    "ReactorList",
]
