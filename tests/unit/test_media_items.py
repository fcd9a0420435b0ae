"""What a message carries: each file once, with where it lies; or the reason why not."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast import ChatMeta
from telefast.errors import ArgumentError, FileUnavailableError
from telefast.media.items import chat_photo_item, items_of, skipped_now
from telefast.media.origins import (
    FullPeerOrigin,
    MessageOrigin,
    PeerPhotoOrigin,
    ProfilePhotoOrigin,
    StickerSetOrigin,
    StoryOrigin,
    WebPageOrigin,
    references_in,
)
from telefast.media.policy import skip_protected
from telefast.media.types import MediaItem, SkippedItem
from telefast.testing import World, hostile_names, sample_kinds, sample_media
from tests.unit.media_model import (
    CHANNEL,
    MADE,
    REFERENCE,
    SECRET,
    SENT,
    document,
    message,
    photo,
    service,
    with_document,
    with_photo,
)

ALL = {
    "thumbs": True,
    "stripped": True,
    "video": True,
    "qualities": True,
    "web_pages": True,
    "instant_views": True,
    "quoted": True,
}
CHAT_ID = -1000000000055
PERSON = types.PeerUser(5)
STICKER = types.DocumentAttributeSticker("x", types.InputStickerSetID(33, SECRET))
VIDEO = types.DocumentAttributeVideo(1.0, 2, 2)


RARE = types.StarGiftAttributeRarity(1)
ANSWER = types.PollAnswer(types.TextWithEntities("b", []), b"b", media=with_photo())
GIFT = types.StarGift(1, document(), 5, 5)


def unique(attribute: Any) -> types.StarGiftUnique:
    """Return a gift of which there is one, made of one picture."""
    return types.StarGiftUnique(1, 1, "t", "s", 1, [attribute], 1, 1)


UNIQUE = unique(types.StarGiftAttributeModel("m", document(), RARE))
PATTERN = unique(types.StarGiftAttributePattern("p", document(), RARE))
PRICE = types.StarsAmount(1, 0)


def words(found: list[MediaItem | SkippedItem]) -> list[str]:
    """Return one word for each: its key's kind and size, or the reason."""
    return [
        item.reason
        if isinstance(item, SkippedItem)
        else f"{item.key.kind}:{item.key.size_type}".rstrip(":")
        for item in found
    ]


def one(media: Any, **options: Any) -> MediaItem:
    """Return the only item of *media*."""
    [item] = items_of(media, **options)
    assert isinstance(item, MediaItem)
    return item


SAMPLES = {
    "photo": ("photo:w", "photo:w photo:s photo:i photo:m photo:x photo:y"),
    "photo:any-order": ("photo:w", "photo:w photo:s photo:i photo:m photo:x photo:y"),
    "photo:stripped": ("empty", "empty photo:i"),
    "photo:cached": ("photo:s", "photo:s"),
    "photo:no-sizes": ("empty", "empty"),
    "photo:animated": None,
    "photo:live": None,
    "photo:once": ("protected", None),
    "photo:expired": ("expired", "expired"),
    "photo:empty": ("empty", "empty"),
    "document": ("document", "document"),
    "document:thumbs": ("document", "document document:i document:m document:v"),
    "document:qualities": ("document", None),
    "document:expired": ("expired", "expired"),
    "document:empty": ("empty", "empty"),
    "paid:locked": ("locked", "locked"),
    "paid:unlocked": None,
    "paid:mixed": None,
    "story": ("document", "document"),
    "story:missing": ("missing", "missing"),
    "story:deleted": ("deleted", "deleted"),
    "page:photo": ("", None),
    "page:document": ("", None),
    "page:plain": ("", ""),
    "page:pending": ("", ""),
    "page:empty": ("", ""),
    "game": None,
    "poll": None,
    "invoice": ("web", "web"),
    "geo": ("", ""),
    "unsupported": ("unsupported", "unsupported"),
}
"""What is found by default, and with all options; None where a test below says it."""


def test_samples_are_complete() -> None:
    """The table above has each kind of media that the embedded Telegram makes."""
    assert set(sample_kinds()) == set(SAMPLES)


@pytest.mark.parametrize("kind", sample_kinds())
def test_sample(kind: str) -> None:
    """Each kind gives what it holds, or why not; the same again; options only add."""
    told = message(sample_media(World(seed=3), kind))
    found, everything = items_of(told), items_of(told, **ALL)
    for expected, listed in zip(SAMPLES[kind] or (None, None), (found, everything), strict=True):
        if expected is not None:
            assert expected.split() == words(listed)
    assert found == items_of(told)
    assert all(item in everything for item in found)
    for item in everything:
        if isinstance(item, MediaItem):
            assert (item.location() is None) == (item.inline is not None)
            assert item.extension
            assert SENT == item.date or isinstance(item.origin, StoryOrigin)


def test_document() -> None:
    """All that is known of a document, from where it lies to its name."""
    name = types.DocumentAttributeFilename("My Film.MP4")
    item = one(message(with_document(VIDEO, name)))
    assert ("document_9", 2, 1000) == (str(item.key), item.dc_id, item.size)
    assert ("video/mp4", ".mp4", "video") == (item.mime, item.extension, item.kind)
    assert ("My Film.MP4", SENT, ()) == (item.name, item.date, item.protection)
    assert MessageOrigin(CHAT_ID, 12, 0) == item.origin
    location = item.location()
    assert isinstance(location, types.InputDocumentFileLocation)
    assert (9, SECRET, REFERENCE, "") == (
        location.id,
        location.access_hash,
        location.file_reference,
        location.thumb_size,
    )


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ([], "file"),
        ([VIDEO], "video"),
        ([types.DocumentAttributeVideo(1.0, 2, 2, round_message=True)], "video_note"),
        ([VIDEO, types.DocumentAttributeAnimated()], "animation"),
        ([types.DocumentAttributeAudio(3, voice=True)], "voice"),
        ([types.DocumentAttributeAudio(3)], "audio"),
        ([VIDEO, STICKER], "sticker"),
        ([types.DocumentAttributeCustomEmoji("x", types.InputStickerSetEmpty())], "sticker"),
    ],
)
def test_kind_of_document(attributes: list[Any], kind: str) -> None:
    """The attributes say what it is; a video sticker is a sticker."""
    assert kind == one(with_document(*attributes)).kind


def test_size_of_document() -> None:
    """An empty document has 0 bytes; a negative size says nothing."""
    assert [0, None] == [one(document(size=size)).size for size in (0, -1)]


def test_live_photo() -> None:
    """A live photo is a still and its video: two files of one medium."""
    media = types.MessageMediaPhoto(live_photo=True, photo=photo(), video=document(9))
    still, video = items_of(message(media))
    assert ["photo_7_x", "document_9"] == [str(still.key), str(video.key)]
    assert (("file", 0), ("video", 0)) == tuple(
        (each.role, each.origin.index) for each in (still, video)
    )


def test_qualities_and_cover() -> None:
    """Further qualities and the cover of a video come on request, as files of one medium."""
    media = with_document(VIDEO)
    media.alt_documents, media.video_cover = [document(10), document(11)], photo(12)
    assert ["document"] == words(items_of(media))
    found = items_of(message(media), qualities=True, thumbs=True)
    assert ["file", "quality", "quality", "cover"] == [item.role for item in found]
    assert ["document_9", "document_10", "document_11", "photo_12_x"] == [
        str(item.key) for item in found
    ]
    assert {0} == {item.origin.index for item in found}


def test_previews_of_stickers() -> None:
    """Their previews are WebP, and the effect around an animated one is animated as it is."""
    animated = document(9, "application/x-tgsticker", STICKER)
    animated.thumbs = [types.PhotoSize("m", 9, 9, 90)]
    animated.video_thumbs = [types.VideoSize("f", 9, 9, 900)]
    found = items_of(animated, thumbs=True, video=True)
    assert [".tgs", ".webp", ".tgs"] == [item.extension for item in found]
    assert ["sticker", "photo", "video"] == [item.kind for item in found]
    assert ["document", "document:m"] == words(items_of(animated, thumbs=True))
    assert ["document"] == words(items_of(animated, video=True))
    assert isinstance(found[1].location(), types.InputDocumentFileLocation)
    assert "m" == found[1].location().thumb_size


def test_previews_of_video_stickers() -> None:
    """The effect around a video sticker is of its type, its blur a JPEG, as each blur is."""
    sticker = document(9, "video/webm", VIDEO, STICKER)
    sticker.thumbs = [types.PhotoStrippedSize("i", b"\x01\x28\x1e" + b"blur" * 8)]
    sticker.video_thumbs = [types.VideoSize("f", 9, 9, 900)]
    found = items_of(sticker, thumbs=True, stripped=True, video=True)
    assert [".webm", ".jpg", ".webm"] == [item.extension for item in found]
    still = document(9, "image/webp", STICKER, video_thumbs=[types.VideoSize("v", 9, 9, 900)])
    assert ".mp4" == items_of(still, thumbs=True, video=True)[1].extension


def test_preview_is_no_named_file() -> None:
    """The preview of a document has not its name, and is a JPEG."""
    named = document(9, "application/pdf", types.DocumentAttributeFilename("a.pdf"))
    named.thumbs = [types.PhotoSize("m", 9, 9, 90)]
    _, preview = items_of(named, thumbs=True)
    assert (None, ".jpg", "photo") == (preview.name, preview.extension, preview.kind)


def test_paid_media() -> None:
    """Three unlocked items and a locked one: three files with their places, one reason."""
    items = [types.MessageExtendedMedia(types.MessageMediaPhoto(photo=photo(n))) for n in (1, 3, 4)]
    items.insert(1, types.MessageExtendedMediaPreview(9, 9))
    found = items_of(message(types.MessageMediaPaidMedia(5, items)))
    assert ["photo:x", "locked", "photo:x", "photo:x"] == words(found)
    assert [MessageOrigin(CHAT_ID, 12, index) for index in range(4)] == [
        item.origin for item in found
    ]
    items[1] = types.MessageExtendedMedia(with_document())
    bought = items_of(message(types.MessageMediaPaidMedia(5, items)))
    assert [item.origin for item in found] == [item.origin for item in bought]


def test_story() -> None:
    """A story is fetched by itself, and also lies in the message that shows it."""
    told = types.StoryItem(3, MADE, MADE, with_photo(), music=document(4))
    shown = message(types.MessageMediaStory(PERSON, 3, story=told))
    picture, music = items_of(shown)
    assert (StoryOrigin(5, 3, 0), StoryOrigin(5, 3, 1)) == (picture.origin, music.origin)
    assert (MessageOrigin(CHAT_ID, 12, 0),) == picture.others
    assert ("story", MADE) == (picture.place, picture.date)
    [alone, _] = items_of(told, origin=StoryOrigin(5, 3))
    assert (StoryOrigin(5, 3, 0), ()) == (alone.origin, alone.others)


@pytest.mark.parametrize(
    ("story", "reason"),
    [
        (None, "missing"),
        (types.StoryItemSkipped(3, MADE, MADE), "missing"),
        (types.StoryItemDeleted(3), "deleted"),
    ],
)
def test_story_that_is_not_there(story: Any, reason: str) -> None:
    """A story that did not come along is missing, and it is said which one; a deleted one is so."""
    [skipped] = items_of(message(types.MessageMediaStory(PERSON, 3, story=story)))
    assert SkippedItem(reason, StoryOrigin(5, 3), place="story") == skipped  # type: ignore[arg-type]


def page(**more: Any) -> types.MessageMediaWebPage:
    """Return the preview of a link."""
    return types.MessageMediaWebPage(types.WebPage(1, "https://a.b/c", "a.b", 0, **more))


def test_web_page() -> None:
    """Previews of links are left out unless asked for; the link is another place to ask."""
    told = message(page(photo=photo(), document=document()))
    assert [] == items_of(told)
    film, image = items_of(told, web_pages=True)
    assert ["document_9", "photo_7_x"] == [str(film.key), str(image.key)]
    assert (MessageOrigin(CHAT_ID, 12, 1), (WebPageOrigin("https://a.b/c"),)) == (
        image.origin,
        image.others,
    )
    assert "web_page" == image.place


def test_web_page_of_a_story() -> None:
    """A story that a link shows is the story."""
    shown = types.WebPageAttributeStory(PERSON, 3, types.StoryItem(3, MADE, MADE, with_photo()))
    [item] = items_of(message(page(attributes=[shown])), web_pages=True)
    assert ("story", StoryOrigin(5, 3, 2)) == (item.place, item.origin)


ATTACHED = [
    types.WebPageAttributeTheme(documents=[document()]),
    types.WebPageAttributeStickerSet([document()]),
    types.WebPageAttributeStarGiftCollection([document()]),
    types.WebPageAttributeStarGiftAuction(GIFT, None),
    types.WebPageAttributeUniqueStarGift(UNIQUE),
]


@pytest.mark.parametrize("attribute", ATTACHED)
def test_what_a_web_page_shows(attribute: Any) -> None:
    """Themes, stickers and gifts behind a link come with its preview."""
    item = one(message(page(attributes=[attribute])), web_pages=True)
    assert ("document_9", "web_page") == (str(item.key), item.place)


def test_instant_view() -> None:
    """What an article holds comes on request; if only a part of it came, the rest is missing."""
    article = types.Page("u", [], [photo(1)], [document(2)], part=True)
    told = message(page(cached_page=article))
    assert [] == items_of(told, web_pages=True)
    found = items_of(told, web_pages=True, instant_views=True)
    assert ["photo:x", "document", "missing"] == words(found)
    assert {"instant_view"} == {item.place for item in found}


def test_rich_message() -> None:
    """Photos and documents of a rich message are its media."""
    rich = types.RichMessage([], [photo(1), photo(2)], [document(3)])
    found = items_of(message(rich_message=rich))
    assert ["photo_1_x", "photo_2_x", "document_3"] == [str(item.key) for item in found]
    assert [0, 1, 2] == [item.origin.index for item in found]
    rich.part = True
    assert "missing" == words(items_of(message(rich_message=rich)))[-1]


def test_poll() -> None:
    """Of a poll: what is attached, its solution, its answers; each keeps its place."""
    answers = [
        types.PollAnswer(types.TextWithEntities("a", []), b"a"),
        types.PollAnswer(types.TextWithEntities("b", []), b"b", media=with_photo()),
    ]
    poll = types.Poll(1, types.TextWithEntities("?", []), answers, 0)
    media = types.MessageMediaPoll(poll, types.PollResults(), attached_media=with_document())
    found = items_of(message(media))
    assert [(0, "document_9"), (3, "photo_7_x")] == [
        (item.origin.index, str(item.key)) for item in found
    ]
    media.results.solution_media = with_photo()
    assert [0, 1, 3] == [item.origin.index for item in items_of(message(media))]


def test_game_and_invoice() -> None:
    """A game has an animation and a photo; an invoice a web document, or media to be bought."""
    game = types.Game(1, 1, "g", "g", "g", photo(), document())
    assert ["document", "photo:x"] == words(items_of(types.MessageMediaGame(game)))
    web = types.WebDocument("https://a.b/p.jpg", SECRET, 50, "image/jpeg", [])
    invoice = types.MessageMediaInvoice("t", "d", "EUR", 5, "x", photo=web)
    item = one(message(invoice))
    assert ("web", 0, None, ".jpg", "photo") == (  # its sender says a size, which may lie
        item.key.kind,
        item.dc_id,
        item.size,
        item.extension,
        item.kind,
    )
    assert isinstance(item.location(), types.InputWebFileLocation)
    assert item is item.renewed({})
    invoice.photo = types.WebDocumentNoProxy("https://a.b/p.jpg", 50, "image/jpeg", [])
    invoice.extended_media = types.MessageExtendedMedia(with_document())
    assert ["external", "document"] == words(items_of(invoice))
    web.mime_type, web.size = "audio/mpeg", 0
    assert ("file", None) == (one(web).kind, one(web).size)


@pytest.mark.parametrize(
    "action",
    [
        types.MessageActionChatEditPhoto(photo()),
        types.MessageActionSuggestProfilePhoto(photo()),
        types.MessageActionSetChatWallPaper(types.WallPaper(1, 2, "s", document())),
        types.MessageActionSetChatTheme(types.ChatThemeUniqueGift(UNIQUE, [])),
        types.MessageActionBotAllowed(app=types.BotApp(1, 1, "a", "a", "a", photo(), 0)),
        types.MessageActionRequestedPeerSentMe(1, [types.RequestedPeerUser(5, photo=photo())]),
        types.MessageActionRequestedPeerSentMe(1, [types.RequestedPeerChat(5, photo=photo())]),
        types.MessageActionRequestedPeerSentMe(1, [types.RequestedPeerChannel(5, photo=photo())]),
        types.MessageActionPollAppendAnswer(ANSWER),
        types.MessageActionPollDeleteAnswer(ANSWER),
        types.MessageActionStarGift(GIFT),
        types.MessageActionStarGiftUnique(UNIQUE),
        types.MessageActionStarGiftUnique(PATTERN),
        types.MessageActionStarGiftPurchaseOffer(GIFT, PRICE, None),
        types.MessageActionStarGiftPurchaseOfferDeclined(GIFT, PRICE),
    ],
)
def test_service_message(action: Any) -> None:
    """A new photo, a wallpaper, a gift: what a service message shows is an item."""
    item = one(service(action))
    assert ("service", SENT) == (item.place, item.date)
    assert isinstance(item.origin, MessageOrigin)


def test_quoted_media() -> None:
    """Media of a message in another chat that this one answers come on request."""
    reply = types.MessageReplyHeader(reply_to_msg_id=3, reply_media=with_document())
    told = message(with_photo(), reply_to=reply)
    assert ["photo:x"] == words(items_of(told))
    own, quoted = items_of(told, quoted=True)
    assert (("media", 0), ("quoted", 1)) == (
        (own.place, own.origin.index),
        (quoted.place, quoted.origin.index),
    )


def test_forwarded_from_a_channel() -> None:
    """The post of which a message is a forward holds the same file; a person's does not say."""
    forward = types.MessageFwdHeader(date=MADE, from_id=types.PeerChannel(77), channel_post=4)
    item = one(message(with_photo(), fwd_from=forward))
    assert (MessageOrigin(-1000000000077, 4, 0),) == item.others
    forward.from_id = PERSON
    assert () == one(message(with_photo(), fwd_from=forward)).others


def test_stickers_know_their_set() -> None:
    """A sticker can be found again in its set."""
    assert (StickerSetOrigin(33),) == one(message(with_document(STICKER))).others


def test_medium_without_a_message() -> None:
    """Bare media have the origin that the caller tells, or none; their own date."""
    assert (None, MADE) == (one(photo()).origin, one(photo()).date)
    for origin in (ProfilePhotoOrigin(5, 7), FullPeerOrigin(CHAT_ID)):
        assert origin == one(photo(), origin=origin).origin
    waiting = MessageOrigin(CHAT_ID, 12, is_scheduled=True)
    assert waiting == one(message(with_photo()), origin=waiting).origin


def test_no_medium_of_an_unknown_kind() -> None:
    """A field that holds something else than a photo or document is unsupported."""
    assert ["unsupported"] == words(
        items_of(types.MessageMediaPhoto(photo=types.PhotoSizeEmpty("x")))
    )


# --- protection ---------------------------------------------------------------------------------

GROUP = types.Chat(5, "t", types.ChatPhotoEmpty(), 2, None, 1, noforwards=True)
FULL = types.UserFull(5, None, types.PeerNotifySettings(), 0)  # type: ignore[arg-type]
FULL.noforwards_peer_enabled = True
MINE = types.UserFull(5, None, types.PeerNotifySettings(), 0)  # type: ignore[arg-type]
MINE.noforwards_my_enabled = True
STORY = types.StoryItem(3, MADE, MADE, with_photo(), noforwards=True)
PROTECTED = [
    (message(with_photo(), noforwards=True), {}, ("message",)),
    (message(with_photo()), {"chat": GROUP}, ("chat",)),
    (message(with_photo()), {"chat": FULL}, ("chat",)),
    (message(with_photo()), {"chat": MINE}, ("chat",)),
    (message(with_photo()), {"chat": ChatMeta(1, "channel", "t", noforwards=True)}, ("chat",)),
    (message(with_photo(ttl_seconds=10)), {}, ("self-destructs",)),
    (
        message(with_photo(ttl_seconds=2**31 - 1), noforwards=True),
        {},
        ("message", "self-destructs"),
    ),
    (message(types.MessageMediaStory(PERSON, 3, story=STORY)), {}, ("story",)),
    (STORY, {}, ("story",)),
    (service(types.MessageActionChatEditPhoto(photo()), noforwards=True), {}, ("message",)),
]


@pytest.mark.parametrize(("told", "options", "protection"), PROTECTED)
def test_protected_is_skipped(told: Any, options: Any, protection: tuple[str, ...]) -> None:
    """What is not to be saved is passed over, with its key and why; so are all its sizes."""
    for more in ({}, ALL):
        [skipped] = items_of(told, **options, **more)
        assert isinstance(skipped, SkippedItem)
        assert ("protected", protection) == (skipped.reason, skipped.protection)
        assert "photo_7_x" == str(skipped.key)


@pytest.mark.parametrize(("told", "options", "protection"), PROTECTED)
def test_the_host_decides(told: Any, options: Any, protection: tuple[str, ...]) -> None:
    """A policy is asked for each protected item, with the message, and its answer holds."""
    asked = []

    def allow(shown: Any, item: MediaItem) -> bool:
        asked.append((shown, item.protection))
        return True

    item = one(told, policy=allow, **options)
    assert [(told, protection)] == asked
    assert protection == item.protection
    assert ["protected"] == words(items_of(told, policy=lambda *_: False, **options))


def test_policy_is_asked_for_nothing_else() -> None:
    """What is not protected needs no leave, and what cannot be had is not asked about."""

    def never(*_: Any) -> bool:
        raise AssertionError

    assert ["photo:x"] == words(items_of(message(with_photo()), policy=never))
    gone = message(types.MessageMediaPhoto(ttl_seconds=1), noforwards=True)
    assert ["expired"] == words(items_of(gone, policy=never))


def test_the_chat_of_a_finished_message_counts() -> None:
    """A message that knows its chat, as those of Telethon do, is protected by it."""
    told = message(with_photo())
    told._chat = GROUP
    assert ["protected"] == words(items_of(told))


def test_policy_that_is_none() -> None:
    """What cannot be called is an error at once, never a silent yes."""
    with pytest.raises(ArgumentError, match="policy"):
        items_of(message(), policy=True)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("error")
def test_policy_that_does_not_decide() -> None:
    """A coroutine, or anything else to wait for, is an error and never a yes."""

    async def later(*_: Any) -> bool:
        return False

    class Waiting:
        def __await__(self) -> Any:
            yield

    told = message(with_photo(), noforwards=True)
    for policy in (later, lambda *_: Waiting()):
        with pytest.raises(ArgumentError, match=r"^policy="):
            items_of(told, policy=policy)  # type: ignore[arg-type]


# --- secrets, names, references -----------------------------------------------------------------


@pytest.mark.parametrize("kind", sample_kinds())
def test_repr_shows_no_secret(kind: str) -> None:
    """No access hash, no file reference, no bytes, no name and no URL in any repr."""
    media = sample_media(World(seed=4), kind)
    found = items_of(message(media), policy=lambda *_: True, **ALL)
    shown = repr(found)
    for access_hash, reference in references_in(media).values():
        assert str(access_hash) not in shown
        assert repr(reference) not in shown
    assert "example.org" not in shown
    assert "clip" not in shown
    assert not re.search(r"\bb['\"]", shown)


def test_repr_of_peers_shows_no_secret() -> None:
    """Input peers and sets hold this account's hashes."""
    channel = types.Channel(55, "t", types.ChatPhoto(5, 2), None, access_hash=SECRET)
    told = message(with_document(STICKER))
    told._input_chat = types.InputPeerChannel(55, SECRET)
    shown = repr([*items_of(told), chat_photo_item(channel)])
    assert str(SECRET) not in shown
    assert told._input_chat == items_of(told)[0].origin.input_peer  # type: ignore[union-attr]


@given(st.text() | st.sampled_from(hostile_names()), st.text())
def test_hostile_names_stay_names(name: str, mime: str) -> None:
    """Any name and any type: kept as they are told, no error, an extension that is safe."""
    item = one(message(with_document(types.DocumentAttributeFilename(name), mime=mime)))
    assert name == item.name
    assert set(item.extension) <= set(".abcdefghijklmnopqrstuvwxyz0123456789")


def test_fresh_references() -> None:
    """A fresh answer renews the reference of each size of a file, and tells if it is gone."""
    media = with_document(VIDEO)
    media.document.thumbs = [types.PhotoSize("m", 3, 2, 9)]
    file, preview = items_of(message(media), thumbs=True)
    assert isinstance(file, MediaItem)
    assert isinstance(preview, MediaItem)
    again = with_document(VIDEO)
    again.document.file_reference, again.document.access_hash = b"fresh", 5
    answer = types.messages.Messages([message(again), message(with_photo())], [], [], [])
    references = references_in(answer)
    assert {("document", 9): (5, b"fresh"), ("photo", 7): (SECRET, REFERENCE)} == references
    renewed = preview.renewed(references)
    assert renewed == preview
    assert renewed is not None
    assert (b"fresh", 5, "m") == (
        renewed.location().file_reference,
        renewed.location().access_hash,
        renewed.location().thumb_size,
    )
    assert file.renewed(references_in([message()])) is None


# --- photos of chats ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chat", "peer_id"),
    [
        (types.User(5, min=True, access_hash=3, photo=types.UserProfilePhoto(8, 3)), 5),
        (types.Chat(5, "t", types.ChatPhoto(8, 3), 2, None, 1), -5),
        (
            types.Channel(5, "t", types.ChatPhoto(8, 3), None, min=True, access_hash=3),
            -(10**12) - 5,
        ),
    ],
)
def test_chat_photo(chat: Any, peer_id: int) -> None:
    """A user's, group's or channel's photo is fetched by the peer, also by one known as `min`."""
    item = chat_photo_item(chat)
    assert isinstance(item, MediaItem)
    assert ("photo_8_c", 3, None) == (str(item.key), item.dc_id, item.size)
    assert ("image/jpeg", ".jpg", "photo") == (item.mime, item.extension, item.kind)
    assert PeerPhotoOrigin(peer_id, 8) == item.origin
    location = item.location()
    assert isinstance(location, types.InputPeerPhotoFileLocation)
    assert (8, True) == (location.photo_id, location.big)
    assert 3 == getattr(location.peer, "access_hash", 3)
    small = chat_photo_item(chat, big=False)
    assert isinstance(small, MediaItem)
    assert ("photo_8_a", False) == (str(small.key), small.location().big)
    assert item is item.renewed({})


def test_peer_that_only_a_message_knows() -> None:
    """A `min` peer is named by the message that shows it, if there is one; others never are."""
    told, photo_ = message(), types.ChatPhoto(8, 3)
    channel = types.Channel(5, "t", photo_, None, min=True, access_hash=3)
    user = types.User(5, min=True, access_hash=3, photo=types.UserProfilePhoto(8, 3))
    shown = [chat_photo_item(user, seen_in=told)]
    told._input_chat = types.InputPeerChannel(55, SECRET)
    shown += [chat_photo_item(each, seen_in=told) for each in (user, channel)]
    channel.min = None
    shown.append(chat_photo_item(channel, seen_in=told))
    assert [
        types.InputPeerUser,
        types.InputPeerUserFromMessage,
        types.InputPeerChannelFromMessage,
        types.InputPeerChannel,
    ] == [type(item.location().peer) for item in shown]  # type: ignore[union-attr]


def test_chat_without_a_photo() -> None:
    """No photo is a reason, no way to name its peer another, and what is no chat an error."""
    assert SkippedItem("empty") == chat_photo_item(types.User(5, access_hash=3))
    nameless = types.User(5, photo=types.UserProfilePhoto(8, 3))
    assert SkippedItem("missing", PeerPhotoOrigin(5, 8)) == chat_photo_item(nameless)
    for wrong in (None, 5, CHANNEL):
        with pytest.raises(ArgumentError, match=r"^chat="):
            chat_photo_item(wrong)


def test_what_is_found_again_is_judged_anew() -> None:
    """By what shows it now and where; what nothing shows any more is gone."""
    shown = message(types.MessageMediaDocument(document=document(4)))
    [item] = items_of(shown)
    assert isinstance(item, MediaItem)
    assert skipped_now(item, None, None, skip_protected) is None
    assert skipped_now(item, shown, None, skip_protected) is None
    shown.noforwards = True
    skipped = skipped_now(item, shown, None, skip_protected)
    assert skipped is not None
    assert ("protected", ("message",)) == (skipped.reason, skipped.protection)
    assert skipped_now(item, shown, None, lambda *_: True) is None
    quoted = dataclasses.replace(item, place="quoted")
    assert skipped_now(quoted, shown, None, skip_protected) is not None
    with pytest.raises(FileUnavailableError) as caught:
        skipped_now(item, message(), None, skip_protected)
    assert "deleted" == caught.value.reason


def test_a_story_that_is_found_again() -> None:
    """It knows its own protection; that of its chat is told."""
    told = types.StoryItem(3, MADE, MADE, with_photo())
    [item] = items_of(told)
    assert isinstance(item, MediaItem)
    assert skipped_now(item, told, None, skip_protected) is None
    for story, chat in ((STORY, None), (told, ChatMeta(1, "channel", "t", noforwards=True))):
        assert skipped_now(item, story, chat, skip_protected) is not None
