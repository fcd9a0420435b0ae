"""What a link to Telegram names, and what a word that names a peer means.

Pure text: nothing is asked. The forms and their meaning are those of
https://core.telegram.org/api/links; where that page is silent, the comment says who speaks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from telefast.errors import ArgumentError, LinkError

__all__ = [
    "CHANNEL_MARK",
    "TelegramLink",
    "check_id",
    "is_id",
    "mark_channel",
    "parse_link",
    "read_name",
]

CHANNEL_MARK: Final = 10**12
"""What Telethon's marked ids of channels begin with: -100... (https://core.telegram.org/api/bots/ids:
bare ids lie below it)."""
MAX_ID: Final = 2**31 - 1
"""Message ids are signed 32-bit numbers on the wire."""
_MAX_USER: Final = 2**52
"""Ids of users have at most 52 significant bits (https://core.telegram.org/bots/api#user)."""

_HOSTS = frozenset({"t.me", "telegram.me", "telegram.dog"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,31}")
"""A username: 5 to 32 characters, bought ones from 4, some old ones of Telegram's own 3."""
_HASH = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"-?[0-9]{1,19}")
_NO_NAMES = frozenset(
    {
        "addemoji",
        "addlist",
        "addstickers",
        "addtheme",
        "auth",
        "boost",
        "call",
        "confirmphone",
        "contact",
        "giftcode",
        "invoice",
        "joinchat",
        "login",
        "nft",
        "passport",
        "proxy",
        "setlanguage",
        "share",
        "socks",
    }
)
"""First words of paths that name something else than a peer."""


@dataclass(frozen=True, slots=True)
class TelegramLink:
    """What a link names.

    Attributes:
        peer: Marked id, or username without its @; None in an invite link.
        message_id: The message, None if the link names none.
        topic_id: The topic or thread that stands in the path, as in `t.me/c/1/TOPIC/5`.
        thread_id: The thread of `?thread=`.
        comment_id: The comment of `?comment=`: a message of the *discussion group* that hangs on
            `message_id`, which is one of the channel.
        is_private: Whether only members can follow it: `t.me/c/...`, invites, links by id.
        is_single: Whether one message of an album is meant, not all of it (`?single`).
        invite_hash: The secret of an invite link; never shown.
    """

    peer: int | str | None
    message_id: int | None = None
    topic_id: int | None = None
    thread_id: int | None = None
    comment_id: int | None = None
    is_private: bool = False
    is_single: bool = False
    invite_hash: str | None = field(default=None, repr=False)

    @property
    def root_id(self) -> int | None:
        """The message on which the thread hangs, however the link says it; None for no thread."""
        return self.topic_id if self.topic_id is not None else self.thread_id


def mark_channel(channel_id: int) -> int:
    """Return the marked id of a channel or supergroup."""
    return -(CHANNEL_MARK + channel_id)


def parse_link(url: str) -> TelegramLink:
    """Read a link to a chat, a message, a topic, a comment, or an invitation.

    Known are `t.me`, `telegram.me` and `telegram.dog`, with or without `https://`, the form
    `name.t.me`, and `tg://resolve`, `tg://privatepost`, `tg://join`, `tg://openmessage`,
    `tg://user`. Nothing is asked: whether the chat exists is another question.

    Args:
        url: The link. Blanks around it are passed over.

    Returns:
        What it names.

    Raises:
        LinkError: If it is no such link, or one to something else (stickers, a story, a phone
            number, an app). The error does not show the link, which may hold a secret.

    Example:
        >>> parse_link("https://t.me/durov/43?single").message_id
        43
        >>> link = parse_link("t.me/c/1234567890/5/678")
        >>> link.peer, link.topic_id, link.message_id
        (-1001234567890, 5, 678)
    """
    text = str(url).strip()
    if text[:3].lower() == "tg:":
        return _parse_tg(text)
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:  # brackets that are no address
        raise LinkError("it is no address") from None
    if parts.scheme not in {"http", "https"}:
        raise LinkError("it is no address of the web, and none of tg:")
    path = [step for step in parts.path.split("/") if step]
    if host not in _HOSTS:
        name, _, rest = host.partition(".")
        if rest not in _HOSTS or not _NAME.fullmatch(name) or name in _NO_NAMES:
            raise LinkError("its host is none of t.me, telegram.me, telegram.dog")
        path.insert(0, name)
    query = _query(parts.query)
    if not path:
        raise LinkError("it names no chat")
    first, *rest_of_path = path
    if first == "c":
        return _parse_private(rest_of_path, query)
    if first[0] == "+":
        if first[1:].isdigit():
            raise LinkError("it names a phone number, which is not looked up")
        return _invite(first[1:])
    if first == "joinchat":
        return _invite("".join(rest_of_path[:1]))
    if first == "s" and rest_of_path:  # the preview of a channel on the web
        first, *rest_of_path = rest_of_path
    return _message(_name(first), rest_of_path, query)


def read_name(text: str) -> int | str | TelegramLink:
    """Read what a user wrote to name a peer.

    A number is a marked id, and never a phone number: Telethon takes a string of digits for one,
    and then asks for all contacts.

    Args:
        text: A marked id, `@name`, `name`, `me`, or a link.

    Returns:
        The marked id; the username in lower case, or `me`; or the link.

    Raises:
        ArgumentError: If it is none of these: a phone number, a title.
        LinkError: If it is a link to something else.
    """
    word = text.strip()
    if is_id(word):
        return check_id(int(word))
    lower = word.lower()
    if lower in {"me", "self"}:
        return "me"
    name = word.removeprefix("@")
    if _NAME.fullmatch(name):
        return name.lower()
    if "/" in word or lower.startswith("tg:") or lower.endswith(tuple(f".{h}" for h in _HOSTS)):
        return parse_link(word)
    # What it holds may be a phone number: not shown.
    expected = "a marked id, @username or link; phone numbers and titles are not looked up"
    raise ArgumentError("entity", "...", expected)


def is_id(text: str) -> bool:
    """Return whether *text* is a number, with a minus or without."""
    return _ID.fullmatch(text.strip()) is not None


def check_id(marked_id: int) -> int:
    """Return *marked_id*.

    Raises:
        ArgumentError: If no peer can have it.
    """
    if not (0 < marked_id < _MAX_USER or -2 * CHANNEL_MARK < marked_id < 0) or (
        marked_id == -CHANNEL_MARK
    ):
        expected = "a marked id: a user's id, -id of a basic group, -100id of a channel"
        raise ArgumentError("entity", marked_id, expected)
    return marked_id


# The forms


def _parse_tg(text: str) -> TelegramLink:
    kind, _, rest = text[3:].lstrip("/").partition("?")
    query = _query(rest)
    kind = kind.rstrip("/").lower()
    if kind == "resolve":
        if "phone" in query:
            raise LinkError("it names a phone number, which is not looked up")
        return _message(_name(query.get("domain", "")), [], query, query.get("post"))
    if kind == "privatepost":
        return _parse_private([query.get("channel", "")], query, query.get("post"))
    if kind == "join":
        return _invite(query.get("invite", ""))
    if kind == "user":  # https://core.telegram.org/api/entities, of bots
        return TelegramLink(_number(query.get("id", ""), "user", _MAX_USER - 1), is_private=True)
    if kind == "openmessage":  # of Telegram for Android: a user, or a basic group
        if "user_id" in query:
            peer = _number(query["user_id"], "user", _MAX_USER - 1)
        else:
            peer = -_number(query.get("chat_id", ""), "chat", CHANNEL_MARK - 1)
        return _with_message(peer, [], query, query.get("message_id"), is_private=True)
    raise LinkError("it is a tg: link to no chat")


def _parse_private(path: list[str], query: dict[str, str], post: str | None = None) -> TelegramLink:
    if not path:
        raise LinkError("it names no chat")
    channel = _number(path[0], "channel", CHANNEL_MARK - 1)
    return _with_message(mark_channel(channel), path[1:], query, post, is_private=True)


def _message(
    name: str, path: list[str], query: dict[str, str], post: str | None = None
) -> TelegramLink:
    return _with_message(name, path, query, post, is_private=False)


def _with_message(
    peer: int | str, path: list[str], query: dict[str, str], post: str | None, *, is_private: bool
) -> TelegramLink:
    """Read `MESSAGE`, or `TOPIC/MESSAGE`, and the options that go with a message."""
    if post is not None:
        path = [post]
    if len(path) > 2:
        raise LinkError("its path is longer than chat, topic, message")
    ids = [_number(step, "message") for step in path]
    if not ids:
        return TelegramLink(peer, is_private=is_private)
    return TelegramLink(
        peer,
        message_id=ids[-1],
        topic_id=ids[0] if len(ids) == 2 else None,
        thread_id=_option(query, "thread"),
        comment_id=_option(query, "comment"),
        is_private=is_private,
        is_single="single" in query,
    )


def _invite(secret: str) -> TelegramLink:
    if not _HASH.fullmatch(secret):
        raise LinkError("it has no hash of an invitation")
    return TelegramLink(None, is_private=True, invite_hash=secret)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or text.lower() in _NO_NAMES:
        raise LinkError("it names no chat")
    return text


def _number(text: str, what: str, most: int = MAX_ID) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= most):
        raise LinkError(f"it names no {what}: expected a number from 1 to {most}")
    return int(text)


def _option(query: dict[str, str], name: str) -> int | None:
    return _number(query[name], name) if query.get(name) else None


def _query(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise LinkError("it has too many options") from None
    return dict(reversed(pairs))  # the first of each name counts
