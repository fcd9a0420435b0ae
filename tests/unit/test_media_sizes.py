"""The largest real still of a photo, whatever is listed and in what order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast.media.items import items_of
from telefast.media.sizes import largest, sizes_of
from telefast.media.types import MediaItem, SkippedItem
from tests.unit.media_model import photo

EDGE = st.integers(1, 3000)
STRIPPED = types.PhotoStrippedSize("i", b"\x01\x28\x1e" + b"blur" * 8)
NOT_REAL = st.sampled_from(
    [
        types.PhotoSizeEmpty("e"),
        types.PhotoPathSize("j", b"outline"),
        STRIPPED,
        types.PhotoStrippedSize("i", b""),
        types.PhotoCachedSize("s", 9, 9, b""),
        types.VideoSize("u", 9999, 9999, 10**6),
        types.VideoSizeEmojiMarkup(5, [1]),
    ]
)
REAL = st.one_of(
    st.builds(types.PhotoSize, st.sampled_from("smxyw"), EDGE, EDGE, st.integers(1, 10**6)),
    st.builds(
        types.PhotoSizeProgressive,
        st.just("y"),
        EDGE,
        EDGE,
        st.lists(st.integers(1, 10**6), min_size=1, max_size=5),
    ),
    st.builds(types.PhotoCachedSize, st.just("s"), EDGE, EDGE, st.binary(min_size=1, max_size=9)),
)


def bytes_of(size: Any) -> int:
    """Return how many bytes a real size has."""
    if isinstance(size, types.PhotoSizeProgressive):
        return max(size.sizes)
    return len(size.bytes) if isinstance(size, types.PhotoCachedSize) else size.size


@given(st.lists(REAL, min_size=1), st.lists(NOT_REAL), st.randoms())
def test_the_largest_real_still_is_taken(real: list[Any], rest: list[Any], dice: Any) -> None:
    """Of any sizes in any order: the most pixels, then the most bytes, with the right count."""
    listed = real + rest
    dice.shuffle(listed)
    best = max((size.w * size.h, bytes_of(size)) for size in real)
    found = largest(sizes_of(listed))
    assert found is not None
    assert best == (found.pixels, found.size)
    [item] = items_of(photo(sizes=listed))
    assert isinstance(item, MediaItem)
    assert (best[1], ".jpg", "photo") == (item.size, item.extension, item.kind)
    assert (item.inline is None) == (item.location() is not None)


@given(st.lists(REAL), st.lists(NOT_REAL), st.randoms())
def test_order_does_not_matter(real: list[Any], rest: list[Any], dice: Any) -> None:
    """The same sizes in another order: the same item."""
    listed = real + rest
    [before] = items_of(photo(sizes=list(listed)))
    dice.shuffle(listed)
    [after] = items_of(photo(sizes=listed))
    if isinstance(before, MediaItem) and isinstance(after, MediaItem):
        assert (before.key, before.size) == (after.key, after.size)
    else:
        assert before == after == SkippedItem("empty")


@given(st.lists(NOT_REAL))
def test_no_real_still_is_no_photo(listed: list[Any]) -> None:
    """A blur, an outline, an empty size and a video are no still."""
    assert [SkippedItem("empty")] == items_of(photo(sizes=listed))


def test_blur_is_a_whole_image_on_request() -> None:
    """A stripped size comes without its header: asked for, it is a JPEG, inline, of right size."""
    [still, blur] = items_of(photo(sizes=[STRIPPED, types.PhotoSize("m", 3, 2, 9)]), stripped=True)
    assert isinstance(still, MediaItem)
    assert isinstance(blur, MediaItem)
    assert "m" == still.key.size_type
    assert blur.inline is not None
    assert blur.inline.startswith(b"\xff\xd8\xff")
    assert blur.inline.endswith(b"\xff\xd9")
    assert ("i", len(blur.inline), None) == (blur.key.size_type, blur.size, blur.location())


def test_smaller_sizes_on_request() -> None:
    """`thumbs` adds the other stills, small ones first, and no blur, outline or video."""
    sizes = [types.PhotoSize("x", 80, 50, 500), STRIPPED, types.PhotoSize("s", 8, 5, 50)]
    sizes += [types.PhotoSize("y", 128, 80, 900), types.PhotoPathSize("j", b"x")]
    found = items_of(photo(sizes=sizes), thumbs=True)
    listed = [(item.key and item.key.size_type, item.role) for item in found]
    assert [("y", "file"), ("s", "preview"), ("x", "preview")] == listed


def test_animated_photo() -> None:
    """The still by default; the largest video on request, as .mp4; the others with `thumbs`."""
    videos = [types.VideoSize("p", 160, 160, 5000), types.VideoSize("u", 640, 640, 90_000)]
    animated = photo(video_sizes=[*videos, types.VideoSizeEmojiMarkup(5, [1])])
    assert ["photo_7_x"] == [str(item.key) for item in items_of(animated)]
    assert items_of(animated) == items_of(animated, thumbs=True)
    _, moving = items_of(animated, video=True)
    assert isinstance(moving, MediaItem)
    assert ("photo_7_u", 90_000, "video/mp4") == (str(moving.key), moving.size, moving.mime)
    assert ("video", "video", ".mp4") == (moving.kind, moving.role, moving.extension)
    assert isinstance(moving.location(), types.InputPhotoFileLocation)
    assert "u" == moving.location().thumb_size
    names = [str(item.key) for item in items_of(animated, video=True, thumbs=True)]
    assert ["photo_7_x", "photo_7_u", "photo_7_p"] == names


def test_of_videos_the_largest() -> None:
    """Of moving forms with the same pixels the one with more bytes is taken."""
    videos = [
        types.VideoSize(name, 640, 640, size) for name, size in (("p", 9), ("u", 90), ("v", 5))
    ]
    _, moving = items_of(photo(video_sizes=videos), video=True)
    assert "photo_7_u" == str(moving.key)


def test_unknown_size_is_unknown() -> None:
    """Bytes that Telegram does not tell are None: never 0, never a guess."""
    for size in (types.PhotoSize("x", 8, 5, 0), types.PhotoSizeProgressive("y", 8, 5, [])):
        [item] = items_of(photo(sizes=[size]))
        assert isinstance(item, MediaItem)
        assert item.size is None
        assert item.location() is not None
