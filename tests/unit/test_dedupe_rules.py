"""What the cache of downloads decides: hits, what is stale, what is stored once."""

from __future__ import annotations

import errno
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast.errors import ArgumentError
from telefast.media.dedupe_rules import (
    LINK_MODES,
    VERIFY_MODES,
    Entry,
    Found,
    LinkMode,
    Verdict,
    Verify,
    checked_sha256,
    content_key,
    decode,
    encode,
    falls_back,
    is_stale,
    judge,
    store_once,
    wanted,
)
from telefast.media.items import items_of
from telefast.media.keys import FileKey, name_key
from tests.unit.media_model import document, message, with_document, with_photo

HASHES = st.none() | st.sampled_from(["a" * 64, "b" * 64])
SIZES = st.integers(0, 3)
ENTRIES = st.builds(Entry, st.just("/x"), st.none() | SIZES, HASHES)
FOUND = st.builds(Found, st.sampled_from(["file", "missing", "unreadable"]), SIZES, HASHES)
VERIFY = st.sampled_from(VERIFY_MODES)
NAMED = types.DocumentAttributeFilename("video.mp4")


def test_modes_are_those_of_the_types() -> None:
    """What is checked at run time is what the annotations say."""
    assert get_args(Verify) == VERIFY_MODES
    assert get_args(LinkMode) == LINK_MODES


@given(ENTRIES, FOUND, VERIFY, st.none() | SIZES)
def test_a_hit_is_proven(entry: Entry, found: Found, verify: Any, size: int | None) -> None:
    """`good` only if all that *verify* names is known and equal; more proof never finds more."""
    verdict = judge(entry, found, verify=verify, size=size)
    assert verdict in get_args(Verdict)
    if verdict == "good":
        assert found.status == "file"
        if verify != "exists":
            known = [each for each in (entry.size, size) if each is not None]
            assert known
            assert set(known) == {found.size}
        if verify == "sha256":
            assert entry.sha256 is not None
            assert entry.sha256 == found.sha256
        weaker = VERIFY_MODES[: VERIFY_MODES.index(verify)]
        assert all(judge(entry, found, verify=each, size=size) == "good" for each in weaker)


@given(ENTRIES, FOUND, VERIFY, st.none() | SIZES)
def test_only_what_is_disproved_is_stale(
    entry: Entry, found: Found, verify: Any, size: int | None
) -> None:
    """An entry goes only if the disk shows another file, or none; not for want of knowledge."""
    verdict = judge(entry, found, verify=verify, size=size)
    if is_stale(verdict):
        sizes = {entry.size, size, found.size} - {None}
        differ = len(sizes) > 1 or entry.sha256 != found.sha256
        assert found.status == "missing" or (found.status == "file" and differ)
    if found.status == "unreadable":
        assert not is_stale(verdict)


@given(ENTRIES, SIZES, st.none() | SIZES, st.sampled_from(["a" * 64, "b" * 64]))
def test_a_hash_is_asked_for_once(entry: Entry, length: int, size: int | None, digest: str) -> None:
    """Where all but the hash is right the hash is wanted, and with it the answer is final."""
    verdict = judge(entry, Found("file", length), verify="sha256", size=size)
    assert verdict != "good"
    if verdict == "hash":
        final = judge(entry, Found("file", length, digest), verify="sha256", size=size)
        assert final == ("good" if digest == entry.sha256 else "changed")


def test_verdicts() -> None:
    """One of each."""
    entry, there = Entry("/x", 5, "a"), Found("file", 5)
    assert judge(entry, there, verify="size", size=5) == "good"
    assert judge(entry, there, verify="size", size=None) == "good"
    assert judge(Entry("/x", None), there, verify="size", size=5) == "good"
    assert judge(Entry("/x", None), there, verify="size", size=None) == "unsure"
    assert judge(Entry("/x", None), there, verify="exists", size=None) == "good"
    assert judge(entry, Found("file", 4), verify="size", size=None) == "resized"
    assert judge(entry, there, verify="size", size=6) == "resized"
    assert judge(Entry("/x", 5), there, verify="sha256", size=5) == "unsure"
    assert judge(entry, Found("missing"), verify="exists", size=None) == "missing"
    assert judge(entry, Found("unreadable"), verify="size", size=5) == "unreadable"


def test_o54_equal_names_are_not_equal_files() -> None:
    """Files of one name, size and chat are different files unless guessing was asked for."""
    one, other = (
        message(types.MessageMediaDocument(document=document(number, "video/mp4", NAMED)))
        for number in (1, 2)
    )
    first, second = wanted(one, by_name=False), wanted(other, by_name=False)
    assert (first.keys, second.keys) == (("document_1",), ("document_2",))


def test_keys_come_in_order_of_certainty() -> None:
    """The id first; chat, name and size only on request, after it, and only if there is a name."""
    named = message(with_document(NAMED))
    assert wanted(named, by_name=True).keys == (
        "document_9",
        str(name_key(-1000000000055, "video.mp4", 1000)),
    )
    assert wanted(message(with_document()), by_name=True).keys == ("document_9",)
    assert wanted(message(with_photo()), by_name=True).keys == ("photo_7_x",)


def test_what_may_be_asked_for() -> None:
    """Keys, items, messages and photos of peers; a message without a file has no key."""
    [item] = items_of(message(with_photo()))
    for media in (item, message(with_photo()), with_photo()):
        found = wanted(media, by_name=False)
        assert (found.keys, found.size) == (("photo_7_x",), 100)
    key = FileKey("photo", 7, "x")
    assert (wanted(key, by_name=True).key, wanted(key, by_name=True).size) == (key, None)
    shown = wanted(types.UserProfilePhoto(8, 2), by_name=True)
    assert (shown.keys, shown.size) == (("photo_8_c",), None)
    assert wanted(message(), by_name=True).key is None
    with pytest.raises(ArgumentError):
        wanted("photo_7_x", by_name=False)


@pytest.mark.parametrize("mode", ["reuse", "hardlink", "reflink"])
def test_nothing_is_given_up_for_unequal_bytes(mode: Any) -> None:
    """A file goes only if another one was seen to have its bytes, and is another one."""
    assert store_once(mode, is_same_file=False, is_equal=False) == "keep"
    assert store_once(mode, is_same_file=True, is_equal=True) == "keep"
    expected = "share" if mode == "reuse" else "link"
    assert store_once(mode, is_same_file=False, is_equal=True) == expected


def test_what_a_copy_may_stand_for() -> None:
    """Links that cannot be here; not a full disk, a broken one, or a file that is not there."""
    assert falls_back(errno.EXDEV)
    assert falls_back(errno.EMLINK)
    assert not any(map(falls_back, [errno.ENOSPC, errno.EIO, errno.ENOENT, None]))


@given(st.builds(Entry, st.text(min_size=1), st.none() | st.integers(0), HASHES))
def test_h28_a_store_may_confuse_types(entry: Entry) -> None:
    """Text, bytes, or parsed: an entry comes back as it was."""
    text = encode(entry)
    assert entry == decode(text) == decode(text.encode()) == decode(json.loads(text))
    assert entry == decode(bytearray(text.encode()))


def test_nonsense_is_no_entry() -> None:
    """A store that gives something else gives nothing; it is no error."""
    for value in (None, "", b"", 5, [], {}, "{", '{"path": 5}', {"path": ""}, {"size": 5}, True):
        assert decode(value) is None


def test_what_is_wrong_in_an_entry_is_not_known() -> None:
    """A size that is none, a hash that is none: only the path counts. A path alone is an entry."""
    assert decode({"path": "/x", "size": True, "sha256": 5}) == Entry("/x", None)
    assert decode("/x") == Entry("/x", None)


def test_contents_have_a_key_of_their_own() -> None:
    """No key of a file begins like it."""
    assert content_key("ab") == "sha256_ab"
    with pytest.raises(ArgumentError):
        FileKey.parse(content_key("5"))


def test_hashes_that_callers_have() -> None:
    """64 hex digits in either case, or none; nothing else."""
    assert checked_sha256(None) is None
    assert checked_sha256("Ab" * 32) == "ab" * 32
    for wrong in ("", "zz", "a" * 63, "g" * 64, b"a" * 64, 5):
        with pytest.raises(ArgumentError, match="64 hex digits"):
            checked_sha256(wrong)
