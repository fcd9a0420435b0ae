"""Links and names: what each form means, and that nothing else is taken for one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.errors import ArgumentError, LinkError
from telefast.peers.links import TelegramLink, mark_channel, parse_link, read_name

NAMES = st.from_regex(r"[a-z][a-z0-9_]{4,31}", fullmatch=True).filter(
    lambda name: (
        name not in {"joinchat", "invoice", "contact", "giftcode", "addemoji", "setlanguage"}
        and not name.startswith("add")
    )
)
IDS = st.integers(1, 2**31 - 1)
CHANNELS = st.integers(1, 10**12 - 1)
FRONTS = st.sampled_from(
    [
        *("https://t.me/", "http://t.me/", "t.me/", "HTTPS://T.ME/", "https://www.t.me/"),
        *("https://telegram.me/", "telegram.dog/", "  https://t.me//"),
    ]
)


@given(front=FRONTS, name=NAMES, message=IDS)
def test_public_message(front: str, name: str, message: int) -> None:
    """`t.me/name/123` and its like name a message of a public chat, in each spelling."""
    wanted = TelegramLink(name, message_id=message)
    assert wanted == parse_link(f"{front}{name}/{message}")
    assert wanted == parse_link(f"{front}s/{name}/{message}/")
    assert wanted == parse_link(f"https://{name}.t.me/{message}")
    assert wanted == parse_link(f"tg://resolve?domain={name}&post={message}")
    assert wanted == parse_link(f"{front}{name}/{message}?t=1m3s&comment=#x")
    assert TelegramLink(name) == parse_link(f"{front}{name}?start=parameter")


@given(front=FRONTS, channel=CHANNELS, topic=IDS, message=IDS)
def test_private_message(front: str, channel: int, topic: int, message: int) -> None:
    """`/c/` names a chat by its bare id; two numbers after it are a topic and a message."""
    peer = mark_channel(channel)
    wanted = TelegramLink(peer, message_id=message, is_private=True)
    assert wanted == parse_link(f"{front}c/{channel}/{message}")
    assert wanted == parse_link(f"tg://privatepost?channel={channel}&post={message}")
    assert TelegramLink(peer, is_private=True) == parse_link(f"{front}c/{channel}")
    inside = parse_link(f"{front}c/{channel}/{topic}/{message}")
    assert (peer, topic, message) == (inside.peer, inside.topic_id, inside.message_id)
    assert (topic, None) == (inside.root_id, inside.thread_id)


@given(name=NAMES, message=IDS, other=IDS)
def test_threads_and_comments(name: str, message: int, other: int) -> None:
    """A comment and a thread are told apart, and one of an album is told from all of it."""
    link = parse_link(f"t.me/{name}/{message}?comment={other}&single")
    assert TelegramLink(name, message, comment_id=other, is_single=True) == link
    link = parse_link(f"tg:resolve?domain={name}&post={message}&thread={other}")
    assert (TelegramLink(name, message, thread_id=other), other) == (link, link.root_id)
    assert parse_link(f"t.me/{name}/{message}").root_id is None
    link = parse_link(f"t.me/{name}/{other}/{message}")
    assert (other, message) == (link.topic_id, link.message_id)


@pytest.mark.parametrize(
    "text", ["t.me/+AbC-d_1", "https://t.me/joinchat/AbC-d_1", "tg://join?invite=AbC-d_1"]
)
def test_invitations(text: str) -> None:
    """An invitation has a hash, no peer, and keeps its secret in a repr."""
    link = parse_link(text)
    assert (None, "AbC-d_1", True) == (link.peer, link.invite_hash, link.is_private)
    assert "AbC" not in repr(link)


def test_links_by_id() -> None:
    """`tg://user` and `tg://openmessage` name users and basic groups by their ids."""
    assert TelegramLink(12, is_private=True) == parse_link("tg://user?id=12")
    assert TelegramLink(12, 7, is_private=True) == parse_link(
        "tg://openmessage?user_id=12&message_id=7"
    )
    assert TelegramLink(-12, 7, is_private=True) == parse_link(
        "tg:openmessage?chat_id=12&message_id=7"
    )
    # The first of several counts.
    assert TelegramLink(1, is_private=True) == parse_link("tg://user?id=1&id=2")


@pytest.mark.parametrize(
    "text",
    [
        *("", "t.me", "https://t.me/", "durov", "@durov", "https://example.org/durov/5"),
        *("https://t.me.example.org/durov/5", "https://evil.org@example.org/t.me/durov"),
        *("ftp://t.me/durov", "//[/durov", "https://[t.me/durov", "addlist.t.me/5", "a.b.t.me/5"),
        *("t.me/+34600000000", "tg://resolve?phone=34600000000"),
        *("t.me/joinchat", "t.me/+", "t.me/+a b", "t.me/addstickers/Animals", "t.me/share/url"),
        *("t.me/durov/5/6/7", "t.me/durov/s/5", "t.me/durov/0", "t.me/durov/2147483648"),
        *("t.me/durov/٣", "t.me/durov/99999999999999999999", "t.me/durov/5?comment=x"),
        *("t.me/c/", "t.me/c/x/5", "t.me/c/1000000000000/5", "t.me/c/-5/5", "t.me/ab", "t.me/5"),
        *("tg://resolve", "tg://privatepost?post=5", "tg://settings", "tg://user?id=x"),
        *("tg:openmessage", "t.me/durov/5?" + "&".join(f"x{n}=1" for n in range(101))),
    ],
)  # fmt: skip
def test_no_link(text: str) -> None:
    """Everything else is a `LinkError`, which does not show what it was given."""
    with pytest.raises(LinkError) as caught:
        parse_link(text)
    assert "no link" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_no_text() -> None:
    """What is no text is no link."""
    wrong: Any = 7
    with pytest.raises(LinkError):
        parse_link(wrong)


@given(
    st.text(max_size=60) | st.from_regex(r"(https://)?t\.me/[ -~]{0,40}") | st.binary().map(repr)
)
def test_any_text(text: str) -> None:
    """Any text is a link or a `LinkError`, and what is named lies in range."""
    try:
        link = parse_link(text)
    except LinkError:
        return
    numbers = (link.message_id, link.topic_id, link.thread_id, link.comment_id)
    assert all(number is None or 0 < number < 2**31 for number in numbers)
    assert (link.peer is None) == (link.invite_hash is not None)


@given(
    st.integers(1, 2**52 - 1) | st.integers(-2 * 10**12 + 1, -1).filter(lambda i: i != -(10**12))
)
def test_digits_are_ids(marked_id: int) -> None:
    """A string of digits is the marked id, never a phone number."""
    assert marked_id == read_name(str(marked_id)) == read_name(f" {marked_id} ")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("@Durov", "durov"),
        ("durov", "durov"),
        ("ME", "me"),
        ("self", "me"),
        ("t.me/Durov/5", TelegramLink("Durov", 5)),
        ("durov.t.me", TelegramLink("durov")),
        ("tg://user?id=5", TelegramLink(5, is_private=True)),
    ],
)
def test_names(text: str, wanted: object) -> None:
    """Names, links and oneself are told apart."""
    assert wanted == read_name(text)


@pytest.mark.parametrize(
    "text",
    [
        *("+34600000000", "600 00 00 00", "(34) 600", "0", "-0", "", "A title", "@", "@1name"),
        *("name!", str(-(10**12)), str(-2 * 10**12), str(2**52), "9" * 30, "-", "٣"),
    ],
)
def test_what_names_nobody(text: str) -> None:
    """Phone numbers, titles and ids that nobody can have are refused; the text is not shown."""
    with pytest.raises(ArgumentError) as caught:
        read_name(text)
    assert "600" not in str(caught.value)
