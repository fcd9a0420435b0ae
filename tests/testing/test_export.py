"""Does an export give back the chat that was exported, through the unmodified client too?"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from telethon import utils
from telethon.tl import types

from telefast.errors import ArgumentError, WorldError
from telefast.testing import Group, LocalTelegram, World
from telefast.testing.export import world_from_export
from telefast.testing.export_people import split_name
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telefast.testing.export import ExportedWorld

EXPORTS = Path(__file__).parent.parent / "data" / "exports"
NAMES = sorted(path.stem for path in EXPORTS.glob("*.json"))
CLUB = EXPORTS / "club.json"
ACCOUNT = EXPORTS / "account.json"
needs_buttons = pytest.mark.skipif(
    not hasattr(types, "KeyboardInlineButton"), reason="this Telethon has the older buttons"
)
MARA, OSSIAN, DELETED = 700000001, 700000002, 700000003


def write(folder: Path, *messages: dict[str, Any], **chat: Any) -> Path:
    """Write an export of one chat; each message gets what it lacks."""
    full = [{"type": "message", "date_unixtime": "1600000000", "text": "", **m} for m in messages]
    path = folder / "result.json"
    data = {"name": "Test", "type": "private_supergroup", "id": 1234, "messages": full, **chat}
    path.write_text(json.dumps(data), "utf-8")
    return path


def message(world: ExportedWorld, message_id: int) -> Any:
    """Return a message of the largest chat."""
    return world.main.message(message_id)


def all_messages(world: World) -> Iterable[tuple[int, bytes]]:
    """Yield the marked id of the chat and the bytes of each message of each chat."""
    for chat in world.account.chats():
        for message_id in chat.ids:
            yield chat.marked_id, chat.message_bytes(message_id)


@pytest.mark.parametrize("name", NAMES)
def test_messages_are_what_telegram_would_send(name: str) -> None:
    """Each message stands in its own chat and reads back from its bytes, byte for byte."""
    world = world_from_export(EXPORTS / f"{name}.json")
    assert sum(1 for _ in all_messages(world)) == sum(c.messages for c in world.report.chats)
    for marked_id, data in all_messages(world):
        found = read_object(data)
        assert bytes(found) == data
        assert utils.get_peer_id(found.peer_id) == marked_id


@pytest.mark.parametrize("name", NAMES)
def test_loading_twice_gives_the_same_bytes(name: str) -> None:
    """Ids of media, access hashes and the report depend on the export alone."""
    first = world_from_export(EXPORTS / f"{name}.json")
    second = world_from_export(EXPORTS / f"{name}.json")
    assert list(all_messages(first)) == list(all_messages(second))
    assert {i: bytes(u) for i, u in first.users.items()} == {
        i: bytes(u) for i, u in second.users.items()
    }
    assert first.report == second.report


@pytest.mark.parametrize("name", NAMES)
async def test_the_unmodified_client_reads_all_of_it(name: str) -> None:
    """Stock Telethon lists every message with its exact bytes and finds each named sender."""
    world = world_from_export(EXPORTS / f"{name}.json")
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for chat in world.account.chats():
            found = [one async for one in client.iter_messages(chat.input_peer())]
            assert [one.id for one in found] == sorted(chat.ids, reverse=True)
            for one in found:
                if one.saved_peer_id is not None:
                    one.out = False  # Telethon makes messages to oneself outgoing.
                assert bytes(one) == chat.message_bytes(one.id)
                if one.from_id is not None:
                    assert utils.get_peer_id(one.sender) == one.sender_id
        assert not telegram.unknown


@pytest.mark.parametrize("name", NAMES)
def test_an_exported_world_travels_to_another_process(name: str) -> None:
    """The recipe of an exported world gives the same messages and users."""
    world = world_from_export(EXPORTS / f"{name}.json")
    again = World.from_recipe(json.loads(json.dumps(world.recipe())))
    assert list(all_messages(again)) == list(all_messages(world))
    assert {i: bytes(u) for i, u in again.users.items()} == {
        i: bytes(u) for i, u in world.users.items()
    }


# One chat.


def test_text_replies_and_senders() -> None:
    """Texts keep their entities, replies their target, messages their sender and dates."""
    world = world_from_export(CLUB)
    first = message(world, 2)
    assert first.message == "Welcome 🌊 everybody, see https://lighthouse.example or ask @tide_bot!"
    assert first.date == datetime(2021, 3, 1, 9, 5, tzinfo=UTC)
    assert [text for _, text in first.get_entities_text()] == [
        "everybody",
        "https://lighthouse.example",
        "@tide_bot",
    ]
    reply = message(world, 3)
    assert reply.reply_to.reply_to_msg_id == 2
    assert reply.reply_to.reply_to_peer_id is None
    assert reply.from_id.user_id == OSSIAN
    assert reply.edit_date == datetime(2021, 3, 1, 9, 11, tzinfo=UTC)
    abroad = message(world, 10).reply_to
    assert abroad.reply_to_peer_id == types.PeerChannel(1600000009)
    assert (world.users[OSSIAN].first_name, world.users[OSSIAN].last_name) == ("Ossian", "Reef")
    assert world.users[DELETED].deleted
    assert world.users[DELETED].first_name is None


def test_an_anonymous_admin_writes_as_the_group() -> None:
    """Who writes in the name of the supergroup has it as sender, and signs as the export says."""
    found = message(world_from_export(CLUB), 6)
    assert found.from_id == types.PeerChannel(1700000001)
    assert found.post_author == "keeper"


def test_forwards() -> None:
    """A forward has the id of its origin, or its name if it is hidden; never a made-up date."""
    world = world_from_export(CLUB)
    known, hidden = message(world, 5).fwd_from, message(world, 7).fwd_from
    assert known.from_id == types.PeerChannel(1600000009)
    assert world.foreign[-1001600000009].title == "Harbour News"
    assert (hidden.from_id, hidden.from_name) == (None, "Somebody Hidden")
    assert known.date == hidden.date == datetime(1970, 1, 1, tzinfo=UTC)
    assert world.report.unmapped["date of the original of a forward"] == 2


def test_reactions() -> None:
    """Emoji, custom emoji by id, stars and who reacted come back; a custom emoji by path cannot."""
    world = world_from_export(CLUB)
    found = message(world, 2).reactions
    assert [(bytes(r.reaction), r.count) for r in found.results] == [
        (bytes(types.ReactionEmoji("👍")), 3),
        (bytes(types.ReactionCustomEmoji(5377305978079288312)), 1),
        (bytes(types.ReactionPaid()), 15),
    ]
    assert [r.peer_id.user_id for r in found.recent_reactions] == [OSSIAN, DELETED]
    reason = "reaction with a custom emoji by its file, not by its id"
    assert world.report.unmapped[reason] == 1
    assert message(world, 13).reactions.results[0].count == 1


@needs_buttons
def test_buttons() -> None:
    """Inline buttons come back with their data; other kinds of buttons are counted."""
    world = world_from_export(CLUB)
    rows = message(world, 10).reply_markup.rows
    assert [len(row.buttons) for row in rows] == [2]
    today, website = rows[0].buttons
    assert (today.text, today.type.data) == ("Today", b"day:0?")
    assert website.type.url == "https://lighthouse.example/tides"
    assert world.report.unmapped["button that is not one of an inline keyboard"] == 1


@needs_buttons
@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("auth", "InlineButtonTypeUrlAuth"),
        ("user_profile", "InlineButtonTypeUserProfile"),
        ("switch_inline", "InlineButtonTypeSwitchInline"),
        ("switch_inline_same", "InlineButtonTypeSwitchInline"),
        ("callback_with_password", "InlineButtonTypeCallback"),
        ("web_view", "InlineButtonTypeWebView"),
        ("copy_text", "InlineButtonTypeCopy"),
        ("game", "InlineButtonTypeGame"),
        ("buy", "InlineButtonTypeBuy"),
    ],
)
def test_each_kind_of_button(tmp_path: Path, kind: str, made: str) -> None:
    """Each kind that an inline keyboard may have becomes the type that Telegram has for it."""
    button = {"type": kind, "text": "x", "data": "42"}
    world = world_from_export(write(tmp_path, {"id": 1, "inline_bot_buttons": [[button]]}))
    found = message(world, 1).reply_markup.rows[0].buttons[0].type
    assert type(found).__name__ == made
    assert not [reason for reason in world.report.unmapped if "field" in reason]


def test_negative_ids_are_the_time_before_the_upgrade() -> None:
    """Messages of the group before its upgrade are counted with their place, not dropped."""
    world = world_from_export(CLUB)
    reason = "message from before the upgrade to a supergroup (negative id)"
    assert world.report.unmapped[reason] == 1
    assert world.report.examples[reason] == ("messages[0] (message -999999990)",)


def test_control_characters() -> None:
    r"""The escape `\xHH`, which JSON does not have, is a control character; `\\xHH` is text."""
    found = message(world_from_export(CLUB), 11)
    assert found.message == "A bell \x07 and a path C:\\x07 in one line"
    assert found.get_entities_text()[0][1] == "\x07"


def test_unsorted_and_unsupported() -> None:
    """Messages stand in the order of their ids; an unsupported one is a counted hole."""
    world = world_from_export(CLUB)
    assert list(world.main.ids) == [1, 2, 3, 5, 6, 7, 9, 10, 11, 12, 13, 14]
    reason = "message that Telegram Desktop could not export (unsupported)"
    assert world.report.unmapped[reason] == 1


def test_what_the_format_lacks_is_said() -> None:
    """The report names albums and topics as never exported, and none is made up."""
    world = world_from_export(CLUB)
    assert any("albums" in line for line in world.report.not_in_export)
    assert any("topics" in line for line in world.report.not_in_export)
    for _, data in all_messages(world):
        found = read_object(data)
        assert found.grouped_id is None
        assert not (found.reply_to and found.reply_to.forum_topic)


def test_the_report_has_no_message_text() -> None:
    """The report names places and titles, and nothing that somebody wrote."""
    for name in NAMES:
        world = world_from_export(EXPORTS / f"{name}.json")
        shown = "\n".join(world.report.lines()) + repr(world) + repr(world.report)
        for _, data in all_messages(world):
            text = read_object(data).message
            assert not text or len(text) < 4 or text not in shown


# Old exports.


def test_an_export_of_old(tmp_path: Path) -> None:
    """Without text_entities and Unix times: text from its pieces, local dates counted as UTC."""
    world = world_from_export(EXPORTS / "old.json")
    first, sticker, contact = (message(world, number) for number in (3001, 3002, 3003))
    assert first.message == "See the plan 🗺 or run print('\x01')"
    assert first.get_entities_text(types.MessageEntityTextUrl)[0][1] == "the plan 🗺"
    assert first.date == datetime(2019, 7, 1, 10, tzinfo=UTC)
    assert first.edit_date is None, "the epoch stands for never"
    assert sticker.edit_date == datetime(2019, 7, 1, 10, 2, tzinfo=UTC)
    assert first.from_id == types.PeerUser(700000001)
    assert contact.from_id is None
    assert contact.media.phone_number == "+1 555 0100 03"
    assert sticker.document.mime_type == "image/webp"
    unmapped = world.report.unmapped
    assert unmapped["time zone of a local date, taken as UTC"] == 6
    assert unmapped["old numeric id that does not say whose it is"] == 1
    assert isinstance(world.main, Group)
    assert world.report.chats[0].shown_as == "basic group"
    assert world.groups[world.main.id].members == (world.me.id,), "the export has no members"


# A whole account.


def test_a_whole_account() -> None:
    """All chats, left ones too; the largest is `main`; the owner's messages are outgoing."""
    world = world_from_export(ACCOUNT)
    assert [(chat.title, chat.messages) for chat in world.report.chats] == [
        ("Harbour News", 4),
        ("Ossian van Reef", 3),
        ("Saved Messages", 1),
        ("Harbour News", 1),
        ("Deleted Account", 0),
    ]
    assert [chat.shown_as for chat in world.report.chats] == [
        *("channel", "private chat", "private chat", "supergroup", "basic group")
    ]
    assert world.chat(world.report.chats[0].marked_id) is world.main
    assert world.main.title == "Harbour News"
    assert not world.channels[world.main.id].megagroup
    assert (world.me.id, world.me.username, world.me.phone) == (MARA, "mara_quill", "1555010001")
    talk = world.private_chats[OSSIAN]
    assert talk.title == "Ossian van Reef"
    assert [bool(talk.message(i).out) for i in talk.ids] == [True, False, False]
    assert [talk.message(i).from_id for i in talk.ids] == [types.PeerUser(MARA), None, None]
    saved = world.private_chats[MARA].message(46)
    assert (saved.out, saved.from_id, saved.saved_peer_id) == (
        *(False, types.PeerUser(MARA), types.PeerUser(MARA)),
    )
    assert world.users[OSSIAN].first_name == "Ossian van", "as the contacts split the name"
    assert world.report.unmapped["field of the export not mapped: profile_pictures"] == 1


def test_channel_posts_have_no_sender() -> None:
    """A post of a broadcast channel has no sender and is marked as a post."""
    world = world_from_export(ACCOUNT)
    post = message(world, 2)
    assert post.post
    assert post.from_id is None
    assert post.post_author == "Editor"


def test_a_private_chat_and_a_channel_may_have_one_id() -> None:
    """Users and channels count ids apart: both keep theirs."""
    world = world_from_export(ACCOUNT)
    assert world.channels[OSSIAN].title == "Harbour News"
    assert world.private_chats[OSSIAN].title == "Ossian van Reef"


def test_a_chat_of_an_unknown_kind_gives_way_to_a_channel(tmp_path: Path) -> None:
    """A kind of chat that nobody knows is shown as a supergroup, under an id that is free."""
    chats = [
        {"name": "Odd", "type": "moon_base", "id": 5, "messages": []},
        {"name": "News", "type": "private_channel", "id": 5, "messages": []},
    ]
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"chats": {"list": chats}}), "utf-8")
    world = world_from_export(path)
    assert [chat.title for chat in world.channels.values()] == ["Odd", "News"]
    assert [*world.channels] == [6, 5]
    unmapped = world.report.unmapped
    assert unmapped["id of a chat that another chat has too, changed"] == 1
    assert unmapped["kind of chat: chat of an unknown kind shown as a supergroup"] == 1


@pytest.mark.parametrize("sender", ["user8", 2**32 + 8], ids=["new", "old"])
def test_a_private_chat_tells_whose_the_export_is(tmp_path: Path, sender: object) -> None:
    """Only two write in a private chat: who is not the other one has made the export."""
    mine = {"id": 1, "from": "Mara", "from_id": sender}
    other = {"id": 2, "from": "Pia", "from_id": "user9"}
    path = write(tmp_path, mine, other, type="personal_chat", id=9, name="Pia")
    world = world_from_export(path)
    assert (world.me.id, world.me.first_name) == (8, "Mara")
    assert [bool(message(world, id_).out) for id_ in (1, 2)] == [True, False]
    assert message(world, 2).from_id is None
    assert "who made the export: own messages are not marked" not in world.report.unmapped


def test_saved_messages_tell_whose_the_export_is(tmp_path: Path) -> None:
    """The chat with oneself has one's own id."""
    note = {"id": 1, "from": "Mara", "from_id": "user8"}
    world = world_from_export(write(tmp_path, note, type="saved_messages", id=8, name=None))
    assert world.me.id == 8
    assert world.main is world.private_chats[8]
    assert world.main.title == "Saved Messages"


def test_two_who_write_to_one_leave_the_owner_unknown(tmp_path: Path) -> None:
    """If two others write in a private chat, neither is taken for the owner."""
    notes = [{"id": id_, "from": "X", "from_id": f"user{id_}"} for id_ in (7, 8)]
    world = world_from_export(write(tmp_path, *notes, type="personal_chat", id=9, name="Pia"))
    assert world.me.id not in {7, 8, 9}
    assert message(world, 7).from_id == types.PeerUser(7)


def test_the_owner_is_nobody_of_the_chat_if_unknown() -> None:
    """An export of one chat does not say whose it is: nobody's messages are outgoing."""
    world = world_from_export(CLUB)
    assert world.me.is_self
    assert world.me.id not in {MARA, OSSIAN, DELETED}
    assert not any(read_object(data).out for _, data in all_messages(world))


@pytest.mark.parametrize("chat", [700000001, " 700000001", "Saved Messages", "saved messages"])
def test_choosing_a_chat(chat: int | str) -> None:
    """A chat is chosen by id or title; the others are neither loaded nor read."""
    world = world_from_export(ACCOUNT, chat=chat)
    assert [chat.title for chat in world.account.chats()] == ["Saved Messages"]
    assert world.report.chats_left_out == 4
    assert world_from_export(ACCOUNT, chat=-1001700000077).main.id == 1700000077


@pytest.mark.parametrize(
    ("chat", "said"),
    [
        ("Nowhere", "no such chat: 'Ossian van Reef' (id 700000002, personal_chat, 3 messages); "),
        (5, "chat=5: no such chat"),
        ("9" * 30, "no such chat"),
        ("Harbour News", "several chats fit, choose by id: 'Harbour News' (id 700000002, public"),
        (700000002, "several chats fit"),
    ],
)
def test_no_such_chat(chat: int | str, said: str) -> None:
    """An unknown or ambiguous chat is an error that lists what there is."""
    with pytest.raises(WorldError) as caught:
        world_from_export(ACCOUNT, chat=chat)
    assert said in str(caught.value)


def test_a_long_list_of_chats_is_cut(tmp_path: Path) -> None:
    """At most twenty chats are listed, each title cut at forty characters."""
    chats = [{"name": f"{'n' * 60}{i}", "type": "private_group", "id": i + 1} for i in range(50)]
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"chats": {"list": chats}}), "utf-8")
    with pytest.raises(WorldError) as caught:
        world_from_export(path, chat="x")
    assert str(caught.value).endswith("; and 30 more")
    assert "n" * 41 not in str(caught.value)


@pytest.mark.parametrize("chat", [True, 1.5, b"Club", ["Club"]])
def test_a_chat_of_the_wrong_type(chat: Any) -> None:
    """Anything but a number or a text is a wrong argument, named."""
    with pytest.raises(ArgumentError, match=r"^chat="):
        world_from_export(ACCOUNT, chat=chat)


# Files.


def test_files_where_present(tmp_path: Path) -> None:
    """A file in the folder gives its size and its path; a missing one keeps the export's size."""
    shutil.copy(CLUB, tmp_path / "result.json")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "tides 2021.pdf").write_bytes(b"x" * 777)
    (tmp_path / "files" / "tides 2021.pdf_thumb.jpg").write_bytes(b"y" * 55)
    world = world_from_export(tmp_path)
    document = message(world, 6).document
    assert document.size == 777
    assert world.files == {document.id: tmp_path.resolve() / "files" / "tides 2021.pdf"}
    assert world.thumbs[document.id].read_bytes() == b"y" * 55
    assert document.thumbs[0].size == 55
    assert message(world, 7).document.size == 20480
    assert message(world, 5).photo.sizes[0].size == 61234


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc/hostname",
        "a/../../secret",
        "C:/x",
        "..\\secret",
        "~/x",
        "link/secret",
        "",
    ],
)
def test_no_path_leaves_the_export(tmp_path: Path, name: str) -> None:
    """A path that leaves the folder, through a link too, is refused and counted, unread."""
    folder = tmp_path / "export"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"123")
    (folder / "link").symlink_to(tmp_path, target_is_directory=True)
    world = world_from_export(write(folder, {"id": 1, "file": name, "file_size": 9}))
    assert message(world, 1).document.size == 9
    assert not world.files
    assert world.report.unmapped["hostile path refused"] == 1


def test_strange_names_of_files_are_only_missing(tmp_path: Path) -> None:
    """A name that no disk can hold is a missing file."""
    world = world_from_export(write(tmp_path, {"id": 1, "file": "x" * 5000}))
    assert world.report.unmapped["file is missing"] == 1


# Names.


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ada", "Ada", None),
        ("Ada King Lovelace", "Ada", "King Lovelace"),
        (" Ada  King ", "Ada", "King"),
        (" ", " ", None),
    ],
)
def test_names_are_split_at_the_first_space(name: str, first: str, last: str | None) -> None:
    """The first word is the first name, the rest the last name; no part is lost or empty."""
    assert split_name(name) == (first, last)


def test_a_bot_chat_is_with_a_bot(tmp_path: Path) -> None:
    """The partner of a chat with a bot is one."""
    path = write(tmp_path, {"id": 1, "from": "Tide", "from_id": "user9"}, type="bot_chat", id=9)
    world = world_from_export(path)
    assert world.users[9].bot


def test_unknown_fields_are_counted(tmp_path: Path) -> None:
    """A field of tomorrow is counted by name; a thousand odd names do not fill the report."""
    odd = {f"field_{number}": 1 for number in range(1000)}
    world = world_from_export(write(tmp_path, {"id": 1, "aura": "red", "not a name": 1, **odd}))
    assert len(world.report.unmapped) <= 201
    assert sum(world.report.unmapped.values()) >= 1002
    few = world_from_export(write(tmp_path, {"id": 1, "aura": "red"}))
    assert few.report.unmapped["field of a message not mapped: aura"] == 1


# What real chats hold rarely.


def test_service_messages_with_text_or_edits(tmp_path: Path) -> None:
    """TL has no place for the text or the edit of a service message; both are counted."""
    service = {"id": 1, "type": "service", "action": "pin_message", "text": "x", "message_id": 5}
    world = world_from_export(write(tmp_path, {**service, "edited_unixtime": "1600000001"}))
    assert message(world, 1).reply_to.reply_to_msg_id == 5
    assert world.report.unmapped["text of a service message"] == 1
    assert world.report.unmapped["date of editing of a service message"] == 1


def test_forwards_of_nobody_and_of_the_chat(tmp_path: Path) -> None:
    """A forward from a deleted account has no author; one from the same chat has that chat."""
    own = {"forwarded_from": "Test", "forwarded_from_id": "channel1234"}
    world = world_from_export(write(tmp_path, {"id": 1, "forwarded_from": None}, {"id": 2, **own}))
    assert message(world, 1).fwd_from.from_id is None
    assert message(world, 2).fwd_from.from_id == types.PeerChannel(1234)
    assert world.report.unmapped["author of a forward"] == 1
    assert -1000000001234 not in world.foreign


def test_replies_across_the_upgrade(tmp_path: Path) -> None:
    """A reply to a message of the old group is counted, one to the own chat names no chat."""
    world = world_from_export(
        write(
            tmp_path,
            {"id": 1, "reply_to_message_id": -5},
            {"id": 2, "reply_to_message_id": 1, "reply_to_peer_id": "channel1234"},
        )
    )
    assert message(world, 1).reply_to is None
    assert message(world, 2).reply_to.reply_to_peer_id is None
    reason = "reply to a message from before the upgrade to a supergroup"
    assert world.report.unmapped[reason] == 1


def test_reactions_that_cannot_be_rebuilt(tmp_path: Path) -> None:
    """A reaction of an unknown type or of nobody is counted, and the message stays."""
    entry = {"from": None, "from_id": "user0", "date": "2021-01-01T00:00:00+02:00"}
    world = world_from_export(
        write(
            tmp_path,
            {"id": 1, "reactions": [{"type": "hologram", "count": 1}]},
            {
                "id": 2,
                "reactions": [{"type": "emoji", "emoji": "👍", "count": 1, "recent": [entry]}],
            },
        )
    )
    assert message(world, 1).reactions is None
    assert message(world, 2).reactions.recent_reactions is None
    unmapped = world.report.unmapped
    assert unmapped["reaction of an unknown type"] == 1
    assert unmapped["id of nobody (0)"] == unmapped["reaction of nobody"] == 1
    assert not any("time zone" in reason for reason in unmapped), "this date has its zone"


def test_groups_as_senders(tmp_path: Path) -> None:
    """A basic group that messages come from is known by its name."""
    forward = {"forwarded_from": "Old Group", "forwarded_from_id": "chat55"}
    world = world_from_export(write(tmp_path, {"id": 1, **forward}, {"id": 2, **forward}))
    assert world.foreign[-55].title == "Old Group"


def test_a_chat_with_the_id_of_a_seeded_channel(tmp_path: Path) -> None:
    """A world has foreign channels of its own; a chat with such an id loads nevertheless."""
    taken = next(mark for mark in World(user_count=0).foreign)
    world = world_from_export(write(tmp_path, {"id": 1}, id=-taken - 10**12))
    assert world.main.marked_id == taken


def test_a_channel_with_the_id_of_a_chat_of_an_unknown_kind(tmp_path: Path) -> None:
    """What is shown as a supergroup hides a foreign channel with its id: counted."""
    sender = {"from": "Wool News", "from_id": "channel9"}
    path = write(tmp_path, {"id": 1, **sender}, type="moon_base", id=9, name="Pia")
    world = world_from_export(path)
    reason = "two chats with one id: shown under the name of the loaded one"
    assert world.report.unmapped[reason] == 1


@pytest.mark.parametrize("value", [1, "1", "true", True], ids=repr)
def test_words_for_true(tmp_path: Path, value: object) -> None:
    """Older versions wrote truth values as numbers or words."""
    world = world_from_export(write(tmp_path, {"id": 1, "photo": "a.jpg", "media_spoiler": value}))
    assert message(world, 1).media.spoiler


def test_null_is_absent(tmp_path: Path) -> None:
    """Null in a field says as much as no field: nothing, also for an unknown one."""
    nulls = ("poll", "contact_information", "invoice_information", "file", "reactions", "aura")
    world = world_from_export(write(tmp_path, {"id": 1, **dict.fromkeys(nulls)}))
    assert message(world, 1).media is None
    assert set(world.report.unmapped) == {"who made the export: own messages are not marked"}


def test_the_owner_may_be_unknown_in_an_account(tmp_path: Path) -> None:
    """Personal information without an id tells nothing of whose messages these are."""
    chat = {"name": "A", "type": "private_group", "id": 5, "messages": []}
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"personal_information": {}, "chats": {"list": [chat]}}), "utf-8")
    assert world_from_export(path).me.first_name == "Owner of the export"
