"""Do rebuilt entities cover exactly the pieces they came from, in UTF-16 units?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import types

from telefast.testing.export_fields import Findings, Record
from telefast.testing.export_text import read_document_id, read_plain, read_text, utf16_length

SIMPLE = {
    "unknown": types.MessageEntityUnknown,
    "mention": types.MessageEntityMention,
    "hashtag": types.MessageEntityHashtag,
    "cashtag": types.MessageEntityCashtag,
    "bot_command": types.MessageEntityBotCommand,
    "link": types.MessageEntityUrl,
    "email": types.MessageEntityEmail,
    "phone": types.MessageEntityPhone,
    "bank_card": types.MessageEntityBankCard,
    "bold": types.MessageEntityBold,
    "italic": types.MessageEntityItalic,
    "underline": types.MessageEntityUnderline,
    "strikethrough": types.MessageEntityStrike,
    "spoiler": types.MessageEntitySpoiler,
    "code": types.MessageEntityCode,
    "pre": types.MessageEntityPre,
    "text_link": types.MessageEntityTextUrl,
    "mention_name": types.MessageEntityMentionName,
    "custom_emoji": types.MessageEntityCustomEmoji,
    "blockquote": types.MessageEntityBlockquote,
}
EXTRA: dict[str, dict[str, Any]] = {
    "pre": {"language": "python"},
    "text_link": {"href": "https://kites.example"},
    "mention_name": {"user_id": 7},
    "custom_emoji": {"document_id": "8"},
    "blockquote": {"collapsed": True},
}
CHARACTERS = st.sampled_from("ab \né\u200d\ufe0fה漢🌊👩𝒳\U0010ffff")
PIECES = st.lists(
    st.tuples(st.sampled_from(["plain", *SIMPLE]), st.text(CHARACTERS, max_size=5)), max_size=8
)


def record(**data: Any) -> Record:
    """Return a message that holds *data*."""
    return Record(data, "messages[0]", Findings(), 1)


def piece(kind: str, text: str) -> dict[str, Any]:
    """Return a piece of text as an export has it."""
    return {"type": kind, "text": text, **EXTRA.get(kind, {})}


def covered(text: str, entity: Any) -> str:
    """Return what an entity covers, counted in UTF-16 units as Telegram does."""
    encoded = text.encode("utf-16-le")
    return encoded[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le")


@given(PIECES, st.booleans())
def test_entities_cover_their_pieces(pieces: list[tuple[str, str]], is_old: bool) -> None:
    """Each formatted piece gives one entity of its kind that covers it, no more and no less."""
    listed = [piece(kind, text) for kind, text in pieces]
    mixed = [p["text"] if p["type"] == "plain" else p for p in listed]
    message = record(text=mixed) if is_old else record(text=mixed, text_entities=listed)
    text, entities = read_text(message)
    assert text == "".join(text for _, text in pieces)
    expected = [(SIMPLE[kind], text) for kind, text in pieces if kind != "plain" and text]
    assert [(type(e), covered(text, e)) for e in entities or []] == expected
    assert entities is None or entities
    assert not any("differ" in reason for reason in message.findings.unmapped)


@given(st.text(CHARACTERS))
def test_lengths_are_in_utf16_units(text: str) -> None:
    """A character beyond the basic plane counts twice."""
    assert utf16_length(text) == len(text.encode("utf-16-le")) // 2


def test_entities_keep_their_arguments() -> None:
    """Language, address, user, emoji and collapsed quotes come back."""
    _, entities = read_text(record(text_entities=[piece(kind, "x") for kind in EXTRA]))
    assert entities is not None
    pre, link, mention, emoji, quote = entities
    assert (pre.language, link.url, mention.user_id) == ("python", "https://kites.example", 7)
    assert (emoji.document_id, quote.collapsed) == (8, True)
    _, entities = read_text(record(text_entities=[{"type": "blockquote", "text": "x"}]))
    assert entities is not None
    assert entities[0].collapsed is None


def test_two_versions_of_a_text() -> None:
    """`text_entities` wins over `text`; that they differ is counted. Empty, it says nothing."""
    message = record(text="old", text_entities=[{"type": "plain", "text": "new"}])
    assert read_text(message) == ("new", None)
    assert message.findings.unmapped.total() == 1
    for odd in (5, [5, {"text": 6}]):
        message = record(text=odd, text_entities=[{"type": "plain", "text": "new"}])
        assert read_text(message) == ("new", None)
    assert read_text(record(text="only", text_entities=[])) == ("only", None)
    assert read_text(record(text=None)) == ("", None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"type": "hologram", "text": "x"}, "entity of an unknown type"),
        ({"type": "mention_name", "text": "x"}, "mention of a user without an id"),
        (
            {"type": "custom_emoji", "text": "x", "document_id": "stickers/a.tgs"},
            "custom emoji by its file, not by its id",
        ),
        ({"type": "bold", "text": ""}, "entity over no text"),
        ({"type": "bold", "text": "x", "aura": 1}, "field of a piece of text not mapped: aura"),
    ],
)
def test_what_is_no_entity_stays_text(data: dict[str, Any], reason: str) -> None:
    """A piece that cannot be rebuilt keeps its text, and is counted with its place."""
    message = record(text_entities=[data])
    text, _ = read_text(message)
    assert text == data["text"]
    assert dict(message.findings.unmapped) == {reason: 1}
    assert message.findings.examples[reason][0].startswith("messages[0].text_entities[0]")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("5377305978079288312", 5377305978079288312),
        (5377305978079288313, 5377305978079288313),
        ("18446744073709551615", -1),
        ("-5", -5),
        ("0", None),
        ("18446744073709551616", None),
        ("-9223372036854775809", None),
        ("9" * 60, None),
        ("٣", None),
        ("stickers/sticker (4).tgs", None),
        ("", None),
        (None, None),
    ],
)
def test_document_ids(value: object, found: int | None) -> None:
    """A custom emoji's id is a number of 64 bits, signed as Telethon reads it; a path is none."""
    assert read_document_id(record(document_id=value)) == found


def test_texts_of_their_own() -> None:
    """A poll's question has entities like a message's text."""
    found = read_plain(record(question=["a", {"type": "bold", "text": "🌊"}]), "question")
    assert (found.text, covered(found.text, found.entities[0])) == ("a🌊", "🌊")
