"""Pages of topics: what a message says, what only the frame can say, and what is written down."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from telethon.tl import types

from telefast.errors import ArgumentError
from telefast.filenames import LONGEST
from telefast.forum.describe import Names, answered, name_of
from telefast.forum.metrics import TopicMetrics
from telefast.forum.pages import (
    index_page,
    message_block,
    metrics_file,
    topic_file_name,
    topic_header,
)
from telefast.forum.record import Draft, Home, Page, TopicState, known_better
from telefast.forum.types import ForumListing, TopicInfo
from telefast.peers.meta import ChatMeta
from telefast.testing import hostile_names, make_poll
from tests.unit.test_forum_markdown import TEXTS

DATE = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
FORUM = types.PeerChannel(77)
HOME = Home(-1000000000077, "Harbour")
NAMES: Names = {5: "Ada *L*", -1000000000077: "Harbour"}.get
TITLES = TEXTS | st.sampled_from(hostile_names())


def message(message_id: int = 7, text: str = "", **fields: Any) -> types.Message:
    """Return a message of user 5."""
    return types.Message(
        **{"id": message_id, "peer_id": FORUM, "date": DATE, "message": text, **fields}
        | {"from_id": fields.get("from_id", types.PeerUser(5))}
    )


def service(action: Any, **fields: Any) -> types.MessageService:
    """Return a service message of user 5."""
    return types.MessageService(
        id=7, peer_id=FORUM, date=DATE, action=action, from_id=types.PeerUser(5), **fields
    )


def lines(found: Any, names: Names = NAMES) -> list[str]:
    """Return the lines of a message that hold something."""
    return [line for line in message_block(found, names).split("\n") if line]


def document(*attributes: Any, **fields: Any) -> types.MessageMediaDocument:
    """Return a file."""
    values: dict[str, Any] = {"mime_type": "a/b", "size": 9, "attributes": [*attributes], **fields}
    return types.MessageMediaDocument(
        document=types.Document(
            id=1, access_hash=1, file_reference=b"", date=DATE, dc_id=2, **values
        )
    )


# Names of files


@given(TITLES, TITLES, st.integers(1, 2**31), st.integers(1, 2**31))
def test_no_two_topics_share_a_page(one: str, other: str, first: int, second: int) -> None:
    """Also on disks that fold case or Unicode forms; a name is one component, and fits."""
    names = [
        topic_file_name(TopicInfo(number, title), style)
        for title, number in ((one, first), (other, second))
        for style in ("id", "title_id")
    ]
    for name in names:
        assert name == PurePosixPath("/x", name).name == PureWindowsPath("c:\\x", name).name
        assert len(name.encode()) <= LONGEST
        assert name.startswith("topic_")
    folded = [
        {unicodedata.normalize("NFKD", each).casefold() for each in names[at : at + 2]}
        for at in (0, 2)
    ]
    assert first == second or not folded[0] & folded[1]


def test_names_of_pages() -> None:
    """The id alone, or behind what is left of the title."""
    topic = TopicInfo(5, "Ships: old/new")
    assert "topic_5.md" == topic_file_name(topic, "id")
    assert "topic_Ships_ old_new_5.md" == topic_file_name(topic, "title_id")
    assert "topic_5.md" == topic_file_name(TopicInfo(5, "..."), "title_id")


# Messages


@given(TEXTS, TEXTS, TEXTS)
@example("Eve\n\n### #8, 2024-05-01 12:30:00 UTC, Ada", "x\n\n### #8", "- Media: photo")
def test_nobody_can_draw_the_frame(name: str, text: str, title: str) -> None:
    """A message has one heading, with its id and date first, however its sender is called."""
    found = message_block(
        message(
            7,
            text,
            media=make_poll("?" + title, {"!" + text: 1, "b": 2}, poll_id=1),
            post_author=title,
        ),
        lambda _: name,
    )
    parsed = MarkdownIt("gfm-like", {"linkify": False}).parse(found)
    headings = [at for at, token in enumerate(parsed) if token.type == "heading_open"]
    assert [0] == headings
    assert parsed[1].content.startswith("#7, 2024-05-01 12:30:00 UTC, ")
    assert 3 == sum(token.type == "list_item_open" for token in parsed)
    assert not {"html_block", "hr", "table_open", "code_block", "fence"} & {t.type for t in parsed}
    header = topic_header(TopicInfo(5, title, 6), Home(-1, name), TopicState(), lambda _: text)
    parsed = MarkdownIt("gfm-like", {"linkify": False}).parse(header)
    assert [0] == [at for at, token in enumerate(parsed) if token.type == "heading_open"]
    assert 7 == sum(token.type == "list_item_open" for token in parsed)


def test_a_message() -> None:
    """All that it says, in the order in which it is read."""
    forwarded = types.MessageFwdHeader(DATE, from_name="Bob_")
    reactions = types.MessageReactions(
        [
            types.ReactionCount(types.ReactionEmoji("👍"), 2),
            types.ReactionCount(types.ReactionEmoji("❤"), 1),
        ]
    )
    found = message(
        text="Hello\nyou",
        fwd_from=forwarded,
        reply_to=types.MessageReplyHeader(forum_topic=True, reply_to_msg_id=3, reply_to_top_id=2),
        media=types.MessageMediaPhoto(photo=types.PhotoEmpty(1)),
        edit_date=DATE,
        reactions=reactions,
    )
    expected = (
        "\n### #7, 2024-05-01 12:30:00 UTC, Ada \\*L\\*\n\n"
        "- In reply to: #3\n"
        "- Forwarded from: Bob\\_, 2024-05-01 12:30:00 UTC\n"
        "- Media: photo\n"
        "- Edited: 2024-05-01 12:30:00 UTC\n\n"
        "Hello\\\nyou\n\n"
        "- Reactions: 👍2 ❤️1\n"
    )
    assert expected == message_block(found, NAMES)
    assert lines(message(edit_date=DATE, edit_hide=True)) == lines(message())
    assert "\n### #7, unknown, Ada \\*L\\*\n\nx\n" == message_block(
        message(text="x", date=None), NAMES
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        (types.MessageReplyHeader(forum_topic=True, reply_to_msg_id=2), None),
        (types.MessageReplyHeader(reply_to_msg_id=2), 2),
        (types.MessageReplyHeader(forum_topic=True, reply_to_msg_id=3, reply_to_top_id=2), 3),
        (
            types.MessageReplyHeader(reply_to_msg_id=3, reply_to_peer_id=FORUM),
            "a message of another chat",
        ),
        (types.MessageReplyStoryHeader(types.PeerUser(5), 1), "a story"),
    ],
)
def test_what_a_message_answers(header: Any, expected: Any) -> None:
    """To be in a topic is no answer to what began it."""
    assert expected == answered(message(reply_to=header))
    shown = [line for line in lines(message(reply_to=header)) if "reply" in line]
    assert (
        [] == shown
        if expected is None
        else [str(expected)] == [shown[0].split(": #" if isinstance(expected, int) else ": ")[1]]
    )


def test_who_sent_it() -> None:
    """As the message tells it, else as the caller knows it, else the id."""
    found = message()
    assert ("Ada \\*L\\*", "5") == (name_of(found, NAMES), name_of(found, lambda _: None))
    found._sender = types.User(5, first_name="Ada", last_name="Lovelace")
    assert "Ada Lovelace" == name_of(found, NAMES)
    found._sender = types.User(5, deleted=True)
    assert "deleted account" == name_of(found, NAMES)
    assert "Harbour (Bob)" == name_of(message(from_id=None, post=True, post_author="Bob"), NAMES)


def test_whence_it_was_forwarded() -> None:
    """By name, or by who it was, or unknown."""

    def whence(**fields: Any) -> str:
        header = types.MessageFwdHeader(DATE, **fields)
        [line] = [each for each in lines(message(fwd_from=header)) if "Forwarded" in each]
        return line.split(": ")[1].split(",")[0]

    assert "Ada \\*L\\*" == whence(from_id=types.PeerUser(5))
    assert "6" == whence(from_id=types.PeerUser(6))
    assert "unknown" == whence()


MEDIA: list[tuple[Any, str | None]] = [
    (None, None),
    (types.MessageMediaEmpty(), None),
    (types.MessageMediaWebPage(types.WebPageEmpty(1)), None),
    (types.MessageMediaPhoto(), "photo (expired)"),
    (types.MessageMediaDocument(), "file (expired)"),
    (document(types.DocumentAttributeFilename("a|b.pdf")), "file, a\\|b.pdf, a/b, 9 bytes"),
    (document(types.DocumentAttributeVideo(61.2, 1, 1)), "video, 1:01, a/b, 9 bytes"),
    (
        document(types.DocumentAttributeVideo(1, 1, 1, round_message=True)),
        "video message, 0:01, a/b, 9 bytes",
    ),
    (
        document(types.DocumentAttributeAnimated(), types.DocumentAttributeVideo(1, 1, 1)),
        "animation, 0:01, a/b, 9 bytes",
    ),
    (
        document(types.DocumentAttributeSticker("🐟", types.InputStickerSetEmpty())),
        "sticker, 🐟, a/b, 9 bytes",
    ),
    (document(types.DocumentAttributeAudio(5, voice=True)), "voice message, 0:05, a/b, 9 bytes"),
    (
        document(
            types.DocumentAttributeAudio(5, title="Sea", performer="We"),
            types.DocumentAttributeHasStickers(),
        ),
        "audio, We, Sea, 0:05, a/b, 9 bytes",
    ),
    (types.MessageMediaContact("123", "Ada", "", "", 5), "contact, Ada, 123"),
    (types.MessageMediaGeo(types.GeoPoint(2.5, 1.5, 0)), "location, 1.500000 2.500000"),
    (types.MessageMediaGeoLive(types.GeoPointEmpty(), 5), "live location"),
    (
        types.MessageMediaVenue(types.GeoPointEmpty(), "Pier", "Sea 1", "", "", ""),
        "place, Pier, Sea 1",
    ),
    (types.MessageMediaDice(4, "🎲"), "dice, 🎲, 4"),
    (
        types.MessageMediaGame(types.Game(1, 1, "x", "Chess", "", types.PhotoEmpty(1))),
        "game, Chess",
    ),
    (types.MessageMediaInvoice("Boat", "", "EUR", 5, ""), "invoice, Boat, 5 EUR"),
    (types.MessageMediaUnsupported(), "unsupported by this version"),
    (types.MessageMediaStory(types.PeerUser(5), 1), "story"),
]


@pytest.mark.parametrize(("media", "expected"), MEDIA)
def test_media(media: Any, expected: str | None) -> None:
    """What is attached, in a line; previews of links are none, nor is a poll."""
    found = [line.removeprefix("- Media: ") for line in lines(message(media=media))[1:]]
    assert ([] if expected is None else [expected]) == found


def test_polls() -> None:
    """With the votes of each answer where they are shown, and who they are of."""
    shown = message(media=make_poll("Tea?", {"Yes": 7, "No": 2}, correct="No", closed=True))
    assert ["- Poll: Tea? (quiz, closed, voters: 9)", "  - Yes: 7", "  - No: 2"] == lines(shown)[1:]
    hidden = message(media=make_poll("Tea?", {"Yes": 7, "No": 2}, shown=False))
    assert ["- Poll: Tea? (voters: 9)", "  - Yes", "  - No"] == lines(hidden)[1:]
    bare = make_poll("Tea?", {"Yes": 0, "No": 0})
    bare.results = types.PollResults()
    assert "- Poll: Tea? (voters: 0)" == lines(message(media=bare))[1]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (types.MessageActionTopicCreate("# S", 1), "topic created: \\# S"),
        (
            types.MessageActionTopicEdit("S", 5, True, True),
            "topic renamed: S, icon changed, topic closed, topic hidden",
        ),
        (types.MessageActionTopicEdit(closed=False, hidden=False), "topic reopened, topic shown"),
        (types.MessageActionTopicEdit(), "topic edited"),
        (types.MessageActionPinMessage(), "message pinned"),
        (types.MessageActionChatEditTitle("N"), "chat renamed: N"),
        (types.MessageActionChatAddUser([5, 6]), "members added: Ada \\*L\\*, 6"),
        (types.MessageActionChatDeleteUser(5), "member left: Ada \\*L\\*"),
        (types.MessageActionHistoryClear(), "history clear"),
    ],
)
def test_service_messages(action: Any, expected: str) -> None:
    """Each is a line, also of a kind that has no words here."""
    assert [f"- Event: {expected}"] == lines(service(action))[1:]


def test_a_pinned_message_is_named() -> None:
    """By its id, not by its text, which comes with nothing."""
    reply = types.MessageReplyHeader(reply_to_msg_id=3)
    found = lines(service(types.MessageActionPinMessage(), reply_to=reply))
    assert "- Event: message pinned: #3" in found


# Pages


def state_of(*found: Any, creator: int | None = None) -> TopicState:
    """Return what messages add up to."""
    state = TopicState()
    for each in found:
        state.add(each, TopicInfo(5, "x", creator), NAMES)
    return state


def page_of(topic: TopicInfo, state: TopicState) -> Page:
    """Return a page."""
    header = topic_header(topic, HOME, state, NAMES)
    metrics = state.metrics.to_json()
    return Draft(topic_file_name(topic, "title_id"), header, state.last_id, topic, metrics).page(9)


def test_the_header_of_a_topic() -> None:
    """What it is, who made it, when, in what state, how many messages, and where it is."""
    topic = TopicInfo(5, "Tides", 5, DATE, closed=True, pinned=True)
    found = topic_header(topic, HOME, state_of(message(7), message(9), creator=5), NAMES)
    expected = (
        "# Tides\n\n"
        "- Forum: Harbour\n"
        "- Topic: 5\n"
        "- Created: 2024-05-01 12:30:00 UTC, by Ada \\*L\\*\n"
        "- State: pinned, closed\n"
        "- Messages: 2\n"
        "- Last message: #9, 2024-05-01 12:30:00 UTC\n"
        "- Link: <https://t.me/c/77/5>\n"
    )
    assert expected == found
    gone = topic_header(TopicInfo(5, deleted=True), Home(-1, "", "har_bour"), TopicState(), NAMES)
    assert gone.startswith("# Topic 5\n\n- Forum: -1\n")
    assert "- State: deleted\n- Messages: 0\n- Last message: none\n" in gone
    assert "<https://t.me/har_bour/5>" in gone
    bare = topic_header(TopicInfo(5), HOME, TopicState(), NAMES)
    assert "- State: not listed\n" in bare
    assert "- State: open\n" in topic_header(TopicInfo(1), HOME, TopicState(), NAMES)


def test_the_index() -> None:
    """General first, the others by age; titles are text, and paths are paths."""
    pages = [
        page_of(TopicInfo(9, "a|b [x](y)", hidden=True), state_of(message(9))),
        page_of(TopicInfo(1, "General"), state_of()),
        page_of(TopicInfo(5, "a2"), state_of(message(7, date=None), message(8, date=None))),
    ]
    found = index_page(HOME, pages).split("\n")
    assert [
        "# Harbour",
        "",
        "- Topics: 3",
        "- Messages: 3",
        "- Link: <https://t.me/c/77/1>",
    ] == found[:5]
    assert [
        "| General | 0 | none | open | [topic\\_General\\_1.md](<topics/topic_General_1.md>) |",
        "| a2 | 2 | unknown | open | [topic\\_a2\\_5.md](<topics/topic_a2_5.md>) |",
    ] == found[8:10]
    expected = (
        "| a\\|b \\[x\\](y) | 1 | 2024-05-01 12:30:00 UTC | hidden |"
        " [topic\\_a\\_b \\[x\\](y)\\_9.md](<topics/topic_a_b%20%5Bx%5D%28y%29_9.md>) |"
    )
    assert [expected, ""] == found[10:]


@given(st.lists(TITLES, min_size=1, max_size=5))
def test_the_index_is_a_table(titles: list[str]) -> None:
    """Whatever topics are called: a row for each, with its link to its page, and nothing else."""
    pages = [page_of(TopicInfo(at, title), state_of()) for at, title in enumerate(titles, 2)]
    parsed = MarkdownIt("gfm-like", {"linkify": False}).parse(index_page(HOME, pages))
    assert len(titles) + 1 == sum(token.type == "tr_open" for token in parsed)
    links = [
        child.attrs["href"]
        for token in parsed[10:]
        for child in token.children or ()
        if child.type == "link_open"
    ]
    assert len(titles) == sum(link.startswith("topics/topic_") for link in links)


def test_the_file_of_metrics() -> None:
    """Plain JSON with a version, General first."""
    poll = message(9, media=make_poll("Tea?", {"Yes": 7, "No": 2}), views=3, forwards=1)
    pages = [
        page_of(TopicInfo(5, "\ud83d"), state_of(poll)),
        page_of(TopicInfo(1, "G"), state_of()),
    ]
    found = json.loads(metrics_file(HOME, pages).encode("utf-8", "backslashreplace"))
    assert (1, {"id": HOME.id, "title": "Harbour"}) == (found["version"], found["forum"])
    assert [1, 5] == [each["id"] for each in found["topics"]]
    topic = found["topics"][1]
    assert ("topics/topic___5.md", "\ud83d") == (topic["file"], topic["title"])
    assert (1, 3, 1, 1) == (
        topic["messages"],
        topic["views"],
        topic["forwards"],
        topic["participants"],
    )
    [told] = topic["polls"]
    assert (9, "Tea?", 9) == (told["message_id"], told["question"], told["voters"])
    assert [{"text": "Yes", "votes": 7}, {"text": "No", "votes": 2}] == told["answers"]
    assert "participant_ids" not in topic


# What adds up


def test_metrics() -> None:
    """Sums of what messages show, and how many people there are; ids only if asked for."""
    shown = types.MessageReactions(
        [
            types.ReactionCount(types.ReactionEmoji("👍"), 2),
            types.ReactionCount(types.ReactionPaid(), 50),
        ]
    )
    reply = types.MessageReplyHeader(reply_to_msg_id=2)
    metrics = TopicMetrics()
    metrics.add(message(7, views=4, forwards=1, reply_to=reply, reactions=shown))
    metrics.add(message(8, from_id=types.PeerChannel(9), date=DATE - timedelta(hours=1)))
    metrics.add(service(types.MessageActionHistoryClear()))
    assert (3, 1, 4, 1, 1) == (
        metrics.messages,
        metrics.service_messages,
        metrics.views,
        metrics.forwards,
        metrics.replies,
    )
    assert (2, 50, 2) == (metrics.reactions, metrics.stars, metrics.participants)
    assert [-1000000000009, 5] == metrics.participant_ids
    assert (DATE - timedelta(hours=1), DATE) == (metrics.first_date, metrics.last_date)
    assert "participant_ids" not in metrics.to_json()
    assert [-1000000000009, 5] == metrics.to_json(participant_ids=True)["participant_ids"]


def test_metrics_of_who_and_when_are_unknown() -> None:
    """A message without sender or date counts all the same."""
    found = message(7, date=None)
    found.sender_id  # noqa: B018 - it has one by default
    found.from_id = found.peer_id = None
    found._sender_id = None
    metrics = TopicMetrics()
    metrics.add(found)
    assert (1, 0, None) == (metrics.messages, metrics.participants, metrics.first_date)


@given(st.lists(st.integers(-(2**52), 2**52), max_size=20), st.integers(0, 20))
def test_metrics_go_on_where_they_were(senders: list[int], cut: int) -> None:
    """Written down and read between any two messages, they are the same."""

    def add(metrics: TopicMetrics, ids: list[int]) -> None:
        for number, sender in enumerate(ids):
            found = message(
                number + 1, media=make_poll("?", {"a": 1, "b": 2}) if sender % 3 else None
            )
            found._sender_id = sender
            metrics.add(found)

    whole, half = TopicMetrics(), TopicMetrics()
    add(whole, senders)
    add(half, senders[:cut])
    half = TopicMetrics.from_json(json.loads(json.dumps(half.to_json(participant_ids=True))))
    add(half, senders[cut:])
    assert len(set(senders)) == whole.participants
    found = [each.to_json(participant_ids=True) for each in (whole, half)]
    for each in found:
        for poll in each["polls"]:
            del poll["message_id"]
    assert found[0] == found[1]


# What is written down


@given(TITLES, st.none() | st.just(DATE), TEXTS)
def test_what_is_written_down_is_read_again(title: str, date: datetime | None, text: str) -> None:
    """Pages and states, whatever topics are called; what a later release adds is passed over."""
    state = state_of(message(9, text), creator=5)
    page = page_of(TopicInfo(5, title, 5, date), state)
    later = json.loads(page.to_json())
    later["topic"]["new"] = 1
    assert page == Page.from_json(page.to_json()) == Page.from_json(json.dumps(later))
    assert len(page.header.encode()) + 9 == page.start + 9 == page.size
    assert state.to_json() == TopicState.from_json(state.to_json()).to_json()
    assert "Ada \\*L\\*" == state.creator


def test_what_was_known_better() -> None:
    """A reduced row, or one of a deleted topic, takes nothing away that was known."""
    page = page_of(TopicInfo(5, "Tides", 5, DATE, pinned=True), TopicState())
    new = TopicInfo(5, "New")
    assert (new, new) == (known_better(new, None), known_better(new, page))
    short = known_better(TopicInfo(5, "New", short=True), page)
    assert ("New", True) == (short.title, short.pinned)
    gone = known_better(TopicInfo(5, deleted=True), page)
    assert ("Tides", True) == (gone.title, gone.deleted)
    assert page.topic == known_better(TopicInfo(5), page)
    assert gone == known_better(TopicInfo(5), replace(page, topic=gone))


def test_which_list_tells_what_is_deleted() -> None:
    """A complete one, of all topics."""
    listings = [
        ForumListing((), complete, 0, 1, 0, q=q)
        for complete, q in ((True, None), (True, ""), (True, "x"), (False, None))
    ]
    assert [True, True, False, False] == [each.is_of_all for each in listings]


def test_what_a_forum_is() -> None:
    """What Telethon gives, or telefast; anything else is refused."""
    photo, rights = types.ChatPhotoEmpty(), None
    channel = types.Channel(77, "Harbour", photo, DATE, username="harbour", megagroup=True)
    assert Home(HOME.id, "Harbour", "harbour") == Home.of(channel)
    channel.username = None
    channel.usernames = [types.Username("old"), types.Username("new", active=True)]
    assert "https://t.me/new/5" == Home.of(channel).url(5)
    assert HOME == Home.of(ChatMeta(HOME.id, "supergroup", "Harbour"))
    for bad in ("harbour", None, types.User(5), rights):
        with pytest.raises(ArgumentError, match="forum"):
            Home.of(bad)
