"""What service messages of seeded chats tell of, by kind of chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telethon.tl import types

from telefast.testing.media import make_photo
from telefast.testing.text import EMOJI

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from telefast.testing.dice import Dice
    from telefast.testing.text import Mention

__all__ = ["Deed", "first_deed", "group_deed", "private_deed"]

_DAY = 86_400


class Deed(NamedTuple):
    """What a service message tells of.

    Attributes:
        action: The action.
        refs: Bare ids of the users whom it names.
        back: How many messages ago the message is that it is about, or 0 for none.
    """

    action: types.TypeMessageAction
    refs: Sequence[int] = ()
    back: int = 0


def first_deed(kind: str, title: str, members: Sequence[int]) -> Deed:
    """Return what the first message of a chat tells of: how it began."""
    if kind == "group":
        return Deed(types.MessageActionChatCreate(title, list(members)), members)
    if kind == "private":
        return Deed(types.MessageActionContactSignUp())
    return Deed(types.MessageActionChannelCreate(title))


def group_deed(dice: Dice, kind: str, title: str, date: datetime, known: Sequence[Mention]) -> Deed:
    """Return what happened in a channel or group: pins, photos, titles; in groups also members."""
    other = dice.pick(known).user_id
    which = dice.below(3 if kind == "channel" else 6)
    if which == 0:
        return Deed(types.MessageActionPinMessage(), back=1 + dice.below(50))
    if which == 1:
        return Deed(types.MessageActionChatEditPhoto(make_photo(dice, date)))
    if which == 2:
        return Deed(types.MessageActionChatEditTitle(f"{title} {dice.pick(EMOJI)}"))
    if which == 3:
        guests = list(dict.fromkeys([other, dice.pick(known).user_id]))
        return Deed(types.MessageActionChatAddUser(guests), guests)
    if which == 4:
        return Deed(types.MessageActionChatJoinedByLink(other), (other,))
    return Deed(types.MessageActionChatDeleteUser(other), (other,))


def private_deed(dice: Dice) -> Deed:
    """Return what happened in a private chat: pins, calls, timers, screenshots."""
    which = dice.below(4)
    if which == 0:
        return Deed(types.MessageActionPinMessage(), back=1 + dice.below(50))
    if which == 1:
        call_id = dice.signed64()
        if dice.chance(300):
            missed = types.PhoneCallDiscardReasonMissed()
            return Deed(types.MessageActionPhoneCall(call_id, reason=missed))
        ended = types.PhoneCallDiscardReasonHangup()
        return Deed(
            types.MessageActionPhoneCall(
                call_id,
                video=dice.chance(300) or None,
                reason=ended,
                duration=1 + dice.below(4_000),
            )
        )
    if which == 2:
        return Deed(types.MessageActionSetMessagesTTL(_DAY * dice.below(8)))
    return Deed(types.MessageActionScreenshotTaken())
