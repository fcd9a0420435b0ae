"""`LazyMessage`: what it reads from the bytes is what Telethon's message has."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from telethon import types, utils
from telethon.extensions import html, markdown
from telethon.extensions.binaryreader import BinaryReader

from telefast.testing.pages import channel_messages
from telefast.transport.decode import Entities
from telefast.transport.lazy import LazyMessage, lazy_of, whole
from telefast.transport.scan import Scanned, _entity, _restricting, scan
from telefast.transport.schema import layout_of
from telefast.transport.skip import UnknownObjectError
from tests.unit.chunk_model import club
from tests.unit.tl_bytes import object_bytes

MESSAGE, SERVICE = types.Message.CONSTRUCTOR_ID, types.MessageService.CONSTRUCTOR_ID
SELF_ID = 4242


class SomeClient:
    """As much of a client as a message looks at."""

    def __init__(self, parse_mode: Any = markdown) -> None:
        self.parse_mode = parse_mode
        self._self_id = SELF_ID
        self._mb_entity_cache = self

    def get(self, _: Any) -> None:
        """Nobody is known."""


def finish(message: Any, client: Any, entities: dict[int, Any], input_chat: Any) -> None:
    """Bind a message as the library does."""
    message._finish_init(client, entities, input_chat)


def answer_of(*records: bytes) -> bytes:
    """Return an answer with these messages, nobody in it."""
    head = bytes(types.messages.ChannelMessages(7, 5, [], [], [], [], offset_id_offset=3))
    empty = (0x1CB5C415).to_bytes(4, "little") + bytes(4)
    at = head.index(empty)
    count = len(records).to_bytes(4, "little")
    return head[: at + 4] + count + b"".join(records) + head[at + 8 :]


def scanned(data: bytes) -> Scanned:
    """Return an answer taken apart, bound to a client."""
    found = scan(data, {})
    assert found is not None
    found.source.bind(SomeClient(), SELF_ID, types.InputPeerChannel(1, 2), finish)
    return found


def pair(record: bytes, client: Any = None) -> tuple[LazyMessage, Any]:
    """Return a message as both: lazy, and as Telethon reads and finishes it."""
    client = client or SomeClient()
    found = scan(answer_of(record), {})
    assert found is not None
    chat = types.InputPeerChannel(1, 2)
    found.source.bind(client, SELF_ID, chat, finish)
    full = BinaryReader(record).tgread_object()
    finish(full, client, {}, chat)
    return found.messages[0], full


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal, by what they would be on the wire."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "to_dict"):
        return type(one) is type(other) and bytes(one) == bytes(other)
    return repr(one) == repr(other)


DERIVED = (
    "sender_id", "chat_id", "raw_text", "text", "is_reply", "photo", "document",
    "reply_to_msg_id", "is_private", "is_channel", "web_preview",
)  # fmt: skip


@pytest.mark.parametrize("number", [MESSAGE, SERVICE])
def test_every_attribute_is_that_of_telethons_message(number: int) -> None:
    """Of random messages with random flags, each attribute, asked for first or later."""
    random = Random(number)
    compared = 0
    for _ in range(250):
        record = object_bytes(random, number, depth=1)
        try:
            lazy, full = pair(record)
        except (AttributeError, TypeError):
            continue  # a part is of a kind that Telethon's class cannot take
        names = [name for name in vars(full) if not name.startswith("_")] + [*DERIVED]
        random.shuffle(names)
        for name in names:
            expected, raised = _try(full, name)
            found, also = _try(lazy, name)
            assert raised == also, name
            assert same(expected, found), name
            compared += 1
        assert bytes(lazy) == record
        assert bytes(lazy.full()) == bytes(full)
        assert lazy.full() is lazy.full()
    assert compared > 3_000


def _try(message: Any, name: str) -> tuple[Any, type[Exception] | None]:
    try:
        return getattr(message, name), None
    except Exception as error:  # noqa: BLE001 - whatever Telethon's own raises
        return None, type(error)


def test_what_was_decoded_whole_answers_for_itself() -> None:
    """A message that is lazy by name only has the same attributes, and no bytes of an answer."""
    random = Random(5)
    lazy, full = pair(object_bytes(random, MESSAGE, depth=0, flags={"flags": 1 << 8, "flags2": 0}))
    wrapped = lazy_of(full)
    assert wrapped.source is None
    for name in ("id", "date", "peer_id", "chat_id", "from_id", "sender_id", "out", "message"):
        assert same(getattr(wrapped, name), getattr(full, name)), name
    for name in ("raw_text", "text", "media", "action", "input_chat", "reactions"):
        assert same(getattr(wrapped, name), getattr(lazy, name)), name
    assert bytes(wrapped) == bytes(full)
    assert wrapped.full() is full
    assert [full, full, None] == [whole(each) for each in (wrapped, full, None)]
    empty = types.MessageEmpty(5, None)
    assert lazy_of(empty) is empty
    assert lazy_of(None) is None


@pytest.mark.parametrize("parse_mode", [markdown, html, None])
def test_text_is_in_the_clients_markup(parse_mode: Any) -> None:
    """With and without entities, in every parse mode, without decoding the message."""
    bold = [types.MessageEntityBold(0, 3)]
    for entities in (None, bold):
        message = types.Message(
            5, types.PeerChannel(9), date=None, message="a<b>& c", entities=entities
        )
        lazy, full = pair(bytes(message), SomeClient(parse_mode))
        assert lazy.text == full.text
        assert lazy._full is None


def test_text_without_a_client_is_telethons() -> None:
    """A message that is bound to nobody has no markup, as in Telethon."""
    found = scan(answer_of(bytes(types.Message(5, types.PeerChannel(9), message="x"))), {})
    assert found is not None
    lazy = found.messages[0]
    assert (None, "x", None) == (lazy.text, lazy.raw_text, lazy.source.client)


def test_saved_messages_are_outgoing_but_forwards() -> None:
    """As finishing does it: in the chat with itself, what is no forward is outgoing."""
    own, other = types.PeerUser(SELF_ID), types.PeerUser(1)
    header = types.MessageFwdHeader(date=None)
    for peer in (own, other):
        for forward in (None, header):
            for out in (False, True):
                message = types.Message(5, peer, message="x", out=out, fwd_from=forward)
                lazy, full = pair(bytes(message))
                assert lazy.out is full.out
                assert lazy.sender_id == full.sender_id


PHOTO = types.Photo(77, 1, b"r", None, [], 2)
DOCUMENT = types.Document(-78, 1, b"r", None, "a/b", 10, 2, [])


@pytest.mark.parametrize(
    ("media", "key"),
    [
        (None, None),
        (types.MessageMediaEmpty(), None),
        (types.MessageMediaPhoto(), None),
        (types.MessageMediaPhoto(photo=types.PhotoEmpty(5)), None),
        (types.MessageMediaPhoto(photo=PHOTO, spoiler=True), ("photo", 77)),
        (types.MessageMediaDocument(), None),
        (types.MessageMediaDocument(document=DOCUMENT), ("document", -78)),
        (types.MessageMediaDocument(document=types.DocumentEmpty(5)), None),
        (types.MessageMediaGeo(types.GeoPointEmpty()), None),
        (types.MessageMediaWebPage(types.WebPageEmpty(5)), None),
    ],
)
def test_the_key_of_a_medium(media: Any, key: tuple[str, int] | None) -> None:
    """Photos and documents of the message itself have one; the same once it is decoded."""
    lazy, full = pair(bytes(types.Message(5, types.PeerChannel(9), message="x", media=media)))
    assert key == lazy.media_key
    assert same(lazy.media, full.media)
    lazy.full()
    assert key == lazy.media_key


def test_nothing_is_built_for_what_is_cheap() -> None:
    """Id, date, sender, text, media and reactions do not decode the message."""
    world, channel = club()
    data = channel_messages(world.accounts[0], channel, list(channel.ids)[-100:], count=300)
    for lazy in scanned(data).messages:
        assert (lazy.id > 0, lazy.chat_id) == (True, channel.marked_id)
        _ = (
            lazy.date,
            lazy.sender_id,
            lazy.raw_text,
            lazy.media_key,
            lazy.reactions,
            lazy.media,
            lazy.out,
        )
        _ = lazy.reply_to, lazy.grouped_id, lazy.action, lazy.entities, lazy.views, lazy.from_id
        assert lazy._full is None


def test_an_answer_taken_apart_is_the_answer_decoded() -> None:
    """Messages, users, chats, places and head are those that decoding has."""
    world, channel = club()
    data = channel_messages(world.accounts[0], channel, list(channel.ids)[-100:], count=300)
    found = scanned(data + bytes(16))
    answer = BinaryReader(data).tgread_object()
    assert [bytes(x) for x in answer.messages] == [bytes(x) for x in found.messages]
    assert [bytes(x) for x in answer.users] == [bytes(x) for x in found.users]
    assert [bytes(x) for x in answer.chats] == [bytes(x) for x in found.chats]
    assert len(data) == found.end
    assert (answer.count, answer.pts) == (found.head["count"], found.head["pts"])
    assert found.source.entities.keys() == {
        utils.get_peer_id(x) for x in (*answer.users, *answer.chats)
    }
    for each in (*found.users, *found.chats):
        start, end = found.spans[id(each)]
        assert data[start:end] == bytes(each)


def test_who_comes_again_with_the_same_bytes_is_the_same_object() -> None:
    """And whoever has changed meanwhile is another one."""
    known: Entities = {}
    user, renamed = types.User(5, first_name="A"), types.User(5, first_name="B")
    found = []
    for each in (user, user, renamed, user):
        data = bytes(types.messages.ChannelMessages(1, 1, [], [], [], [each]))
        page = scan(data, known)
        assert page is not None
        found.append(page.users[0])
    assert found[0] is found[1]
    assert ["A", "A", "B", "A"] == [each.first_name for each in found]


def test_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the memory starts anew."""
    monkeypatch.setattr("telefast.transport.decode._MAX_KNOWN", 3)
    known: Entities = {}
    for number in range(10):
        data = bytes(types.User(number, first_name="A"))
        assert number == _entity(data, 0, known)[0].id
        assert len(known) <= 3


def test_restricted_messages_are_told() -> None:
    """By id, as the walk of a history wants to know them; and empties are no lazy messages."""
    reason = [types.RestrictionReason("all", "terms", "hidden")]
    peer = types.PeerChannel(9)
    plain = types.Message(5, peer, message="x")
    hidden = types.Message(6, peer, message="x", restriction_reason=reason)
    action = types.MessageActionChatDeletePhoto()
    service = types.MessageService(8, peer, date=None, action=action)
    found = scanned(answer_of(*map(bytes, (plain, hidden, types.MessageEmpty(7, None), service))))
    assert {6} == found.source.marked
    kinds = [type(each) for each in found.messages]
    assert [LazyMessage, LazyMessage, types.MessageEmpty, LazyMessage] == kinds
    assert [5, 6, 7, 8] == [each.id for each in found.messages]
    assert found.messages[3].raw_text is None
    assert type(found.messages[3].action) is types.MessageActionChatDeletePhoto


def test_what_is_not_understood_is_left_to_decoding() -> None:
    """Unknown constructors, other answers, data that end too early: None, never half an answer."""
    message = bytes(types.Message(5, types.PeerChannel(9), message="x"))
    whole = answer_of(message, message)
    assert scan(whole, {}) is not None
    assert scan(answer_of(b"\x01\x02\x03\x04" + message[4:]), {}) is None
    assert scan(bytes(types.messages.MessagesNotModified(5)), {}) is None
    assert scan(bytes(types.RpcError(420, "FLOOD_WAIT_3")), {}) is None
    assert scan(b"", {}) is None
    for cut in range(len(whole)):
        assert scan(whole[:cut], {}) is None


def test_without_layouts_everything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen application has no sources of Telethon; a later Telethon may have other messages."""
    whole = answer_of(bytes(types.Message(5, types.PeerChannel(9), message="x")))
    layout = layout_of(MESSAGE)
    assert layout is not None
    for found in (None, replace(layout, fields=layout.fields[1:])):
        _restricting.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr("telefast.transport.scan.layout_of", lambda _, found=found: found)
            assert scan(whole, {}) is None
            with pytest.raises(UnknownObjectError):
                _restricting()
    assert scan(whole, {}) is not None


def test_a_list_that_is_no_vector_is_not_understood() -> None:
    """Each list of an answer begins with the number of vectors."""
    whole = answer_of(bytes(types.Message(5, types.PeerChannel(9), message="x")))
    at = whole.rindex((0x1CB5C415).to_bytes(4, "little"))
    assert scan(whole[:at] + b"\1\2\3\4" + whole[at + 4 :], {}) is None


def test_where_it_lies() -> None:
    """Its span in its answer, its chat and date as they are there."""
    record = bytes(types.Message(5, types.PeerChannel(9), message="x", date=None))
    lazy, _ = pair(record)
    start, end = lazy.span
    assert record == lazy._origin.data[start:end]
    assert (bytes(types.PeerChannel(9)), 0) == lazy.stamp()


def test_topics_of_an_answer_are_passed_over() -> None:
    """Forums send them along; what stands behind them is found."""
    topic = types.ForumTopicDeleted(5)
    user = types.User(5, first_name="A")
    found = scan(bytes(types.messages.ChannelMessages(1, 1, [], [topic], [], [user])), {})
    assert found is not None
    assert ["A"] == [each.first_name for each in found.users]


def test_its_repr_shows_no_text() -> None:
    """Only the id."""
    lazy, _ = pair(bytes(types.Message(5, types.PeerChannel(9), message="secret")))
    assert "LazyMessage(id=5)" == repr(lazy)
    with pytest.raises(AttributeError):
        _ = lazy.no_such_thing
