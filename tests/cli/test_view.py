"""What is shown, on terminals and elsewhere."""

from __future__ import annotations

import io

import pytest

pytest.importorskip("rich")
from rich.console import Console

from telefast.cli import view as view_module
from telefast.cli.view import View

ROWS = [("messages", ["20,000", "1,000"]), ("seconds", ["1.30", "13.69"])]
HEADS = ["telefast,\n16 in flight", "stock,\ndefault"]


def _view(*, width: int, terminal: bool = False) -> tuple[View, io.StringIO]:
    shown = io.StringIO()
    console = Console(
        file=shown, width=width, force_terminal=terminal, markup=False, highlight=False
    )
    return View(console), shown


def test_table_where_there_is_room() -> None:
    """Each measure is a line with the values of all contenders."""
    view, shown = _view(width=80)
    view.table("A chat", HEADS, ROWS)
    lines = [line.split() for line in shown.getvalue().splitlines()]
    assert ["A", "chat"] == lines[0]
    assert ["messages", "20,000", "1,000"] in lines
    assert ["seconds", "1.30", "13.69"] in lines


def test_table_in_a_narrow_terminal() -> None:
    """Where the table does not fit, each contender has a list, and no number is cut."""
    view, shown = _view(width=30)
    view.table("A chat", HEADS, ROWS)
    assert [
        "A chat",
        "telefast, 16 in flight",
        "  messages: 20,000",
        "  seconds: 1.30",
        "stock, default",
        "  messages: 1,000",
        "  seconds: 13.69",
    ] == shown.getvalue().splitlines()


def test_table_of_long_rows_in_a_narrow_terminal() -> None:
    """A table whose rows say more than its columns falls into a list for each row."""
    view, shown = _view(width=30)
    view.table("A chat", HEADS, ROWS, has_long_rows=True)
    assert "messages\n  telefast, 16 in flight: 20,000\n" in shown.getvalue()


def test_progress_on_a_terminal() -> None:
    """A live bar shows count, rate and the time that is left."""
    view, shown = _view(width=100, terminal=True)
    with view.progress("telefast", 400) as progress:
        for count in range(0, 401, 100):
            progress(count)
    assert "400/400" in shown.getvalue()
    assert "/s" in shown.getvalue()
    assert "0:00" in shown.getvalue()


def test_progress_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain lines with count, rate and the time that is left, and not one for each report."""
    now = 100.0
    monkeypatch.setattr(view_module.time, "monotonic", lambda: now)
    view, shown = _view(width=80)
    with view.progress("telefast", 1_500) as progress:
        for count in range(0, 1_501, 100):
            progress(count)
            now += 0.5
    assert [
        "  telefast: 400 of 1,500 messages, 200/s, 6 s left",
        "  telefast: 800 of 1,500 messages, 200/s, 4 s left",
        "  telefast: 1,200 of 1,500 messages, 200/s, 2 s left",
    ] == shown.getvalue().splitlines()


def test_text_is_no_markup() -> None:
    """What a chat is called cannot colour the terminal, and a long line stays one in a file."""
    view, shown = _view(width=20)
    view.say("[red]Club[/red] and a line longer than twenty columns")
    assert "[red]Club[/red] and a line longer than twenty columns\n" == shown.getvalue()
