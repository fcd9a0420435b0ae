"""Reactions as answers show them: who reacted, who paid, and where a page of them begins."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeAlias

from telethon.tl import types

from telefast.testing.refs import peer_of
from telefast.testing.tl import read_object

__all__ = [
    "PAID",
    "SHOWN",
    "Paid",
    "Reacted",
    "ReactionLike",
    "place_token",
    "reacted",
    "reaction_of",
    "read_place",
    "top_reactors",
]

ReactionLike: TypeAlias = str | int | types.TypeReaction
"""An emoji, the document id of a custom emoji, or a reaction as it is."""

SHOWN: Final = 3
"""Reactors that a message shows: the latest (https://core.telegram.org/api/reactions)."""

PAID: Final = bytes(types.ReactionPaid())


class Reacted(NamedTuple):
    """That somebody reacted; in the order of lists, if sorted from the last to the first.

    Attributes:
        date: When, in seconds since the epoch.
        mark: Marked id of who did.
        key: TL bytes of the reaction.
        big: Whether it came with a big animation.
    """

    date: int
    mark: int
    key: bytes
    big: bool = False


class Paid(NamedTuple):
    """That somebody paid stars for a message.

    Attributes:
        mark: Marked id of who did; 0 for a stranger.
        stars: How many.
        anonymous: Whether nobody else is to know.
    """

    mark: int
    stars: int
    anonymous: bool


def reaction_of(what: ReactionLike) -> types.TypeReaction:
    """Return a reaction: an emoji, the document id of a custom emoji, or one as it is."""
    if isinstance(what, str):
        return types.ReactionEmoji(what)
    return types.ReactionCustomEmoji(what) if isinstance(what, int) else what


def reacted(each: Reacted, viewer: int) -> types.MessagePeerReaction:
    """Return that somebody reacted, as a user sees it."""
    return types.MessagePeerReaction(
        peer_id=peer_of(each.mark),
        date=datetime.fromtimestamp(each.date, UTC),
        reaction=read_object(each.key),
        big=each.big or None,
        my=each.mark == viewer or None,
    )


def top_reactors(paid: Iterable[Paid], viewer: int) -> list[types.TypeMessageReactor]:
    """Return who paid most, and who looks at it if that one did, too.

    Strangers who paid anonymously stay apart; others are shown once, with all their stars.
    """
    sums: dict[object, Paid] = {}
    for place, each in enumerate(paid):
        key: object = (each.mark, each.anonymous) if each.mark else place
        before = sums.get(key)
        sums[key] = each if before is None else each._replace(stars=before.stars + each.stars)
    ranked = sorted(sums.values(), key=lambda each: -each.stars)
    shown: list[types.TypeMessageReactor] = []
    for place, each in enumerate(ranked):
        is_own = bool(each.mark) and each.mark == viewer
        if place >= SHOWN and not is_own:
            continue
        is_named = bool(each.mark) and (is_own or not each.anonymous)
        shown.append(
            types.MessageReactor(
                count=each.stars,
                top=place < SHOWN or None,
                my=is_own or None,
                anonymous=each.anonymous or None,
                peer_id=peer_of(each.mark) if is_named else None,
            )
        )
    return shown


def place_token(each: Reacted) -> str:
    """Return the offset of what comes after an entry of a list."""
    text = f"{each.date}.{each.mark}.{each.key.hex()}"
    return urlsafe_b64encode(text.encode()).decode()


def read_place(token: str) -> Reacted:
    """Return the entry that an offset stands behind.

    Raises:
        ValueError: If it is none of ours.
    """
    date, mark, key = urlsafe_b64decode(token.encode()).decode("ascii").split(".")
    return Reacted(int(date), int(mark), bytes.fromhex(key))
