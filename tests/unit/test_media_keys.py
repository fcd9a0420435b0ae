"""Keys of files: the same for the same file, and nothing else; safe as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast.errors import ArgumentError
from telefast.media.items import file_key, items_of
from telefast.media.keys import FileKey, name_key, url_key
from tests.unit.media_model import document, message, photo, service, with_document, with_photo

LONGS = st.integers(-(2**63), 2**63 - 1)
NAME = types.DocumentAttributeFilename("video.mp4")


@given(st.sampled_from(["document", "photo", "web", "name"]), LONGS, st.text(max_size=4))
def test_text_and_back(kind: str, file_id: int, size_type: str) -> None:
    """A key is read as it was written, and its text may be part of a file name anywhere."""
    key = FileKey(kind, file_id, size_type)  # type: ignore[arg-type]
    assert key == FileKey.parse(str(key))
    assert re.fullmatch(r"[a-z0-9_~-]+", str(key))


@given(LONGS, st.text(max_size=3), st.text(max_size=3))
def test_text_differs_where_keys_do(file_id: int, one: str, other: str) -> None:
    """Two sizes never share a text, not even where case does not count."""
    same = str(FileKey("photo", file_id, one)) == str(FileKey("photo", file_id, other))
    assert same == (one == other)


def test_text_never_changes() -> None:
    """Texts are kept in data bases and file names: these are what they have always been."""
    assert "document_77" == str(FileKey("document", 77))
    assert "photo_-5_y" == str(FileKey("photo", -5, "y"))
    assert "photo_5_~59~c3~a9" == str(FileKey("photo", 5, "Yé"))
    assert "web_172263894399468059945534872497623715580" == str(url_key("https://example.org/"))
    assert "name_13026745585735621781636386383863162728" == str(name_key(-100, "a.txt", 5))


@pytest.mark.parametrize(
    "text", ["", "photo", "photo_", "film_5", "photo_5_", "photo_5_Y", "document_5\n", "web_x"]
)
def test_other_text_is_refused(text: str) -> None:
    """What `str()` never writes is an error."""
    with pytest.raises(ArgumentError):
        FileKey.parse(text)


def test_one_file_has_one_key() -> None:
    """A file forwarded to another chat, seen by another account, later: one key."""
    seen = types.MessageMediaDocument(document=document(9))
    again = document(9)
    again.access_hash, again.file_reference = 1, b"later"
    forwarded = message(types.MessageMediaDocument(document=again), id=99)
    forwarded.peer_id = types.PeerUser(5)
    keys = {file_key(message(seen)), file_key(seen), file_key(seen.document), file_key(forwarded)}
    assert {FileKey("document", 9)} == keys


def test_key_of_each_medium() -> None:
    """Web pages, stories, games, paid media, polls and photos of peers have keys, too."""
    page = types.WebPage(1, "u", "u", 0, photo=photo(2), document=document(3))
    story = types.StoryItem(1, None, None, with_photo())
    game = types.Game(1, 1, "g", "g", "g", photo(4))
    paid = types.MessageMediaPaidMedia(
        1, [types.MessageExtendedMediaPreview(), types.MessageExtendedMedia(with_document())]
    )
    found = [
        file_key(types.MessageMediaWebPage(page)),
        file_key(types.MessageMediaStory(types.PeerUser(5), 1, story=story)),
        file_key(types.MessageMediaGame(game)),
        file_key(paid),
        file_key(service(types.MessageActionChatEditPhoto(photo(6)))),
        file_key(types.UserProfilePhoto(8, 2)),
        file_key(items_of(photo(10))[0]),
    ]
    texts = "document_3 photo_7_x photo_4_x document_9 photo_6_x photo_8_c photo_10_x"
    assert texts.split() == [str(key) for key in found]


def test_no_file_has_no_key() -> None:
    """Text, places, and media that are gone have no key; what is protected has one."""
    geo = types.MessageMediaGeo(types.GeoPoint(1.0, 2.0, 3))
    gone = types.MessageMediaPhoto(ttl_seconds=3)
    assert [None] * 3 == [file_key(message()), file_key(geo), file_key(gone)]
    assert FileKey("photo", 7, "x") == file_key(message(with_photo(), noforwards=True))


def test_key_by_name_is_of_one_chat() -> None:
    """Name and size are a key only when asked for, and only within a chat."""
    media = with_document(NAME)
    here, there = message(media), message(media)
    there.peer_id = types.PeerUser(5)
    other = types.MessageMediaDocument(document=document(1234, "video/mp4", NAME))
    assert file_key(here, by_name=True) == file_key(message(other), by_name=True)
    assert file_key(here, by_name=True) != file_key(there, by_name=True)
    assert FileKey("document", 9) == file_key(here)


def test_no_key_by_name_without_name_or_chat() -> None:
    """A photo has no name, and a bare document no chat."""
    found = [message(with_photo()), document(9, "video/mp4", NAME), message()]
    assert [None] * 3 == [file_key(each, by_name=True) for each in found]


@pytest.mark.parametrize("media", [None, 5, "x", types.PeerUser(5)])
def test_what_holds_no_media_is_refused(media: object) -> None:
    """What is neither a message nor a medium is an error, as None for a deleted message is."""
    with pytest.raises(ArgumentError):
        file_key(media)
    with pytest.raises(ArgumentError):
        items_of(media)
