"""Rules of flood limits that no source verifies: both sides of each are to be had."""

from __future__ import annotations

from typing import Any

import pytest

from telefast.testing import Budget, TokenBucket
from telefast.testing.flood_model import Asked, FloodModel

HISTORY = Asked("messages.getHistory")
ONE = TokenBucket(burst=1, rate=0.1)
NOW = 1_700_000_000.0


def is_refused(model: FloodModel, asked: Asked, now: float = NOW) -> bool:
    """Return whether a request has to wait."""
    return model.judge(asked, now) is not None


@pytest.mark.parametrize(
    ("budgets", "shared"),
    [
        pytest.param(
            [("history+by-ids", "account")],
            "connection search by-ids",
            marks=[
                pytest.mark.rule("flood.per-account", side="account"),
                pytest.mark.rule("flood.per-family", side="family"),
                pytest.mark.rule("flood.by-ids-apart", side="together"),
            ],
        ),
        pytest.param(
            [("history", "account"), ("by-ids", "account")],
            "connection search",
            marks=pytest.mark.rule("flood.by-ids-apart", side="apart"),
        ),
        pytest.param(
            [("messages.getHistory", "account"), ("messages.search", "account")],
            "connection",
            marks=pytest.mark.rule("flood.per-family", side="method"),
        ),
        pytest.param(
            [("history", "connection")],
            "search",
            marks=pytest.mark.rule("flood.per-account", side="connection"),
        ),
    ],
)
def test_who_shares_a_budget(budgets: list[tuple[str, Any]], shared: str) -> None:
    """After a page of history exactly those who share its budget have to wait."""
    scopes = {"account": ("account",), "connection": ("account", "connection")}
    model = FloodModel(Budget(family=name, limit=ONE, per=scopes[per]) for name, per in budgets)
    others = {
        "connection": HISTORY._replace(connection=2),
        "account": HISTORY._replace(account=1),
        "search": HISTORY._replace(method="messages.search"),
        "by-ids": HISTORY._replace(method="channels.getMessages"),
    }
    assert not is_refused(model, HISTORY)
    assert is_refused(model, HISTORY)
    assert shared == " ".join(name for name, each in others.items() if is_refused(model, each))


@pytest.mark.parametrize(
    ("fine", "refused"),
    [
        pytest.param(0, False, marks=pytest.mark.rule("flood.refused-is-free", side="free")),
        pytest.param(1, True, marks=pytest.mark.rule("flood.refused-is-free", side="costs")),
    ],
)
def test_what_a_refused_request_costs(fine: float, refused: bool) -> None:
    """After ten seconds a second page may be had, unless asking too early cost something."""
    model = FloodModel([Budget(family="history", limit=ONE, fine=fine)])
    assert not is_refused(model, HISTORY)
    assert is_refused(model, HISTORY, NOW + 5)
    assert refused is is_refused(model, HISTORY, NOW + 10)
