"""Rebuild the reactions and the buttons under a message."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.testing.export_fields import EPOCH, INT_MAX, Record
from telefast.testing.export_text import read_document_id

if TYPE_CHECKING:
    from telefast.testing.export_people import People

__all__ = ["read_buttons", "read_reactions"]


def read_reactions(record: Record, people: People) -> types.MessageReactions | None:
    """Read the reactions to a message; `None` if it has none that can be rebuilt."""
    counts: list[types.TypeReactionCount] = []
    recent: list[types.TypeMessagePeerReaction] = []
    for item in record.records("reactions"):
        reaction = _reaction(item)
        count = item.integer("count") or 0
        latest = list(item.records("recent"))
        if reaction is None:
            item.leftovers("a reaction")
            continue
        counts.append(types.ReactionCount(reaction, count))
        item.found("reactions")
        for entry in latest:
            peer = entry.peer("from_id")
            people.meet(peer, entry.text("from"))
            date = entry.date("date")
            if peer is None:
                entry.miss("reaction of nobody")
            else:
                recent.append(types.MessagePeerReaction(peer, date or EPOCH, reaction))
            entry.leftovers("a reaction")
        item.leftovers("a reaction")
    if not counts:
        return None
    return types.MessageReactions(results=counts, recent_reactions=recent or None)


def read_buttons(record: Record) -> types.ReplyInlineMarkup | None:
    """Read the buttons under a message; `None` if it has none that can be rebuilt."""
    rows: list[types.TypeKeyboardInlineButtonRow] = []
    for number, row in enumerate(record.items("inline_bot_buttons")):
        place = f"inline_bot_buttons[{number}]"
        if not isinstance(row, list):
            raise record.wrong(place, "a list of buttons", row)
        buttons: list[types.TypeKeyboardInlineButton] = []
        for index, item in enumerate(row):
            path = f"{record.path}.{place}[{index}]"
            button = Record(item, path, record.findings, record.message_id)
            kind = _button_type(button)
            text = button.text("text") or ""
            if kind is None:
                button.miss("button that is not one of an inline keyboard", "type")
            else:
                buttons.append(types.KeyboardInlineButton(text, kind))
                button.found("buttons")
            button.leftovers("a button")
        if buttons:
            rows.append(types.KeyboardInlineButtonRow(buttons))
    return types.ReplyInlineMarkup(rows) if rows else None


def _reaction(item: Record) -> types.TypeReaction | None:
    kind = item.text("type")
    if kind == "emoji":
        return types.ReactionEmoji(item.text("emoji") or "")
    if kind == "paid":
        return types.ReactionPaid()
    if kind == "custom_emoji":
        document_id = read_document_id(item)
        if document_id is not None:
            return types.ReactionCustomEmoji(document_id)
        item.miss("reaction with a custom emoji by its file, not by its id", "document_id")
        return None
    item.ignore("emoji", "document_id")
    item.miss("reaction of an unknown type", "type")
    return None


def _button_type(button: Record) -> types.TypeInlineButtonType | None:
    kind = button.text("type")
    data = button.text("data") or ""
    if kind in {"callback", "callback_with_password"}:
        encoded = button.text("dataBase64")
        payload = data.encode() if encoded is None else _decode(button, encoded)
        with_password = kind == "callback_with_password"
        return types.InlineButtonTypeCallback(payload, requires_password=with_password or None)
    if kind == "auth":
        number = button.integer("button_id", low=-INT_MAX - 1) or 0
        return types.InlineButtonTypeUrlAuth(data, number, fwd_text=button.text("forward_text"))
    if kind == "user_profile":
        return types.InlineButtonTypeUserProfile(button.bare_id("data") or 0)
    if kind in {"switch_inline", "switch_inline_same"}:
        is_same = kind == "switch_inline_same"
        return types.InlineButtonTypeSwitchInline(data, same_peer=is_same or None)
    if kind == "url":
        return types.InlineButtonTypeUrl(data)
    if kind == "web_view":
        return types.InlineButtonTypeWebView(data)
    if kind == "copy_text":
        return types.InlineButtonTypeCopy(data)
    if kind == "game":
        return types.InlineButtonTypeGame()
    if kind == "buy":
        return types.InlineButtonTypeBuy()
    button.ignore("dataBase64", "button_id", "forward_text")
    return None


def _decode(button: Record, encoded: str) -> bytes:
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise button.wrong("dataBase64", "base64", encoded) from exc
