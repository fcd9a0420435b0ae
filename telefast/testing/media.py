"""Media of seeded messages: photos, documents of every kind, web pages and small things."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.testing.dice import Dice
from telefast.testing.text import EMOJI
from telefast.testing.tl import made_as_known

if TYPE_CHECKING:
    from telefast.testing.text import Language, Mention

__all__ = ["MEDIA_KINDS", "make_album_item", "make_media", "make_photo", "make_web_page"]

MEDIA_KINDS: tuple[str, ...] = (
    ("photo",) * 27
    + ("sticker",) * 15
    + ("video",) * 9
    + ("voice",) * 9
    + ("file",) * 6
    + ("animation", "round", "audio", "geo", "contact", "dice") * 3
    + ("animated photo", "expired", "paid", "poll", "unsupported")
)
"""Kinds of media, each as often as its weight says."""

_FILES = (
    ("report.pdf", "application/pdf"),
    (
        "Отчёт 2023 (итог).docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("写真まとめ.zip", "application/zip"),
    ("data.csv", "text/csv"),
    ("notes.txt", "text/plain"),
    ("archive.tar.gz", "application/gzip"),
    ("no extension", "application/octet-stream"),
    ("a" * 60 + ".apk", "application/vnd.android.package-archive"),
)
_STICKER_DATE = datetime(2019, 6, 1, tzinfo=UTC)
_DC = 2  # Until the message is stamped, which draws one of the world's.
_REPOSTED = 100
"""Of 1,000 photos and of 1,000 files, so many are one of `_REPOSTS` that are sent everywhere."""
_REPOSTS = 12
_REPOST_DATE = datetime(2020, 2, 3, tzinfo=UTC)


def make_photo(dice: Dice, date: datetime) -> types.Photo:
    """Make a photo with the sizes that Telegram gives: stripped, m, x, and y as progressive."""
    tall = dice.chance(500)
    long, short = 1280, 720 + dice.below(240)
    width, height = (short, long) if tall else (long, short)
    size = 40_000 + dice.below(400_000)
    return types.Photo(
        id=dice.signed64(),
        access_hash=dice.signed64(),
        file_reference=b"",
        date=date,
        sizes=[
            types.PhotoStrippedSize("i", b"\x01" + dice.bytes(60)),
            types.PhotoSize("m", width // 4, height // 4, size // 12),
            types.PhotoSize("x", width * 5 // 8, height * 5 // 8, size // 3),
            types.PhotoSizeProgressive(
                "y", width, height, [size // 10, size // 5, size // 3, size // 2, size]
            ),
        ],
        dc_id=_DC,
        has_stickers=dice.chance(30) or None,
    )


def make_album_item(dice: Dice, date: datetime) -> types.TypeMessageMedia:
    """Make one item of an album: a photo, or a video in one of four cases."""
    if dice.chance(250):
        return _video(dice, date)
    return types.MessageMediaPhoto(photo=make_photo(dice, date), spoiler=dice.chance(50) or None)


def make_web_page(
    dice: Dice, url: str, language: Language, date: datetime
) -> types.MessageMediaWebPage:
    """Make the preview of *url*."""
    title = language.space.join(dice.pick(language.words) for _ in range(4))
    page = types.WebPage(
        id=dice.signed64(),
        url=url,
        display_url=url.removeprefix("https://"),
        hash=dice.below(1 << 31),
        type=dice.pick(("article", "photo", "video")),
        site_name="Example",
        title=title,
        description=f"{title} {dice.pick(EMOJI)}",
        photo=make_photo(dice, date) if dice.chance(500) else None,
        author="A. N. Other" if dice.chance(200) else None,
    )
    return types.MessageMediaWebPage(page, force_large_media=dice.chance(100) or None)


def make_media(dice: Dice, kind: str, date: datetime, person: Mention) -> types.TypeMessageMedia:
    """Make media of one of `MEDIA_KINDS`; *person* is whom a shared contact shows."""
    if kind == "photo":
        photo = _reposted_photo(dice) if dice.chance(_REPOSTED) else make_photo(dice, date)
        return types.MessageMediaPhoto(photo=photo, spoiler=dice.chance(30) or None)
    if kind == "sticker":
        return types.MessageMediaDocument(document=_sticker(dice.below(60)))
    if kind == "video":
        return _video(dice, date)
    if kind == "voice":
        audio = types.DocumentAttributeAudio(
            1 + dice.below(120), voice=True, waveform=dice.bytes(63)
        )
        document = _document(dice, date, "audio/ogg", 3_000 + dice.below(400_000), [audio])
        return types.MessageMediaDocument(document=document, voice=True)
    if kind == "file":
        if dice.chance(_REPOSTED):
            dice, date = Dice.of("reposted file", dice.below(_REPOSTS)), _REPOST_DATE
        name, mime_type = dice.pick(_FILES)
        attributes: list[types.TypeDocumentAttribute] = [types.DocumentAttributeFilename(name)]
        size = dice.below(1 << 20) if dice.chance(800) else dice.below(3 << 30)
        return types.MessageMediaDocument(
            document=_document(dice, date, mime_type, size, attributes)
        )
    if kind == "animation":
        attributes = [
            types.DocumentAttributeVideo(3.5, 320, 240, supports_streaming=True, nosound=True),
            types.DocumentAttributeFilename("giphy.mp4"),
            types.DocumentAttributeAnimated(),
        ]
        document = _document(dice, date, "video/mp4", 100_000 + dice.below(900_000), attributes)
        return types.MessageMediaDocument(document=document)
    if kind == "round":
        attributes = [
            types.DocumentAttributeVideo(1 + dice.below(60), 384, 384, round_message=True)
        ]
        document = _document(dice, date, "video/mp4", 200_000 + dice.below(3_000_000), attributes)
        return types.MessageMediaDocument(document=document, video=True, round=True)
    if kind == "audio":
        attributes = [
            types.DocumentAttributeAudio(
                60 + dice.below(300), title=f"Track {dice.below(99)}", performer="Sigur Rós"
            ),
            types.DocumentAttributeFilename(f"track {dice.below(99):02}.mp3"),
        ]
        document = _document(
            dice, date, "audio/mpeg", 1_000_000 + dice.below(9_000_000), attributes
        )
        return types.MessageMediaDocument(document=document)
    if kind == "geo":
        point = types.GeoPoint(
            dice.below(360_000) / 1000 - 180, dice.below(180_000) / 1000 - 90, dice.signed64()
        )
        return types.MessageMediaGeo(point)
    if kind == "contact":
        return types.MessageMediaContact("15550142", person.name, "", "", person.user_id)
    rare = _rare_media(dice, kind, date)
    if rare is not None:
        return rare
    return types.MessageMediaDice(1 + dice.below(6), dice.pick(("🎲", "🎯", "🏀")))


def _rare_media(dice: Dice, kind: str, date: datetime) -> types.TypeMessageMedia | None:
    """Make media of the rare kinds; None for one that is not rare."""
    if kind == "animated photo":
        photo = make_photo(dice, date)
        photo.video_sizes = [types.VideoSize("u", 640, 640, 90_000 + dice.below(90_000))]
        return types.MessageMediaPhoto(photo=photo)
    if kind == "expired":
        return types.MessageMediaPhoto(ttl_seconds=10)
    if kind == "paid":
        items: list[types.TypeMessageExtendedMedia] = [
            types.MessageExtendedMediaPreview(
                640, 480, types.PhotoStrippedSize("i", b"\x01" + dice.bytes(40))
            )
            if dice.chance(500)
            else types.MessageExtendedMedia(types.MessageMediaPhoto(photo=make_photo(dice, date)))
            for _ in range(1 + dice.below(3))
        ]
        return types.MessageMediaPaidMedia(10, items)
    if kind == "poll":
        answers: list[types.TypePollAnswer] = [
            types.PollAnswer(types.TextWithEntities(text, []), text.encode())
            for text in ("Yes", "No", "Ja и нет")
        ]
        question = types.TextWithEntities("Well?", [])
        poll = made_as_known(
            types.Poll, id=dice.signed64(), question=question, answers=answers, hash=0
        )
        return types.MessageMediaPoll(poll, types.PollResults(total_voters=dice.below(99)))
    return types.MessageMediaUnsupported() if kind == "unsupported" else None


def _reposted_photo(dice: Dice) -> types.Photo:
    """Make a photo that is sent again and again: one of a few, the same wherever it is sent."""
    return make_photo(Dice.of("reposted photo", dice.below(_REPOSTS)), _REPOST_DATE)


def _video(dice: Dice, date: datetime) -> types.MessageMediaDocument:
    attributes: list[types.TypeDocumentAttribute] = [
        types.DocumentAttributeVideo(1 + dice.below(600), 1280, 720, supports_streaming=True),
        types.DocumentAttributeFilename(f"VID_{dice.below(10**6):06}.MP4"),
    ]
    document = _document(dice, date, "video/mp4", 500_000 + dice.below(40_000_000), attributes)
    document.thumbs = [
        types.PhotoStrippedSize("i", b"\x01" + dice.bytes(50)),
        types.PhotoSize("m", 320, 180, 9_000 + dice.below(5_000)),
    ]
    return types.MessageMediaDocument(document=document, video=True)


def _sticker(number: int) -> types.Document:
    """Make the sticker with *number*: the same file wherever it is sent."""
    found = _stickers.get(number)
    if found is None:
        dice = Dice.of("sticker", number)
        attributes: list[types.TypeDocumentAttribute] = [
            types.DocumentAttributeImageSize(512, 512),
            types.DocumentAttributeSticker(
                dice.pick(EMOJI), types.InputStickerSetID(1_258_816_259_751_983, 77)
            ),
            types.DocumentAttributeFilename("sticker.webp"),
        ]
        found = _document(dice, _STICKER_DATE, "image/webp", 9_000 + dice.below(40_000), attributes)
        _stickers[number] = found
    return copy.copy(found)


_stickers: dict[int, types.Document] = {}


def _document(
    dice: Dice,
    date: datetime,
    mime_type: str,
    size: int,
    attributes: list[types.TypeDocumentAttribute],
) -> types.Document:
    return types.Document(
        id=dice.signed64(),
        access_hash=dice.signed64(),
        file_reference=b"",
        date=date,
        mime_type=mime_type,
        size=size,
        dc_id=_DC,
        attributes=attributes,
    )
