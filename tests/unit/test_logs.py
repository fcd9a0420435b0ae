"""Logging: silent by default, without secrets, and not too much of it."""

from __future__ import annotations

import base64
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.logs import RateLimiter, get_logger, redact, warn_limited

SESSION = base64.urlsafe_b64encode(bytes(range(256))).decode()
API_HASH = "0123456789abcdef0123456789abcdef"


def test_silent_without_configuration(capfd: pytest.CaptureFixture[str]) -> None:
    """Without logging set up by the application, a warning goes nowhere."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        get_logger("test").warning("nobody listens")
    finally:
        root.handlers = handlers
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        (SESSION, "session={} loaded"),
        (bytes(range(256)).hex(), "key {}"),
        (API_HASH, "hash={}, id=5"),
        ("+4915112345678", "signed in as {}."),
        ("123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1", "bot {}"),
        ("user:pass-word", "proxy socks5://{}@127.0.0.1:1080"),
        ("/" + SESSION, "key={}"),
        ("/+ab/" * 20 + "=", "key {}"),
    ],
)
def test_secrets_are_redacted(caplog: pytest.LogCaptureFixture, secret: str, text: str) -> None:
    """No secret passes, neither in the message nor in an argument, and the rest stays."""
    logger = get_logger("test")
    before, after = text.split("{}")
    with caplog.at_level(logging.DEBUG, "telefast"):
        logger.debug(text.format(secret))
        logger.debug(f"{before}%s{after}", secret)  # noqa: G004 - as a careless caller would
    assert len(caplog.messages) == 2
    for message in caplog.messages:
        assert secret not in message
        assert message.startswith(before)
        assert message.endswith(after)


@given(
    st.integers(-(2**62), 2**62),
    st.sampled_from(["messages.getHistory", "telefast", "rtt_rising", "FloodWaitError"]),
)
def test_facts_are_kept(number: int, word: str) -> None:
    """Ids, counts and names are no secrets."""
    line = f"{word} peer=-100{abs(number)} part_size={number} reason={word}"
    assert line == redact(line)


@pytest.mark.parametrize(
    "path",
    ["/a" * 60, "/home/me/.local/share/telefast/an_export_of_chats/chunks/2026-11-25-000001.tfc"],
)
def test_paths_are_kept(path: str) -> None:
    """However long the way to a file is, it is not taken for a key."""
    assert f"torn tail path={path} bytes=7" == redact(f"torn tail path={path} bytes=7")


def test_filter_is_added_once() -> None:
    """Asking for a logger again does not redact twice."""
    logger = get_logger("test")
    assert logger is get_logger("test")
    assert len(logger.filters) == 1


def test_warning_says_what_was_held_back(caplog: pytest.LogCaptureFixture) -> None:
    """Repetitions within the interval are counted, not written."""
    limiter = RateLimiter(interval=10)
    for now in (0.0, 3.0, 9.9, 10.0, 30.0):
        warn_limited(get_logger("test"), limiter, "flood", "wait %d s", 7, now=now)
    assert ["wait 7 s", "wait 7 s (and 2 more like it)", "wait 7 s"] == caplog.messages


def test_other_keys_are_not_held_back(caplog: pytest.LogCaptureFixture) -> None:
    """Each kind of warning has its own interval."""
    limiter = RateLimiter()
    for key in ("flood", "stock", "flood"):
        warn_limited(get_logger("test"), limiter, key, "%s", key, now=1.0)
    assert ["flood", "stock"] == caplog.messages


@given(st.floats(0, 100), st.lists(st.floats(0, 1000), max_size=50))
def test_no_warning_is_lost(interval: float, steps: list[float]) -> None:
    """Those let through, those they count, and those still held are all that were raised."""
    limiter = RateLimiter(interval)
    now, held, counted = 0.0, 0, 0
    last: float | None = None
    for step in steps:
        now += step
        admitted = limiter.admit("key", now=now)
        if admitted is None:
            held += 1
            continue
        assert last is None or now - last >= interval
        last = now
        assert held == admitted
        counted += 1 + admitted
        held = 0
    assert len(steps) == counted + held
