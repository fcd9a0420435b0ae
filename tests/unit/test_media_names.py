"""Names of files and folders: safe everywhere, the same in each run, never those of another."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.filenames import LONGEST, folder_name, safe_name
from telefast.media.extensions import bare_name
from telefast.media.keys import FileKey
from telefast.media.names import file_name, key_in
from telefast.media.types import MediaItem
from telefast.testing import hostile_names

KINDS: Any = st.sampled_from(["document", "photo"])
LONGS = st.integers(-(2**63), 2**63 - 1)
SIZE_TYPES = st.sampled_from(["", "y", "m", "Y", "é", "_", "-photo_1"])
KEYS = st.builds(FileKey, KINDS, LONGS, SIZE_TYPES) | st.builds(
    FileKey, st.sampled_from(["web", "name"]), st.integers(0, 2**128 - 1)
)
DEVICES = ["con", "NUL", "Com1", "lpt9", "aux", "prn", "COM¹", "CONIN$"]
PIECES = st.sampled_from(
    [
        *DEVICES,
        *(f"{device}.txt" for device in DEVICES),
        *("..", "../", "..\\", "/", "C:", "~", "-", ".", " ", "\0", "\n", "?", "\u202e"),
        *("é", "e\u0301", "document_77", "-document_77", "-photo_1_y"),
        *(
            ".mp4",
            ".part",
            ".part.map",
            ".telefast.part",
            "🇩🇪",
            "👨\u200d👩\u200d👧",
            "각",
            "\u1100\u1161\u11a8",
        ),
    ]
)
ANY_TEXT = st.text(st.characters(), max_size=300)  # surrogates included
NAMES = (
    st.none()
    | ANY_TEXT
    | st.lists(PIECES | ANY_TEXT, max_size=12).map("".join)
    | st.sampled_from(hostile_names())
)
EXTENSIONS = st.sampled_from(["", ".mp4", ".jpg", ".gz", ".torrent", "/../x", ".exe\0", "."])

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]')
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)


def item(key: FileKey, name: str | None, extension: str = ".mp4") -> MediaItem:
    """Return a file."""
    return MediaItem(key, 2, 100, "video/mp4", extension, "video", name=name)


def check(name: str) -> None:
    """Check that a name is one portable component of a path."""
    assert not FORBIDDEN.search(name)
    assert not name.startswith((" ", ".", "-", "~"))
    assert not name.endswith((" ", "."))
    assert not RESERVED.fullmatch(name.split(".")[0].rstrip())
    assert name == PurePosixPath("/x", name).name
    assert name == PureWindowsPath("c:\\x", name).name
    assert PureWindowsPath("c:\\x") == PureWindowsPath("c:\\x", name).parent
    assert len(name.encode()) <= LONGEST
    for form in ("NFC", "NFD"):
        assert (
            len(f"{unicodedata.normalize(form, name)}.telefast.part.map.tmp".encode("utf-16-le"))
            <= 510
        )
    name.encode()


@given(KEYS, NAMES, EXTENSIONS)
def test_any_name_is_safe_everywhere(key: FileKey, name: str | None, extension: str) -> None:
    """Whatever is sent: one component, legal on each system, that fits with its temporary end."""
    found = file_name(item(key, name, extension))
    check(found)
    assert found.endswith(extension if extension in (".mp4", ".jpg", ".gz", ".torrent") else "")
    assert len(f"{found}.telefast.part.map.tmp".encode()) <= 143


@given(KEYS, NAMES, EXTENSIONS)
def test_a_name_tells_its_key(key: FileKey, name: str | None, extension: str) -> None:
    """So two files never share one; on no disk, for folding case and forms changes no key."""
    found = file_name(item(key, name, extension))
    assert key == key_in(found)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert key == key_in(unicodedata.normalize(form, found))
        assert key == key_in(unicodedata.normalize(form, found).casefold())
        assert key == key_in(unicodedata.normalize(form, found.upper().lower()))


@given(KEYS, KEYS, NAMES, NAMES)
def test_two_files_never_share_a_name(
    one: FileKey, other: FileKey, name: str | None, another: str | None
) -> None:
    """Names that a disk might take for one are of one file."""

    def folded(key: FileKey, text: str | None) -> str:
        return unicodedata.normalize("NFKD", file_name(item(key, text))).casefold()

    if folded(one, name) == folded(other, another):
        assert one == other


@given(KEYS, NAMES)
def test_a_name_is_the_same_each_time(key: FileKey, name: str | None) -> None:
    """Nothing but the file decides: not what was named before, and no other field."""
    first = file_name(item(key, name))
    file_name(item(FileKey("document", 1), name))
    assert first == file_name(MediaItem(key, 4, 7, "x/y", ".mp4", "file", name=name))


@given(st.text(st.characters(), max_size=300) | NAMES.map(lambda name: name or ""), LONGS)
def test_folders(title: str, number: int) -> None:
    """Titles are as hostile as names; two chats of one title have two folders."""
    found = folder_name(title, number)
    check(found)
    assert found.endswith(f"_{number}")
    assert found == safe_name(found)


@given(st.text(st.characters(), max_size=300) | NAMES.map(lambda name: name or ""))
def test_any_text_is_one_name(text: str) -> None:
    """For a folder of whatever text: one component, and a name that was made stays."""
    found = safe_name(text)
    check(found)
    assert found
    assert found == safe_name(found)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("video.mp4", "video"),
        ("Our trip.MP4", "Our trip"),
        ("cat.jpeg", "cat"),
        ("a.b.c", "a.b.c"),
        ("notes v1.2", "notes v1.2"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\x.exe", "_.._x"),
        ("C:\\x", "C__x"),
        ("/etc/x", "_etc_x"),
        ("a／b⧵c＼d", "a_b_c_d"),
        ('what: "is" this?\n', "what_ _is_ this_"),
        ("gpj.\u202eexe.mp4", "gpj.exe"),
        ("  .hidden ", "hidden"),
        ("-rf", "rf"),
        ("~root", "root"),
        ("NUL.tar.mp4", "_NUL.tar"),
        ("com1 .txt", "_com1"),
        ("contract", "contract"),
        ("a \u3000\t b", "a b"),
        ("half \ud83d", "half _"),
        ("a\u200bb\ufeff", "ab"),
        ("a\U0001bca0b\U0001bca3", "ab"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
    ],
)
def test_what_is_left_of_a_name(name: str, expected: str) -> None:
    """What people read stays; what a system or a reader may stumble on does not."""
    assert f"{expected}-document_77.mp4" == file_name(item(FileKey("document", 77), name))


@pytest.mark.parametrize("name", [None, "", "..", ".", "   ", "\u202e", "~", ".mp4 ", "---"])
def test_nothing_left(name: str | None) -> None:
    """A name of which nothing is left is that of the key."""
    expected = {".mp4 ": "mp4-document_77.mp4"}.get(name or "", "document_77.mp4")
    assert expected == file_name(item(FileKey("document", 77), name))


@pytest.mark.parametrize(
    "character",
    ["ж", "漢", "각", "😀", "é", "👍🏽", "🇩🇪", "👨\u200d👩\u200d👧", "நி", "e\u0301\u0302"],
)
def test_long_names_are_cut_between_characters(character: str) -> None:
    """300 of any: as many whole ones as fit, and the extension; nothing is cut apart."""
    found = file_name(item(FileKey("document", 77), f"x{character * 300}.mp4"))
    stem = found.removesuffix("-document_77.mp4")
    assert stem != found
    assert stem == f"x{character * ((len(stem) - 1) // len(character))}"
    room = LONGEST - len("-document_77.mp4")
    assert room - len(character.encode()) - 1 <= len(stem.encode()) <= room


def test_no_whole_file_is_called_a_part() -> None:
    """That ending is of files that are not whole, here and elsewhere."""
    found = file_name(item(FileKey("document", 77), "film.mp4.part", ".part"))
    assert "film.mp4-document_77" == found


def test_one_endless_character() -> None:
    """A letter with marks without end is cut all the same."""
    found = file_name(item(FileKey("document", 77), "a" + "\u0301" * 300))
    check(found)
    assert found.startswith("a\u0301\u0301")


def test_a_size_type_without_end() -> None:
    """Whatever a server calls a size: the name has its room, and two sizes have two names."""
    found = [file_name(item(FileKey("photo", 5, "x" * 300 + end), "a")) for end in "yz"]
    assert len(set(found)) == 2
    for each in found:
        check(each)
        assert each.startswith("a-photo_5_")


@pytest.mark.parametrize(
    "name", ["x", "document", "document_77-x", "x-document_7_", "x-photo_1_~zz", "video-1_77.mp4"]
)
def test_other_names_tell_no_key(name: str) -> None:
    """What another program has named is nobody's."""
    assert key_in(name) is None


@given(ANY_TEXT, st.sampled_from([".mp4", ""]))
def test_bare_names(name: str, extension: str) -> None:
    """What is taken from a name is its end, and no more than an extension."""
    found = bare_name(name, extension)
    assert name.startswith(found)
    assert len(name) - len(found) <= 11
