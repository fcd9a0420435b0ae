"""Collect all that a program could show of a run, and look for the secrets of its world in it."""

from __future__ import annotations

import asyncio
import base64
import logging
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback
from telethon.tl.tlobject import TLObject

import telefast

PACKAGE = str(Path(telefast.__file__).parent) + "/"
JUDGE = PACKAGE + "testing/"
"""The embedded server knows all, and is no part of what a program runs."""

_SAMPLES = 12
"""So often the locals of one function are looked at."""
_LEAST = 8
"""Characters that a form has at least."""
_LENGTH = 24
"""Characters or bytes at the beginning of a secret that are looked for."""


class Secrets:
    """What must not be shown, in all forms in which it could be.

    The beginning of a secret is looked for: one that was cut short gives away enough.
    """

    def __init__(self) -> None:
        self._forms: dict[str, dict[str, str]] = {}
        """By their first characters."""

    def _add(self, name: str, *forms: str) -> None:
        for form in forms:
            if len(form) >= _LEAST:
                self._forms.setdefault(form[:_LEAST], {})[form] = name

    def text(self, kind: str, value: str | None) -> None:
        """Add a text, also as escapes show it. One of fewer than eight characters says nothing."""
        if value and len(value) >= _LEAST:
            value = value[:_LENGTH]
            self._add(f"{kind} {value}", value, repr(value)[1:-1], ascii(value)[1:-1])
            self.data(kind, value.encode())

    def number(self, kind: str, value: int | None) -> None:
        """Add a number of 64 bits."""
        if value is not None and abs(value) >= 10**8:
            name = f"{kind} {value}"
            self._add(name, str(abs(value)), f"{abs(value):x}", f"{value % 2**64:x}")
            self.data(kind, (value % 2**64).to_bytes(8, "little"))

    def data(self, kind: str, value: bytes | None) -> None:
        """Add bytes, as hex, base64, escapes, a list and one number."""
        if not value or len(value) < _LEAST:
            return
        name = f"{kind} {value[:6].hex()}"
        if len(value) <= 256:
            numbers = (int.from_bytes(value, "little"), int.from_bytes(value, "big"))
            self._add(name, *map(str, numbers))
        value = value[:_LENGTH]
        self._add(name, value.hex(), value.hex().upper(), value.hex(" "), repr(value)[2:-1])
        self._add(name, str(list(value))[1:-1])
        if len(value) >= 12:
            value = value[: len(value) // 3 * 3]
            self._add(name, base64.b64encode(value).decode())
            self._add(name, base64.urlsafe_b64encode(value).decode())

    def of(self, node: Any) -> None:
        """Add all secrets in an object of Telethon's."""
        for each in _walk(node):
            self.number("access hash", getattr(each, "access_hash", None))
            self.data("file reference", getattr(each, "file_reference", None))
            self.text("phone", getattr(each, "phone", None))
            if isinstance(text := getattr(each, "message", None), str):
                self.text("message text", text)

    def found_in(self, text: str) -> list[str]:
        """Return which secrets a text shows."""
        found = set()
        for at in range(len(text) - _LEAST + 1):
            forms = self._forms.get(text[at : at + _LEAST])
            if forms is not None:
                found |= {name for form, name in forms.items() if text.startswith(form, at)}
        return sorted(found)


def _walk(node: Any) -> Iterator[Any]:
    if isinstance(node, list | tuple):
        for each in node:
            yield from _walk(each)
    elif isinstance(node, TLObject):
        yield node
        for each in vars(node).values():
            yield from _walk(each)


class Shown(logging.Handler):
    """All that was shown: log records, and what else is put in."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[tuple[str, str]] = []
        self.frames: Counter[tuple[str, str]] = Counter()

    def put(self, where: str, text: object) -> None:
        """Add something."""
        self.texts.append((where, str(text)))

    def emit(self, record: logging.LogRecord) -> None:
        """Add a record: its line, and all that a handler could write of it."""
        self.put(f"log {record.name}", record.getMessage())
        self.put(f"log record {record.name}", vars(record))

    def thing(self, thing: Any) -> None:
        """Add what `repr`, `str` and rich make of an object."""
        name = type(thing).__name__
        self.put(f"repr of {name}", repr(thing))
        if not isinstance(thing, TLObject):  # their `str` is Telethon's, which shows everything
            self.put(f"str of {name}", thing)
            self.put(f"rich repr of {name}", pretty_repr(thing))

    def error(self, error: BaseException) -> None:
        """Add an error with all that led to it, and the locals of telefast's frames."""
        for each in _chain(error):
            name = type(each).__name__
            self.put(f"error {name}", f"{each!r} {each} {each.args!r}")
            for key, value in vars(each).items():
                self.put(f"attribute {key} of {name}", repr(value))
            self.traceback(each.__traceback__)
        shown = traceback.TracebackException.from_exception(error)
        self.put(f"traceback of {type(error).__name__}", "".join(shown.format()))
        _only_ours(error)
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        self.put(f"traceback with locals of {type(error).__name__}", "".join(shown.format()))
        console = Console(width=200, file=None, record=True, quiet=False, no_color=True)
        with console.capture() as captured:
            told = Traceback.from_exception(
                type(error), error, error.__traceback__, show_locals=True,
                locals_max_length=10_000, locals_max_string=1_000_000, max_frames=10_000,
            )  # fmt: skip
            console.print(told)
        self.put(f"rich traceback of {type(error).__name__}", captured.get())

    def traceback(self, trace: TracebackType | None) -> None:
        """Add the locals of our frames in a traceback."""
        while trace is not None:
            self.frame(trace.tb_frame)
            trace = trace.tb_next

    def frame(self, frame: FrameType) -> None:
        """Add the locals of a frame, if it is ours."""
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE) or code.co_filename.startswith(JUDGE):
            return
        file = code.co_filename.removeprefix(PACKAGE)
        self.frames[file, code.co_qualname] += 1
        if self.frames[file, code.co_qualname] > _SAMPLES:
            return
        for name, value in dict(frame.f_locals).items():
            if name.startswith("__"):
                continue
            where = f"local {name} of {code.co_qualname} in {file}"
            try:
                self.put(where, repr(value))
                self.put(f"{where}, as rich has it", pretty_repr(value))
            except RuntimeError:  # a container that changed meanwhile
                continue

    def stacks(self) -> None:
        """Add the locals of all that waits now: what a crash at any of these places would show."""
        for task in asyncio.all_tasks():
            awaited: Any = task.get_coro()
            while awaited is not None:
                for kind in ("cr", "ag", "gi"):
                    frame = getattr(awaited, f"{kind}_frame", None)
                    if frame is not None:
                        self.frame(frame)
                found = [getattr(awaited, f"{kind}_await", None) for kind in ("cr", "ag")]
                awaited = next((each for each in found if each is not None), None)
        frame = sys._getframe(1)  # the caller and those who called it
        while frame is not None:  # type: ignore[redundant-expr]
            self.frame(frame)
            frame = frame.f_back  # type: ignore[assignment]

    def leaks(self, secrets: Secrets) -> dict[str, list[str]]:
        """Return which places show which secrets."""
        found: dict[str, set[str]] = {}
        for where, text in dict.fromkeys(self.texts):
            for name in secrets.found_in(text):
                found.setdefault(where, set()).add(name)
        return {where: sorted(names)[:3] for where, names in sorted(found.items())}


def _chain(error: BaseException) -> Iterable[BaseException]:
    """Return an error, its causes and contexts, and those in groups."""
    seen: dict[int, BaseException] = {}
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is not None and id(each) not in seen:
            seen[id(each)] = each
            todo += [each.__cause__, each.__context__]
            todo += getattr(each, "exceptions", ())
    return seen.values()


def _only_ours(error: BaseException) -> None:
    """Cut the frames of others out of tracebacks: what they show is not ours to decide."""
    for each in _chain(error):
        kept = []
        trace = each.__traceback__
        while trace is not None:
            name = trace.tb_frame.f_code.co_filename
            if name.startswith(PACKAGE) and not name.startswith(JUDGE):
                kept.append(trace)
            trace = trace.tb_next
        for one, following in zip(kept, [*kept[1:], None], strict=True):
            one.tb_next = following
        each.__traceback__ = kept[0] if kept else None
