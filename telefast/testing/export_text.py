"""Rebuild a message's text and its entities from the pieces of an export.

An export has no offsets: a formatted text is a list of pieces, one after the other. Offsets and
lengths are those of the pieces, in UTF-16 units as Telegram counts them. Nested entities are
written as one piece of one kind and stay so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.testing.export_fields import LONG_MAX, Record

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_plain", "read_rich", "read_text", "utf16_length"]

_SIMPLE: dict[str, Callable[[int, int], types.TypeMessageEntity]] = {
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
}


def utf16_length(text: str) -> int:
    """Return the length of *text* in UTF-16 units.

    Example:
        >>> utf16_length("a🌸")
        3
    """
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def read_text(record: Record) -> tuple[str, list[types.TypeMessageEntity] | None]:
    """Read the text of a message: `text_entities` if there, else `text`.

    Returns:
        The text and its entities in order, `None` if it has none.
    """
    plain = record.take("text")
    pieces = record.items("text_entities")
    if not pieces:
        return read_rich(record, "text", plain)
    text, entities = read_rich(record, "text_entities", pieces)
    if plain is not None and _joined(plain) != text:
        record.miss("text and text_entities differ, text_entities taken", "text")
    return text, entities


def read_rich(
    record: Record, key: str, value: object
) -> tuple[str, list[types.TypeMessageEntity] | None]:
    """Read *value*, a text or a list of pieces, that stands in the field *key* of *record*."""
    if value is None:
        return "", None
    if isinstance(value, str):
        return record.checked_text(key, value), None
    if not isinstance(value, list):
        raise record.wrong(key, "a text or a list of pieces", value)
    texts: list[str] = []
    entities: list[types.TypeMessageEntity] = []
    offset = 0
    for index, item in enumerate(value):
        place = f"{key}[{index}]"
        if isinstance(item, str):
            text = record.checked_text(place, item)
            length = utf16_length(text)
        else:
            piece = record.nested(place, item)
            text = piece.text("text") or ""
            length = utf16_length(text)
            entity = _entity(piece, offset, length)
            piece.leftovers("a piece of text")
            if entity is not None:
                entities.append(entity)
                piece.found("entities")
        texts.append(text)
        offset += length
    return record.checked_text(key, "".join(texts)), entities or None


def read_plain(record: Record, key: str) -> types.TextWithEntities:
    """Read the field *key* as a text with entities of its own, such as a poll's question."""
    text, entities = read_rich(record, key, record.take(key))
    return types.TextWithEntities(text, entities or [])


def _entity(piece: Record, offset: int, length: int) -> types.TypeMessageEntity | None:
    kind = piece.text("type")
    if kind in {None, "plain"}:
        return None
    if length == 0:
        piece.ignore("user_id", "document_id", "language", "href", "collapsed")
        piece.miss("entity over no text")
        return None
    simple = _SIMPLE.get(kind or "")
    if simple is not None:
        return simple(offset, length)
    if kind == "pre":
        return types.MessageEntityPre(offset, length, piece.text("language") or "")
    if kind == "text_link":
        return types.MessageEntityTextUrl(offset, length, piece.text("href") or "")
    if kind == "blockquote":
        collapsed = piece.flag("collapsed") or None
        return types.MessageEntityBlockquote(offset, length, collapsed)
    if kind == "mention_name":
        user_id = piece.bare_id("user_id")
        if user_id is not None:
            return types.MessageEntityMentionName(offset, length, user_id)
        piece.miss("mention of a user without an id")
        return None
    if kind == "custom_emoji":
        document_id = read_document_id(piece)
        if document_id is not None:
            return types.MessageEntityCustomEmoji(offset, length, document_id)
        piece.miss("custom emoji by its file, not by its id", "document_id")
        return None
    piece.ignore("user_id", "document_id", "language", "href", "collapsed", "date")
    piece.miss("entity of an unknown type", "type")
    return None


def read_document_id(record: Record) -> int | None:
    """Return a custom emoji's document id; `None` if the export has the path of a file instead."""
    value = record.text("document_id") if isinstance(record.take("document_id"), str) else None
    if value is None:
        return record.integer("document_id", low=-LONG_MAX, high=LONG_MAX)
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        return None
    number = int(value) if len(digits) <= 20 else 2**64
    if not 0 < abs(number) < 2**64 or number < -LONG_MAX:
        return None
    # Ids have 64 bits; Telethon reads them as signed, Telegram Desktop writes them unsigned.
    return number - 2**64 if number > LONG_MAX else number


def _joined(value: object) -> str | None:
    """Return all text of a field, or `None` if it is not of the known form."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return None
    parts = [item.get("text") if isinstance(item, dict) else item for item in value]
    return "".join(part for part in parts if isinstance(part, str))
