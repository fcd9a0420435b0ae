"""Hypothesis profiles: how much each property test tries.

`dev` is quick and different every time, `ci` is the same every time (`make test`), `long` has the
full numbers (`make test-long`). A costly test takes a share of the profile's count, as
`settings(max_examples=settings.default.max_examples // 10)`.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from telefast import Metrics, limit_logs
from telefast.logs import flush

# No deadlines: no test asserts wall time. Slow data generation is judged by the suite's own limit.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("dev", max_examples=50, **_COMMON)
settings.register_profile("ci", max_examples=300, derandomize=True, print_blob=True, **_COMMON)
settings.register_profile("long", max_examples=10_000, print_blob=True, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# What telefast remembers of an account's limits is never kept in the home of whoever runs the
# tests, nor in that of a program that a test starts.
_STATE = tempfile.TemporaryDirectory(prefix="telefast-state-")
os.environ["XDG_STATE_HOME"] = os.environ["LOCALAPPDATA"] = _STATE.name


@pytest.fixture(autouse=True)
def _fresh_logs() -> Iterator[None]:
    """Let no test have the log records of another one held against it, or see more than it asked.

    Snippets of the guide are programs, and may set levels for the whole process.
    """
    limit_logs()
    flush(Metrics())
    loggers = [logging.getLogger(), logging.getLogger("telefast")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)
