"""Rebuild what a service message says: the actions of groups, channels, calls and topics.

The export names members, not their ids. An action is kept without them (a single id then is 0,
which no user has), and they are counted: ids are never invented. Gifts and payments are in
`export_payments`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from telethon.tl import types

from telefast.testing.export_fields import INT_MAX, LONG_MAX, Record
from telefast.testing.export_json import parse_json
from telefast.testing.export_media import Place, read_photo
from telefast.testing.export_payments import PAYMENTS
from telefast.testing.export_text import read_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from telefast.testing.export_people import People

__all__ = ["ACTIONS", "read_action"]

_PEER_KIND_SHIFT = 48
"""Telegram Desktop's own peer id: the kind (0 user, 1 basic group, 2 channel) above 48 bits."""
_BY_NAME = "member known by name only"
_NO_CALL_ID = "id of a call"


def read_action(record: Record, place: Place, people: People) -> types.TypeMessageAction:
    """Read the action of a service message; `MessageActionEmpty` if it cannot be rebuilt."""
    name = record.text("action")
    if name is None:
        return types.MessageActionCustomAction(record.text("information_text") or "")
    reader = ACTIONS.get(name)
    if reader is None:
        shown = name if len(name) <= 40 and name.isidentifier() else "(unusual name)"
        record.miss(f"service action not mapped: {shown}", "action")
        return types.MessageActionEmpty()
    action = reader(record, place, people)
    if action is None:
        if not record.is_too_new:
            record.miss(f"service action without what it needs: {name}", "action")
        return types.MessageActionEmpty()
    return action


def _members(record: Record) -> list[int]:
    """Count the members, who are known by name only, and return no id."""
    names = record.items("members")
    if names:
        record.miss(_BY_NAME, "members", len(names))
    return []


def _no_id(record: Record, key: str, reason: str = _BY_NAME) -> int:
    """Count an id that the export does not have, and return that of nobody."""
    record.ignore(key)
    record.miss(reason, key)
    return 0


def _call(record: Record) -> types.TypeInputGroupCall:
    return types.InputGroupCall(_no_id(record, "action", _NO_CALL_ID), 0)


def _create_group(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    return types.MessageActionChatCreate(record.text("title") or "", _members(record))


def _edit_photo(record: Record, place: Place, _people: People) -> types.TypeMessageAction | None:
    photo = _photo(record, place)
    return None if photo is None else types.MessageActionChatEditPhoto(photo)


def _suggest_photo(record: Record, place: Place, _people: People) -> types.TypeMessageAction | None:
    photo = _photo(record, place)
    return None if photo is None else types.MessageActionSuggestProfilePhoto(photo)


def _photo(record: Record, place: Place) -> types.Photo | None:
    record.ignore("media_spoiler")
    return read_photo(record, place)


def _remove(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    return types.MessageActionChatDeleteUser(_no_id(record, "members"))


def _join_by_link(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    if "inviter" not in record:
        record.ignore("inviter")
        return types.MessageActionChatJoinedByLink(0)
    return types.MessageActionChatJoinedByLink(_no_id(record, "inviter"))


def _migrate_from(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    chat_id = _no_id(record, "action", "id of a group before or after its upgrade")
    return types.MessageActionChannelMigrateFrom(record.text("title") or "", chat_id)


def _migrate_to(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    chat_id = _no_id(record, "action", "id of a group before or after its upgrade")
    return types.MessageActionChatMigrateTo(chat_id)


def _score(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    game_id = _no_id(record, "action", "id of a game")
    return types.MessageActionGameScore(game_id, record.integer("score", low=-INT_MAX - 1) or 0)


def _phone_call(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    reasons: dict[str, types.TypePhoneCallDiscardReason] = {
        "busy": types.PhoneCallDiscardReasonBusy(),
        "disconnect": types.PhoneCallDiscardReasonDisconnect(),
        "hangup": types.PhoneCallDiscardReasonHangup(),
        "missed": types.PhoneCallDiscardReasonMissed(),
    }
    name = record.text("discard_reason")
    reason = reasons.get(name or "")
    if name and reason is None:
        record.miss("reason why a call ended", "discard_reason")
    return types.MessageActionPhoneCall(
        call_id=_no_id(record, "action", _NO_CALL_ID),
        reason=reason,
        duration=record.integer("duration_seconds") or None,
    )


def _conference(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    return types.MessageActionConferenceCall(
        call_id=_no_id(record, "action", _NO_CALL_ID),
        missed=record.flag("is_missed") or None,
        active=record.flag("is_active") or None,
        duration=record.integer("duration_seconds") or None,
    )


def _group_call(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    return types.MessageActionGroupCall(_call(record), record.integer("duration") or None)


def _call_invite(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    return types.MessageActionInviteToGroupCall(_call(record), _members(record))


def _call_scheduled(
    record: Record, _place: Place, _people: People
) -> types.TypeMessageAction | None:
    seconds = record.seconds("schedule_date")
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return types.MessageActionGroupCallScheduled(_call(record), moment)


def _bot_allowed(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    if "reason_app_id" in record or "reason_app_name" in record:
        record.ignore("reason_app_id", "reason_app_name")
        record.miss("app that may send messages", "reason_app_id")
    return types.MessageActionBotAllowed(domain=record.text("reason_domain"))


def _passport(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    found = []
    for item in record.items("values"):
        kind = _PASSPORT.get(item) if isinstance(item, str) else None
        if kind is None:
            record.miss("passport value of an unknown type", "values")
        else:
            found.append(kind())
    return types.MessageActionSecureValuesSent(found)


def _proximity(record: Record, _place: Place, people: People) -> types.TypeMessageAction | None:
    from_id, to_id = record.peer("from_id"), record.peer("to_id")
    people.meet(from_id, record.text("from"))
    people.meet(to_id, record.text("to"))
    distance = record.integer("distance") or 0
    if from_id is None or to_id is None:
        return None
    return types.MessageActionGeoProximityReached(from_id, to_id, distance)


def _theme(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    return types.MessageActionSetChatTheme(types.ChatTheme(record.text("emoticon") or ""))


def _wallpaper(record: Record, *, same: bool) -> types.TypeMessageAction:
    paper = types.WallPaperNoFile(_no_id(record, "action", "picture of a wallpaper"))
    return types.MessageActionSetChatWallPaper(paper, same=same or None)


def _web_view_data(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    # The message's own text stands under the same key further down and wins in any JSON reader.
    record.miss("button text of web view data", "text")
    return types.MessageActionWebViewDataSent("")


def _topic(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    color = _no_id(record, "action", "icon of a new topic")
    return types.MessageActionTopicCreate(record.text("title") or "", color)


def _topic_edit(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    icon = record.integer("new_icon_emoji_id", low=-LONG_MAX, high=2**64 - 1)
    if icon is not None and icon > LONG_MAX:
        icon -= 2**64
    return types.MessageActionTopicEdit(title=record.text("new_title"), icon_emoji_id=icon)


def _requested_peer(
    record: Record, _place: Place, _people: People
) -> types.TypeMessageAction | None:
    value = record.take("peers")
    if isinstance(value, str):  # Telegram Desktop writes the list once more as a text.
        value = parse_json(record.checked_text("peers", value), record.place("peers"))
    if value is None and "peer_id" in record:
        value = [record.take("peer_id")]
    if not isinstance(value, list):
        raise record.wrong("peers", "a list of ids", value)
    peers: list[types.TypePeer] = []
    for item in value:
        number = record.checked_integer("peers", item, high=LONG_MAX)
        kind, bare = number >> _PEER_KIND_SHIFT, number & (2**_PEER_KIND_SHIFT - 1)
        if kind > 2 or bare == 0:
            record.miss("requested peer of an unknown kind", "peers")
        else:
            peers.append((types.PeerUser, types.PeerChat, types.PeerChannel)[kind](bare))
    button = record.integer("button_id", low=-INT_MAX - 1) or 0
    return types.MessageActionRequestedPeer(button, peers)


def _todo_done(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    lists = [
        [record.checked_integer(key, item) for item in record.items(key)]
        for key in ("completed", "incompleted")
    ]
    return types.MessageActionTodoCompletions(*lists)


def _todo_append(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    items = [
        types.TodoItem(item.integer("id") or 0, read_plain(item, "text"))
        for item in record.records("items")
    ]
    return types.MessageActionTodoAppendTasks(items)


def _poll_answer(record: Record) -> types.TypePollAnswer:
    record.miss("text of a poll's answer", "option")
    option = (record.text("option") or "").encode()
    return types.PollAnswer(types.TextWithEntities("", []), option)


def _birthday(record: Record, _place: Place, _people: People) -> types.TypeMessageAction | None:
    day, month = record.integer("day"), record.integer("month")
    year = record.integer("year")
    if day is None or month is None:
        return None
    return types.MessageActionSuggestBirthday(types.Birthday(day, month, year))


def _no_forwards(record: Record, _place: Place, _people: People) -> Any:
    value = record.flag("new_value")
    return record.build("MessageActionNoForwardsToggle", prev_value=not value, new_value=value)


def _no_forwards_request(record: Record, _place: Place, _people: People) -> Any:
    value, is_expired = record.flag("new_value"), record.flag("expired")
    return record.build(
        "MessageActionNoForwardsRequest",
        prev_value=not value,
        new_value=value,
        expired=is_expired or None,
    )


_PASSPORT: dict[str, Callable[[], types.TypeSecureValueType]] = {
    "personal_details": types.SecureValueTypePersonalDetails,
    "passport": types.SecureValueTypePassport,
    "driver_license": types.SecureValueTypeDriverLicense,
    "identity_card": types.SecureValueTypeIdentityCard,
    "internal_passport": types.SecureValueTypeInternalPassport,
    "address_information": types.SecureValueTypeAddress,
    "utility_bill": types.SecureValueTypeUtilityBill,
    "bank_statement": types.SecureValueTypeBankStatement,
    "rental_agreement": types.SecureValueTypeRentalAgreement,
    "passport_registration": types.SecureValueTypePassportRegistration,
    "temporary_registration": types.SecureValueTypeTemporaryRegistration,
    "phone_number": types.SecureValueTypePhone,
    "email": types.SecureValueTypeEmail,
}

ACTIONS: dict[str, Callable[[Record, Place, People], types.TypeMessageAction | None]] = {
    "create_group": _create_group,
    "edit_group_title": lambda r, _, __: types.MessageActionChatEditTitle(r.text("title") or ""),
    "edit_group_photo": _edit_photo,
    "delete_group_photo": lambda *_: types.MessageActionChatDeletePhoto(),
    "invite_members": lambda r, _, __: types.MessageActionChatAddUser(_members(r)),
    "remove_members": _remove,
    "join_group_by_link": _join_by_link,
    "join_group_by_request": lambda *_: types.MessageActionChatJoinedByRequest(),
    "join_group_via_community": lambda r, _, __: r.build(
        "MessageActionChatJoinedViaCommunity", community_id=r.bare_id("community_id") or 0
    ),
    "create_channel": lambda r, _, __: types.MessageActionChannelCreate(r.text("title") or ""),
    "migrate_to_supergroup": _migrate_to,
    "migrate_from_group": _migrate_from,
    "pin_message": lambda *_: types.MessageActionPinMessage(),
    "clear_history": lambda *_: types.MessageActionHistoryClear(),
    "score_in_game": _score,
    "phone_call": _phone_call,
    "conference_call": _conference,
    "group_call": _group_call,
    "invite_to_group_call": _call_invite,
    "group_call_scheduled": _call_scheduled,
    "take_screenshot": lambda *_: types.MessageActionScreenshotTaken(),
    "attach_menu_bot_allowed": lambda *_: types.MessageActionBotAllowed(attach_menu=True),
    "web_app_bot_allowed": lambda *_: types.MessageActionBotAllowed(from_request=True),
    "allow_sending_messages": _bot_allowed,
    "send_passport_values": _passport,
    "joined_telegram": lambda *_: types.MessageActionContactSignUp(),
    "proximity_reached": _proximity,
    "set_messages_ttl": lambda r, _, __: types.MessageActionSetMessagesTTL(
        r.integer("period") or 0
    ),
    "edit_chat_theme": _theme,
    "set_chat_wallpaper": lambda r, _, __: _wallpaper(r, same=False),
    "set_same_chat_wallpaper": lambda r, _, __: _wallpaper(r, same=True),
    "send_webview_data": _web_view_data,
    "topic_created": _topic,
    "topic_edit": _topic_edit,
    "suggest_profile_photo": _suggest_photo,
    "requested_peer": _requested_peer,
    "boost_apply": lambda r, _, __: types.MessageActionBoostApply(r.integer("boosts") or 0),
    "todo_completions": _todo_done,
    "todo_append_tasks": _todo_append,
    "poll_append_answer": lambda r, _, __: r.build(
        "MessageActionPollAppendAnswer", answer=_poll_answer(r)
    ),
    "poll_delete_answer": lambda r, _, __: r.build(
        "MessageActionPollDeleteAnswer", answer=_poll_answer(r)
    ),
    "suggest_birthday": _birthday,
    "no_forwards_toggle": _no_forwards,
    "no_forwards_request": _no_forwards_request,
    "new_creator_pending": lambda r, _, __: r.build(
        "MessageActionNewCreatorPending", new_creator_id=_no_id(r, "new_creator")
    ),
    "change_creator": lambda r, _, __: r.build(
        "MessageActionChangeCreator", new_creator_id=_no_id(r, "new_creator")
    ),
    "managed_bot_created": lambda r, _, __: r.build(
        "MessageActionManagedBotCreated", bot_id=_no_id(r, "bot")
    ),
    **PAYMENTS,
}
"""Name of an action in the export -> what reads it."""
