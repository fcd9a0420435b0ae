"""Reactions as rows of a table, and the rows as text that no program takes for more.

A row without a reactor tells how often a reaction was given to a message. The rows behind it tell
who gave it, if that was collected: each counts 1, or the stars that were paid. Where they do not
add up to the first, the list is not complete.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, fields
from datetime import datetime

from telefast.reactions.people import ReactorList
from telefast.reactions.summary import ReactionSummary

__all__ = ["COLUMNS", "ReactionRow", "csv_line", "harmless", "json_object", "rows_of"]

ANONYMOUS = "anonymous"
"""Stands where an id would, for who paid stars without a name."""

_RISKY = tuple("=+-@\t\r\n'＝＋－＠")
"""How a cell begins that a spreadsheet may run (https://owasp.org/www-community/attacks/CSV_Injection);
the apostrophe so that taking one away again gives back what was there."""


@dataclass(frozen=True, slots=True)
class ReactionRow:
    """A row of a side-file, and its columns in order.

    Attributes:
        chat_id: Marked id of the chat.
        msg_id: Id of the message.
        reaction_kind: As in `telefast.ReactionItem`.
        reaction_key: Likewise.
        count: How often the reaction was given, or paid; of a reactor, 1 or the stars paid.
        reactor_id: None in the row of the reaction itself; else who gave it, redacted as the
            collector was told, `anonymous` for who paid without a name.
        date: When, as ISO 8601 with the offset from UTC; None where nobody tells.
    """

    chat_id: int
    msg_id: int
    reaction_kind: str
    reaction_key: str
    count: int
    reactor_id: int | str | None = None
    date: str | None = None


COLUMNS = tuple(each.name for each in fields(ReactionRow))


def rows_of(
    chat_id: int, msg_id: int, summary: ReactionSummary, reactors: ReactorList | None
) -> list[ReactionRow]:
    """Return the rows of a message: each reaction, and behind it those who gave it.

    Reactions that a list tells of, but the message did not yet, come last and count 0.
    """
    people: dict[tuple[str, str], list[ReactionRow]] = {}
    for each in reactors.items if reactors else ():
        who = ANONYMOUS if each.peer is None else each.peer
        row = ReactionRow(chat_id, msg_id, each.kind, each.key, each.count, who, _iso(each.date))
        people.setdefault((each.kind, each.key), []).append(row)
    rows: list[ReactionRow] = []
    for item in summary.items:
        rows.append(ReactionRow(chat_id, msg_id, item.kind, item.key, item.count))
        rows += people.pop((item.kind, item.key), ())
    for (kind, key), more in people.items():
        rows += [ReactionRow(chat_id, msg_id, kind, key, 0), *more]
    return rows


def _iso(date: datetime | None) -> str | None:
    return None if date is None else date.isoformat()


def harmless(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    One that begins as a formula gets an apostrophe before it, which spreadsheets read as "this is
    text". A program that reads the file takes one leading apostrophe away again.
    """
    return f"'{text}" if text.startswith(_RISKY) else text


def csv_line(row: ReactionRow | None) -> str:
    r"""Return a line of CSV (RFC 4180), its end included: a row, or for None the names of columns.

    Text is made `harmless`. Numbers stay as they are, also below 0: they are no formula.

    Example:
        >>> csv_line(ReactionRow(-1001, 7, "emoji", "=1+1", 2))
        "-1001,7,emoji,'=1+1,2,,\r\n"
    """
    cells = COLUMNS if row is None else astuple(row)
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(value: int | str | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    text = harmless(value)
    if any(char in text for char in '",\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def json_object(row: ReactionRow) -> str:
    """Return a row as a JSON object on one line."""
    return json.dumps(dict(zip(COLUMNS, astuple(row), strict=True)), ensure_ascii=False)
