"""Nothing that a layer knows is passed over in silence: each constructor has its place."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import pytest
from telethon import types

from telefast.media.items import items_of
from telefast.media.types import SkippedItem
from telefast.media.walk import NO_FILES, READERS, UNSUPPORTED
from tests.unit.media_model import message, service

CLASSIFIED = NO_FILES | UNSUPPORTED | set(READERS)
HOLDERS = "Photo Document WebDocument MessageExtendedMedia StoryItem WebPage Page RichMessage Game"
"""Types whose constructors `groups_in` meets in fields of media and actions."""


def constructors(prefix: str) -> list[str]:
    """Return the constructors of the installed layer whose names begin so."""
    return [
        name
        for name, each in vars(types).items()
        if name.startswith(prefix) and hasattr(each, "CONSTRUCTOR_ID")
    ]


def members(boxed: str) -> list[str]:
    """Return the constructors of a boxed type, such as `TypePhoto`."""
    union = getattr(types, boxed)
    return [each.__name__ for each in typing.get_args(union) or (union,)]


@pytest.mark.parametrize("prefix", ["MessageMedia", "MessageAction"])
def test_each_constructor_is_classified(prefix: str) -> None:
    """Each kind of media and of service message has a reader, or a reason, or no file.

    If this fails, a new layer has brought one: read its schema, then add it where it belongs.
    """
    assert set() == set(constructors(prefix)) - CLASSIFIED


def test_no_constructor_is_classified_twice() -> None:
    """A kind has one place."""
    assert len(CLASSIFIED) == len(NO_FILES) + len(UNSUPPORTED) + len(READERS)


@pytest.mark.parametrize("holder", HOLDERS.split())
def test_each_member_of_a_holder_is_classified(holder: str) -> None:
    """Where a field may hold several constructors, each of them is known."""
    assert set() == set(members(f"Type{holder}")) - CLASSIFIED


def test_fields_with_files_have_readers() -> None:
    """Whatever has a field for a photo, document or medium and lies in a message has a reader."""
    files = {"TypePhoto", "TypeDocument", "TypeWebDocument", "TypeMessageMedia"}
    files |= {"TypeMessageExtendedMedia", "TypeWallPaper", "TypeStarGift", "TypePollAnswer"}
    for name in [*constructors("MessageMedia"), *constructors("MessageAction")]:
        signature = inspect.signature(getattr(types, name).__init__)
        held = {f for f in files for p in signature.parameters.values() if f"'{f}'" in repr(p)}
        if held:
            assert name in READERS, (name, held)


CREDENTIALS = types.SecureCredentialsEncrypted(b"", b"", b"")


class MessageMediaHologram(types.MessageMediaDice):
    """What a layer of next year may bring."""


class MessageActionTeleport(types.MessageActionPinMessage):
    """A service message of next year."""


@pytest.mark.parametrize(
    "told",
    [
        message(MessageMediaHologram(1, "x")),
        MessageMediaHologram(1, "x"),
        service(MessageActionTeleport()),
        message(types.MessageMediaUnsupported()),
        message(types.MessageMediaVideoStream(types.InputGroupCall(1, 2))),
        service(
            types.MessageActionSecureValuesSentMe(
                [], types.SecureCredentialsEncrypted(b"", b"", b"")
            )
        ),
    ],
)
def test_what_is_not_known_is_unsupported(told: Any) -> None:
    """A kind that we do not know, or cannot read, is listed as such, never left out."""
    [skipped] = items_of(told)
    assert isinstance(skipped, SkippedItem)
    assert "unsupported" == skipped.reason


@pytest.mark.parametrize(
    "told",
    [
        message(),
        types.MessageEmpty(5, None),
        message(types.MessageMediaGeo(types.GeoPoint(1.0, 2.0, 3))),
        message(types.MessageMediaDice(1, "x")),
        service(types.MessageActionPinMessage()),
        types.MessageMediaWebPage(types.WebPageEmpty(1)),
        types.MessageMediaWebPage(types.WebPagePending(1, None)),
    ],
)
def test_no_file_is_nothing(told: Any) -> None:
    """What carries no file gives an empty list, not a reason."""
    assert [] == items_of(told, web_pages=True, instant_views=True)
