"""Messages of every kind and with every field, as a test of the small schemas wants them."""

from __future__ import annotations

import inspect
import typing
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from telethon import types

from telefast.testing import World, sample_kinds, sample_media

MADE = datetime(2023, 4, 5, 6, 7, 8, tzinfo=UTC)
NAMES: dict[str, Any] = {
    **vars(typing),
    **vars(types),
    "TypeEmojiGameOutcome": types.messages.EmojiGameOutcome,
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
