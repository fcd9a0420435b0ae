"""Wrong arguments die at once, with the argument's name and its legal values."""

from __future__ import annotations

from typing import Any, cast

import pytest
from telethon import types

from telefast import ArgumentError, BatchedHistory, UsageError
from telefast.history.query import MAX_ID
from telefast.transport import telethon as door


class Sender:
    """Fails the test when something is sent."""

    _auth_key_callback: Any = None

    def send(self, request: object, ordered: bool = False) -> object:
        raise AssertionError(f"sent {request!r}")


class Client:
    """As much of a client as the constructor may touch: nothing of it can send."""

    def __init__(self) -> None:
        self._sender = Sender()
        self._sender._auth_key_callback = self.iter_messages  # whose sender it is
        self._loop = None

    async def __call__(self, request: object) -> object:
        raise AssertionError(f"sent {request!r}")

    def iter_messages(self, *args: object) -> object:
        raise AssertionError("sent by iter_messages")


def history(**arguments: Any) -> BatchedHistory:
    """Make a stream of a chat; nothing else is given."""
    entity = arguments.pop("entity", types.InputPeerChannel(1, 2))
    return BatchedHistory(cast("Any", Client()), entity, **arguments)


WRONG = [
    ("entity", 1.5, "a chat: an entity, an id or a name"),
    ("entity", True, "a chat: an entity, an id or a name"),
    ("entity", ["durov"], "a chat: an entity, an id or a name"),
    ("entity", b"durov", "a chat: an entity, an id or a name"),
    ("limit", -1, "an integer from 0 up, or None for no limit"),
    ("limit", 1.5, "an integer from 0 up, or None for no limit"),
    ("limit", "10", "an integer from 0 up, or None for no limit"),
    ("limit", True, "an integer from 0 up, or None for no limit"),
    ("offset_date", "yesterday", "a datetime, a date, or seconds since the epoch"),
    ("offset_date", float("nan"), "a finite number of seconds"),
    ("offset_id", -1, "an integer from 0 to 2147483647"),
    ("offset_id", None, "an integer from 0 to 2147483647"),
    ("max_id", MAX_ID + 1, "an integer from 0 to 2147483647"),
    ("min_id", "5", "an integer from 0 to 2147483647"),
    ("add_offset", 2**31, "an integer from -2147483647 to 2147483647"),
    ("add_offset", 0.0, "an integer from -2147483647 to 2147483647"),
    ("reverse", "yes", "True or False"),
    ("ids", "123", "an int, or an iterable of ints"),
    ("ids", b"12", "an int, or an iterable of ints"),
    ("ids", 1.0, "an int, or an iterable of ints"),
    ("ids", True, "an int, or an iterable of ints"),
    ("ids", [1, "2"], "an integer from -2147483647 to 2147483647"),
    ("ids", [1, None], "an integer from -2147483647 to 2147483647"),
    ("ids", [2**31], "an integer from -2147483647 to 2147483647"),
    ("wait_time", -0.1, "a number of seconds from 0 up, or None for no spacing"),
    ("wait_time", "1", "a number of seconds from 0 up, or None for no spacing"),
    ("search", 5, "a str, or None"),
    ("filter", 3, "a telethon.types.InputMessagesFilter..., or None"),
    ("filter", types.InputPeerSelf, "a telethon.types.InputMessagesFilter..., or None"),
    ("from_user", 3.5, "a user: an entity, an id or a name; or None"),
    ("reply_to", "x", "an integer from 1 to 2147483647, or None"),
    ("scheduled", "x", "True or False"),
    ("fallback", 1, "True or False"),
    ("by_ids", "auto", "True or False"),
    ("takeout", "yes", 'True, False or "auto"'),
    ("takeout", 0, 'True, False or "auto"'),
    ("takeout", 1, 'True, False or "auto"'),
    ("takeout", None, 'True, False or "auto"'),
    ("scheduled", 0, "True or False"),
    ("view", "raw", '"full" or "lazy"'),
    ("view", None, '"full" or "lazy"'),
    ("request_size", 0, "an integer from 1 to 100"),
    ("request_size", 101, "an integer from 1 to 100"),
    ("batch_size", 0, "an integer from 1 up"),
    ("batch_size", 10.0, "an integer from 1 up"),
    ("albums", "yes", "True or False"),
    ("albums", 1, "True or False"),
    ("concurrency", 0, "an integer from 1 to 64"),
    ("concurrency", 65, "an integer from 1 to 64"),
    ("prefetch", 0, "an integer from 1 up, or None for twice concurrency"),
    ("prefetch", 7, "at least concurrency=8: each request holds a page"),
    ("timeout", 0, "a number of seconds from 0.001 up, or None for no deadline"),
    ("timeout", float("inf"), "a number of seconds from 0.001 up, or None for no deadline"),
    ("timeout", True, "a number of seconds from 0.001 up, or None for no deadline"),
    ("timeout", float("nan"), "a number of seconds from 0.001 up, or None for no deadline"),
    ("timeout", "60", "a number of seconds from 0.001 up, or None for no deadline"),
    ("max_flood_wait", -1, "a number of seconds from 0 up"),
    ("max_flood_wait", None, "a number of seconds from 0 up"),
    ("on_progress", "print", "a callable, or None"),
    ("on_wait", "print", "a callable, or None"),
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_a_wrong_argument_is_named_at_once(name: str, value: object, expected: str) -> None:
    """The constructor raises, names argument and legal values, and has sent nothing."""
    with pytest.raises(ArgumentError) as caught:
        history(**{name: value})
    assert (name, expected) == (caught.value.name, caught.value.expected)
    assert str(caught.value).startswith(f"{name}=")
    assert isinstance(caught.value, UsageError | ValueError)


def test_every_checked_argument_is_tried_here() -> None:
    """No argument of the constructor is left out but the client, which has a test of its own."""
    taken = set(BatchedHistory.__init__.__annotations__) - {"return", "client"}
    assert taken == {name for name, _, _ in WRONG}


def test_the_global_search_has_no_reverse() -> None:
    """`entity=None` with `reverse=True` is refused, as Telethon refuses it, but at once."""
    with pytest.raises(ArgumentError, match="reverse=True"):
        history(entity=None, search="x", reverse=True)


def test_a_long_value_is_cut() -> None:
    """The error shows no more than the beginning of a wrong value."""
    with pytest.raises(ArgumentError) as caught:
        history(search=["secret"] * 1000)
    assert len(str(caught.value)) < 150


def test_legal_values_at_the_edges() -> None:
    """Every bound that an error names is itself legal, and making a stream sends nothing."""
    for arguments in (
        {"limit": 0},
        {"limit": 10**12},
        {"offset_id": MAX_ID, "max_id": MAX_ID, "min_id": MAX_ID},
        {"add_offset": -MAX_ID},
        {"add_offset": MAX_ID},
        {"ids": []},
        {"ids": 7},
        {"ids": range(3)},
        {"ids": iter([1, 2])},
        {"ids": [-MAX_ID, 0, MAX_ID]},
        {"ids": [types.InputMessageID(3), types.InputMessagePinned(), 5]},
        {"request_size": 1, "batch_size": 1, "concurrency": 1, "prefetch": 1},
        {"request_size": 100, "batch_size": 10**9, "concurrency": 64, "prefetch": 64},
        {"timeout": 0.001, "max_flood_wait": 0, "wait_time": 0},
        {"timeout": None, "wait_time": None, "offset_date": 0},
    ):
        stream = history(**cast("dict[str, Any]", arguments))
        assert stream.stats().path == "none"
        assert stream.total is None
        assert (stream.cursor.offset_id, stream.cursor.taken, stream.cursor.done) == (0, 0, False)


async def test_a_client_without_a_sender_is_named() -> None:
    """What is no client is refused with the name that Telethon's client should have."""
    with pytest.raises(Exception, match="_sender") as caught:
        door.key_of(cast("Any", object()))
    assert type(caught.value).__name__ == "CompatibilityError"


@pytest.mark.parametrize("client", [None, "me", object()], ids=["None", "str", "object"])
def test_a_client_is_a_client(client: Any) -> None:
    """What is no Telethon client is named, not taken for an unknown Telethon."""
    with pytest.raises(ArgumentError, match=r"^client=.*: expected a telethon.TelegramClient"):
        BatchedHistory(client, "chat")
