"""What a message shows of its reactions, read without a request.

Telegram sends the counts with each message, most given first
(https://core.telegram.org/api/reactions). What is read here holds no names and no ids of people,
only numbers; who reacted is in `telefast.reactions.people`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from telethon.tl import types

__all__ = ["ReactionItem", "ReactionKind", "ReactionSummary", "kind_and_key", "reactions_of"]

ReactionKind = Literal["emoji", "custom", "paid", "unknown"]

STARS = "stars"
"""The key of paid reactions: there is one kind of them."""

_TEXT_BY_DEFAULT = re.compile("([❤☃✍🕊♂♀])(?!\N{VARIATION SELECTOR-16})")
"""Of the characters of Telegram's reactions, those that Unicode shows as text unless a variation
selector follows (https://unicode.org/Public/UCD/latest/ucd/emoji/emoji-data.txt). Telegram sends
reactions without it, and its apps draw an emoji all the same."""


@dataclass(frozen=True, slots=True)
class ReactionItem:
    """One kind of reaction to a message, and how often it was given.

    Attributes:
        kind: `emoji`, `custom` (a custom emoji), `paid` (stars), or `unknown`: a kind that this
            release has no name for.
        key: Which one: the emoji as Telegram sends it, the document id of the custom emoji in
            decimal, `stars`, or the TL bytes of an unknown one in hexadecimal.
        count: How often it was given; for `paid` the number of stars.
        chosen_order: Place among the account's own reactions, None if it did not give this one,
            or if the summary is `min`.
    """

    kind: ReactionKind
    key: str
    count: int
    chosen_order: int | None = None

    @property
    def chosen(self) -> bool:
        """Whether the account gave this reaction itself."""
        return self.chosen_order is not None


@dataclass(frozen=True, slots=True)
class ReactionSummary:
    """The reactions that a message shows.

    Attributes:
        items: Each kind once, in Telegram's order.
        min: Whether own choices are missing, since the message was sent to everybody alike;
            `telefast.ReactionCollector.refresh` tells them.
        can_see_list: Whether Telegram lists who reacted.
        are_tags: Whether they are tags of saved messages.
    """

    items: tuple[ReactionItem, ...] = ()
    min: bool = False
    can_see_list: bool = False
    are_tags: bool = False

    @classmethod
    def of(cls, message: Any) -> ReactionSummary:
        """Read the reactions of a message, of `MessageReactions`, or of None: then there are none.

        Example:
            >>> from telethon import types
            >>> results = [types.ReactionCount(types.ReactionEmoji("👍"), 2, chosen_order=0)]
            >>> ReactionSummary.of(types.MessageReactions(results)).format()
            '👍2'
        """
        shown = reactions_of(message)
        if shown is None:
            return cls()
        return cls(
            tuple(
                ReactionItem(*kind_and_key(each.reaction), each.count, each.chosen_order)
                for each in shown.results
                if each.count > 0
            ),
            bool(shown.min),
            bool(shown.can_see_list),
            bool(shown.reactions_as_tags),
        )

    @property
    def total(self) -> int:
        """How many reactions there are; stars are counted apart."""
        return sum(item.count for item in self.items if item.kind != "paid")

    @property
    def stars(self) -> int:
        """How many stars were paid."""
        return sum(item.count for item in self.items if item.kind == "paid")

    @property
    def custom_ids(self) -> tuple[int, ...]:
        """Document ids of the custom emoji, for `telefast.ReactionCollector.custom_emoji`."""
        return tuple(int(item.key) for item in self.items if item.kind == "custom")

    @property
    def fingerprint(self) -> str:
        """A digest of the counts, which changes when one of them does, and with nothing else."""
        counts = sorted((item.kind, item.key, item.count) for item in self.items)
        return hashlib.sha256(repr(counts).encode("utf-8", "backslashreplace")).hexdigest()[:32]

    def format(self, custom: Callable[[int], str | None] | None = None) -> str:
        """Return one line, such as `👍2 ❤️1`; an empty one if there are no reactions.

        Args:
            custom: What to show for the document id of a custom emoji, such as its plain emoji.
                None, also as its answer, shows the id in brackets.

        Example:
            >>> items = (ReactionItem("emoji", "👍", 2), ReactionItem("custom", "77", 1))
            >>> ReactionSummary(items).format()
            '👍2 [77]1'
            >>> ReactionSummary(items).format(custom={77: "🚀"}.get)
            '👍2 🚀1'
        """
        return " ".join(f"{_shown(item, custom)}{item.count}" for item in self.items)


def reactions_of(message: Any) -> types.MessageReactions | None:
    """Return what Telegram sent of a message's reactions; None if nothing."""
    if not isinstance(message, types.MessageReactions):
        message = getattr(message, "reactions", None)
    return message if isinstance(message, types.MessageReactions) else None


def kind_and_key(reaction: Any) -> tuple[ReactionKind, str]:
    """Return how a `ReactionItem` names a reaction."""
    if isinstance(reaction, types.ReactionEmoji):
        return "emoji", reaction.emoticon
    if isinstance(reaction, types.ReactionCustomEmoji):
        return "custom", str(reaction.document_id)
    if isinstance(reaction, types.ReactionPaid):
        return "paid", STARS
    return "unknown", bytes(reaction).hex()


def _shown(item: ReactionItem, custom: Callable[[int], str | None] | None) -> str:
    if item.kind == "emoji":
        return _as_emoji(item.key)
    if item.kind == "custom":
        return (custom(int(item.key)) if custom else None) or f"[{item.key}]"
    return "⭐" if item.kind == "paid" else "?"


def _as_emoji(text: str) -> str:
    """Return an emoji so that no program draws it as text."""
    return _TEXT_BY_DEFAULT.sub("\\1\N{VARIATION SELECTOR-16}", text)
