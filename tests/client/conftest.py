"""Clocks for the tests of this folder."""

from __future__ import annotations

import pytest

from tests.client.clock import Clock, put_in_force


@pytest.fixture
def quick_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that jumps to the end of each pause and flood wait."""
    return put_in_force(Clock(is_automatic=True), monkeypatch)
