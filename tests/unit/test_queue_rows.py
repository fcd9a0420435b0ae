"""What a queue keeps of a file: enough to find it again, and no secret."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast.media.items import items_of
from telefast.media.keys import FileKey
from telefast.media.origins import (
    FullPeerOrigin,
    MessageOrigin,
    Origin,
    PeerPhotoOrigin,
    ProfilePhotoOrigin,
    StickerSetOrigin,
    StoryOrigin,
    WebPageOrigin,
)
from telefast.media.queue_rows import (
    QueuedFile,
    date_of,
    item_of,
    offer_of,
    origin_of,
    origin_text,
)
from telefast.media.types import MediaItem, SkippedItem
from tests.unit.media_model import REFERENCE, SECRET, SENT, message, with_document, with_photo

LONGS = st.integers(-(2**63), 2**63 - 1)
PEER = types.InputPeerChannel(55, SECRET)
ORIGINS: Any = (
    st.builds(MessageOrigin, LONGS, LONGS, st.integers(0, 9), st.booleans(), st.just(PEER))
    | st.builds(StoryOrigin, LONGS, LONGS, st.integers(0, 9), st.just(PEER))
    | st.builds(WebPageOrigin, st.text(st.characters()))
    | st.builds(ProfilePhotoOrigin, LONGS, LONGS, st.just(PEER))
    | st.builds(FullPeerOrigin, LONGS, st.just(PEER))
    | st.builds(PeerPhotoOrigin, LONGS, LONGS, st.just(PEER))
    | st.builds(StickerSetOrigin, LONGS, st.just(PEER))
)
NAME = types.DocumentAttributeFilename("holiday.mp4")


def row(item: MediaItem | SkippedItem) -> QueuedFile:
    """Return what comes back of what is kept."""
    offer = offer_of(item)
    values = {**offer.values}
    key = None if " " in offer.ident else FileKey.parse(offer.ident)
    values |= {"origin": origin_of(values["origin"]), "date": date_of(values.get("date"))}
    return QueuedFile(1, "waiting", key, offer.reason, **values)


@given(ORIGINS)
def test_origins_come_back(origin: Origin) -> None:
    """Each is what it was, but for what belongs to this account."""
    text = origin_text(origin)
    assert text is not None
    assert str(SECRET) not in text
    text.encode()
    found = origin_of(text)
    assert origin == found
    assert not any(getattr(found, name, None) for name in ("input_peer", "input_user", "input_set"))


def test_no_origin() -> None:
    """That a file has none is kept as well."""
    assert origin_text(None) is None
    assert origin_of(None) is None


@pytest.mark.parametrize(
    "text", ["", "x", "7", "[]", "{}", '{"kind":"moon"}', '{"kind":"message"}', '{"kind":[]}']
)
def test_a_strange_origin_is_none(text: str) -> None:
    """What a damaged or later file holds does not break a run."""
    assert origin_of(text) is None


@pytest.mark.parametrize("media", [with_photo(), with_document(NAME)])
def test_a_file_comes_back(media: Any) -> None:
    """It is the same file, at the same place, and asks for a fresh reference; no secret is kept."""
    [item] = items_of(message(media))
    assert isinstance(item, MediaItem)
    kept = str(offer_of(item))
    assert str(SECRET) not in kept
    assert REFERENCE.hex() not in kept
    assert str(REFERENCE) not in kept
    found = item_of(row(item))
    assert item == found
    assert SENT == item.date
    location = item.location()
    fresh = {(item.key.kind, item.key.id): (SECRET, REFERENCE)}
    renewed = found.renewed(fresh)
    assert renewed is not None
    assert location == renewed.location()


@pytest.mark.parametrize(
    ("key", "origin"),
    [
        (FileKey("web", 7), MessageOrigin(1, 2)),
        (FileKey("photo", 7, "c"), PeerPhotoOrigin(1, 7)),
        (None, MessageOrigin(1, 2)),
    ],
)
def test_what_cannot_be_asked_for_by_itself(key: FileKey | None, origin: Origin) -> None:
    """Files of other sites, photos that peers show, and what has no key have to be seen again."""
    assert item_of(QueuedFile(1, "waiting", key, origin=origin)) is None


def test_files_are_told_apart_by_key_and_else_by_spot() -> None:
    """A file has one key wherever it was seen; without a key it is where it was seen."""
    [item] = items_of(message(with_document(NAME)))
    [other] = items_of(message(with_document(NAME), id=13))
    assert offer_of(item).ident == offer_of(other).ident == "document_9"
    assert offer_of(item).spot != offer_of(other).spot
    expired = types.MessageMediaPhoto(ttl_seconds=10)
    [first] = items_of(message(expired))
    [second] = items_of(message(expired, id=13))
    assert offer_of(first).ident == offer_of(first).spot != offer_of(second).spot
    assert " " in offer_of(first).ident
    assert "expired" == offer_of(first).reason
    assert "" == offer_of(first).file


def test_nothing_private_is_shown() -> None:
    """No repr has a name, a path or a URL."""
    shown = QueuedFile(
        1,
        "failed",
        FileKey("document", 7),
        origin=WebPageOrigin("https://secret"),
        path="secret",
        name="secret",
        detail="secret",
    )
    assert "secret" not in repr(shown)


@given(st.text(st.characters(), max_size=20))
def test_any_name_can_be_kept(name: str) -> None:
    """Also one with half of a surrogate pair; what can be written is kept as it was."""
    item = MediaItem(FileKey("document", 7), 2, 1, "x/y", ".z", "file", name=name)
    kept = offer_of(item).values["name"]
    kept.encode()
    if name.isascii():
        assert name == kept
