"""Media of every kind that Telegram has, to put into messages: `sample_media` and `put_media`.

Seeded messages hold what is common; these are the rest, one by one and by name, so that a test can
say what it is about.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.dice import Dice
from telefast.testing.refs import SERVICE_ID
from telefast.testing.tl import made_as_known

if TYPE_CHECKING:
    from collections.abc import Callable

    from telefast.testing.chat import Chat
    from telefast.testing.file_store import Files
    from telefast.testing.world import World

    _Maker = Callable[[Files, Dice], types.TypeMessageMedia]

__all__ = ["hostile_names", "put_media", "sample_kinds", "sample_media"]

_DATE: Final = datetime(2022, 3, 4, tzinfo=UTC)
_ONCE: Final = 2**31 - 1
"""`ttl_seconds` of media that may be looked at once (https://core.telegram.org/api/files)."""

_HOSTILE_NAMES: Final[tuple[str, ...]] = (
    "../x",
    "..\\x",
    "/etc/x",
    "C:\\x",
    "..",
    ".",
    "",
    " ",
    "a\0b.txt",
    "a\nb\r\t.txt",
    'a<b>c:d"e|f?g*h.txt',
    "name. ",
    "CON",
    "nul.txt",
    "\N{FAMILY}" * 300 + ".mp4",
    "漢" * 300 + ".tar.gz",
    "e\u0301.txt",
    "\u202egpj.exe",
    ".hidden",
    "no extension",
    "name.mp4.part",
    "video.mp4",
    "video.mp4",
    "VIDEO.MP4",
)


def hostile_names() -> tuple[str, ...]:
    """Return file names that a sender may choose: out of the folder, forbidden, too long, equal.

    Example:
        >>> "../x" in hostile_names()
        True
    """
    return _HOSTILE_NAMES


def sample_kinds() -> tuple[str, ...]:
    """Return the kinds that `sample_media` makes.

    Photos with every kind of size in any order, animated, live, to be looked at once, expired and
    empty; documents with thumbs and in several qualities; paid media, locked and unlocked; stories
    with and without the story; web pages with and without files; game, poll, invoice, unsupported.

    Example:
        >>> "photo:animated" in sample_kinds()
        True
    """
    return tuple(_SAMPLES)


def sample_media(world: World, kind: str, number: int = 0) -> types.TypeMessageMedia:
    """Return media of one of `sample_kinds`, with files that the server serves once it is put.

    Args:
        world: The world whose file store makes the files.
        kind: What to make, such as `photo:animated`.
        number: Which one: another number gives other sizes and texts. Each call gives new files.

    Raises:
        WorldError: If *kind* is none of `sample_kinds`.

    Example:
        >>> from telefast.testing import World
        >>> sample_media(World(seed=1), "photo:expired").ttl_seconds
        10
    """
    make = _SAMPLES.get(kind)
    if make is None:
        raise WorldError(f"kind={kind!r}: expected one of {', '.join(_SAMPLES)}")
    return make(world.file_store, Dice.of(world.seed, "sample", kind, number))


def put_media(chat: Chat, *media: types.TypeMessageMedia) -> list[int]:
    """Post one message with each media on top of a chat, without text; return their ids.

    Raises:
        WorldError: If media cannot be written as TL.
    """
    ids = chat.post(len(media))
    for message_id, each in zip(ids, media, strict=True):
        date = datetime.fromtimestamp(chat.timestamp(message_id), UTC)
        is_post = getattr(chat, "megagroup", True) is False
        message = types.Message(
            id=message_id,
            peer_id=chat.peer(),
            date=date,
            message="",
            media=each,
            post=is_post or None,
        )
        try:
            bytes(message)
        except Exception as error:
            raise WorldError(f"media {type(each).__name__}: cannot be written: {error}") from error
        chat.put(message)
    return ids


def _sizes(dice: Dice) -> list[types.TypePhotoSize]:
    """Return one photo size of every kind, the small ones first."""
    large = 90_000 + dice.below(90_000)
    return [
        types.PhotoSizeEmpty("e"),
        types.PhotoStrippedSize("i", b"\x01\x28\x1e" + dice.bytes(40)),
        types.PhotoCachedSize("s", 90, 60, dice.bytes(64)),
        types.PhotoSize("m", 320, 213, 12_000 + dice.below(4_000)),
        types.PhotoSize("x", 800, 533, 50_000 + dice.below(9_000)),
        types.PhotoSizeProgressive("y", 1280, 853, [large // 10, large // 3, large // 2, large]),
        types.PhotoSize("w", 2560, 1706, 300_000 + dice.below(90_000)),
    ]


def _photo(sizes: Callable[[Dice], list[types.TypePhotoSize]]) -> _Maker:
    def make(files: Files, dice: Dice) -> types.TypeMessageMedia:
        return types.MessageMediaPhoto(photo=files.photo(sizes(dice)))

    return make


def _shuffled(dice: Dice) -> list[types.TypePhotoSize]:
    sizes = _sizes(dice)
    return [sizes.pop(dice.below(len(sizes))) for _ in range(len(sizes))]


def _stripped(dice: Dice) -> list[types.TypePhotoSize]:
    return [types.PhotoStrippedSize("i", b"\x01\x28\x1e" + dice.bytes(40))]


def _cached(dice: Dice) -> list[types.TypePhotoSize]:
    return [types.PhotoCachedSize("s", 90, 60, dice.bytes(64))]


def _no_sizes(_: Dice) -> list[types.TypePhotoSize]:
    return [types.PhotoSizeEmpty("s")]


def _animated(files: Files, dice: Dice) -> types.TypeMessageMedia:
    videos: list[types.TypeVideoSize] = [
        types.VideoSize("p", 160, 160, 20_000 + dice.below(9_000)),
        types.VideoSize("u", 640, 640, 200_000 + dice.below(90_000), video_start_ts=0.5),
        types.VideoSizeEmojiMarkup(5_000_000_000_000_000_000 + dice.below(500), [0xFFFFFF]),
    ]
    return types.MessageMediaPhoto(photo=files.photo(video_sizes=videos))


def _clip(files: Files, dice: Dice, *, width: int = 1280, height: int = 720) -> types.Document:
    attributes = [
        types.DocumentAttributeVideo(
            1 + dice.below(600), width, height, supports_streaming=True, nosound=None
        )
    ]
    size = width * height // 4 + dice.below(100_000)
    return files.document(size, "clip.mp4", mime_type="video/mp4", attributes=attributes)


def _document(files: Files, dice: Dice) -> types.TypeMessageMedia:
    return types.MessageMediaDocument(document=files.document(10_000 + dice.below(90_000)))


def _thumbs(files: Files, dice: Dice) -> types.TypeMessageMedia:
    document = _clip(files, dice)
    document.thumbs = [
        types.PhotoPathSize("j", dice.bytes(40)),
        types.PhotoStrippedSize("i", b"\x01\x28\x1e" + dice.bytes(40)),
        types.PhotoSize("m", 320, 180, 9_000 + dice.below(5_000)),
    ]
    document.video_thumbs = [types.VideoSize("v", 320, 180, 40_000 + dice.below(9_000))]
    return types.MessageMediaDocument(document=document, video=True)


def _qualities(files: Files, dice: Dice) -> types.TypeMessageMedia:
    media = types.MessageMediaDocument(document=_clip(files, dice), video=True)
    media.alt_documents = [
        _clip(files, dice, width=width, height=height) for width, height in ((854, 480), (426, 240))
    ]
    media.video_cover = files.photo()
    return media


def _live(files: Files, dice: Dice) -> types.TypeMessageMedia:
    clip = _clip(files, dice, width=320, height=240)
    return made_as_known(types.MessageMediaPhoto, live_photo=True, photo=files.photo(), video=clip)


def _paid(*locked: bool) -> _Maker:
    def make(files: Files, dice: Dice) -> types.TypeMessageMedia:
        items: list[types.TypeMessageExtendedMedia] = []
        for is_locked in locked:
            if is_locked:
                thumb = types.PhotoStrippedSize("i", b"\x01\x28\x1e" + dice.bytes(40))
                items.append(types.MessageExtendedMediaPreview(640, 480, thumb))
            else:
                photo = types.MessageMediaPhoto(photo=files.photo())
                items.append(types.MessageExtendedMedia(photo))
        return types.MessageMediaPaidMedia(10 + dice.below(90), items)

    return make


def _story(files: Files, dice: Dice) -> types.TypeMessageMedia:
    story = types.StoryItem(
        id=7, date=_DATE, expire_date=_DATE, media=_document(files, dice), public=True
    )
    return types.MessageMediaStory(types.PeerUser(SERVICE_ID), 7, story=story)


def _page(
    files: Files, dice: Dice, *, photo: bool = False, document: bool = False
) -> types.TypeMessageMedia:
    page = types.WebPage(
        id=dice.signed64(),
        url="https://example.org/a",
        display_url="example.org/a",
        hash=0,
        type="video" if document else "photo",
        title="A page",
        photo=files.photo() if photo else None,
        document=_clip(files, dice) if document else None,
    )
    return types.MessageMediaWebPage(page)


def _poll(files: Files, dice: Dice) -> types.TypeMessageMedia:
    poll = made_as_known(
        types.Poll,
        id=dice.signed64(),
        question=types.TextWithEntities("Which?", []),
        answers=[
            types.PollAnswer(types.TextWithEntities(text, []), text.encode()) for text in "ab"
        ],
        hash=0,
    )
    attached = types.MessageMediaPhoto(photo=files.photo())
    return made_as_known(
        types.MessageMediaPoll, poll=poll, results=types.PollResults(), attached_media=attached
    )


def _game(files: Files, dice: Dice) -> types.TypeMessageMedia:
    return types.MessageMediaGame(
        types.Game(
            id=dice.signed64(),
            access_hash=dice.signed64(),
            short_name="game",
            title="A game",
            description="Play",
            photo=files.photo(),
            document=_clip(files, dice),
        )
    )


def _invoice(_: Files, dice: Dice) -> types.TypeMessageMedia:
    photo = types.WebDocument(
        "https://example.org/p.jpg", dice.signed64(), 20_000, "image/jpeg", []
    )
    return types.MessageMediaInvoice("A thing", "It is good", "EUR", 499, "x", photo=photo)


_SAMPLES: Final[dict[str, _Maker]] = {
    "photo": _photo(_sizes),
    "photo:any-order": _photo(_shuffled),
    "photo:stripped": _photo(_stripped),
    "photo:cached": _photo(_cached),
    "photo:no-sizes": _photo(_no_sizes),
    "photo:animated": _animated,
    "photo:live": _live,
    "photo:once": lambda files, _: types.MessageMediaPhoto(photo=files.photo(), ttl_seconds=_ONCE),
    "photo:expired": lambda *_: types.MessageMediaPhoto(ttl_seconds=10),
    "photo:empty": lambda *_: types.MessageMediaPhoto(photo=types.PhotoEmpty(1)),
    "document": _document,
    "document:thumbs": _thumbs,
    "document:qualities": _qualities,
    "document:expired": lambda *_: types.MessageMediaDocument(ttl_seconds=10),
    "document:empty": lambda *_: types.MessageMediaDocument(document=types.DocumentEmpty(1)),
    "paid:locked": _paid(True),
    "paid:unlocked": _paid(False),
    "paid:mixed": _paid(False, True, False, False),
    "story": _story,
    "story:missing": lambda *_: types.MessageMediaStory(types.PeerUser(SERVICE_ID), 7),
    "story:deleted": lambda *_: types.MessageMediaStory(
        types.PeerUser(SERVICE_ID), 7, story=types.StoryItemDeleted(7)
    ),
    "page:photo": lambda files, dice: _page(files, dice, photo=True),
    "page:document": lambda files, dice: _page(files, dice, photo=True, document=True),
    "page:plain": lambda files, dice: _page(files, dice),
    "page:pending": lambda *_: types.MessageMediaWebPage(
        types.WebPagePending(1, _DATE, url="https://example.org/")
    ),
    "page:empty": lambda *_: types.MessageMediaWebPage(types.WebPageEmpty(1)),
    "game": _game,
    "poll": _poll,
    "invoice": _invoice,
    "geo": lambda *_: types.MessageMediaGeo(types.GeoPoint(13.4, 52.5, 1)),
    "unsupported": lambda *_: types.MessageMediaUnsupported(),
}
