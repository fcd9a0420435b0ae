"""Where media lie in a message: every place, in one fixed order, or why nothing is there.

The walk goes through constructors by *name*, so that it reads what an older or newer layer of
Telethon has: a kind of medium that is not known is `unsupported`, never silently nothing. What
carries no file at all is listed in `NO_FILES`.

A *group* is one medium with all its files: a video, its qualities and its cover. Its number is the
`index` of an origin, so groups come in an order that does not depend on what was asked for, and a
place that may be filled later is a group although it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from telethon import types
from telethon.tl.tlobject import TLObject
from telethon.utils import get_peer_id

from telefast.media.origins import MessageOrigin, Origin, StoryOrigin, WebPageOrigin
from telefast.media.policy import Protection
from telefast.media.types import Place, Reason, Role

__all__ = [
    "NO_FILES",
    "READERS",
    "UNSUPPORTED",
    "Group",
    "Slot",
    "forwarded_from",
    "groups_in",
    "groups_of",
    "is_holder",
]

NO_FILES: Final = frozenset(
    {
        "MessageMediaContact",
        "MessageMediaDice",
        "MessageMediaEmpty",
        "MessageMediaGeo",
        "MessageMediaGeoLive",
        "MessageMediaGiveaway",
        "MessageMediaGiveawayResults",
        "MessageMediaToDo",
        "MessageMediaVenue",
        "MessageActionBoostApply",
        "MessageActionChangeCommunity",
        "MessageActionChangeCreator",
        "MessageActionChannelCreate",
        "MessageActionChannelMigrateFrom",
        "MessageActionChatAddUser",
        "MessageActionChatCreate",
        "MessageActionChatDeletePhoto",
        "MessageActionChatDeleteUser",
        "MessageActionChatEditTitle",
        "MessageActionChatJoinedByLink",
        "MessageActionChatJoinedByRequest",
        "MessageActionChatJoinedViaCommunity",
        "MessageActionChatMigrateTo",
        "MessageActionConferenceCall",
        "MessageActionContactSignUp",
        "MessageActionCustomAction",
        "MessageActionEmpty",
        "MessageActionGameScore",
        "MessageActionGeoProximityReached",
        "MessageActionGiftCode",
        "MessageActionGiftPremium",
        "MessageActionGiftStars",
        "MessageActionGiftTon",
        "MessageActionGiveawayLaunch",
        "MessageActionGiveawayResults",
        "MessageActionGroupCall",
        "MessageActionGroupCallScheduled",
        "MessageActionHistoryClear",
        "MessageActionInviteToGroupCall",
        "MessageActionManagedBotCreated",
        "MessageActionNewCreatorPending",
        "MessageActionNoForwardsRequest",
        "MessageActionNoForwardsToggle",
        "MessageActionPaidMessagesPrice",
        "MessageActionPaidMessagesRefunded",
        "MessageActionPaymentRefunded",
        "MessageActionPaymentSent",
        "MessageActionPaymentSentMe",
        "MessageActionPhoneCall",
        "MessageActionPinMessage",
        "MessageActionPrizeStars",
        "MessageActionRequestedPeer",
        "MessageActionScreenshotTaken",
        "MessageActionSecureValuesSent",
        "MessageActionSetMessagesTTL",
        "MessageActionSuggestBirthday",
        "MessageActionSuggestedPostApproval",
        "MessageActionSuggestedPostRefund",
        "MessageActionSuggestedPostSuccess",
        "MessageActionTodoAppendTasks",
        "MessageActionTodoCompletions",
        "MessageActionTopicCreate",
        "MessageActionTopicEdit",
        "MessageActionWebViewDataSent",
        "MessageActionWebViewDataSentMe",
    }
)
"""Media and service messages that carry no file: a map or a dice is drawn by the client."""

UNSUPPORTED: Final = frozenset(
    {
        "MessageActionSecureValuesSentMe",
        "MessageMediaUnsupported",
        "MessageMediaVideoStream",
    }
)
"""Known, and beyond us: what this layer cannot show, a live stream, a passport encrypted for a
bot."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One place for one file.

    Attributes:
        medium: What lies there: a photo, a document, a web document, one that is empty, or None.
        place: Where in the message.
        role: Which file of its group.
        wants: Options without which it is passed over.
        reason: Why nothing is there, if that is known.
        is_fleeting: Whether the medium destroys itself, or has.
        protection: How it is protected, apart from its message.
        origin: Where it lies if that is not the message.
        others: Where else it lies.
        date: When it was sent, if that is not the message's.
    """

    medium: Any = None
    place: Place = "media"
    role: Role = "file"
    wants: frozenset[str] = frozenset()
    reason: Reason | None = None
    is_fleeting: bool = False
    protection: tuple[Protection, ...] = ()
    origin: Origin | None = None
    others: tuple[Origin, ...] = ()
    date: Any = None


Group: TypeAlias = tuple[Slot, ...]


def groups_of(message: Any) -> Iterator[Group]:
    """Yield the groups of a message: its media, its service action, rich text, what it quotes."""
    yield from groups_in(getattr(message, "media", None))
    for each in groups_in(getattr(message, "action", None)):
        yield _with(each, place="service")
    yield from groups_in(getattr(message, "rich_message", None))
    for each in groups_in(getattr(getattr(message, "reply_to", None), "reply_media", None)):
        yield _with(each, place="quoted", wants={"quoted"})


def groups_in(holder: Any) -> Iterator[Group]:
    """Yield the groups of anything that holds media: one of Telegram's types, or None."""
    if holder is None:
        return
    name = type(holder).__name__
    reader = READERS.get(name)
    if reader is not None:
        yield from reader(holder)
    elif name not in NO_FILES:
        yield (Slot(reason="unsupported"),)


def is_holder(holder: Any) -> bool:
    """Return whether this is something that `groups_in` reads, known or of a newer layer."""
    name = type(holder).__name__
    is_medium = isinstance(holder, TLObject) and name.startswith(("MessageMedia", "MessageAction"))
    return name in READERS or is_medium


def _with(group: Group, *, wants: Iterable[str] = (), **changes: Any) -> Group:
    return tuple(replace(slot, wants=slot.wants.union(wants), **changes) for slot in group)


def _one(medium: Any) -> Iterator[Group]:
    yield (Slot(medium),)


def _field(*names: str) -> Callable[[Any], Iterator[Group]]:
    """Return a reader of fields, each one medium, or a list of them, or something that holds some.

    A field that is empty is a group all the same, so that what follows keeps its number.
    """

    def read(holder: Any) -> Iterator[Group]:
        for name in names:
            value = getattr(holder, name, None)
            if isinstance(value, list):
                for each in value:
                    yield from groups_in(each)
            elif value is None:
                yield ()
            else:
                yield from groups_in(value)

    return read


def _photo(media: Any) -> Iterator[Group]:
    still = Slot(media.photo, is_fleeting=bool(media.ttl_seconds))
    video = getattr(media, "video", None)  # of a live photo
    yield (still,) if video is None else (still, replace(still, medium=video, role="video"))


def _document(media: Any) -> Iterator[Group]:
    file = Slot(media.document, is_fleeting=bool(media.ttl_seconds))
    quality = replace(file, role="quality", wants=frozenset({"qualities"}))
    others = getattr(media, "alt_documents", None) or ()
    group = [file, *(replace(quality, medium=each) for each in others)]
    cover = getattr(media, "video_cover", None)
    if cover is not None:
        group.append(replace(file, medium=cover, role="cover", wants=frozenset({"thumbs"})))
    yield tuple(group)


def _poll(media: Any) -> Iterator[Group]:
    yield from _field("attached_media")(media)
    yield from _field("solution_media")(media.results)
    for answer in media.poll.answers:
        yield from _field("media")(answer)


def _locked(_: Any) -> Iterator[Group]:
    yield (Slot(reason="locked"),)


def _shared_story(shown: Any) -> Iterator[Group]:
    """Read a story in a message or web page; it may be there or not."""
    origin = StoryOrigin(get_peer_id(shown.peer), shown.id)
    if shown.story is None:
        yield (Slot(reason="missing", place="story", origin=origin),)
        return
    for group in groups_in(shown.story):
        yield _with(group, origin=origin)


def _story(story: Any) -> Iterator[Group]:
    protection: tuple[Protection, ...] = ("story",) if getattr(story, "noforwards", None) else ()
    for group in _field("media", "music")(story):
        yield _with(group, place="story", protection=protection, date=story.date)


def _no_story(reason: Reason) -> Callable[[Any], Iterator[Group]]:
    def read(_: Any) -> Iterator[Group]:
        yield (Slot(reason=reason, place="story"),)

    return read


def _web_page(page: Any) -> Iterator[Group]:
    """Read the preview of a link: the file, the image, then what is attached, then the article."""
    others = (WebPageOrigin(page.url),)
    wants = {"web_pages"}
    for group in _field("document", "photo", "attributes")(page):
        if any(slot.place == "story" for slot in group):
            yield _with(group, wants=wants)
        else:
            yield _with(group, place="web_page", wants=wants, others=others)
    for group in _field("cached_page")(page):
        yield _with(group, place="instant_view", wants={"instant_views"}, others=others)


def _rich(text: Any) -> Iterator[Group]:
    """Read a rich message or an article; of a part of it, the rest is missing."""
    yield from _field("photos", "documents")(text)
    if getattr(text, "part", None):
        yield (Slot(reason="missing"),)


def _nothing(_: Any) -> Iterator[Group]:
    return iter(())


READERS: Final[dict[str, Callable[[Any], Iterator[Group]]]] = {
    "Photo": _one,
    "PhotoEmpty": _one,
    "Document": _one,
    "DocumentEmpty": _one,
    "WebDocument": _one,
    "WebDocumentNoProxy": _one,
    "MessageMediaPhoto": _photo,
    "MessageMediaDocument": _document,
    "MessageMediaWebPage": _field("webpage"),
    "MessageMediaGame": _field("game"),
    "MessageMediaInvoice": _field("photo", "extended_media"),
    "MessageMediaPaidMedia": _field("extended_media"),
    "MessageMediaPoll": _poll,
    "MessageMediaStory": _shared_story,
    "MessageExtendedMedia": _field("media"),
    "MessageExtendedMediaPreview": _locked,
    "Game": _field("document", "photo"),
    "StoryItem": _story,
    "StoryItemDeleted": _no_story("deleted"),
    "StoryItemSkipped": _no_story("missing"),
    "WebPage": _web_page,
    "WebPageEmpty": _nothing,
    "WebPagePending": _nothing,
    "WebPageNotModified": _nothing,
    "WebPageAttributeStory": _shared_story,
    "WebPageAttributeTheme": _field("documents"),
    "WebPageAttributeStickerSet": _field("stickers"),
    "WebPageAttributeStarGiftCollection": _field("icons"),
    "WebPageAttributeStarGiftAuction": _field("gift"),
    "WebPageAttributeUniqueStarGift": _field("gift"),
    "WebPageAttributeAiComposeTone": _nothing,
    "Page": _rich,
    "RichMessage": _rich,
    "MessageActionChatEditPhoto": _field("photo"),
    "MessageActionSuggestProfilePhoto": _field("photo"),
    "MessageActionSetChatWallPaper": _field("wallpaper"),
    "MessageActionSetChatTheme": _field("theme"),
    "MessageActionBotAllowed": _field("app"),
    "MessageActionRequestedPeerSentMe": _field("peers"),
    "MessageActionStarGift": _field("gift"),
    "MessageActionStarGiftUnique": _field("gift"),
    "MessageActionStarGiftPurchaseOffer": _field("gift"),
    "MessageActionStarGiftPurchaseOfferDeclined": _field("gift"),
    "MessageActionPollAppendAnswer": _field("answer"),
    "MessageActionPollDeleteAnswer": _field("answer"),
    "PollAnswer": _field("media"),
    "WallPaper": _field("document"),
    "WallPaperNoFile": _nothing,
    "ChatTheme": _nothing,
    "ChatThemeUniqueGift": _field("gift"),
    "BotApp": _field("document", "photo"),
    "BotAppNotModified": _nothing,
    "RequestedPeerUser": _field("photo"),
    "RequestedPeerChat": _field("photo"),
    "RequestedPeerChannel": _field("photo"),
    "StarGift": _field("sticker"),
    "StarGiftUnique": _field("attributes"),
    "StarGiftAttributeModel": _field("document"),
    "StarGiftAttributePattern": _field("document"),
    "StarGiftAttributeBackdrop": _nothing,
    "StarGiftAttributeOriginalDetails": _nothing,
}


def forwarded_from(message: Any) -> tuple[Origin, ...]:
    """Return the post of a channel of which a message is a forward: the same files lie there."""
    forward = getattr(message, "fwd_from", None)
    source, post = getattr(forward, "from_id", None), getattr(forward, "channel_post", None)
    if not isinstance(source, types.PeerChannel) or not post:
        return ()
    return (MessageOrigin(get_peer_id(source), post),)
