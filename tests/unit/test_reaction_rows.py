"""Reactions as rows of a table, and the rows as text."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from telefast.reactions.people import Reactor, ReactorList
from telefast.reactions.rows import (
    COLUMNS,
    ReactionRow,
    csv_line,
    harmless,
    json_object,
    rows_of,
)
from telefast.reactions.summary import ReactionItem, ReactionSummary

DATE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SUMMARY = ReactionSummary((ReactionItem("emoji", "👍", 2), ReactionItem("paid", "stars", 60)))

ROWS = st.builds(
    ReactionRow,
    st.integers(-(2**63), 2**63 - 1),
    st.integers(1, 2**31 - 1),
    st.sampled_from(["emoji", "custom", "paid", "unknown"]),
    st.text(),
    st.integers(0, 10**6),
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    st.none() | st.just(DATE.isoformat()),
)


def test_columns() -> None:
    """The names of the columns, in their order, are promised."""
    line = "chat_id,msg_id,reaction_kind,reaction_key,count,reactor_id,date\r\n"
    assert line == csv_line(None)
    assert tuple(line.strip().split(",")) == COLUMNS


def test_a_reaction_before_those_who_gave_it() -> None:
    """Each reaction has a row with its count, and one for each who gave it or paid."""
    reactors = ReactorList(
        (
            Reactor(7, "emoji", "🎉", DATE),
            Reactor(5, "emoji", "👍", DATE),
            Reactor(-1006, "emoji", "👍"),
            Reactor(None, "paid", "stars", count=50),
        )
    )
    told = "2026-01-02T03:04:05+00:00"
    assert rows_of(-1001, 3, SUMMARY, reactors) == [
        ReactionRow(-1001, 3, "emoji", "👍", 2),
        ReactionRow(-1001, 3, "emoji", "👍", 1, 5, told),
        ReactionRow(-1001, 3, "emoji", "👍", 1, -1006),
        ReactionRow(-1001, 3, "paid", "stars", 60),
        ReactionRow(-1001, 3, "paid", "stars", 50, "anonymous"),
        ReactionRow(-1001, 3, "emoji", "🎉", 0),  # given after the message was read
        ReactionRow(-1001, 3, "emoji", "🎉", 1, 7, told),
    ]


def test_without_reactors() -> None:
    """Where nobody asked who reacted, the counts alone."""
    rows = [ReactionRow(1, 3, "emoji", "👍", 2), ReactionRow(1, 3, "paid", "stars", 60)]
    assert rows == rows_of(1, 3, SUMMARY, None)
    assert [] == rows_of(1, 3, ReactionSummary(), ReactorList(complete=True))


@given(st.text())
def test_no_cell_is_a_formula(text: str) -> None:
    """No text begins as one; taking an apostrophe away gives back what was there."""
    cell = harmless(text)
    assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert text == cell.removeprefix("'")


@given(ROWS)
@example(ReactionRow(-1, 1, "emoji", '=a "b",\r\n', 1))
@example(ReactionRow(-1, 1, "emoji", "plain", 1))
def test_csv_is_read_back(row: ReactionRow) -> None:
    """One line to any reader of CSV; numbers as they are, below 0 as well."""
    text = csv_line(row)
    [cells] = csv.reader(io.StringIO(text, newline=""))
    told = dict(zip(COLUMNS, cells, strict=True))
    assert row.chat_id == int(told["chat_id"])
    assert row.count == int(told["count"])
    assert row.reaction_key == told["reaction_key"].removeprefix("'")
    who = told["reactor_id"]
    if isinstance(row.reactor_id, int):
        assert row.reactor_id == int(who)
    else:
        assert (row.reactor_id or "") == who.removeprefix("'")
    assert (row.date or "") == told["date"]


@given(ROWS)
def test_json_is_read_back(row: ReactionRow) -> None:
    """One line of JSON with the columns by name."""
    text = json_object(row)
    assert "\n" not in text
    assert row == ReactionRow(**json.loads(text))
