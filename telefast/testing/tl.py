"""The one place where worlds make, read and write TL objects of any layer, without types."""

from __future__ import annotations

import copy
from functools import cache
from inspect import signature
from typing import Any, TypeVar

from telethon.extensions.binaryreader import BinaryReader
from telethon.tl.tlobject import TLObject

__all__ = ["made_as_known", "read_object", "write_object"]

_T = TypeVar("_T", bound=TLObject)

_reader: Any = BinaryReader


@cache
def _fields(cls: Any) -> frozenset[str]:
    return frozenset(signature(cls).parameters)


def made_as_known(cls: type[_T], **fields: Any) -> _T:
    """Make an object without those fields that the installed Telethon does not know yet."""
    made: Any = cls
    known = _fields(made)
    return cls(**{name: value for name, value in fields.items() if name in known})


def read_object(data: bytes) -> Any:
    """Return the TL object that *data* begins with."""
    return _reader(data).tgread_object()


def write_object(node: TLObject) -> bytes:
    """Return the TL bytes of an object; half of a surrogate pair is written as if it were a sign.

    Such text is no UTF-8, and has been seen in answers of Telegram all the same.
    """
    try:
        return bytes(node)
    except UnicodeEncodeError:
        return bytes(_writable(node))


class _AnyText(str):
    """Text that `TLObject.serialize_bytes` can encode, whatever is in it."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Encode lone surrogates, too."""
        return super().encode(encoding, "surrogatepass")


def _writable(value: Any) -> Any:
    """Return a copy of an object in which all text can be encoded."""
    if isinstance(value, str):
        return _AnyText(value)
    if isinstance(value, list):
        return [_writable(item) for item in value]
    if not isinstance(value, TLObject):
        return value
    made = copy.copy(value)
    for name, field in vars(value).items():
        setattr(made, name, _writable(field))
    return made
