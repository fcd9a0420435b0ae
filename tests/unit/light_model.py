"""Messages of every kind and with every field, and what the small schemas keep of them."""

from __future__ import annotations

import inspect
import typing
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from telethon import types, utils

from telefast import (
    LightEntity,
    LightForward,
    LightMedia,
    LightMessage,
    LightReply,
    MinimalMessage,
    ReactionSummary,
    file_key,
    topic_of,
)
from telefast.testing import World, sample_kinds, sample_media
from tests.unit.chunk_model import ACCOUNT

MADE = datetime(2023, 4, 5, 6, 7, 8, tzinfo=UTC)
NAMES: dict[str, Any] = {
    **vars(typing),
    **{f"Type{name}": each for name, each in vars(types.messages).items()},
    **vars(types),
    "datetime": datetime,
}
SAMPLES: dict[type, Any] = {int: 77, str: "ä", bytes: b"\0x", bool: True, float: 1.5}
INT32 = st.integers(1, 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)


def constructors(prefix: str) -> list[Any]:
    """Return the constructors of the installed layer whose names begin so."""
    found = [each for name, each in sorted(vars(types).items()) if name.startswith(prefix)]
    return [each for each in found if hasattr(each, "CONSTRUCTOR_ID")]


def filled(make: Any, depth: int = 4) -> Any:
    """Return an object with every field set, as deep as *depth*; below only what it must have."""
    values: dict[str, Any] = {}
    if make.__init__ is object.__init__:
        return make()  # a constructor without fields
    for name, each in list(inspect.signature(make.__init__).parameters.items())[1:]:
        if depth > 0 or each.default is inspect.Parameter.empty:
            values[name] = _value(each.annotation, depth - 1)
    return make(**values)


def _resolved(hint: Any) -> Any:
    if isinstance(hint, typing.ForwardRef):
        hint = hint.__forward_arg__
    return eval(hint, NAMES) if isinstance(hint, str) else hint  # noqa: S307 - Telethon's own


def _value(hint: Any, depth: int) -> Any:
    hint = _resolved(hint)
    if hint is datetime:
        return MADE
    if hint in SAMPLES:
        return SAMPLES[hint]
    if typing.get_origin(hint) is list:
        return [_value(typing.get_args(hint)[0], depth)] if depth > -4 else []
    if typing.get_origin(hint) is typing.Union:
        kinds = [_resolved(k) for k in typing.get_args(hint) if k is not type(None)]
        # The constructor without fields, if we are deep down already: some hold their own type.
        kinds.sort(key=lambda k: len(inspect.signature(k).parameters) if depth < 0 else 0)
        return _value(kinds[0], depth)
    return filled(hint, depth)


PEERS = st.one_of(
    st.builds(types.PeerUser, INT32),
    st.builds(types.PeerChat, INT32),
    st.builds(types.PeerChannel, INT32),
)
DATES = st.integers(-(2**31), 2**31 - 1).map(
    lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
TEXTS = st.text(max_size=12)
_MAYBE_FLAG = st.sampled_from([None, True])
WORLD = World(seed=9)
MEDIA = [sample_media(WORLD, kind) for kind in sample_kinds()]
ACTIONS = [filled(each, 2) for each in constructors("MessageAction")]
ENTITIES = [filled(each, 2) for each in constructors("MessageEntity")]


@st.composite
def replies(draw: st.DrawFn) -> Any:
    """What a message may answer."""
    if draw(st.booleans()):
        return types.MessageReplyStoryHeader(draw(PEERS), draw(INT32))
    return types.MessageReplyHeader(
        forum_topic=draw(_MAYBE_FLAG),
        quote=draw(_MAYBE_FLAG),
        reply_to_msg_id=draw(st.none() | INT32),
        reply_to_peer_id=draw(st.none() | PEERS),
        reply_to_top_id=draw(st.none() | INT32),
        quote_text=draw(st.none() | TEXTS),
    )


@st.composite
def forwards(draw: st.DrawFn) -> Any:
    """Where a message may come from."""
    return types.MessageFwdHeader(
        draw(DATES),
        imported=draw(_MAYBE_FLAG),
        from_id=draw(st.none() | PEERS),
        from_name=draw(st.none() | TEXTS),
        channel_post=draw(st.none() | INT32),
        post_author=draw(st.none() | TEXTS),
        saved_from_peer=draw(st.none() | PEERS),
        saved_from_msg_id=draw(st.none() | INT32),
    )


REACTIONS = st.builds(
    types.MessageReactions,
    st.lists(
        st.builds(
            types.ReactionCount,
            st.one_of(
                st.builds(types.ReactionEmoji, TEXTS),
                st.builds(types.ReactionCustomEmoji, INT64),
                st.builds(types.ReactionPaid),
                st.builds(types.ReactionEmpty),
            ),
            st.integers(0, 5_000),
            chosen_order=st.none() | st.integers(0, 3),
        ),
        max_size=3,
    ),
    min=_MAYBE_FLAG,
    can_see_list=_MAYBE_FLAG,
    reactions_as_tags=_MAYBE_FLAG,
)


@st.composite
def messages(draw: st.DrawFn) -> Any:
    """Any message."""
    message_id = draw(st.integers(-(2**31), 2**31 - 1))
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return types.MessageEmpty(message_id, draw(st.none() | PEERS))
    common: dict[str, Any] = {
        "id": message_id,
        "peer_id": draw(PEERS),
        "date": draw(DATES),
        "out": draw(_MAYBE_FLAG),
        "post": draw(_MAYBE_FLAG),
        "silent": draw(_MAYBE_FLAG),
        "from_id": draw(st.none() | PEERS),
        "saved_peer_id": draw(st.none() | PEERS),
        "reply_to": draw(st.none() | replies()),
        "reactions": draw(st.none() | REACTIONS),
    }
    if kind == 1:
        return types.MessageService(action=draw(st.sampled_from(ACTIONS)), **common)
    return types.Message(
        **common,
        message=draw(TEXTS),
        pinned=draw(_MAYBE_FLAG),
        fwd_from=draw(st.none() | forwards()),
        via_bot_id=draw(st.none() | INT64),
        media=draw(st.none() | st.sampled_from(MEDIA)),
        entities=draw(st.none() | st.lists(st.sampled_from(ENTITIES), max_size=3)),
        views=draw(st.none() | INT32),
        forwards=draw(st.none() | INT32),
        replies=draw(st.none() | st.builds(types.MessageReplies, INT32, INT32)),
        edit_date=draw(st.none() | DATES),
        post_author=draw(st.none() | TEXTS),
        grouped_id=draw(st.none() | INT64),
    )


# What is kept


def marked(peer: Any) -> int | None:
    """Return the marked id of a peer."""
    return None if peer is None else utils.get_peer_id(peer)


def true(holder: Any) -> set[str]:
    """Return the names of the flags that an object has set."""
    flags = vars(holder).items()
    return {name for name, value in flags if value is True and not name.startswith("_")}


def sender(found: Any) -> int | None:
    """Return who sent a message, by its own fields."""
    own = found.sender_id is None and found.out and isinstance(found.peer_id, types.PeerUser)
    return ACCOUNT if own else found.sender_id


def check(sent: Any, kept: LightMessage) -> None:
    """Check each field of a message that came back against Telethon's object."""
    assert (sent.id, marked(sent.peer_id), sender(sent)) == (kept.id, kept.chat_id, kept.sender_id)
    assert (sent.date, sent.edit_date) == (kept.date, kept.edit_date)
    assert (sent.message or "", sent.grouped_id) == (kept.text, kept.grouped_id)
    assert (sent.views, sent.forwards) == (kept.views, kept.forwards)
    assert (sent.replies and sent.replies.replies) == kept.replies
    assert (sent.via_bot_id, sent.post_author) == (kept.via_bot_id, kept.post_author)
    assert marked(sent.saved_peer_id) == kept.saved_peer_id
    assert true(sent) == kept.flags
    check_entities(sent.entities or [], kept.entities)
    check_reply(sent, kept)
    check_forward(sent.fwd_from, kept.forward)
    summary = ReactionSummary.of(sent)
    assert [(r.kind, r.key, r.count, r.chosen_order) for r in summary.items] == [
        (r.kind, r.key, r.count, r.chosen_order) for r in kept.reactions
    ]
    assert (true(sent.reactions) if sent.reactions else set()) == kept.reaction_flags
    if sent.action is None:
        assert (None, None) == (kept.action, kept.action_data)
    else:
        assert (type(sent.action).__name__, bytes(sent.action)) == (kept.action, kept.action_data)
    kinds = {types.Message: "message", types.MessageService: "service"}
    assert kinds.get(type(sent), "empty") == kept.type
    if sent.media is None:
        assert kept.media is None
    else:
        check_media(sent, kept.media)


def check_entities(sent: list[Any], kept: tuple[LightEntity, ...]) -> None:
    """Check the markup."""
    assert len(sent) == len(kept)
    for one, other in zip(sent, kept, strict=True):
        assert (type(one).__name__, one.offset, one.length) == (
            other.kind,
            other.offset,
            other.length,
        )
        texts = [getattr(one, name, None) for name in ("url", "language", "old_text")]
        assert next((text for text in texts if text is not None), None) == other.text
        numbers = [getattr(one, name, None) for name in ("user_id", "document_id")]
        date = getattr(one, "date", None)
        numbers.append(None if date is None else int(date.timestamp()))
        assert next((n for n in numbers if n is not None), None) == other.number
        assert true(one) == other.flags


def check_reply(sent: Any, kept: LightMessage) -> None:
    """Check what a message answers, and that its topic is telefast's."""
    header, reply = sent.reply_to, kept.reply
    if header is None or reply is None:
        assert header is reply is None
    elif isinstance(header, types.MessageReplyStoryHeader):
        assert LightReply(None, marked(header.peer), story_id=header.story_id) == reply
    else:
        assert (header.reply_to_msg_id, marked(header.reply_to_peer_id)) == (
            reply.message_id,
            reply.chat_id,
        )
        assert (header.reply_to_top_id, header.quote_text) == (reply.top_id, reply.quote)
        assert true(header) == reply.flags
        assert reply.story_id is None
    assert topic_of(sent) == (kept.topic_id or 1)


def check_forward(sent: Any, kept: LightForward | None) -> None:
    """Check where a message comes from."""
    if sent is None or kept is None:
        assert sent is kept is None
        return
    assert (sent.date, marked(sent.from_id), sent.from_name) == (
        kept.date,
        kept.from_id,
        kept.from_name,
    )
    assert (sent.channel_post, sent.post_author) == (kept.post_id, kept.post_author)
    assert (marked(sent.saved_from_peer), sent.saved_from_msg_id) == (
        kept.saved_chat_id,
        kept.saved_message_id,
    )
    assert true(sent) == kept.flags


def check_media(sent: Any, kept: LightMedia | None) -> None:
    """Check the medium: its name, its file as the media room sees it, and the rest as bytes."""
    media, key = sent.media, file_key(sent)
    assert kept is not None
    assert type(media).__name__ == kept.constructor
    if key is not None and key.kind == "web":
        key = None  # a file of another site is none of Telegram's
    assert (None if key is None else str(key)) == kept.file_key
    plain = type(media).__name__ in (
        "MessageMediaPhoto",
        "MessageMediaDocument",
        "MessageMediaWebPage",
    )
    assert (None if plain else bytes(media)) == kept.data
    assert true(media) == kept.flags
    assert getattr(media, "ttl_seconds", None) == kept.ttl_seconds
    assert getattr(getattr(media, "webpage", None), "url", None) == kept.url


def check_meta(sent: Any, kept: MinimalMessage) -> None:
    """Check what `minimal` says of a medium: the key of its file, or what it is."""
    shown = sent.media if sent.media is not None else sent.action
    if shown is None:
        assert kept.media_meta is None
        return
    key = None if sent.media is None else file_key(sent)
    assert kept.media_meta == (
        type(shown).__name__ if key is None or key.kind == "web" else str(key)
    )
