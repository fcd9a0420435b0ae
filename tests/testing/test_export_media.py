"""Do media and service actions of an export become what Telegram has for them?"""

from __future__ import annotations

from collections import Counter
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.export import world_from_export
from telefast.testing.export_actions import ACTIONS, read_action
from telefast.testing.export_extras import read_media
from telefast.testing.export_fields import EPOCH, Findings, Record
from telefast.testing.export_files import FileTable
from telefast.testing.export_json import read_export
from telefast.testing.export_media import Place, read_document, read_files, read_photo
from telefast.testing.export_people import People

if TYPE_CHECKING:
    from telefast.testing.export import ExportedWorld

EXPORTS = Path(__file__).parent.parent / "data" / "exports"


@pytest.fixture(scope="module")
def media() -> ExportedWorld:
    """The export with one message for each kind of media."""
    return world_from_export(EXPORTS / "media.json")


def found(world: ExportedWorld, message_id: int) -> Any:
    """Return the media of a message."""
    message: Any = world.main.message(message_id)
    return message.media


def attributes(media: Any) -> dict[str, Any]:
    """Return the attributes of a document by their names."""
    return {
        type(one).__name__.removeprefix("DocumentAttribute"): one
        for one in media.document.attributes
    }


def test_photo(media: ExportedWorld) -> None:
    """A photo has one size with its dimensions, and its time to live."""
    photo = found(media, 1)
    (size,) = photo.photo.sizes
    assert (size.w, size.h, size.size, photo.ttl_seconds) == (800, 600, 5000, 30)
    assert photo.photo.date == media.main.message(1).date


@pytest.mark.parametrize(
    ("message_id", "mime", "names"),
    [
        (2, "image/webp", {"ImageSize", "Sticker", "Filename"}),
        (3, "video/webm", {"Video", "Sticker", "Filename"}),
        (4, "video/mp4", {"Video"}),
        (5, "audio/ogg", {"Audio"}),
        (6, "video/mp4", {"Video", "Animated", "Filename"}),
        (7, "image/gif", {"ImageSize", "Animated", "Filename"}),
        (8, "video/mp4", {"Video", "Filename"}),
        (9, "audio/mpeg", {"Audio", "Filename"}),
        (10, "image/png", {"ImageSize", "Filename"}),
        (11, "application/octet-stream", set()),
        (12, "application/octet-stream", {"Filename"}),
        (15, "model/xyz", {"Filename"}),
    ],
)
def test_documents(media: ExportedWorld, message_id: int, mime: str, names: set[str]) -> None:
    """Each kind of file has the attributes by which clients know it."""
    document = found(media, message_id)
    assert document.document.mime_type == mime
    assert set(attributes(document)) == names


def test_documents_keep_their_details(media: ExportedWorld) -> None:
    """Durations, sizes, names, emoji, performers and flags come back."""
    assert attributes(found(media, 2))["Sticker"].alt == "🧵"
    assert attributes(found(media, 4))["Video"].round_message
    assert attributes(found(media, 5))["Audio"].voice
    video = found(media, 8)
    assert (video.spoiler, video.video, video.document.size) == (True, True, 4_000_000_000)
    assert attributes(video)["Video"].duration == 65
    song = attributes(found(media, 9))["Audio"]
    assert (song.title, song.performer) == ("Warp and Weft", "The Weavers")
    ids = [found(media, number).document.id for number in range(2, 16)]
    assert len(set(ids)) == len(ids)


def test_other_media(media: ExportedWorld) -> None:
    """Places, contacts, polls, lists, invoices, games and giveaways come back."""
    assert (found(media, 16).geo.lat, found(media, 16).geo.long) == (48.5, 9.05)
    assert found(media, 17).period == 900
    assert isinstance(found(media, 18).geo, types.GeoPointEmpty)
    assert (found(media, 19).title, found(media, 19).address) == ("Wool Market", "2 Spindle Lane")
    assert found(media, 20).first_name == "Rolf"
    poll = found(media, 21)
    assert poll.poll.question.text == "Which 🧶 colour?"
    assert poll.poll.question.entities[0].offset == 6
    assert [answer.text.text for answer in poll.poll.answers] == ["Red", "Blue"]
    assert [bool(one.chosen) for one in poll.results.results] == [False, True]
    assert [item.title.text for item in found(media, 22).todo.list] == ["Wool", "Needles"]
    invoice = found(media, 23)
    assert (invoice.title, invoice.description, invoice.total_amount) == ("Scarf", "Warm\x07", 2500)
    assert found(media, 24).game.short_name == "spin"
    assert found(media, 25).channels == [1720000001]
    assert found(media, 26).winners == [720000001, 720000002]
    assert found(media, 27).stars_amount == 50
    assert found(media, 28) is None


def test_all_entities(media: ExportedWorld) -> None:
    """All types of entities in one message, each over its own text."""
    message: Any = media.main.message(29)
    pairs = message.get_entities_text()
    assert [text for _, text in pairs[:3]] == ["unknown🪡 ", "mention🪡 ", "hashtag🪡 "]
    assert len({type(entity) for entity, _ in pairs}) == 20


def test_the_report_on_media(media: ExportedWorld) -> None:
    """What was left out of the files is counted by its reason."""
    unmapped = media.report.unmapped
    assert unmapped["file not in the export: too large for the export's settings"] == 1
    assert unmapped["file not in the export: unavailable"] == 1
    assert unmapped["hostile path refused"] == 2
    assert unmapped["unknown media_type, taken as a plain file"] == 1
    assert unmapped["field of a message not mapped: rich_message"] == 1
    assert media.report.loaded["documents"] == 14


# Service actions.

EXPECTED = {
    "create_group": "ChatCreate",
    "edit_group_title": "ChatEditTitle",
    "edit_group_photo": "ChatEditPhoto",
    "delete_group_photo": "ChatDeletePhoto",
    "invite_members": "ChatAddUser",
    "remove_members": "ChatDeleteUser",
    "join_group_by_link": "ChatJoinedByLink",
    "join_group_by_request": "ChatJoinedByRequest",
    "join_group_via_community": "ChatJoinedViaCommunity",
    "create_channel": "ChannelCreate",
    "migrate_to_supergroup": "ChatMigrateTo",
    "migrate_from_group": "ChannelMigrateFrom",
    "pin_message": "PinMessage",
    "clear_history": "HistoryClear",
    "score_in_game": "GameScore",
    "send_payment": "PaymentSent",
    "refunded_payment": "PaymentRefunded",
    "phone_call": "PhoneCall",
    "conference_call": "ConferenceCall",
    "take_screenshot": "ScreenshotTaken",
    None: "CustomAction",
    "attach_menu_bot_allowed": "BotAllowed",
    "web_app_bot_allowed": "BotAllowed",
    "allow_sending_messages": "BotAllowed",
    "send_passport_values": "SecureValuesSent",
    "joined_telegram": "ContactSignUp",
    "proximity_reached": "GeoProximityReached",
    "requested_phone_number": "Empty",
    "group_call": "GroupCall",
    "invite_to_group_call": "InviteToGroupCall",
    "set_messages_ttl": "SetMessagesTTL",
    "group_call_scheduled": "GroupCallScheduled",
    "edit_chat_theme": "SetChatTheme",
    "send_webview_data": "WebViewDataSent",
    "send_premium_gift": "GiftPremium",
    "topic_created": "TopicCreate",
    "topic_edit": "TopicEdit",
    "suggest_profile_photo": "SuggestProfilePhoto",
    "requested_peer": "RequestedPeer",
    "gift_code_prize": "GiftCode",
    "giveaway_launch": "GiveawayLaunch",
    "giveaway_results": "GiveawayResults",
    "set_chat_wallpaper": "SetChatWallPaper",
    "set_same_chat_wallpaper": "SetChatWallPaper",
    "boost_apply": "BoostApply",
    "send_stars_gift": "GiftStars",
    "send_ton_gift": "GiftTon",
    "stars_prize": "PrizeStars",
    "send_star_gift": "StarGift",
    "paid_messages_refund": "PaidMessagesRefunded",
    "paid_messages_price_change": "PaidMessagesPrice",
    "todo_completions": "TodoCompletions",
    "todo_append_tasks": "TodoAppendTasks",
    "process_suggested_post": "SuggestedPostApproval",
    "suggested_post_success": "SuggestedPostSuccess",
    "suggested_post_refund": "SuggestedPostRefund",
    "poll_append_answer": "PollAppendAnswer",
    "poll_delete_answer": "PollDeleteAnswer",
    "suggest_birthday": "SuggestBirthday",
    "no_forwards_toggle": "NoForwardsToggle",
    "no_forwards_request": "NoForwardsRequest",
    "new_creator_pending": "NewCreatorPending",
    "change_creator": "ChangeCreator",
    "managed_bot_created": "ManagedBotCreated",
    "something_of_tomorrow": "Empty",
}
RAW: Any = read_export(EXPORTS / "actions.json")


@pytest.fixture(scope="module")
def actions() -> ExportedWorld:
    """The export with at least one message for each service action."""
    return world_from_export(EXPORTS / "actions.json")


def actions_of(world: ExportedWorld, name: str) -> list[Any]:
    """Return the actions that came from those called *name* in the export."""
    ids = [raw["id"] for raw in RAW["messages"] if raw.get("action") == name]
    messages: list[Any] = [world.main.message(message_id) for message_id in ids]
    return [message.action for message in messages]


def read(**data: Any) -> tuple[Any, Findings]:
    """Read one action and return it with what was found."""
    findings = Findings()
    place = Place(1, 1, EPOCH, FileTable(EXPORTS))
    action = read_action(Record(data, "m", findings, 1), place, People())
    return action, findings


def test_the_test_data_has_every_action() -> None:
    """Each action that is mapped stands in the test data."""
    assert {raw.get("action") for raw in RAW["messages"]} >= set(ACTIONS)
    assert set(ACTIONS) <= set(EXPECTED)


@pytest.mark.parametrize("raw", RAW["messages"], ids=lambda raw: f"{raw['id']}")
def test_each_action(actions: ExportedWorld, raw: dict[str, Any]) -> None:
    """Each action becomes Telegram's own; what cannot be rebuilt is kept as an empty one."""
    message: Any = actions.main.message(raw["id"])
    assert isinstance(message, types.MessageService)
    name = type(message.action).__name__.removeprefix("MessageAction")
    expected = EXPECTED[raw.get("action")]
    if expected in {"GiftPremium", "GiftCode"}:
        # Layers have the length either in days or in months; one is never turned into the other.
        fields = signature(getattr(types, f"MessageAction{expected}")).parameters
        expected = expected if ("days" if "days" in raw else "months") in fields else "Empty"
    elif not hasattr(types, f"MessageAction{expected}"):
        assert actions.report.unmapped[f"not in this version of Telethon: MessageAction{expected}"]
        expected = "Empty"
    assert name == expected


def test_what_actions_say(actions: ExportedWorld) -> None:
    """Titles, amounts, reasons, peers and lists come back."""
    (score,) = actions_of(actions, "score_in_game")
    assert score.score == 41
    hangup, missed, moved = actions_of(actions, "phone_call")
    assert isinstance(hangup.reason, types.PhoneCallDiscardReasonHangup)
    assert isinstance(missed.reason, types.PhoneCallDiscardReasonMissed)
    assert (hangup.duration, moved.reason) == (12, None)
    requested, older = actions_of(actions, "requested_peer")
    assert requested.peers == [types.PeerUser(710000001), types.PeerChannel(1710000001)]
    assert older.peers == [types.PeerUser(710000002)]
    (ton,) = actions_of(actions, "send_ton_gift")
    assert (ton.crypto_amount, ton.crypto_currency) == (1_500_000_000, "TON")
    assert [gift.stars for gift in actions_of(actions, "send_stars_gift")] == [250, 250]
    (gift,) = actions_of(actions, "send_star_gift")
    assert (gift.gift.id, gift.message.text) == (5170145012310081615, "Fly high")
    rejected, approved = actions_of(actions, "process_suggested_post")
    assert (rejected.reject_comment, approved.price.amount) == ("Too long", 5)
    (success,) = actions_of(actions, "suggested_post_success")
    assert success.price == types.StarsTonAmount(1_250_000_000)
    (passport,) = actions_of(actions, "send_passport_values")
    assert len(passport.types) == 3
    (edit,) = actions_of(actions, "topic_edit")
    assert (edit.title, edit.icon_emoji_id) == ("Wind and weather", 5377305978079288312)
    plain, with_app = actions_of(actions, "allow_sending_messages")
    assert (plain.domain, with_app.domain) == ("kites.example", None)


def test_actions_point_to_their_message(actions: ExportedWorld) -> None:
    """A pin, a score and a payment reply to the message they are about."""
    targets = {
        raw["action"]: getattr(message.reply_to, "reply_to_msg_id", None)
        for raw in RAW["messages"]
        if raw.get("action") in {"pin_message", "score_in_game", "send_payment"}
        for message in [actions.main.message(raw["id"])]
    }
    assert targets == {"pin_message": 2, "score_in_game": 3, "send_payment": 4}


def test_members_by_name_get_no_id(actions: ExportedWorld) -> None:
    """Members are names in an export: the action stays, without ids, and they are counted."""
    assert [a.users for a in actions_of(actions, "create_group")] == [[]]
    assert [a.user_id for a in actions_of(actions, "remove_members")] == [0]
    assert actions.report.unmapped["member known by name only"] == 9
    assert 0 not in actions.users


def test_unknown_actions_are_counted(actions: ExportedWorld) -> None:
    """An action of tomorrow is counted by name, and so are its fields."""
    unmapped = actions.report.unmapped
    assert unmapped["service action not mapped: something_of_tomorrow"] == 1
    assert unmapped["field of a service message not mapped: color"] == 1
    _, findings = read(action="x" * 99)
    assert findings.unmapped == Counter({"service action not mapped: (unusual name)": 1})


@pytest.mark.parametrize(
    "data",
    [
        {"action": "edit_group_photo"},
        {"action": "suggest_profile_photo"},
        {"action": "proximity_reached", "from_id": "user1"},
        {"action": "group_call_scheduled"},
        {"action": "suggest_birthday", "day": 1},
        {"action": "refunded_payment"},
        {"action": "stars_prize"},
        {"action": "send_premium_gift"},
        {"action": "gift_code_prize"},
    ],
    ids=lambda data: str(data["action"]),
)
def test_actions_without_what_they_need(data: dict[str, Any]) -> None:
    """An action that lacks what its type cannot do without is empty, and counted once."""
    action, findings = read(**data)
    assert isinstance(action, types.MessageActionEmpty)
    assert findings.unmapped == {f"service action without what it needs: {data['action']}": 1}


def test_actions_with_odd_values() -> None:
    """Ids beyond 63 bits are read as signed; peers of no known kind are counted."""
    gift, _ = read(action="send_star_gift", gift_id=2**64 - 5)
    edit, _ = read(action="topic_edit", new_icon_emoji_id=str(2**64 - 1))
    assert (gift.gift.id, edit.icon_emoji_id) == (-5, -1)
    requested, findings = read(action="requested_peer", peers=[9 << 48, 7])
    assert requested.peers == [types.PeerUser(7)]
    assert findings.unmapped == {"requested peer of an unknown kind": 1}
    for broken in ({"peers": {}}, {}):
        with pytest.raises(WorldError, match=r"peers \(message 1\): expected a list of ids"):
            read(action="requested_peer", **broken)
    empty, findings = read(action="create_group", title="x", members=[])
    assert (empty.title, findings.unmapped.total()) == ("x", 0)


def test_an_invoice_written_as_an_object() -> None:
    """An invoice may stand in the export as an object instead of as a text."""
    place = Place(1, 1, EPOCH, FileTable(EXPORTS))
    record = Record({"invoice_information": {"title": "Scarf"}}, "m", Findings(), 1)
    invoice: Any = read_media(record, place)
    assert invoice.title == "Scarf"


def test_durations_are_seconds() -> None:
    """A duration is not negative and not endless."""
    place = Place(1, 1, EPOCH, FileTable(EXPORTS))
    for value in (-1, 1e300):
        record = Record({"file": "a.mp4", "duration_seconds": value}, "m", Findings(), 1)
        with pytest.raises(WorldError, match="duration_seconds"):
            read_files(record, place)
    photo = Record({}, "m", Findings(), 1)
    assert read_photo(photo, place) is None
    assert read_document(photo, place) is None


def test_a_telethon_that_lacks_a_type() -> None:
    """A type that the installed Telethon does not have yet is counted by name."""
    record = Record({}, "m", Findings(), 1)
    assert record.build("MessageActionOfTomorrow", price=5) is None
    assert record.build("MessageActionPinMessage", price=5) is None, "a field it does not have"
    assert record.build("MessageActionPinMessage", price=None) is not None, "but it is empty"
    assert record.findings.unmapped == {
        "not in this version of Telethon: MessageActionOfTomorrow": 1,
        "not in this version of Telethon: MessageActionPinMessage": 1,
    }
