"""Extensions: from a fixed table, the same everywhere, whatever a sender writes."""

from __future__ import annotations

import mimetypes
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.media.extensions import _TABLE, clean_mime, extension_of
from telefast.testing import hostile_names


@pytest.mark.parametrize(
    ("mime", "name", "extension"),
    [
        ("audio/ogg", None, ".ogg"),  # voice: `mimetypes` says .oga on some systems
        ("video/mp4", "VID_1.MP4", ".mp4"),
        ("image/webp", "sticker.jpg", ".webp"),
        ("application/x-tgsticker", "AnimatedSticker.tgs", ".tgs"),
        ("video/webm", "sticker.webm", ".webm"),
        ("image/jpeg", None, ".jpg"),
        ("audio/mpeg", "track", ".mp3"),
        ("application/octet-stream", "no extension", ""),
        ("application/octet-stream", "x.RAR", ".rar"),
        ("application/octet-stream", "archive.tar.gz", ".gz"),
        ("application/zip", "book.epub", ".epub"),
        ("application/zip", "book", ".zip"),
        ("text/plain", "main.py", ".py"),
        ("text/plain", None, ".txt"),
        ("made/up", "file.xyz", ".xyz"),
        ("made/up", None, ""),
        ("made/up", ".hidden", ""),
        ("made/up", "name. ", ""),
        ("made/up", "../x", ""),
        ("made/up", "a.b/c", ""),
        ("made/up", "a.tooooooolong", ""),
        ("made/up", "a.p\0f", ""),
        ("made/up", "x/.bashrc", ""),
        ("made/up", "a.рф", ""),
    ],
)
def test_extension(mime: str, name: str | None, extension: str) -> None:
    """The type decides; where it says little, the ending of the name does, if it is a plain one."""
    assert extension == extension_of(mime, name)


def test_tables_of_the_host_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each type of the table gives its extension, also where the host's table says otherwise."""
    monkeypatch.setattr(mimetypes, "guess_extension", lambda *_: ".wrong")
    assert all(extension_of(mime) == extension for mime, extension in _TABLE.items())


@given(
    st.sampled_from([*_TABLE, "made/up", "application/octet-stream"]),
    st.text() | st.sampled_from(hostile_names()),
)
def test_extension_is_always_portable(mime: str, name: str) -> None:
    """Whatever the name: nothing, or a dot and up to ten lower-case letters and digits."""
    assert re.fullmatch(r"(\.[a-z0-9]{1,10})?", extension_of(mime, name))


@pytest.mark.parametrize(
    ("sent", "mime"),
    [
        ("Audio/OGG; codecs=opus", "audio/ogg"),
        (" image/jpeg ", "image/jpeg"),
        ("../../etc/passwd", "application/octet-stream"),
        ("", "application/octet-stream"),
        (None, "application/octet-stream"),
        ("a/b\nc", "application/octet-stream"),
    ],
)
def test_mime(sent: object, mime: str) -> None:
    """What is no MIME type is bytes; case and parameters do not matter."""
    assert mime == clean_mime(sent)
