"""Limits on logs: what passes, that nothing goes uncounted, and how loggers behave."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.errors import ArgumentError
from telefast.limited_logs import RateLimitedLogger
from telefast.log_limits import MOST_PER_SECOND, Held, RateLimiter, template
from telefast.metrics import Metrics

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR


class Time:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def logger(**options: Any) -> RateLimitedLogger:
    """Return a logger of a program."""
    return RateLimitedLogger(logging.getLogger("program"), **options)


# The decision


def test_a_burst_passes_in_each_interval() -> None:
    """And the first record of the next one says how many were held back."""
    limiter = RateLimiter(interval=10, burst=2)
    times = (0.0, 1.0, 2.0, 9.9, 10.0, 11.0, 30.0)
    assert [0, 0, None, None, 2, 0, 0] == [limiter.admit("flood", now=now) for now in times]


def test_kinds_do_not_hold_each_other_back() -> None:
    """Each kind has its own burst."""
    limiter = RateLimiter(burst=1)
    assert [0, 0, None] == [limiter.admit(key, now=1.0) for key in ("flood", "stock", "flood")]


def test_errors_pass() -> None:
    """However many there are."""
    limiter = RateLimiter(burst=1)
    assert [0] * 500 == [limiter.admit("error", ERROR, now=0.0) for _ in range(500)]


def test_only_warnings_pass_where_too_many_come() -> None:
    """Above the rate details are counted only, until a second with fewer has passed."""
    limiter = RateLimiter(interval=1000, burst=10_000)
    passed = [limiter.admit("step", INFO, now=0.5) for _ in range(3 * MOST_PER_SECOND)]
    assert [0] * MOST_PER_SECOND + [None] * 2 * MOST_PER_SECOND == passed
    assert 0 == limiter.admit("flood", WARNING, now=0.6)
    assert None is limiter.admit("step", DEBUG, now=1.6)
    assert 2 * MOST_PER_SECOND + 1 == limiter.admit("step", INFO, now=2.6)
    quiet = RateLimiter(interval=1000, burst=10_000, adaptive=False)
    assert [0] * 500 == [quiet.admit("step", DEBUG, now=0.0) for _ in range(500)]


def test_a_clock_that_was_set_back_begins_a_new_interval() -> None:
    """No record is held back for hours."""
    limiter = RateLimiter(burst=1)
    assert [0, 0] == [limiter.admit("flood", now=now) for now in (1000.0, 3.0)]


def test_what_is_due_is_told_once_in_an_interval() -> None:
    """However often one asks; and all of it on request."""
    limiter = RateLimiter(interval=10, burst=1)
    for level in (INFO, WARNING, DEBUG):
        limiter.admit("a", level, now=0.0)
    assert [Held("a", WARNING, 2)] == limiter.due(now=1.0)
    limiter.admit("a", DEBUG, now=2.0)
    assert [] == limiter.due(now=3.0)
    assert [Held("a", DEBUG, 1)] == limiter.due(now=3.0, everything=True)
    assert [] == limiter.due(now=100.0)


def test_memory_is_bounded() -> None:
    """The oldest kind is forgotten, but not what was held back of it."""
    limiter = RateLimiter(burst=1, max_keys=3)
    for number in range(10):
        for _ in range(3):
            limiter.admit(f"kind {number}", now=0.0)
    told = limiter.due(now=0.0)
    assert ["kind 7", "kind 8", "kind 9", ""] == [held.key for held in told]
    assert 20 == sum(held.count for held in told)


@given(
    st.floats(0, 100),
    st.integers(1, 5),
    st.booleans(),
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from([DEBUG, INFO, WARNING, ERROR]),
            st.booleans(),
        ),
        max_size=50,
    ),
)
def test_no_record_is_lost(
    interval: float, burst: int, adaptive: bool, steps: list[tuple[float, str, int, bool]]
) -> None:
    """Those let through, those told of, and those told of at the end are all that there were."""
    limiter = RateLimiter(interval, burst, adaptive=adaptive, max_keys=2)
    now = 0.0
    passed = told = 0
    for step, key, level, is_flushed in steps:
        now += step
        held = limiter.admit(key, level, now=now)
        if held is not None:
            passed += 1
            told += held
        if is_flushed:
            told += sum(each.count for each in limiter.due(now=now))
    told += sum(each.count for each in limiter.due(now=now, everything=True))
    assert len(steps) == passed + told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("interval", -1),
        ("interval", math.nan),
        ("interval", math.inf),
        ("interval", True),
        ("burst", 0),
        ("burst", 1.5),
        ("max_keys", 0),
    ],
)
def test_illegal_arguments_are_refused(name: str, value: Any) -> None:
    """By name."""
    with pytest.raises(ArgumentError, match=name):
        RateLimiter(**{name: value})


def test_numbers_do_not_make_a_kind() -> None:
    """Formats are kinds; so are texts that were put together already."""
    assert template("failed id=%d") == "failed id=%d"
    assert template("failed id=7 of 20") == template("failed id=12 of 9")
    assert template(ValueError("no")) == "no"


# The logger


def test_program_can_limit_its_own_logs(caplog: pytest.LogCaptureFixture) -> None:
    """A burst, then a count: with the next record that passes, or at the end."""
    metrics, clock = Metrics(), Time()
    with logger(interval=10, burst=2, metrics=metrics, clock=clock) as log:
        for number in range(5):
            log.warning("failed id=%d", number)
        clock.now = 10.0
        log.warning("failed id=%d", 5)
        for number in range(3):
            log.info("step %(number)d", {"number": number})
            log.warning("step %(number)d", {"number": number})
        assert 3 + 1 == log.suppressed
        assert 0 == metrics["log_suppressed"]
    assert [
        "failed id=0",
        "failed id=1",
        "failed id=5 (and 3 more like it)",
        "step 0",
        "step 1",
        "1 more like: step %(number)d",
    ] == caplog.messages
    assert 4 == metrics["log_suppressed"]


def test_records_say_where_they_were_written(caplog: pytest.LogCaptureFixture) -> None:
    """File, line and exception are those of the caller."""
    log = logger()
    try:
        int("no")
    except ValueError:
        log.exception("failed")
    [record] = caplog.records
    assert ("test_log_limits.py", ERROR) == (record.filename, record.levelno)
    assert record.exc_info


def test_flush_may_be_called_often(caplog: pytest.LogCaptureFixture) -> None:
    """It tells of a kind once in an interval; `close` tells the rest."""
    clock, metrics = Time(), Metrics()
    log = logger(burst=1, clock=clock, metrics=metrics)
    for number in range(4):
        log.warning("failed id=%d", number)
        log.flush()
    assert ["failed id=0", "1 more like: failed id=%d"] == caplog.messages
    assert 3 == metrics["log_suppressed"]
    log.close()
    log.close()
    assert ["2 more like: failed id=%d"] == caplog.messages[2:]
    logger().flush()
    logger().close()


def test_kinds_can_be_told_apart_otherwise(caplog: pytest.LogCaptureFixture) -> None:
    """By a function of the message."""
    with logger(burst=1, key=lambda message: str(message)[0]) as log:
        for word in ("apple", "avocado", "banana"):
            log.warning(word)
    assert ["apple", "banana", "1 more like: a"] == caplog.messages


def test_threads_may_log(caplog: pytest.LogCaptureFixture) -> None:
    """What passes and what was held back are all that there were."""
    log = logger(burst=5)

    def work() -> None:
        for number in range(200):
            log.warning("failed id=%d", number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 5 == len(caplog.messages)
    assert 795 == log.suppressed
    log.close()
    assert "795 more like: failed id=%d" == caplog.messages[-1]


PROGRAM = """
import logging, telefast
from telefast.logs import get_logger
logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
log = telefast.RateLimitedLogger(logging.getLogger("program"), burst=1)
for number in range(3):
    log.warning("failed id=%d", number)
    get_logger("test").warning("torn")
for number in range(8):
    get_logger("test").warning("torn")
"""


def test_what_was_held_back_is_told_when_the_program_ends() -> None:
    """Though nothing was closed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    assert 10 == lines.count("WARNING telefast.test torn")
    assert [
        "WARNING program 2 more like: failed id=%d",
        "WARNING telefast.test 1 more like: torn",
    ] == sorted(line for line in lines if "more like" in line)
