"""What no source tells about Telegram: each doubt is a switch of the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from telefast.errors import ArgumentError

__all__ = ["Assumptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is believed of Telegram where no source tells; handed to `World`.

    A program that must hold in front of Telegram is tested with both sides of each.

    Attributes:
        page_above_top: What a page is that would begin above the newest message, as with a
            negative `add_offset` near the top. `clip`: it is shorter, as Telethon's `reverse=True`
            needs. `shift`: it begins at the top and reaches further down.
        large_limit: What a `limit` above 100 is. `clip`: as much as 100 (TDLib: "server-side
            limit"). `refuse`: 400 LIMIT_INVALID.
        zero_limit: What a `limit` of 0 is in a history. `default`: 20 messages
            (https://core.telegram.org/api/offsets: "often"). `none`: no message, only the count.
        invalid_ids: Which ids channels.getMessages takes for invalid; if all are, the answer is
            MESSAGE_IDS_EMPTY. `not positive`: 0 and less. `missing`: all without a message.
        empty_filter_count: What messages.getSearchCounters counts for
            `inputMessagesFilterEmpty`. `all`: all messages. `none`: 0.
        inexact_counts: Whether the count of a list longer than a page is rounded up to a hundred
            and marked `inexact`. False: it is exact.
        container_messages: Most messages in one container, as often told; a container with more is
            refused with error 64. None: any number.
        past_end: What upload.getFile answers at or after the end of a file. `empty`: a part
            without bytes. `error`: 400 OFFSET_INVALID.
        hashed_part: How many bytes of a file one hash of upload.getFileHashes is for: 131,072, as
            clients have seen, or 65,536.
        noforwards: Whether media of messages that must not be forwarded can be fetched: `open`, as
            any other, or `refused`, 400 CHAT_FORWARDS_RESTRICTED.
        export_replaces: Whether exporting an authorization takes back what was exported before to
            the same data centre and not imported yet: AUTH_BYTES_INVALID, as reported of programs
            that export several at once.
        pinned_topics: Whether a topic that is pinned stands in the list of topics `once`, on top,
            or comes `again` in its place by date.
        reaction_offsets: What an offset in a list of who reacted stands for: the `place` of the
            last entry, so that who reacts meanwhile is missed and nobody is met twice, or a `count`
            of entries, so that newcomers push entries onto the next page, and who goes lets others
            slip by.

    Raises:
        ArgumentError: If a value is none of these.
    """

    page_above_top: Literal["clip", "shift"] = "clip"
    large_limit: Literal["clip", "refuse"] = "clip"
    zero_limit: Literal["default", "none"] = "default"
    invalid_ids: Literal["not positive", "missing"] = "not positive"
    empty_filter_count: Literal["all", "none"] = "all"
    inexact_counts: bool = False
    container_messages: int | None = 1020
    past_end: Literal["empty", "error"] = "empty"
    hashed_part: Literal[131072, 65536] = 131072
    noforwards: Literal["open", "refused"] = "open"
    export_replaces: bool = True
    pinned_topics: Literal["once", "again"] = "once"
    reaction_offsets: Literal["place", "count"] = "place"

    def __post_init__(self) -> None:
        """Refuse what is no side of a switch."""
        for name, kind in get_type_hints(Assumptions).items():
            value = getattr(self, name)
            if kind == int | None:
                if value is not None and not (type(value) is int and value > 0):
                    raise ArgumentError(name, value, "a number above 0, or None")
                continue
            sides = get_args(kind) or (True, False)
            if type(value) is not type(sides[0]) or value not in sides:
                raise ArgumentError(name, value, f"one of {', '.join(map(repr, sides))}")
