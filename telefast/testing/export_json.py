r"""Read `result.json` as Telegram Desktop writes it, which is not always JSON.

Control characters in texts are written as `\xHH`, an escape that JSON does not have; the reader
accepts it. A syntax error names the line and the column in the file.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from telefast.errors import WorldError

__all__ = ["locate_export", "parse_json", "read_export"]

_HEX_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\x([0-9A-Fa-f]{2})")
"""`\\xHH` after an even run of backslashes: an odd one makes it an escaped backslash and an x."""
_GROWTH = len(r"\u0000") - len(r"\x00")
_HTML_NAMES = ("messages.html", "export_results.html")


def locate_export(path: Path) -> Path:
    """Return the JSON file that *path* means: itself, or `result.json` in the folder *path*.

    Raises:
        WorldError: If there is no such file, or if it is an export as HTML.
    """
    try:
        if path.is_dir():
            return _in_folder(path)
        if not path.exists():
            raise WorldError(
                f"{path}: no such file; give the result.json of a Telegram Desktop export, "
                "or its folder"
            )
        if not path.is_file():
            raise WorldError(f"{path}: not a regular file; give the result.json of an export")
    except (OSError, ValueError) as exc:
        if isinstance(exc, WorldError):
            raise
        raise WorldError(f"{str(path)!r}: cannot be opened ({exc})") from exc
    if path.suffix.lower() in {".html", ".htm"}:
        raise WorldError(_html_hint(path))
    return path


def read_export(path: Path) -> object:
    """Read and parse the JSON file *path*.

    Memory: the text of the file and the parsed objects are held at the same time, about six times
    the size of the file.

    Raises:
        WorldError: If the file cannot be read, is not UTF-8 or is not JSON; with line and column.
    """
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise WorldError(f"{path}: cannot be read ({exc.strerror or exc})") from exc
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        column = exc.start - raw.rfind(b"\n", 0, exc.start)
        raise WorldError(
            f"{path}: line {line} column {column}: not UTF-8; is this the file that "
            "Telegram Desktop wrote?"
        ) from exc
    del raw
    return parse_json(text, str(path))


def parse_json(text: str, source: str) -> object:
    r"""Parse JSON in which `\xHH` stands for a control character.

    Args:
        text: The text to parse.
        source: What to call it in an error message.

    Raises:
        WorldError: If it is not JSON; with line and column of *text* as given.

    Example:
        >>> parse_json(r'["\x07 and \\x07"]', "example")
        ['\x07 and \\x07']
    """
    repaired = text
    if "\\x" in text:
        repaired = _HEX_ESCAPE.sub(r"\1\\u00\2", text)
    try:
        return json.loads(repaired)
    except json.JSONDecodeError as exc:
        position = exc.pos if repaired is text else _original_position(text, exc.pos)
        line = text.count("\n", 0, position) + 1
        column = position - text.rfind("\n", 0, position)
        raise WorldError(f"{source}: line {line} column {column}: {exc.msg}") from exc
    except RecursionError as exc:
        raise WorldError(f"{source}: nested too deeply for an export") from exc
    except ValueError as exc:
        raise WorldError(f"{source}: not an export ({exc})") from exc


def _in_folder(folder: Path) -> Path:
    inside = folder / "result.json"
    if inside.is_file():
        return inside
    if any((folder / name).is_file() for name in _HTML_NAMES):
        raise WorldError(_html_hint(folder))
    raise WorldError(f"{folder}: no result.json in this folder; give the folder of an export")


def _html_hint(path: Path) -> str:
    return (
        f"{path}: this is an export as HTML; export again in Telegram Desktop and choose "
        '"Machine-readable JSON"'
    )


def _original_position(text: str, position: int) -> int:
    """Return where *position* of the repaired text lies in *text*."""
    grown = 0
    for match in _HEX_ESCAPE.finditer(text):
        if match.end() + grown >= position:
            break
        grown += _GROWTH
    return min(position - grown, len(text))
