"""What the installed Telethon reads for each constructor: its fields, in the order of the wire.

Telethon's reading methods are generated, one statement for each field:

    flags = reader.read_int()            # a word of flags
    _pinned = bool(flags & 4)            # a flag that is all there is of a field
    if flags & 2:                        # a field that is there if a flag is
        _title = reader.tgread_string()
    else:
        _title = None
    reader.read_int()                    # a vector: its constructor, which nobody checks,
    _ids = []                            # its length, its items
    for _ in range(reader.read_int()):
        _x = reader.read_long()
        _ids.append(_x)

    return cls(pinned=_pinned, title=_title, ids=_ids)

They are the schema: what is read here is what Telethon itself would read, in every release. A
method with any other statement has no layout, and is left to Telethon's reader. Nothing is read
before a constructor is asked for: some 0.2 ms each, 2,500 of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from types import FunctionType
from typing import Any, Final, Literal

from telethon.tl.alltlobjects import tlobjects

from telefast.transport.sources import source_of

__all__ = ["SIZES", "Field", "Kind", "Layout", "definition", "layout_of"]

Kind = Literal[
    "flags",  # a word of flags, no argument of the object
    "true",  # nothing on the wire: whether its flag is set
    "int",
    "uint",
    "long",
    "double",
    "int128",
    "int256",
    "string",
    "bytes",
    "bool",
    "date",
    "object",
]

SIZES: Final[dict[Kind, int]] = {
    "flags": 4,
    "true": 0,
    "int": 4,
    "uint": 4,
    "long": 8,
    "double": 8,
    "int128": 16,
    "int256": 32,
    "bool": 4,
    "date": 4,
}
"""Bytes of a field on the wire; the others have no fixed size."""

_CALLS: Final[dict[str, Kind]] = {
    "read_int()": "int",
    "read_int(signed=False)": "uint",
    "read_long()": "long",
    "read_double()": "double",
    "read_large_int(bits=128)": "int128",
    "read_large_int(bits=256)": "int256",
    "tgread_string()": "string",
    "tgread_bytes()": "bytes",
    "tgread_bool()": "bool",
    "tgread_date()": "date",
    "tgread_object()": "object",
}

_ITEMS: Final = ("int", "long", "string", "bytes", "object")
"""What vectors hold, in all releases so far."""

_HEAD = "@classmethod\ndef from_reader(cls, reader):\n"
_READ = r"(\w+) = reader\.(\w+\([\w=]*\))\n"
_VECTOR = (
    r"{0}reader\.read_int\(\)\n"
    r"{0}(\w+) = \[\]\n"
    r"{0}for _ in range\(reader\.read_int\(\)\):\n"
    r"{0}    _x = reader\.(\w+\([\w=]*\))\n"
    r"{0}    (\w+)\.append\(_x\)\n"
)
_STATEMENT: Final = re.compile(
    r"    (?P<word>flags\d*) = reader\.read_int\(\)\n"
    r"|    (?P<true>\w+) = bool\((?P<of>\w+) & (?P<bit>\d+)\)\n"
    r"|    if (?P<on>\w+) & (?P<mask>\d+):\n"
    rf"(?:        {_READ}|{_VECTOR.format('        ')})"
    r"    else:\n"
    r"        (\w+) = None\n"
    rf"|    {_READ}"
    rf"|{_VECTOR.format('    ')}"
)
_RETURN: Final = re.compile(r"    return cls\((.*)\)\n?")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a constructor.

    Attributes:
        name: The argument of the object's `__init__` that takes it; of a word of flags, its own.
        kind: What it is on the wire; of a vector, what its items are.
        is_vector: Whether it is a vector: a constructor that is not looked at, the number of items
            (none if negative), the items.
        word: Which word of flags says whether it is there; "" if it always is.
        mask: Which flag in that word. One word may stand behind fields that other words rule.
    """

    name: str
    kind: Kind
    is_vector: bool = False
    word: str = ""
    mask: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """What follows a constructor's number on the wire.

    Attributes:
        constructor: That number.
        cls: Telethon's class, as its reader would make it.
        fields: Words of flags and fields, in the order of the wire.
        words: Names of the words of flags, in that order.
        leading: How many of these come before all else: all of them, but for three constructors.
    """

    constructor: int
    cls: Any
    fields: tuple[Field, ...]
    words: tuple[str, ...]
    leading: int


@lru_cache(maxsize=4096)  # all that there are; anybody can make up others
def layout_of(constructor: int) -> Layout | None:
    """Return what follows a constructor's number on the wire.

    Returns:
        None if Telethon does not know it, or reads it in a way that is not understood, or if
        Telethon's sources are not there, as in a frozen application.
    """
    cls = tlobjects.get(constructor)
    method = definition(cls, "from_reader")
    source = source_of(method) if method is not None else None
    if source is None or not source.startswith(_HEAD):
        return None
    fields = _fields(source[len(_HEAD) :])
    if fields is None:
        return None
    words = tuple(field.name for field in fields if field.kind == "flags")
    head = takewhile(lambda field: field.kind in ("flags", "true"), fields)
    leading = sum(field.kind == "flags" for field in head)
    return Layout(constructor, cls, fields, words, leading)


def definition(cls: Any, name: str) -> FunctionType | None:
    """Return the function of that name which a class has or inherits, None if it is none."""
    for each in getattr(cls, "__mro__", ()):
        if name in each.__dict__:
            found = each.__dict__[name]
            found = getattr(found, "__func__", found)
            return found if isinstance(found, FunctionType) else None
    return None


def _fields(body: str) -> tuple[Field, ...] | None:
    """Return the fields that the body of a reading method reads, None if it does anything else."""
    body = re.sub(r"\n\n+", "\n", body).removeprefix("\n")
    fields: list[Field] = []
    place = 0
    while found := _STATEMENT.match(body, place):
        field = _field(found)
        if field is None or (field.word and not _is_known(field.word, fields)):
            return None
        fields.append(field)
        place = found.end()
    end = _RETURN.fullmatch(body, place)
    names = [field.name for field in fields if field.kind != "flags"]
    wanted = ", ".join(f"{name}=_{name}" for name in names)
    if end is None or len(set(names)) != len(names):
        return None
    return tuple(fields) if _same_arguments(end[1], wanted) else None


def _field(found: re.Match[str]) -> Field | None:
    """Return the field that a statement reads; None if its parts do not belong together."""
    if found["word"]:
        return Field(found["word"], "flags")
    if found["true"]:
        return Field(found["true"][1:], "true", word=found["of"], mask=int(found["bit"]))
    # (name, call) of a plain field, (name, call, name again) of a vector; with "else", its name.
    groups = [each for each in found.groups()[3:] if each is not None]
    word, mask = "", 0
    if found["on"]:
        word, mask = groups[0], int(groups[1])
        groups = groups[2:]
        if groups.pop() != groups[0]:
            return None
    name, call = groups[0], groups[1]
    kind = _CALLS.get(call)
    if groups[2:] and kind not in _ITEMS:
        return None
    if kind is None or not name.startswith("_") or groups[2:] not in ([], [name]):
        return None
    return Field(name[1:], kind, groups[2:] == [name], word, mask)


def _is_known(word: str, fields: list[Field]) -> bool:
    return any(field.kind == "flags" and field.name == word for field in fields)


def _same_arguments(found: str, wanted: str) -> bool:
    return sorted(found.split(", ")) == sorted(wanted.split(", "))
