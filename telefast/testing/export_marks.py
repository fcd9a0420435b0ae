"""Rebuild the reactions and the buttons under a message."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from telethon.tl import types

from telefast.testing.export_fields import EPOCH, INT_MAX, Record
from telefast.testing.export_text import read_document_id

if TYPE_CHECKING:
    from telefast.testing.export_people import People

__all__ = ["read_buttons", "read_reactions"]

_BUTTONS: dict[str, tuple[str, str | None]] = {
    "url": ("InlineButtonTypeUrl", "url"),
    "web_view": ("InlineButtonTypeWebView", "url"),
    "copy_text": ("InlineButtonTypeCopy", "copy_text"),
    "game": ("InlineButtonTypeGame", None),
    "buy": ("InlineButtonTypeBuy", None),
    "disabled": ("InlineButtonTypeDisabled", None),
}
"""Type of a button in the export -> its TL type, and the field that takes its data."""


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
    rows: list[Any] = []
    for number, row in enumerate(record.items("inline_bot_buttons")):
        place = f"inline_bot_buttons[{number}]"
        if not isinstance(row, list):
            raise record.wrong(place, "a list of buttons", row)
        buttons: list[Any] = []
        for index, item in enumerate(row):
            button = record.nested(f"{place}[{index}]", item)
            kind = _button_type(button)
            text = button.text("text") or ""
            if kind is not None:
                buttons.append(button.build("KeyboardInlineButton", text=text, type=kind))
                button.found("buttons")
            button.leftovers("a button")
        if buttons:
            rows.append(record.build("KeyboardInlineButtonRow", buttons=buttons))
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


def _button_type(button: Record) -> Any:
    """Return what a button does; `None`, counted, if that cannot be said."""
    kind = button.text("type")
    data = button.text("data") or ""
    make = button.build
    if kind in {"callback", "callback_with_password"}:
        encoded = button.text("dataBase64")
        payload = data.encode() if encoded is None else _decode(button, encoded)
        password = kind == "callback_with_password" or None
        return make("InlineButtonTypeCallback", data=payload, requires_password=password)
    if kind == "auth":
        number = button.integer("button_id", low=-INT_MAX - 1) or 0
        text = button.text("forward_text")
        return make("InlineButtonTypeUrlAuth", url=data, button_id=number, fwd_text=text)
    if kind == "user_profile":
        return make("InlineButtonTypeUserProfile", user_id=button.bare_id("data") or 0)
    if kind in {"switch_inline", "switch_inline_same"}:
        same = kind == "switch_inline_same" or None
        return make("InlineButtonTypeSwitchInline", query=data, same_peer=same)
    simple = _BUTTONS.get(kind or "")
    if simple is not None:
        name, field = simple
        return make(name, **({field: data} if field else {}))
    button.ignore("dataBase64", "button_id", "forward_text")
    button.miss("button that is not one of an inline keyboard", "type")
    return None


def _decode(button: Record, encoded: str) -> bytes:
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise button.wrong("dataBase64", "base64", encoded) from exc
