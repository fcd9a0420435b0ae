"""Which errors are waits, which are tried again, and which are the caller's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import errors
from telethon.tl.functions.messages import GetHistoryRequest

from telefast.errors import DeadlineError
from telefast.transport.retry import Flood, Pause, RetryPolicy

REQUEST = GetHistoryRequest(None, 0, None, 0, 0, 0, 0, 0)


def answered(code: int, message: str) -> errors.RPCError:
    """Return the error that Telethon makes of an `rpc_error`."""

    class Answer:
        error_code = code
        error_message = message

    error: errors.RPCError = errors.rpc_message_to_error(Answer, REQUEST)
    return error


@pytest.mark.parametrize(
    ("message", "seconds", "name"),
    [
        ("FLOOD_WAIT_31", 31.0, "FloodWaitError"),
        ("FLOOD_WAIT_1", 1.0, "FloodWaitError"),
        ("FLOOD_WAIT_0", 1.0, "FloodWaitError"),
        ("FLOOD_PREMIUM_WAIT_7", 7.0, "FloodPremiumWaitError"),
        ("SLOWMODE_WAIT_12", 12.0, "SlowModeWaitError"),
        ("FLOOD_SKIP_FAILED_WAIT", 5.0, "FloodError"),
        ("2FA_CONFIRM_WAIT_9", 9.0, "TwoFaConfirmWaitError"),
    ],
)
def test_every_kind_of_flood_is_a_wait(message: str, seconds: float, name: str) -> None:
    """Each 420 that time cures holds its kind, by its own name, however often it came before."""
    error = answered(420, message)
    policy = RetryPolicy(max_retries=0)
    for retries in (0, 1, 1000):
        assert Flood(seconds, name) == policy.decide(error, retries=retries)


def test_a_takeout_that_has_to_be_confirmed_is_no_wait() -> None:
    """The user may confirm it at any moment, so nothing is held: the caller decides."""
    assert RetryPolicy().decide(answered(420, "TAKEOUT_INIT_DELAY_86400"), retries=0) is None


@pytest.mark.parametrize("message", ["FROZEN_METHOD_INVALID", "FROZEN_SOMETHING_NEW"])
def test_a_frozen_account_is_no_wait(message: str) -> None:
    """A 420 that no wait cures is the caller's, whether Telethon knows its name or not."""
    error = answered(420, message)
    assert isinstance(error, errors.FloodError)
    assert RetryPolicy().decide(error, retries=0) is None


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (500, "INTERNAL"),
        (-500, "No workers running"),
        (503, "Timeout"),
        (-503, "Timeout"),
        (500, "RPC_CALL_FAIL"),
        (400, "RPC_CALL_FAIL"),
        (400, "RPC_MCGET_FAIL"),
        (500, "INTERDC_2_CALL_ERROR"),
        (500, "INTERDC_2_CALL_RICH_ERROR"),
    ],
)
def test_errors_of_telegram_itself_are_tried_again(code: int, message: str) -> None:
    """What Telethon retries is retried, `max_retries` times and not once more."""
    error = answered(code, message)
    policy = RetryPolicy(max_retries=2)
    assert Pause(1.0) == policy.decide(error, retries=0)
    assert Pause(2.0) == policy.decide(error, retries=1)
    assert policy.decide(error, retries=2) is None


@pytest.mark.parametrize(
    "error",
    [
        answered(400, "CHANNEL_INVALID"),
        answered(406, "CHANNEL_PRIVATE"),
        answered(401, "AUTH_KEY_UNREGISTERED"),
        answered(403, "CHAT_WRITE_FORBIDDEN"),
        answered(303, "USER_MIGRATE_4"),
        answered(400, "SOMETHING_NEW"),
        DeadlineError("messages.getHistory", 60.0, 3),
        ConnectionError("gone"),
        ValueError("ours"),
    ],
)
def test_everything_else_is_the_callers(error: Exception) -> None:
    """No other error is retried or waited for, not even on the first try."""
    assert RetryPolicy().decide(error, retries=0) is None


@given(st.floats(0, 10), st.floats(0, 100), st.integers(0, 30))
def test_pauses_double_up_to_the_longest(base: float, longest: float, retries: int) -> None:
    """The pause doubles with each retry, never falls, and never exceeds `max_delay`."""
    policy = RetryPolicy(max_retries=40, base_delay=base, max_delay=longest)
    error = answered(500, "INTERNAL")
    pause, later = (policy.decide(error, retries=n) for n in (retries, retries + 1))
    assert isinstance(pause, Pause)
    assert isinstance(later, Pause)
    assert min(base * 2**retries, longest) == pause.seconds
    assert pause.seconds <= later.seconds <= longest
