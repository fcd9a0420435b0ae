"""Logging: silent by default, without secrets, and not too much of it."""

from __future__ import annotations

import base64
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.limited_logs import limit_logs
from telefast.logs import flush, get_logger, redact
from telefast.metrics import Metrics

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
    logger = get_logger("test").logger
    assert logger is get_logger("test").logger
    assert len(logger.filters) == 1


def test_summaries_are_redacted(caplog: pytest.LogCaptureFixture) -> None:
    """A secret in a format, as a careless caller would write it, is not told when it is summed."""
    limit_logs(burst=1)
    for _ in range(3):
        get_logger("test").warning(f"session={SESSION}")
    limit_logs()
    assert 2 == len(caplog.messages)
    assert SESSION not in caplog.text


def test_a_piece_that_ends_says_what_was_held_back(caplog: pytest.LogCaptureFixture) -> None:
    """Each record is written or counted; many short pieces do not tell of each single one."""
    metrics, logger = Metrics(), get_logger("test")
    caplog.set_level(logging.INFO, "telefast")
    for number in range(50):
        logger.info("piece=%d", number)
        flush(metrics)
    assert [f"piece={number}" for number in range(10)] == caplog.messages[:10]
    assert ["1 more like: piece=%d"] == caplog.messages[10:]
    assert 40 == metrics["log_suppressed"]
    limit_logs()
    assert ["39 more like: piece=%d"] == caplog.messages[11:]
    flush(None)
    assert 12 == len(caplog.messages)


def test_limits_of_the_process_can_be_lifted(caplog: pytest.LogCaptureFixture) -> None:
    """With an interval of 0 every record is written."""
    limit_logs(interval=0)
    caplog.set_level(logging.DEBUG, "telefast")
    for number in range(300):
        get_logger("test").debug("step=%d", number)
    assert 300 == len(caplog.messages)


def test_what_is_not_asked_for_is_not_counted() -> None:
    """A level that the program has switched off is neither written nor held back."""
    metrics = Metrics()
    logging.getLogger("telefast.quiet").setLevel(logging.WARNING)
    for _ in range(50):
        get_logger("quiet").debug("nobody wants this")
    flush(metrics)
    assert 0 == metrics["log_suppressed"]
