"""The people and the foreign channels of a world, from its seed."""

from __future__ import annotations

from datetime import UTC, datetime

from telethon.tl import types

from telefast.testing.dice import Dice
from telefast.testing.text import LANGUAGES, Language

__all__ = ["make_me", "make_source", "make_user", "user_language"]

_LATIN = ("alex", "kim", "neo", "robin", "mika", "toni", "sasha", "juno", "remy", "lux")


def user_language(index: int) -> Language:
    """Return the language of the user with number *index*: every second one the first."""
    return LANGUAGES[0] if index % 2 == 0 else LANGUAGES[index // 2 % len(LANGUAGES)]


def make_me(seed: int) -> types.User:
    """Make the user who is logged in."""
    dice = Dice.of(seed, "me")
    return types.User(
        id=_user_id(dice, 0),
        is_self=True,
        contact=True,
        mutual_contact=True,
        premium=False,
        access_hash=dice.signed64(),
        first_name="Ada",
        last_name="Örn",
        username="ada_of_telefast",
        phone="15550100",
        status=types.UserStatusOffline(datetime(2024, 5, 1, 12, tzinfo=UTC)),
    )


def make_user(seed: int, index: int) -> types.User:
    """Make the user with number *index*, 1 or more.

    Number 3 and every 20th after it is a bot; about one in 25 of the others is a deleted account.
    """
    dice = Dice.of(seed, "user", index)
    user_id = _user_id(dice, index)
    access_hash = dice.signed64()
    stem = f"{dice.pick(_LATIN)}_{index}_{dice.below(1000)}"
    if index % 20 == 3:
        return types.User(
            id=user_id,
            bot=True,
            access_hash=access_hash,
            first_name=f"{stem.split('_')[0].title()} Bot 🤖",
            username=f"{stem}_bot",
            bot_info_version=1 + dice.below(9),
            bot_inline_placeholder="Search…" if dice.chance(500) else None,
        )
    if dice.chance(40):
        return types.User(id=user_id, deleted=True, access_hash=access_hash)
    language = user_language(index)
    photo = None
    if dice.chance(600):
        photo = types.UserProfilePhoto(
            photo_id=dice.signed64(), dc_id=2, stripped_thumb=b"\x01" + dice.bytes(40)
        )
    return types.User(
        id=user_id,
        access_hash=access_hash,
        premium=dice.chance(100) or None,
        verified=dice.chance(10) or None,
        contact=dice.chance(100) or None,
        first_name=dice.pick(language.first) + (" 🌸" if dice.chance(60) else ""),
        last_name=dice.pick(language.last) if dice.chance(600) else None,
        username=stem if dice.chance(550) else None,
        photo=photo,
        status=types.UserStatusRecently() if dice.chance(700) else None,
    )


def make_source(seed: int, index: int) -> types.Channel:
    """Make a foreign channel: others forward from it, its history is not open to us."""
    dice = Dice.of(seed, "source", index)
    language = LANGUAGES[index % len(LANGUAGES)]
    return types.Channel(
        id=1_100_000_000 + index * 10_000_019 + dice.below(10_000_000),
        title=f"{dice.pick(language.words)} {dice.pick(language.words)}",
        photo=types.ChatPhotoEmpty(),
        date=datetime(2018, 1, 1 + index, tzinfo=UTC),
        left=True,
        broadcast=True,
        verified=index == 0 or None,
        access_hash=dice.signed64(),
        username=f"source_{index}_{dice.below(1000)}",
    )


def _user_id(dice: Dice, index: int) -> int:
    """Return an id that no other number has; every third one needs more than 32 bits."""
    base = 5_000_000_000 if index % 3 == 0 else 200_000_000
    return base + index * 1_009 + dice.below(1_000)
