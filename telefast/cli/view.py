"""What the commands show: progress while a contender runs, then one table.

On a terminal the progress is a live bar; elsewhere it is plain lines, few of them, and nothing has
colour. Text from chats and files is never read as markup.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.progress import Task

__all__ = ["Rows", "View", "size_text"]

LINE_EVERY: Final = 2.0
"""Seconds between two lines of progress where there is no terminal."""

FILE_WIDTH: Final = 110
"""Columns of a table in a file or a pipe, which have no width."""

Rows = list[tuple[str, list[str]]]
"""A table: the name of each row, and its values."""


class View:
    """The terminal, or whatever standard output is.

    Args:
        console: Where to print; by default standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        if console is None:
            for stream in (sys.stdout, sys.stderr):
                # A title may hold what the terminal's encoding does not have.
                if hasattr(stream, "reconfigure"):
                    stream.reconfigure(errors="backslashreplace")
            console = Console(highlight=False, markup=False, emoji=False)
            if not console.is_terminal and "COLUMNS" not in os.environ:
                console.width = FILE_WIDTH
        self.console = console

    def say(self, text: str = "", *, style: str = "") -> None:
        """Print one line of text, wrapped where the terminal ends."""
        # Where there is no terminal, a line is a line.
        self.console.print(Text(text, style=style), soft_wrap=not self.console.is_terminal)

    def error(self, text: str) -> None:
        """Print what went wrong on standard error."""
        sys.stdout.flush()
        sys.stderr.write(f"error: {text}\n")

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show how far something is; yields a function to call with the count so far.

        Args:
            label: What runs.
            total: The count at the end.
        """
        if not self.console.is_terminal:
            yield self._lines(label, total)
            return
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(compact=True),
            console=self.console,
            expand=True,
            refresh_per_second=8,
        )
        with bar:
            task = bar.add_task(label, total=total)
            yield lambda count: bar.update(task, completed=count)

    def _lines(self, label: str, total: int) -> Callable[[int], None]:
        start = last = time.monotonic()

        def line(count: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < LINE_EVERY or count >= total:
                return
            last = now
            rate = count / (now - start)
            left = f", {(total - count) / rate:.0f} s left" if rate else ""
            self.say(f"  {label}: {count:,} of {total:,} messages, {rate:,.0f}/s{left}")

        return line

    def table(
        self, title: str, heads: Sequence[str], rows: Rows, *, has_long_rows: bool = False
    ) -> None:
        """Print a table; where it does not fit, a list for each column instead.

        Args:
            title: What stands above it.
            heads: The columns, but for that of the rows' names.
            rows: The rows.
            has_long_rows: Whether a list for each row says more than one for each column.
        """
        table = Table(
            title=title,
            title_justify="left",
            title_style="bold",
            box=SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
        )
        table.add_column("", no_wrap=True)
        for head in heads:
            table.add_column(Text(head), justify="right", no_wrap=True)
        for name, values in rows:
            table.add_row(Text(name), *map(Text, values))
        unbounded = self.console.options.update(max_width=10_000)
        needed = Measurement.get(self.console, unbounded, table).maximum
        if needed <= self.console.width:
            self.console.print(table)
            return
        if not has_long_rows:
            columns = zip(*(values for _, values in rows), strict=True)
            heads, rows = (
                [name for name, _ in rows],
                [(head, list(values)) for head, values in zip(heads, columns, strict=True)],
            )
        self.say(title, style="bold")
        for name, values in rows:
            self.say(name.replace("\n", " "), style="bold")
            for head, value in zip(heads, values, strict=True):
                self.say(f"  {head.replace(chr(10), ' ')}: {value}")


class _Rate(TextColumn):
    """Messages per second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """Return the rate so far."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


def size_text(size: int | None) -> str:
    """Return a number of bytes as tables show it; None is one that cannot be told."""
    if size is None:
        return "-"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
